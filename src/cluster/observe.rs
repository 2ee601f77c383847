//! Objects in a cluster, as the values that are looked at.
//!
//! In: names. Out: [`observed`](super::observed) values. Nothing is decided here.

use k8s_openapi::api::core::v1 as core;
use kube::Api;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connection::Cluster;
use super::error::Error;
use super::observed::Pod;

/// A pod, if there is one.
pub(super) async fn pod(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Option<Pod>, Error> {
    let pods: Api<core::Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let found = cluster.ask(format!("read pod {name}"), async || pods.get_opt(name).await).await?;
    Ok(found.as_ref().map(values))
}

/// What is looked at of an object. All fields of a value have a default, so that none is missing.
pub(super) fn values<V: DeserializeOwned + Default>(object: &impl Serialize) -> V {
    serde_json::to_value(object).and_then(serde_json::from_value).unwrap_or_default()
}
