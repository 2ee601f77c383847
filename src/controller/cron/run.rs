//! Builds the OMJob of a run.
//!
//! In: a CronOMJob's identity and its `omJobSpec`, and which run. Out: the whole object to create,
//! as JSON, the same at every call. Where upstream draws a run's id at random, it is derived here
//! from the CronOMJob and the run's name: a create whose answer was lost is repeated with the same
//! id. Label and environment hold the one id, by which OpenMetadata finds a run.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::decide::Start;
use crate::controller::names;
use crate::crd::{GROUP, OMJobSpec, VERSION};
use crate::model::{LabelValue, labels};

const PIPELINE_RUN_ID: &str = "pipelineRunId";

/// A CronOMJob, as far as its runs need it. It has no `Debug`: the spec may hold secrets.
#[derive(Clone, Copy)]
pub struct CronForRuns<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its UID.
    pub uid: &'a str,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
    /// The value of its trigger annotation.
    pub trigger: Option<&'a str>,
    /// What its runs are made of.
    pub spec: &'a OMJobSpec,
}

/// The OMJob of a run.
pub fn build(cron: &CronForRuns<'_>, start: &Start) -> Result<Value, serde_json::Error> {
    let derived = run_id(cron.uid, &start.name);
    let mut spec = serde_json::to_value(cron.spec)?;
    fill_in(&mut spec, &[("{{ omjob.uid }}", &derived), ("{{ omjob.name }}", &start.name)]);
    let mut labels: Map<String, Value> =
        cron.labels.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    // A run id that is written out is the one that the ingestion reports by.
    let id = written_run_id(&spec).filter(|id| LabelValue::check(id).is_ok());
    labels.insert(labels::RUN_ID.to_owned(), id.unwrap_or(&derived).into());
    labels.insert(names::CRONOMJOB_UID_LABEL.to_owned(), cron.uid.into());
    let annotation = match start.tick {
        Some(tick) => (names::SCHEDULED_TIME_ANNOTATION, tick.to_string()),
        None => (names::TRIGGER_ANNOTATION, cron.trigger.unwrap_or_default().to_owned()),
    };
    Ok(json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": "OMJob",
        "metadata": {
            "name": start.name.as_str(),
            "namespace": cron.namespace,
            "labels": labels,
            "annotations": {annotation.0: annotation.1},
            "finalizers": [names::FINALIZER],
            "ownerReferences": [{
                "apiVersion": format!("{GROUP}/{VERSION}"),
                "kind": "CronOMJob",
                "name": cron.name,
                "uid": cron.uid,
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    }))
}

/// A UUID of version 8, whose bits are the maker's own.
fn run_id(uid: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("{uid} {name}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// Fills values in wherever an environment or a label stands for them, in pod templates too.
fn fill_in(value: &mut Value, placeholders: &[(&str, &str)]) {
    match value {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match (key.as_str(), &mut *value) {
                    ("env", Value::Array(variables)) => {
                        let values = variables.iter_mut().filter_map(|it| it.get_mut("value"));
                        values.for_each(|value| fill_in_text(value, placeholders));
                    }
                    ("labels", Value::Object(labels)) => {
                        labels.values_mut().for_each(|value| fill_in_text(value, placeholders));
                    }
                    _ => fill_in(value, placeholders),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill_in(item, placeholders)),
        _ => {}
    }
}

fn fill_in_text(value: &mut Value, placeholders: &[(&str, &str)]) {
    let Value::String(text) = value else { return };
    for (placeholder, filled) in placeholders {
        if text.contains(placeholder) {
            *text = text.replace(placeholder, filled);
        }
    }
}

/// The run id in the main pod's environment.
fn written_run_id(spec: &Value) -> Option<&str> {
    let variables = spec.pointer("/mainPodSpec/env")?.as_array()?;
    let variable = variables
        .iter()
        .find(|variable| variable.get("name").and_then(Value::as_str) == Some(PIPELINE_RUN_ID))?;
    variable.get("value")?.as_str().filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(tick: Option<&str>) -> Start {
        let tick = tick.map(|tick| tick.parse().unwrap());
        Start { name: "om-cronomjob-orders-1795374000".into(), tick }
    }

    fn built(spec: Value, start: &Start) -> Value {
        let spec: OMJobSpec = serde_json::from_value(spec).unwrap();
        let labels = BTreeMap::from([("app.kubernetes.io/pipeline".into(), "orders".into())]);
        let cron = CronForRuns {
            name: "om-cronomjob-orders",
            namespace: "ingestion",
            uid: "0a1b",
            labels: &labels,
            trigger: Some("now"),
            spec: &spec,
        };
        build(&cron, start).unwrap()
    }

    fn spec() -> Value {
        let env = || {
            json!([
                {"name": "pipelineRunId", "value": "{{ omjob.uid }}"},
                {"name": "jobName", "value": "{{ omjob.name }}"},
                {"name": "config", "value": "left: '{{ omjob.other }}'"},
            ])
        };
        json!({
            "mainPodSpec": {
                "image": "ingestion", "env": env(),
                "podTemplate": {"metadata": {"labels": {"run": "{{ omjob.uid }}"}}, "spec": {"initContainers": [{"name": "first", "env": env()}]}},
            },
            "exitHandlerSpec": {"image": "ingestion", "env": env()},
        })
    }

    #[test]
    fn label_and_both_environments_hold_the_one_run_id() {
        let run = built(spec(), &start(Some("2026-11-23T03:00:00Z")));
        let id = run["metadata"]["labels"][labels::RUN_ID].as_str().unwrap();
        assert_eq!(id.len(), 36);
        for place in [
            "/spec/mainPodSpec/env/0/value",
            "/spec/exitHandlerSpec/env/0/value",
            "/spec/mainPodSpec/podTemplate/metadata/labels/run",
            "/spec/mainPodSpec/podTemplate/spec/initContainers/0/env/0/value",
        ] {
            assert_eq!(run.pointer(place).unwrap(), id, "{place}");
        }
        assert_eq!(run["spec"]["mainPodSpec"]["env"][1]["value"], "om-cronomjob-orders-1795374000");
        assert_eq!(run["spec"]["mainPodSpec"]["env"][2]["value"], "left: '{{ omjob.other }}'");
    }

    #[test]
    fn a_run_is_the_same_at_every_call_and_another_one_has_another_id() {
        let one = start(Some("2026-11-23T03:00:00Z"));
        let other = Start { name: "om-cronomjob-orders-1795460400".into(), tick: one.tick };
        let id = |run: Value| run["metadata"]["labels"][labels::RUN_ID].clone();
        assert_eq!(built(spec(), &one), built(spec(), &one));
        assert_ne!(id(built(spec(), &one)), id(built(spec(), &other)));
    }

    #[test]
    fn a_run_id_that_is_written_out_is_the_labels() {
        let mut spec = spec();
        spec["mainPodSpec"]["env"][0]["value"] = "fixed".into();
        let run = built(spec, &start(None));
        assert_eq!(run["metadata"]["labels"][labels::RUN_ID], "fixed");
    }

    #[test]
    fn a_run_says_whose_it_is_and_for_when_and_is_held_from_the_first() {
        let metadata = &built(spec(), &start(Some("2026-11-23T03:00:00Z")))["metadata"];
        assert_eq!(metadata["labels"]["app.kubernetes.io/pipeline"], "orders");
        assert_eq!(metadata["labels"][names::CRONOMJOB_UID_LABEL], "0a1b");
        assert_eq!(
            metadata["annotations"][names::SCHEDULED_TIME_ANNOTATION],
            "2026-11-23T03:00:00Z"
        );
        assert_eq!(metadata["finalizers"], json!([names::FINALIZER]));
        let owner = &metadata["ownerReferences"][0];
        assert_eq!((&owner["kind"], &owner["uid"]), (&json!("CronOMJob"), &json!("0a1b")));
        assert_eq!(
            (&owner["controller"], &owner["blockOwnerDeletion"]),
            (&json!(true), &json!(true))
        );
        let by_hand = &built(spec(), &start(None))["metadata"];
        assert_eq!(by_hand["annotations"], json!({names::TRIGGER_ANNOTATION: "now"}));
    }
}
