//! Builds the pods of an OMJob.
//!
//! In: an OMJob's identity and spec, which of its pods, and the pod's name. Out: the whole object
//! to create, as JSON. The template of it is made where rendered OMJobs are checked
//! ([`omjob_pod_template`]), so that what was checked is what runs; here it gets what only a
//! running OMJob knows: owner, labels, finalizer, gate, the run's ids and the result of the main
//! pod. No error tells a value: the environment may hold secrets.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use thiserror::Error;

use super::names;
use crate::crd::{GROUP, OMJobPodSpec, OMJobSpec, VERSION};
use crate::diagnostic::Diagnostics;
use crate::manifest::{CONTAINER, omjob_pod_template};
use crate::model::{LabelValue, labels};
use crate::tree::Node;

/// An OMJob, as far as its pods need it. It has no `Debug`: the spec may hold secrets.
#[derive(Clone, Copy)]
pub struct JobForPods<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its UID.
    pub uid: &'a str,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// Its spec.
    pub spec: &'a OMJobSpec,
}

/// Which pod to build.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// The ingestion.
    Main,
    /// The exit handler.
    ExitHandler {
        /// What it is to tell OpenMetadata of the main pod.
        main_succeeded: bool,
    },
}

/// Why no pod can be built of a spec. It stays so until the spec is changed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum PodError {
    /// An exit handler's pod was asked for, and the OMJob has none.
    #[error("the OMJob has no exitHandlerSpec")]
    NoExitHandler,
    /// The pod spec cannot be written as JSON.
    #[error("failed to read the pod spec")]
    Spec,
    /// The podTemplate cannot be merged in.
    #[error("failed to merge the podTemplate at `{route}`: {why}")]
    PodTemplate {
        /// The keys that lead to the place within the podTemplate.
        route: String,
        /// What is wrong there.
        why: &'static str,
    },
    /// The podTemplate makes a pod that never ends.
    #[error("the podTemplate must leave restartPolicy at Never")]
    RestartPolicy,
    /// The podTemplate removes the one container that matters.
    #[error("the podTemplate must leave the container `{CONTAINER}` there")]
    NoContainer,
}

/// The environment variable by which an exit handler learns how the main pod ended.
const PIPELINE_STATUS: &str = "pipelineStatus";
/// The environment variable that holds the id of the run.
const PIPELINE_RUN_ID: &str = "pipelineRunId";

/// Builds a pod by this name.
pub fn build(job: &JobForPods<'_>, purpose: Purpose, name: &str) -> Result<Value, PodError> {
    let spec = match purpose {
        Purpose::Main => &job.spec.main_pod_spec,
        Purpose::ExitHandler { .. } => {
            job.spec.exit_handler_spec.as_ref().ok_or(PodError::NoExitHandler)?
        }
    };
    let mut template = template(spec)?;
    let mut brought = take_object(&mut template, "metadata");
    let mut pod = take_object(&mut template, "spec");
    if pod.get("restartPolicy").and_then(Value::as_str) != Some("Never") {
        return Err(PodError::RestartPolicy);
    }
    for list in ["initContainers", "containers"] {
        for container in entries(&mut pod, list) {
            fill_in_environment(container, job);
        }
    }
    let main = entries(&mut pod, "containers")
        .find(|container| container.get("name").and_then(Value::as_str) == Some(CONTAINER))
        .ok_or(PodError::NoContainer)?;
    let run_id = environment(main).find_map(run_id);
    if let Purpose::ExitHandler { main_succeeded } = purpose {
        tell_pipeline_status(main, main_succeeded);
        gate(&mut pod);
    }

    let own = take_object(&mut brought, "labels");
    let labels = labels(job, purpose, run_id, own);
    let mut metadata = Map::new();
    metadata.insert("name".into(), name.into());
    metadata.insert("namespace".into(), job.namespace.into());
    metadata.insert("labels".into(), labels.into());
    let annotations = take_object(&mut brought, "annotations");
    if !annotations.is_empty() {
        metadata.insert("annotations".into(), annotations.into());
    }
    let mut finalizers = take_array(&mut brought, "finalizers");
    finalizers.retain(|finalizer| finalizer != names::FINALIZER);
    finalizers.push(names::FINALIZER.into());
    metadata.insert("finalizers".into(), finalizers.into());
    if purpose == Purpose::Main {
        metadata.insert("ownerReferences".into(), json!([owner(job.name, job.uid)]));
    }
    Ok(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}))
}

/// The owner reference of a pod to its OMJob. The exit handler's pod gets it when it has ended:
/// foreground deletion of the OMJob would delete it before.
pub fn owner(omjob: &str, uid: &str) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": "OMJob",
        "name": omjob,
        "uid": uid,
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// The pod template: the spec's fields, its podTemplate merged over them.
fn template(spec: &OMJobPodSpec) -> Result<Map<String, Value>, PodError> {
    let mut spec = serde_json::to_value(spec).map_err(|_| PodError::Spec)?;
    if let Some(spec) = spec.as_object_mut() {
        for (key, value) in spec.iter_mut() {
            // In a podTemplate null removes.
            if key != "podTemplate" {
                drop_nulls(value);
            }
        }
        for variable in entries(spec, "env") {
            drop_empty_source(variable);
        }
    }
    let mut found = Diagnostics::default();
    let template = omjob_pod_template(&Node::from(spec), &mut found);
    if let Some(finding) = found.iter().next() {
        // A finding's own words may quote what the template says.
        return Err(PodError::PodTemplate {
            route: finding.route.clone(),
            why: finding.code.title,
        });
    }
    match Value::from(&template) {
        Value::Object(template) => Ok(template),
        _ => Err(PodError::Spec),
    }
}

/// Takes out the nulls that clients write for fields that are not set.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Takes out a `valueFrom` that names nothing, which OpenMetadata's server writes beside a value
/// and the API server refuses.
fn drop_empty_source(variable: &mut Map<String, Value>) {
    let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    if let Some(Value::Object(source)) = variable.get_mut("valueFrom") {
        source.retain(|_, reference| !is_empty(reference));
    }
    if variable.get("valueFrom").is_some_and(is_empty) {
        variable.remove("valueFrom");
    }
}

/// The labels by which pods are found: upstream's, over them those that the pod spec asks for, and
/// last those that say whose pod it is.
fn labels(
    job: &JobForPods<'_>,
    purpose: Purpose,
    run_id: Option<String>,
    own: Map<String, Value>,
) -> Map<String, Value> {
    let mut labels = Map::new();
    labels.insert(labels::NAME.into(), labels::OPENMETADATA.into());
    labels.insert(labels::COMPONENT.into(), "ingestion".into());
    labels.insert(labels::MANAGED_BY.into(), "omjob-operator".into());
    if let Some(pipeline) = job.labels.get(labels::PIPELINE) {
        labels.insert(labels::PIPELINE.into(), pipeline.as_str().into());
    }
    if let Some(run_id) = job.labels.get(labels::RUN_ID).cloned().or(run_id) {
        labels.insert(labels::RUN_ID.into(), run_id.into());
    }
    for (key, mut value) in own {
        if let Value::String(text) = &mut value {
            fill_in(text, job);
        }
        labels.insert(key, value);
    }
    let pod_type = match purpose {
        Purpose::Main => "main",
        Purpose::ExitHandler { .. } => "exit-handler",
    };
    // A name may be longer than a label's value.
    let name = names::fitted(job.name, "");
    labels.insert(names::OMJOB_NAME_LABEL.into(), name.as_str().into());
    labels.insert(names::OMJOB_UID_LABEL.into(), job.uid.into());
    labels.insert(names::POD_TYPE_LABEL.into(), pod_type.into());
    labels
}

/// The run's id, if this is the variable that holds it and a label can.
fn run_id(variable: &Map<String, Value>) -> Option<String> {
    let name = variable.get("name")?.as_str()?;
    let value = variable.get("value")?.as_str()?;
    let is_id = name == PIPELINE_RUN_ID && !value.is_empty() && LabelValue::check(value).is_ok();
    is_id.then(|| value.to_owned())
}

/// Fills the run's own name and UID in where a container's environment stands for them.
fn fill_in_environment(container: &mut Map<String, Value>, job: &JobForPods<'_>) {
    for variable in entries(container, "env") {
        if let Some(Value::String(text)) = variable.get_mut("value") {
            fill_in(text, job);
        }
    }
}

fn fill_in(text: &mut String, job: &JobForPods<'_>) {
    for (placeholder, value) in [("{{ omjob.uid }}", job.uid), ("{{ omjob.name }}", job.name)] {
        if text.contains(placeholder) {
            *text = text.replace(placeholder, value);
        }
    }
}

/// Sets `pipelineStatus`, and takes out any that is there.
fn tell_pipeline_status(container: &mut Map<String, Value>, main_succeeded: bool) {
    let status = if main_succeeded { "Succeeded" } else { "Failed" };
    let mut environment = take_array(container, "env");
    environment
        .retain(|variable| variable.get("name").and_then(Value::as_str) != Some(PIPELINE_STATUS));
    environment.push(json!({"name": PIPELINE_STATUS, "value": status}));
    container.insert("env".into(), environment.into());
}

/// Keeps the pod from starting until its UID is recorded. A pod that names its node itself is never
/// scheduled, and may have no gate.
fn gate(pod: &mut Map<String, Value>) {
    if pod.get("nodeName").and_then(Value::as_str).is_some_and(|node| !node.is_empty()) {
        return;
    }
    let mut gates = take_array(pod, "schedulingGates");
    gates.retain(|gate| gate.get("name").and_then(Value::as_str) != Some(names::GATE));
    gates.push(json!({"name": names::GATE}));
    pod.insert("schedulingGates".into(), gates.into());
}

fn environment(container: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let items = container.get("env").and_then(Value::as_array).map(Vec::as_slice);
    items.unwrap_or_default().iter().filter_map(Value::as_object)
}

/// The objects of a list, to change them.
fn entries<'a>(
    object: &'a mut Map<String, Value>,
    list: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let items = object.get_mut(list).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut)
}

fn take_object(object: &mut Map<String, Value>, key: &str) -> Map<String, Value> {
    match object.remove(key) {
        Some(Value::Object(taken)) => taken,
        _ => Map::new(),
    }
}

fn take_array(object: &mut Map<String, Value>, key: &str) -> Vec<Value> {
    match object.remove(key) {
        Some(Value::Array(taken)) => taken,
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[path = "pod_tests.rs"]
mod tests;
