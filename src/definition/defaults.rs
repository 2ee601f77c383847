//! The built-in defaults: what a parameter is when neither the project nor the pipeline sets it.
//!
//! In: [`Parameters`] as written and merged. Out: [`ResolvedParameters`], in which every parameter
//! that has a default has a value. The figures are those of OpenMetadata's Kubernetes client; the
//! schemas show the same constants.

use serde_json::json;

use super::parameters::{
    ConcurrencyPolicy, ExitHandler, ImagePullPolicy, Parameters, SeccompProfileType,
};
use super::written::{EnvVars, Names, Pairs, Quantity, ResourceList, Resources, Tolerations};

pub(super) const NAMESPACE: &str = "openmetadata-pipelines";
pub(super) const INGESTION_IMAGE: &str = "docker.getcollate.io/openmetadata/ingestion:latest";
pub(super) const IMAGE_PULL_POLICY: &str = "IfNotPresent";
pub(super) const SERVICE_ACCOUNT_NAME: &str = "openmetadata-ingestion";
pub(super) const TTL_SECONDS_AFTER_FINISHED: i32 = 604_800;
pub(super) const ACTIVE_DEADLINE_SECONDS: i64 = 7200;
pub(super) const BACKOFF_LIMIT: i32 = 3;
pub(super) const STARTING_DEADLINE_SECONDS: i64 = 0;
pub(super) const SUCCESSFUL_JOBS_HISTORY_LIMIT: i32 = 3;
pub(super) const FAILED_JOBS_HISTORY_LIMIT: i32 = 3;
pub(super) const CONCURRENCY_POLICY: &str = "Forbid";
pub(super) const RUN_AS_USER: i64 = 1000;
pub(super) const RUN_AS_GROUP: i64 = 1000;
pub(super) const FS_GROUP: i64 = 1000;
pub(super) const RUN_AS_NON_ROOT: bool = true;
pub(super) const SECCOMP_PROFILE_TYPE: &str = "RuntimeDefault";
pub(super) const USE_OM_JOB_OPERATOR: bool = false;
pub(super) const ENABLE_FAILURE_DIAGNOSTICS: bool = false;
pub(super) const EXIT_HANDLER: &str = "preStop";
pub(super) const TERMINATION_GRACE_PERIOD_SECONDS: i64 = 60;
pub(super) const IN_CLUSTER: bool = false;

/// The ingestion container's: `[requests, limits]` of `[cpu, memory]`.
const RESOURCES: [[&str; 2]; 2] = [["500m", "1Gi"], ["2", "4Gi"]];
/// The exit handler's, which reads one log and makes two calls.
const EXIT_HANDLER_RESOURCES: [[&str; 2]; 2] = [["100m", "256Mi"], ["500m", "512Mi"]];
/// Those of `ompipe exit-handler`: it was measured to take 27 MB, and 57 MB for a run whose status has
/// 12 MB already; it reads 16 MB at most.
const OWN_EXIT_HANDLER_RESOURCES: [[&str; 2]; 2] = [["10m", "32Mi"], ["500m", "128Mi"]];

/// The parameters with the defaults in place. Optional is only what has no default.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "each is the parameter of that name, documented in Parameters")]
pub struct ResolvedParameters {
    pub namespace: String,
    pub ingestion_image: String,
    pub image_pull_policy: ImagePullPolicy,
    pub image_pull_secrets: Option<Names>,
    pub service_account_name: String,
    pub ttl_seconds_after_finished: i32,
    pub active_deadline_seconds: i64,
    pub backoff_limit: i32,
    pub starting_deadline_seconds: i64,
    pub successful_jobs_history_limit: i32,
    pub failed_jobs_history_limit: i32,
    pub concurrency_policy: ConcurrencyPolicy,
    pub node_selector: Option<Pairs>,
    pub run_as_user: i64,
    pub run_as_group: i64,
    pub fs_group: i64,
    pub run_as_non_root: bool,
    pub seccomp_profile_type: SeccompProfileType,
    pub resources: Resources,
    pub extra_env_vars: Option<EnvVars>,
    pub pod_annotations: Option<Pairs>,
    pub tolerations: Option<Tolerations>,
    pub use_om_job_operator: bool,
    pub enable_failure_diagnostics: bool,
    pub exit_handler: ExitHandler,
    pub exit_handler_image: Option<String>,
    pub termination_grace_period_seconds: i64,
    pub exit_handler_resources: Resources,
    pub in_cluster: bool,
    pub kubeconfig_path: Option<String>,
    pub kube_context: Option<String>,
    pub kube_config_content: Option<String>,
}

impl Parameters {
    /// The parameters with the default of each that is not set. Resources have their defaults
    /// quantity by quantity, so that setting the memory's limit leaves the CPU's as it was.
    pub fn resolve(self) -> ResolvedParameters {
        let Parameters {
            namespace,
            ingestion_image,
            image_pull_policy,
            image_pull_secrets,
            service_account_name,
            ttl_seconds_after_finished,
            active_deadline_seconds,
            backoff_limit,
            starting_deadline_seconds,
            successful_jobs_history_limit,
            failed_jobs_history_limit,
            concurrency_policy,
            node_selector,
            run_as_user,
            run_as_group,
            fs_group,
            run_as_non_root,
            seccomp_profile_type,
            resources,
            extra_env_vars,
            // It stays in the node, and so does what it is by default.
            secrets: _,
            pod_annotations,
            tolerations,
            use_om_job_operator,
            enable_failure_diagnostics,
            exit_handler,
            exit_handler_image,
            termination_grace_period_seconds,
            exit_handler_resources,
            in_cluster,
            kubeconfig_path,
            kube_context,
            kube_config_content,
        } = self;
        let of_exit_handler = match exit_handler_image {
            Some(_) => OWN_EXIT_HANDLER_RESOURCES,
            None => EXIT_HANDLER_RESOURCES,
        };
        ResolvedParameters {
            namespace: namespace.unwrap_or_else(|| NAMESPACE.to_owned()),
            ingestion_image: ingestion_image.unwrap_or_else(|| INGESTION_IMAGE.to_owned()),
            image_pull_policy: image_pull_policy.unwrap_or(ImagePullPolicy::IfNotPresent),
            image_pull_secrets,
            service_account_name: service_account_name
                .unwrap_or_else(|| SERVICE_ACCOUNT_NAME.to_owned()),
            ttl_seconds_after_finished: ttl_seconds_after_finished
                .unwrap_or(TTL_SECONDS_AFTER_FINISHED),
            active_deadline_seconds: active_deadline_seconds.unwrap_or(ACTIVE_DEADLINE_SECONDS),
            backoff_limit: backoff_limit.unwrap_or(BACKOFF_LIMIT),
            starting_deadline_seconds: starting_deadline_seconds
                .unwrap_or(STARTING_DEADLINE_SECONDS),
            successful_jobs_history_limit: successful_jobs_history_limit
                .unwrap_or(SUCCESSFUL_JOBS_HISTORY_LIMIT),
            failed_jobs_history_limit: failed_jobs_history_limit
                .unwrap_or(FAILED_JOBS_HISTORY_LIMIT),
            concurrency_policy: concurrency_policy.unwrap_or(ConcurrencyPolicy::Forbid),
            node_selector,
            run_as_user: run_as_user.unwrap_or(RUN_AS_USER),
            run_as_group: run_as_group.unwrap_or(RUN_AS_GROUP),
            fs_group: fs_group.unwrap_or(FS_GROUP),
            run_as_non_root: run_as_non_root.unwrap_or(RUN_AS_NON_ROOT),
            seccomp_profile_type: seccomp_profile_type
                .unwrap_or(SeccompProfileType::RuntimeDefault),
            resources: with_defaults(resources, RESOURCES),
            extra_env_vars,
            pod_annotations,
            tolerations,
            use_om_job_operator: use_om_job_operator.unwrap_or(USE_OM_JOB_OPERATOR),
            enable_failure_diagnostics: enable_failure_diagnostics
                .unwrap_or(ENABLE_FAILURE_DIAGNOSTICS),
            exit_handler: exit_handler.unwrap_or(ExitHandler::PreStop),
            exit_handler_image,
            termination_grace_period_seconds: termination_grace_period_seconds
                .unwrap_or(TERMINATION_GRACE_PERIOD_SECONDS),
            exit_handler_resources: with_defaults(exit_handler_resources, of_exit_handler),
            in_cluster: in_cluster.unwrap_or(IN_CLUSTER),
            kubeconfig_path,
            kube_context,
            kube_config_content,
        }
    }
}

fn with_defaults(written: Option<Resources>, defaults: [[&str; 2]; 2]) -> Resources {
    let Resources { requests, limits } = written.unwrap_or_default();
    let [default_requests, default_limits] = defaults;
    Resources {
        requests: Some(fill(requests, default_requests)),
        limits: Some(fill(limits, default_limits)),
    }
}

fn fill(written: Option<ResourceList>, [cpu, memory]: [&str; 2]) -> ResourceList {
    let mut list = written.unwrap_or_default();
    for (name, default) in [("cpu", cpu), ("memory", memory)] {
        if list.get(name).is_none() {
            list.0.push((name.to_owned(), Quantity(default.to_owned())));
        }
    }
    list
}

pub(super) fn resources_json() -> serde_json::Value {
    as_json(RESOURCES)
}

pub(super) fn exit_handler_resources_json() -> serde_json::Value {
    as_json(EXIT_HANDLER_RESOURCES)
}

fn as_json([requests, limits]: [[&str; 2]; 2]) -> serde_json::Value {
    let list = |[cpu, memory]: [&str; 2]| json!({"cpu": cpu, "memory": memory});
    json!({"requests": list(requests), "limits": list(limits)})
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;
    use crate::definition::deserialize::from_node;
    use crate::definition::{Kind, schema};
    use crate::tree::Node;

    #[test]
    fn the_defaults_that_the_schema_shows_are_those_that_are_applied() {
        let schema = schema(Some(Kind::IngestionProject));
        let properties = &schema["definitions"]["Parameters"]["properties"];
        let shown: Map<String, Value> = properties
            .as_object()
            .unwrap()
            .iter()
            .filter_map(|(name, field)| Some((name.clone(), field.get("default")?.clone())))
            .collect();
        assert_eq!(shown.len(), 23);
        let node = Node::from(Value::Object(shown));
        let written: Parameters = from_node(&node).unwrap();
        assert_eq!(written.resolve(), Parameters::default().resolve());
    }

    #[test]
    fn an_exit_handler_without_python_is_given_less() {
        let memory = |json| {
            let resources = from_node::<Parameters>(&Node::from(json)).unwrap().resolve();
            resources.exit_handler_resources.limits.unwrap().get("memory").cloned()
        };
        assert_eq!(memory(json!({})), Some(Quantity("512Mi".to_owned())));
        assert_eq!(
            memory(json!({"exitHandlerImage": "ompipe"})),
            Some(Quantity("128Mi".to_owned()))
        );
    }

    #[test]
    fn a_resource_that_is_set_leaves_the_defaults_of_the_others() {
        let node = Node::from(json!({"resources": {"limits": {"memory": "8Gi"}}}));
        let resources = from_node::<Parameters>(&node).unwrap().resolve().resources;
        let limits = resources.limits.unwrap();
        assert_eq!(limits.get("memory"), Some(&Quantity("8Gi".to_owned())));
        assert_eq!(limits.get("cpu"), Some(&Quantity("2".to_owned())));
        assert_eq!(resources.requests.unwrap().0.len(), 2);
    }
}
