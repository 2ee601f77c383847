//! Imports plain workflow files and merges what came of them back. What belongs here: the way from
//! files to files and the promise that a pipeline's effective workflow is the file it was made of.
//!
//! Besides the files in `tests/import/`, OpenMetadata's own examples are looked for in
//! `$OMPIPE_WORKFLOWS` or `../shared/workflows`; a test without them says so.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot set itself up fails")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ompipe::definition::{Definitions, parse};
use ompipe::diagnostic::Diagnostics;
use ompipe::import::{Conversion, Options, convert, read, write};
use ompipe::source::Sources;
use ompipe::spec::secret_fields::ByName;
use ompipe::validate::merge::{Layers, ServiceLayer, effective_workflow};
use ompipe::validate::rules;
use ompipe::yaml::{self, Dialect};
use serde_json::{Value, json};

fn small() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/workflows")
}

fn examples() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/workflows");
    let folder = std::env::var_os("OMPIPE_WORKFLOWS").map_or(default, PathBuf::from);
    if !folder.exists() {
        assert!(std::env::var_os("CI").is_none(), "OMPIPE_WORKFLOWS is needed where CI is set");
        println!("skipped: {} is not there; set OMPIPE_WORKFLOWS", folder.display());
        return None;
    }
    Some(folder)
}

/// The project of some files, and the files as they were, by name.
fn import(paths: &[PathBuf]) -> (Conversion, BTreeMap<String, Value>) {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let inputs = read(paths, &mut sources, &mut found).unwrap();
    let workflows = &inputs.workflows;
    let originals =
        workflows.iter().map(|input| (input.name.clone(), Value::from(&input.node))).collect();
    let options = Options { project: "imported", ..Options::default() };
    let conversion = convert(inputs, options, &mut found);
    assert!(found.is_empty(), "{found:?}");
    (conversion, originals)
}

/// The definitions of a project's files, read as strictly as any definition.
fn definitions(conversion: &Conversion) -> Definitions {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let mut definitions = Definitions::default();
    for file in &conversion.files {
        let source = sources.add(file.path.clone(), file.text.clone());
        let documents = yaml::read(source, &file.text, Dialect::Definition, &mut found);
        definitions.append(parse(documents, &mut found));
    }
    assert!(found.is_empty(), "{found:?}");
    definitions
}

/// The effective workflow of each pipeline by its name.
fn effective(definitions: &Definitions) -> BTreeMap<String, Value> {
    let workflow = |pipeline: &ompipe::definition::IngestionPipeline| {
        let service = pipeline.spec.service.as_ref().map(|name| {
            let service = definitions.services.iter().find(|service| service.name() == name);
            let service = service.unwrap();
            ServiceLayer {
                name: service.at(&["metadata", "name"]).unwrap(),
                source_type: service.at(&["spec", "type"]).unwrap(),
                connection: service.connection(),
            }
        });
        let layers = Layers {
            open_metadata: definitions.project().and_then(|project| project.open_metadata()),
            service,
            pipeline_type: pipeline.spec.pipeline_type,
            workflow: pipeline.workflow(),
        };
        let workflow = effective_workflow(layers);
        let mut found = Diagnostics::default();
        rules::secrets::workflow(&workflow, &ByName, "", &mut found);
        assert!(found.is_empty(), "{found:?}");
        (pipeline.name().to_owned(), Value::from(&workflow))
    };
    definitions.pipelines.iter().map(workflow).collect()
}

/// Puts the values of an original in the places of references, and notes which Secret's key each
/// came from.
fn put_back(workflow: &mut Value, original: &Value, seen: &mut Seen) {
    match workflow {
        Value::Object(entries) if entries.contains_key("secretKeyRef") => {
            let reference = &entries["secretKeyRef"];
            let text = |key: &str| reference[key].as_str().unwrap().to_owned();
            let before = seen.insert((text("name"), text("key")), original.clone());
            assert!(before.is_none_or(|before| before == *original), "one key, one value");
            *workflow = original.clone();
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                put_back(value, original.get(key).unwrap_or(&Value::Null), seen);
            }
        }
        Value::Array(items) => {
            for (position, item) in items.iter_mut().enumerate() {
                put_back(item, original.get(position).unwrap_or(&Value::Null), seen);
            }
        }
        _ => {}
    }
}

/// The files and parts of them of which the report says that ompipe completes them: by an empty
/// `config`, without which a component means the same.
fn completed(conversion: &Conversion) -> Vec<(String, String)> {
    let part = |text: &str| {
        let rest = text.strip_prefix("ompipe adds fields to ")?;
        rest.split(' ').next().map(str::to_owned)
    };
    let notes = conversion.report.notes.iter();
    notes.filter_map(|note| Some((note.file.clone(), part(&note.text)?))).collect()
}

/// Secrets by their name and key, with the values that the workflows had.
type Seen = BTreeMap<(String, String), Value>;

fn assert_workflows_come_back(folder: &Path) -> (Conversion, Seen) {
    let (conversion, mut originals) = import(&[folder.to_owned()]);
    for (file, part) in completed(&conversion) {
        originals.get_mut(&file).unwrap()[part]["config"] = json!({});
    }
    let mut came_back: Vec<(String, Value)> =
        effective(&definitions(&conversion)).into_iter().collect();
    assert_eq!(came_back.len(), originals.len());
    let mut seen = BTreeMap::new();
    let mut left: Vec<(&String, Value)> = originals
        .iter()
        .map(|(name, workflow)| {
            let mut workflow = workflow.clone();
            workflow.as_object_mut().unwrap().remove("pipelineRunId");
            (name, workflow)
        })
        .collect();
    for (pipeline, workflow) in &mut came_back {
        let matching = left.iter().position(|(_, original)| {
            let mut filled = workflow.clone();
            put_back(&mut filled, original, &mut BTreeMap::new());
            filled == *original
        });
        let (_, original) =
            left.remove(matching.unwrap_or_else(|| panic!("{pipeline}: {workflow:#}")));
        put_back(workflow, &original, &mut seen);
    }
    let keys: BTreeSet<(String, String)> = conversion
        .report
        .secrets
        .iter()
        .flat_map(|secret| secret.keys.iter().map(|key| (secret.name.clone(), key.key.clone())))
        .collect();
    assert_eq!(keys, seen.keys().cloned().collect(), "the report lists what is referred to");
    for value in seen.values().filter_map(Value::as_str) {
        // A sample may be called like its own field.
        let telling = value.len() > 12 && !value.chars().all(|c| c.is_alphabetic() || c == '_');
        let holds = |text: &str| telling && text.contains(value);
        assert!(!conversion.files.iter().any(|file| holds(&file.text)), "a secret was written");
        assert!(!holds(&conversion.report.to_string()), "a secret was reported");
    }
    (conversion, seen)
}

/// Runs what the project of some files renders to, with the files' secrets, and gives what came out
/// other than it was.
fn run_rendered(folder: &Path) -> Option<String> {
    let python = Command::new("python3").args(["-c", "import yaml"]).output();
    if !python.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "python3 with PyYAML is needed in CI");
        println!("skipped: python3 with PyYAML is not here");
        return None;
    }
    let (conversion, seen) = assert_workflows_come_back(folder);
    let work = tempfile::tempdir().unwrap();
    let (project, rendered) = (work.path().join("project"), work.path().join("rendered"));
    let ompipe = |arguments: &[&Path]| {
        let status =
            Command::new(env!("CARGO_BIN_EXE_ompipe")).args(arguments).arg("--quiet").status();
        assert!(status.unwrap().success(), "{arguments:?}");
    };
    let (verb, output) = (Path::new("import"), Path::new("-o"));
    ompipe(&[verb, folder, output, &project]);
    ompipe(&[Path::new("render"), &project, output, &rendered]);

    let mut secrets = json!({});
    for ((name, key), value) in seen {
        secrets[name][key] = value;
    }
    let originals: Vec<_> = import(&[folder.to_owned()]).1.into_keys().collect();
    let given =
        json!({"originals": originals, "completed": completed(&conversion), "secrets": secrets});
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/run_rendered.py");
    let mut python = Command::new("python3")
        .arg(script)
        .arg(rendered)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_rendered_pipeline_runs_the_workflow_that_it_was_imported_from() {
    for folder in [Some(small()), examples()].into_iter().flatten() {
        if let Some(different) = run_rendered(&folder) {
            assert_eq!(different, "", "{}", folder.display());
        }
    }
}

#[test]
fn every_workflow_comes_back_from_the_project_it_was_imported_to() {
    assert_workflows_come_back(&small());
}

#[test]
fn openmetadatas_own_examples_come_back_from_one_project_and_each_from_its_own() {
    let Some(folder) = examples() else { return };
    let (conversion, _) = assert_workflows_come_back(&folder);
    assert!(conversion.report.pipelines >= 24, "{}", conversion.report);
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            assert_workflows_come_back(&path);
        }
    }
}

fn text<'a>(conversion: &'a Conversion, path: &str) -> &'a str {
    let file = conversion.files.iter().find(|file| file.path == path);
    let paths: Vec<_> = conversion.files.iter().map(|file| &file.path).collect();
    &file.unwrap_or_else(|| panic!("{path} is not among {paths:?}")).text
}

#[test]
fn a_connection_that_two_files_share_is_written_once() {
    let (conversion, _) = import(&[small()]);
    let definitions = definitions(&conversion);
    let services: Vec<_> = definitions.services.iter().map(|service| service.name()).collect();
    assert_eq!(services, ["orders", "orders-postgres"], "same name, two connections");
    let usage =
        definitions.pipelines.iter().find(|pipeline| pipeline.name() == "orders-usage").unwrap();
    let metadata =
        definitions.pipelines.iter().find(|pipeline| pipeline.name() == "orders").unwrap();
    assert_eq!(usage.spec.service, metadata.spec.service);
    let dbt =
        definitions.pipelines.iter().find(|pipeline| pipeline.name() == "more-orders").unwrap();
    assert_eq!(
        dbt.spec.service.as_deref(),
        Some("orders"),
        "it reads no connection, but is that service's"
    );
    assert!(
        usage.at(&["spec", "workflow", "source", "type"]).is_none(),
        "the service and the type say it"
    );
}

#[test]
fn what_most_files_say_of_the_server_is_the_projects_and_the_rest_the_pipelines() {
    let (conversion, _) = import(&[small()]);
    let definitions = definitions(&conversion);
    let project = Value::from(definitions.project().unwrap().open_metadata().unwrap());
    assert_eq!(
        project,
        json!({
            "hostPort": "http://openmetadata:8585/api",
            "authProvider": "openmetadata",
            "securityConfig": {"jwtToken": {"secretKeyRef": {"name": "openmetadata-bot", "key": "jwtToken"}}},
        })
    );
    assert!(
        text(&conversion, "pipelines/orders-elsewhere.yaml")
            .contains("hostPort: http://staging:8585/api")
    );
    assert!(
        text(&conversion, "pipelines/more-orders.yaml").contains("key: securityConfig.jwtToken")
    );
    let (alone, _) = import(&[small().join("orders.yaml"), small().join("orders_usage.yaml")]);
    assert!(text(&alone, "ompipe.yaml").contains("hostPort: http://openmetadata:8585/api"));
    assert!(text(&alone, "ompipe.yaml").contains("name: openmetadata-bot"));
    assert!(!text(&alone, "pipelines/orders-usage.yaml").contains("openMetadataServerConfig"));
}

#[test]
fn what_is_no_workflow_is_left_out_of_a_folder_and_an_error_when_it_is_named() {
    let (conversion, _) = import(&[small()]);
    let skipped = &conversion.report.skipped;
    assert_eq!(skipped.len(), 1);
    assert!(
        skipped[0].name.ends_with("values.yaml") && skipped[0].reason.contains("workflowConfig")
    );
    let named = small().join("values.yaml");
    let error = read(&[named], &mut Sources::default(), &mut Diagnostics::default()).unwrap_err();
    assert!(error.to_string().contains("holds nothing to import"), "{error}");
}

#[test]
fn what_lies_beside_workflows_in_a_folder_is_reported_and_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let workflow = std::fs::read(small().join("orders_usage.yaml")).unwrap();
    put("chart.yaml", b"{{- if .Values.enabled }}\nkind: {{ .Values.kind }}\n{{- end }}\n");
    put("binary.json", &[0xff, 0xfe, 0x00]);
    put("empty.yml", b"# nothing\n");
    put("two.yaml", &[&workflow[..], b"---\nkind: ConfigMap\n"].concat());
    put("notes.txt", b"not looked at");
    let (conversion, _) = import(&[folder.path().to_owned(), folder.path().join("two.yaml")]);
    assert_eq!(conversion.report.pipelines, 1, "a file that is given twice is read once");
    let names =
        conversion.report.skipped.iter().map(|skipped| skipped.name.rsplit('/').next().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["binary.json", "chart.yaml", "empty.yml", "two.yaml#2"]);
    put("two.yaml", b"source: {type: mysql\nworkflowConfig: {}\n");
    let mut found = Diagnostics::default();
    read(&[folder.path().to_owned()], &mut Sources::default(), &mut found).unwrap();
    assert!(found.has_errors(), "a broken workflow is not left out");
    put("two.yaml", b"a: 1\n");
    let nothing =
        read(&[folder.path().to_owned()], &mut Sources::default(), &mut Diagnostics::default());
    assert!(nothing.unwrap_err().to_string().contains("4 files"));
}

#[test]
fn the_same_files_give_the_same_project_in_any_order() {
    let files =
        ["orders.yaml", "orders_usage.yaml", "orders-elsewhere.yml"].map(|name| small().join(name));
    let mut reversed = files.clone();
    reversed.reverse();
    assert_eq!(import(&files).0, import(&reversed).0);
}

#[test]
fn what_cannot_be_as_it_was_is_reported() {
    let (conversion, _) = import(&[small()]);
    let report = conversion.report.to_string();
    assert!(report.contains("tagging.yaml: pipelineRunId is left out"), "{report}");
    assert!(report.contains("every pipeline is rendered suspended"), "{report}");
    assert!(report.contains("comments of the workflow files are not carried over"), "{report}");
    assert!(text(&conversion, "pipelines/orders.yaml").contains("\n  # schedule:"));
}

#[test]
fn a_project_is_written_once() {
    let (conversion, _) = import(&[small()]);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &conversion.files).unwrap();
    assert!(folder.path().join("ompipe.yaml").is_file());
    let error = write(folder.path(), &conversion.files).unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
}
