//! The parameters of a pipeline: how it runs on Kubernetes.
//!
//! In: built by `validate` from the layers of `kubernetes:`. Out: typed values, and the mapping of
//! them that templates and `explain` show.

use compact_str::CompactString;

use super::{
    Annotations, EnvVariable, ImageReference, Namespace, NodeSelector, Quantity, Resources,
    SecretName, SecretWay, ServiceAccountName, Toleration,
};
use crate::definition::parameters::{
    ConcurrencyPolicy, ExitHandler, ImagePullPolicy, SeccompProfileType,
};
use crate::tree::{Mapping, Node, Span};

/// The parameters of a pipeline, by OpenMetadata's own names, resolved: units are in the names.
#[derive(Clone, Debug)]
#[expect(
    missing_docs,
    reason = "each is the parameter of that name, documented in definition::Parameters"
)]
pub struct Parameters {
    /// Where the parameters that are written stand, by name; those of `resources` and
    /// `nodeSelector` part by part, as `resources/limits/memory`.
    pub places: Vec<(CompactString, Span)>,
    pub namespace: Namespace,
    pub ingestion_image: ImageReference,
    pub image_pull_policy: ImagePullPolicy,
    pub image_pull_secrets: Vec<SecretName>,
    pub service_account_name: ServiceAccountName,
    pub ttl_seconds_after_finished: i32,
    pub active_deadline_seconds: i64,
    pub backoff_limit: i32,
    pub starting_deadline_seconds: i64,
    pub successful_jobs_history_limit: i32,
    pub failed_jobs_history_limit: i32,
    pub concurrency_policy: ConcurrencyPolicy,
    pub node_selector: NodeSelector,
    pub run_as_user: i64,
    pub run_as_group: i64,
    pub fs_group: i64,
    pub run_as_non_root: bool,
    pub seccomp_profile_type: SeccompProfileType,
    pub resources: Resources,
    pub extra_env_vars: Vec<EnvVariable>,
    pub secrets: SecretWay,
    pub pod_annotations: Annotations,
    pub tolerations: Vec<Toleration>,
    pub use_om_job_operator: bool,
    pub exit_handler: ExitHandler,
    pub exit_handler_image: Option<ImageReference>,
    pub termination_grace_period_seconds: i64,
    pub exit_handler_resources: Resources,
}

impl Parameters {
    /// The parameters by their own names, in the shapes that Kubernetes takes.
    pub fn to_mapping(&self) -> Mapping {
        let Self {
            places,
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
            extra_env_vars: _,
            secrets,
            pod_annotations: _,
            tolerations,
            use_om_job_operator,
            exit_handler,
            exit_handler_image,
            termination_grace_period_seconds,
            exit_handler_resources,
        } = self;
        let pull_secrets = image_pull_secrets
            .iter()
            .map(|name| Node::new(Mapping::of([("name", Node::new(name.as_str()))])))
            .collect::<Vec<_>>();
        let selector = node_selector
            .0
            .iter()
            .map(|(key, value)| (key.as_str(), Node::new(value.as_str())))
            .collect::<Mapping>();
        let own_image = exit_handler_image.as_ref().map_or("", |image| image.as_str());
        let mut mapping = Mapping::of([
            ("namespace", Node::new(namespace.as_str())),
            ("ingestionImage", Node::new(ingestion_image.as_str())),
            ("imagePullPolicy", Node::new(image_pull_policy.as_str())),
            ("imagePullSecrets", Node::new(pull_secrets)),
            ("serviceAccountName", Node::new(service_account_name.as_str())),
            ("ttlSecondsAfterFinished", Node::new(i64::from(*ttl_seconds_after_finished))),
            ("activeDeadlineSeconds", Node::new(*active_deadline_seconds)),
            ("backoffLimit", Node::new(i64::from(*backoff_limit))),
            ("startingDeadlineSeconds", Node::new(*starting_deadline_seconds)),
            ("successfulJobsHistoryLimit", Node::new(i64::from(*successful_jobs_history_limit))),
            ("failedJobsHistoryLimit", Node::new(i64::from(*failed_jobs_history_limit))),
            ("concurrencyPolicy", Node::new(concurrency_policy.as_str())),
            ("nodeSelector", Node::new(selector)),
            ("runAsUser", Node::new(*run_as_user)),
            ("runAsGroup", Node::new(*run_as_group)),
            ("fsGroup", Node::new(*fs_group)),
            ("runAsNonRoot", Node::new(*run_as_non_root)),
            ("seccompProfileType", Node::new(seccomp_profile_type.as_str())),
            ("resources", resource_node(resources)),
            ("secrets", Node::new(secrets.to_mapping())),
            ("tolerations", Node::new(tolerations.iter().map(toleration).collect::<Vec<_>>())),
            ("useOMJobOperator", Node::new(*use_om_job_operator)),
            ("exitHandler", Node::new(exit_handler.as_str())),
            ("exitHandlerImage", Node::new(own_image)),
            ("terminationGracePeriodSeconds", Node::new(*termination_grace_period_seconds)),
            ("exitHandlerResources", resource_node(exit_handler_resources)),
        ]);
        for (route, span) in places {
            // The last key may hold a slash of its own.
            let depth = if route.starts_with("nodeSelector") { 2 } else { 3 };
            let mut keys = route.splitn(depth, '/');
            let parameter = keys.next().and_then(|key| mapping.get_mut(key));
            let part = keys.fold(parameter, |node, key| node?.as_mapping_mut()?.get_mut(key));
            if let Some(part) = part {
                part.span = *span;
            }
        }
        mapping
    }

    /// Where a parameter stands; nowhere, when it is not written.
    pub fn place(&self, name: &str) -> Span {
        let mut places = self.places.iter();
        places.find(|(key, _)| key == name).map_or(Span::NONE, |(_, span)| *span)
    }
}

fn toleration(toleration: &Toleration) -> Node {
    let Toleration { key, operator, value, effect, seconds } = toleration;
    let mut node = Mapping::with_capacity(5);
    let mut set = |name: &str, value: Option<Node>| {
        if let Some(value) = value {
            node.insert(name, value);
        }
    };
    set("key", key.as_ref().map(|key| Node::new(key.as_str())));
    set("operator", Some(Node::new(operator.as_str())));
    set("value", value.as_ref().map(|value| Node::new(value.as_str())));
    set("effect", effect.map(|effect| Node::new(effect.as_str())));
    set("tolerationSeconds", seconds.map(Node::new));
    Node::new(node)
}

fn resource_node(resources: &Resources) -> Node {
    let list = |list: &[(CompactString, Quantity)]| {
        Node::new(
            list.iter()
                .map(|(name, quantity)| (name.clone(), Node::new(quantity.as_str())))
                .collect::<Mapping>(),
        )
    };
    Node::new(Mapping::of([
        ("requests", list(&resources.requests)),
        ("limits", list(&resources.limits)),
    ]))
}
