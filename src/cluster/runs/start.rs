//! Starts a run.
//!
//! In: a [`Plan`]. Out: the Job or OMJob, created once. What it needs is looked for before; what it
//! has of its own, such as a ConfigMap, is created before it and belongs to it after. One that was
//! created and whose answer was lost is known by its run id and adopted; where the run cannot be
//! created, its own objects go again.

use std::collections::BTreeMap;

use kube::api::{Patch, PatchParams, PropagationPolicy};
use serde::Deserialize;
use serde_json::{Value, json};

use super::kind::Kind;
use super::plan::{Plan, text};
use super::request::{self, Created, Named, Part};
use crate::cluster::observed::Meta;
use crate::cluster::{Cluster, Error, FIELD_MANAGER, namespaces};
use crate::model::labels;

/// A run that was started.
#[derive(Clone, Debug)]
pub struct Started {
    /// The UID of its Job or OMJob.
    pub uid: String,
    /// Whether it was there already, under the same run id.
    pub was_there: bool,
    /// Whether the pipeline's ConfigMap in the cluster says something else than the definitions.
    pub reads_other_config: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfigMap {
    data: BTreeMap<String, String>,
}

/// Starts it.
pub async fn start(cluster: &Cluster, plan: &Plan) -> Result<Started, Error> {
    let reads_other_config = look_for_needs(cluster, plan).await?;
    let mut own: Vec<(Kind, Meta)> = Vec::new();
    let created = create_all(cluster, plan, &mut own).await;
    let (run, was_there) = match created {
        Ok(created) => created,
        Err(error) => {
            for (kind, Meta { name, uid, .. }) in &own {
                let how = PropagationPolicy::Background;
                let namespace = plan.namespace.as_str();
                // The first error is the one to tell.
                let _gone = request::delete(cluster, *kind, namespace, name, uid, how).await;
            }
            return Err(error);
        }
    };
    for (kind, _) in &own {
        let_go_with(cluster, plan, *kind, &run).await?;
    }
    Ok(Started { uid: run.uid, was_there, reads_other_config })
}

/// Creates what a run has of its own, and then the run; `own` is what there is of it by then.
async fn create_all(
    cluster: &Cluster,
    plan: &Plan,
    own: &mut Vec<(Kind, Meta)>,
) -> Result<(Meta, bool), Error> {
    for object in &plan.own {
        let kind = match text(object, "/kind") {
            "ExternalSecret" => Kind::ExternalSecret,
            _ => Kind::ConfigMap,
        };
        own.push((kind, create_or_adopt(cluster, kind, plan, object).await?.0));
    }
    create_or_adopt(cluster, plan.kind, plan, &plan.run).await
}

/// Whether the pipeline's ConfigMap differs; an error when something is missing.
async fn look_for_needs(cluster: &Cluster, plan: &Plan) -> Result<bool, Error> {
    let namespace = plan.namespace.as_str();
    let mut differs = false;
    for need in &plan.needs {
        let name = text(need, "/metadata/name");
        let is_there = if text(need, "/kind") == "ConfigMap" {
            let found: Option<ConfigMap> =
                request::get(cluster, Kind::ConfigMap, namespace, name).await?;
            differs |= found.as_ref().is_some_and(|found| {
                found.data.iter().any(|(key, value)| need["data"][key] != json!(value))
            });
            found.is_some()
        } else {
            request::get_metadata(cluster, Kind::ExternalSecret, namespace, name).await?.is_some()
        };
        if !is_there {
            // A namespace that is going is emptied, and takes nothing new.
            namespaces::require(cluster, &[namespace]).await?;
            return Err(Error::unmet(
                format!("there is no {} {name} in {namespace}", text(need, "/kind")),
                "The run reads its workflow from it: `ompipe apply` makes it.",
            ));
        }
    }
    if let Some(secret) = &plan.secret {
        match request::get_metadata(cluster, Kind::Secret, namespace, secret).await {
            Ok(None) => {
                return Err(Error::unmet(
                    format!("there is no Secret {secret} in {namespace}"),
                    "The run reads its workflow from it. `ompipe secrets list` says who makes it.",
                ));
            }
            // Who may not look at Secrets may start a run all the same.
            Err(error) if error.code() != Some(403) => return Err(error),
            _ => {}
        }
    }
    Ok(differs)
}

/// Creates an object of the run, or finds it there; and whether it was.
async fn create_or_adopt(
    cluster: &Cluster,
    kind: Kind,
    plan: &Plan,
    object: &Value,
) -> Result<(Meta, bool), Error> {
    let (namespace, name) = (plan.namespace.as_str(), plan.name.as_str());
    let created = request::create::<Named>(cluster, kind, namespace, name, object).await;
    let created = created.map_err(|error| match (error.code(), kind) {
        (Some(404), Kind::OMJob) => Error::unmet(
            format!("failed to create OMJob {name}: the cluster does not know the kind"),
            "`ompipe crd --apply` installs the operator's kinds; the operator has to run, too.",
        ),
        _ => error,
    })?;
    let was_there = match created {
        Created::New(created) => return Ok((created.metadata, false)),
        Created::Perhaps => false,
        Created::There => true,
    };
    let found = request::get_metadata(cluster, kind, namespace, name).await?;
    match found {
        Some(found) if found.label(labels::RUN_ID) == Some(&plan.id) => Ok((found, was_there)),
        _ => Err(Error::unmet(
            format!("there is a {} {name} in {namespace} already, of another run", kind.as_str()),
            "Run the same again: it has another id then.",
        )),
    }
}

/// Has an object of the run's own go with the run.
async fn let_go_with(cluster: &Cluster, plan: &Plan, kind: Kind, run: &Meta) -> Result<(), Error> {
    let owner = json!({"metadata": {"ownerReferences": [{
        "apiVersion": plan.kind.api_version(),
        "kind": plan.kind,
        "name": run.name,
        "uid": run.uid,
    }]}});
    let how = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() };
    let doing = format!("have {} {} go with the run", kind.as_str(), plan.name);
    let of = (kind, plan.namespace.as_str(), plan.name.as_str());
    let patch = Patch::Merge(owner);
    request::patch::<Named>(cluster, &doing, of, Part::Object, &how, &patch).await.map(drop)
}
