//! What ompipe renders, on a real API server, kubelet and container runtime: the example of the
//! quick start, applied and run under Pod Security "restricted".

use std::path::Path;
use std::process::Command;

use k8s_openapi::api::batch::v1::Job;
use kube::api::{ListParams, ObjectMeta};
use libtest_mimic::Trial;
use ompipe::crd::{OMJob, Phase};
use serde_json::{Value, json};

use crate::namespace::{Namespace, documents, test};
use crate::operator::Operator;
use crate::record::Line;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_rendered_job_runs_and_reports_success", async |namespace| {
            quick_start(namespace, SIDECAR, &["--run"]).await;
            let job = finished_job(namespace).await;
            ended(&job, "Complete");
            let [main, exit] = ran_once(namespace, &job.metadata, "Succeeded");
            assert_eq!(main.pod, exit.pod);
        }),
        test("a_rendered_job_runs_and_reports_failure", async |namespace| {
            let parameters = "exitHandler: sidecar\n    backoffLimit: 0\n    extraEnvVars: ['test:{main: {exit: 3}}']";
            quick_start(namespace, parameters, &["--run"]).await;
            let job = finished_job(namespace).await;
            ended(&job, "Failed");
            let [main, exit] = ran_once(namespace, &job.metadata, "Failed");
            assert_eq!(main.pod, exit.pod);
        }),
        test("a_rendered_job_out_of_memory_reports_failure", async |namespace| {
            let parameters = "exitHandler: sidecar\n    backoffLimit: 0\n    extraEnvVars: ['test:{main: {memory: true}}']\
                              \n    resources: {requests: {memory: 64Mi}, limits: {memory: 64Mi}}";
            quick_start(namespace, parameters, &["--run"]).await;
            let job = finished_job(namespace).await;
            ended(&job, "Failed");
            let [main, exit] = ran_once(namespace, &job.metadata, "Failed");
            assert_eq!(main.pod, exit.pod);
        }),
        test("a_rendered_cron_job_fires", async |namespace| {
            quick_start(namespace, SIDECAR, &[]).await;
            let job = finished_job(namespace).await;
            ended(&job, "Complete");
            let [main, exit] = ran_once(namespace, &job.metadata, "Succeeded");
            assert_eq!(main.pod, exit.pod);
        }),
        test("a_rendered_omjob_runs_and_reports", async |namespace| {
            let _operator = Operator::start(namespace).await;
            quick_start(namespace, OPERATOR, &["--run"]).await;
            let job = finished_omjob(namespace).await;
            let [main, exit] = ran_once(namespace, &job.metadata, "Succeeded");
            assert_ne!(main.pod, exit.pod);
        }),
        test("a_rendered_cron_omjob_fires", async |namespace| {
            let _operator = Operator::start(namespace).await;
            quick_start(namespace, OPERATOR, &[]).await;
            let job = finished_omjob(namespace).await;
            let [main, exit] = ran_once(namespace, &job.metadata, "Succeeded");
            assert_ne!(main.pod, exit.pod);
        }),
    ]
}

/// The parameter of the example that runs its exit handler.
pub(crate) const SIDECAR: &str = "exitHandler: sidecar";
/// The one that leaves it to the operator.
const OPERATOR: &str = "useOMJobOperator: true";

/// The value of the Secret that the example's connection refers to.
pub(crate) const PASSWORD: &str = "p\"a's\n$s: {}";

/// Applies the example, and the Secrets that it refers to.
pub(crate) async fn quick_start(namespace: &Namespace, parameters: &str, arguments: &[&str]) {
    secrets(namespace).await;
    for object in quick_start_objects(namespace, parameters, arguments) {
        namespace.apply(object).await;
    }
}

/// What `examples/quickstart` renders to, with these parameters in place of [`SIDECAR`] and a
/// schedule for the next minute.
pub(crate) fn quick_start_objects(
    namespace: &Namespace,
    parameters: &str,
    arguments: &[&str],
) -> Vec<Value> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    let folder = tempfile::tempdir().unwrap();
    for file in ["ompipe.yaml", "snowflake.yaml"] {
        let text = std::fs::read_to_string(example.join(file)).unwrap();
        let text = text
            .replace("namespace: openmetadata-pipelines", &format!("namespace: {}", namespace.name))
            .replace(SIDECAR, parameters)
            .replace(r#"schedule: "0 3 * * *""#, r#"schedule: "* * * * *""#);
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    render(folder.path(), arguments)
}

/// The Secrets that the example refers to.
pub(crate) async fn secrets(namespace: &Namespace) {
    namespace.apply(secret("snowflake", "password", PASSWORD)).await;
    namespace.apply(secret("openmetadata-bot", "token", "token")).await;
}

pub(crate) fn secret(name: &str, key: &str, value: &str) -> Value {
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

/// The first OMJob of the namespace that has ended.
async fn finished_omjob(namespace: &Namespace) -> OMJob {
    let jobs = namespace.api::<OMJob>();
    let ended = |job: &OMJob| {
        job.status.as_ref().is_some_and(|status| status.phase == Some(Phase::Succeeded))
    };
    namespace
        .until("the success of an OMJob", async || {
            jobs.list(&ListParams::default()).await.unwrap().items.into_iter().find(ended)
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

/// Main was given its workflow with every secret in place, and the exit handler told its outcome:
/// the lines of both.
pub(crate) fn ran_once(namespace: &Namespace, job: &ObjectMeta, status: &str) -> [Line; 2] {
    let (name, uid) = (&job.name, job.uid.as_ref());
    // A run by hand has an id of its own, one of a CronJob the Job's.
    let labels = job.labels.as_ref();
    let run = labels.and_then(|labels| labels.get("app.kubernetes.io/run-id")).or(uid);
    let only = |script, event| {
        let mut lines = namespace.recorded(script, event);
        lines.retain(|line| line.job == *name);
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    };
    let main = only("main", "started");
    assert_eq!(main.pipeline_type.as_deref(), Some("metadata"));
    assert_eq!(main.pipeline.as_deref(), Some("snowflake-prod.snowflake-metadata"));
    assert_eq!(main.unfilled, Some(0), "a reference to a secret was left in the workflow");
    assert_eq!(main.run.as_ref(), run);
    let report = only("exit-handler", "ended");
    assert_eq!(report.status.as_deref(), Some(status));
    assert_eq!(report.run.as_ref(), run);
    [main, report]
}
