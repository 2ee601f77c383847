//! A folder against what the definitions give, for CI: what a render would change, without changing
//! it.
//!
//! In: a folder and a [`FileSet`]. Out: the [`Difference`]s, by path. It reads, and changes nothing,
//! so that it works on a read-only disk too.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::lock::{self, Hash};
use super::{Error, File, FileSet, Folder, compare, diff, inputs, io_error, stale};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::source::Sources;
use crate::tree::Span;

/// How a file is not as it is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// It holds other bytes.
    Changed,
    /// It is not there.
    Missing,
    /// It is there and no longer rendered.
    Surplus,
}

/// A file that is not as it is to be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// Below the output folder, with forward slashes.
    pub path: String,
    /// What is different.
    pub change: Change,
    /// What a render would make of it, as a unified diff without secrets; `None` of the lock, whose
    /// hashes follow from the other files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// What a comparison has found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// In the order of their paths; none when the folder is what a render would make it.
    pub differences: Vec<Difference>,
    /// As in [`Written`](super::Written).
    pub stale: Vec<String>,
}

/// Compares a folder with the files of a run. `None` when the folder cannot be compared with, for
/// what is then among the findings.
pub fn check(
    root: &Path,
    files: &FileSet,
    inputs: &[&Path],
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Option<Checked>, Error> {
    let root: PathBuf = root.components().collect();
    inputs::refuse(&root, inputs)?;
    let there = fs::symlink_metadata(&root);
    if there.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        let message = format!("there is no folder {}", root.display());
        let help = "render with the same options, without `--check`, to have it";
        found.push(Diagnostic::error(&code::OUTPUT_DIFFERS, Span::NONE, message).with_help(help));
        return Ok(None);
    }
    let Some(folder) = Folder::open_to_read(root, sources, found)? else {
        return Ok(None);
    };
    let of_folder = files.of_folder();
    let all = files.files().par_iter().chain(&of_folder);
    let owned = folder.owned.keys().map(String::as_str);
    let paths = files.files().iter().map(|file| file.path.as_str()).chain(owned);
    if compare::has_linked_folders(&folder.root, paths, found)? {
        return Ok(None);
    }

    let compared = all.map(|file| {
        let hash: Hash = Sha256::digest(&file.text).into();
        let line = lock::line(&file.path, &hash, file.source.as_deref());
        Ok((file.path.as_str(), (line, difference(&folder.root, file)?)))
    });
    let mut compared = compared.collect::<Result<BTreeMap<_, _>, Error>>()?;
    let lock = lock::text(compared.values().map(|(line, _)| line.as_str()));
    let is_known = |path: &str| compared.contains_key(path) || folder.owned.contains_key(path);
    let stale = stale::find(&folder.root, is_known)?;
    let surplus = folder.owned.keys().filter(|path| !compared.contains_key(path.as_str()));
    let surplus = surplus.filter_map(|path| surplus_file(&folder.root, path).transpose());
    let mut differences = surplus.collect::<Result<Vec<_>, Error>>()?;
    differences.extend(compared.values_mut().filter_map(|(_, difference)| difference.take()));
    let change = match &folder.lock {
        None => Some(Change::Missing),
        Some(text) => (*text != lock).then_some(Change::Changed),
    };
    differences.extend(change.map(|change| Difference {
        path: lock::NAME.to_owned(),
        change,
        diff: None,
    }));
    differences.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Some(Checked { differences, stale }))
}

/// What is different of a file that is to be there.
fn difference(root: &Path, file: &File) -> Result<Option<Difference>, Error> {
    let bytes = read(&root.join(&file.path))?;
    if bytes.as_deref() == Some(file.text.as_bytes()) {
        return Ok(None);
    }
    let old = bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes));
    let diff = diff::unified(&file.path, old.as_deref(), Some(&file.text));
    let change = if old.is_some() { Change::Changed } else { Change::Missing };
    Ok(Some(Difference { path: file.path.clone(), change, diff: Some(diff) }))
}

/// A file of an earlier run that is still there.
fn surplus_file(root: &Path, path: &str) -> Result<Option<Difference>, Error> {
    Ok(read(&root.join(path))?.map(|bytes| {
        let diff = diff::unified(path, Some(&String::from_utf8_lossy(&bytes)), None);
        Difference { path: path.to_owned(), change: Change::Surplus, diff: Some(diff) }
    }))
}

/// A file's bytes; `None` where there is no file. A link is none: what it leads to is not what is
/// in the folder.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_file() => fs::read(path).map(Some).map_err(io_error("read", path)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("read", path)(error)),
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
