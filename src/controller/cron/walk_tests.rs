//! Random walks through a small cluster with one CronOMJob: time passes, and is set back; runs
//! start and end; people edit, suspend, trigger and delete; the operator dies between any two acts
//! and comes back with a cache that may be old. What must hold is checked at every start of a run,
//! and at the end, when nothing fails any more.

use std::collections::BTreeSet;

use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::decide::{Act, Start, decide};
use super::observed::{Asked, Cron, Observed, Run, RunEnd};
use crate::controller::cron::is_noted;
use crate::controller::names;
use crate::crd::{ConcurrencyPolicy, CronOMJobStatus};
use crate::model::Schedule;

#[derive(Clone, Debug)]
enum Step {
    Pass(i64),
    SetBack(i64),
    /// The operator goes on, so many acts.
    Operate(usize),
    /// The operator is replaced by another, whose cache is so many versions old.
    Crash(usize),
    /// The watch catches up.
    Watch,
    EndRun(bool),
    /// The exit handlers of deleted runs end, and the runs are gone.
    Vanish,
    Remove,
    Schedule(usize),
    Suspend(bool),
    Policy(ConcurrencyPolicy),
    Deadline(Option<i64>),
    Limits(usize, usize),
    Trigger(u8),
}

const SCHEDULES: [&str; 5] = ["*/5 * * * *", "0 * * * *", "@every 7m", "30 2 * * *", "nonsense"];

#[derive(Clone)]
struct Snapshot {
    version: u64,
    cron: Cron,
    runs: Vec<Run>,
}

struct World {
    now: Timestamp,
    /// What the API server has; `history` what it had, the oldest first.
    real: Snapshot,
    history: Vec<Snapshot>,
    cache: Snapshot,
    live: bool,
    /// The names of all runs ever created.
    created: BTreeSet<CompactString>,
    /// The latest edit of the schedule, by a clock that may since have been set back.
    edited: Timestamp,
    triggers: BTreeSet<CompactString>,
}

impl World {
    fn new() -> Self {
        let now: Timestamp = "2026-03-28T12:00:30Z".parse().unwrap();
        let cron = Cron {
            name: "orders".into(),
            uid: "u1".into(),
            created: now,
            deleted: false,
            trigger: None,
            asked: Asked {
                schedule: SCHEDULES[0].into(),
                time_zone: Some("Europe/Zurich".into()),
                suspend: false,
                concurrency_policy: ConcurrencyPolicy::Allow,
                starting_deadline_seconds: None,
                successful_limit: 3,
                failed_limit: 1,
            },
            status: CronOMJobStatus::default(),
        };
        let real = Snapshot { version: 0, cron, runs: Vec::new() };
        Self {
            now,
            cache: real.clone(),
            history: Vec::new(),
            real,
            live: false,
            created: BTreeSet::new(),
            edited: now,
            triggers: BTreeSet::new(),
        }
    }

    /// Changes what the API server has. A change of the CronOMJob gives it a new version.
    fn change(&mut self, change: impl FnOnce(&mut Snapshot)) {
        self.history.push(self.real.clone());
        let before = self.real.cron.clone();
        change(&mut self.real);
        if self.real.cron != before {
            self.real.version += 1;
        }
    }

    fn edit(&mut self, edit: impl FnOnce(&mut Cron)) {
        self.change(|real| edit(&mut real.cron));
    }

    fn step(&mut self, step: &Step) {
        match step.clone() {
            Step::Pass(seconds) => self.now += SignedDuration::from_secs(seconds),
            Step::SetBack(seconds) => {
                self.now -= SignedDuration::from_secs(seconds);
                self.edited = self.edited.min(self.now);
            }
            Step::Operate(acts) => {
                for _ in 0..acts {
                    if !self.act() {
                        break;
                    }
                }
            }
            Step::Crash(age) => {
                let versions = self.history.len();
                self.live = false;
                self.cache = match age {
                    0 => self.real.clone(),
                    age => {
                        self.history.get(versions.saturating_sub(age)).unwrap_or(&self.real).clone()
                    }
                };
            }
            Step::Watch => self.cache = self.real.clone(),
            Step::EndRun(succeeded) => {
                let time = Some(self.now);
                self.change(|real| {
                    if let Some(run) = real.runs.iter_mut().find(|run| run.end.is_none()) {
                        run.end = Some(RunEnd { succeeded, time });
                    }
                });
            }
            Step::Vanish => self.change(|real| {
                let cron = real.cron.clone();
                real.runs.retain(|run| !(run.deleted && is_noted(&cron, &run.name, run.tick)));
            }),
            Step::Remove => self.change(|real| {
                let ended = real.runs.iter_mut().find(|run| run.end.is_some());
                ended.into_iter().for_each(|run| run.deleted = true);
            }),
            Step::Schedule(at) => {
                let status = &self.real.cron.status;
                // Changed and changed back before the operator looks, it is as it was.
                self.edited = match &status.observed_schedule {
                    Some(known) if known.schedule == SCHEDULES[at] => known.since,
                    Some(_) => self.now,
                    None => self.real.cron.created,
                };
                self.edit(|cron| cron.asked.schedule = SCHEDULES[at].into());
            }
            Step::Suspend(suspend) => self.edit(|cron| cron.asked.suspend = suspend),
            Step::Policy(policy) => self.edit(|cron| cron.asked.concurrency_policy = policy),
            Step::Deadline(seconds) => {
                self.edit(|cron| cron.asked.starting_deadline_seconds = seconds);
            }
            Step::Limits(succeeded, failed) => self.edit(|cron| {
                cron.asked.successful_limit = succeeded;
                cron.asked.failed_limit = failed;
            }),
            Step::Trigger(value) => {
                let value: CompactString = format!("t{value}").into();
                // A value that was there before asks for nothing new.
                if self.triggers.insert(value.clone()) {
                    self.edit(|cron| cron.trigger = Some(value));
                }
            }
        }
    }

    fn observed(&self) -> Observed {
        Observed {
            cron: self.cache.cron.clone(),
            runs: self.cache.runs.clone(),
            live: self.live,
            taken: None,
        }
    }

    /// One act of the operator. Returns whether there was one.
    fn act(&mut self) -> bool {
        let plan = decide(&self.observed(), self.now);
        assert!(plan.until.is_none_or(|until| until > self.now), "a wait that is over: {plan:?}");
        let was_live = std::mem::take(&mut self.live);
        match plan.act {
            None => return false,
            Some(Act::LookLive) => {
                assert!(!was_live, "looks again and again");
                self.cache = self.real.clone();
                self.live = true;
            }
            Some(Act::Record(status, _)) => {
                if self.cache.version == self.real.version {
                    let last = self.real.cron.status.last_schedule_time;
                    assert!(status.last_schedule_time >= last, "from {last:?} to {status:?}");
                    assert_ne!(*status, self.real.cron.status, "a write of nothing");
                    self.edit(|cron| cron.status = *status);
                    self.cache.cron = self.real.cron.clone();
                    self.cache.version = self.real.version;
                } else {
                    self.cache = self.real.clone();
                }
            }
            Some(Act::StartRun(start)) => {
                assert!(was_live);
                self.create(&start);
            }
            Some(Act::DeleteRun(run)) => self.delete(&run),
        }
        true
    }

    fn create(&mut self, start: &Start) {
        let cron = self.cache.cron.clone();
        if !self.real.runs.iter().any(|run| run.name == start.name) {
            self.check_start(&cron, start);
            assert!(self.created.insert(start.name.clone()), "{} a second time", start.name);
            let run = Run {
                name: start.name.clone(),
                uid: start.name.clone(),
                resource_version: "1".into(),
                tick: start.tick,
                started: self.now,
                end: None,
                deleted: false,
            };
            self.change(|real| real.runs.push(run));
        }
        let run = self.real.runs.iter().find(|run| run.name == start.name).unwrap().clone();
        self.cache.runs.retain(|known| known.name != run.name);
        self.cache.runs.push(run);
    }

    fn check_start(&self, cron: &Cron, start: &Start) {
        let active = self.real.runs.iter().filter(|run| run.end.is_none()).count();
        if cron.asked.concurrency_policy != ConcurrencyPolicy::Allow {
            assert_eq!(active, 0, "{start:?} beside another under {cron:?}");
        }
        let Some(tick) = start.tick else { return };
        assert!(!cron.asked.suspend, "{start:?} while suspended");
        assert!(tick > cron.created, "{start:?} is from before the creation");
        let waited = cron.status.pending_schedule_time == Some(tick);
        if waited {
            return;
        }
        assert!(tick <= self.now, "{start:?} at {}", self.now);
        // An edit between the look and the start comes too late for it.
        if cron.asked.schedule == self.real.cron.asked.schedule {
            assert!(tick > self.edited, "{start:?} is of before the schedule was changed");
        }
        let schedule = Schedule::parse(&cron.asked.schedule).unwrap();
        let zone = jiff::tz::TimeZone::get("Europe/Zurich").unwrap();
        if !cron.asked.schedule.starts_with("@every") {
            let just_before = tick - SignedDuration::from_secs(1);
            assert_eq!(schedule.next_in(&zone, just_before), Some(tick), "no time of the schedule");
        }
        assert!(schedule.next_in(&zone, tick).unwrap() > self.now, "{start:?} is not the newest");
        if let Some(seconds) = cron.asked.starting_deadline_seconds {
            let window = SignedDuration::from_secs(if seconds == 0 { 60 } else { seconds });
            assert!(self.now < tick + window, "{start:?} is too late at {}", self.now);
        }
    }

    fn delete(&mut self, run: &Run) {
        let asked = self.cache.cron.asked.clone();
        if run.end.is_none() {
            assert_eq!(asked.concurrency_policy, ConcurrencyPolicy::Replace, "{run:?} runs");
        } else {
            let alike = |other: &&Run| {
                other.end.map(|end| end.succeeded) == run.end.map(|end| end.succeeded)
                    && !other.deleted
            };
            let older = self.cache.runs.iter().filter(alike);
            let older = older.filter(|other| other.started < run.started);
            assert_eq!(older.count(), 0, "{run:?} is not the oldest");
            assert!(is_noted(&self.cache.cron, &run.name, run.tick), "{run:?} is not noted");
        }
        self.change(|real| {
            let found = real.runs.iter_mut().find(|known| known.uid == run.uid);
            found.into_iter().for_each(|run| run.deleted = true);
        });
        if let Some(known) = self.cache.runs.iter_mut().find(|known| known.uid == run.uid) {
            known.deleted = true;
        }
    }

    /// Nothing fails any more: the operator comes to rest, with everything done.
    fn settle(&mut self) {
        for _ in 0..40 {
            self.step(&Step::Crash(0));
            for acts in 0.. {
                assert!(acts < 100, "acts for ever: {:?}", decide(&self.observed(), self.now));
                if !self.act() {
                    break;
                }
            }
            while self.real.runs.iter().any(|run| run.end.is_none()) {
                self.step(&Step::EndRun(true));
            }
            self.step(&Step::Vanish);
        }
        assert!(!self.act(), "not at rest: {:?}", decide(&self.observed(), self.now));
        let Snapshot { cron, runs, .. } = &self.real;
        let asked = &cron.asked;
        for (succeeded, limit) in [(true, asked.successful_limit), (false, asked.failed_limit)] {
            let kept =
                runs.iter().filter(|run| run.end.is_some_and(|end| end.succeeded == succeeded));
            assert!(kept.count() <= limit, "more than {limit}: {runs:?}");
        }
        if let Some(value) = &cron.trigger {
            let name = names::triggered_run(&cron.name, &cron.uid, value);
            assert!(self.created.contains(&name), "{value} started nothing");
        }
        if asked.suspend || asked.schedule == "nonsense" || asked.schedule.starts_with("@every") {
            return;
        }
        // The newest time was started, if it is in time and any is.
        let zone = jiff::tz::TimeZone::get("Europe/Zurich").unwrap();
        let since = cron.status.observed_schedule.as_ref().unwrap().since;
        let schedule = Schedule::parse(&asked.schedule).unwrap();
        let Some(tick) = schedule.passed(&zone, since, self.now).newest else { return };
        let late = asked.starting_deadline_seconds.is_some_and(|seconds| {
            self.now >= tick + SignedDuration::from_secs(if seconds == 0 { 60 } else { seconds })
        });
        let status = &cron.status;
        let started = status.last_schedule_time.is_some_and(|last| last >= tick);
        assert!(started || late, "{tick} was not started: {status:?}");
        assert!(
            !late || started || status.last_missed_time >= Some(tick),
            "{tick} missed in silence"
        );
    }
}

fn step() -> impl Strategy<Value = Step> {
    use ConcurrencyPolicy::{Allow, Forbid, Replace};
    prop_oneof![
        8 => prop_oneof![1i64..90, 200i64..4000, Just(90_000), Just(3 * 365 * 86_400)].prop_map(Step::Pass),
        1 => (1i64..4000).prop_map(Step::SetBack),
        12 => (1usize..8).prop_map(Step::Operate),
        3 => (0usize..6).prop_map(Step::Crash),
        4 => Just(Step::Watch),
        4 => any::<bool>().prop_map(Step::EndRun),
        2 => Just(Step::Vanish),
        1 => Just(Step::Remove),
        1 => (0usize..5).prop_map(Step::Schedule),
        1 => any::<bool>().prop_map(Step::Suspend),
        2 => prop::sample::select(vec![Allow, Forbid, Replace]).prop_map(Step::Policy),
        1 => prop::sample::select(vec![None, Some(0), Some(60), Some(3600)]).prop_map(Step::Deadline),
        1 => (0usize..4, 0usize..3).prop_map(|(succeeded, failed)| Step::Limits(succeeded, failed)),
        1 => (0u8..6).prop_map(Step::Trigger),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_each_time_is_started_once_and_the_operator_comes_to_rest(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.settle();
    }
}
