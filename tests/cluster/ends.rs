//! The exit handlers that need no operator, after every end that a run can have: how often each
//! ran, and what it was told. `docs/definitions.md` has the same as a table.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, EvictParams, ListParams, Patch, PatchParams};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::cluster::{Node, is_ours};
use crate::namespace::{Namespace, test};
use crate::omjob::{delete_pod, has_ended};
use crate::record::Line;
use crate::rendered::{condition, render};
use crate::workload::IMAGE;

/// What the exit handler of a run was told, once; `None`: it did not run.
type Told = Option<&'static str>;

/// A run, what ends it, and what each way makes of that.
#[derive(Clone, Copy)]
struct End {
    name: &'static str,
    /// What its main script is asked for.
    asked: &'static str,
    by: By,
    sidecar: Told,
    pre_stop: Told,
}

/// What is done to a run from outside once its main script runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Itself,
    Deadline,
    Eviction,
    Taint,
    PodDeletion,
    Kill,
    KillPending,
    /// It fills a volume that it was given less of, and the kubelet evicts the pod.
    Kubelet,
}

const FAILED: Told = Some("Failed");

const ENDS: [End; 13] = [
    End::new("success", "{}", By::Itself, Some("Succeeded"), None),
    End::new("failure", "{exit: 3}", By::Itself, FAILED, None),
    End::new("crash", "{crash: segfault}", By::Itself, FAILED, None),
    End::new("abort", "{crash: abort}", By::Itself, FAILED, None),
    End::new("memory", "{memory: true}", By::Itself, FAILED, None),
    End::new("deadline", "{seconds: 3600}", By::Deadline, FAILED, FAILED),
    End::new("eviction", "{seconds: 3600}", By::Eviction, FAILED, FAILED),
    End::new("pod-deletion", "{seconds: 3600}", By::PodDeletion, FAILED, FAILED),
    End::new("kill", "{seconds: 3600}", By::Kill, FAILED, FAILED),
    // It hears no SIGTERM and is killed when its grace period is over: the sidecar has what the
    // kubelet grants at least, two seconds.
    End::new("deaf", "{hang: true}", By::Kill, FAILED, FAILED),
    // What main itself would make of SIGTERM does not count: the launcher ends it.
    End::new("late-success", "{seconds: 3600, onTerm: 0}", By::PodDeletion, FAILED, FAILED),
    End::new("full-disk", "{disk: /scratch/full, seconds: 3600}", By::Kubelet, FAILED, FAILED),
    // Nothing of it ever ran.
    End::new("pending", "{}", By::KillPending, None, None),
];

impl End {
    const fn new(
        name: &'static str,
        asked: &'static str,
        by: By,
        sidecar: Told,
        pre_stop: Told,
    ) -> Self {
        Self { name, asked, by, sidecar, pre_stop }
    }
}

const SIDECAR: &str = "exitHandler: sidecar\n    exitHandlerResources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}";
const PRE_STOP: &str = "exitHandler: preStop";

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("the_sidecars_exit_handler_runs_once_after_every_end", async |namespace| {
            reported(namespace, SIDECAR, &ENDS, |end| end.sidecar).await;
        }),
        test(
            "the_pre_stop_hooks_exit_handler_runs_only_if_a_running_pod_is_ended",
            async |namespace| {
                reported(namespace, PRE_STOP, &ENDS, |end| end.pre_stop).await;
            },
        ),
        test("both_exit_handlers_run_when_a_taint_evicts_the_pod", async |namespace| {
            let node = Node::alone().await;
            let end = [End::new("taint", "{seconds: 3600}", By::Taint, FAILED, FAILED)];
            let ways = [(SIDECAR, "sidecar"), (PRE_STOP, "prestop")];
            let mut runs = Vec::new();
            for (parameters, way) in ways {
                runs.push(Run::start(namespace, parameters, way, &end[0], 0, Some(&node)).await);
            }
            for run in &runs {
                run.started().await;
            }
            node.taint(namespace, true).await;
            for run in &runs {
                run.over().await;
            }
            node.taint(namespace, false).await;
            for run in &runs {
                run.told(FAILED);
            }
        })
        .with_ignored_flag(!is_ours()),
        test("each_pod_of_a_run_that_is_tried_again_reports_by_itself", async |namespace| {
            namespace.apply(account()).await;
            let end = End::new("again", "{exit: 3, seconds: 1}", By::Itself, None, None);
            let sidecar = Run::start(namespace, SIDECAR, "sidecar", &end, 1, None).await;
            sidecar.over().await;
            assert_eq!(sidecar.lines("main", "started").len(), 2);
            let reports = sidecar.lines("exit-handler", "ended");
            assert_eq!(reports.len(), 2, "{reports:?}");
            assert_ne!(reports[0].pod, reports[1].pod);
            assert!(reports.iter().all(|line| line.status.as_deref() == Some("Failed")));

            let end = End::new("again", "{seconds: 3600}", By::PodDeletion, None, None);
            let hook = Run::start(namespace, PRE_STOP, "prestop", &end, 1, None).await;
            hook.disturb(By::PodDeletion).await;
            let second = async || (hook.lines("main", "started").len() == 2).then_some(());
            namespace.until("a second pod to run", second).await;
            hook.disturb(By::Kill).await;
            hook.over().await;
            let reports = hook.lines("exit-handler", "ended");
            assert_eq!(reports.len(), 2, "{reports:?}");
            assert_ne!(reports[0].pod, reports[1].pod);
        }),
    ]
}

/// All ends at once, each of a run of its own.
async fn reported(namespace: &Namespace, parameters: &str, ends: &[End], told: fn(&End) -> Told) {
    namespace.apply(account()).await;
    let mut runs = Vec::new();
    for end in ends {
        runs.push((end, Run::start(namespace, parameters, end.name, end, 0, None).await));
    }
    for (end, run) in &runs {
        run.disturb(end.by).await;
    }
    for (_, run) in &runs {
        run.over().await;
    }
    let wrong: Vec<String> = runs.iter().filter_map(|(end, run)| run.is_wrong(told(end))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A run as `ompipe render --run` makes it, by its Job and its id.
struct Run<'a> {
    namespace: &'a Namespace,
    job: String,
    id: String,
}

impl<'a> Run<'a> {
    async fn start(
        namespace: &'a Namespace,
        parameters: &str,
        name: &str,
        end: &End,
        backoff_limit: u32,
        node: Option<&Node>,
    ) -> Self {
        if node.is_some() {
            namespace.apply(account()).await;
        }
        let project = format!(
            "
kind: IngestionProject
metadata: {{name: ends}}
spec:
  openMetadata: {{hostPort: 'http://openmetadata:8585/api', authProvider: no-auth}}
  kubernetes:
    namespace: {}
    ingestionImage: {IMAGE}
    {parameters}
    backoffLimit: {backoff_limit}
    terminationGracePeriodSeconds: 10
    extraEnvVars: ['test:{{main: {}}}']
    nodeSelector: {{{}}}
    resources: {{requests: {{cpu: 10m, memory: 32Mi}}, limits: {{memory: 64Mi}}}}
---
kind: IngestionPipeline
metadata: {{name: {name}}}
spec:
  type: metadata
  workflow:
    source:
      type: postgres
      serviceName: ends
      sourceConfig: {{config: {{type: DatabaseMetadata}}}}
",
            namespace.name,
            end.asked,
            if end.by == By::KillPending { "ompipe.test/nowhere: 'true'" } else { "" },
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ompipe.yaml"), project).unwrap();
        let id = uuid::Uuid::new_v4().to_string();
        let mut job = None;
        for mut object in render(folder.path(), &["--run", "--run-id", &id]) {
            if object["kind"] == "Job" {
                let pod = object.pointer_mut("/spec/template/spec").unwrap();
                if let Some(node) = node {
                    node.attract(pod);
                }
                if end.by == By::Kubelet {
                    give_scratch(pod);
                }
                job = Some(object["metadata"]["name"].as_str().unwrap().to_owned());
            }
            namespace.apply(object).await;
        }
        Self { namespace, job: job.unwrap(), id }
    }

    async fn started(&self) {
        self.namespace
            .until(&format!("{} to run", self.job), async || {
                (!self.lines("main", "started").is_empty()).then_some(())
            })
            .await;
    }

    async fn disturb(&self, by: By) {
        if matches!(by, By::Itself | By::Kubelet) {
            return;
        }
        if by == By::KillPending {
            let what = format!("a pod of {}", self.job);
            let there = async || (!self.pods().await.is_empty()).then_some(());
            self.namespace.until(&what, there).await;
        } else {
            self.started().await;
        }
        let (pods, jobs) = (self.namespace.api::<Pod>(), self.namespace.api::<Job>());
        let pod = &self.pods().await[0];
        match by {
            By::Deadline => {
                let passed = Patch::Merge(json!({"spec": {"activeDeadlineSeconds": 1}}));
                jobs.patch(&self.job, &PatchParams::default(), &passed).await.unwrap();
            }
            By::Eviction => {
                pods.evict(&pod.name_any(), &EvictParams::default()).await.unwrap();
            }
            By::PodDeletion => delete_pod(&pods, pod, None).await,
            By::Kill | By::KillPending => {
                jobs.delete(&self.job, &DeleteParams::background()).await.unwrap();
            }
            By::Itself | By::Taint | By::Kubelet => {}
        }
    }

    async fn pods(&self) -> Vec<Pod> {
        let ours = ListParams::default().labels(&format!("app.kubernetes.io/run-id={}", self.id));
        self.namespace.api::<Pod>().list(&ours).await.unwrap().items
    }

    /// Waits until it has ended or is gone, and no pod of it runs any more.
    async fn over(&self) {
        let jobs = self.namespace.api::<Job>();
        self.namespace
            .until(&format!("{}'s end", self.job), async || {
                let ended = jobs.get_opt(&self.job).await.unwrap().is_none_or(|job| {
                    ["Complete", "Failed"].iter().any(|end| condition(&job, end).is_some())
                });
                (ended && self.pods().await.iter().all(has_ended)).then_some(())
            })
            .await;
    }

    fn lines(&self, script: &str, event: &str) -> Vec<Line> {
        let mut lines = self.namespace.recorded(script, event);
        lines.retain(|line| line.run.as_ref() == Some(&self.id));
        lines
    }

    fn told(&self, told: Told) {
        assert_eq!(self.is_wrong(told), None);
    }

    /// What is wrong with its exit handler, which must have been told this, once, to its end.
    fn is_wrong(&self, told: Told) -> Option<String> {
        let of = |event| {
            let lines = self.lines("exit-handler", event);
            lines.into_iter().map(|line| line.status.unwrap_or_default()).collect::<Vec<_>>()
        };
        let (started, ended) = (of("started"), of("ended"));
        let expected: Vec<&str> = told.into_iter().collect();
        (started != expected || ended != expected).then(|| {
            format!("{}: told {expected:?} but {started:?}, and at its end {ended:?}", self.job)
        })
    }
}

/// A volume that holds less than its main script writes.
fn give_scratch(pod: &mut Value) {
    let list = |value: &mut Value, more: Value| match value {
        Value::Array(items) => items.push(more),
        none => *none = json!([more]),
    };
    let volume = json!({"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}});
    list(&mut pod["volumes"], volume);
    let mount = json!({"name": "scratch", "mountPath": "/scratch"});
    list(&mut pod["containers"][0]["volumeMounts"], mount);
}

/// The service account that rendered pods run as.
fn account() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "openmetadata-ingestion"},
    })
}
