//! Runs of automations and applications: by `ompipe run`, and by OpenMetadata's own client.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt as _;
use kube::api::ListParams;
use libtest_mimic::Trial;
use ompipe::crd::OMJob;
use ompipe::model::labels::RUN_ID;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::inventory;
use crate::namespace::{Namespace, test};
use crate::operator::Operator;
use crate::project::Project;
use crate::workload::{IMAGE, pod_spec};

/// What no text can hold without being read as data: quotes, braces, a line break and YAML.
const PASSWORD: &str = "Pl4nted \"p'w\": {$x}\n- 😀";
const TOKEN: &str = "Pl4nted-token";

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("an_automation_runs_and_is_listed_logged_diagnosed_and_killed", automation),
        test("an_application_runs_with_and_without_the_operator", application),
        test("runs_of_openmetadatas_own_client_are_found_and_killed", of_openmetadata),
    ]
}

/// A project with a pipeline that is applied, and the Secrets.
async fn project(namespace: &Namespace, kubernetes: &str) -> Project {
    let secret = |name: &str, key: &str, value: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: value}});
    namespace.apply(secret("openmetadata-bot", "token", TOKEN)).await;
    namespace.apply(secret("mysql", "password", PASSWORD)).await;
    let project = Project::new(
        namespace,
        "automations",
        &format!(
            "    ingestionImage: {IMAGE}
    backoffLimit: 0
    terminationGracePeriodSeconds: 5
    resources: {{requests: {{cpu: 10m, memory: 32Mi}}, limits: {{memory: 128Mi}}}}
{kubernetes}"
        ),
    );
    project.pipeline("orders", "0 3 29 2 *", "");
    project
}

/// A connection's test; `main` is what its script is asked for.
fn workflow(main: &Value) -> String {
    let password = json!({"secretKeyRef": {"name": "mysql", "key": "password"}});
    json!({
        "id": "d8afbfd4-f8da-4e0b-8b37-53a26a774d54",
        "name": "test-mysql",
        "workflowType": "TEST_CONNECTION",
        "request": {
            "connection": {"config": {"type": "Mysql", "password": password}},
            "serviceType": "Database",
        },
        "openMetadataServerConnection": null,
        "test": {"main": main},
    })
    .to_string()
}

/// An application.
fn app(main: &Value) -> String {
    let password = json!({"secretKeyRef": {"name": "mysql", "key": "password"}});
    json!({
        "id": "0d3c2b1a-f8da-4e0b-8b37-53a26a774d54",
        "name": "retention",
        "appConfiguration": {"password": password},
        "test": {"main": main},
    })
    .to_string()
}

/// The id that `run` says.
fn id_of(text: &str) -> String {
    text.split("run id ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
}

/// That the script of a run was given all values, whatever is in them.
fn got_secrets(namespace: &Namespace, id: &str) {
    let digest = Sha256::digest(PASSWORD);
    let password: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let started = namespace.recorded("main", "started");
    let lines: Vec<_> = started.iter().filter(|line| line.run.as_deref() == Some(id)).collect();
    let [line] = lines.as_slice() else { panic!("{started:?}") };
    assert_eq!((line.unfilled, line.password.as_ref()), (Some(0), Some(&password)));
}

/// That no object but a Secret has a value of one.
async fn shows_no_secret(namespace: &Namespace) {
    for object in inventory::of_namespace(namespace).await {
        let text = object.to_string();
        let is_secret = object["kind"] == "Secret";
        assert!(is_secret || !text.contains("Pl4nted"), "{}", inventory::called(&object));
    }
}

/// Waits until a run has the state, and gives it.
async fn until_state(namespace: &Namespace, project: &Project, id: &str, state: &str) -> Value {
    let words = ["history", "-n", &namespace.name, "--format", "json"];
    namespace
        .until(&format!("run {id} to be {state}"), async || {
            let history = project.run(&words).with_status(0).json();
            let runs = history["runs"].as_array().unwrap().clone();
            runs.into_iter().find(|run| run["runId"] == id && run["state"] == state)
        })
        .await
}

/// That nothing of a run is there any more.
async fn is_gone(namespace: &Namespace, id: &str) {
    let which = ListParams::default().labels(&format!("{RUN_ID}={id}"));
    assert!(namespace.api::<Job>().list(&which).await.unwrap().items.is_empty());
    assert!(namespace.api::<Pod>().list(&which).await.unwrap().items.is_empty());
    namespace
        .until("the run's ConfigMap to go with it", async || {
            let maps = namespace.api::<ConfigMap>().list(&which).await.unwrap();
            maps.items.is_empty().then_some(())
        })
        .await;
}

async fn automation(namespace: &Namespace) {
    // Also where pipelines are the operator's, an automation is a Job: there is no operator here.
    let project = project(namespace, "    useOMJobOperator: true").await;
    crate::crd::installed(namespace).await;
    project.run(&["apply"]).with_status(0);
    let start = |main: Value, more: &[&str]| {
        project.write("test.json", &workflow(&main));
        project.run(&[&["run", "--automation", "test.json"], more].concat())
    };
    let good = start(json!({"log": {"text": "hello"}}), &["--follow"]).with_status(0);
    assert!(good.stdout.contains("\nhello\n"), "{}", good.stdout);
    let good = id_of(&good.stderr);
    got_secrets(namespace, &good);
    let again = start(json!({"log": {"text": "hello"}}), &["--run-id", &good]).with_status(0);
    assert!(again.stdout.contains("is there already"), "{}", again.stdout);
    let bad = start(json!({"exit": 3}), &["--wait"]).with_status(1);
    assert!(bad.stdout.contains("exit code 3"), "{}", bad.stdout);
    let diagnose = bad.stderr.split('`').find(|text| text.starts_with("ompipe diagnose")).unwrap();
    let words: Vec<&str> = diagnose.split_whitespace().skip(1).collect();
    let diagnosis = project.run(&words).with_status(1);
    assert!(diagnosis.stdout.contains("exit code 3"), "{}", diagnosis.stdout);
    let bad = id_of(&bad.stdout);

    // Both are listed under what their names have in common, and found by it.
    const NAME: &str = "om-automation-test-mysql";
    let of_namespace = ["-n", namespace.name.as_str()];
    let ask = |verb: &str, more: &[&str]| project.run(&[&[verb], &of_namespace[..], more].concat());
    for words in [&["--format", "json"][..], &[NAME, "--format", "json"]] {
        let history = ask("history", words).with_status(0).json();
        let runs = history["runs"].as_array().unwrap().clone();
        let ids: Vec<&str> = runs.iter().map(|run| run["runId"].as_str().unwrap()).collect();
        assert_eq!(ids, [&bad, &good], "the newest first");
        assert_eq!(
            (&runs[0]["component"], &runs[0]["kind"]),
            (&json!("automation"), &json!("Job"))
        );
        assert_eq!((&runs[0]["state"], &runs[1]["state"]), (&json!("FAILED"), &json!("SUCCESS")));
    }
    for words in [&["--format", "json"][..], &[NAME, "--format", "json"]] {
        let status = ask("status", words).with_status(0).json();
        let all = status["pipelines"].as_array().unwrap();
        let one = all.iter().find(|one| one["pipeline"] == NAME).unwrap();
        assert_eq!((&one["state"], &one["runs"]), (&json!("FAILED"), &json!(2)));
    }
    let log = ask("logs", &[NAME, "--run", &good]).with_status(0);
    assert!(log.stdout.contains("\nhello\n"), "{}", log.stdout);
    assert!(!ask("logs", &[NAME]).with_status(0).stdout.contains("hello"), "the newest");
    assert!(ask("logs", &[NAME, "--format", "json"]).json()["ingestion_task"].is_string());
    let diagnosis = ask("diagnose", &[NAME]).with_status(1);
    assert!(diagnosis.stdout.starts_with(NAME), "{}", diagnosis.stdout);

    // Killed, by its name and by its id; with it goes what it has of its own.
    for by_id in [false, true] {
        let id = id_of(&start(json!({"seconds": 600}), &[]).with_status(0).stdout);
        until_state(namespace, &project, &id, "RUNNING").await;
        shows_no_secret(namespace).await;
        let words: &[&str] = if by_id { &["--run", &id] } else { &[NAME] };
        let killed = ask("kill", words).with_status(0);
        assert!(killed.stdout.contains(&id), "{}", killed.stdout);
        is_gone(namespace, &id).await;
    }
    // They are none of a pipeline's.
    project.run(&["delete", "orders", "--yes"]).with_status(0);
    assert_eq!(namespace.api::<Job>().list(&ListParams::default()).await.unwrap().items.len(), 2);
    assert!(namespace.recorded("exit-handler", "started").is_empty());
}

async fn application(namespace: &Namespace) {
    let _operator = Operator::start(namespace).await;
    let mut jobs = 0;
    for (operator, kind) in [("false", "Job"), ("true", "OMJob")] {
        let project = project(namespace, &format!("    useOMJobOperator: {operator}")).await;
        if kind == "Job" {
            project.run(&["apply"]).with_status(0);
        }
        let start = |main: Value, more: &[&str]| {
            project.write("app.json", &app(&main));
            project.run(&[&["run", "--application", "app.json"], more].concat())
        };
        let good = start(json!({"log": {"text": "hello"}}), &["--wait"]).with_status(0);
        let good = id_of(&good.stdout);
        got_secrets(namespace, &good);
        let bad = id_of(&start(json!({"exit": 4}), &["--wait"]).with_status(1).stdout);
        let run = until_state(namespace, &project, &bad, "FAILED").await;
        assert_eq!((&run["kind"], &run["exitCode"]), (&json!(kind), &json!(4)));
        assert_eq!(run["component"], "application");

        const NAME: &str = "om-app-retention";
        let of_namespace = ["-n", namespace.name.as_str()];
        let ask =
            |verb: &str, more: &[&str]| project.run(&[&[verb], &of_namespace[..], more].concat());
        let log = ask("logs", &[NAME, "--run", &good, "--format", "json"]).with_status(0).json();
        assert!(log["application_task"].as_str().unwrap().contains("\nhello\n"), "{log}");
        let diagnosis = ask("diagnose", &["--run", &bad]).with_status(1);
        assert!(diagnosis.stdout.contains("exit code 4"), "{}", diagnosis.stdout);
        let status = ask("status", &[NAME, "--format", "json"]).with_status(0).json();
        assert_eq!(status["pipelines"][0]["state"], "FAILED", "{status}");

        let id = id_of(&start(json!({"seconds": 600}), &[]).with_status(0).stdout);
        until_state(namespace, &project, &id, "RUNNING").await;
        shows_no_secret(namespace).await;
        ask("kill", &[NAME]).with_status(0);
        is_gone(namespace, &id).await;
        jobs += namespace.api::<Job>().list(&ListParams::default()).await.unwrap().items.len();
    }
    assert_eq!(jobs, 4, "both runs of the first round, in either round");
    let omjobs = namespace.api::<OMJob>().list(&ListParams::default()).await.unwrap().items;
    assert_eq!(omjobs.len(), 2);
    for omjob in omjobs {
        assert_eq!(omjob.labels()["app.kubernetes.io/app-name"], "retention");
    }
    assert!(namespace.recorded("exit-handler", "started").is_empty());
}

/// The Job of an automation as OpenMetadata's server makes it; its earlier versions named the
/// container so.
async fn of_openmetadata(namespace: &Namespace) {
    const NAME: &str = "om-automation-test-7d9c1f3a";
    const ID: &str = "7d9c1f3a-0000-4000-8000-000000000001";
    let main = json!({"log": {"text": "hello"}, "seconds": 600});
    let mut spec = pod_spec(&json!({"main": main}), NAME);
    spec["containers"][0]["name"] = json!("automation");
    let labels = json!({
        "app.kubernetes.io/name": "openmetadata",
        "app.kubernetes.io/component": "automation",
        "app.kubernetes.io/managed-by": "openmetadata",
        RUN_ID: ID,
    });
    namespace
        .apply(json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": NAME, "labels": labels},
            "spec": {"backoffLimit": 0, "template": {"spec": spec}},
        }))
        .await;
    let project = Project::new(namespace, "none", "");
    until_state(namespace, &project, ID, "RUNNING").await;
    let ask = |verb: &str, more: &[&str]| {
        project.run(&[&[verb, "-n", namespace.name.as_str()], more].concat())
    };
    namespace
        .until("its log", async || {
            let log = ask("logs", &["om-automation-test"]);
            log.stdout.contains("\nhello\n").then_some(())
        })
        .await;
    let diagnosis = ask("diagnose", &["om-automation-test"]).with_status(0);
    assert!(diagnosis.stdout.contains("hello"), "{}", diagnosis.stdout);
    ask("kill", &["om-automation-test"]).with_status(0);
    is_gone(namespace, ID).await;
    assert!(ask("kill", &["om-automation-test"]).with_status(0).stderr.contains("no run"));
}
