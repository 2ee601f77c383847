//! What is looked at of objects in a cluster, as values.
//!
//! In: objects as the API server writes them, read by serde. Out: the fields by which somebody
//! decides or explains something; all others are left out. Nothing here asks a cluster.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::controller::names::POD_TYPE_LABEL;
use crate::crd::OMJobStatus;
use crate::diagnostic::redact;
use crate::manifest::CONTAINER;

/// A message of a kubelet's or a scheduler's, as it may be shown.
pub(super) fn shown(message: &str) -> String {
    redact::value(&[], message.trim()).into_owned()
}

/// What every object bears.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct Meta {
    pub name: String,
    pub namespace: String,
    pub uid: String,
    pub labels: BTreeMap<String, String>,
    pub creation_timestamp: Option<Timestamp>,
    pub deletion_timestamp: Option<Timestamp>,
    pub owner_references: Vec<Owner>,
}

/// Whom an object belongs to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct Owner {
    pub kind: String,
    pub name: String,
    pub uid: String,
    pub controller: bool,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct Pod {
    pub metadata: Meta,
    pub spec: PodSpec,
    pub status: PodStatus,
}

/// What a pod runs, and where.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct PodSpec {
    pub node_name: Option<String>,
    pub init_containers: Vec<Container>,
    pub containers: Vec<Container>,
    pub node_selector: BTreeMap<String, String>,
    pub image_pull_secrets: Vec<LocalReference>,
    pub service_account_name: Option<String>,
    pub active_deadline_seconds: Option<i64>,
    pub termination_grace_period_seconds: Option<i64>,
}

/// An object of the same namespace, by its name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct LocalReference {
    pub name: String,
}

/// A container as it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct Container {
    pub name: String,
    pub image: String,
    pub image_pull_policy: Option<String>,
    pub command: Vec<String>,
    pub restart_policy: Option<String>,
    pub resources: Resources,
}

/// What a container asks for and may use.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct Resources {
    pub requests: BTreeMap<String, String>,
    pub limits: BTreeMap<String, String>,
}

/// How a pod is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct PodStatus {
    pub phase: String,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub start_time: Option<Timestamp>,
    pub conditions: Vec<Condition>,
    pub init_container_statuses: Vec<ContainerStatus>,
    pub container_statuses: Vec<ContainerStatus>,
}

/// A condition, of whatever has some.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct Condition {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: String,
    pub reason: String,
    pub message: String,
    pub last_transition_time: Option<Timestamp>,
}

/// How a container is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct ContainerStatus {
    pub name: String,
    #[serde(rename = "containerID")]
    pub container_id: Option<String>,
    pub restart_count: i32,
    pub image: String,
    pub state: ContainerState,
    pub last_state: ContainerState,
}

/// Where a container stands: one of the three, or none of them before the kubelet has seen it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct ContainerState {
    pub waiting: Option<Waiting>,
    pub running: Option<Running>,
    pub terminated: Option<Terminated>,
}

/// A container that does not run yet.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct Waiting {
    pub reason: Option<String>,
    pub message: Option<String>,
}

/// A container that runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct Running {
    pub started_at: Option<Timestamp>,
}

/// A container that has ended.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct Terminated {
    pub exit_code: i32,
    pub signal: Option<i32>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    #[serde(rename = "containerID")]
    pub container_id: Option<String>,
}

/// A Job.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct Job {
    pub metadata: Meta,
    pub spec: JobSpec,
    pub status: JobStatus,
}

/// By which limits a Job runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct JobSpec {
    pub active_deadline_seconds: Option<i64>,
    pub backoff_limit: Option<i32>,
    pub suspend: Option<bool>,
}

/// How a Job is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct JobStatus {
    pub start_time: Option<Timestamp>,
    pub completion_time: Option<Timestamp>,
    pub active: i32,
    pub ready: i32,
    pub succeeded: i32,
    pub failed: i32,
    pub uncounted_terminated_pods: UncountedTerminatedPods,
    pub conditions: Vec<Condition>,
}

/// Pods that have ended, and are not in a Job's counts yet.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct UncountedTerminatedPods {
    pub succeeded: Vec<String>,
}

/// An OMJob.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct OMJob {
    pub metadata: Meta,
    pub spec: OMJobSpec,
    pub status: Option<OMJobStatus>,
}

/// By which limits an OMJob runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct OMJobSpec {
    pub active_deadline_seconds: Option<i64>,
}

/// An event, of `v1`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct Event {
    pub metadata: Meta,
    pub involved_object: Involved,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub count: Option<i64>,
    pub first_timestamp: Option<Timestamp>,
    pub last_timestamp: Option<Timestamp>,
    pub event_time: Option<Timestamp>,
    pub series: Option<Series>,
}

/// How often an event came.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct Series {
    pub count: Option<i64>,
    pub last_observed_time: Option<Timestamp>,
}

/// What an event is about.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is Kubernetes' field of that name")]
pub struct Involved {
    pub kind: String,
    pub name: String,
    pub uid: String,
    pub field_path: Option<String>,
}

impl Meta {
    /// The object that controls it.
    pub fn controller(&self) -> Option<&Owner> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// A label's value.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }
}

impl Event {
    /// When it came last.
    pub fn time(&self) -> Option<Timestamp> {
        let series = self.series.as_ref().and_then(|series| series.last_observed_time);
        let times = [series, self.last_timestamp, self.event_time, self.first_timestamp];
        times.into_iter().flatten().max().or(self.metadata.creation_timestamp)
    }

    /// How often it came.
    pub fn times(&self) -> i64 {
        let series = self.series.as_ref().and_then(|series| series.count);
        series.or(self.count).unwrap_or(1).max(1)
    }
}

impl Pod {
    /// Whether it is an exit handler's own pod.
    pub fn is_exit_handler(&self) -> bool {
        self.metadata.label(POD_TYPE_LABEL) == Some("exit-handler")
    }

    /// The container that does the run's work: `main`, or else the first, as OpenMetadata's own
    /// client has it. Its earlier versions named it otherwise in automations and applications.
    pub fn main_container(&self) -> &str {
        let names = || self.spec.containers.iter().map(|container| container.name.as_str());
        names().find(|name| *name == CONTAINER).or_else(|| names().next()).unwrap_or(CONTAINER)
    }

    /// How a container of it is, an init container too.
    pub fn status_of(&self, container: &str) -> Option<&ContainerStatus> {
        let status = &self.status;
        let all = status.container_statuses.iter().chain(&status.init_container_statuses);
        all.into_iter().find(|status| status.name == container)
    }

    /// A condition of it that holds, or does not: the one of this type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Whether it has ended, well or not.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.phase.as_str(), "Succeeded" | "Failed")
    }
}
