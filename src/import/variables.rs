//! Secrets of a pod, which stand in its containers' variables.
//!
//! In: the parameters and the pod template of a draft. Out: the same with references in place of
//! the values of variables that are secret, and without any other text that gives itself away as
//! one, which is then noted.

use super::draft::Draft;
use super::lift::{Lifter, Place, is_withheld};
use crate::model::secret_reference::SECRET_MANAGER;
use crate::spec::secret_fields::is_secret_name;
use crate::tree::{Mapping, Node, Value};
use crate::validate::rules::secrets::gives_itself_away;

/// The Secret of the variables of all pipelines, which mostly have the same.
const SECRET: &str = "ingestion-env";

/// Lifts the secrets of a draft's pods.
pub(super) fn lift(draft: &mut Draft, lifter: &mut Lifter) {
    let mut dropped = Vec::new();
    for (name, mapping) in
        [("kubernetes", &mut draft.parameters), ("podTemplate", &mut draft.pod_template)]
    {
        let mut node = Node::new(std::mem::take(mapping));
        let mut walk = Walk { stands_in: &draft.pod_stands_in, lifter, dropped: &mut dropped };
        walk.node(&mut node, name);
        *mapping = node.as_mapping().cloned().unwrap_or_default();
    }
    for route in dropped {
        draft.note(format!("{route} holds a secret and is left out: put it into a Secret"));
    }
}

struct Walk<'a> {
    stands_in: &'a str,
    lifter: &'a mut Lifter,
    dropped: &'a mut Vec<String>,
}

impl Walk<'_> {
    fn node(&mut self, node: &mut Node, route: &str) {
        match &mut node.value {
            Value::Mapping(entries) => {
                self.variable(entries);
                let mut secret = Vec::new();
                for entry in entries.iter_mut() {
                    let route = format!("{route}.{}", entry.key);
                    if is_secret_text(&entry.value) {
                        secret.push(entry.key.clone());
                        self.dropped.push(route);
                    } else {
                        self.node(&mut entry.value, &route);
                    }
                }
                entries.retain(|entry| !secret.contains(&entry.key));
            }
            Value::Sequence(items) => {
                let before = items.len();
                items.retain(|item| !is_secret_text(item));
                if items.len() < before {
                    self.dropped.push(route.to_owned());
                }
                for item in items {
                    self.node(item, route);
                }
            }
            _ => {}
        }
    }

    /// `{name, value}`, where the value is a secret.
    fn variable(&mut self, entries: &mut Mapping) {
        let text = |key| entries.get(key).and_then(Node::as_str);
        let (Some(name), Some(value)) = (text("name"), text("value")) else { return };
        let is_known = value.is_empty()
            || value.starts_with(SECRET_MANAGER)
            || (value.starts_with("$(") && value.ends_with(')'));
        if is_known || !(is_secret_name(name) || gives_itself_away(value) || is_withheld(value)) {
            return;
        }
        let route = ["env".to_owned(), name.to_owned()];
        let at = format!("{}: {}", self.stands_in, route.join("."));
        let place = Place { at, route: &route, secret: SECRET };
        let reference = self.lifter.reference(value, &place).to_mapping();
        entries.remove("value");
        entries.insert("valueFrom", Node::new(reference));
    }
}

fn is_secret_text(node: &Node) -> bool {
    node.as_str().is_some_and(gives_itself_away)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::definition::PipelineType;

    #[test]
    fn a_secret_variable_becomes_a_reference_and_other_secrets_are_left_out() {
        let mut draft =
            Draft::of_workflow(String::new(), PipelineType::Usage, Node::new(Mapping::new()));
        let mapping = |value| Node::from(value).as_mapping().cloned().unwrap();
        draft.parameters = mapping(json!({"extraEnvVars": [
            {"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "LOG_LEVEL", "value": "DEBUG"},
            {"name": "OTHER_TOKEN", "value": "$(DB_PASSWORD)"},
        ]}));
        draft.pod_template = mapping(json!({"spec": {"containers": [
            {"name": "proxy", "args": ["--db", "postgres://u:hunter2@db"]},
        ]}}));
        let mut lifter = Lifter::default();
        lift(&mut draft, &mut lifter);
        let reference = json!({"secretKeyRef": {"name": "ingestion-env", "key": "DB_PASSWORD"}});
        let expected = json!({"extraEnvVars": [
            {"name": "DB_PASSWORD", "valueFrom": reference}, {"name": "LOG_LEVEL", "value": "DEBUG"},
            {"name": "OTHER_TOKEN", "value": "$(DB_PASSWORD)"},
        ]});
        assert_eq!(serde_json::Value::from(&Node::new(draft.parameters.clone())), expected);
        assert!(!format!("{draft:?}").contains("hunter2"));
        assert!(draft.left_behind[0].contains("podTemplate.spec.containers.args"));
    }
}
