//! A folder of rendered files, one per object, and their index.
//!
//! In: a [`FileSet`] and the inputs it was rendered from. Out: the files on disk. A file is written
//! only when its bytes differ, all of them to temporary files beside their targets first; only when
//! every one of those is complete are they renamed into place. So a full disk or a read-only folder
//! leaves the old files as they were. Nothing is synced: what a power cut loses is rendered again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Error, File, FileSet};

/// What writing a folder did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// Files made or changed, with the index.
    pub written: usize,
    /// Files that held these bytes already.
    pub unchanged: usize,
    /// Files named like rendered objects that this run did not write, below the folder, with
    /// forward slashes. They are left alone: an earlier run or a person may have made them.
    pub stale: Vec<String>,
}

/// The names of files that hold rendered objects: `<kind>-<name>.yaml`.
const RENDERED: &[&str] =
    &["configmap-", "cronjob-", "cronomjob-", "externalsecret-", "job-", "omjob-", "secret-"];

/// Writes all files and the index to a folder, which is made when it is not there. `inputs` are the
/// project's folder and every file that was read: a folder that is one of them or holds one is
/// refused.
pub fn write_folder(folder: &Path, files: &FileSet, inputs: &[&Path]) -> Result<Written, Error> {
    refuse_inputs(folder, inputs)?;
    make_folder(folder)?;
    let index = files.index();
    let all: Vec<&File> = files.files().iter().chain(std::iter::once(&index)).collect();
    make_folders(folder, &all)?;

    let staged: Vec<Result<Option<Staged>, Error>> =
        all.par_iter().enumerate().map(|(number, file)| stage(folder, file, number)).collect();
    if staged.iter().any(Result::is_err) {
        let mut first = None;
        for result in staged {
            match result {
                Ok(Some(staged)) => discard(&staged.temporary),
                Ok(None) => {}
                Err(error) => first = first.or(Some(error)),
            }
        }
        return first.map_or_else(|| Ok(Written::default()), Err);
    }
    let staged: Vec<Staged> = staged.into_iter().flatten().flatten().collect();
    let renamed: Vec<Result<(), Error>> = staged.par_iter().map(Staged::rename).collect();
    renamed.into_iter().collect::<Result<(), Error>>()?;

    let paths: HashSet<&str> = all.iter().map(|file| file.path.as_str()).collect();
    Ok(Written {
        written: staged.len(),
        unchanged: all.len() - staged.len(),
        stale: stale(folder, &paths)?,
    })
}

/// Refuses a folder that is an input or holds one: rendered files would lie among definitions, or
/// overwrite them.
fn refuse_inputs(folder: &Path, inputs: &[&Path]) -> Result<(), Error> {
    // A folder that is not there holds nothing.
    let Ok(real_folder) = fs::canonicalize(folder) else {
        return Ok(());
    };
    // Inputs lie many to a folder, and resolving a path asks the disk for each of its parts.
    let mut parents: HashMap<&Path, Option<PathBuf>> = HashMap::new();
    for input in inputs {
        let parent = match input.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => input,
        };
        let real_parent = parents.entry(parent).or_insert_with(|| fs::canonicalize(parent).ok());
        let within = real_parent.as_ref().is_some_and(|parent| parent.starts_with(&real_folder));
        // The project's folder itself, given as `.` or through a link, is not told by its parent.
        let is_it = || fs::canonicalize(input).is_ok_and(|input| input == real_folder);
        if within || (input.file_name().is_none() || input.is_dir()) && is_it() {
            return Err(Error::HoldsInput {
                folder: folder.to_owned(),
                input: input.to_path_buf(),
            });
        }
    }
    Ok(())
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    if fs::metadata(folder).is_ok_and(|found| !found.is_dir()) {
        return Err(Error::FileInTheWay { path: folder.to_owned() });
    }
    fs::create_dir_all(folder).map_err(io_error("create the folder", folder))
}

/// Makes the folders that the files need, outer ones first.
fn make_folders(root: &Path, files: &[&File]) -> Result<(), Error> {
    let mut by_depth: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for file in files {
        for (depth, (end, _)) in file.path.match_indices('/').enumerate() {
            by_depth.entry(depth).or_default().extend(file.path.get(..end));
        }
    }
    for folders in by_depth.values() {
        let made: Vec<Result<(), Error>> =
            folders.par_iter().map(|folder| make_inner_folder(root.join(folder))).collect();
        made.into_iter().collect::<Result<(), Error>>()?;
    }
    Ok(())
}

fn make_inner_folder(path: PathBuf) -> Result<(), Error> {
    let Err(error) = fs::create_dir(&path) else {
        return Ok(());
    };
    if error.kind() != io::ErrorKind::AlreadyExists {
        return Err(io_error("create the folder", &path)(error));
    }
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(found) if found.is_symlink() => Err(Error::Link { path }),
        Ok(_) => Err(Error::FileInTheWay { path }),
        Err(error) => Err(io_error("read", &path)(error)),
    }
}

/// A file written beside its target, to be renamed to it.
struct Staged {
    temporary: PathBuf,
    target: PathBuf,
}

impl Staged {
    fn rename(&self) -> Result<(), Error> {
        fs::rename(&self.temporary, &self.target).map_err(|error| {
            discard(&self.temporary);
            io_error("write", &self.target)(error)
        })
    }
}

/// Writes a file's bytes beside it; `None` when it holds them already.
fn stage(root: &Path, file: &File, number: usize) -> Result<Option<Staged>, Error> {
    let target = root.join(&file.path);
    if holds(&target, file.text.as_bytes())? {
        return Ok(None);
    }
    // Short whatever the target's name is, and another one for every process and file.
    let temporary = target.with_file_name(format!(".ompipe-{}-{number}.tmp", std::process::id()));
    let written =
        fs::File::create(&temporary).and_then(|mut out| out.write_all(file.text.as_bytes()));
    match written {
        Ok(()) => Ok(Some(Staged { temporary, target })),
        Err(error) => {
            discard(&temporary);
            Err(io_error("write", &target)(error))
        }
    }
}

/// Whether a file is there with exactly these bytes.
fn holds(path: &Path, bytes: &[u8]) -> Result<bool, Error> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(io_error("read", path)(error)),
    };
    let found = file.metadata().map_err(io_error("read", path))?;
    if found.is_dir() {
        return Err(Error::FolderInTheWay { path: path.to_owned() });
    }
    if usize::try_from(found.len()) != Ok(bytes.len()) {
        return Ok(false);
    }
    let mut old = Vec::with_capacity(bytes.len());
    file.read_to_end(&mut old).map_err(io_error("read", path))?;
    Ok(old == bytes)
}

/// The files that look rendered and are none of this run's, in order.
fn stale(root: &Path, paths: &HashSet<&str>) -> Result<Vec<String>, Error> {
    let (files, folders) = list(root)?;
    let inner: Vec<Result<Vec<String>, Error>> = folders
        .par_iter()
        .map(|folder| {
            let (files, _) = list(&root.join(folder))?;
            Ok(files.into_iter().map(|file| format!("{folder}/{file}")).collect())
        })
        .collect();
    let mut stale = files;
    for files in inner {
        stale.extend(files?);
    }
    stale.retain(|path| looks_rendered(path) && !paths.contains(path.as_str()));
    stale.sort();
    Ok(stale)
}

fn looks_rendered(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let of_object = RENDERED.iter().any(|kind| name.starts_with(kind));
    path == "rbac.yaml" || (of_object && name.ends_with(".yaml"))
}

/// The names of a folder's files and folders; links and what is not UTF-8 are neither.
fn list(folder: &Path) -> Result<(Vec<String>, Vec<String>), Error> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(io_error("list the folder", folder))? {
        let entry = entry.map_err(io_error("list the folder", folder))?;
        let kind = entry.file_type().map_err(io_error("list the folder", folder))?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if kind.is_dir() {
            folders.push(name);
        } else if kind.is_file() {
            files.push(name);
        }
    }
    Ok((files, folders))
}

/// Takes a temporary file away; that it could not be is no news to someone who reads about the
/// first failure.
fn discard(temporary: &Path) {
    let _ = fs::remove_file(temporary);
}

fn io_error<'p>(action: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> Error + use<'p> {
    move |source| Error::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
