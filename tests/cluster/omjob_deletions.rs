//! OMJobs that somebody deletes: main is stopped, the exit handler still runs, and then nothing is
//! left that anybody holds.

use kube::Api;
use kube::api::PropagationPolicy::{self, Background, Foreground, Orphan};
use libtest_mimic::Trial;
use ompipe::crd::Phase;
use serde_json::json;

use crate::namespace::{Namespace, test};
use crate::omjob::{Run, Stage};
use crate::operator::Operator;
use crate::pod_deletions::{brief_grace, running};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("an_omjob_deleted_in_the_background_is_reported_once", async |namespace| {
            deleted_in_each_phase(namespace, Background).await;
        }),
        test("an_omjob_deleted_in_the_foreground_is_reported_once", async |namespace| {
            deleted_in_each_phase(namespace, Foreground).await;
        }),
        test("an_omjob_deleted_from_its_pods_is_reported_once", async |namespace| {
            deleted_in_each_phase(namespace, Orphan).await;
        }),
        test("an_omjob_deleted_while_the_operator_is_away_is_reported_once", async |namespace| {
            let mut operator = Operator::start(namespace).await;
            let background = running(namespace, "background").await;
            let foreground = running(namespace, "foreground").await;
            operator.kill();
            background.delete(Background).await;
            foreground.delete(Foreground).await;
            operator.restart();
            for run in [background, foreground] {
                run.gone().await;
                run.reported("Failed");
            }
        }),
        test("an_omjob_deleted_before_the_operator_saw_it_never_runs", async |namespace| {
            let mut operator = Operator::start(namespace).await;
            operator.kill();
            let run = Run::start(namespace, "unseen", json!({}), |_| ()).await;
            run.delete(Background).await;
            run.gone().await;
            operator.restart();
            // One that comes after it ends: by then the first was looked at.
            let next = Run::start(namespace, "next", json!({}), |_| ()).await;
            next.ended(Phase::Succeeded).await;
            assert!(run.pods().await.is_empty());
            assert!(run.lines(Stage::Main, "started").is_empty());
            assert!(run.lines(Stage::ExitHandler, "started").is_empty());
        }),
        test("an_omjob_made_anew_under_the_same_name_is_another", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let first = running(namespace, "same").await;
            first.delete(Background).await;
            namespace
                .until("the name to be free", async || first.job().await.is_none().then_some(()))
                .await;
            let second = Run::start(namespace, "same", json!({}), |_| ()).await;
            second.ended(Phase::Succeeded).await;
            second.reported("Succeeded");
            first.gone().await;
            first.reported("Failed");
        }),
        test("a_deleted_namespace_is_let_go", async |namespace| {
            let _operator = Operator::start(namespace).await;
            running(namespace, "running").await;
            let reporting = Run::start(
                namespace,
                "reporting",
                json!({"exitHandler": {"seconds": 3600}}),
                |spec| spec["exitHandlerSpec"]["terminationGracePeriodSeconds"] = json!(1),
            )
            .await;
            reporting.recorded(Stage::ExitHandler, "started").await;
            Run::start(namespace, "ended", json!({}), |_| ()).await.ended(Phase::Succeeded).await;
            namespace.delete().await;
            let namespaces: Api<k8s_openapi::api::core::v1::Namespace> =
                Api::all(namespace.client.clone());
            namespace
                .until("the namespace's end", async || {
                    namespaces.get_opt(&namespace.name).await.unwrap().is_none().then_some(())
                })
                .await;
            assert_eq!(reporting.lines(Stage::ExitHandler, "started").len(), 1);
        }),
    ]
}

/// Deletes an OMJob whose main waits, one whose main runs, one whose exit handler runs and one that
/// has ended, all at once.
async fn deleted_in_each_phase(namespace: &Namespace, policy: PropagationPolicy) {
    let _operator = Operator::start(namespace).await;
    let waiting = Run::start(namespace, "waiting", json!({}), |spec| {
        spec["mainPodSpec"]["nodeSelector"] = json!({"ompipe.test/nowhere": "true"});
    })
    .await;
    waiting.pod(Stage::Main, "there", |_| true).await;
    let main = running(namespace, "main").await;
    let slow = json!({"exitHandler": {"seconds": 5}});
    let exit = Run::start(namespace, "exit", slow, brief_grace).await;
    exit.recorded(Stage::ExitHandler, "started").await;
    let ended = Run::start(namespace, "ended", json!({}), |_| ()).await;
    ended.ended(Phase::Succeeded).await;
    for run in [&waiting, &main, &exit, &ended] {
        run.delete(policy.clone()).await;
    }
    // Whoever is impatient asks twice.
    main.delete(policy.clone()).await;
    for run in [&waiting, &main, &exit, &ended] {
        run.gone().await;
    }
    waiting.reported("Failed");
    main.reported("Failed");
    exit.reported("Succeeded");
    ended.reported("Succeeded");
    assert!(waiting.lines(Stage::Main, "started").is_empty());
}
