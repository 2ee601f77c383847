//! Ends runs, and waits until nothing of them runs any more.
//!
//! In: runs. Out: what became of each, told while it happens. A Job is deleted in the foreground, so
//! that it goes only after its pods, whose preStop hook or sidecar reports within their grace
//! period; an OMJob's operator stops the main pod, runs the exit handler, and lets the OMJob go.
//! Only the objects of these UIDs are touched.

use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use kube::api::PropagationPolicy;
use tokio::time::{Instant, sleep};

use super::kind::Kind;
use super::list::pods_of;
use super::request;
use super::run::{Run, RunKind};
use crate::cluster::observed::Pod;
use crate::cluster::{Cluster, Error};

/// How often is looked what is still there: at first, and at most.
const LOOKS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(2)];
/// Requests under way at once: many past runs go with a pipeline.
const AT_ONCE: usize = 16;
/// An operator that is alive acts on a deletion within a second; its fail-over takes 17.
const OPERATOR_IS_SILENT: Duration = Duration::from_secs(30);

/// What is told on the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step<'a> {
    /// Its end has been asked for.
    Asked(&'a Run),
    /// Nothing of it is there any more.
    Gone(&'a Run),
}

/// Asks for the end of runs.
pub async fn kill(
    cluster: &Cluster,
    runs: &[Run],
    tell: &mut impl FnMut(Step<'_>),
) -> Result<(), Error> {
    let asks = runs.iter().map(|run| async move {
        let (kind, propagation) = match run.kind {
            RunKind::Job => (Kind::Job, PropagationPolicy::Foreground),
            RunKind::OMJob => (Kind::OMJob, PropagationPolicy::Background),
        };
        let Run { namespace, name, uid, .. } = run;
        request::delete(cluster, kind, namespace, name, uid, propagation).await.map(|_| run)
    });
    let mut asks = stream::iter(asks).buffer_unordered(AT_ONCE);
    while let Some(run) = asks.try_next().await? {
        tell(Step::Asked(run));
    }
    Ok(())
}

/// Waits until the objects and the pods of runs that were killed are gone.
pub async fn wait_until_gone(
    cluster: &Cluster,
    runs: &[Run],
    timeout: Duration,
    tell: &mut impl FnMut(Step<'_>),
) -> Result<(), Error> {
    let begin = Instant::now();
    let mut left: Vec<&Run> = runs.iter().collect();
    let [mut pause, longest] = LOOKS;
    loop {
        let mut still = Vec::new();
        let rests = left
            .into_iter()
            .map(|run| async move { rest_of(cluster, run).await.map(|rest| (run, rest)) });
        let mut rests = stream::iter(rests).buffer_unordered(AT_ONCE);
        while let Some((run, rest)) = rests.try_next().await? {
            match rest {
                None => tell(Step::Gone(run)),
                Some(rest) => {
                    if rest.is_unseen(run) && begin.elapsed() > OPERATOR_IS_SILENT {
                        return Err(silent_operator(run));
                    }
                    still.push((run, rest));
                }
            }
        }
        drop(rests);
        let Some((run, rest)) = still.first() else { return Ok(()) };
        if begin.elapsed() > timeout {
            return Err(too_long(run, rest, timeout));
        }
        left = still.into_iter().map(|(run, _)| run).collect();
        sleep(pause).await;
        pause = (pause * 3 / 2).min(longest);
    }
}

/// What is left of a run.
struct Rest {
    is_there: bool,
    pods: Vec<Pod>,
}

impl Rest {
    /// Whether it is an OMJob on whose deletion nobody has acted: its operator ends the main pod at
    /// once, and then has an exit handler.
    fn is_unseen(&self, run: &Run) -> bool {
        let is_deleted = |pod: &Pod| pod.metadata.deletion_timestamp.is_some() || pod.has_ended();
        run.kind == RunKind::OMJob && self.is_there && {
            let exits = self.pods.iter().any(Pod::is_exit_handler);
            !exits && self.pods.iter().all(|pod| !is_deleted(pod))
        }
    }
}

async fn rest_of(cluster: &Cluster, run: &Run) -> Result<Option<Rest>, Error> {
    let kind = Kind::from(run.kind);
    let found = request::get_metadata(cluster, kind, &run.namespace, &run.name).await?;
    let is_there = found.is_some_and(|found| found.uid == run.uid);
    let pods = pods_of(cluster, run).await?;
    let is_left = is_there || !pods.is_empty();
    Ok(is_left.then_some(Rest { is_there, pods }))
}

fn silent_operator(run: &Run) -> Error {
    Error::unmet(
        format!("no operator acts on the deletion of OMJob {}", run.name),
        format!(
            "Start the operator: it stops the run, runs its exit handler and lets it go; \
             `ompipe doctor` looks for it. To give the run up without a report: \
             `kubectl patch omjob {} -n {} --type merge -p '{{\"metadata\":{{\"finalizers\":null}}}}'`.",
            run.name, run.namespace
        ),
    )
}

fn too_long(run: &Run, rest: &Rest, timeout: Duration) -> Error {
    let left = match rest.pods.first() {
        Some(pod) => format!("its pod {}", pod.metadata.name),
        None => "the object".to_owned(),
    };
    Error::unmet(
        format!(
            "{} {} is not gone after {} s: {left} is still there",
            run.kind.as_str(),
            run.name,
            timeout.as_secs()
        ),
        "Its end has been asked for and goes on. Is the pod's node alive, and its grace period \
         over? `ompipe diagnose` looks at it; --timeout waits longer.",
    )
}

impl From<RunKind> for Kind {
    fn from(kind: RunKind) -> Self {
        match kind {
            RunKind::Job => Self::Job,
            RunKind::OMJob => Self::OMJob,
        }
    }
}
