//! Pods that the API server does not let the operator create, or a kubelet cannot start.

use k8s_openapi::api::core::v1::ResourceQuota;
use kube::Api;
use libtest_mimic::Trial;
use ompipe::crd::Phase;
use serde_json::json;

use crate::namespace::{Namespace, test};
use crate::omjob::{Run, Stage};
use crate::operator::Operator;
use crate::outcomes::{condition, reason};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("an_exit_handler_refused_for_a_while_runs_once", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let asked = json!({"main": {"seconds": 5}});
            let run = Run::start(namespace, "patient", asked, |_| ()).await;
            run.recorded(Stage::Main, "started").await;
            let quotas = allow_no_more_pods(namespace).await;
            run.recorded(Stage::Main, "ended").await;
            run.status("its intent of an exit handler", |status| status.exit_handler.is_some())
                .await;
            // Long enough to have been refused a few times.
            tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            assert!(run.lines(Stage::ExitHandler, "started").is_empty());
            quotas.delete("none", &Default::default()).await.unwrap();
            run.ended(Phase::Succeeded).await;
            run.reported("Succeeded");
        }),
        test("an_exit_handler_refused_for_too_long_is_given_up_aloud", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let asked = json!({"main": {"seconds": 5}});
            let run = Run::start(namespace, "impatient", asked, |spec| {
                spec["exitHandlerDeadlineSeconds"] = json!(5);
            })
            .await;
            run.recorded(Stage::Main, "started").await;
            allow_no_more_pods(namespace).await;
            let status = run.ended(Phase::Succeeded).await;
            assert_eq!(condition(&status, "ExitHandlerCompleted"), "ExitHandlerNotRun");
            run.let_go().await;
            assert!(run.lines(Stage::ExitHandler, "started").is_empty());
        }),
        test("an_exit_handler_that_cannot_be_pulled_holds_nothing_up", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let run = Run::start(namespace, "unpullable", json!({}), |spec| {
                spec["exitHandlerSpec"]["image"] = json!("localhost/none:1");
                spec["exitHandlerDeadlineSeconds"] = json!(5);
            })
            .await;
            let status = run.ended(Phase::Succeeded).await;
            assert_ne!(condition(&status, "ExitHandlerCompleted"), "ExitHandlerCompleted");
            run.let_go().await;
            assert!(run.lines(Stage::ExitHandler, "started").is_empty());
        }),
        test("main_refused_for_good_is_reported_once", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let run = Run::start(namespace, "invalid", json!({}), |spec| {
                spec["mainPodSpec"]["podTemplate"] =
                    json!({"spec": {"containers": [{"name": "main", "ports": [{"containerPort": 0}]}]}});
            })
            .await;
            assert_eq!(reason(&run.ended(Phase::Failed).await), "Invalid");
            run.reported("Failed");
        }),
    ]
}

/// A quota that what runs already exceeds; returns the quotas, where it is named `none`.
async fn allow_no_more_pods(namespace: &Namespace) -> Api<ResourceQuota> {
    let quota = json!({
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"pods": "0"}},
    });
    namespace.apply(quota).await;
    let quotas: Api<ResourceQuota> = namespace.api();
    namespace
        .until("the quota to be in force", async || {
            quotas.get("none").await.unwrap().status?.hard.map(|_| ())
        })
        .await;
    quotas
}
