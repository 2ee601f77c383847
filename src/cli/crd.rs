//! `ompipe crd`.

use std::io::Write;

use clap::Args;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{Patch, PatchParams};
use ompipe::cluster::FIELD_MANAGER;
use ompipe::crd::{definition_files, definitions};
use serde_json::Value;

use super::cluster::{ClusterArgs, block_on};
use super::error::Error;
use super::exit::Status;
use super::session::Session;

/// Print or apply the CustomResourceDefinitions of OMJob and CronOMJob
///
/// They accept every object that OpenMetadata's own definitions accept, and add fields. Applied
/// over those they replace them; the objects stay.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe crd > crds.yaml        Write them to a file
  ompipe crd --apply            Apply them to the cluster of the current context")]
pub(crate) struct CrdArgs {
    /// Apply them to a cluster, by server-side apply, rather than print them
    #[arg(long)]
    apply: bool,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) fn run(args: &CrdArgs, session: &mut Session) -> Result<Status, Error> {
    if args.apply {
        return block_on(apply(&args.cluster, session));
    }
    if args.cluster.is_some() {
        return Err(Error::new("a cluster is named, and nothing is to be applied to it")
            .with_hint("Add --apply, or leave out --kubeconfig and --context."));
    }
    for (number, file) in definition_files().into_iter().enumerate() {
        if number > 0 {
            session.out().write_all(b"---\n")?;
        }
        session.out().write_all(file.text.as_bytes())?;
    }
    Ok(Status::Fine)
}

/// Applies both. What another manager set, an older version of them for example, is taken over.
async fn apply(cluster: &ClusterArgs, session: &mut Session) -> Result<Status, Error> {
    let cluster = cluster.connect().await?;
    let api: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let how = PatchParams::apply(FIELD_MANAGER).force();
    for definition in definitions() {
        let name = definition["metadata"]["name"].as_str().unwrap_or_default();
        let patch = Patch::Apply::<&Value>(&definition);
        cluster.ask(format!("apply {name}"), async || api.patch(name, &how, &patch).await).await?;
        writeln!(session.out(), "{name} applied")?;
    }
    Ok(Status::Fine)
}
