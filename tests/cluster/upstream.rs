//! What OpenMetadata's own Kubernetes client gets wrong, and a test for each that would fail if ours
//! did, too:
//!
//! 1. tokens and passwords in plain text in ConfigMaps and environments: `no_object_but_a_secret_…`
//! 2. every scheduled run has the same id: `cron.rs`
//! 3. kill orphans a Job's pods, and an OMJob's exit handler never runs: `ending.rs`, `ends.rs`
//! 4. pipelines that share objects, names that a CronJob may not have: `names_that_…`
//! 5. deleting a pipeline leaves its CronOMJob: `leftovers.rs`, by every kind there is
//! 10. whole logs in memory: `logs.rs`, with 200 MB; values of variables in the log: here, with 1
//! 11. a refused object is told cut short: `apply.rs`, at the user's line; a number that is none
//!     becomes the default: `examples/invalid/wrong-type`
//! 12. a workflow that the kernel does not execute: `the_longest_workflow_…`
//! 13. a default with which no CronJob ever fires: `cron.rs`

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt;
use kube::api::{ListParams, LogParams};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::inventory;
use crate::namespace::{Namespace, test};
use crate::omjob::has_ended;
use crate::operator::{self, Operator};
use crate::rendered::{condition, render};
use crate::workload::IMAGE;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("no_object_but_a_secret_holds_a_secrets_value", secrets_stay),
        test("names_that_differ_a_little_or_late_share_no_object", names_differ),
        test("the_longest_workflow_that_we_let_through_is_the_longest_that_runs", longest),
        test("a_config_map_as_large_as_we_let_through_is_taken", largest_config_map),
    ]
}

/// Every way by which a value gets to the pods, with and without the operator: its values arrive,
/// and nothing in the cluster shows them but Secrets.
async fn secrets_stay(namespace: &Namespace) {
    const PLANTED: [&str; 3] = ["Pl4nted-password", "Pl4nted-token", "Pl4nted-header"];
    let operator = Operator::start(namespace).await;
    let [password, token, header] = PLANTED;
    let values: Vec<Value> = [("warehouse", password), ("bot", token), ("extra", header)]
        .iter()
        .map(|(name, value)| {
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace.name},
                "stringData": {"key": value},
            })
        })
        .collect();
    for secret in &values {
        namespace.apply(secret.clone()).await;
    }
    let ways = [
        ("job-env", "exitHandler: sidecar, secrets: {way: env}"),
        ("job-secret", "exitHandler: sidecar, secrets: {way: secret}"),
        ("omjob-env", "useOMJobOperator: true, secrets: {way: env}"),
        ("omjob-secret", "useOMJobOperator: true, secrets: {way: secret}"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values.yaml");
    let texts: Vec<String> = values.iter().map(Value::to_string).collect();
    std::fs::write(&file, texts.join("\n---\n")).unwrap();
    let project = folder.path().join("project");
    std::fs::create_dir(&project).unwrap();
    let mut text = format!(
        "
kind: IngestionProject
metadata: {{name: planted}}
spec:
  openMetadata:
    hostPort: http://openmetadata:8585/api
    authProvider: openmetadata
    securityConfig: {{jwtToken: {{secretKeyRef: {{name: bot, key: key}}}}}}
  kubernetes:
    namespace: {}
    ingestionImage: {IMAGE}
    resources: {{requests: {{cpu: 10m, memory: 32Mi}}}}
    extraEnvVars: [{{name: HEADER, valueFrom: {{secretKeyRef: {{name: extra, key: key}}}}}}]
",
        namespace.name
    );
    for (name, parameters) in ways {
        text += &format!(
            "
---
kind: IngestionPipeline
metadata: {{name: {name}}}
spec:
  type: metadata
  schedule: '0 3 * * *'
  kubernetes: {{{parameters}}}
  workflow:
    source:
      type: snowflake
      serviceName: {name}
      serviceConnection:
        config:
          type: Snowflake
          account: acme
          username: ingest
          password: {{secretKeyRef: {{name: warehouse, key: key}}}}
      sourceConfig: {{config: {{type: DatabaseMetadata}}}}
"
        );
    }
    std::fs::write(project.join("ompipe.yaml"), text).unwrap();
    let with_values = ["--include-secrets", file.to_str().unwrap()];
    for object in render(&project, &with_values) {
        namespace.apply(object).await;
    }
    for object in render(&project, &[&with_values[..], &["--run"]].concat()) {
        namespace.apply(object).await;
    }
    let mains = namespace
        .until("all mains to have run, and their exit handlers", async || {
            let reports = namespace.recorded("exit-handler", "ended").len();
            let mains = namespace.recorded("main", "started");
            (mains.len() == ways.len() && reports == ways.len()).then_some(mains)
        })
        .await;
    let digest = sha256(password);
    assert!(mains.iter().all(|line| line.password.as_ref() == Some(&digest)), "{mains:?}");

    let objects = inventory::of_namespace(namespace).await;
    for kind in ["Secret", "ConfigMap", "CronJob", "CronOMJob", "Job", "OMJob", "Pod", "Event"] {
        assert!(objects.iter().any(|object| object["kind"] == kind), "no {kind} was looked at");
    }
    for object in objects.iter().filter(|object| object["kind"] != "Secret") {
        assert_clean(&object.to_string(), &inventory::called(object));
    }
    drop(operator);
    assert_clean(&std::fs::read_to_string(operator::log(&namespace.name)).unwrap(), "its log");

    fn assert_clean(text: &str, of: &str) {
        for value in PLANTED {
            let encoded = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, value);
            assert!(!text.contains(value) && !text.contains(&encoded), "{of} shows {value}");
        }
    }
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Pipelines whose names Kubernetes would not tell apart, or not take: all of their objects are
/// there, and run.
async fn names_differ(namespace: &Namespace) {
    let long = "orders_of_all_our_customers_in_every_region_".repeat(3);
    let names = [
        "a_b".to_owned(),
        "a-b".to_owned(),
        "A-B".to_owned(),
        "x".repeat(53),
        format!("{long}north"),
        format!("{long}south"),
    ];
    let mut text = project(namespace, "exitHandler: preStop");
    for name in &names {
        text += &pipeline(name, "schedule: '0 3 * * *'", "DatabaseMetadata");
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ompipe.yaml"), text).unwrap();
    for arguments in [&[][..], &["--run"]] {
        for object in render(folder.path(), arguments) {
            namespace.apply(object).await;
        }
    }
    let all = ListParams::default();
    let names_of = |objects: Vec<String>| objects.into_iter().collect::<BTreeSet<_>>().len();
    let cron_jobs = namespace.api::<CronJob>().list(&all).await.unwrap();
    assert_eq!(names_of(cron_jobs.iter().map(ResourceExt::name_any).collect()), names.len());
    let maps = namespace.api::<ConfigMap>().list(&all).await.unwrap();
    let maps = maps.iter().map(ResourceExt::name_any).filter(|name| name.starts_with("om-config-"));
    assert_eq!(names_of(maps.collect()), names.len());
    namespace
        .until("every run to end well", async || {
            let jobs = namespace.api::<Job>().list(&all).await.unwrap().items;
            let well = jobs.iter().filter(|job| condition(job, "Complete").is_some()).count();
            (well == names.len()).then_some(())
        })
        .await;
    let ran = namespace.recorded("main", "started");
    let fqns: BTreeSet<_> = ran.iter().filter_map(|line| line.pipeline.clone()).collect();
    assert_eq!(fqns, names.iter().map(|name| format!("upstream.{name}")).collect());
}

/// The limit is the kernel's: the longest workflow that we render runs, one more byte does not.
async fn longest(namespace: &Namespace) {
    // Its length grows with this text byte by byte.
    let rendered = |filler: usize| {
        let text = project(namespace, "exitHandler: preStop\n    backoffLimit: 0")
            + &pipeline(
                "longest",
                "description: x",
                &format!("DatabaseMetadata, x: {}", "x".repeat(filler)),
            );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ompipe.yaml"), text).unwrap();
        ompipe_render(folder.path(), &["--run"])
    };
    let config = |objects: &[Value]| {
        let map = objects.iter().find(|object| object["kind"] == "ConfigMap").unwrap();
        map["data"]["config"].as_str().unwrap().len()
    };
    const MOST: usize = 131_072 - "config=\0".len();
    let short = config(&rendered(1).unwrap());
    let objects = rendered(1 + MOST - short).unwrap();
    assert_eq!(config(&objects), MOST);
    let refused = rendered(2 + MOST - short).unwrap_err();
    assert!(refused.contains("Linux passes at most 131072"), "{refused}");

    // The same run with one byte more, which nobody but us refuses.
    for object in &objects {
        let mut longer = object.clone();
        namespace.apply(object.clone()).await;
        match object["kind"].as_str().unwrap() {
            "ConfigMap" => {
                let text = object["data"]["config"].as_str().unwrap();
                longer["metadata"]["name"] = json!("longer");
                longer["data"]["config"] = json!(format!("{text}\n"));
            }
            "Job" => {
                longer["metadata"]["name"] = json!("longer");
                let env = longer.pointer_mut("/spec/template/spec/containers/0/env").unwrap();
                env[0]["valueFrom"]["configMapKeyRef"]["name"] = json!("longer");
            }
            _ => continue,
        }
        namespace.apply(longer).await;
    }
    let pods = namespace.api::<Pod>();
    let ended = namespace
        .until("both to end", async || {
            let pods = pods.list(&ListParams::default()).await.unwrap().items;
            (pods.len() == 2 && pods.iter().all(has_ended)).then_some(pods)
        })
        .await;
    for pod in ended {
        let status = serde_json::to_string(&pod.status).unwrap();
        if pod.name_any().starts_with("longer-") {
            assert!(status.contains(r#""phase":"Failed""#), "{status}");
            let log = pods.logs(&pod.name_any(), &LogParams::default()).await.unwrap();
            assert!(log.contains("argument list too long"), "{log}");
        } else {
            assert!(status.contains(r#""phase":"Succeeded""#), "{status}");
        }
    }
    assert_eq!(namespace.recorded("main", "ended").len(), 1);
}

/// The API server's limit of a ConfigMap is what we say: a mebibyte of keys and values.
async fn largest_config_map(namespace: &Namespace) {
    let map = |name: &str, bytes: usize| {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name},
            "data": {"config": "x".repeat(bytes)},
        })
    };
    namespace.apply(map("large", 1 << 20)).await;
    let api = namespace.api::<ConfigMap>();
    let larger: ConfigMap = serde_json::from_value(map("larger", (1 << 20) + 1)).unwrap();
    let refused = api.create(&Default::default(), &larger).await.unwrap_err().to_string();
    assert!(refused.contains("Too long"), "{refused}");
}

fn project(namespace: &Namespace, parameters: &str) -> String {
    format!(
        "
kind: IngestionProject
metadata: {{name: upstream}}
spec:
  openMetadata: {{hostPort: 'http://openmetadata:8585/api', authProvider: no-auth}}
  kubernetes:
    namespace: {}
    ingestionImage: {IMAGE}
    resources: {{requests: {{cpu: 10m, memory: 32Mi}}}}
    {parameters}
",
        namespace.name
    )
}

fn pipeline(name: &str, field: &str, config: &str) -> String {
    format!(
        "
---
kind: IngestionPipeline
metadata: {{name: {name}}}
spec:
  type: metadata
  {field}
  workflow:
    source:
      type: postgres
      serviceName: upstream
      sourceConfig: {{config: {{type: {config}}}}}
"
    )
}

/// The objects that the binary writes, or what it says instead.
fn ompipe_render(project: &Path, arguments: &[&str]) -> Result<Vec<Value>, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_ompipe"))
        .arg("render")
        .args(arguments)
        .arg(project)
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(crate::namespace::documents(&String::from_utf8(output.stdout).unwrap()));
    }
    Err(String::from_utf8(output.stderr).unwrap())
}
