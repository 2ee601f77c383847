//! Rendered files out: to standard output as one stream, or to a folder with its index and its lock.
//!
//! In: a [`FileSet`], complete and free of errors: a run that found any writes nothing, and does
//! not come here. Out: bytes; what changed, or what would change ([`check()`]). It renders nothing.
//!
//! # Whose a file is
//!
//! The folder is ompipe's and people's at once, so a file is ompipe's only while it holds bytes that
//! ompipe wrote: `ompipe.lock` has the SHA-256 of each. Those are replaced, and removed when they
//! are no longer rendered. Any other bytes in the place of a rendered file are a person's and a
//! finding. A file that holds already what is to be there is never a finding.
//!
//! # How a crash is healed
//!
//! A write goes in this order:
//!
//! 1. Everything is compared, and nothing changed. A finding ends the write here.
//! 2. The lock to be is written to `.ompipe-pending/lock-0`. With that, both the hash in `ompipe.lock` and
//!    the one that is intended are ompipe's.
//! 3. New and changed files are written to `.ompipe-pending/`. A full disk ends the write here, and 2 and 3
//!    are taken back: whatever fails so far leaves the folder as it was.
//! 4. Files that are no longer rendered are removed, and then the folders that are empty by this.
//! 5. The files are renamed into place, each at once.
//! 6. `.ompipe-pending/lock-0` is renamed to `ompipe.lock`.
//! 7. `.ompipe-pending` is removed.
//!
//! A process that is killed in 2 or 3 has changed no file. One killed in 4 or 5 has left files that
//! are gone, old or new, and each is known by the old lock or the intended one. One killed in 7 has
//! left nothing but litter. So the next write, of the same definitions or of others, finds only
//! bytes that are known; it declares what it intends in a lock of the next number, beside those of
//! the writes before it, and they go all together when it ends. A lock that was cut short in 2 is
//! read as far as its lines are whole: nothing was done yet by it.
//!
//! Nothing is synced. A killed process loses nothing that it has written; a power cut may lose the
//! newest files, as a rule by leaving them empty, and an empty file in the place of a rendered one is
//! taken for such. What else it may leave is in Git, and in the definitions. Against that, syncing
//! would cost milliseconds a file, for thousands of files.
//!
//! Two writers are kept apart by a lock on the folder, see `guard`.

mod chart;
mod check;
mod compare;
#[cfg(test)]
mod crash_tests;
mod diff;
mod disk;
mod file_set;
mod folder;
mod git_attributes;
mod guard;
mod inputs;
mod kustomization;
mod lock;
mod origin;
mod pending;
mod rendered_folder;
mod stale;
#[cfg(test)]
mod testing;
mod write;

use std::io;
use std::path::{Path, PathBuf};

pub use check::{Change, Checked, Difference, check};
pub use diff::{unified_between, unified_of_masked};
pub use file_set::{File, FileSet};
pub use folder::{Folder, Written};
pub use lock::NAME as LOCK;
pub use pending::NAME as PENDING;
pub use rendered_folder::{RenderedFolder, Update};

/// What becomes of files in the output folder that a person has changed or put in the place of
/// rendered ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edits {
    /// They are findings.
    Refuse,
    /// They are overwritten, and removed where they are no longer rendered.
    Overwrite,
}

/// Why rendered files could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The output folder is where definitions lie.
    #[error("refused to write to {}: it holds the input {}", folder.display(), input.display())]
    HoldsInput {
        /// The output folder.
        folder: PathBuf,
        /// The project's folder, or a definition.
        input: PathBuf,
    },
    /// Something else lies where a folder is to be.
    #[error("failed to write to the folder: the file {} is in the way", path.display())]
    FileInTheWay {
        /// The path.
        path: PathBuf,
    },
    /// A folder lies where a file is to be.
    #[error("failed to write {}: a folder of that name is in the way", path.display())]
    FolderInTheWay {
        /// The path.
        path: PathBuf,
    },
    /// Another process writes to the folder, and does not end.
    #[error("failed to write to {}: another ompipe is writing to it", folder.display())]
    Busy {
        /// The output folder.
        folder: PathBuf,
    },
    /// The file system refused.
    #[error("failed to {action} {}", path.display())]
    Io {
        /// What was tried: "write", "create the folder".
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's reason: a read-only folder, a full disk.
        source: io::Error,
    },
    /// Standard output refused.
    #[error("failed to write to standard output")]
    Stdout(#[source] io::Error),
}

fn io_error<'p>(action: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> Error + use<'p> {
    move |source| Error::Io { action, path: path.to_owned(), source }
}

/// Writes documents as one stream, `---` between them; one that is passed on as it is may bring its
/// own, or end without a line feed. A reader that stops reading, as `head` does,
/// is no error.
pub fn write_stdout<'t>(
    documents: impl IntoIterator<Item = &'t str>,
    out: &mut impl io::Write,
) -> Result<(), Error> {
    match stream(documents, out) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Error::Stdout),
    }
}

fn stream<'t>(
    documents: impl IntoIterator<Item = &'t str>,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let mut before = None;
    for document in documents {
        if before.is_some_and(|text: &str| !text.ends_with('\n')) {
            out.write_all(b"\n")?;
        }
        if before.is_some() && !document.starts_with("---") {
            out.write_all(b"---\n")?;
        }
        out.write_all(document.as_bytes())?;
        before = Some(document);
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refusing(io::ErrorKind);

    impl io::Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn documents_are_one_stream() {
        let mut out = Vec::new();
        write_stdout(["a: 1\n", "b: 2\n"], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a: 1\n---\nb: 2\n");
    }

    #[test]
    fn documents_that_are_passed_on_stay_as_they_are() {
        let mut out = Vec::new();
        write_stdout(["a: 1", "---\nb: 2\n", "c: 3"], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a: 1\n---\nb: 2\n---\nc: 3");
    }

    #[test]
    fn a_broken_pipe_is_no_error_and_a_full_disk_is_one() {
        assert!(write_stdout(["a: 1\n"], &mut Refusing(io::ErrorKind::BrokenPipe)).is_ok());
        let error =
            write_stdout(["a: 1\n"], &mut Refusing(io::ErrorKind::StorageFull)).unwrap_err();
        assert_eq!(error.to_string(), "failed to write to standard output");
    }
}
