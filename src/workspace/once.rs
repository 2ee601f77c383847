//! A set of definitions → all objects, once: what `render` and `validate` do.
//!
//! In: definitions and the options of a verb. Out: [`Object`]s, in an order that depends on names
//! alone, and findings; or what views of the whole take of them. It is a [`Workspace`] that is asked
//! once.

use crate::compile::{Object, Options};
use crate::definition::Definitions;
use crate::diagnostic::Diagnostics;
use crate::source::Sources;
use crate::survey::Seen;

use super::Workspace;

/// Validates all definitions and renders the pipelines asked for. With an error among the findings
/// the objects are not to be used.
///
/// The definitions are taken: each pipeline is let go when it has become text.
pub fn compile(
    definitions: &mut Definitions,
    options: Options,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Vec<Object> {
    once(definitions, options, sources, found, Workspace::compile).1
}

/// Validates and renders all pipelines, and gives what views of the whole project take of each, in
/// the order of names. With an error among the findings it is not whole.
pub fn survey(
    definitions: &mut Definitions,
    options: Options,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Vec<Seen> {
    let options = Options { objects: false, ..options };
    let seen = once(definitions, options, sources, found, |workspace| {
        workspace.survey = true;
        workspace.compile();
        workspace.take_seen()
    });
    seen.0
}

/// Makes a workspace of definitions for one piece of work: what that gives, and the objects. Sources
/// and findings are given back.
pub(super) fn once<T>(
    definitions: &mut Definitions,
    options: Options,
    sources: &mut Sources,
    found: &mut Diagnostics,
    work: impl FnOnce(&mut Workspace) -> T,
) -> (T, Vec<Object>) {
    let taken = (std::mem::take(definitions), std::mem::take(found));
    let mut workspace = Workspace::of(std::mem::take(sources), taken.0, taken.1, options);
    let done = work(&mut workspace);
    let (objects, all, texts) = workspace.into_parts();
    *found = all;
    *sources = texts;
    (done, objects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Diagnostic, Severity, code};
    use crate::project::{Input, Project};
    use crate::render::Mode;
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
        let options = Options {
            mode,
            environment: None,
            only: Vec::new(),
            templates: Vec::new(),
            bundle: None,
            values: None,
            objects: true,
        };
        let mut found = std::mem::take(&mut project.found);
        let objects = compile(&mut project.definitions, options, &mut project.sources, &mut found);
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

    /// The name of the Job or OMJob that a text is run by, without an id from outside.
    fn run_of(text: &str) -> String {
        let (objects, found) = compiled_text(text, Mode::Run(None));
        assert!(!found.iter().any(|one| one.severity == Severity::Error), "{found:?}");
        files(&objects).last().unwrap().to_string()
    }

    #[test]
    fn a_run_is_named_by_all_that_is_run_and_by_nothing_else() {
        let spec = "  kubernetes: {KUBERNETES}";
        for operator in ["useOMJobOperator: false", "useOMJobOperator: true"] {
            let with = |from: &str, to: &str| {
                assert!(TEXT.contains(from));
                TEXT.replace(from, to).replace("{KUBERNETES}", &format!("{{{operator}}}"))
            };
            let parameter =
                |more: &str| TEXT.replace("{KUBERNETES}", &format!("{{{operator}, {more}}}"));
            let plain = run_of(&with(spec, spec));
            for same in [
                with("0 3 * * *", "0 4 * * *"),
                with("Europe/Zurich", "Etc/UTC"),
                with("  timeZone", "  # A comment.\n  timeZone"),
                with("{name: analytics}", "{name: analytics, annotations: {team: a}}"),
            ] {
                assert_eq!(run_of(&same), plain, "{same}");
            }
            let mut names = vec![plain];
            for other in [
                with("username: ingest", "username: other"),
                with("name: snowflake, key: password", "name: snowflake, key: other"),
                with("hostPort: http://", "hostPort: https://"),
                with("type: DatabaseMetadata", "type: DatabaseMetadata, includeViews: false"),
                with("{name: snowflake-metadata}", "{name: other-metadata}"),
                with("{name: snowflake-metadata}", "{name: snowflake-metadata, labels: {a: b}}"),
                parameter("ingestionImage: 'example.org/ingestion:2'"),
                parameter("resources: {limits: {memory: 8Gi}}"),
                parameter("nodeSelector: {pool: batch}"),
                parameter("ttlSecondsAfterFinished: 60"),
            ] {
                names.push(run_of(&other));
            }
            if operator.ends_with("false") {
                let template =
                    "  podTemplate: {spec: {priorityClassName: batch}}\n  kubernetes: {KUBERNETES}";
                names.push(run_of(&with(spec, template)));
                let patch = "spec:\n  patches: [{target: {kind: Job, name: om-job-*}, merge: {spec: {parallelism: 1}}}]\n  openMetadata:";
                names.push(run_of(&with("spec:\n  openMetadata:", patch)));
            }
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all, "two of them share a name: {names:?}");
        }
    }

    #[test]
    fn objects_have_sync_waves_where_the_project_asks_for_them() {
        let waves = |text: &str| {
            let (objects, found) = compiled_text(text, Mode::Scheduled);
            assert_eq!(found, []);
            let wave = |object: &Object| {
                let (_, wave) = object.text.split_once("argocd.argoproj.io/sync-wave: '")?;
                Some(wave.split('\'').next()?.parse::<u8>().unwrap())
            };
            objects.iter().map(wave).collect::<Vec<_>>()
        };
        let text = TEXT.replace("{KUBERNETES}", "{}");
        assert_eq!(waves(&text), [None; 5]);
        let asked = text.replacen("spec:\n", "spec:\n  argoCD: {syncWaves: true}\n", 1);
        assert_eq!(waves(&asked), [0, 0, 0, 1, 2].map(Some));
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
