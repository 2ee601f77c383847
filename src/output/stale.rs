//! Files of an output folder that look rendered, and of which nobody knows whose they are.
//!
//! In: a folder and what is known of it. Out: paths. They are a person's, or an earlier version's,
//! which kept no lock; so they are named and left.

use std::fs;
use std::path::Path;

use rayon::prelude::*;

use super::{Error, io_error};

/// The names of files that hold rendered objects: `<kind>-<name>.yaml`.
const RENDERED: &[&str] =
    &["configmap-", "cronjob-", "cronomjob-", "externalsecret-", "job-", "omjob-", "secret-"];

/// The files that look rendered and are not known, in order.
pub(super) fn find(root: &Path, is_known: impl Fn(&str) -> bool) -> Result<Vec<String>, Error> {
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
    stale.retain(|path| looks_rendered(path) && !is_known(path));
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
