//! The one tree that definitions, workflows, templates and manifests are made of: JSON's values,
//! each with the place in the text that it came from.
//!
//! In: what the YAML reader, the merge and the templates build. Out: values with [`Span`]s, so that
//! whatever is found wrong later, in a manifest as much as in a definition, points at the line that
//! a person wrote. It does no I/O.

mod merge;

pub use merge::merge;

use compact_str::CompactString;
use serde_json::Number;

/// A file or built-in text of a [`Sources`](crate::source::Sources), by its position there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceId(pub u32);

impl SourceId {
    /// The source of what no text holds: built-in defaults and computed values.
    pub const NONE: SourceId = SourceId(u32::MAX);
}

/// A range of bytes in a source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span {
    /// The text that the range lies in.
    pub source: SourceId,
    /// The first byte, counted from 0.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The place of computed values.
    pub const NONE: Span = Span { source: SourceId::NONE, start: 0, end: 0 };

    /// Whether the value stands in a text.
    pub fn is_some(self) -> bool {
        self.source != SourceId::NONE
    }
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands. Of a mapping or sequence: its opening or first entry, for a caret that fits
    /// on a line.
    pub span: Span,
}

/// JSON's values; mappings keep the order in which they were written.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, whole or not; never NaN or infinite.
    Number(Number),
    /// A string.
    String(CompactString),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping. Its keys are distinct.
    Mapping(Mapping),
}

/// A mapping's entries in written order. Lookup is linear: mappings of definitions and manifests
/// are small.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    entries: Vec<Entry>,
}

/// One entry of a mapping.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: CompactString,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

/// Two nodes are equal when their values are, wherever they stand.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// Two mappings are equal when they hold the same keys with equal values, in any order.
impl PartialEq for Mapping {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().all(|e| other.get(&e.key).is_some_and(|v| *v == e.value))
    }
}

impl Node {
    /// A node that stands in no text.
    pub fn new(value: impl Into<Value>) -> Self {
        Self { value: value.into(), span: Span::NONE }
    }

    /// A node at a place.
    pub fn at(value: impl Into<Value>, span: Span) -> Self {
        Self { value: value.into(), span }
    }

    /// The entry of a mapping; `None` for a missing key and for any other value.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.get(key)
    }

    /// The node at a route of keys, `["spec", "schedule"]`.
    pub fn at_route(&self, route: &[&str]) -> Option<&Node> {
        route.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The whole number, if it is one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.value {
            Value::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    /// The mapping, if it is one.
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The mapping, if it is one, to change it.
    pub fn as_mapping_mut(&mut self) -> Option<&mut Mapping> {
        match &mut self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The sequence, if it is one.
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }
}

impl Value {
    /// What the value is, in the words of JSON Schema, for messages: "a string", "an integer".
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(number) if number.is_f64() => "a number",
            Value::Number(_) => "an integer",
            Value::String(_) => "a string",
            Value::Sequence(_) => "a sequence",
            Value::Mapping(_) => "a mapping",
        }
    }
}

impl Mapping {
    /// An empty mapping.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty mapping with room for `capacity` entries.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { entries: Vec::with_capacity(capacity) }
    }

    /// A mapping of these entries. Their keys are distinct, and take no memory of their own.
    pub fn of<const N: usize>(entries: [(&'static str, Node); N]) -> Self {
        let entries = entries.map(|(key, value)| Entry {
            key: CompactString::const_new(key),
            key_span: Span::NONE,
            value,
        });
        Self { entries: Vec::from(entries) }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value of a key, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
    }

    /// The entry of a key: its value and where the key stands.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The entries in written order.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// The entries in written order, to change their values.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Entry> {
        self.entries.iter_mut()
    }

    /// Sets a key: in its place when it is there, at the end otherwise.
    pub fn insert(&mut self, key: impl Into<CompactString>, value: Node) {
        let key = key.into();
        match self.get_mut(&key) {
            Some(old) => *old = value,
            None => self.entries.push(Entry { key, key_span: Span::NONE, value }),
        }
    }

    /// Adds an entry at the end without looking whether its key is there: the caller knows that it
    /// is not.
    pub fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let position = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(position).value)
    }

    /// Takes the entries out into a mapping with no room for more; what is left is empty, with the
    /// room that there was.
    pub fn take_exactly(&mut self) -> Mapping {
        Self { entries: self.entries.drain(..).collect() }
    }

    /// Keeps the entries for which the function says so.
    pub fn retain(&mut self, keep: impl FnMut(&Entry) -> bool) {
        self.entries.retain(keep);
    }

    /// Orders the entries by their keys, in byte order.
    pub fn sort(&mut self) {
        self.entries.sort_by(|one, other| one.key.cmp(&other.key));
    }

    /// Orders the entries by what the function makes of them; equal ones keep their order.
    pub fn sort_by_key<K: Ord>(&mut self, key: impl FnMut(&Entry) -> K) {
        self.entries.sort_by_key(key);
    }
}

impl<'a> IntoIterator for &'a Mapping {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

impl IntoIterator for Mapping {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<K: Into<CompactString>> FromIterator<(K, Node)> for Mapping {
    fn from_iter<I: IntoIterator<Item = (K, Node)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let mut mapping = Self::with_capacity(entries.size_hint().0);
        for (key, value) in entries {
            mapping.insert(key, value);
        }
        mapping
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Number(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::String(value.into())
    }
}

impl From<CompactString> for Value {
    fn from(value: CompactString) -> Self {
        Value::String(value)
    }
}

impl From<Vec<Node>> for Value {
    fn from(value: Vec<Node>) -> Self {
        Value::Sequence(value)
    }
}

impl From<Mapping> for Value {
    fn from(value: Mapping) -> Self {
        Value::Mapping(value)
    }
}

impl From<&Node> for serde_json::Value {
    fn from(node: &Node) -> Self {
        match &node.value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::String(text.to_string()),
            Value::Sequence(items) => Self::Array(items.iter().map(Self::from).collect()),
            Value::Mapping(mapping) => Self::Object(
                mapping
                    .iter()
                    .map(|entry| (entry.key.to_string(), Self::from(&entry.value)))
                    .collect(),
            ),
        }
    }
}

impl From<serde_json::Value> for Node {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        Node::new(match value {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(value),
            Json::Number(number) => Value::Number(number),
            Json::String(text) => Value::String(text.into()),
            Json::Array(items) => Value::Sequence(items.into_iter().map(Node::from).collect()),
            Json::Object(object) => Value::Mapping(
                object.into_iter().map(|(key, value)| (key, Node::from(value))).collect(),
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_stays_small_because_a_project_holds_millions() {
        assert!(size_of::<Node>() <= 48, "{}", size_of::<Node>());
        assert!(size_of::<Entry>() <= 88, "{}", size_of::<Entry>());
    }

    #[test]
    fn nodes_compare_by_value_and_mappings_without_order() {
        let one = Node::from(serde_json::json!({"a": 1, "b": [true, null]}));
        let other = Node::from(serde_json::json!({"b": [true, null], "a": 1}));
        assert_eq!(one, other);
    }
}
