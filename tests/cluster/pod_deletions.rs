//! Pods that somebody takes away from the operator: main's, and the exit handler's.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{EvictParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use libtest_mimic::Trial;
use ompipe::crd::Phase;
use serde_json::{Value, json};

use crate::namespace::{Namespace, test};
use crate::omjob::{Run, Stage, delete_pod, has_ended};
use crate::operator::Operator;
use crate::outcomes::{condition, reason};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("main_deleted_before_it_ran_is_reported_once", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let pending = Run::start(namespace, "pending", json!({}), |spec| {
                spec["mainPodSpec"]["nodeSelector"] = json!({"ompipe.test/nowhere": "true"});
            })
            .await;
            let unpullable = Run::start(namespace, "unpullable", json!({}), |spec| {
                spec["mainPodSpec"]["image"] = json!("localhost/none:1");
            })
            .await;
            let pods = namespace.api::<Pod>();
            let pod = pending.pod(Stage::Main, "there", |_| true).await;
            delete_pod(&pods, &pod, None).await;
            let pod = unpullable.pod(Stage::Main, "that cannot be pulled", is_waiting).await;
            delete_pod(&pods, &pod, None).await;
            for run in [pending, unpullable] {
                run.ended(Phase::Failed).await;
                run.reported("Failed");
                assert!(run.lines(Stage::Main, "started").is_empty());
            }
        }),
        test("main_evicted_before_it_ran_is_reported_once", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let run = Run::start(namespace, "evicted", json!({}), |spec| {
                spec["mainPodSpec"]["nodeSelector"] = json!({"ompipe.test/nowhere": "true"});
            })
            .await;
            let pod = run.pod(Stage::Main, "there", |_| true).await;
            // As a kubelet says it of a pod whose containers it never started.
            let evicted = json!({"status": {"phase": "Failed", "reason": "Evicted"}});
            let (pods, how) = (namespace.api::<Pod>(), PatchParams::default());
            pods.patch_status(&pod.name_any(), &how, &Patch::Merge(evicted)).await.unwrap();
            assert_eq!(reason(&run.ended(Phase::Failed).await), "Evicted");
            run.reported("Failed");
        }),
        test("the_exit_handler_waits_for_a_deleted_main_to_end", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let asked = json!({"main": {"seconds": 3600, "onTerm": 0, "termSeconds": 3}});
            let run = Run::start(namespace, "graceful", asked, |spec| {
                spec["mainPodSpec"]["terminationGracePeriodSeconds"] = json!(60);
            })
            .await;
            run.recorded(Stage::Main, "started").await;
            let pod = run.pod(Stage::Main, "there", |_| true).await;
            delete_pod(&namespace.api(), &pod, None).await;
            run.status("its end", |status| status.phase.is_some_and(Phase::is_terminal)).await;
            assert_eq!(run.lines(Stage::ExitHandler, "ended").len(), 1);
            let order: Vec<(String, String)> = namespace
                .record()
                .into_iter()
                .map(|line| (line.script, line.event))
                .take(3)
                .collect();
            let order: Vec<(&str, &str)> =
                order.iter().map(|(script, event)| (script.as_str(), event.as_str())).collect();
            assert_eq!(
                order,
                [("main", "started"), ("main", "ended"), ("exit-handler", "started")]
            );
        }),
        test("main_taken_away_while_it_runs_is_reported_once", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let pods = namespace.api::<Pod>();
            let deleted = running(namespace, "deleted").await;
            let forced = running(namespace, "forced").await;
            let evicted = running(namespace, "evicted").await;
            let stripped = running(namespace, "stripped").await;
            let pod = async |run: &Run<'_>| run.pod(Stage::Main, "there", |_| true).await;
            delete_pod(&pods, &pod(&deleted).await, None).await;
            delete_pod(&pods, &pod(&forced).await, Some(0)).await;
            let evict = EvictParams::default();
            pods.evict(&pod(&evicted).await.name_any(), &evict).await.unwrap();
            strip(&pods, &pod(&stripped).await).await;
            delete_pod(&pods, &pod(&stripped).await, Some(0)).await;
            for run in [deleted, forced, evicted, stripped] {
                run.ended(Phase::Failed).await;
                run.reported("Failed");
            }
        }),
        test("main_that_vanished_while_nobody_looked_is_reported_once", async |namespace| {
            let mut operator = Operator::start(namespace).await;
            let run = running(namespace, "vanished").await;
            run.status("its record", |status| {
                status.main.as_ref().is_some_and(|main| main.pod_uid.is_some())
            })
            .await;
            operator.kill();
            let pods = namespace.api::<Pod>();
            let pod = run.pod(Stage::Main, "there", |_| true).await;
            strip(&pods, &pod).await;
            delete_pod(&pods, &pod, Some(0)).await;
            absent(namespace, &pods, &pod).await;
            operator.restart();
            assert_eq!(reason(&run.ended(Phase::Failed).await), "Lost");
            run.reported("Failed");
        }),
        test("an_exit_handler_deleted_before_it_had_a_node_is_made_again", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let run = Run::start(namespace, "again", json!({}), |spec| {
                spec["exitHandlerSpec"]["nodeSelector"] = json!({&namespace.name: "here"});
            })
            .await;
            // Recorded and let start, and still nowhere to go to.
            let is_free =
                |pod: &Pod| pod.spec.as_ref().is_some_and(|spec| spec.scheduling_gates.is_none());
            let first = run.pod(Stage::ExitHandler, "not gated", is_free).await;
            delete_pod(&namespace.api(), &first, None).await;
            run.pod(Stage::ExitHandler, "another", |pod| pod.uid() != first.uid()).await;
            let nodes: Api<core::Node> = Api::all(namespace.client.clone());
            let node = first_node(namespace, &nodes).await;
            let label = json!({"metadata": {"labels": {&namespace.name: "here"}}});
            nodes.patch(&node, &PatchParams::default(), &Patch::Merge(label)).await.unwrap();
            run.ended(Phase::Succeeded).await;
            run.reported("Succeeded");
        }),
        test("an_exit_handler_that_may_have_started_is_not_run_again", async |namespace| {
            let mut operator = Operator::start(namespace).await;
            let asked = json!({"exitHandler": {"seconds": 3600}});
            let deleted = Run::start(namespace, "deleted", asked.clone(), |_| ()).await;
            let vanished = Run::start(namespace, "vanished", asked, |_| ()).await;
            let pods = namespace.api::<Pod>();
            for run in [&deleted, &vanished] {
                run.recorded(Stage::ExitHandler, "started").await;
            }
            let pod = deleted.pod(Stage::ExitHandler, "there", |_| true).await;
            delete_pod(&pods, &pod, Some(1)).await;
            let pod = vanished.pod(Stage::ExitHandler, "there", |_| true).await;
            operator.kill();
            strip(&pods, &pod).await;
            delete_pod(&pods, &pod, Some(0)).await;
            absent(namespace, &pods, &pod).await;
            operator.restart();
            for run in [deleted, vanished] {
                let status = run.ended(Phase::Succeeded).await;
                let reason = condition(&status, "ExitHandlerCompleted");
                assert_eq!(reason, "ExitHandlerInterrupted", "{}", run.name);
                run.let_go().await;
                assert_eq!(run.lines(Stage::ExitHandler, "started").len(), 1, "{}", run.name);
            }
        }),
        test("an_exit_handler_that_ended_unseen_is_not_run_again", async |namespace| {
            let mut operator = Operator::start(namespace).await;
            let asked = json!({"exitHandler": {"seconds": 3}});
            let run = Run::start(namespace, "unseen", asked, |_| ()).await;
            run.recorded(Stage::ExitHandler, "started").await;
            operator.kill();
            run.recorded(Stage::ExitHandler, "ended").await;
            let pod = run.pod(Stage::ExitHandler, "ended", has_ended).await;
            // Held by us, it is still there to be seen.
            delete_pod(&namespace.api(), &pod, None).await;
            operator.restart();
            let status = run.ended(Phase::Succeeded).await;
            assert_eq!(condition(&status, "ExitHandlerCompleted"), "ExitHandlerCompleted");
            run.let_go().await;
            run.reported("Succeeded");
        }),
    ]
}

/// An OMJob whose main runs, and has said so.
pub(crate) async fn running<'a>(namespace: &'a Namespace, name: &str) -> Run<'a> {
    let run = Run::start(namespace, name, json!({"main": {"seconds": 3600}}), brief_grace).await;
    run.recorded(Stage::Main, "started").await;
    run
}

/// Python without a handler does not heed SIGTERM as the first process: no test need wait long.
pub(crate) fn brief_grace(spec: &mut Value) {
    spec["mainPodSpec"]["terminationGracePeriodSeconds"] = json!(1);
}

/// Takes all finalizers from a pod, as somebody impatient does by hand.
async fn strip(pods: &Api<Pod>, pod: &Pod) {
    let none = json!({"metadata": {"finalizers": null}});
    pods.patch(&pod.name_any(), &PatchParams::default(), &Patch::Merge(none)).await.unwrap();
}

async fn absent(namespace: &Namespace, pods: &Api<Pod>, pod: &Pod) {
    namespace
        .until("a pod to be gone", async || {
            pods.get_opt(&pod.name_any()).await.unwrap().is_none().then_some(())
        })
        .await;
}

async fn first_node(namespace: &Namespace, nodes: &Api<core::Node>) -> String {
    namespace
        .until("a node that takes pods", async || {
            let all = nodes.list(&Default::default()).await.unwrap();
            let free =
                |node: &core::Node| node.spec.as_ref().is_some_and(|spec| spec.taints.is_none());
            all.into_iter().find(free).map(|node| node.name_any())
        })
        .await
}

/// Whether the container waits for its image.
fn is_waiting(pod: &Pod) -> bool {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let mut waiting = statuses.filter_map(|status| status.state.as_ref()?.waiting.as_ref());
    waiting
        .any(|waiting| waiting.reason.as_deref().is_some_and(|reason| reason.contains("ImagePull")))
}
