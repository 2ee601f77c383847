//! What a run needs, and what is created for it.
//!
//! In: the rendered objects of a run. Out: a [`Plan`]. A run whose workflow was changed for it alone
//! has a ConfigMap of its own, under the run's name, in the place of the pipeline's; the run of an
//! automation or application has all that it reads of its own. It decides by values alone.

use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::kind::Kind;
use crate::cluster::Error;
use crate::model::labels;

/// What is to be created, and what has to be there.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Job or OMJob.
    pub kind: Kind,
    /// Where.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The run's id.
    pub id: String,
    /// The pipeline's label; empty for an automation or application.
    pub pipeline: String,
    /// The object.
    pub(super) run: Value,
    /// The ConfigMap and the ExternalSecret that are created for it alone.
    pub(super) own: Vec<Value>,
    /// The objects of the pipeline that it reads, as they are rendered.
    pub(super) needs: Vec<Value>,
    /// The Secret that its workflow comes from, where nothing in the cluster makes it.
    pub(super) secret: Option<String>,
}

impl Plan {
    /// What a run of these objects takes. `is_changed`: its workflow is not the pipeline's.
    pub fn of(objects: &[DynamicObject], is_changed: bool) -> Result<Self, Error> {
        let mut objects: Vec<Value> =
            objects.iter().filter_map(|object| serde_json::to_value(object).ok()).collect();
        let of_run = |object: &Value| ["Job", "OMJob"].contains(&text(object, "/kind"));
        let at = objects.iter().position(of_run).ok_or_else(|| {
            Error::unmet(
                "there is no Job or OMJob among what was rendered",
                "A template or patch of the project leaves it out.",
            )
        })?;
        let mut run = objects.remove(at);
        let kind = if text(&run, "/kind") == "Job" { Kind::Job } else { Kind::OMJob };
        let metadata = |key: &str| text(&run, &format!("/metadata/{key}")).to_owned();
        let (name, namespace) = (metadata("name"), metadata("namespace"));
        let label = |key: &str| run["metadata"]["labels"][key].as_str().unwrap_or_default().into();
        let (id, pipeline): (String, String) = (label(labels::RUN_ID), label(labels::PIPELINE));
        let is_made = objects.iter().any(|object| text(object, "/kind") == "ExternalSecret");
        let secret = workflow_secret(&run).map(str::to_owned);
        if is_changed {
            if secret.is_some() {
                return Err(Error::unmet(
                    "the workflow is in a Secret, which nobody makes anew for one run",
                    "--set is for pipelines whose secrets come by the way `env`. Change the \
                     definition, or an environment of the project, and apply it.",
                ));
            }
            let config = objects.iter_mut().find(|object| text(object, "/kind") == "ConfigMap");
            if let Some(config) = config {
                let former = text(config, "/metadata/name").to_owned();
                config["metadata"]["name"] = json!(name);
                config["metadata"]["labels"][labels::RUN_ID] = json!(id);
                read_from(&mut run, &former, &name);
            }
        }
        let holds =
            |object: &Value| ["ConfigMap", "ExternalSecret"].contains(&text(object, "/kind"));
        let is_own = |object: &Value| object["metadata"]["labels"][labels::RUN_ID] == id;
        let (own, needs) = objects.into_iter().filter(holds).partition(is_own);
        let secret = secret.filter(|_| !is_made);
        if secret.as_ref() == Some(&name) {
            return Err(Error::unmet(
                "what is run is in a Secret of the run's own, which nobody makes",
                "Have its secrets come by the way `env` or `externalSecret`; or make all objects \
                 by `ompipe render` with --include-secrets, and apply them.",
            ));
        }
        Ok(Self { kind, namespace, name, id, pipeline, run, own, needs, secret })
    }
}

pub(super) fn text<'object>(object: &'object Value, pointer: &str) -> &'object str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Has everything in a run read the ConfigMap of another name.
fn read_from(value: &mut Value, former: &str, name: &str) {
    match value {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                let is_reference =
                    ["configMapKeyRef", "configMapRef", "configMap"].contains(&key.as_str());
                if is_reference && value["name"] == former {
                    value["name"] = json!(name);
                }
                read_from(value, former, name);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| read_from(item, former, name)),
        _ => {}
    }
}

/// The Secret that a run's containers have their workflow from, if it is one.
fn workflow_secret(spec: &Value) -> Option<&str> {
    match spec {
        Value::Object(object) => {
            let is_config = object.get("name").and_then(Value::as_str) == Some("config");
            let reference = spec.pointer("/valueFrom/secretKeyRef/name").filter(|_| is_config);
            let below = || object.values().find_map(workflow_secret);
            reference.and_then(Value::as_str).or_else(below)
        }
        Value::Array(items) => items.iter().find_map(workflow_secret),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(config: Value) -> Vec<DynamicObject> {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "om-config-a", "namespace": "ns", "labels": {}},
            "data": {"config": "x"}});
        let job = json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "om-job-a-1", "namespace": "ns", "labels": {
                "app.kubernetes.io/run-id": "1", "app.kubernetes.io/pipeline": "a"}},
            "spec": {"template": {"spec": {"containers": [{"env": [
                {"name": "config", "valueFrom": config},
                {"name": "OMPIPE_LAUNCHER", "valueFrom":
                    {"configMapKeyRef": {"name": "om-config-a", "key": "launcher.py"}}},
                {"name": "other", "valueFrom":
                    {"configMapKeyRef": {"name": "other", "key": "k"}}}]}]}}}});
        vec![serde_json::from_value(map).unwrap(), serde_json::from_value(job).unwrap()]
    }

    fn from_map() -> Value {
        json!({"configMapKeyRef": {"name": "om-config-a", "key": "config"}})
    }

    #[test]
    fn a_run_reads_the_pipelines_config_map_which_has_to_be_there() {
        let plan = Plan::of(&objects(from_map()), false).unwrap();
        assert_eq!(
            (plan.kind, plan.name.as_str(), plan.id.as_str()),
            (Kind::Job, "om-job-a-1", "1")
        );
        assert_eq!(plan.needs.len(), 1);
        assert!(plan.own.is_empty() && plan.secret.is_none());
    }

    #[test]
    fn a_changed_run_has_a_config_map_of_its_own_and_reads_nothing_of_the_pipelines() {
        let plan = Plan::of(&objects(from_map()), true).unwrap();
        let [own] = plan.own.as_slice() else { panic!("{:?}", plan.own) };
        assert_eq!(text(own, "/metadata/name"), "om-job-a-1");
        assert_eq!(own["metadata"]["labels"]["app.kubernetes.io/run-id"], "1");
        let run = plan.run.to_string();
        assert!(!run.contains("om-config-a"), "{run}");
        assert!(run.contains(r#""name":"other""#), "{run}");
        assert!(plan.needs.is_empty());
    }

    #[test]
    fn what_bears_the_runs_id_is_created_for_it_alone_and_a_secret_of_its_own_is_not() {
        let run = |way: Value, secret: Option<Value>| {
            let mut objects = objects(way);
            let own = ["om-job-a-1", "1"];
            for object in objects.iter_mut().take(1) {
                object.metadata.name = Some(own[0].to_owned());
                let label = (labels::RUN_ID.to_owned(), own[1].to_owned());
                object.metadata.labels.get_or_insert_default().extend([label]);
            }
            objects.extend(secret.map(|secret| serde_json::from_value(secret).unwrap()));
            Plan::of(&objects, false)
        };
        let plan = run(from_map(), None).unwrap();
        assert_eq!((plan.own.len(), plan.needs.len()), (1, 0));
        let secret = || json!({"secretKeyRef": {"name": "om-job-a-1", "key": "config"}});
        assert!(run(secret(), None).is_err(), "nobody makes it");
        let external = json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": "om-job-a-1", "labels": {labels::RUN_ID: "1"}}});
        let plan = run(secret(), Some(external)).unwrap();
        assert_eq!((plan.own.len(), plan.secret), (2, None));
    }

    #[test]
    fn the_secret_of_a_workflow_is_found_and_cannot_be_changed_for_one_run() {
        let secret = || json!({"secretKeyRef": {"name": "om-secret-a", "key": "config"}});
        let plan = Plan::of(&objects(secret()), false).unwrap();
        assert_eq!(plan.secret.as_deref(), Some("om-secret-a"));
        assert!(Plan::of(&objects(secret()), true).is_err());
    }
}
