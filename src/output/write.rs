//! A plan carried out, so that a crash at any moment can be healed: [`super`] has the protocol.
//!
//! In: a [`Plan`] and the lock that will be true after it. Out: changes on the disk, or an error.
//! It compares nothing and decides nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::compare::Plan;
use super::disk::Disk;
use super::pending::Pending;
use super::{Error, File, io_error, lock};

/// Makes the output folder, and those that it lies in.
pub(super) fn make_root(disk: &Disk, root: &Path) -> Result<(), Error> {
    let missing = root.ancestors().take_while(|folder| {
        !folder.as_os_str().is_empty() && fs::symlink_metadata(folder).is_err()
    });
    let missing: Vec<&Path> = missing.collect();
    for folder in missing.into_iter().rev() {
        make_folder(disk, folder)?;
    }
    match fs::metadata(root) {
        Ok(there) if there.is_dir() => Ok(()),
        Ok(_) => Err(Error::FileInTheWay { path: root.to_owned() }),
        Err(error) => Err(io_error("read", root)(error)),
    }
}

/// Carries a plan out. `stale` are the paths of earlier runs that this one does not have, whether
/// or not they are still there.
pub(super) fn write_plan(
    disk: &Disk,
    root: &Path,
    pending: &mut Pending,
    plan: &Plan<'_>,
    stale: &[&str],
    lock: &str,
) -> Result<(), Error> {
    let declared = pending.declare(disk, lock);
    let staged = declared.and_then(|lock| {
        let staged = plan.writes.par_iter().enumerate();
        let staged = staged.map(|(number, file)| stage(disk, root, pending, number, file));
        Ok((lock, staged.collect::<Vec<_>>().into_iter().collect::<Result<Vec<_>, Error>>()?))
    });
    // Until here nothing was changed, and a full disk is full of what is taken back now.
    let (lock, staged) = match staged {
        Ok(staged) => staged,
        Err(error) => {
            pending.withdraw(disk, plan.writes.len());
            return Err(error);
        }
    };
    // Removed before others are put into place: on a disk that ignores case, a file may be both.
    plan.removals.par_iter().try_for_each(|path| remove(disk, &root.join(path)))?;
    remove_empty_folders(disk, root, stale);
    make_folders(disk, root, &plan.writes)?;
    staged
        .par_iter()
        .try_for_each(|(from, to)| disk.rename(from, to).map_err(io_error("write", to)))?;
    let place = root.join(lock::NAME);
    disk.rename(&lock, &place).map_err(io_error("write", &place))?;
    pending.clear(disk)
}

fn stage(
    disk: &Disk,
    root: &Path,
    pending: &Pending,
    number: usize,
    file: &File,
) -> Result<(PathBuf, PathBuf), Error> {
    let target = root.join(&file.path);
    match pending.stage(disk, number, &file.text) {
        Ok(staged) => Ok((staged, target)),
        Err(error) => Err(io_error("write", &target)(error)),
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

/// Removes the folders of files that are gone, inner ones first, where nothing else is in them.
pub(super) fn remove_empty_folders(disk: &Disk, root: &Path, gone: &[&str]) {
    let folders: BTreeSet<&str> = gone.iter().flat_map(|path| folders_of(path)).collect();
    for folder in folders.into_iter().rev() {
        // One that is not empty stays, and one that is gone is gone.
        let _ = disk.remove_folder(&root.join(folder));
    }
}

/// Makes the folders that files need, outer ones first.
fn make_folders(disk: &Disk, root: &Path, files: &[&File]) -> Result<(), Error> {
    let folders: BTreeSet<&str> = files.iter().flat_map(|file| folders_of(&file.path)).collect();
    folders.into_iter().try_for_each(|folder| make_folder(disk, &root.join(folder)))
}

/// The folders that a path leads through, outer ones first.
fn folders_of(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(end, _)| path.get(..end))
}

fn make_folder(disk: &Disk, path: &Path) -> Result<(), Error> {
    match disk.make_folder(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(io_error("create the folder", path)(error))
        }
        _ => Ok(()),
    }
}
