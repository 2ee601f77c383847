//! What a project consists of on the disk, unread: for those who read again what changed, and need
//! to know where that may be.
//!
//! In: paths. Out: a [`Listing`]. It opens no file.

use std::path::{Path, PathBuf};

use super::discover::{self, Files};
use super::text::Content;
use super::{Error, read_file};

/// The files and folders of a project.
#[derive(Debug, Default)]
pub struct Listing {
    /// The folder of `ompipe.yaml`, when there is one.
    pub root: Option<PathBuf>,
    /// The files to read.
    pub files: Vec<Listed>,
    /// The folders that the files lie in, or may lie in.
    pub folders: Vec<PathBuf>,
    /// The folders that were not looked into, since they belong to something else. That may change.
    pub passed_over: Vec<PathBuf>,
    /// What symbolic links among the files lead to.
    pub targets: Vec<PathBuf>,
}

/// A file of a project.
#[derive(Debug)]
pub struct Listed {
    /// Its path, as it is found.
    pub path: PathBuf,
    /// Whether it was named, rather than found in a folder.
    pub named: bool,
    refused: Option<discover::Refused>,
}

impl Listed {
    /// What it holds, or why it is not read.
    pub fn read(self) -> Content {
        match self.refused {
            Some(refused) => Err(refused.into_finding()),
            None => read_file(&self.path),
        }
    }
}

/// The folder of the project that `folder` belongs to: there, or above.
pub fn root_of(folder: &Path) -> Result<PathBuf, Error> {
    discover::project_root(folder).ok_or_else(|| Error::NoProject { from: folder.to_owned() })
}

/// Lists what [`Project::read_beside`](super::Project::read_beside) reads.
pub fn list(inputs: &[PathBuf], templates: Option<&Path>) -> Result<Listing, Error> {
    let mut files = Files::beside(templates);
    for input in inputs {
        files.add(input.clone())?;
    }
    let root = files.root().map(Path::to_owned);
    let folders = std::mem::take(&mut files.folders);
    let passed_over = std::mem::take(&mut files.passed_over);
    let targets = files.targets.clone();
    let (found, refused) = files.into_each_once();
    let found = found.into_iter().map(|file| {
        let discover::File { path, named } = file;
        Listed { path, named, refused: None }
    });
    let refused = refused.into_iter().map(|refused| {
        let path = refused.path.clone();
        Listed { path, named: false, refused: Some(refused) }
    });
    Ok(Listing { root, files: found.chain(refused).collect(), folders, passed_over, targets })
}
