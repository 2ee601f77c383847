//! Laying one tree on another: how the layers of a definition come together.
//!
//! In: a base and what goes over it. Out: the base, changed, in which every value keeps the place
//! that it was written at. It decides nothing about what the values mean.

use std::collections::{HashMap, HashSet};

use super::{Mapping, Node, Value};

/// Lays `over` on `base`: a mapping on a mapping entry by entry, anything else in place of what was
/// there.
pub fn merge(base: &mut Node, over: &Node) {
    if let (Value::Mapping(base), Value::Mapping(over)) = (&mut base.value, &over.value) {
        merge_mapping(base, over);
    } else {
        base.clone_from(over);
    }
}

/// Up to how many keys are looked for one after the other; beyond, a mapping is indexed, so that
/// one of 100,000 keys costs no more per key than a small one.
const FEW: usize = 32;

fn merge_mapping(base: &mut Mapping, over: &Mapping) {
    if base.len() > FEW && over.len() > FEW {
        return merge_large(base, over);
    }
    for entry in over {
        match base.get_mut(&entry.key) {
            Some(below) => merge(below, &entry.value),
            None => base.push(entry.clone()),
        }
    }
}

fn merge_large(base: &mut Mapping, over: &Mapping) {
    let values: HashMap<&str, &Node> =
        over.iter().map(|entry| (entry.key.as_str(), &entry.value)).collect();
    let mut merged = HashSet::new();
    for entry in base.iter_mut() {
        if let Some((key, value)) = values.get_key_value(entry.key.as_str()) {
            merge(&mut entry.value, value);
            merged.insert(*key);
        }
    }
    for entry in over.iter().filter(|entry| !merged.contains(entry.key.as_str())) {
        base.push(entry.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Entry, Span};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn large_mappings_merge_like_small_ones() {
        let layer = |from: usize, value: usize| {
            let keys = (from..from + 60_000).map(|n| (format!("key{n}"), Node::new(value as i64)));
            Node::new(keys.collect::<Vec<_>>().into_iter().fold(
                Mapping::new(),
                |mut all, (key, value)| {
                    all.push(Entry { key: key.into(), key_span: Span::NONE, value });
                    all
                },
            ))
        };
        let mut base = layer(0, 1);
        merge(&mut base, &layer(30_000, 2));
        let merged: Vec<(&str, Option<i64>)> = base
            .as_mapping()
            .unwrap()
            .iter()
            .map(|entry| (entry.key.as_str(), entry.value.as_i64()))
            .collect();
        assert_eq!(merged.len(), 90_000);
        assert_eq!(merged[0], ("key0", Some(1)));
        assert_eq!(merged[30_000], ("key30000", Some(2)));
        assert_eq!(merged[89_999], ("key89999", Some(2)));
    }

    #[test]
    fn a_list_replaces_a_list_and_null_replaces_a_value() {
        let mut base = Node::from(json!({"a": [1, 2], "b": {"c": 1, "d": 2}}));
        merge(&mut base, &Node::from(json!({"a": [3], "b": {"c": null}})));
        assert_eq!(serde_json::Value::from(&base), json!({"a": [3], "b": {"c": null, "d": 2}}));
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|value| json!(value)),
            any::<i64>().prop_map(|value| json!(value)),
            "[a-c]{0,2}".prop_map(|value| json!(value)),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
                prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    fn merged(base: &serde_json::Value, over: &serde_json::Value) -> serde_json::Value {
        let mut node = Node::from(base.clone());
        merge(&mut node, &Node::from(over.clone()));
        (&node).into()
    }

    proptest! {
        #[test]
        fn merging_the_same_twice_changes_nothing_more(base in any_json(), over in any_json()) {
            let once = merged(&base, &over);
            prop_assert_eq!(merged(&once, &over), once);
        }

        #[test]
        fn merging_is_associative(a in any_json(), b in any_json(), c in any_json()) {
            // Only where mappings lie on mappings: what replaces a mapping by a scalar forgets what
            // lay below.
            let (a, b, c) = (json!({"k": {"x": a}}), json!({"k": {"y": b}}), json!({"k": {"z": c}}));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        }
    }
}
