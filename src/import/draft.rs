//! The intermediate form: pipelines as any origin gives them, before they are definitions.
//!
//! In: what the recognisers of [`super::origin`] make of files, exports and objects. Out:
//! [`Draft`]s, which [`super::convert()`] turns into definitions and knows no origin of.

use super::report::{Note, Skipped};
use crate::definition::PipelineType;
use crate::tree::{Mapping, Node, Span};

/// A pipeline on its way.
#[derive(Debug)]
pub(super) struct Draft {
    /// How the report calls it: its file, or its name in OpenMetadata or in the cluster.
    pub(super) label: String,
    /// Where its workflow stands, for who fetches the values of its secrets.
    pub(super) stands_in: String,
    /// What its origin calls parts of a workflow, where that is otherwise.
    pub(super) routes: Routes,
    /// Where its pods are said, likewise.
    pub(super) pod_stands_in: String,
    /// Where to point when something is wrong with it.
    pub(super) span: Span,
    /// Names for it, the plainest first.
    pub(super) names: Vec<String>,
    /// Its fully qualified name in OpenMetadata, where that is known apart from the workflow.
    pub(super) fqn: Option<String>,
    /// What it does.
    pub(super) pipeline_type: PipelineType,
    /// What it is for.
    pub(super) description: Option<String>,
    /// When it runs.
    pub(super) timing: Timing,
    /// The workflow.
    pub(super) workflow: Node,
    /// How much of the workflow that is.
    pub(super) form: Form,
    /// `spec.kubernetes`, with every parameter that the origin knows.
    pub(super) parameters: Mapping,
    /// `spec.podTemplate`.
    pub(super) pod_template: Mapping,
    /// What could not be taken along, a sentence each.
    pub(super) left_behind: Vec<String>,
}

/// Routes in a workflow, each with the one at which an origin has the same.
pub(super) type Routes = &'static [(&'static str, &'static str)];

/// Where a leaf of a workflow stands: `orders.yaml: source.serviceConnection.config.password`.
pub(super) fn place(stands_in: &str, routes: Routes, route: &[String]) -> String {
    let route = route.join(".");
    let other = routes.iter().find_map(|(here, there)| {
        let rest = route.strip_prefix(here)?;
        (rest.is_empty() || rest.starts_with('.')).then(|| format!("{there}{rest}"))
    });
    format!("{stands_in}: {}", other.unwrap_or(route))
}

/// When a pipeline runs.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Timing {
    /// `spec.schedule`.
    pub(super) schedule: Option<String>,
    /// `spec.timeZone`.
    pub(super) time_zone: Option<String>,
    /// `spec.enabled`.
    pub(super) enabled: bool,
}

impl Default for Timing {
    fn default() -> Self {
        Self { schedule: None, time_zone: None, enabled: true }
    }
}

/// How much of a workflow a draft has.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Form {
    /// All that runs, the connections included.
    Whole,
    /// What OpenMetadata stores of it: the connection to the server, and a service's own, are for
    /// the layers below to say.
    Partial {
        /// The [`Record`] that it ingests from, by its name.
        service: Option<String>,
    },
}

/// A service of OpenMetadata's record.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Record {
    /// The export that it stands in; empty where only its name is known.
    pub(super) stands_in: String,
    /// What that calls parts of a workflow.
    pub(super) routes: Routes,
    /// Its name.
    pub(super) name: String,
    /// Its connector, as in `source.type`; empty where it is unknown.
    pub(super) service_type: String,
    /// Its connection, where the export has it.
    pub(super) connection: Option<Node>,
}

/// What the origins give together.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    /// The pipelines; what comes first has the first choice of a name.
    pub(super) pipelines: Vec<Draft>,
    /// The services that pipelines of a [`Form::Partial`] name, each once.
    pub(super) records: Vec<Record>,
    /// What was left out.
    pub(super) skipped: Vec<Skipped>,
    /// What concerns no pipeline alone.
    pub(super) notes: Vec<Note>,
    /// How the server is reached, where only a guess is to be had.
    pub(super) server: Option<Node>,
}

impl Draft {
    /// A pipeline of which nothing is known but its workflow.
    pub(super) fn of_workflow(label: String, pipeline_type: PipelineType, workflow: Node) -> Self {
        Self {
            stands_in: label.clone(),
            label,
            routes: &[],
            pod_stands_in: String::new(),
            span: workflow.span,
            names: Vec::new(),
            fqn: None,
            pipeline_type,
            description: None,
            timing: Timing::default(),
            workflow,
            form: Form::Whole,
            parameters: Mapping::new(),
            pod_template: Mapping::new(),
            left_behind: Vec::new(),
        }
    }

    /// Notes something that is not as it was.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.left_behind.push(text.into());
    }

    /// Whether two drafts say the same of the same pipeline, wherever they stand.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        self.fqn == other.fqn
            && self.pipeline_type == other.pipeline_type
            && self.description == other.description
            && self.timing == other.timing
            && self.workflow == other.workflow
            && self.form == other.form
            && self.parameters == other.parameters
            && self.pod_template == other.pod_template
    }
}
