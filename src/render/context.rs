//! What templates see of a pipeline.
//!
//! In: a validated [`Pipeline`]. Out: one mapping, whose names are the interface to everybody's own
//! templates: `docs/templates.md` lists them, and a test holds list and mapping together.

use std::sync::LazyLock;

use base64::Engine;
use compact_str::CompactString;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Mode;
use super::environment::{self, RunIdentity};
use super::exit_handler::{self, Way};
use super::secrets::SecretVariables;
use crate::definition::PipelineType;
use crate::model::{
    EntityKind, Namespace, Parameters, Pipeline, SecretWay, ServiceAccountName, Work, entity_run,
    labels,
};
use crate::tree::{Entry, Mapping, Node};
use crate::validate::rules::run::NO_CATCH_UP_SECONDS;
use crate::yaml;

/// The Python few-liner that every pod with secrets or a sidecar starts with.
const LAUNCHER: &str = include_str!("../../templates/launcher.py");

/// Of the launcher, once for all pipelines: its bytes are part of each one's hash.
static LAUNCHER_DIGEST: LazyLock<[u8; 32]> = LazyLock::new(|| Sha256::digest(LAUNCHER).into());

/// A schedule that never comes, for a pipeline without one: also when somebody resumes it by hand,
/// it waits for a person.
const NEVER: &str = "0 0 31 2 *";

/// The context of one pipeline, in whose workflow placeholders stand for its secrets.
pub(super) fn of_pipeline(pipeline: &Pipeline, secrets: &SecretVariables, mode: Mode) -> Mapping {
    let mut config = String::with_capacity(2048);
    yaml::write(&pipeline.workflow, &mut config);

    let operator = pipeline.parameters.use_om_job_operator;
    let exit_handler = exit_handler::way(pipeline);
    let in_secret = secrets.need_secret(pipeline);
    let placeholders = !secrets.is_empty() && !in_secret;
    // The launcher makes the application's entity the JSON that OpenMetadata passes.
    let is_application = pipeline.work == Work::Entity(EntityKind::Application);
    let launched = placeholders || is_application || exit_handler == Some(Way::Sidecar);
    let hash = config_hash(&config, launched);
    let run_id = match mode {
        Mode::Scheduled => None,
        Mode::Run(id) => id,
    };
    let run_name = run_id.map(|id| run_name(pipeline, id));
    let identity = match (run_id, operator) {
        (Some(id), _) => RunIdentity::Known { id, name: run_name.clone().unwrap_or_default() },
        (None, true) => RunIdentity::FromOperator,
        (None, false) => RunIdentity::FromJob,
    };
    let environment = environment::of(pipeline, secrets, &identity, launched);

    let mut labels = labels(pipeline);
    let mut run_labels = labels.clone();
    if let Some(run_id) = run_id {
        let key = CompactString::const_new(labels::RUN_ID);
        run_labels.insert(key, Node::new(run_id.to_string()));
    }
    if let Work::Entity(_) = pipeline.work {
        // All of its objects are those of the one run.
        labels = run_labels.clone();
    }
    let launcher = if launched { LAUNCHER } else { "" };
    let no_template = || Node::new(Mapping::new());
    let (template, remote_refs) = match &pipeline.parameters.secrets {
        SecretWay::ExternalSecret(store) if in_secret => {
            (secrets.template(&pipeline.workflow, &config), secrets.remote_refs(store))
        }
        _ => (String::new(), Vec::new()),
    };
    let config = Mapping::of([
        ("text", Node::new(config)),
        ("hash", Node::new(hash.as_str())),
        ("template", Node::new(template)),
        ("remoteRefs", Node::new(remote_refs)),
    ]);
    let env = Mapping::of([
        ("main", Node::new(environment.main)),
        ("exitHandler", Node::new(environment.exit_handler)),
    ]);
    let command = Mapping::of([
        ("main", exit_handler::main_command(&pipeline.work, launched)),
        ("exitHandler", exit_handler::command(pipeline, launched)),
    ]);
    let way = Mapping::of([
        ("isPreStop", Node::new(exit_handler == Some(Way::PreStop))),
        ("isSidecar", Node::new(exit_handler == Some(Way::Sidecar))),
        ("isPod", Node::new(exit_handler == Some(Way::Pod))),
    ]);
    Mapping::of([
        ("pipeline", Node::new(described(pipeline))),
        ("names", Node::new(names(pipeline, run_name))),
        ("labels", Node::new(labels)),
        ("runLabels", Node::new(run_labels)),
        ("annotations", Node::new(annotations(pipeline))),
        ("podAnnotations", Node::new(pod_annotations(pipeline, &hash))),
        ("kubernetes", Node::new(parameters(&pipeline.parameters))),
        ("podTemplate", pipeline.pod_template.clone().unwrap_or_else(no_template)),
        ("config", Node::new(config)),
        ("launcher", Node::new(CompactString::const_new(launcher))),
        ("env", Node::new(env)),
        ("command", Node::new(command)),
        ("exitHandler", Node::new(way)),
    ])
}

/// The context of a pipeline's Secret: what its other objects see, and the workflow with all values
/// in place, in base64.
pub(super) fn of_secret(context: &Mapping, config: &str) -> Mapping {
    let mut context = context.clone();
    let encoded = base64::engine::general_purpose::STANDARD.encode(config);
    context.insert("secret", Node::new(Mapping::of([("config", Node::new(encoded))])));
    context
}

/// The context of what pipelines share: the service account and its rights.
pub(super) fn of_account(namespace: &Namespace, name: &ServiceAccountName) -> Mapping {
    let parameters = Mapping::of([
        ("namespace", Node::new(namespace.as_str())),
        ("serviceAccountName", Node::new(name.as_str())),
    ]);
    let labels = Mapping::of([
        (labels::COMPONENT, Node::new("ingestion")),
        (labels::MANAGED_BY, Node::new(labels::OPENMETADATA)),
        (labels::NAME, Node::new(labels::OPENMETADATA)),
    ]);
    Mapping::of([("labels", Node::new(labels)), ("kubernetes", Node::new(parameters))])
}

fn described(pipeline: &Pipeline) -> Mapping {
    let places = &pipeline.places;
    let schedule = pipeline.schedule.as_ref().map_or(NEVER, |schedule| schedule.as_str());
    let time_zone = pipeline.time_zone.as_ref().map_or("", |zone| zone.as_str());
    Mapping::of([
        ("name", Node::new(pipeline.name.as_str())),
        ("type", Node::new(pipeline.type_name())),
        ("fqn", Node::new(pipeline.fqn())),
        ("description", Node::new(pipeline.description.as_deref().unwrap_or_default())),
        ("schedule", Node::at(schedule, places.schedule)),
        ("timeZone", Node::at(time_zone, places.time_zone)),
        ("suspend", Node::at(!pipeline.enabled || pipeline.schedule.is_none(), places.enabled)),
    ])
}

fn names(pipeline: &Pipeline, run_name: Option<CompactString>) -> Mapping {
    let names = &pipeline.names;
    let mut mapping = Mapping::of([
        ("configMap", Node::new(names.config_map.clone())),
        ("secret", Node::new(names.secret.clone())),
        ("cronJob", Node::new(names.cron_job.clone())),
        ("cronOMJob", Node::new(names.cron_om_job.clone())),
    ]);
    if let Some(run_name) = run_name {
        mapping.insert("run", Node::new(run_name));
    }
    mapping
}

/// The name of a run's Job or OMJob.
pub(super) fn run_name(pipeline: &Pipeline, run_id: Uuid) -> CompactString {
    let id = run_id.to_string();
    match (&pipeline.work, pipeline.parameters.use_om_job_operator) {
        (Work::Entity(kind), _) => entity_run(*kind, &pipeline.name, &id),
        (Work::Ingestion { pipeline_type: PipelineType::Application, .. }, _) => {
            pipeline.names.application_run(&id)
        }
        (_, true) => pipeline.names.om_job(&id),
        (_, false) => pipeline.names.job(&id),
    }
}

/// OpenMetadata's own labels, and over none of them the user's.
fn labels(pipeline: &Pipeline) -> Mapping {
    let component = match &pipeline.work {
        Work::Entity(kind) => kind.component(),
        Work::Ingestion { pipeline_type: PipelineType::Application, .. } => "application",
        Work::Ingestion { .. } => "ingestion",
    };
    let name = || Node::new(pipeline.names.label.as_str());
    let mut own = Mapping::of([
        (labels::COMPONENT, Node::new(component)),
        (labels::MANAGED_BY, Node::new(labels::OPENMETADATA)),
        (labels::NAME, Node::new(labels::OPENMETADATA)),
    ]);
    match &pipeline.work {
        Work::Ingestion { pipeline_type, .. } => {
            own.insert(labels::PIPELINE, name());
            let pipeline_type = pipeline_type.as_str().to_lowercase();
            own.insert(labels::PIPELINE_TYPE, Node::new(pipeline_type));
        }
        Work::Entity(EntityKind::Application) => own.insert(labels::APP_NAME, name()),
        Work::Entity(EntityKind::Automation) => {}
    }
    let mut labels = pipeline.labels.clone();
    for Entry { key, value, .. } in own {
        labels.insert(key, value);
    }
    labels
}

/// The objects' annotations: the user's own, and what the pipeline is for.
fn annotations(pipeline: &Pipeline) -> Mapping {
    let mut annotations = pipeline.annotations.clone();
    if let Some(description) = &pipeline.description {
        let key = CompactString::const_new("pipelines.openmetadata.org/description");
        annotations.insert(key, Node::new(description.as_str()));
    }
    annotations
}

/// The pods' annotations. The hash makes a change of the workflow a change of the CronJob, so that
/// whoever compares the two sees it.
fn pod_annotations(pipeline: &Pipeline, hash: &str) -> Mapping {
    let mut annotations = pipeline.annotations.clone();
    for (key, value) in &pipeline.parameters.pod_annotations.0 {
        annotations.insert(key.as_str(), Node::new(value.as_str()));
    }
    let key = CompactString::const_new("pipelines.openmetadata.org/config-hash");
    annotations.insert(key, Node::new(hash));
    annotations
}

fn config_hash(config: &str, launched: bool) -> String {
    let mut hash = Sha256::new();
    hash.update(config);
    if launched {
        hash.update([0]);
        hash.update(*LAUNCHER_DIGEST);
    }
    // 16 hexadecimal digits: enough to tell versions of one file apart, short enough to read in a
    // diff.
    let start = hash.finalize().iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte));
    format!("{start:016x}")
}

/// The parameters as templates see them: what is written, but for what Kubernetes reads otherwise.
fn parameters(parameters: &Parameters) -> Mapping {
    let mut mapping = parameters.to_mapping();
    if parameters.starting_deadline_seconds == 0 {
        mapping.insert("startingDeadlineSeconds", Node::new(NO_CATCH_UP_SECONDS));
    }
    mapping
}
