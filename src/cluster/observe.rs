//! Objects in a cluster, as the values that are looked at.
//!
//! In: names. Out: [`observed`](super::observed) values. Nothing is decided here.

use kube::api::{GetParams, ListParams};
use kube::core::Request;
use serde::de::DeserializeOwned;

use super::connection::Cluster;
use super::error::Error;
use super::list::List;
use super::observed::Pod;

/// A pod, if there is one.
pub(super) async fn pod(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Option<Pod>, Error> {
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    object(cluster, &format!("read pod {name}"), &path, name).await
}

/// An object, if there is one; `path` is that of all objects of its kind and namespace.
pub(super) async fn object<K: DeserializeOwned>(
    cluster: &Cluster,
    doing: &str,
    path: &str,
    name: &str,
) -> Result<Option<K>, Error> {
    let found = cluster.ask(doing, async || {
        let request = Request::new(path).get(name, &GetParams::default());
        let request = request.map_err(kube::Error::BuildRequest)?;
        cluster.client.request::<K>(request).await
    });
    match found.await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The main pods that bear these labels, the oldest first, whoever they belong to. One pipeline has
/// few of them.
pub async fn main_pods(
    cluster: &Cluster,
    namespace: &str,
    selector: &str,
) -> Result<Vec<Pod>, Error> {
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    let which = ListParams::default().labels(selector);
    let mut pods = List::new("list pods", path, which).all::<Pod>(cluster).await?;
    pods.retain(|pod| !pod.is_exit_handler());
    pods.sort_by_key(|pod| pod.metadata.creation_timestamp);
    Ok(pods)
}
