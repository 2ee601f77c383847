//! [`PipelineType`]: what a pipeline does, by OpenMetadata's names.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

/// What a pipeline does: OpenMetadata's `pipelineType`, which selects the workflow that the
/// ingestion image runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "camelCase")]
pub enum PipelineType {
    /// Reads what the service holds: tables, dashboards, topics, pipelines.
    Metadata,
    /// Reads which queries were run, for usage and joins.
    Usage,
    /// Reads lineage from queries and views.
    Lineage,
    /// Profiles tables: counts, distributions, samples.
    Profiler,
    /// Samples data and tags what it finds, such as personal data.
    AutoClassification,
    /// Runs a suite of data quality tests.
    #[serde(rename = "TestSuite")]
    TestSuite,
    /// Computes OpenMetadata's data insight reports.
    DataInsight,
    /// Rebuilds OpenMetadata's search index.
    ElasticSearchReindex,
    /// Reads models, tests and lineage of a dbt project.
    Dbt,
    /// Runs an OpenMetadata application.
    Application,
}

impl PipelineType {
    /// All of them, in OpenMetadata's order.
    pub const ALL: [PipelineType; 10] = [
        Self::Metadata,
        Self::Usage,
        Self::Lineage,
        Self::Profiler,
        Self::AutoClassification,
        Self::TestSuite,
        Self::DataInsight,
        Self::ElasticSearchReindex,
        Self::Dbt,
        Self::Application,
    ];

    /// OpenMetadata's name for it, the value of `pipelineType`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Usage => "usage",
            Self::Lineage => "lineage",
            Self::Profiler => "profiler",
            Self::AutoClassification => "autoClassification",
            Self::TestSuite => "TestSuite",
            Self::DataInsight => "dataInsight",
            Self::ElasticSearchReindex => "elasticSearchReindex",
            Self::Dbt => "dbt",
            Self::Application => "application",
        }
    }
}

impl fmt::Display for PipelineType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
