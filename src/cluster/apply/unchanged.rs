//! Whether a server-side apply of an object would change anything, without asking for one.
//!
//! In: an object as it would be sent, and the live one with its managed fields. Out: yes only when
//! every field that is sent is equal in the live object and applied by ompipe, and every field that
//! ompipe has applied is sent. Whatever is not certain counts as a change: to send it costs a
//! request, to leave it out would cost the truth. It does no I/O.
//!
//! What the API server fills in itself is no difference: a field that ompipe owns as a whole still
//! has what ompipe last gave it, or ompipe would have lost it to whoever changed it. So only
//! defaults within such a field need to be known here (`DEFAULTS`).

use serde_json::{Map, Value};

use super::fields::{IDENTITY, METADATA_IDENTITY, Step, applied, has_keys, is_whole};
use crate::model::Quantity;

/// Defaults of fields within a field that is owned as a whole: which field, whose, and the value.
const DEFAULTS: [(&str, &str, &str); 1] = [("fieldRef", "apiVersion", "v1")];

/// Fields whose values are amounts, which the API server writes in its own way: those in these
/// mappings, and those of these names.
const AMOUNTS_IN: [&str; 2] = ["limits", "requests"];
const AMOUNTS: [&str; 1] = ["sizeLimit"];

/// Whether the live object is what applying the other would make of it.
pub fn is_unchanged(desired: &Value, live: &Value) -> bool {
    let api_version = desired.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let (Some(owned), Some(desired)) = (applied(live, api_version), desired.as_object()) else {
        return false;
    };
    let nothing = Map::new();
    let below = |key: &str| owned.get(&format!("f:{key}"));
    are_sent(owned, desired)
        && desired.iter().all(|(key, value)| match (key.as_str(), value) {
            (key, value) if IDENTITY.contains(&key) => live.get(key).is_none_or(|own| own == value),
            ("metadata", Value::Object(metadata)) => {
                let owned = below(key).and_then(Value::as_object).unwrap_or(&nothing);
                let live = live.get(key).unwrap_or(&Value::Null);
                is_metadata_unchanged(metadata, owned, live)
            }
            (key, value) => {
                let place = Place { key, within: "" };
                below(key).is_some_and(|owned| is_same(value, owned, live.get(key), place))
            }
        })
}

/// Whether every field that is owned is sent again; one that is not would be taken away.
fn are_sent(owned: &Map<String, Value>, desired: &Map<String, Value>) -> bool {
    owned.keys().all(|key| match Step::of(key) {
        Step::Field(name) => desired.contains_key(name),
        Step::Itself => true,
        _ => false,
    })
}

fn is_metadata_unchanged(
    desired: &Map<String, Value>,
    owned: &Map<String, Value>,
    live: &Value,
) -> bool {
    are_sent(owned, desired)
        && desired.iter().all(|(key, value)| {
            if METADATA_IDENTITY.contains(&key.as_str()) {
                return live.get(key) == Some(value);
            }
            let owned = owned.get(&format!("f:{key}"));
            let place = Place { key, within: "metadata" };
            owned.is_some_and(|owned| is_same(value, owned, live.get(key), place))
        })
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'p> {
    key: &'p str,
    within: &'p str,
}

fn is_same(desired: &Value, owned: &Value, live: Option<&Value>, place: Place<'_>) -> bool {
    let Some(owned) = owned.as_object() else { return false };
    if is_whole(owned) {
        return is_same_whole(desired, live, place);
    }
    match (desired, live) {
        (Value::Object(desired), Some(Value::Object(live))) => {
            are_sent(owned, desired)
                && desired.iter().all(|(key, value)| {
                    let owned = owned.get(&format!("f:{key}"));
                    let place = Place { key, within: place.key };
                    owned.is_some_and(|owned| is_same(value, owned, live.get(key), place))
                })
        }
        (Value::Array(desired), Some(Value::Array(live))) => is_same_list(desired, owned, live),
        _ => false,
    }
}

/// A list whose items have owners of their own. Ours have to be there in our order, whatever else
/// stands between them.
fn is_same_list(desired: &[Value], owned: &Map<String, Value>, live: &[Value]) -> bool {
    let steps: Vec<(Step<'_>, &Value)> = owned
        .iter()
        .map(|(key, below)| (Step::of(key), below))
        .filter(|(step, _)| !matches!(step, Step::Itself))
        .collect();
    if steps.len() != desired.len() {
        return false;
    }
    let mut rest = live.iter();
    let mut taken = vec![false; steps.len()];
    desired.iter().all(|item| {
        let mut found = steps.iter().enumerate().filter(|(_, (step, _))| match step {
            Step::Item(keys) => has_keys(item, keys),
            Step::Scalar(value) => value == item,
            _ => false,
        });
        let (Some((at, (step, below))), None) = (found.next(), found.next()) else {
            return false;
        };
        if std::mem::replace(&mut taken[at], true) {
            return false;
        }
        match step {
            Step::Item(keys) => {
                let has_all =
                    |own: &&Value| keys.iter().all(|(key, value)| own.get(key) == Some(value));
                let own = rest.by_ref().find(has_all);
                own.is_some() && is_same(item, below, own, Place { key: "", within: "" })
            }
            _ => rest.by_ref().any(|own| own == item),
        }
    })
}

/// A field that is owned with all that is below it.
fn is_same_whole(desired: &Value, live: Option<&Value>, place: Place<'_>) -> bool {
    let is_empty = match desired {
        Value::Object(all) => all.is_empty(),
        Value::Array(all) => all.is_empty(),
        // It takes the field away, or does not: that is the server's to say.
        Value::Null => return false,
        _ => false,
    };
    let Some(live) = live else { return is_empty };
    desired == live
        || is_same_amount(desired, live, place)
        || differs_by_defaults(desired, live, place)
}

fn is_same_amount(desired: &Value, live: &Value, place: Place<'_>) -> bool {
    if !AMOUNTS_IN.contains(&place.within) && !AMOUNTS.contains(&place.key) {
        return false;
    }
    let amount = |value: &Value| match value {
        Value::String(text) => Quantity::parse(text).ok(),
        Value::Number(number) => Quantity::parse(&number.to_string()).ok(),
        _ => None,
    };
    match (amount(desired), amount(live)) {
        (Some(desired), Some(live)) => desired.nanos() == live.nanos(),
        _ => false,
    }
}

fn differs_by_defaults(desired: &Value, live: &Value, place: Place<'_>) -> bool {
    let (Some(desired), Some(live)) = (desired.as_object(), live.as_object()) else { return false };
    let is_default = |key: &str, value: &Value| {
        DEFAULTS.iter().any(|(of, name, default)| {
            *of == place.key && *name == key && value.as_str() == Some(default)
        })
    };
    desired.iter().all(|(key, value)| live.get(key) == Some(value))
        && live.iter().all(|(key, value)| desired.contains_key(key) || is_default(key, value))
}

#[cfg(test)]
#[path = "unchanged_tests.rs"]
mod tests;
