//! What concerns a set of definitions as a whole, or those of them that are part of no pipeline.
//!
//! In: definitions of one file or of all. Out: findings. Names that are there once are a matter of
//! [`rules::names`]. It decides nothing about a single pipeline.

use super::merge::{self, Layers, ServiceLayer};
use super::{Own, Validator, WORKFLOW, check_secrets, rules, service_layer};
use crate::definition::{Definitions, IngestionProject, Kind, PipelineType, ServiceConnection};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::tree::Node;

/// A set has one project.
pub fn one_project<'a>(
    projects: impl IntoIterator<Item = &'a IngestionProject>,
    found: &mut Diagnostics,
) {
    let mut projects = projects.into_iter();
    let Some(first) = projects.next() else { return };
    for other in projects {
        found.push(
            Diagnostic::error(
                &code::SECOND_PROJECT,
                other.name_span(),
                "a second IngestionProject",
            )
            .with_related(first.name_span(), "the first")
            .with_help("one project has one; render two projects one after the other"),
        );
    }
}

impl Validator<'_> {
    /// What is wrong with a file's definitions, whatever the others say: names of services, literal
    /// secrets of environments that are not chosen, and of what disagrees with the schema, what a
    /// rule refuses beside it.
    pub fn check_file(&self, definitions: &Definitions, found: &mut Diagnostics) {
        for service in &definitions.services {
            if let Some(name) = service.at(&["metadata", "name"]) {
                rules::names::service_name(name, "metadata.name", found);
            }
        }
        for environment in definitions.projects.iter().flat_map(IngestionProject::environments) {
            self.check_alone(environment.value.get("openMetadata"), None, None, found);
        }
        for broken in &definitions.broken {
            if broken.kind == Some(Kind::IngestionPipeline) {
                Own::of(&broken.node, found);
            }
            let at = |key| broken.node.at_route(&["spec", key]);
            let service = service_layer(&broken.node);
            self.check_alone(at("openMetadata"), service, at("workflow"), found);
        }
    }

    /// Looks for literal secrets in a service that no pipeline uses: it lies in Git all the same.
    pub fn check_unused_service(&self, service: &ServiceConnection, found: &mut Diagnostics) {
        self.check_alone(None, service_layer(&service.node), None, found);
    }

    /// The same in a project without pipelines.
    pub fn check_unused_project(&self, found: &mut Diagnostics) {
        let open_metadata = self.shared.project.and_then(IngestionProject::open_metadata);
        self.check_alone(open_metadata, None, None, found);
    }

    fn check_alone(
        &self,
        open_metadata: Option<&Node>,
        service: Option<ServiceLayer<'_>>,
        workflow: Option<&Node>,
        found: &mut Diagnostics,
    ) {
        let pipeline_type = PipelineType::Metadata;
        let layers = Layers { open_metadata, service, pipeline_type, workflow };
        check_secrets(&merge::effective_workflow(layers), self.shared.bundle, WORKFLOW, found);
    }
}
