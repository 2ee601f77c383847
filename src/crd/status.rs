//! How far an OMJob is: upstream's fields, and the record by which its two pods are started once
//! each, whatever fails in between.

use compact_str::CompactString;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far an OMJob is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OMJobStatus {
    /// Its phase. None is Pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Name of the main pod, the last one where it was tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub main_pod_name: Option<CompactString>,
    /// Name of the exit handler's pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub exit_handler_pod_name: Option<CompactString>,
    /// When the operator took it up; activeDeadlineSeconds counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When it reached Succeeded or Failed; ttlSecondsAfterFinished counts from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
    /// What happened last, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Exit code of the main container, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_pod_exit_code: Option<i32>,
    /// When the phase last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Timestamp>,
    /// The generation of the spec that was last acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Complete, Failed and ExitHandlerCompleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The main stage: written before its pod is created. None: no main pod was ever intended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<MainStatus>,
    /// The exit stage: written before its pod is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_handler: Option<ExitHandlerStatus>,
    /// When activeDeadlineSeconds was found to be over: from here on the OMJob fails, whatever its
    /// main pod still does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_exceeded_time: Option<Timestamp>,
}

/// Where an OMJob stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Phase {
    /// No main pod runs yet.
    Pending,
    /// The main pod runs.
    Running,
    /// The main pod has ended; the exit handler is started or runs.
    ExitHandlerRunning,
    /// Ended; the main pod succeeded.
    Succeeded,
    /// Ended; the main pod did not succeed.
    Failed,
}

impl Phase {
    /// Whether this is an end, which is never left again.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// The name, as the API has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::ExitHandlerRunning => "ExitHandlerRunning",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

/// The main stage's record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MainStatus {
    /// How often a main pod was intended before this one.
    #[serde(default)]
    pub attempt: u32,
    /// The pod's name.
    #[schemars(with = "String")]
    pub pod_name: CompactString,
    /// The pod's UID, once it was seen to exist.
    #[serde(default, rename = "podUID", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub pod_uid: Option<CompactString>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<MainOutcome>,
    /// When it is tried again. None: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_time: Option<Timestamp>,
}

/// How a main pod ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MainOutcome {
    /// Whether it succeeded.
    pub succeeded: bool,
    /// Why, in a word: Completed, Error, OOMKilled, Evicted, Deleted, Lost, DeadlineExceeded, NeverStarted, Invalid, or the kubelet's own reason.
    #[schemars(with = "String")]
    pub reason: CompactString,
    /// When its end was recorded.
    pub time: Timestamp,
}

/// The exit stage's record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExitHandlerStatus {
    /// How often a pod was intended that never got a node.
    #[serde(default)]
    pub attempt: u32,
    /// The pod's name.
    #[schemars(with = "String")]
    pub pod_name: CompactString,
    /// When it was intended; exitHandlerDeadlineSeconds counts from here.
    pub time: Timestamp,
    /// The UID of the one pod that may run.
    #[serde(default, rename = "podUID", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub pod_uid: Option<CompactString>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ExitHandlerOutcome>,
}

/// How the exit stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExitHandlerOutcome {
    /// What became of it.
    pub result: ExitHandlerResult,
    /// Its exit code, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

/// What became of an exit handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ExitHandlerResult {
    /// It ran to its end with exit code 0.
    Completed,
    /// It ran to its end and failed.
    Failed,
    /// It may have run, and nobody knows how far. It is not run again.
    Interrupted,
    /// It never ran.
    NotRun,
}

impl ExitHandlerResult {
    /// The reason in the condition `ExitHandlerCompleted` and in events.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Completed => "ExitHandlerCompleted",
            Self::Failed => "ExitHandlerFailed",
            Self::Interrupted => "ExitHandlerInterrupted",
            Self::NotRun => "ExitHandlerNotRun",
        }
    }
}

/// A condition as Kubernetes has them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Complete, Failed or ExitHandlerCompleted.
    #[serde(rename = "type")]
    #[schemars(with = "String")]
    pub kind: CompactString,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in a word.
    #[schemars(with = "String")]
    pub reason: CompactString,
    /// Why, for people.
    #[serde(default)]
    pub message: String,
    /// When it last changed.
    pub last_transition_time: Timestamp,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody knows.
    Unknown,
}
