//! `ompipe run`, `status` and `history`: runs that are started by hand, waited for, followed and
//! changed, and how those are told of that do not get on.

use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams};
use libtest_mimic::Trial;
use ompipe::crd::OMJob;
use ompipe::model::labels::RUN_ID;
use serde_json::json;

use crate::namespace::{Namespace, test};
use crate::operator::Operator;
use crate::project::Project;
use crate::workload::IMAGE;

/// A time that does not come while a test runs.
const SELDOM: &str = "0 3 29 2 *";

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("run_waits_for_the_end_and_its_status_is_the_runs", waits),
        test("run_with_other_values_has_a_config_map_that_goes_with_it", with_other_values),
        test("run_with_other_values_is_the_operators_too", with_the_operator),
        test("status_says_why_a_run_does_not_get_on", reasons),
    ]
}

async fn project(namespace: &Namespace, kubernetes: &str) -> Project {
    let bot = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "openmetadata-bot"},
        "stringData": {"token": "token"}});
    namespace.apply(bot).await;
    Project::new(
        namespace,
        "runs",
        &format!(
            "    ingestionImage: {IMAGE}
    backoffLimit: 0
    terminationGracePeriodSeconds: 5
    resources: {{requests: {{cpu: 10m, memory: 32Mi}}, limits: {{memory: 128Mi}}}}
{kubernetes}"
        ),
    )
}

/// The id that `run` says.
fn id_of(text: &str) -> String {
    text.split("run id ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
}

async fn waits(namespace: &Namespace) {
    let project = project(namespace, "").await;
    project.pipeline("orders", SELDOM, "    test: {main: {log: {text: hello}}}");
    let before = project.run(&["run", "orders"]).with_status(2);
    assert!(before.stderr.contains("om-config-orders"), "{}", before.stderr);
    project.run(&["apply", "--wait"]).with_status(0);

    let good = project.run(&["run", "orders", "--wait"]).with_status(0);
    assert!(good.stdout.contains("SUCCESS after"), "{}", good.stdout);
    let followed = project.run(&["run", "orders", "--follow"]).with_status(0);
    assert!(followed.stdout.contains("\nhello\n"), "{}", followed.stdout);
    assert!(!followed.stdout.contains("SUCCESS"), "the log stands alone: {}", followed.stdout);
    let bad = ["run", "orders", "--wait", "--set", "workflow.test={main: {exit: 3}}"];
    let bad = project.run(&bad).with_status(1);
    assert!(bad.stdout.contains("FAILED after"), "{}", bad.stdout);
    assert!(bad.stdout.contains("exit code 3"), "{}", bad.stdout);

    // Each is a run of its own, and its pod knew its id.
    let ids = [id_of(&good.stdout), id_of(&followed.stderr), id_of(&bad.stdout)];
    let started = namespace.recorded("main", "started");
    for id in &ids {
        let lines = started.iter().filter(|line| line.run.as_ref() == Some(id));
        assert_eq!(lines.count(), 1, "{id}: {started:?}");
    }
    let history = project.run(&["history", "orders", "--format", "json"]).with_status(0).json();
    let runs = history["runs"].as_array().unwrap();
    let listed: Vec<&str> = runs.iter().map(|run| run["runId"].as_str().unwrap()).collect();
    assert_eq!(listed, [&ids[2], &ids[1], &ids[0]], "the newest first");
    assert_eq!((&runs[0]["state"], &runs[0]["exitCode"]), (&json!("FAILED"), &json!(3)));
    assert_eq!(runs[1]["startedBy"], "hand");

    // The same id is the same run.
    let again = ["run", "orders", "--run-id", &ids[0], "--wait"];
    let again = project.run(&again).with_status(0);
    assert!(again.stdout.contains("is there already"), "{}", again.stdout);
    let jobs = namespace.api::<Job>().list(&ListParams::default()).await.unwrap();
    assert_eq!(jobs.items.len(), 3);
    let late = ["run", "orders", "--wait", "--timeout", "3", "--set"];
    let begun = Instant::now();
    let late = [late.as_slice(), &["workflow.test={main: {seconds: 600}}"]].concat();
    let late = project.run(&late).with_status(2);
    assert!(late.stderr.contains("goes on"), "{}", late.stderr);
    assert!(begun.elapsed() < Duration::from_secs(60));
    project.run(&["kill", "orders"]).with_status(0);
}

async fn with_other_values(namespace: &Namespace) {
    let project = project(namespace, "    ttlSecondsAfterFinished: 600").await;
    project.pipeline("orders", SELDOM, "    test: {main: {}}");
    project.run(&["apply"]).with_status(0);
    // What is wrong with a value is shown at the flag, and nothing is created.
    let set = |value: &str| project.run(&["run", "orders", "--set", value]);
    set("workflow.source.type=").with_status(2);
    set("schedule='* * * * *'").with_status(2);
    let literal = set("workflow.source.serviceConnection.config.password=hunter2").with_status(1);
    assert!(literal.stderr.contains("--set:1"), "{}", literal.stderr);
    assert!(!literal.stderr.contains("hunter2"), "{}", literal.stderr);
    let maps = namespace.api::<ConfigMap>();
    let runs_maps = async || {
        let which = ListParams::default().labels(RUN_ID);
        maps.list(&which).await.unwrap().items
    };
    assert!(runs_maps().await.is_empty());

    let own = maps.get("om-config-orders").await.unwrap().data;
    set("workflow.source.sourceConfig.config.markDeletedTables=false").with_status(0);
    let of_run = runs_maps().await;
    let [map] = of_run.as_slice() else { panic!("{of_run:?}") };
    assert!(map.data.as_ref().unwrap()["config"].contains("markDeletedTables: false"));
    assert_eq!(maps.get("om-config-orders").await.unwrap().data, own);
    let jobs = namespace.api::<Job>();
    let job = jobs.get(&map.name_any()).await.unwrap();
    assert_eq!(map.owner_references()[0].uid, job.uid().unwrap());
    jobs.delete(&job.name_any(), &DeleteParams::background()).await.unwrap();
    namespace
        .until("the run's ConfigMap to go with it", async || {
            runs_maps().await.is_empty().then_some(())
        })
        .await;
}

async fn with_the_operator(namespace: &Namespace) {
    let _operator = Operator::start(namespace).await;
    let project = project(namespace, "    useOMJobOperator: true").await;
    project.pipeline("orders", SELDOM, "    test: {main: {}}");
    project.run(&["apply"]).with_status(0);
    project.run(&["run", "orders", "--wait"]).with_status(0);
    let bad = ["run", "orders", "--wait", "--set", "workflow.test={main: {exit: 4}}"];
    let bad = project.run(&bad).with_status(1);
    let id = id_of(&bad.stdout);
    let status = project.run(&["status", "orders", "--format", "json"]).with_status(0).json();
    let last = &status["pipelines"][0]["lastRun"];
    assert_eq!((&last["state"], &last["exitCode"]), (&json!("FAILED"), &json!(4)));
    assert_eq!((&last["kind"], &last["runId"]), (&json!("OMJob"), &json!(id)));
    let which = ListParams::default().labels(&format!("{RUN_ID}={id}"));
    let omjobs = namespace.api::<OMJob>().list(&which).await.unwrap().items;
    let maps = namespace.api::<ConfigMap>().list(&which).await.unwrap().items;
    assert_eq!(maps[0].owner_references()[0].uid, omjobs[0].uid().unwrap());
    let reports = namespace.recorded("exit-handler", "ended");
    let report: Vec<_> = reports.iter().filter(|line| line.run.as_ref() == Some(&id)).collect();
    assert_eq!(report.len(), 1, "{reports:?}");
}

/// Runs that end or wait for a reason of Kubernetes', and what is said of them.
async fn reasons(namespace: &Namespace) {
    let project = project(namespace, "").await;
    let evicted = "  podTemplate:
    spec:
      volumes: [{name: scratch, emptyDir: {sizeLimit: 1Mi}}]
      containers: [{name: main, volumeMounts: [{name: scratch, mountPath: /scratch}]}]";
    let asked = [
        ("memory", "{memory: true}", "", "FAILED", "OOMKilled"),
        ("disk", "{disk: /scratch/x, seconds: 600}", evicted, "FAILED", "Evicted"),
        ("image", "{}", "  kubernetes: {ingestionImage: 'none.invalid/none:1'}", "QUEUED", "Image"),
        ("node", "{}", "  kubernetes: {nodeSelector: nowhere=true}", "QUEUED", "Unschedulable"),
        (
            "late",
            "{seconds: 600}",
            "  kubernetes: {activeDeadlineSeconds: 3}",
            "FAILED",
            "DeadlineExceeded",
        ),
    ];
    for (name, main, more, ..) in asked {
        project.pipeline(name, SELDOM, &format!("    test: {{main: {main}}}\n{more}"));
    }
    project.run(&["apply"]).with_status(0);
    for (name, ..) in asked {
        project.run(&["run", name]).with_status(0);
    }
    let all = ["status", "--format", "json"];
    namespace
        .until("every run to be told of by its reason", async || {
            let status = project.run(&all).with_status(0).json();
            let pipelines = status["pipelines"].as_array().unwrap();
            assert_eq!(pipelines.len(), asked.len());
            let is_told = |(name, _, _, state, reason): &(&str, &str, &str, &str, &str)| {
                let one = pipelines.iter().find(|one| one["pipeline"] == *name).unwrap();
                let why = one["lastRun"]["reason"].as_str().unwrap_or_default();
                one["state"] == *state && why.contains(reason)
            };
            asked.iter().all(is_told).then_some(())
        })
        .await;
    // The same for people, without a project.
    let table = crate::binary::run(namespace, &["status"]).await;
    let text = String::from_utf8(table.1).unwrap();
    assert_eq!(table.0, 0, "{}", table.2);
    for (name, _, _, state, reason) in asked {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.contains(state) && line.contains(reason), "{text}");
        assert!(line.chars().count() <= 100, "{line}");
    }
    let next = project.run(&all).json()["pipelines"][0]["next"].clone();
    assert!(next.as_str().is_some_and(|next| next.ends_with("-02-29T03:00:00Z")), "{next}");
}
