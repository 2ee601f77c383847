//! The values of references that are at hand where ompipe runs, for Secrets that are asked for.
//!
//! In: documents of Kubernetes Secrets, or variables. Out: the value of a reference. It is never
//! shown: not by `Debug`, not by an error.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use compact_str::CompactString;

use crate::definition::CIPHER;
use crate::model::Namespace;
use crate::model::secret_reference::SecretReference;
use crate::tree::{Node, Value};

/// Values of references.
#[derive(Clone)]
pub enum SecretValues {
    /// Of Secrets, by their namespace, where they name one.
    Secrets(BTreeMap<(Option<CompactString>, SecretReference), String>),
    /// Of variables, by their names: `OMPIPE_SECRET_SNOWFLAKE_PASSWORD`.
    Variables(BTreeMap<String, String>),
}

/// Why documents are no Secrets. It names objects and keys, never values.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SecretValuesError {
    /// A document of another kind.
    #[error("document {0} is no Secret: it needs `apiVersion: v1`, `kind: Secret` and a name")]
    NotASecret(usize),
    /// A value that is no string.
    #[error("the key `{key}` of the Secret `{name}` is no string; put quotes around it")]
    NotAString {
        /// The Secret.
        name: CompactString,
        /// Its key.
        key: CompactString,
    },
    /// A value of `data` that is not base64 of UTF-8.
    #[error("the key `{key}` of the Secret `{name}` is not base64 of a text in UTF-8")]
    NotBase64 {
        /// The Secret.
        name: CompactString,
        /// Its key.
        key: CompactString,
    },
    /// A key that is there twice.
    #[error("the key `{key}` of the Secret `{name}` is given twice")]
    Twice {
        /// The Secret.
        name: CompactString,
        /// Its key.
        key: CompactString,
    },
    /// A value that is still encrypted.
    #[error("the key `{key}` of the Secret `{name}` is encrypted; decrypt the file first")]
    Encrypted {
        /// The Secret.
        name: CompactString,
        /// Its key.
        key: CompactString,
    },
}

impl SecretValues {
    /// Those of Secrets, and of Lists of them.
    pub fn of_documents(documents: &[Node]) -> Result<Self, SecretValuesError> {
        let mut values = BTreeMap::new();
        for (index, document) in documents.iter().enumerate() {
            let items = match document.get("kind").and_then(Node::as_str) {
                Some("List" | "SecretList") => document.get("items").and_then(Node::as_sequence),
                _ => None,
            };
            for secret in items.unwrap_or(std::slice::from_ref(document)) {
                take(secret, index + 1, &mut values)?;
            }
        }
        Ok(Self::Secrets(values))
    }

    /// Whether they come from the environment.
    pub fn are_variables(&self) -> bool {
        matches!(self, Self::Variables(_))
    }

    /// The value of a reference from a namespace. A Secret of the file that names no namespace is in
    /// every one.
    pub(super) fn get(
        &self,
        namespace: &Namespace,
        reference: &SecretReference,
        variable: &str,
    ) -> Option<&str> {
        let value = match self {
            Self::Variables(variables) => variables.get(variable),
            Self::Secrets(values) => {
                let namespace = Some(namespace.as_str().into());
                let of = |namespace| values.get(&(namespace, reference.clone()));
                of(namespace).or_else(|| of(None))
            }
        };
        value.map(String::as_str)
    }
}

fn take(
    secret: &Node,
    number: usize,
    values: &mut BTreeMap<(Option<CompactString>, SecretReference), String>,
) -> Result<(), SecretValuesError> {
    let text = |route: &[&str]| secret.at_route(route).and_then(Node::as_str);
    let is_secret = text(&["apiVersion"]) == Some("v1") && text(&["kind"]) == Some("Secret");
    let name: CompactString = match text(&["metadata", "name"]) {
        Some(name) if is_secret => name.into(),
        _ => return Err(SecretValuesError::NotASecret(number)),
    };
    let namespace: Option<CompactString> = text(&["metadata", "namespace"]).map(Into::into);
    for (field, is_encoded) in [("data", true), ("stringData", false)] {
        for entry in secret.get(field).and_then(Node::as_mapping).into_iter().flatten() {
            let (name, key) = (name.clone(), entry.key.clone());
            let Value::String(value) = &entry.value.value else {
                return Err(SecretValuesError::NotAString { name, key });
            };
            if value.starts_with(CIPHER) {
                return Err(SecretValuesError::Encrypted { name, key });
            }
            let value = match is_encoded {
                false => value.to_string(),
                true => match decoded(value) {
                    Some(value) => value,
                    None => return Err(SecretValuesError::NotBase64 { name, key }),
                },
            };
            let reference = SecretReference { name: name.clone(), key: key.clone() };
            if values.insert((namespace.clone(), reference), value).is_some() {
                return Err(SecretValuesError::Twice { name, key });
            }
        }
    }
    Ok(())
}

fn decoded(value: &str) -> Option<String> {
    // Whoever makes such files by hand may have folded the lines.
    let value: String = value.split_ascii_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(value).ok()?;
    String::from_utf8(bytes).ok()
}

impl fmt::Debug for SecretValues {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretValues")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(fields: serde_json::Value) -> Node {
        let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}});
        secret.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        secret.into()
    }

    fn value(values: &SecretValues, namespace: &str) -> Option<String> {
        let reference = SecretReference { name: "db".into(), key: "password".into() };
        let namespace = Namespace::parse(namespace).unwrap();
        values.get(&namespace, &reference, "OMPIPE_SECRET_DB_PASSWORD").map(str::to_owned)
    }

    #[test]
    fn a_value_is_read_from_both_fields_of_a_secret_and_from_a_list() {
        let list = json!({"kind": "List", "items": [serde_json::Value::from(
            &secret(json!({"data": {"password": "aHVudGVy\nMg=="}})))]});
        for document in [secret(json!({"stringData": {"password": "hunter2"}})), list.into()] {
            let values = SecretValues::of_documents(&[document]).unwrap();
            assert_eq!(value(&values, "any").as_deref(), Some("hunter2"));
            assert_eq!(format!("{values:?}"), "SecretValues");
        }
    }

    #[test]
    fn a_namespaces_own_secret_comes_before_one_that_names_none() {
        let own = json!({"metadata": {"name": "db", "namespace": "a"}, "stringData": {"password": "own"}});
        let documents = [secret(json!({"stringData": {"password": "common"}})), secret(own)];
        let values = SecretValues::of_documents(&documents).unwrap();
        assert_eq!(value(&values, "a").as_deref(), Some("own"));
        assert_eq!(value(&values, "b").as_deref(), Some("common"));
    }

    #[test]
    fn variables_are_values_by_their_names() {
        let one = [("OMPIPE_SECRET_DB_PASSWORD".to_owned(), "hunter2".to_owned())];
        let values = SecretValues::Variables(one.into());
        assert_eq!(value(&values, "a").as_deref(), Some("hunter2"));
        assert!(values.are_variables());
    }

    #[test]
    fn what_is_no_text_of_a_secret_is_refused_without_its_value() {
        for fields in [
            json!({"data": {"password": "hunter2!"}}),
            json!({"data": {"password": "/w=="}}),
            json!({"stringData": {"password": 9999}}),
            json!({"stringData": {"password": "ENC[AES256_GCM,data:hunter2]"}}),
            json!({"data": {"password": "aA=="}, "stringData": {"password": "hunter2"}}),
        ] {
            let error = SecretValues::of_documents(&[secret(fields)]).unwrap_err().to_string();
            assert!(error.contains("`password` of the Secret `db`"), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("9999"), "{error}");
        }
        let other = json!({"kind": "ConfigMap", "metadata": {"name": "db"}});
        assert_eq!(
            SecretValues::of_documents(&[other.into()]).unwrap_err(),
            SecretValuesError::NotASecret(1)
        );
    }
}
