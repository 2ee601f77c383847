//! Where the values of a pipeline come from.
//!
//! In: a definition, what it builds on, and the environment. Out: per layer, from the built-in
//! defaults to the last patch, all that is effective with it and those below: where two of them
//! differ, the layer set a value or took it away. Each leaf has the place that set it; one without
//! a place is a built-in default. It shows what is there, right or wrong, and is no check.

use crate::definition::deserialize::from_node;
use crate::definition::{
    IngestionPipeline, IngestionProject, Kind, PipelineType, ServiceConnection,
};
use crate::diagnostic::Diagnostics;
use crate::environment::{Environment, Step};
use crate::tree::{Mapping, Node, Span, merge};

use super::merge::{Layers, effective_workflow};
use super::{parameters, service_layer};

/// A layer of a pipeline's values.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What it is called: `default`, `project`, `environment prod`, `service`, `pipeline`,
    /// `patch 2 of prod`.
    pub name: String,
    /// Where it is written; nowhere, of the built-in defaults.
    pub span: Span,
    /// All that is effective with it and those below it: `schedule`, `timeZone`, `enabled`,
    /// `kubernetes`, `workflow`, `podTemplate`.
    pub effective: Node,
}

/// The layers of a pipeline, from the lowest. The last one's values are those that hold.
pub fn layers<'a>(
    pipeline: &IngestionPipeline,
    project: Option<&IngestionProject>,
    services: impl IntoIterator<Item = &'a ServiceConnection>,
    environment: &Environment,
) -> Vec<Layer> {
    let of_pipeline = environment.steps(Kind::IngestionPipeline, pipeline);
    let patched = of_pipeline.last().map_or(&pipeline.node, |step| &step.node);
    let pipeline_type = patched.at_route(&["spec", "type"]).map(from_node::<PipelineType>);
    let pipeline_type = match pipeline_type {
        Some(Ok(pipeline_type)) => pipeline_type,
        _ => pipeline.spec.pipeline_type,
    };
    let name = patched.at_route(&["spec", "service"]).and_then(Node::as_str);
    let service = services.into_iter().find(|service| Some(service.name()) == name);

    let mut stack = Stack { pipeline_type, below: Below::default(), layers: Vec::new() };
    stack.push("default", Span::NONE);
    if let Some(project) = project {
        let plain = Environment::default().layered(&project.node);
        stack.below.project = Some(plain);
        stack.push("project", project.name_span());
        if let Some((name, span)) = environment.name() {
            stack.below.project = Some(environment.layered(&project.node));
            stack.push(&format!("environment {name}"), span);
        }
        for Step { patch, span, node } in environment.steps(Kind::IngestionProject, project) {
            stack.below.project = Some(node);
            stack.push(patch, span);
        }
    }
    if let Some(service) = service {
        stack.below.service = Some(service.node.clone());
        stack.push("service", service.name_span());
        for Step { patch, span, node } in environment.steps(Kind::ServiceConnection, service) {
            stack.below.service = Some(node);
            stack.push(patch, span);
        }
    }
    stack.below.pipeline = Some(pipeline.node.clone());
    stack.push("pipeline", pipeline.name_span());
    for Step { patch, span, node } in of_pipeline {
        stack.below.pipeline = Some(node);
        stack.push(patch, span);
    }
    stack.layers
}

struct Stack {
    pipeline_type: PipelineType,
    below: Below,
    layers: Vec<Layer>,
}

/// The definitions as they are at a layer.
#[derive(Default)]
struct Below {
    project: Option<Node>,
    service: Option<Node>,
    pipeline: Option<Node>,
}

impl Stack {
    fn push(&mut self, name: &str, span: Span) {
        let effective = self.below.effective(self.pipeline_type);
        self.layers.push(Layer { name: name.to_owned(), span, effective });
    }
}

impl Below {
    fn effective(&self, pipeline_type: PipelineType) -> Node {
        let Below { project, service, pipeline } = self;
        let of_project = |key| project.as_ref()?.at_route(&["spec", key]);
        let of_pipeline = |key| pipeline.as_ref()?.at_route(&["spec", key]);
        let mut effective = Mapping::new();
        for key in ["type", "service", "schedule", "timeZone", "description"] {
            if let Some(node) = of_pipeline(key) {
                effective.insert(key, node.clone());
            }
        }
        let enabled = of_pipeline("enabled").cloned();
        effective.insert("enabled", enabled.unwrap_or_else(|| Node::new(true)));

        let built_in = parameters::parameters(None, None, &mut Diagnostics::default());
        let built_in = built_in.map_or_else(Mapping::new, |built_in| built_in.to_mapping());
        let mut kubernetes = Node::new(built_in);
        for layer in [of_project("kubernetes"), of_pipeline("kubernetes")].into_iter().flatten() {
            merge(&mut kubernetes, layer);
        }
        effective.insert("kubernetes", kubernetes);

        let workflow = effective_workflow(Layers {
            open_metadata: of_project("openMetadata"),
            service: service.as_ref().and_then(service_layer),
            pipeline_type,
            workflow: of_pipeline("workflow"),
        });
        effective.insert("workflow", workflow);
        if let Some(template) = of_pipeline("podTemplate") {
            effective.insert("podTemplate", template.clone());
        }
        Node::new(effective)
    }
}
