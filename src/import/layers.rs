//! What the layers of a project supply to a workflow, and what is left for the pipeline to say.
//!
//! In: a workflow as it was and the tree that lies under it. Out: the smallest tree that, merged
//! over the other, gives the workflow again. It is the inverse of the merge: mappings merge deeply,
//! everything else replaces.

use crate::model::secret_reference::stands_for_secret;
use crate::tree::{Entry, Mapping, Node};

/// What `base` leaves to be said so that it becomes `whole`; [`Left::Nothing`] when they are equal.
pub(super) fn rest(whole: &Node, base: &Node) -> Left {
    if whole == base {
        return Left::Nothing;
    }
    let (Some(entries), Some(under)) = (whole.as_mapping(), base.as_mapping()) else {
        return Left::This(whole.clone());
    };
    // A reference is one value: half of it says nothing.
    if stands_for_secret(whole) && stands_for_secret(base) {
        return Left::This(whole.clone());
    }
    if under.iter().any(|entry| entries.get(&entry.key).is_none()) {
        return Left::Impossible;
    }
    let mut left = Mapping::new();
    for entry in entries {
        match under
            .get(&entry.key)
            .map_or(Left::This(entry.value.clone()), |base| rest(&entry.value, base))
        {
            Left::Nothing => {}
            Left::This(node) => left.push(Entry { value: node, ..entry.clone() }),
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

/// What more than half of the mappings say of the keys that all of them have. One that says
/// otherwise can say so over it; a key that one of them lacks could not be taken back.
pub(super) fn common(nodes: &[&Node]) -> Option<Node> {
    let first = nodes.first()?;
    let mappings: Option<Vec<&Mapping>> = nodes.iter().map(|node| node.as_mapping()).collect();
    if let Some(mappings) = mappings.filter(|_| !nodes.iter().any(|node| stands_for_secret(node))) {
        let of_key = |entry: &Entry| {
            let values: Option<Vec<&Node>> =
                mappings.iter().map(|mapping| mapping.get(&entry.key)).collect();
            Some((entry.key.clone(), common(&values?)?))
        };
        let common: Mapping = first.as_mapping()?.iter().filter_map(of_key).collect();
        return (!common.is_empty()).then(|| Node::new(common));
    }
    // Boyer and Moore's vote: what most say, if there is such a thing, is left when unequal pairs
    // are struck out.
    let (mut left, mut votes) = (*first, 0_usize);
    for node in nodes {
        match votes {
            0 => (left, votes) = (*node, 1),
            _ if left == *node => votes += 1,
            _ => votes -= 1,
        }
    }
    let count = nodes.iter().filter(|node| **node == left).count();
    (count * 2 > nodes.len()).then(|| left.clone())
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
        assert!(impossible(json!({"a": {"b": 1}}), json!({"a": {"b": 1, "c": 2}})));
        assert!(!impossible(json!({"a": null}), json!({"a": {"b": 1}})), "null replaces a mapping");
    }

    #[test]
    fn what_most_say_of_the_keys_that_all_have_is_common() {
        let of = |values: &[serde_json::Value]| {
            let nodes: Vec<Node> = values.iter().cloned().map(Node::from).collect();
            common(&nodes.iter().collect::<Vec<_>>())
        };
        assert_eq!(
            of(&[
                json!({"host": "a", "security": {"token": "x", "mode": 1}}),
                json!({"host": "b", "security": {"token": "x"}}),
                json!({"host": "a", "security": {"token": "y", "mode": 1}}),
            ]),
            Some(node(json!({"host": "a", "security": {"token": "x"}})))
        );
        assert_eq!(of(&[json!({"a": 1}), json!({"a": 2})]), None, "one of two is not most");
        let reference = |key| json!({"token": {"secretKeyRef": {"name": "bot", "key": key}}});
        assert_eq!(of(&[reference("a"), reference("b")]), None, "half a reference is none");
    }
}
