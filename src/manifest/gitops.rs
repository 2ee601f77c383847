//! What Argo CD and Flux are told about an object, in its annotations.
//!
//! In: an object that is complete. Out: the same, with an annotation more. One that is there
//! already, from a definition, a template or a patch, is left as it is.

use super::Manifest;
use crate::tree::{Mapping, Node, Value};

/// Argo CD applies the objects of a wave when those of lower ones are there and well.
const SYNC_WAVE: &str = "argocd.argoproj.io/sync-wave";

/// Flux puts variables in the place of `${…}` in what it applies, where it was asked to by
/// `postBuild`, but for the objects that say no.
const SUBSTITUTE: &str = "kustomize.toolkit.fluxcd.io/substitute";

/// Has Flux take an object with a workflow as it is, when that holds what Flux would take for a
/// variable: `${…}` in a connection or a filter is meant for somebody else.
pub fn keep_from_substitution(object: &mut Manifest) {
    let workflow = match object.kind() {
        "ConfigMap" => "data",
        "ExternalSecret" => "spec",
        _ => return,
    };
    if object.node.get(workflow).is_some_and(holds_variable) {
        annotate(object, SUBSTITUTE, "disabled");
    }
}

/// Has Argo CD apply an object after those that it refers to.
pub fn add_sync_wave(object: &mut Manifest) {
    let wave = match object.kind() {
        "ServiceAccount" | "Role" | "RoleBinding" => "0",
        // Nothing waits for them, and Argo CD waits until they have ended.
        "Job" | "OMJob" => "3",
        "CronJob" | "CronOMJob" => "2",
        _ => "1",
    };
    annotate(object, SYNC_WAVE, wave);
}

fn holds_variable(node: &Node) -> bool {
    match &node.value {
        Value::Mapping(mapping) => mapping.iter().any(|entry| holds_variable(&entry.value)),
        Value::Sequence(items) => items.iter().any(holds_variable),
        _ => node.as_str().is_some_and(|text| text.contains("${")),
    }
}

fn annotate(object: &mut Manifest, key: &'static str, value: &str) {
    let Some(metadata) = object.node.as_mapping_mut().and_then(|node| node.get_mut("metadata"))
    else {
        return;
    };
    let Some(metadata) = metadata.as_mapping_mut() else { return };
    if metadata.get("annotations").and_then(Node::as_mapping).is_none() {
        metadata.insert("annotations", Node::new(Mapping::new()));
    }
    let annotations = metadata.get_mut("annotations").and_then(Node::as_mapping_mut);
    if let Some(annotations) = annotations.filter(|annotations| annotations.get(key).is_none()) {
        annotations.insert(key, Node::new(value));
    }
    super::order::canonical(&mut object.node, object.of);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use serde_json::{Value as Json, json};

    fn object(json: Json) -> Manifest {
        Manifest::new(json.into(), &mut Diagnostics::default()).unwrap()
    }

    fn config_map(text: &str, annotations: Json) -> Manifest {
        let metadata = json!({"name": "c", "annotations": annotations});
        object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
            "data": {"config": text}}))
    }

    fn annotation<'m>(object: &'m Manifest, key: &str) -> Option<&'m str> {
        object.node.at_route(&["metadata", "annotations", key]).and_then(Node::as_str)
    }

    #[test]
    fn what_flux_would_change_it_is_told_to_leave() {
        for (text, expected) in
            [("query: SELECT ${fields}", Some("disabled")), ("a: $b {c}", None), ("plain", None)]
        {
            let mut object = config_map(text, json!({}));
            keep_from_substitution(&mut object);
            assert_eq!(annotation(&object, SUBSTITUTE), expected, "{text}");
        }
        let mut external =
            object(json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": "x"}, "spec": {"data": [{"key": "${x}"}]}}));
        keep_from_substitution(&mut external);
        assert_eq!(annotation(&external, SUBSTITUTE), Some("disabled"));
        let mut own = config_map("${x}", json!({SUBSTITUTE: "enabled"}));
        keep_from_substitution(&mut own);
        assert_eq!(annotation(&own, SUBSTITUTE), Some("enabled"));
    }

    #[test]
    fn waves_follow_the_order_of_applying() {
        let kinds = [
            ("v1", "ServiceAccount"),
            ("rbac.authorization.k8s.io/v1", "RoleBinding"),
            ("external-secrets.io/v1", "ExternalSecret"),
            ("v1", "ConfigMap"),
            ("batch/v1", "CronJob"),
            ("pipelines.openmetadata.org/v1", "CronOMJob"),
            ("batch/v1", "Job"),
            ("pipelines.openmetadata.org/v1", "OMJob"),
        ];
        let objects = kinds.map(|(version, kind)| {
            let metadata = json!({"name": "x"});
            let mut object =
                object(json!({"apiVersion": version, "kind": kind, "metadata": metadata}));
            add_sync_wave(&mut object);
            object
        });
        let order = objects.iter().map(|object| {
            (object.apply_order(), annotation(object, SYNC_WAVE).unwrap().parse::<u8>().unwrap())
        });
        assert!(order.is_sorted_by(|one, other| one.0 <= other.0 && one.1 <= other.1));
        let mut own = config_map("", json!({SYNC_WAVE: "-5", "z": "", "a": ""}));
        add_sync_wave(&mut own);
        assert_eq!(annotation(&own, SYNC_WAVE), Some("-5"));
    }

    #[test]
    fn annotations_stay_in_canonical_order() {
        let mut object = config_map("${x}", json!({"z": "", "a": ""}));
        keep_from_substitution(&mut object);
        add_sync_wave(&mut object);
        let annotations = object.node.at_route(&["metadata", "annotations"]).unwrap();
        let keys = annotations.as_mapping().unwrap().iter().map(|entry| entry.key.as_str());
        assert_eq!(keys.collect::<Vec<_>>(), ["a", SYNC_WAVE, SUBSTITUTE, "z"]);
    }
}
