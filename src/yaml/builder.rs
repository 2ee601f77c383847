//! Parser events to trees: values, duplicate keys, aliases, merge keys, limits.
//!
//! In: the parser's events with byte ranges. Out: a [`Node`] per document and findings. Everything that YAML has and
//! JSON has not ends here.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use compact_str::CompactString;
use saphyr_parser::{ScalarStyle, Tag};

use super::Dialect;
use super::finding;
use super::read::{MAX_DEPTH, MAX_NODES, TOO_DEEP};
use super::scalar::{self, Reading};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::tree::{Entry, Mapping, Node, Span, Value};

/// A limit is passed: the rest of the text is not read.
pub(super) struct LimitPassed;

/// A scalar as the parser gives it.
pub(super) struct Scalar<'a> {
    pub(super) text: &'a str,
    pub(super) style: ScalarStyle,
    pub(super) anchor: usize,
    pub(super) tag: Option<&'a Tag>,
    pub(super) span: Span,
}

/// Builds the documents of one text.
pub(super) struct Builder<'f> {
    dialect: Dialect,
    found: &'f mut Diagnostics,
    documents: Vec<Node>,
    open: Vec<Frame>,
    anchors: HashMap<usize, Anchored>,
    /// Values made so far, in all documents, those that aliases copied among them.
    nodes: usize,
    /// Findings made so far.
    findings: usize,
}

/// How many findings of one text are reported.
const MAX_FINDINGS: usize = 500;

/// What an anchor stands for.
struct Anchored {
    node: Node,
    nodes: usize,
    depth: usize,
}

/// A collection that is not closed yet.
struct Frame {
    span: Option<Span>,
    anchor: usize,
    /// [`Builder::nodes`] when it was opened.
    nodes: usize,
    kind: Kind,
}

enum Kind {
    Sequence(Vec<Node>),
    Mapping(Box<OpenMapping>),
}

/// A mapping that is not closed yet.
#[derive(Default)]
struct OpenMapping {
    mapping: Mapping,
    next: Next,
    /// Where each key stands in the mapping; only for mappings too large to look through.
    index: HashMap<CompactString, usize>,
    /// The keys that came by `<<`, which a key written out replaces.
    merged: HashSet<CompactString>,
    merge_key: Option<Span>,
}

/// What the next node in a mapping is.
#[derive(Default)]
enum Next {
    #[default]
    Key,
    Value(CompactString, Span),
    /// The value of a key that cannot be used: read and dropped.
    Dropped,
    /// The value of a merge key.
    Merged(Span),
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

    fn push(&mut self, entry: Entry) {
        let position = self.mapping.len();
        if position == LOOKED_THROUGH {
            self.index = self
                .mapping
                .iter()
                .map(|e| e.key.clone())
                .zip(0..)
                .collect();
        }
        if position >= LOOKED_THROUGH {
            self.index.insert(entry.key.clone(), position);
        }
        self.mapping.push(entry);
    }
}

impl<'f> Builder<'f> {
    pub(super) fn new(dialect: Dialect, found: &'f mut Diagnostics) -> Self {
        Self {
            dialect,
            found,
            documents: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            findings: 0,
        }
    }

    /// The documents read.
    pub(super) fn into_documents(self) -> Vec<Node> {
        self.documents
    }

    /// Adds a finding; the last of very many says that it is the last.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.findings += 1;
        match self.findings.cmp(&MAX_FINDINGS) {
            Ordering::Less => self.found.push(diagnostic),
            Ordering::Equal => {
                self.found
                    .push(diagnostic.with_note("further findings in this file are left out"));
            }
            Ordering::Greater => {}
        }
    }

    /// Forgets an unfinished document and all anchors.
    pub(super) fn reset(&mut self) {
        self.open.clear();
        self.anchors.clear();
    }

    /// Whether the next node is a document's root.
    pub(super) fn is_at_root(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether a key of a mapping comes next.
    pub(super) fn at_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Frame { kind: Kind::Mapping(open), .. }) if matches!(open.next, Next::Key)
        )
    }

    pub(super) fn start_sequence(
        &mut self,
        span: Span,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), LimitPassed> {
        self.check_collection_tag(tag, "seq", span);
        self.open(Some(span), span, anchor, Kind::Sequence(Vec::new()))
    }

    /// Opens a mapping; without a `span` it is that of its first key.
    pub(super) fn start_mapping(
        &mut self,
        span: Option<Span>,
        place: Span,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), LimitPassed> {
        self.check_collection_tag(tag, "map", place);
        self.open(span, place, anchor, Kind::Mapping(Box::default()))
    }

    fn open(
        &mut self,
        span: Option<Span>,
        place: Span,
        anchor: usize,
        kind: Kind,
    ) -> Result<(), LimitPassed> {
        if self.at_key() {
            let what = match kind {
                Kind::Sequence(_) => "a sequence",
                Kind::Mapping(_) => "a mapping",
            };
            let diagnostic = finding::key(what, place).with_route(self.route());
            self.report(diagnostic);
        }
        if self.open.len() >= MAX_DEPTH {
            self.report(Diagnostic::error(&code::YAML_LIMIT, place, TOO_DEEP));
            return Err(LimitPassed);
        }
        self.count(1, place)?;
        self.open.push(Frame {
            span,
            anchor,
            nodes: self.nodes - 1,
            kind,
        });
        Ok(())
    }

    /// Closes the innermost collection.
    pub(super) fn end_collection(&mut self, place: Span) -> Result<(), LimitPassed> {
        let Some(frame) = self.open.pop() else {
            return Ok(());
        };
        let value = match frame.kind {
            Kind::Sequence(items) => Value::Sequence(items),
            Kind::Mapping(open) => Value::Mapping(open.mapping),
        };
        let node = Node {
            value,
            span: frame.span.unwrap_or(place),
        };
        self.anchor(frame.anchor, &node, frame.nodes)?;
        self.add(node);
        Ok(())
    }

    pub(super) fn scalar(&mut self, scalar: &Scalar<'_>) -> Result<(), LimitPassed> {
        if self.at_key() && scalar.anchor == 0 {
            self.key(scalar);
            return Ok(());
        }
        self.count(1, scalar.span)?;
        let value = self.value(scalar);
        let node = Node {
            value,
            span: scalar.span,
        };
        self.anchor(scalar.anchor, &node, self.nodes - 1)?;
        if self.at_key() {
            self.key(scalar);
        } else {
            self.add(node);
        }
        Ok(())
    }

    pub(super) fn alias(&mut self, anchor: usize, span: Span) -> Result<(), LimitPassed> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            let is_open = self.open.iter().any(|frame| frame.anchor == anchor);
            let diagnostic = finding::alias(is_open, span).with_route(self.route());
            self.report(diagnostic);
            self.add_or_drop(Node {
                value: Value::Null,
                span,
            });
            return Ok(());
        };
        if self.open.len() + anchored.depth > MAX_DEPTH {
            self.report(Diagnostic::error(&code::YAML_LIMIT, span, TOO_DEEP));
            return Err(LimitPassed);
        }
        let nodes = anchored.nodes;
        self.count(nodes, span)?;
        let Some(node) = self
            .anchors
            .get(&anchor)
            .map(|anchored| anchored.node.clone())
        else {
            return Ok(());
        };
        if !self.at_key() {
            self.add(node);
            return Ok(());
        }
        match node.value {
            Value::String(text) => self.set_key(text, span),
            other => {
                let diagnostic = finding::key(other.type_name(), span).with_route(self.route());
                self.report(diagnostic);
                self.add_or_drop(Node {
                    value: Value::Null,
                    span,
                });
            }
        }
        Ok(())
    }

    /// Counts values; a finding when there are too many.
    fn count(&mut self, nodes: usize, span: Span) -> Result<(), LimitPassed> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        self.report(finding::too_many_nodes(span));
        Err(LimitPassed)
    }

    /// Remembers a node under its anchor. The copy counts as much as what is copied, so that neither anchors nor aliases
    /// can make a small text large.
    fn anchor(
        &mut self,
        anchor: usize,
        node: &Node,
        nodes_before: usize,
    ) -> Result<(), LimitPassed> {
        if anchor == 0 {
            return Ok(());
        }
        let nodes = self.nodes - nodes_before;
        self.count(nodes, node.span)?;
        let node = node.clone();
        self.anchors.insert(
            anchor,
            Anchored {
                depth: depth(&node),
                node,
                nodes,
            },
        );
        Ok(())
    }

    fn add_or_drop(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(Frame {
                kind: Kind::Mapping(open),
                ..
            }) if matches!(open.next, Next::Key) => {
                open.next = Next::Dropped;
            }
            _ => self.add(node),
        }
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node) {
        let Some(frame) = self.open.last_mut() else {
            self.documents.push(node);
            return;
        };
        match &mut frame.kind {
            Kind::Sequence(items) => items.push(node),
            Kind::Mapping(open) => match std::mem::take(&mut open.next) {
                // A collection as a key, which has been reported.
                Next::Key => open.next = Next::Dropped,
                Next::Dropped => {}
                Next::Value(key, key_span) => match open.position(&key) {
                    Some(position) => {
                        // It came by `<<` and is now written out.
                        if let Some(entry) = open.mapping.iter_mut().nth(position) {
                            *entry = Entry {
                                key,
                                key_span,
                                value: node,
                            };
                        }
                    }
                    None => open.push(Entry {
                        key,
                        key_span,
                        value: node,
                    }),
                },
                Next::Merged(span) => self.merge(node, span),
            },
        }
    }

    /// Takes the entries of a mapping, or of each of a list of mappings, that are not there yet.
    fn merge(&mut self, node: Node, merge_key: Span) {
        let sources = match node.value {
            Value::Mapping(mapping) => vec![mapping],
            Value::Sequence(items) => {
                let mut mappings = Vec::new();
                for item in items {
                    match item.value {
                        Value::Mapping(mapping) => mappings.push(mapping),
                        other => {
                            let diagnostic = finding::merge_of(other.type_name(), item.span);
                            self.report(diagnostic.with_route(self.route()));
                        }
                    }
                }
                mappings
            }
            other => {
                let diagnostic = finding::merge_of(other.type_name(), node.span);
                self.report(diagnostic.with_route(self.route()));
                return;
            }
        };
        let Some(Frame {
            kind: Kind::Mapping(open),
            ..
        }) = self.open.last_mut()
        else {
            return;
        };
        let mut overridden = None;
        for entry in sources.into_iter().flatten() {
            match open.position(&entry.key) {
                None => {
                    open.merged.insert(entry.key.clone());
                    open.push(entry);
                }
                Some(position) if !open.merged.contains(&entry.key) => {
                    let written = open.mapping.iter().nth(position);
                    overridden = overridden.or(written.map(|e| (e.key.clone(), e.key_span)));
                }
                Some(_) => {}
            }
        }
        if let Some((key, key_span)) = overridden
            && self.dialect == Dialect::Definition
        {
            let diagnostic = finding::merge_after(&key, key_span, merge_key);
            self.report(diagnostic.with_route(self.route()));
        }
    }

    /// A scalar where a key is expected.
    fn key(&mut self, scalar: &Scalar<'_>) {
        let text = scalar.text;
        if scalar.style == ScalarStyle::Plain && scalar.tag.is_none() {
            if text == "<<" {
                self.merge_key(scalar.span);
                return;
            }
            if self.dialect == Dialect::Definition
                && let Some(readings) = scalar::readings(text)
            {
                let diagnostic = finding::ambiguous_key(text, &readings, scalar.span);
                self.report(diagnostic.with_route(self.route()));
            } else {
                let reading = scalar::reading(text, self.dialect);
                if reading != Reading::Text {
                    let diagnostic = finding::key(&reading.to_string(), scalar.span)
                        .with_help("put the key in quotes");
                    self.report(diagnostic.with_route(self.route()));
                }
            }
        } else if let Some(tag) = scalar.tag
            && !(tag.is_yaml_core_schema() && tag.suffix == "str")
        {
            let diagnostic = finding::key("a value with a tag", scalar.span);
            self.report(diagnostic.with_route(self.route()));
        }
        self.set_key(text.into(), scalar.span);
    }

    fn merge_key(&mut self, span: Span) {
        let Some(frame) = self.open.last_mut() else {
            return;
        };
        frame.span = frame.span.or(Some(span));
        let Kind::Mapping(open) = &mut frame.kind else {
            return;
        };
        open.next = Next::Merged(span);
        if let Some(first) = open.merge_key.replace(span) {
            let diagnostic = finding::duplicate("<<", first, span)
                .with_help("write one `<<` with a list of mappings");
            self.report(diagnostic);
        }
    }

    fn set_key(&mut self, key: CompactString, span: Span) {
        let Some(frame) = self.open.last_mut() else {
            return;
        };
        frame.span = frame.span.or(Some(span));
        let Kind::Mapping(open) = &mut frame.kind else {
            return;
        };
        let first = open.position(&key).filter(|_| !open.merged.remove(&key));
        let first = first.and_then(|position| open.mapping.iter().nth(position));
        let Some(first) = first.map(|entry| entry.key_span) else {
            open.next = Next::Value(key, span);
            return;
        };
        open.next = Next::Dropped;
        let diagnostic = finding::duplicate(&key, first, span);
        self.report(diagnostic.with_route(self.route_to(&key)));
    }

    /// The value of a scalar, by its tag, its style and its text.
    fn value(&mut self, scalar: &Scalar<'_>) -> Value {
        if let Some(tag) = scalar.tag {
            return self.tagged(scalar, tag);
        }
        if scalar.style != ScalarStyle::Plain {
            return Value::from(scalar.text);
        }
        let reading = scalar::reading(scalar.text, self.dialect);
        match reading {
            Reading::HugeInteger | Reading::NotFinite => {
                let diagnostic = finding::number(&reading, scalar.span);
                self.report(diagnostic.with_route(self.route()));
            }
            Reading::Refused => {
                let diagnostic = finding::refused(scalar.span);
                self.report(diagnostic.with_route(self.route()));
            }
            _ if self.dialect == Dialect::Definition => {
                if let Some(readings) = scalar::readings(scalar.text) {
                    let secret = self.last_key().is_some_and(finding::may_be_secret);
                    let diagnostic =
                        finding::ambiguous(scalar.text, &readings, secret, scalar.span);
                    self.report(diagnostic.with_route(self.route()));
                }
            }
            _ => {}
        }
        reading.into_value(scalar.text)
    }

    /// The value of a scalar with one of YAML's own tags. Only texts that all readers take for that type are let through.
    fn tagged(&mut self, scalar: &Scalar<'_>, tag: &Tag) -> Value {
        let kind = if tag.is_yaml_core_schema() {
            tag.suffix.as_str()
        } else {
            ""
        };
        if kind == "str" {
            return Value::from(scalar.text);
        }
        let value = match scalar::readings(scalar.text) {
            Some(_) => Value::from(scalar.text),
            None => scalar::resolve(scalar.text, self.dialect),
        };
        let value = match (kind, value) {
            ("null", Value::Null) => return Value::Null,
            ("bool", value @ Value::Bool(_)) => return value,
            ("int", Value::Number(number)) if !number.is_f64() => return Value::Number(number),
            ("float", Value::Number(number)) => {
                let float = number.as_f64().and_then(serde_json::Number::from_f64);
                return Value::Number(float.unwrap_or(number));
            }
            (_, value) => value,
        };
        let is_known = matches!(kind, "null" | "bool" | "int" | "float");
        let diagnostic = if is_known {
            finding::tag_value(kind, scalar.span)
        } else {
            finding::tag(tag, scalar.span)
        };
        self.report(diagnostic.with_route(self.route()));
        value
    }

    fn check_collection_tag(&mut self, tag: Option<&Tag>, own: &str, span: Span) {
        if let Some(tag) = tag
            && !(tag.is_yaml_core_schema() && tag.suffix == own)
        {
            let diagnostic = finding::tag(tag, span).with_route(self.route());
            self.report(diagnostic);
        }
    }

    fn last_key(&self) -> Option<&str> {
        self.open.iter().rev().find_map(|frame| match &frame.kind {
            Kind::Mapping(open) => match &open.next {
                Next::Value(key, _) => Some(key.as_str()),
                _ => None,
            },
            Kind::Sequence(_) => None,
        })
    }

    /// The route of keys to the node that comes next.
    fn route(&self) -> String {
        let mut route = String::new();
        for frame in &self.open {
            match &frame.kind {
                Kind::Sequence(items) => route.push_str(&format!("[{}]", items.len())),
                Kind::Mapping(open) => {
                    if let Next::Value(key, _) = &open.next {
                        if !route.is_empty() {
                            route.push('.');
                        }
                        route.push_str(key);
                    }
                }
            }
        }
        route
    }

    fn route_to(&self, key: &str) -> String {
        let route = self.route();
        if route.is_empty() {
            key.to_owned()
        } else {
            format!("{route}.{key}")
        }
    }
}

/// How many collections are nested in a node, itself included.
fn depth(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Mapping(mapping) => 1 + mapping.iter().map(|e| depth(&e.value)).max().unwrap_or(0),
        _ => 0,
    }
}
