//! Processes that end or stop: the operator's, one of two, and the servers of the control plane.

use std::time::Duration;

use libtest_mimic::Trial;
use ompipe::crd::Phase;
use serde_json::json;

use crate::namespace::{Namespace, test, test_alone};
use crate::omjob::{Run, Stage};
use crate::operator::Operator;
use crate::pod_deletions::brief_grace;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_leader_frozen_and_late_does_nothing_twice", async |namespace| {
            let leader = Operator::start(namespace).await;
            let early = mixed(namespace, "early").await;
            early[0].recorded(Stage::Main, "started").await;
            // It is stopped amid whatever it does just now, and believes itself the leader.
            leader.freeze();
            let other = Operator::start(namespace).await;
            let late = mixed(namespace, "late").await;
            reported(early.iter().chain(&late)).await;
            // One more is under way when the first wakes up, with caches of long ago.
            let asked = json!({"main": {"seconds": 3}, "exitHandler": {"seconds": 3}});
            let under_way = Run::start(namespace, "under-way", asked, |_| ()).await;
            under_way.recorded(Stage::Main, "started").await;
            leader.thaw();
            under_way.ended(Phase::Succeeded).await;
            under_way.reported("Succeeded");
            drop(other);
            // The first leads again, or still, and sees all that is past.
            let last = mixed(namespace, "last").await;
            reported(early.iter().chain(&late).chain(&last)).await;
        }),
        test("leaders_that_take_turns_report_once", async |namespace| {
            let mut operators =
                [Operator::start(namespace).await, Operator::start(namespace).await];
            let mut runs = Vec::new();
            for turn in 0..4 {
                runs.extend(mixed(namespace, &format!("turn-{turn}")).await);
                let [first, second] = &mut operators;
                // Whichever leads gives the lease up, amid its work, and the other takes it.
                let stopped = if turn % 2 == 0 { first } else { second };
                stopped.stop();
                stopped.restart();
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            reported(&runs).await;
        }),
        test_alone("a_killed_api_server_costs_no_exit_handler", async |namespace, servers| {
            let _operator = Operator::start(namespace).await;
            let mut runs = Vec::new();
            for round in 0..3 {
                runs.extend(mixed(namespace, &format!("round-{round}")).await);
                tokio::time::sleep(Duration::from_millis(500 * round)).await;
                servers.kill("kube-apiserver");
                tokio::time::sleep(Duration::from_secs(2)).await;
                servers.start("kube-apiserver");
            }
            reported(&runs).await;
        }),
        test_alone("without_its_store_the_api_server_only_delays", async |namespace, servers| {
            let _operator = Operator::start(namespace).await;
            let runs = mixed(namespace, "delayed").await;
            servers.kill("etcd");
            tokio::time::sleep(Duration::from_secs(5)).await;
            servers.start("etcd");
            reported(&runs).await;
        }),
    ]
}

/// One OMJob that succeeds, one that fails, and one that is deleted while it runs.
async fn mixed<'a>(namespace: &'a Namespace, name: &str) -> [Run<'a>; 3] {
    let start = async |suffix: &str, asked| {
        Run::start(namespace, &format!("{name}-{suffix}"), asked, brief_grace).await
    };
    let good = start("good", json!({"main": {"seconds": 1}})).await;
    let bad = start("bad", json!({"main": {"exit": 2}})).await;
    let deleted = start("deleted", json!({"main": {"seconds": 3600}})).await;
    deleted.delete_once_intended().await;
    [good, bad, deleted]
}

/// All of them end, each with one exit handler that was told the truth.
async fn reported<'a>(runs: impl IntoIterator<Item = &'a Run<'a>>) {
    for run in runs {
        if run.name.ends_with("-deleted") {
            run.gone().await;
            run.reported("Failed");
        } else if run.name.ends_with("-bad") {
            run.ended(Phase::Failed).await;
            run.reported("Failed");
        } else {
            run.ended(Phase::Succeeded).await;
            run.reported("Succeeded");
        }
        run.let_go().await;
    }
}
