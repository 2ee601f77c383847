//! `ompipe doctor` on a namespace where all is well, and with one trouble after the other in it.

use std::collections::BTreeSet;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::account::Account;
use crate::crd;
use crate::namespace::{Namespace, test};
use crate::operator::Operator;
use crate::project::Project;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("doctor_finds_nothing_where_all_is_well", healthy),
        test("doctor_finds_what_is_missing", missing),
        test("doctor_finds_what_does_not_fit", does_not_fit),
        test("doctor_looks_for_a_living_operator", operator),
        test("doctor_says_what_it_may_not_look_at", without_rights),
        test("doctor_needs_no_project", without_project),
    ]
}

/// A project with a pipeline, and the Secret that it needs.
async fn project(namespace: &Namespace, parameters: &str) -> Project {
    let project = Project::new(namespace, "analytics", parameters);
    project.pipeline("orders", "0 3 * * *", "");
    secret(namespace, json!({"token": "x"})).await;
    project
}

async fn secret(namespace: &Namespace, data: Value) {
    let name = json!({"name": "openmetadata-bot"});
    namespace
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": name, "stringData": data}))
        .await;
}

/// What a doctor's document has of a topic: outcome and message, those that are well left out.
fn troubles(document: &Value, topic: &str) -> Vec<(String, String)> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let findings = document["findings"].as_array().unwrap().iter();
    let findings = findings.filter(|one| one["topic"] == topic && one["outcome"] != "ok");
    findings.map(|one| (text(one, "outcome"), text(one, "message"))).collect()
}

fn examined(project: &Project, status: i32) -> Value {
    project.run(&["doctor", "--format", "json"]).with_status(status).json()
}

/// Exactly this trouble, and no other problem of the topic.
fn finds(document: &Value, topic: &str, outcome: &str, says: &str) {
    let found = troubles(document, topic);
    assert!(
        found.iter().any(|(is, message)| is == outcome && message.contains(says)),
        "no {outcome} that says {says}: {document:#}"
    );
}

async fn healthy(namespace: &Namespace) {
    let project = project(namespace, "").await;
    project.run(&["apply"]).with_status(0);
    let document = examined(&project, 0);
    assert_eq!(
        (&document["problems"], &document["warnings"]),
        (&json!(0), &json!(0)),
        "{document:#}"
    );
    let topics = document["findings"].as_array().unwrap().iter();
    let topics: BTreeSet<&str> = topics.filter_map(|one| one["topic"].as_str()).collect();
    let all = [
        "credentials",
        "definitions",
        "namespace",
        "nodes",
        "operator",
        "podSecurity",
        "pods",
        "rights",
        "secrets",
        "server",
        "serviceAccounts",
    ];
    assert_eq!(topics, BTreeSet::from(all));
    let text = project.run(&["doctor"]).with_status(0);
    assert!(text.stdout.ends_with("all is well\n"), "{}", text.stdout);
}

async fn missing(namespace: &Namespace) {
    let project = project(namespace, "    serviceAccountName: ingest").await;
    let document = examined(&project, 0);
    finds(&document, "serviceAccounts", "warning", "no service account ingest yet");
    finds(&document, "definitions", "warning", "nothing of the project is in the cluster yet");

    project.run(&["apply"]).with_status(0);
    project.pipeline("orders", "0 3 * * *", "    sink: {type: metadata-rest, config: {x: 1}}");
    let document = examined(&project, 0);
    finds(&document, "definitions", "warning", "out of date: om-config-orders");

    secret(namespace, json!({"other": "x"})).await;
    let secrets = namespace.api::<k8s_openapi::api::core::v1::Secret>();
    let away = json!([{"op": "remove", "path": "/data/token"}]);
    let away: json_patch::Patch = serde_json::from_value(away).unwrap();
    let how = kube::api::PatchParams::default();
    drop(secrets.patch("openmetadata-bot", &how, &kube::api::Patch::<()>::Json(away)).await);
    let document = examined(&project, 1);
    finds(&document, "secrets", "problem", "the Secret openmetadata-bot has no key token");
    secrets.delete("openmetadata-bot", &Default::default()).await.unwrap();
    let document = examined(&project, 1);
    finds(&document, "secrets", "problem", "there is no Secret openmetadata-bot");

    let elsewhere = Project::new(namespace, "elsewhere", "");
    elsewhere.pipeline("orders", "0 3 * * *", "");
    let text = std::fs::read_to_string(elsewhere.path("ompipe.yaml")).unwrap();
    elsewhere.write("ompipe.yaml", &text.replace(&namespace.name, "nowhere-to-be-found"));
    finds(&examined(&elsewhere, 1), "namespace", "problem", "no namespace nowhere-to-be-found");
}

async fn does_not_fit(namespace: &Namespace) {
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"},
        "spec": {"hard": {"requests.memory": "512Mi"}},
    });
    namespace.apply(quota).await;
    let limits = json!({
        "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "narrow"},
        "spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]},
    });
    namespace.apply(limits).await;
    let project = project(namespace, "    nodeSelector: {disk: none-such}").await;
    project.pipeline("root", "0 3 * * *", "  podTemplate: {spec: {hostNetwork: true}}");
    let document = examined(&project, 1);
    finds(&document, "quota", "problem", "does not fit the ResourceQuota small");
    finds(&document, "quota", "problem", "the LimitRange narrow refuses the pod");
    finds(&document, "nodes", "problem", "has the labels disk=none-such");
    finds(
        &document,
        "podSecurity",
        "problem",
        "enforces restricted, which refuses the pods of root",
    );

    // What a Job of it meets is told, too.
    project.run(&["apply"]).with_status(0);
    project.run(&["run", "orders"]).with_status(0);
    namespace
        .until("the refusal of the pod", async || {
            let document = project.run(&["doctor", "--format", "json"]).with_status(1).json();
            let found = troubles(&document, "pods");
            found
                .iter()
                .any(|(_, says)| says.contains("no pod can be made for om-job-orders"))
                .then_some(())
        })
        .await;
}

async fn operator(namespace: &Namespace) {
    crd::installed(namespace).await;
    let project = project(namespace, "    useOMJobOperator: true").await;
    let document = examined(&project, 1);
    finds(&document, "operator", "problem", "no operator is found");
    let operator = Operator::start(namespace).await;
    let line = ["doctor", "--operator-namespace", &namespace.name, "--format", "json"];
    namespace
        .until("a sign of the operator", async || {
            let document = project.run(&line).json();
            troubles(&document, "operator").is_empty().then_some(())
        })
        .await;
    drop(operator);
}

async fn without_rights(namespace: &Namespace) {
    let project = project(namespace, "").await;
    project.run(&["apply"]).with_status(0);
    let account = Account::new(namespace).await;
    let (status, text) = account.run(&project, &["doctor"]).await;
    assert_eq!(status, 1, "{text}");
    for says in ["`apply`", "could not look at the nodes: there is no right to list nodes"] {
        assert!(text.contains(says), "{says}: {text}");
    }
    assert!(!text.contains("there is no Secret"), "{text}");
    assert!(text.contains("could not look at the Secret openmetadata-bot"), "{text}");
    assert!(text.contains("you are system:serviceaccount:"), "{text}");
}

async fn without_project(namespace: &Namespace) {
    let (status, document) = crate::binary::run_json(namespace, &["doctor"]).await;
    let left_out = troubles(&document, "secrets");
    assert_eq!(status, if document["problems"] == 0 { 0 } else { 1 });
    assert_eq!(left_out[0].0, "leftOut", "{document:#}");
}
