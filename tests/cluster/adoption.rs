//! What OpenMetadata's Java operator leaves behind amid its work: pods by its names and labels,
//! owned by the OMJob, held by nobody, and a status of its own fields alone.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use libtest_mimic::Trial;
use ompipe::crd::{OMJob, Phase};
use serde_json::{Value, json};

use crate::namespace::test;
use crate::omjob::{Run, Stage, delete_pod};
use crate::operator::Operator;
use crate::workload;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_running_main_is_taken_over", async |namespace| {
            let mut operator = Operator::start(namespace).await;
            operator.kill();
            let asked = json!({"main": {"seconds": 8}});
            let run = Run::start(namespace, "main", asked.clone(), |_| ()).await;
            leave_pod(&run, &asked, "main").await;
            leave_status(&run, json!({"phase": "Running", "mainPodName": "main-main"})).await;
            run.recorded(Stage::Main, "started").await;
            operator.restart();
            run.ended(Phase::Succeeded).await;
            run.reported("Succeeded");
            assert_eq!(run.lines(Stage::Main, "started").len(), 1, "main ran once");
        }),
        test("a_main_that_ended_unseen_is_taken_over", async |namespace| {
            let mut operator = Operator::start(namespace).await;
            operator.kill();
            let asked = json!({"main": {"exit": 4}});
            let run = Run::start(namespace, "ended", asked.clone(), |_| ()).await;
            leave_pod(&run, &asked, "main").await;
            leave_status(&run, json!({"phase": "Running", "mainPodName": "ended-main"})).await;
            run.recorded(Stage::Main, "ended").await;
            operator.restart();
            assert_eq!(run.ended(Phase::Failed).await.main_pod_exit_code, Some(4));
            run.reported("Failed");
            assert_eq!(run.lines(Stage::Main, "started").len(), 1, "main ran once");
        }),
        test("a_main_that_nobody_recorded_is_taken_over", async |namespace| {
            let mut operator = Operator::start(namespace).await;
            operator.kill();
            let asked = json!({"main": {"seconds": 5}});
            let run = Run::start(namespace, "unrecorded", asked.clone(), |_| ()).await;
            leave_pod(&run, &asked, "main").await;
            run.recorded(Stage::Main, "started").await;
            operator.restart();
            run.ended(Phase::Succeeded).await;
            run.reported("Succeeded");
            assert_eq!(run.lines(Stage::Main, "started").len(), 1, "main ran once");
        }),
        test("a_running_exit_handler_is_taken_over", async |namespace| {
            let mut operator = Operator::start(namespace).await;
            operator.kill();
            let asked = json!({"exitHandler": {"seconds": 8}});
            let run = Run::start(namespace, "exit", asked.clone(), |_| ()).await;
            leave_pod(&run, &asked, "main").await;
            run.recorded(Stage::Main, "ended").await;
            leave_pod(&run, &asked, "exit").await;
            let status = json!({
                "phase": "ExitHandlerRunning",
                "mainPodName": "exit-main",
                "exitHandlerPodName": "exit-exit",
                "mainPodExitCode": 0,
            });
            leave_status(&run, status).await;
            run.recorded(Stage::ExitHandler, "started").await;
            operator.restart();
            run.ended(Phase::Succeeded).await;
            run.reported("Succeeded");
        }),
        test("a_main_that_vanished_between_the_operators_is_reported_once", async |namespace| {
            let mut operator = Operator::start(namespace).await;
            operator.kill();
            let asked = json!({"main": {"seconds": 3600}});
            let run = Run::start(namespace, "vanished", asked.clone(), |_| ()).await;
            let pod = leave_pod(&run, &asked, "main").await;
            leave_status(&run, json!({"phase": "Running", "mainPodName": "vanished-main"})).await;
            run.recorded(Stage::Main, "started").await;
            delete_pod(&namespace.api(), &pod, Some(0)).await;
            operator.restart();
            run.ended(Phase::Failed).await;
            run.reported("Failed");
        }),
    ]
}

/// A pod as the Java operator makes it. `stage` is the end of its name.
async fn leave_pod(run: &Run<'_>, asked: &Value, stage: &str) -> Pod {
    let mut spec = workload::pod_spec(asked, &run.name);
    let container = &mut spec["containers"][0];
    for variable in container["env"].as_array_mut().unwrap() {
        if variable["name"] == "pipelineRunId" {
            variable["value"] = json!(run.uid);
        }
    }
    let pod_type = if stage == "exit" {
        container["command"] = json!(["python", "exit_handler.py"]);
        let status = json!({"name": "pipelineStatus", "value": "Succeeded"});
        container["env"].as_array_mut().unwrap().push(status);
        "exit-handler"
    } else {
        "main"
    };
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("{}-{stage}", run.name),
            "labels": {
                "app.kubernetes.io/name": "openmetadata",
                "app.kubernetes.io/component": "ingestion",
                "app.kubernetes.io/managed-by": "omjob-operator",
                "omjob.pipelines.openmetadata.org/name": run.name,
                "omjob.pipelines.openmetadata.org/pod-type": pod_type,
            },
            "ownerReferences": [{
                "apiVersion": "pipelines.openmetadata.org/v1",
                "kind": "OMJob",
                "name": run.name,
                "uid": run.uid,
                "controller": true,
                "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    });
    run.namespace.apply(pod).await.try_parse().unwrap()
}

/// A status as the Java operator writes it.
async fn leave_status(run: &Run<'_>, status: Value) {
    let jobs: Api<OMJob> = run.namespace.api();
    let status = Patch::Merge(json!({"status": status}));
    jobs.patch_status(&run.name, &PatchParams::default(), &status).await.unwrap();
}
