//! What a seed stands for: which OMJobs, which faults, when.
//!
//! In: a number. Out: a scenario, always the same one. Each seed has a few themes, so that what went wrong can be
//! read from its trace.

use std::time::Duration;

use serde_json::{Value, json};

use super::delete::Propagation;
use super::kubelet::Habits;
use super::network::Mood;
use super::nodes::Loss;
use super::oracle::MAIN;
use super::people::{Deed, Moment, Planned, ROLES, Stage};
use super::random::Random;
use super::replica::{Blow, Replica};
use super::server::Mishap;
use super::store::Lack;

/// The names of replicas.
const REPLICAS: [&str; 2] = ["one", "two"];

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) jobs: Vec<(Duration, Value)>,
    pub(crate) cron: Option<(Duration, Value)>,
    pub(crate) habits: Habits,
    pub(crate) mood: Mood,
    /// From here on nothing new goes wrong.
    pub(crate) calm_after: Duration,
    pub(crate) planned: Vec<Planned>,
    pub(crate) quota: Option<(Duration, Duration)>,
    pub(crate) replicas: Vec<Replica>,
    /// Whether it is watched for a resync, too, once all is at rest.
    pub(crate) long_rest: bool,
    pub(crate) lack: Option<Lack>,
}

impl Scenario {
    pub(crate) fn of(random: &mut Random) -> Self {
        let mut theme = |thousandths: u64| random.chance(thousandths);
        let (network, watches, crashes, replicas) =
            (theme(300), theme(250), theme(400), theme(200));
        let (deletions, by_hand, nodes) = (theme(350), theme(250), theme(200));
        let (namespace, quota, kubelet, clocks) = (theme(40), theme(120), theme(350), theme(100));
        let habits = habits(random, kubelet);
        let stuck = habits.hangs > 0 || habits.never_pulled > 0;
        let count = random.mostly_short(1, 3);
        let jobs: Vec<_> = (0..count)
            .map(|index| {
                let after = Duration::from_millis(random.mostly_short(0, 30_000));
                (after, job(random, &format!("job-{index}"), stuck))
            })
            .collect();
        let cron = random
            .chance(200)
            .then(|| (Duration::from_millis(random.below(70_000)), cron(random, stuck)));
        let mut planned = Vec::new();
        if cron.is_some() {
            for _ in 0..random.mostly_short(0, 2) {
                let deed = cron_deed(random);
                planned.push(plan(random, deed));
            }
        }
        if deletions {
            for _ in 0..random.between(1, 3) {
                let (_, job) = &jobs[random.below(jobs.len() as u64) as usize];
                deletion(random, job, &mut planned);
            }
        }
        if by_hand {
            for _ in 0..random.between(1, 3) {
                let deed = by_hand_deed(random);
                planned.push(plan(random, deed));
            }
        }
        if nodes {
            for _ in 0..random.between(1, 2) {
                let deed = node_deed(random);
                planned.push(plan(random, deed));
            }
        }
        if namespace {
            planned.push(plan(random, Deed::DeleteNamespace));
        }
        let quota = quota.then(|| {
            let from = Duration::from_millis(random.below(60_000));
            (from, from + Duration::from_millis(random.mostly_short(1_000, 300_000)))
        });
        Self {
            habits,
            mood: mood(random, network, watches),
            calm_after: Duration::from_secs(random.between(60, 400)),
            planned,
            quota,
            replicas: lives(random, crashes, replicas, clocks),
            long_rest: random.chance(100),
            lack: None,
            cron,
            jobs,
        }
    }

    /// For the head of a trace.
    pub(crate) fn told(&self) -> Vec<String> {
        let Self {
            jobs,
            cron,
            habits,
            mood,
            calm_after,
            planned,
            quota,
            replicas,
            long_rest,
            lack: _,
        } = self;
        let jobs = jobs.iter().map(|(after, job)| format!("after {after:?} {job}"));
        let planned = planned.iter().map(|planned| format!("{planned:?}"));
        let rest = [
            format!("{cron:?}"),
            format!("{habits:?}"),
            format!("{mood:?}"),
            format!("calm after {calm_after:?}, quota {quota:?}, long rest {long_rest}"),
        ];
        let replicas = replicas.iter().map(|replica| format!("{replica:?}"));
        jobs.chain(planned).chain(rest).chain(replicas).collect()
    }
}

fn job(random: &mut Random, name: &str, stuck: bool) -> Value {
    let mut spec = json!({
        "mainPodSpec": { "image": "ingestion", "command": ["python", "main.py"] },
    });
    if random.chance(900) {
        spec["exitHandlerSpec"] =
            json!({ "image": "ingestion", "command": ["python", "exit_handler.py"] });
        // Otherwise an hour, which is long to simulate.
        if random.chance(900) {
            spec["exitHandlerDeadlineSeconds"] = json!(random.between(400, 900));
        }
    }
    if stuck || random.chance(200) {
        spec["activeDeadlineSeconds"] = json!(random.mostly_short(1, 200));
    }
    if random.chance(250) {
        spec["backoffLimit"] = json!(random.between(1, 2));
    }
    if random.chance(300) {
        spec["ttlSecondsAfterFinished"] = json!(random.mostly_short(0, 60));
    }
    if random.chance(100) {
        spec["exitHandlerPolicy"] = json!("Fail");
    }
    if random.chance(300) {
        spec["nodeLostTimeoutSeconds"] = json!(random.between(0, 120));
    }
    if random.chance(300) {
        spec["mainPodSpec"]["terminationGracePeriodSeconds"] = json!(random.below(60));
    }
    json!({ "metadata": { "name": name }, "spec": spec })
}

/// Every minute, or every other: a few runs until calm comes, when it is suspended.
fn cron(random: &mut Random, stuck: bool) -> Value {
    let mut run = job(random, "", stuck)["spec"].take();
    run["exitHandlerDeadlineSeconds"] = json!(400);
    let mut spec =
        json!({ "schedule": random.pick(&["* * * * *", "*/2 * * * *"]), "omJobSpec": run });
    if random.chance(700) {
        spec["concurrencyPolicy"] = json!(random.pick(&["Allow", "Forbid", "Replace"]));
    }
    if random.chance(400) {
        spec["startingDeadlineSeconds"] = json!(random.between(10, 200));
    }
    if random.chance(400) {
        spec["successfulJobsHistoryLimit"] = json!(random.below(3));
        spec["failedJobsHistoryLimit"] = json!(random.below(3));
    }
    json!({ "metadata": { "name": "cron" }, "spec": spec })
}

fn cron_deed(random: &mut Random) -> Deed {
    let policies = [Propagation::Background, Propagation::Foreground, Propagation::Orphan];
    match random.below(6) {
        0 => Deed::DeleteCron { propagation: random.pick(&policies) },
        1 => Deed::EditCron(json!({ "spec": { "schedule": "* * * * *" } })),
        2 => Deed::EditCron(json!({ "spec": { "suspend": true } })),
        3 => Deed::EditCron(
            json!({ "spec": { "concurrencyPolicy": random.pick(&["Allow", "Forbid", "Replace"]) } }),
        ),
        4 => Deed::EditCron(
            json!({ "spec": { "successfulJobsHistoryLimit": 0, "failedJobsHistoryLimit": 0 } }),
        ),
        _ => Deed::EditCron(json!({ "metadata": { "annotations": {
            "pipelines.openmetadata.org/trigger": format!("{}", random.below(100)),
        }}})),
    }
}

fn habits(random: &mut Random, unusual: bool) -> Habits {
    let longest = random.pick(&[500, 5_000, 60_000]);
    let usual = Habits { fails: 200, longest, ..Habits::default() };
    if !unusual {
        return usual;
    }
    let mut sometimes = |most: u64| if random.chance(500) { random.below(most) } else { 0 };
    Habits {
        unschedulable: sometimes(400),
        fails: 300,
        out_of_memory: sometimes(300),
        evicted: sometimes(300),
        rejected: sometimes(200),
        never_pulled: sometimes(300),
        hangs: sometimes(300),
        longest,
    }
}

fn mood(random: &mut Random, network: bool, watches: bool) -> Mood {
    let latency = random.pick(&[2, 20, 200, 3_000]);
    let mut mood = Mood { latency, ..Mood::default() };
    let mut sometimes = |most: u64| if random.chance(600) { random.below(most) } else { 0 };
    if network {
        mood.lost_before = sometimes(150);
        mood.lost_after = sometimes(150);
        mood.silent = sometimes(500);
        mood.refused = sometimes(200);
        mood.refused_after = sometimes(100);
        mood.late = sometimes(100);
    }
    if watches {
        mood.stale_read = sometimes(1000);
        mood.watch_broken = sometimes(800);
        mood.watch_silent = sometimes(200);
        mood.watch_stalled = sometimes(1000);
        mood.watch_expired = sometimes(500);
        mood.nodes_late = sometimes(20_000);
    }
    mood
}

fn deletion(random: &mut Random, job: &Value, planned: &mut Vec<Planned>) {
    let name = job["metadata"]["name"].as_str().unwrap_or_default();
    let policies = [Propagation::Background, Propagation::Foreground, Propagation::Orphan];
    let deed = Deed::Delete { omjob: name.to_owned(), propagation: random.pick(&policies) };
    let first = plan(random, deed);
    if random.chance(300) {
        let deed = Deed::Delete { omjob: name.to_owned(), propagation: random.pick(&policies) };
        let delay = first.delay + Duration::from_millis(random.mostly_short(0, 20_000));
        planned.push(Planned { delay, deed, ..first });
    }
    if random.chance(300) {
        let deed = Deed::Make { omjob: job.clone(), tries: 20 };
        let delay = first.delay + Duration::from_millis(random.mostly_short(0, 60_000));
        planned.push(Planned { delay, deed, ..first });
    }
    planned.push(first);
}

fn by_hand_deed(random: &mut Random) -> Deed {
    let role = random.pick(&ROLES);
    match random.below(5) {
        0 => Deed::DeletePod { role, grace_period: None },
        1 => Deed::DeletePod { role, grace_period: Some(0) },
        2 => Deed::DeletePod { role, grace_period: Some(random.pick(&[1, 5, 60])) },
        3 => Deed::StripPod { role },
        _ => Deed::TearOutPod { role },
    }
}

fn node_deed(random: &mut Random) -> Deed {
    let role = random.pick(&ROLES);
    let returns = random.chance(700);
    let returns = returns.then(|| Duration::from_millis(random.mostly_short(1_000, 900_000)));
    match random.below(3) {
        0 => Deed::DeleteNode { role, returns },
        1 => Deed::LoseNode { role, loss: Loss::PoweredOff, returns },
        _ => Deed::LoseNode { role, loss: Loss::CutOff, returns },
    }
}

/// At some moment of an OMJob's life, and a little later.
fn plan(random: &mut Random, deed: Deed) -> Planned {
    let stages =
        [Stage::Created, Stage::Bound, Stage::Running, Stage::Ended, Stage::Deleting, Stage::Gone];
    let moment = match random.chance(500) {
        true => Moment::Change(random.mostly_short(5, 80)),
        // Nearly every OMJob has a main pod, and a deleted one has both.
        false if random.chance(500) => Moment::Pod(MAIN, random.pick(&stages)),
        false => Moment::Pod(random.pick(&ROLES), random.pick(&stages)),
    };
    let delay = match random.chance(500) {
        true => random.mostly_short(0, 200),
        false => random.mostly_short(0, 20_000),
    };
    Planned { moment, delay: Duration::from_millis(delay), deed }
}

fn lives(random: &mut Random, crashes: bool, two: bool, clocks: bool) -> Vec<Replica> {
    let count = if two { 2 } else { 1 };
    REPLICAS
        .into_iter()
        .take(count)
        .map(|name| {
            let lives = if crashes || two { random.mostly_short(u64::from(crashes), 6) } else { 0 };
            let blows = (0..lives).map(|_| blow(random, crashes)).collect();
            let mut seconds = || if clocks { random.below(60) as i64 - 30 } else { 0 };
            let (skew, jumped) = (seconds(), seconds());
            let after = Duration::from_millis(random.below(120_000));
            Replica { name, blows, skew, jump: clocks.then_some((after, jumped)) }
        })
        .collect()
}

fn blow(random: &mut Random, dies: bool) -> Blow {
    let still = Duration::from_millis(random.mostly_short(500, 90_000));
    let write = random.mostly_short(0, 25);
    let after = Duration::from_millis(random.mostly_short(0, 120_000));
    match random.below(if dies { 6 } else { 3 }) {
        0 => Blow::AtWrite(write, Mishap::StandsStillBefore(still)),
        1 => Blow::AtWrite(write, Mishap::StandsStillAfter(still)),
        2 => Blow::StandsStillAfter(after, still),
        3 => Blow::AtWrite(write, Mishap::DiesBefore),
        4 => Blow::AtWrite(write, Mishap::DiesAfter),
        _ => Blow::DiesAfter(after),
    }
}
