//! What a pod's environment tells its exit handler: the contract of `exit_handler.py`.
//!
//! In: the variables `config`, `pipelineRunId`, `jobName`, `namespace`, `pipelineStatus`, and those
//! that placeholders in the workflow name. Out: [`Settings`]. The workflow is read as PyYAML reads
//! it, and secrets take the place of their placeholders as data, as the launcher puts them there.

use serde_json::Value;

use super::error::Error;
use super::outcome::Outcome;
use super::secret_values::SecretValues;
use super::server::Server;
use crate::diagnostic::{Diagnostics, Severity};
use crate::model::secret_reference::SECRET_ENV;
use crate::spec::secret_fields::is_secret_name;
use crate::tree::SourceId;
use crate::yaml::{self, Dialect};

/// What an exit handler is told. It has no `Debug`: the workflow holds secrets.
pub struct Settings {
    /// The run; `None` where the workflow is no pipeline of OpenMetadata's, or nobody said which run.
    pub run: Option<Run>,
    /// The Job or OMJob.
    pub job: Option<String>,
    /// The namespace of its pods; none: that of the credentials.
    pub namespace: Option<String>,
    /// How main ended, where it is known already.
    pub outcome: Option<Outcome>,
    workflow: Value,
    secrets: SecretValues,
}

/// A run, as OpenMetadata knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The pipeline's fully qualified name.
    pub pipeline: String,
    /// The run's id.
    pub id: String,
}

impl Settings {
    /// Reads them from the variables that `variable` looks up.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let text = |name: &str| variable(name).filter(|text| !text.is_empty());
        let config = text("config").ok_or_else(|| {
            Error::setting(
                "the variable `config` is not set, which holds the workflow",
                "An exit handler runs in the pods that `ompipe render` writes.",
            )
        })?;
        let mut workflow = parsed(&config)?;
        let mut secrets = SecretValues::default();
        fill(&mut workflow, &variable, &mut secrets)?;
        collect("", &workflow, &mut secrets);
        let of_workflow = |key: &str| workflow.get(key).and_then(Value::as_str).map(str::to_owned);
        let pipeline = of_workflow("ingestionPipelineFQN").or_else(|| text("ingestionPipelineFQN"));
        let id = text("pipelineRunId").or_else(|| of_workflow("pipelineRunId"));
        Ok(Self {
            run: pipeline.zip(id).map(|(pipeline, id)| Run { pipeline, id }),
            job: text("jobName"),
            namespace: text("namespace"),
            outcome: text("pipelineStatus").map(|text| Outcome::of_status(&text)),
            workflow,
            secrets,
        })
    }

    /// The server that the workflow names.
    pub(super) fn server(&self) -> Result<Server, Error> {
        Server::of(&self.workflow)
    }

    /// The values that must not be shown.
    pub(super) fn secrets(&self) -> &SecretValues {
        &self.secrets
    }
}

/// The workflow. What is wrong with it is told by its line: a message could quote a secret.
fn parsed(config: &str) -> Result<Value, Error> {
    let wrong = |what: &str| {
        Error::setting(
            format!("the variable `config` {what}"),
            "It must be what `ompipe render` writes into the pipeline's ConfigMap or Secret.",
        )
    };
    let mut found = Diagnostics::default();
    let documents = yaml::read(SourceId(0), config, Dialect::PyYaml, &mut found);
    if let Some(error) = found.iter().find(|found| found.severity == Severity::Error) {
        let start = usize::try_from(error.span.start).unwrap_or_default();
        let line = config.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
        return Err(wrong(&format!("is no workflow: its line {line} is not sound YAML")));
    }
    let workflow = documents.first().map(Value::from).unwrap_or_default();
    match workflow.is_object() {
        true => Ok(workflow),
        false => Err(wrong("is no workflow: it is not a mapping")),
    }
}

/// Puts the variables' values in the place of `{secretEnv: NAME}`.
fn fill(
    node: &mut Value,
    variable: &impl Fn(&str) -> Option<String>,
    secrets: &mut SecretValues,
) -> Result<(), Error> {
    match node {
        Value::Object(object) => {
            let placeholder = (object.len() == 1).then(|| object.get(SECRET_ENV)).flatten();
            if let Some(name) = placeholder.and_then(Value::as_str) {
                let value = variable(name).ok_or_else(|| {
                    Error::setting(
                        format!("the variable `{name}` is not set, which a secret of the workflow is to come from"),
                        "The exit handler's container needs the same variables as main's.",
                    )
                })?;
                secrets.add(&value);
                *node = Value::String(value);
                return Ok(());
            }
            object.values_mut().try_for_each(|value| fill(value, variable, secrets))
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, variable, secrets)),
        _ => Ok(()),
    }
}

/// What stands in the workflow itself where OpenMetadata has secrets.
fn collect(key: &str, node: &Value, secrets: &mut SecretValues) {
    match node {
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| collect(key, value, secrets));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(key, item, secrets)),
        Value::String(text) if is_secret_name(key) => secrets.add(text),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "ingestionPipelineFQN: shop.orders\nsource: {password: {secretEnv: OMPIPE_SECRET_A_B}}\n\
        workflowConfig:\n  openMetadataServerConfig:\n    hostPort: http://om:8585/api\n    authProvider: openmetadata\n    \
        securityConfig: {jwtToken: plain-token}\n";

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Error> {
        Settings::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_of_a_rendered_pod_says_everything() {
        let settings = read(&[
            ("config", CONFIG),
            ("pipelineRunId", "4a"),
            ("jobName", "om-job-orders-4a"),
            ("namespace", "ingestion"),
            ("pipelineStatus", "Failed"),
            ("OMPIPE_SECRET_A_B", "p\"a: s\ns"),
        ])
        .unwrap();
        let run = Run { pipeline: "shop.orders".to_owned(), id: "4a".to_owned() };
        assert_eq!(settings.run, Some(run));
        assert_eq!(settings.job.as_deref(), Some("om-job-orders-4a"));
        assert_eq!(settings.namespace.as_deref(), Some("ingestion"));
        assert_eq!(settings.outcome, Some(Outcome::Failed));
        assert_eq!(settings.workflow["source"]["password"], "p\"a: s\ns");
        assert_eq!(settings.server().unwrap().api, "http://om:8585/api/v1");
    }

    #[test]
    fn values_of_secrets_are_known_whether_filled_in_or_written() {
        let settings = read(&[("config", CONFIG), ("OMPIPE_SECRET_A_B", "hunter22")]).unwrap();
        let text = "password hunter22, token plain-token";
        assert_eq!(settings.secrets().hidden_in(text), "password •••, token •••");
    }

    #[test]
    fn without_a_pipeline_or_a_run_there_is_nothing_to_report() {
        let secret = ("OMPIPE_SECRET_A_B", "x");
        assert_eq!(read(&[("config", CONFIG), secret]).unwrap().run, None);
        let none = read(&[("config", "source: {}"), ("pipelineRunId", "4a")]).unwrap();
        assert_eq!(none.run, None);
        let of_variable =
            [("config", "source: {}"), ("pipelineRunId", "4a"), ("ingestionPipelineFQN", "a.b")];
        assert_eq!(read(&of_variable).unwrap().run.unwrap().pipeline, "a.b");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_without_a_value() {
        let error = |variables: &[(&str, &str)]| read(variables).err().unwrap().to_string();
        assert!(error(&[]).contains("`config` is not set"));
        assert!(error(&[("config", "a: 1\nhunter2: [\n")]).contains("line"));
        assert!(!error(&[("config", "a: 1\nhunter2: [\n")]).contains("hunter2"));
        assert!(error(&[("config", "hunter2")]).contains("not a mapping"));
        assert!(error(&[("config", CONFIG)]).contains("OMPIPE_SECRET_A_B"));
    }
}
