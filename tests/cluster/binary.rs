//! The real binary on the cluster of the tests, and Jobs for it to look at.

use std::process::{Output, Stdio};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::cluster;
use crate::namespace::Namespace;
use crate::workload;

/// A command line of `ompipe` in a namespace, without a project.
pub(crate) fn ompipe(namespace: &Namespace, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
    command.args(words).args(["-n", &namespace.name]);
    command.env("KUBECONFIG", cluster::kubeconfig());
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// What it writes, and its exit status.
pub(crate) async fn run(namespace: &Namespace, words: &[&str]) -> (i32, Vec<u8>, String) {
    let Output { status, stdout, stderr } = ompipe(namespace, words).output().await.unwrap();
    (status.code().unwrap(), stdout, String::from_utf8(stderr).unwrap())
}

/// The same, and what it writes is JSON.
pub(crate) async fn run_json(namespace: &Namespace, words: &[&str]) -> (i32, Value) {
    let (status, out, err) = run(namespace, &[words, &["--format", "json"]].concat()).await;
    let json = serde_json::from_slice(&out);
    (status, json.unwrap_or_else(|error| panic!("{words:?}: {error}: {err}")))
}

/// It runs, and what it writes is read meanwhile.
pub(crate) fn start(namespace: &Namespace, words: &[&str]) -> Child {
    ompipe(namespace, words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Applies a Job that is a run of a pipeline, whose main does what is asked.
pub(crate) async fn job(
    namespace: &Namespace,
    pipeline: &str,
    main: Value,
    change: impl FnOnce(&mut Value),
) -> String {
    let run = format!("0a1b2c3d-of-{pipeline}");
    let name = format!("om-job-{pipeline}-{}", &run[..8]);
    let labels = json!({
        "app.kubernetes.io/name": "openmetadata",
        "app.kubernetes.io/component": "ingestion",
        "app.kubernetes.io/pipeline": pipeline,
        "app.kubernetes.io/pipeline-type": "profiler",
        "app.kubernetes.io/run-id": run,
    });
    let mut job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": labels},
                "spec": workload::pod_spec(&json!({"main": main}), &name),
            },
        },
    });
    change(&mut job["spec"]);
    namespace.apply(job).await;
    name
}

/// The pods of a Job, the oldest first.
pub(crate) async fn pods(namespace: &Namespace, job: &str) -> Vec<Pod> {
    let which = ListParams::default().labels(&format!("job-name={job}"));
    let mut pods = namespace.api::<Pod>().list(&which).await.unwrap().items;
    pods.sort_by_key(|pod| pod.creation_timestamp());
    pods
}

/// Waits until the newest of a Job's pods is so.
pub(crate) async fn until_phase(namespace: &Namespace, job: &str, phase: &str) -> Pod {
    namespace
        .until(&format!("a pod of {job} to be {phase}"), async || {
            let pod = pods(namespace, job).await.pop()?;
            let is = pod.status.as_ref()?.phase.as_deref()? == phase;
            is.then_some(pod)
        })
        .await
}
