//! The canonical order of an object's keys, by rules short enough to remember:
//!
//! - of an object: apiVersion, kind, metadata, type, immutable, data, binaryData, stringData, spec,
//!   then the rest as the template wrote it;
//! - of its metadata (and a pod template's): name, generateName, namespace, labels, annotations,
//!   then the rest as written;
//! - of a mapping with fields: `name` first (of a reference to an object: its group and kind before
//!   it), then the rest as the template wrote it, then what a patch brought;
//! - of a free mapping (labels, data, limits): by key, in byte order.
//!
//! In: an object and its type. Out: the same object, its mappings ordered. Lists keep their order,
//! which has a meaning.

use super::types::{Shape, Type};
use crate::tree::{Mapping, Node, Value};

const OBJECT: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "type",
    "immutable",
    "data",
    "binaryData",
    "stringData",
    "spec",
];

/// Orders the keys of a whole object. Of a kind that is not in the tables only the top level and
/// metadata are known.
pub(super) fn canonical(object: &mut Node, of: Option<Type>) {
    let Some(mapping) = object.as_mapping_mut() else {
        return;
    };
    first(mapping, OBJECT);
    for entry in mapping.iter_mut() {
        match of {
            Some(of) => within(&mut entry.value, of.field(&entry.key)),
            None if entry.key == "metadata" => {
                within(&mut entry.value, Type::named("meta.v1.ObjectMeta"));
            }
            None => {}
        }
    }
}

fn within(node: &mut Node, of: Option<Type>) {
    let Some(of) = of else { return };
    match (&mut node.value, of.shape()) {
        (Value::Mapping(mapping), Shape::Fields { first: keys, .. }) => {
            first(mapping, keys);
            for entry in mapping.iter_mut() {
                within(&mut entry.value, of.field(&entry.key));
            }
        }
        (Value::Mapping(mapping), Shape::Map(values, _)) => {
            sort(mapping);
            if !matches!(values.shape(), Shape::Scalar(_)) {
                for entry in mapping.iter_mut() {
                    within(&mut entry.value, Some(*values));
                }
            }
        }
        (Value::Mapping(_), Shape::PatchOf(name)) => within(node, Type::named(name)),
        (Value::Sequence(items), Shape::List { items: of, .. }) => {
            for item in items {
                within(item, Some(*of));
            }
        }
        _ => {}
    }
}

/// Puts the named keys first, in this order; the others keep theirs.
fn first(mapping: &mut Mapping, keys: &[&str]) {
    let rank = |key: &str| keys.iter().position(|first| *first == key).unwrap_or(keys.len());
    let mut last = 0;
    let sorted = mapping.iter().all(|entry| {
        let rank = rank(&entry.key);
        std::mem::replace(&mut last, rank) <= rank
    });
    if !sorted {
        mapping.sort_by_key(|entry| rank(&entry.key));
    }
}

fn sort(mapping: &mut Mapping) {
    if !mapping.iter().map(|entry| entry.key.as_str()).is_sorted() {
        mapping.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ordered(value: serde_json::Value) -> String {
        let mut node = Node::from(value);
        let of = Type::of_kind(
            node.get("apiVersion").unwrap().as_str().unwrap(),
            node.get("kind").unwrap().as_str().unwrap(),
        );
        canonical(&mut node, of);
        serde_json::to_string(&serde_json::Value::from(&node)).unwrap()
    }

    #[test]
    fn an_object_opens_with_what_it_is() {
        assert_eq!(
            ordered(
                json!({"data": {"b": "2", "a": "1"}, "metadata": {"labels": {"z": "1", "b": "2"}, "name": "n"},
                "kind": "ConfigMap", "apiVersion": "v1"})
            ),
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"n","labels":{"b":"2","z":"1"}},"data":{"a":"1","b":"2"}}"#
        );
    }

    #[test]
    fn fields_keep_the_order_of_the_template_but_for_the_name() {
        let pod = json!({"containers": [{"image": "i", "env": [{"value": "v", "name": "E"}], "name": "main"}],
            "affinity": {}, "nodeSelector": {"b": "1", "a": "2"}});
        assert_eq!(
            ordered(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "n"},
                "spec": {"template": {"spec": pod, "metadata": {"annotations": {}, "labels": {}}}}})),
            concat!(
                r#"{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"n"},"spec":{"template":{"#,
                r#""spec":{"containers":[{"name":"main","image":"i","env":[{"name":"E","value":"v"}]}],"affinity":{},"#,
                r#""nodeSelector":{"a":"2","b":"1"}},"metadata":{"labels":{},"annotations":{}}}}}"#
            )
        );
    }

    #[test]
    fn a_patch_within_an_omjob_is_ordered_as_what_it_patches() {
        assert_eq!(
            ordered(
                json!({"apiVersion": "pipelines.openmetadata.org/v1", "kind": "OMJob", "metadata": {"name": "n"},
                "spec": {"mainPodSpec": {"image": "i", "podTemplate": {"spec": {"nodeSelector": {"b": "1", "a": "2"}}}}}})
            ),
            concat!(
                r#"{"apiVersion":"pipelines.openmetadata.org/v1","kind":"OMJob","metadata":{"name":"n"},"#,
                r#""spec":{"mainPodSpec":{"image":"i","podTemplate":{"spec":{"nodeSelector":{"a":"2","b":"1"}}}}}}"#
            )
        );
    }

    #[test]
    fn the_metadata_of_an_unknown_kind_is_ordered_too() {
        assert_eq!(
            ordered(
                json!({"metadata": {"namespace": "x", "name": "n"}, "kind": "Other", "apiVersion": "example.org/v1"})
            ),
            r#"{"apiVersion":"example.org/v1","kind":"Other","metadata":{"name":"n","namespace":"x"}}"#
        );
    }
}
