//! Collections in brackets.

use super::cursor::is_flow_indicator;
use super::mapping::{Key, Next, OpenMapping};
use super::property::Properties;
use super::{Abort, Head, Reader, Step, syntax};
use crate::tree::{Node, Span, Value};
use crate::yaml::Dialect;

impl<'t> Reader<'t, '_> {
    /// A collection in brackets or braces whose anchor, if any, may not be used inside.
    pub(super) fn anchored_flow_collection(
        &mut self,
        properties: &Properties<'t>,
    ) -> Result<Node, Abort> {
        let outer = self.open_anchors.len();
        self.open_anchors.extend(properties.anchor);
        let node = match self.byte() {
            b'[' => self.flow_sequence(),
            _ => self.flow_mapping(),
        }?;
        self.open_anchors.truncate(outer);
        Ok(node)
    }

    /// Moves to the next thing inside of brackets that were opened at `open`.
    #[inline]
    fn flow_token(&mut self, open: usize) -> Result<u8, Abort> {
        self.skip_blank_lines()?;
        if self.at == self.bytes.len() || self.is_document_marker() {
            let span = self.span(open, open + 1);
            return Err(self.fail_at(&syntax::BRACKET_NOT_CLOSED, span));
        }
        Ok(self.byte())
    }

    fn flow_sequence(&mut self) -> Result<Node, Abort> {
        let open = self.at;
        let span = self.span(open, open + 1);
        self.enter(span)?;
        self.at += 1;
        let mut items = Vec::new();
        loop {
            if self.flow_token(open)? == b']' {
                break;
            }
            self.path.push(Step::item(items.len()));
            items.push(self.flow_item(open)?);
            self.path.pop();
            match self.flow_token(open)? {
                b',' => self.at += 1,
                b']' => break,
                _ => return Err(self.fail(&syntax::COMMA_OR_BRACKET)),
            }
        }
        self.at += 1;
        self.depth -= 1;
        items.shrink_to_fit();
        Ok(Node { value: Value::Sequence(items), span })
    }

    /// A value in brackets, or a mapping of one entry without braces: `[a: b]`.
    fn flow_item(&mut self, open: usize) -> Result<Node, Abort> {
        let (start, line, nodes_before) = (self.at, self.line, self.nodes);
        let (head, span, properties) = self.flow_head()?;
        self.flow_token(open)?;
        if !self.is_at_flow_colon(&head)? {
            return self.flow_value(head, span, &properties, nodes_before);
        }
        self.check_key_end(start, line)?;
        self.at += 1;
        let place = self.span(start, start + 1);
        self.enter(place)?;
        let mut mapping = self.open_mapping();
        self.flow_entry(open, &mut mapping, Key { head, span, properties, is_explicit: false })?;
        self.depth -= 1;
        Ok(Node { value: Value::Mapping(self.close(mapping)), span })
    }

    fn flow_mapping(&mut self) -> Result<Node, Abort> {
        let open = self.at;
        let span = self.span(open, open + 1);
        self.enter(span)?;
        self.at += 1;
        let mut mapping = self.open_mapping();
        loop {
            if self.flow_token(open)? == b'}' {
                break;
            }
            let (start, line) = (self.at, self.line);
            let (head, key_span, properties) = self.flow_head()?;
            let key = Key { head, span: key_span, properties, is_explicit: false };
            self.flow_token(open)?;
            if self.is_at_flow_colon(&key.head)? {
                self.check_key_end(start, line)?;
                self.at += 1;
                self.flow_entry(open, &mut mapping, key)?;
            } else {
                let next = self.key(&mut mapping, key)?;
                self.null_entry(&mut mapping, next, key_span.end as usize)?;
            }
            match self.flow_token(open)? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return Err(self.fail(&syntax::COMMA_OR_BRACE)),
            }
        }
        self.at += 1;
        self.depth -= 1;
        Ok(Node { value: Value::Mapping(self.close(mapping)), span })
    }

    /// The value behind a `:`, as an entry of a mapping.
    fn flow_entry(
        &mut self,
        open: usize,
        mapping: &mut OpenMapping,
        key: Key<'t>,
    ) -> Result<(), Abort> {
        let colon_end = self.at;
        let key_span = key.span;
        let next = self.key(mapping, key)?;
        if matches!(self.flow_token(open)?, b',' | b']' | b'}') {
            return self.null_entry(mapping, next, colon_end);
        }
        self.path.push(Step::key(key_span));
        let nodes_before = self.nodes;
        let (head, span, properties) = self.flow_head()?;
        let value = self.flow_value(head, span, &properties, nodes_before)?;
        self.path.pop();
        self.add(mapping, next, value);
        Ok(())
    }

    fn null_entry(
        &mut self,
        mapping: &mut OpenMapping,
        next: Next,
        at: usize,
    ) -> Result<(), Abort> {
        let span = self.span(at, at);
        self.count(1, span)?;
        self.add(mapping, next, Node { value: Value::Null, span });
        Ok(())
    }

    fn flow_value(
        &mut self,
        head: Head<'t>,
        span: Span,
        properties: &Properties<'t>,
        nodes_before: usize,
    ) -> Result<Node, Abort> {
        match head {
            Head::Node(node) => self.apply(properties, node, nodes_before),
            head => self.scalar(head, span, properties),
        }
    }

    /// A scalar, an alias or a collection.
    fn flow_head(&mut self) -> Result<(Head<'t>, Span, Properties<'t>), Abort> {
        let properties = match self.byte() {
            b'&' | b'!' => self.properties()?,
            _ => Properties::default(),
        };
        if !properties.is_empty() {
            self.skip_blank_lines()?;
        }
        let start = self.at;
        let head = match self.byte() {
            b'"' | b'\'' => Head::Quoted(self.quoted(-1)?),
            b'[' | b'{' => Head::Node(self.anchored_flow_collection(&properties)?),
            b'*' => Head::Node(self.alias(&properties)?),
            b',' | b']' | b'}' if !properties.is_empty() => Head::Plain("".into()),
            _ => {
                let (text, end) = self.flow_plain()?;
                return Ok((Head::Plain(text), self.span(start, end), properties));
            }
        };
        let span = match &head {
            Head::Node(node) if self.bytes[start] != b'*' => node.span,
            _ => self.span(start, self.at),
        };
        Ok((head, span, properties))
    }

    /// Whether a `:` makes a key of what was read last. Readers differ on one that nothing
    /// separates from its value, but for JSON's `"key":value`.
    fn is_at_flow_colon(&mut self, head: &Head<'t>) -> Result<bool, Abort> {
        if self.byte() != b':' {
            return Ok(false);
        }
        let touches = !matches!(head, Head::Plain(_))
            && matches!(self.bytes[self.at - 1], b'"' | b'\'' | b']' | b'}');
        let next = self.peek(1);
        let is_fine = touches
            || self.is_blank_after(1)
            || (is_flow_indicator(next) && self.dialect == Dialect::PyYaml);
        match is_fine {
            true => Ok(true),
            false => Err(self.fail(&syntax::FLOW_COLON)),
        }
    }
}
