//! An IngestionPipeline of OpenMetadata's → a draft.
//!
//! In: the entity. Out: what a definition has a place for; what it has none for is noted, each
//! field by its name. Fields in which the server keeps its own books, and those that have the value
//! that OpenMetadata gives them by itself, say nothing of what somebody chose and are passed over.

use super::{ROUTES, number, says_nothing, workflow};
use crate::definition::PipelineType;
use crate::diagnostic::{Diagnostic, Diagnostics, code, did_you_mean};
use crate::import::draft::{Draft, Form};
use crate::import::names::{last_part, of_entity};
use crate::import::origin::timing;
use crate::import::report::Note;
use crate::tree::{Mapping, Node, Span};

/// What has a place in a definition, or is the server's own bookkeeping.
const PASSED_OVER: [&str; 24] = [
    "airflowConfig",
    "changeDescription",
    "deleted",
    "deployed",
    "description",
    "enableStreamableLogs",
    "enabled",
    "fullyQualifiedName",
    "href",
    "id",
    "impersonatedBy",
    "incrementalChangeDescription",
    "ingestionRunner",
    "loggerLevel",
    "name",
    "openMetadataServerConnection",
    "pipelineStatuses",
    "pipelineType",
    "raiseOnError",
    "service",
    "sourceConfig",
    "updatedAt",
    "updatedBy",
    "version",
];

/// The fields of `airflowConfig` that have a place in a definition.
const CARRIED: [&str; 6] = [
    "maxActiveRuns",
    "pausePipeline",
    "pipelineTimezone",
    "retries",
    "scheduleInterval",
    "workflowTimeout",
];

/// How the report calls an entity: by its fully qualified name.
pub(super) fn label(entity: &Node) -> String {
    let text = |key| entity.get(key).and_then(Node::as_str);
    text("fullyQualifiedName").or(text("name")).unwrap_or_default().to_owned()
}

/// The draft of an entity; `None` when it is deleted, or wrong, which is then among the findings.
pub(super) fn draft(
    file: &str,
    entity: &Node,
    notes: &mut Vec<Note>,
    found: &mut Diagnostics,
) -> Option<Draft> {
    let text = |key| entity.get(key).and_then(Node::as_str);
    if entity.get("deleted").and_then(Node::as_bool) == Some(true) {
        let text = "it is deleted in OpenMetadata, so it is left out".to_owned();
        notes.push(Note { file: label(entity), text });
        return None;
    }
    let Some(name) = text("name").filter(|name| !name.is_empty()) else {
        let finding = wrong(entity.span, "an exported pipeline has no `name`");
        found.push(finding.with_help("export it anew: OpenMetadata gives every pipeline one"));
        return None;
    };
    let pipeline_type = pipeline_type(entity, found)?;
    let service = service(entity);
    let mut draft = Draft::of_workflow(label(entity), pipeline_type, Node::new(Mapping::new()));
    draft.stands_in = format!("{file}: {}", draft.label);
    draft.routes = ROUTES;
    draft.span = entity.get("name").map_or(entity.span, |node| node.span);
    draft.names = of_entity(name, service.as_deref().unwrap_or_default(), pipeline_type.as_str());
    draft.fqn = text("fullyQualifiedName").map(str::to_owned);
    draft.description = text("description").filter(|text| !text.is_empty()).map(str::to_owned);
    let (workflow, service) =
        workflow::of(entity, pipeline_type, service, &draft.names[0], &mut draft.left_behind);
    draft.workflow = workflow;
    draft.form = Form::Partial { service };
    airflow_config(entity, &mut draft);
    left_behind(entity, &mut draft);
    Some(draft)
}

fn pipeline_type(entity: &Node, found: &mut Diagnostics) -> Option<PipelineType> {
    let node = entity.get("pipelineType")?;
    let text = node.as_str().unwrap_or_default();
    let known = PipelineType::ALL.into_iter().find(|known| known.as_str() == text);
    if known.is_none() {
        let names = PipelineType::ALL.map(PipelineType::as_str);
        let message = "OpenMetadata has no such pipeline type";
        let finding = wrong(node.span, message).with_route("pipelineType");
        let help = did_you_mean(text, names);
        found.push(finding.with_optional_help(help));
    }
    known
}

fn wrong(span: Span, message: &str) -> Diagnostic {
    Diagnostic::error(&code::IMPORT_ENTITY, span, message)
}

/// The service that an entity is filed under: as it says, else as its fully qualified name does.
fn service(entity: &Node) -> Option<String> {
    let of = |key: &str| entity.at_route(&["service", key]).and_then(Node::as_str);
    let by_reference = of("name").or(of("fullyQualifiedName"));
    let by_name = || {
        let fqn = entity.get("fullyQualifiedName")?.as_str()?;
        let service = fqn.strip_suffix(last_part(fqn))?.trim_end_matches(['.', '"']);
        Some(service.trim_start_matches('"')).filter(|service| !service.is_empty())
    };
    by_reference.or_else(by_name).map(str::to_owned)
}

/// When it runs and how often it is tried again.
fn airflow_config(entity: &Node, draft: &mut Draft) {
    let empty = Node::new(Mapping::new());
    let config = entity.get("airflowConfig").unwrap_or(&empty);
    let text = |key| config.get(key).and_then(Node::as_str);
    let whole = |key| config.get(key).and_then(Node::as_i64);
    let paused = config.get("pausePipeline").and_then(Node::as_bool) == Some(true);
    let enabled = entity.get("enabled").and_then(Node::as_bool).unwrap_or(true);
    if paused && enabled {
        draft.note("it is enabled, but to be paused once deployed (`pausePipeline`): it is imported disabled");
    }
    // What OpenMetadata reads where none is written.
    let time_zone = text("pipelineTimezone").unwrap_or("UTC");
    timing::set(draft, text("scheduleInterval"), Some(time_zone), enabled && !paused);
    if let Some(retries) = whole("retries") {
        draft.parameters.insert("backoffLimit", number(retries));
    }
    if let Some(seconds) = whole("workflowTimeout").filter(|seconds| *seconds > 0) {
        draft.parameters.insert("activeDeadlineSeconds", number(seconds));
    }
    if let Some(most) = whole("maxActiveRuns").filter(|most| *most > 1) {
        draft.parameters.insert("concurrencyPolicy", Node::new("Allow"));
        draft.note(format!(
            "up to {most} runs at once (`maxActiveRuns`) become any number (`concurrencyPolicy: Allow`)"
        ));
    }
    for entry in config.as_mapping().into_iter().flatten() {
        let key = entry.key.as_str();
        if CARRIED.contains(&key) || says_nothing(&entry.value) || is_default(key, &entry.value) {
            continue;
        }
        let reason = match key {
            "startDate" | "endDate" => ": a CronJob has no first and no last day",
            "pipelineCatchup" => ": past runs are not made up for",
            "retryDelay" => ": Kubernetes waits 10 s, 20 s and so on between attempts",
            _ => ", which is Airflow's",
        };
        draft.note(format!("airflowConfig.{key} is left out{reason}"));
    }
}

/// Whether a field of `airflowConfig` has the value that OpenMetadata gives it by itself.
fn is_default(key: &str, value: &Node) -> bool {
    match key {
        "concurrency" => value.as_i64() == Some(1),
        "retryDelay" => value.as_i64() == Some(300),
        "pipelineCatchup" => value.as_bool() == Some(false),
        "workflowDefaultView" => value.as_str() == Some("tree"),
        "workflowDefaultViewOrientation" => value.as_str() == Some("LR"),
        _ => false,
    }
}

/// Notes the fields that have no place in a definition.
fn left_behind(entity: &Node, draft: &mut Draft) {
    for entry in entity.as_mapping().into_iter().flatten() {
        let key = entry.key.as_str();
        let silent = match key {
            "provider" => entry.value.as_str() == Some("user"),
            "displayName" => entry.value == *entity.get("name").unwrap_or(&entry.value),
            _ => PASSED_OVER.contains(&key),
        };
        if !silent && !says_nothing(&entry.value) {
            draft.note(format!("{key} is left out: it stays in OpenMetadata"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entity(over: Value) -> Node {
        let mut entity = json!({
            "name": "orders_metadata", "pipelineType": "metadata",
            "fullyQualifiedName": "orders.orders_metadata",
            "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
            "service": {"type": "databaseService", "name": "orders"},
            "airflowConfig": {"scheduleInterval": "0 2 * * *"},
        });
        for (key, value) in over.as_object().unwrap() {
            entity[key] = value.clone();
        }
        Node::from(entity)
    }

    fn made(over: Value) -> Draft {
        let mut found = Diagnostics::default();
        let made = draft("pipelines.json", &entity(over), &mut Vec::new(), &mut found);
        assert!(found.is_empty(), "{found:?}");
        made.unwrap()
    }

    #[test]
    fn an_entity_keeps_its_name_schedule_and_service() {
        let draft = made(json!({"description": "Every night", "enabled": false}));
        assert_eq!(draft.label, "orders.orders_metadata");
        assert_eq!(draft.names[0], "orders-metadata");
        assert_eq!(draft.timing.schedule.as_deref(), Some("0 2 * * *"));
        assert_eq!(draft.timing.time_zone.as_deref(), Some("UTC"));
        assert!(!draft.timing.enabled);
        assert_eq!(draft.form, Form::Partial { service: Some("orders".to_owned()) });
        assert_eq!(draft.left_behind, Vec::<String>::new());
    }

    #[test]
    fn what_a_definition_has_no_place_for_is_noted_unless_nobody_chose_it() {
        let draft = made(json!({
            "owners": [{"name": "data"}], "domains": [], "provider": "automation", "new": 1,
            "displayName": "Orders", "id": "6f", "version": 0.3,
            "airflowConfig": {
                "pausePipeline": true, "concurrency": 1, "retryDelay": 60, "retries": 0,
                "startDate": "2024-01-01T00:00:00Z", "maxActiveRuns": 2, "workflowTimeout": 3600,
                "workflowDefaultView": "tree", "email": "a@b.example",
            },
        }));
        let notes = draft.left_behind.join("\n");
        for part in [
            "owners",
            "provider",
            "new",
            "displayName",
            "pausePipeline",
            "retryDelay",
            "startDate",
            "maxActiveRuns",
            "airflowConfig.email",
        ] {
            assert!(notes.contains(part), "{part}: {notes}");
        }
        assert_eq!(draft.left_behind.len(), 9, "{notes}");
        let parameters = Value::from(&Node::new(draft.parameters));
        let expected =
            json!({"backoffLimit": 0, "activeDeadlineSeconds": 3600, "concurrencyPolicy": "Allow"});
        assert_eq!(parameters, expected);
    }

    #[test]
    fn the_service_is_told_by_the_full_name_where_nothing_else_tells() {
        let of = |fqn: &str| {
            let entity = json!({"fullyQualifiedName": fqn});
            service(&Node::from(entity))
        };
        assert_eq!(of("orders.nightly").as_deref(), Some("orders"));
        assert_eq!(of("\"my.orders\".nightly").as_deref(), Some("my.orders"));
        assert_eq!(of("nightly"), None);
    }

    #[test]
    fn a_deleted_pipeline_is_noted_and_an_unknown_type_is_a_finding() {
        let (mut notes, mut found) = (Vec::new(), Diagnostics::default());
        let deleted = entity(json!({"deleted": true}));
        assert!(draft("a.json", &deleted, &mut notes, &mut found).is_none());
        assert!(notes[0].text.contains("deleted") && found.is_empty());
        let unknown = entity(json!({"pipelineType": "metadatas"}));
        assert!(draft("a.json", &unknown, &mut notes, &mut found).is_none());
        assert!(found.has_errors());
    }
}
