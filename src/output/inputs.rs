//! Refuses an output folder among the inputs.
//!
//! In: a folder, and what was read. Out: an error when rendered files would lie among definitions,
//! or take their place.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::Error;

/// Refuses a folder that is an input or holds one: rendered files would lie among definitions, or
/// overwrite them.
pub(super) fn refuse(folder: &Path, inputs: &[&Path]) -> Result<(), Error> {
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
