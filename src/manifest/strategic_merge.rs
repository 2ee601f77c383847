//! Kubernetes' strategic merge patch over trees: mappings merge, lists of named things merge by
//! their keys, other lists and scalars are replaced, `null` removes.
//!
//! In: a base, a patch and the type that says which list merges by what. Out: the base, changed, in
//! which everything that the patch brought keeps the patch's place in the text. Directives:
//! `$patch: replace` (a mapping, or as a list's entry of its own the whole list), `$patch: delete`
//! (a list's entry; a mapping becomes empty), `$patch: merge` (what happens anyway),
//! `$deleteFromPrimitiveList/FIELD` and `$retainKeys`. `$setElementOrder` is what kubectl computes
//! for itself, and is refused.
//!
//! Where it differs from Kubernetes' own (`k8s.io/apimachinery/pkg/util/strategicpatch`), on
//! purpose:
//! - The base's entries keep their order and new ones come after them; Kubernetes puts a patch's
//!   entries first.
//! - Of fields that exclude each other (an env variable's `value` and `valueFrom`, a volume's
//!   sources, a probe's actions) the patch's stays; Kubernetes merges both in and then refuses the
//!   object.
//! - Lists with several map keys (ports, topology spread constraints) are told apart by all of
//!   them; one that the patch leaves out matches any.
//! - What removes nothing, an entry without its key and an entry given twice are findings, not
//!   silence.
//! - Directives work in the parts that the patch brings anew as they do in those that it changes.

use std::collections::HashMap;

use compact_str::{CompactString, ToCompactString};

use super::types::{Merge, Shape, Type};
use crate::diagnostic::{Diagnostic, Diagnostics, code, route};
use crate::tree::{Entry, Mapping, Node, Span, Value};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_LIST: &str = "$deleteFromPrimitiveList/";
const SET_ORDER: &str = "$setElementOrder/";

/// From this many comparisons on, a list's entries are looked up by hash.
const SCAN_LIMIT: usize = 1024;

/// Merges a patch into a value of a type.
pub fn strategic_merge(base: &mut Node, patch: &Node, of: Type, found: &mut Diagnostics) {
    Merger { found, route: String::new() }.value(base, patch, Some(of));
}

struct Merger<'a> {
    found: &'a mut Diagnostics,
    /// Where in the patch we are, for the findings.
    route: String,
}

impl Merger<'_> {
    fn value(&mut self, base: &mut Node, patch: &Node, of: Option<Type>) {
        match (&mut base.value, &patch.value) {
            (Value::Mapping(base), Value::Mapping(patch)) => self.mapping(base, patch, of),
            (Value::Sequence(base), Value::Sequence(patch)) => self.list(base, patch, of),
            _ => *base = self.brought(patch, of),
        }
    }

    /// What a patch brings where the base has nothing: itself, with its directives carried out.
    fn brought(&mut self, patch: &Node, of: Option<Type>) -> Node {
        let value = match &patch.value {
            Value::Mapping(patch) => {
                let mut mapping = Mapping::with_capacity(patch.len());
                self.mapping(&mut mapping, patch, of);
                Value::Mapping(mapping)
            }
            Value::Sequence(patch) => {
                let mut items = Vec::with_capacity(patch.len());
                self.list(&mut items, patch, of);
                Value::Sequence(items)
            }
            scalar => scalar.clone(),
        };
        Node { value, span: patch.span }
    }

    fn mapping(&mut self, base: &mut Mapping, patch: &Mapping, of: Option<Type>) {
        if patch.iter().any(|entry| entry.key.starts_with('$')) && !self.directives(base, patch) {
            return;
        }
        if let Some(Shape::Fields { union, .. }) = of.map(Type::shape)
            && !union.is_empty()
        {
            give_up_rivals(base, patch, union);
        }
        // The patch's keys are distinct, so that only what was there before needs a look: linear in
        // the patch.
        let mut old = base.len();
        for entry in patch.iter().filter(|entry| !entry.key.starts_with('$')) {
            let field = of.and_then(|of| of.field(&entry.key));
            let depth = self.enter(&entry.key);
            let there = base.iter_mut().take(old).find(|there| there.key == entry.key);
            match there {
                Some(_) if entry.value.is_null() => {
                    base.remove(&entry.key);
                    old -= 1;
                }
                Some(there) => {
                    let replaced = !matches!(
                        (&there.value.value, &entry.value.value),
                        (Value::Mapping(_), Value::Mapping(_))
                            | (Value::Sequence(_), Value::Sequence(_))
                    );
                    self.value(&mut there.value, &entry.value, field);
                    if replaced {
                        there.key_span = entry.key_span;
                    }
                }
                None if entry.value.is_null() => self.removes_nothing(entry.key_span, &entry.key),
                None => {
                    let value = self.brought(&entry.value, field);
                    base.push(Entry { key: entry.key.clone(), key_span: entry.key_span, value });
                }
            }
            self.route.truncate(depth);
        }
    }

    /// Carries out a mapping's directives; whether its other entries are to be merged still.
    fn directives(&mut self, base: &mut Mapping, patch: &Mapping) -> bool {
        let mut go_on = true;
        for entry in patch {
            let key = entry.key.as_str();
            if key == DIRECTIVE {
                match entry.value.as_str() {
                    Some("merge") => {}
                    Some("replace") => *base = Mapping::new(),
                    Some("delete") => {
                        *base = Mapping::new();
                        go_on = false;
                    }
                    _ => self.bad_directive(entry, "takes `merge`, `replace` or `delete`"),
                }
            } else if key == RETAIN_KEYS {
                self.retain_keys(base, patch, entry);
            } else if let Some(field) = key.strip_prefix(DELETE_FROM_LIST) {
                self.delete_from_list(base, field, entry);
            } else if key.strip_prefix(SET_ORDER).is_some() {
                self.bad_directive(
                    entry,
                    "is what kubectl computes; entries keep their order here",
                );
            } else if key.starts_with('$') {
                self.bad_directive(entry, "is no directive of a strategic merge");
            }
        }
        go_on
    }

    fn retain_keys(&mut self, base: &mut Mapping, patch: &Mapping, entry: &Entry) {
        let kept: Option<Vec<&str>> =
            entry.value.as_sequence().and_then(|keys| keys.iter().map(Node::as_str).collect());
        let Some(kept) = kept else {
            return self.bad_directive(entry, "takes a list of field names");
        };
        let stray = patch.iter().find(|entry| {
            !entry.key.starts_with('$')
                && !entry.value.is_null()
                && !kept.contains(&entry.key.as_str())
        });
        if stray.is_some() {
            return self
                .bad_directive(entry, "must list every field that the patch sets beside it");
        }
        let entries = std::mem::take(base);
        for old in entries {
            if kept.contains(&old.key.as_str()) {
                base.push(old);
            }
        }
    }

    fn delete_from_list(&mut self, base: &mut Mapping, field: &str, entry: &Entry) {
        let Some(removed) = entry.value.as_sequence() else {
            return self.bad_directive(entry, "takes a list of the values to remove");
        };
        let Some(Value::Sequence(items)) = base.get_mut(field).map(|node| &mut node.value) else {
            return self.removes_nothing(entry.key_span, field);
        };
        for value in removed {
            let before = items.len();
            items.retain(|item| item != value);
            if items.len() == before {
                self.removes_nothing(value.span, field);
            }
        }
    }

    fn list(&mut self, base: &mut Vec<Node>, patch: &[Node], of: Option<Type>) {
        match of.map(Type::shape) {
            Some(Shape::List { items, merge: Merge::Keyed(keys) }) => {
                self.keyed_list(base, patch, *items, keys);
            }
            Some(Shape::List { merge: Merge::Set, .. }) => {
                for item in patch {
                    if !base.contains(item) {
                        base.push(item.clone());
                    }
                }
            }
            _ => *base = patch.to_vec(),
        }
    }

    fn keyed_list(&mut self, base: &mut Vec<Node>, patch: &[Node], items: Type, keys: &[Box<str>]) {
        if patch.iter().any(|entry| directive_of(entry) == Some("replace")) {
            base.clear();
        }
        // What is deleted goes first, so that an entry of the same key comes in anew, wherever it
        // stands.
        for entry in patch.iter().filter(|entry| directive_of(entry) == Some("delete")) {
            if let Some(mapping) = self.keyed_entry(entry, keys) {
                let before = base.len();
                base.retain(|there| !same_entry(there, mapping, keys));
                if base.len() == before {
                    let key = keys.first().map_or("", AsRef::as_ref);
                    let at = mapping.get(key).map_or(entry.span, |node| node.span);
                    self.removes_nothing(at, key);
                }
            }
        }
        let mut index = Index::of(base, patch, keys);
        let mut brought_by: HashMap<usize, Span> = HashMap::new();
        for entry in patch {
            match directive_of(entry) {
                Some("delete") => continue,
                Some("replace") => {
                    self.only_a_directive(entry);
                    continue;
                }
                _ => {}
            }
            let Some(mapping) = self.keyed_entry(entry, keys) else {
                continue;
            };
            let depth = self.enter_entry(mapping, keys);
            let at = match index.find(base, mapping, keys) {
                Some(at) => {
                    if let Some(first) = brought_by.get(&at) {
                        self.given_twice(entry, *first, keys);
                    } else if let Some(there) = base.get_mut(at) {
                        self.value(there, entry, Some(items));
                    }
                    at
                }
                None => {
                    let brought = self.brought(entry, Some(items));
                    base.push(brought);
                    index.push(base, keys);
                    base.len() - 1
                }
            };
            brought_by.entry(at).or_insert(entry.span);
            self.route.truncate(depth);
        }
    }

    /// The entry as a mapping with its key, or a finding.
    fn keyed_entry<'n>(&mut self, entry: &'n Node, keys: &[Box<str>]) -> Option<&'n Mapping> {
        let key = keys.first()?;
        let mapping = entry.as_mapping();
        let identified = mapping.filter(|mapping| mapping.get(key).and_then(identity).is_some());
        if identified.is_none() {
            let what = if mapping.is_some() { "has no" } else { "is no mapping with a" };
            self.found.push(
                Diagnostic::error(
                    &code::PATCH_WITHOUT_KEY,
                    entry.span,
                    format!("an entry of this list {what} `{key}`"),
                )
                .with_label(format!("which entry is meant? `{key}` says it"))
                .with_route(self.route.clone())
                .with_help(format!(
                    "add `{key}:`, or `- $patch: replace` as an entry to replace the list"
                )),
            );
        }
        identified
    }

    /// `$patch: replace` beside other fields: Kubernetes would drop those fields without a word.
    fn only_a_directive(&mut self, entry: &Node) {
        if let Some(mapping) = entry.as_mapping()
            && mapping.len() > 1
            && let Some(directive) = mapping.entry(DIRECTIVE)
        {
            self.bad_directive(
                directive,
                "replaces the whole list, and stands as an entry of its own",
            );
        }
    }

    fn enter(&mut self, key: &str) -> usize {
        let depth = self.route.len();
        route::push_key(&mut self.route, key);
        depth
    }

    fn enter_entry(&mut self, entry: &Mapping, keys: &[Box<str>]) -> usize {
        let depth = self.route.len();
        if let Some(identity) = keys.first().and_then(|key| entry.get(key)).and_then(identity) {
            self.route.push('[');
            self.route.push_str(&identity);
            self.route.push(']');
        }
        depth
    }

    fn bad_directive(&mut self, entry: &Entry, why: &str) {
        self.found.push(
            Diagnostic::error(
                &code::PATCH_DIRECTIVE,
                entry.key_span,
                format!("the patch directive `{}` {why}", entry.key),
            )
            .with_route(self.route.clone()),
        );
    }

    fn removes_nothing(&mut self, span: Span, what: &str) {
        self.found.push(
            Diagnostic::error(
                &code::PATCH_REMOVES_NOTHING,
                span,
                format!("the patch removes what is not there: `{what}`"),
            )
            .with_label("nothing of that name is rendered here")
            .with_route(self.route.clone())
            .with_help("take the line out, or correct the name"),
        );
    }

    fn given_twice(&mut self, entry: &Node, first: Span, keys: &[Box<str>]) {
        let key = keys.first().map_or("", AsRef::as_ref);
        let identity = entry.get(key).and_then(identity).unwrap_or_default();
        self.found.push(
            Diagnostic::error(
                &code::PATCH_ENTRY_TWICE,
                entry.span,
                format!("two entries of this list have the `{key}` `{identity}`"),
            )
            .with_related(first, "the first one")
            .with_route(self.route.clone())
            .with_help("write one entry with the fields of both"),
        );
    }
}

/// Takes out of the base what cannot stand beside what the patch sets.
fn give_up_rivals(base: &mut Mapping, patch: &Mapping, union: &[CompactString]) {
    let sets = |field: &str| patch.get(field).is_some_and(|value| !value.is_null());
    if !union.iter().any(|field| sets(field)) {
        return;
    }
    for rival in union.iter().filter(|field| patch.get(field).is_none()) {
        base.remove(rival);
    }
}

fn directive_of(entry: &Node) -> Option<&str> {
    entry.get(DIRECTIVE)?.as_str()
}

/// A key field's value as text; `None` for what can be no key.
fn identity(value: &Node) -> Option<CompactString> {
    match &value.value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_compact_string()),
        _ => None,
    }
}

/// Whether an entry of the base is the one that an entry of a patch means.
fn same_entry(there: &Node, patch: &Mapping, keys: &[Box<str>]) -> bool {
    keys.iter().enumerate().all(|(at, key)| match (there.get(key), patch.get(key)) {
        (Some(there), Some(patch)) => there == patch,
        // Of the further keys, one that the patch leaves out matches any; a port is TCP unless it
        // says otherwise.
        (_, None) => at > 0,
        (None, Some(patch)) => key.as_ref() == "protocol" && patch.as_str() == Some("TCP"),
    })
}

/// Finds a list's entries by their keys: by looking at each, or by hash when there are many.
struct Index(Option<HashMap<CompactString, usize>>);

impl Index {
    fn of(base: &[Node], patch: &[Node], keys: &[Box<str>]) -> Self {
        let comparisons = patch.len().saturating_mul(base.len() + patch.len());
        if comparisons < SCAN_LIMIT {
            return Self(None);
        }
        let mut index = Self(Some(HashMap::new()));
        for end in 1..=base.len() {
            index.push(base.get(..end).unwrap_or_default(), keys);
        }
        index
    }

    /// Takes note of the last entry: by all of its keys, and by its first for a patch that leaves
    /// out the others. Of several that fit, the first is meant, as when looking at each.
    fn push(&mut self, base: &[Node], keys: &[Box<str>]) {
        let (Some(map), Some(last)) = (&mut self.0, base.last().and_then(Node::as_mapping)) else {
            return;
        };
        for used in [keys, keys.get(..1).unwrap_or_default()] {
            if let Some(key) = hash_key(last, used, true) {
                map.entry(key).or_insert(base.len() - 1);
            }
        }
    }

    fn find(&self, base: &[Node], patch: &Mapping, keys: &[Box<str>]) -> Option<usize> {
        let Some(map) = &self.0 else {
            return base.iter().position(|there| same_entry(there, patch, keys));
        };
        let all = hash_key(patch, keys, false);
        let key = all.or_else(|| hash_key(patch, keys.get(..1)?, false))?;
        map.get(&key).copied()
    }
}

/// An entry's keys as one text; `None` when it lacks one. A NUL cannot be in a key.
fn hash_key(entry: &Mapping, keys: &[Box<str>], with_defaults: bool) -> Option<CompactString> {
    let mut text = CompactString::default();
    for key in keys {
        match entry.get(key).and_then(identity) {
            Some(part) => text.push_str(&part),
            None if with_defaults && key.as_ref() == "protocol" => text.push_str("TCP"),
            None => return None,
        }
        text.push('\0');
    }
    Some(text)
}

#[cfg(test)]
#[path = "strategic_merge_tests.rs"]
mod tests;
