//! JSON merge patch (RFC 7396) over trees.
//!
//! In: a base and a patch. Out: the base, changed, in which everything that the patch brought keeps
//! the patch's place in the text; and the removals that found nothing to remove, which the RFC
//! passes over and people want to hear of.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;

use super::fault::Fault;
use crate::diagnostic::{did_you_mean, route};
use crate::tree::{Entry, Mapping, Node, Value};

/// Merges a patch into a base. Removals of nothing are added to the faults.
pub(super) fn merge_patch(base: &mut Node, patch: &Node, faults: &mut Vec<Fault>) {
    Merger { route: String::new(), faults }.value(base, patch);
}

struct Merger<'f> {
    route: String,
    faults: &'f mut Vec<Fault>,
}

impl Merger<'_> {
    fn value(&mut self, base: &mut Node, patch: &Node) {
        let Value::Mapping(changes) = &patch.value else {
            base.clone_from(patch);
            return;
        };
        match &mut base.value {
            Value::Mapping(mapping) => self.mapping(mapping, changes),
            _ => {
                let mut mapping = Mapping::with_capacity(changes.len());
                self.mapping(&mut mapping, changes);
                *base = Node::at(mapping, patch.span);
            }
        }
    }

    fn mapping(&mut self, mapping: &mut Mapping, changes: &Mapping) {
        // The changes' keys are distinct: those added here are looked for no more.
        let places = Places::of(mapping, changes);
        let mut gone = HashSet::new();
        for change in changes {
            let depth = self.route.len();
            route::push_key(&mut self.route, &change.key);
            match places.find(mapping, &change.key) {
                Some(at) if change.value.is_null() => {
                    gone.insert(at);
                }
                Some(at) => {
                    if let Some(entry) = mapping.iter_mut().nth(at) {
                        if change.value.as_mapping().is_none() || entry.value.as_mapping().is_none()
                        {
                            entry.key_span = change.key_span;
                        }
                        self.value(&mut entry.value, &change.value);
                    }
                }
                None if change.value.is_null() => self.removes_nothing(change, mapping),
                None => {
                    let mut value = Node::at(Value::Null, change.value.span);
                    self.value(&mut value, &change.value);
                    let (key, key_span) = (change.key.clone(), change.key_span);
                    mapping.push(Entry { key, key_span, value });
                }
            }
            self.route.truncate(depth);
        }
        if !gone.is_empty() {
            let mut at = 0..;
            mapping.retain(|_| at.next().is_none_or(|at| !gone.contains(&at)));
        }
    }

    fn removes_nothing(&mut self, change: &Entry, mapping: &Mapping) {
        let known = mapping.iter().map(|entry| entry.key.as_str());
        let help = did_you_mean(&change.key, known);
        self.faults.push(Fault::removes_nothing(change.key_span, &change.key, &self.route, help));
    }
}

/// Up to how many keys are looked for one after the other.
const FEW: usize = 32;

/// Where the keys of a mapping are, as it was before the changes.
enum Places {
    Looked { old: usize },
    Indexed(HashMap<CompactString, usize>),
}

impl Places {
    fn of(mapping: &Mapping, changes: &Mapping) -> Self {
        if mapping.len() <= FEW || changes.len() <= FEW {
            return Self::Looked { old: mapping.len() };
        }
        Self::Indexed(mapping.iter().zip(0..).map(|(entry, at)| (entry.key.clone(), at)).collect())
    }

    fn find(&self, mapping: &Mapping, key: &str) -> Option<usize> {
        match self {
            Self::Looked { old } => mapping.iter().take(*old).position(|entry| entry.key == key),
            Self::Indexed(places) => places.get(key).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::any_json;
    use crate::tree::{SourceId, Span};
    use proptest::prelude::*;
    use serde_json::json;

    fn merged(base: &serde_json::Value, patch: &serde_json::Value) -> (Node, Vec<Fault>) {
        let (mut base, mut faults) = (Node::from(base.clone()), Vec::new());
        merge_patch(&mut base, &Node::from(patch.clone()), &mut faults);
        (base, faults)
    }

    #[test]
    fn a_removal_of_nothing_is_told_with_the_key_that_was_meant() {
        let (base, faults) = merged(
            &json!({"spec": {"nodeSelector": {"zone": "a"}, "tolerations": []}}),
            &json!({"spec": {"nodeSelectr": null, "tolerations": null, "new": {"a": null}}}),
        );
        assert_eq!(base, json!({"spec": {"nodeSelector": {"zone": "a"}, "new": {}}}).into());
        assert_eq!(faults[0].help.as_deref(), Some("did you mean `nodeSelector`?"));
        assert_eq!(faults[1].route, "spec.new.a");
        assert_eq!(faults.len(), 2);
    }

    #[test]
    fn what_the_patch_brings_stands_where_the_patch_has_it() {
        let place = |start| Span { source: SourceId(7), start, end: start + 1 };
        let mut base = Node::from(json!({"a": 1, "b": 2}));
        let mut patch = Node::from(json!({"a": 3}));
        for entry in patch.as_mapping_mut().unwrap().iter_mut() {
            entry.key_span = place(1);
            entry.value.span = place(2);
        }
        merge_patch(&mut base, &patch, &mut Vec::new());
        let entry = base.as_mapping().unwrap().entry("a").unwrap();
        assert_eq!((entry.key_span, entry.value.span), (place(1), place(2)));
        assert_eq!(base.get("b").unwrap().span, Span::NONE);
    }

    #[test]
    fn large_mappings_merge_like_small_ones() {
        let keys = |range: std::ops::Range<i64>, value: serde_json::Value| {
            range.map(|n| (format!("k{n}"), value.clone())).collect::<serde_json::Map<_, _>>()
        };
        let base = keys(0..600, json!(1));
        let mut patch = keys(0..300, json!(null));
        patch.extend(keys(300..900, json!(2)));
        let (mut expected, patch) = (serde_json::Value::from(base), patch.into());
        let (merged, faults) = merged(&expected, &patch);
        json_patch::merge(&mut expected, &patch);
        assert_eq!((merged, faults.len()), (Node::from(expected), 0));
    }

    proptest! {
        #[test]
        fn it_is_the_merge_of_the_rfc(base in any_json(), patch in any_json()) {
            let mut expected = base.clone();
            json_patch::merge(&mut expected, &patch);
            prop_assert_eq!(merged(&base, &patch).0, Node::from(expected));
        }
    }
}
