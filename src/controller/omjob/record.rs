//! The statuses that are recorded: what each step changes in the one before.
//!
//! In: an OMJob and what happened. Out: its next status, with upstream's fields and the conditions
//! kept in step.

use compact_str::{CompactString, format_compact};
use jiff::Timestamp;

use super::decide::after;
use super::observed::Job;
use crate::controller::names;
use crate::crd::{
    Condition, ConditionStatus, ExitHandlerOutcome, ExitHandlerPolicy, ExitHandlerResult,
    ExitHandlerStatus, MainOutcome, MainStatus, OMJobStatus, Phase,
};

/// The waits before a failed main pod is tried again: doubled each time, as a Job's.
const FIRST_RETRY_SECONDS: i64 = 10;
const LONGEST_RETRY_SECONDS: i64 = 360;

/// A main pod is intended.
pub(super) fn main_intended(job: &Job, attempt: u32, now: Timestamp) -> OMJobStatus {
    let pod_name = names::main_pod(&job.name, attempt);
    let mut status = next(job, Phase::Pending, now);
    status.start_time = status.start_time.or(Some(now));
    status.main_pod_name = Some(pod_name.clone());
    status.main_pod_exit_code = None;
    status.message = Some(format!("the main pod {pod_name} is about to be created"));
    status.main = Some(MainStatus { attempt, pod_name, ..MainStatus::default() });
    status
}

/// The main pod is intended by another name, since somebody else's pod has the first one.
pub(super) fn main_renamed(job: &Job, main: &MainStatus, now: Timestamp) -> OMJobStatus {
    let pod_name = names::instead_of(&main.pod_name, &job.uid);
    let mut status = next(job, Phase::Pending, now);
    status.message = Some(format!("{} is taken; the main pod will be {pod_name}", main.pod_name));
    status.main_pod_name = Some(pod_name.clone());
    status.main = Some(MainStatus { pod_name, ..main.clone() });
    status
}

/// The main pod exists, and runs or does not yet.
pub(super) fn main_seen(
    job: &Job,
    main: &MainStatus,
    uid: &CompactString,
    running: bool,
    now: Timestamp,
) -> OMJobStatus {
    let phase = if running { Phase::Running } else { Phase::Pending };
    let mut status = next(job, phase, now);
    status.message = Some(match running {
        true => format!("the main pod {} runs", main.pod_name),
        false => format!("the main pod {} waits to be started", main.pod_name),
    });
    status.main = Some(MainStatus { pod_uid: Some(uid.clone()), ..main.clone() });
    status
}

/// The deadline is over while the main stage is not.
pub(super) fn deadline_exceeded(job: &Job, now: Timestamp) -> OMJobStatus {
    let mut status = next(job, job.status.phase.unwrap_or(Phase::Pending), now);
    status.deadline_exceeded_time = Some(now);
    status.message = Some("activeDeadlineSeconds is over; the main pod is being stopped".into());
    status
}

/// How a main pod ended, before it is known what follows.
pub(super) struct MainEnd {
    pub(super) uid: Option<CompactString>,
    pub(super) succeeded: bool,
    pub(super) reason: CompactString,
    pub(super) exit_code: Option<i32>,
}

/// The main pod has ended: it is tried again, or the exit handler follows, or that was all.
pub(super) fn main_ended(
    job: &Job,
    main: &MainStatus,
    end: MainEnd,
    now: Timestamp,
) -> OMJobStatus {
    let MainEnd { uid, succeeded, reason, exit_code } = end;
    let overdue = job.status.deadline_exceeded_time.is_some();
    let outcome = match overdue {
        true => MainOutcome { succeeded: false, reason: "DeadlineExceeded".into(), time: now },
        false => MainOutcome { succeeded, reason, time: now },
    };
    let again = !outcome.succeeded
        && !overdue
        && !job.deleted
        && outcome.reason != "Invalid"
        && main.attempt < job.limits.backoff_limit;
    let message = format!(
        "the main pod {} ended: {}{}",
        main.pod_name,
        outcome.reason,
        exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default()
    );
    let main = MainStatus {
        pod_uid: uid.or_else(|| main.pod_uid.clone()),
        outcome: Some(outcome),
        retry_time: again.then(|| after(now, retry_seconds(main.attempt))),
        ..main.clone()
    };
    let mut status = match again {
        true => next(job, Phase::Pending, now),
        false => exit_intended_or_finished(job, &main, now),
    };
    status.main_pod_exit_code = exit_code;
    status.main = Some(main);
    status.message = Some(message);
    status
}

/// The main stage is over without another try, since it may not be tried any more.
pub(super) fn main_given_up(job: &Job, main: &MainStatus, now: Timestamp) -> OMJobStatus {
    let main = MainStatus { retry_time: None, ..main.clone() };
    let mut status = exit_intended_or_finished(job, &main, now);
    status.main = Some(main);
    status
}

fn exit_intended_or_finished(job: &Job, main: &MainStatus, now: Timestamp) -> OMJobStatus {
    match job.limits.exit_handler {
        true => exit_intended(job, 0, now),
        false => finished(job, main, None, now),
    }
}

/// An exit handler's pod is intended.
pub(super) fn exit_intended(job: &Job, attempt: u32, now: Timestamp) -> OMJobStatus {
    let pod_name = names::exit_pod(&job.name, attempt);
    // The deadline of the stage counts from the first pod that was intended for it.
    let time = job.status.exit_handler.as_ref().map_or(now, |exit| exit.time);
    let mut status = next(job, Phase::ExitHandlerRunning, now);
    status.exit_handler_pod_name = Some(pod_name.clone());
    status.message = Some(format!("the exit handler {pod_name} is about to be created"));
    status.exit_handler =
        Some(ExitHandlerStatus { attempt, pod_name, time, pod_uid: None, outcome: None });
    status
}

/// The exit handler's pod is intended by another name, since somebody else's has the first one.
pub(super) fn exit_renamed(job: &Job, exit: &ExitHandlerStatus, now: Timestamp) -> OMJobStatus {
    let pod_name = names::instead_of(&exit.pod_name, &job.uid);
    let mut status = next(job, Phase::ExitHandlerRunning, now);
    status.message =
        Some(format!("{} is taken; the exit handler will be {pod_name}", exit.pod_name));
    status.exit_handler_pod_name = Some(pod_name.clone());
    status.exit_handler = Some(ExitHandlerStatus { pod_name, ..exit.clone() });
    status
}

/// This pod, and no other, is the exit handler.
pub(super) fn exit_seen(
    job: &Job,
    exit: &ExitHandlerStatus,
    uid: &CompactString,
    now: Timestamp,
) -> OMJobStatus {
    let mut status = next(job, Phase::ExitHandlerRunning, now);
    status.message = Some(format!("the exit handler {} was created", exit.pod_name));
    status.exit_handler = Some(ExitHandlerStatus { pod_uid: Some(uid.clone()), ..exit.clone() });
    status
}

/// The exit stage is over, and with it the OMJob.
pub(super) fn exit_ended(
    job: &Job,
    main: &MainStatus,
    exit: &ExitHandlerStatus,
    outcome: ExitHandlerOutcome,
    why: &str,
    now: Timestamp,
) -> OMJobStatus {
    let exit = ExitHandlerStatus { outcome: Some(outcome), ..exit.clone() };
    let mut status = finished(job, main, Some((&outcome, why)), now);
    status.exit_handler = Some(exit);
    status
}

/// The end: Succeeded only if the main pod succeeded.
fn finished(
    job: &Job,
    main: &MainStatus,
    exit: Option<(&ExitHandlerOutcome, &str)>,
    now: Timestamp,
) -> OMJobStatus {
    let (mut succeeded, mut reason) = match &main.outcome {
        Some(outcome) => (outcome.succeeded, outcome.reason.clone()),
        None => (false, "NeverStarted".into()),
    };
    let handled = exit.is_none_or(|(outcome, _)| outcome.result == ExitHandlerResult::Completed);
    if succeeded && !handled && job.limits.exit_handler_policy == ExitHandlerPolicy::Fail {
        succeeded = false;
        reason = exit.map(|(outcome, _)| outcome.result.reason()).unwrap_or_default().into();
    }
    let phase = if succeeded { Phase::Succeeded } else { Phase::Failed };
    let mut status = next(job, phase, now);
    status.completion_time = Some(now);
    let mut message = format!("main: {reason}");
    if let Some((outcome, why)) = exit {
        let holds = match outcome.result {
            ExitHandlerResult::Completed => ConditionStatus::True,
            ExitHandlerResult::Interrupted => ConditionStatus::Unknown,
            ExitHandlerResult::Failed | ExitHandlerResult::NotRun => ConditionStatus::False,
        };
        message = format!("{message}; exit handler: {why}");
        set_condition(
            &mut status,
            "ExitHandlerCompleted",
            holds,
            outcome.result.reason(),
            why,
            now,
        );
    }
    let kind = if succeeded { "Complete" } else { "Failed" };
    set_condition(&mut status, kind, ConditionStatus::True, &reason, &message, now);
    status.message = Some(message);
    status
}

/// Whether a pod of this name is an attempt before the recorded one.
pub(super) fn is_superseded(job: &Job, pod_name: &str) -> bool {
    let is =
        |name: CompactString| name == pod_name || names::instead_of(&name, &job.uid) == pod_name;
    let main = job.status.main.as_ref().map_or(0, |main| main.attempt);
    let exit = job.status.exit_handler.as_ref().map_or(0, |exit| exit.attempt);
    (0..main).any(|attempt| is(names::main_pod(&job.name, attempt)))
        || (0..exit).any(|attempt| is(names::exit_pod(&job.name, attempt)))
}

/// The status of an OMJob that another operator has brought part of the way, in our terms; `None`
/// if none has touched it.
pub(super) fn adopted(job: &Job, now: Timestamp) -> Option<OMJobStatus> {
    let phase = job.status.phase?;
    let pod_name = match &job.status.main_pod_name {
        Some(name) => name.clone(),
        // Pending without a pod: nothing was made that the record knows of.
        None if phase == Phase::Pending => return None,
        None => names::main_pod(&job.name, 0),
    };
    let created = matches!(phase, Phase::Running | Phase::ExitHandlerRunning);
    let ended = phase == Phase::ExitHandlerRunning;
    let exit_code = job.status.main_pod_exit_code;
    let mut status = next(job, phase, now);
    status.start_time = status.start_time.or(Some(now));
    status.message = Some("taken over in the middle".into());
    status.main = Some(MainStatus {
        attempt: 0,
        pod_name,
        // It did exist; which UID it had was not recorded. An empty one equals no pod's.
        pod_uid: created.then(CompactString::default),
        outcome: ended.then(|| MainOutcome {
            succeeded: exit_code == Some(0),
            reason: match exit_code {
                Some(0) => "Completed".into(),
                Some(_) => "Error".into(),
                None => "Lost".into(),
            },
            time: now,
        }),
        retry_time: None,
    });
    if ended && job.limits.exit_handler {
        let recorded = job.status.exit_handler_pod_name.clone();
        status.exit_handler = Some(ExitHandlerStatus {
            attempt: 0,
            pod_uid: recorded.is_some().then(CompactString::default),
            pod_name: recorded.unwrap_or_else(|| names::exit_pod(&job.name, 0)),
            time: now,
            outcome: None,
        });
    }
    Some(status)
}

/// The status as it is, in a phase.
fn next(job: &Job, phase: Phase, now: Timestamp) -> OMJobStatus {
    let mut status = job.status.clone();
    if status.phase != Some(phase) {
        status.phase = Some(phase);
        status.last_transition_time = Some(now);
    }
    status.observed_generation = job.generation;
    status
}

fn set_condition(
    status: &mut OMJobStatus,
    kind: &str,
    holds: ConditionStatus,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    status.conditions.retain(|condition| condition.kind != kind);
    status.conditions.push(Condition {
        kind: kind.into(),
        status: holds,
        reason: reason.into(),
        message: message.into(),
        last_transition_time: now,
    });
}

fn retry_seconds(attempt: u32) -> i64 {
    let doubled = FIRST_RETRY_SECONDS.checked_shl(attempt).filter(|seconds| *seconds > 0);
    doubled.unwrap_or(LONGEST_RETRY_SECONDS).min(LONGEST_RETRY_SECONDS)
}

/// The word for how a container ended.
pub(super) fn reason(exit_code: Option<i32>, reason: Option<&CompactString>) -> CompactString {
    match (reason, exit_code) {
        (Some(reason), _) => reason.clone(),
        (None, Some(0)) => "Completed".into(),
        (None, Some(_)) => "Error".into(),
        (None, None) => format_compact!("Unknown"),
    }
}
