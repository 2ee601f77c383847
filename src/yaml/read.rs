//! A text to its documents.
//!
//! In: text. Out: a [`Node`] per non-empty document and every finding of the 01 range. A syntax error ends its document
//! only; a passed limit ends the file. Time and memory stay linear in the text, whatever it says.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as Marks};

use super::builder::{Builder, LimitPassed, Scalar};
use super::offset::Offsets;
use super::{Dialect, character, chunk, syntax};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::tree::{Node, SourceId, Span};

/// How deep collections may be nested. Kubernetes' own decoders stop at 10,000, people well before 20.
pub const MAX_DEPTH: usize = 128;

/// How many values a file may hold, counting what aliases repeat: some 100 MB in memory.
pub const MAX_NODES: usize = 1_000_000;

/// The largest document, in bytes: what it renders to must fit into a ConfigMap, which etcd holds to 1 MiB. The
/// parser's memory is bounded by this too, for it looks ahead to the end of a collection in brackets.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;

/// How many syntax errors of one file are reported.
const MAX_SYNTAX_ERRORS: usize = 50;

pub(super) const TOO_DEEP: &str = "collections are nested deeper than 128 levels";

/// Reads all documents of a text. What is wrong is added to `found`; a document with a syntax error is left out, one
/// with other findings is returned with what could be read.
pub fn read(source: SourceId, text: &str, dialect: Dialect, found: &mut Diagnostics) -> Vec<Node> {
    if !character::check(source, text, found) {
        return Vec::new();
    }
    let mut builder = Builder::new(dialect, found);
    let mut errors = 0;
    for range in chunk::split(text) {
        let chunk = Chunk::new(source, text, range);
        match chunk.read(&mut builder) {
            Ok(()) => {}
            Err(Stopped::Syntax(diagnostic)) => {
                builder.report(*diagnostic);
                errors += 1;
                if errors == MAX_SYNTAX_ERRORS {
                    break;
                }
            }
            Err(Stopped::LimitPassed) => break,
        }
        builder.reset();
    }
    builder.into_documents()
}

/// Why reading a chunk ended early.
enum Stopped {
    Syntax(Box<Diagnostic>),
    LimitPassed,
}

impl From<LimitPassed> for Stopped {
    fn from(_: LimitPassed) -> Self {
        Self::LimitPassed
    }
}

/// A part of a text that holds whole documents.
struct Chunk<'t> {
    source: SourceId,
    text: &'t str,
    /// Where it begins in the source.
    start: usize,
    offsets: Offsets<'t>,
}

impl<'t> Chunk<'t> {
    fn new(source: SourceId, text: &'t str, range: Range<usize>) -> Self {
        let start = range.start;
        let text = &text[range];
        Self {
            source,
            text,
            start,
            offsets: Offsets::new(text),
        }
    }

    fn read(&self, builder: &mut Builder<'_>) -> Result<(), Stopped> {
        if self.text.len() > MAX_DOCUMENT_BYTES {
            let place = self.text.find(|c: char| !c.is_whitespace()).unwrap_or(0);
            builder.report(
                Diagnostic::error(
                    &code::YAML_LIMIT,
                    self.span(place..place + 1),
                    format!(
                        "this document has {} bytes; 1 MiB is the most",
                        self.text.len()
                    ),
                )
                .with_note("a Kubernetes object, which it becomes part of, holds at most 1 MiB"),
            );
            return Ok(());
        }
        let mut place = Place {
            chunk: self,
            consumed: 0,
            has_tabs: self.text.contains('\t'),
            dash: 0,
        };
        for event in Parser::new_from_str(self.text) {
            let (event, marks) = event.map_err(|error| self.syntax_error(&error))?;
            place.take(event, marks, builder)?;
        }
        Ok(())
    }

    fn span(&self, range: Range<usize>) -> Span {
        let offset = |at: usize| u32::try_from(self.start + at).unwrap_or(u32::MAX);
        Span {
            source: self.source,
            start: offset(range.start),
            end: offset(range.end),
        }
    }

    fn syntax_error(&self, error: &ScanError) -> Stopped {
        let at = self.offsets.byte(error.marker().index());
        let line_start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text[line_start..].lines().next().unwrap_or("");
        let bare = line.find(['\'', '"', '#']).unwrap_or(line.len());
        if let Some(tab) = line[..bare].find('\t') {
            let at = line_start + tab;
            return Stopped::Syntax(Box::new(tabs(self.span(at..at + 1))));
        }
        // The end of the text has nothing to point at: take the last line that says something.
        let at = match self.text[at..].trim().is_empty() {
            true => self.text.trim_end().len(),
            false => at,
        };
        let length = self.text[at..]
            .chars()
            .next()
            .map_or(0, |c| if c == '\n' { 0 } else { c.len_utf8() });
        Stopped::Syntax(Box::new(syntax::describe(
            error,
            self.span(at..at + length),
            line,
        )))
    }
}

/// The finding of a tab where spaces belong.
fn tabs(span: Span) -> Diagnostic {
    Diagnostic::error(&code::YAML_TAB, span, "a tab stands where only spaces can")
        .with_label("a tab")
        .with_note("PyYAML refuses tabs outside quotes, comments and blocks of text; YAML refuses them as indentation")
        .with_help("use spaces; a tab that is part of a text is \"\\t\" in double quotes")
}

/// How far a chunk has been read.
struct Place<'c, 't> {
    chunk: &'c Chunk<'t>,
    /// The byte after the last scalar.
    consumed: usize,
    has_tabs: bool,
    /// The byte after the last dash that opened a sequence.
    dash: usize,
}

impl Place<'_, '_> {
    fn take(
        &mut self,
        event: Event<'_>,
        marks: Marks,
        builder: &mut Builder<'_>,
    ) -> Result<(), Stopped> {
        let chunk = self.chunk;
        let start = chunk.offsets.byte(marks.start.index());
        let here = || chunk.span(start..start + usize::from(start < chunk.text.len()));
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_empty = text.is_empty() && style == ScalarStyle::Plain;
                let has_properties = anchor != 0 || tag.is_some();
                if is_empty && !has_properties && builder.is_at_root() {
                    return Ok(());
                }
                let range = if is_empty {
                    self.empty_scalar(start, has_properties)
                } else {
                    let start = if has_properties {
                        self.after_properties(start)
                    } else {
                        start
                    };
                    self.scalar(start, chunk.offsets.byte(marks.end.index()), style)
                };
                self.pass(
                    &range,
                    chunk.offsets.byte(marks.end.index()),
                    style,
                    builder,
                );
                let (span, tag) = (chunk.span(range), tag.as_deref());
                builder.scalar(&Scalar {
                    text: &text,
                    style,
                    anchor,
                    tag,
                    span,
                })?;
            }
            Event::SequenceStart(anchor, tag) => {
                let at = self.sequence_start(start);
                builder.start_sequence(chunk.span(at..at + 1), anchor, tag.as_deref())?;
            }
            Event::MappingStart(anchor, tag) => {
                let span = chunk.text[start..].starts_with('{').then(here);
                builder.start_mapping(span, here(), anchor, tag.as_deref())?;
            }
            Event::SequenceEnd | Event::MappingEnd => builder.end_collection(here())?,
            Event::Alias(anchor) => {
                let range = start..chunk.offsets.byte(marks.end.index());
                self.pass(&range, range.end, ScalarStyle::Plain, builder);
                builder.alias(anchor, chunk.span(range))?;
            }
            Event::DocumentEnd | Event::StreamEnd => {
                self.pass(&(start..start), start, ScalarStyle::Plain, builder);
                builder.reset();
            }
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {}
        }
        Ok(())
    }

    /// The bracket or the first dash of a sequence. The parser places a sequence in the column of its key behind the dash.
    fn sequence_start(&mut self, start: usize) -> usize {
        let from = self.consumed.max(self.dash).min(start);
        let before = &self.chunk.text[from..start];
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        let at = before[line..]
            .find('-')
            .map_or(start, |dash| from + line + dash);
        self.dash = at + 1;
        at
    }

    /// Where a value that is not written stands: after the `:` or `-` that announces it.
    fn empty_scalar(&self, start: usize, has_properties: bool) -> Range<usize> {
        let at = match self.chunk.text.as_bytes().get(start) {
            Some(b':' | b'-' | b'?') => start + 1,
            _ if has_properties => start,
            _ => self.consumed,
        };
        at..at
    }

    /// Past the anchor and the tag in front of a scalar.
    fn after_properties(&self, start: usize) -> usize {
        let mut at = start;
        while let rest = &self.chunk.text[at..]
            && rest.starts_with(['&', '!'])
        {
            let value = rest.trim_start_matches(|c: char| !c.is_ascii_whitespace());
            at += rest.len() - value.trim_ascii_start().len();
        }
        at
    }

    /// The bytes of a scalar with its quotes, without what the parser takes along behind them.
    fn scalar(&self, start: usize, end: usize, style: ScalarStyle) -> Range<usize> {
        let written = &self.chunk.text[start..end.max(start)];
        let bytes = written.as_bytes();
        let length = match style {
            ScalarStyle::Plain => written.len(),
            ScalarStyle::Literal | ScalarStyle::Folded => written.trim_ascii_end().len(),
            ScalarStyle::SingleQuoted => {
                let mut at = 1;
                while at < bytes.len() && (bytes[at] != b'\'' || bytes.get(at + 1) == Some(&b'\''))
                {
                    at += if bytes[at] == b'\'' { 2 } else { 1 };
                }
                at + 1
            }
            ScalarStyle::DoubleQuoted => {
                let mut at = 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at + 1
            }
        };
        start..(start + length.min(written.len()))
    }

    /// Moves on behind a scalar, looking at what lies before it: indicators, blanks and comments.
    fn pass(
        &mut self,
        scalar: &Range<usize>,
        end: usize,
        style: ScalarStyle,
        builder: &mut Builder<'_>,
    ) {
        let from = self.consumed;
        self.consumed = end.max(scalar.end).max(from);
        if !self.has_tabs {
            return;
        }
        let text = self.chunk.text;
        let mut tab = None;
        let mut at = from;
        for line in text[from.min(scalar.start)..scalar.start].split_inclusive('\n') {
            let comment = line.starts_with('#').then_some(0);
            let comment = comment
                .or_else(|| line.find(" #"))
                .or_else(|| line.find("\t#"));
            let code = &line[..comment.unwrap_or(line.len())];
            tab = tab.or(code.find('\t').map(|within| at + within));
            at += line.len();
        }
        if style == ScalarStyle::Plain {
            tab = tab.or(text[scalar.clone()]
                .find('\t')
                .map(|within| scalar.start + within));
        }
        if let Some(at) = tab {
            builder.report(tabs(self.chunk.span(at..at + 1)));
        }
    }
}
