//! The files of a run before any is written: where each lies, in which order they are applied, and
//! whether two of them would be one on a disk that ignores case.
//!
//! In: the text of each object and its path below the output folder. Out: a [`FileSet`], or
//! findings. It does no I/O.

use std::borrow::Cow;
use std::collections::HashMap;

use rayon::prelude::*;

use super::kustomization;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::tree::Span;

/// A file to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Below the output folder, with forward slashes.
    pub path: String,
    /// What it holds.
    pub text: String,
    /// When it is applied among the others: lower first.
    order: usize,
    /// The definition it comes from.
    span: Span,
}

/// All files of a run, in apply order, then by path; the index `kustomization.yaml` is made from
/// them.
#[derive(Clone, Default, Debug)]
pub struct FileSet {
    files: Vec<File>,
}

impl FileSet {
    /// Takes the objects' texts, each with its path (`Manifest::file_name`), its place in the apply
    /// order and the definition that it comes from. Objects that share a path share a file, in the
    /// order given.
    ///
    /// A path that leads out of the folder, and two that differ only in case, are findings.
    pub fn new(
        objects: impl IntoIterator<Item = (String, usize, Span, String)>,
        found: &mut Diagnostics,
    ) -> Self {
        let mut files: Vec<File> = objects
            .into_iter()
            .map(|(path, order, span, text)| File { path, text, order, span })
            .collect();
        files.par_sort_by(|one, other| (one.order, &one.path).cmp(&(other.order, &other.path)));
        let files = share(files);
        check(&files, found);
        Self { files }
    }

    /// The files, in apply order; without the index.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The index that lists them all, for `kubectl apply -k`, Argo CD and Flux.
    pub(super) fn index(&self) -> File {
        File {
            path: kustomization::NAME.to_owned(),
            text: kustomization::text(self.files.iter().map(|file| file.path.as_str())),
            order: usize::MAX,
            span: Span::NONE,
        }
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

fn check(files: &[File], found: &mut Diagnostics) {
    // Of folders and files alike: `Sales/x.yaml` and `sales/y.yaml` would share a folder.
    let mut seen: HashMap<Cow<'_, str>, (&str, Span)> = HashMap::with_capacity(2 * files.len());
    for file in files {
        if let Some(why) = unsafe_path(&file.path) {
            found.push(Diagnostic::error(
                &code::OUTPUT_PATH,
                file.span,
                format!("the file name `{}` {why}", file.path.escape_debug()),
            ));
            continue;
        }
        for end in ends(&file.path) {
            let part = file.path.get(..end).unwrap_or_default();
            let (first, first_span) = *seen.entry(lower_case(part)).or_insert((part, file.span));
            if first != part {
                found.push(
                    Diagnostic::error(
                        &code::OUTPUT_PATH,
                        file.span,
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

fn lower_case(text: &str) -> Cow<'_, str> {
    let is_lower = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if text.bytes().all(is_lower) { text.into() } else { text.to_lowercase().into() }
}

/// Where each folder of a path ends, and the path itself.
fn ends(path: &str) -> impl Iterator<Item = usize> {
    path.match_indices('/').map(|(at, _)| at).chain(std::iter::once(path.len()))
}

/// Why a path must not be written to; `None` for a good one.
fn unsafe_path(path: &str) -> Option<&'static str> {
    if path == kustomization::NAME || path == "ompipe.lock" {
        return Some("is that of a file which ompipe keeps for itself");
    }
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
        let set = FileSet::new(objects, &mut found);
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
        assert!(set.index().text.ends_with(
            "resources:\n- rbac.yaml\n- a/configmap.yaml\n- b/configmap.yaml\n- b/cronjob.yaml\n"
        ));
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
