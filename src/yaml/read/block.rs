//! Collections by indentation.

use super::cursor::is_blank;
use super::mapping::{Key, Next, OpenMapping};
use super::property::Properties;
use super::{Abort, Head, Reader, Step, syntax};
use crate::tree::{Node, Span, Value};
use crate::yaml::scalar;

/// Where a value is expected.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The column of the collection that it belongs to; -1 for a document's value.
    pub(super) parent: isize,
    /// Whether a mapping or sequence can start in this line: it cannot behind `key:` or `---`.
    pub(super) new_line: bool,
    /// Whether it is a key's value, which may be a sequence in the key's own column.
    pub(super) after_key: bool,
    /// Whether an anchor or a tag stands in the lines above.
    pub(super) has_properties: bool,
}

/// How a mapping begins.
enum Opening<'t> {
    /// With a key that means itself, which has been read with its `:`.
    Simple(&'t str, Span),
    /// With another key, which has been read with its `:`.
    Key(Key<'t>),
    /// With a `?`, which comes next.
    Question,
}

impl Place {
    /// A document's value.
    pub(super) fn root(new_line: bool) -> Self {
        Self { parent: -1, new_line, after_key: false, has_properties: false }
    }

    /// An item of a sequence in a column.
    fn item(parent: isize) -> Self {
        Self { parent, new_line: true, after_key: false, has_properties: false }
    }

    /// A value of a mapping in a column. It may be a collection in the same line only behind a `?`
    /// or its `:`.
    fn entry(parent: isize, is_explicit: bool) -> Self {
        Self { parent, new_line: is_explicit, after_key: true, has_properties: false }
    }
}

impl<'t> Reader<'t, '_> {
    /// The value behind a `:`, `-` or `?`: in the same line, in the next ones, or none.
    fn block_child(&mut self, place: Place) -> Result<Node, Abort> {
        let indicator_end = self.at;
        self.skip_spaces();
        if !self.is_end_of_line() {
            return self.block_node(place);
        }
        self.block_node_below(place, Properties::default(), indicator_end)
    }

    /// The value in the lines below, or none.
    fn block_node_below(
        &mut self,
        place: Place,
        properties: Properties<'t>,
        before: usize,
    ) -> Result<Node, Abort> {
        let column = self.next_token()?.unwrap_or(-1);
        let is_own = column > place.parent
            || (column == place.parent && place.after_key && self.is_at_dash() && column >= 0);
        if !is_own {
            let span = self.span(before, before);
            return self.scalar(Head::Plain("".into()), span, &properties);
        }
        if properties.is_empty() {
            return self.block_node(Place { new_line: true, ..place });
        }
        self.open_anchors.extend(properties.anchor);
        let before = self.nodes;
        let node = self.block_node(Place { new_line: true, has_properties: true, ..place })?;
        self.open_anchors
            .truncate(self.open_anchors.len() - usize::from(properties.anchor.is_some()));
        self.apply(&properties, node, before)
    }

    #[inline]
    fn is_at_dash(&self) -> bool {
        self.byte() == b'-' && self.is_blank_after(1)
    }

    /// A value whose first byte is next.
    pub(super) fn block_node(&mut self, place: Place) -> Result<Node, Abort> {
        let (line, column) = (self.line, self.column());
        if place.new_line
            && let Some((text, span)) = self.simple_key()
        {
            return self.block_mapping(column, Opening::Simple(text, span));
        }
        let properties = match self.byte() {
            b'-' if self.is_blank_after(1) => {
                if !place.new_line {
                    return Err(self.fail(&syntax::DASH));
                }
                return self.block_sequence(column, column == place.parent);
            }
            b'?' if self.is_blank_after(1) => {
                if !place.new_line {
                    return Err(self.fail(&syntax::QUESTION));
                }
                return self.block_mapping(column, Opening::Question);
            }
            b'|' | b'>' => return self.block_text(place.parent, &Properties::default()),
            b'&' | b'!' => {
                let properties = self.properties()?;
                if self.is_end_of_line() {
                    if place.has_properties {
                        return Err(self.fail(&syntax::PROPERTY_TWICE));
                    }
                    let end = self.at;
                    return self.block_node_below(place, properties, end);
                }
                match self.byte() {
                    b'|' | b'>' if !place.has_properties => {
                        return self.block_text(place.parent, &properties);
                    }
                    b'-' if self.is_blank_after(1) => return Err(self.fail(&syntax::DASH)),
                    b'?' if self.is_blank_after(1) => return Err(self.fail(&syntax::QUESTION)),
                    _ => properties,
                }
            }
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'/' | b'_' | b'$' if !place.new_line => {
                let start = self.at;
                let (text, end) = self.block_plain(place.parent)?;
                if self.is_at_colon() {
                    return Err(self.fail(&syntax::COLON));
                }
                return self.plain_scalar(&text, self.span(start, end));
            }
            _ => Properties::default(),
        };
        let nodes_before = self.nodes;
        let head_start = self.at;
        let (head, span) = self.block_head(place.parent, &properties)?;
        if !self.is_at_colon() {
            if place.has_properties && !properties.is_empty() {
                return Err(self.fail(&syntax::PROPERTY_TWICE));
            }
            return match head {
                Head::Node(node) => self.apply(&properties, node, nodes_before),
                head => self.scalar(head, span, &properties),
            };
        }
        if !place.new_line {
            return Err(self.fail(&syntax::COLON));
        }
        self.check_key_end(head_start, line)?;
        self.at += 1;
        let key = Key { head, span, properties, is_explicit: false };
        self.block_mapping(column, Opening::Key(key))
    }

    /// Whether a `:` makes a key of what was read last.
    #[inline]
    fn is_at_colon(&self) -> bool {
        self.byte() == b':' && self.is_blank_after(1)
    }

    /// Demands that a key stands in one line and is not too long for its `:` to be found.
    pub(super) fn check_key_end(&mut self, start: usize, line: usize) -> Result<(), Abort> {
        if self.line != line {
            return Err(self.fail(&syntax::KEY_LINES));
        }
        if self.at - start > super::MAX_KEY
            && self.text[start..self.at].chars().count() > super::MAX_KEY
        {
            return Err(self.fail(&syntax::KEY_LENGTH));
        }
        Ok(())
    }

    /// A scalar, an alias or a collection in brackets, up to the `:` behind it if there is one.
    fn block_head(
        &mut self,
        parent: isize,
        properties: &Properties<'t>,
    ) -> Result<(Head<'t>, Span), Abort> {
        let start = self.at;
        let head = match self.byte() {
            b'"' | b'\'' => Head::Quoted(self.quoted(parent)?),
            b'[' | b'{' => Head::Node(self.anchored_flow_collection(properties)?),
            b'*' => Head::Node(self.alias(properties)?),
            _ => {
                let (text, end) = self.block_plain(parent)?;
                return Ok((Head::Plain(text), self.span(start, end)));
            }
        };
        let span = match &head {
            Head::Node(node) if self.bytes[start] != b'*' => node.span,
            _ => self.span(start, self.at),
        };
        self.skip_spaces();
        if !self.is_at_colon() && !self.is_end_of_line() {
            return Err(self.fail(&syntax::AFTER_VALUE));
        }
        Ok((head, span))
    }

    /// The items of a sequence in a column. An `indentless` one stands in the column of its key.
    fn block_sequence(&mut self, column: isize, indentless: bool) -> Result<Node, Abort> {
        let span = self.span(self.at, self.at + 1);
        self.enter(span)?;
        let mut items = Vec::new();
        loop {
            self.at += 1;
            self.path.push(Step::item(items.len()));
            items.push(self.block_child(Place::item(column))?);
            self.path.pop();
            let Some(next) = self.next_token()? else {
                break;
            };
            if next == column && self.is_at_dash() {
                continue;
            }
            if next < column || (indentless && next == column) {
                break;
            }
            return Err(self.fail(if next > column {
                &syntax::INDENTED_MORE
            } else {
                &syntax::NO_DASH
            }));
        }
        self.depth -= 1;
        items.shrink_to_fit();
        Ok(Node { value: Value::Sequence(items), span })
    }

    /// The entries of a mapping in a column.
    fn block_mapping(&mut self, column: isize, opening: Opening<'t>) -> Result<Node, Abort> {
        let span = match &opening {
            Opening::Simple(_, span) => *span,
            Opening::Key(key) => key.span,
            Opening::Question => self.span(self.at, self.at + 1),
        };
        self.enter(span)?;
        let mut mapping = self.open_mapping();
        let mut opening = Some(opening);
        loop {
            let opening = opening
                .take()
                .or_else(|| self.simple_key().map(|(text, span)| Opening::Simple(text, span)));
            let (next, key_span, is_explicit) = match opening {
                Some(Opening::Simple(text, span)) => {
                    (self.set_key(&mut mapping, text.into(), span), span, false)
                }
                Some(Opening::Key(key)) => self.judged(&mut mapping, key)?,
                Some(Opening::Question) | None => {
                    let key = self.block_key(column)?;
                    self.judged(&mut mapping, key)?
                }
            };
            let value = if is_explicit && !self.explicit_value(column)? {
                self.count(1, key_span)?;
                let span = self.span(key_span.end as usize, key_span.end as usize);
                Node { value: Value::Null, span }
            } else {
                self.path.push(Step::key(key_span));
                let value = self.block_child(Place::entry(column, is_explicit))?;
                self.path.pop();
                value
            };
            self.add(&mut mapping, next, value);
            match self.next_token()? {
                Some(next) if next == column => {}
                Some(next) if next > column => return Err(self.fail(&syntax::INDENTED_MORE)),
                _ => break,
            }
        }
        self.depth -= 1;
        Ok(Node { value: Value::Mapping(self.close(mapping)), span })
    }

    fn judged(
        &mut self,
        mapping: &mut OpenMapping,
        key: Key<'t>,
    ) -> Result<(Next, Span, bool), Abort> {
        let (span, is_explicit) = (key.span, key.is_explicit);
        Ok((self.key(mapping, key)?, span, is_explicit))
    }

    /// The most frequent kind of key: a word without quotes that means itself to all readers, and
    /// its `:`. `None`, and the caret as it was, for all others.
    #[inline]
    fn simple_key(&mut self) -> Option<(&'t str, Span)> {
        if !self.byte().is_ascii_alphabetic() {
            return None;
        }
        let rest = &self.bytes[self.at..];
        let is_word =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
        let length = rest.iter().position(|byte| !is_word(byte))?;
        let is_key = rest[length] == b':' && is_blank(rest.get(length + 1).copied().unwrap_or(0));
        if !is_key || length > super::MAX_KEY {
            return None;
        }
        let text = &self.text[self.at..self.at + length];
        if scalar::may_be_ambiguous(text) {
            return None;
        }
        let span = self.span(self.at, self.at + length);
        self.at += length + 1;
        Some((text, span))
    }

    /// A key in a mapping's column, with the `:` behind it unless it follows a `?`.
    fn block_key(&mut self, column: isize) -> Result<Key<'t>, Abort> {
        let (start, line) = (self.at, self.line);
        match self.byte() {
            b'?' if self.is_blank_after(1) => {
                self.at += 1;
                return self.explicit_key(column);
            }
            b'-' if self.is_blank_after(1) => return Err(self.fail(&syntax::DASH)),
            _ => {}
        }
        let properties = match self.byte() {
            b'&' | b'!' => self.properties()?,
            _ => Properties::default(),
        };
        let (head, span) = self.block_head(column, &properties)?;
        if !self.is_at_colon() {
            let span =
                self.span(start, self.text[start..].find('\n').map_or(self.at, |end| start + end));
            return Err(self.fail_at(&syntax::NO_COLON, span));
        }
        self.check_key_end(start, line)?;
        self.at += 1;
        Ok(Key { head, span, properties, is_explicit: false })
    }

    /// What follows a `?`.
    fn explicit_key(&mut self, column: isize) -> Result<Key<'t>, Abort> {
        let place = Place::entry(column, true);
        let node = self.block_child(place)?;
        let span = node.span;
        Ok(Key {
            head: Head::Node(node),
            span,
            properties: Properties::default(),
            is_explicit: true,
        })
    }

    /// Whether the `:` of an explicit key follows in the mapping's column, and the caret behind it.
    fn explicit_value(&mut self, column: isize) -> Result<bool, Abort> {
        let is_there = self.next_token()? == Some(column) && self.is_at_colon();
        self.at += usize::from(is_there);
        Ok(is_there)
    }
}
