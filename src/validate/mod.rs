//! Definitions → pipelines: merged, checked, and nothing raw left.
//!
//! In: [`Definitions`], each of which agrees with the schema of its kind. Out: per pipeline a
//! [`Pipeline`], or findings at the lines that are at fault. The steps of one pipeline:
//! `parameters` (merged and resolved) → [`merge`] (the effective workflow) → [`rules`] and
//! OpenMetadata's own schema. It does no I/O and knows no clock.

mod entity;
pub mod explain;
pub mod merge;
mod parameters;
pub mod rules;
pub mod set;

use std::collections::HashMap;

use compact_str::CompactString;

use crate::definition::{
    Broken, Definitions, IngestionPipeline, IngestionProject, Kind, PipelineType, ServiceConnection,
};
use crate::diagnostic::{Diagnostic, Diagnostics, code, did_you_mean};
use crate::model::{
    Namespace, ObjectNames, Parameters, Pipeline, PipelineName, Places, Schedule, TimeZone, Work,
    fully_qualified_name,
};
use crate::spec::Bundle;
use crate::spec::secret_fields::ByName;
use crate::tree::{Mapping, Node, Span};
use merge::{Layers, ServiceLayer};

/// The service that OpenMetadata files its own pipelines under: data insight, the search index,
/// applications.
pub const OPEN_METADATA_SERVICE: &str = "OpenMetadata";

/// Where a pipeline's definition has its workflow.
const WORKFLOW: &str = "spec.workflow";

/// What the pipelines of a set have in common, and what they may name.
#[derive(Clone, Default, Debug)]
pub struct Shared<'a> {
    project: Option<&'a IngestionProject>,
    services: HashMap<&'a str, &'a ServiceConnection>,
    broken: Vec<&'a Broken>,
    bundle: Option<&'a Bundle>,
}

impl<'a> Shared<'a> {
    /// OpenMetadata's schema, and no definitions yet.
    pub fn by(bundle: Option<&'a Bundle>) -> Self {
        Self { bundle, ..Self::default() }
    }

    /// Adds what a file, or a set of them, defines for others. Of several projects the first counts.
    #[must_use]
    pub fn with(mut self, definitions: &'a Definitions) -> Self {
        self.project = self.project.or(definitions.project());
        self.services.extend(definitions.services.iter().map(|service| (service.name(), service)));
        self.broken.extend(&definitions.broken);
        self
    }
}

/// Validates pipelines, each by itself: by what they share, which was looked at once.
#[derive(Debug)]
pub struct Validator<'a> {
    shared: Shared<'a>,
    /// What pipelines without parameters of their own have in common.
    parameters: Option<Parameters>,
}

impl<'a> Validator<'a> {
    /// Checks the project's own parameters. What concerns a set as a whole is in [`set`].
    pub fn new(shared: Shared<'a>, found: &mut Diagnostics) -> Self {
        let kubernetes = shared.project.and_then(IngestionProject::kubernetes);
        let parameters = parameters::parameters(kubernetes, None, found);
        Self { shared, parameters }
    }

    /// The namespace that the project says, or that it has by default; `None` when its parameters are
    /// wrong.
    pub fn project_namespace(&self) -> Option<&Namespace> {
        self.parameters.as_ref().map(|parameters| &parameters.namespace)
    }

    /// Whether objects are to have Argo CD's sync waves.
    pub fn sync_waves(&self) -> bool {
        let argo_cd = self.shared.project.and_then(|project| project.spec.argo_cd.as_ref());
        argo_cd.and_then(|argo_cd| argo_cd.sync_waves).unwrap_or(false)
    }

    /// One pipeline, with what its layers make of it; `None` when anything in it is wrong, which is
    /// then among the findings.
    pub fn pipeline(
        &self,
        definition: &IngestionPipeline,
        found: &mut Diagnostics,
    ) -> Option<Pipeline> {
        let mut own = Diagnostics::default();
        let pipeline = self.checked(definition, &mut own);
        let sound = !own.has_errors();
        found.append(own);
        pipeline.filter(|_| sound)
    }

    fn checked(&self, definition: &IngestionPipeline, found: &mut Diagnostics) -> Option<Pipeline> {
        let own = Own::of(&definition.node, found);
        let parameters = self.parameters(definition, found);
        let service = self.service(definition, found);
        let workflow = self.effective_workflow(definition, service.flatten());
        check_secrets(&workflow, self.shared.bundle, WORKFLOW, found);
        service?;
        let workflow = self.workflow(definition, workflow, found)?;
        let (Own { name, schedule, time_zone }, parameters) = (own?, parameters?);
        let names = ObjectNames::of(&name);
        let output = parameters::output(parameters.use_om_job_operator);
        rules::names::changed_name(&name, &names, output, definition.name_span(), found);
        let place = |key| definition.at(&["spec", key]).map_or(Span::NONE, |node| node.span);
        Some(Pipeline {
            span: definition.name_span(),
            names,
            labels: entries(definition.at(&["metadata", "labels"])),
            annotations: entries(definition.at(&["metadata", "annotations"])),
            work: Work::Ingestion {
                pipeline_type: definition.spec.pipeline_type,
                fqn: workflow.fqn,
            },
            description: definition.spec.description.clone(),
            schedule,
            time_zone,
            enabled: definition.enabled(),
            places: Places {
                schedule: place("schedule"),
                time_zone: place("timeZone"),
                enabled: place("enabled"),
            },
            workflow: workflow.node,
            parameters,
            pod_template: definition.pod_template().cloned(),
            name,
        })
    }

    fn parameters(
        &self,
        definition: &IngestionPipeline,
        found: &mut Diagnostics,
    ) -> Option<Parameters> {
        let Some(own) = definition.kubernetes() else {
            return self.parameters.clone();
        };
        let project = self.shared.project.and_then(IngestionProject::kubernetes);
        parameters::parameters(project, Some(own), found)
    }

    /// The layer of the service that a pipeline names: the outer `None` when there is no such
    /// service.
    fn service(
        &self,
        definition: &IngestionPipeline,
        found: &mut Diagnostics,
    ) -> Option<Option<ServiceLayer<'a>>> {
        let Some(node) = definition.at(&["spec", "service"]) else {
            return Some(None);
        };
        let name = node.as_str()?;
        if let Some(service) = self.shared.services.get(name) {
            return Some(service_layer(&service.node));
        }
        let is_broken = |broken: &&Broken| broken.may_be(Kind::ServiceConnection, name);
        if !self.shared.broken.iter().any(is_broken) {
            let finding = Diagnostic::error(
                &code::UNKNOWN_SERVICE,
                node.span,
                format!("there is no ServiceConnection `{name}`"),
            )
            .with_route("spec.service");
            let help = did_you_mean(name, self.shared.services.keys().copied()).unwrap_or_else(|| {
                "define one of that name, or leave `service` out and write `workflow.source` in full"
                    .to_owned()
            });
            found.push(finding.with_help(help));
        }
        None
    }

    fn effective_workflow(
        &self,
        definition: &IngestionPipeline,
        service: Option<ServiceLayer<'_>>,
    ) -> Node {
        merge::effective_workflow(Layers {
            open_metadata: self.shared.project.and_then(IngestionProject::open_metadata),
            service,
            pipeline_type: definition.spec.pipeline_type,
            workflow: definition.workflow(),
        })
    }

    /// Completes the effective workflow and checks it.
    fn workflow(
        &self,
        definition: &IngestionPipeline,
        mut workflow: Node,
        found: &mut Diagnostics,
    ) -> Option<Workflow> {
        let fqn = filed_under(definition, &workflow, found)?;
        if let Some(parts) = workflow.as_mapping_mut()
            && parts.get("ingestionPipelineFQN").is_none()
        {
            parts.insert("ingestionPipelineFQN", Node::at(fqn.clone(), definition.name_span()));
        }
        match self.shared.bundle {
            // What a project says that cannot be read is not known.
            None if self.shared.broken.iter().any(|one| one.may_be_a(Kind::IngestionProject)) => {}
            None => check_server(definition, &workflow, found),
            Some(bundle) => bundle.check_workflow(&workflow, found),
        }
        Some(Workflow { node: workflow, fqn })
    }
}

/// What a pipeline says by itself, whatever its layers say.
struct Own {
    name: PipelineName,
    schedule: Option<Schedule>,
    time_zone: Option<TimeZone>,
}

impl Own {
    fn of(definition: &Node, found: &mut Diagnostics) -> Option<Self> {
        let at = |route: &[&str]| definition.at_route(route);
        let name = at(&["metadata", "name"])
            .and_then(|node| rules::names::pipeline_name(node, "metadata.name", found));
        if let Some(labels) = at(&["metadata", "labels"]) {
            rules::names::labels(labels, "metadata.labels", found);
        }
        if let Some(annotations) = at(&["metadata", "annotations"]) {
            rules::names::annotations(annotations, "metadata.annotations", found);
        }
        let schedule = at(&["spec", "schedule"])
            .map(|node| rules::schedule::schedule(node, "spec.schedule", found));
        let time_zone = at(&["spec", "timeZone"])
            .map(|node| rules::schedule::time_zone(node, "spec.timeZone", found));
        // An inner `None` is a value that was refused.
        let schedule = schedule.map_or(Some(None), |schedule| schedule.map(Some))?;
        let time_zone = time_zone.map_or(Some(None), |time_zone| time_zone.map(Some))?;
        Some(Self { name: name?, schedule, time_zone })
    }
}

struct Workflow {
    node: Node,
    fqn: CompactString,
}

fn entries(mapping: Option<&Node>) -> Mapping {
    mapping.and_then(Node::as_mapping).cloned().unwrap_or_default()
}

/// What a service's definition gives to a workflow.
fn service_layer(service: &Node) -> Option<ServiceLayer<'_>> {
    Some(ServiceLayer {
        name: service.at_route(&["metadata", "name"])?,
        source_type: service.at_route(&["spec", "type"])?,
        connection: service.at_route(&["spec", "connection"]),
    })
}

/// Literal secrets and references in a workflow; which fields are secret, OpenMetadata's schema
/// knows best.
fn check_secrets(workflow: &Node, bundle: Option<&Bundle>, route: &str, found: &mut Diagnostics) {
    match bundle {
        None => rules::secrets::workflow(workflow, &ByName, route, found),
        Some(bundle) => {
            rules::secrets::workflow(workflow, &bundle.secret_fields(workflow), route, found);
        }
    }
}

/// Whether the workflow says where OpenMetadata is. With OpenMetadata's schema at hand, that says so itself.
fn check_server(definition: &IngestionPipeline, workflow: &Node, found: &mut Diagnostics) {
    const SERVER: [&str; 3] = ["workflowConfig", "openMetadataServerConfig", "hostPort"];
    if workflow.at_route(&SERVER).is_none() {
        found.push(
            Diagnostic::error(
                &code::NO_SERVER,
                definition.name_span(),
                format!("nothing says where the OpenMetadata server of `{}` is", definition.name()),
            )
            .with_help("set `spec.openMetadata.hostPort` in the IngestionProject"),
        );
    }
}

/// The name that OpenMetadata files a pipeline under.
fn filed_under(
    definition: &IngestionPipeline,
    workflow: &Node,
    found: &mut Diagnostics,
) -> Option<CompactString> {
    if let Some(fqn) = workflow.get("ingestionPipelineFQN").and_then(Node::as_str) {
        return Some(fqn.into());
    }
    let service = match workflow.at_route(&["source", "serviceName"]).and_then(Node::as_str) {
        Some(service) => service,
        None => match definition.spec.pipeline_type {
            PipelineType::DataInsight
            | PipelineType::ElasticSearchReindex
            | PipelineType::Application => OPEN_METADATA_SERVICE,
            _ => {
                found.push(
                    Diagnostic::error(
                        &code::NO_SERVICE,
                        definition.name_span(),
                        format!("pipeline `{}` has no service", definition.name()),
                    )
                    .with_note(
                        "OpenMetadata files a pipeline under its service: `service.pipeline`",
                    )
                    .with_help("set `spec.service`, or `spec.workflow.source.serviceName`"),
                );
                return None;
            }
        },
    };
    Some(fully_qualified_name(service, definition.name()))
}
