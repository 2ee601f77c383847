//! What the examples render to, decoded and admitted by Kubernetes' own code: every object, and
//! every pod of each.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use ompipe::diagnostic::Diagnostics;
use ompipe::manifest::{Manifest, pod_templates};
use ompipe::tree::{Node, SourceId};
use ompipe::yaml::{self, Dialect};
use serde_json::{Value, json};

use crate::ask;

/// The pipeline of the examples that gives up runAsNonRoot and seccomp by its parameters, on
/// purpose.
const LESS_SECURITY: &str = "less-security";

/// The files with rendered objects below a folder.
fn files(folder: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // What a chart holds are templates of Helm.
        if path.is_dir() && name != "invalid" && !path.join("Chart.yaml").exists() {
            files(&path, into);
        } else if name.ends_with(".yaml") && name != "kustomization.yaml" {
            into.push(path);
        }
    }
}

/// What a project in one text renders to.
pub(crate) fn render(text: &str) -> Vec<Value> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ompipe"))
        .args(["render", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let mut found = Diagnostics::default();
    let text = String::from_utf8(output.stdout).unwrap();
    let nodes = yaml::read(SourceId(0), &text, Dialect::Definition, &mut found);
    nodes.iter().map(Value::from).collect()
}

pub(crate) fn manifests() -> Vec<Manifest> {
    let mut paths = Vec::new();
    files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/golden")), &mut paths);
    paths.sort();
    let mut found = Diagnostics::default();
    let mut manifests = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(path).unwrap();
        let documents = yaml::read(SourceId(0), &text, Dialect::Definition, &mut found);
        // Encrypted files are passed on as they are.
        let is_rendered = |node: &Node| {
            let kind = node.get("kind").and_then(Node::as_str);
            node.get("sops").is_none() && kind != Some("SealedSecret")
        };
        for node in documents.into_iter().filter(is_rendered) {
            manifests.push(Manifest::new(node, &mut found).unwrap());
        }
    }
    assert!(found.is_empty(), "{found:?}");
    manifests
}

#[test]
fn kubernetes_decodes_every_rendered_object_strictly() {
    let manifests = manifests();
    const OTHERS: [&str; 2] = ["pipelines.openmetadata.org/", "external-secrets.io/"];
    let own = |manifest: &&Manifest| {
        !OTHERS.iter().any(|group| manifest.api_version().starts_with(group))
    };
    let objects: Vec<&Manifest> = manifests.iter().filter(own).collect();
    assert!(objects.len() > 50, "the goldens hold only {} objects", objects.len());
    let questions: Vec<Value> = objects
        .iter()
        .map(|manifest| json!({"ask": "decode", "object": Value::from(manifest.node())}))
        .collect();
    for (manifest, answer) in objects.iter().zip(ask(&questions).unwrap_or_default()) {
        assert!(
            answer.get("refused").is_none(),
            "{} {}: {answer}",
            manifest.kind(),
            manifest.name()
        );
    }
}

#[test]
fn pod_security_restricted_admits_every_pod_that_does_not_ask_for_less() {
    let manifests = manifests();
    let mut found = Diagnostics::default();
    let pods: Vec<(&Manifest, Value)> = manifests
        .iter()
        .flat_map(|manifest| {
            let templates = pod_templates(manifest, &mut found);
            templates.into_iter().map(move |template| (manifest, Value::from(template.as_ref())))
        })
        .collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(pods.len() > 30, "the goldens hold only {} pods", pods.len());
    let questions: Vec<Value> =
        pods.iter().map(|(_, pod)| json!({"ask": "restricted", "object": pod})).collect();
    for ((manifest, pod), answer) in pods.iter().zip(ask(&questions).unwrap_or_default()) {
        let admitted = answer.get("refused").is_none();
        assert!(
            admitted != manifest.name().contains(LESS_SECURITY),
            "{} {}: {answer}\n{pod}",
            manifest.kind(),
            manifest.name()
        );
    }
}
