//! Plain workflows → the texts of a project.
//!
//! In: workflows with the names of their files. Out: a [`Conversion`]. What most say of the server
//! goes to the project, each distinct connection to a ServiceConnection, and a pipeline keeps what
//! those layers do not supply. It reads and writes no file.

use super::definitions;
use super::kind::{KNOWN, pipeline_type};
use super::layers::{Left, common, rest};
use super::lift::Lifter;
use super::names::{Names, of_pipeline, sanitize, stem};
use super::read::{Input, Inputs};
use super::report::{Note, Report};
use super::secrets::SecretLeaves;
use super::services::{Service, Services};
use crate::definition::PipelineType;
use crate::definition::parameters::Parameters;
use crate::diagnostic::{Diagnostic, Diagnostics, code, did_you_mean};
use crate::spec::Bundle;
use crate::tree::{Mapping, Node};
use crate::validate::merge::{Layers, ServiceLayer, effective_workflow};
use crate::validate::rules::secrets::gives_itself_away;

/// The Secret of what the server is reached with.
const SERVER_SECRET: &str = "openmetadata-bot";

/// Where a workflow says how the server is reached.
const SERVER: [&str; 2] = ["workflowConfig", "openMetadataServerConfig"];

/// How to convert.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// The name of the project.
    pub project: &'a str,
    /// Where editors find the schema of all kinds; without it no line names one.
    pub schema: Option<&'a str>,
    /// OpenMetadata's schema, which knows the secret fields; without it they are known by their
    /// names.
    pub bundle: Option<&'a Bundle>,
}

/// A file to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutputFile {
    /// Its path in the project, with forward slashes.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A project.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Conversion {
    /// Its files.
    pub files: Vec<OutputFile>,
    /// What is left to its owner.
    pub report: Report,
}

/// A workflow on its way.
struct Pipeline {
    file: String,
    name: String,
    pipeline_type: PipelineType,
    workflow: Node,
    service: Option<usize>,
}

/// Makes a project of workflows. Nothing is made of a workflow with a finding.
pub fn convert(inputs: Inputs, options: Options<'_>, found: &mut Diagnostics) -> Conversion {
    let Inputs { mut workflows, skipped, comments } = inputs;
    // Upper folders first, and `a.yaml` before `a-b.yaml`: the plain name goes to the plain file.
    workflows.sort_by_cached_key(|input| {
        (input.name.matches('/').count(), stem(&input.name).to_owned(), input.name.clone())
    });
    let mut report = Report {
        skipped,
        namespace: Parameters::default().resolve().namespace,
        ..Report::default()
    };
    let mut services = Services::default();
    let mut pipelines = pipelines(workflows, &mut services, &mut report, found);
    let mut lifter = Lifter::default();
    for pipeline in &mut pipelines {
        lift(pipeline, &mut services.all, options.bundle, &mut lifter, &mut report);
    }
    let servers: Option<Vec<&Node>> =
        pipelines.iter().map(|pipeline| pipeline.workflow.at_route(&SERVER)).collect();
    let server = servers.and_then(|servers| common(&servers));
    let mut files = vec![OutputFile {
        path: "ompipe.yaml".to_owned(),
        text: definitions::project(
            options.schema,
            options.project,
            server.clone(),
            options.bundle.map(Bundle::version),
        ),
    }];
    let mut paths = Names::default();
    for service in &services.all {
        let path = paths.take(&[sanitize(&service.name)]);
        let Service { name, service_type, connection, .. } = service;
        let text = definitions::service(options.schema, name, service_type, connection.clone());
        files.push(OutputFile { path: format!("services/{path}.yaml"), text });
    }
    for pipeline in &pipelines {
        let (service, workflow) =
            left_to_say(pipeline, &services.all, server.as_ref(), &mut report);
        let text = definitions::pipeline(
            options.schema,
            &pipeline.name,
            service,
            pipeline.pipeline_type,
            workflow,
        );
        files.push(OutputFile { path: format!("pipelines/{}.yaml", pipeline.name), text });
    }
    report.services = services.all.len();
    report.pipelines = pipelines.len();
    report.secrets = lifter.into_secrets();
    if !pipelines.is_empty() {
        general_notes(comments, server.is_none(), &mut report);
    }
    Conversion { files, report }
}

fn general_notes(comments: bool, no_server: bool, report: &mut Report) {
    let mut note = |text: &str| {
        report.notes.push(Note { file: String::new(), text: text.to_owned() });
    };
    note(
        "a workflow file has no schedule: every pipeline is rendered suspended until it is given one",
    );
    if comments {
        note("the comments of the workflow files are not carried over");
    }
    if no_server {
        note(
            "the workflows have no openMetadataServerConfig in common, so each pipeline keeps its own",
        );
    }
    report.notes.sort();
}

/// Types and names the workflows, and finds the services among them.
fn pipelines(
    workflows: Vec<Input>,
    services: &mut Services,
    report: &mut Report,
    found: &mut Diagnostics,
) -> Vec<Pipeline> {
    let mut names = Names::default();
    let mut pipelines = Vec::new();
    for Input { name: file, mut workflow } in workflows {
        let Some(pipeline_type) = pipeline_type(&workflow) else {
            found.push(unknown_type(&workflow));
            continue;
        };
        if workflow.as_mapping_mut().and_then(|parts| parts.remove("pipelineRunId")).is_some() {
            let text = "pipelineRunId is left out: each run is given its own".to_owned();
            report.notes.push(Note { file: file.clone(), text });
        }
        let name = names.take(&of_pipeline(&file, pipeline_type.as_str()));
        let service = services.of(&workflow, pipeline_type);
        pipelines.push(Pipeline { file, name, pipeline_type, workflow, service });
    }
    // A pipeline that reads no connection itself belongs to the service of its name, where there is
    // one.
    for pipeline in &mut pipelines {
        if pipeline.service.is_none() {
            let name =
                pipeline.workflow.at_route(&["source", "serviceName"]).and_then(Node::as_str);
            pipeline.service = name.and_then(|name| services.named(name));
        }
    }
    pipelines
}

/// Lifts the secrets of a workflow, and with them those of its service.
fn lift(
    pipeline: &mut Pipeline,
    services: &mut [Service],
    bundle: Option<&Bundle>,
    lifter: &mut Lifter,
    report: &mut Report,
) {
    let fields = SecretLeaves::of(&pipeline.workflow, bundle);
    for route in fields.numbers() {
        let text = format!("{route} is a secret but a number; its Secret makes a string of it");
        report.notes.push(Note { file: pipeline.file.clone(), text });
    }
    fields.spell_out_numbers(&mut pipeline.workflow);
    let service = pipeline.service.map(|number| services[number].name.as_str());
    let named = pipeline.workflow.at_route(&["source", "serviceName"]).and_then(Node::as_str);
    let source_secret = sanitize(service.or(named).unwrap_or(&pipeline.name));
    let own_secret = sanitize(&pipeline.name);
    let secret_of = move |route: &[String]| match route.first().map(String::as_str) {
        Some("workflowConfig") => SERVER_SECRET.to_owned(),
        Some("source") => source_secret.clone(),
        _ => own_secret.clone(),
    };
    let is_secret =
        |route: &[String], text: &str| fields.contains(route) || gives_itself_away(text);
    lifter.lift(&mut pipeline.workflow, &mut Vec::new(), &pipeline.file, &is_secret, &secret_of);
    let connection = pipeline.workflow.at_route(&["source", "serviceConnection"]);
    if let (Some(number), Some(connection)) = (pipeline.service, connection) {
        services[number].connection = connection.clone();
    }
}

/// The service that a pipeline names, and what is left for its `workflow`.
fn left_to_say<'a>(
    pipeline: &Pipeline,
    services: &'a [Service],
    server: Option<&Node>,
    report: &mut Report,
) -> (Option<&'a str>, Mapping) {
    let service = pipeline.service.map(|number| &services[number]).filter(|service| {
        let source = supplied(pipeline.pipeline_type, Some(service), None).get("source").cloned();
        let own = pipeline.workflow.get("source");
        matches!((source, own), (Some(base), Some(whole)) if rest(whole, &base) != Left::Impossible)
    });
    let base = supplied(pipeline.pipeline_type, service, server);
    let mut left = Mapping::new();
    for entry in pipeline.workflow.as_mapping().into_iter().flatten() {
        match base
            .get(&entry.key)
            .map_or(Left::This(entry.value.clone()), |base| rest(&entry.value, base))
        {
            Left::Nothing => {}
            Left::This(node) => left.insert(entry.key.clone(), node),
            Left::Impossible => {
                let text = format!("ompipe adds fields to {} that the file leaves out", entry.key);
                report.notes.push(Note { file: pipeline.file.clone(), text });
                left.insert(entry.key.clone(), entry.value.clone());
            }
        }
    }
    for entry in base.as_mapping().into_iter().flatten() {
        if pipeline.workflow.get(&entry.key).is_none() {
            let text = format!("ompipe adds {}, which the file leaves out", entry.key);
            report.notes.push(Note { file: pipeline.file.clone(), text });
        }
    }
    (service.map(|service| service.name.as_str()), left)
}

/// What lies under a pipeline's own `workflow`.
fn supplied(
    pipeline_type: PipelineType,
    service: Option<&Service>,
    open_metadata: Option<&Node>,
) -> Node {
    let nodes = service.map(|service| {
        (Node::new(service.name.as_str()), Node::new(service.service_type.as_str()))
    });
    let service = service.zip(nodes.as_ref()).map(|(service, (name, source_type))| ServiceLayer {
        name,
        source_type,
        connection: Some(&service.connection),
    });
    effective_workflow(Layers { open_metadata, service, pipeline_type, workflow: None })
}

fn unknown_type(workflow: &Node) -> Diagnostic {
    let node = workflow.at_route(&["source", "sourceConfig", "config", "type"]);
    let span = node.map_or(workflow.span, |node| node.span);
    let text = node.and_then(Node::as_str).unwrap_or_default();
    let help = did_you_mean(text, KNOWN).unwrap_or_else(|| {
        "write the IngestionPipeline by hand, with its `type`, and leave this file out".to_owned()
    });
    let message = "no pipeline type of OpenMetadata's has this source config";
    Diagnostic::error(&code::IMPORT_UNKNOWN_TYPE, span, message)
        .with_route("source.sourceConfig.config.type")
        .with_help(help)
}
