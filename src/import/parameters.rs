//! `spec.kubernetes` of all pipelines → what the project says for all, and what is left for each.
//!
//! In: the parameters of each pipeline. Out: those that most have in common and that are not
//! ompipe's defaults anyway, and per pipeline what differs, in the order of the schema. Where pods
//! are known of some pipelines, these alone are asked: what one of them does not have, it is not to
//! get from the project. The others take it.

use std::sync::LazyLock;

use serde_json::Value;

use super::layers::{Left, common, rest};
use crate::definition::{Kind, schema};
use crate::tree::{Entry, Mapping, Node};

/// The parameter that is known wherever pods are.
const OF_PODS: &str = "ingestionImage";

/// What lies under every pipeline's own parameters.
pub(super) struct Shared {
    /// `spec.kubernetes` of the project.
    pub(super) project: Mapping,
    /// ompipe's defaults with the project's laid over them.
    effective: Mapping,
}

impl Shared {
    /// What most of the pipelines say.
    pub(super) fn of<'a>(pipelines: impl Iterator<Item = &'a Mapping>) -> Self {
        let (with_pods, others): (Vec<_>, Vec<_>) = pipelines
            .filter(|parameters| !parameters.is_empty())
            .map(|parameters| Node::new(parameters.clone()))
            .partition(|parameters| parameters.get(OF_PODS).is_some());
        let asked = if with_pods.is_empty() { others } else { with_pods };
        let said = common(&asked.iter().collect::<Vec<_>>());
        let mut project = said.as_ref().and_then(Node::as_mapping).cloned().unwrap_or_default();
        let mut effective = defaults();
        project.retain(|entry| effective.get(&entry.key) != Some(&entry.value));
        for entry in &project {
            effective.insert(entry.key.clone(), entry.value.clone());
        }
        in_order(&mut project);
        Self { project, effective }
    }

    /// What is left for a pipeline to say. A parameter that it does not know is the project's.
    pub(super) fn left(&self, parameters: &Mapping) -> Mapping {
        let left = |entry: &Entry| {
            let Some(below) = self.effective.get(&entry.key) else {
                return Some((entry.key.clone(), entry.value.clone()));
            };
            match rest(&entry.value, below) {
                Left::Nothing => None,
                Left::This(node) => Some((entry.key.clone(), node)),
                Left::Impossible => Some((entry.key.clone(), entry.value.clone())),
            }
        };
        let mut left = parameters.iter().filter_map(left).collect();
        in_order(&mut left);
        left
    }
}

/// The parameters that have a default, with it, as the schema shows them.
pub(super) fn defaults() -> Mapping {
    let default = |(name, field): &(String, Value)| {
        Some((name.clone(), Node::from(field.get("default")?.clone())))
    };
    PROPERTIES.iter().filter_map(default).collect()
}

/// Orders parameters as the schema does.
fn in_order(parameters: &mut Mapping) {
    parameters.sort_by_key(|entry| {
        PROPERTIES.iter().position(|(name, _)| entry.key == *name).unwrap_or(PROPERTIES.len())
    });
}

/// The parameters in the schema of a project, in its order.
static PROPERTIES: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let schema = schema(Some(Kind::IngestionProject));
    let properties = schema.pointer("/definitions/Parameters/properties");
    let properties = properties.and_then(Value::as_object).into_iter().flatten();
    properties.map(|(name, field)| (name.clone(), field.clone())).collect()
});

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mapping(value: Value) -> Mapping {
        Node::from(value).as_mapping().cloned().unwrap()
    }

    #[test]
    fn what_most_say_is_the_projects_and_defaults_go_without_saying() {
        let pipelines = [
            mapping(json!({"namespace": "data", "backoffLimit": 0, "runAsUser": 1000})),
            mapping(json!({"namespace": "data", "backoffLimit": 0, "runAsUser": 1000})),
            mapping(json!({"namespace": "data", "backoffLimit": 3, "runAsUser": 7})),
            Mapping::new(),
        ];
        let shared = Shared::of(pipelines.iter());
        assert_eq!(shared.project, mapping(json!({"namespace": "data", "backoffLimit": 0})));
        assert!(shared.left(&pipelines[0]).is_empty());
        let other = mapping(json!({"backoffLimit": 3, "runAsUser": 7}));
        assert_eq!(shared.left(&pipelines[2]), other, "over the project's, also a default is said");
        assert!(shared.left(&pipelines[3]).is_empty());
    }

    #[test]
    fn what_a_known_pod_does_not_have_it_does_not_get_from_the_project() {
        let (image, selector) = ("ingestion:1", json!({"zone": "a"}));
        let pipelines = [
            mapping(
                json!({"ingestionImage": image, "namespace": "data", "nodeSelector": selector}),
            ),
            mapping(json!({"ingestionImage": image, "namespace": "data"})),
            mapping(json!({"namespace": "data"})),
        ];
        let shared = Shared::of(pipelines.iter());
        let expected = mapping(json!({"namespace": "data", "ingestionImage": image}));
        assert_eq!(shared.project, expected);
        assert!(shared.left(&pipelines[1]).is_empty() && shared.left(&pipelines[2]).is_empty());
    }
}
