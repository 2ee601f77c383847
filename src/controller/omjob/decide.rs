//! Decides what to do next about an OMJob: the only place that does.
//!
//! In: what is observed, and the time. Out: one act, or until when there is nothing to do. The
//! order of acts is what keeps the promise: a pod's name is recorded before the pod is created, a
//! pod's end before the pod is let go, and the exit handler's UID before the pod may start. Every
//! record is refused by the API server if the OMJob has changed since it was observed.

use std::cmp;

use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};

use super::observed::{Job, Node, Observed, Pod, Sight};
use super::{exit_stage, main_stage, record};
use crate::crd::{OMJobStatus, Phase};

/// What to do now, and when to look again at the latest if nothing happens.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Plan {
    /// The one next act. None: wait.
    pub act: Option<Act>,
    /// When time alone changes the decision.
    pub until: Option<Timestamp>,
}

/// One act. Each is a single request, and each may be repeated.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Act {
    /// Give the OMJob our finalizer.
    HoldJob,
    /// Write the status, if the OMJob is still the one that was observed.
    Record(Box<OMJobStatus>),
    /// Ask the API server for a pod that the cache does not have.
    LookForPod(Stage, CompactString),
    /// Ask the API server for a node that the cache does not have.
    LookForNode(CompactString),
    /// Create a pod by this name, with our finalizer; the exit handler's with our gate.
    CreatePod(Stage, CompactString),
    /// Delete a pod, if it is still the one that was observed.
    DeletePod(Pod),
    /// Take our gate from the exit handler's pod: it may start.
    UngatePod(Pod),
    /// Take our finalizer from a pod.
    ReleasePod(Pod),
    /// Take our finalizer from the exit handler's pod, and make the OMJob its owner.
    HandOverPod(Pod),
    /// Take our finalizer from the OMJob.
    ReleaseJob,
    /// Delete the OMJob, whose time to live is over.
    DeleteJob,
}

impl Act {
    /// Whether it only asks the API server.
    pub fn is_look(&self) -> bool {
        matches!(self, Self::LookForPod(..) | Self::LookForNode(_))
    }
}

/// Which of the two stages a pod is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stage {
    /// The ingestion.
    Main,
    /// The exit handler.
    ExitHandler,
}

impl Plan {
    pub(super) fn act(act: Act) -> Self {
        Self { act: Some(act), until: None }
    }

    pub(super) fn record(status: OMJobStatus) -> Self {
        Self::act(Act::Record(Box::new(status)))
    }

    /// Nothing to do before the earliest of these.
    pub(super) fn wait(until: impl IntoIterator<Item = Timestamp>) -> Self {
        Self { act: None, until: until.into_iter().min() }
    }
}

/// What to do next.
pub fn decide(observed: &Observed, now: Timestamp) -> Plan {
    let job = &observed.job;
    if job.status.phase.is_some_and(Phase::is_terminal) {
        return finish(observed, now);
    }
    if !job.finalizer && !job.deleted {
        return Plan::act(Act::HoldJob);
    }
    // Before anything else: what another operator has made is not in our record yet.
    let Some(main) = &job.status.main else {
        return match record::adopted(job, now) {
            Some(status) => Plan::record(status),
            None if job.deleted => release_job(job),
            None => Plan::record(record::main_intended(job, 0, now)),
        };
    };
    // Only what the record has left behind. A pod that it does not know of yet may be the one that
    // a newer record than the one observed is about.
    let superseded = |pod: &&Pod| needs_letting_go(pod) && record::is_superseded(job, &pod.name);
    if let Some(other) = observed.others.iter().find(superseded) {
        return let_go(other);
    }
    match main.outcome {
        None => main_stage::decide(observed, main, now),
        Some(_) => exit_stage::decide(observed, main, now),
    }
}

/// What to do about a pod whose OMJob is gone, as the API server itself has said.
pub fn decide_orphan(pod: &Pod) -> Plan {
    // Nobody is left who would let a gated pod start; and a main pod that is still owned would go on
    // without its OMJob until the garbage collector finds it.
    let goes_on = pod.gated || (pod.owned && pod.end.is_none());
    match (goes_on && pod.deleted.is_none(), pod.finalizer) {
        (true, _) => Plan::act(Act::DeletePod(pod.clone())),
        (false, true) => Plan::act(Act::ReleasePod(pod.clone())),
        (false, false) => Plan::default(),
    }
}

/// What remains to be done after the end: let everything go, then wait for the time to live.
fn finish(observed: &Observed, now: Timestamp) -> Plan {
    let job = &observed.job;
    if let Some(pod) = observed.others.iter().find(|pod| needs_letting_go(pod)) {
        return let_go(pod);
    }
    for (stage, sight) in
        [(Stage::Main, &observed.main), (Stage::ExitHandler, &observed.exit_handler)]
    {
        let Some((name, uid)) = recorded_pod(&job.status, stage) else { continue };
        match sight {
            // Its label may have been taken from it, and with it its place in the cache.
            Sight::Unseen if job.finalizer => {
                return Plan::act(Act::LookForPod(stage, name.clone()));
            }
            Sight::Present(pod) if pod.belongs(uid) && needs_letting_go(pod) => {
                return match stage {
                    Stage::ExitHandler if !pod.owned && !job.orphaning && pod.end.is_some() => {
                        Plan::act(Act::HandOverPod(pod.clone()))
                    }
                    _ => let_go(pod),
                };
            }
            Sight::Unseen | Sight::Present(_) | Sight::Absent => {}
        }
    }
    if job.finalizer {
        // A run that is gone before its CronOMJob has noted it would be started again.
        return match job.recorded_by_cron {
            true => Plan::act(Act::ReleaseJob),
            false => Plan::default(),
        };
    }
    let (Some(seconds), Some(completed), false) =
        (job.limits.ttl_seconds_after_finished, job.status.completion_time, job.deleted)
    else {
        return Plan::default();
    };
    let expires = after(completed, seconds);
    if now < expires {
        return Plan::wait([expires]);
    }
    Plan::act(Act::DeleteJob)
}

/// The name and UID that are recorded of a stage's pod.
fn recorded_pod(
    status: &OMJobStatus,
    stage: Stage,
) -> Option<(&CompactString, Option<&CompactString>)> {
    match stage {
        Stage::Main => status.main.as_ref().map(|main| (&main.pod_name, main.pod_uid.as_ref())),
        Stage::ExitHandler => {
            status.exit_handler.as_ref().map(|exit| (&exit.pod_name, exit.pod_uid.as_ref()))
        }
    }
}

fn release_job(job: &Job) -> Plan {
    match job.finalizer {
        true => Plan::act(Act::ReleaseJob),
        false => Plan::default(),
    }
}

/// Whether a pod that is no longer needed is still held by us or may still do something.
pub(super) fn needs_letting_go(pod: &Pod) -> bool {
    pod.finalizer || (pod.end.is_none() && pod.deleted.is_none())
}

/// One step towards a pod that is no longer held: it is stopped first if it has not ended.
pub(super) fn let_go(pod: &Pod) -> Plan {
    Plan::act(match pod.end.is_none() && pod.deleted.is_none() {
        true => Act::DeletePod(pod.clone()),
        false => Act::ReleasePod(pod.clone()),
    })
}

/// What becomes of a pod by itself.
pub(super) enum Fate {
    /// It has ended, or never started and never will.
    Ended,
    /// It is on a node that has not been heard of for too long.
    Lost,
    /// The node has to be asked for first.
    Unsure(CompactString),
    /// It goes on; at these times that changes.
    GoesOn(Vec<Timestamp>),
}

/// What becomes of a pod by itself, with its node in mind.
pub(super) fn fate(pod: &Pod, node: &Sight<Node>, timeout_seconds: i64, now: Timestamp) -> Fate {
    let Some(name) = &pod.node else {
        return match pod.end.is_some() || pod.deleted.is_some() {
            // A deleted pod is never bound any more.
            true => Fate::Ended,
            false => Fate::GoesOn(Vec::new()),
        };
    };
    if pod.end.is_some() {
        return Fate::Ended;
    }
    let lost_at = match node {
        Sight::Unseen => return Fate::Unsure(name.clone()),
        Sight::Absent => Some(now),
        Sight::Present(Node { unreachable_since }) => {
            unreachable_since.map(|since| after(since, timeout_seconds))
        }
    };
    match lost_at {
        Some(lost_at) if lost_at <= now => Fate::Lost,
        lost_at => Fate::GoesOn(lost_at.into_iter().collect()),
    }
}

/// So many seconds later; the end of time where that is beyond it.
pub(super) fn after(time: Timestamp, seconds: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_secs(cmp::max(seconds, 0))).unwrap_or(Timestamp::MAX)
}
