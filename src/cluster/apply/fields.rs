//! Which fields of an object who has set: `metadata.managedFields` and their FieldsV1.
//!
//! In: a live object. Out: the fields of a manager, the names of the managers, and a value with
//! certain fields alone. FieldsV1 is a tree whose keys are `f:NAME` for a field, `k:{…}` for the
//! item of a list with these keys, `v:…` for an item that is this value, and `.` for the item
//! itself; a field without any of these below it is set as a whole. It does no I/O.

use serde_json::{Map, Value};

use crate::cluster::FIELD_MANAGER;

/// What every object says of itself, which no manager owns.
pub const IDENTITY: [&str; 2] = ["apiVersion", "kind"];
/// The same, in its metadata.
pub const METADATA_IDENTITY: [&str; 2] = ["name", "namespace"];

/// What a key of FieldsV1 stands for.
pub enum Step<'f> {
    /// The object or item itself.
    Itself,
    /// A field of this name.
    Field(&'f str),
    /// The item of a list that has these keys.
    Item(Map<String, Value>),
    /// The item of a list that is this value.
    Scalar(Value),
    /// Something that is not understood: an index, or what a later version may bring.
    Other,
}

impl<'f> Step<'f> {
    /// Reads a key of FieldsV1.
    pub fn of(key: &'f str) -> Self {
        match key.split_once(':') {
            None if key == "." => Self::Itself,
            Some(("f", name)) => Self::Field(name),
            Some(("k", keys)) => match serde_json::from_str(keys) {
                Ok(Value::Object(keys)) => Self::Item(keys),
                _ => Self::Other,
            },
            Some(("v", value)) => serde_json::from_str(value).map_or(Self::Other, Self::Scalar),
            _ => Self::Other,
        }
    }
}

/// Whether an item of a list is the one with these keys. A key that the item does not say has a
/// default.
pub fn has_keys(item: &Value, keys: &Map<String, Value>) -> bool {
    item.is_object() && keys.iter().all(|(key, value)| item.get(key).is_none_or(|own| own == value))
}

/// Whether a field is set as a whole, with all that is below it.
pub fn is_whole(fields: &Map<String, Value>) -> bool {
    fields.keys().all(|key| key == ".")
}

/// The fields that ompipe has applied to an object in a version of its kind. `None` when there are
/// none, or when they are told in another way than is understood.
pub fn applied<'o>(object: &'o Value, api_version: &str) -> Option<&'o Map<String, Value>> {
    let mut ours = entries(object).filter(|entry| is_applied_by_us(entry));
    let entry = ours.next()?;
    if ours.next().is_some() || text(entry, "apiVersion") != api_version {
        return None;
    }
    entry.get("fieldsV1")?.as_object()
}

/// The names of those beside ompipe who have set fields of an object, each once. Who only notes how
/// things are, or holds its deletion up, does not count.
pub fn others(object: &Value) -> Vec<String> {
    let mut others: Vec<String> = entries(object)
        .filter(|entry| !is_ours(text(entry, "manager")) && !only_notes(entry))
        .map(|entry| text(entry, "manager").to_owned())
        .collect();
    others.sort();
    others.dedup();
    others
}

fn entries(object: &Value) -> impl Iterator<Item = &Value> {
    object.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(entry: &'v Value, key: &str) -> &'v str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn is_applied_by_us(entry: &Value) -> bool {
    text(entry, "manager") == FIELD_MANAGER
        && text(entry, "operation") == "Apply"
        && text(entry, "subresource").is_empty()
}

/// Whether a manager is ompipe, by any of its verbs: `ompipe suspend` sets as `ompipe-suspend`.
fn is_ours(manager: &str) -> bool {
    let rest = manager.strip_prefix(FIELD_MANAGER);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn only_notes(entry: &Value) -> bool {
    let is_harmless = |key: &str| matches!(key, "." | "f:finalizers" | "f:ownerReferences");
    !text(entry, "subresource").is_empty()
        || entry.get("fieldsV1").and_then(Value::as_object).is_some_and(|fields| {
            fields.iter().all(|(key, below)| match key.as_str() {
                "f:status" => true,
                "f:metadata" => {
                    below.as_object().is_some_and(|all| all.keys().all(|key| is_harmless(key)))
                }
                _ => false,
            })
        })
}

/// The fields of both.
pub fn union(one: &Map<String, Value>, other: &Map<String, Value>) -> Map<String, Value> {
    let mut union = one.clone();
    for (key, below) in other {
        let Some(below) = below.as_object() else { continue };
        match union.get(key).and_then(Value::as_object) {
            None => union.insert(key.clone(), below.clone().into()),
            Some(there) => union.insert(key.clone(), self::union(there, below).into()),
        };
    }
    union
}

/// An object with what it is, and these fields alone.
pub fn project(object: &Value, fields: &Map<String, Value>) -> Value {
    let mut projected = Map::new();
    let Some(all) = object.as_object() else { return Value::Null };
    for (key, value) in all {
        let below = fields.get(&format!("f:{key}")).and_then(Value::as_object);
        if IDENTITY.contains(&key.as_str()) {
            projected.insert(key.clone(), value.clone());
        } else if key == "metadata" {
            let mut metadata = Map::new();
            for name in METADATA_IDENTITY {
                if let Some(own) = value.get(name) {
                    metadata.insert(name.to_owned(), own.clone());
                }
            }
            if let Some(Value::Object(owned)) = below.map(|below| part(value, below)) {
                metadata.extend(owned);
            }
            projected.insert(key.clone(), metadata.into());
        } else if let Some(below) = below {
            projected.insert(key.clone(), part(value, below));
        }
    }
    projected.into()
}

fn part(value: &Value, fields: &Map<String, Value>) -> Value {
    if is_whole(fields) {
        return value.clone();
    }
    match value {
        Value::Object(all) => {
            let owned = all.iter().filter_map(|(key, value)| {
                let below = fields.get(&format!("f:{key}"))?.as_object()?;
                Some((key.clone(), part(value, below)))
            });
            owned.collect::<Map<_, _>>().into()
        }
        Value::Array(items) => {
            let owned = items.iter().filter_map(|item| {
                fields.iter().find_map(|(key, below)| match Step::of(key) {
                    Step::Item(keys) if has_keys(item, &keys) => {
                        Some(part(item, below.as_object()?))
                    }
                    Step::Scalar(value) if value == *item => Some(value),
                    _ => None,
                })
            });
            owned.collect::<Vec<_>>().into()
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn managed(entries: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"managedFields": entries}})
    }

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields})
    }

    #[test]
    fn the_fields_that_we_applied_are_found_and_no_others() {
        let fields = json!({"f:data": {"f:a": {}}});
        let ours = entry("ompipe", "Apply", fields.clone());
        let object = managed(json!([entry("kubectl", "Apply", json!({})), ours]));
        assert_eq!(applied(&object, "v1"), fields.as_object());
        assert_eq!(applied(&object, "v2"), None);
        let update = managed(json!([entry("ompipe", "Update", fields)]));
        assert_eq!(applied(&update, "v1"), None);
        let twice = managed(json!([ours, ours]));
        assert_eq!(applied(&twice, "v1"), None);
    }

    #[test]
    fn who_only_notes_how_things_are_has_set_nothing() {
        let status = entry("kube-controller-manager", "Update", json!({"f:status": {"f:a": {}}}));
        let mut subresource = entry("operator", "Update", json!({"f:spec": {}}));
        subresource["subresource"] = "status".into();
        let holds =
            entry("operator", "Update", json!({"f:metadata": {"f:finalizers": {"v:\"x\"": {}}}}));
        let edit = entry("kubectl-edit", "Update", json!({"f:spec": {"f:suspend": {}}}));
        let labels = entry("someone", "Update", json!({"f:metadata": {"f:labels": {"f:a": {}}}}));
        let ours = entry("ompipe", "Apply", json!({"f:spec": {}}));
        let suspend = entry("ompipe-suspend", "Apply", json!({"f:spec": {"f:suspend": {}}}));
        let none = managed(json!([status, subresource, holds, ours, suspend]));
        assert!(others(&none).is_empty());
        assert_eq!(others(&managed(json!([labels, edit, ours]))), ["kubectl-edit", "someone"]);
    }

    #[test]
    fn a_projection_has_what_the_object_is_and_the_fields_alone() {
        let object = json!({
            "apiVersion": "batch/v1", "kind": "CronJob",
            "metadata": {"name": "a", "namespace": "n", "uid": "1", "labels": {"a": "1", "b": "2"}},
            "spec": {
                "suspend": false,
                "containers": [{"name": "x"}, {"name": "main", "image": "i", "default": 1}],
                "command": ["a", "b"],
                "set": ["one", "two"],
            },
            "status": {"a": 1},
        });
        let fields = json!({
            "f:metadata": {"f:labels": {"f:b": {}}},
            "f:spec": {
                "f:command": {},
                "f:containers": {"k:{\"name\":\"main\"}": {".": {}, "f:name": {}, "f:image": {}}},
                "f:set": {"v:\"two\"": {}},
            },
        });
        assert_eq!(
            project(&object, fields.as_object().unwrap()),
            json!({
                "apiVersion": "batch/v1", "kind": "CronJob",
                "metadata": {"name": "a", "namespace": "n", "labels": {"b": "2"}},
                "spec": {
                    "containers": [{"name": "main", "image": "i"}],
                    "command": ["a", "b"],
                    "set": ["two"],
                },
            })
        );
    }

    #[test]
    fn a_union_has_the_fields_of_both_at_every_depth() {
        let one = json!({"f:spec": {"f:a": {}, "f:b": {"f:c": {}}}});
        let other = json!({"f:spec": {"f:b": {"f:d": {}}}, "f:data": {}});
        let union = union(one.as_object().unwrap(), other.as_object().unwrap());
        assert_eq!(
            Value::from(union),
            json!({"f:spec": {"f:a": {}, "f:b": {"f:c": {}, "f:d": {}}}, "f:data": {}})
        );
    }
}
