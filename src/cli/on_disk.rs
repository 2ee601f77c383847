//! The name that a path has on the disk.
//!
//! In: a path as it was given, of what is there or not yet. Out: the absolute path without links.

use std::io;
use std::path::{Path, PathBuf};

/// A path by its name on the disk, wherever links lead; what is not there yet by where it would be.
pub(crate) fn on_disk(path: &Path) -> io::Result<PathBuf> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let path = std::path::absolute(path)?;
    for ancestor in path.ancestors() {
        if let (Ok(there), Ok(rest)) =
            (std::fs::canonicalize(ancestor), path.strip_prefix(ancestor))
        {
            return Ok(if rest.as_os_str().is_empty() { there } else { there.join(rest) });
        }
    }
    Ok(path)
}
