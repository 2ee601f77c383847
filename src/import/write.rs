//! A project's texts → files: all of them or none, and never over a file that is there.
//!
//! In: a folder and texts with their paths in it. Out: the files. What was written is taken back
//! when a later file fails.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::convert::OutputFile;

/// Why the files could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file lies there already.
    #[error("{} exists already; import writes over nothing", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("failed to write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Writes the files under a folder, which is made when it is missing.
pub fn write(folder: &Path, files: &[OutputFile]) -> Result<(), WriteError> {
    for file in files {
        let path = folder.join(&file.path);
        if path.symlink_metadata().is_ok() {
            return Err(WriteError::Exists { path });
        }
    }
    let mut made = Made::default();
    let written =
        files.iter().try_for_each(|file| made.write(&folder.join(&file.path), &file.text));
    if written.is_err() {
        made.take_back();
    }
    written
}

/// What this run has made, in order.
#[derive(Default)]
struct Made {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Made {
    fn write(&mut self, path: &Path, text: &str) -> Result<(), WriteError> {
        let failed = |path: &Path, source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => WriteError::Exists { path: path.to_owned() },
            _ => WriteError::Write { path: path.to_owned(), source },
        };
        let missing: Vec<&Path> = path
            .ancestors()
            .skip(1)
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
            .collect();
        for folder in missing.into_iter().rev() {
            fs::create_dir(folder).map_err(|source| failed(folder, source))?;
            self.folders.push(folder.to_owned());
        }
        let mut file = File::create_new(path).map_err(|source| failed(path, source))?;
        self.files.push(path.to_owned());
        file.write_all(text.as_bytes()).map_err(|source| failed(path, source))
    }

    /// Removes all of it again. What cannot be removed stays; the error that led here is the one to
    /// show.
    fn take_back(&self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        for folder in self.folders.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> OutputFile {
        OutputFile { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn nothing_is_written_over_and_then_nothing_at_all() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ompipe.yaml"), "mine").unwrap();
        let files = [file("services/a.yaml", "a"), file("ompipe.yaml", "theirs")];
        assert!(matches!(write(folder.path(), &files), Err(WriteError::Exists { .. })));
        assert_eq!(fs::read_to_string(folder.path().join("ompipe.yaml")).unwrap(), "mine");
        assert!(!folder.path().join("services").exists());
    }

    #[test]
    fn what_was_written_before_a_failure_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let files = [file("new/a.yaml", "a"), file("new/a.yaml/b.yaml", "below a file")];
        assert!(write(&folder.path().join("project"), &files).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn files_and_their_folders_are_made() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[file("a/b/c.yaml", "text")]).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("a/b/c.yaml")).unwrap(), "text");
    }
}
