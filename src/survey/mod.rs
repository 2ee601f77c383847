//! What views of the whole project (`schedule`, `graph`, `secrets list`) take of a pipeline.
//!
//! In: a definition, the checked pipeline, and the objects that it was rendered to. Out: [`Seen`]:
//! names, times, amounts and places, without the trees. It decides nothing about what they mean.

mod planned;
mod requests;
pub mod secrets;
mod uses;

use compact_str::CompactString;

pub use planned::Planned;
pub use requests::Requests;
pub use uses::{Rendered, Use};

use crate::definition::IngestionPipeline;
use crate::manifest::Manifest;
use crate::model::secret_reference::SecretReference;
use crate::model::{Pipeline, SecretWay};
use crate::tree::{Node, Span, Value};

/// A pipeline as views of the whole project see it.
#[derive(Debug)]
pub struct Seen {
    /// When it runs, and what its pods request.
    pub planned: Planned,
    /// Where its name stands.
    pub place: Span,
    /// Where its schedule stands: the key, and the value.
    pub schedule: Option<(Span, Span)>,
    /// The ServiceConnection that it names.
    pub service: Option<CompactString>,
    /// The keys of Secrets that its workflow refers to, and where.
    pub secrets: Vec<(SecretReference, Span)>,
    /// How their values come to its pods.
    pub secret_way: SecretWay,
    /// The Secret with its whole workflow, of the ways that have one.
    pub own_secret: CompactString,
    /// The namespace of its pods.
    pub namespace: CompactString,
    /// Its objects.
    pub objects: Vec<Rendered>,
}

impl Seen {
    /// A checked pipeline, whose secrets are still references, before its objects are there.
    pub fn before(definition: &IngestionPipeline, pipeline: &Pipeline) -> Self {
        let mut secrets = Vec::new();
        references(&pipeline.workflow, &mut secrets);
        let schedule = definition.spec_entry("schedule");
        Self {
            planned: Planned::of(pipeline),
            place: definition.name_span(),
            schedule: schedule.map(|entry| (entry.key_span, entry.value.span)),
            service: definition.spec.service.as_deref().map(CompactString::from),
            secrets,
            secret_way: pipeline.parameters.secrets.clone(),
            own_secret: pipeline.names.secret.clone(),
            namespace: pipeline.parameters.namespace.as_str().into(),
            objects: Vec::new(),
        }
    }

    /// Adds the objects that it was rendered to.
    pub fn add(&mut self, objects: &[Manifest]) {
        self.planned.requests = Requests::of_objects(objects);
        self.objects = objects.iter().map(Rendered::of).collect();
    }
}

/// The references in a workflow.
fn references(node: &Node, found: &mut Vec<(SecretReference, Span)>) {
    if let Some(reference) = SecretReference::of(node) {
        found.push((reference, node.span));
        return;
    }
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| references(item, found)),
        Value::Mapping(mapping) => {
            mapping.iter().for_each(|entry| references(&entry.value, found));
        }
        _ => {}
    }
}
