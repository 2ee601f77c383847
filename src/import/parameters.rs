//! `spec.kubernetes` of all pipelines → what the project says for all, and what is left for each.
//!
//! In: the parameters of each pipeline, whole where its origin knows them. Out: those that most
//! have in common and that are not ompipe's defaults anyway, and per pipeline what differs. A
//! pipeline of which nothing is known takes the project's.

use super::layers::{Left, common, rest};
use crate::definition::{Kind, schema};
use crate::tree::{Entry, Mapping, Node};

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
        let known = pipelines.filter(|parameters| !parameters.is_empty());
        let known: Vec<Node> = known.map(|parameters| Node::new(parameters.clone())).collect();
        let said = common(&known.iter().collect::<Vec<_>>());
        let mut project = said.as_ref().and_then(Node::as_mapping).cloned().unwrap_or_default();
        let mut effective = defaults();
        project.retain(|entry| effective.get(&entry.key) != Some(&entry.value));
        for entry in &project {
            effective.insert(entry.key.clone(), entry.value.clone());
        }
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
        parameters.iter().filter_map(left).collect()
    }
}

/// The parameters that have a default, with it, as the schema shows them.
pub(super) fn defaults() -> Mapping {
    let schema = schema(Some(Kind::IngestionProject));
    let properties = schema.pointer("/definitions/Parameters/properties");
    let properties = properties.and_then(serde_json::Value::as_object).into_iter().flatten();
    properties
        .filter_map(|(name, field)| {
            Some((name.as_str(), Node::from(field.get("default")?.clone())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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
}
