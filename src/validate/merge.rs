//! Layers of a workflow → the effective workflow.
//!
//! In: what the project, the service and the pipeline say, and OpenMetadata's defaults for the
//! pipeline's type. Out: one tree in which every leaf keeps the span of the layer that set it.
//! Nothing is checked here.

use crate::definition::PipelineType;
use crate::tree::{Mapping, Node, merge};

/// The order of a workflow's parts, as OpenMetadata's own examples have it.
const PARTS: [&str; 7] =
    ["source", "processor", "stage", "bulkSink", "sink", "workflowConfig", "ingestionPipelineFQN"];

/// What the layers below a pipeline's own `workflow` say.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// `spec.openMetadata` of the IngestionProject.
    pub open_metadata: Option<&'a Node>,
    /// The ServiceConnection that the pipeline names.
    pub service: Option<ServiceLayer<'a>>,
    /// The pipeline's `spec.type`.
    pub pipeline_type: PipelineType,
    /// `spec.workflow` of the pipeline.
    pub workflow: Option<&'a Node>,
}

/// What a ServiceConnection gives to the workflows of its pipelines.
#[derive(Clone, Copy, Debug)]
pub struct ServiceLayer<'a> {
    /// `metadata.name`.
    pub name: &'a Node,
    /// `spec.type`.
    pub source_type: &'a Node,
    /// `spec.connection`.
    pub connection: Option<&'a Node>,
}

/// The effective workflow, without `ingestionPipelineFQN` unless the pipeline sets it.
pub fn effective_workflow(layers: Layers<'_>) -> Node {
    let Layers { open_metadata, service, pipeline_type, workflow } = layers;
    let mut parts = Mapping::with_capacity(PARTS.len());
    if let Some(service) = service {
        parts.insert("source", Node::new(source(service, pipeline_type)));
    }
    for (part, default) in defaults(pipeline_type) {
        parts.insert(*part, component(default));
    }
    if let Some(open_metadata) = open_metadata {
        let config = Mapping::from_iter([("openMetadataServerConfig", open_metadata.clone())]);
        parts.insert("workflowConfig", Node::new(config));
    }
    let mut effective = Node::new(parts);
    if let Some(workflow) = workflow {
        merge(&mut effective, workflow);
    }
    if let Some(parts) = effective.as_mapping_mut() {
        parts.sort_by_key(|entry| {
            PARTS.iter().position(|part| entry.key == part).unwrap_or(PARTS.len() - 1)
        });
    }
    effective
}

/// The `source` of a service's pipeline. OpenMetadata marks usage and lineage by a suffix of the
/// source's type, and knows dbt and test suites by the type alone; dbt reads no connection.
fn source(service: ServiceLayer<'_>, pipeline_type: PipelineType) -> Mapping {
    let ServiceLayer { name, source_type, connection } = service;
    let written = source_type.as_str().unwrap_or_default();
    let type_name = match pipeline_type {
        PipelineType::Usage => format!("{written}-usage"),
        PipelineType::Lineage => format!("{written}-lineage"),
        PipelineType::Dbt => "dbt".to_owned(),
        PipelineType::TestSuite => "TestSuite".to_owned(),
        _ => written.to_owned(),
    };
    let mut source = Mapping::with_capacity(4);
    source.insert("type", Node::at(type_name, source_type.span));
    source.insert("serviceName", name.clone());
    if let (Some(connection), false) = (connection, pipeline_type == PipelineType::Dbt) {
        source.insert("serviceConnection", connection.clone());
    }
    source
}

/// The components that OpenMetadata's ingestion needs for a type and whose configuration has no
/// choice worth writing in each pipeline.
fn defaults(pipeline_type: PipelineType) -> &'static [(&'static str, &'static str)] {
    match pipeline_type {
        PipelineType::Metadata | PipelineType::Lineage | PipelineType::Dbt => {
            &[("sink", "metadata-rest")]
        }
        PipelineType::Profiler | PipelineType::AutoClassification => {
            &[("processor", "orm-profiler"), ("sink", "metadata-rest")]
        }
        PipelineType::TestSuite => &[("processor", "orm-test-runner"), ("sink", "metadata-rest")],
        // Usage passes files between its components, and the search index and applications name
        // hosts: theirs to write.
        PipelineType::Usage
        | PipelineType::DataInsight
        | PipelineType::ElasticSearchReindex
        | PipelineType::Application => &[],
    }
}

fn component(type_name: &str) -> Node {
    Node::new(Mapping::from_iter([
        ("type", Node::new(type_name)),
        ("config", Node::new(Mapping::new())),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn effective(
        pipeline_type: PipelineType,
        connection: Option<serde_json::Value>,
        workflow: serde_json::Value,
    ) -> serde_json::Value {
        let open_metadata = Node::from(json!({"hostPort": "http://om:8585/api"}));
        let (name, source_type) = (Node::new("sf"), Node::new("snowflake"));
        let connection = connection.map(Node::from);
        let workflow = Node::from(workflow);
        let node = effective_workflow(Layers {
            open_metadata: Some(&open_metadata),
            service: Some(ServiceLayer {
                name: &name,
                source_type: &source_type,
                connection: connection.as_ref(),
            }),
            pipeline_type,
            workflow: Some(&workflow),
        });
        (&node).into()
    }

    #[test]
    fn the_pipeline_wins_over_the_service_and_the_project() {
        let workflow = json!({
            "source": {"serviceConnection": {"config": {"warehouse": "large"}}, "sourceConfig": {"config": {"type": "DatabaseMetadata"}}},
            "workflowConfig": {"loggerLevel": "DEBUG"},
        });
        let connection = json!({"config": {"type": "Snowflake", "warehouse": "small"}});
        assert_eq!(
            effective(PipelineType::Metadata, Some(connection), workflow),
            json!({
                "source": {
                    "type": "snowflake", "serviceName": "sf",
                    "serviceConnection": {"config": {"type": "Snowflake", "warehouse": "large"}},
                    "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
                },
                "sink": {"type": "metadata-rest", "config": {}},
                "workflowConfig": {"openMetadataServerConfig": {"hostPort": "http://om:8585/api"}, "loggerLevel": "DEBUG"},
            })
        );
    }

    #[test]
    fn the_type_of_the_source_follows_the_type_of_the_pipeline() {
        for (pipeline_type, expected) in [
            (PipelineType::Metadata, "snowflake"),
            (PipelineType::Usage, "snowflake-usage"),
            (PipelineType::Lineage, "snowflake-lineage"),
            (PipelineType::Profiler, "snowflake"),
            (PipelineType::Dbt, "dbt"),
            (PipelineType::TestSuite, "TestSuite"),
        ] {
            assert_eq!(effective(pipeline_type, None, json!({}))["source"]["type"], expected);
        }
    }
}
