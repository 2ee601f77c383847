//! The namespaces that objects are to be in.
//!
//! In: their names. Out: an error where one is not there, or going.

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;

use super::connection::Cluster;
use super::error::{Error, allowed};

/// Each namespace is there and stays, as far as we may know.
pub(super) async fn require(cluster: &Cluster, names: &[&str]) -> Result<(), Error> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let asks = names.iter().map(|name| {
        let doing = format!("look for the namespace {name}");
        let api = &api;
        async move { allowed(cluster.ask(doing, async || api.get_opt(name).await).await) }
    });
    let found = try_join_all(asks).await?;
    let pairs = || names.iter().zip(&found);
    let missing: Vec<&str> =
        pairs().filter(|(_, one)| matches!(one, Some(None))).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        let (noun, verb) =
            if missing.len() == 1 { ("namespace", "does") } else { ("namespaces", "do") };
        return Err(Error::unmet(
            format!("the {noun} {} {verb} not exist", missing.join(", ")),
            format!("Create it first: `kubectl create namespace {}`.", missing[0]),
        ));
    }
    let deleting = pairs().find(|(_, one)| {
        matches!(one, Some(Some(namespace)) if namespace.metadata.deletion_timestamp.is_some())
    });
    match deleting {
        Some((name, _)) => Err(Error::unmet(
            format!("the namespace {name} is being deleted"),
            "Wait until it is gone, and create it anew.",
        )),
        None => Ok(()),
    }
}
