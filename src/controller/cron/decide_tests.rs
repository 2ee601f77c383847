//! What is decided about a CronOMJob, case by case.

use jiff::{SignedDuration, Timestamp};

use super::decide::{Act, Plan, Reason, Start, decide};
use super::observed::{Asked, Cron, Observed, Run, RunEnd};
use crate::controller::names;
use crate::crd::{ConcurrencyPolicy, CronOMJobStatus, ObservedSchedule};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Created on the first of the month, seen since, daily at three.
fn observed() -> Observed {
    let created = time("2026-11-01T12:00:00Z");
    let observed_schedule =
        Some(ObservedSchedule { schedule: "0 3 * * *".into(), time_zone: None, since: created });
    Observed {
        cron: Cron {
            name: "orders".into(),
            uid: "u1".into(),
            created,
            deleted: false,
            trigger: None,
            asked: Asked {
                schedule: "0 3 * * *".into(),
                time_zone: None,
                suspend: false,
                concurrency_policy: ConcurrencyPolicy::Allow,
                starting_deadline_seconds: None,
                successful_limit: 3,
                failed_limit: 1,
            },
            status: CronOMJobStatus { observed_schedule, ..CronOMJobStatus::default() },
        },
        runs: Vec::new(),
        live: true,
        taken: None,
    }
}

fn run(tick: &str) -> Run {
    let tick = time(tick);
    let name = names::scheduled_run("orders", tick);
    Run {
        uid: name.clone(),
        name,
        resource_version: "1".into(),
        tick: Some(tick),
        started: tick,
        end: None,
        deleted: false,
    }
}

fn ended(tick: &str, succeeded: bool) -> Run {
    let run = run(tick);
    let time = run.tick.map(|tick| tick + SignedDuration::from_mins(5));
    Run { end: Some(RunEnd { succeeded, time }), ..run }
}

fn decided(observed: &Observed, now: &str) -> Plan {
    decide(observed, time(now))
}

fn starts(observed: &Observed, now: &str) -> Option<Timestamp> {
    match decided(observed, now).act {
        Some(Act::StartRun(Start { tick, .. })) => tick,
        _ => None,
    }
}

fn recorded(plan: &Plan) -> (CronOMJobStatus, Option<Reason>) {
    let Some(Act::Record(status, notice)) = &plan.act else { panic!("{plan:?}") };
    (status.as_ref().clone(), notice.as_ref().map(|notice| notice.reason))
}

const THREE: &str = "2026-11-02T03:00:00Z";

#[test]
fn a_run_is_started_at_its_time_and_not_before() {
    let observed = observed();
    let before = decided(&observed, "2026-11-02T02:59:59.9Z");
    assert_eq!(before, Plan { act: None, until: Some(time(THREE)) });
    let name = names::scheduled_run("orders", time(THREE));
    assert_eq!(name, "orders-1793588400");
    let start = Start { name, tick: Some(time(THREE)) };
    assert_eq!(decided(&observed, THREE), Plan { act: Some(Act::StartRun(start)), until: None });
}

#[test]
fn nothing_is_started_by_a_cache_alone() {
    let observed = Observed { live: false, ..observed() };
    assert_eq!(decided(&observed, THREE).act, Some(Act::LookLive));
}

#[test]
fn a_new_cronomjob_starts_nothing_for_the_time_before_it() {
    let mut observed = observed();
    observed.cron.status = CronOMJobStatus::default();
    let plan = decided(&observed, "2026-11-01T12:00:01Z");
    observed.cron.status = recorded(&plan).0;
    let plan = decided(&observed, "2026-11-01T12:00:02Z");
    assert_eq!(plan, Plan { act: None, until: Some(time(THREE)) });
}

#[test]
fn of_many_missed_times_the_newest_is_started() {
    assert_eq!(starts(&observed(), "2026-11-22T19:00:00Z"), Some(time("2026-11-22T03:00:00Z")));
}

#[test]
fn beyond_its_deadline_a_time_is_missed_and_that_is_told_once() {
    let mut observed = observed();
    observed.cron.asked.starting_deadline_seconds = Some(3600);
    assert_eq!(starts(&observed, "2026-11-02T03:59:59Z"), Some(time(THREE)));
    let (status, reason) = recorded(&decided(&observed, "2026-11-02T04:00:00Z"));
    assert_eq!(reason, Some(Reason::MissSchedule));
    assert_eq!(status.last_schedule_time, None);
    observed.cron.status = status;
    let plan = decided(&observed, "2026-11-02T04:00:01Z");
    assert_eq!(plan, Plan { act: None, until: Some(time("2026-11-03T03:00:00Z")) });
}

#[test]
fn a_deadline_of_0_means_that_nothing_is_made_up_for_and_still_starts_in_time() {
    let mut observed = observed();
    observed.cron.asked.starting_deadline_seconds = Some(0);
    assert_eq!(starts(&observed, "2026-11-02T03:00:02Z"), Some(time(THREE)));
    assert_eq!(starts(&observed, "2026-11-02T03:01:00Z"), None);
}

#[test]
fn a_delay_is_started_whatever_the_deadline() {
    // Kubernetes counts it from the deadline, and with one that is shorter never starts a run.
    let mut observed = observed();
    let schedule = observed.cron.status.observed_schedule.as_mut().unwrap();
    schedule.schedule = "@every 2h".into();
    observed.cron.asked.schedule = "@every 2h".into();
    observed.cron.asked.starting_deadline_seconds = Some(60);
    assert_eq!(starts(&observed, "2026-11-01T14:00:00.1Z"), Some(time("2026-11-01T14:00:00Z")));
}

#[test]
fn suspended_nothing_is_started_and_resumed_the_newest_time_is() {
    let mut observed = observed();
    observed.cron.asked.suspend = true;
    assert_eq!(decided(&observed, "2026-11-05T12:00:00Z"), Plan::default());
    observed.cron.asked.suspend = false;
    assert_eq!(starts(&observed, "2026-11-05T12:00:00Z"), Some(time("2026-11-05T03:00:00Z")));
}

#[test]
fn a_changed_schedule_or_zone_makes_up_for_nothing() {
    for (schedule, zone) in [("0 10 * * *", None), ("0 3 * * *", Some("America/New_York"))] {
        let mut observed = observed();
        observed.cron.status.last_schedule_time = Some(time("2026-11-05T03:00:00Z"));
        observed.cron.asked.schedule = schedule.into();
        observed.cron.asked.time_zone = zone.map(Into::into);
        observed.cron.status = recorded(&decided(&observed, "2026-11-05T12:00:00.5Z")).0;
        let plan = decided(&observed, "2026-11-05T12:00:01Z");
        assert_eq!(plan.act, None, "{schedule} {zone:?}");
        assert!(plan.until.unwrap() > time("2026-11-06T00:00:00Z"));
    }
}

#[test]
fn a_clock_that_is_set_back_starts_nothing_again() {
    let mut observed = observed();
    observed.cron.status.last_schedule_time = Some(time("2026-11-05T03:00:00Z"));
    let plan = decided(&observed, "2026-11-05T02:30:00Z");
    assert_eq!(plan, Plan { act: None, until: Some(time("2026-11-06T03:00:00Z")) });
}

#[test]
fn a_run_that_was_started_and_not_recorded_is_recorded() {
    let mut observed = observed();
    observed.runs = vec![run(THREE)];
    let (status, _) = recorded(&decided(&observed, "2026-11-02T03:00:01Z"));
    assert_eq!(status.last_schedule_time, Some(time(THREE)));
    assert_eq!(status.last_om_job_name, Some("orders-1793588400".into()));
}

#[test]
fn an_annotation_that_the_name_does_not_bear_out_is_not_believed() {
    let mut observed = observed();
    observed.runs = vec![Run { name: "by-hand".into(), ..run("2030-01-01T03:00:00Z") }];
    assert_eq!(starts(&observed, THREE), Some(time(THREE)));
}

#[test]
fn under_forbid_a_time_is_skipped_while_a_run_is_not_over_and_made_up_for_afterwards() {
    let mut observed = observed();
    observed.cron.asked.concurrency_policy = ConcurrencyPolicy::Forbid;
    observed.cron.status.last_schedule_time = Some(time(THREE));
    observed.runs = vec![run(THREE)];
    let (status, reason) = recorded(&decided(&observed, "2026-11-03T03:00:00Z"));
    assert_eq!(reason, Some(Reason::JobAlreadyActive));
    observed.cron.status = status;
    let plan = decided(&observed, "2026-11-03T03:00:01Z");
    assert_eq!(plan, Plan { act: None, until: Some(time("2026-11-04T03:00:00Z")) });
    observed.runs = vec![ended(THREE, false)];
    assert_eq!(starts(&observed, "2026-11-03T08:00:00Z"), Some(time("2026-11-03T03:00:00Z")));
}

#[test]
fn under_replace_the_earlier_run_is_deleted_and_waited_for_even_beyond_the_deadline() {
    let mut observed = observed();
    observed.cron.asked.concurrency_policy = ConcurrencyPolicy::Replace;
    observed.cron.asked.starting_deadline_seconds = Some(60);
    observed.cron.status.last_schedule_time = Some(time(THREE));
    observed.runs = vec![run(THREE)];
    observed.cron.status = recorded(&decided(&observed, "2026-11-03T03:00:00Z")).0;
    let plan = decided(&observed, "2026-11-03T03:00:00Z");
    assert_eq!(plan.act, Some(Act::DeleteRun(run(THREE))));
    // Its exit handler runs.
    observed.runs[0].deleted = true;
    assert_eq!(decided(&observed, "2026-11-03T03:00:01Z").act, None);
    observed.runs.clear();
    let next = time("2026-11-03T03:00:00Z");
    assert_eq!(starts(&observed, "2026-11-03T03:05:00Z"), Some(next));
    observed.runs = vec![run("2026-11-03T03:00:00Z")];
    let (status, _) = recorded(&decided(&observed, "2026-11-03T03:05:00Z"));
    assert_eq!((status.last_schedule_time, status.pending_schedule_time), (Some(next), None));
}

#[test]
fn a_trigger_starts_one_run_suspended_or_not() {
    let mut observed = observed();
    observed.cron.asked.suspend = true;
    observed.cron.trigger = Some("today".into());
    let Some(Act::StartRun(start)) = decided(&observed, "2026-11-01T13:00:00Z").act else {
        panic!("nothing started")
    };
    assert_eq!(start.tick, None);
    observed.runs = vec![Run { name: start.name, tick: None, ..run(THREE) }];
    observed.cron.status = recorded(&decided(&observed, "2026-11-01T13:00:00Z")).0;
    assert_eq!(decided(&observed, "2026-11-01T13:00:01Z"), Plan::default());
    observed.runs.clear();
    assert_eq!(decided(&observed, "2026-11-01T13:00:01Z"), Plan::default(), "gone, not again");
    observed.cron.trigger = Some("tomorrow".into());
    assert!(matches!(decided(&observed, "2026-11-01T13:00:02Z").act, Some(Act::StartRun(_))));
}

#[test]
fn under_forbid_a_trigger_waits() {
    let mut observed = observed();
    observed.cron.asked.concurrency_policy = ConcurrencyPolicy::Forbid;
    observed.cron.trigger = Some("now".into());
    observed.cron.status.last_schedule_time = Some(time(THREE));
    observed.runs = vec![run(THREE)];
    observed.cron.status = recorded(&decided(&observed, "2026-11-02T04:00:00Z")).0;
    assert_eq!(decided(&observed, "2026-11-02T04:00:01Z").act, None);
    observed.runs.clear();
    assert!(matches!(decided(&observed, "2026-11-02T04:00:02Z").act, Some(Act::StartRun(_))));
}

#[test]
fn what_cannot_be_read_is_told_once_and_then_waited_out() {
    for (schedule, zone, expected) in [
        ("every day", None, Reason::UnparseableSchedule),
        ("TZ=UTC 0 3 * * *", None, Reason::UnparseableSchedule),
        ("0 3 * * *", Some("Mars/Olympus"), Reason::UnknownTimeZone),
        ("0 3 31 2 *", None, Reason::InvalidSchedule),
    ] {
        let mut observed = observed();
        observed.cron.asked.schedule = schedule.into();
        observed.cron.asked.time_zone = zone.map(Into::into);
        let (status, reason) = recorded(&decided(&observed, "2026-11-02T04:00:00Z"));
        assert_eq!(reason, Some(expected), "{schedule}");
        observed.cron.status = status;
        assert_eq!(decided(&observed, "2026-11-02T04:00:01Z"), Plan::default(), "{schedule}");
    }
}

#[test]
fn a_name_that_somebody_elses_omjob_has_is_given_up() {
    let mut observed = observed();
    observed.taken = Some("orders-1793588400".into());
    let (status, reason) = recorded(&decided(&observed, THREE));
    assert_eq!(reason, Some(Reason::FailedCreate));
    assert_eq!(status.last_om_job_name, None);
    observed.cron.status = status;
    assert_eq!(decided(&observed, THREE).act, None);
}

#[test]
fn beyond_the_limits_the_oldest_finished_run_goes_and_never_one_that_runs() {
    let mut observed = observed();
    observed.cron.asked.successful_limit = 1;
    observed.cron.asked.failed_limit = 0;
    observed.cron.status.last_schedule_time = Some(time("2026-11-05T03:00:00Z"));
    observed.cron.status.last_successful_time = Some(time("2026-11-05T12:00:00Z"));
    let (old, new) = (ended("2026-11-03T03:00:00Z", true), ended("2026-11-04T03:00:00Z", true));
    let failed = ended("2026-11-05T03:00:00Z", false);
    observed.runs = vec![new, run(THREE), failed.clone(), old.clone()];
    let now = "2026-11-05T12:00:00Z";
    assert_eq!(decided(&observed, now).act, Some(Act::DeleteRun(old)));
    observed.runs[3].deleted = true;
    assert_eq!(decided(&observed, now).act, Some(Act::DeleteRun(failed)));
    observed.runs[2].deleted = true;
    assert_eq!(decided(&observed, now).act, None);
}

#[test]
fn a_cronomjob_that_is_being_deleted_is_left_alone() {
    let mut observed = observed();
    observed.cron.deleted = true;
    observed.cron.trigger = Some("now".into());
    assert_eq!(decided(&observed, THREE), Plan::default());
}
