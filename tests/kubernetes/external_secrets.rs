//! ExternalSecrets, held against the CustomResourceDefinition of External Secrets, as an API server
//! reads it, and against what its template engine makes of them: the workflow with every value in
//! its place, whatever is in it, as PyYAML reads it in the pod.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ompipe::manifest::Manifest;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::ask;
use crate::rendered::{manifests, render};

/// The release whose definition is compared with: the newest that Go's module proxy has.
const MODULE: &str = "github.com/external-secrets/external-secrets@v1.3.2";

/// The definition, from Go's module cache; `None` where it cannot be had.
fn definition() -> Option<PathBuf> {
    let output = Command::new("go")
        .args(["mod", "download", "-json", MODULE])
        .current_dir(std::env::temp_dir())
        .env_remove("GOFLAGS")
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success());
    let Some(output) = output else {
        assert!(std::env::var_os("CI").is_none(), "CI must have Go and its module proxy");
        eprintln!("skipped: {MODULE} is not to be had");
        return None;
    };
    let module: Value = serde_json::from_slice(&output.stdout).unwrap();
    let folder = Path::new(module["Dir"].as_str().unwrap());
    Some(folder.join("config/crds/bases/external-secrets.io_externalsecrets.yaml"))
}

fn external_secrets() -> Vec<Manifest> {
    let manifests = manifests();
    let found = manifests.into_iter().filter(|manifest| manifest.kind() == "ExternalSecret");
    let found: Vec<Manifest> = found.collect();
    assert!(found.len() > 3, "the goldens hold only {}", found.len());
    found
}

#[test]
fn an_api_server_takes_every_external_secret_and_fills_nothing_in() {
    let Some(definition) = definition() else { return };
    let manifests = external_secrets();
    let objects = manifests.iter().map(|manifest| Value::from(manifest.node()));
    let mut questions: Vec<Value> = objects
        .map(|object| json!({"ask": "custom", "crd": definition, "object": object}))
        .collect();
    // What would be found: a field that is unknown, wrong or left to the server.
    let mut changed = questions[0]["object"].clone();
    let mut ask_of = |route: &str, value: Option<Value>| {
        let (parent, key) = route.rsplit_once('/').unwrap();
        let mut object = changed.clone();
        let parent = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => drop(parent.insert(key.to_owned(), value)),
            None => drop(parent.remove(key).unwrap()),
        }
        questions.push(json!({"ask": "custom", "crd": definition, "object": object}));
    };
    ask_of("/spec/target/unknown", Some(json!(true)));
    ask_of("/spec/target/creationPolicy", Some(json!("Mine")));
    let left_out = [
        "/spec/refreshInterval",
        "/spec/target/creationPolicy",
        "/spec/target/deletionPolicy",
        "/spec/target/template/engineVersion",
        "/spec/target/template/mergePolicy",
        "/spec/data/0/remoteRef/conversionStrategy",
        "/spec/data/0/remoteRef/decodingStrategy",
        "/spec/data/0/remoteRef/metadataPolicy",
    ];
    left_out.into_iter().for_each(|route| ask_of(route, None));
    changed.take();
    let Some(answers) = ask(&questions) else { return };
    let (taken, refused) = answers.split_at(manifests.len());
    for (manifest, answer) in manifests.iter().zip(taken) {
        assert!(answer.get("refused").is_none(), "{}: {answer}", manifest.name());
        assert_eq!(answer["result"], Value::from(manifest.node()));
    }
    for answer in refused {
        assert!(answer.get("refused").is_some(), "{answer}");
    }
}

/// A project with references in many places, and texts that could be taken for templates.
const PROJECT: &str = r#"
kind: IngestionProject
metadata: {name: hostile}
spec:
  openMetadata:
    hostPort: http://openmetadata:8585/api
    securityConfig: {jwtToken: {secretKeyRef: {name: bot, key: token}}}
  kubernetes:
    secrets: {way: externalSecret, externalSecret: {storeRef: {name: store}}}
---
kind: IngestionPipeline
metadata: {name: hostile}
spec:
  type: metadata
  workflow:
    source:
      type: postgres
      serviceName: s
      serviceConnection:
        config:
          password: {secretKeyRef: {name: a-b, key: c}}
          authType: {password: {secretKeyRef: {name: a.b, key: c}}}
          list: [{secretKeyRef: {name: a, key: b_c}}, "{{ .x }}", "{{{{", "}}", [{secretKeyRef: {name: a-b, key: c}}]]
          "key {{ of }} braces": {secretKeyRef: {name: a, key: k}}
          text: "OMPIPE_VALUE_OF_X {{- trimmed -}} `{{/* comment */}}`"
          lines: "first {{ define \"x\" }}\nsecond {{ end }}\n"
"#;

/// The references of the project, and the routes of their values in the workflow.
const PLACES: [((&str, &str), &[&str]); 4] = [
    (("a-b", "c"), &["/config/password", "/config/list/4/0"]),
    (("a.b", "c"), &["/config/authType/password"]),
    (("a", "b_c"), &["/config/list/0"]),
    (("a", "k"), &["/config/key {{ of }} braces"]),
];

#[test]
fn a_value_of_any_text_comes_to_the_workflow_as_it_is() {
    let rendered = render(PROJECT);
    let of_kind = |kind: &str| {
        let found = rendered.iter().find(|object| object["kind"] == kind).unwrap();
        found.clone()
    };
    let external = of_kind("ExternalSecret");
    let template = &external["spec"]["target"]["template"]["data"]["config"];
    let placeholders: Value = {
        let texts = [of_kind("ConfigMap")["data"]["config"].clone()];
        let Some(read) = pyyaml(&texts) else { return };
        read[0].clone()
    };

    let mut values: Vec<String> = [
        "plain",
        "",
        " ",
        "null",
        "yes",
        "0123",
        "1e3",
        "it's",
        "\"",
        "\\",
        "\n",
        "\r\n",
        "\t",
        "a: b",
        "# no comment",
        "{{ .x }}",
        "}}",
        "${X}",
        "$(X)",
        "%s%q%!",
        "---\nx",
        "- a",
        "<&>",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "\u{2028}\u{2029}",
        "\u{feff}",
        "\u{fffe}\u{ffff}",
        "\u{1}",
        "\u{9f}",
        "日本語",
        "\u{1f600}\u{10ffff}",
        "-----BEGIN PRIVATE KEY-----\nMII=\n",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut runner = TestRunner::deterministic();
    for _ in 0..200 {
        let any = proptest::string::string_regex("(?s).{1,40}").unwrap();
        values.push(any.new_tree(&mut runner).unwrap().current());
    }
    let references = external["spec"]["data"].as_array().unwrap();
    let data = |value: &str| -> BTreeMap<String, String> {
        let keys = references.iter().map(|data| data["secretKey"].as_str().unwrap());
        keys.enumerate().map(|(place, key)| (key.to_owned(), format!("{place}{value}"))).collect()
    };
    let questions: Vec<Value> = values
        .iter()
        .map(|value| json!({"ask": "template", "template": template, "values": data(value)}))
        .collect();
    let Some(answers) = ask(&questions) else { return };
    let texts: Vec<Value> = answers
        .iter()
        .map(|answer| {
            assert!(answer.get("refused").is_none(), "{answer}");
            answer["result"].clone()
        })
        .collect();
    for (value, read) in values.iter().zip(pyyaml(&texts).unwrap_or_default()) {
        let mut expected = placeholders.clone();
        let place = |name: &str, key: &str| {
            let is_it = |data: &Value| {
                data["remoteRef"]["key"] == name && data["remoteRef"]["property"] == key
            };
            references.iter().position(is_it).unwrap()
        };
        let connection = expected.pointer_mut("/source/serviceConnection").unwrap();
        for ((name, key), routes) in PLACES {
            for route in routes {
                *connection.pointer_mut(route).unwrap() =
                    format!("{}{value}", place(name, key)).into();
            }
        }
        let token = "/workflowConfig/openMetadataServerConfig/securityConfig/jwtToken";
        *expected.pointer_mut(token).unwrap() = format!("{}{value}", place("bot", "token")).into();
        assert_eq!(read, expected, "{value:?}");
    }
}

/// What PyYAML's `safe_load` reads from texts; `None` without Python.
fn pyyaml(texts: &[Value]) -> Option<Vec<Value>> {
    const READ: &str = "import json, sys, yaml\n\
        print(json.dumps([yaml.safe_load(text) for text in json.load(sys.stdin)]))";
    let child = Command::new("python3")
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        assert!(std::env::var_os("CI").is_none(), "CI must have Python");
        eprintln!("skipped: Python is missing");
        return None;
    };
    serde_json::to_writer(child.stdin.take().unwrap(), texts).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "Python must have PyYAML, and read what is rendered");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}
