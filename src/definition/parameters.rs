//! The parameters of `kubernetes:` as written: every one by the name that OpenMetadata's own
//! Kubernetes client gives it, each optional, because a project, a service's pipelines and a
//! pipeline may each set some.
//!
//! In: the mapping of one definition, or the merged one of several. Out: [`Parameters`]. What a
//! value means (a quantity, a node selector, an image) is parsed later; here it is only read.
//! Defaults are in [`super::defaults`].

use schemars::JsonSchema;
use serde::Deserialize;

use super::as_node::AsNode;
use super::defaults;
use super::secrets::Secrets;
use super::written::{EnvVars, Names, Pairs, Resources, Tolerations};

/// How ingestion runs on Kubernetes: image, schedule limits, resources, placement and security of
/// its pods.
///
/// Each parameter may stand in the project, for all pipelines, and in a pipeline, for that one
/// alone. Mappings are merged key by key; everything else replaces what came before.
#[derive(Clone, PartialEq, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameters {
    /// The namespace that the objects are rendered for. Default: `openmetadata-pipelines`.
    #[schemars(extend("default" = defaults::NAMESPACE), example = &"data-platform-ingestion")]
    #[schemars(regex(pattern = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"))]
    pub namespace: Option<String>,

    /// The container image of OpenMetadata's ingestion, of the same version as the server. A tag or
    /// digest keeps runs repeatable. Default: `docker.getcollate.io/openmetadata/ingestion:latest`.
    #[schemars(extend("default" = defaults::INGESTION_IMAGE))]
    #[schemars(example = &"docker.getcollate.io/openmetadata/ingestion:1.13.6", length(min = 1))]
    pub ingestion_image: Option<String>,

    /// When the node pulls the image. Default: `IfNotPresent`.
    #[schemars(extend("default" = defaults::IMAGE_PULL_POLICY))]
    pub image_pull_policy: Option<ImagePullPolicy>,

    /// The Secrets that hold the registry's credentials, in the pods' namespace: a list of names,
    /// or names separated by commas. Default: none.
    #[schemars(example = &"registry-secret", example = ["registry-secret", "mirror-secret"])]
    pub image_pull_secrets: Option<Names>,

    /// The ServiceAccount that the pods run as. It is rendered once per project, with the rights
    /// that the exit handler needs. Default: `openmetadata-ingestion`.
    #[schemars(extend("default" = defaults::SERVICE_ACCOUNT_NAME), example = &"data-ingestion")]
    #[schemars(regex(pattern = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"))]
    pub service_account_name: Option<String>,

    /// How long a finished run and its log are kept, in seconds. Default: `604800` (a week).
    #[schemars(extend("default" = defaults::TTL_SECONDS_AFTER_FINISHED), example = 3600)]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub ttl_seconds_after_finished: Option<i32>,

    /// How long a run may take, in seconds, retries included; then it is stopped and counts as
    /// failed. Default: `7200` (2 hours).
    #[schemars(extend("default" = defaults::ACTIVE_DEADLINE_SECONDS), example = 10800)]
    #[schemars(range(min = 1))]
    pub active_deadline_seconds: Option<i64>,

    /// How often a failed run is tried again before it counts as failed. Default: `3`.
    #[schemars(extend("default" = defaults::BACKOFF_LIMIT), example = 0)]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub backoff_limit: Option<i32>,

    /// How late a run may start, in seconds after its time in the schedule; a run that is later is
    /// skipped. `0` means that missed runs are not caught up. Default: `0`.
    #[schemars(extend("default" = defaults::STARTING_DEADLINE_SECONDS), example = 300)]
    #[schemars(range(min = 0))]
    pub starting_deadline_seconds: Option<i64>,

    /// How many successful runs are kept for a look at their logs. Default: `3`.
    #[schemars(extend("default" = defaults::SUCCESSFUL_JOBS_HISTORY_LIMIT), example = 1)]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub successful_jobs_history_limit: Option<i32>,

    /// How many failed runs are kept for a look at their logs. Default: `3`.
    #[schemars(extend("default" = defaults::FAILED_JOBS_HISTORY_LIMIT), example = 10)]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub failed_jobs_history_limit: Option<i32>,

    /// What happens when a run is due while the one before still runs. Default: `Forbid`.
    #[schemars(extend("default" = defaults::CONCURRENCY_POLICY))]
    pub concurrency_policy: Option<ConcurrencyPolicy>,

    /// The node labels that a pod needs to be placed: a mapping, or `key=value` pairs separated by
    /// commas. Default: any node.
    #[schemars(example = &"workload-type=data-processing,zone=us-west1-a")]
    pub node_selector: Option<Pairs>,

    /// The user id of the containers. Default: `1000`.
    #[schemars(extend("default" = defaults::RUN_AS_USER), example = 1001)]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub run_as_user: Option<i64>,

    /// The group id of the containers. Default: `1000`.
    #[schemars(extend("default" = defaults::RUN_AS_GROUP), example = 1001)]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub run_as_group: Option<i64>,

    /// The group id that owns the pod's volumes. Default: `1000`.
    #[schemars(extend("default" = defaults::FS_GROUP), example = 1001)]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub fs_group: Option<i64>,

    /// Whether Kubernetes refuses to start a container as root. Default: `true`.
    #[schemars(extend("default" = defaults::RUN_AS_NON_ROOT))]
    pub run_as_non_root: Option<bool>,

    /// The system calls that a container may make. Default: `RuntimeDefault`.
    #[schemars(extend("default" = defaults::SECCOMP_PROFILE_TYPE))]
    pub seccomp_profile_type: Option<SeccompProfileType>,

    /// The CPU and memory of the ingestion container: what is reserved and what it may use at most.
    /// Default: requests `500m` and `1Gi`, limits `2` and `4Gi`.
    #[schemars(extend("default" = defaults::resources_json()))]
    #[schemars(example = serde_json::json!({"limits": {"cpu": "4", "memory": "8Gi"}}))]
    pub resources: Option<Resources>,

    /// Further environment variables of the containers: a list of `NAME:value` texts, split at the
    /// first colon, or of Kubernetes' `{name, value}` and `{name, valueFrom}`. Default: none.
    #[schemars(example = ["LOG_LEVEL:DEBUG", "JAVA_OPTS:-Xmx2g -XX:+UseG1GC"])]
    #[schemars(example = serde_json::json!([{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]))]
    pub extra_env_vars: Option<EnvVars>,

    /// How the values that `secretKeyRef` refers to come to the pods. Default: each as a variable,
    /// from the Secret that the reference names.
    #[schemars(example = serde_json::json!({"way": "externalSecret", "externalSecret": {"storeRef": {"name": "vault"}}}))]
    pub secrets: Option<AsNode<Secrets>>,

    /// Annotations of the pods: a mapping, or `key=value` pairs separated by commas. Default: none.
    #[schemars(example = &"prometheus.io/scrape=true,prometheus.io/port=8080")]
    pub pod_annotations: Option<Pairs>,

    /// The node taints that the pods tolerate: a list of Kubernetes' tolerations, or
    /// `key=value:Effect` and `key:Effect` separated by commas. Default: none.
    #[schemars(example = serde_json::json!([{"key": "dedicated", "operator": "Equal", "value": "ingestion", "effect": "NoSchedule"}]))]
    #[schemars(example = &"dedicated=ingestion:NoSchedule")]
    pub tolerations: Option<Tolerations>,

    /// Whether runs are OMJobs and CronOMJobs, which need OpenMetadata's operator in the cluster,
    /// rather than Jobs and CronJobs. Default: `false`.
    #[serde(rename = "useOMJobOperator")]
    #[schemars(extend("default" = defaults::USE_OM_JOB_OPERATOR))]
    pub use_om_job_operator: Option<bool>,

    /// Whether the status of a failed run in a cluster comes with diagnostics: pod state, events
    /// and the end of its log. No manifest depends on it. Default: `false`.
    #[schemars(extend("default" = defaults::ENABLE_FAILURE_DIAGNOSTICS))]
    pub enable_failure_diagnostics: Option<bool>,

    /// How the exit handler runs without the operator. Default: `preStop`.
    #[schemars(extend("default" = defaults::EXIT_HANDLER))]
    pub exit_handler: Option<ExitHandler>,

    /// An image with ompipe in it, whose `ompipe exit-handler` is the exit handler's container, as
    /// sidecar or as the operator's pod, in place of the ingestion image's exit_handler.py. Default:
    /// none.
    #[schemars(example = &"registry.example.com/ompipe:0.1.0", length(min = 1))]
    pub exit_handler_image: Option<String>,

    /// How long a pod may take to end once it is told to, in seconds; the exit handler runs in that
    /// time. Default: `60`.
    #[schemars(extend("default" = defaults::TERMINATION_GRACE_PERIOD_SECONDS), example = 120)]
    #[schemars(range(min = 0))]
    pub termination_grace_period_seconds: Option<i64>,

    /// The CPU and memory of the exit handler where it has a container of its own.
    /// Default: requests `100m` and `256Mi`, limits `500m` and `512Mi`; with `exitHandlerImage` requests
    /// `10m` and `32Mi`, limits `500m` and `128Mi`.
    #[schemars(extend("default" = defaults::exit_handler_resources_json()))]
    pub exit_handler_resources: Option<Resources>,

    /// Whether the cluster is reached as a pod of it reaches it, by its service account. Only for verbs that talk to a
    /// cluster; rendering does not look at it.
    #[schemars(extend("default" = defaults::IN_CLUSTER))]
    pub in_cluster: Option<bool>,

    /// The kubeconfig file by which the cluster is reached; a relative path begins at the project's
    /// folder. Only for verbs that talk to a cluster; rendering does not look at it.
    #[schemars(example = &"/etc/ompipe/kubeconfig")]
    pub kubeconfig_path: Option<String>,

    /// The context of the kubeconfig. Only for verbs that talk to a cluster; rendering does not look
    /// at it.
    #[schemars(example = &"prod")]
    pub kube_context: Option<String>,

    /// The text of a kubeconfig. It holds credentials, so that a literal one in a file is refused;
    /// use `kubeconfigPath`, or the environment variable KUBECONFIG_CONTENT.
    #[schemars(extend("format" = "password", "writeOnly" = true))]
    pub kube_config_content: Option<String>,
}

/// When a node pulls an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ImagePullPolicy {
    /// Before each start, if the registry has another image under that tag.
    Always,
    /// Only if the node does not have it.
    IfNotPresent,
    /// Not at all: the image is on the node, or the pod does not start.
    Never,
}

/// What happens when a run is due while the one before still runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ConcurrencyPolicy {
    /// Both run.
    Allow,
    /// The new run is skipped.
    Forbid,
    /// The old run is stopped.
    Replace,
}

/// The system calls that a container may make.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum SeccompProfileType {
    /// The container runtime's own selection.
    RuntimeDefault,
    /// A profile on the node, named by `podTemplate`'s
    /// `spec.securityContext.seccompProfile.localhostProfile`.
    Localhost,
    /// All of them; Pod Security's level "restricted" refuses it.
    Unconfined,
}

/// How the exit handler runs in a Job or CronJob.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "camelCase")]
pub enum ExitHandler {
    /// As a preStop hook of the ingestion container, which Kubernetes calls only when the pod is
    /// deleted while it runs.
    PreStop,
    /// As a sidecar that outlives the ingestion container, so that success, failure and running out
    /// of memory are reported too. Needs Kubernetes 1.29.
    Sidecar,
}

/// Declares the enums' names as they are written.
macro_rules! written_as {
    ($($type:ident { $($variant:ident = $name:literal),* })*) => {$(
        impl $type {
            /// The name as it is written, in definitions and in Kubernetes.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    )*};
}

written_as! {
    ImagePullPolicy { Always = "Always", IfNotPresent = "IfNotPresent", Never = "Never" }
    ConcurrencyPolicy { Allow = "Allow", Forbid = "Forbid", Replace = "Replace" }
    SeccompProfileType {
        RuntimeDefault = "RuntimeDefault", Localhost = "Localhost", Unconfined = "Unconfined"
    }
    ExitHandler { PreStop = "preStop", Sidecar = "sidecar" }
}
