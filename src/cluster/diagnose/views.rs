//! Pods, events and logs as a diagnosis shows them.
//!
//! In: objects. Out: what people and programs look at of them, redacted.

use jiff::Timestamp;
use serde::Serialize;

use super::pod::{Kind, kind_of_init};
use crate::cluster::observed::{ContainerState, Event, Pod};
use crate::diagnostic::redact;

/// A pod.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodView {
    /// Its name.
    pub name: String,
    /// Pending, Running, Succeeded, Failed or Unknown.
    pub phase: String,
    /// Why, if the pod as a whole has a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// When its node took it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Its containers, main first.
    pub containers: Vec<ContainerView>,
}

/// A container.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerView {
    /// Its name.
    pub name: String,
    /// `main`, `init` or `sidecar`.
    pub kind: &'static str,
    /// `waiting`, `running` or `terminated`.
    pub state: &'static str,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its exit code, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// What that code means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<String>,
    /// When it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// How often it was started again.
    pub restarts: i32,
}

/// An event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    /// When it came last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// How often it came.
    pub count: i64,
    /// Normal or Warning.
    #[serde(rename = "type")]
    pub kind: String,
    /// Why, in a word.
    pub reason: String,
    /// What it is about, such as `pod/NAME`.
    pub object: String,
    /// What happened.
    pub message: String,
}

/// The end of a log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogView {
    /// Whose.
    pub pod: String,
    /// Of which container.
    pub container: String,
    /// Its last lines.
    pub lines: Vec<String>,
}

impl LogView {
    /// The lines of a log's end, without what looks like a secret. What is no UTF-8 is replaced.
    pub fn new(pod: impl Into<String>, container: impl Into<String>, end: &[u8]) -> Self {
        let text = String::from_utf8_lossy(end);
        let lines = redact::log(&text).lines().map(str::to_owned).collect();
        Self { pod: pod.into(), container: container.into(), lines }
    }
}

pub(super) fn pod(pod: &Pod) -> PodView {
    let inits = &pod.spec.init_containers;
    let kind = |name: &str| match inits.iter().find(|init| init.name == name).map(kind_of_init) {
        None | Some(Kind::Main) => "main",
        Some(Kind::Init) => "init",
        Some(Kind::Sidecar) => "sidecar",
    };
    let status = &pod.status;
    let statuses = status.container_statuses.iter().chain(&status.init_container_statuses);
    let containers = statuses.map(|one| {
        let ContainerState { waiting, running, terminated } = &one.state;
        let exit_code = terminated.as_ref().map(|end| end.exit_code);
        let reason = terminated.as_ref().and_then(|end| end.reason.clone());
        let started = running.as_ref().and_then(|running| running.started_at);
        ContainerView {
            name: one.name.clone(),
            kind: kind(&one.name),
            state: match (running, terminated) {
                (Some(_), _) => "running",
                (None, Some(_)) => "terminated",
                (None, None) => "waiting",
            },
            reason: reason.or_else(|| waiting.as_ref().and_then(|waiting| waiting.reason.clone())),
            exit_code,
            meaning: exit_code.map(super::exit::meaning),
            started_at: started.or_else(|| terminated.as_ref().and_then(|end| end.started_at)),
            finished_at: terminated.as_ref().and_then(|end| end.finished_at),
            restarts: one.restart_count,
        }
    });
    PodView {
        name: pod.metadata.name.clone(),
        phase: status.phase.clone(),
        reason: status.reason.clone(),
        node: pod.spec.node_name.clone(),
        started_at: status.start_time,
        containers: containers.collect(),
    }
}

/// The newest events, in the order in which they came.
pub(super) fn events(events: &[Event], most: usize) -> Vec<EventView> {
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_key(|event| event.time());
    let first = events.len().saturating_sub(most);
    events[first..].iter().map(|event| self::event(event)).collect()
}

fn event(event: &Event) -> EventView {
    let about = &event.involved_object;
    let message = event.message.as_deref().unwrap_or_default().trim();
    EventView {
        time: event.time(),
        count: event.times(),
        kind: event.kind.clone().unwrap_or_else(|| "Normal".to_owned()),
        reason: event.reason.clone().unwrap_or_default(),
        object: format!("{}/{}", about.kind.to_lowercase(), about.name),
        message: redact::value(&[], message).into_owned(),
    }
}
