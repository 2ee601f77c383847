//! The main stage: a pod is created, runs and ends, perhaps more than once.
//!
//! In: what is observed while the last main pod's end is not recorded, or another try is due. Out:
//! the one next step.

use compact_str::CompactString;
use jiff::Timestamp;

use super::decide::{Act, Fate, Plan, Stage, after, fate, let_go, needs_letting_go};
use super::observed::{Job, Observed, Pod, Refusal, Sight};
use super::record::{self, MainEnd};
use crate::crd::MainStatus;

/// A pod's UID is recorded when it runs, and after this long if it does not: one write less for
/// nearly all.
const RECORD_PENDING_SECONDS: i64 = 1;

/// The next step while a main pod is intended whose end is not recorded.
pub(super) fn decide(observed: &Observed, main: &MainStatus, now: Timestamp) -> Plan {
    let job = &observed.job;
    match &observed.main {
        Sight::Present(pod) if !pod.belongs(main.pod_uid.as_ref()) => {
            Plan::record(record::main_renamed(job, main, now))
        }
        Sight::Present(pod) if is_recorded(main, pod) => existing(observed, main, pod, now),
        // A pod of the same name that is not the recorded one: that one is gone.
        Sight::Present(_) => ended(job, main, "Lost", now),
        Sight::Unseen if main.pod_uid.is_some() || stopping(observed, now) => {
            Plan::act(Act::LookForPod(Stage::Main, main.pod_name.clone()))
        }
        Sight::Absent if main.pod_uid.is_some() => ended(job, main, "Lost", now),
        Sight::Unseen | Sight::Absent => missing(observed, main, now),
    }
}

/// Whether the pod is the recorded one, as far as that is recorded. A pod that another operator
/// made is recorded with an empty UID.
fn is_recorded(main: &MainStatus, pod: &Pod) -> bool {
    main.pod_uid.as_ref().is_none_or(|uid| uid.is_empty() || *uid == pod.uid)
}

/// No pod was created yet.
fn missing(observed: &Observed, main: &MainStatus, now: Timestamp) -> Plan {
    let job = &observed.job;
    if overdue(job, now) && job.status.deadline_exceeded_time.is_none() {
        return Plan::record(record::deadline_exceeded(job, now));
    }
    if stopping(observed, now) {
        return ended(job, main, "NeverStarted", now);
    }
    if let Some(Refusal::Invalid(_)) = observed.refusal {
        return ended(job, main, "Invalid", now);
    }
    let create = Act::CreatePod(Stage::Main, main.pod_name.clone());
    Plan { act: Some(create), until: deadline(job) }
}

/// The pod exists.
fn existing(observed: &Observed, main: &MainStatus, pod: &Pod, now: Timestamp) -> Plan {
    let job = &observed.job;
    let timeout = job.limits.node_lost_timeout_seconds;
    let mut until = match fate(pod, &observed.main_node, timeout, now) {
        Fate::Ended => return Plan::record(record::main_ended(job, main, end_of(pod), now)),
        Fate::Lost => return ended(job, &with_uid(main, pod), "Lost", now),
        Fate::Unsure(node) => return Plan::act(Act::LookForNode(node)),
        Fate::GoesOn(until) => until,
    };
    if overdue(job, now) && job.status.deadline_exceeded_time.is_none() {
        return Plan::record(record::deadline_exceeded(job, now));
    }
    if stopping(observed, now) && pod.deleted.is_none() {
        return Plan::act(Act::DeletePod(pod.clone()));
    }
    let recorded = main.pod_uid.as_ref().is_some_and(|uid| *uid == pod.uid);
    let due = after(pod.created, RECORD_PENDING_SECONDS);
    let shown = job.status.phase == Some(crate::crd::Phase::Running);
    if (pod.running && !(recorded && shown)) || (!recorded && due <= now) {
        return Plan::record(record::main_seen(job, main, &pod.uid, pod.running, now));
    }
    if !recorded {
        until.push(due);
    }
    if job.status.deadline_exceeded_time.is_none() {
        until.extend(deadline(job));
    }
    Plan::wait(until)
}

/// The next step while another try is due.
pub(super) fn retry(observed: &Observed, main: &MainStatus, at: Timestamp, now: Timestamp) -> Plan {
    let job = &observed.job;
    if overdue(job, now) && job.status.deadline_exceeded_time.is_none() {
        return Plan::record(record::deadline_exceeded(job, now));
    }
    if stopping(observed, now) {
        return Plan::record(record::main_given_up(job, main, now));
    }
    match &observed.main {
        Sight::Unseen => return Plan::act(Act::LookForPod(Stage::Main, main.pod_name.clone())),
        Sight::Present(pod) if pod.belongs(main.pod_uid.as_ref()) => {
            if needs_letting_go(pod) {
                return let_go(pod);
            }
            // Two main pods at once would be two ingestions at once; of a node that is lost nobody
            // knows when that is over.
            let timeout = job.limits.node_lost_timeout_seconds;
            match fate(pod, &observed.main_node, timeout, now) {
                Fate::Ended | Fate::Lost => {}
                Fate::Unsure(node) => return Plan::act(Act::LookForNode(node)),
                Fate::GoesOn(until) => {
                    return Plan::wait(until.into_iter().chain(deadline(job)));
                }
            }
        }
        Sight::Present(_) | Sight::Absent => {}
    }
    match now >= at {
        true => Plan::record(record::main_intended(job, main.attempt + 1, now)),
        false => Plan::wait(deadline(job).into_iter().chain([at])),
    }
}

/// Whether no main pod is wanted any more.
fn stopping(observed: &Observed, now: Timestamp) -> bool {
    observed.job.deleted
        || overdue(&observed.job, now)
        || observed.refusal == Some(Refusal::NamespaceTerminating)
}

fn overdue(job: &Job, now: Timestamp) -> bool {
    job.status.deadline_exceeded_time.is_some() || deadline(job).is_some_and(|end| end <= now)
}

fn deadline(job: &Job) -> Option<Timestamp> {
    let seconds = job.limits.active_deadline_seconds?;
    job.status.start_time.map(|start| after(start, seconds))
}

fn ended(job: &Job, main: &MainStatus, reason: &str, now: Timestamp) -> Plan {
    let end = MainEnd { uid: None, succeeded: false, reason: reason.into(), exit_code: None };
    Plan::record(record::main_ended(job, main, end, now))
}

fn with_uid(main: &MainStatus, pod: &Pod) -> MainStatus {
    MainStatus { pod_uid: Some(pod.uid.clone()), ..main.clone() }
}

fn end_of(pod: &Pod) -> MainEnd {
    let uid = Some(pod.uid.clone());
    match &pod.end {
        Some(end) => MainEnd {
            uid,
            succeeded: end.succeeded,
            reason: record::reason(end.exit_code, end.reason.as_ref()),
            exit_code: end.exit_code,
        },
        None => MainEnd {
            uid,
            succeeded: false,
            reason: CompactString::const_new("Deleted"),
            exit_code: None,
        },
    }
}
