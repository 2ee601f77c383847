//! What stands in a workflow for a secret: a reference to a key of a Kubernetes Secret, or a secret
//! manager's.
//!
//! In: leaves of a workflow. Out: [`SecretReference`], and the leaf of one. Values of secrets are
//! nowhere in here, and whether names and keys are well formed is a rule's to say.

use compact_str::CompactString;

use crate::tree::{Mapping, Node};

/// The key of a reference: `{secretKeyRef: {name, key}}`, as Kubernetes names it for variables.
pub const SECRET_KEY_REF: &str = "secretKeyRef";

/// The key of what stands in a rendered workflow where a reference stood; the launcher looks for
/// it.
pub const SECRET_ENV: &str = "secretEnv";

/// What a secret manager's reference starts with; OpenMetadata resolves it where the pipeline runs.
pub const SECRET_MANAGER: &str = "secret:/";

/// A key of a Secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SecretReference {
    /// The Secret's name.
    pub name: CompactString,
    /// The key in it.
    pub key: CompactString,
}

impl SecretReference {
    /// The reference that a leaf is; `None` for anything else, and for half a reference.
    pub fn of(leaf: &Node) -> Option<Self> {
        let reference = content(leaf)?;
        Some(Self {
            name: reference.get("name")?.as_str()?.into(),
            key: reference.get("key")?.as_str()?.into(),
        })
    }

    /// `{secretKeyRef: {name, key}}`.
    pub fn to_mapping(&self) -> Mapping {
        let Self { name, key } = self;
        let reference =
            Mapping::of([("name", Node::new(name.clone())), ("key", Node::new(key.clone()))]);
        Mapping::of([(SECRET_KEY_REF, Node::new(reference))])
    }
}

/// Whether a leaf stands for a text that is known only where the pipeline runs.
pub fn stands_for_secret(leaf: &Node) -> bool {
    match leaf.as_str() {
        Some(text) => text.starts_with(SECRET_MANAGER),
        None => content(leaf).is_some(),
    }
}

/// What a reference says, whole or not.
fn content(leaf: &Node) -> Option<&Node> {
    leaf.as_mapping().filter(|mapping| mapping.len() == 1)?.get(SECRET_KEY_REF)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reference_is_read_as_it_is_written() {
        let leaf = Node::from(json!({"secretKeyRef": {"name": "db", "key": "password"}}));
        let reference = SecretReference::of(&leaf).unwrap();
        assert_eq!((&*reference.name, &*reference.key), ("db", "password"));
        assert_eq!(Node::new(reference.to_mapping()), leaf);
    }

    #[test]
    fn half_a_reference_stands_for_a_secret_and_names_none() {
        let leaf = Node::from(json!({"secretKeyRef": {"name": "db"}}));
        assert!(stands_for_secret(&leaf));
        assert_eq!(SecretReference::of(&leaf), None);
    }

    #[test]
    fn what_stands_beside_other_keys_or_is_any_other_text_is_no_reference() {
        for json in [json!({"secretKeyRef": {}, "default": 1}), json!("secret"), json!([])] {
            assert!(!stands_for_secret(&Node::from(json)));
        }
        assert!(stands_for_secret(&Node::new("secret:/prod/db")));
    }
}
