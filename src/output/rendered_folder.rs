//! A folder that holds what was rendered, for those who render again and again: its lock stays in
//! memory, so that a change of one file looks at one file, however many others there are.
//!
//! In: changed and removed files. Out: these on the disk, with index and lock. Between two changes
//! anybody may write to the folder; that is noticed by its lock, and then it is to be opened anew.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::disk::Disk;
use super::folder::{Written, of_folder};
use super::guard::Guard;
use super::lock::{self, Hash};
use super::pending::Pending;
use super::write::write_plan;
use super::{Edits, Error, File, FileSet, compare, file_set, io_error, kustomization};
use crate::diagnostic::Diagnostics;
use crate::tree::Span;

/// A folder as the last write has left it.
pub struct RenderedFolder {
    root: PathBuf,
    /// Every file but the lock.
    files: BTreeMap<String, Kept>,
    /// By what the lock is known to be the one that was written last; `None` after a failure.
    lock: Option<Stamp>,
    disk: Disk,
}

/// What is kept of a file.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    hash: Hash,
    order: usize,
    /// Its line in the lock.
    pub(super) line: String,
}

impl Kept {
    pub(super) fn new(file: &File, hash: Hash) -> Self {
        let line = lock::line(&file.path, &hash, file.source.as_deref());
        Self { hash, order: file.order, line }
    }
}

/// What changes when a file is written by anyone.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// How a change went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Update {
    /// It is written.
    Written(Written),
    /// A person has changed files that it would overwrite, or names clash; the findings say so.
    /// Nothing is written, and the change is still to be made.
    Refused,
    /// Somebody else has written to the folder: another render, or Git. Nothing is written; open
    /// the folder anew and write it whole.
    Outdated,
}

impl RenderedFolder {
    pub(super) fn new(
        root: PathBuf,
        files: BTreeMap<String, Kept>,
        disk: Disk,
    ) -> Result<Self, Error> {
        let mut folder = Self { root, files, lock: None, disk };
        folder.lock = folder.stamp()?;
        Ok(folder)
    }

    /// Writes changed and new files, and removes others, by their paths below the folder. Looks at
    /// none but these. After an error the folder is to be opened anew.
    pub fn update(
        &mut self,
        changed: &FileSet,
        removed: &[String],
        edits: Edits,
        found: &mut Diagnostics,
    ) -> Result<Update, Error> {
        let _guard = Guard::take(&self.root)?;
        let mut pending = Pending::find(&self.root)?;
        if self.lock.is_none() || self.lock != self.stamp()? || pending.is_there() {
            return Ok(Update::Outdated);
        }
        let mut own_found = Diagnostics::default();
        // Each is put back when nothing comes of it.
        let mut former: Vec<(String, Option<Kept>)> = Vec::new();
        let mut members_differ = false;
        for path in removed {
            if let Some(kept) = self.files.remove(path) {
                members_differ = true;
                former.push((path.clone(), Some(kept)));
            }
        }
        self.check_names(changed, &mut own_found);
        let mut files: Vec<(&File, Hash)> = Vec::with_capacity(changed.files().len() + 1);
        for file in changed.files() {
            let hash = Sha256::digest(&file.text).into();
            let kept = self.files.insert(file.path.clone(), Kept::new(file, hash));
            members_differ |= kept.as_ref().is_none_or(|kept| kept.order != file.order);
            former.push((file.path.clone(), kept));
            files.push((file, hash));
        }
        // A chart has an index of its own, which is among the files.
        members_differ &= self.files.contains_key(kustomization::NAME);
        let [index, _] = of_folder(if members_differ { self.in_order() } else { Vec::new() });
        if members_differ {
            let hash = Sha256::digest(&index.text).into();
            let kept = self.files.insert(index.path.clone(), Kept::new(&index, hash));
            former.push((index.path.clone(), kept));
            files.push((&index, hash));
        }
        let result = self.write(&files, &former, edits, &mut pending, &mut own_found);
        let refused = own_found.has_errors();
        found.append(own_found);
        if refused || result.is_err() {
            for (path, kept) in former.into_iter().rev() {
                match kept {
                    Some(kept) => self.files.insert(path, kept),
                    None => self.files.remove(&path),
                };
            }
        }
        match result {
            Ok(_) if refused => Ok(Update::Refused),
            Ok(written) => {
                self.lock = self.stamp()?;
                Ok(Update::Written(written))
            }
            Err(error) => {
                self.lock = None;
                Err(error)
            }
        }
    }

    fn write(
        &self,
        files: &[(&File, Hash)],
        former: &[(String, Option<Kept>)],
        edits: Edits,
        pending: &mut Pending,
        found: &mut Diagnostics,
    ) -> Result<Written, Error> {
        let mut hashes: HashMap<&str, Vec<Hash>> = HashMap::with_capacity(former.len());
        for (path, kept) in former {
            hashes.entry(path).or_default().extend(kept.iter().map(|kept| kept.hash));
        }
        let owned = |path: &str| hashes.get(path).cloned().unwrap_or_default();
        let stale = former.iter().map(|(path, _)| path.as_str());
        let stale: Vec<&str> = stale.filter(|path| !self.files.contains_key(*path)).collect();
        let plan = compare::plan(&self.root, files, &stale, owned, edits, found)?;
        if found.has_errors() {
            return Ok(Written::default());
        }
        let lines_differ = former.iter().any(|(path, kept)| {
            self.files.get(path).map(|kept| &kept.line) != kept.as_ref().map(|kept| &kept.line)
        });
        if !plan.writes.is_empty() || !plan.removals.is_empty() || lines_differ {
            let lock = lock::text(self.files.values().map(|kept| kept.line.as_str()));
            write_plan(&self.disk, &self.root, pending, &plan, &stale, &lock)?;
        }
        Ok(Written {
            written: plan.writes.len() + usize::from(lines_differ),
            unchanged: plan.unchanged,
            removed: plan.removals.len(),
            stale: Vec::new(),
        })
    }

    /// Names clash with those of all other files; only a new name can.
    fn check_names(&self, changed: &FileSet, found: &mut Diagnostics) {
        let is_new = |file: &&File| !self.files.contains_key(&file.path);
        if !changed.files().iter().any(|file| is_new(&file)) {
            return;
        }
        let new = changed.files().iter().filter(is_new).map(|file| (file.path.as_str(), file.span));
        let objects = self.files.iter().filter(|(_, kept)| kept.order != usize::MAX);
        let others = objects.map(|(path, _)| (path.as_str(), Span::NONE));
        file_set::check(others.chain(new).collect::<Vec<_>>().into_iter(), found);
    }

    /// The paths of the objects' files, in apply order.
    fn in_order(&self) -> Vec<&str> {
        let objects = self.files.iter().filter(|(_, kept)| kept.order != usize::MAX);
        let mut paths: Vec<(usize, &str)> =
            objects.map(|(path, kept)| (kept.order, path.as_str())).collect();
        paths.sort_unstable();
        paths.into_iter().map(|(_, path)| path).collect()
    }

    fn stamp(&self) -> Result<Option<Stamp>, Error> {
        let path = self.root.join(lock::NAME);
        match fs::symlink_metadata(&path) {
            Ok(there) => Ok(Some(Stamp {
                modified: there.modified().ok(),
                length: there.len(),
                inode: inode(&there),
            })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error("read", &path)(error)),
        }
    }
}

#[cfg(unix)]
fn inode(there: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(there)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}

#[cfg(test)]
#[path = "rendered_folder_tests.rs"]
mod tests;
