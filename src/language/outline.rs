//! A text that may not be YAML at the moment, as the tree that its indentation shows.
//!
//! In: the text of one document, half of a word typed or a bracket open. Out: a tree in which every
//! scalar is a text, as written, with the place of each key and value. It finds nothing wrong and
//! resolves no alias: what counts is read by [`yaml`](crate::yaml); this is for what an editor asks
//! while that reader has no answer. Time is linear in the text and nesting is bounded.

use std::ops::Range;

use crate::tree::{Entry, Mapping, Node, SourceId, Span, Value};

/// How deep it looks; what people nest is well below.
const MAX_DEPTH: usize = 64;

/// The documents of a file: the bytes of each, without the lines that part them.
pub fn documents(text: &str) -> Vec<Range<usize>> {
    let mut documents = Vec::new();
    let mut start = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let mark = line.trim_end();
        if mark == "---" || mark == "..." || mark.starts_with("--- ") {
            documents.push(start..at);
            start = at + line.len();
        }
        at += line.len();
    }
    documents.push(start..text.len());
    documents
}

/// The tree of a document, its spans counted from `base`.
pub fn read(text: &str, source: SourceId, base: usize) -> Node {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        let indent = content.len() - content.trim_start().len();
        if indent < content.len() && !content[indent..].starts_with('#') {
            lines.push(Line { start, indent, end: start + content.len() });
        }
        start += line.len();
    }
    let mut reader = Reader { text, source, base, lines, at: 0, column: 0, depth: 0 };
    reader.column = reader.lines.first().map_or(0, |line| line.indent);
    reader.block(0)
}

#[derive(Clone, Copy)]
struct Line {
    start: usize,
    indent: usize,
    end: usize,
}

struct Reader<'t> {
    text: &'t str,
    source: SourceId,
    base: usize,
    /// The lines with something in them.
    lines: Vec<Line>,
    at: usize,
    /// Where the content of the line begins, behind the dashes that were taken.
    column: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    /// The rest of the line: its column, first byte and the byte after its last.
    fn current(&self) -> Option<(usize, usize, usize)> {
        let line = self.lines.get(self.at)?;
        Some((self.column, line.start + self.column, line.end))
    }

    fn advance(&mut self) {
        self.at += 1;
        self.column = self.lines.get(self.at).map_or(0, |line| line.indent);
    }

    /// Goes to the first line that begins at or after a byte.
    fn advance_to(&mut self, offset: usize) {
        while self.current().is_some_and(|(_, start, _)| start < offset) {
            self.advance();
        }
    }

    /// Passes over the lines that are indented deeper.
    fn skip_below(&mut self, column: usize) {
        while self.current().is_some_and(|(at, ..)| at > column) {
            self.advance();
        }
    }

    fn span(&self, range: Range<usize>) -> Span {
        let number = |at: usize| u32::try_from(self.base + at).unwrap_or(u32::MAX);
        Span { source: self.source, start: number(range.start), end: number(range.end) }
    }

    fn node(&self, value: impl Into<Value>, range: Range<usize>) -> Node {
        Node::at(value, self.span(range))
    }

    fn scalar(&self, range: Range<usize>) -> Node {
        self.node(unquoted(&self.text[range.clone()]), range)
    }

    /// The value that begins at the current line, if that is indented so far at least.
    fn block(&mut self, least: usize) -> Node {
        let Some((column, offset, end)) = self.current().filter(|(column, ..)| *column >= least)
        else {
            return Node::new(Value::Null);
        };
        if self.depth == MAX_DEPTH {
            self.advance();
            self.skip_below(column);
            return Node::new(Value::Null);
        }
        self.depth += 1;
        let rest = &self.text[offset..end];
        let node = if is_item(rest) {
            self.sequence(column)
        } else if key(rest).is_some() || self.is_key_to_be(column, rest) {
            self.mapping(column)
        } else {
            self.inline(offset, end, least.saturating_sub(1))
        };
        self.depth -= 1;
        node
    }

    /// Whether a line with a word alone stands before the other keys of a mapping, or above the
    /// keys that are to be its value.
    fn is_key_to_be(&self, column: usize, rest: &str) -> bool {
        let next = self.lines.get(self.at + 1).filter(|next| next.indent >= column);
        let is_word = !rest.starts_with(['{', '[', '"', '\'', '|', '>']);
        let has_key = |line: &Line| key(&self.text[line.start + line.indent..line.end]).is_some();
        is_word && next.is_some_and(has_key)
    }

    fn mapping(&mut self, column: usize) -> Node {
        let first = self.current().map_or(0, |(_, offset, _)| offset);
        let mut mapping = Mapping::new();
        while let Some((at, offset, end)) = self.current() {
            let rest = &self.text[offset..end];
            if at < column || (at == column && is_item(rest)) {
                break;
            }
            if at > column {
                self.advance();
                continue;
            }
            let (length, colon) = key(rest).unwrap_or_else(|| (without_comment(rest).len(), None));
            let value = match colon {
                Some(colon) => self.value(offset + colon, end, column),
                None => {
                    self.advance();
                    match self.current() {
                        Some((below, ..)) if below > column => self.block(column + 1),
                        _ => Node::new(Value::Null),
                    }
                }
            };
            mapping.push(Entry {
                key: unquoted(&rest[..length]).into(),
                key_span: self.span(offset..offset + length),
                value,
            });
        }
        self.node(mapping, first..first)
    }

    /// What stands behind a colon or dash at `offset`, on its line or on those below.
    fn value(&mut self, offset: usize, end: usize, column: usize) -> Node {
        let start = self.behind_properties(offset, end);
        if start < end && !self.text[start..end].starts_with('#') {
            return self.inline(start, end, column);
        }
        self.advance();
        match self.current() {
            Some((below, ..)) if below > column => self.block(column + 1),
            // A list may stand as far left as the key that it belongs to.
            Some((below, first, last))
                if below == column && is_item(&self.text[first..last]) && offset != first + 1 =>
            {
                self.sequence(column)
            }
            _ => self.node(Value::Null, offset..offset),
        }
    }

    /// Where the value begins behind spaces, an anchor and a tag.
    fn behind_properties(&self, offset: usize, end: usize) -> usize {
        let mut at = offset;
        loop {
            let rest = &self.text[at..end];
            at += rest.len() - rest.trim_start().len();
            let rest = &self.text[at..end];
            if !rest.starts_with(['&', '!']) {
                return at;
            }
            at += rest.find(char::is_whitespace).unwrap_or(rest.len());
        }
    }

    /// A value that begins on the line, of a key or dash at `column`.
    fn inline(&mut self, offset: usize, end: usize, column: usize) -> Node {
        let rest = &self.text[offset..end];
        match rest.bytes().next() {
            Some(b'{' | b'[') => {
                let mut at = offset;
                let node = self.flow(&mut at, self.end_of_flow(column), self.depth);
                self.advance();
                self.advance_to(at);
                node
            }
            Some(b'|' | b'>') => {
                self.advance();
                let mut last = end;
                while let Some((_, _, end)) = self.current().filter(|(at, ..)| *at > column) {
                    last = end;
                    self.advance();
                }
                self.node(&self.text[offset..last], offset..last)
            }
            _ => {
                let length = quoted(rest).unwrap_or_else(|| without_comment(rest).len());
                self.advance();
                self.skip_below(column);
                self.scalar(offset..offset + length)
            }
        }
    }

    /// How far a bracket that opens on this line may reach at most, if its end is missing.
    fn end_of_flow(&self, column: usize) -> usize {
        let below = self.lines.iter().skip(self.at + 1).take_while(|line| {
            let rest = &self.text[line.start + line.indent..line.end];
            line.indent > column || rest.starts_with(['}', ']'])
        });
        let here = self.lines.get(self.at).map_or(self.text.len(), |line| line.end);
        below.last().map_or(here, |line| line.end)
    }

    fn flow(&self, at: &mut usize, limit: usize, depth: usize) -> Node {
        let start = *at;
        let is_mapping = self.text[start..].starts_with('{');
        *at += 1;
        let (mut mapping, mut items) = (Mapping::new(), Vec::new());
        while let Some(byte) = self.next_in_flow(at, limit) {
            match byte {
                b'}' | b']' => {
                    *at += 1;
                    break;
                }
                b',' | b':' => *at += 1,
                b'{' | b'[' if !is_mapping && depth < MAX_DEPTH => {
                    items.push(self.flow(at, limit, depth + 1));
                }
                // Where no key can stand, or deeper than anyone nests.
                b'{' | b'[' => *at += 1,
                _ if is_mapping => {
                    let range = self.flow_scalar(at, limit);
                    let value = self.flow_value(at, limit, depth);
                    mapping.push(Entry {
                        key: unquoted(&self.text[range.clone()]).into(),
                        key_span: self.span(range),
                        value,
                    });
                }
                _ => {
                    let range = self.flow_scalar(at, limit);
                    items.push(self.scalar(range));
                }
            }
        }
        match is_mapping {
            true => self.node(mapping, start..start + 1),
            false => self.node(items, start..start + 1),
        }
    }

    /// The value of a key in braces; the node of no place when there is no colon.
    fn flow_value(&self, at: &mut usize, limit: usize, depth: usize) -> Node {
        if self.next_in_flow(at, limit) != Some(b':') {
            return Node::new(Value::Null);
        }
        *at += 1;
        let empty = *at..*at;
        *at = self.behind_properties(*at, limit);
        match self.next_in_flow(at, limit) {
            Some(b'{' | b'[') if depth < MAX_DEPTH => self.flow(at, limit, depth + 1),
            None | Some(b',' | b'}' | b']' | b'{' | b'[' | b':') => self.node(Value::Null, empty),
            Some(_) => {
                let range = self.flow_scalar(at, limit);
                self.scalar(range)
            }
        }
    }

    /// The next byte that is no space and in no comment.
    fn next_in_flow(&self, at: &mut usize, limit: usize) -> Option<u8> {
        loop {
            let rest = &self.text[*at..limit];
            *at += rest.len() - rest.trim_start().len();
            let rest = &self.text[*at..limit];
            if !rest.starts_with('#') {
                return rest.bytes().next();
            }
            *at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    /// A scalar in brackets. It takes one character at least.
    fn flow_scalar(&self, at: &mut usize, limit: usize) -> Range<usize> {
        let start = *at;
        let rest = &self.text[start..limit];
        let length = quoted(rest).unwrap_or_else(|| {
            let ends = |(at, character): (usize, char)| {
                let next = rest[at + character.len_utf8()..].chars().next();
                let is_colon = character == ':'
                    && next.is_none_or(|next| next.is_whitespace() || ",{}[]".contains(next));
                (is_colon || ",{}[]\n".contains(character)).then_some(at)
            };
            let end = rest.char_indices().skip(1).find_map(ends).unwrap_or(rest.len());
            without_comment(&rest[..end]).len()
        });
        *at += length.max(rest.chars().next().map_or(0, char::len_utf8));
        start..start + length
    }
}

fn is_item(rest: &str) -> bool {
    rest == "-" || rest.starts_with("- ")
}

impl Reader<'_> {
    fn sequence(&mut self, column: usize) -> Node {
        let first = self.current().map_or(0, |(_, offset, _)| offset);
        let mut items = Vec::new();
        while let Some((at, offset, end)) = self.current() {
            if at < column || (at == column && !is_item(&self.text[offset..end])) {
                break;
            }
            if at > column {
                self.advance();
                continue;
            }
            let start = self.behind_properties(offset + 1, end);
            if start < end && !self.text[start..end].starts_with('#') {
                self.column += start - offset;
                items.push(self.block(column + 1));
            } else {
                items.push(self.value(offset + 1, end, column));
            }
        }
        self.node(items, first..first)
    }
}

/// The length of the key that a line begins with, and where its value may begin.
fn key(rest: &str) -> Option<(usize, Option<usize>)> {
    if rest.starts_with(['{', '[', '#', '|', '>']) {
        return None;
    }
    let behind = |at: usize| rest[at..].starts_with(": ") || rest[at..].trim_end() == ":";
    if let Some(length) = quoted(rest) {
        let at = length + (rest[length..].len() - rest[length..].trim_start().len());
        return behind(at).then_some((length, Some(at + 1)));
    }
    let mut colons = rest.match_indices(':').map(|(at, _)| at);
    let at = colons.find(|at| behind(*at))?;
    // A colon in a comment is none.
    (at > 0 && without_comment(&rest[..at]).len() == rest[..at].trim_end().len())
        .then_some((rest[..at].trim_end().len(), Some(at + 1)))
}

/// The length of a quoted scalar with its quotes; to the end of its line when it is not closed.
fn quoted(rest: &str) -> Option<usize> {
    let quote = rest.chars().next().filter(|first| ['"', '\''].contains(first))?;
    let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
    let mut escaped = false;
    for (at, character) in line.char_indices().skip(1) {
        if character == quote && !escaped {
            return Some(at + 1);
        }
        escaped = quote == '"' && character == '\\' && !escaped;
    }
    Some(line.trim_end().len())
}

/// A plain scalar's text, without a comment behind it.
fn without_comment(rest: &str) -> &str {
    let end = rest.find(" #").unwrap_or(rest.len());
    rest[..end].trim_end()
}

fn unquoted(text: &str) -> &str {
    let Some(quote) = text.chars().next().filter(|first| ['"', '\''].contains(first)) else {
        return text;
    };
    let inner = &text[1..];
    inner.strip_suffix(quote).unwrap_or(inner)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn outline(text: &str) -> Json {
        (&read(text, SourceId(0), 0)).into()
    }

    #[test]
    fn a_sound_text_is_the_tree_that_it_says() {
        let text = "
# a comment: no key
kind: IngestionPipeline   # which
metadata: {name: 'a: b', labels: {team: \"x\"}}
spec:
  list:
  - one
  - name: two
    value: 2
  -
    - deep
  script: |
    not: a key
  far: [a, {b: c},
    d]
  last: &anchor http://host:80/x
";
        assert_eq!(
            outline(text),
            json!({
                "kind": "IngestionPipeline",
                "metadata": {"name": "a: b", "labels": {"team": "x"}},
                "spec": {
                    "list": ["one", {"name": "two", "value": "2"}, ["deep"]],
                    "script": "|\n    not: a key",
                    "far": ["a", {"b": "c"}, "d"],
                    "last": "http://host:80/x",
                },
            })
        );
    }

    #[test]
    fn a_word_without_a_colon_is_a_key_to_be_or_a_value() {
        assert_eq!(outline("a: 1\nser\n"), json!({"a": "1", "ser": null}));
        assert_eq!(outline("ser\na: 1\n"), json!({"ser": null, "a": "1"}));
        assert_eq!(outline("a:\n  wor\n"), json!({"a": "wor"}));
        assert_eq!(outline("a:\n  wor\n  b: 1"), json!({"a": {"wor": null, "b": "1"}}));
        assert_eq!(outline("wor\n  b: 1\nc: 2"), json!({"wor": {"b": "1"}, "c": "2"}));
    }

    #[test]
    fn an_open_bracket_or_quote_ends_with_the_lines_that_belong_to_its_key() {
        assert_eq!(
            outline("a: {b: {c: 1, d:\ne: 2\n"),
            json!({"a": {"b": {"c": "1", "d": null}}, "e": "2"})
        );
        assert_eq!(
            outline("a: \"x\nb: [1, \n  2\nc: 3"),
            json!({"a": "x", "b": ["1", "2"], "c": "3"})
        );
        assert_eq!(outline("a: {\n  b: 1\n}\nc: 2"), json!({"a": {"b": "1"}, "c": "2"}));
    }

    #[test]
    fn spans_are_those_of_the_words_from_the_base_on() {
        let node = read("a: 'x' # y\n", SourceId(3), 10);
        let entry = node.as_mapping().unwrap().entry("a").unwrap();
        let at = |start, end| Span { source: SourceId(3), start, end };
        assert_eq!((entry.key_span, entry.value.span), (at(10, 11), at(13, 16)));
    }

    #[test]
    fn documents_are_parted_by_their_marks() {
        let text = "a: 1\n--- # b\nc: 2\n...\n---\nd: 3";
        let parts = documents(text).into_iter().map(|range| &text[range]).collect::<Vec<_>>();
        assert_eq!(parts, ["a: 1\n", "c: 2\n", "", "d: 3"]);
    }

    #[test]
    fn no_text_is_too_deep_too_broken_or_too_strange() {
        for text in [
            "- ".repeat(100_000),
            "{".repeat(100_000),
            "[{a: ".repeat(50_000),
            (0..2_000).map(|depth| format!("{}k:\n", " ".repeat(depth))).collect(),
            "🦀: {ü: [\u{a0}, \n: : :, }] ]\n\t- x\n? y\n- - :\n\"".to_owned(),
            "a: &\nb: !\n'".to_owned(),
        ] {
            read(&text, SourceId(0), 0);
        }
    }
}
