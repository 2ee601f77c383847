//! Tests of writing a folder, on a real one.

use super::*;
use crate::diagnostic::Diagnostics;
use crate::tree::Span;

fn set(files: &[(&str, &str)]) -> FileSet {
    let mut found = Diagnostics::default();
    let objects =
        files.iter().map(|(path, text)| ((*path).to_owned(), 0, Span::NONE, (*text).to_owned()));
    let set = FileSet::new(objects, &mut found);
    assert!(found.is_empty(), "{found:?}");
    set
}

/// Every file below a folder with what it holds.
fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let (files, folders) = list(folder).unwrap();
    for file in files {
        let text = fs::read_to_string(folder.join(&file)).unwrap();
        all.insert(file, text);
    }
    for inner in folders {
        for (path, text) in tree(&folder.join(&inner)) {
            all.insert(format!("{inner}/{path}"), text);
        }
    }
    all
}

#[test]
fn a_folder_gets_every_file_and_the_index() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("new/rendered");
    let written =
        write_folder(&out, &set(&[("rbac.yaml", "a: 1\n"), ("p/job-x.yaml", "b: 2\n")]), &[])
            .unwrap();
    assert_eq!((written.written, written.unchanged), (3, 0));
    let tree = tree(&out);
    assert_eq!(
        tree.keys().collect::<Vec<_>>(),
        ["kustomization.yaml", "p/job-x.yaml", "rbac.yaml"]
    );
    assert_eq!(tree["p/job-x.yaml"], "b: 2\n");
    assert!(tree["kustomization.yaml"].ends_with("resources:\n- p/job-x.yaml\n- rbac.yaml\n"));
}

#[test]
fn only_what_changed_is_written() {
    let out = tempfile::tempdir().unwrap();
    write_folder(out.path(), &set(&[("a/job-x.yaml", "1\n"), ("b/job-y.yaml", "1\n")]), &[])
        .unwrap();
    let before = fs::metadata(out.path().join("a/job-x.yaml")).unwrap().modified().unwrap();
    let written =
        write_folder(out.path(), &set(&[("a/job-x.yaml", "1\n"), ("b/job-y.yaml", "2\n")]), &[])
            .unwrap();
    assert_eq!((written.written, written.unchanged), (1, 2));
    assert_eq!(fs::metadata(out.path().join("a/job-x.yaml")).unwrap().modified().unwrap(), before);
    assert_eq!(tree(out.path())["b/job-y.yaml"], "2\n");
}

#[test]
fn what_this_run_did_not_write_is_named_and_left() {
    let out = tempfile::tempdir().unwrap();
    write_folder(out.path(), &set(&[("a/job-x.yaml", "1\n"), ("b/job-y.yaml", "1\n")]), &[])
        .unwrap();
    fs::write(out.path().join("README.md"), "by hand").unwrap();
    fs::write(out.path().join("a/values.yaml"), "by hand").unwrap();
    let written = write_folder(out.path(), &set(&[("a/job-x.yaml", "1\n")]), &[]).unwrap();
    assert_eq!(written.stale, ["b/job-y.yaml"]);
    assert_eq!(tree(out.path())["b/job-y.yaml"], "1\n");
}

#[test]
fn a_folder_that_is_the_project_or_holds_an_input_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let project = place.path().join("project");
    fs::create_dir_all(project.join("pipelines")).unwrap();
    let input = project.join("pipelines/a.yaml");
    fs::write(&input, "kind: IngestionPipeline\n").unwrap();
    let inputs = [project.as_path(), &input];
    for refused in [
        project.clone(),
        place.path().to_owned(),
        project.join("pipelines"),
        project.join("pipelines/.."),
    ] {
        let error = write_folder(&refused, &set(&[("a/job-x.yaml", "1\n")]), &inputs).unwrap_err();
        assert!(matches!(error, Error::HoldsInput { .. }), "{}: {error}", refused.display());
    }
    assert_eq!(tree(place.path()).len(), 1);
    write_folder(&project.join("rendered"), &set(&[("a/job-x.yaml", "1\n")]), &inputs).unwrap();
}

#[test]
fn a_failure_leaves_the_old_files_and_no_temporary_ones() {
    let out = tempfile::tempdir().unwrap();
    write_folder(out.path(), &set(&[("a/job-x.yaml", "1\n")]), &[]).unwrap();
    fs::create_dir_all(out.path().join("b/job-y.yaml")).unwrap();
    let before = tree(out.path());
    let error =
        write_folder(out.path(), &set(&[("a/job-x.yaml", "2\n"), ("b/job-y.yaml", "2\n")]), &[])
            .unwrap_err();
    assert!(
        matches!(&error, Error::FolderInTheWay { path } if path.ends_with("b/job-y.yaml")),
        "{error}"
    );
    assert_eq!(tree(out.path()), before);
}

#[test]
fn a_file_where_a_folder_should_be_is_said_so() {
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("a"), "").unwrap();
    let files = set(&[("a/job-x.yaml", "1\n")]);
    assert!(matches!(write_folder(out.path(), &files, &[]), Err(Error::FileInTheWay { .. })));
    assert!(matches!(
        write_folder(&out.path().join("a"), &files, &[]),
        Err(Error::FileInTheWay { .. })
    ));
}

#[cfg(unix)]
#[test]
fn a_link_to_elsewhere_is_not_followed() {
    let place = tempfile::tempdir().unwrap();
    let (out, elsewhere) = (place.path().join("out"), place.path().join("elsewhere"));
    fs::create_dir_all(&out).unwrap();
    fs::create_dir_all(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, out.join("a")).unwrap();
    let error = write_folder(&out, &set(&[("a/job-x.yaml", "1\n")]), &[]).unwrap_err();
    assert!(matches!(error, Error::Link { .. }), "{error}");
    assert!(tree(&elsewhere).is_empty());

    // A link in the place of a file is replaced, not written through.
    fs::remove_file(out.join("a")).unwrap();
    fs::create_dir_all(out.join("a")).unwrap();
    fs::write(elsewhere.join("kept"), "kept").unwrap();
    std::os::unix::fs::symlink(elsewhere.join("kept"), out.join("a/job-x.yaml")).unwrap();
    write_folder(&out, &set(&[("a/job-x.yaml", "1\n")]), &[]).unwrap();
    assert_eq!(fs::read_to_string(elsewhere.join("kept")).unwrap(), "kept");
    assert_eq!(fs::read_to_string(out.join("a/job-x.yaml")).unwrap(), "1\n");
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
            pool.install(|| write_folder(out.path(), &set(&files), &[])).unwrap();
            tree(out.path())
        })
        .collect();
    assert_eq!(trees[0], trees[1]);
    assert_eq!(trees[0].len(), 201);
}
