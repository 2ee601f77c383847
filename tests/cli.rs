//! The binary as its users run it: exit statuses, standard input and output, formats. What a verb
//! computes is tested beside its code; here is only what shows at the process's edge.
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

/// The same, with a text on standard input.
fn run_with(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = ompipe(folder, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
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
    assert!(stdout(&output).starts_with("# OMP0101"), "{}", stdout(&output));

    let output = run(folder.path(), &["explain", "OMP9999"]);
    assert_eq!((status(&output), stdout(&output)), (2, ""));
    assert!(stderr(&output).starts_with("Error: ") && stderr(&output).contains("\nHint: "));
}

#[test]
fn a_value_of_a_pipeline_is_explained_by_the_line_that_set_it() {
    let folder = project();
    let output = run(folder.path(), &["explain", "warehouse-metadata", "database"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).contains("database: analytics  # services/warehouse.yaml:18"));
    for arguments in
        [["explain", "warehouse", "schedule"], ["explain", "warehouse-metadata", "shedule"]]
    {
        let output = run(folder.path(), &arguments);
        assert_eq!((status(&output), stdout(&output)), (2, ""));
        assert!(stderr(&output).contains("\nHint: "), "{}", stderr(&output));
    }
    // Elsewhere there is no project.
    let output = run(&std::env::temp_dir(), &["explain", "warehouse-metadata"]);
    assert_eq!(status(&output), 2);
}

#[test]
fn a_new_project_names_a_schema_that_is_there_and_is_never_written_over() {
    let folder = project();
    for path in ["ompipe.yaml", "services/warehouse.yaml", "pipelines/warehouse-metadata.yaml"] {
        let path = folder.path().join(path);
        let text = fs::read_to_string(&path).unwrap();
        let modeline = text.lines().next().unwrap();
        let schema = modeline.strip_prefix("# yaml-language-server: $schema=").unwrap();
        assert!(path.parent().unwrap().join(schema).is_file(), "{modeline}");
    }
    fs::write(folder.path().join("ompipe.yaml"), "mine\n").unwrap();
    let output = run(folder.path(), &["init"]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("ompipe.yaml is there already"), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(folder.path().join("ompipe.yaml")).unwrap(), "mine\n");
}

#[test]
fn the_schema_of_each_kind_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["", "IngestionProject", "ServiceConnection", "IngestionPipeline"] {
        let arguments: Vec<&str> =
            ["schema", kind].into_iter().filter(|word| !word.is_empty()).collect();
        let output = run(folder.path(), &arguments);
        assert_eq!(status(&output), 0);
        serde_json::from_str::<serde_json::Value>(stdout(&output)).unwrap();
    }
    assert_eq!(status(&run(folder.path(), &["schema", "Pipeline"])), 2);
}

/// Runs a verb whose stdout is closed before it writes.
fn assert_no_error_when_nobody_reads(folder: &Path, verb: &str) {
    let mut child =
        ompipe(folder, &[verb]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((status(&output), stderr(&output)), (0, ""));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    assert_no_error_when_nobody_reads(folder.path(), "schema");
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
    assert!(stderr(&output).contains("Caused by: "), "{}", stderr(&output));
}

/// A project with something wrong in its pipeline: the line is put into its `spec.kubernetes`.
fn project_with(parameter: &str) -> TempDir {
    let folder = project();
    let path = folder.path().join("pipelines/warehouse-metadata.yaml");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str(&format!("  kubernetes:\n    {parameter}\n"));
    fs::write(path, text).unwrap();
    folder
}

const WARNING: &str = "startingDeadlineSeconds: 0";
const ERROR: &str = "startingDeadlineSeconds: 5";
const FORMATS: [&str; 5] = ["text", "json", "sarif", "github", "junit"];

#[test]
fn a_new_project_is_sound_and_renders() {
    let folder = project();
    let output = run(folder.path(), &["validate", "--strict"]);
    assert_eq!((status(&output), stdout(&output)), (0, ""), "{}", stderr(&output));
    assert!(stderr(&output).contains("1 pipeline in 3 files"), "{}", stderr(&output));
    let output = run(folder.path(), &["render"]);
    assert_eq!((status(&output), stderr(&output)), (0, ""));
    for kind in ["ConfigMap", "CronJob", "ServiceAccount"] {
        assert!(stdout(&output).contains(&format!("\nkind: {kind}\n")), "{kind}");
    }
}

#[test]
fn the_project_is_found_from_a_folder_below() {
    let folder = project();
    let output = run(&folder.path().join("pipelines"), &["validate"]);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert!(stderr(&output).contains("1 pipeline in 3 files"), "{}", stderr(&output));
}

#[test]
fn without_a_project_there_is_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    for verb in ["validate", "render"] {
        let output = run(folder.path(), &[verb]);
        assert_eq!((status(&output), stdout(&output)), (2, ""));
        assert!(stderr(&output).contains("\nHint: "), "{}", stderr(&output));
    }
    let output = run(folder.path(), &["validate", "missing.yaml"]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("missing.yaml"), "{}", stderr(&output));
}

#[test]
fn the_exit_status_is_the_same_in_every_format() {
    let cases = [(project(), 0, 0), (project_with(WARNING), 0, 1), (project_with(ERROR), 1, 1)];
    for (folder, normal, strict) in &cases {
        for verb in ["validate", "render"] {
            for format in FORMATS {
                let output = run(folder.path(), &[verb, "--format", format]);
                assert_eq!(status(&output), *normal, "{verb} --format {format}");
                let output = run(folder.path(), &[verb, "--strict", "--format", format]);
                assert_eq!(status(&output), *strict, "{verb} --strict --format {format}");
            }
        }
    }
}

#[test]
fn findings_are_the_result_of_validate_and_beside_the_result_of_render() {
    let folder = project_with(WARNING);
    for format in FORMATS {
        let output = run(folder.path(), &["validate", "--format", format]);
        assert!(stdout(&output).contains("OMP0418"), "{format}");
        assert_eq!(stderr(&output), "", "{format}");
        let output = run(folder.path(), &["render", "--format", format]);
        assert!(stdout(&output).starts_with("apiVersion: "), "{format}");
        assert!(stderr(&output).contains("OMP0418"), "{format}");
    }
}

#[test]
fn a_run_that_finds_an_error_renders_nothing() {
    let folder = project_with(ERROR);
    let output = run(folder.path(), &["render", "-o", "out"]);
    assert_eq!((status(&output), stdout(&output)), (1, ""));
    assert!(!folder.path().join("out").exists());
    let folder = project_with(WARNING);
    let output = run(folder.path(), &["render", "--strict"]);
    assert_eq!((status(&output), stdout(&output)), (1, ""));
    assert!(stderr(&output).contains("error[OMP0418]"), "{}", stderr(&output));
}

#[test]
fn standard_input_is_read_where_a_path_is_a_dash() {
    let folder = project_with(ERROR);
    let text = fs::read(folder.path().join("pipelines/warehouse-metadata.yaml")).unwrap();
    let arguments = ["validate", "-", "ompipe.yaml", "services"];
    let output = run_with(folder.path(), &arguments, &text);
    assert_eq!(status(&output), 1);
    assert!(stdout(&output).contains("--> -:"), "{}", stdout(&output));
}

#[test]
fn standard_output_is_written_where_the_folder_is_a_dash() {
    let folder = project();
    let (dash, none) =
        (run(folder.path(), &["render", "-o", "-"]), run(folder.path(), &["render"]));
    assert_eq!(dash.stdout, none.stdout);
    assert!(!folder.path().join("-").exists());
}

#[test]
fn a_folder_is_written_once_and_what_is_left_over_is_named() {
    let folder = project();
    let output = run(folder.path(), &["render", "-o", "out"]);
    assert_eq!((status(&output), stdout(&output)), (0, ""), "{}", stderr(&output));
    assert!(folder.path().join("out/kustomization.yaml").is_file());
    let output = run(folder.path(), &["render", "-o", "out"]);
    assert!(stderr(&output).contains("Wrote 0 files"), "{}", stderr(&output));
    // The rendered folder is no part of the project.
    let output = run(folder.path(), &["validate"]);
    assert!(stderr(&output).contains("1 pipeline in 3 files"), "{}", stderr(&output));

    let stale = folder.path().join("out/old-pipeline/cronjob-om-cronjob-old-pipeline.yaml");
    fs::create_dir_all(stale.parent().unwrap()).unwrap();
    fs::write(&stale, "kind: CronJob\n").unwrap();
    let output = run(folder.path(), &["render", "-o", "out"]);
    assert_eq!(status(&output), 0);
    assert!(stderr(&output).contains("warning[OMP0635]"), "{}", stderr(&output));
    assert!(stale.is_file());
}

#[test]
fn the_projects_own_folder_is_not_written_over() {
    let folder = project();
    let output = run(folder.path(), &["render", "-o", "."]);
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).starts_with("Error: "), "{}", stderr(&output));
}

#[test]
fn one_run_of_one_pipeline_is_rendered_with_its_id() {
    let folder = project();
    let id = "0b0e9e3c-7f6b-4b4e-9a39-1f6f2d8f5a11";
    let arguments = ["render", "--run", "--run-id", id, "-l", "warehouse-metadata"];
    let output = run(folder.path(), &arguments);
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).contains("\nkind: Job\n") && stdout(&output).contains(id));
    for arguments in [
        &["render", "--run-id", id][..],
        &["render", "--run", "--run-id", "12"],
        &["render", "-l", "warehouse-metadata", "-o", "out"],
    ] {
        assert_eq!(status(&run(folder.path(), arguments)), 2, "{arguments:?}");
    }
    assert_eq!(status(&run(folder.path(), &["render", "-l", "nothing"])), 1);
}

#[test]
fn colour_is_for_terminals_or_on_demand() {
    let folder = project_with(ERROR);
    for (color, has) in [("auto", false), ("never", false), ("always", true)] {
        let output = run(folder.path(), &["validate", "--color", color]);
        assert_eq!(stdout(&output).contains('\u{1b}'), has, "{color}");
    }
}

#[test]
fn a_reader_that_stops_reading_manifests_is_no_error() {
    let folder = project();
    assert_no_error_when_nobody_reads(folder.path(), "render");
}

#[test]
fn quiet_leaves_results_and_findings() {
    let folder = project();
    let output = run(folder.path(), &["validate", "--quiet"]);
    assert_eq!((stdout(&output), stderr(&output)), ("", ""));
    let output = run(folder.path(), &["render", "-q", "-o", "out"]);
    assert_eq!((stdout(&output), stderr(&output)), ("", ""));
}

#[test]
fn a_krm_function_gives_the_same_objects_as_render_each_with_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    let definitions = ["ompipe.yaml", "snowflake.yaml"]
        .map(|file| fs::read_to_string(folder.join(file)).unwrap())
        .join("---\n");
    let mut list = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n".to_owned();
    for definition in definitions.split("---\n") {
        let lines = definition.lines().map(|line| format!("  {line}\n")).collect::<String>();
        list.push_str(&lines.replacen("  apiVersion", "- apiVersion", 1));
    }
    let output = run_with(&folder, &["fn"], list.as_bytes());
    assert_eq!((status(&output), stderr(&output)), (0, ""));

    let items = stdout(&output).split_once("items:\n").unwrap().1;
    let (mut stream, mut files) = (String::new(), Vec::new());
    for line in items.lines() {
        let line = match line.strip_prefix("- ") {
            Some(first) => {
                stream.push_str(if stream.is_empty() { "" } else { "---\n" });
                first
            }
            None => line.strip_prefix("  ").unwrap_or(line),
        };
        match line.trim_start().split_once(": ") {
            Some(("internal.config.kubernetes.io/path", file)) => files.push(file.to_owned()),
            Some(("internal.config.kubernetes.io/index", _)) => {}
            // None of these objects has other annotations of its own.
            _ if line == "  annotations:" => {}
            _ => stream.push_str(&format!("{line}\n")),
        }
    }
    let render = run(&folder, &["render"]);
    assert_eq!(stream, stdout(&render));
    assert_eq!(files[..3], ["rbac.yaml"; 3]);
    assert_eq!(files[4], "snowflake-metadata/cronjob-om-cronjob-snowflake-metadata.yaml");
}

/// An automation, as JSON.
const AUTOMATION: &str =
    r#"{"id": "1", "name": "test", "workflowType": "TEST_CONNECTION", "request": {"n": 1e1}}"#;

#[test]
fn an_entity_is_read_from_a_file_or_standard_input_and_the_project_from_where_it_is_named() {
    let folder = project();
    let file = folder.path().join("test.json");
    fs::write(&file, AUTOMATION).unwrap();
    let from_file = run(folder.path(), &["render", "--automation", "test.json"]);
    assert_eq!(status(&from_file), 0, "{}", stderr(&from_file));
    assert!(stdout(&from_file).contains("name: om-automation-test-"), "{}", stdout(&from_file));
    let from_input =
        run_with(folder.path(), &["render", "--automation", "-"], AUTOMATION.as_bytes());
    assert_eq!(stdout(&from_input), stdout(&from_file));
    let elsewhere = tempfile::tempdir().unwrap();
    let (file, path) = (file.to_str().unwrap(), folder.path().to_str().unwrap());
    let named = run(elsewhere.path(), &["render", "--automation", file, path]);
    assert_eq!(stdout(&named), stdout(&from_file));
    // The same of `run`, whose first word is a pipeline otherwise; there is no such cluster.
    let words = ["run", "--automation", file, path, "--kubeconfig", "nowhere"];
    let started = run(elsewhere.path(), &words);
    assert_eq!(status(&started), 2);
    assert!(stderr(&started).contains("nowhere"), "{}", stderr(&started));
}

#[test]
fn what_does_not_fit_an_entity_is_wrong_usage_and_a_file_that_is_none_a_finding() {
    let folder = project();
    fs::write(folder.path().join("test.json"), AUTOMATION).unwrap();
    for arguments in [
        &["render", "--automation", "test.json", "--application", "test.json"][..],
        &["render", "--automation", "test.json", "--run"],
        &["render", "--automation", "test.json", "-l", "orders"],
        &["render", "--automation", "test.json", "-o", "out"],
        &["render", "--run-id", "00000000-1111-4222-8333-444444444444"],
        &["run", "--automation", "test.json", "--set", "workflow.a=b"],
        &["run"],
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!((status(&output), stdout(&output)), (2, ""), "{arguments:?}");
    }
    for (text, code) in [
        ("{\"name\": 1", "OMP0101"),
        ("", "OMP0302"),
        ("{}\n---\n{}\n", "OMP0302"),
        ("[]", "OMP0302"),
        ("{}", "OMP0303"),
    ] {
        fs::write(folder.path().join("wrong.json"), text).unwrap();
        let output = run(folder.path(), &["render", "--automation", "wrong.json"]);
        assert_eq!((status(&output), stdout(&output)), (1, ""), "{text}");
        assert!(stderr(&output).contains(code), "{text}: {}", stderr(&output));
        assert!(stderr(&output).contains("--> wrong.json"), "{text}: {}", stderr(&output));
    }
    let missing = run(folder.path(), &["render", "--application", "missing.json"]);
    assert_eq!(status(&missing), 1);
    assert!(stderr(&missing).contains("OMP0705"), "{}", stderr(&missing));
}
