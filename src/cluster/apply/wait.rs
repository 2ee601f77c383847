//! Waits until what was applied is ready.
//!
//! In: what was wanted, and how long to wait. Out: nothing when all of it is ready, or else which
//! objects are not, and why. Only kinds that are not ready by being there are looked at.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use kube::Resource as _;
use kube::api::{DynamicObject, ListParams};
use serde_json::Value;

use super::desired::{Identity, Wanted};
use super::readiness::{WAITED_FOR, unready};
use super::send;
use crate::cluster::connection::Cluster;
use crate::cluster::error::Error;
use crate::cluster::list::List;
use crate::model::labels;

/// The first pause between two looks; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

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
        let path = DynamicObject::url_path(&resource, Some(namespace));
        let mut which = ListParams::default();
        if members.iter().all(|at| wanted.objects[*at].is_labelled()) {
            which = which.labels(&format!("{}={}", labels::MANAGED_BY, labels::OPENMETADATA));
        }
        let names: HashMap<&str, usize> =
            members.iter().map(|at| (wanted.objects[*at].identity.name.as_str(), *at)).collect();
        let list = List::new(format!("look for {kind} objects in {namespace}"), path, which);
        let seen =
            list.fold(cluster, |seen: &mut HashMap<usize, Option<String>>, object: Value| {
                let name = object.pointer("/metadata/name").and_then(Value::as_str);
                if let Some(at) = name.and_then(|name| names.get(name)) {
                    let mut object = object;
                    object["kind"] = kind.into();
                    seen.insert(*at, unready(&object));
                }
            });
        let mut seen = seen.await?;
        let gone = || Some("it is gone".to_owned());
        let reasons = members.iter().map(|at| (*at, seen.remove(at).unwrap_or_else(gone)));
        all.extend(reasons.filter_map(|(at, reason)| Some((at, reason?))));
    }
    Ok(all)
}
