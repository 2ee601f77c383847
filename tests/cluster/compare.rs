//! How many exit handlers are lost, side by side: by a native Job with a preStop hook, by one with
//! a sidecar, and by an OMJob, as `ompipe render` makes all three, under the same faults.
//!
//! A measurement, not a test: `just compare-exit-handlers` prints its table.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, EvictParams, ListParams};
use libtest_mimic::Trial;
use ompipe::crd::{OMJob, Phase};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cluster::Node;
use crate::namespace::{Namespace, test};
use crate::omjob::{delete_pod, has_ended};
use crate::operator::Operator;
use crate::rendered::{condition, render};

/// Of each way under each fault.
const RUNS: usize = 3;

/// The ways to run an exit handler: their names in the table, the pipelines that take them, and the
/// parameters that choose them.
const WAYS: [Way; 3] = [
    Way { title: "Job, preStop", pipeline: "prestop", parameter: "exitHandler: preStop" },
    Way { title: "Job, sidecar", pipeline: "sidecar", parameter: "exitHandler: sidecar" },
    Way { title: "OMJob", pipeline: "omjob", parameter: "useOMJobOperator: true" },
];

#[derive(Clone, Copy)]
struct Way {
    title: &'static str,
    pipeline: &'static str,
    parameter: &'static str,
}

/// What a main script is asked for, and what is done from outside once it runs.
const FAULTS: [(&str, &str, Fault); 11] = [
    ("main succeeds", "{}", Fault::None),
    ("main fails", "{exit: 1}", Fault::None),
    ("main crashes", "{crash: segfault}", Fault::None),
    ("main is killed for memory", "{memory: true}", Fault::None),
    ("its deadline passes", "{seconds: 3600}", Fault::Deadline),
    ("its pod is deleted", "{seconds: 3600}", Fault::DeletePod),
    ("its pod is deleted by force", "{seconds: 3600}", Fault::ForceDeletePod),
    ("its pod is evicted", "{seconds: 3600}", Fault::Evict),
    ("the run is deleted", "{seconds: 3600}", Fault::DeleteRun),
    ("it ends while the operator is killed", "{seconds: 2}", Fault::KillOperator),
    ("its node crashes and is removed", "{seconds: 3600}", Fault::CrashNode),
];

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Deadline,
    DeletePod,
    ForceDeletePod,
    Evict,
    DeleteRun,
    KillOperator,
    CrashNode,
}

pub(crate) fn tests() -> Vec<Trial> {
    vec![test("compare_exit_handlers", compare).with_ignored_flag(true)]
}

async fn compare(namespace: &Namespace) {
    let mut operator = Operator::start(namespace).await;
    namespace.apply(account()).await;
    let node = Node::alone().await;
    let mut table = Vec::new();
    for (fault, (name, asked, what)) in FAULTS.into_iter().enumerate() {
        let mut runs = Vec::new();
        for (column, way) in WAYS.into_iter().enumerate() {
            for number in 0..RUNS {
                let id = format!("{column}{fault:x}{number:06}-0000-4000-8000-000000000000");
                let run = Started::new((namespace, &node), &id, way, asked, what).await;
                runs.push((column, run));
            }
        }
        for (_, run) in &runs {
            run.disturb(what).await;
        }
        match what {
            Fault::KillOperator => {
                operator.kill();
                sleep(Duration::from_secs(5)).await;
                operator.restart();
            }
            Fault::CrashNode => {
                node.crash();
                node.until_lost(namespace).await;
                node.remove(namespace).await;
            }
            _ => {}
        }
        let mut told = [0; WAYS.len()];
        for (way, run) in &runs {
            run.over().await;
            told[*way] += usize::from(run.reports() == 1);
            assert!(run.reports() < 2, "{name}: {} reported twice", run.name);
        }
        table.push((name, told));
    }
    let [first, second, third] = WAYS.map(|way| way.title);
    println!("exit handlers that ran, of {RUNS} runs each\n");
    println!("| {:40} | {first:12} | {second:12} | {third:12} |", "what happens");
    println!("|{:-<42}|{:-<14}|{:-<14}|{:-<14}|", "", "", "", "");
    for (name, told) in &table {
        let [first, second, third] = told;
        println!("| {name:40} | {first:12} | {second:12} | {third:12} |");
    }
    let lost = |way: usize| {
        let ran: usize = table.iter().map(|(_, told)| told[way]).sum();
        FAULTS.len() * RUNS - ran
    };
    println!("| {:40} | {:12} | {:12} | {:12} |", "lost in all", lost(0), lost(1), lost(2));
}

/// A run of one of the ways.
struct Started<'a> {
    namespace: &'a Namespace,
    name: String,
    /// Its run id, by which its scripts' lines are told from others'.
    id: String,
    is_omjob: bool,
}

impl<'a> Started<'a> {
    async fn new(
        (namespace, node): (&'a Namespace, &Node),
        id: &str,
        way: Way,
        asked: &str,
        fault: Fault,
    ) -> Self {
        let project = format!(
            "
kind: IngestionProject
metadata: {{name: compare}}
spec:
  openMetadata: {{hostPort: 'http://openmetadata:8585/api', authProvider: no-auth}}
  kubernetes:
    namespace: {}
    ingestionImage: {}
    {}
    backoffLimit: 0
    activeDeadlineSeconds: {}
    extraEnvVars: ['test:{{main: {asked}}}']
    resources: {{requests: {{cpu: 20m, memory: 32Mi}}, limits: {{memory: 64Mi}}}}
---
kind: IngestionPipeline
metadata: {{name: {}}}
spec:
  type: metadata
  workflow:
    source:
      type: postgres
      serviceName: compare
      sourceConfig: {{config: {{type: DatabaseMetadata}}}}
",
            namespace.name,
            crate::workload::IMAGE,
            way.parameter,
            if fault == Fault::Deadline { 60 } else { 3600 },
            way.pipeline,
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ompipe.yaml"), project).unwrap();
        let mut started = None;
        for mut object in render(folder.path(), &["--run", "--run-id", id]) {
            let is_omjob = object["kind"] == "OMJob";
            if is_omjob || object["kind"] == "Job" {
                let main = if is_omjob { "/spec/mainPodSpec" } else { "/spec/template/spec" };
                let main = object.pointer_mut(main).unwrap();
                // The default is a minute, which main does not heed.
                main["terminationGracePeriodSeconds"] = json!(10);
                if fault == Fault::CrashNode {
                    node.attract(main);
                }
                let name = object["metadata"]["name"].as_str().unwrap().to_owned();
                started = Some(Self { namespace, name, id: id.to_owned(), is_omjob });
            }
            namespace.apply(object).await;
        }
        started.unwrap()
    }

    /// Does to it what a fault does to a single run.
    async fn disturb(&self, fault: Fault) {
        if matches!(fault, Fault::None | Fault::Deadline) {
            return;
        }
        let what = format!("{} to run", self.name);
        let ours = |line: &crate::record::Line| line.run.as_ref() == Some(&self.id);
        self.namespace
            .until(&what, async || {
                self.namespace.recorded("main", "started").iter().any(ours).then_some(())
            })
            .await;
        let pods = self.namespace.api::<Pod>();
        let pod = &self.pods().await[0];
        match fault {
            Fault::DeletePod => delete_pod(&pods, pod, None).await,
            Fault::ForceDeletePod => delete_pod(&pods, pod, Some(0)).await,
            Fault::Evict => {
                pods.evict(&pod.name_any(), &EvictParams::default()).await.unwrap();
            }
            Fault::DeleteRun if self.is_omjob => {
                let jobs = self.namespace.api::<OMJob>();
                jobs.delete(&self.name, &DeleteParams::background()).await.unwrap();
            }
            Fault::DeleteRun => {
                let jobs = self.namespace.api::<Job>();
                jobs.delete(&self.name, &DeleteParams::background()).await.unwrap();
            }
            _ => {}
        }
    }

    async fn pods(&self) -> Vec<Pod> {
        let ours = ListParams::default().labels(&format!("app.kubernetes.io/run-id={}", self.id));
        self.namespace.api::<Pod>().list(&ours).await.unwrap().items
    }

    /// Waits until it has ended or is gone, and no pod of it runs any more.
    async fn over(&self) {
        self.namespace
            .until(&format!("{}'s end", self.name), async || {
                let ended = if self.is_omjob {
                    let job = self.namespace.api::<OMJob>().get_opt(&self.name).await.unwrap();
                    job.is_none_or(|job| {
                        let phase = job.status.and_then(|status| status.phase);
                        phase.is_some_and(Phase::is_terminal)
                    })
                } else {
                    let job = self.namespace.api::<Job>().get_opt(&self.name).await.unwrap();
                    job.is_none_or(|job| {
                        ["Complete", "Failed"].iter().any(|end| condition(&job, end).is_some())
                    })
                };
                let pods = self.pods().await;
                (ended && pods.iter().all(has_ended)).then_some(())
            })
            .await;
    }

    /// How often its exit handler ran to its end.
    fn reports(&self) -> usize {
        let lines = self.namespace.recorded("exit-handler", "ended");
        lines.iter().filter(|line| line.run.as_ref() == Some(&self.id)).count()
    }
}

/// The service account that rendered pods run as.
fn account() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "openmetadata-ingestion"},
    })
}
