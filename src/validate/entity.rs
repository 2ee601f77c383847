//! An entity of OpenMetadata's that is run once → the [`Pipeline`] that its pods are rendered from.
//!
//! In: a `Workflow` or an `App` as OpenMetadata's API gives it, with references in the place of
//! secrets. Out: the entity, checked, on the terms of the project: where OpenMetadata is, how pods
//! run. What a connection or configuration may hold, OpenMetadata's own schema says, as far as it is
//! imported.

use super::{Validator, check_secrets, rules};
use crate::definition::{Broken, IngestionProject, Kind};
use crate::diagnostic::{Diagnostic, Diagnostics, code, did_you_mean};
use crate::model::{EntityKind, ObjectNames, Parameters, Pipeline, PipelineName, Places, Work};
use crate::tree::{Mapping, Node, Span};

/// Where an entity says how OpenMetadata is reached.
const SERVER: &str = "openMetadataServerConnection";

/// `workflowType` of OpenMetadata's `automations/workflow.json`, of all versions so far.
const WORKFLOW_TYPES: [&str; 4] =
    ["TEST_CONNECTION", "REVERSE_INGESTION", "QUERY_RUNNER", "TEST_SPARK_ENGINE_CONNECTION"];

/// What the ingestion image's own classes of the entities cannot do without.
fn required(kind: EntityKind) -> &'static [&'static str] {
    match kind {
        EntityKind::Automation => &["id", "name", "workflowType", "request"],
        EntityKind::Application => &["id", "name"],
    }
}

impl Validator<'_> {
    /// An entity that is run once; `None` when anything in it is wrong, which is then among the
    /// findings.
    pub fn entity(
        &self,
        kind: EntityKind,
        entity: Node,
        found: &mut Diagnostics,
    ) -> Option<Pipeline> {
        let mut own = Diagnostics::default();
        let pipeline = self.checked_entity(kind, entity, &mut own);
        let sound = !own.has_errors();
        found.append(own);
        pipeline.filter(|_| sound)
    }

    fn checked_entity(
        &self,
        kind: EntityKind,
        mut entity: Node,
        found: &mut Diagnostics,
    ) -> Option<Pipeline> {
        let name = check_fields(kind, &entity, found);
        self.add_server(kind, &mut entity, found);
        check_secrets(&entity, self.shared.bundle, "", found);
        if let Some(bundle) = self.shared.bundle {
            bundle.check_workflow(&entity, found);
        }
        let (name, span) = name?;
        let mut parameters = self.parameters.clone()?;
        // OpenMetadata runs an automation as a Job whether or not there is an operator.
        parameters.use_om_job_operator &= kind == EntityKind::Application;
        Some(once(kind, name, span, entity, parameters))
    }

    /// Adds how OpenMetadata is reached, where the entity does not say it itself. OpenMetadata's API
    /// gives `null` for what it does not know.
    fn add_server(&self, kind: EntityKind, entity: &mut Node, found: &mut Diagnostics) {
        let whole = entity.span;
        let Some(fields) = entity.as_mapping_mut() else { return };
        if fields.get(SERVER).is_none_or(Node::is_null)
            && let Some(server) =
                self.shared.project.and_then(IngestionProject::open_metadata).cloned()
        {
            fields.insert(SERVER, server);
        }
        // What a project says that cannot be read is not known.
        let is_project = |broken: &&Broken| broken.may_be_a(Kind::IngestionProject);
        if fields.get(SERVER).and_then(|server| server.get("hostPort")).is_none()
            && !self.shared.broken.iter().any(is_project)
        {
            let place = fields.get("name").map_or(whole, |name| name.span);
            let message =
                format!("nothing says where the OpenMetadata server of the {} is", kind.class());
            found.push(Diagnostic::error(&code::NO_SERVER, place, message).with_help(format!(
                "set `spec.openMetadata.hostPort` in the IngestionProject, or `{SERVER}.hostPort` \
                 here"
            )));
        }
    }
}

/// The entity as a pipeline without a schedule.
fn once(
    kind: EntityKind,
    name: PipelineName,
    span: Span,
    entity: Node,
    parameters: Parameters,
) -> Pipeline {
    Pipeline {
        span,
        names: ObjectNames::of(&name),
        labels: Mapping::new(),
        annotations: Mapping::new(),
        work: Work::Entity(kind),
        description: None,
        schedule: None,
        time_zone: None,
        enabled: true,
        places: Places { schedule: Span::NONE, time_zone: Span::NONE, enabled: Span::NONE },
        workflow: entity,
        parameters,
        pod_template: None,
        name,
    }
}

/// The entity's name and where it stands; `None` when it has none that can be used.
fn check_fields(
    kind: EntityKind,
    entity: &Node,
    found: &mut Diagnostics,
) -> Option<(PipelineName, Span)> {
    let class = kind.class();
    let Some(fields) = entity.as_mapping() else {
        let message = format!("expected a {class}, found {}", entity.value.type_name());
        found.push(Diagnostic::error(&code::SPEC_TYPE, entity.span, message).with_help(format!(
            "the file holds OpenMetadata's entity `{class}` itself: `id`, `name` and so on"
        )));
        return None;
    };
    let begin = fields.iter().next().map_or(entity.span, |first| first.key_span);
    for field in required(kind).iter().filter(|field| fields.get(field).is_none()) {
        let message = format!("the {class} has no `{field}`");
        found.push(
            Diagnostic::error(&code::SPEC_MISSING_FIELD, begin, message)
                .with_note("OpenMetadata's own class cannot be made without it")
                .with_help("take the entity from OpenMetadata's API, with all of its fields"),
        );
    }
    for field in ["id", "name", "workflowType"] {
        let other = fields.get(field).filter(|value| value.as_str().is_none());
        if let Some(other) = other.filter(|_| required(kind).contains(&field)) {
            let message = format!("expected a string, found {}", other.value.type_name());
            found.push(Diagnostic::error(&code::SPEC_TYPE, other.span, message).with_route(field));
        }
    }
    if let (EntityKind::Automation, Some(node)) = (kind, fields.get("workflowType"))
        && let Some(text) = node.as_str().filter(|text| !WORKFLOW_TYPES.contains(text))
    {
        let message = format!("OpenMetadata has no workflow of type `{text}`");
        let help = did_you_mean(text, WORKFLOW_TYPES)
            .unwrap_or_else(|| format!("the types are `{}`", WORKFLOW_TYPES.join("`, `")));
        let finding = Diagnostic::error(&code::SPEC_VALUE, node.span, message);
        found.push(finding.with_route("workflowType").with_help(help));
    }
    let name = fields.get("name")?;
    let parsed = rules::names::entity_name(name, "name", found)?;
    Some((parsed, name.span))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::parse;
    use crate::tree::SourceId;
    use crate::validate::Shared;
    use crate::yaml::{self, Dialect};

    const PROJECT: &str = "
kind: IngestionProject
metadata: {name: analytics}
spec:
  openMetadata:
    hostPort: http://openmetadata:8585/api
    securityConfig: {jwtToken: {secretKeyRef: {name: openmetadata-bot, key: token}}}
  kubernetes: {useOMJobOperator: true}
";

    const TEST: &str = "
id: d8afbfd4-f8da-4e0b-8b37-53a26a774d54
name: test-mysql
workflowType: TEST_CONNECTION
request:
  connection: {config: {type: Mysql, password: {secretKeyRef: {name: mysql, key: password}}}}
";

    fn read(text: &str) -> Vec<Node> {
        let mut found = Diagnostics::default();
        yaml::read(SourceId(0), text, Dialect::Definition, &mut found)
    }

    fn checked(kind: EntityKind, project: &str, text: &str) -> Result<Pipeline, Vec<Diagnostic>> {
        let mut found = Diagnostics::default();
        let definitions = parse(read(project), &mut found);
        let validator = Validator::new(Shared::by(None).with(&definitions), &mut found);
        let entity = read(text).remove(0);
        let pipeline = validator.entity(kind, entity, &mut found);
        assert_eq!(pipeline.is_none(), found.has_errors());
        pipeline.ok_or_else(|| found.into_sorted())
    }

    fn codes(kind: EntityKind, project: &str, text: &str) -> Vec<&'static str> {
        let found = checked(kind, project, text).map(|_| ()).unwrap_err();
        found.iter().map(|finding| finding.code.id).collect()
    }

    #[test]
    fn the_project_says_where_openmetadata_is_unless_the_entity_does() {
        let host = |text: &str| {
            let pipeline = checked(EntityKind::Automation, PROJECT, text).unwrap();
            let host = pipeline.workflow.at_route(&[SERVER, "hostPort"]).and_then(Node::as_str);
            host.unwrap().to_owned()
        };
        assert_eq!(host(TEST), "http://openmetadata:8585/api");
        assert_eq!(host(&format!("{TEST}{SERVER}: null\n")), "http://openmetadata:8585/api");
        let own = format!("{TEST}{SERVER}: {{hostPort: 'http://other:1/api'}}\n");
        assert_eq!(host(&own), "http://other:1/api");
        let project = "{kind: IngestionProject, metadata: {name: a}, spec: {}}";
        assert_eq!(codes(EntityKind::Automation, project, TEST), [code::NO_SERVER.id]);
    }

    #[test]
    fn an_automation_is_a_job_and_an_application_what_the_project_says() {
        let operator = |kind| {
            let pipeline = checked(kind, PROJECT, TEST).unwrap();
            pipeline.parameters.use_om_job_operator
        };
        assert!(!operator(EntityKind::Automation));
        assert!(operator(EntityKind::Application));
    }

    #[test]
    fn what_is_wrong_with_an_entity_is_found_all_at_once() {
        let text = "{name: 'a::b', workflowType: TEST_CONECTION, request: {password: hunter2}}";
        let expected = [
            code::SPEC_MISSING_FIELD.id,
            code::ENTITY_NAME.id,
            code::SPEC_VALUE.id,
            code::LITERAL_SECRET.id,
        ];
        assert_eq!(codes(EntityKind::Automation, PROJECT, text), expected);
        let found = checked(EntityKind::Automation, PROJECT, text).unwrap_err();
        let help = found.iter().filter_map(|one| one.help.as_deref());
        assert!(help.into_iter().any(|help| help.contains("`TEST_CONNECTION`")));
        assert!(!format!("{found:?}").contains("hunter2"));
        let types = "{id: 1, name: [a]}";
        let found = codes(EntityKind::Application, PROJECT, types);
        assert_eq!(found, [code::SPEC_TYPE.id, code::SPEC_TYPE.id]);
        assert_eq!(codes(EntityKind::Application, PROJECT, "[]"), [code::SPEC_TYPE.id]);
    }
}
