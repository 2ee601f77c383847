//! `ompipe kill`: when it says that a run has ended, nothing of it is there any more, and its exit
//! handler has reported once, in each of the ways that there are.
//!
//! What upstream gets wrong, and would fail here: it leaves a killed Job's pods to run on, and
//! deletes an OMJob without its exit handler.

use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::ListParams;
use libtest_mimic::Trial;
use ompipe::crd::{CronOMJob, OMJob};
use serde_json::json;

use crate::namespace::{Namespace, test};
use crate::operator::Operator;
use crate::project::{Project, Said};
use crate::record::Line;
use crate::rendered::condition;
use crate::workload::IMAGE;

/// What main is asked for where it is to be killed.
const HANGS: &str = "{main: {seconds: 3600}}";
/// The ways to run an exit handler: pipelines, and the parameters that choose them.
pub(crate) const WAYS: [(&str, &str); 3] =
    [("hook", "exitHandler: preStop"), ("sidecar", SIDECAR), ("operated", OPERATED)];
pub(crate) const SIDECAR: &str =
    "exitHandler: sidecar, exitHandlerResources: {requests: {cpu: 10m}}";
pub(crate) const OPERATED: &str =
    "useOMJobOperator: true, exitHandlerResources: {requests: {cpu: 10m}}";
/// A time that does not come while a test runs.
pub(crate) const SELDOM: &str = "0 3 29 2 *";

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("kill_ends_a_run_with_its_pods_and_its_exit_handler_reports_once", each_way),
        test("kill_ends_the_run_that_is_called_so_and_no_other", by_id),
        test("kill_that_is_cut_short_is_healed_by_the_next", cut_short),
        test("kill_ends_what_has_not_begun", pending),
        test("kill_says_when_no_operator_acts_on_it", without_an_operator),
    ]
}

/// A project on this namespace whose mains do what is asked.
pub(crate) async fn project(namespace: &Namespace, asked: &str) -> Project {
    let bot = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "openmetadata-bot"},
        "stringData": {"token": "token"},
    });
    namespace.apply(bot).await;
    let kubernetes = format!(
        "    ingestionImage: {IMAGE}
    backoffLimit: 0
    terminationGracePeriodSeconds: 60
    extraEnvVars: ['test:{asked}']
    resources: {{requests: {{cpu: 10m, memory: 32Mi}}, limits: {{memory: 128Mi}}}}"
    );
    Project::new(namespace, "ending", &kubernetes)
}

/// A run that `ompipe run` has started.
pub(crate) struct Started<'a> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) id: String,
}

impl<'a> Started<'a> {
    /// Starts a run of a pipeline whose objects are there.
    pub(crate) fn new(namespace: &'a Namespace, project: &Project, pipeline: &str) -> Self {
        Self::called(namespace, project, pipeline, &uuid::Uuid::new_v4().to_string())
    }

    /// Starts a run of this id.
    fn called(namespace: &'a Namespace, project: &Project, pipeline: &str, id: &str) -> Self {
        project.run(&["run", pipeline, "--run-id", id]).with_status(0);
        Self { namespace, id: id.to_owned() }
    }

    /// Waits until its main runs.
    pub(crate) async fn begun(&self) {
        let what = format!("the main of {} to run", self.id);
        let begun = async || (!self.lines("main", "started").is_empty()).then_some(());
        self.namespace.until(&what, begun).await;
    }

    pub(crate) fn lines(&self, script: &str, event: &str) -> Vec<Line> {
        let mut lines = self.namespace.recorded(script, event);
        lines.retain(|line| line.run.as_ref() == Some(&self.id));
        lines
    }

    /// Its exit handler has run once, to its end, and was told that the run failed.
    #[track_caller]
    pub(crate) fn reported(&self) {
        for event in ["started", "ended"] {
            let told: Vec<_> = self.lines("exit-handler", event);
            let told: Vec<_> = told.iter().map(|line| line.status.as_deref()).collect();
            assert_eq!(told, [Some("Failed")], "{}: {event}", self.id);
        }
    }

    /// Nothing of it is there: no Job, no OMJob, no pod.
    pub(crate) async fn is_gone(&self) {
        let which = ListParams::default().labels(&format!("app.kubernetes.io/run-id={}", self.id));
        let pods = self.namespace.api::<Pod>().list(&which).await.unwrap().items;
        let pods: Vec<_> = pods.iter().map(|pod| (pod.name_any(), &pod.status)).collect();
        assert!(pods.is_empty(), "{}: {pods:?}", self.id);
        let jobs = self.namespace.api::<Job>().list(&which).await.unwrap().items;
        assert!(jobs.is_empty(), "{}: {jobs:?}", self.id);
    }

    /// It runs on, as if nothing had been.
    pub(crate) async fn runs_on(&self) {
        let which = ListParams::default().labels(&format!("app.kubernetes.io/run-id={}", self.id));
        let pods = self.namespace.api::<Pod>().list(&which).await.unwrap().items;
        let runs = |pod: &Pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
        };
        assert!(pods.iter().any(runs), "{}: {pods:?}", self.id);
    }
}

/// The OMJobs that there are, by name.
async fn omjobs(namespace: &Namespace) -> Vec<String> {
    let jobs = namespace.api::<OMJob>().list(&ListParams::default()).await.unwrap();
    jobs.iter().map(|job| job.name_any()).collect()
}

async fn each_way(namespace: &Namespace) {
    let _operator = Operator::start(namespace).await;
    let project = project(namespace, HANGS).await;
    for (pipeline, way) in WAYS {
        project.pipeline(pipeline, SELDOM, &format!("  kubernetes: {{{way}}}"));
    }
    let brief = format!("  kubernetes: {{{SIDECAR}, extraEnvVars: ['test:{{}}']}}");
    project.pipeline("brief", SELDOM, &brief);
    project.run(&["apply"]).with_status(0);
    let past = Started::new(namespace, &project, "brief");
    let runs = WAYS.map(|(pipeline, _)| Started::new(namespace, &project, pipeline));
    for run in &runs {
        run.begun().await;
    }
    let said = project.run(&["kill", "hook", "sidecar", "operated"]).with_status(0);
    for run in &runs {
        run.is_gone().await;
        run.reported();
        assert!(run.lines("main", "ended").is_empty(), "main was let run to its end");
        assert!(said.stdout.contains(&run.id), "{}", said.stdout);
    }
    assert_eq!(omjobs(namespace).await, [""; 0]);
    // It is about runs: the schedules go on.
    let crons = namespace.api::<CronJob>();
    for name in ["om-cronjob-hook", "om-cronjob-sidecar"] {
        assert_ne!(crons.get(name).await.unwrap().spec.suspend, Some(true));
    }
    let cron = namespace.api::<CronOMJob>().get("om-cronomjob-operated").await.unwrap();
    assert_ne!(cron.spec.suspend, Some(true));
    // To end what has ended is no mistake, and a past run stays.
    let again = project.run(&["kill", "hook", "sidecar", "operated"]).with_status(0);
    nothing_to_do(&again);
    let jobs = namespace.api::<Job>();
    let which = ListParams::default().labels(&format!("app.kubernetes.io/run-id={}", past.id));
    let ended = async || {
        let job = jobs.list(&which).await.unwrap().items.pop()?;
        condition(&job, "Complete").is_some().then_some(job.name_any())
    };
    let job = namespace.until("the end of the brief run", ended).await;
    nothing_to_do(&project.run(&["kill", "brief"]).with_status(0));
    assert!(jobs.get(&job).await.unwrap().metadata.deletion_timestamp.is_none());
    for run in &runs {
        run.reported();
    }
}

#[track_caller]
fn nothing_to_do(said: &Said) {
    assert_eq!(said.stdout, "");
    assert!(said.stderr.contains("no run is active"), "{}", said.stderr);
}

async fn by_id(namespace: &Namespace) {
    let project = project(namespace, HANGS).await;
    for pipeline in ["orders", "orders2"] {
        project.pipeline(pipeline, SELDOM, &format!("  kubernetes: {{{SIDECAR}}}"));
    }
    project.run(&["apply"]).with_status(0);
    let start = |pipeline, beginning: &str| {
        let id = format!("{beginning}-0000-4000-8000-000000000000");
        Started::called(namespace, &project, pipeline, &id)
    };
    let first = start("orders", "aaaa0001");
    let second = start("orders", "aaaa0002");
    let other = start("orders2", "aaaa0003");
    for run in [&first, &second, &other] {
        run.begun().await;
    }
    // Without a project, as at night on a machine that has none.
    let kill =
        |more: &[&str]| project.run(&[&["kill", "-n", namespace.name.as_str()], more].concat());
    let several = kill(&["orders", "--run", "aaaa"]).with_status(2);
    for words in [first.id.as_str(), second.id.as_str()] {
        assert!(several.stderr.contains(words), "{}", several.stderr);
    }
    assert!(!several.stderr.contains(&other.id), "{}", several.stderr);
    let unknown = kill(&["orders", "--run", "bbbb"]).with_status(2);
    assert!(unknown.stderr.contains("no run bbbb"), "{}", unknown.stderr);
    kill(&["orders", "--run", "aaaa0003"]).with_status(2);
    kill(&[]).with_status(2);
    for run in [&first, &second, &other] {
        run.runs_on().await;
    }

    kill(&["orders", "--run", "aaaa0001"]).with_status(0);
    first.is_gone().await;
    first.reported();
    second.runs_on().await;
    kill(&["orders", "--run", "om-job-orders-aaaa0002"]).with_status(0);
    second.is_gone().await;
    second.reported();
    other.runs_on().await;
    nothing_to_do(&kill(&["orders"]).with_status(0));
    other.runs_on().await;

    let json = kill(&["orders2", "--format", "json"]).with_status(0).json();
    assert_eq!(json["killed"].as_array().unwrap().len(), 1, "{json}");
    assert_eq!(json["killed"][0]["runId"], json!(other.id));
    assert_eq!(json["killed"][0]["name"], "om-job-orders2-aaaa0003");
    other.is_gone().await;
    other.reported();
}

async fn cut_short(namespace: &Namespace) {
    let asked = "{main: {seconds: 3600}, exitHandler: {seconds: 20}}";
    let project = project(namespace, asked).await;
    project.pipeline("hook", SELDOM, "  kubernetes: {exitHandler: preStop}");
    project.run(&["apply"]).with_status(0);
    let run = Started::new(namespace, &project, "hook");
    run.begun().await;

    let begin = Instant::now();
    project.run(&["kill", "hook", "--no-wait"]).with_status(0);
    assert!(begin.elapsed() < Duration::from_secs(15), "it was waited for");
    let jobs = namespace.api::<Job>().list(&ListParams::default()).await.unwrap();
    assert!(jobs.iter().all(|job| job.metadata.deletion_timestamp.is_some()), "{jobs:?}");
    // The Job is there as long as its pods are.
    assert_eq!(jobs.items.len(), 1);

    let late = project.run(&["kill", "hook", "--timeout", "1"]).with_status(2);
    assert!(late.stderr.contains("is still there"), "{}", late.stderr);
    assert!(late.stderr.contains("Hint:"), "{}", late.stderr);

    let child = project.command(&["kill", "hook"]).spawn().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    // A shell has what it starts in the background ignore SIGINT, and the tests are started so.
    let id = child.id().to_string();
    std::process::Command::new("kill").args(["-s", "TERM", &id]).status().unwrap();
    let interrupted = Project::ended(child);
    assert_ne!(interrupted.status, 0, "{}", interrupted.stdout);

    project.run(&["kill", "hook"]).with_status(0);
    run.is_gone().await;
    run.reported();
}

async fn pending(namespace: &Namespace) {
    let _operator = Operator::start(namespace).await;
    let project = project(namespace, "{}").await;
    for (pipeline, way) in WAYS {
        let nowhere = "resources: {requests: {cpu: '500'}, limits: {cpu: '500'}}";
        project.pipeline(pipeline, SELDOM, &format!("  kubernetes: {{{way}, {nowhere}}}"));
    }
    project.run(&["apply"]).with_status(0);
    let runs = WAYS.map(|(pipeline, _)| Started::new(namespace, &project, pipeline));
    let pods = namespace.api::<Pod>();
    let all = async || {
        let pods = pods.list(&ListParams::default()).await.unwrap().items;
        (pods.len() == WAYS.len()).then_some(())
    };
    namespace.until("the pods", all).await;
    project.run(&["kill", "hook", "sidecar", "operated"]).with_status(0);
    let [hook, sidecar, operated] = runs;
    for run in [&hook, &sidecar, &operated] {
        run.is_gone().await;
        assert!(run.lines("main", "started").is_empty());
    }
    assert_eq!(omjobs(namespace).await, [""; 0]);
    // Nothing of a Job's pod ever ran, so its exit handler did not either. An operator needs none.
    assert!(hook.lines("exit-handler", "started").is_empty());
    assert!(sidecar.lines("exit-handler", "started").is_empty());
    operated.reported();
}

async fn without_an_operator(namespace: &Namespace) {
    let mut operator = Operator::start(namespace).await;
    let project = project(namespace, HANGS).await;
    project.pipeline("operated", SELDOM, &format!("  kubernetes: {{{OPERATED}}}"));
    project.run(&["apply"]).with_status(0);
    let run = Started::new(namespace, &project, "operated");
    run.begun().await;
    operator.kill();
    let said = project.run(&["kill", "operated"]).with_status(2);
    assert!(said.stderr.contains("no operator acts on the deletion"), "{}", said.stderr);
    assert!(said.stderr.contains("Hint: Start the operator"), "{}", said.stderr);
    assert!(run.lines("exit-handler", "started").is_empty());
    operator.restart();
    project.run(&["kill", "operated"]).with_status(0);
    run.is_gone().await;
    run.reported();
    assert_eq!(omjobs(namespace).await, [""; 0]);
}
