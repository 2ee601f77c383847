//! Secret values of plain workflows → references to keys of Kubernetes Secrets.
//!
//! In: a workflow and what decides which of its leaves are secret. Out: the workflow with
//! `{secretKeyRef: {name, key}}` in their places, and the [`Secret`]s to create. A value is
//! compared, so that one password in five files is one key, and otherwise leaves nothing: no text
//! that is made here holds it.

use std::collections::BTreeMap;

use crate::model::secret_reference::{SECRET_MANAGER, SecretReference};
use crate::tree::{Node, Value};

/// A Secret to create.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// Its keys, in the order of their names.
    pub keys: Vec<SecretKey>,
}

/// A key of a Secret, and whose value belongs there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretKey {
    /// The key.
    pub key: String,
    /// Where the value stands today,
    /// `mysql.yaml: source.serviceConnection.config.authType.password`.
    pub found_at: Vec<String>,
    /// Whether it is masked or encrypted there, so that somebody has to know it.
    pub withheld: bool,
}

/// The Secrets that have been lifted so far.
#[derive(Default)]
pub(super) struct Lifter {
    secrets: BTreeMap<String, BTreeMap<String, Lifted>>,
}

/// A lifted value. Without `Debug`: nothing prints it.
struct Lifted {
    value: String,
    field: String,
    found_at: Vec<String>,
    withheld: bool,
}

/// Where a leaf stands and which Secret its value goes to.
pub(super) struct Place<'a> {
    /// As the report says it.
    pub(super) at: String,
    /// The keys down to the leaf.
    pub(super) route: &'a [String],
    /// The Secret.
    pub(super) secret: &'a str,
}

/// Whether a value is kept back where it stands: masked, as OpenMetadata's API and its models do,
/// or encrypted with the server's own key.
pub(super) fn is_withheld(text: &str) -> bool {
    const SHORTEST_MASK: usize = 5;
    text.starts_with("fernet:")
        || (text.len() >= SHORTEST_MASK && text.bytes().all(|byte| byte == b'*'))
}

impl Lifter {
    /// Puts references in place of all secret leaves under a node.
    pub(super) fn lift(
        &mut self,
        node: &mut Node,
        route: &mut Vec<String>,
        place_of: &dyn Fn(&[String]) -> String,
        is_secret: &dyn Fn(&[String], &str) -> bool,
        secret_of: &dyn Fn(&[String]) -> String,
    ) {
        match &mut node.value {
            Value::Mapping(entries) => {
                for entry in entries.iter_mut() {
                    route.push(entry.key.to_string());
                    self.lift(&mut entry.value, route, place_of, is_secret, secret_of);
                    route.pop();
                }
            }
            Value::Sequence(items) => {
                for (position, item) in items.iter_mut().enumerate() {
                    route.push(position.to_string());
                    self.lift(item, route, place_of, is_secret, secret_of);
                    route.pop();
                }
            }
            Value::String(text) => {
                if !text.is_empty() && !text.starts_with(SECRET_MANAGER) && is_secret(route, text) {
                    let secret = secret_of(route);
                    let place = Place { at: place_of(route), route, secret: &secret };
                    let reference = self.reference(text, &place);
                    *node = Node::at(reference.to_mapping(), node.span);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The reference for a value.
    pub(super) fn reference(&mut self, value: &str, place: &Place<'_>) -> SecretReference {
        let key = self.key(value, place);
        SecretReference { name: place.secret.into(), key: key.into() }
    }

    /// The key for a value: the one that holds it already, else a new one, called like the field
    /// and, where that is taken by another value, like what the field belongs to as well.
    fn key(&mut self, value: &str, place: &Place<'_>) -> String {
        let field = place
            .route
            .iter()
            .rev()
            .find(|step| !is_position(step))
            .map_or("value", String::as_str);
        let route = place.route.join(".");
        let at = place.at.clone();
        let withheld = is_withheld(value);
        // Two values that are kept back may differ, unless they belong to the one connection of a
        // service or of the server.
        let value = match withheld {
            true if is_of_connection(place.route) => route,
            true => at.clone(),
            false => value.to_owned(),
        };
        let keys = self.secrets.entry(place.secret.to_owned()).or_default();
        let known = |lifted: &&mut Lifted| {
            lifted.value == value && lifted.field == field && lifted.withheld == withheld
        };
        if let Some((key, lifted)) =
            keys.iter_mut().find_map(|(key, l)| known(&l).then_some((key, l)))
        {
            lifted.found_at.push(at);
            return key.clone();
        }
        let steps: Vec<&str> =
            place.route.iter().map(String::as_str).filter(|step| !is_generic(step)).collect();
        let longer = (1..=steps.len()).map(|count| clean(&steps[steps.len() - count..].join(".")));
        let numbered = (2..).map(|number| format!("{}-{number}", clean(field)));
        let key = longer
            .chain(numbered)
            .find(|key| !key.is_empty() && !keys.contains_key(key))
            .unwrap_or_default();
        let lifted = Lifted { value, field: field.to_owned(), found_at: vec![at], withheld };
        keys.insert(key.clone(), lifted);
        key
    }

    /// The Secrets to create, without the values.
    pub(super) fn into_secrets(self) -> Vec<Secret> {
        let key = |(key, lifted): (String, Lifted)| {
            let Lifted { value: _, field: _, found_at, withheld } = lifted;
            SecretKey { key, found_at, withheld }
        };
        let secret = |(name, keys): (String, BTreeMap<String, Lifted>)| Secret {
            name,
            keys: keys.into_iter().map(key).collect(),
        };
        self.secrets.into_iter().map(secret).collect()
    }
}

/// Whether a route leads into a connection, which all that use it have in common.
fn is_of_connection(route: &[String]) -> bool {
    matches!(
        route.get(1).map(String::as_str),
        Some("serviceConnection" | "openMetadataServerConfig")
    )
}

/// Steps that every route has, which tell nothing.
fn is_generic(step: &str) -> bool {
    matches!(step, "source" | "serviceConnection" | "sourceConfig" | "config" | "workflowConfig")
        || is_position(step)
}

fn is_position(step: &str) -> bool {
    step.bytes().all(|byte| byte.is_ascii_digit())
}

/// A key as a Secret takes it: letters, digits, `-`, `_` and `.`, 253 at most.
fn clean(text: &str) -> String {
    let known = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }
    };
    text.chars().map(known).take(253).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lift(lifter: &mut Lifter, file: &str, workflow: serde_json::Value) -> serde_json::Value {
        let mut node = Node::from(workflow);
        let secret = |route: &[String], _: &str| route.last().is_some_and(|key| key == "password");
        let place_of = |route: &[String]| format!("{file}: {}", route.join("."));
        lifter.lift(&mut node, &mut Vec::new(), &place_of, &secret, &|_| "mysql".to_owned());
        (&node).into()
    }

    #[test]
    fn the_same_value_is_one_key_and_another_value_of_the_same_field_a_second() {
        let mut lifter = Lifter::default();
        let reference = |key: &str| json!({"secretKeyRef": {"name": "mysql", "key": key}});
        assert_eq!(
            lift(&mut lifter, "a", json!({"config": {"password": "x"}}))["config"]["password"],
            reference("password")
        );
        assert_eq!(
            lift(&mut lifter, "b", json!({"config": {"password": "x"}}))["config"]["password"],
            reference("password")
        );
        assert_eq!(
            lift(&mut lifter, "c", json!({"ssl": {"password": "y"}}))["ssl"]["password"],
            reference("ssl.password")
        );
        assert_eq!(
            lift(&mut lifter, "d", json!({"password": "z"}))["password"],
            reference("password-2")
        );
        let secrets = lifter.into_secrets();
        assert_eq!(secrets[0].keys[0].found_at, ["a: config.password", "b: config.password"]);
        assert_eq!(secrets[0].keys.len(), 3);
        assert!(!format!("{secrets:?}").contains('x'), "a value leaves no trace");
    }

    #[test]
    fn what_is_empty_or_a_reference_of_a_secret_manager_stays() {
        let workflow = json!({"password": "", "other": {"password": "secret:/prod/mysql"}});
        assert_eq!(lift(&mut Lifter::default(), "a", workflow.clone()), workflow);
    }

    #[test]
    fn values_that_are_kept_back_are_one_only_where_one_connection_holds_them() {
        let mut lifter = Lifter::default();
        let masked = |route: &str| {
            route.split('.').rev().fold(json!("*********"), |node, key| json!({ key: node }))
        };
        let connection = "source.serviceConnection.config.password";
        let one = lift(&mut lifter, "a", masked(connection));
        assert_eq!(lift(&mut lifter, "b", masked(connection)), one);
        let own = "source.sourceConfig.config.password";
        assert_ne!(lift(&mut lifter, "a", masked(own)), lift(&mut lifter, "b", masked(own)));
        let secrets = lifter.into_secrets();
        assert_eq!(secrets[0].keys.len(), 3);
        assert!(secrets[0].keys.iter().all(|key| key.withheld));
        assert!(is_withheld("fernet:gAAAA") && !is_withheld("***"));
    }
}
