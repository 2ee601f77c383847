//! Crashes: a write that ends before any single change of the disk, on real folders, and what the
//! next write makes of it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::disk::{BeforeChange, Change, Disk};
use super::testing::{set, tree, try_write, write};
use super::{Edits, RenderedFolder};
use crate::diagnostic::Diagnostics;

type Files = [(&'static str, &'static str)];

const NONE: &Files = &[];
const FIRST: &Files = &[
    ("rbac.yaml", "rbac: 1\n"),
    ("a/configmap-a.yaml", "a: 1\n"),
    ("a/cronjob-a.yaml", "a: 1\n"),
    ("b/configmap-b.yaml", "b: 1\n"),
    ("d/configmap-d.yaml", "d: 1\n"),
];
/// One is changed, one removed alone, one removed with its folder, one new in a folder of its own.
const SECOND: &Files = &[
    ("rbac.yaml", "rbac: 1\n"),
    ("a/configmap-a.yaml", "a: 2\n"),
    ("c/configmap-c.yaml", "c: 2\n"),
    ("d/configmap-d.yaml", "d: 1\n"),
];
/// Changed again; what was new is gone, what was gone is back and has changed.
const THIRD: &Files = &[
    ("rbac.yaml", "rbac: 3\n"),
    ("a/configmap-a.yaml", "a: 3\n"),
    ("a/cronjob-a.yaml", "a: 3\n"),
    ("b/configmap-b.yaml", "b: 3\n"),
];

/// What a person keeps in the folder, some of it in folders of rendered files.
const BY_HAND: [(&str, &str); 3] =
    [("README.md", "mine\n"), ("b/notes.md", "mine\n"), ("c/notes.md", "mine\n")];

/// Counts down with each change, and dies at 0: neither that change is made nor any after it.
#[derive(Clone)]
struct Fuse(Arc<AtomicUsize>);

const NEVER: usize = usize::MAX;

impl Fuse {
    fn new(changes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(changes)))
    }

    fn set(&self, changes: usize) {
        self.0.store(changes, Ordering::SeqCst);
    }

    fn has_blown(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }

    fn disk(&self) -> Disk {
        let left = Arc::clone(&self.0);
        let before: BeforeChange = Arc::new(move |change, path: &Path| {
            match left.load(Ordering::SeqCst) {
                NEVER => return Ok(()),
                0 => return Err(io::Error::other("dead")),
                1 if change == Change::Write => {
                    // Half of what was to be written may be there.
                    fs::write(path, "- {\"path\": \"a/configm").unwrap();
                }
                _ => {}
            }
            if left.fetch_sub(1, Ordering::SeqCst) == 1 {
                return Err(io::Error::other("killed"));
            }
            Ok(())
        });
        Disk::stopping(before)
    }
}

/// A folder with what a person keeps in it, and these files.
fn folder_with(files: &Files) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("out");
    for (path, text) in BY_HAND {
        fs::create_dir_all(out.join(path).parent().unwrap()).unwrap();
        fs::write(out.join(path), text).unwrap();
    }
    if !files.is_empty() {
        write(&out, files);
    }
    place
}

/// What a fresh render gives, beside what a person keeps.
fn fresh(files: &Files) -> BTreeMap<String, String> {
    let place = folder_with(NONE);
    write(&place.path().join("out"), files);
    tree(place.path())
}

/// A write that dies before its change of this number, from 1; whether it did.
fn crash(place: &Path, files: &Files, number: usize) -> bool {
    let fuse = Fuse::new(number);
    let result = try_write(fuse.disk(), &place.join("out"), &set(files), Edits::Refuse);
    assert!(fuse.has_blown() || result.is_ok());
    fuse.has_blown()
}

/// Nothing of a person's is gone, and every rendered file is one of these, whole.
fn assert_whole(place: &Path, of: &[&Files]) {
    let tree = tree(&place.join("out"));
    for (path, text) in BY_HAND {
        assert_eq!(tree[path], text);
    }
    for (path, text) in tree {
        let known = |files: &&Files| files.contains(&(path.as_str(), text.as_str()));
        let is_rendered = path.ends_with(".yaml") && path != "kustomization.yaml";
        let is_pending = path.starts_with(".ompipe-pending/");
        assert!(!is_rendered || is_pending || of.iter().any(known), "{path}");
    }
}

/// Nothing found wrong, and the folder is what a fresh render gives.
fn assert_heals(place: &Path, files: &Files, after: &str) {
    let written = try_write(Disk::default(), &place.join("out"), &set(files), Edits::Refuse);
    let (written, found) = written.unwrap();
    assert_eq!(found, [], "{after}");
    assert_eq!(tree(place), fresh(files), "{after}");
    assert!(written.is_some());
}

/// On one thread, so that the order of changes is the same each time.
fn one_thread(test: impl FnOnce() + Send) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(test);
}

#[test]
fn a_write_that_dies_at_any_change_is_healed_by_the_same_and_by_other_definitions() {
    one_thread(|| {
        for before in [NONE, FIRST, THIRD] {
            let mut number = 1;
            while crash(folder_with(before).path(), SECOND, number) {
                for next in [SECOND, THIRD, FIRST, NONE] {
                    let place = folder_with(before);
                    crash(place.path(), SECOND, number);
                    assert_whole(place.path(), &[before, SECOND]);
                    assert_heals(place.path(), next, &format!("change {number}"));
                }
                number += 1;
            }
            assert!(number > 12, "only {number} changes were made");
        }
    });
}

#[test]
fn a_write_that_dies_healing_another_is_healed() {
    one_thread(|| {
        let mut first = 1;
        while crash(folder_with(FIRST).path(), SECOND, first) {
            let mut second = 1;
            loop {
                let place = folder_with(FIRST);
                crash(place.path(), SECOND, first);
                let died = crash(place.path(), THIRD, second);
                assert_whole(place.path(), &[FIRST, SECOND, THIRD]);
                let next = [FIRST, SECOND, THIRD][second % 3];
                assert_heals(place.path(), next, &format!("changes {first} and {second}"));
                if !died {
                    break;
                }
                second += 1;
            }
            first += 1;
        }
        assert!(first > 12, "only {first} changes were made");
    });
}

#[test]
fn what_a_person_writes_after_a_crash_is_found_and_kept() {
    one_thread(|| {
        let mut number = 1;
        loop {
            let place = folder_with(FIRST);
            let died = crash(place.path(), SECOND, number);
            let path = place.path().join("out/a/configmap-a.yaml");
            fs::write(&path, "by hand\n").unwrap();
            let out = place.path().join("out");
            let written = try_write(Disk::default(), &out, &set(THIRD), Edits::Refuse);
            let (written, found) = written.unwrap();
            assert!(written.is_none());
            assert_eq!(found[0].code.id, "OMP0636", "change {number}");
            assert_eq!(fs::read_to_string(&path).unwrap(), "by hand\n");
            if !died {
                break;
            }
            number += 1;
        }
    });
}

/// Changes a folder that holds [`FIRST`] to [`SECOND`], as the one that watches does.
fn update(folder: &mut RenderedFolder) {
    let changed = set(&[SECOND[1], SECOND[2]]);
    let removed = ["a/cronjob-a.yaml", "b/configmap-b.yaml"].map(str::to_owned);
    // Whether it died is told by the fuse.
    let _ = folder.update(&changed, &removed, Edits::Refuse, &mut Diagnostics::default());
}

#[test]
fn a_change_of_single_files_that_dies_is_healed_too() {
    one_thread(|| {
        let mut number = 1;
        loop {
            let mut died = true;
            for next in [FIRST, SECOND, THIRD] {
                let place = folder_with(FIRST);
                let fuse = Fuse::new(NEVER);
                let out = place.path().join("out");
                let written = try_write(fuse.disk(), &out, &set(FIRST), Edits::Refuse).unwrap();
                let (mut folder, _) = written.0.unwrap();
                fuse.set(number);
                update(&mut folder);
                died &= fuse.has_blown();
                assert_whole(place.path(), &[FIRST, SECOND]);
                // The folder in memory knows that it is not what the disk has.
                fuse.set(NEVER);
                if died {
                    update(&mut folder);
                    assert_whole(place.path(), &[FIRST, SECOND]);
                }
                assert_heals(place.path(), next, &format!("change {number}"));
            }
            if !died {
                break;
            }
            number += 1;
        }
        assert!(number > 8, "only {number} changes were made");
    });
}

#[test]
fn a_disk_that_is_full_while_files_are_prepared_leaves_the_folder_as_it_was() {
    one_thread(|| {
        let writes = [
            ".ompipe-pending/lock-0",
            ".ompipe-pending/0",
            ".ompipe-pending/1",
            ".ompipe-pending/2",
        ];
        for full_at in writes {
            let place = folder_with(FIRST);
            let before = tree(place.path());
            let disk = Disk::stopping(Arc::new(move |change, path: &Path| {
                let is_full = change == Change::Write && path.ends_with(full_at);
                if is_full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
            }));
            let out = place.path().join("out");
            let error = try_write(disk, &out, &set(SECOND), Edits::Refuse).err().unwrap();
            assert!(error.to_string().starts_with("failed to write "), "{error}");
            assert_eq!(tree(place.path()), before, "{full_at}");
        }
    });
}
