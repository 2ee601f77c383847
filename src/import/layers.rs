//! What the layers of a project supply to a workflow, and what is left for the pipeline to say.
//!
//! In: a workflow as it was and the tree that lies under it. Out: the smallest tree that, merged over the other, gives
//! the workflow again. It is the inverse of the merge: mappings merge deeply, everything else replaces.

use crate::tree::{Mapping, Node};

/// What `base` leaves to be said so that it becomes `whole`; [`Left::Nothing`] when they are equal.
pub(super) fn rest(whole: &Node, base: &Node) -> Left {
    if whole == base {
        return Left::Nothing;
    }
    let (Some(entries), Some(under)) = (whole.as_mapping(), base.as_mapping()) else {
        return Left::This(whole.clone());
    };
    if is_reference(entries) && is_reference(under) {
        return Left::This(whole.clone());
    }
    if under.iter().any(|entry| entries.get(&entry.key).is_none()) {
        return Left::Impossible;
    }
    let mut left = Mapping::new();
    for entry in entries {
        match under
            .get(&entry.key)
            .map_or(Left::This(entry.value.clone()), |base| {
                rest(&entry.value, base)
            }) {
            Left::Nothing => {}
            Left::This(node) => left.push(crate::tree::Entry {
                value: node,
                ..entry.clone()
            }),
            Left::Impossible => return Left::Impossible,
        }
    }
    Left::This(Node::at(left, whole.span))
}

/// What a layer leaves to be said.
#[derive(Debug, PartialEq)]
pub(super) enum Left {
    /// The layer says it all.
    Nothing,
    /// This has to be said over the layer.
    This(Node),
    /// The layer says more than the whole, which no merge takes back.
    Impossible,
}

/// What all of the mappings say alike.
pub(super) fn shared<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Option<Node> {
    let mut nodes = nodes.into_iter();
    let first = nodes.next()?.clone();
    nodes.try_fold(first, |shared, node| both(&shared, node))
}

fn both(one: &Node, other: &Node) -> Option<Node> {
    if one == other {
        return Some(one.clone());
    }
    let (one, other) = (one.as_mapping()?, other.as_mapping()?);
    if is_reference(one) || is_reference(other) {
        return None;
    }
    let alike: Mapping = one
        .iter()
        .filter_map(|entry| {
            Some((
                entry.key.clone(),
                both(&entry.value, other.get(&entry.key)?)?,
            ))
        })
        .collect();
    (!alike.is_empty()).then(|| Node::new(alike))
}

/// Whether it is `{secretKeyRef: …}`, which is one value: half a reference says nothing.
fn is_reference(mapping: &Mapping) -> bool {
    mapping.len() == 1 && mapping.get("secretKeyRef").is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(value: serde_json::Value) -> Node {
        Node::from(value)
    }

    #[test]
    fn only_what_the_layers_do_not_say_is_left() {
        let whole = node(
            json!({"sink": {"type": "file", "config": {}}, "source": {"type": "mysql", "x": [1]}}),
        );
        let base = node(
            json!({"sink": {"type": "metadata-rest", "config": {}}, "source": {"type": "mysql"}}),
        );
        let left = node(json!({"sink": {"type": "file"}, "source": {"x": [1]}}));
        assert_eq!(rest(&whole, &base), Left::This(left));
        assert_eq!(rest(&base, &base), Left::Nothing);
    }

    #[test]
    fn a_layer_that_says_more_than_the_whole_cannot_be_used() {
        let impossible = |whole, base| rest(&node(whole), &node(base)) == Left::Impossible;
        assert!(impossible(json!({}), json!({"a": 1})));
        assert!(impossible(
            json!({"a": {"b": 1}}),
            json!({"a": {"b": 1, "c": 2}})
        ));
        assert!(
            !impossible(json!({"a": null}), json!({"a": {"b": 1}})),
            "null replaces a mapping"
        );
    }

    #[test]
    fn what_is_shared_is_found_at_any_depth() {
        let nodes = [
            node(json!({"host": "a", "security": {"token": "x", "mode": 1}})),
            node(json!({"host": "b", "security": {"token": "x"}})),
        ];
        assert_eq!(
            shared(&nodes),
            Some(node(json!({"security": {"token": "x"}})))
        );
        assert_eq!(
            shared(&[node(json!({"a": 1})), node(json!({"a": 2}))]),
            None
        );
    }
}
