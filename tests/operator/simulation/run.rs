//! One seed from its beginning to the verdict.
//!
//! In: a scenario. Out: what happened, and what of it was wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::cluster::{self, Action};
use super::network::Network;
use super::people::Deed;
use super::random::Random;
use super::replica::Replica;
use super::scenario::Scenario;
use super::store::Lack;
use super::world::{SharedWorld, World};

/// After the last fault every OMJob has so long to end: the longest deadlines, the time until a node counts
/// as lost and every backoff are over long before.
const BOUND: Duration = Duration::from_secs(3 * 3600);
/// The cluster's own parts have so long to clean up before nothing may be written any more.
const CLEANING: Duration = Duration::from_secs(90);
/// A watch that was opened before calm came may bring what it held back until so long afterwards.
const LAST_STALL: Duration = Duration::from_secs(160);
const REST: Duration = Duration::from_secs(130);
/// Longer than the operator waits before it looks at everything again.
const LONG_REST: Duration = Duration::from_secs(1300);

/// What came of a seed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) violations: Vec<String>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) lasted: Duration,
    pub(crate) trace: Vec<String>,
}

/// Runs a seed.
pub(crate) fn seed(seed: u64, traced: bool) -> Outcome {
    let mut random = Random::of(seed);
    let scenario = Scenario::of(&mut random);
    scenario_of(scenario, random, traced)
}

/// Runs a seed on a server that lacks something.
pub(crate) fn seed_without(seed: u64, lack: Lack) -> Outcome {
    let mut random = Random::of(seed);
    let scenario = Scenario { lack: Some(lack), ..Scenario::of(&mut random) };
    scenario_of(scenario, random, false)
}

/// Runs a scenario; what it leaves open is drawn.
pub(crate) fn scenario_of(scenario: Scenario, random: Random, traced: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(simulate(scenario, random, traced))
}

async fn simulate(scenario: Scenario, mut random: Random, traced: bool) -> Outcome {
    let start = Instant::now();
    let calm = start + scenario.calm_after;
    let network = Network::new(random.fork(), scenario.mood, calm);
    let world = SharedWorld::new(random.fork(), network, traced);
    world.step(|world| {
        for line in scenario.told() {
            world.record.trace(|| line);
        }
        world.store.lack = scenario.lack;
        world.cluster.habits = scenario.habits;
        world.planned = scenario.planned.clone();
        if let Some((from, until)) = scenario.quota {
            world.network.exhaust_quota(start + from, start + until);
        }
        if let Some((after, cron)) = &scenario.cron {
            world.cluster.after(*after, Action::Deed(Deed::MakeCron(cron.clone())));
        }
        if scenario.mood.late > 0 || scenario.replicas.iter().any(Replica::stands_still) {
            world.oracle.expect_late_writes();
        }
        for (after, omjob) in &scenario.jobs {
            let make = Deed::Make { omjob: omjob.clone(), tries: 0 };
            world.cluster.after(*after, Action::Deed(make));
        }
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(cluster::run(world.clone()));
    for replica in scenario.replicas.clone() {
        tasks.spawn(replica.live(world.clone(), random.fork()));
    }
    sleep(Duration::from_secs(40)).await;
    let ended = wait_for_the_end(&world, calm).await;
    if ended {
        let rest = if scenario.long_rest { LONG_REST } else { REST };
        wait_at_rest(&world, rest).await;
        let mut world = world.lock();
        let World { oracle, store, record, .. } = &mut *world;
        oracle.judge();
        oracle.judge_history(store);
        record.add("runs of CronOMJobs", oracle.runs());
    }
    let outcome = outcome(&world, start);
    tasks.shutdown().await;
    outcome
}

fn outcome(world: &SharedWorld, start: Instant) -> Outcome {
    let mut world = world.lock();
    Outcome {
        violations: world.oracle.violations().to_vec(),
        counts: world.record.counts().clone(),
        lasted: start.elapsed(),
        trace: world.record.take_trace(),
    }
}

/// Until nothing has still to happen. False where something went wrong before.
async fn wait_for_the_end(world: &SharedWorld, calm: Instant) -> bool {
    loop {
        sleep(Duration::from_secs(1)).await;
        let mut guard = world.lock();
        if !guard.oracle.violations().is_empty() {
            return false;
        }
        if guard.network.is_calm() {
            guard.planned.clear();
            drop(guard);
            world.step(|world| {
                world.replace_nodes();
                world.suspend_crons();
            });
            let mut guard = world.lock();
            let world = &mut *guard;
            let unfinished = world.oracle.unfinished(&world.store);
            // A run that was asked for may still be on its way to be made.
            let quiet =
                world.record.last_write.elapsed() > CLEANING && Instant::now() > calm + LAST_STALL;
            if unfinished.is_empty() && quiet && !world.cluster.has_deeds() {
                return true;
            }
            if Instant::now() > calm + BOUND {
                let what = unfinished.join("; ");
                world.oracle.violated(format!("not at rest long after the last fault: {what}"));
                return false;
            }
        }
    }
}

async fn wait_at_rest(world: &SharedWorld, rest: Duration) {
    let begin = Instant::now();
    sleep_until(begin + rest).await;
    let mut guard = world.lock();
    if guard.record.last_write > begin {
        guard.oracle.violated("something was written although all was at rest".to_owned());
    }
}
