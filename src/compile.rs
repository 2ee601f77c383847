//! Definitions → checked objects as canonical YAML: the one way that every verb goes.
//!
//! In: a project's definitions and the options of a verb. Out: [`Object`]s, in an order that
//! depends on names alone, or findings. Pipelines are independent of each other, so each is
//! validated, rendered and written on any thread, and its trees are dropped before the next: what
//! is kept of a pipeline is its text.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::definition::{Definitions, IngestionPipeline};
use crate::diagnostic::{Diagnostic, Diagnostics, code, did_you_mean};
use crate::manifest::Manifest;
use crate::model::{Namespace, Parameters, ServiceAccountName};
use crate::render::{Mode, Renderer};
use crate::source::Sources;
use crate::spec::Bundle;
use crate::tree::Span;
use crate::validate::Validator;
use crate::yaml;

/// What a verb asks for.
#[derive(Debug)]
pub struct Options {
    /// What each pipeline is rendered to.
    pub mode: Mode,
    /// The pipelines to render, by name; none: all. All are validated.
    pub only: Vec<String>,
    /// The user's own templates: file name, name to show, text.
    pub templates: Vec<(String, String, String)>,
    /// OpenMetadata's own schema, to check workflows against.
    pub bundle: Option<Bundle>,
    /// Whether the objects are wanted; else they are checked and let go.
    pub objects: bool,
}

/// One rendered object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Object {
    /// Its file below an output folder.
    pub file: String,
    /// Its place in the order of applying: lower first.
    pub order: usize,
    /// The definition that it comes from: where its name stands.
    pub span: Span,
    /// Canonical YAML.
    pub text: String,
}

/// What one pipeline comes to.
#[derive(Default)]
struct Outcome {
    objects: Vec<Object>,
    account: Option<Account>,
    found: Diagnostics,
}

/// Whom pods run as, and where: once for all pipelines that say the same.
type Account = (Namespace, ServiceAccountName);

/// Validates all definitions and renders the pipelines asked for. With an error among the findings
/// the objects are not to be used.
///
/// The pipelines are taken out of the definitions: each is let go when it has become text.
pub fn compile(
    definitions: &mut Definitions,
    options: &Options,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Vec<Object> {
    let mut pipelines = std::mem::take(&mut definitions.pipelines);
    pipelines.sort_by(|one, other| one.name().cmp(other.name()));
    check_selection(&options.only, &pipelines, found);
    let validator = Validator::new(definitions, &pipelines, options.bundle.as_ref(), found);
    let renderer = Renderer::new(options.templates.iter().cloned(), sources, found);

    let outcomes = pipelines.into_par_iter().map(|definition| {
        let wanted = options.objects
            && (options.only.is_empty()
                || options.only.iter().any(|name| name == definition.name()));
        one(&definition, &validator, renderer.as_ref(), options.mode, wanted)
    });
    let outcomes = outcomes.collect::<Vec<_>>();

    let mut accounts = BTreeSet::new();
    let mut objects = Vec::with_capacity(outcomes.len() * 2);
    for Outcome { objects: of_pipeline, account, found: of } in outcomes {
        found.append(of);
        objects.extend(of_pipeline);
        accounts.extend(account);
    }
    let accounts = accounts.iter().flat_map(|(namespace, account)| {
        let renderer = renderer.iter();
        renderer
            .flat_map(|renderer| renderer.account(namespace, account, found))
            .collect::<Vec<_>>()
    });
    let mut room = String::new();
    let mut all =
        accounts.map(|manifest| object(&manifest, None, Span::NONE, &mut room)).collect::<Vec<_>>();
    all.append(&mut objects);
    all
}

fn one(
    definition: &IngestionPipeline,
    validator: &Validator<'_>,
    renderer: Option<&Renderer>,
    mode: Mode,
    wanted: bool,
) -> Outcome {
    let mut outcome = Outcome::default();
    let found = &mut outcome.found;
    let pipeline = validator.pipeline(definition, found);
    let (Some(mut pipeline), Some(renderer)) = (pipeline, renderer) else {
        return outcome;
    };
    let manifests = renderer.pipeline(&mut pipeline, mode, found);
    if wanted {
        let folder = Some(pipeline.names.folder.as_str());
        let span = definition.name_span();
        let mut room = String::with_capacity(8192);
        let objects = manifests.iter().map(|manifest| object(manifest, folder, span, &mut room));
        outcome.objects = objects.collect();
        let Parameters { namespace, service_account_name, .. } = pipeline.parameters;
        outcome.account = Some((namespace, service_account_name));
    }
    outcome
}

/// `room` is where the text is made, to be kept in no more memory than it needs.
fn object(manifest: &Manifest, folder: Option<&str>, span: Span, room: &mut String) -> Object {
    room.clear();
    yaml::write(manifest.node(), room);
    Object {
        file: manifest.file_name(folder),
        order: manifest.apply_order(),
        span,
        text: room.as_str().to_owned(),
    }
}

/// A pipeline that is asked for and not there is an error, not an empty answer.
fn check_selection(only: &[String], pipelines: &[IngestionPipeline], found: &mut Diagnostics) {
    for name in only {
        if pipelines.iter().any(|pipeline| pipeline.name() == name) {
            continue;
        }
        let known = pipelines.iter().map(IngestionPipeline::name);
        let finding = Diagnostic::error(
            &code::UNKNOWN_PIPELINE,
            Span::NONE,
            format!("there is no pipeline `{name}`"),
        );
        found.push(finding.with_optional_help(did_you_mean(name, known)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{Input, Project};
    use uuid::Uuid;

    const TEXT: &str = "
kind: IngestionProject
metadata: {name: analytics}
spec:
  openMetadata:
    hostPort: http://openmetadata:8585/api
    authProvider: openmetadata
    securityConfig: {jwtToken: {secretKeyRef: {name: openmetadata-bot, key: token}}}
---
kind: ServiceConnection
metadata: {name: snowflake-prod}
spec:
  type: snowflake
  connection:
    config:
      type: Snowflake
      username: ingest
      password: {secretKeyRef: {name: snowflake, key: password}}
      account: acme.eu-central-1
---
kind: IngestionPipeline
metadata: {name: snowflake-metadata}
spec:
  service: snowflake-prod
  type: metadata
  schedule: \"0 3 * * *\"
  timeZone: Europe/Zurich
  workflow:
    source: {sourceConfig: {config: {type: DatabaseMetadata}}}
  kubernetes: {KUBERNETES}
";

    fn compiled(kubernetes: &str, mode: Mode) -> (Vec<Object>, Vec<Diagnostic>) {
        compiled_text(&TEXT.replace("{KUBERNETES}", kubernetes), mode)
    }

    fn compiled_text(text: &str, mode: Mode) -> (Vec<Object>, Vec<Diagnostic>) {
        let input = Input::Text { name: "-".to_owned(), bytes: text.as_bytes().to_vec() };
        let mut project = Project::read(vec![input]).unwrap();
        let options =
            Options { mode, only: Vec::new(), templates: Vec::new(), bundle: None, objects: true };
        let mut found = std::mem::take(&mut project.found);
        let objects = compile(&mut project.definitions, &options, &mut project.sources, &mut found);
        (objects, found.into_sorted())
    }

    fn files(objects: &[Object]) -> Vec<&str> {
        objects.iter().map(|object| object.file.as_str()).collect()
    }

    #[test]
    fn a_pipeline_becomes_a_configmap_and_a_cronjob_beside_its_service_account() {
        let (objects, found) = compiled("{}", Mode::Scheduled);
        assert_eq!(found, []);
        assert_eq!(
            files(&objects),
            [
                "rbac.yaml",
                "rbac.yaml",
                "rbac.yaml",
                "snowflake-metadata/configmap-om-config-snowflake-metadata.yaml",
                "snowflake-metadata/cronjob-om-cronjob-snowflake-metadata.yaml",
            ]
        );
    }

    #[test]
    fn the_operator_gets_a_cronomjob_and_a_run_is_a_job_or_an_omjob() {
        for (kubernetes, mode, expected) in [
            (
                "{useOMJobOperator: true}",
                Mode::Scheduled,
                "snowflake-metadata/cronomjob-om-cronomjob-snowflake-metadata.yaml",
            ),
            (
                "{}",
                Mode::Run(Some(Uuid::nil())),
                "snowflake-metadata/job-om-job-snowflake-metadata-00000000.yaml",
            ),
            (
                "{useOMJobOperator: true}",
                Mode::Run(Some(Uuid::nil())),
                "snowflake-metadata/omjob-om-job-snowflake-metadata-00000000.yaml",
            ),
            (
                "{exitHandler: sidecar}",
                Mode::Scheduled,
                "snowflake-metadata/cronjob-om-cronjob-snowflake-metadata.yaml",
            ),
        ] {
            let (objects, found) = compiled(kubernetes, mode);
            assert_eq!(found, []);
            assert_eq!(files(&objects).last(), Some(&expected));
        }
    }

    #[test]
    fn what_the_schema_and_what_the_rules_refuse_is_found_in_one_run() {
        let text = TEXT
            .replace("type: metadata", "type: metdata")
            .replace("0 3 * * *", "0 25 * * *")
            .replace("Europe/Zurich", "Europe/Zuerich")
            .replace("{KUBERNETES}", "{}");
        let (_, found) = compiled_text(&text, Mode::Scheduled);
        let codes = found.iter().map(|finding| finding.code.id).collect::<Vec<_>>();
        assert_eq!(codes, [code::SCHEMA_VALUE.id, code::SCHEDULE.id, code::TIME_ZONE.id]);
    }

    #[test]
    fn a_literal_secret_is_found_wherever_it_stands_whether_or_not_a_pipeline_uses_it() {
        const SERVICE: &str = "
kind: ServiceConnection
metadata: {name: spare}
spec: {type: postgres, connection: {config: {type: Postgres, authType: {password: hunter2}}}}
";
        const PROJECT: &str = "
kind: IngestionProject
metadata: {name: alone}
spec: {openMetadata: {hostPort: 'http://om:8585/api', securityConfig: {jwtToken: hunter2}}}
";
        let in_workflow = |mistake: &str| {
            format!(
                "{{kind: IngestionPipeline, metadata: {{name: p}}, spec: {{type: metadata, {mistake}, \
                 workflow: {{source: {{serviceConnection: {{config: {{password: hunter2}}}}}}}}}}}}"
            )
        };
        for text in [
            SERVICE.to_owned(),
            PROJECT.to_owned(),
            SERVICE.replace("{name: spare}", "{name: spare, typo: 1}"),
            PROJECT.replace("{name: alone}", "{name: alone, typo: 1}"),
            in_workflow("service: nowhere"),
            in_workflow("enabled: true"),
            in_workflow("typo: 1, type2: 2"),
            in_workflow("service: 7"),
        ] {
            let (_, found) = compiled_text(&text, Mode::Scheduled);
            let literal = found.iter().filter(|finding| *finding.code == code::LITERAL_SECRET);
            assert_eq!(literal.count(), 1, "{text}: {found:?}");
        }
    }
}
