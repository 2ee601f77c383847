//! An OMJob: one run of a pipeline in two stages, main and exit handler.
#![expect(clippy::duplicated_attributes, reason = "a printer column is an attribute each")]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pod_spec::OMJobPodSpec;
use super::status::OMJobStatus;

/// What an OMJob runs, and by which limits.
#[derive(CustomResource, Clone, Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "pipelines.openmetadata.org",
    version = "v1",
    kind = "OMJob",
    plural = "omjobs",
    singular = "omjob",
    shortname = "omj",
    category = "openmetadata",
    namespaced,
    status = "OMJobStatus",
    derive = "PartialEq",
    doc = "One run of an ingestion pipeline in two stages: a main pod, and an exit handler that runs after every end of it.",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Main Pod", type_ = "string", json_path = ".status.mainPodName"),
    printcolumn(name = "Exit Handler", type_ = "string", json_path = ".status.exitHandlerPodName"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "has(self.exitHandlerSpec) || !has(self.exitHandlerDeadlineSeconds)",
        "message": "exitHandlerDeadlineSeconds is for an exitHandlerSpec, and there is none",
        "fieldPath": ".exitHandlerDeadlineSeconds",
    },
    {
        "rule": "has(self.exitHandlerSpec) || !has(self.exitHandlerPolicy)",
        "message": "exitHandlerPolicy is for an exitHandlerSpec, and there is none",
        "fieldPath": ".exitHandlerPolicy",
    },
]))]
pub struct OMJobSpec {
    /// The main pod: the ingestion itself.
    #[schemars(extend("required" = ["image"]))]
    pub main_pod_spec: OMJobPodSpec,
    /// The exit handler's pod, started once after the main pod has ended, however it ended. None: the OMJob ends with its main pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_handler_spec: Option<OMJobPodSpec>,
    /// Seconds after its end at which the OMJob is deleted, and its pods with it. None, or a negative number: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<i64>,
    /// Seconds that the main stage may take, retries and waiting for a node included. The exit handler has a deadline of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub active_deadline_seconds: Option<i64>,
    /// How often a failed main pod is tried again, after 10 s, 20 s, 40 s and so on, at most 6 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("default" = 0))]
    pub backoff_limit: Option<i32>,
    /// Seconds within which the exit handler has to end, from the main stage's end. One that was not even started by then is given up. None: 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub exit_handler_deadline_seconds: Option<i64>,
    /// What a failed exit handler means for an OMJob whose main pod succeeded. None: Ignore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_handler_policy: Option<ExitHandlerPolicy>,
    /// Seconds after which a pod on an unreachable node counts as lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0), extend("default" = Self::NODE_LOST_TIMEOUT_SECONDS))]
    pub node_lost_timeout_seconds: Option<i64>,
}

/// What a failed exit handler means for an OMJob whose main pod succeeded. Ignore, the default: it succeeded, and a condition tells. Fail: it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum ExitHandlerPolicy {
    /// The OMJob succeeded; a condition tells of the exit handler.
    #[default]
    Ignore,
    /// The OMJob failed.
    Fail,
}

impl OMJobSpec {
    /// `exitHandlerDeadlineSeconds` where it is not set: an hour, as long as a full cluster may keep
    /// a small pod waiting.
    pub const EXIT_HANDLER_DEADLINE_SECONDS: i64 = 3600;
    /// `nodeLostTimeoutSeconds` where it is not set: as long as Kubernetes tolerates an
    /// unreachable node before it evicts.
    pub const NODE_LOST_TIMEOUT_SECONDS: i64 = 300;
}
