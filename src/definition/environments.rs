//! Environments and patches as written: how one set of definitions differs from place to place.
//!
//! These types carry the schemas; [`environment`](crate::environment) reads the values from the
//! project's node, where they keep their places. [`TargetKind`] is the list of what a patch may
//! change.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use super::Kind;
use super::free_form::OpenMetadata;
use super::parameters::Parameters;

/// Environments by name.
pub type Environments = BTreeMap<String, Environment>;

/// What is different in one environment, which is chosen by `--environment`.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "carries a schema, is never built")]
pub struct Environment {
    /// The connection to this environment's OpenMetadata server: merged over the project's.
    open_metadata: Option<OpenMetadata>,
    /// The version of OpenMetadata in this environment. Default: the project's.
    #[schemars(example = &"1.13.6")]
    open_metadata_version: Option<String>,
    /// How ingestion runs on Kubernetes here: merged over the project's.
    #[schemars(example = serde_json::json!({"namespace": "openmetadata-prod"}))]
    kubernetes: Option<Parameters>,
    /// Changes to single definitions and rendered objects, one after the other.
    patches: Option<Vec<Patch>>,
}

/// A change to the definitions or rendered objects that its target names: exactly one of `merge`,
/// `strategic` and `json`.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "carries a schema, is never built")]
pub struct Patch {
    /// What is changed.
    target: Target,
    /// A JSON merge patch (RFC 7396): mappings are merged key by key, `null` removes a key, and
    /// everything else replaces what was there.
    #[schemars(example = serde_json::json!({"spec": {"kubernetes": {"resources": {"limits": {"memory": "8Gi"}}}}}))]
    merge: Option<Open>,
    /// A strategic merge patch, as Kubernetes merges it: containers, variables and volumes by their
    /// names. For rendered objects, and for `spec.podTemplate` of a pipeline.
    #[schemars(example = serde_json::json!({"spec": {"podTemplate": {"spec": {"priorityClassName": "batch"}}}}))]
    strategic: Option<Open>,
    /// A JSON Patch (RFC 6902): operations, one after the other.
    #[schemars(length(min = 1))]
    #[schemars(example = serde_json::json!([{"op": "replace", "path": "/spec/schedule", "value": "0 5 * * *"}]))]
    json: Option<Vec<Operation>>,
    /// Whether the patch may match nothing, and remove what is not there. Default: `false`: either
    /// is an error.
    #[schemars(extend("default" = false))]
    allow_no_match: Option<bool>,
}

/// What a patch changes: everything of a kind, or what of it has such a name and such labels.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PatchTarget")]
#[expect(dead_code, reason = "carries a schema, is never built")]
pub struct Target {
    /// The kind of definition, or of rendered object.
    kind: TargetKind,
    /// A pattern for the name: `*` stands for any characters, `?` for one. Default: any name.
    #[schemars(example = &"snowflake-*", length(min = 1))]
    name: Option<String>,
    /// The labels: a mapping, all of which must be there, or a selector as of `kubectl get -l`.
    /// Default: any.
    labels: Option<Selector>,
}

/// What a patch may change.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, JsonSchema)]
#[schemars(inline)]
pub enum TargetKind {
    /// The project's own definition.
    IngestionProject,
    /// Definitions of services.
    ServiceConnection,
    /// Definitions of pipelines.
    IngestionPipeline,
    /// Rendered: the workflows.
    ConfigMap,
    /// Rendered: pipelines on their schedules.
    CronJob,
    /// Rendered: pipelines on their schedules, for the operator.
    #[serde(rename = "CronOMJob")]
    CronOMJob,
    /// Rendered with `--run`: single runs.
    Job,
    /// Rendered with `--run`: single runs, for the operator.
    #[serde(rename = "OMJob")]
    OMJob,
    /// Rendered: whom the pods run as.
    ServiceAccount,
    /// Rendered: what the pods may do.
    Role,
    /// Rendered: that the pods may do it.
    RoleBinding,
    /// Rendered: Secrets from a store.
    ExternalSecret,
    /// Rendered: Secrets.
    Secret,
}

/// Labels to select by.
pub enum Selector {}

/// An operation of a JSON Patch.
#[derive(JsonSchema)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
#[schemars(rename = "JsonPatchOperation", transform = with_description_of_op)]
pub enum Operation {
    /// Sets a key, or puts an item into a list, before the one at its place; `-` is the end.
    Add {
        /// Where: a JSON Pointer.
        #[schemars(example = &"/spec/kubernetes/tolerations/-")]
        path: String,
        /// What.
        value: Value,
    },
    /// Removes what is there.
    Remove {
        /// Where: a JSON Pointer.
        #[schemars(example = &"/spec/kubernetes/nodeSelector")]
        path: String,
    },
    /// Replaces what is there.
    Replace {
        /// Where: a JSON Pointer.
        #[schemars(example = &"/spec/schedule")]
        path: String,
        /// By what.
        value: Value,
    },
    /// Moves a value.
    Move {
        /// From where: a JSON Pointer.
        from: String,
        /// To where: a JSON Pointer.
        path: String,
    },
    /// Copies a value.
    Copy {
        /// From where: a JSON Pointer.
        from: String,
        /// To where: a JSON Pointer.
        path: String,
    },
    /// Fails unless the value is there.
    Test {
        /// Where: a JSON Pointer.
        path: String,
        /// What has to be there.
        value: Value,
    },
}

/// The tag of an enum has no documentation of its own.
fn with_description_of_op(schema: &mut Schema) {
    let branches = schema.get_mut("oneOf").and_then(Value::as_array_mut);
    for branch in branches.into_iter().flatten() {
        if let Some(Value::Object(op)) = branch.pointer_mut("/properties/op") {
            op.insert("description".to_owned(), "What is done.".into());
        }
    }
}

/// Whatever the mapping holds.
type Open = Map<String, Value>;

impl TargetKind {
    /// All kinds, the definitions first.
    pub const ALL: [TargetKind; 13] = [
        Self::IngestionProject,
        Self::ServiceConnection,
        Self::IngestionPipeline,
        Self::ConfigMap,
        Self::CronJob,
        Self::CronOMJob,
        Self::Job,
        Self::OMJob,
        Self::ServiceAccount,
        Self::Role,
        Self::RoleBinding,
        Self::ExternalSecret,
        Self::Secret,
    ];

    /// The name, the value of `kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IngestionProject => Kind::IngestionProject.as_str(),
            Self::ServiceConnection => Kind::ServiceConnection.as_str(),
            Self::IngestionPipeline => Kind::IngestionPipeline.as_str(),
            Self::ConfigMap => "ConfigMap",
            Self::CronJob => "CronJob",
            Self::CronOMJob => "CronOMJob",
            Self::Job => "Job",
            Self::OMJob => "OMJob",
            Self::ServiceAccount => "ServiceAccount",
            Self::Role => "Role",
            Self::RoleBinding => "RoleBinding",
            Self::ExternalSecret => "ExternalSecret",
            Self::Secret => "Secret",
        }
    }

    /// The kind of a name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The kind of definition that it is; `None` for a rendered object.
    pub fn definition(self) -> Option<Kind> {
        Kind::find(self.as_str())
    }
}

impl JsonSchema for Selector {
    fn schema_name() -> Cow<'static, str> {
        "Selector".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                {"type": "object", "additionalProperties": {"type": "string"}},
                {"type": "string", "minLength": 1},
            ],
            "examples": [{"team": "finance"}, "team in (finance, sales), tier != test"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_written_as_the_schema_has_it() {
        let schema = crate::definition::schema(Some(Kind::IngestionProject));
        let kinds = &schema["definitions"]["PatchTarget"]["properties"]["kind"]["enum"];
        let names = TargetKind::ALL.map(TargetKind::as_str);
        assert_eq!(kinds, &serde_json::json!(names));
        for kind in TargetKind::ALL {
            assert_eq!(TargetKind::find(kind.as_str()), Some(kind));
        }
    }
}
