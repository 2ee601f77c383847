//! What stands before a value or instead of it: anchors, tags, aliases.

use super::cursor::{is_blank, is_flow_indicator};
use super::{Abort, Reader, finding, syntax};
use crate::tree::{Node, Span, Value};

/// An anchor and a tag.
#[derive(Default)]
pub(super) struct Properties<'t> {
    pub(super) anchor: Option<&'t str>,
    pub(super) tag: Option<Tag<'t>>,
}

/// A tag as it was written, and where.
#[derive(Clone, Copy)]
pub(super) struct Tag<'t> {
    pub(super) text: &'t str,
    pub(super) span: Span,
}

impl<'t> Tag<'t> {
    /// The name of one of YAML's own types.
    pub(super) fn core(&self) -> Option<&'t str> {
        let verbatim = self.text.strip_prefix("!<tag:yaml.org,2002:");
        self.text.strip_prefix("!!").or_else(|| verbatim?.strip_suffix('>'))
    }
}

impl Properties<'_> {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.anchor.is_none() && self.tag.is_none()
    }
}

/// What an anchor stands for.
pub(super) struct Anchored {
    node: Node,
    nodes: usize,
    depth: usize,
}

impl<'t> Reader<'t, '_> {
    /// An anchor, a tag, or both in any order, and the blanks behind them.
    pub(super) fn properties(&mut self) -> Result<Properties<'t>, Abort> {
        let mut properties = Properties::default();
        loop {
            match self.byte() {
                b'&' if properties.anchor.is_none() => {
                    let start = self.at;
                    let name = self.name()?;
                    if self.anchors.contains_key(name) || self.open_anchors.contains(&name) {
                        let span = self.span(start, self.at);
                        self.report_here(finding::anchor_twice(name, span));
                    }
                    properties.anchor = Some(name);
                }
                b'!' if properties.tag.is_none() => properties.tag = Some(self.tag()?),
                b'&' | b'!' => return Err(self.fail(&syntax::PROPERTY_TWICE)),
                _ => return Ok(properties),
            }
            self.skip_spaces();
        }
    }

    /// The name behind `&` or `*`: what PyYAML and Go take for one.
    fn name(&mut self) -> Result<&'t str, Abort> {
        let start = self.at + 1;
        let rest = &self.bytes[start..];
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let length = rest.iter().take_while(|byte| is_name(byte)).count();
        let next = rest.get(length).copied().unwrap_or(0);
        if length == 0 || !(is_blank(next) || matches!(next, b',' | b']' | b'}')) {
            return Err(self.fail(&syntax::NAME));
        }
        self.at = start + length;
        Ok(&self.text[start..self.at])
    }

    fn tag(&mut self) -> Result<Tag<'t>, Abort> {
        let start = self.at;
        let rest = &self.bytes[start..];
        let is_verbatim = rest.get(1) == Some(&b'<');
        let ends = |byte: u8| is_blank(byte) || (!is_verbatim && is_flow_indicator(byte));
        let length = rest.iter().position(|byte| ends(*byte)).unwrap_or(rest.len());
        self.at += length;
        let next = self.byte();
        if !is_blank(next) && !matches!(next, b',' | b']' | b'}') {
            return Err(self.fail(&syntax::TAG_END));
        }
        Ok(Tag { text: &self.text[start..self.at], span: self.span(start, self.at) })
    }

    /// What an alias stands for. Its places stay those of the anchor's text.
    pub(super) fn alias(&mut self, properties: &Properties<'t>) -> Result<Node, Abort> {
        if !properties.is_empty() {
            return Err(self.fail(&syntax::ALIAS_PROPERTY));
        }
        let start = self.at;
        let name = self.name()?;
        let span = self.span(start, self.at);
        let Some(anchored) = self.anchors.get(name).filter(|_| !self.open_anchors.contains(&name))
        else {
            // What it stands for is not known, so what follows from it is not either.
            let is_open = self.open_anchors.contains(&name);
            self.report_here(finding::alias(is_open, span));
            return Err(Abort::Document);
        };
        let (nodes, depth) = (anchored.nodes, anchored.depth);
        self.check_depth(depth, span)?;
        self.count(nodes, span)?;
        let node = self.anchors.get(name).map(|anchored| anchored.node.clone());
        Ok(node.unwrap_or(Node { value: Value::Null, span }))
    }

    /// Gives a collection or a value from the lines below its anchor and its tag.
    pub(super) fn apply(
        &mut self,
        properties: &Properties<'t>,
        node: Node,
        nodes_before: usize,
    ) -> Result<Node, Abort> {
        if properties.is_empty() {
            return Ok(node);
        }
        if let Some(tag) = properties.tag {
            let own = match &node.value {
                Value::Sequence(_) => "seq",
                Value::Mapping(_) => "map",
                _ => "",
            };
            if tag.core() != Some(own) {
                self.report_here(finding::tag(tag.text, tag.span));
            }
        }
        self.anchor(properties, &node, nodes_before)?;
        Ok(node)
    }

    /// Remembers a node under its anchor. The copy counts as much as what is copied, so that
    /// neither anchors nor aliases can make a small text large.
    pub(super) fn anchor(
        &mut self,
        properties: &Properties<'t>,
        node: &Node,
        nodes_before: usize,
    ) -> Result<(), Abort> {
        let Some(name) = properties.anchor else {
            return Ok(());
        };
        let nodes = self.nodes - nodes_before;
        self.count(nodes, node.span)?;
        let node = node.clone();
        self.anchors.insert(name, Anchored { depth: depth(&node), node, nodes });
        Ok(())
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
