//! Mappings in the making: keys that are strings and set once, and the entries that `<<` merges.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;

use super::property::Properties;
use super::{Abort, Head, Reader, finding};
use crate::tree::{Entry, Mapping, Node, Span, Value};
use crate::yaml::Dialect;
use crate::yaml::scalar::{self, Reading};

/// A key that was read and is not judged yet.
pub(super) struct Key<'t> {
    pub(super) head: Head<'t>,
    pub(super) span: Span,
    pub(super) properties: Properties<'t>,
    /// Whether it follows a `?`.
    pub(super) is_explicit: bool,
}

/// What becomes of the value that comes next.
pub(super) enum Next {
    /// It is set under this key.
    Set(CompactString, Span),
    /// It is dropped: its key cannot be used, which has been reported.
    Drop,
    /// Its entries are merged.
    Merge(Span),
}

/// A mapping that is not closed yet.
#[derive(Default)]
pub(super) struct OpenMapping {
    mapping: Mapping,
    /// Where each key stands; only for mappings too large to look through.
    index: HashMap<CompactString, usize>,
    merge: Option<Box<Merge>>,
}

/// What is known of a mapping with a merge key.
struct Merge {
    merge_key: Span,
    /// The keys that came by `<<`, which a key written out replaces.
    keys: HashSet<CompactString>,
}

/// Mappings up to this size are looked through, which is faster than hashing.
const LOOKED_THROUGH: usize = 24;

impl OpenMapping {
    fn position(&self, key: &str) -> Option<usize> {
        if self.mapping.len() <= LOOKED_THROUGH {
            return self.mapping.iter().position(|entry| entry.key == key);
        }
        self.index.get(key).copied()
    }

    fn entry(&self, position: usize) -> Option<&Entry> {
        self.mapping.iter().nth(position)
    }

    fn push(&mut self, entry: Entry) {
        let position = self.mapping.len();
        if position == LOOKED_THROUGH {
            self.index = self.mapping.iter().map(|e| e.key.clone()).zip(0..).collect();
        }
        if position >= LOOKED_THROUGH {
            self.index.insert(entry.key.clone(), position);
        }
        self.mapping.push(entry);
    }

    /// Whether a key came by `<<` and has not been written out.
    fn is_merged(&self, key: &str) -> bool {
        self.merge.as_ref().is_some_and(|merge| merge.keys.contains(key))
    }

    /// Takes a key out of those that came by `<<`; whether it was one.
    fn unmerge(&mut self, key: &str) -> bool {
        self.merge.as_mut().is_some_and(|merge| merge.keys.remove(key))
    }
}

impl<'t> Reader<'t, '_> {
    /// An empty mapping, in the room of one that was closed.
    #[inline]
    pub(super) fn open_mapping(&mut self) -> OpenMapping {
        OpenMapping { mapping: self.spare.pop().unwrap_or_default(), ..OpenMapping::default() }
    }

    /// The mapping, in no more memory than it needs: a project's definitions are all held at once.
    #[inline]
    pub(super) fn close(&mut self, mut open: OpenMapping) -> Mapping {
        let closed = open.mapping.take_exactly();
        self.spare.push(open.mapping);
        closed
    }

    /// Judges a key before its value is read.
    pub(super) fn key(&mut self, mapping: &mut OpenMapping, key: Key<'t>) -> Result<Next, Abort> {
        let Key { head, span, properties, .. } = key;
        let text = match head {
            Head::Plain(text) if properties.tag.is_none() => {
                if text == "<<" && properties.is_empty() {
                    return Ok(self.merge_key(mapping, span));
                }
                self.check_plain_key(&text, span);
                CompactString::from(text)
            }
            Head::Plain(text) | Head::Quoted(text) => {
                if let Some(tag) = properties.tag
                    && tag.core() != Some("str")
                {
                    self.report_here(finding::tag(tag.text, tag.span));
                }
                CompactString::from(text)
            }
            Head::Node(Node { value: Value::String(text), .. }) => text,
            Head::Node(node) => {
                self.report_here(finding::key(node.value.type_name(), span));
                return Ok(Next::Drop);
            }
        };
        if properties.anchor.is_some() {
            self.count(1, span)?;
            let node = Node { value: Value::String(text.clone()), span };
            self.anchor(&properties, &node, self.nodes - 1)?;
        }
        Ok(self.set_key(mapping, text, span))
    }

    /// What becomes of the value of a key that is a string: set, unless the key has been set
    /// before.
    #[inline]
    pub(super) fn set_key(
        &mut self,
        mapping: &mut OpenMapping,
        text: CompactString,
        span: Span,
    ) -> Next {
        let first = mapping.position(&text).filter(|_| !mapping.unmerge(&text));
        let Some(first) = first.and_then(|position| mapping.entry(position)) else {
            return Next::Set(text, span);
        };
        let diagnostic = finding::duplicate(&text, first.key_span, span);
        self.path.push(super::Step::key(span));
        self.report_here(diagnostic);
        self.path.pop();
        Next::Drop
    }

    #[inline]
    fn check_plain_key(&mut self, text: &str, span: Span) {
        if scalar::reading(text, self.dialect) == Reading::Text && self.dialect == Dialect::PyYaml {
            return;
        }
        if self.dialect == Dialect::Definition
            && let Some(readings) = scalar::readings(text)
        {
            self.report_here(finding::ambiguous_key(text, &readings, span));
            return;
        }
        let reading = scalar::reading(text, self.dialect);
        if reading != Reading::Text {
            let diagnostic = finding::key(&reading.to_string(), span);
            self.report_here(diagnostic.with_help("put the key in quotes"));
        }
    }

    fn merge_key(&mut self, mapping: &mut OpenMapping, span: Span) -> Next {
        match &mut mapping.merge {
            None => {
                mapping.merge = Some(Box::new(Merge { merge_key: span, keys: HashSet::new() }));
            }
            Some(merge) => {
                let diagnostic = finding::duplicate("<<", merge.merge_key, span);
                self.report_here(diagnostic.with_help("write one `<<` with a list of mappings"));
            }
        }
        Next::Merge(span)
    }

    /// Puts a value where its key says.
    #[inline]
    pub(super) fn add(&mut self, mapping: &mut OpenMapping, next: Next, value: Node) {
        match next {
            Next::Set(key, key_span) => {
                let entry = Entry { key, key_span, value };
                if mapping.merge.is_some()
                    && let Some(position) = mapping.position(&entry.key)
                    && let Some(merged) = mapping.mapping.iter_mut().nth(position)
                {
                    // It came by `<<` and is now written out.
                    *merged = entry;
                    return;
                }
                mapping.push(entry);
            }
            Next::Drop => {}
            Next::Merge(span) => self.merge(mapping, value, span),
        }
    }

    /// Takes the entries of a mapping, or of each of a list of mappings, that are not there yet.
    fn merge(&mut self, mapping: &mut OpenMapping, node: Node, merge_key: Span) {
        let mut sources = Vec::new();
        match node.value {
            Value::Mapping(source) => sources.push(source),
            Value::Sequence(items) => {
                for item in items {
                    match item.value {
                        Value::Mapping(source) => sources.push(source),
                        other => {
                            self.report_here(finding::merge_of(other.type_name(), item.span));
                        }
                    }
                }
            }
            other => self.report_here(finding::merge_of(other.type_name(), node.span)),
        }
        let mut overridden = None;
        for entry in sources.into_iter().flatten() {
            match mapping.position(&entry.key) {
                None => {
                    if let Some(merge) = &mut mapping.merge {
                        merge.keys.insert(entry.key.clone());
                    }
                    mapping.push(entry);
                }
                Some(position) if !mapping.is_merged(&entry.key) => {
                    let written = mapping.entry(position);
                    overridden = overridden.or(written.map(|e| (e.key.clone(), e.key_span)));
                }
                Some(_) => {}
            }
        }
        if let Some((key, key_span)) = overridden
            && self.dialect == Dialect::Definition
        {
            self.report_here(finding::merge_after(&key, key_span, merge_key));
        }
    }
}
