//! Where the values of a pipeline come from.
//!
//! In: a definition and its layers. Out: one tree of all that is effective for the pipeline, each
//! leaf with the place that set it; a leaf without a place is a built-in default. It shows what is
//! there, right or wrong, and is no check.

use crate::definition::{IngestionPipeline, IngestionProject};
use crate::diagnostic::Diagnostics;
use crate::tree::{Mapping, Node};

use super::Validator;
use super::merge::merge;
use super::parameters;

impl Validator<'_> {
    /// All that is effective for a pipeline: `schedule`, `timeZone`, `enabled`, `kubernetes`,
    /// `workflow`, `podTemplate`.
    pub fn explain(&self, pipeline: &IngestionPipeline) -> Node {
        let mut effective = Mapping::new();
        for key in ["type", "service", "schedule", "timeZone", "description"] {
            if let Some(node) = pipeline.at(&["spec", key]) {
                effective.insert(key, node.clone());
            }
        }
        let enabled = pipeline.at(&["spec", "enabled"]).cloned();
        effective.insert("enabled", enabled.unwrap_or_else(|| Node::new(true)));
        effective.insert("kubernetes", self.explain_kubernetes(pipeline));
        let service = self.service(pipeline, &mut Diagnostics::default()).flatten();
        effective.insert("workflow", self.effective_workflow(pipeline, service));
        if let Some(template) = pipeline.pod_template() {
            effective.insert("podTemplate", template.clone());
        }
        Node::new(effective)
    }

    /// The built-in parameters, and over them what the layers say.
    fn explain_kubernetes(&self, pipeline: &IngestionPipeline) -> Node {
        let mut effective = parameters::parameters(None, None, &mut Diagnostics::default())
            .map_or_else(|| Node::new(Mapping::new()), |built_in| Node::new(built_in.to_mapping()));
        let project = self.shared.project.and_then(IngestionProject::kubernetes);
        for layer in [project, pipeline.kubernetes()].into_iter().flatten() {
            merge(&mut effective, layer);
        }
        effective
    }
}
