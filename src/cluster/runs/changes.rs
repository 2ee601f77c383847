//! That something about runs has changed.
//!
//! In: a namespace, kinds and labels. Out: a stream with an item whenever one of such objects comes,
//! changes or goes, and at its end why that can no longer be known. What became of it is not said:
//! whoever listens asks again.

use std::time::{Duration, Instant};

use futures::stream::{self, LocalBoxStream, StreamExt as _, select_all};
use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, PartialObjectMeta, WatchEvent,
    WatchParams,
};
use tokio::time::sleep;

use super::kind::Kind;
use crate::cluster::retry::jittered;
use crate::cluster::{Cluster, Error};

/// The pause before a watch that was cut is begun anew. Each further one is twice as long, up to the
/// longest, until a watch tells something.
const PAUSE: Duration = Duration::from_millis(300);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often is looked whether the cluster knows a kind by now.
const LOOK_FOR_KIND: Duration = Duration::from_secs(30);

/// One item for each change; a watch that is cut is begun anew, and counts as a change. A kind that
/// the cluster does not know is asked for now and then, since it may come.
pub fn changes(
    cluster: &Cluster,
    namespace: &str,
    kinds: &[Kind],
    selector: &str,
) -> LocalBoxStream<'static, Result<(), Error>> {
    let watches = kinds.iter().map(|kind| {
        let watch = Watch::new(cluster, namespace, *kind, selector);
        let changes = stream::unfold(Some(watch), async |watch| {
            let mut watch = watch?;
            let change = watch.change().await;
            let goes_on = change.is_ok();
            Some((change, goes_on.then_some(watch)))
        });
        changes.boxed_local()
    });
    select_all(watches).boxed_local()
}

/// What a watch tells, while it lasts.
type Events =
    LocalBoxStream<'static, Result<WatchEvent<PartialObjectMeta<DynamicObject>>, kube::Error>>;

/// A watch on the objects of a kind.
struct Watch {
    cluster: Cluster,
    kind: Kind,
    selector: String,
    api: Api<DynamicObject>,
    events: Option<Events>,
    pause: Duration,
}

impl Watch {
    fn new(cluster: &Cluster, namespace: &str, kind: Kind, selector: &str) -> Self {
        let version = kind.api_version();
        let (group, version) = version.split_once('/').unwrap_or(("", &version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind.as_str()));
        Self {
            cluster: cluster.clone(),
            kind,
            selector: selector.to_owned(),
            api: Api::namespaced_with(cluster.client.clone(), namespace, &resource),
            events: None,
            pause: PAUSE,
        }
    }

    /// Waits for the next change.
    async fn change(&mut self) -> Result<(), Error> {
        loop {
            let Some(events) = &mut self.events else {
                match self.begun().await {
                    Ok(events) => {
                        self.events = Some(events);
                        // What changed before is not known.
                        return Ok(());
                    }
                    Err(error) if error.code() == Some(404) && self.kind.may_be_unknown() => {
                        sleep(LOOK_FOR_KIND).await;
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            };
            match events.next().await {
                Some(Ok(WatchEvent::Error(_)) | Err(_)) | None => {
                    self.events = None;
                    sleep(jittered(self.pause)).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
                Some(Ok(WatchEvent::Bookmark(_))) => self.pause = PAUSE,
                Some(Ok(_)) => {
                    self.pause = PAUSE;
                    return Ok(());
                }
            }
        }
    }

    /// Begins it with what there is now.
    async fn begun(&self) -> Result<Events, Error> {
        let doing = format!("watch {}s", self.kind.as_str());
        // The list's version is wanted, not its items.
        let which = ListParams::default().labels(&self.selector).limit(1);
        let how = WatchParams::default().labels(&self.selector);
        let end = Instant::now() + self.cluster.patience().0;
        loop {
            let ask = async || self.api.list_metadata(&which).await;
            let listed = self.cluster.ask(doing.as_str(), ask).await?;
            let version = listed.metadata.resource_version.unwrap_or_default();
            let ask = async || Ok(self.api.watch_metadata(&how, &version).await?.boxed_local());
            match self.cluster.ask(doing.as_str(), ask).await {
                // The version is forgotten already: the next one may not be.
                Err(error) if error.code() == Some(410) && Instant::now() < end => {
                    sleep(jittered(PAUSE)).await;
                }
                begun => return begun,
            }
        }
    }
}
