//! `ompipe run`.

use std::io::Write;

use clap::Args;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, DynamicObject, PostParams};
use ompipe::cluster::{api_of, parsed};
use ompipe::render::Mode;
use serde_json::Value;
use uuid::Uuid;

use super::cluster::{ClusterArgs, block_on};
use super::error::Error;
use super::exit::Status;
use super::input::{self, InputArgs};
use super::session::{Findings, Session};

/// Run a pipeline once, now, in a cluster
///
/// Creates the Job or OMJob that `render --run` shows, with a run id of its own, beside whatever the
/// pipeline's schedule does. The pipeline's other objects have to be in the cluster already.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe run orders                  The pipeline orders of the current folder's project
  ompipe run orders examples/team    Of the project there
  ompipe render --run -l orders      Only show what would be created")]
pub(crate) struct RunArgs {
    /// The name of the pipeline
    pipeline: String,

    #[command(flatten)]
    input: InputArgs,

    /// The id of the run [default: a random one]
    #[arg(long, value_name = "UUID")]
    run_id: Option<Uuid>,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) fn run(args: &RunArgs, session: &mut Session) -> Result<Status, Error> {
    let id = args.run_id.unwrap_or_else(Uuid::new_v4);
    let mut project = input::read(&args.input)?;
    let only = [args.pipeline.clone()];
    let objects = input::compile(&mut project, &args.input, Mode::Run(Some(id)), &only, true)?;
    let found = std::mem::take(&mut project.found).into_sorted();
    let failed = session.fails_on(&found);
    let status = session.report(found, &project.sources, Findings::AsMessages)?;
    if failed {
        return Ok(status);
    }
    let objects: Vec<DynamicObject> = objects.iter().map(parsed).collect::<Result<_, _>>()?;
    let name = block_on(start(&args.cluster, &objects))?;
    writeln!(session.out(), "{name} created, run id {id}")?;
    Ok(status)
}

/// Creates the run, if what it needs is there.
async fn start(cluster: &ClusterArgs, objects: &[DynamicObject]) -> Result<String, Error> {
    let client = cluster.client().await?;
    let of_kind = |kinds: &[&str]| {
        objects.iter().find(|object| kinds.contains(&kind(object))).ok_or_else(|| {
            Error::new(format!("there is no {} among what was rendered", kinds.join(" or ")))
        })
    };
    let holds_workflow =
        |object: &&DynamicObject| ["ConfigMap", "ExternalSecret"].contains(&kind(object));
    for holder in objects.iter().filter(holds_workflow) {
        if api_of(&client, holder).get_opt(name(holder)).await.map_err(unanswered)?.is_none() {
            let (kind, name) = (kind(holder), name(holder));
            let missing = format!("there is no {kind} {name} in {}", namespace(holder));
            return Err(Error::new(missing).with_hint(
                "The run reads its workflow from it. Apply what `ompipe render` gives first.",
            ));
        }
    }
    let run = of_kind(&["Job", "OMJob"])?;
    let is_made_there = objects.iter().any(|object| kind(object) == "ExternalSecret");
    if let Some(secret) = workflow_secret(&run.data).filter(|_| !is_made_there)
        && is_missing(&client, namespace(run), secret).await?
    {
        let missing = format!("there is no Secret {secret} in {}", namespace(run));
        return Err(Error::new(missing).with_hint(
            "The run reads its workflow from it. `ompipe secrets list` says who makes it.",
        ));
    }
    let created = api_of(&client, run).create(&PostParams::default(), run).await;
    created.map_err(|error| {
        let missing = matches!(&error, kube::Error::Api(status) if status.code == 404);
        let failed =
            Error::new(format!("failed to create {} {}", kind(run), name(run))).because(error);
        match missing && kind(run) == "OMJob" {
            true => failed.with_hint("`ompipe crd --apply` installs the OMJob CRD."),
            false => failed,
        }
    })?;
    Ok(format!("{}/{}", kind(run).to_lowercase(), name(run)))
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

/// Whether there is no such Secret. Who may not look at Secrets may start a run all the same.
async fn is_missing(client: &Client, namespace: &str, secret: &str) -> Result<bool, Error> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    match secrets.get_metadata_opt(secret).await {
        Ok(found) => Ok(found.is_none()),
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(false),
        Err(error) => Err(unanswered(error)),
    }
}

fn unanswered(error: kube::Error) -> Error {
    Error::new("failed to ask the cluster").because(error)
}

fn kind(object: &DynamicObject) -> &str {
    object.types.as_ref().map_or("", |types| types.kind.as_str())
}

fn name(object: &DynamicObject) -> &str {
    object.metadata.name.as_deref().unwrap_or_default()
}

fn namespace(object: &DynamicObject) -> &str {
    object.metadata.namespace.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_secret_of_a_workflow_is_found_wherever_the_containers_are() {
        let env = |from: Value| json!({"a": [{"env": [{"name": "config", "valueFrom": from}]}]});
        let secret = json!({"secretKeyRef": {"name": "om-secret-a", "key": "config"}});
        assert_eq!(workflow_secret(&env(secret)), Some("om-secret-a"));
        let config_map = json!({"configMapKeyRef": {"name": "om-config-a", "key": "config"}});
        assert_eq!(workflow_secret(&env(config_map)), None);
    }
}
