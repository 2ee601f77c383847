//! The pod templates of an object: those it holds, and those that the operator makes of an OMJob's
//! pod specs.
//!
//! In: an object. Out: `core/v1` PodTemplateSpecs, so that one check fits all kinds. An OMJob's
//! `podTemplate` is merged in as the operator does it; what it brings keeps its place in the text.

use std::borrow::Cow;

use super::Manifest;
use super::strategic_merge::strategic_merge;
use super::types::Type;
use crate::diagnostic::Diagnostics;
use crate::tree::{Entry, Mapping, Node, Span};

/// The name of the container in either of an OMJob's pods, under which a `podTemplate` patches it.
pub const CONTAINER: &str = "main";

/// The fields of an OMJob's pod spec that are the container's.
const OF_CONTAINER: &[&str] = &["image", "imagePullPolicy", "command", "env", "resources"];

/// The fields that are the pod's.
const OF_POD: &[&str] = &[
    "serviceAccountName",
    "imagePullSecrets",
    "securityContext",
    "nodeSelector",
    "tolerations",
    "terminationGracePeriodSeconds",
];

/// The pod templates of an object, none for one that makes no pods. Findings are those of the
/// merge.
pub fn pod_templates<'m>(manifest: &'m Manifest, found: &mut Diagnostics) -> Vec<Cow<'m, Node>> {
    let held = |route: &[&str]| manifest.node().at_route(route).map(Cow::Borrowed);
    match manifest.kind() {
        "CronJob" => held(&["spec", "jobTemplate", "spec", "template"]).into_iter().collect(),
        "Job" => held(&["spec", "template"]).into_iter().collect(),
        "OMJob" => made(manifest.node().get("spec"), found),
        "CronOMJob" => made(manifest.node().at_route(&["spec", "omJobSpec"]), found),
        _ => Vec::new(),
    }
}

fn made<'m>(spec: Option<&'m Node>, found: &mut Diagnostics) -> Vec<Cow<'m, Node>> {
    ["mainPodSpec", "exitHandlerSpec"]
        .into_iter()
        .filter_map(|field| Some(Cow::Owned(omjob_pod_template(spec?.get(field)?, found))))
        .collect()
}

/// The pod template of one of an OMJob's pod specs: the one that the operator starts from, and that
/// is checked when an OMJob is rendered. Its container is hardened, as OpenMetadata's own operator
/// does it: the pod spec of an OMJob has no field for that. User, group and seccomp profile are the
/// pod's, which the kubelet takes for a container that says nothing else; a copy of them would
/// outlive a `podTemplate` that changes the pod's.
pub fn omjob_pod_template(pod: &Node, found: &mut Diagnostics) -> Node {
    let mut main = Mapping::new();
    main.insert("name", Node::at(CONTAINER, pod.span));
    let drop = Mapping::from_iter([("drop", Node::new(vec![Node::new("ALL")]))]);
    let security = Mapping::from_iter([
        ("allowPrivilegeEscalation", Node::new(false)),
        ("capabilities", Node::new(drop)),
    ]);
    main.insert("securityContext", Node::at(security, pod.span));
    take(&mut main, pod, OF_CONTAINER);
    let mut spec = Mapping::new();
    spec.insert("restartPolicy", Node::new("Never"));
    take(&mut spec, pod, OF_POD);
    spec.insert("containers", Node::at(vec![Node::at(main, pod.span)], pod.span));
    let mut metadata = Mapping::new();
    take(&mut metadata, pod, &["labels", "annotations"]);
    let template = [("metadata", Node::new(metadata)), ("spec", Node::at(spec, pod.span))];
    let mut template = Node::at(template.into_iter().collect::<Mapping>(), pod.span);
    if let Some(patch) = pod.get("podTemplate") {
        strategic_merge(&mut template, patch, Type::pod_template(), found);
    }
    template
}

fn take(into: &mut Mapping, from: &Node, fields: &[&str]) {
    for field in fields {
        if let Some(entry) = from.as_mapping().and_then(|from| from.entry(field)) {
            into.push(Entry { key_span: Span::NONE, ..entry.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn templates(value: serde_json::Value) -> Vec<serde_json::Value> {
        let mut found = Diagnostics::default();
        let manifest = Manifest::new(value.into(), &mut found).unwrap();
        let templates = pod_templates(&manifest, &mut found);
        assert!(found.is_empty(), "{found:?}");
        templates.iter().map(|template| serde_json::Value::from(template.as_ref())).collect()
    }

    #[test]
    fn a_cronjob_holds_its_template() {
        let template = json!({"spec": {"containers": []}});
        assert_eq!(
            templates(
                json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "n"},
                "spec": {"jobTemplate": {"spec": {"template": template}}}})
            ),
            [template]
        );
    }

    #[test]
    fn an_omjob_makes_a_pod_for_main_and_one_for_the_exit_handler() {
        let hardened =
            json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        let made = templates(
            json!({"apiVersion": "pipelines.openmetadata.org/v1", "kind": "CronOMJob",
            "metadata": {"name": "n"}, "spec": {"schedule": "@daily", "omJobSpec": {
                "mainPodSpec": {"image": "i", "env": [{"name": "A", "value": "1"}], "labels": {"a": "b"},
                    "podTemplate": {"spec": {"priorityClassName": "batch",
                        "containers": [{"name": "main", "env": [{"name": "B", "value": "2"}]}]}}},
                "exitHandlerSpec": {"image": "i", "nodeSelector": {"zone": "x"}}}}}),
        );
        assert_eq!(
            made,
            [
                json!({"metadata": {"labels": {"a": "b"}}, "spec": {"restartPolicy": "Never",
                    "priorityClassName": "batch", "containers": [{"name": "main", "securityContext": hardened, "image": "i",
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]}}),
                json!({"metadata": {}, "spec": {"restartPolicy": "Never", "nodeSelector": {"zone": "x"},
                    "containers": [{"name": "main", "securityContext": hardened, "image": "i"}]}}),
            ]
        );
    }

    #[test]
    fn a_configmap_makes_no_pod() {
        assert!(
            templates(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "n"}}))
                .is_empty()
        );
    }
}
