//! The binary as its users run it: exit statuses, standard input and output, formats. What a verb computes is tested beside
//! its code; here is only what shows at the process's edge.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The binary in a folder, with nothing of the environment.
fn ompipe(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
    command.args(arguments).current_dir(folder).env_clear();
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    ompipe(folder, arguments).output().unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// A folder with a new project.
fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["init", "--quiet"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    folder
}

#[test]
fn help_and_version_go_to_stdout_and_wrong_usage_to_stderr() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [["--help"], ["--version"]] {
        let output = run(folder.path(), &arguments);
        assert_eq!((status(&output), stderr(&output)), (0, ""));
        assert!(stdout(&output).contains("ompipe") || stdout(&output).contains("Usage"));
    }
    for arguments in [&[][..], &["frobnicate"], &["explain", "--format", "xml"]] {
        let output = run(folder.path(), arguments);
        assert_eq!((status(&output), stdout(&output)), (2, ""), "{arguments:?}");
        assert!(stderr(&output).contains("--help"), "{arguments:?}");
    }
}

#[test]
fn a_code_is_explained_in_any_case_and_an_unknown_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["explain", "omp0101"]);
    assert_eq!(status(&output), 0);
    assert!(
        stdout(&output).starts_with("# OMP0101"),
        "{}",
        stdout(&output)
    );

    let output = run(folder.path(), &["explain", "OMP9999"]);
    assert_eq!((status(&output), stdout(&output)), (2, ""));
    assert!(stderr(&output).starts_with("Error: ") && stderr(&output).contains("\nHint: "));
}

#[test]
fn a_new_project_names_a_schema_that_is_there_and_is_never_written_over() {
    let folder = project();
    for path in [
        "ompipe.yaml",
        "services/warehouse.yaml",
        "pipelines/warehouse-metadata.yaml",
    ] {
        let path = folder.path().join(path);
        let text = fs::read_to_string(&path).unwrap();
        let modeline = text.lines().next().unwrap();
        let schema = modeline
            .strip_prefix("# yaml-language-server: $schema=")
            .unwrap();
        assert!(path.parent().unwrap().join(schema).is_file(), "{modeline}");
    }
    fs::write(folder.path().join("ompipe.yaml"), "mine\n").unwrap();
    let output = run(folder.path(), &["init"]);
    assert_eq!(status(&output), 2);
    assert!(
        stderr(&output).contains("ompipe.yaml is there already"),
        "{}",
        stderr(&output)
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("ompipe.yaml")).unwrap(),
        "mine\n"
    );
}

#[test]
fn the_schema_of_each_kind_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    for kind in [
        "",
        "IngestionProject",
        "ServiceConnection",
        "IngestionPipeline",
    ] {
        let arguments: Vec<&str> = ["schema", kind]
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let output = run(folder.path(), &arguments);
        assert_eq!(status(&output), 0);
        serde_json::from_str::<serde_json::Value>(stdout(&output)).unwrap();
    }
    assert_eq!(status(&run(folder.path(), &["schema", "Pipeline"])), 2);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = ompipe(folder.path(), &["schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((status(&output), stderr(&output)), (0, ""));
}

#[test]
fn manual_pages_are_written_to_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["man", "pages/man1"]);
    assert_eq!(status(&output), 0);
    assert!(folder.path().join("pages/man1/ompipe.1").is_file());
    assert!(folder.path().join("pages/man1/ompipe-explain.1").is_file());
}

#[test]
fn a_schema_of_openmetadata_is_imported_into_the_project_only() {
    let nowhere = tempfile::tempdir().unwrap();
    let output = run(nowhere.path(), &["spec", "list"]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("Hint: "), "{}", stderr(&output));

    let folder = project();
    let output = run(&folder.path().join("services"), &["spec", "list"]);
    assert_eq!((status(&output), stdout(&output)), (0, ""));
    let mut file = fs::File::create(folder.path().join("odd-1.2.json")).unwrap();
    file.write_all(b"{}").unwrap();
    let output = run(folder.path(), &["spec", "import", "odd-1.2.json"]);
    assert_eq!(status(&output), 2);
    assert!(
        stderr(&output).contains("Caused by: "),
        "{}",
        stderr(&output)
    );
}
