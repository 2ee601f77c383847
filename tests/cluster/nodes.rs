//! Nodes that are lost with what runs on them.

use libtest_mimic::Trial;
use ompipe::crd::Phase;
use serde_json::{Value, json};

use crate::cluster::{Node, is_ours};
use crate::namespace::{Namespace, test};
use crate::omjob::{Run, Stage};
use crate::operator::Operator;
use crate::outcomes::{condition, reason};

pub(crate) fn tests() -> Vec<Trial> {
    let tests = [
        test("main_on_a_lost_node_is_reported_once", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let node = Node::alone().await;
            let run = main_on(namespace, &node).await;
            node.freeze();
            assert_eq!(reason(&run.ended(Phase::Failed).await), "Lost");
            run.reported("Failed");
            // What ran there all the time comes back, and changes nothing.
            node.thaw();
            run.let_go().await;
            run.ended(Phase::Failed).await;
            run.reported("Failed");
        }),
        test("main_on_a_crashed_node_is_reported_once", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let node = Node::alone().await;
            let run = main_on(namespace, &node).await;
            node.crash();
            assert_eq!(reason(&run.ended(Phase::Failed).await), "Lost");
            run.reported("Failed");
        }),
        test("main_on_a_deleted_node_is_reported_once", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let node = Node::alone().await;
            let run = main_on(namespace, &node).await;
            node.freeze();
            node.remove(namespace).await;
            run.ended(Phase::Failed).await;
            run.reported("Failed");
        }),
        test("an_exit_handler_on_a_lost_node_is_not_run_again", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let node = Node::alone().await;
            let asked = json!({"exitHandler": {"seconds": 3600}});
            let run = Run::start(namespace, "reporting", asked, |spec| {
                node.attract(&mut spec["exitHandlerSpec"]);
                impatient(spec);
            })
            .await;
            run.recorded(Stage::ExitHandler, "started").await;
            node.freeze();
            let status = run.ended(Phase::Succeeded).await;
            assert_eq!(condition(&status, "ExitHandlerCompleted"), "ExitHandlerInterrupted");
            node.thaw();
            run.let_go().await;
            assert_eq!(run.lines(Stage::ExitHandler, "started").len(), 1);
        }),
        test("a_node_back_in_time_loses_nothing", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let node = Node::alone().await;
            let asked = json!({"main": {"seconds": 30}});
            let run = Run::start(namespace, "patient", asked, |spec| {
                node.attract(&mut spec["mainPodSpec"]);
            })
            .await;
            run.recorded(Stage::Main, "started").await;
            node.freeze();
            node.until_lost(namespace).await;
            node.thaw();
            run.ended(Phase::Succeeded).await;
            run.reported("Succeeded");
        }),
    ];
    tests.into_iter().map(|test| test.with_ignored_flag(!is_ours())).collect()
}

/// An OMJob whose main runs on that node, and counts as lost with it at once.
async fn main_on<'a>(namespace: &'a Namespace, node: &Node) -> Run<'a> {
    let run = Run::start(namespace, "there", json!({"main": {"seconds": 3600}}), |spec| {
        node.attract(&mut spec["mainPodSpec"]);
        impatient(spec);
    })
    .await;
    run.recorded(Stage::Main, "started").await;
    run
}

fn impatient(spec: &mut Value) {
    spec["nodeLostTimeoutSeconds"] = json!(1);
}
