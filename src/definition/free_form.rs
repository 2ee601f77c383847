//! The parts that ompipe passes on: their schemas say what an editor may offer and let everything
//! else through.
//!
//! OpenMetadata's own schema checks workflow and connection when the user has imported it;
//! Kubernetes' types check the pod template. These types are never built; they only carry a schema.

use schemars::JsonSchema;
use serde_json::{Map, Value};

/// Whatever the mapping holds.
type Open = Map<String, Value>;

/// The connection to the OpenMetadata server.
///
/// OpenMetadata's `openMetadataServerConfig`. A secret is written as `{secretKeyRef: {name, key}}`,
/// the Secret and the key in it, or as a secret manager's `secret:/path`.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "OpenMetadataConnection")]
#[expect(dead_code, reason = "carries a schema, is never built")]
pub struct OpenMetadata {
    /// The address of the server's API.
    #[schemars(example = &"http://openmetadata.openmetadata:8585/api")]
    host_port: Option<Value>,
    /// How ingestion proves who it is, `openmetadata` for a token of the ingestion bot.
    #[schemars(example = &"openmetadata")]
    auth_provider: Option<Value>,
    /// The token, as `jwtToken`.
    #[schemars(example = serde_json::json!({"jwtToken": {"secretKeyRef": {"name": "openmetadata-bot", "key": "token"}}}))]
    security_config: Option<Open>,
    /// Whether the server's certificate is checked: `no-ssl`, `ignore` or `validate`.
    #[serde(rename = "verifySSL")]
    #[schemars(example = &"validate")]
    verify_ssl: Option<Value>,
    /// The certificate authority, where it is checked.
    ssl_config: Option<Open>,
    #[serde(flatten)]
    other: Open,
}

/// A connection to a service.
///
/// OpenMetadata's `source.serviceConnection`. A secret is written as `{secretKeyRef: {name, key}}`,
/// the Secret and the key in it, or as a secret manager's `secret:/path`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "carries a schema, is never built")]
pub struct Connection {
    /// The connector's own fields, `type` first.
    #[schemars(example = serde_json::json!({
        "type": "Snowflake",
        "username": "ingest",
        "password": {"secretKeyRef": {"name": "snowflake", "key": "password"}},
        "account": "acme.eu-central-1",
    }))]
    config: Open,
    #[serde(flatten)]
    other: Open,
}

/// OpenMetadata's workflow: what `metadata ingest -c` takes.
///
/// Only what differs from what project and service supply needs to be written. A secret is written
/// as `{secretKeyRef: {name, key}}`, or as a secret manager's `secret:/path`.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "carries a schema, is never built")]
pub struct Workflow {
    /// What is ingested.
    source: Option<Source>,
    /// What happens on the way, such as `orm-profiler`.
    processor: Option<Open>,
    /// Where it goes. Default: `metadata-rest`, the OpenMetadata server.
    sink: Option<Open>,
    /// The bulk sink of usage and lineage.
    bulk_sink: Option<Open>,
    /// The stage of usage and lineage.
    stage: Option<Open>,
    /// The log level, the server, and what else holds for the whole workflow.
    workflow_config: Option<WorkflowConfig>,
    #[serde(flatten)]
    other: Open,
}

/// What is ingested.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WorkflowSource")]
#[expect(dead_code, reason = "carries a schema, is never built")]
struct Source {
    /// The connector, with the suffix `-usage` or `-lineage` for those types. Default: the
    /// service's.
    #[serde(rename = "type")]
    #[schemars(example = &"snowflake", example = &"snowflake-usage")]
    source_type: Option<Value>,
    /// The service's name in OpenMetadata. Default: that of the ServiceConnection.
    service_name: Option<Value>,
    /// The connection. Default: the ServiceConnection's.
    service_connection: Option<Open>,
    /// What of the service is ingested, and how.
    source_config: Option<SourceConfig>,
    #[serde(flatten)]
    other: Open,
}

/// What of the service is ingested, and how.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "carries a schema, is never built")]
struct SourceConfig {
    /// Its fields, `type` first.
    #[schemars(example = serde_json::json!({"type": "DatabaseMetadata", "markDeletedTables": true}))]
    config: Option<Open>,
    #[serde(flatten)]
    other: Open,
}

/// What holds for the whole workflow.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "carries a schema, is never built")]
struct WorkflowConfig {
    /// How much is logged: `DEBUG`, `INFO`, `WARN` or `ERROR`. Default: `INFO`.
    #[schemars(example = &"DEBUG")]
    logger_level: Option<Value>,
    /// The server. Default: the project's `openMetadata`.
    open_metadata_server_config: Option<Open>,
    #[serde(flatten)]
    other: Open,
}

/// Any field of a Kubernetes pod template.
///
/// It is merged strategically: containers, variables and volumes by their names, everything else
/// key by key. The ingestion container is named `main`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "carries a schema, is never built")]
pub struct PodTemplate {
    /// Labels and annotations of the pods.
    metadata: Option<Open>,
    /// The pod.
    #[schemars(example = serde_json::json!({"priorityClassName": "batch"}))]
    spec: Option<Open>,
    #[serde(flatten)]
    other: Open,
}
