//! The ways of a secret's value to the pod.
//!
//! In: built by `validate` from the parameter `secrets`. Out: which way, and where in a store the
//! value of a reference is. No value of a secret is in here.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::secret_reference::SecretReference;
use crate::tree::{Mapping, Node};

/// How the values of references come to the pods.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum SecretWay {
    /// Each as a variable, from the Secret that it names.
    #[default]
    Env,
    /// With the whole workflow, in a Secret that External Secrets makes from a store.
    ExternalSecret(Box<ExternalStore>),
    /// With the whole workflow, in a Secret that is rendered from local values.
    Secret,
}

/// A store of External Secrets, and what is where in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExternalStore {
    /// The store's name.
    pub name: CompactString,
    /// `SecretStore` or `ClusterSecretStore`.
    pub kind: CompactString,
    /// How often it is read again: a duration of Go.
    pub refresh_interval: CompactString,
    /// Where the value of a reference is, with `{name}` and `{key}` in it.
    pub remote_ref: RemoteRef,
    /// Where those of single references are.
    pub remote_refs: BTreeMap<SecretReference, RemoteRef>,
}

/// A value in a store, as External Secrets names it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RemoteRef {
    /// Its key.
    pub key: CompactString,
    /// The property of it, if it has several.
    pub property: Option<CompactString>,
    /// Its version; none: the latest.
    pub version: Option<CompactString>,
    /// `Default` or `Unicode`.
    pub conversion_strategy: CompactString,
    /// `None`, `Base64`, `Base64URL` or `Auto`.
    pub decoding_strategy: CompactString,
    /// `None` or `Fetch`.
    pub metadata_policy: CompactString,
}

impl SecretWay {
    /// The way as it is written.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::ExternalSecret(_) => "externalSecret",
            Self::Secret => "secret",
        }
    }

    /// What templates and `explain` see as the parameter `secrets`.
    pub(super) fn to_mapping(&self) -> Mapping {
        let mut mapping = Mapping::of([("way", Node::new(self.as_str()))]);
        if let Self::ExternalSecret(store) = self {
            let store_ref = Mapping::of([
                ("name", Node::new(store.name.clone())),
                ("kind", Node::new(store.kind.clone())),
            ]);
            let settings = Mapping::of([
                ("storeRef", Node::new(store_ref)),
                ("refreshInterval", Node::new(store.refresh_interval.clone())),
            ]);
            mapping.insert("externalSecret", Node::new(settings));
        }
        mapping
    }
}

impl ExternalStore {
    /// Where in the store the value of a reference is.
    pub fn remote_ref(&self, reference: &SecretReference) -> RemoteRef {
        if let Some(own) = self.remote_refs.get(reference) {
            return own.clone();
        }
        let filled = |text: &CompactString| filled(text, reference);
        let RemoteRef { key, property, version, .. } = &self.remote_ref;
        RemoteRef {
            key: filled(key),
            property: property.as_ref().map(filled),
            version: version.as_ref().map(filled),
            ..self.remote_ref.clone()
        }
    }
}

/// A text with the reference's own name and key in the places for them.
fn filled(text: &str, reference: &SecretReference) -> CompactString {
    let parts = text.split("{name}").map(|part| part.replace("{key}", &reference.key));
    parts.collect::<Vec<_>>().join(&reference.name).into()
}

impl RemoteRef {
    /// As External Secrets has it, with all that its API server would fill in.
    pub fn to_mapping(&self) -> Mapping {
        let Self {
            key,
            property,
            version,
            conversion_strategy,
            decoding_strategy,
            metadata_policy,
        } = self;
        let mut mapping = Mapping::of([("key", Node::new(key.clone()))]);
        for (name, value) in [("property", property), ("version", version)] {
            if let Some(value) = value {
                mapping.insert(name, Node::new(value.clone()));
            }
        }
        mapping.insert("conversionStrategy", Node::new(conversion_strategy.clone()));
        mapping.insert("decodingStrategy", Node::new(decoding_strategy.clone()));
        mapping.insert("metadataPolicy", Node::new(metadata_policy.clone()));
        mapping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_a_place_is_not_filled_again() {
        let reference = SecretReference { name: "{key}".into(), key: "{name}".into() };
        assert_eq!(filled("a/{name}/{key}", &reference), "a/{key}/{name}");
    }
}
