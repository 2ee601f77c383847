//! Which leaves of a workflow are secret.
//!
//! In: a workflow, and OpenMetadata's schema where it is known. Out: the routes of the leaves that
//! the rule about literal secrets would refuse: by the schema's `format: password`, else by their
//! names.

use std::collections::BTreeSet;

use crate::spec::Bundle;
use crate::spec::secret_fields::{ByName, SecretFields, Step};
use crate::tree::{Node, Value};

/// The secret leaves of one workflow.
#[derive(Debug, Default)]
pub(super) struct SecretLeaves {
    routes: BTreeSet<Vec<String>>,
    numbers: Vec<Vec<String>>,
}

impl SecretLeaves {
    /// Finds them.
    pub(super) fn of(workflow: &Node, bundle: Option<&Bundle>) -> Self {
        let mut leaves = Self::default();
        match bundle {
            Some(bundle) => {
                let fields = bundle.secret_fields(workflow);
                leaves.collect(workflow, &mut Vec::new(), &fields);
            }
            None => leaves.collect(workflow, &mut Vec::new(), &ByName),
        }
        leaves
    }

    /// Whether the leaf at a route is one.
    pub(super) fn contains(&self, route: &[String]) -> bool {
        self.routes.contains(route)
    }

    /// Those that are written as numbers, which are strings in a Secret.
    pub(super) fn numbers(&self) -> impl Iterator<Item = String> {
        self.numbers.iter().map(|route| route.join("."))
    }

    /// Makes strings of those that are written as numbers.
    pub(super) fn spell_out_numbers(&self, workflow: &mut Node) {
        for route in &self.numbers {
            let leaf = route.iter().try_fold(&mut *workflow, |node, step| match &mut node.value {
                Value::Mapping(entries) => entries.get_mut(step),
                Value::Sequence(items) => items.get_mut(step.parse::<usize>().ok()?),
                _ => None,
            });
            if let Some(node) = leaf
                && let Value::Number(number) = &node.value
            {
                node.value = number.to_string().into();
            }
        }
    }

    fn collect<'a>(
        &mut self,
        node: &'a Node,
        route: &mut Vec<Step<'a>>,
        fields: &impl SecretFields,
    ) {
        match &node.value {
            Value::Mapping(entries) => {
                for entry in entries {
                    route.push(Step::Key(&entry.key));
                    self.collect(&entry.value, route, fields);
                    route.pop();
                }
            }
            Value::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    route.push(Step::Index(index));
                    self.collect(item, route, fields);
                    route.pop();
                }
            }
            Value::String(_) | Value::Number(_) => {
                if fields.holds_secret(route) {
                    let steps: Vec<String> = route.iter().map(text).collect();
                    if matches!(node.value, Value::Number(_)) {
                        self.numbers.push(steps.clone());
                    }
                    self.routes.insert(steps);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

fn text(step: &Step<'_>) -> String {
    match step {
        Step::Key(key) => (*key).to_owned(),
        Step::Index(index) => index.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn without_a_schema_secrets_are_known_by_their_names() {
        let mut workflow = Node::from(
            json!({"source": {"a": [{"password": "x"}, {"password": 12}], "username": "u"}}),
        );
        let leaves = SecretLeaves::of(&workflow, None);
        let route = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        assert!(leaves.contains(&route("source.a.0.password")));
        assert!(leaves.contains(&route("source.a.1.password")));
        assert!(!leaves.contains(&route("source.username")));
        assert_eq!(leaves.numbers().collect::<Vec<_>>(), ["source.a.1.password"]);
        leaves.spell_out_numbers(&mut workflow);
        let items = workflow.at_route(&["source", "a"]).and_then(Node::as_sequence).unwrap();
        assert_eq!(items[1].get("password").and_then(Node::as_str), Some("12"));
    }
}
