//! Every change that ompipe makes in an output folder, one method each.
//!
//! In: paths. Out: changes on the disk. Nothing else in this module changes anything, so that a
//! test can stop the program before any single change, as a crash would ([`Disk::stopping`]).

use std::fs;
use std::io;
use std::path::Path;

/// A kind of change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// A folder is made.
    MakeFolder,
    /// A new file gets its bytes.
    Write,
    /// A file gets the name of another, and takes its place.
    Rename,
    /// A file is removed.
    RemoveFile,
    /// An empty folder is removed.
    RemoveFolder,
}

/// What a test does before a change; an error is in the place of the change.
#[cfg(test)]
pub(super) type BeforeChange =
    std::sync::Arc<dyn Fn(Change, &Path) -> io::Result<()> + Send + Sync>;

/// The disk.
#[derive(Clone, Default)]
pub(super) struct Disk {
    #[cfg(test)]
    before: Option<BeforeChange>,
}

impl Disk {
    /// A disk that asks before each change.
    #[cfg(test)]
    pub(super) fn stopping(before: BeforeChange) -> Self {
        Self { before: Some(before) }
    }

    #[cfg(test)]
    fn before(&self, change: Change, path: &Path) -> io::Result<()> {
        self.before.as_ref().map_or(Ok(()), |before| before(change, path))
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "it has something to ask in tests alone")]
    fn before(&self, _: Change, _: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Makes a folder.
    pub(super) fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.before(Change::MakeFolder, path)?;
        fs::create_dir(path)
    }

    /// Writes a file that is not there, or that nobody reads.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.before(Change::Write, path)?;
        fs::write(path, bytes)
    }

    /// Puts a file in the place of another at once; a link there is replaced and not followed.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.before(Change::Rename, to)?;
        fs::rename(from, to)
    }

    /// Removes a file or a link.
    pub(super) fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.before(Change::RemoveFile, path)?;
        fs::remove_file(path)
    }

    /// Removes a folder; one that holds anything stays, and is an error.
    pub(super) fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.before(Change::RemoveFolder, path)?;
        fs::remove_dir(path)
    }
}
