//! Deletes all that belongs to a pipeline.
//!
//! In: a [`Pipeline`]. Out: what belongs to it, and then what became of it. Schedules go first, so
//! that nothing new starts; then runs, as [`kill`](super::kill) ends them, for their exit handlers
//! still read the workflow; then the rest. Whatever interrupts it, the same again goes on.

use std::time::Duration;

use kube::api::PropagationPolicy;
use tokio::time::{Instant, sleep};

use super::belongings::{Belongings, Stays, Thing, is_own, names, why_it_stays};
use super::kill::{Step, kill, wait_until_gone};
use super::kind::Kind;
use super::list::{Scope, list, schedules};
use super::request;
use crate::cluster::{Cluster, Error, Pipeline};

/// How often is looked whether the last objects are gone.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// What belongs to a pipeline.
pub async fn belongings(cluster: &Cluster, pipeline: &Pipeline) -> Result<Belongings, Error> {
    let scope = Scope::Pipeline(pipeline);
    let mut all = Belongings {
        crons: schedules(cluster, scope).await?,
        runs: list(cluster, scope).await?,
        ..Belongings::default()
    };
    let namespace = pipeline.namespace.as_str();
    let selector = scope.selector();
    for kind in [Kind::Pod, Kind::ExternalSecret, Kind::ConfigMap, Kind::Secret] {
        for meta in request::list_metadata(cluster, kind, namespace, &selector).await? {
            let uid = meta.controller().map(|owner| owner.uid.as_str());
            let is_of_run = uid.is_some_and(|uid| all.runs.iter().any(|run| run.uid == uid));
            if is_own(kind, &meta, pipeline) && !(kind == Kind::Pod && is_of_run) {
                let thing = Thing { kind, name: meta.name, uid: meta.uid };
                let of = if kind == Kind::Pod { &mut all.orphans } else { &mut all.others };
                of.push(thing);
            }
        }
    }
    for (kind, name) in names(pipeline) {
        let found = request::find_metadata(cluster, kind, namespace, name).await?;
        if let Some(why) = found.and_then(|meta| why_it_stays(kind, &meta, pipeline)) {
            all.stays.push(Stays { kind, name: name.to_owned(), why });
        }
    }
    Ok(all)
}

/// Deletes it, and waits until it is gone; `tell` is told of each object that is.
pub async fn delete(
    cluster: &Cluster,
    pipeline: &Pipeline,
    all: Belongings,
    timeout: Duration,
    tell: &mut impl FnMut(Kind, &str),
) -> Result<(), Error> {
    let end = Instant::now() + timeout;
    let namespace = pipeline.namespace.as_str();
    let background = PropagationPolicy::Background;
    let scope = Scope::Pipeline(pipeline);
    let mut crons = all.crons;
    let mut runs = all.runs;
    while !crons.is_empty() || !runs.is_empty() {
        if Instant::now() > end {
            return Err(ever_new(pipeline));
        }
        for cron in &crons {
            let how = background.clone();
            request::delete(cluster, cron.kind, namespace, &cron.name, &cron.uid, how).await?;
            tell(cron.kind, &cron.name);
        }
        kill(cluster, &runs, &mut |_| {}).await?;
        let left = end.saturating_duration_since(Instant::now());
        wait_until_gone(cluster, &runs, left, &mut |step| {
            if let Step::Gone(run) = step {
                tell(run.kind.into(), &run.name);
            }
        })
        .await?;
        // A controller may have started one more just before.
        (crons, runs) = (schedules(cluster, scope).await?, list(cluster, scope).await?);
    }
    for thing in all.orphans.iter().chain(&all.others) {
        let Thing { kind, name, uid } = thing;
        request::delete(cluster, *kind, namespace, name, uid, background.clone()).await?;
    }
    for thing in all.orphans.iter().chain(&all.others) {
        loop {
            let found = request::get_metadata(cluster, thing.kind, namespace, &thing.name).await?;
            if found.is_none_or(|found| found.uid != thing.uid) {
                break tell(thing.kind, &thing.name);
            }
            if Instant::now() > end {
                return Err(stuck(thing));
            }
            sleep(LOOK_AGAIN).await;
        }
    }
    Ok(())
}

fn ever_new(pipeline: &Pipeline) -> Error {
    Error::unmet(
        format!("there are always new runs of {}", pipeline.name),
        "Somebody applies its schedule or starts runs meanwhile: stop that, and run the same again.",
    )
}

fn stuck(thing: &Thing) -> Error {
    let what = thing.kind.named(&thing.name);
    Error::unmet(
        format!("{what} is not gone"),
        "Its end has been asked for: a finalizer of it may hold it. Run the same again later.",
    )
}
