//! An output folder: opened, with its lock read, and written as a whole.
//!
//! In: a folder and a [`FileSet`]. Out: the files on the disk, and a [`RenderedFolder`], which
//! takes changes of single files from then on. Files that a person has changed or put there are
//! findings, unless [`Edits`] says to overwrite them; with a finding nothing is written.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::compare;
use super::disk::Disk;
use super::guard::Guard;
use super::lock::{self, Hash, ProblemKind};
use super::pending::Pending;
use super::rendered_folder::{Kept, RenderedFolder};
use super::write::{self, write_plan};
use super::{Edits, Error, File, FileSet, git_attributes, io_error, kustomization, stale};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::source::Sources;
use crate::tree::{SourceId, Span};

/// What writing a folder did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// Files made or changed, with those of the folder as a whole: index, lock, `.gitattributes`.
    pub written: usize,
    /// Files that held these bytes already.
    pub unchanged: usize,
    /// Files of earlier runs that were removed.
    pub removed: usize,
    /// Files named like rendered objects that the lock does not list and this run does not have,
    /// below the folder, with forward slashes. They are left alone: nobody knows whose they are.
    pub stale: Vec<String>,
}

/// An output folder with its lock. Nobody else writes to it as long as this is there.
pub struct Folder {
    pub(super) root: PathBuf,
    pub(super) owned: Owned,
    /// The lock as it is on the disk.
    pub(super) lock: Option<String>,
    pending: Pending,
    disk: Disk,
    _guard: Option<Guard>,
}

/// The hashes that ompipe has given a file, or was about to.
pub(super) type Owned = BTreeMap<String, Vec<Hash>>;

impl Folder {
    /// Opens a folder to write to it; it is made when it is not there. `inputs` are the project's
    /// folder and every file that was read: a folder that is one of them or holds one is refused.
    /// `None` when something is wrong with its lock, which is then among the findings.
    pub fn open(
        root: &Path,
        inputs: &[&Path],
        edits: Edits,
        sources: &mut Sources,
        found: &mut Diagnostics,
    ) -> Result<Option<Self>, Error> {
        Self::open_on(Disk::default(), root, inputs, edits, sources, found)
    }

    pub(super) fn open_on(
        disk: Disk,
        root: &Path,
        inputs: &[&Path],
        edits: Edits,
        sources: &mut Sources,
        found: &mut Diagnostics,
    ) -> Result<Option<Self>, Error> {
        // Without a slash at its end, after which a link would be followed.
        let root: PathBuf = root.components().collect();
        super::inputs::refuse(&root, inputs)?;
        if is_link(&root, "folder", found) {
            return Ok(None);
        }
        write::make_root(&disk, &root)?;
        let guard = Guard::take(&root)?;
        let folder = Self::read(disk, root, edits, sources, found)?;
        Ok(folder.map(|folder| Self { _guard: Some(guard), ..folder }))
    }

    /// Opens a folder to compare with it.
    pub(super) fn open_to_read(
        root: PathBuf,
        sources: &mut Sources,
        found: &mut Diagnostics,
    ) -> Result<Option<Self>, Error> {
        if is_link(&root, "folder", found) {
            return Ok(None);
        }
        Self::read(Disk::default(), root, Edits::Refuse, sources, found)
    }

    fn read(
        disk: Disk,
        root: PathBuf,
        edits: Edits,
        sources: &mut Sources,
        found: &mut Diagnostics,
    ) -> Result<Option<Self>, Error> {
        let path = root.join(lock::NAME);
        if is_link(&path, "file", found) {
            return Ok(None);
        }
        let text = match fs::read(&path) {
            // No line of a lock is lost by this, and one that is damaged is found so.
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_error("read", &path)(error)),
        };
        let mut owned = Owned::new();
        let mut own = |path: String, hash: Hash| owned.entry(path).or_default().push(hash);
        if let Some(text) = &text
            && let Err(problem) = lock::read(text, &mut own)
        {
            let refused = edits == Edits::Refuse || problem.kind == ProblemKind::Newer;
            if refused {
                let source = sources.add(path.display().to_string(), text.clone());
                found.push(unreadable(&problem, &root, source));
                return Ok(None);
            }
            lock::read_whole_lines(text, &mut own);
        }
        let pending = Pending::find(&root)?;
        pending.intended(&mut own)?;
        Ok(Some(Self { root, owned, lock: text, pending, disk, _guard: None }))
    }

    /// Makes the folder hold these files, what lists them, and none of earlier runs. `None` when a
    /// person has changed files that this would overwrite, which are then among the findings; then
    /// nothing is written.
    pub fn write(
        self,
        files: &FileSet,
        edits: Edits,
        found: &mut Diagnostics,
    ) -> Result<Option<(RenderedFolder, Written)>, Error> {
        let of_folder = files.of_folder();
        let all: Vec<(&File, Hash)> = files
            .files()
            .par_iter()
            .chain(of_folder.par_iter())
            .map(|file| (file, Sha256::digest(&file.text).into()))
            .collect();
        let kept: BTreeMap<String, Kept> =
            all.iter().map(|(file, hash)| (file.path.clone(), Kept::new(file, *hash))).collect();
        let lock = lock::text(kept.values().map(|kept| kept.line.as_str()));

        let Self { root, owned, lock: former_lock, mut pending, disk, _guard } = self;
        let stale = owned.keys().map(String::as_str);
        let stale: Vec<&str> = stale.filter(|path| !kept.contains_key(*path)).collect();
        let known = |path: &str| owned.get(path).cloned().unwrap_or_default();
        let mut own_found = Diagnostics::default();
        let plan = compare::plan(&root, &all, &stale, known, edits, &mut own_found)?;
        let refused = own_found.has_errors();
        found.append(own_found);
        if refused {
            return Ok(None);
        }

        let lock_differs = former_lock.as_deref() != Some(lock.as_str());
        if plan.writes.is_empty() && plan.removals.is_empty() && !lock_differs {
            // What a write that was killed near its end has left.
            write::remove_empty_folders(&disk, &root, &stale);
            pending.clear(&disk)?;
        } else {
            write_plan(&disk, &root, &mut pending, &plan, &stale, &lock)?;
        }
        let is_known = |path: &str| kept.contains_key(path) || owned.contains_key(path);
        let written = Written {
            written: plan.writes.len() + usize::from(lock_differs),
            unchanged: plan.unchanged + usize::from(!lock_differs),
            removed: plan.removals.len(),
            stale: stale::find(&root, is_known)?,
        };
        Ok(Some((RenderedFolder::new(root, kept, disk)?, written)))
    }
}

impl FileSet {
    /// The files that belong to the folder as a whole, but for the lock.
    pub(super) fn of_folder(&self) -> Vec<File> {
        let [index, attributes] = of_folder(self.files().iter().map(|file| file.path.as_str()));
        // A chart has an index of its own.
        let index = Some(index).filter(|_| !self.is_chart());
        index.into_iter().chain([attributes]).collect()
    }
}

/// The files that belong to a folder as a whole, but for the lock, which has the hashes of these.
pub(super) fn of_folder<'p>(in_order: impl IntoIterator<Item = &'p str>) -> [File; 2] {
    [
        File::of_folder(kustomization::NAME, kustomization::text(in_order)),
        File::of_folder(git_attributes::NAME, git_attributes::TEXT.to_owned()),
    ]
}

/// Whether the folder itself or its lock is a link, which is found wrong: what is written would
/// take its place, or be written elsewhere.
fn is_link(path: &Path, what: &str, found: &mut Diagnostics) -> bool {
    let is_link = fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink());
    if is_link {
        let message = format!("the {what} {} is a symbolic link", path.display());
        found.push(
            Diagnostic::error(&code::OUTPUT_LINK, Span::NONE, message)
                .with_help("name the folder that it leads to, or remove the link"),
        );
    }
    is_link
}

fn unreadable(problem: &lock::Problem, root: &Path, source: SourceId) -> Diagnostic {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let span = Span { source, start: offset(problem.at.start), end: offset(problem.at.end) };
    let root = root.display();
    match problem.kind {
        ProblemKind::Newer => Diagnostic::error(
            &code::LOCK_NEWER,
            span,
            format!("a later version of ompipe has written to {root}"),
        )
        .with_label("this one does not know the format")
        .with_help("use that version, which the next line names"),
        ProblemKind::Conflict => Diagnostic::error(
            &code::LOCK_CONFLICT,
            span,
            "the lock holds the conflict markers of a merge",
        )
        .with_label("both sides stand here")
        .with_help(format!(
            "resolve the definitions first; then `ompipe render --force -o {root}` takes both \
             sides of the lock, and writes the folder anew"
        )),
        ProblemKind::Malformed(why) => {
            Diagnostic::error(&code::LOCK_MALFORMED, span, "the lock cannot be read")
                .with_label(why)
                .with_help(
                    "take it from Git again; or render with `--force`, which overwrites what is \
                     rendered and leaves all else",
                )
        }
    }
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
