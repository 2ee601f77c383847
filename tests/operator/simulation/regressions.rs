//! What the simulation found, each as the scenario that shows it, under several draws of all that a scenario
//! leaves open. Each failed before the operator was mended.

use std::time::Duration;

use serde_json::{Value, json};

use super::delete::Propagation;
use super::kubelet::Habits;
use super::network::Mood;
use super::nodes::Loss;
use super::oracle::MAIN;
use super::people::{Deed, Moment, Planned, Stage};
use super::random::Random;
use super::replica::{Blow, Replica};
use super::run;
use super::scenario::Scenario;

/// An OMJob that is made after so many seconds, in a cluster where nothing goes wrong.
fn scenario(seconds: u64, job: Value) -> Scenario {
    Scenario {
        jobs: vec![(Duration::from_secs(seconds), job)],
        cron: None,
        habits: Habits { longest: 20_000, ..Habits::default() },
        mood: Mood { latency: 20, ..Mood::default() },
        calm_after: Duration::from_secs(120),
        planned: Vec::new(),
        quota: None,
        replicas: vec![Replica { name: "one", blows: Vec::new(), skew: 0, jump: None }],
        long_rest: false,
        lack: None,
    }
}

fn job() -> Value {
    json!({ "metadata": { "name": "job" }, "spec": {
        "mainPodSpec": { "image": "ingestion" }, "exitHandlerSpec": { "image": "ingestion" },
    }})
}

/// Once the main pod has come so far.
fn once(stage: Stage, deed: Deed) -> Planned {
    Planned { moment: Moment::Pod(MAIN, stage), delay: Duration::ZERO, deed }
}

fn holds(scenario: &Scenario) {
    for seed in 0..40 {
        let outcome = run::scenario_of(scenario.clone(), Random::of(seed), false);
        assert_eq!(outcome.violations, Vec::<String>::new(), "draw {seed}");
    }
}

#[test]
fn an_omjob_that_is_made_while_the_leader_stands_still_is_seen_to_afterwards() {
    let mut scenario = scenario(30, job());
    let still = Blow::StandsStillAfter(Duration::from_secs(10), Duration::from_secs(60));
    scenario.replicas[0].blows = vec![still];
    holds(&scenario);
}

#[test]
fn a_node_that_comes_back_under_its_name_is_not_taken_for_the_one_that_was_deleted() {
    let mut scenario = scenario(0, job());
    scenario.mood = Mood { latency: 3_000, nodes_late: 10_000, ..Mood::default() };
    let returns = Some(Duration::from_secs(14));
    scenario.planned = vec![once(Stage::Running, Deed::DeleteNode { role: MAIN, returns })];
    // Only this node is there to be bound to.
    let deed = Deed::LoseNode { role: MAIN, loss: Loss::PoweredOff, returns: None };
    scenario.planned.push(Planned { moment: Moment::Change(5), delay: Duration::ZERO, deed });
    holds(&scenario);
}

#[test]
fn a_node_that_is_reachable_again_is_not_taken_for_lost_since_the_watch_is_behind() {
    let mut job = job();
    job["spec"]["nodeLostTimeoutSeconds"] = json!(0);
    let mut scenario = scenario(0, job);
    scenario.mood = Mood { latency: 200, nodes_late: 15_000, ..Mood::default() };
    // The node is gone for so long that its main pod counts as lost, and is back, and the only one, when the
    // exit handler is bound.
    let deed = |loss, returns| Deed::LoseNode { role: MAIN, loss, returns };
    let returns = Some(Duration::from_secs(68));
    scenario.planned = vec![once(Stage::Running, deed(Loss::PoweredOff, returns))];
    let other = deed(Loss::PoweredOff, None);
    let delay = Duration::ZERO;
    scenario.planned.push(Planned { moment: Moment::Change(5), delay, deed: other });
    holds(&scenario);
}

#[test]
fn an_omjob_made_anew_while_its_absence_is_being_told_is_not_forgotten() {
    let mut scenario = scenario(0, job());
    scenario.mood.latency = 3_000;
    scenario.jobs.clear();
    // Made, deleted before it is held, and made again, while the operator asks what became of it.
    let made = |after: u64| (Duration::from_millis(after), job());
    scenario.jobs =
        vec![made(10_000), made(13_000), made(13_500), made(14_000), made(14_500), made(15_000)];
    let deed = Deed::Delete { omjob: "job".to_owned(), propagation: Propagation::Background };
    let delay = Duration::from_millis(600);
    scenario.planned = vec![Planned { moment: Moment::Job, delay, deed }];
    holds(&scenario);
}

/// By its seed: only a row of lost answers and stalled watches shows it.
#[test]
fn a_run_that_ended_is_let_go_when_the_watch_alone_tells_that_it_was_noted() {
    assert_eq!(run::seed(149_836, false).violations, Vec::<String>::new());
}
