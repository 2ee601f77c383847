//! The files of a run before any is written: where each lies, in which order they are applied, and
//! whether two of them would be one on a disk that ignores case.
//!
//! In: the text of each object and its path below the output folder. Out: a [`FileSet`], or
//! findings. It does no I/O.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use rayon::prelude::*;

use super::origin::Origins;
use super::{git_attributes, kustomization, lock, pending};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::source::Sources;
use crate::tree::Span;

/// A file to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Below the output folder, with forward slashes.
    pub path: String,
    /// What it holds.
    pub text: String,
    /// When it is applied among the others: lower first.
    pub(super) order: usize,
    /// The definition it comes from.
    pub(super) span: Span,
    /// That definition's file, as seen from the project's folder; `None` for what comes from
    /// several.
    pub(super) source: Option<String>,
}

/// All files of a run, in apply order, then by path; the index `kustomization.yaml` is made from
/// them.
#[derive(Clone, Default, Debug)]
pub struct FileSet {
    pub(super) files: Vec<File>,
}

impl FileSet {
    /// Takes the objects' texts, each with its path (`Manifest::file_name`), its place in the apply
    /// order and the definition that it comes from. Objects that share a path share a file, in the
    /// order given. `project` is the project's folder, from which the lock names definitions.
    ///
    /// A path that leads out of the folder, and two that differ only in case, are findings.
    pub fn new(
        objects: impl IntoIterator<Item = (String, usize, Span, String)>,
        sources: &Sources,
        project: Option<&Path>,
        found: &mut Diagnostics,
    ) -> Self {
        let mut origins = Origins::new(sources, project);
        let mut files: Vec<File> = objects
            .into_iter()
            .map(|(path, order, span, text)| {
                let source = origins.of(span);
                File { path, text, order, span, source }
            })
            .collect();
        files.par_sort_by(|one, other| (one.order, &one.path).cmp(&(other.order, &other.path)));
        let files = share(files);
        check(files.iter().map(|file| (file.path.as_str(), file.span)), found);
        Self { files }
    }

    /// The files, in apply order; without the index.
    pub fn files(&self) -> &[File] {
        &self.files
    }
}

impl File {
    /// A file that belongs to the folder as a whole.
    pub(super) fn of_folder(path: &str, text: String) -> Self {
        Self { path: path.to_owned(), text, order: usize::MAX, span: Span::NONE, source: None }
    }
}

/// Puts the texts of one path into one file, at the place of the first of them.
fn share(files: Vec<File>) -> Vec<File> {
    let mut firsts: HashMap<&str, usize> = HashMap::with_capacity(files.len());
    let mut count = 0;
    let places = files.iter().map(|file| {
        *firsts.entry(file.path.as_str()).or_insert_with(|| {
            count += 1;
            count - 1
        })
    });
    let places = places.collect::<Vec<_>>();
    let mut shared: Vec<File> = Vec::with_capacity(count);
    for (file, place) in files.into_iter().zip(places) {
        match shared.get_mut(place) {
            Some(first) => {
                first.text.push_str("---\n");
                first.text.push_str(&file.text);
            }
            None => shared.push(file),
        }
    }
    shared
}

/// Finds the paths that cannot be used, and those that would be one on a disk that ignores case.
pub(super) fn check<'p>(
    files: impl ExactSizeIterator<Item = (&'p str, Span)>,
    found: &mut Diagnostics,
) {
    // Of folders and files alike: `Sales/x.yaml` and `sales/y.yaml` would share a folder.
    let mut seen: HashMap<Cow<'_, str>, (&str, Span)> = HashMap::with_capacity(2 * files.len());
    for (path, span) in files {
        let why = is_reserved(path)
            .then_some("is that of a file which ompipe keeps for itself")
            .or_else(|| leads_astray(path));
        if let Some(why) = why {
            found.push(Diagnostic::error(
                &code::OUTPUT_PATH,
                span,
                format!("the file name `{}` {why}", path.escape_debug()),
            ));
            continue;
        }
        for end in ends(path) {
            let part = path.get(..end).unwrap_or_default();
            let (first, first_span) = *seen.entry(lower_case(part)).or_insert((part, span));
            if first != part {
                found.push(
                    Diagnostic::error(
                        &code::OUTPUT_PATH,
                        span,
                        format!("the file names `{first}` and `{part}` differ only in case"),
                    )
                    .with_label("on macOS and Windows one would overwrite the other")
                    .with_related(first_span, "the other one comes from here")
                    .with_help("rename one of the two"),
                );
                break;
            }
        }
    }
}

/// A text as a disk compares it that ignores case.
pub(super) fn lower_case(text: &str) -> Cow<'_, str> {
    let is_lower = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if text.bytes().all(is_lower) { text.into() } else { text.to_lowercase().into() }
}

/// Where each folder of a path ends, and the path itself.
fn ends(path: &str) -> impl Iterator<Item = usize> {
    path.match_indices('/').map(|(at, _)| at).chain(std::iter::once(path.len()))
}

/// Whether a path begins with a name that the folder as a whole needs, in any case.
fn is_reserved(path: &str) -> bool {
    let first = lower_case(path.split('/').next().unwrap_or_default());
    [kustomization::NAME, lock::NAME, git_attributes::NAME, pending::NAME, ".git"]
        .contains(&first.as_ref())
}

/// Why a path must be neither written to nor removed; `None` for a good one.
pub(super) fn leads_astray(path: &str) -> Option<&'static str> {
    path.split('/').find_map(|part| {
        if part.is_empty() || part == "." || part == ".." {
            Some("would lead out of the output folder")
        } else if part.contains(['\\', ':']) || part.chars().any(char::is_control) {
            Some("holds a character that file systems read differently")
        } else if part.len() > 255 {
            Some("is longer than the 255 bytes of a file name")
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[(&str, usize)]) -> (FileSet, Vec<String>) {
        let mut found = Diagnostics::default();
        let objects = paths
            .iter()
            .map(|(path, order)| ((*path).to_owned(), *order, Span::NONE, format!("of: {path}\n")));
        let set = FileSet::new(objects, &Sources::default(), None, &mut found);
        (set, found.iter().map(|diagnostic| diagnostic.message.clone()).collect())
    }

    #[test]
    fn files_come_in_apply_order_then_by_path() {
        let (set, found) = set(&[
            ("b/cronjob.yaml", 2),
            ("b/configmap.yaml", 1),
            ("a/configmap.yaml", 1),
            ("rbac.yaml", 0),
        ]);
        assert!(found.is_empty());
        let paths: Vec<&str> = set.files().iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["rbac.yaml", "a/configmap.yaml", "b/configmap.yaml", "b/cronjob.yaml"]);
    }

    #[test]
    fn objects_of_one_path_share_a_file() {
        let (set, _) = set(&[("rbac.yaml", 1), ("rbac.yaml", 0)]);
        assert_eq!(set.files().len(), 1);
        assert_eq!(set.files()[0].text, "of: rbac.yaml\n---\nof: rbac.yaml\n");
    }

    #[test]
    fn a_path_never_leads_out_of_the_folder() {
        for path in [
            "../a.yaml",
            "a/../../b.yaml",
            "/etc/a.yaml",
            "a//b.yaml",
            "./a.yaml",
            "a\\b.yaml",
            "c:a.yaml",
            "a\0.yaml",
            "kustomization.yaml",
            "Kustomization.yaml",
            "ompipe.lock",
            ".gitattributes/a.yaml",
            ".ompipe-pending/a.yaml",
            ".git/config",
        ] {
            assert_eq!(set(&[(path, 0)]).1.len(), 1, "{path}");
        }
        assert!(set(&[("a/configmap-..b.yaml", 0)]).1.is_empty());
    }

    #[test]
    fn names_that_differ_only_in_case_are_refused() {
        assert_eq!(
            set(&[("Sales/a.yaml", 0), ("sales/b.yaml", 0)]).1,
            ["the file names `Sales` and `sales` differ only in case"]
        );
        assert_eq!(set(&[("a/X.yaml", 0), ("a/x.yaml", 0)]).1.len(), 1);
        assert!(set(&[("a/x.yaml", 0), ("b/x.yaml", 0)]).1.is_empty());
    }
}
