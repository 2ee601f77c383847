//! Secrets by way `env`: the workflow holds a placeholder at each reference, and the container gets
//! the value as an environment variable from its Secret; the launcher puts one in place of the
//! other when the pod starts.
//!
//! In: the effective workflow with `{secretKeyRef: {name, key}}` leaves. Out: the workflow with
//! `{secretEnv: NAME}` in their place, and the variables. A secret's value is nowhere in here: only
//! the cluster has it.

use std::collections::BTreeMap;

use compact_str::CompactString;

use crate::model::secret_reference::{SECRET_ENV, SecretReference};
use crate::tree::{Mapping, Node, Value};

/// What the names of the variables begin with, reserved for ompipe.
const PREFIX: &str = "OMPIPE_SECRET_";

/// The variables that a workflow's references become, in the order of the first use of each.
#[derive(Debug, Default)]
pub(super) struct SecretVariables {
    variables: Vec<(CompactString, SecretReference)>,
    names: BTreeMap<SecretReference, CompactString>,
}

impl SecretVariables {
    /// Replaces the references in a workflow and gives their variables.
    pub(super) fn replace_in(workflow: &mut Node) -> Self {
        let mut variables = Self::default();
        variables.walk(workflow);
        variables
    }

    pub(super) fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }

    /// The variables as entries of a container's `env`.
    pub(super) fn env(&self) -> impl Iterator<Item = Node> {
        self.variables.iter().map(|(variable, reference)| {
            Node::new(Mapping::of([
                ("name", Node::new(variable.clone())),
                ("valueFrom", Node::new(reference.to_mapping())),
            ]))
        })
    }

    fn walk(&mut self, node: &mut Node) {
        if let Some(reference) = SecretReference::of(node) {
            let variable = self.variable(reference);
            node.value = Mapping::of([(SECRET_ENV, Node::at(variable, node.span))]).into();
            return;
        }
        match &mut node.value {
            Value::Sequence(items) => items.iter_mut().for_each(|item| self.walk(item)),
            Value::Mapping(mapping) => {
                mapping.iter_mut().for_each(|entry| self.walk(&mut entry.value));
            }
            _ => {}
        }
    }

    /// The variable of a reference. Two references whose names read alike once the characters that
    /// a variable cannot hold are replaced are told apart by a number.
    fn variable(&mut self, reference: SecretReference) -> CompactString {
        if let Some(known) = self.names.get(&reference) {
            return known.clone();
        }
        let stem = variable_stem(&reference);
        let variable = (1..)
            .map(|number| match number {
                1 => CompactString::from(stem.as_str()),
                number => compact_str::format_compact!("{stem}_{number}"),
            })
            .find(|candidate| self.variables.iter().all(|(taken, _)| taken != candidate))
            .unwrap_or_default();
        self.names.insert(reference.clone(), variable.clone());
        self.variables.push((variable.clone(), reference));
        variable
    }
}

fn variable_stem(reference: &SecretReference) -> String {
    let mut stem = PREFIX.to_owned();
    for character in reference.name.chars().chain(['_']).chain(reference.key.chars()) {
        stem.push(if character.is_ascii_alphanumeric() {
            character.to_ascii_uppercase()
        } else {
            '_'
        });
    }
    stem
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn replaced(workflow: serde_json::Value) -> (serde_json::Value, Vec<String>) {
        let mut workflow = Node::from(workflow);
        let variables = SecretVariables::replace_in(&mut workflow);
        let env = variables.env().map(|node| serde_json::Value::from(&node).to_string()).collect();
        ((&workflow).into(), env)
    }

    #[test]
    fn a_reference_becomes_a_placeholder_and_a_variable_from_its_secret() {
        let (workflow, env) = replaced(json!({
            "password": {"secretKeyRef": {"name": "snow-flake", "key": "pass.word"}},
            "list": [{"again": {"secretKeyRef": {"name": "snow-flake", "key": "pass.word"}}}],
            "plain": "secret:/prod/password",
        }));
        assert_eq!(
            workflow,
            json!({
                "password": {"secretEnv": "OMPIPE_SECRET_SNOW_FLAKE_PASS_WORD"},
                "list": [{"again": {"secretEnv": "OMPIPE_SECRET_SNOW_FLAKE_PASS_WORD"}}],
                "plain": "secret:/prod/password",
            })
        );
        assert_eq!(
            env,
            [
                r#"{"name":"OMPIPE_SECRET_SNOW_FLAKE_PASS_WORD","valueFrom":{"secretKeyRef":{"name":"snow-flake","key":"pass.word"}}}"#
            ]
        );
    }

    #[test]
    fn references_that_read_alike_as_variables_stay_apart() {
        let (workflow, env) = replaced(json!([
            {"secretKeyRef": {"name": "a-b", "key": "c"}},
            {"secretKeyRef": {"name": "a.b", "key": "c"}},
            {"secretKeyRef": {"name": "a", "key": "b_c"}},
        ]));
        assert_eq!(
            workflow,
            json!([
                {"secretEnv": "OMPIPE_SECRET_A_B_C"},
                {"secretEnv": "OMPIPE_SECRET_A_B_C_2"},
                {"secretEnv": "OMPIPE_SECRET_A_B_C_3"},
            ])
        );
        assert_eq!(env.len(), 3);
    }
}
