//! The references of a workflow, by each way: a placeholder whose variable the launcher looks up
//! when the pod starts (`env`), an expression that External Secrets evaluates (`externalSecret`), or
//! a local value (`secret`).
//!
//! In: the effective workflow with `{secretKeyRef: {name, key}}` leaves. Out: the workflow with
//! `{secretEnv: NAME}` in their place, and the variables; from these the workflow's text for a
//! Secret. What holds a value goes nowhere but into that.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::secret_values::SecretValues;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::secret_reference::{SECRET_ENV, SecretReference};
use crate::model::{ExternalStore, Pipeline, SecretWay};
use crate::tree::{Mapping, Node, Span, Value};
use crate::yaml;

/// What the names of the variables begin with, reserved for ompipe.
pub const PREFIX: &str = "OMPIPE_SECRET_";

/// The variables that a workflow's references become, in the order of the first use of each.
#[derive(Debug, Default)]
pub(super) struct SecretVariables {
    variables: Vec<Variable>,
    names: BTreeMap<SecretReference, CompactString>,
}

/// What stands in a workflow for a reference.
#[derive(Debug)]
struct Variable {
    name: CompactString,
    reference: SecretReference,
    /// Where the reference stands first.
    span: Span,
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

    /// Whether the pods read the workflow from a Secret. Without a reference there is no need to.
    pub(super) fn need_secret(&self, pipeline: &Pipeline) -> bool {
        !self.is_empty() && pipeline.parameters.secrets != SecretWay::Env
    }

    /// The variables as entries of a container's `env`.
    pub(super) fn env(&self) -> impl Iterator<Item = Node> {
        self.variables.iter().map(|variable| {
            Node::new(Mapping::of([
                ("name", Node::new(variable.name.clone())),
                ("valueFrom", Node::new(variable.reference.to_mapping())),
            ]))
        })
    }

    /// The variables as an ExternalSecret's `data`: each from its place in the store.
    pub(super) fn remote_refs(&self, store: &ExternalStore) -> Vec<Node> {
        let data = self.variables.iter().map(|variable| {
            let remote_ref = store.remote_ref(&variable.reference).to_mapping();
            Node::new(Mapping::of([
                ("secretKey", Node::new(variable.name.clone())),
                ("remoteRef", Node::new(remote_ref)),
            ]))
        });
        data.collect()
    }

    /// The workflow, in which placeholders stand, as External Secrets' template of it.
    ///
    /// `%+q` writes a value in ASCII, between double quotes, with escapes that Go and YAML share:
    /// whatever is in it, it is one scalar on one line.
    pub(super) fn template(&self, workflow: &Node, text: &str) -> String {
        let mut mark = "OMPIPE_VALUE_OF_".to_owned();
        while text.contains(&mark) {
            mark.push('_');
        }
        let mut marked = workflow.clone();
        replace(&mut marked, &|name| Some(format!("{mark}{name}").into()));
        let mut template = String::with_capacity(text.len() + 128);
        yaml::write(&marked, &mut template);
        // What is written so far is the workflow's own, and means nothing to External Secrets.
        let template = template.replace("{{", "{{ \"{{\" }}");
        let mut parts = template.split(&mark);
        let mut finished = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_at(part.find('\n').unwrap_or(part.len()));
            finished.extend(["{{ printf \"%+q\" .", name, " }}", rest]);
        }
        finished
    }

    /// The workflow with local values in the placeholders' places; `None` when one is missing,
    /// which is then among the findings.
    pub(super) fn with_values(
        &self,
        pipeline: &Pipeline,
        values: &SecretValues,
        found: &mut Diagnostics,
    ) -> Option<String> {
        let namespace = &pipeline.parameters.namespace;
        let mut known = BTreeMap::new();
        for Variable { name, reference, span } in &self.variables {
            match values.get(namespace, reference, &variable_stem(reference)) {
                Some(value) => drop(known.insert(name.as_str(), value)),
                None => found.push(missing(values, reference, *span)),
            }
        }
        if known.len() < self.variables.len() {
            return None;
        }
        let mut workflow = pipeline.workflow.clone();
        replace(&mut workflow, &|name| known.get(name).map(|value| (*value).into()));
        let mut text = String::with_capacity(4096);
        yaml::write(&workflow, &mut text);
        Some(text)
    }

    fn walk(&mut self, node: &mut Node) {
        if let Some(reference) = SecretReference::of(node) {
            let variable = self.variable(reference, node.span);
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
    fn variable(&mut self, reference: SecretReference, span: Span) -> CompactString {
        if let Some(known) = self.names.get(&reference) {
            return known.clone();
        }
        let stem = variable_stem(&reference);
        let variable = (1..)
            .map(|number| match number {
                1 => CompactString::from(stem.as_str()),
                number => compact_str::format_compact!("{stem}_{number}"),
            })
            .find(|candidate| self.variables.iter().all(|taken| taken.name != candidate))
            .unwrap_or_default();
        self.names.insert(reference.clone(), variable.clone());
        self.variables.push(Variable { name: variable.clone(), reference, span });
        variable
    }
}

/// Puts a text in the place of each placeholder that has one.
fn replace(node: &mut Node, with: &impl Fn(&str) -> Option<CompactString>) {
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().for_each(|item| replace(item, with)),
        Value::Mapping(mapping) => {
            let placeholder = mapping.get(SECRET_ENV).filter(|_| mapping.len() == 1);
            match placeholder.and_then(Node::as_str).and_then(with) {
                Some(text) => node.value = text.into(),
                None => mapping.iter_mut().for_each(|entry| replace(&mut entry.value, with)),
            }
        }
        _ => {}
    }
}

fn missing(values: &SecretValues, reference: &SecretReference, span: Span) -> Diagnostic {
    let SecretReference { name, key } = reference;
    let message = format!("there is no local value of the key `{key}` of the Secret `{name}`");
    let finding = Diagnostic::error(&code::NO_LOCAL_VALUE, span, message);
    finding.with_help(if values.are_variables() {
        format!("set the variable {}", variable_stem(reference))
    } else {
        format!("add `{key}` to the Secret `{name}` in the file of `--include-secrets`")
    })
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
