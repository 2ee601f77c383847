//! Paths in, what they hold out.
//!
//! In: files and folders. Out: their documents, each filed by what it is. Folders are read to any
//! depth in the order of their names, without following symbolic links; in them only YAML, JSON and
//! Python files are looked at, and what cannot be imported is left out with a word. It writes
//! nothing.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::names::STANDARD_INPUT;
use super::origin::{Found, NotTaken, WORKFLOW_CONFIG, concerns_ingestion};
use super::report::Skipped;
use crate::diagnostic::Diagnostics;
use crate::project;
use crate::source::{MAX_FILE_BYTES, Sources, name_of};
use crate::yaml::{self, Dialect};

/// The deepest folder that is read; one beyond is a mistake, such as the root of a disk.
const MAX_DEPTH: usize = 32;

/// What the names of files end with that are looked at in a folder.
const ENDINGS: [&str; 4] = ["yaml", "yml", "json", PYTHON];
const PYTHON: &str = "py";

/// Why a path could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refuses.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not a text.
    #[error("{} is not UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Larger than any workflow.
    #[error("{} is larger than {} MiB", path.display(), MAX_FILE_BYTES >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Folders in folders without end.
    #[error("{} lies more than {MAX_DEPTH} folders deep", path.display())]
    TooDeep {
        /// The folder.
        path: PathBuf,
    },
    /// A file was named that cannot be imported.
    #[error("{} holds nothing to import: {reason}", path.display())]
    NothingIn {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// Nothing at all.
    #[error("failed to find a pipeline: {files} files were looked at, and none holds one")]
    Nothing {
        /// How many files were looked at.
        files: usize,
    },
}

/// Reads files and folders; `-` is standard input. A file that is named twice, or named and in a
/// folder, is read once.
pub fn read(
    paths: &[PathBuf],
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Found, ReadError> {
    let mut inputs = Found::default();
    let mut seen = HashSet::new();
    let mut is_new = |path: &Path| path.canonicalize().map_or(true, |path| seen.insert(path));
    for path in paths {
        if path.is_dir() {
            for file in files_under(path)? {
                if is_new(&file) {
                    read_file(&file, ComeBy::InFolder, sources, &mut inputs, found)?;
                }
            }
        } else if is_new(path) {
            read_file(path, ComeBy::Named, sources, &mut inputs, found)?;
        }
    }
    if inputs.is_empty() && !found.has_errors() {
        return Err(ReadError::Nothing { files: inputs.skipped.len() });
    }
    Ok(inputs)
}

/// How a file was come by. What a user named has to hold something to import; a folder may hold
/// anything beside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ComeBy {
    Named,
    InFolder,
}

/// The files under a folder that may hold something, in the order of their paths.
fn files_under(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let mut files = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        if depth > MAX_DEPTH {
            return Err(ReadError::TooDeep { path: folder });
        }
        let failed = |source| ReadError::Read { path: folder.clone(), source };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let path = entry.path();
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if kind.is_dir() && !hidden {
                folders.push((path, depth + 1));
            } else if kind.is_file()
                && path.extension().is_some_and(|end| ENDINGS.iter().any(|known| end == *known))
            {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read_file(
    path: &Path,
    how: ComeBy,
    sources: &mut Sources,
    inputs: &mut Found,
    found: &mut Diagnostics,
) -> Result<(), ReadError> {
    let name = name_of(path);
    let text = match read_text(path) {
        Err(ReadError::NotText { .. }) if how == ComeBy::InFolder => {
            inputs.skip(name, "it is not UTF-8");
            return Ok(());
        }
        Err(ReadError::TooLarge { .. }) if how == ComeBy::InFolder => {
            inputs.skip(name, "it is larger than any workflow");
            return Ok(());
        }
        text => text?,
    };
    let is_python = path.extension().is_some_and(|extension| extension == PYTHON);
    if is_python && how == ComeBy::InFolder && !concerns_ingestion(&text) {
        return Ok(());
    }
    let comments =
        text.lines().any(|line| line.trim_start().starts_with('#') || line.contains(" #"));
    let shown = if name == "-" { STANDARD_INPUT.to_owned() } else { name.clone() };
    let taken = match is_python {
        true => inputs.take_python(&shown, &text, sources, found),
        false => take_documents((name, &shown), text, how, sources, inputs, found),
    };
    match taken {
        Ok(()) => inputs.comments |= comments,
        Err(not_taken) if how == ComeBy::Named => {
            let path = path.to_owned();
            return Err(ReadError::NothingIn { path, reason: not_taken.reason() });
        }
        // They are counted.
        Err(NotTaken::Objects) => {}
        Err(not_taken) => inputs.skip(shown, not_taken.reason()),
    }
    Ok(())
}

/// Files the documents of a YAML or JSON file; one with errors of its own counts as taken.
fn take_documents(
    (name, shown): (String, &str),
    text: String,
    how: ComeBy,
    sources: &mut Sources,
    inputs: &mut Found,
    found: &mut Diagnostics,
) -> Result<(), NotTaken> {
    let source = sources.add(name, text);
    let text = sources.get(source).map_or("", |source| source.text.as_str());
    let mut own = Diagnostics::default();
    let documents = yaml::read_yaml_or_json(source, text, Dialect::PyYaml, &mut own);
    if own.has_errors() && how == ComeBy::InFolder && !text.contains(WORKFLOW_CONFIG) {
        // Such as the template of a chart.
        return Err(NotTaken::Because("it is not YAML, and no workflow"));
    }
    let sound = !own.has_errors();
    found.append(own);
    if !sound {
        return Ok(());
    }
    let several = documents.len() > 1;
    let (mut taken, mut objects, mut others) = (false, false, Vec::new());
    for (number, document) in documents.into_iter().enumerate() {
        let name = match number {
            0 => shown.to_owned(),
            _ => format!("{shown}#{}", number + 1),
        };
        match inputs.take(&name, document, sources, found) {
            Ok(()) => taken = true,
            Err(NotTaken::Because(reason)) => others.push((name, reason)),
            Err(NotTaken::Objects) => objects = true,
        }
    }
    if !taken {
        return Err(match others.first() {
            _ if objects => NotTaken::Objects,
            None => NotTaken::Because("it is empty"),
            Some(_) if several => {
                NotTaken::Because("none of its documents is a workflow or an export")
            }
            Some((_, reason)) => NotTaken::Because(reason),
        });
    }
    for (name, reason) in others {
        inputs.skip(name, reason);
    }
    Ok(())
}

impl Found {
    fn skip(&mut self, name: String, reason: &str) {
        self.skipped.push(Skipped { name, reason: reason.to_owned() });
    }
}

fn read_text(path: &Path) -> Result<String, ReadError> {
    let failed = |source| ReadError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let from: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        project::require_readable(path).map_err(failed)?;
        Box::new(File::open(path).map_err(failed)?)
    };
    from.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ReadError::TooLarge { path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|_| ReadError::NotText { path: path.to_owned() })
}
