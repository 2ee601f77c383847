//! What ompipe renders, on a real API server, kubelet and container runtime: the example of the
//! quick start, applied and run under Pod Security "restricted".

use std::path::Path;
use std::process::Command;

use k8s_openapi::api::batch::v1::Job;
use kube::api::ListParams;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::namespace::{Namespace, documents, test};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_rendered_job_runs_and_reports_success", async |namespace| {
            quick_start(namespace, "", &["--run"]).await;
            let job = finished_job(namespace).await;
            ended(&job, "Complete");
            ran_once(namespace, &job, "Succeeded");
        }),
        test("a_rendered_job_runs_and_reports_failure", async |namespace| {
            let parameters = "\n    backoffLimit: 0\n    extraEnvVars: ['test:{main: {exit: 3}}']";
            quick_start(namespace, parameters, &["--run"]).await;
            let job = finished_job(namespace).await;
            ended(&job, "Failed");
            ran_once(namespace, &job, "Failed");
        }),
        test("a_rendered_job_out_of_memory_reports_failure", async |namespace| {
            let parameters = "\n    backoffLimit: 0\n    extraEnvVars: ['test:{main: {memory: true}}']\
                              \n    resources: {requests: {memory: 64Mi}, limits: {memory: 64Mi}}";
            quick_start(namespace, parameters, &["--run"]).await;
            let job = finished_job(namespace).await;
            ended(&job, "Failed");
            ran_once(namespace, &job, "Failed");
        }),
        test("a_rendered_cron_job_fires", async |namespace| {
            quick_start(namespace, "", &[]).await;
            let job = finished_job(namespace).await;
            ended(&job, "Complete");
            ran_once(namespace, &job, "Succeeded");
        }),
    ]
}

/// Applies what `examples/quickstart` renders to, with these parameters besides its own and a
/// schedule for the next minute, and the Secrets that it refers to.
async fn quick_start(namespace: &Namespace, parameters: &str, arguments: &[&str]) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    let folder = tempfile::tempdir().unwrap();
    for file in ["ompipe.yaml", "snowflake.yaml"] {
        let text = std::fs::read_to_string(example.join(file)).unwrap();
        let text = text
            .replace("namespace: openmetadata-pipelines", &format!("namespace: {}", namespace.name))
            .replace("\n  kubernetes:", &format!("\n  kubernetes:{parameters}"))
            .replace(r#"schedule: "0 3 * * *""#, r#"schedule: "* * * * *""#);
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    namespace.apply(secret("snowflake", "password", "p\"a's\n$s: {}")).await;
    namespace.apply(secret("openmetadata-bot", "token", "token")).await;
    for object in render(folder.path(), arguments) {
        namespace.apply(object).await;
    }
}

fn secret(name: &str, key: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: value}})
}

/// The objects that the binary writes.
pub(crate) fn render(project: &Path, arguments: &[&str]) -> Vec<Value> {
    let ompipe = Command::new(env!("CARGO_BIN_EXE_ompipe"))
        .arg("render")
        .args(arguments)
        .arg(project)
        .output()
        .unwrap();
    assert!(ompipe.status.success(), "{}", String::from_utf8_lossy(&ompipe.stderr));
    let text = String::from_utf8(ompipe.stdout).unwrap();
    documents(&text)
}

/// The first Job of the namespace that has ended.
async fn finished_job(namespace: &Namespace) -> Job {
    let jobs = namespace.api::<Job>();
    namespace
        .until("the end of a Job", async || {
            jobs.list(&ListParams::default()).await.unwrap().items.into_iter().find(|job| {
                condition(job, "Complete").is_some() || condition(job, "Failed").is_some()
            })
        })
        .await
}

/// Why a Job has this condition, if it has.
pub(crate) fn condition<'job>(job: &'job Job, of: &str) -> Option<&'job str> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions.iter().find(|condition| condition.type_ == of)?;
    (condition.status == "True").then(|| condition.reason.as_deref().unwrap_or_default())
}

fn ended(job: &Job, as_: &str) {
    assert!(condition(job, as_).is_some(), "{:?}", job.status);
}

/// Main was given its workflow with every secret in place, and the exit handler told its outcome.
fn ran_once(namespace: &Namespace, job: &Job, status: &str) {
    let (name, uid) = (&job.metadata.name, job.metadata.uid.as_ref());
    // A run by hand has an id of its own, one of a CronJob the Job's.
    let labels = job.metadata.labels.as_ref();
    let run = labels.and_then(|labels| labels.get("app.kubernetes.io/run-id")).or(uid);
    let mains: Vec<_> = namespace.recorded("main", "started");
    let mains: Vec<_> = mains.iter().filter(|line| line.job == *name).collect();
    assert_eq!(mains.len(), 1, "{mains:?}");
    assert_eq!(mains[0].pipeline_type.as_deref(), Some("metadata"));
    assert_eq!(mains[0].pipeline.as_deref(), Some("snowflake-prod.snowflake-metadata"));
    assert_eq!(mains[0].unfilled, Some(0), "a reference to a secret was left in the workflow");
    assert_eq!(mains[0].run.as_ref(), run);
    let reports = namespace.recorded("exit-handler", "ended");
    let reports: Vec<_> = reports.iter().filter(|line| line.job == *name).collect();
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert_eq!(reports[0].status.as_deref(), Some(status));
    assert_eq!(reports[0].run.as_ref(), run);
    assert_eq!(reports[0].pod, mains[0].pod);
}
