//! What the tests of this module share: sets of files, real folders, and writing the one to the
//! other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::disk::Disk;
use super::{Edits, Error, FileSet, Folder, RenderedFolder, Written};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Sources;
use crate::tree::Span;

/// A set of files, without their definitions.
pub(super) fn set(files: &[(&str, &str)]) -> FileSet {
    let mut found = Diagnostics::default();
    let objects =
        files.iter().map(|(path, text)| ((*path).to_owned(), 0, Span::NONE, (*text).to_owned()));
    let set = FileSet::new(objects, &Sources::default(), None, &mut found);
    assert!(found.is_empty(), "{found:?}");
    set
}

/// What came of a write; `None` when something was found wrong.
type Came = Option<(RenderedFolder, Written)>;

/// Opens and writes a folder: what came of it, and the codes of what was found.
pub(super) fn try_write(
    disk: Disk,
    folder: &Path,
    files: &FileSet,
    edits: Edits,
) -> Result<(Came, Vec<Diagnostic>), Error> {
    let mut found = Diagnostics::default();
    let mut sources = Sources::default();
    let opened = Folder::open_on(disk, folder, &[], edits, &mut sources, &mut found)?;
    let written = match opened {
        Some(opened) => opened.write(files, edits, &mut found)?,
        None => None,
    };
    Ok((written, found.into_sorted()))
}

/// Writes a folder in which nothing is wrong.
pub(super) fn write(folder: &Path, files: &[(&str, &str)]) -> (RenderedFolder, Written) {
    let (written, found) = try_write(Disk::default(), folder, &set(files), Edits::Refuse).unwrap();
    assert_eq!(found, []);
    written.unwrap()
}

/// Writes a folder in which something is wrong; gives the codes and what is said.
pub(super) fn refused(folder: &Path, files: &[(&str, &str)]) -> Vec<(&'static str, String)> {
    let before = tree(folder);
    let (written, found) = try_write(Disk::default(), folder, &set(files), Edits::Refuse).unwrap();
    assert!(written.is_none(), "nothing is refused");
    assert_eq!(tree(folder), before, "what is refused changes nothing");
    found.into_iter().map(|finding| (finding.code.id, finding.message)).collect()
}

/// Writes a folder over whatever people have done in it.
pub(super) fn force(folder: &Path, files: &[(&str, &str)]) -> Written {
    let (written, found) =
        try_write(Disk::default(), folder, &set(files), Edits::Overwrite).unwrap();
    assert_eq!(found, []);
    written.unwrap().1
}

/// Everything below a folder: files with what they hold, folders with a slash, links with an arrow.
pub(super) fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            for (path, text) in tree(&entry.path()) {
                all.insert(format!("{name}/{path}"), text);
            }
            all.insert(format!("{name}/"), String::new());
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path()).unwrap();
            all.insert(format!("{name} ->"), target.display().to_string());
        } else {
            all.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
    all
}
