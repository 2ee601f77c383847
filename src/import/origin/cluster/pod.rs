//! A pod template → parameters, and for what no parameter says, `podTemplate`.
//!
//! In: the template of a CronJob's pods. Out: a draft's parameters and pod template. What the API
//! server fills in and what ompipe renders by itself is passed over.

use super::scheduled::mapping;
use crate::import::draft::Draft;
use crate::import::parameters::defaults;
use crate::model::environment::is_reserved;
use crate::tree::{Mapping, Node, Value};

/// The container that ingests.
const MAIN: &str = "main";

/// Parameters that the pod calls alike.
const OF_POD: [&str; 4] =
    ["serviceAccountName", "nodeSelector", "tolerations", "terminationGracePeriodSeconds"];
const OF_SECURITY: [&str; 4] = ["runAsUser", "runAsGroup", "fsGroup", "runAsNonRoot"];

/// Parameters that ompipe renders in any case; where an object lacks one, its pods change.
const ALWAYS_SET: [&str; 8] = [
    "activeDeadlineSeconds",
    "backoffLimit",
    "fsGroup",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "seccompProfileType",
    "ttlSecondsAfterFinished",
];

/// Takes what a pod template says over into a draft.
pub(super) fn take(mut template: Mapping, draft: &mut Draft) {
    let mut metadata = mapping(template.remove("metadata").as_ref());
    let mut spec = mapping(template.remove("spec").as_ref());
    let mut over = Mapping::new();

    let mut labels = mapping(metadata.remove("labels").as_ref());
    labels.retain(|entry| !is_own_label(&entry.key));
    if !labels.is_empty() {
        over.insert("metadata", Node::new(Mapping::of([("labels", Node::new(labels))])));
    }
    let mut annotations = mapping(metadata.remove("annotations").as_ref());
    annotations.retain(|entry| entry.key != "pipelines.openmetadata.org/config-hash");
    if !annotations.is_empty() {
        draft.parameters.insert("podAnnotations", Node::new(annotations));
    }

    for name in OF_POD {
        if let Some(value) = spec.remove(name) {
            draft.parameters.insert(name, value);
        }
    }
    if let Some(secrets) = spec.remove("imagePullSecrets") {
        let names = secrets.as_sequence().into_iter().flatten();
        let names: Vec<Node> = names.filter_map(|secret| secret.get("name").cloned()).collect();
        draft.parameters.insert("imagePullSecrets", Node::new(names));
    }
    let mut security = mapping(spec.remove("securityContext").as_ref());
    pod_security(&mut security, draft);
    insert_unless_empty(&mut spec, "securityContext", security);

    let containers = spec.remove("containers");
    let mut containers = containers.and_then(sequence).unwrap_or_default();
    let main = containers
        .iter()
        .position(|container| container.get("name").and_then(Node::as_str) == Some(MAIN));
    match main {
        Some(position) => {
            let left = container(mapping(Some(&containers.remove(position))), draft);
            if left.len() > 1 {
                containers.insert(0, Node::new(left));
            }
        }
        None => draft
            .note("none of its containers is called `main`: all of them are left to podTemplate"),
    }
    if !containers.is_empty() {
        spec.insert("containers", Node::new(containers));
    }
    spec.retain(|entry| !is_default_of_pod(&entry.key, &entry.value));
    insert_unless_empty(&mut over, "spec", spec);
    draft.pod_template = over;
}

fn pod_security(security: &mut Mapping, draft: &mut Draft) {
    for name in OF_SECURITY {
        if let Some(value) = security.remove(name) {
            draft.parameters.insert(name, value);
        }
    }
    if let Some(mut profile) = security.remove("seccompProfile") {
        let profile_type = profile.as_mapping_mut().and_then(|profile| profile.remove("type"));
        if let Some(profile_type) = profile_type {
            draft.parameters.insert("seccompProfileType", profile_type);
        }
        insert_unless_empty(security, "seccompProfile", mapping(Some(&profile)));
    }
}

/// What of the ingestion container no parameter says, with its name.
fn container(mut container: Mapping, draft: &mut Draft) -> Mapping {
    for (field, parameter) in [("image", "ingestionImage"), ("imagePullPolicy", "imagePullPolicy")]
    {
        if let Some(value) = container.remove(field) {
            draft.parameters.insert(parameter, value);
        }
    }
    let mut resources = mapping(container.remove("resources").as_ref());
    let claims = resources.remove("claims");
    if !resources.is_empty() {
        draft.parameters.insert("resources", Node::new(resources));
    }
    if let Some(claims) = claims {
        container.insert("resources", Node::new(Mapping::of([("claims", claims)])));
    }
    let variables = container.remove("env").and_then(sequence).unwrap_or_default();
    let name = |variable: &Node| variable.get("name").and_then(Node::as_str).map(str::to_owned);
    let extra: Vec<Node> = variables
        .into_iter()
        .filter(|variable| name(variable).is_some_and(|name| !is_reserved(&name)))
        .collect();
    if !extra.is_empty() {
        draft.parameters.insert("extraEnvVars", Node::new(extra));
    }
    for field in ["command", "args"] {
        if let Some(words) = container.remove(field)
            && !is_command(&words, "main.py")
        {
            draft.note(format!("the container's `{field}` is left out: ompipe starts main.py"));
        }
    }
    container.retain(|entry| !is_default_of_container(&entry.key, &entry.value));
    let mut security = mapping(container.remove("securityContext").as_ref());
    for name in ["runAsNonRoot", "runAsUser", "runAsGroup"] {
        // The pod's holds for the container too; only another value is one of its own.
        let Some(value) = security.remove(name) else { continue };
        match draft.parameters.get(name) {
            Some(of_pod) if *of_pod == value => {}
            Some(_) => security.insert(name, value),
            None => draft.parameters.insert(name, value),
        }
    }
    security.retain(|entry| !is_rendered_security(&entry.key, &entry.value));
    insert_unless_empty(&mut container, "securityContext", security);
    container
}

/// Notes what ompipe renders beyond what the object has.
pub(super) fn note_additions(draft: &mut Draft, kind: &str) {
    let defaults = defaults();
    let text = |node: &Node| match &node.value {
        Value::String(text) => text.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        _ => String::new(),
    };
    let missing = |name: &&&str| draft.parameters.get(name).is_none();
    let added: Vec<String> = ALWAYS_SET
        .iter()
        .filter(missing)
        .filter_map(|name| Some(format!("{name}: {}", text(defaults.get(name)?))))
        .collect();
    if !added.is_empty() {
        draft.note(format!("ompipe adds what the {kind} leaves out: {}", added.join(", ")));
    }
    if let (Some(all), own) = (defaults.get("resources"), draft.parameters.get("resources")) {
        let mut added = Vec::new();
        for side in ["requests", "limits"] {
            for name in ["cpu", "memory"] {
                let of = |node: &Node| node.at_route(&[side, name]).map(text);
                if own.and_then(of).is_none() {
                    added.extend(of(all).map(|value| format!("{side}.{name}: {value}")));
                }
            }
        }
        if !added.is_empty() {
            draft.note(format!(
                "ompipe adds resources that the {kind} leaves out: {}",
                added.join(", ")
            ));
        }
    }
}

/// The labels that OpenMetadata's client and operator, the Job controller and ompipe set.
fn is_own_label(key: &str) -> bool {
    const OF_JOB_CONTROLLER: [&str; 4] =
        ["batch.kubernetes.io/", "controller-uid", "job-name", "omjob.pipelines.openmetadata.org/"];
    let own = |name| {
        matches!(
            name,
            "component" | "managed-by" | "name" | "pipeline" | "pipeline-type" | "run-id"
        )
    };
    key.strip_prefix("app.kubernetes.io/").is_some_and(own)
        || OF_JOB_CONTROLLER.iter().any(|prefix| key.starts_with(prefix))
}

fn is_default_of_pod(key: &str, value: &Node) -> bool {
    match key {
        "restartPolicy" => value.as_str() == Some("Never"),
        "dnsPolicy" => value.as_str() == Some("ClusterFirst"),
        "schedulerName" => value.as_str() == Some("default-scheduler"),
        "enableServiceLinks" => value.as_bool() == Some(true),
        // The old name of serviceAccountName, which the API server still sets.
        "serviceAccount" => true,
        _ => false,
    }
}

fn is_default_of_container(key: &str, value: &Node) -> bool {
    match key {
        "terminationMessagePath" => value.as_str() == Some("/dev/termination-log"),
        "terminationMessagePolicy" => value.as_str() == Some("File"),
        "lifecycle" => value
            .at_route(&["preStop", "exec", "command"])
            .is_some_and(|command| is_command(command, "exit_handler.py")),
        _ => false,
    }
}

/// What ompipe renders for every container, as OpenMetadata's client does.
fn is_rendered_security(key: &str, value: &Node) -> bool {
    match key {
        "allowPrivilegeEscalation" | "readOnlyRootFilesystem" => value.as_bool() == Some(false),
        "capabilities" => {
            let drop = value.get("drop").and_then(Node::as_sequence).unwrap_or_default();
            matches!(drop, [all] if all.as_str() == Some("ALL")) && value.get("add").is_none()
        }
        _ => false,
    }
}

fn is_command(words: &Node, script: &str) -> bool {
    let words = words.as_sequence().unwrap_or_default();
    matches!(words, [python, file] if python.as_str() == Some("python") && file.as_str() == Some(script))
}

fn sequence(node: Node) -> Option<Vec<Node>> {
    match node.value {
        Value::Sequence(items) => Some(items),
        _ => None,
    }
}

fn insert_unless_empty(into: &mut Mapping, key: &'static str, value: Mapping) {
    if !value.is_empty() {
        into.insert(key, Node::new(value));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::definition::PipelineType;

    fn taken(template: serde_json::Value) -> Draft {
        let mut draft =
            Draft::of_workflow(String::new(), PipelineType::Usage, Node::new(Mapping::new()));
        take(mapping(Some(&Node::from(template))), &mut draft);
        draft
    }

    fn json(mapping: &Mapping) -> serde_json::Value {
        (&Node::new(mapping.clone())).into()
    }

    #[test]
    fn what_no_parameter_says_is_left_to_the_pod_template() {
        let draft = taken(json!({
            "metadata": {"labels": {"team": "data", "app.kubernetes.io/name": "openmetadata"}},
            "spec": {
                "affinity": {"nodeAffinity": {}},
                "initContainers": [{"name": "wait"}],
                "dnsPolicy": "None",
                "securityContext": {"runAsUser": 7, "supplementalGroups": [1], "seccompProfile": {"type": "Localhost", "localhostProfile": "x.json"}},
                "containers": [
                    {"name": "proxy", "image": "proxy:1"},
                    {"name": "main", "image": "ingestion:1", "envFrom": [], "securityContext": {"runAsUser": 8, "privileged": true}},
                ],
            },
        }));
        assert_eq!(
            json(&draft.parameters),
            json!({"runAsUser": 7, "seccompProfileType": "Localhost", "ingestionImage": "ingestion:1"})
        );
        assert_eq!(
            json(&draft.pod_template),
            json!({
                "metadata": {"labels": {"team": "data"}},
                "spec": {
                    "affinity": {"nodeAffinity": {}},
                    "initContainers": [{"name": "wait"}],
                    "dnsPolicy": "None",
                    "securityContext": {"supplementalGroups": [1], "seccompProfile": {"localhostProfile": "x.json"}},
                    "containers": [
                        {"name": "main", "envFrom": [], "securityContext": {"privileged": true, "runAsUser": 8}},
                        {"name": "proxy", "image": "proxy:1"},
                    ],
                },
            })
        );
    }

    #[test]
    fn a_command_of_its_own_is_noted() {
        let draft = taken(json!({"spec": {"containers": [{"name": "main", "command": ["sh"]}]}}));
        assert!(draft.left_behind[0].contains("`command` is left out"), "{draft:?}");
        let draft = taken(json!({"spec": {"containers": [{"name": "other"}]}}));
        assert!(draft.left_behind[0].contains("called `main`"), "{draft:?}");
    }

    #[test]
    fn what_ompipe_adds_is_noted() {
        let mut draft = taken(json!({"spec": {"containers": [
            {"name": "main", "resources": {"limits": {"memory": "8Gi"}}},
        ]}}));
        note_additions(&mut draft, "CronJob");
        let notes = draft.left_behind.join("\n");
        assert!(notes.contains("runAsUser: 1000") && notes.contains("backoffLimit: 3"), "{notes}");
        assert!(
            notes.contains("requests.cpu: 500m") && !notes.contains("limits.memory"),
            "{notes}"
        );
    }
}
