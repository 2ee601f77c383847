//! Tests of changing a folder file by file: it is what a whole render of the same files gives.

use std::path::Path;

use super::super::testing::{set, tree, write};
use super::*;
use crate::diagnostic::Diagnostic;

fn update(
    folder: &mut RenderedFolder,
    changed: &[(&str, &str)],
    removed: &[&str],
) -> (Update, Vec<Diagnostic>) {
    let mut found = Diagnostics::default();
    let removed: Vec<String> = removed.iter().map(|path| (*path).to_owned()).collect();
    let done = folder.update(&set(changed), &removed, Edits::Refuse, &mut found).unwrap();
    (done, found.into_sorted())
}

fn fresh(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    let out = tempfile::tempdir().unwrap();
    write(out.path(), files);
    tree(out.path())
}

fn counts(update: &Update) -> (usize, usize) {
    match update {
        Update::Written(written) => (written.written, written.removed),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_change_gives_the_folder_that_a_whole_render_gives() {
    let out = tempfile::tempdir().unwrap();
    let (mut folder, _) = write(out.path(), &[("a/job-a.yaml", "1\n"), ("b/job-b.yaml", "1\n")]);

    let (done, _) = update(&mut folder, &[("a/job-a.yaml", "2\n")], &[]);
    assert_eq!(counts(&done), (2, 0), "the file and the lock");
    assert_eq!(tree(out.path()), fresh(&[("a/job-a.yaml", "2\n"), ("b/job-b.yaml", "1\n")]));

    let (done, _) = update(&mut folder, &[("c/job-c.yaml", "1\n")], &["b/job-b.yaml"]);
    assert_eq!(counts(&done), (3, 1), "the file, the index and the lock");
    assert_eq!(tree(out.path()), fresh(&[("a/job-a.yaml", "2\n"), ("c/job-c.yaml", "1\n")]));

    let (done, _) = update(&mut folder, &[("a/job-a.yaml", "2\n")], &["never/was.yaml"]);
    assert_eq!(counts(&done), (0, 0));
    // In one change a path may go and come.
    let (done, _) = update(&mut folder, &[("a/job-a.yaml", "3\n")], &["a/job-a.yaml"]);
    assert_eq!(counts(&done).1, 0);
    assert_eq!(tree(out.path()), fresh(&[("a/job-a.yaml", "3\n"), ("c/job-c.yaml", "1\n")]));
}

#[test]
fn an_edit_by_hand_is_refused_and_the_change_can_be_made_later() {
    let out = tempfile::tempdir().unwrap();
    let (mut folder, _) = write(out.path(), &[("a/job-a.yaml", "1\n"), ("b/job-b.yaml", "1\n")]);
    let path = out.path().join("a/job-a.yaml");
    fs::write(&path, "by hand\n").unwrap();
    let before = tree(out.path());
    let (done, found) = update(&mut folder, &[("a/job-a.yaml", "2\n")], &["b/job-b.yaml"]);
    assert_eq!((done, found[0].code.id), (Update::Refused, "OMP0636"));
    assert_eq!(tree(out.path()), before);
    // Of files that are not part of the change nothing is asked.
    let (done, _) = update(&mut folder, &[("b/job-b.yaml", "2\n")], &[]);
    assert_eq!(counts(&done).0, 2);

    fs::write(&path, "1\n").unwrap();
    let (done, _) = update(&mut folder, &[("a/job-a.yaml", "2\n")], &["b/job-b.yaml"]);
    assert_eq!(counts(&done), (3, 1));
    assert_eq!(tree(out.path()), fresh(&[("a/job-a.yaml", "2\n")]));
}

#[test]
fn a_name_that_clashes_with_any_other_is_refused() {
    let out = tempfile::tempdir().unwrap();
    let (mut folder, _) = write(out.path(), &[("Sales/job-a.yaml", "1\n")]);
    let (done, found) = update(&mut folder, &[("sales/job-b.yaml", "1\n")], &[]);
    assert_eq!((done, found[0].code.id), (Update::Refused, "OMP0634"));
    let (done, _) = update(&mut folder, &[("sales/job-b.yaml", "1\n")], &["Sales/job-a.yaml"]);
    assert_eq!(counts(&done), (3, 1));
    assert_eq!(tree(out.path()), fresh(&[("sales/job-b.yaml", "1\n")]));
}

#[test]
fn a_folder_that_somebody_else_has_written_to_is_outdated() {
    let out = tempfile::tempdir().unwrap();
    let files = [("a/job-a.yaml", "1\n")];
    let outdated = |change: &dyn Fn(&Path)| {
        let (mut folder, _) = write(out.path(), &files);
        change(out.path());
        let (done, found) = update(&mut folder, &[("a/job-a.yaml", "2\n")], &[]);
        assert_eq!((done, found), (Update::Outdated, vec![]));
    };
    outdated(&|out| {
        write(out, &[("a/job-a.yaml", "3\n")]);
    });
    outdated(&|out| fs::remove_file(out.join("ompipe.lock")).unwrap());
    outdated(&|out| {
        // A write that was killed.
        fs::create_dir(out.join(".ompipe-pending")).unwrap();
    });
}
