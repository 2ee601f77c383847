//! Imports OpenMetadata's schemas and checks workflows against them. What belongs here: everything that needs a schema
//! as OpenMetadata ships it, real or, so that a clone alone tests it too, in `tests/spec/` in small.
//!
//! The real ones are looked for in `$OMPIPE_OPENMETADATA` or `../shared/openmetadata` (the JSON Schema of pydantic) and
//! in `$OMPIPE_SPEC_JAR` or Maven's own folder (the jar). A test without its input says so.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up fails")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use ompipe::diagnostic::{Diagnostic, Diagnostics, Severity};
use ompipe::spec::Bundle;
use ompipe::spec::import::{Error, Imported, import};
use ompipe::tree::{Node, SourceId};
use ompipe::yaml::{self, Dialect};
use serde_json::{Value, json};

fn crate_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The schema folder of a checkout, in small.
fn small_schema() -> PathBuf {
    crate_root().join("tests/spec/json/schema")
}

/// The path of a real input, or `None` and a word why the test does nothing.
fn real(variable: &str, default: PathBuf) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map_or(default, PathBuf::from);
    if !path.exists() {
        assert!(
            std::env::var_os("CI").is_none(),
            "{variable} is needed where CI is set"
        );
        println!("skipped: {} is not there; set {variable}", path.display());
        return None;
    }
    Some(path)
}

fn pydantic_schema() -> Option<PathBuf> {
    let folder = real(
        "OMPIPE_OPENMETADATA",
        crate_root().join("../shared/openmetadata"),
    )?;
    Some(folder.join("workflow-1.13.6.3.schema.json"))
}

fn spec_jar() -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let inner =
        ".m2/repository/org/open-metadata/openmetadata-spec/1.4.0/openmetadata-spec-1.4.0.jar";
    real("OMPIPE_SPEC_JAR", home.join(inner))
}

fn zip_of(files: &[(&str, Vec<u8>)]) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".jar").tempfile().unwrap();
    let mut writer = zip::ZipWriter::new(file.as_file_mut());
    for (name, bytes) in files {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
    file
}

/// The small schema as a jar.
fn small_jar(manifest: &str) -> tempfile::NamedTempFile {
    let mut files = vec![("META-INF/MANIFEST.MF", manifest.as_bytes().to_vec())];
    let names = [
        "metadataIngestion/workflow.json",
        "metadataIngestion/databaseServiceMetadataPipeline.json",
        "entity/services/connections/database/mysqlConnection.json",
        "entity/services/connections/serviceConnection.json",
        "type/basic.json",
    ];
    let inner: Vec<String> = names
        .iter()
        .map(|name| format!("json/schema/{name}"))
        .collect();
    for (name, inner) in names.iter().zip(&inner) {
        files.push((inner, fs::read(small_schema().join(name)).unwrap()));
    }
    zip_of(&files)
}

#[test]
fn a_checkout_and_a_jar_of_the_same_files_give_the_same_bundle() {
    let folder = import(&small_schema(), Some("1.2.3")).unwrap();
    let jar = import(small_jar("Implementation-Version: 1.2.3\r\n").path(), None).unwrap();
    assert_eq!(jar.version, "1.2.3");
    assert_eq!(folder.text, jar.text);
    assert!(folder.connectors.contains("Mysql"));
    assert!(!folder.text.contains("javaType") && !folder.text.contains("description"));
}

#[test]
fn the_folder_above_the_schemas_will_do_as_well() {
    let above = import(&crate_root().join("tests/spec"), Some("1.2.3")).unwrap();
    assert_eq!(
        above.text,
        import(&small_schema(), Some("1.2.3")).unwrap().text
    );
}

#[test]
fn a_version_that_nothing_states_is_asked_for() {
    assert!(matches!(
        import(&small_schema(), None),
        Err(Error::NoVersion { .. })
    ));
    assert!(matches!(
        import(&small_schema(), Some("../1.2")),
        Err(Error::BadVersion { .. })
    ));
}

#[test]
fn an_archive_that_swells_beyond_any_schema_is_refused() {
    let zeros = vec![b' '; 65 << 20];
    let bomb = zip_of(&[("json/schema/metadataIngestion/workflow.json", zeros)]);
    assert!(bomb.as_file().metadata().unwrap().len() < 1 << 20);
    assert!(matches!(
        import(bomb.path(), Some("1.0")),
        Err(Error::TooLarge { .. })
    ));
}

#[test]
fn what_is_no_schema_is_refused_with_a_reason() {
    let text = |text: &[u8]| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        import(file.path(), Some("1.0")).unwrap_err().to_string()
    };
    assert!(text(b"source: mysql").contains("not JSON"));
    assert!(text(b"[]").contains("not a JSON Schema"));
    assert!(text(b"{\"type\": \"object\"}").contains("no source"));
    assert!(text(b"PK\x03\x04 broken").contains("archive"));
    assert!(text(&[0xff, 0xfe]).contains("UTF-8"));
    assert!(text("[".repeat(100_000).as_bytes()).contains("recursion limit"));
    let other = zip_of(&[("README.md", b"nothing".to_vec())]);
    assert!(matches!(
        import(other.path(), Some("1.0")),
        Err(Error::NoWorkflow { .. })
    ));
}

#[test]
fn the_schemas_of_real_versions_are_imported_with_all_their_connectors() {
    if let Some(path) = pydantic_schema() {
        let imported = import(&path, None).unwrap();
        assert_eq!(imported.version, "1.13.6.3");
        assert_eq!(imported.connectors.len(), 132);
    }
    if let Some(path) = spec_jar() {
        let imported = import(&path, None).unwrap();
        assert_eq!(imported.version, "1.4.0");
        assert_eq!(imported.connectors.len(), 85);
    }
}

/// The findings of a workflow, as code, route and message.
fn findings(bundle: &Bundle, workflow: &Value) -> Vec<(&'static str, String, String)> {
    let mut found = Diagnostics::default();
    bundle.check_workflow(&Node::from(workflow.clone()), &mut found);
    found
        .into_sorted()
        .into_iter()
        .map(|d| (d.code.id, d.route, d.message))
        .collect()
}

fn bundle_of(path: &Path, version: Option<&str>) -> (Bundle, Imported) {
    let imported = import(path, version).unwrap();
    (Bundle::from_json(&imported.text).unwrap(), imported)
}

fn small_bundle() -> (Bundle, Imported) {
    bundle_of(&small_schema(), Some("1.2.3"))
}

fn small_workflow() -> Value {
    json!({
        "source": {
            "type": "mysql",
            "serviceName": "orders",
            "serviceConnection": {"config": {
                "type": "Mysql", "hostPort": "mysql:3306", "username": "reader",
                "authType": {"password": {"secretKeyRef": {"name": "orders", "key": "password"}}},
            }},
            "sourceConfig": {"config": {"type": "DatabaseMetadata", "threads": 2}},
        },
        "sink": {"type": "metadata-rest", "config": {"anything": [1]}},
        "workflowConfig": {"openMetadataServerConfig": {
            "hostPort": "http://openmetadata:8585/api",
            "securityConfig": {"jwtToken": "secret:/openmetadata/token"},
        }},
    })
}

/// A workflow with another value at a place; without a value, with nothing there.
fn with(workflow: &Value, pointer: &str, value: Option<Value>) -> Value {
    let mut workflow = workflow.clone();
    let (above, key) = pointer.rsplit_once('/').unwrap();
    match (workflow.pointer_mut(above).unwrap(), value) {
        (Value::Object(entries), Some(value)) => drop(entries.insert(key.to_owned(), value)),
        (Value::Object(entries), None) => drop(entries.shift_remove(key)),
        (Value::Array(items), Some(value)) => items[key.parse::<usize>().unwrap()] = value,
        (Value::Array(items), None) => drop(items.remove(key.parse().unwrap())),
        _ => {}
    }
    workflow
}

#[test]
fn a_workflow_with_references_for_its_secrets_agrees() {
    assert_eq!(findings(&small_bundle().0, &small_workflow()), []);
}

#[test]
fn each_kind_of_mistake_is_found_under_its_own_code() {
    let (bundle, _) = small_bundle();
    let config = "/source/serviceConnection/config";
    let found = |pointer: &str, value: Option<Value>| {
        let found = findings(&bundle, &with(&small_workflow(), pointer, value));
        assert_eq!(found.len(), 1, "{pointer}: {found:?}");
        (found[0].0, found[0].1.clone())
    };
    let password = format!("{config}/password");
    assert_eq!(found(&password, Some(json!("x"))).0, "OMP0301");
    assert_eq!(
        found(&password, Some(json!("x"))).1,
        "source.serviceConnection.config.password"
    );
    assert_eq!(
        found("/source/sourceConfig/config/threads", Some(json!("two"))).0,
        "OMP0302"
    );
    assert_eq!(found(&format!("{config}/hostPort"), None).0, "OMP0303");
    assert_eq!(
        found(&format!("{config}/type"), Some(json!("MySQL"))).0,
        "OMP0304"
    );
    assert_eq!(
        found("/source/sourceConfig/config/threads", Some(json!(0))).0,
        "OMP0305"
    );
    let server = "/workflowConfig/openMetadataServerConfig/hostPort";
    assert_eq!(found(server, Some(json!("openmetadata"))).0, "OMP0306");
    assert_eq!(found("/source/sourceConfig/config/type", None).0, "OMP0307");
}

#[test]
fn an_unknown_connector_comes_with_the_one_that_was_meant() {
    let mut found = Diagnostics::default();
    let workflow = with(
        &small_workflow(),
        "/source/serviceConnection/config/type",
        Some(json!("MySQL")),
    );
    small_bundle()
        .0
        .check_workflow(&Node::from(workflow), &mut found);
    let help: Vec<_> = found.iter().filter_map(|d| d.help.clone()).collect();
    assert!(help[0].contains("`Mysql`"), "{help:?}");
}

#[test]
fn a_secret_never_reaches_a_finding() {
    let (bundle, _) = small_bundle();
    let workflow = small_workflow();
    for (pointer, value) in [
        (
            "/workflowConfig/openMetadataServerConfig/securityConfig/jwtToken",
            json!(["hunter2"]),
        ),
        (
            "/source/serviceConnection/config/authType/password",
            json!({"hunter2": 1}),
        ),
        (
            "/source/serviceConnection/config/authType",
            json!("hunter2"),
        ),
    ] {
        let found = findings(&bundle, &with(&workflow, pointer, Some(value)));
        assert!(!found.is_empty(), "{pointer}");
        if pointer.ends_with("jwtToken") {
            assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
        }
    }
}

#[test]
fn secret_leaves_are_those_with_the_format_of_a_password() {
    let mut leaves = Vec::new();
    let workflow = Node::from(small_workflow());
    small_bundle()
        .0
        .secrets(&workflow, &mut |leaf| leaves.push(Value::from(leaf)));
    leaves.sort_by_key(Value::is_string);
    assert_eq!(
        leaves,
        [
            json!({"secretKeyRef": {"name": "orders", "key": "password"}}),
            json!("secret:/openmetadata/token")
        ]
    );
}

#[test]
fn of_an_application_only_what_it_shares_with_workflows_is_checked() {
    let (bundle, _) = small_bundle();
    let application = json!({
        "sourcePythonClass": "a.b.App", "appConfig": {"anything": 1},
        "workflowConfig": small_workflow()["workflowConfig"],
    });
    assert_eq!(findings(&bundle, &application), []);
    let wrong = with(&application, "/workflowConfig/unheard", Some(json!(1)));
    assert_eq!(findings(&bundle, &wrong)[0].0, "OMP0301");
}

#[test]
fn what_openmetadata_converts_is_a_warning_with_the_better_spelling() {
    let (bundle, _) = small_bundle();
    let found = |pointer: &str, value: Value| {
        let workflow = with(&small_workflow(), pointer, Some(value));
        let mut found = Diagnostics::default();
        bundle.check_workflow(&Node::from(workflow), &mut found);
        let found: Vec<_> = found.iter().map(|d| (d.code.id, d.severity)).collect();
        assert_eq!(found.len(), 1, "{pointer}: {found:?}");
        found[0]
    };
    let threads = "/source/sourceConfig/config/threads";
    let flag = "/source/sourceConfig/config/markDeletedTables";
    let server = "/workflowConfig/openMetadataServerConfig/hostPort";
    for (pointer, value) in [
        (threads, json!("4")),
        (threads, json!(true)),
        (flag, json!("Yes")),
        (flag, json!(1)),
    ] {
        assert_eq!(found(pointer, value), ("OMP0302", Severity::Warning));
    }
    assert_eq!(
        found(server, json!("openmetadata:8585/api")),
        ("OMP0306", Severity::Warning)
    );
    for (pointer, value) in [
        (threads, json!("4.5")),
        (flag, json!("perhaps")),
        (flag, json!(2)),
    ] {
        assert_eq!(found(pointer, value), ("OMP0302", Severity::Error));
    }
    let name = "/source/serviceName";
    assert_eq!(
        found(name, json!(4)),
        ("OMP0302", Severity::Error),
        "no number becomes a text"
    );
}

/// OpenMetadata's example workflows by name.
fn examples() -> Vec<(String, Value)> {
    let Some(folder) = real("OMPIPE_WORKFLOWS", crate_root().join("../shared/workflows")) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    paths.sort();
    let read = |path: &PathBuf| {
        let mut found = Diagnostics::default();
        let text = fs::read_to_string(path).unwrap();
        let documents = yaml::read(SourceId(0), &text, Dialect::PyYaml, &mut found);
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, Value::from(&documents[0]))
    };
    paths.iter().map(read).collect()
}

#[test]
fn openmetadatas_examples_agree_with_the_schema_of_their_version() {
    let Some(path) = pydantic_schema() else {
        return;
    };
    let (bundle, _) = bundle_of(&path, None);
    for (name, workflow) in examples() {
        let mut found = Diagnostics::default();
        bundle.check_workflow(&Node::from(workflow), &mut found);
        assert!(!found.has_errors(), "{name}: {found:?}");
    }
}

#[test]
fn against_an_older_version_exactly_what_is_newer_is_found() {
    let Some(path) = spec_jar() else { return };
    let (bundle, _) = bundle_of(&path, None);
    let config = "source.serviceConnection.config";
    let newer = [
        (
            "postgres",
            vec![
                ("OMP0301", "databaseFilterPattern"),
                ("OMP0301", "schemaFilterPattern"),
            ],
        ),
        ("redshift_profiler", vec![("OMP0301", "authType")]),
        (
            "snowflake",
            vec![
                ("OMP0301", "accountUsageSchema"),
                ("OMP0301", "includeStreams"),
            ],
        ),
        // Required until a later version.
        ("tableau", vec![("OMP0301", "proxyURL"), ("OMP0303", "")]),
        ("kafka", vec![]),
        ("mysql_profiler", vec![]),
        ("snowflake_lineage", vec![]),
        ("trino", vec![]),
    ];
    for (name, workflow) in examples() {
        let mut found: Vec<_> = findings(&bundle, &workflow)
            .into_iter()
            .map(|(code, route, _)| (code, route))
            .collect();
        found.sort();
        let Some((_, expected)) = newer.iter().find(|(known, _)| *known == name) else {
            continue;
        };
        let expected: Vec<_> = expected
            .iter()
            .map(|(code, field)| {
                (
                    *code,
                    format!("{config}.{field}").trim_end_matches('.').to_owned(),
                )
            })
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn every_connector_is_checked_as_itself() {
    for path in [pydantic_schema(), spec_jar()].into_iter().flatten() {
        let (bundle, imported) = bundle_of(&path, None);
        for connector in &imported.connectors {
            let mut workflow = small_workflow();
            workflow["source"]["serviceConnection"]["config"] =
                json!({"type": connector, "noFieldOfAny": 1});
            let mut found = Diagnostics::default();
            bundle.check_workflow(&Node::from(workflow), &mut found);
            let labels: Vec<_> = found
                .iter()
                .filter(|d| d.route.ends_with("noFieldOfAny"))
                .map(|d| &d.label)
                .collect();
            // Custom connectors take any field.
            if connector.starts_with("Custom") && labels.is_empty() {
                continue;
            }
            let plain = |text: &str| {
                text.to_lowercase()
                    .replace(|c: char| !c.is_alphanumeric(), "")
            };
            let label = labels.first().map_or(String::new(), |label| plain(label));
            assert!(label.contains(&plain(connector)), "{connector}: {labels:?}");
        }
    }
}

/// What a workflow turns into with one mistake, or with one other value that may do as well.
fn mutations(workflow: &Value) -> Vec<(String, Value)> {
    let mut pointers = Vec::new();
    let mut queue = vec![(String::new(), workflow)];
    while let Some((pointer, value)) = queue.pop() {
        match value {
            Value::Object(entries) => {
                queue.extend(
                    entries
                        .iter()
                        .map(|(key, value)| (format!("{pointer}/{key}"), value)),
                );
                pointers.push((format!("{pointer}/noFieldOfAny"), true));
            }
            Value::Array(items) => {
                queue.extend(
                    items
                        .iter()
                        .enumerate()
                        .map(|(at, value)| (format!("{pointer}/{at}"), value)),
                );
            }
            _ => {}
        }
        if !pointer.is_empty() {
            pointers.push((pointer, false));
        }
    }
    let values = [
        json!(null),
        json!("text"),
        json!(7),
        json!(true),
        json!([]),
        json!({}),
        json!({"type": "Mysql"}),
    ];
    let mut mutations = Vec::new();
    for (pointer, added) in pointers {
        for value in &values {
            mutations.push((
                format!("{pointer} = {value}"),
                with(workflow, &pointer, Some(value.clone())),
            ));
        }
        if !added {
            mutations.push((format!("{pointer} removed"), with(workflow, &pointer, None)));
        }
    }
    mutations
}

#[test]
fn ompipe_and_an_independent_validator_agree_on_mutated_workflows() {
    let mut workflows = examples();
    let (small, imported) = small_bundle();
    let mut schemas = vec![(
        small,
        imported,
        vec![("small".to_owned(), small_workflow())],
    )];
    for path in [pydantic_schema(), spec_jar()].into_iter().flatten() {
        let (bundle, imported) = bundle_of(&path, None);
        schemas.push((bundle, imported, workflows.clone()));
    }
    workflows.clear();
    let mut count = 0;
    for (bundle, imported, workflows) in schemas {
        let schema: Value = serde_json::from_str(&imported.text).unwrap();
        let validator = jsonschema::draft7::new(&schema).unwrap();
        for (name, workflow) in workflows {
            let workflow = without_references(&workflow);
            for (change, mutated) in mutations(&workflow) {
                let mut found = Diagnostics::default();
                bundle.check_workflow(&Node::from(mutated.clone()), &mut found);
                // Warnings about what a JSON Schema lets through too.
                let agrees = |d: &Diagnostic| {
                    d.severity == Severity::Warning && ["OMP0306", "OMP0307"].contains(&d.code.id)
                };
                let valid = found.iter().all(agrees);
                let theirs = validator.is_valid(&mutated);
                assert_eq!(
                    valid, theirs,
                    "{} {name}: {change}: {found:?}",
                    imported.version
                );
                count += 1;
            }
        }
    }
    println!("{count} workflows compared");
}

/// The values that references stand for, which no JSON Schema knows.
fn without_references(workflow: &Value) -> Value {
    match workflow {
        Value::Object(entries) if entries.contains_key("secretKeyRef") => json!("value"),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), without_references(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_references).collect(),
        Value::String(text) if text.starts_with("secret:/") => json!("value"),
        other => other.clone(),
    }
}
