//! Tests of writing a folder, on a real one.

use super::super::testing::{force, refused, set, tree, try_write, write};
use super::*;

#[test]
fn a_folder_gets_every_file_and_what_lists_them() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("new/rendered");
    let (_, written) = write(&out, &[("rbac.yaml", "a: 1\n"), ("p/job-x.yaml", "b: 2\n")]);
    assert_eq!((written.written, written.unchanged), (5, 0));
    let tree = tree(&out);
    assert_eq!(
        tree.keys().collect::<Vec<_>>(),
        [".gitattributes", "kustomization.yaml", "ompipe.lock", "p/", "p/job-x.yaml", "rbac.yaml"]
    );
    assert_eq!(tree["p/job-x.yaml"], "b: 2\n");
    assert!(tree["kustomization.yaml"].ends_with("resources:\n- p/job-x.yaml\n- rbac.yaml\n"));
    let listed: Vec<&str> = tree["ompipe.lock"]
        .lines()
        .filter_map(|line| line.strip_prefix("- {\"path\": \"")?.split('"').next())
        .collect();
    assert_eq!(listed, [".gitattributes", "kustomization.yaml", "p/job-x.yaml", "rbac.yaml"]);
}

#[test]
fn only_what_changed_is_written() {
    let out = tempfile::tempdir().unwrap();
    write(out.path(), &[("a/job-x.yaml", "1\n"), ("b/job-y.yaml", "1\n")]);
    let modified = |path: &str| fs::metadata(out.path().join(path)).unwrap().modified().unwrap();
    let before = ["a/job-x.yaml", "kustomization.yaml"].map(modified);
    let (_, written) = write(out.path(), &[("a/job-x.yaml", "1\n"), ("b/job-y.yaml", "2\n")]);
    // The second file, and the lock that has its hash.
    assert_eq!((written.written, written.unchanged, written.removed), (2, 3, 0));
    assert_eq!(["a/job-x.yaml", "kustomization.yaml"].map(modified), before);
    assert_eq!(tree(out.path())["b/job-y.yaml"], "2\n");
    let lock = modified("ompipe.lock");
    let (_, written) = write(out.path(), &[("a/job-x.yaml", "1\n"), ("b/job-y.yaml", "2\n")]);
    assert_eq!((written.written, written.unchanged), (0, 5));
    assert_eq!(modified("ompipe.lock"), lock);
}

#[test]
fn what_is_no_longer_rendered_is_removed_with_its_folder_and_nothing_else() {
    let out = tempfile::tempdir().unwrap();
    write(
        out.path(),
        &[("a/job-x.yaml", "1\n"), ("b/job-y.yaml", "1\n"), ("c/d/job-z.yaml", "1\n")],
    );
    fs::write(out.path().join("README.md"), "by hand").unwrap();
    fs::write(out.path().join("b/values.yaml"), "by hand").unwrap();
    fs::create_dir(out.path().join("empty")).unwrap();
    let (_, written) = write(out.path(), &[("a/job-x.yaml", "1\n")]);
    assert_eq!((written.removed, written.stale), (2, Vec::<String>::new()));
    assert_eq!(
        tree(out.path()).keys().collect::<Vec<_>>(),
        [
            ".gitattributes",
            "README.md",
            "a/",
            "a/job-x.yaml",
            "b/",
            "b/values.yaml",
            "empty/",
            "kustomization.yaml",
            "ompipe.lock",
        ]
    );
}

#[test]
fn what_the_lock_does_not_list_is_named_and_left() {
    let out = tempfile::tempdir().unwrap();
    write(out.path(), &[("a/job-x.yaml", "1\n")]);
    fs::create_dir(out.path().join("b")).unwrap();
    fs::write(out.path().join("b/job-y.yaml"), "by hand").unwrap();
    let (_, written) = write(out.path(), &[("a/job-x.yaml", "2\n")]);
    assert_eq!(written.stale, ["b/job-y.yaml"]);
    assert_eq!(force(out.path(), &[("a/job-x.yaml", "2\n")]).stale, ["b/job-y.yaml"]);
    assert_eq!(tree(out.path())["b/job-y.yaml"], "by hand");
}

#[test]
fn an_edit_by_hand_is_refused_and_forced_and_one_that_is_rendered_too_is_neither() {
    let out = tempfile::tempdir().unwrap();
    let old = [("a/job-x.yaml", "1\n"), ("b/job-y.yaml", "1\n")];
    write(out.path(), &old);
    fs::write(out.path().join("a/job-x.yaml"), "2\n").unwrap();
    fs::write(out.path().join("b/job-y.yaml"), "2\n").unwrap();
    let found = refused(out.path(), &[("a/job-x.yaml", "3\n")]);
    assert_eq!(found.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["OMP0636", "OMP0636"]);
    assert!(found[0].1.contains("a/job-x.yaml was edited by hand"), "{found:?}");
    assert!(found[1].1.contains("b/job-y.yaml is no longer rendered, and was"), "{found:?}");

    // The definitions say the same by now.
    write(out.path(), &[("a/job-x.yaml", "2\n"), ("b/job-y.yaml", "2\n")]);
    fs::write(out.path().join("a/job-x.yaml"), "3\n").unwrap();
    fs::write(out.path().join("b/job-y.yaml"), "3\n").unwrap();
    let written = force(out.path(), &[("a/job-x.yaml", "4\n")]);
    assert_eq!(written.removed, 1);
    let fresh = tempfile::tempdir().unwrap();
    write(fresh.path(), &[("a/job-x.yaml", "4\n")]);
    assert_eq!(tree(out.path()), tree(fresh.path()));
}

#[test]
fn what_a_person_removed_is_written_again_and_an_emptied_file_too() {
    let out = tempfile::tempdir().unwrap();
    let files = [("a/job-x.yaml", "1\n"), ("b/job-y.yaml", "1\n")];
    write(out.path(), &files);
    let before = tree(out.path());
    fs::remove_dir_all(out.path().join("a")).unwrap();
    fs::write(out.path().join("b/job-y.yaml"), "").unwrap();
    let (_, written) = write(out.path(), &files);
    assert_eq!(written.written, 2);
    assert_eq!(tree(out.path()), before);
}

#[test]
fn a_folder_without_a_lock_is_taken_over_where_it_is_the_same_and_else_by_force() {
    let out = tempfile::tempdir().unwrap();
    write(out.path(), &[("a/job-x.yaml", "1\n"), ("b/job-y.yaml", "1\n")]);
    let before = tree(out.path());
    for name in ["ompipe.lock", ".gitattributes"] {
        fs::remove_file(out.path().join(name)).unwrap();
    }
    let (_, written) = write(out.path(), &[("a/job-x.yaml", "1\n"), ("b/job-y.yaml", "1\n")]);
    assert_eq!((written.written, written.unchanged), (2, 3));
    assert_eq!(tree(out.path()), before);

    fs::remove_file(out.path().join("ompipe.lock")).unwrap();
    let changed = [("a/job-x.yaml", "2\n"), ("b/job-y.yaml", "2\n")];
    let found = refused(out.path(), &changed);
    assert_eq!(found.len(), 1, "one finding for all: {found:?}");
    assert!(found[0].0 == "OMP0637" && found[0].1.starts_with("2 files in "), "{found:?}");
    force(out.path(), &changed);
    write(out.path(), &changed);
}

#[test]
fn a_lock_that_cannot_be_read_is_refused_and_what_of_it_is_whole_counts_by_force() {
    let out = tempfile::tempdir().unwrap();
    let lock = out.path().join("ompipe.lock");
    write(out.path(), &[("a/job-x.yaml", "1\n"), ("b/job-y.yaml", "1\n")]);
    let good = fs::read_to_string(&lock).unwrap();
    let conflict = format!("{good}<<<<<<< HEAD\n=======\n>>>>>>> other\n");
    for (text, code) in [
        (conflict, "OMP0639"),
        (good.replace("sha256", "sha1"), "OMP0640"),
        (String::new(), "OMP0640"),
        (good.replace("lockVersion: 1", "lockVersion: 7"), "OMP0638"),
    ] {
        fs::write(&lock, &text).unwrap();
        assert_eq!(refused(out.path(), &[("a/job-x.yaml", "1\n")])[0].0, code);
    }
    let newer = try_write(Disk::default(), out.path(), &set(&[]), Edits::Overwrite).unwrap();
    assert!(newer.0.is_none(), "a later format is not known, whatever is forced");

    fs::write(&lock, format!("{good}<<<<<<< HEAD\n")).unwrap();
    let written = force(out.path(), &[("a/job-x.yaml", "1\n")]);
    assert_eq!((written.removed, written.stale), (1, vec![]), "the other file was known");
}

#[test]
fn of_a_lock_with_both_sides_of_a_merge_each_file_may_be_of_either() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(ours.path(), &[("a/job-x.yaml", "ours\n"), ("b/job-y.yaml", "1\n")]);
    write(theirs.path(), &[("a/job-x.yaml", "1\n"), ("b/job-y.yaml", "theirs\n")]);
    let lock = |folder: &Path| fs::read_to_string(folder.join("ompipe.lock")).unwrap();
    // What Git's union leaves; both sides of a/job-x.yaml are known, and it has theirs.
    let union = lock(theirs.path()) + &lock(ours.path());
    fs::write(ours.path().join("ompipe.lock"), union).unwrap();
    fs::copy(theirs.path().join("b/job-y.yaml"), ours.path().join("b/job-y.yaml")).unwrap();
    let merged = [("a/job-x.yaml", "merged\n"), ("b/job-y.yaml", "merged\n")];
    write(ours.path(), &merged);
    write(theirs.path(), &merged);
    assert_eq!(tree(ours.path()), tree(theirs.path()));
}

#[test]
fn a_file_whose_name_changes_only_in_case_is_written_under_the_new_one() {
    let out = tempfile::tempdir().unwrap();
    write(out.path(), &[("Sales/job-x.yaml", "1\n"), ("b/job-Y.yaml", "1\n")]);
    write(out.path(), &[("sales/job-x.yaml", "1\n"), ("b/job-y.yaml", "1\n")]);
    let fresh = tempfile::tempdir().unwrap();
    write(fresh.path(), &[("sales/job-x.yaml", "1\n"), ("b/job-y.yaml", "1\n")]);
    assert_eq!(tree(out.path()), tree(fresh.path()));
}

#[test]
fn a_folder_that_is_the_project_or_holds_an_input_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let project = place.path().join("project");
    fs::create_dir_all(project.join("pipelines")).unwrap();
    let input = project.join("pipelines/a.yaml");
    fs::write(&input, "kind: IngestionPipeline\n").unwrap();
    let inputs = [project.as_path(), &input];
    let open = |folder: &Path| {
        let mut found = Diagnostics::default();
        Folder::open(folder, &inputs, Edits::Overwrite, &mut Sources::default(), &mut found)
            .map(|folder| folder.is_some())
    };
    let before = tree(place.path());
    for refused in [
        project.clone(),
        place.path().to_owned(),
        project.join("pipelines"),
        project.join("pipelines/.."),
    ] {
        let error = open(&refused).unwrap_err();
        assert!(matches!(error, Error::HoldsInput { .. }), "{}: {error}", refused.display());
    }
    assert_eq!(tree(place.path()), before);
    assert!(open(&project.join("rendered")).unwrap());
}

#[test]
fn a_failure_leaves_the_old_files_and_no_temporary_ones() {
    let out = tempfile::tempdir().unwrap();
    write(out.path(), &[("a/job-x.yaml", "1\n")]);
    fs::create_dir_all(out.path().join("b/job-y.yaml")).unwrap();
    let before = tree(out.path());
    let files = set(&[("a/job-x.yaml", "2\n"), ("b/job-y.yaml", "2\n")]);
    for edits in [Edits::Refuse, Edits::Overwrite] {
        let error = try_write(Disk::default(), out.path(), &files, edits).err().unwrap();
        assert!(
            matches!(&error, Error::FolderInTheWay { path } if path.ends_with("b/job-y.yaml")),
            "{error}"
        );
        assert_eq!(tree(out.path()), before);
    }
}

#[test]
fn a_file_where_a_folder_should_be_is_said_so() {
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("a"), "").unwrap();
    let files = set(&[("a/job-x.yaml", "1\n")]);
    for folder in [out.path().to_owned(), out.path().join("a")] {
        let result = try_write(Disk::default(), &folder, &files, Edits::Overwrite);
        assert!(matches!(result, Err(Error::FileInTheWay { .. })), "{}", folder.display());
    }
}

#[cfg(unix)]
#[test]
fn links_are_neither_followed_nor_lost() {
    use std::os::unix::fs::symlink;
    let files = [("a/job-x.yaml", "1\n")];
    let link_in_place_of = |path: &str| {
        let place = tempfile::tempdir().unwrap();
        let (out, elsewhere) = (place.path().join("out"), place.path().join("elsewhere"));
        write(&out, &files);
        let path = out.join(path).components().collect::<PathBuf>();
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        (place, out)
    };
    for path in ["a", "a/job-x.yaml", "ompipe.lock", "kustomization.yaml", ""] {
        let (place, out) = link_in_place_of(path);
        let before = tree(place.path());
        for files in [&files[..], &[("a/job-x.yaml", "2\n")], &[]] {
            // The index does not change by the second, but its place is taken all the same.
            let found = refused(&out, files);
            assert_eq!(found[0].0, "OMP0641", "{path}: {found:?}");
            assert!(found[0].1.ends_with("is a symbolic link"), "{found:?}");
        }
        assert_eq!(tree(place.path()), before, "{path}");
    }
    // By force a link in the place of a file is replaced, and its target left.
    let (place, out) = link_in_place_of("a/job-x.yaml");
    force(&out, &[("a/job-x.yaml", "2\n")]);
    assert_eq!(fs::read_to_string(place.path().join("elsewhere")).unwrap(), "1\n");
    assert_eq!(tree(&out)["a/job-x.yaml"], "2\n");
    let (place, out) = link_in_place_of("a");
    let forced = try_write(Disk::default(), &out, &set(&files), Edits::Overwrite).unwrap();
    assert!(forced.0.is_none());
    assert_eq!(tree(&place.path().join("elsewhere"))["job-x.yaml"], "1\n");
}

#[test]
fn the_same_files_come_out_on_any_number_of_threads() {
    let files: Vec<(String, String)> =
        (0..200).map(|n| (format!("p{n}/job-{n}.yaml"), format!("n: {n}\n"))).collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let trees: Vec<_> = [1, 4]
        .into_iter()
        .map(|threads| {
            let out = tempfile::tempdir().unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| write(out.path(), &files));
            tree(out.path())
        })
        .collect();
    assert_eq!(trees[0], trees[1]);
    assert_eq!(trees[0].len(), 403);
}
