//! Rendered files out: to standard output as one stream, or to a folder.
//!
//! In: a [`FileSet`], complete and free of errors: a run that found any writes nothing, and does
//! not come here. Out: bytes, and [`Written`], which says what changed and what lies there that
//! this run did not write. It renders nothing and removes nothing.

mod file_set;
mod folder;
mod kustomization;

use std::io;
use std::path::PathBuf;

pub use file_set::{File, FileSet};
pub use folder::{Written, write_folder};

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
    #[error("failed to create the folder {}: a file of that name is in the way", path.display())]
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
    /// A folder in the output folder is a link, and may lead out of it.
    #[error("refused to write through the symbolic link {}", path.display())]
    Link {
        /// The path.
        path: PathBuf,
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

/// Writes documents as one stream, `---` between them. A reader that stops reading, as `head` does,
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
    let mut first = true;
    for document in documents {
        if !std::mem::take(&mut first) {
            out.write_all(b"---\n")?;
        }
        out.write_all(document.as_bytes())?;
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
    fn a_broken_pipe_is_no_error_and_a_full_disk_is_one() {
        assert!(write_stdout(["a: 1\n"], &mut Refusing(io::ErrorKind::BrokenPipe)).is_ok());
        let error =
            write_stdout(["a: 1\n"], &mut Refusing(io::ErrorKind::StorageFull)).unwrap_err();
        assert_eq!(error.to_string(), "failed to write to standard output");
    }
}
