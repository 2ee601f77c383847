//! Which fields of one workflow are secret by OpenMetadata's schema.
//!
//! In: a bundle and a workflow, whose `type`s say which classes its parts are of. Out: an answer
//! for each field. What the schema does not mark as a password may still be one (free forms, fields
//! that lack the mark), so for it the answer is that nothing is known.

use std::collections::HashSet;

use super::Bundle;
use crate::spec::secret_fields::{SecretFields, Step};
use crate::tree::{Node, Value};

/// The secret fields of one workflow.
#[derive(Debug)]
pub struct WorkflowSecrets<'a> {
    workflow: &'a Node,
    /// By where they lie in memory: the schema speaks of nodes, and the question is about routes.
    secrets: HashSet<*const Node>,
}

impl<'a> WorkflowSecrets<'a> {
    /// Finds them.
    pub fn of(workflow: &'a Node, bundle: &Bundle) -> Self {
        let mut secrets = HashSet::new();
        bundle.secrets(workflow, &mut |leaf| {
            secrets.insert(std::ptr::from_ref(leaf));
        });
        Self { workflow, secrets }
    }
}

impl SecretFields for WorkflowSecrets<'_> {
    fn is_secret(&self, route: &[Step<'_>]) -> Option<bool> {
        let leaf =
            route.iter().try_fold(self.workflow, |node, step| match (&node.value, step) {
                (Value::Mapping(entries), Step::Key(key)) => entries.get(key),
                (Value::Sequence(items), Step::Index(index)) => items.get(*index),
                _ => None,
            })?;
        self.secrets.contains(&std::ptr::from_ref(leaf)).then_some(true)
    }
}
