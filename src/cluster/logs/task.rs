//! Under which key OpenMetadata's answers hold a log.
//!
//! In: what a run does, as its labels say it. Out: the key, by `TYPE_TO_TASK` of OpenMetadata's
//! `PipelineServiceClientInterface`, which its UI reads.

use crate::definition::PipelineType;

/// The key where no type is known, and of types that have none of their own.
const INGESTION: &str = "ingestion_task";

/// The key for what a pipeline does.
pub fn task_key(of: PipelineType) -> &'static str {
    match of {
        PipelineType::Metadata => INGESTION,
        PipelineType::Usage => "usage_task",
        PipelineType::Lineage => "lineage_task",
        PipelineType::Profiler => "profiler_task",
        PipelineType::AutoClassification => "auto_classification_task",
        PipelineType::TestSuite => "test_suite_task",
        PipelineType::DataInsight => "data_insight_task",
        PipelineType::ElasticSearchReindex => "elasticsearch_reindex_task",
        PipelineType::Dbt => "dbt_task",
        PipelineType::Application => "application_task",
    }
}

/// The key by the label `app.kubernetes.io/pipeline-type`, whose value is in lower case; or, of a run
/// without a pipeline, by `app.kubernetes.io/component`. OpenMetadata has no key for automations.
pub fn task_key_of_labels(pipeline_type: Option<&str>, component: Option<&str>) -> &'static str {
    let label = pipeline_type.or(component);
    let meant =
        |kind: &PipelineType| label.is_some_and(|label| kind.as_str().eq_ignore_ascii_case(label));
    PipelineType::ALL.into_iter().find(meant).map_or(INGESTION, task_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_the_key_that_openmetadatas_ui_reads() {
        let keys = PipelineType::ALL.map(|kind| (kind.as_str(), task_key(kind)));
        assert_eq!(
            keys,
            [
                ("metadata", "ingestion_task"),
                ("usage", "usage_task"),
                ("lineage", "lineage_task"),
                ("profiler", "profiler_task"),
                ("autoClassification", "auto_classification_task"),
                ("TestSuite", "test_suite_task"),
                ("dataInsight", "data_insight_task"),
                ("elasticSearchReindex", "elasticsearch_reindex_task"),
                ("dbt", "dbt_task"),
                ("application", "application_task"),
            ]
        );
    }

    #[test]
    fn a_label_is_read_whatever_its_case_and_an_unknown_one_is_an_ingestion() {
        let of_type = |label| task_key_of_labels(label, Some("ingestion"));
        assert_eq!(of_type(Some("testsuite")), "test_suite_task");
        assert_eq!(of_type(Some("elasticsearchreindex")), "elasticsearch_reindex_task");
        assert_eq!(of_type(Some("policyAgent")), "ingestion_task");
        assert_eq!(of_type(None), "ingestion_task");
        assert_eq!(task_key_of_labels(None, None), "ingestion_task");
    }

    #[test]
    fn a_run_without_a_pipeline_has_the_key_of_its_component() {
        assert_eq!(task_key_of_labels(None, Some("application")), "application_task");
        assert_eq!(task_key_of_labels(None, Some("automation")), "ingestion_task");
    }
}
