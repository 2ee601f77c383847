//! The operator killed again and again, at random, while OMJobs come and end in every way. What is
//! counted is what the exit handlers did, by their record outside the cluster's API.
//!
//! `OMPIPE_KILLS` says how often, 25 if it is not set; `just chaos 1000` sets it.

use std::time::{Duration, Instant};

use futures::future::join_all;
use kube::api::PropagationPolicy;
use libtest_mimic::Trial;
use ompipe::crd::Phase;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::namespace::{Namespace, test};
use crate::omjob::{Run, Stage, delete_pod};
use crate::operator::Operator;
use crate::pod_deletions::brief_grace;

/// OMJobs that are under way at any time: what two processors run beside all servers.
const LOAD: usize = 16;

pub(crate) fn tests() -> Vec<Trial> {
    vec![test("chaos_costs_and_doubles_no_exit_handler", chaos)]
}

/// How an OMJob of the load ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Success,
    Failure,
    Crash,
    Retried,
    SlowExitHandler,
    FailingExitHandler,
    PodDeleted,
    PodForceDeleted,
    DeletedInBackground,
    DeletedInForeground,
    TimeToLive,
}

const ENDS: [End; 11] = [
    End::Success,
    End::Failure,
    End::Crash,
    End::Retried,
    End::SlowExitHandler,
    End::FailingExitHandler,
    End::PodDeleted,
    End::PodForceDeleted,
    End::DeletedInBackground,
    End::DeletedInForeground,
    End::TimeToLive,
];

async fn chaos(namespace: &Namespace) {
    let kills: usize =
        std::env::var("OMPIPE_KILLS").map_or(25, |kills| kills.parse().expect("a number"));
    // Any numbers do, as long as a run can be had again.
    let mut dice = Dice(
        std::env::var("OMPIPE_SEED").map_or_else(|_| 20_261_122, |seed| seed.parse().unwrap()),
    );
    let began = Instant::now();
    let mut operator = Operator::start(namespace).await;
    let mut loads: Vec<Load<'_>> = Vec::new();
    let mut done = Vec::new();
    let mut killed = 0;
    let mut next_kill = Instant::now();
    let mut started = 0;
    while killed < kills || !loads.is_empty() {
        if killed < kills {
            if Instant::now() >= next_kill {
                operator.restart();
                killed += 1;
                // From amid its start to well into its work.
                next_kill = Instant::now() + Duration::from_millis(dice.below(1500));
            }
            while loads.len() < LOAD {
                loads.push(Load::start(namespace, started, ENDS[started % ENDS.len()]).await);
                started += 1;
            }
        }
        let over = join_all(loads.iter_mut().map(Load::advance)).await;
        let mut over = over.into_iter();
        done.extend(loads.extract_if(.., |_| over.next() == Some(true)));
        sleep(Duration::from_millis(100)).await;
    }
    // Whatever would be done twice is done by now: all holds are let go, none is left to act on.
    let (mut lost, mut twice, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for load in &done {
        let lines = load.run.lines(Stage::ExitHandler, "started");
        match lines.as_slice() {
            [] => lost.push(&load.run.name),
            [line] if line.status.as_deref() != Some(load.told()) => {
                told.push(&load.run.name);
            }
            [_] => {}
            _ => twice.push(&load.run.name),
        }
    }
    println!(
        "{killed} kills in {} s, {} OMJobs: {} exit handlers lost, {} run twice, {} told a wrong status",
        began.elapsed().as_secs(),
        done.len(),
        lost.len(),
        twice.len(),
        told.len(),
    );
    assert!(lost.is_empty() && twice.is_empty() && told.is_empty(), "{lost:?} {twice:?} {told:?}");
}

/// An OMJob of the load, and what is still to be done to it.
struct Load<'a> {
    run: Run<'a>,
    end: End,
    /// Whether what was to be done to it from outside is done.
    disturbed: bool,
}

impl<'a> Load<'a> {
    async fn start(namespace: &'a Namespace, number: usize, end: End) -> Self {
        let asked = match end {
            End::Success | End::TimeToLive => json!({}),
            End::Failure | End::Retried => json!({"main": {"exit": 1}}),
            End::Crash => json!({"main": {"crash": "segfault"}}),
            End::SlowExitHandler => json!({"exitHandler": {"seconds": 2}}),
            End::FailingExitHandler => json!({"exitHandler": {"exit": 1}}),
            _ => json!({"main": {"seconds": 3600}}),
        };
        let name = format!("load-{number}-{end:?}").to_lowercase();
        let run = Run::start(namespace, &name, asked, |spec: &mut Value| {
            brief_grace(spec);
            match end {
                End::Retried => spec["backoffLimit"] = json!(1),
                End::TimeToLive => spec["ttlSecondsAfterFinished"] = json!(0),
                _ => {}
            }
        })
        .await;
        Self { run, end, disturbed: false }
    }

    /// One step; whether it is over and held by nobody.
    async fn advance(&mut self) -> bool {
        let job = self.run.job().await;
        if !self.disturbed {
            self.disturbed = self.disturb().await;
            return false;
        }
        let over = match &job {
            None => true,
            Some(job) => {
                let phase = job.status.as_ref().and_then(|status| status.phase);
                let held = job.metadata.finalizers.as_ref().is_some_and(|held| !held.is_empty());
                phase.is_some_and(Phase::is_terminal) && !held && !self.goes()
            }
        };
        over && !self.run.pods().await.iter().any(crate::omjob::is_held)
    }

    /// Whether the OMJob itself is to go.
    fn goes(&self) -> bool {
        use End::{DeletedInBackground, DeletedInForeground, TimeToLive};
        matches!(self.end, DeletedInBackground | DeletedInForeground | TimeToLive)
    }

    /// Does to it from outside what its end asks for; whether that is done.
    async fn disturb(&self) -> bool {
        let runs = !self.run.lines(Stage::Main, "started").is_empty();
        match self.end {
            End::PodDeleted | End::PodForceDeleted if runs => {
                let grace = (self.end == End::PodForceDeleted).then_some(0);
                let pod = self.run.pod(Stage::Main, "there", |_| true).await;
                delete_pod(&self.run.namespace.api(), &pod, grace).await;
            }
            End::DeletedInBackground if runs => {
                self.run.delete(PropagationPolicy::Background).await;
            }
            End::DeletedInForeground if runs => {
                self.run.delete(PropagationPolicy::Foreground).await;
            }
            End::PodDeleted | End::PodForceDeleted => return false,
            End::DeletedInBackground | End::DeletedInForeground => return false,
            _ => {}
        }
        true
    }

    /// What its exit handler has to be told.
    fn told(&self) -> &'static str {
        match self.end {
            End::Success | End::TimeToLive | End::SlowExitHandler | End::FailingExitHandler => {
                "Succeeded"
            }
            _ => "Failed",
        }
    }
}

/// Numbers that look like chance: xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
