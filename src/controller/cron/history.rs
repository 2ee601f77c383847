//! Which finished runs a CronOMJob keeps.
//!
//! In: its runs, all of them noted in its status: one that is not might be started again. Out: the
//! one to delete next. A run that is not over is never among them.

use jiff::Timestamp;

use super::observed::{Cron, Observed, Run};
use crate::controller::names;

/// The finished run beyond the limits that started first.
pub(super) fn superfluous(observed: &Observed) -> Option<&Run> {
    let asked = &observed.cron.asked;
    oldest_beyond(observed, true, asked.successful_limit)
        .or_else(|| oldest_beyond(observed, false, asked.failed_limit))
}

fn oldest_beyond(observed: &Observed, succeeded: bool, limit: usize) -> Option<&Run> {
    let kept = || {
        observed
            .runs
            .iter()
            .filter(move |run| run.end.is_some_and(|end| end.succeeded == succeeded))
            .filter(|run| !run.deleted)
    };
    if kept().count() <= limit {
        return None;
    }
    kept().min_by_key(|run| (run.started, &run.name))
}

/// Whether the status keeps a run from being started again.
pub fn is_noted(cron: &Cron, name: &str, tick: Option<Timestamp>) -> bool {
    // Anyone may write an annotation; the name has to bear it out.
    if let Some(tick) = tick.filter(|tick| names::scheduled_run(&cron.name, *tick) == name) {
        return cron.status.last_schedule_time.is_some_and(|last| tick <= last);
    }
    let triggered = cron
        .trigger
        .as_ref()
        .filter(|value| names::triggered_run(&cron.name, &cron.uid, value) == name);
    let noted = &cron.status.last_triggered_om_job_name;
    triggered.is_none() || noted.as_ref().is_some_and(|noted| noted == name)
}
