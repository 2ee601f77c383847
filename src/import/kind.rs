//! Which of OpenMetadata's pipeline types a plain workflow is of.
//!
//! In: a workflow. Out: the name of its pipeline type as OpenMetadata's server writes it. The
//! workflow itself does not hold the type: `metadata ingest`, `metadata profile` and so on take it
//! from the command, which a file does not know, so it is told from the source config's `type`,
//! from the source's suffix and from the processor.

use crate::definition::PipelineType;
use crate::tree::Node;

/// The pipeline type of a workflow; `None` when nothing in it tells.
pub(super) fn pipeline_type(workflow: &Node) -> Option<PipelineType> {
    let text = |route: &[&str]| workflow.at_route(route).and_then(Node::as_str);
    if workflow.get("source").is_none() {
        // The file of `metadata app`.
        return workflow.get("sourcePythonClass").map(|_| PipelineType::Application);
    }
    let source = text(&["source", "type"]).unwrap_or_default();
    let config = text(&["source", "sourceConfig", "config", "type"]);
    Some(match config {
        Some("DatabaseUsage") => PipelineType::Usage,
        Some("DatabaseLineage") => PipelineType::Lineage,
        Some("Profiler") => PipelineType::Profiler,
        Some("AutoClassification") => PipelineType::AutoClassification,
        Some("TestSuite") => PipelineType::TestSuite,
        Some("dataInsight") => PipelineType::DataInsight,
        Some("MetadataToElasticSearch") if inspects_data(workflow, source) => {
            PipelineType::DataInsight
        }
        Some("MetadataToElasticSearch") => PipelineType::ElasticSearchReindex,
        Some("DBT") => PipelineType::Dbt,
        Some("Application") => PipelineType::Application,
        Some(metadata) if metadata.ends_with("Metadata") => PipelineType::Metadata,
        Some(_) => return None,
        None if source.ends_with("-usage") => PipelineType::Usage,
        None if source.ends_with("-lineage") => PipelineType::Lineage,
        None if source.eq_ignore_ascii_case("dbt") => PipelineType::Dbt,
        None if source.eq_ignore_ascii_case("TestSuite") => PipelineType::TestSuite,
        // Every connector's own source config defaults to the type that reads metadata.
        None => PipelineType::Metadata,
    })
}

/// The types of source configs that tell a pipeline type, for who mistyped one.
pub(super) const KNOWN: [&str; 19] = [
    "ApiMetadata",
    "Application",
    "AutoClassification",
    "DBT",
    "DashboardMetadata",
    "DatabaseLineage",
    "DatabaseMetadata",
    "DatabaseUsage",
    "DriveMetadata",
    "McpMetadata",
    "MessagingMetadata",
    "MetadataToElasticSearch",
    "MlModelMetadata",
    "PipelineMetadata",
    "Profiler",
    "SearchMetadata",
    "StorageMetadata",
    "TestSuite",
    "dataInsight",
];

/// Data insight reads the search index as the reindexing does; what follows tells them apart.
fn inspects_data(workflow: &Node, source: &str) -> bool {
    let processor = workflow.at_route(&["processor", "type"]).and_then(Node::as_str);
    source.eq_ignore_ascii_case("dataInsight") || processor == Some("data-insight-processor")
}

/// The service's type in a source's: without the suffix that usage and lineage carry.
pub(super) fn service_type(source_type: &str, pipeline_type: PipelineType) -> &str {
    let suffix = match pipeline_type {
        PipelineType::Usage => "-usage",
        PipelineType::Lineage => "-lineage",
        _ => "",
    };
    source_type.strip_suffix(suffix).unwrap_or(source_type)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(workflow: serde_json::Value) -> Option<PipelineType> {
        pipeline_type(&Node::from(workflow))
    }

    #[test]
    fn the_source_config_tells_the_type() {
        let config = |source: &str, kind: &str| {
            of(json!({"source": {"type": source, "sourceConfig": {"config": {"type": kind}}}}))
        };
        assert_eq!(config("kafka", "MessagingMetadata"), Some(PipelineType::Metadata));
        assert_eq!(config("mysql", "Profiler"), Some(PipelineType::Profiler));
        assert_eq!(config("dbt", "DBT"), Some(PipelineType::Dbt));
        assert_eq!(
            config("metadata_elasticsearch", "MetadataToElasticSearch"),
            Some(PipelineType::ElasticSearchReindex)
        );
        assert_eq!(
            config("dataInsight", "MetadataToElasticSearch"),
            Some(PipelineType::DataInsight)
        );
        assert_eq!(config("mysql", "Unheard"), None);
        assert!(KNOWN.iter().all(|kind| config("mysql", kind).is_some()));
    }

    #[test]
    fn without_a_source_config_the_sources_suffix_does() {
        assert_eq!(of(json!({"source": {"type": "snowflake-usage"}})), Some(PipelineType::Usage));
        assert_eq!(of(json!({"source": {"type": "snowflake"}})), Some(PipelineType::Metadata));
        assert_eq!(of(json!({"sourcePythonClass": "a.b.C"})), Some(PipelineType::Application));
        assert_eq!(of(json!({"workflowConfig": {}})), None);
    }
}
