//! That something about runs has changed.
//!
//! In: a namespace, kinds and labels. Out: a stream with an item whenever one of such objects comes,
//! changes or goes. What became of it is not said: whoever listens asks again.

use futures::stream::{BoxStream, StreamExt as _, select_all};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta};
use kube::runtime::{WatchStreamExt as _, watcher};

use super::kind::Kind;
use crate::cluster::Cluster;

/// One item for each change; a watch that is cut is begun anew, and counts as a change. A kind that
/// the cluster does not know is asked for now and then, since it may come.
pub fn changes(
    cluster: &Cluster,
    namespace: &str,
    kinds: &[Kind],
    selector: &str,
) -> BoxStream<'static, ()> {
    let watches = kinds.iter().map(|kind| {
        let version = kind.api_version();
        let (group, version) = version.split_once('/').unwrap_or(("", &version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind.as_str()));
        let api: Api<PartialObjectMeta<DynamicObject>> =
            Api::namespaced_with(cluster.client.clone(), namespace, &resource);
        let events = watcher(api, watcher::Config::default().labels(selector)).default_backoff();
        let changes = events.filter_map(async |event| match event {
            Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_)) => Some(()),
            // What changed while a watch was cut is not known.
            Ok(watcher::Event::InitDone) => Some(()),
            _ => None,
        });
        changes.boxed()
    });
    select_all(watches).boxed()
}
