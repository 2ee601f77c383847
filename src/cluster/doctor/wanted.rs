//! What a project needs of a cluster, namespace by namespace.
//!
//! In: pipelines as views of the whole project see them, and their rendered objects. Out: [`Wanted`].
//! Pods that are alike are one [`Pod`] with the names of all pipelines that have it.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::Object;
use crate::diagnostic::Diagnostics;
use crate::manifest::pod_security::{self, Level};
use crate::manifest::{Manifest, pod_templates};
use crate::model::{Quantity, SecretWay};
use crate::survey::secrets::NeededSecret;
use crate::survey::{Requests, Seen, Use};
use crate::tree::{Node, SourceId, Value};
use crate::yaml::{self, Dialect};

/// What the pipelines of a namespace need there.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The pipelines, by name.
    pub pipelines: BTreeSet<String>,
    /// The kinds that are rendered.
    pub kinds: BTreeSet<String>,
    /// The keys of Secrets.
    pub secrets: Vec<NeededSecret>,
    /// The Secrets and ConfigMaps that some pod cannot start without: kind and name.
    pub required: BTreeSet<(&'static str, String)>,
    /// The service accounts, and whether `apply` makes them.
    pub accounts: BTreeMap<String, bool>,
    /// The ConfigMaps that `apply` makes, with what they hold.
    pub config_maps: BTreeMap<String, BTreeMap<String, String>>,
    /// The pods of runs.
    pub pods: Vec<Pod>,
}

/// The pod of a run, of all pipelines whose pods are alike in what is looked at.
#[derive(Clone, PartialEq, Debug)]
pub struct Pod {
    /// The pipelines.
    pub pipelines: Vec<String>,
    /// What it requests of a node.
    pub requests: Requests,
    /// What its containers ask for.
    pub containers: Vec<Container>,
    /// The labels that its node must have.
    pub node_selector: BTreeMap<String, String>,
    /// The taints that it tolerates.
    pub tolerations: Vec<Toleration>,
    /// The strictest Pod Security level that lets it in.
    pub level: Level,
    /// Whether a container goes on beside the others, as native sidecars do.
    pub has_sidecar: bool,
}

/// A container's resources.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What it requests: `cpu` and `memory`, in billionths of a CPU or a byte.
    pub requests: BTreeMap<String, i128>,
    /// What it may use at most.
    pub limits: BTreeMap<String, i128>,
}

/// A toleration, as the scheduler reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Toleration {
    /// The taint's key; none: every key.
    pub key: Option<String>,
    /// Its value; none: every value (`operator: Exists`).
    pub value: Option<String>,
    /// Its effect; none: every effect.
    pub effect: Option<String>,
}

/// What a project needs, by namespace.
pub fn wanted(
    seen: &[Seen],
    secrets: Vec<NeededSecret>,
    objects: &[Object],
) -> BTreeMap<String, Wanted> {
    let mut all: BTreeMap<String, Wanted> = BTreeMap::new();
    for one in seen {
        let wanted = all.entry(one.namespace.to_string()).or_default();
        wanted.pipelines.insert(one.planned.name.to_string());
        // Rendered with values alone.
        wanted.kinds.extend((one.secret_way == SecretWay::Secret).then(|| "Secret".to_owned()));
        let uses = one.objects.iter().filter(|object| object.kind != "RoleBinding");
        for account in uses.flat_map(|object| &object.uses) {
            if let Use::ServiceAccount(name) = account {
                wanted.accounts.entry(name.to_string()).or_default();
            }
        }
    }
    for secret in secrets {
        all.entry(secret.namespace.to_string()).or_default().secrets.push(secret);
    }
    for object in objects {
        let mut found = Diagnostics::default();
        let documents = yaml::read(SourceId::NONE, &object.text, Dialect::Definition, &mut found);
        let manifests = documents.into_iter().filter_map(|node| Manifest::new(node, &mut found));
        for manifest in manifests.collect::<Vec<_>>() {
            let namespace = text(manifest.node(), &["metadata", "namespace"]).unwrap_or_default();
            all.entry(namespace.to_owned()).or_default().add(&manifest);
        }
    }
    all
}

impl Wanted {
    fn add(&mut self, manifest: &Manifest) {
        self.kinds.insert(manifest.kind().to_owned());
        match manifest.kind() {
            "ServiceAccount" => {
                self.accounts.insert(manifest.name().to_owned(), true);
            }
            "ConfigMap" => {
                let data = manifest.node().get("data").and_then(Node::as_mapping);
                let data = data.into_iter().flatten().map(|entry| {
                    (entry.key.to_string(), entry.value.as_str().unwrap_or_default().to_owned())
                });
                self.config_maps.insert(manifest.name().to_owned(), data.collect());
            }
            _ => {
                let mut found = Diagnostics::default();
                let pipeline = annotated(manifest);
                // The first is the run's; the operator's exit handler follows when that is over.
                for (at, template) in pod_templates(manifest, &mut found).iter().enumerate() {
                    required(template, &mut self.required);
                    if at == 0 {
                        self.add_pod(Pod::of(template, pipeline.clone()));
                    }
                }
            }
        }
    }

    fn add_pod(&mut self, pod: Pod) {
        let alike = |other: &&mut Pod| {
            let pipelines = other.pipelines.clone();
            **other == Pod { pipelines, ..pod.clone() }
        };
        match self.pods.iter_mut().find(alike) {
            Some(other) => other.pipelines.extend(pod.pipelines),
            None => self.pods.push(pod),
        }
    }
}

/// The pipeline of an object, by its label.
fn annotated(manifest: &Manifest) -> String {
    let label = ["metadata", "labels", crate::model::labels::PIPELINE];
    text(manifest.node(), &label).unwrap_or_else(|| manifest.name()).to_owned()
}

impl Pod {
    fn of(template: &Node, pipeline: String) -> Self {
        let spec = template.get("spec");
        let list = |key: &str| spec.and_then(|spec| spec.get(key)?.as_sequence()).unwrap_or(&[]);
        let selector = spec.and_then(|spec| spec.get("nodeSelector")?.as_mapping());
        let init = list("initContainers");
        let containers = list("containers").iter().chain(init);
        Self {
            pipelines: vec![pipeline],
            requests: Requests::of_pod(template),
            containers: containers.map(Container::of).collect(),
            node_selector: selector
                .into_iter()
                .flatten()
                .filter_map(|entry| Some((entry.key.to_string(), entry.value.as_str()?.to_owned())))
                .collect(),
            tolerations: list("tolerations").iter().map(Toleration::of).collect(),
            level: pod_security::level(template),
            has_sidecar: init.iter().any(|one| text(one, &["restartPolicy"]) == Some("Always")),
        }
    }
}

impl Container {
    fn of(container: &Node) -> Self {
        let amounts = |list: &str| {
            let list = container.at_route(&["resources", list]).and_then(Node::as_mapping);
            let amount = |node: &Node| {
                let text = match &node.value {
                    Value::String(text) => text.to_string(),
                    Value::Number(number) => number.to_string(),
                    _ => return None,
                };
                Some(Quantity::parse(&text).ok()?.nanos())
            };
            let entries = list.into_iter().flatten();
            let entries =
                entries.filter_map(|one| Some((one.key.to_string(), amount(&one.value)?)));
            entries.collect::<BTreeMap<_, _>>()
        };
        let limits = amounts("limits");
        let mut requests = limits.clone();
        requests.extend(amounts("requests"));
        let name = text(container, &["name"]).unwrap_or_default().to_owned();
        Self { name, requests, limits }
    }
}

impl Toleration {
    fn of(node: &Node) -> Self {
        let field = |key: &str| {
            let field = text(node, &[key]).filter(|text| !text.is_empty());
            field.map(str::to_owned)
        };
        let exists = field("operator").as_deref() == Some("Exists");
        let value = (!exists).then(|| field("value").unwrap_or_default());
        Self { key: field("key"), value, effect: field("effect") }
    }
}

/// The Secrets and ConfigMaps without which a container of this pod does not start.
fn required(node: &Node, names: &mut BTreeSet<(&'static str, String)>) {
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| required(item, names)),
        Value::Mapping(mapping) => {
            for entry in mapping {
                let (kind, name) = match entry.key.as_str() {
                    "secretKeyRef" | "secretRef" => ("Secret", "name"),
                    "secret" => ("Secret", "secretName"),
                    "configMapKeyRef" | "configMapRef" | "configMap" => ("ConfigMap", "name"),
                    _ => {
                        required(&entry.value, names);
                        continue;
                    }
                };
                let optional = entry.value.get("optional").and_then(Node::as_bool) == Some(true);
                let name = text(&entry.value, &[name]).or_else(|| text(&entry.value, &["name"]));
                names.extend(name.filter(|_| !optional).map(|name| (kind, name.to_owned())));
            }
        }
        _ => {}
    }
}

fn text<'n>(node: &'n Node, route: &[&str]) -> Option<&'n str> {
    node.at_route(route).and_then(Node::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_optional_is_not_required() {
        let pod = json!({"spec": {"containers": [{"env": [
            {"valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
            {"valueFrom": {"configMapKeyRef": {"name": "site", "key": "zone", "optional": true}}},
        ]}], "volumes": [{"secret": {"secretName": "ca"}}]}});
        let mut names = BTreeSet::new();
        required(&pod.into(), &mut names);
        let expected = [("Secret", "ca".to_owned()), ("Secret", "db".to_owned())];
        assert_eq!(names, BTreeSet::from(expected));
    }

    #[test]
    fn a_pods_shape_is_read_from_its_template() {
        let template = json!({"spec": {
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [{"key": "dedicated", "operator": "Exists"}, {"key": "a", "value": "b"}],
            "initContainers": [{"name": "exit-handler", "restartPolicy": "Always"}],
            "containers": [{"name": "main", "resources": {"limits": {"cpu": "2", "memory": "1Ki"}, "requests": {"cpu": "500m"}}}],
        }});
        let pod = Pod::of(&template.into(), "orders".to_owned());
        assert!(pod.has_sidecar);
        assert_eq!(pod.node_selector["disk"], "ssd");
        assert_eq!(pod.tolerations[0].value, None);
        assert_eq!(pod.tolerations[1].value.as_deref(), Some("b"));
        let main = &pod.containers[0];
        assert_eq!(main.requests["cpu"], 500_000_000);
        assert_eq!(main.requests["memory"], 1024 * 1_000_000_000);
        assert_eq!(main.limits["cpu"], 2_000_000_000);
    }
}
