//! Which Secrets a pipeline needs, and what asks for each.
//!
//! In: validated pipelines. Out: [`SecretNeed`]s. It says what must exist, not what does; of what
//! templates of the user's own refer to it knows nothing.

use compact_str::CompactString;

use crate::model::secret_reference::{SECRET_KEY_REF, SecretReference};
use crate::model::{EnvValue, Pipeline, RemoteRef, SecretWay};
use crate::tree::{Mapping, Node, Span, Value};

/// A key of a Secret that a pipeline needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretNeed {
    /// The Secret's name.
    pub name: CompactString,
    /// The key; none: the Secret, whatever is in it.
    pub key: Option<CompactString>,
    /// Whether the pods start without it.
    pub optional: bool,
    /// Where the references stand that ask for it.
    pub places: Vec<Span>,
    /// Who makes it.
    pub made: Made,
}

/// Who makes a Secret that is needed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Made {
    /// Whoever cares for the cluster's Secrets: ompipe only refers to it.
    Elsewhere,
    /// External Secrets, from these values of a store.
    FromStore {
        /// `SecretStore` or `ClusterSecretStore`.
        kind: CompactString,
        /// The store's name.
        name: CompactString,
        /// What is read from it.
        values: Vec<RemoteRef>,
    },
    /// `render --include-secrets`, from local values of these references.
    FromValues(Vec<SecretReference>),
}

/// What the pods of a pipeline need, in the order of names and keys.
pub fn secret_needs(pipeline: &Pipeline) -> Vec<SecretNeed> {
    let mut needs = Vec::new();
    let mut references = Vec::new();
    references_in(&pipeline.workflow, &mut references);
    let own = |made| {
        let mut values: Vec<Span> = references.iter().map(|(_, place)| *place).collect();
        values.sort_unstable();
        values.dedup();
        let name = pipeline.names.secret.clone();
        let key = Some(CompactString::const_new("config"));
        SecretNeed { name, key, optional: false, places: values, made }
    };
    let mut distinct: Vec<SecretReference> =
        references.iter().map(|(reference, _)| reference.clone()).collect();
    distinct.sort();
    distinct.dedup();
    match &pipeline.parameters.secrets {
        SecretWay::Env => needs.extend(
            references.iter().map(|(reference, place)| elsewhere(reference.clone(), *place, false)),
        ),
        _ if references.is_empty() => {}
        SecretWay::ExternalSecret(store) => {
            let values = distinct.iter().map(|reference| store.remote_ref(reference)).collect();
            let (kind, name) = (store.kind.clone(), store.name.clone());
            needs.push(own(Made::FromStore { kind, name, values }));
        }
        SecretWay::Secret => needs.push(own(Made::FromValues(distinct))),
    }
    for variable in &pipeline.parameters.extra_env_vars {
        if let EnvValue::From(source) = &variable.value {
            of_pod(source, &mut needs);
        }
    }
    let pull_secrets = pipeline.parameters.image_pull_secrets.iter();
    let place = pipeline.parameters.places.iter().find(|(name, _)| name == "imagePullSecrets");
    let place = place.map_or(pipeline.span, |(_, place)| *place);
    needs.extend(pull_secrets.map(|name| SecretNeed {
        name: name.as_str().into(),
        key: None,
        optional: false,
        places: vec![place],
        made: Made::Elsewhere,
    }));
    if let Some(template) = &pipeline.pod_template {
        of_pod(template, &mut needs);
    }
    merged(needs)
}

fn elsewhere(reference: SecretReference, place: Span, optional: bool) -> SecretNeed {
    let SecretReference { name, key } = reference;
    SecretNeed { name, key: Some(key), optional, places: vec![place], made: Made::Elsewhere }
}

/// The references of a workflow, each with its place.
fn references_in(node: &Node, into: &mut Vec<(SecretReference, Span)>) {
    if let Some(reference) = SecretReference::of(node) {
        into.push((reference, node.span));
        return;
    }
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| references_in(item, into)),
        Value::Mapping(mapping) => {
            mapping.iter().for_each(|entry| references_in(&entry.value, into));
        }
        _ => {}
    }
}

/// What a part of a pod refers to: variables, whole Secrets as variables, volumes, pull secrets.
fn of_pod(node: &Node, into: &mut Vec<SecretNeed>) {
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| of_pod(item, into)),
        Value::Mapping(mapping) => {
            for entry in mapping {
                match (entry.key.as_str(), entry.value.as_mapping(), entry.value.as_sequence()) {
                    (SECRET_KEY_REF | "secretRef" | "secret", Some(secret), _) => {
                        of_secret(secret, &entry.value, into);
                    }
                    ("imagePullSecrets", _, Some(items)) => {
                        let secrets =
                            items.iter().filter_map(|item| Some((item.as_mapping()?, item)));
                        secrets.for_each(|(secret, item)| of_secret(secret, item, into));
                    }
                    _ => of_pod(&entry.value, into),
                }
            }
        }
        _ => {}
    }
}

/// A Secret as a pod names it: its name, and a key, some of its keys (`items`), or all of it.
fn of_secret(secret: &Mapping, node: &Node, into: &mut Vec<SecretNeed>) {
    let text = |key: &str| secret.get(key).and_then(Node::as_str);
    let Some(name) = text("name").or_else(|| text("secretName")) else {
        return;
    };
    let optional = secret.get("optional").and_then(Node::as_bool).unwrap_or(false);
    let items = secret.get("items").and_then(Node::as_sequence).into_iter().flatten();
    let keys = items.filter_map(|item| item.get("key")?.as_str()).chain(text("key"));
    let mut keys: Vec<Option<CompactString>> = keys.map(|key| Some(key.into())).collect();
    if keys.is_empty() {
        keys.push(None);
    }
    into.extend(keys.into_iter().map(|key| SecretNeed {
        name: name.into(),
        key,
        optional,
        places: vec![node.span],
        made: Made::Elsewhere,
    }));
}

/// Each key once, with all its places.
fn merged(mut needs: Vec<SecretNeed>) -> Vec<SecretNeed> {
    needs.sort_by(|one, other| (&one.name, &one.key).cmp(&(&other.name, &other.key)));
    let mut merged: Vec<SecretNeed> = Vec::with_capacity(needs.len());
    for need in needs {
        match merged.last_mut() {
            Some(last) if last.name == need.name && last.key == need.key => {
                last.optional &= need.optional;
                last.places.extend(need.places);
                last.places.sort_unstable();
                last.places.dedup();
            }
            _ => merged.push(need),
        }
    }
    merged
}
