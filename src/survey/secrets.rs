//! Which Secrets must exist for pipelines to run, for whom, and who makes them.
//!
//! In: pipelines as views of the whole project see them, and the encrypted files beside the
//! definitions. Out: [`NeededSecret`]s, one per key, in order. No value is known here.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::{Seen, Use};
use crate::definition::{EncryptedFile, Encryption};
use crate::model::secret_reference::SecretReference;
use crate::model::{RemoteRef, SecretWay};
use crate::tree::{SourceId, Span};

/// A key of a Secret that pods need.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NeededSecret {
    /// The namespace of the pods, and so of the Secret.
    pub namespace: CompactString,
    /// The Secret's name.
    pub name: CompactString,
    /// The key; none: the Secret, whatever is in it.
    pub key: Option<CompactString>,
    /// The pipelines whose pods need it, in order.
    pub pipelines: Vec<CompactString>,
    /// Where the references stand that ask for it; a template's have no place.
    pub places: Vec<Span>,
    /// Who makes it.
    pub maker: Maker,
}

/// Who makes a Secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Maker {
    /// Somebody else: ompipe only refers to it.
    Unknown,
    /// Whoever decrypts an encrypted file.
    File(Encryption, SourceId),
    /// External Secrets, from these values of a store.
    Store {
        /// `SecretStore` or `ClusterSecretStore`.
        kind: CompactString,
        /// The store's name.
        name: CompactString,
        /// What is read from it.
        values: Vec<RemoteRef>,
    },
    /// `render --include-secrets`, from local values of these references.
    Values(Vec<SecretReference>),
}

/// Namespace, name and key.
type Identity = (CompactString, CompactString, Option<CompactString>);

/// The Secrets that pipelines need.
pub fn needed(pipelines: &[Seen], encrypted: &[EncryptedFile]) -> Vec<NeededSecret> {
    let mut needed: BTreeMap<Identity, NeededSecret> = BTreeMap::new();
    for seen in pipelines {
        // What makes a Secret does not need it.
        let needing = |kind: &str| !["ExternalSecret", "Secret"].contains(&kind);
        let objects = seen.objects.iter().filter(|object| needing(&object.kind));
        for one in objects.flat_map(|object| &object.uses) {
            let (name, key) = match one {
                Use::Secret(name) => (name, None),
                Use::SecretKey(name, key) => (name, Some(key)),
                Use::ConfigMap(_) | Use::ServiceAccount(_) => continue,
            };
            let identity = (seen.namespace.clone(), name.clone(), key.cloned());
            let secret =
                needed.entry(identity).or_insert_with_key(|(namespace, name, key)| NeededSecret {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    key: key.clone(),
                    pipelines: Vec::new(),
                    places: Vec::new(),
                    maker: maker(seen, name, key.as_deref(), encrypted),
                });
            if secret.pipelines.last() != Some(&seen.planned.name) {
                secret.pipelines.push(seen.planned.name.clone());
            }
            secret.places.extend(places(seen, name, key));
        }
    }
    let finished = needed.into_values().map(|mut secret| {
        secret.places.sort_unstable();
        secret.places.dedup();
        secret
    });
    finished.collect()
}

fn is_own(seen: &Seen, name: &str) -> bool {
    seen.secret_way != SecretWay::Env && !seen.secrets.is_empty() && *seen.own_secret == *name
}

fn maker(seen: &Seen, name: &str, key: Option<&str>, encrypted: &[EncryptedFile]) -> Maker {
    if is_own(seen, name) {
        let mut references = seen.secrets.iter().map(|(one, _)| one.clone()).collect::<Vec<_>>();
        references.sort();
        references.dedup();
        return match &seen.secret_way {
            SecretWay::ExternalSecret(store) => Maker::Store {
                kind: store.kind.clone(),
                name: store.name.clone(),
                values: references.iter().map(|one| store.remote_ref(one)).collect(),
            },
            SecretWay::Env | SecretWay::Secret => Maker::Values(references),
        };
    }
    let mut made =
        encrypted.iter().flat_map(|file| file.secrets.iter().map(move |one| (file, one)));
    let made = made.find(|(_, secret)| {
        let namespace = secret.namespace.as_deref();
        let has_key = |key: &str| secret.keys.iter().any(|known| known == key);
        secret.name == name
            && namespace.is_none_or(|namespace| *namespace == *seen.namespace)
            && key.is_none_or(has_key)
    });
    made.map_or(Maker::Unknown, |(file, secret)| Maker::File(secret.by, file.source))
}

/// Where the references to a key stand; to a whole workflow, all of its references.
fn places(seen: &Seen, name: &str, key: Option<&CompactString>) -> Vec<Span> {
    let is_own = is_own(seen, name);
    let asks = |reference: &SecretReference| {
        is_own || (reference.name == name && Some(&reference.key) == key)
    };
    let references = seen.secrets.iter().filter(|(reference, _)| asks(reference));
    references.map(|(_, place)| *place).collect()
}
