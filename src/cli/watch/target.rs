//! What a compiled workspace does to the output folder.
//!
//! In: a workspace without errors. Out: changed files in the folder, or, without one, what would
//! change. The folder is opened and written whole at first, and again when anybody else has written
//! to it or something went wrong; from then on only what changed is touched.

use std::path::{Path, PathBuf};

use ompipe::compile::Object;
use ompipe::diagnostic::{Diagnostic, Diagnostics};
use ompipe::output::{Edits, FileSet, Folder, RenderedFolder, Update, Written};
use ompipe::source::Sources;
use ompipe::workspace::Changes;

use super::mirror::Mirror;
use crate::cli::error::Error;
use crate::cli::render::{failed_to_write, not_ours};

/// Where objects go.
pub(super) struct Target {
    path: Option<PathBuf>,
    /// The folder, as long as nothing has gone wrong with it.
    folder: Option<RenderedFolder>,
    /// Warnings about the folder, of when it was last written whole.
    stale: Vec<Diagnostic>,
}

/// What rendering came to.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// The objects' files that are new or others, below the output folder; all of them when
    /// `is_whole`.
    pub(super) changed: Vec<String>,
    /// Those that are no longer rendered.
    pub(super) removed: Vec<String>,
    /// Whether everything was rendered for the first time, or written anew.
    pub(super) is_whole: bool,
    /// How many files were written or removed, with those of the folder as a whole.
    pub(super) written: usize,
    /// What is wrong with the folder.
    pub(super) found: Diagnostics,
    /// What findings about its lock point into.
    pub(super) lock: Option<Sources>,
}

impl Target {
    pub(super) fn new(path: Option<&Path>) -> Self {
        Self { path: path.map(Path::to_owned), folder: None, stale: Vec::new() }
    }

    /// Writes what changed since the last time.
    pub(super) fn apply(&mut self, mirror: &mut Mirror<'_>) -> Result<Applied, Error> {
        let changes = mirror.workspace.changes();
        if let (Some(folder), Some(changes)) = (&mut self.folder, &changes) {
            let mut found = Diagnostics::default();
            let files = file_set(changes.written.clone(), mirror, &mut found);
            let update = folder.update(&files, &changes.removed, Edits::Refuse, &mut found);
            match update {
                Ok(Update::Written(written)) => {
                    self.stale.iter().for_each(|warning| found.push(warning.clone()));
                    return Ok(Applied::of(Some(changes), &written, found));
                }
                // The change is still to be made: with all others, next time.
                Ok(Update::Refused) => {
                    self.folder = None;
                    return Ok(Applied { found, ..Applied::default() });
                }
                // What failed may have to do with what was known of the folder. If not, it fails again.
                Ok(Update::Outdated) | Err(_) => self.folder = None,
            }
        }
        let Some(path) = self.path.clone() else {
            let mut found = Diagnostics::default();
            // Only the names are looked at.
            let objects = mirror.workspace.objects().into_iter();
            let objects = objects.map(|one| {
                let Object { file, order, span, text: _ } = one;
                Object { file: file.clone(), order: *order, span: *span, text: String::new() }
            });
            file_set(objects.collect(), mirror, &mut found);
            return Ok(Applied::of(changes.as_ref(), &Written::default(), found));
        };
        self.write_whole(&path, mirror)
    }

    fn write_whole(&mut self, path: &Path, mirror: &Mirror<'_>) -> Result<Applied, Error> {
        let mut found = Diagnostics::default();
        let objects = mirror.workspace.objects().into_iter().cloned().collect();
        let files = file_set(objects, mirror, &mut found);
        if found.has_errors() {
            return Ok(Applied { found, ..Applied::default() });
        }
        let inputs = mirror.root().into_iter().chain(mirror.files()).collect::<Vec<_>>();
        let mut lock = Sources::default();
        let opened = Folder::open(path, &inputs, Edits::Refuse, &mut lock, &mut found);
        let Some(folder) = opened.map_err(failed_to_write)? else {
            return Ok(Applied { found, lock: Some(lock), ..Applied::default() });
        };
        let written = folder.write(&files, Edits::Refuse, &mut found).map_err(failed_to_write)?;
        let Some((folder, written)) = written else {
            return Ok(Applied { found, ..Applied::default() });
        };
        self.folder = Some(folder);
        self.stale = written.stale.iter().map(|stale| not_ours(&path.join(stale))).collect();
        self.stale.iter().for_each(|warning| found.push(warning.clone()));
        Ok(Applied::of(None, &written, found))
    }
}

impl Applied {
    /// `changes` are `None` when everything was rendered.
    fn of(changes: Option<&Changes>, written: &Written, found: Diagnostics) -> Self {
        let mut changed: Vec<String> = Vec::new();
        for Object { file, .. } in changes.iter().flat_map(|changes| &changes.written) {
            // The objects of a file follow each other.
            if changed.last() != Some(file) {
                changed.push(file.clone());
            }
        }
        Self {
            changed,
            removed: changes.map(|changes| changes.removed.clone()).unwrap_or_default(),
            is_whole: changes.is_none(),
            written: written.written + written.removed,
            found,
            lock: None,
        }
    }
}

fn file_set(objects: Vec<Object>, mirror: &Mirror<'_>, found: &mut Diagnostics) -> FileSet {
    let objects = objects.into_iter().map(|one| (one.file, one.order, one.span, one.text));
    FileSet::new(objects, mirror.workspace.sources(), mirror.root(), found)
}
