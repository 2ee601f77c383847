//! Patches: JSON patch (RFC 6902) as far as Kubernetes' clients use it, and JSON merge patch (RFC 7386).
//!
//! In: an object and a patch. Out: the patched object. Written apart from the product's own patches, so
//! that a mistake in those cannot hide here.

use serde_json::{Map, Value};

use super::refusal::Refusal;

/// What a request of the verb PATCH carries.
#[derive(Clone, Debug)]
pub(crate) enum Patch {
    Json(Vec<Value>),
    Merge(Value),
}

impl Patch {
    pub(crate) fn apply(&self, object: &mut Value) -> Result<(), Refusal> {
        match self {
            Self::Merge(patch) => merge(object, patch),
            Self::Json(operations) => {
                for operation in operations {
                    operate(object, operation).ok_or_else(Refusal::unpatchable)?;
                }
            }
        }
        Ok(())
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.shift_remove(key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

fn operate(object: &mut Value, operation: &Value) -> Option<()> {
    let path = operation["path"].as_str()?;
    let value = || operation.get("value").cloned();
    match operation["op"].as_str()? {
        "test" => (*object.pointer(path)? == value()?).then_some(()),
        "replace" => {
            *object.pointer_mut(path)? = value()?;
            Some(())
        }
        "add" => {
            let (parent, last) = parent(object, path)?;
            match parent {
                Value::Object(map) => drop(map.insert(last, value()?)),
                Value::Array(list) if last == "-" => list.push(value()?),
                Value::Array(list) => {
                    let index = last.parse().ok().filter(|index| *index <= list.len())?;
                    list.insert(index, value()?);
                }
                _ => return None,
            }
            Some(())
        }
        "remove" => {
            let (parent, last) = parent(object, path)?;
            match parent {
                Value::Object(map) => drop(map.shift_remove(&last)?),
                Value::Array(list) => {
                    let index = last.parse().ok().filter(|index| *index < list.len())?;
                    list.remove(index);
                }
                _ => return None,
            }
            Some(())
        }
        _ => None,
    }
}

fn parent<'a>(object: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((object.pointer_mut(parent)?, last.replace("~1", "/").replace("~0", "~")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_json_patch_tests_adds_replaces_and_removes() {
        let mut object = json!({ "a": { "x/y": 1 }, "list": ["one", "two"] });
        let patch = Patch::Json(vec![
            json!({ "op": "test", "path": "/a/x~1y", "value": 1 }),
            json!({ "op": "replace", "path": "/a/x~1y", "value": 2 }),
            json!({ "op": "remove", "path": "/list/0" }),
            json!({ "op": "add", "path": "/list/-", "value": "three" }),
            json!({ "op": "add", "path": "/b", "value": {} }),
        ]);
        patch.apply(&mut object).unwrap();
        assert_eq!(object, json!({ "a": { "x/y": 2 }, "list": ["two", "three"], "b": {} }));
    }

    #[test]
    fn a_failed_test_and_a_missing_path_are_unprocessable() {
        for operation in [
            json!({ "op": "test", "path": "/a", "value": 2 }),
            json!({ "op": "remove", "path": "/b" }),
            json!({ "op": "replace", "path": "/b/c", "value": 1 }),
        ] {
            let refused = Patch::Json(vec![operation]).apply(&mut json!({ "a": 1 }));
            assert_eq!(refused.unwrap_err().code, 422);
        }
    }

    #[test]
    fn a_merge_patch_removes_by_null_and_replaces_lists() {
        let mut object = json!({ "a": { "b": 1, "c": 2 }, "list": [1, 2] });
        Patch::Merge(json!({ "a": { "b": null, "d": 3 }, "list": [3] }))
            .apply(&mut object)
            .unwrap();
        assert_eq!(object, json!({ "a": { "c": 2, "d": 3 }, "list": [3] }));
    }
}
