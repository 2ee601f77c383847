//! The environment of the two containers: what `main.py` and `exit_handler.py` read, and what the
//! launcher needs.
//!
//! In: a pipeline, its secrets' variables and how a run knows its id. Out: lists for a container's
//! `env`, in an order that does not depend on what is set.

use compact_str::CompactString;
use uuid::Uuid;

use super::exit_handler::{self, EXIT_CODE_FILE, Way};
use super::secrets::SecretVariables;
use crate::model::{EnvValue, EnvVariable, Pipeline, Work};
use crate::tree::{Mapping, Node, Span, Value};

/// How a container learns which run it belongs to.
pub(super) enum RunIdentity {
    /// One run, known now.
    Known { id: Uuid, name: CompactString },
    /// A CronJob's: by the labels that the Job controller puts on the pod. The Job's UID is the
    /// run's id: a new one each time.
    FromJob,
    /// A CronOMJob's: the operator fills the placeholders in when a run starts.
    FromOperator,
}

/// The variables of both containers.
pub(super) struct Environment {
    pub(super) main: Vec<Node>,
    pub(super) exit_handler: Vec<Node>,
}

/// The variables of a pipeline's containers.
pub(super) fn of(
    pipeline: &Pipeline,
    secrets: &SecretVariables,
    identity: &RunIdentity,
    launched: bool,
) -> Environment {
    let in_secret = secrets.need_secret(pipeline);
    let config = || match in_secret {
        true => from("config", "secretKeyRef", key(&pipeline.names.secret, "config")),
        false => from("config", "configMapKeyRef", key(&pipeline.names.config_map, "config")),
    };
    let (run_id, job_name) = match identity {
        RunIdentity::Known { id, name } => {
            (literal("pipelineRunId", id.to_string()), literal("jobName", name.clone()))
        }
        RunIdentity::FromJob => (
            from(
                "pipelineRunId",
                "fieldRef",
                field("metadata.labels['batch.kubernetes.io/controller-uid']"),
            ),
            from("jobName", "fieldRef", field("metadata.labels['batch.kubernetes.io/job-name']")),
        ),
        RunIdentity::FromOperator => {
            (literal("pipelineRunId", "{{ omjob.uid }}"), literal("jobName", "{{ omjob.name }}"))
        }
    };
    let place = pipeline.parameters.place("namespace");
    let namespace = literal_at("namespace", pipeline.parameters.namespace.as_str(), place);
    let way = exit_handler::way(pipeline);
    let sidecar = way == Some(Way::Sidecar);

    let extra: Vec<_> = pipeline.parameters.extra_env_vars.iter().map(extra).collect();
    let launcher = launched.then(|| {
        let launcher = key(&pipeline.names.config_map, "launcher.py");
        from("OMPIPE_LAUNCHER", "configMapKeyRef", launcher)
    });
    let mut shared = Vec::new();
    if sidecar {
        shared.push(literal("OMPIPE_EXIT_CODE_FILE", EXIT_CODE_FILE));
    }
    if !in_secret {
        shared.extend(secrets.env());
    }

    let mut main = vec![config()];
    let mut exit_handler = vec![config(), run_id.clone()];
    match &pipeline.work {
        Work::Ingestion { pipeline_type, fqn } => {
            let fqn = literal("ingestionPipelineFQN", fqn.as_str());
            main.extend([literal("pipelineType", pipeline_type.as_str()), run_id, fqn.clone()]);
            exit_handler.push(fqn);
        }
        Work::Entity(_) => main.push(run_id),
    }
    for variables in [&mut main, &mut exit_handler] {
        variables.extend([job_name.clone(), namespace.clone()]);
    }
    if way == Some(Way::PreStop) {
        // The preStop hook runs in this container: what it reports is that the run was ended.
        main.push(literal("pipelineStatus", "Failed"));
    }
    main.extend(extra.iter().chain(&launcher).chain(&shared).cloned());

    exit_handler.extend(extra);
    match exit_handler::is_own(pipeline) {
        // The host's name is the pod's only while no podTemplate says otherwise.
        true if sidecar => {
            exit_handler.push(from("POD_NAME", "fieldRef", field("metadata.name")));
        }
        // It puts secrets in place by itself.
        true => {}
        false => exit_handler.extend(launcher),
    }
    exit_handler.extend(shared);
    Environment { main, exit_handler }
}

fn extra(variable: &EnvVariable) -> Node {
    let EnvVariable { name, value, span } = variable;
    let value = match value {
        EnvValue::Text(value) => ("value", Node::at(value.clone(), *span)),
        EnvValue::From(source) => ("valueFrom", source.clone()),
    };
    Node::new(Mapping::of([("name", Node::new(name.as_str())), value]))
}

fn literal(name: &'static str, value: impl Into<Value>) -> Node {
    literal_at(name, value, Span::NONE)
}

fn literal_at(name: &'static str, value: impl Into<Value>, place: Span) -> Node {
    Node::new(Mapping::of([("name", Node::new(name)), ("value", Node::at(value, place))]))
}

fn from(name: &'static str, kind: &'static str, reference: Mapping) -> Node {
    let source = Mapping::of([(kind, Node::new(reference))]);
    Node::new(Mapping::of([("name", Node::new(name)), ("valueFrom", Node::new(source))]))
}

fn key(object: &CompactString, key: &'static str) -> Mapping {
    Mapping::of([("name", Node::new(object.clone())), ("key", Node::new(key))])
}

fn field(path: &'static str) -> Mapping {
    Mapping::of([("fieldPath", Node::new(path))])
}
