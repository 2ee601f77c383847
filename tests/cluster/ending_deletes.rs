//! `ompipe delete`: nothing of the pipeline is left, of any kind that the API server can list, and
//! everything else is.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt as _;
use kube::api::ListParams;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::ending::{OPERATED, SELDOM, SIDECAR, Started, project};
use crate::inventory;
use crate::namespace::{Namespace, test};
use crate::operator::Operator;
use crate::project::Project;
use crate::rendered::condition;
use crate::workload;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("delete_leaves_nothing_of_a_pipeline_and_everything_else", everything),
        test("delete_lets_be_what_only_has_the_name", of_others),
        test("delete_asks_and_without_a_terminal_wants_to_be_told", asks),
        test("delete_that_is_interrupted_is_healed_by_the_next", interrupted),
    ]
}

/// All objects of a namespace that do not come and go by themselves: their UIDs, by what they are
/// called.
async fn objects(namespace: &Namespace) -> BTreeMap<String, String> {
    let all = inventory::of_namespace(namespace).await.into_iter();
    let lasting = all.filter(|one| one["kind"] != "Event" && one["kind"] != "Lease");
    lasting
        .map(|one| (inventory::called(&one), one["metadata"]["uid"].as_str().unwrap().to_owned()))
        .collect()
}

/// Labels by which an object belongs to a pipeline.
fn labels(pipeline: &str) -> Value {
    json!({
        "app.kubernetes.io/name": "openmetadata",
        "app.kubernetes.io/component": "ingestion",
        "app.kubernetes.io/managed-by": "openmetadata",
        "app.kubernetes.io/pipeline": pipeline,
    })
}

fn secret(name: &str, labels: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": labels},
        "stringData": {"key": "value"},
    })
}

async fn everything(namespace: &Namespace) {
    let _operator = Operator::start(namespace).await;
    let project = project(namespace, "{main: {seconds: 3600}}").await;
    let native_way = format!("  kubernetes: {{{SIDECAR}}}");
    // Names that differ a little, and one that goes on where the other ends.
    for similar in ["a-b", "a-b-c", "A_b"] {
        project.pipeline(similar, SELDOM, &native_way);
    }
    project.run(&["apply"]).with_status(0);
    let other = Started::new(namespace, &project, "a-b");
    other.begun().await;
    namespace.apply(secret("snowflake", json!({}))).await;
    namespace.apply(secret("shared", labels("a_b"))).await;
    let before = objects(namespace).await;

    // First without the operator, then with it: what the first left belongs to it, too.
    let brief = format!("  kubernetes: {{{SIDECAR}, extraEnvVars: ['test:{{}}']}}");
    project.pipeline("a_b", SELDOM, &brief);
    project.run(&["apply"]).with_status(0);
    let past = Started::new(namespace, &project, "a_b");
    let which = ListParams::default().labels(&format!("app.kubernetes.io/run-id={}", past.id));
    let jobs = namespace.api::<Job>();
    namespace
        .until("the end of the past run", async || {
            let job = jobs.list(&which).await.unwrap().items.pop()?;
            condition(&job, "Complete").map(|_| ())
        })
        .await;
    project.pipeline("a_b", SELDOM, &native_way);
    project.run(&["apply"]).with_status(0);
    let native = Started::new(namespace, &project, "a_b");
    project.pipeline("a_b", SELDOM, &format!("  kubernetes: {{{OPERATED}}}"));
    project.run(&["apply"]).with_status(0);
    let operated = Started::new(namespace, &project, "a_b");
    for run in [&native, &operated] {
        run.begun().await;
    }
    let config = config_of(namespace, "a_b").await;
    let of_it = config.strip_prefix("om-config-").unwrap();
    // As the ways of secrets and single runs make them, and as upstream's kill leaves a pod.
    namespace.apply(secret(&format!("om-secret-{of_it}"), labels("a_b"))).await;
    let mut of_run = labels("a_b");
    of_run["app.kubernetes.io/run-id"] = json!("1");
    namespace
        .apply(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": format!("om-job-{of_it}-1"), "labels": of_run},
        }))
        .await;
    namespace
        .apply(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "orphan", "labels": labels("a_b")},
            "spec": workload::pod_spec(&json!({"main": {"seconds": 3600}}), "orphan"),
        }))
        .await;
    let full = objects(namespace).await;
    let kinds = ["CronJob", "CronOMJob", "Job", "OMJob", "Pod", "ConfigMap", "Secret"];
    for kind in kinds {
        let more = full.keys().filter(|name| !before.contains_key(*name));
        let of_kind = more.filter(|name| name.starts_with(&format!("{kind}/"))).count();
        assert!(of_kind > 0, "no {kind} of it is there");
    }

    let said = project.run(&["delete", "a_b", "--yes"]).with_status(0);
    // Not a moment later: it has waited.
    assert_eq!(objects(namespace).await, before, "{}\n{}", said.stdout, said.stderr);
    native.reported();
    operated.reported();
    other.runs_on().await;

    let again = project.run(&["delete", "a_b", "--yes"]).with_status(0);
    assert!(again.stderr.contains("nothing of a_b is in"), "{}", again.stderr);
    assert_eq!(objects(namespace).await, before);
    // An apply makes all of it anew.
    project.run(&["apply"]).with_status(0);
    assert_eq!(project.run(&["apply"]).with_status(0).stdout, "");
}

/// The name of a pipeline's ConfigMap.
async fn config_of(namespace: &Namespace, pipeline: &str) -> String {
    let which = ListParams::default().labels(&format!("app.kubernetes.io/pipeline={pipeline}"));
    let mut configs = namespace.api::<ConfigMap>().list(&which).await.unwrap().items;
    assert_eq!(configs.len(), 1, "{configs:?}");
    configs.remove(0).name_any()
}

async fn of_others(namespace: &Namespace) {
    let project = project(namespace, "{}").await;
    project.pipeline("orders", SELDOM, "");
    project.run(&["apply"]).with_status(0);
    namespace.apply(secret("om-secret-orders", json!({}))).await;
    namespace.apply(secret("notes", labels("orders"))).await;
    namespace
        .apply(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "notes", "labels": labels("orders")},
        }))
        .await;
    let before = objects(namespace).await;
    // Without a project: nothing but the name is known.
    let name = namespace.name.as_str();
    let said = project.run(&["delete", "-n", name, "orders", "--yes"]).with_status(0);
    assert!(said.stderr.contains("secret/om-secret-orders stays"), "{}", said.stderr);
    let mut after = objects(namespace).await;
    for gone in ["ConfigMap/om-config-orders", "CronJob/om-cronjob-orders"] {
        assert_eq!(after.insert(gone.to_owned(), before[gone].clone()), None, "{gone} is there");
    }
    assert_eq!(after, before);
    let json = project.run(&["delete", "-n", name, "orders", "--yes", "--format", "json"]);
    assert_eq!(json.with_status(0).json()["deleted"], json!([]));
}

async fn asks(namespace: &Namespace) {
    let project = project(namespace, "{}").await;
    project.pipeline("orders", SELDOM, "");
    project.run(&["apply"]).with_status(0);
    let before = objects(namespace).await;
    let said = project.run(&["delete", "orders"]).with_status(2);
    for words in ["cronjob/om-cronjob-orders", "configmap/om-config-orders", "--yes"] {
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
    project.run(&["delete", "--yes"]).with_status(2);
    assert_eq!(objects(namespace).await, before);
}

async fn interrupted(namespace: &Namespace) {
    let asked = "{main: {seconds: 3600}, exitHandler: {seconds: 15}}";
    let project = project(namespace, asked).await;
    project.pipeline("others", SELDOM, "");
    project.run(&["apply"]).with_status(0);
    let before = objects(namespace).await;
    project.pipeline("hook", SELDOM, "  kubernetes: {exitHandler: preStop}");
    project.run(&["apply"]).with_status(0);
    let run = Started::new(namespace, &project, "hook");
    run.begun().await;
    let child = project.command(&["delete", "hook", "--yes"]).spawn().unwrap();
    let crons = namespace.api::<CronJob>();
    namespace
        .until("the schedule's end", async || {
            crons.get_opt("om-cronjob-hook").await.unwrap().is_none().then_some(())
        })
        .await;
    let what = "the exit handler";
    let begun = async || (!run.lines("exit-handler", "started").is_empty()).then_some(());
    namespace.until(what, begun).await;
    // A shell has what it starts in the background ignore SIGINT, and the tests are started so.
    let id = child.id().to_string();
    std::process::Command::new("kill").args(["-s", "TERM", &id]).status().unwrap();
    assert_ne!(Project::ended(child).status, 0);
    // What runs may still need it.
    namespace.api::<ConfigMap>().get("om-config-hook").await.unwrap();
    project.run(&["delete", "hook", "--yes"]).with_status(0);
    assert_eq!(objects(namespace).await, before);
    run.reported();
}
