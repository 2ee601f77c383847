//! The three kinds as written: their specs, and [`Definition`], which holds one with the text that
//! it came from.
//!
//! What ompipe itself looks at is typed. What it passes on (a workflow, a connection, a pod
//! template) stays in the definition's node, reached by the functions below, so that no value is
//! converted and every span is kept.

use schemars::JsonSchema;
use serde::Deserialize;

use super::as_node::AsNode;
use super::environments::{Environments, Patch};
use super::free_form::{Connection, OpenMetadata, PodTemplate, Workflow};
use super::parameters::Parameters;
use super::pipeline_type::PipelineType;
use crate::tree::{Entry, Node, Span};

/// A definition that agrees with the schema of its kind.
#[derive(Clone, Debug)]
pub struct Definition<Spec> {
    /// Its name, labels and annotations.
    pub metadata: Metadata,
    /// What it says, as far as it is typed.
    pub spec: Spec,
    /// The whole document.
    pub node: Node,
}

/// The project: what all its pipelines have in common.
pub type IngestionProject = Definition<IngestionProjectSpec>;
/// A service and how to reach it.
pub type ServiceConnection = Definition<ServiceConnectionSpec>;
/// A pipeline.
pub type IngestionPipeline = Definition<IngestionPipelineSpec>;

/// What identifies a definition.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// The name: of a project for messages, of a service as OpenMetadata knows it, of a pipeline as
    /// its objects are named after it.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Labels, which the rendered objects carry too.
    pub labels: Option<Labels>,
    /// Annotations, which the rendered objects carry too.
    pub annotations: Option<Annotations>,
}

/// Labels in written order.
pub type Labels = super::written::StringMap;
/// Annotations in written order.
pub type Annotations = super::written::StringMap;

/// What all pipelines of the project have in common.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngestionProjectSpec {
    /// How the pipelines reach the OpenMetadata server: it becomes
    /// `workflowConfig.openMetadataServerConfig` of each workflow, whole.
    pub open_metadata: Option<AsNode<OpenMetadata>>,
    /// The version of OpenMetadata whose schema workflows are checked against, as imported by
    /// `ompipe spec import`. Left out: OpenMetadata's own fields are not checked.
    #[schemars(example = &"1.13.6")]
    pub open_metadata_version: Option<String>,
    /// How ingestion runs on Kubernetes, for all pipelines.
    pub kubernetes: Option<AsNode<Parameters>>,
    /// What is different in each environment, by its name. `--environment` chooses one; without it
    /// none applies.
    #[schemars(example = serde_json::json!({"prod": {"kubernetes": {"namespace": "openmetadata-prod"}}}))]
    pub environments: Option<AsNode<Environments>>,
    /// Changes to definitions and rendered objects that hold in every environment and without one,
    /// before those of the environment.
    pub patches: Option<AsNode<Vec<Patch>>>,
    /// What Argo CD, where it applies the objects, is told about them.
    #[serde(rename = "argoCD")]
    pub argo_cd: Option<ArgoCd>,
}

/// What Argo CD is told about the objects that it applies.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArgoCd {
    /// Whether each object says by `argocd.argoproj.io/sync-wave` when it is applied: what others
    /// refer to first. An annotation of one's own wins. Default: `false`.
    #[schemars(extend("default" = false))]
    pub sync_waves: Option<bool>,
}

/// A service and how to reach it, once for all its pipelines.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceConnectionSpec {
    /// The connector, as in `source.type` of a workflow, without the suffixes `-usage` and
    /// `-lineage`.
    #[serde(rename = "type")]
    #[schemars(example = &"snowflake", example = &"postgres", example = &"tableau", length(min = 1))]
    pub service_type: String,
    /// The connection: it becomes `source.serviceConnection` of each workflow, whole.
    /// Left out: OpenMetadata's own record of the service is used.
    pub connection: Option<AsNode<Connection>>,
}

/// What a pipeline ingests, when, and how it differs from the project's others.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngestionPipelineSpec {
    /// The name of the ServiceConnection that the pipeline ingests from. Left out:
    /// `workflow.source` is written in full.
    #[schemars(example = &"snowflake-prod", length(min = 1))]
    pub service: Option<String>,
    /// What the pipeline does: OpenMetadata's pipeline type.
    #[serde(rename = "type")]
    pub pipeline_type: PipelineType,
    /// When it runs: minute, hour, day of the month, month, day of the week; or `@hourly`,
    /// `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`, `@every 6h`. Left out:
    /// it is rendered suspended, to be started by hand.
    #[schemars(example = &"0 3 * * *", example = &"@daily")]
    #[schemars(regex(
        pattern = r"^\s*(@(hourly|daily|midnight|weekly|monthly|yearly|annually|every\s+\S+)|\S+(\s+\S+){4})\s*$"
    ))]
    pub schedule: Option<String>,
    /// The time zone that the schedule is read in, by its name in the IANA database. Default: the
    /// cluster's.
    #[schemars(example = &"Europe/Zurich", example = &"Etc/UTC")]
    #[schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$"))]
    pub time_zone: Option<String>,
    /// Whether the schedule is followed. A disabled pipeline is rendered suspended. Default:
    /// `true`.
    #[schemars(extend("default" = true))]
    pub enabled: Option<bool>,
    /// What the pipeline is for, in words.
    #[schemars(example = &"Tables, views and columns of the warehouse, every night.")]
    pub description: Option<String>,
    /// OpenMetadata's own workflow, verbatim. It wins over what project and service supply.
    pub workflow: Option<AsNode<Workflow>>,
    /// How ingestion runs on Kubernetes, for this pipeline alone.
    pub kubernetes: Option<AsNode<Parameters>>,
    /// Any field of a pod template: merged strategically over the one that is rendered.
    pub pod_template: Option<AsNode<PodTemplate>>,
}

impl<Spec> Definition<Spec> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Where its name stands.
    pub fn name_span(&self) -> Span {
        self.node.at_route(&["metadata", "name"]).map_or(self.node.span, |name| name.span)
    }

    /// The node at a route of keys.
    pub fn at(&self, route: &[&str]) -> Option<&Node> {
        self.node.at_route(route)
    }

    /// An entry of the spec: its value and where its key stands.
    pub fn spec_entry(&self, key: &str) -> Option<&Entry> {
        self.node.get("spec")?.as_mapping()?.entry(key)
    }

    fn spec_node(&self, key: &str) -> Option<&Node> {
        self.spec_entry(key).map(|entry| &entry.value)
    }
}

impl IngestionProject {
    /// `spec.openMetadata`.
    pub fn open_metadata(&self) -> Option<&Node> {
        self.spec_node("openMetadata")
    }

    /// `spec.kubernetes`: parameters for all pipelines.
    pub fn kubernetes(&self) -> Option<&Node> {
        self.spec_node("kubernetes")
    }

    /// `spec.environments`: their names with what each holds, in written order.
    pub fn environments(&self) -> impl Iterator<Item = &Entry> {
        self.spec_node("environments").and_then(Node::as_mapping).into_iter().flatten()
    }

    /// `spec.patches`.
    pub fn patches(&self) -> Option<&Node> {
        self.spec_node("patches")
    }
}

impl ServiceConnection {
    /// `spec.connection`.
    pub fn connection(&self) -> Option<&Node> {
        self.spec_node("connection")
    }
}

impl IngestionPipeline {
    /// `spec.workflow`.
    pub fn workflow(&self) -> Option<&Node> {
        self.spec_node("workflow")
    }

    /// `spec.kubernetes`: parameters for this pipeline alone.
    pub fn kubernetes(&self) -> Option<&Node> {
        self.spec_node("kubernetes")
    }

    /// `spec.podTemplate`.
    pub fn pod_template(&self) -> Option<&Node> {
        self.spec_node("podTemplate")
    }

    /// Whether its schedule is followed.
    pub fn enabled(&self) -> bool {
        self.spec.enabled.unwrap_or(true)
    }
}
