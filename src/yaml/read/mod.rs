//! A text to its documents, in one pass.
//!
//! In: text. Out: a [`Node`] per non-empty document and every finding of the 01 range. A syntax
//! error ends its document only; a passed limit ends the file. Time and memory stay linear in the
//! text, whatever it says: nothing is looked at twice but what a key of one line may turn out to
//! be, and nesting is bounded before the stack is.
//!
//! By what is read: `block` and `flow` collections, `plain`, `quoted` and `literal` texts,
//! `property` (anchors, aliases and tags), `value` (what a scalar means), `mapping` (duplicate and
//! merge keys), all over the `cursor`.

mod block;
mod cursor;
mod finding;
mod flow;
mod literal;
mod mapping;
mod plain;
mod property;
mod quoted;
mod syntax;
mod value;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;

use self::block::Place;
use super::{Dialect, character};
use crate::diagnostic::{Diagnostic, Diagnostics, code, route};
use crate::tree::{Mapping, Node, SourceId, Span};

/// How deep collections may be nested. Kubernetes' own decoders stop at 10,000, people well before
/// 20.
pub const MAX_DEPTH: usize = 128;

/// How many values a file may hold, counting what aliases repeat: some 100 MB in memory.
pub const MAX_NODES: usize = 1_000_000;

/// The largest document, in bytes: what it renders to must fit into a ConfigMap, which etcd holds
/// to 1 MiB.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;

/// How many findings of one text are reported; the text is left after the last.
const MAX_FINDINGS: usize = 500;

/// The longest key that PyYAML and Go find the `:` of, in characters, unless it follows a `?`.
const MAX_KEY: usize = 1024;

/// Reads all documents of a text. What is wrong is added to `found`; a document with a syntax error
/// is left out, one with other findings is returned with what could be read.
pub fn read(source: SourceId, text: &str, dialect: Dialect, found: &mut Diagnostics) -> Vec<Node> {
    if !character::check(source, text, found) {
        return Vec::new();
    }
    let mut reader = Reader::new(source, text, dialect, found);
    let mut documents = Vec::new();
    loop {
        let start = reader.at;
        match reader.document() {
            Ok(Some(node)) if reader.at - start <= MAX_DOCUMENT_BYTES => documents.push(node),
            Ok(Some(node)) => reader.report_large_document(reader.at - start, node.span),
            Ok(None) => return documents,
            Err(Abort::Document) => reader.resume(start),
            Err(Abort::File) => return documents,
        }
        if reader.findings > MAX_FINDINGS {
            return documents;
        }
    }
}

/// Why reading ends early. The finding has been reported.
enum Abort {
    /// The rest of the document is not read.
    Document,
    /// The rest of the text is not read.
    File,
}

/// Reads one text.
struct Reader<'t, 'f> {
    source: SourceId,
    text: &'t str,
    bytes: &'t [u8],
    dialect: Dialect,
    found: &'f mut Diagnostics,
    /// Findings made so far.
    findings: usize,
    /// The next byte.
    at: usize,
    /// The first byte of its line.
    line: usize,
    /// Whether a document has begun.
    has_begun: bool,
    /// How many collections are open.
    depth: usize,
    /// Values made so far in all documents, those that aliases copied among them.
    nodes: usize,
    /// The way from the document to here.
    path: Vec<Step>,
    anchors: HashMap<&'t str, property::Anchored>,
    /// The anchors of collections that are not closed yet.
    open_anchors: Vec<&'t str>,
    /// Emptied mappings, one for each depth that was reached, to collect entries in.
    spare: Vec<Mapping>,
}

/// A step of the way to a value.
#[derive(Clone, Copy)]
enum Step {
    /// The bytes of a key.
    Key(u32, u32),
    /// The position in a sequence.
    Item(u32),
}

/// What stands at a place where a key or a value can be.
enum Head<'t> {
    Plain(Cow<'t, str>),
    Quoted(Cow<'t, str>),
    /// A collection in brackets, or what an alias stands for.
    Node(Node),
}

impl<'t, 'f> Reader<'t, 'f> {
    fn new(source: SourceId, text: &'t str, dialect: Dialect, found: &'f mut Diagnostics) -> Self {
        let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self {
            source,
            text,
            bytes: text.as_bytes(),
            dialect,
            found,
            findings: 0,
            at: start,
            line: start,
            has_begun: false,
            depth: 0,
            nodes: 0,
            path: Vec::new(),
            anchors: HashMap::new(),
            open_anchors: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// The next document that is not empty, with whatever ends it.
    fn document(&mut self) -> Result<Option<Node>, Abort> {
        self.depth = 0;
        self.path.clear();
        self.anchors.clear();
        self.open_anchors.clear();
        loop {
            self.skip_blank_lines()?;
            if self.at == self.bytes.len() {
                return Ok(None);
            }
            let node = if self.is_document_marker() {
                let is_end = self.byte() == b'.';
                if is_end && !self.has_begun {
                    return Err(self.fail(&syntax::NO_DOCUMENT));
                }
                self.has_begun = true;
                self.at += 3;
                if is_end {
                    self.end_of_line("`...`")?;
                    continue;
                }
                self.skip_spaces();
                if self.is_end_of_line() {
                    match self.next_token()? {
                        None => continue,
                        Some(_) => self.block_node(Place::root(true))?,
                    }
                } else {
                    self.block_node(Place::root(false))?
                }
            } else if self.byte() == b'%' && self.column() == 0 {
                self.directive()?;
                continue;
            } else if self.has_begun {
                return Err(self.fail(&syntax::NO_DOCUMENT_START));
            } else {
                self.block_node(Place::root(true))?
            };
            self.has_begun = true;
            if self.next_token()?.is_some() {
                return Err(self.fail(&syntax::TRAILING));
            }
            return Ok(Some(node));
        }
    }

    /// `%YAML 1.2` and the like. Go's reader refuses all but `%YAML 1.1`, so definitions have none.
    fn directive(&mut self) -> Result<(), Abort> {
        let rest = &self.text[self.at..];
        if self.dialect == Dialect::Definition || !rest.starts_with("%YAML 1.") {
            return Err(self.fail(&syntax::DIRECTIVE));
        }
        self.skip_line();
        self.skip_blank_lines()?;
        if self.is_document_marker() && self.byte() == b'-' {
            return Ok(());
        }
        Err(self.fail(&syntax::NO_DOCUMENT_START))
    }

    /// Goes on to the next line that starts a document.
    fn resume(&mut self, start: usize) {
        if self.at > start && self.is_document_marker() {
            return;
        }
        let mut from = self.at;
        while let Some(newline) = self.text[from..].find("\n---") {
            from += newline + 1;
            self.at = from;
            self.line = from;
            if self.is_document_marker() {
                return;
            }
        }
        self.at = self.bytes.len();
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { source: self.source, start: offset(start), end: offset(end) }
    }

    /// The character at a place; nothing at the end of a line.
    fn span_at(&self, at: usize) -> Span {
        let length = match self.text.get(at..).and_then(|rest| rest.chars().next()) {
            None | Some('\n' | '\r') => 0,
            Some(character) => character.len_utf8(),
        };
        self.span(at, at + length)
    }

    /// Adds a finding; the last of very many says that it is the last.
    fn report(&mut self, diagnostic: Diagnostic) {
        self.findings += 1;
        match self.findings.cmp(&MAX_FINDINGS) {
            Ordering::Less => self.found.push(diagnostic),
            Ordering::Equal => {
                self.found.push(diagnostic.with_note("further findings in this file are left out"));
            }
            Ordering::Greater => {}
        }
    }

    /// Adds a finding about the value that is being read.
    fn report_here(&mut self, diagnostic: Diagnostic) {
        let route = self.route();
        self.report(diagnostic.with_route(route));
    }

    /// Reports a syntax error at the next byte.
    #[must_use]
    #[cold]
    fn fail(&mut self, syntax: &syntax::Syntax) -> Abort {
        // The end of the text shows nothing: point behind the last thing that is there.
        let at = match self.at == self.bytes.len() {
            true => self.text.trim_end().len(),
            false => self.at,
        };
        self.fail_at(syntax, self.span_at(at))
    }

    /// Reports a syntax error at a place.
    #[must_use]
    #[cold]
    fn fail_at(&mut self, syntax: &syntax::Syntax, span: Span) -> Abort {
        self.report(syntax.at(span));
        Abort::Document
    }

    /// Counts values; a finding when there are too many.
    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Abort> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        self.report(finding::too_many_nodes(span));
        Err(Abort::File)
    }

    /// Opens a collection, which is closed by taking one from `depth`.
    fn enter(&mut self, span: Span) -> Result<(), Abort> {
        self.count(1, span)?;
        self.check_depth(1, span)?;
        self.depth += 1;
        Ok(())
    }

    fn check_depth(&mut self, more: usize, span: Span) -> Result<(), Abort> {
        if self.depth + more <= MAX_DEPTH {
            return Ok(());
        }
        let message = "collections are nested deeper than 128 levels";
        self.report(Diagnostic::error(&code::YAML_LIMIT, span, message));
        Err(Abort::File)
    }

    fn report_large_document(&mut self, bytes: usize, span: Span) {
        let message = format!("this document has {bytes} bytes; 1 MiB is the most");
        let start = self.span(span.start as usize, span.start as usize);
        self.report(
            Diagnostic::error(&code::YAML_LIMIT, start, message)
                .with_note("a Kubernetes object, which it becomes part of, holds at most 1 MiB"),
        );
    }

    /// The route of keys to the value that is being read.
    fn route(&self) -> String {
        let mut route = String::new();
        for step in &self.path {
            match step {
                Step::Item(position) => route::push_index(&mut route, *position as usize),
                Step::Key(..) => route::push_key(&mut route, self.key_text(*step)),
            }
        }
        route
    }

    /// A key as it was written, without quotes.
    fn key_text(&self, step: Step) -> &'t str {
        let Step::Key(start, end) = step else {
            return "";
        };
        self.text[start as usize..end as usize].trim_matches(['"', '\''])
    }

    /// The innermost key on the way.
    fn last_key(&self) -> &'t str {
        let key = self.path.iter().rev().find(|step| matches!(step, Step::Key(..)));
        key.map_or("", |step| self.key_text(*step))
    }
}

impl Step {
    fn key(span: Span) -> Self {
        Self::Key(span.start, span.end)
    }

    fn item(position: usize) -> Self {
        Self::Item(u32::try_from(position).unwrap_or(u32::MAX))
    }
}
