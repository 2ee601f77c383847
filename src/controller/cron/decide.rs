//! Decides what to do next about a CronOMJob: the only place that does.
//!
//! In: what is observed, and the time. Out: one act, or until when there is nothing to do. A run is
//! started before it is recorded; its name is made of its time, so that it is started once. What
//! the status says of earlier runs is read anew before each start, and so are the runs themselves
//! where they matter: a cache that is behind starts nothing twice.

use std::cmp;

use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};

use super::history;
use super::observed::{Cron, Observed, Run};
use crate::controller::names;
use crate::crd::{ConcurrencyPolicy, CronOMJobStatus, ObservedSchedule};
use crate::model::schedule::Passed;
use crate::model::{Refusal, Schedule, TimeZone};
use crate::validate::rules::run::NO_CATCH_UP_SECONDS;

/// What to do now, and when to look again at the latest if nothing happens.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// The one next act. None: wait.
    pub act: Option<Act>,
    /// When time alone changes the decision.
    pub until: Option<Timestamp>,
}

/// One act. Each may be repeated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Write the status, if the CronOMJob is still the one that was observed, and tell why.
    Record(Box<CronOMJobStatus>, Option<Notice>),
    /// Ask the API server for the CronOMJob, and for its runs unless it allows several at a time.
    LookLive,
    /// Create the OMJob of a run.
    StartRun(Start),
    /// Delete an OMJob, if it is still the one that was observed.
    DeleteRun(Run),
}

/// A run that is to be started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Start {
    /// The OMJob's name.
    pub name: CompactString,
    /// The time of the schedule that it stands for. None: it is started by hand.
    pub tick: Option<Timestamp>,
}

/// An event about a CronOMJob.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// What it is.
    pub reason: Reason,
    /// What it says.
    pub message: String,
}

/// What an event is about: the names that Kubernetes' CronJob controller gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// A run was started.
    SuccessfulCreate,
    /// A run could not be started.
    FailedCreate,
    /// A run was deleted: beyond the limits, or to be replaced.
    SuccessfulDelete,
    /// A time of the schedule was found too late.
    MissSchedule,
    /// A run was not started, since an earlier one is not over.
    JobAlreadyActive,
    /// The schedule cannot be read.
    UnparseableSchedule,
    /// The schedule has no time at all.
    InvalidSchedule,
    /// There is no such time zone.
    UnknownTimeZone,
}

impl Reason {
    /// The name in an event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SuccessfulCreate => "SuccessfulCreate",
            Self::FailedCreate => "FailedCreate",
            Self::SuccessfulDelete => "SuccessfulDelete",
            Self::MissSchedule => "MissSchedule",
            Self::JobAlreadyActive => "JobAlreadyActive",
            Self::UnparseableSchedule => "UnparseableSchedule",
            Self::InvalidSchedule => "InvalidSchedule",
            Self::UnknownTimeZone => "UnknownTimeZone",
        }
    }

    /// Whether it is something to worry about.
    pub fn is_warning(self) -> bool {
        !matches!(self, Self::SuccessfulCreate | Self::SuccessfulDelete | Self::JobAlreadyActive)
    }
}

impl Plan {
    fn act(act: Act) -> Self {
        Self { act: Some(act), until: None }
    }

    fn record(status: CronOMJobStatus, notice: Option<Notice>) -> Self {
        Self::act(Act::Record(Box::new(status), notice))
    }
}

/// What to do next.
pub fn decide(observed: &Observed, now: Timestamp) -> Plan {
    let cron = &observed.cron;
    if cron.deleted {
        return Plan::default();
    }
    if let Some(plan) = note_started(observed) {
        return plan;
    }
    let read = read(cron);
    if let Some(plan) = note_schedule(cron, &read, now) {
        return plan;
    }
    let mut until = None;
    let by_hand = by_hand(observed);
    let scheduled = match &read {
        Ok((schedule, zone)) => {
            let passed = schedule.passed(zone, counted_from(cron), now);
            until = passed.next.filter(|_| !cron.asked.suspend);
            by_schedule(observed, passed, now)
        }
        Err(_) => None,
    };
    by_hand
        .or(scheduled)
        .or_else(|| note_success(observed))
        .or_else(|| {
            history::superfluous(observed).map(|run| Plan::act(Act::DeleteRun(run.clone())))
        })
        .unwrap_or(Plan { act: None, until })
}

/// The schedule and its zone; or what is wrong with which of them.
fn read(cron: &Cron) -> Result<(Schedule, jiff::tz::TimeZone), (Reason, Refusal)> {
    let schedule = Schedule::parse(&cron.asked.schedule)
        .map_err(|refusal| (Reason::UnparseableSchedule, refusal))?;
    let zone = match cron.asked.time_zone.as_deref() {
        // An empty name is UTC to Go.
        None | Some("") => jiff::tz::TimeZone::UTC,
        Some(name) => {
            TimeZone::parse(name).map_err(|refusal| (Reason::UnknownTimeZone, refusal))?.rules()
        }
    };
    Ok((schedule, zone))
}

/// Times up to this one are over: before the CronOMJob's creation, started already, or of the time
/// before its schedule was changed.
fn counted_from(cron: &Cron) -> Timestamp {
    let status = &cron.status;
    let since = status.observed_schedule.as_ref().map(|observed| observed.since);
    [status.last_schedule_time, since].into_iter().flatten().fold(cron.created, cmp::max)
}

/// A run that was started and not recorded, since the operator was stopped in between.
fn note_started(observed: &Observed) -> Option<Plan> {
    let cron = &observed.cron;
    let last = cron.status.last_schedule_time;
    let newest = observed
        .runs
        .iter()
        .filter_map(|run| Some((run.tick?, run)))
        // Anyone may write an annotation; the name has to bear it out.
        .filter(|(tick, run)| names::scheduled_run(&cron.name, *tick) == run.name)
        .filter(|(tick, _)| last.is_none_or(|last| *tick > last))
        .max_by_key(|(tick, _)| *tick);
    if let Some((tick, run)) = newest {
        return Some(Plan::record(tick_started(cron, tick, &run.name), None));
    }
    let name = triggered_name(cron)?;
    observed
        .runs
        .iter()
        .any(|run| run.name == name)
        .then(|| Plan::record(trigger_started(cron, &name), None))
}

/// The name of the run that the trigger asks for, if it was not started yet.
fn triggered_name(cron: &Cron) -> Option<CompactString> {
    let value = cron.trigger.as_ref().filter(|value| !value.is_empty())?;
    let name = names::triggered_run(&cron.name, &cron.uid, value);
    (cron.status.last_triggered_om_job_name.as_ref() != Some(&name)).then_some(name)
}

fn tick_started(cron: &Cron, tick: Timestamp, name: &CompactString) -> CronOMJobStatus {
    CronOMJobStatus {
        last_schedule_time: Some(tick),
        last_om_job_name: Some(name.clone()),
        pending_schedule_time: cron.status.pending_schedule_time.filter(|pending| *pending > tick),
        message: Some(format!("started {name}")),
        ..cron.status.clone()
    }
}

fn trigger_started(cron: &Cron, name: &CompactString) -> CronOMJobStatus {
    CronOMJobStatus {
        last_triggered_om_job_name: Some(name.clone()),
        last_om_job_name: Some(name.clone()),
        message: Some(format!("started {name} by hand")),
        ..cron.status.clone()
    }
}

/// A schedule that is new to us is recorded before it is acted on, so that it starts nothing for
/// the time before.
fn note_schedule(
    cron: &Cron,
    read: &Result<(Schedule, jiff::tz::TimeZone), (Reason, Refusal)>,
    now: Timestamp,
) -> Option<Plan> {
    let asked = &cron.asked;
    let observed = cron.status.observed_schedule.as_ref();
    if observed.is_some_and(|observed| {
        observed.schedule == asked.schedule && observed.time_zone == asked.time_zone
    }) {
        return None;
    }
    let notice = match read {
        Ok((schedule, _)) if schedule.ever_fires() => None,
        Ok(_) => Some(Notice {
            reason: Reason::InvalidSchedule,
            message: "the schedule has no time at all".to_owned(),
        }),
        Err((reason, refusal)) => Some(Notice {
            reason: *reason,
            message: match reason {
                Reason::UnknownTimeZone => {
                    let zone = asked.time_zone.as_deref().unwrap_or_default();
                    format!("the time zone `{zone}` is unknown: {}", refusal.reason)
                }
                _ => {
                    format!("the schedule `{}` cannot be read: {}", asked.schedule, refusal.reason)
                }
            },
        }),
    };
    let since = match observed {
        None => cron.created,
        Some(_) => Timestamp::from_second(now.as_second()).unwrap_or(now),
    };
    let status = CronOMJobStatus {
        observed_schedule: Some(ObservedSchedule {
            schedule: asked.schedule.clone(),
            time_zone: asked.time_zone.clone(),
            since,
        }),
        message: notice.as_ref().map(|notice| notice.message.clone()),
        ..cron.status.clone()
    };
    Some(Plan::record(status, notice))
}

/// A run that somebody asks for by the trigger annotation, suspended or not.
fn by_hand(observed: &Observed) -> Option<Plan> {
    let cron = &observed.cron;
    let name = triggered_name(cron)?;
    if observed.taken.as_ref() == Some(&name) {
        let notice = taken(&name);
        let status = CronOMJobStatus {
            message: Some(notice.message.clone()),
            last_triggered_om_job_name: Some(name),
            ..cron.status.clone()
        };
        return Some(Plan::record(status, Some(notice)));
    }
    let active = active(observed);
    match cron.asked.concurrency_policy {
        ConcurrencyPolicy::Forbid if active.is_some() => {
            let message = format!("{name} waits for an earlier run to be over");
            (cron.status.message.as_ref() != Some(&message)).then(|| {
                let status =
                    CronOMJobStatus { message: Some(message.clone()), ..cron.status.clone() };
                Plan::record(status, Some(Notice { reason: Reason::JobAlreadyActive, message }))
            })
        }
        ConcurrencyPolicy::Replace if active.is_some() => replace(observed),
        _ => Some(start(observed, Start { name, tick: None })),
    }
}

/// The run that the schedule asks for: the newest within its deadline, and no other.
fn by_schedule(observed: &Observed, passed: Passed, now: Timestamp) -> Option<Plan> {
    let cron = &observed.cron;
    let status = &cron.status;
    let pending = status.pending_schedule_time;
    if cron.asked.suspend {
        // What waits when it is suspended is not started.
        return pending.map(|_| {
            let status = CronOMJobStatus { pending_schedule_time: None, ..status.clone() };
            Plan::record(status, None)
        });
    }
    let pending =
        pending.filter(|pending| status.last_schedule_time.is_none_or(|last| *pending > last));
    let in_time = passed.newest.filter(|tick| is_in_time(cron, *tick, now));
    let Some(tick) = in_time.max(pending) else {
        return passed.newest.and_then(|tick| note_missed(cron, tick));
    };
    let name = names::scheduled_run(&cron.name, tick);
    if observed.taken.as_ref() == Some(&name) {
        let notice = taken(&name);
        let status = CronOMJobStatus {
            message: Some(notice.message.clone()),
            last_om_job_name: status.last_om_job_name.clone(),
            ..tick_started(cron, tick, &name)
        };
        return Some(Plan::record(status, Some(notice)));
    }
    let active = active(observed);
    match cron.asked.concurrency_policy {
        ConcurrencyPolicy::Forbid if let Some(active) = active => {
            note_skipped(cron, tick, &active.name)
        }
        ConcurrencyPolicy::Replace if active.is_some() => match pending {
            // Recorded first: by when the earlier run is over the deadline may have passed.
            Some(pending) if pending == tick => replace(observed),
            _ => {
                let status =
                    CronOMJobStatus { pending_schedule_time: Some(tick), ..status.clone() };
                Some(Plan::record(status, None))
            }
        },
        _ => Some(start(observed, Start { name, tick: Some(tick) })),
    }
}

/// Whether a time is still within `startingDeadlineSeconds`, where 0 means that nothing is made up
/// for, as when it is rendered.
fn is_in_time(cron: &Cron, tick: Timestamp, now: Timestamp) -> bool {
    let Some(seconds) = cron.asked.starting_deadline_seconds else { return true };
    let window = if seconds <= 0 { NO_CATCH_UP_SECONDS } else { seconds };
    let deadline = tick.checked_add(SignedDuration::from_secs(window));
    now < deadline.unwrap_or(Timestamp::MAX)
}

fn note_missed(cron: &Cron, tick: Timestamp) -> Option<Plan> {
    let message = format!("missed {tick}: found after startingDeadlineSeconds");
    note(cron, tick, Notice { reason: Reason::MissSchedule, message })
}

fn note_skipped(cron: &Cron, tick: Timestamp, active: &str) -> Option<Plan> {
    let message =
        format!("not started at {tick}: {active} is not over, and concurrencyPolicy is Forbid");
    note(cron, tick, Notice { reason: Reason::JobAlreadyActive, message })
}

/// Tells once of a time at which nothing was started.
fn note(cron: &Cron, tick: Timestamp, notice: Notice) -> Option<Plan> {
    if cron.status.last_missed_time.is_some_and(|last| tick <= last) {
        return None;
    }
    let status = CronOMJobStatus {
        last_missed_time: Some(tick),
        message: Some(notice.message.clone()),
        ..cron.status.clone()
    };
    Some(Plan::record(status, Some(notice)))
}

fn taken(name: &str) -> Notice {
    let message = format!("not started: there is an OMJob {name} that is not of this CronOMJob");
    Notice { reason: Reason::FailedCreate, message }
}

/// A run that is not over. One that is being deleted may still run its exit handler.
fn active(observed: &Observed) -> Option<&Run> {
    observed.runs.iter().find(|run| run.end.is_none())
}

/// One step towards no run being left: `None` when all that is left is to wait.
fn replace(observed: &Observed) -> Option<Plan> {
    let run = observed.runs.iter().find(|run| run.end.is_none() && !run.deleted)?;
    Some(Plan::act(Act::DeleteRun(run.clone())))
}

fn start(observed: &Observed, start: Start) -> Plan {
    Plan::act(match observed.live {
        true => Act::StartRun(start),
        false => Act::LookLive,
    })
}

/// A run that succeeded later than the last that was recorded.
fn note_success(observed: &Observed) -> Option<Plan> {
    let cron = &observed.cron;
    let newest = observed
        .runs
        .iter()
        .filter_map(|run| run.end.filter(|end| end.succeeded)?.time)
        .max()
        .filter(|time| cron.status.last_successful_time.is_none_or(|last| *time > last))?;
    let status = CronOMJobStatus { last_successful_time: Some(newest), ..cron.status.clone() };
    Some(Plan::record(status, None))
}
