//! The scan for secrets: one pass over a text, in time linear in its length.
//!
//! It reads YAML as people write it, line by line, and never relies on its being well-formed: where
//! a value could end in two places, it takes the later one.

use std::cell::Cell;
use std::collections::HashSet;
use std::ops::Range;

use super::shapes::{line_end, shapes};
use super::{is_group_key, is_reference_key, is_secret_key};

/// How far back a key is looked for from its colon, in bytes: longer keys are judged by their end.
pub(super) const LONGEST_KEY: usize = 128;

/// How far from `name: DB_PASSWORD` its `value:` is looked for, in bytes.
const SIBLING_REACH: usize = 400;

/// The bytes of a text that look like secrets, in no order; some may overlap.
pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = shapes(text);
    let mut scan = Scan {
        text,
        bytes: text.as_bytes(),
        found: Vec::new(),
        aliases: HashSet::new(),
        siblings_until: 0,
        line: Cell::new(0..0),
    };
    scan.keys();
    scan.anchors();
    found.append(&mut scan.found);
    // Ranges are cut by bytes; their ends are moved outwards to whole characters.
    for range in &mut found {
        while !text.is_char_boundary(range.start) {
            range.start -= 1;
        }
        while !text.is_char_boundary(range.end) {
            range.end += 1;
        }
    }
    found
}

struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    found: Vec<Range<usize>>,
    /// The names of the anchors that secret keys refer to.
    aliases: HashSet<&'a str>,
    /// Up to where values beside names have been hidden.
    siblings_until: usize,
    /// The line that was last asked for: a long one is measured once, not once per key in it.
    line: Cell<Range<usize>>,
}

/// A key in the text.
struct Key<'a> {
    name: &'a str,
    /// Where it starts, its opening quote included.
    start: usize,
    /// The quote that opened before the key and has not closed after it: `"DB_PASSWORD:hunter2"`.
    open_quote: Option<u8>,
}

impl<'a> Scan<'a> {
    /// Looks at everything before a `:` or `=`.
    fn keys(&mut self) {
        let (mut at, mut line_start, mut depth) = (0, 0, 0usize);
        while let Some(byte) = self.bytes.get(at).copied() {
            match byte {
                b'\n' => (line_start, depth) = (at + 1, 0),
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b':' | b'=' => {
                    let key = self.key_before(at);
                    if is_secret_key(key.name) {
                        if let Some(value) = self.value(at + 1, &key, line_start, depth > 0) {
                            at = value.end.max(at + 1);
                            let hidden = &self.bytes[value.start.min(at)..at];
                            if let Some(last) = hidden.iter().rposition(|byte| *byte == b'\n') {
                                (line_start, depth) = (value.start + last + 1, 0);
                            }
                            self.found.push(value);
                            continue;
                        }
                    } else if key.name == "name" {
                        self.sibling_value(at + 1, line_start);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// The key that ends before a separator.
    fn key_before(&self, separator: usize) -> Key<'a> {
        let is_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./$".contains(byte);
        let mut end = separator;
        while end > 0 && matches!(self.bytes[end - 1], b' ' | b'\t') && separator - end < 8 {
            end -= 1;
        }
        let closing = match end.checked_sub(1).map(|at| self.bytes[at]) {
            Some(quote @ (b'"' | b'\'')) => {
                end -= 1;
                // JSON within a JSON text: `"{\"password\": \"x\"}"`.
                while end > 0 && self.bytes[end - 1] == b'\\' {
                    end -= 1;
                }
                Some(quote)
            }
            _ => None,
        };
        let floor = end.saturating_sub(LONGEST_KEY);
        let mut start = end;
        while start > floor && is_key(&self.bytes[start - 1]) {
            start -= 1;
        }
        let name = self.text.get(start..end).unwrap_or_default();
        let opening = match start.checked_sub(1).map(|at| self.bytes[at]) {
            Some(quote @ (b'"' | b'\'')) => Some(quote),
            _ => None,
        };
        Key {
            name,
            start: start - usize::from(opening.is_some()),
            open_quote: if closing.is_none() { opening } else { None },
        }
    }

    /// The bytes of a secret key's value; `None` when it holds no secret or only leads to one.
    fn value(
        &mut self,
        after: usize,
        key: &Key<'_>,
        line_start: usize,
        flow: bool,
    ) -> Option<Range<usize>> {
        if key.name == "secret" && self.bytes.get(after) == Some(&b'/') {
            return None;
        }
        let column = key.start.saturating_sub(line_start);
        if let Some(quote) = key.open_quote {
            return Some(after..self.quoted_end(after, quote, column));
        }
        let start = self.skip(after, b" \t");
        let line_end = self.line_end(start);
        let content = self.skip_properties(start, line_end);
        let rest = self.bytes.get(content..line_end).unwrap_or_default();
        if let Some(alias) = rest.strip_prefix(b"*") {
            let length = alias.iter().take_while(|byte| !b" \t\r,}]".contains(byte)).count();
            self.aliases.extend(self.text.get(content + 1..content + 1 + length));
        }
        match rest.first() {
            None if content > start => Some(start..self.continuation(line_end, column)),
            None => self.nested(start, line_end, key, column),
            Some(quote @ (b'"' | b'\'')) => {
                Some(start..self.quoted_end(content + 1, *quote, column))
            }
            // Its end is only sure to be where the text ends that it is written in.
            Some(b'\\') => Some(start..self.quoted_end(content, b'"', column)),
            Some(b'{') if leads_on(key.name) || self.is_reference(content + 1) => None,
            Some(_) if is_harmless_value(rest) => None,
            Some(_) if flow => Some(start..self.flow_plain_end(start, line_end, column)),
            Some(_) => Some(start..self.continuation(line_end, column)),
        }
    }

    /// A value that begins on the line after its key.
    fn nested(
        &self,
        start: usize,
        end: usize,
        key: &Key<'_>,
        column: usize,
    ) -> Option<Range<usize>> {
        let next = self.skip(end, b" \t\r\n");
        if self.is_reference(next) || leads_on(key.name) && self.is_entry(next) {
            return None;
        }
        let end = self.continuation(end, column);
        (end > next).then_some(start.max(next.min(end))..end)
    }

    /// The end of a quoted value, and of what follows it where that cannot belong to anything else.
    fn quoted_end(&self, from: usize, quote: u8, column: usize) -> usize {
        let mut at = from;
        while let Some(byte) = self.bytes.get(at) {
            match byte {
                b'\\' if quote == b'"' => at += 1,
                byte if *byte == quote => {
                    if quote == b'\'' && self.bytes.get(at + 1) == Some(&b'\'') {
                        at += 1;
                    } else {
                        let line_end = self.line_end(at);
                        let rest = &self.bytes[at + 1..line_end];
                        return if rest.trim_ascii().is_empty() || flow_goes_on(rest) {
                            at + 1
                        } else {
                            self.continuation(line_end, column)
                        };
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.continuation(self.line_end(from), column)
    }

    /// The end of an unquoted value in a flow mapping or sequence.
    fn flow_plain_end(&self, start: usize, line_end: usize, column: usize) -> usize {
        let line_end = start + self.bytes[start..line_end].trim_ascii_end().len();
        (start..line_end)
            .find(|at| {
                matches!(self.bytes[*at], b',' | b'}' | b']')
                    && flow_goes_on(&self.bytes[*at..line_end])
            })
            .unwrap_or_else(|| self.continuation(line_end, column))
    }

    /// The end of the lines that belong to a value whose key stands at `column`: the deeper ones,
    /// and those that are neither an entry nor an item of their own, as a broken text has them.
    fn continuation(&self, from: usize, column: usize) -> usize {
        let mut end = from;
        let mut next = from + 1;
        while next < self.bytes.len() {
            let line_end = self.line_end(next);
            let line = &self.bytes[next..line_end];
            let indent = line.iter().take_while(|byte| **byte == b' ').count();
            let content = line[indent..].trim_ascii();
            if !content.is_empty() {
                let closes = content.iter().all(|byte| b"}],".contains(byte));
                let marker = content.starts_with(b"---") || content == b"...";
                let own = content[0] == b'#'
                    || content[0] == b'-'
                        && content.len() > 1
                        && content[1] == b' '
                        && indent < column
                    || self.is_entry(next + indent);
                if indent <= column && (closes || marker || own) && line[indent] != b'\t' {
                    break;
                }
                end = line_end;
            }
            next = line_end + 1;
        }
        end
    }

    /// Whether an entry of a mapping starts at a byte: a short text, a colon and a space or the
    /// line's end.
    fn is_entry(&self, at: usize) -> bool {
        let end = self.line_end(at).min(at + LONGEST_KEY * 2);
        let line = self.bytes.get(at..end).unwrap_or_default();
        line.trim_ascii_end().ends_with(b":")
            || line.windows(2).any(|pair| matches!(pair, b": " | b":\t"))
    }

    /// Whether a reference to a secret starts at a byte: `secretKeyRef:` followed by a mapping.
    fn is_reference(&self, at: usize) -> bool {
        let start = self.skip(at, b" \t\"'");
        let rest = self.text.get(start..).unwrap_or_default();
        let key = rest.split([':', '"', '\'', ' ', '\n']).next().unwrap_or_default();
        is_reference_key(key) && {
            let value = self.skip(start + key.len(), b"\"': \t");
            matches!(self.bytes.get(value), Some(b'{' | b'\n' | b'\r'))
        }
    }

    /// Hides the `value:` beside `name: DB_PASSWORD`, before or after it.
    fn sibling_value(&mut self, after: usize, line_start: usize) {
        let end = self.line_end(after).min(after + LONGEST_KEY);
        let named = self.bytes[after..end].trim_ascii();
        let length = named.iter().take_while(|byte| !b",}#".contains(byte)).count();
        if !is_secret_key(std::str::from_utf8(&named[..length]).unwrap_or_default().trim()) {
            return;
        }
        // An item that begins with its name has its value behind it, up to the next such item.
        let from = match begins_with_name(&self.bytes[line_start..after]) {
            true => line_start,
            false => line_start.saturating_sub(SIBLING_REACH),
        };
        let from = from.max(self.siblings_until);
        let to = (after + SIBLING_REACH).min(self.bytes.len());
        let to = self.next_named(after, to);
        let mut own_line = from;
        for at in from..to {
            match self.bytes[at] {
                b'\n' => own_line = at + 1,
                b':' if at >= self.siblings_until && self.key_before(at).name == "value" => {
                    let start = self.skip(at + 1, b" \t");
                    let line = self.line_end(start);
                    let column = self.key_before(at).start.saturating_sub(own_line);
                    let end = match self.bytes.get(start) {
                        Some(quote @ (b'"' | b'\'')) => self.quoted_end(start + 1, *quote, column),
                        _ if self.bytes[own_line..at].contains(&b'{') => {
                            self.flow_plain_end(start, line, column)
                        }
                        _ => self.continuation(line, column),
                    };
                    self.siblings_until = end;
                    self.found.push(start.min(end)..end);
                }
                _ => {}
            }
        }
    }

    /// Where the next item that begins with its name does so; `to` if there is none before.
    fn next_named(&self, after: usize, to: usize) -> usize {
        let mut line = self.line_end(after) + 1;
        while line < to {
            let end = self.line_end(line);
            if begins_with_name(&self.bytes[line..end]) {
                return line;
            }
            line = end + 1;
        }
        to
    }

    /// Hides what stands at the anchors that secret keys refer to.
    fn anchors(&mut self) {
        if self.aliases.is_empty() {
            return;
        }
        let (mut line_start, mut until) = (0, 0);
        for at in 0..self.bytes.len() {
            match self.bytes[at] {
                b'\n' => line_start = at + 1,
                b'&' if at >= until => {
                    let line_end = self.line_end(at);
                    let rest = &self.bytes[at + 1..line_end];
                    let length = rest.iter().take_while(|byte| !b" \t\r,}]".contains(byte)).count();
                    let name = self.text.get(at + 1..at + 1 + length).unwrap_or_default();
                    if self.aliases.contains(name) {
                        let start = self.skip(at + 1 + length, b" \t");
                        let indent = &self.bytes[line_start..at];
                        let column = indent.iter().take_while(|byte| b" -".contains(byte)).count();
                        until = match self.bytes.get(start) {
                            Some(quote @ (b'"' | b'\'')) => {
                                self.quoted_end(start + 1, *quote, column)
                            }
                            _ => self.continuation(line_end, column),
                        };
                        self.found.push(start.min(until)..until);
                    }
                }
                _ => {}
            }
        }
    }

    /// The end of the line that holds a byte.
    fn line_end(&self, at: usize) -> usize {
        let line = self.line.take();
        let line = if line.contains(&at) { line } else { at..line_end(self.bytes, at) };
        self.line.set(line.clone());
        line.end
    }

    fn skip(&self, from: usize, what: &[u8]) -> usize {
        let from = from.min(self.bytes.len());
        from + self.bytes[from..].iter().take_while(|byte| what.contains(byte)).count()
    }

    /// The start of what follows a tag and an anchor.
    fn skip_properties(&self, start: usize, end: usize) -> usize {
        let mut at = start;
        while at < end && matches!(self.bytes[at], b'!' | b'&') {
            while at < end && !self.bytes[at].is_ascii_whitespace() {
                at += 1;
            }
            at = self.skip(at, b" \t").min(end);
        }
        at
    }
}

/// Whether a mapping at a key is judged by its own keys: a group of settings, or a reference to a
/// secret.
fn leads_on(key: &str) -> bool {
    is_group_key(key) || is_reference_key(key)
}

/// Whether a line begins an item of a block sequence, and that with its name.
fn begins_with_name(line: &[u8]) -> bool {
    let item = line.trim_ascii_start().strip_prefix(b"- ").map(<[u8]>::trim_ascii_start);
    item.is_some_and(|item| {
        [&b"name:"[..], b"\"name\":", b"'name':"].iter().any(|key| item.starts_with(key))
    })
}

/// Whether what follows a value in a flow mapping or sequence is a next entry or its end, and not
/// more of the value.
fn flow_goes_on(rest: &[u8]) -> bool {
    let closers = rest.iter().take_while(|byte| b"}] \t".contains(byte)).count();
    match rest[closers..].trim_ascii() {
        [] | [b','] => true,
        [b',', next @ ..] => {
            let item = next.trim_ascii_start();
            let spaced = item.len() < next.len();
            let item = &item[..item.len().min(LONGEST_KEY)];
            match item {
                [quote @ (b'"' | b'\''), inner @ ..] => {
                    let length = inner.iter().take_while(|byte| *byte != quote).count();
                    let after = inner.get(length + 1..).unwrap_or_default().trim_ascii_start();
                    match after.first() {
                        Some(b':') => true,
                        Some(b',' | b']' | b'}') => spaced,
                        _ => false,
                    }
                }
                [b'{', inner @ ..] => spaced && is_flow_key(inner.trim_ascii_start()),
                item => spaced && is_flow_key(item),
            }
        }
        _ => false,
    }
}

/// Whether an unquoted key and its colon come first.
fn is_flow_key(text: &[u8]) -> bool {
    let bare = text.iter().take_while(|byte| !b"\"':, {}[]".contains(byte)).count();
    bare > 0
        && text.get(bare) == Some(&b':')
        && matches!(text.get(bare + 1), None | Some(b' ' | b'"'))
}

/// Values that give nothing away: none, a boolean, a secret manager's reference.
pub(super) fn is_harmless_value(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii();
    let bare = rest.iter().take_while(|byte| !b",}".contains(byte)).count();
    if bare < rest.len() && !flow_goes_on(&rest[bare..]) {
        return false;
    }
    let value = rest[..bare].trim_ascii();
    matches!(value, b"true" | b"false" | b"null" | b"~") || value.starts_with(b"secret:/")
}
