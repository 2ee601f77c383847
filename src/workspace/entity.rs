//! An entity that is run once, on the terms of a workspace's project.
//!
//! In: the definitions of a project, and an entity. Out: the objects of its one run, and findings:
//! those on the definitions, and those on the entity.

use super::once::once;
use crate::compile::{Object, Options};
use crate::definition::Definitions;
use crate::diagnostic::Diagnostics;
use crate::environment::Extent;
use crate::model::EntityKind;
use crate::render::Mode;
use crate::source::Sources;
use crate::tree::Node;

/// Validates all definitions, and renders the run of an entity by the mode that is asked for. With an
/// error among the findings the objects are not to be used.
pub fn compile_entity(
    (kind, entity): (EntityKind, Node),
    definitions: &mut Definitions,
    options: Options,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Vec<Object> {
    let mode = options.mode;
    let options = Options { mode: Mode::Scheduled, objects: false, ..options };
    let ((objects, of_entity), _) = once(definitions, options, sources, found, |workspace| {
        workspace.compile();
        workspace.options.mode = mode;
        workspace.with_compiler(|compiler| {
            let mut outcome = compiler.entity(kind, entity);
            let faults = [&outcome.matches].into_iter();
            compiler.environment.check(faults, FAULTS_ALONE, &mut outcome.found);
            (outcome.objects, outcome.found)
        })
    });
    found.append(of_entity);
    objects
}

/// A patch that does not match the objects of an entity may be meant for those of pipelines.
const FAULTS_ALONE: Extent<'_> =
    Extent { broken: &[], is_read: false, is_complete: false, is_run: true };

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::diagnostic::{Diagnostic, code};
    use crate::project::{Input, Project};

    const PROJECT: &str = "
kind: IngestionProject
metadata: {name: analytics}
spec:
  openMetadata: {hostPort: 'http://openmetadata:8585/api'}
  kubernetes: KUBERNETES
  patches: [PATCHES]
---
kind: IngestionPipeline
metadata: {name: orders}
spec:
  type: metadata
  workflow: {source: {type: mysql, serviceName: orders}}
";

    const ENTITY: &str = "
id: d8afbfd4-f8da-4e0b-8b37-53a26a774d54
name: test
workflowType: TEST_CONNECTION
request: {connection: {config: {password: {secretKeyRef: {name: mysql, key: password}}}}}
";

    fn compiled(
        kind: EntityKind,
        kubernetes: &str,
        patches: &str,
    ) -> (Vec<Object>, Vec<Diagnostic>) {
        let text = |name: &str, text: &str| Input::Text {
            name: name.to_owned(),
            bytes: text.as_bytes().to_vec(),
        };
        let definitions = PROJECT.replace("KUBERNETES", kubernetes).replace("PATCHES", patches);
        let mut project = Project::read(vec![text("-", &definitions)]).unwrap();
        let entity = project.read_document(text("entity", ENTITY)).unwrap();
        let options = Options {
            mode: Mode::Run(Some(Uuid::nil())),
            environment: None,
            only: Vec::new(),
            templates: Vec::new(),
            bundle: None,
            values: None,
            objects: false,
        };
        let Project { definitions, sources, mut found, .. } = project;
        let (mut definitions, mut sources) = (definitions, sources);
        let entity = (kind, entity);
        let objects = compile_entity(entity, &mut definitions, options, &mut sources, &mut found);
        (objects, found.into_sorted())
    }

    fn errors(found: &[Diagnostic]) -> Vec<&str> {
        let warned = [code::NAME_CHANGED.id];
        found.iter().map(|one| one.code.id).filter(|id| !warned.contains(id)).collect()
    }

    #[test]
    fn the_objects_are_those_of_one_run_and_none_of_a_pipeline() {
        let (objects, found) = compiled(EntityKind::Automation, "{}", "");
        assert_eq!(errors(&found), [] as [&str; 0]);
        let files = objects.iter().map(|object| object.file.as_str()).collect::<Vec<_>>();
        let of_run = ["configmap", "job"]
            .map(|kind| format!("test/{kind}-om-automation-test-00000000.yaml"));
        assert_eq!(files, ["rbac.yaml", "rbac.yaml", "rbac.yaml", &of_run[0], &of_run[1]]);
        for object in &objects[3..] {
            assert!(object.text.contains("run-id: 00000000-0000"), "{}", object.text);
            assert!(!object.text.contains("kubernetes.io/pipeline"), "{}", object.text);
        }
    }

    #[test]
    fn an_application_has_an_omjob_without_an_exit_handler() {
        let (objects, found) = compiled(EntityKind::Application, "{useOMJobOperator: true}", "");
        assert_eq!(errors(&found), [] as [&str; 0]);
        let omjob = objects.last().unwrap();
        assert_eq!(omjob.file, "test/omjob-om-app-test-00000000.yaml");
        assert!(!omjob.text.contains("exit"), "{}", omjob.text);
        let (objects, _) = compiled(EntityKind::Application, "{exitHandler: sidecar}", "");
        let job = objects.last().unwrap();
        assert_eq!(job.file, "test/job-om-app-test-00000000.yaml");
        assert!(!job.text.contains("exit") && !job.text.contains("preStop"), "{}", job.text);
    }

    #[test]
    fn its_secrets_come_by_the_way_of_the_project() {
        let way = "{secrets: {way: externalSecret, externalSecret: {storeRef: {name: vault}}}}";
        let (objects, found) = compiled(EntityKind::Automation, way, "");
        assert_eq!(errors(&found), [] as [&str; 0]);
        let external = &objects[3];
        assert_eq!(external.file, "test/externalsecret-om-automation-test-00000000.yaml");
        assert!(external.text.contains("run-id: 00000000-0000"), "{}", external.text);
        let job = &objects.last().unwrap().text;
        assert!(job.contains("secretKeyRef:") && !job.contains("OMPIPE_SECRET"), "{job}");
    }

    #[test]
    fn a_patch_of_its_job_applies_and_one_that_cannot_is_told() {
        let patch = |merge: &str| {
            let target = "target: {kind: Job, name: om-automation-*}";
            let patch = format!("{{{target}, allowNoMatch: true, {merge}}}");
            compiled(EntityKind::Automation, "{}", &patch)
        };
        let (objects, found) = patch("merge: {spec: {suspend: true}}");
        assert_eq!(errors(&found), [] as [&str; 0]);
        assert!(objects.last().unwrap().text.contains("suspend: true"));
        let (_, found) = patch("merge: {metadata: {name: other}}");
        assert_eq!(errors(&found), [code::PATCH_IDENTITY.id]);
    }
}
