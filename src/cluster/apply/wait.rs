//! Waits until what was applied is ready.
//!
//! In: what was wanted, and how long to wait. Out: nothing when all of it is ready, or else which
//! objects are not, and why. Only kinds that are not ready by being there are looked at.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kube::api::{Api, DynamicObject, ListParams};

use super::desired::{Identity, Wanted};
use super::readiness::{WAITED_FOR, unready};
use super::send;
use crate::cluster::connection::Cluster;
use crate::cluster::error::Error;
use crate::model::labels;

/// The first pause between two looks; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How many objects are in a page.
const PAGE: u32 = 250;

/// An object that is not ready, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unready {
    /// Which.
    pub identity: Identity,
    /// Why, a part of a sentence.
    pub why: String,
}

/// Waits; `progress` hears how many are not ready yet. What is not ready in the end is given back.
pub async fn wait(
    cluster: &Cluster,
    wanted: &Wanted,
    timeout: Duration,
    progress: &dyn Fn(usize),
) -> Result<Vec<Unready>, Error> {
    let end = Instant::now() + timeout;
    let waited_for = |at: &usize| WAITED_FOR.contains(&wanted.objects[*at].identity.kind.as_str());
    let mut pending: Vec<usize> = (0..wanted.objects.len()).filter(waited_for).collect();
    let mut pause = FIRST_PAUSE;
    loop {
        let unready = look(cluster, wanted, &pending).await?;
        if unready.is_empty() {
            return Ok(Vec::new());
        }
        progress(unready.len());
        if Instant::now() + pause > end {
            let told = unready
                .into_iter()
                .map(|(at, why)| Unready { identity: wanted.objects[at].identity.clone(), why });
            return Ok(told.collect());
        }
        pending = unready.into_iter().map(|(at, _)| at).collect();
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn look(
    cluster: &Cluster,
    wanted: &Wanted,
    pending: &[usize],
) -> Result<Vec<(usize, String)>, Error> {
    let mut collections: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for at in pending {
        let Identity { kind, namespace, .. } = &wanted.objects[*at].identity;
        collections.entry((kind, namespace)).or_default().push(*at);
    }
    let mut all = Vec::new();
    for ((kind, namespace), members) in collections {
        let first = &wanted.objects[members[0]];
        let resource = send::resource(&first.identity, &first.version);
        let api: Api<DynamicObject> =
            Api::namespaced_with(cluster.client.clone(), namespace, &resource);
        let mut parameters = ListParams::default().limit(PAGE);
        if members.iter().all(|at| wanted.objects[*at].is_labelled()) {
            parameters =
                parameters.labels(&format!("{}={}", labels::MANAGED_BY, labels::OPENMETADATA));
        }
        let mut reasons: BTreeMap<&str, (usize, Option<String>)> = BTreeMap::new();
        for at in &members {
            let name = wanted.objects[*at].identity.name.as_str();
            reasons.insert(name, (*at, Some("it is gone".to_owned())));
        }
        loop {
            let doing = format!("look for {kind} objects in {namespace}");
            let page = cluster.ask(doing, async || api.list(&parameters).await).await?;
            for object in page.items {
                let name = object.metadata.name.clone().unwrap_or_default();
                if let Some((_, reason)) = reasons.get_mut(name.as_str()) {
                    let mut object = serde_json::to_value(&object).unwrap_or_default();
                    object["kind"] = kind.into();
                    *reason = unready(&object);
                }
            }
            parameters.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
            if parameters.continue_token.is_none() {
                break;
            }
        }
        let reasons = reasons.into_values();
        all.extend(reasons.filter_map(|(at, reason)| Some((at, reason?))));
    }
    Ok(all)
}
