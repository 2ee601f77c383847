//! The pods of an OMJob as upstream describes them, and what ours adds: a grace period and any
//! field of a pod template.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::pod_parts::{EnvVar, ImagePullSecret, PodTemplatePatch, Resources, Toleration, Whole};

/// One of an OMJob's two pods. Its container is named `main`.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OMJobPodSpec {
    /// Container image. The main pod needs one.
    #[serde(default)]
    // No default in the schema, which would be the empty text.
    #[schemars(extend("default" = null))]
    pub image: String,
    /// When the image is pulled: Always, IfNotPresent or Never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
    /// Secrets with which the image is pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<ImagePullSecret>>")]
    pub image_pull_secrets: Option<Vec<FreeForm>>,
    /// Service account of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Command of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Environment of the container: value, or valueFrom a ConfigMap, a Secret or a field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<EnvVar>>")]
    pub env: Option<Vec<FreeForm>>,
    /// Compute resources of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Resources>")]
    pub resources: Option<FreeForm>,
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Taints that the pod tolerates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<Toleration>>")]
    pub tolerations: Option<Vec<FreeForm>>,
    /// Security context of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Whole>")]
    pub security_context: Option<FreeForm>,
    /// Labels of the pod, besides the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations of the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Seconds between SIGTERM and SIGKILL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub termination_grace_period_seconds: Option<i64>,
    /// Any fields of a pod template, merged strategically over what the others give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<PodTemplatePatch>")]
    pub pod_template: Option<FreeForm>,
}

/// Shows no more than the image: the environment, and what a podTemplate adds to it, may hold secrets.
impl fmt::Debug for OMJobPodSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OMJobPodSpec").field("image", &self.image).finish_non_exhaustive()
    }
}

/// An object that is passed on as it is.
pub type FreeForm = Map<String, Value>;
