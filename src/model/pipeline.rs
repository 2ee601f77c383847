//! A pipeline as everything after validation knows it.
//!
//! In: built by `validate` alone. Out: what `render` turns into manifests. What it holds has been
//! checked; the nodes in it (workflow, pod template) keep the spans of the texts that they came
//! from.

use compact_str::CompactString;

use super::{EntityKind, ObjectNames, Parameters, PipelineName, Schedule, TimeZone};
use crate::definition::PipelineType;
use crate::tree::{Mapping, Node, Span};

/// Where a pipeline's own values are written; nowhere, for those that are not.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each is the field of that name")]
pub struct Places {
    pub schedule: Span,
    pub time_zone: Span,
    pub enabled: Span,
}

/// What a pipeline's pods do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Work {
    /// They ingest.
    Ingestion {
        /// What.
        pipeline_type: PipelineType,
        /// OpenMetadata's fully qualified name of the pipeline, `service.pipeline`.
        fqn: CompactString,
    },
    /// They run an entity, once: there is no schedule, and nobody to report the end to.
    Entity(EntityKind),
}

/// One pipeline, with all that its layers say about it; or an entity that is run once on the same
/// terms.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name, as OpenMetadata knows it.
    pub name: PipelineName,
    /// Where its name stands.
    pub span: Span,
    /// The names of its objects.
    pub names: ObjectNames,
    /// The user's own labels, for its objects and pods.
    pub labels: Mapping,
    /// The user's own annotations, for its objects and pods.
    pub annotations: Mapping,
    /// What it does.
    pub work: Work,
    /// What it is for, in words.
    pub description: Option<String>,
    /// When it runs; none: by hand.
    pub schedule: Option<Schedule>,
    /// The time zone of the schedule; none: the cluster's.
    pub time_zone: Option<TimeZone>,
    /// Whether the schedule is followed.
    pub enabled: bool,
    /// Where these are written.
    pub places: Places,
    /// The effective workflow, or the entity; its secrets are references.
    pub workflow: Node,
    /// How it runs on Kubernetes.
    pub parameters: Parameters,
    /// The user's own pod template, to be merged over the rendered one.
    pub pod_template: Option<Node>,
}

impl Pipeline {
    /// What it does, in a word of OpenMetadata's: its `pipelineType`, or what kind of entity it runs.
    pub fn type_name(&self) -> &'static str {
        match &self.work {
            Work::Ingestion { pipeline_type, .. } => pipeline_type.as_str(),
            Work::Entity(kind) => kind.component(),
        }
    }

    /// OpenMetadata's fully qualified name of it; an entity that is run has none.
    pub fn fqn(&self) -> &str {
        match &self.work {
            Work::Ingestion { fqn, .. } => fqn,
            Work::Entity(_) => "",
        }
    }
}
