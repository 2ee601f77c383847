//! What a rendered object needs in the cluster beside itself.
//!
//! In: an object. Out: the Secrets and their keys, ConfigMaps and the service account that it names,
//! wherever in it they stand, each once and in order.

use std::collections::BTreeSet;

use compact_str::CompactString;

use crate::manifest::Manifest;
use crate::tree::{Node, Value};

/// Something that an object names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Use {
    /// A ConfigMap.
    ConfigMap(CompactString),
    /// A Secret, whole.
    Secret(CompactString),
    /// A key of a Secret.
    SecretKey(CompactString, CompactString),
    /// A ServiceAccount.
    ServiceAccount(CompactString),
}

/// A rendered object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rendered {
    /// `CronJob`.
    pub kind: CompactString,
    /// `metadata.name`.
    pub name: CompactString,
    /// What it names.
    pub uses: BTreeSet<Use>,
}

impl Rendered {
    pub(super) fn of(object: &Manifest) -> Self {
        let mut uses = BTreeSet::new();
        collect(object.node(), &mut uses);
        Self { kind: object.kind().into(), name: object.name().into(), uses }
    }
}

fn collect(node: &Node, uses: &mut BTreeSet<Use>) {
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| collect(item, uses)),
        Value::Mapping(mapping) => {
            for entry in mapping {
                uses.extend(of_entry(&entry.key, &entry.value));
                collect(&entry.value, uses);
            }
        }
        _ => {}
    }
}

/// What an entry names, by the names that Kubernetes has for such fields.
fn of_entry(key: &str, value: &Node) -> Vec<Use> {
    let text = |key: &str| value.get(key).and_then(Node::as_str).map(CompactString::from);
    let one = match key {
        "secretKeyRef" => {
            text("name").zip(text("key")).map(|(name, key)| Use::SecretKey(name, key))
        }
        "secretRef" => text("name").map(Use::Secret),
        "secret" => text("secretName").or_else(|| text("name")).map(Use::Secret),
        "configMapKeyRef" | "configMapRef" | "configMap" => text("name").map(Use::ConfigMap),
        "serviceAccountName" => value.as_str().map(|name| Use::ServiceAccount(name.into())),
        "imagePullSecrets" => {
            let names = value.as_sequence().unwrap_or_default().iter();
            let names = names.filter_map(|item| item.get("name")?.as_str());
            return names.map(|name| Use::Secret(name.into())).collect();
        }
        _ => None,
    };
    one.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_pods_name_is_found_wherever_it_stands() {
        let pod = json!({
            "serviceAccountName": "ingest",
            "imagePullSecrets": [{"name": "registry"}],
            "containers": [{
                "env": [
                    {"valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
                    {"valueFrom": {"configMapKeyRef": {"name": "config", "key": "config"}}},
                ],
                "envFrom": [{"secretRef": {"name": "proxy"}}],
            }],
            "volumes": [{"secret": {"secretName": "certificates"}}, {"configMap": {"name": "own"}}],
        });
        let mut uses = BTreeSet::new();
        collect(&pod.into(), &mut uses);
        let expected = [
            Use::ConfigMap("config".into()),
            Use::ConfigMap("own".into()),
            Use::Secret("certificates".into()),
            Use::Secret("proxy".into()),
            Use::Secret("registry".into()),
            Use::SecretKey("db".into(), "password".into()),
            Use::ServiceAccount("ingest".into()),
        ];
        assert_eq!(uses, BTreeSet::from(expected));
    }
}
