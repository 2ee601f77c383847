//! The layers of `kubernetes:` → the parameters of one pipeline.
//!
//! In: the project's mapping and the pipeline's, each of which agrees with the schema. Out:
//! [`Parameters`], or findings at the layer that is at fault, which its nodes remember.

use compact_str::{CompactString, format_compact};

use super::rules;
use super::rules::names::Output;
use crate::definition::defaults::ResolvedParameters;
use crate::definition::deserialize::from_node;
use crate::definition::parameters::ExitHandler;
use crate::definition::{self, written};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::{Parameters, Resources};
use crate::tree::{Entry, Mapping, Node, Span, merge};

/// Where parameters stand in a definition, for the routes of findings.
const ROUTE: &str = "spec.kubernetes";

/// The parameters of a pipeline; `None` when any is wrong, which is then among the findings.
pub(super) fn parameters(
    project: Option<&Node>,
    pipeline: Option<&Node>,
    found: &mut Diagnostics,
) -> Option<Parameters> {
    let mut merged = project.cloned().unwrap_or_else(|| Node::new(Mapping::new()));
    if let Some(pipeline) = pipeline {
        merge(&mut merged, pipeline);
    }
    let written: definition::parameters::Parameters = match from_node(&merged) {
        Ok(written) => written,
        Err(error) => {
            found.push(Diagnostic::error(&code::SCHEMA_TYPE, error.span, error.message));
            return None;
        }
    };
    let mut own = Diagnostics::default();
    let parameters = checked(&merged, written.resolve(), &mut own);
    not_carried([project, pipeline], &mut own);
    if let Some(pipeline) = pipeline {
        rules::run::of_the_project_alone(pipeline, ROUTE, &mut own);
    }
    let sound = !own.has_errors();
    found.append(own);
    parameters.filter(|_| sound)
}

/// What a layer says about an output that is not the one it is for. A project may set what only its
/// CronJobs carry while a pipeline chooses the operator: each layer is held against what it, and
/// those before it, choose.
fn not_carried(layers: [Option<&Node>; 2], found: &mut Diagnostics) {
    let mut operator = false;
    let mut sidecar = false;
    for layer in layers.into_iter().flatten() {
        if let Some(chosen) = layer.get("useOMJobOperator").and_then(Node::as_bool) {
            operator = chosen;
        }
        if let Some(way) = layer.get("exitHandler").and_then(Node::as_str) {
            sidecar = way == ExitHandler::Sidecar.as_str();
        }
        rules::run::not_carried(layer, output(operator), sidecar, ROUTE, found);
    }
}

/// The typed values, each by its own rule. All are looked at, whatever is wrong with one.
fn checked(
    written: &Node,
    resolved: ResolvedParameters,
    found: &mut Diagnostics,
) -> Option<Parameters> {
    let ResolvedParameters {
        namespace,
        ingestion_image,
        image_pull_policy,
        image_pull_secrets: _,
        service_account_name,
        ttl_seconds_after_finished,
        active_deadline_seconds,
        backoff_limit,
        starting_deadline_seconds,
        successful_jobs_history_limit,
        failed_jobs_history_limit,
        concurrency_policy,
        node_selector: _,
        run_as_user,
        run_as_group,
        fs_group,
        run_as_non_root,
        seccomp_profile_type,
        resources,
        extra_env_vars: _,
        pod_annotations: _,
        tolerations: _,
        use_om_job_operator,
        // What only the cluster's verbs read.
        enable_failure_diagnostics: _,
        exit_handler,
        exit_handler_image: _,
        termination_grace_period_seconds,
        exit_handler_resources,
        in_cluster: _,
        kubeconfig_path: _,
        kube_context: _,
        kube_config_content: _,
    } = resolved;
    let output = output(use_om_job_operator);
    rules::run::starting_deadline(written, output, ROUTE, found);
    rules::run::run_as_root(written, run_as_user, run_as_non_root, ROUTE, found);
    let mut fields = Fields { written, found, route: String::with_capacity(64) };
    let namespace = fields.text("namespace", &namespace, rules::names::namespace);
    let ingestion_image = fields.text("ingestionImage", &ingestion_image, rules::image::image);
    let service_account_name = fields.text(
        "serviceAccountName",
        &service_account_name,
        rules::names::service_account_name,
    );
    let exit_handler_image = fields.optional("exitHandlerImage", |node, route, found| {
        rules::image::image(node, route, found).map(Some)
    });
    let image_pull_secrets = fields.optional("imagePullSecrets", rules::names::image_pull_secrets);
    let node_selector = fields.optional("nodeSelector", rules::pairs::node_selector);
    let pod_annotations = fields.optional("podAnnotations", rules::pairs::pod_annotations);
    let extra_env_vars = fields.optional("extraEnvVars", rules::environment::extra_env_vars);
    let secrets = fields.optional("secrets", rules::secret_way::secret_way);
    let tolerations = fields.optional("tolerations", rules::tolerations::tolerations);
    if let Some(content) = fields.field("kubeConfigContent") {
        rules::secrets::kube_config_content(content, &fields.route, fields.found);
    }
    let resources = fields.resources("resources", &resources);
    let exit_handler_resources = fields.resources("exitHandlerResources", &exit_handler_resources);
    Some(Parameters {
        places: places(written),
        namespace: namespace?,
        ingestion_image: ingestion_image?,
        image_pull_policy,
        image_pull_secrets: image_pull_secrets?,
        service_account_name: service_account_name?,
        ttl_seconds_after_finished,
        active_deadline_seconds,
        backoff_limit,
        starting_deadline_seconds,
        successful_jobs_history_limit,
        failed_jobs_history_limit,
        concurrency_policy,
        node_selector: node_selector?,
        run_as_user,
        run_as_group,
        fs_group,
        run_as_non_root,
        seccomp_profile_type,
        resources: resources?,
        extra_env_vars: extra_env_vars?,
        secrets: secrets?,
        pod_annotations: pod_annotations?,
        tolerations: tolerations?,
        use_om_job_operator,
        exit_handler,
        exit_handler_image: exit_handler_image?,
        termination_grace_period_seconds,
        exit_handler_resources: exit_handler_resources?,
    })
}

/// Where each parameter that is written stands, and each part of those that several layers make up.
fn places(written: &Node) -> Vec<(CompactString, Span)> {
    let mut places = Vec::new();
    for Entry { key, value, .. } in written.as_mapping().into_iter().flatten() {
        places.push((key.clone(), value.span));
        if matches!(key.as_str(), "resources" | "exitHandlerResources" | "nodeSelector") {
            parts(key, value, &mut places);
        }
    }
    places
}

fn parts(route: &str, node: &Node, places: &mut Vec<(CompactString, Span)>) {
    for Entry { key, value, .. } in node.as_mapping().into_iter().flatten() {
        let route = format_compact!("{route}/{key}");
        parts(&route, value, places);
        places.push((route, value.span));
    }
}

/// What the pipelines become by the parameter `useOMJobOperator`.
pub(super) fn output(use_om_job_operator: bool) -> Output {
    if use_om_job_operator { Output::OmJob } else { Output::CronJob }
}

/// A rule of one field: the node, its route, and where to put findings.
type Rule<T> = fn(&Node, &str, &mut Diagnostics) -> Option<T>;

struct Fields<'a, 'f> {
    written: &'a Node,
    found: &'f mut Diagnostics,
    /// That of the field that was asked for last.
    route: String,
}

impl<'a> Fields<'a, '_> {
    /// A field with a default: the rule looks at what is written, or else at the default.
    fn text<T>(&mut self, key: &str, resolved: &str, rule: Rule<T>) -> Option<T> {
        match self.field(key) {
            Some(node) => rule(node, &self.route, self.found),
            None => rule(&Node::new(resolved), &self.route, self.found),
        }
    }

    /// A field without one: nothing written is the empty value.
    fn optional<T: Default>(&mut self, key: &str, rule: Rule<T>) -> Option<T> {
        match self.field(key) {
            Some(node) => rule(node, &self.route, self.found),
            None => Some(T::default()),
        }
    }

    fn resources(&mut self, key: &str, resolved: &written::Resources) -> Option<Resources> {
        let field = self.field(key);
        rules::resources::resources(field, resolved, &self.route, self.found)
    }

    fn field(&mut self, key: &str) -> Option<&'a Node> {
        self.route.clear();
        self.route.extend([ROUTE, ".", key]);
        self.written.get(key).filter(|node| !node.is_null())
    }
}
