//! Which leaves of a workflow are secret.
//!
//! In: a workflow, and OpenMetadata's schema where it is known. Out: the routes of its secret leaves: by the schema's
//! `format: password`, and without the schema by the names of fields.

use std::collections::BTreeSet;

use crate::spec::Bundle;
use crate::tree::{Node, Value};
use crate::validate::rules::secrets::is_secret_field;

/// The secret leaves of one workflow.
#[derive(Debug, Default)]
pub(super) struct SecretFields {
    routes: BTreeSet<Vec<String>>,
    numbers: Vec<Vec<String>>,
}

impl SecretFields {
    /// Finds them.
    pub(super) fn of(workflow: &Node, bundle: Option<&Bundle>) -> Self {
        let mut fields = Self::default();
        match bundle {
            Some(bundle) => bundle.visit_secrets(workflow, &mut |route, node| fields.add(route, node)),
            None => by_name(workflow, &mut Vec::new(), &mut fields),
        }
        fields
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

    fn add(&mut self, route: &[String], node: &Node) {
        self.routes.insert(route.to_vec());
        if matches!(node.value, Value::Number(_)) {
            self.numbers.push(route.to_vec());
        }
    }
}

fn by_name(node: &Node, route: &mut Vec<String>, fields: &mut SecretFields) {
    match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                route.push(entry.key.to_string());
                if matches!(entry.value.value, Value::String(_) | Value::Number(_)) {
                    if is_secret_field(&entry.key) {
                        fields.add(route, &entry.value);
                    }
                } else {
                    by_name(&entry.value, route, fields);
                }
                route.pop();
            }
        }
        Value::Sequence(items) => {
            for (position, item) in items.iter().enumerate() {
                route.push(position.to_string());
                by_name(item, route, fields);
                route.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn without_a_schema_secrets_are_known_by_their_names() {
        let mut workflow = Node::from(json!({"source": {"a": [{"password": "x"}, {"password": 12}], "username": "u"}}));
        let fields = SecretFields::of(&workflow, None);
        let route = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        assert!(fields.contains(&route("source.a.0.password")) && fields.contains(&route("source.a.1.password")));
        assert!(!fields.contains(&route("source.username")));
        assert_eq!(fields.numbers().collect::<Vec<_>>(), ["source.a.1.password"]);
        fields.spell_out_numbers(&mut workflow);
        assert_eq!(workflow.at_route(&["source", "a"]).unwrap().as_sequence().unwrap()[1].get("password").unwrap().as_str(), Some("12"));
    }
}
