//! One OMJob on the cluster: started, waited for, and counted by the record.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, PropagationPolicy};
use kube::{Api, ResourceExt as _};
use ompipe::controller::names;
use ompipe::crd::{OMJob, OMJobStatus, Phase};
use serde_json::{Value, json};

use crate::namespace::Namespace;
use crate::record::Line;
use crate::workload;

/// An OMJob that was started, told by its UID from any other of its name.
pub(crate) struct Run<'a> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// Which of an OMJob's pods.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Main,
    ExitHandler,
}

impl<'a> Run<'a> {
    /// Starts an OMJob whose scripts end as asked, with these changes to its spec.
    pub(crate) async fn start(
        namespace: &'a Namespace,
        name: &str,
        asked: Value,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let mut spec = workload::omjob_spec(&asked);
        change(&mut spec);
        let job = json!({
            "apiVersion": "pipelines.openmetadata.org/v1",
            "kind": "OMJob",
            "metadata": {"name": name},
            "spec": spec,
        });
        let uid = namespace.apply(job).await.metadata.uid.unwrap();
        Self { namespace, name: name.to_owned(), uid }
    }

    /// The OMJob, unless it is gone.
    pub(crate) async fn job(&self) -> Option<OMJob> {
        let job = self.namespace.api::<OMJob>().get_opt(&self.name).await.unwrap()?;
        (job.metadata.uid.as_deref() == Some(&self.uid)).then_some(job)
    }

    /// Its status, once it is so.
    pub(crate) async fn status(
        &self,
        what: &str,
        is_so: impl Fn(&OMJobStatus) -> bool,
    ) -> OMJobStatus {
        self.namespace
            .until(&format!("{}: {what}", self.name), async || {
                let job = self.job().await.unwrap_or_else(|| panic!("{} is gone", self.name));
                job.status.filter(&is_so)
            })
            .await
    }

    /// Its status at its end, which has to be this one.
    pub(crate) async fn ended(&self, phase: Phase) -> OMJobStatus {
        let terminal = |status: &OMJobStatus| status.phase.is_some_and(Phase::is_terminal);
        let status = self.status("its end", terminal).await;
        assert_eq!(status.phase, Some(phase), "{}: {status:?}", self.name);
        status
    }

    /// Waits until it is gone and has left no pod of its own that is held.
    pub(crate) async fn gone(&self) {
        let what = format!("{} to be gone, and all holds with it", self.name);
        self.namespace
            .until(&what, async || {
                let held = self.pods().await.iter().any(is_held);
                (self.job().await.is_none() && !held).then_some(())
            })
            .await;
    }

    /// Waits until nothing of it is held any more, so that anybody can delete it.
    pub(crate) async fn let_go(&self) {
        let what = format!("{} to be held by nobody", self.name);
        self.namespace
            .until(&what, async || {
                let job = self.job().await;
                let held = job.is_some_and(|job| !job.finalizers().is_empty());
                (!held && !self.pods().await.iter().any(is_held)).then_some(())
            })
            .await;
    }

    /// All its pods, of whatever name.
    pub(crate) async fn pods(&self) -> Vec<Pod> {
        let ours =
            ListParams::default().labels(&format!("{}={}", names::OMJOB_UID_LABEL, self.uid));
        self.namespace.api::<Pod>().list(&ours).await.unwrap().items
    }

    /// Its pod of a stage, once it is so.
    pub(crate) async fn pod(&self, stage: Stage, what: &str, is_so: impl Fn(&Pod) -> bool) -> Pod {
        let label = match stage {
            Stage::Main => "main",
            Stage::ExitHandler => "exit-handler",
        };
        self.namespace
            .until(&format!("{}: {label} pod: {what}", self.name), async || {
                self.pods().await.into_iter().find(|pod| {
                    pod.labels().get(names::POD_TYPE_LABEL).is_some_and(|is| is == label)
                        && is_so(pod)
                })
            })
            .await
    }

    /// Waits until its script of a stage has said so itself.
    pub(crate) async fn recorded(&self, stage: Stage, event: &str) {
        let what = format!("{}: {} {event}", self.name, stage.script());
        self.namespace
            .until(&what, async || (!self.lines(stage, event).is_empty()).then_some(()))
            .await;
    }

    /// What its scripts of a stage have recorded.
    pub(crate) fn lines(&self, stage: Stage, event: &str) -> Vec<Line> {
        let mut lines = self.namespace.recorded(stage.script(), event);
        lines.retain(|line| line.run.as_ref() == Some(&self.uid));
        lines
    }

    /// Its exit handler has run to its end exactly once, and was told this.
    pub(crate) fn reported(&self, status: &str) {
        let lines = self.lines(Stage::ExitHandler, "started");
        assert_eq!(lines.len(), 1, "{}: exit handlers: {lines:?}", self.name);
        assert_eq!(lines[0].status.as_deref(), Some(status), "{}", self.name);
        assert_eq!(self.lines(Stage::ExitHandler, "ended").len(), 1, "{}", self.name);
    }

    /// Asks for its deletion as soon as a main pod is intended: from then on it has to be reported.
    pub(crate) async fn delete_once_intended(&self) {
        self.status("its intent", |status| status.main.is_some()).await;
        self.delete(PropagationPolicy::Background).await;
    }

    /// Asks for its deletion.
    pub(crate) async fn delete(&self, policy: PropagationPolicy) {
        let how = DeleteParams { propagation_policy: Some(policy), ..DeleteParams::default() };
        let how = how.preconditions(kube::api::Preconditions {
            uid: Some(self.uid.clone()),
            ..Default::default()
        });
        self.namespace.api::<OMJob>().delete(&self.name, &how).await.unwrap();
    }
}

impl Stage {
    fn script(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::ExitHandler => "exit-handler",
        }
    }
}

/// Whether the operator holds the pod.
pub(crate) fn is_held(pod: &Pod) -> bool {
    pod.finalizers().iter().any(|finalizer| finalizer == names::FINALIZER)
}

/// Whether it runs no more, and never will.
pub(crate) fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Deletes a pod: with its own grace period, or with another.
pub(crate) async fn delete_pod(pods: &Api<Pod>, pod: &Pod, grace_period_seconds: Option<u32>) {
    let how = DeleteParams { grace_period_seconds, ..DeleteParams::default() };
    pods.delete(&pod.name_any(), &how).await.unwrap();
}
