//! Whether the parts of a pod fit together, as the API server asks: containers, and names that are
//! used twice or not at all.
//!
//! In: a pod template. Out: findings. A `podTemplate` is merged into what is rendered piece by
//! piece; each piece may be well formed and the whole refused.

use std::collections::HashMap;

use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::Quantity;
use crate::model::dns::check_label;
use crate::tree::{Node, Span, Value};

/// Checks a pod template.
pub(super) fn check(template: &Node, found: &mut Diagnostics) {
    let Some(spec) = template.get("spec") else {
        return;
    };
    let mut checker = Checker { found };
    checker.restart_policy(spec);
    let containers = entries(spec, "containers");
    if containers.is_empty()
        && let Some(node) = spec.get("containers")
    {
        checker.push(node.span, "spec.containers", "a pod has at least one container");
    }
    let volumes = checker.named(spec, "volumes", "name");
    let mut names: HashMap<&str, Span> = HashMap::new();
    for kind in ["initContainers", "containers", "ephemeralContainers"] {
        for container in entries(spec, kind) {
            checker.container(kind, container, &volumes, &mut names);
        }
    }
}

struct Checker<'a> {
    found: &'a mut Diagnostics,
}

impl Checker<'_> {
    /// A Job's pods end: the default of pods, Always, is refused for them.
    fn restart_policy(&mut self, spec: &Node) {
        let policy = spec.get("restartPolicy");
        if policy.and_then(Node::as_str).is_none_or(|policy| policy == "Always") {
            let span = policy.map_or(spec.span, |policy| policy.span);
            self.push(
                span,
                "spec.restartPolicy",
                "the restartPolicy of a Job's pods is Never or OnFailure",
            );
        }
    }

    fn container<'n>(
        &mut self,
        kind: &str,
        container: &'n Node,
        volumes: &HashMap<&str, Span>,
        names: &mut HashMap<&'n str, Span>,
    ) {
        let name = container.get("name");
        let route = format!("spec.{kind}[{}]", name.and_then(Node::as_str).unwrap_or("?"));
        if let Some(node) = name
            && let Some(text) = node.as_str()
        {
            if let Err(refusal) = check_label(text) {
                self.found.push(
                    Diagnostic::error(
                        &code::MANIFEST_FORMAT,
                        node.span,
                        "not the name of a container that Kubernetes takes",
                    )
                    .with_label(refusal.reason)
                    .with_route(route.as_str()),
                );
            }
            if let Some(first) = names.insert(text, node.span) {
                self.twice(
                    node.span,
                    first,
                    &route,
                    format!("two containers of the pod are called `{text}`"),
                );
            }
        }
        self.named(container, "env", "name");
        self.named(container, "volumeMounts", "mountPath");
        for (list, what) in [("volumeMounts", "mounts"), ("volumeDevices", "uses")] {
            for mount in entries(container, list) {
                if let Some(node) = mount.get("name")
                    && let Some(volume) = node.as_str()
                    && !volumes.contains_key(volume)
                {
                    let message = format!(
                        "the container {what} the volume `{volume}`, which the pod does not have"
                    );
                    self.push(node.span, &route, message);
                }
            }
        }
        self.resources(container, &route);
    }

    fn resources(&mut self, container: &Node, route: &str) {
        let Some(limits) = container.at_route(&["resources", "limits"]) else {
            return;
        };
        let requests = container.at_route(&["resources", "requests"]).and_then(Node::as_mapping);
        for request in requests.into_iter().flatten() {
            if let Some(limit) = limits.get(&request.key)
                && let (Some(asked), Some(most)) = (quantity(&request.value), quantity(limit))
                && asked > most
            {
                let message = format!("the request of {} is over its limit", request.key);
                self.found.push(
                    Diagnostic::error(&code::POD_PARTS, request.value.span, message)
                        .with_label(asked.to_string())
                        .with_related(limit.span, most.to_string())
                        .with_route(route),
                );
            }
        }
    }

    /// The entries of a list by their key, each of which may be there once.
    fn named<'n>(&mut self, node: &'n Node, list: &str, key: &str) -> HashMap<&'n str, Span> {
        let items = entries(node, list);
        let mut names = HashMap::with_capacity(items.len());
        for item in items {
            if let Some(value) = item.get(key)
                && let Some(name) = value.as_str()
                && let Some(first) = names.insert(name, value.span)
            {
                let message = format!("two entries of `{list}` have the `{key}` `{name}`");
                self.twice(value.span, first, list, message);
            }
        }
        names
    }

    fn twice(&mut self, span: Span, first: Span, route: &str, message: String) {
        self.found.push(
            Diagnostic::error(&code::POD_PARTS, span, message)
                .with_related(first, "the first one")
                .with_route(route),
        );
    }

    fn push(&mut self, span: Span, route: &str, message: impl Into<String>) {
        self.found.push(Diagnostic::error(&code::POD_PARTS, span, message).with_route(route));
    }
}

fn quantity(node: &Node) -> Option<Quantity> {
    match &node.value {
        Value::String(text) => Quantity::parse(text).ok(),
        Value::Number(number) => Quantity::parse(&number.to_string()).ok(),
        _ => None,
    }
}

fn entries<'n>(node: &'n Node, field: &str) -> &'n [Node] {
    node.get(field).and_then(Node::as_sequence).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn messages(mut spec: serde_json::Value) -> Vec<String> {
        spec["restartPolicy"] = spec.get("restartPolicy").cloned().unwrap_or(json!("Never"));
        let mut found = Diagnostics::default();
        check(&Node::from(json!({"spec": spec})), &mut found);
        found.iter().map(|diagnostic| diagnostic.message.clone()).collect()
    }

    #[test]
    fn parts_that_fit_pass() {
        let container = json!({"name": "main", "env": [{"name": "A"}, {"name": "B"}],
            "volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}],
            "resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": 1}}});
        assert_eq!(
            messages(json!({"containers": [container], "volumes": [{"name": "v"}]})),
            [""; 0]
        );
    }

    #[test]
    fn a_mount_needs_its_volume() {
        assert_eq!(
            messages(
                json!({"containers": [{"name": "main", "volumeMounts": [{"name": "v", "mountPath": "/a"}]}]})
            ),
            ["the container mounts the volume `v`, which the pod does not have"]
        );
    }

    #[test]
    fn names_are_used_once() {
        assert_eq!(
            messages(json!({"initContainers": [{"name": "a"}], "containers": [{"name": "a"}]})),
            ["two containers of the pod are called `a`"]
        );
        assert_eq!(
            messages(json!({"containers": [{"name": "a", "env": [{"name": "E"}, {"name": "E"}]}]})),
            ["two entries of `env` have the `name` `E`"]
        );
        assert_eq!(messages(json!({"containers": [{"name": "A b"}]})).len(), 1);
    }

    #[test]
    fn a_request_stays_within_its_limit() {
        let resources = json!({"requests": {"memory": "1Gi"}, "limits": {"memory": "1000Mi"}});
        assert_eq!(
            messages(json!({"containers": [{"name": "a", "resources": resources}]})),
            ["the request of memory is over its limit"]
        );
    }

    #[test]
    fn a_job_has_containers_and_its_pods_end() {
        assert_eq!(messages(json!({"containers": []})), ["a pod has at least one container"]);
        assert_eq!(
            messages(json!({"containers": [{"name": "a"}], "restartPolicy": "Always"})).len(),
            1
        );
    }
}
