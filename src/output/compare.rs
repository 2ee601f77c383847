//! What is to be done to a folder, and what must not be: its files against those of a run.
//!
//! In: the files of a run, those of earlier ones that it no longer has, and whose bytes are whose.
//! Out: a [`Plan`], or findings about files that a person has changed or put there. It reads, and
//! changes nothing.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::file_set::lower_case;
use super::lock::Hash;
use super::{Edits, Error, File, git_attributes, io_error, kustomization};
use crate::diagnostic::{Diagnostic, Diagnostics, code, counted};
use crate::tree::Span;

/// Beyond this many, files of one kind of finding are counted rather than named.
const NAMED: usize = 10;

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan<'f> {
    /// Files that are not there or hold other bytes.
    pub(super) writes: Vec<&'f File>,
    /// Files that an earlier run wrote, this one does not have, and that are there.
    pub(super) removals: Vec<String>,
    /// Files that hold these bytes already.
    pub(super) unchanged: usize,
}

/// What lies in the place of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sight {
    Absent,
    /// The bytes that are to be there.
    Same,
    /// Bytes that ompipe has written, or was about to.
    Ours,
    /// Others, in the place of a file of ompipe's.
    Edited,
    /// Others, where ompipe has written nothing yet.
    Foreign,
    Link,
}

/// Compares the files of a run with what is there. `owned` gives the hashes that a path may have.
pub(super) fn plan<'f>(
    root: &Path,
    files: &[(&'f File, Hash)],
    stale: &[&str],
    owned: impl Fn(&str) -> Vec<Hash> + Sync,
    edits: Edits,
    found: &mut Diagnostics,
) -> Result<Plan<'f>, Error> {
    let paths = files.iter().map(|(file, _)| file.path.as_str()).chain(stale.iter().copied());
    if has_linked_folders(root, paths, found)? {
        return Ok(Plan::default());
    }
    // On a disk that ignores case, a file that is new by its name may be one of these.
    let recased: HashMap<_, _> = stale.iter().map(|path| (lower_case(path), *path)).collect();
    let sights = files.par_iter().map(|(file, hash)| {
        let known = owned(&file.path);
        let Some(former) = recased.get(&lower_case(&file.path)) else {
            return look(root, &file.path, Some((file.text.as_bytes(), hash)), &known);
        };
        // It is removed under its former name, so that it is written whatever it holds.
        let known = [known, owned(former)].concat();
        match look(root, &file.path, Some((file.text.as_bytes(), hash)), &known)? {
            Sight::Same => Ok(Sight::Ours),
            sight => Ok(sight),
        }
    });
    let sights = sights.collect::<Result<Vec<_>, Error>>()?;
    let of_stale = stale.par_iter().map(|path| look(root, path, None, &owned(path)));
    let of_stale = of_stale.collect::<Result<Vec<_>, Error>>()?;

    let mut plan = Plan::default();
    let mut foreign = Vec::new();
    for ((file, _), sight) in files.iter().zip(sights) {
        match (sight, edits) {
            (Sight::Same, _) => plan.unchanged += 1,
            (Sight::Absent | Sight::Ours, _) | (_, Edits::Overwrite) => plan.writes.push(file),
            (Sight::Edited, Edits::Refuse) => found.push(edited(root, file)),
            (Sight::Foreign, Edits::Refuse) => foreign.push(file.path.as_str()),
            (Sight::Link, Edits::Refuse) => found.push(linked_file(root, &file.path)),
        }
    }
    for (path, sight) in stale.iter().zip(of_stale) {
        match (sight, edits) {
            (Sight::Absent | Sight::Foreign, _) => {}
            (Sight::Same | Sight::Ours, _) | (_, Edits::Overwrite) => {
                plan.removals.push((*path).to_owned());
            }
            (Sight::Edited, Edits::Refuse) => found.push(edited_and_stale(root, path)),
            (Sight::Link, Edits::Refuse) => found.push(linked_file(root, path)),
        }
    }
    if !foreign.is_empty() {
        found.push(in_the_way(root, &foreign));
    }
    Ok(plan)
}

/// Looks at one path. `wanted` are the bytes that are to be there.
fn look(
    root: &Path,
    path: &str,
    wanted: Option<(&[u8], &Hash)>,
    known: &[Hash],
) -> Result<Sight, Error> {
    let place = root.join(path);
    let other = if known.is_empty() { Sight::Foreign } else { Sight::Edited };
    let there = match fs::symlink_metadata(&place) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Sight::Absent),
        Err(error) => return Err(io_error("read", &place)(error)),
    };
    if there.is_symlink() {
        return Ok(Sight::Link);
    }
    if there.is_dir() {
        return match wanted {
            Some(_) => Err(Error::FolderInTheWay { path: place }),
            // The file is gone, and what bears its name is not one.
            None => Ok(Sight::Absent),
        };
    }
    // A pipe would be waited for without end.
    if !there.is_file() {
        return Ok(other);
    }
    // What a power cut leaves of a file that was just written; and there is nothing in it to lose.
    if there.len() == 0 && !known.is_empty() && wanted.is_none_or(|(text, _)| !text.is_empty()) {
        return Ok(Sight::Ours);
    }
    let bytes = fs::read(&place).map_err(io_error("read", &place))?;
    if wanted.is_some_and(|(text, _)| text == bytes) {
        return Ok(Sight::Same);
    }
    if known.is_empty() {
        return Ok(Sight::Foreign);
    }
    let hash: Hash = Sha256::digest(&bytes).into();
    Ok(if known.contains(&hash) { Sight::Ours } else { other })
}

/// Whether a folder of these files is a link, which is found wrong: it may lead out of the output
/// folder, and what is written there would be written elsewhere.
pub(super) fn has_linked_folders<'p>(
    root: &Path,
    paths: impl Iterator<Item = &'p str>,
    found: &mut Diagnostics,
) -> Result<bool, Error> {
    let folders: BTreeSet<&str> = paths
        .flat_map(|path| path.match_indices('/').filter_map(|(end, _)| path.get(..end)))
        .collect();
    let folders: Vec<&str> = folders.into_iter().collect();
    let links = folders.par_iter().map(|folder| {
        let place = root.join(folder);
        match fs::symlink_metadata(&place) {
            Ok(there) if there.is_symlink() => Ok(Some(*folder)),
            Ok(there) if there.is_dir() => Ok(None),
            Ok(_) => Err(Error::FileInTheWay { path: place }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error("read", &place)(error)),
        }
    });
    let links = links.collect::<Result<Vec<_>, Error>>()?;
    let mut has_links = false;
    for folder in links.into_iter().flatten() {
        has_links = true;
        found.push(
            Diagnostic::error(
                &code::OUTPUT_LINK,
                Span::NONE,
                format!("the folder {} is a symbolic link", root.join(folder).display()),
            )
            .with_help("remove the link; the files that it leads to are left as they are"),
        );
    }
    Ok(has_links)
}

fn edited(root: &Path, file: &File) -> Diagnostic {
    let path = root.join(&file.path);
    let finding = Diagnostic::error(
        &code::OUTPUT_EDITED,
        file.span,
        format!("{} was edited by hand", path.display()),
    );
    let finding = if file.span.is_some() {
        finding.with_label("it is rendered from this definition")
    } else {
        finding
    };
    finding.with_help(match file.path.as_str() {
        kustomization::NAME => {
            "write a kustomization of your own that has this folder as a resource, and render with \
             `--force`, which overwrites this one"
        }
        git_attributes::NAME => {
            "put the change into the .gitattributes of a folder above, and render with `--force`, \
             which overwrites this one"
        }
        _ => "put the change into the definition, or render with `--force`, which overwrites it",
    })
}

fn edited_and_stale(root: &Path, path: &str) -> Diagnostic {
    let path = root.join(path);
    Diagnostic::error(
        &code::OUTPUT_EDITED,
        Span::NONE,
        format!("{} is no longer rendered, and was edited by hand", path.display()),
    )
    .with_help("move it elsewhere to keep it, or render with `--force`, which removes it")
}

fn linked_file(root: &Path, path: &str) -> Diagnostic {
    let path = root.join(path);
    Diagnostic::error(
        &code::OUTPUT_LINK,
        Span::NONE,
        format!("the file {} is a symbolic link", path.display()),
    )
    .with_help(
        "remove the link, or render with `--force`, which does; what it leads to is left as it is",
    )
}

fn in_the_way(root: &Path, paths: &[&str]) -> Diagnostic {
    let files = counted(paths.len(), "file");
    let mut finding = Diagnostic::error(
        &code::OUTPUT_FOREIGN,
        Span::NONE,
        format!(
            "{files} in {} would be overwritten that ompipe.lock does not list",
            root.display()
        ),
    );
    for path in paths.iter().take(NAMED) {
        finding = finding.with_note(*path);
    }
    if paths.len() > NAMED {
        finding = finding.with_note(format!("and {} more", paths.len() - NAMED));
    }
    finding.with_help(
        "move them elsewhere; or, if an earlier version of ompipe rendered them, take them over \
         with `--force`",
    )
}
