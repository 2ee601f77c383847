//! The shapes of what an OMJob's pod spec passes on as it is, for its schema alone: all that
//! upstream's CRDs describe, so that a mistake is refused when it is made. Nothing is required that
//! one of upstream's CRDs does not require: it prunes what another checks.
#![expect(dead_code, reason = "types that carry a schema, and are never built")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A Secret with which images are pulled.
#[derive(JsonSchema)]
pub(super) struct ImagePullSecret {
    /// Its name.
    name: Option<String>,
}

/// An environment variable.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvVar {
    /// Its name.
    name: Option<String>,
    /// Its value. `{{ omjob.uid }}` and `{{ omjob.name }}` stand for the OMJob's own.
    value: Option<String>,
    /// Where its value comes from. One that names nothing counts as not set.
    value_from: Option<EnvVarSource>,
}

/// Where the value of an environment variable comes from: one of these.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EnvVarSource {
    /// A key of a ConfigMap.
    config_map_key_ref: Option<KeySelector>,
    /// A key of a Secret.
    secret_key_ref: Option<KeySelector>,
    /// A field of the pod.
    field_ref: Option<FieldSelector>,
    /// A resource of a container.
    resource_field_ref: Option<ResourceFieldSelector>,
}

/// A key of a ConfigMap or Secret.
#[derive(JsonSchema)]
struct KeySelector {
    /// The name of the object, in the OMJob's namespace.
    name: Option<String>,
    /// The key.
    key: Option<String>,
    /// Whether the pod starts without it.
    optional: Option<bool>,
}

/// A field of the pod.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FieldSelector {
    /// The version of the API that the path is written for.
    api_version: Option<String>,
    /// The path of the field.
    field_path: Option<String>,
}

/// A resource of a container.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ResourceFieldSelector {
    /// The container.
    container_name: Option<String>,
    /// The resource: limits.memory, requests.cpu and so on.
    resource: Option<String>,
    /// The unit in which it is told.
    divisor: Option<Quantity>,
}

/// Compute resources.
#[derive(JsonSchema)]
pub(super) struct Resources {
    /// What the scheduler sets aside for the container.
    requests: Option<BTreeMap<String, Quantity>>,
    /// The most that the container may take.
    limits: Option<BTreeMap<String, Quantity>>,
    /// Resource claims of the pod that the container uses.
    claims: Option<Vec<ResourceClaim>>,
}

/// A resource claim of the pod.
#[derive(JsonSchema)]
struct ResourceClaim {
    /// Its name.
    name: String,
    /// The request within the claim. None: all of it.
    request: Option<String>,
}

/// A taint that the pod tolerates.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Toleration {
    /// The taint's key. None, with the operator Exists: any.
    key: Option<String>,
    /// How the value is compared.
    operator: Option<TolerationOperator>,
    /// The taint's value.
    value: Option<String>,
    /// The taint's effect. None: any.
    effect: Option<TaintEffect>,
    /// Seconds for which a NoExecute taint is tolerated. None: always.
    toleration_seconds: Option<i64>,
}

#[derive(JsonSchema)]
enum TolerationOperator {
    Equal,
    Exists,
    Gt,
    Lt,
}

#[derive(JsonSchema)]
enum TaintEffect {
    NoExecute,
    NoSchedule,
    PreferNoSchedule,
}

/// A pod template, each field of which may be missing.
#[derive(JsonSchema)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub(super) struct PodTemplatePatch {
    /// Labels, annotations and finalizers; the name and the owner are the operator's.
    metadata: Option<PodMetadataPatch>,
    /// Any fields of a pod.
    spec: Option<PodSpecPatch>,
}

#[derive(JsonSchema)]
struct PodMetadataPatch {
    /// Labels. Null removes one.
    labels: Option<BTreeMap<String, Nullable>>,
    /// Annotations. Null removes one.
    annotations: Option<BTreeMap<String, Nullable>>,
    /// Finalizers, besides the operator's own.
    finalizers: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend(
    "x-kubernetes-preserve-unknown-fields" = true,
    "x-kubernetes-validations" = [{
        "rule": "!has(self.restartPolicy) || self.restartPolicy == 'Never'",
        "message": "the pods of an OMJob run once: restartPolicy stays Never; backoffLimit says how often the main pod is tried again",
        "fieldPath": ".restartPolicy",
    }],
))]
struct PodSpecPatch {
    /// Never: the operator starts a failed main pod anew, as often as backoffLimit says.
    restart_policy: Option<String>,
}

/// A text, or null where a patch removes.
struct Nullable;

impl JsonSchema for Nullable {
    fn schema_name() -> Cow<'static, str> {
        "Nullable".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "nullable": true})
    }
}

/// A quantity, `500m` or `2`.
struct Quantity;

impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"x-kubernetes-int-or-string": true})
    }
}

/// An object that is passed on whole.
pub(super) struct Whole;

impl JsonSchema for Whole {
    fn schema_name() -> Cow<'static, str> {
        "Whole".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
    }
}
