//! The parameter `secrets` as written: how the values of references come to the pods.
//!
//! In: the types alone, for their schema and its descriptions. What stands in a definition stays in
//! its node, where `validate` reads it together with the places of its texts.

use std::collections::BTreeMap;

use schemars::JsonSchema;

/// How often a store is read again: what External Secrets' API server fills in.
pub const REFRESH_INTERVAL: &str = "1h0m0s";

/// How the values that `secretKeyRef` refers to come to the pods.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "carries a schema, is never built")]
pub struct Secrets {
    /// The way. Default: `env`.
    #[schemars(extend("default" = "env"))]
    way: Option<Way>,
    /// The store that the way `externalSecret` reads, and what is where in it.
    external_secret: Option<ExternalSecret>,
}

/// A way of a secret's value to the pod.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "carries a schema, is never built")]
enum Way {
    /// As a variable of its own, from the Secret that the reference names.
    Env,
    /// Within the whole workflow, which External Secrets writes into a Secret from a store.
    ExternalSecret,
    /// Within the whole workflow, which is rendered into a Secret from local values, by
    /// `--include-secrets` alone.
    Secret,
}

/// What becomes of references with the way `externalSecret`.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "carries a schema, is never built")]
pub struct ExternalSecret {
    /// The store.
    store_ref: Option<StoreRef>,
    /// How often the store is read again: a duration of Go, `1h0m0s`; `0s`: once. Default: `1h0m0s`.
    #[schemars(extend("default" = REFRESH_INTERVAL), example = &"15m0s")]
    refresh_interval: Option<String>,
    /// Where in the store the value of a reference is, unless `remoteRefs` says so. `{name}` and
    /// `{key}` in its texts stand for the reference's own. Default: the property `{key}` of
    /// `{name}`.
    #[schemars(example = serde_json::json!({"key": "openmetadata/{name}", "property": "{key}"}))]
    remote_ref: Option<RemoteRef>,
    /// Where in the store single references are: by the name of the Secret, then by its key.
    #[schemars(example = serde_json::json!({"snowflake": {"password": {"key": "prod/snowflake", "property": "pw"}}}))]
    remote_refs: Option<BTreeMap<String, BTreeMap<String, RemoteRef>>>,
}

/// A store of External Secrets.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "carries a schema, is never built")]
struct StoreRef {
    /// Its name.
    #[schemars(example = &"vault", length(min = 1))]
    name: String,
    /// Its kind: in the pods' namespace, or for the whole cluster. Default: `SecretStore`.
    #[schemars(extend("default" = "SecretStore"))]
    kind: Option<StoreKind>,
}

/// The kind of a store.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "carries a schema, is never built")]
enum StoreKind {
    /// Of one namespace.
    SecretStore,
    /// Of the cluster.
    ClusterSecretStore,
}

/// A value in a store, as External Secrets names it.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "carries a schema, is never built")]
struct RemoteRef {
    /// The key: a path or name in the store.
    #[schemars(example = &"prod/snowflake", length(min = 1))]
    key: String,
    /// The property, of a value that holds several.
    #[schemars(example = &"password", length(min = 1))]
    property: Option<String>,
    /// The version. Default: the latest.
    #[schemars(length(min = 1))]
    version: Option<String>,
    /// How names that a Secret cannot hold are converted. Default: `Default`.
    #[schemars(extend("default" = "Default"))]
    conversion_strategy: Option<ConversionStrategy>,
    /// How the value is encoded in the store. Default: `None`.
    #[schemars(extend("default" = "None"))]
    decoding_strategy: Option<DecodingStrategy>,
    /// Whether the value's tags are fetched in its place. Default: `None`.
    #[schemars(extend("default" = "None"))]
    metadata_policy: Option<MetadataPolicy>,
}

/// How names are converted.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "carries a schema, is never built")]
enum ConversionStrategy {
    /// To `_`.
    Default,
    /// To their code points.
    Unicode,
}

/// How a value is encoded in a store.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "carries a schema, is never built")]
enum DecodingStrategy {
    /// Not at all.
    None,
    /// In base64.
    Base64,
    /// In the base64 of URLs.
    Base64URL,
    /// As it seems.
    Auto,
}

/// What is fetched.
#[derive(Clone, Copy, JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "carries a schema, is never built")]
enum MetadataPolicy {
    /// The value.
    None,
    /// Its tags.
    Fetch,
}
