//! Plain workflow files, as `metadata ingest -c` takes them.
//!
//! In: documents. Out: a draft for each, named after its file. A workflow file knows no schedule
//! and nothing of Kubernetes.

use super::Input;
use crate::diagnostic::{Diagnostic, Diagnostics, code, did_you_mean};
use crate::import::draft::{Draft, Drafts};
use crate::import::kind::{KNOWN, pipeline_type};
use crate::import::names::{of_file, stem};
use crate::tree::Node;

/// What every workflow has, and nothing else.
pub(in crate::import) const WORKFLOW_CONFIG: &str = "workflowConfig";

/// Why a document is no workflow; `None` when it is one.
pub(super) fn not_a_workflow(document: &Node) -> Option<&'static str> {
    if document.as_mapping().is_none() {
        return Some("it is not a mapping");
    }
    let source_type = document.at_route(&["source", "type"]).and_then(Node::as_str);
    if document.get(WORKFLOW_CONFIG).and_then(Node::as_mapping).is_none() {
        return Some("it has no workflowConfig");
    }
    if source_type.is_none() && document.get("sourcePythonClass").is_none() {
        return Some("it has neither source.type nor sourcePythonClass");
    }
    None
}

/// The drafts of workflow files. Upper folders come first, and `a.yaml` before `a-b.yaml`: the
/// plain name goes to the plain file.
pub(super) fn drafts(mut files: Vec<Input>, drafts: &mut Drafts, found: &mut Diagnostics) {
    files.sort_by_cached_key(|input| {
        (input.name.matches('/').count(), stem(&input.name).to_owned(), input.name.clone())
    });
    for Input { name, node } in files {
        let Some(pipeline_type) = pipeline_type(&node) else {
            found.push(unknown_type(&node));
            continue;
        };
        let names = of_file(&name, pipeline_type.as_str());
        let mut draft = Draft::of_workflow(name, pipeline_type, node);
        draft.names = names;
        drafts.pipelines.push(draft);
    }
}

/// A workflow of which nothing tells the pipeline type.
pub(super) fn unknown_type(workflow: &Node) -> Diagnostic {
    let node = workflow.at_route(&["source", "sourceConfig", "config", "type"]);
    let span = node.map_or(workflow.span, |node| node.span);
    let text = node.and_then(Node::as_str).unwrap_or_default();
    let help = did_you_mean(text, KNOWN).unwrap_or_else(|| {
        "write the IngestionPipeline by hand, with its `type`, and leave this file out".to_owned()
    });
    let message = "no pipeline type of OpenMetadata's has this source config";
    Diagnostic::error(&code::IMPORT_UNKNOWN_TYPE, span, message)
        .with_route("source.sourceConfig.config.type")
        .with_help(help)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workflow_is_known_by_its_parts() {
        let reason = |document: serde_json::Value| not_a_workflow(&Node::from(document));
        assert_eq!(reason(json!({"source": {"type": "mysql"}, "workflowConfig": {}})), None);
        assert_eq!(reason(json!({"sourcePythonClass": "a.B", "workflowConfig": {}})), None);
        assert!(reason(json!({"source": {"type": "mysql"}})).is_some());
        assert!(reason(json!({"apiVersion": "v1", "kind": "ConfigMap"})).is_some());
        assert!(reason(json!([1])).is_some());
    }
}
