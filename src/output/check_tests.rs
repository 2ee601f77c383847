//! Tests of comparing a folder with what is rendered: it finds just what a render would change.

use super::super::testing::{set, tree, write};
use super::*;

fn checked(folder: &Path, files: &[(&str, &str)]) -> (Option<Checked>, Vec<Diagnostic>) {
    let mut found = Diagnostics::default();
    let before = folder.exists().then(|| tree(folder));
    let checked = check(folder, &set(files), &[], &mut Sources::default(), &mut found).unwrap();
    assert_eq!(folder.exists().then(|| tree(folder)), before, "nothing is written");
    (checked, found.into_sorted())
}

fn differences(folder: &Path, files: &[(&str, &str)]) -> Vec<(String, Change)> {
    let (checked, found) = checked(folder, files);
    assert_eq!(found, []);
    let differences = checked.unwrap().differences.into_iter();
    differences.map(|difference| (difference.path, difference.change)).collect()
}

fn owned(differences: &[(&str, Change)]) -> Vec<(String, Change)> {
    differences.iter().map(|(path, change)| ((*path).to_owned(), *change)).collect()
}

const FILES: &[(&str, &str)] = &[("a/job-a.yaml", "a: 1\n"), ("b/job-b.yaml", "b: 1\n")];

#[test]
fn a_folder_that_was_just_rendered_is_up_to_date() {
    let out = tempfile::tempdir().unwrap();
    write(out.path(), FILES);
    fs::write(out.path().join("README.md"), "by hand").unwrap();
    assert_eq!(differences(out.path(), FILES), []);
}

#[test]
fn what_is_changed_missing_and_surplus_is_told_with_its_diff() {
    let out = tempfile::tempdir().unwrap();
    write(out.path(), FILES);
    let now = &[("a/job-a.yaml", "a: 2\n"), ("c/job-c.yaml", "c: 1\n")];
    let (found, _) = checked(out.path(), now);
    let found = found.unwrap().differences;
    let expected = [
        ("a/job-a.yaml", Change::Changed, Some("-a: 1\n+a: 2\n")),
        ("b/job-b.yaml", Change::Surplus, Some("-b: 1\n")),
        ("c/job-c.yaml", Change::Missing, Some("+c: 1\n")),
        ("kustomization.yaml", Change::Changed, Some("-- b/job-b.yaml\n+- c/job-c.yaml\n")),
        ("ompipe.lock", Change::Changed, None),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, (path, change, diff)) in found.iter().zip(expected) {
        assert_eq!((found.path.as_str(), found.change), (path, change));
        match (&found.diff, diff) {
            (Some(found), Some(end)) => assert!(found.ends_with(end), "{found}"),
            (found, end) => assert_eq!(found.as_deref(), end),
        }
    }
    write(out.path(), now);
    assert_eq!(differences(out.path(), now), []);
}

#[test]
fn an_edit_by_hand_and_a_lost_lock_are_differences() {
    let out = tempfile::tempdir().unwrap();
    write(out.path(), FILES);
    fs::write(out.path().join("b/job-b.yaml"), "by hand\n").unwrap();
    assert_eq!(differences(out.path(), FILES), owned(&[("b/job-b.yaml", Change::Changed)]));
    fs::write(out.path().join("b/job-b.yaml"), "b: 1\n").unwrap();
    fs::remove_file(out.path().join("ompipe.lock")).unwrap();
    fs::remove_file(out.path().join(".gitattributes")).unwrap();
    assert_eq!(
        differences(out.path(), FILES),
        owned(&[(".gitattributes", Change::Missing), ("ompipe.lock", Change::Missing)])
    );
}

#[test]
fn a_folder_that_is_not_there_or_whose_lock_cannot_be_read_is_a_finding() {
    let out = tempfile::tempdir().unwrap();
    let (none, found) = checked(&out.path().join("none"), FILES);
    assert_eq!((none, found[0].code.id), (None, "OMP0642"));
    write(out.path(), FILES);
    fs::write(out.path().join("ompipe.lock"), "<<<<<<< HEAD\n").unwrap();
    let (none, found) = checked(out.path(), FILES);
    assert_eq!((none, found[0].code.id), (None, "OMP0639"));
}

#[cfg(unix)]
#[test]
fn what_a_link_leads_to_is_not_in_the_folder() {
    let (out, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(out.path(), FILES);
    let path = out.path().join("b/job-b.yaml");
    fs::rename(&path, elsewhere.path().join("b")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("b"), &path).unwrap();
    assert_eq!(differences(out.path(), FILES), owned(&[("b/job-b.yaml", Change::Missing)]));
}
