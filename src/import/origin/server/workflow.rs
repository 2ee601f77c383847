//! The workflow of an exported pipeline, as OpenMetadata builds it when it deploys one.
//!
//! In: the entity. Out: its workflow without what the layers of a project say: the service's type,
//! name and connection, the server, and the components that ompipe adds by itself.

use crate::definition::PipelineType;
use crate::tree::{Mapping, Node};

/// The workflow of an entity, and the service that supplies the rest of its source.
pub(super) fn of(
    entity: &Node,
    pipeline_type: PipelineType,
    service: Option<String>,
    name: &str,
    notes: &mut Vec<String>,
) -> (Node, Option<String>) {
    let mut parts = Mapping::new();
    let mut source = Mapping::new();
    let mut supplier = None;
    match pipeline_type {
        PipelineType::Application => parts = application(entity),
        PipelineType::TestSuite => {
            // Its service is the test suite, which has no connection of its own.
            source = typed("TestSuite", service);
        }
        PipelineType::ElasticSearchReindex => {
            source = typed("metadata_elasticsearch", service);
            let config = Mapping::of([("type", Node::new("MetadataES"))]);
            let connection = Mapping::of([("config", Node::new(config))]);
            source.insert("serviceConnection", Node::new(connection));
            parts.insert("sink", component("metadata-rest", None));
        }
        PipelineType::DataInsight => {
            source = typed("dataInsight", service);
            parts.insert("processor", component("data-insight-processor", None));
            notes.push(
                "the search index that data insight writes to is not in the export: write `workflow.sink`, or run it as the application that it is in today's OpenMetadata"
                    .to_owned(),
            );
        }
        PipelineType::Usage => {
            supplier = service;
            let location = entity.at_route(&["sourceConfig", "config", "stageFileLocation"]);
            let location = location.and_then(Node::as_str).filter(|text| !text.is_empty());
            let file = location.map_or_else(|| format!("/tmp/openmetadata/{name}"), str::to_owned);
            parts.insert("processor", component("query-parser", None));
            parts.insert("stage", component("table-usage", Some(&file)));
            parts.insert("bulkSink", component("metadata-usage", Some(&file)));
        }
        PipelineType::AutoClassification => {
            supplier = service;
            let processor = Mapping::of([("type", Node::new("tag-pii-processor"))]);
            parts.insert("processor", Node::new(processor));
        }
        PipelineType::Metadata
        | PipelineType::Lineage
        | PipelineType::Profiler
        | PipelineType::Dbt => supplier = service,
    }
    if pipeline_type != PipelineType::Application {
        if let Some(config) = entity.get("sourceConfig") {
            source.insert("sourceConfig", config.clone());
        }
        parts.insert("source", Node::new(source));
    }
    settings(entity, &mut parts);
    (Node::new(parts), supplier)
}

/// What an application's workflow has in place of a source.
fn application(entity: &Node) -> Mapping {
    let mut parts = Mapping::new();
    for key in ["sourcePythonClass", "appConfig", "appPrivateConfig"] {
        if let Some(value) = entity.at_route(&["sourceConfig", "config", key]) {
            parts.insert(key, value.clone());
        }
    }
    parts
}

/// What the entity says of the workflow as a whole; values that OpenMetadata's schema gives by
/// itself are left to it.
fn settings(entity: &Node, parts: &mut Mapping) {
    let mut config = Mapping::new();
    if let Some(level) = entity.get("loggerLevel").filter(|level| level.as_str() != Some("INFO")) {
        config.insert("loggerLevel", level.clone());
    }
    if entity.get("raiseOnError").and_then(Node::as_bool) == Some(false) {
        config.insert("raiseOnError", Node::new(false));
    }
    if let Some(server) = entity.get("openMetadataServerConnection") {
        config.insert("openMetadataServerConfig", server.clone());
    }
    if !config.is_empty() {
        parts.insert("workflowConfig", Node::new(config));
    }
    if entity.get("enableStreamableLogs").and_then(Node::as_bool) == Some(true) {
        parts.insert("enableStreamableLogs", Node::new(true));
    }
    if let Some(runner) = entity.at_route(&["ingestionRunner", "name"]) {
        parts.insert("ingestionRunnerName", runner.clone());
    }
}

fn typed(source_type: &str, service: Option<String>) -> Mapping {
    let mut source = Mapping::of([("type", Node::new(source_type))]);
    if let Some(service) = service {
        source.insert("serviceName", Node::new(service));
    }
    source
}

fn component(component_type: &str, file: Option<&str>) -> Node {
    let file = file.map(|file| ("filename", Node::new(file)));
    let config: Mapping = file.into_iter().collect();
    Node::new(Mapping::of([("type", Node::new(component_type)), ("config", Node::new(config))]))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn workflow(pipeline_type: PipelineType, config: Value) -> (Value, Option<String>) {
        let entity = json!({"loggerLevel": "INFO", "sourceConfig": {"config": config}});
        let service = Some("orders".to_owned());
        let (node, supplier) =
            of(&Node::from(entity), pipeline_type, service, "nightly", &mut Vec::new());
        (Value::from(&node), supplier)
    }

    #[test]
    fn a_service_supplies_what_its_pipelines_leave_out() {
        let (metadata, service) = workflow(PipelineType::Metadata, json!({"type": "X"}));
        assert_eq!(metadata, json!({"source": {"sourceConfig": {"config": {"type": "X"}}}}));
        assert_eq!(service.as_deref(), Some("orders"));
        let (suite, service) = workflow(PipelineType::TestSuite, json!({"type": "TestSuite"}));
        assert_eq!(suite["source"]["serviceName"], "orders");
        assert_eq!(service, None, "a test suite has no connection");
    }

    #[test]
    fn usage_stages_its_queries_in_one_file() {
        let (chosen, _) = workflow(PipelineType::Usage, json!({"stageFileLocation": "/tmp/x"}));
        assert_eq!(chosen["stage"]["config"]["filename"], "/tmp/x");
        let (usage, _) = workflow(PipelineType::Usage, json!({"type": "DatabaseUsage"}));
        assert_eq!(usage["stage"]["config"], usage["bulkSink"]["config"]);
        assert_eq!(usage["stage"]["config"]["filename"], "/tmp/openmetadata/nightly");
    }

    #[test]
    fn an_application_has_a_class_in_place_of_a_source() {
        let config =
            json!({"type": "Application", "sourcePythonClass": "a.B", "appConfig": {"c": 1}});
        let (application, service) = workflow(PipelineType::Application, config);
        assert_eq!(application, json!({"sourcePythonClass": "a.B", "appConfig": {"c": 1}}));
        assert_eq!(service, None);
    }
}
