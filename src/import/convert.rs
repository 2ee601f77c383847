//! Drafts → the texts of a project.
//!
//! In: what was found. Out: a [`Conversion`]. What most say of the server and of Kubernetes goes to
//! the project, each distinct connection to a ServiceConnection, and a pipeline keeps what those
//! layers do not supply. It reads and writes no file, and knows no origin.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::definitions;
use super::draft::{Draft, Drafts, Form, Record, place};
use super::layers::{Left, common, rest};
use super::lift::{Lifter, is_withheld};
use super::names::{Names, sanitize};
use super::origin::Found;
use super::parameters::Shared;
use super::report::{Note, Report};
use super::secrets::SecretLeaves;
use super::services::{Service, Services};
use super::variables;
use crate::definition::PipelineType;
use crate::definition::parameters::Parameters;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::fully_qualified_name;
use crate::spec::Bundle;
use crate::tree::{Mapping, Node};
use crate::validate::OPEN_METADATA_SERVICE;
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

/// A draft on its way, with its name and the number of its service.
struct Pipeline {
    name: String,
    service: Option<usize>,
    draft: Draft,
}

/// Makes a project of what was found. Nothing is made of what has a finding.
pub fn convert(inputs: Found, options: Options<'_>, found: &mut Diagnostics) -> Conversion {
    let comments = inputs.comments;
    let Drafts { pipelines, records, skipped, notes, server } = inputs.into_drafts(found);
    let mut report = Report { skipped, notes, ..Report::default() };
    let mut services = Services::default();
    let mut pipelines = pipelines_of(distinct(pipelines, found), records, &mut services);
    let mut lifter = Lifter::default();
    for service in &mut services.all {
        lift_recorded(service, options.bundle, &mut lifter);
    }
    for pipeline in &mut pipelines {
        lift(pipeline, &mut services.all, options.bundle, &mut lifter, &mut report);
    }
    for Pipeline { draft, .. } in &mut pipelines {
        variables::lift(draft, &mut lifter);
        let note = |text| Note { file: draft.label.clone(), text };
        report.notes.extend(std::mem::take(&mut draft.left_behind).into_iter().map(note));
    }
    let server = common_server(&pipelines, server, &mut lifter, &mut report);
    let shared = Shared::of(pipelines.iter().map(|pipeline| &pipeline.draft.parameters));
    report.namespace = namespace(&shared);
    let mut files = vec![OutputFile {
        path: "ompipe.yaml".to_owned(),
        text: definitions::project(
            options.schema,
            definitions::Project {
                name: options.project,
                open_metadata: server.clone(),
                version: options.bundle.map(Bundle::version),
                kubernetes: shared.project.clone(),
            },
        ),
    }];
    let mut paths = Names::default();
    for service in &services.all {
        let path = format!("services/{}.yaml", paths.take(&[sanitize(&service.name)]));
        let Service { name, service_type, connection, .. } = service;
        if service_type.is_empty() {
            let text = "`type` is empty, since an export of pipelines does not tell the connector: write it, or import again with the export of the services".to_owned();
            report.notes.push(Note { file: path.clone(), text });
        }
        let text = definitions::service(options.schema, name, service_type, connection.clone());
        files.push(OutputFile { path, text });
    }
    for pipeline in &pipelines {
        let (service, workflow) =
            left_to_say(pipeline, &services.all, server.as_ref(), &mut report);
        let Pipeline { name, draft, .. } = pipeline;
        let definition = definitions::Pipeline {
            name,
            service,
            pipeline_type: draft.pipeline_type,
            timing: &draft.timing,
            description: draft.description.as_deref(),
            workflow,
            kubernetes: shared.left(&draft.parameters),
            pod_template: draft.pod_template.clone(),
        };
        let text = definitions::pipeline(options.schema, definition);
        files.push(OutputFile { path: format!("pipelines/{name}.yaml"), text });
    }
    report.services = services.all.len();
    report.pipelines = pipelines.len();
    report.secrets = lifter.into_secrets();
    report_in_general(&pipelines, comments, server.is_none(), &mut report);
    Conversion { files, report }
}

/// The drafts without those that are there twice: alike ones are one, and others a finding.
fn distinct(drafts: Vec<Draft>, found: &mut Diagnostics) -> Vec<Draft> {
    let mut first: HashMap<String, usize> = HashMap::new();
    let mut kept: Vec<Draft> = Vec::new();
    for mut draft in drafts {
        if draft.workflow.as_mapping_mut().and_then(|parts| parts.remove("pipelineRunId")).is_some()
        {
            draft.note("pipelineRunId is left out: each run is given its own");
        }
        let written = draft.workflow.get("ingestionPipelineFQN").and_then(Node::as_str);
        let Some(fqn) = draft.fqn.clone().or(written.map(str::to_owned)) else {
            kept.push(draft);
            continue;
        };
        match first.get(&fqn).map(|number| &kept[*number]) {
            None => {
                first.insert(fqn, kept.len());
                kept.push(draft);
            }
            Some(other) if other.says_the_same(&draft) => {}
            Some(other) => found.push(twice(&fqn, &draft, other)),
        }
    }
    kept
}

fn twice(fqn: &str, draft: &Draft, first: &Draft) -> Diagnostic {
    let message = format!("the pipeline `{fqn}` is there twice, and not alike");
    Diagnostic::error(&code::IMPORT_TWICE, draft.span, message)
        .with_related(first.span, "the first")
        .with_note(format!("it stands in {} and in {}", first.stands_in, draft.stands_in))
        .with_help("import it from one of them: leave the other out")
}

/// Names the drafts, and finds their services.
fn pipelines_of(
    drafts: Vec<Draft>,
    records: Vec<Record>,
    services: &mut Services,
) -> Vec<Pipeline> {
    let mut names = Names::default();
    let mut pipelines = Vec::new();
    for draft in drafts {
        let service = match draft.form {
            Form::Whole => services.of(&draft.workflow, draft.pipeline_type),
            Form::Partial { .. } => None,
        };
        pipelines.push(Pipeline { name: names.take(&draft.names), service, draft });
    }
    // Those that are known best come first: what only has a name belongs to one of them.
    let (known, named): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|record| record.connection.is_some());
    let records: HashMap<String, usize> = known
        .into_iter()
        .chain(named)
        .map(|record| (record.name.clone(), services.of_record(record)))
        .collect();
    for Pipeline { service, draft, .. } in &mut pipelines {
        if let Form::Partial { service: Some(record) } = &draft.form {
            *service = records.get(record).copied();
        }
        // A pipeline that reads no connection itself belongs to the service of its name, where
        // there is one.
        if service.is_none() {
            let name = draft.workflow.at_route(&["source", "serviceName"]).and_then(Node::as_str);
            *service = name.and_then(|name| services.named(name));
        }
        // Services of one name that differ have names of their own in the project.
        if let (Form::Partial { service: Some(record) }, Some(number)) = (&draft.form, *service)
            && services.all[number].name != *record
            && let Some(source) =
                draft.workflow.as_mapping_mut().and_then(|parts| parts.get_mut("source"))
            && let Some(source) = source.as_mapping_mut()
        {
            source.insert("serviceName", Node::new(record.as_str()));
        }
    }
    pipelines
}

/// Lifts the secrets of a connection that an export of services holds.
fn lift_recorded(service: &mut Service, bundle: Option<&Bundle>, lifter: &mut Lifter) {
    let Some(connection) = service.connection.take_if(|_| !service.stands_in.is_empty()) else {
        return;
    };
    let source = Mapping::of([
        ("type", Node::new(service.service_type.as_str())),
        ("serviceConnection", connection),
    ]);
    let mut workflow = Node::new(Mapping::of([("source", Node::new(source))]));
    let secret = sanitize(&service.name);
    let place_of = |route: &[String]| place(&service.stands_in, service.routes, route);
    lift_leaves(&mut workflow, bundle, &place_of, &|_| secret.clone(), lifter);
    service.connection = workflow.at_route(&["source", "serviceConnection"]).cloned();
}

/// Lifts the secrets of a workflow, and with them those of its service.
fn lift(
    pipeline: &mut Pipeline,
    services: &mut [Service],
    bundle: Option<&Bundle>,
    lifter: &mut Lifter,
    report: &mut Report,
) {
    let Pipeline { name, service, draft } = pipeline;
    let service_name = service.map(|number| services[number].name.as_str());
    let named = draft.workflow.at_route(&["source", "serviceName"]).and_then(Node::as_str);
    let source_secret = sanitize(service_name.or(named).unwrap_or(name));
    let own_secret = sanitize(name);
    let secret_of = |route: &[String]| match route.first().map(String::as_str) {
        Some("workflowConfig") => SERVER_SECRET.to_owned(),
        Some("source") => source_secret.clone(),
        _ => own_secret.clone(),
    };
    let place_of = |route: &[String]| place(&draft.stands_in, draft.routes, route);
    let numbers = lift_leaves(&mut draft.workflow, bundle, &place_of, &secret_of, lifter);
    for route in numbers {
        let text = format!("{route} is a secret but a number; its Secret makes a string of it");
        report.notes.push(Note { file: draft.label.clone(), text });
    }
    let connection = draft.workflow.at_route(&["source", "serviceConnection"]);
    if let (Some(number), Some(connection)) = (*service, connection) {
        services[number].connection = Some(connection.clone());
    }
}

/// Puts references in place of the secrets of a workflow; gives the routes of those that were
/// numbers.
fn lift_leaves(
    workflow: &mut Node,
    bundle: Option<&Bundle>,
    place_of: &dyn Fn(&[String]) -> String,
    secret_of: &dyn Fn(&[String]) -> String,
    lifter: &mut Lifter,
) -> Vec<String> {
    let fields = SecretLeaves::of(workflow, bundle);
    fields.spell_out_numbers(workflow);
    let is_secret = |route: &[String], text: &str| {
        fields.contains(route) || gives_itself_away(text) || is_withheld(text)
    };
    lifter.lift(workflow, &mut Vec::new(), place_of, &is_secret, secret_of);
    fields.numbers().collect()
}

/// What most pipelines say of the server; where an export says nothing of it, what can be guessed.
fn common_server(
    pipelines: &[Pipeline],
    guess: Option<Node>,
    lifter: &mut Lifter,
    report: &mut Report,
) -> Option<Node> {
    let of = |pipeline: &Pipeline| pipeline.draft.workflow.at_route(&SERVER).cloned();
    // A part of a workflow that says nothing of the server takes the project's.
    let asked = pipelines
        .iter()
        .filter(|pipeline| pipeline.draft.form == Form::Whole || of(pipeline).is_some());
    let servers: Option<Vec<Node>> = asked.map(of).collect();
    let servers = servers?;
    if !servers.is_empty() {
        return common(&servers.iter().collect::<Vec<_>>());
    }
    let config = Mapping::of([(SERVER[1], guess?)]);
    let mut workflow = Node::new(Mapping::of([(SERVER[0], Node::new(config))]));
    let secret_of = |_: &[String]| SERVER_SECRET.to_owned();
    let place_of = |_: &[String]| "OpenMetadata: the token of its ingestion bot".to_owned();
    lift_leaves(&mut workflow, None, &place_of, &secret_of, lifter);
    let text = "the export does not say how ingestion reaches the server: `hostPort` in ompipe.yaml is the address that the export came from, so see whether pods reach it there".to_owned();
    report.notes.push(Note { file: String::new(), text });
    workflow.at_route(&SERVER).cloned()
}

/// The service that a pipeline names, and what is left for its `workflow`.
fn left_to_say<'a>(
    pipeline: &Pipeline,
    services: &'a [Service],
    server: Option<&Node>,
    report: &mut Report,
) -> (Option<&'a str>, Mapping) {
    let Pipeline { name, service, draft } = pipeline;
    let pipeline_type = draft.pipeline_type;
    let service = service.map(|number| &services[number]).filter(|service| {
        let source = supplied(pipeline_type, Some(service), None, None).get("source").cloned();
        let own = draft.workflow.get("source");
        draft.form != Form::Whole
            || matches!((source, own), (Some(base), Some(whole)) if rest(whole, &base) != Left::Impossible)
    });
    let base = supplied(pipeline_type, service, server, None);
    let whole = match &draft.form {
        Form::Whole => draft.workflow.clone(),
        Form::Partial { .. } => supplied(pipeline_type, service, server, Some(&draft.workflow)),
    };
    let mut note = |text: String| report.notes.push(Note { file: draft.label.clone(), text });
    let mut left = Mapping::new();
    for entry in whole.as_mapping().into_iter().flatten() {
        match base
            .get(&entry.key)
            .map_or(Left::This(entry.value.clone()), |base| rest(&entry.value, base))
        {
            Left::Nothing => {}
            Left::This(node) => left.insert(entry.key.clone(), node),
            Left::Impossible => {
                note(format!("ompipe adds fields to {} that the file leaves out", entry.key));
                left.insert(entry.key.clone(), entry.value.clone());
            }
        }
    }
    for entry in base.as_mapping().into_iter().flatten() {
        if whole.get(&entry.key).is_none() {
            note(format!("ompipe adds {}, which the file leaves out", entry.key));
        }
    }
    if let Some(fqn) = &draft.fqn {
        let service = whole.at_route(&["source", "serviceName"]).and_then(Node::as_str);
        left.remove("ingestionPipelineFQN");
        if *fqn != fully_qualified_name(service.unwrap_or(OPEN_METADATA_SERVICE), name) {
            left.insert("ingestionPipelineFQN", Node::new(fqn.as_str()));
        }
    }
    (service.map(|service| service.name.as_str()), left)
}

/// What lies under a pipeline's own `workflow`, or with it the whole.
fn supplied(
    pipeline_type: PipelineType,
    service: Option<&Service>,
    open_metadata: Option<&Node>,
    workflow: Option<&Node>,
) -> Node {
    let nodes = service.map(|service| {
        (Node::new(service.name.as_str()), Node::new(service.service_type.as_str()))
    });
    let service = service.zip(nodes.as_ref()).map(|(service, (name, source_type))| ServiceLayer {
        name,
        source_type,
        connection: service.connection.as_ref(),
    });
    effective_workflow(Layers { open_metadata, service, pipeline_type, workflow })
}

/// The namespace that most pipelines run in, where the Secrets belong.
fn namespace(shared: &Shared) -> String {
    let own = shared.project.get("namespace").and_then(Node::as_str);
    own.map_or_else(|| Parameters::default().resolve().namespace, str::to_owned)
}

fn report_in_general(pipelines: &[Pipeline], comments: bool, no_server: bool, report: &mut Report) {
    let mut note = |file: &str, text: &str| {
        report.notes.push(Note { file: file.to_owned(), text: text.to_owned() });
    };
    let unscheduled: Vec<&str> = pipelines
        .iter()
        .filter(|pipeline| pipeline.draft.timing.schedule.is_none())
        .map(|pipeline| pipeline.draft.label.as_str())
        .collect();
    if unscheduled.len() == pipelines.len() && !pipelines.is_empty() {
        note(
            "",
            "no schedule is known: every pipeline is rendered suspended until it is given one",
        );
    } else {
        for label in unscheduled {
            note(label, "it has no schedule: it is rendered suspended until it is given one");
        }
    }
    let namespaces: BTreeSet<&str> = pipelines
        .iter()
        .filter_map(|pipeline| pipeline.draft.parameters.get("namespace")?.as_str())
        .collect();
    if namespaces.len() > 1 {
        let names = namespaces.into_iter().collect::<Vec<_>>().join(", ");
        note(
            "",
            &format!(
                "the pipelines run in several namespaces, and each needs its Secrets: {names}"
            ),
        );
    }
    if comments && !pipelines.is_empty() {
        note("", "the comments of the workflow files are not carried over");
    }
    if no_server && !pipelines.is_empty() {
        note(
            "",
            "the pipelines have no openMetadataServerConfig in common: each keeps its own, and one without is not valid",
        );
    }
    say_once_what_holds_for_all(pipelines, &mut report.notes);
    report.notes.sort();
    report.notes.dedup();
}

/// Makes one note of those that every pipeline has.
fn say_once_what_holds_for_all(pipelines: &[Pipeline], notes: &mut Vec<Note>) {
    let all: BTreeSet<&str> =
        pipelines.iter().map(|pipeline| pipeline.draft.label.as_str()).collect();
    let mut by_text: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Note { file, text } in notes.iter() {
        by_text.entry(text).or_default().insert(file);
    }
    let of_all = by_text.into_iter().filter(|(_, files)| all.len() > 1 && *files == all);
    let of_all: BTreeSet<String> = of_all.map(|(text, _)| text.to_owned()).collect();
    notes.retain(|note| !of_all.contains(&note.text));
    let of_all = of_all.into_iter().map(|text| format!("all pipelines: {text}"));
    notes.extend(of_all.map(|text| Note { file: String::new(), text }));
}
