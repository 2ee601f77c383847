//! Imports OpenMetadata's schemas and checks workflows against them. What belongs here: everything
//! that needs a schema as OpenMetadata ships it, real or, so that a clone alone tests it too, in
//! `tests/spec/json/` in small.
//!
//! The real ones are looked for in `$OMPIPE_OPENMETADATA` or `../shared/openmetadata` (the JSON
//! Schema of pydantic) and in `$OMPIPE_SPEC_JAR` or Maven's own folder (the jar). A test without
//! its input says so.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up fails")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod agreement;
mod check;
mod examples;
mod import;

use std::fs;
use std::path::{Path, PathBuf};

use ompipe::diagnostic::Diagnostics;
use ompipe::spec::Bundle;
use ompipe::spec::import::{Imported, import};
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
        assert!(std::env::var_os("CI").is_none(), "{variable} is needed where CI is set");
        println!("skipped: {} is not there; set {variable}", path.display());
        return None;
    }
    Some(path)
}

fn pydantic_schema() -> Option<PathBuf> {
    let folder = real("OMPIPE_OPENMETADATA", crate_root().join("../shared/openmetadata"))?;
    Some(folder.join("workflow-1.13.6.3.schema.json"))
}

fn spec_jar() -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let inner =
        ".m2/repository/org/open-metadata/openmetadata-spec/1.4.0/openmetadata-spec-1.4.0.jar";
    real("OMPIPE_SPEC_JAR", home.join(inner))
}

/// The findings of a workflow, as code, route and message.
fn findings(bundle: &Bundle, workflow: &Value) -> Vec<(&'static str, String, String)> {
    let mut found = Diagnostics::default();
    bundle.check_workflow(&Node::from(workflow.clone()), &mut found);
    found.into_sorted().into_iter().map(|d| (d.code.id, d.route, d.message)).collect()
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

/// OpenMetadata's example workflows by name.
fn examples() -> Vec<(String, Value)> {
    let Some(folder) = real("OMPIPE_WORKFLOWS", crate_root().join("../shared/workflows")) else {
        return Vec::new();
    };
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
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
