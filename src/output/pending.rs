//! `.ompipe-pending`, the folder of a write that is under way: what is to be written, and the lock
//! that will say so.
//!
//! In: texts. Out: files in it, and in the end nothing of it. [`super`] tells in which order.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::lock::{self, Hash};
use super::{Error, io_error};

/// The folder, in the output folder; hidden, so that it is never taken for definitions.
pub const NAME: &str = ".ompipe-pending";

/// How the locks of writes are called in it; a number follows.
const LOCK: &str = "lock-";

/// The folder of writes, and what earlier ones have left in it.
#[derive(Debug)]
pub(super) struct Pending {
    folder: PathBuf,
    is_there: bool,
    /// The locks of writes that did not end, each with its number.
    locks: Vec<(u64, PathBuf)>,
    /// Files that they would have put into place.
    files: Vec<PathBuf>,
    /// The lock of this write.
    own: Option<PathBuf>,
}

impl Pending {
    /// Looks for it.
    pub(super) fn find(root: &Path) -> Result<Self, Error> {
        let folder = root.join(NAME);
        let mut pending =
            Self { folder, is_there: false, locks: Vec::new(), files: Vec::new(), own: None };
        let folder = &pending.folder;
        match fs::symlink_metadata(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(pending),
            Err(error) => return Err(io_error("read", folder)(error)),
            Ok(found) if found.is_dir() => pending.is_there = true,
            Ok(_) => return Err(Error::FileInTheWay { path: folder.clone() }),
        }
        for entry in fs::read_dir(folder).map_err(io_error("list the folder", folder))? {
            let path = entry.map_err(io_error("list the folder", folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(number) = name.strip_prefix(LOCK).and_then(|number| number.parse().ok()) {
                pending.locks.push((number, path));
            } else if name.parse::<usize>().is_ok() {
                pending.files.push(path);
            } else {
                // All else is somebody's own.
                return Err(Error::FileInTheWay { path });
            }
        }
        pending.locks.sort();
        Ok(pending)
    }

    /// Whether an earlier write has left anything.
    pub(super) fn is_there(&self) -> bool {
        self.is_there
    }

    /// What earlier writes would have written, by path.
    pub(super) fn intended(&self, mut each: impl FnMut(String, Hash)) -> Result<(), Error> {
        for (_, path) in &self.locks {
            let bytes = fs::read(path).map_err(io_error("read", path))?;
            lock::read_whole_lines(&String::from_utf8_lossy(&bytes), &mut each);
        }
        Ok(())
    }

    /// Declares what will be written: from here on these bytes are ompipe's own, and so are those
    /// that earlier writes declared. Gives the path of the new lock.
    pub(super) fn declare(&mut self, disk: &Disk, lock: &str) -> Result<PathBuf, Error> {
        if !self.is_there {
            disk.make_folder(&self.folder).map_err(io_error("create the folder", &self.folder))?;
            self.is_there = true;
        }
        self.remove_files(disk)?;
        let number = self.locks.last().map_or(0, |(number, _)| number + 1);
        let path = self.folder.join(format!("{LOCK}{number}"));
        self.own = Some(path.clone());
        disk.write(&path, lock.as_bytes()).map_err(io_error("write", &path))?;
        Ok(path)
    }

    /// Writes a file that is to be put into place; each has another number.
    pub(super) fn stage(&self, disk: &Disk, number: usize, text: &str) -> io::Result<PathBuf> {
        let path = self.folder.join(number.to_string());
        disk.write(&path, text.as_bytes())?;
        Ok(path)
    }

    /// Takes back a declaration before anything was put into place.
    pub(super) fn withdraw(&mut self, disk: &Disk, staged: usize) {
        // That something could not be removed is no news to someone who reads why writing failed,
        // and the next write removes it.
        for number in 0..staged {
            let _ = disk.remove_file(&self.folder.join(number.to_string()));
        }
        if let Some(path) = self.own.take() {
            let _ = disk.remove_file(&path);
        }
        if self.locks.is_empty() {
            let _ = disk.remove_folder(&self.folder);
        }
    }

    /// Removes all that is left, once the lock in place says what is there.
    ///
    /// The lock of this write has been renamed by then.
    pub(super) fn clear(&mut self, disk: &Disk) -> Result<(), Error> {
        if !self.is_there {
            return Ok(());
        }
        self.remove_files(disk)?;
        // The earliest go first: what a later one declares holds longest.
        for (_, path) in self.locks.drain(..) {
            remove(disk, &path)?;
        }
        disk.remove_folder(&self.folder).map_err(io_error("remove the folder", &self.folder))?;
        self.is_there = false;
        Ok(())
    }

    fn remove_files(&mut self, disk: &Disk) -> Result<(), Error> {
        self.files.drain(..).try_for_each(|path| remove(disk, &path))
    }
}

fn remove(disk: &Disk, path: &Path) -> Result<(), Error> {
    match disk.remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("remove", path)(error))
        }
        _ => Ok(()),
    }
}
