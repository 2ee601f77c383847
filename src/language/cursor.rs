//! What stands at a place in a text: which field of which definition, as key or as value.
//!
//! In: a text, sound or half typed, and a byte. Out: a [`Cursor`]: the tree of the document there,
//! the route to what is being read or written, and the word. It judges nothing.

use std::ops::Range;

use compact_str::CompactString;

use super::outline;
use crate::tree::{Mapping, Node, SourceId, Span, Value};

/// Put into the text where the cursor is, to be found in the tree. It belongs to nobody's alphabet.
const MARK: char = '\u{F8FF}';

/// A step from a mapping or sequence to what it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// To the value of a key.
    Key(CompactString),
    /// To the item of an index, from 0.
    Item(usize),
}

/// What is written at the cursor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// A key of the mapping that the route leads to.
    Key {
        /// Whether its colon is there.
        colon: bool,
    },
    /// The value that the route leads to.
    Value,
}

/// What stands at a place.
#[derive(Clone, Debug)]
pub struct Cursor {
    /// The document, its scalars as texts.
    pub document: Node,
    /// The way from the document's root to the mapping of the key, or to the value.
    pub route: Vec<Step>,
    /// Key or value.
    pub place: Place,
    /// The word at the cursor, in bytes of the text; may be empty.
    pub word: Range<usize>,
    /// What of the word stands before the cursor.
    pub typed: String,
}

impl Cursor {
    /// Looks at a place; `None` in a comment, in the text of a block, and between the words.
    pub fn at(text: &str, offset: usize) -> Option<Self> {
        let document = outline::documents(text)
            .into_iter()
            .find(|document| document.start <= offset && offset <= document.end)?;
        let mut marked = text.get(document.clone())?.to_owned();
        let local = offset - document.start;
        if !marked.is_char_boundary(local) {
            return None;
        }
        marked.insert(local, MARK);
        let mut tree = outline::read(&marked, SourceId(0), document.start);
        let mut route = Vec::new();
        let mut found = None;
        take_mark(&mut tree, offset, &mut route, &mut found);
        let (place, span) = found?;
        let word = span.start as usize..span.end as usize;
        let before = word.start..offset.max(word.start);
        let typed = text.get(before)?.trim_start_matches(['"', '\'']).to_owned();
        Some(Self { document: tree, route, place, word, typed })
    }

    /// The key at the cursor, or the value.
    pub fn text<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.word.clone()).unwrap_or_default().trim_matches(['"', '\''])
    }

    /// The route to the value of what stands at the cursor: of a key, its own value.
    pub fn field(&self, text: &str) -> Vec<Step> {
        let mut route = self.route.clone();
        if let Place::Key { .. } = self.place {
            route.push(Step::Key(self.text(text).into()));
        }
        route
    }

    /// The node that the route leads to.
    pub fn node(&self) -> Option<&Node> {
        node_at(&self.document, &self.route)
    }

    /// The document without the value that is being written, which would say what it is to be, and
    /// would hide what layers below say.
    pub fn without_word(&self) -> Node {
        let mut document = self.document.clone();
        if let (Place::Value, Some((last, above))) = (self.place, self.route.split_last())
            && let Some(holder) = node_at_mut(&mut document, above)
        {
            match (last, &mut holder.value) {
                (Step::Key(key), Value::Mapping(mapping)) => {
                    mapping.remove(key);
                }
                (Step::Item(index), Value::Sequence(items)) => {
                    if let Some(item) = items.get_mut(*index) {
                        item.value = Value::Null;
                    }
                }
                _ => {}
            }
        }
        document
    }
}

/// The node at the end of a route.
pub fn node_at<'n>(node: &'n Node, route: &[Step]) -> Option<&'n Node> {
    route.iter().try_fold(node, |node, step| match step {
        Step::Key(key) => node.get(key),
        Step::Item(index) => node.as_sequence()?.get(*index),
    })
}

fn node_at_mut<'n>(node: &'n mut Node, route: &[Step]) -> Option<&'n mut Node> {
    route.iter().try_fold(node, |node, step| match (step, &mut node.value) {
        (Step::Key(key), Value::Mapping(mapping)) => mapping.get_mut(key),
        (Step::Item(index), Value::Sequence(items)) => items.get_mut(*index),
        _ => None,
    })
}

/// Takes the mark out of the tree, moves what stands behind it to where it stands without, and says
/// where it was.
fn take_mark(
    node: &mut Node,
    offset: usize,
    route: &mut Vec<Step>,
    found: &mut Option<(Place, Span)>,
) {
    moved(&mut node.span, offset);
    match &mut node.value {
        Value::String(text) if found.is_none() && text.contains(MARK) => {
            *text = text.replace(MARK, "").into();
            // A block of text is written line by line; none of its words is a value.
            if !text.starts_with(['|', '>']) {
                *found = Some((Place::Value, node.span));
            }
        }
        Value::Sequence(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let is_new = found.is_none();
                route.push(Step::Item(index));
                take_mark(item, offset, route, found);
                if !is_new || found.is_none() {
                    route.pop();
                }
            }
        }
        Value::Mapping(mapping) => {
            let entries = std::mem::take(mapping);
            let mut rest = Mapping::with_capacity(entries.len());
            for mut entry in entries {
                moved(&mut entry.key_span, offset);
                let is_new = found.is_none();
                if is_new && entry.key.contains(MARK) {
                    entry.key = entry.key.replace(MARK, "").into();
                    let colon = entry.value.span.is_some();
                    *found = Some((Place::Key { colon }, entry.key_span));
                    take_mark(&mut entry.value, offset, &mut Vec::new(), found);
                } else {
                    route.push(Step::Key(entry.key.clone()));
                    take_mark(&mut entry.value, offset, route, found);
                    if !is_new || found.is_none() {
                        route.pop();
                    }
                }
                rest.push(entry);
            }
            *mapping = rest;
        }
        _ => {}
    }
}

fn moved(span: &mut Span, offset: usize) {
    let length = u32::try_from(MARK.len_utf8()).unwrap_or_default();
    for end in [&mut span.start, &mut span.end] {
        if *end as usize > offset {
            *end -= length;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `|` stands for the cursor. Route, place and word.
    fn at(text: &str) -> Option<(String, Place, String)> {
        let offset = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        let cursor = Cursor::at(&text, offset)?;
        let steps = cursor.route.iter().map(|step| match step {
            Step::Key(key) => key.to_string(),
            Step::Item(index) => index.to_string(),
        });
        let route = steps.collect::<Vec<_>>().join(".");
        Some((route, cursor.place, text[cursor.word].to_owned()))
    }

    fn key(route: &str, colon: bool, word: &str) -> Option<(String, Place, String)> {
        Some((route.to_owned(), Place::Key { colon }, word.to_owned()))
    }

    fn value(route: &str, word: &str) -> Option<(String, Place, String)> {
        Some((route.to_owned(), Place::Value, word.to_owned()))
    }

    #[test]
    fn a_word_in_a_sound_text_is_a_key_or_a_value() {
        let text = "kind: X\nspec:\n  service: sf\n  list: [a, {b: c}]\n";
        let at = |word: &str, length: usize| {
            let mut text = text.to_owned();
            text.insert(text.find(word).unwrap() + length, '|');
            at(&text)
        };
        assert_eq!(at("service", 3), key("spec", true, "service"));
        assert_eq!(at("sf", 2), value("spec.service", "sf"));
        assert_eq!(at("a,", 0), value("spec.list.0", "a"));
        assert_eq!(at("c}", 1), value("spec.list.1.b", "c"));
        assert_eq!(at("kind", 0), key("", true, "kind"));
    }

    #[test]
    fn a_line_that_is_being_written_belongs_to_the_mapping_of_its_column() {
        assert_eq!(at("spec:\n  type: x\n  |\n"), key("spec", false, ""));
        assert_eq!(at("spec:\n  type: x\n|\n"), key("", false, ""));
        assert_eq!(at("spec:\n  |\nkind: x"), value("spec", ""));
        assert_eq!(at("spec:\n  |\n  type: x\n"), key("spec", false, ""));
        assert_eq!(at("spec:\n  ty|\n  service: x"), key("spec", false, "ty"));
        assert_eq!(at("spec:\n  env:\n    - name: a\n      val|"), key("spec.env.0", false, "val"));
        assert_eq!(at("spec:\n  env:\n    - |\n"), value("spec.env.0", ""));
    }

    #[test]
    fn a_value_that_is_being_written_has_the_route_of_its_key() {
        assert_eq!(at("spec:\n  service: |\n  type: x"), value("spec.service", ""));
        assert_eq!(at("spec:\n  service: \"sf|\n  type: x"), value("spec.service", "\"sf"));
        assert_eq!(at("a: {secretKeyRef: {name: |\nb: 1"), value("a.secretKeyRef.name", ""));
        assert_eq!(at("a: {secretKeyRef: {name: x, k|}}"), key("a.secretKeyRef", false, "k"));
        assert_eq!(at("a: {|}"), key("a", false, ""));
    }

    #[test]
    fn a_comment_and_a_block_of_text_are_no_place() {
        assert_eq!(at("a: 1\n# com|ment\n"), None);
        assert_eq!(at("a: >\n  some wo|rds\n"), None);
    }

    #[test]
    fn each_document_is_looked_at_by_itself_and_emoji_shift_nothing() {
        assert_eq!(at("a: {\n---\nb: 🦀\nc: x|y\n"), value("c", "xy"));
        let text = "a: 🦀\nb: x\n";
        let cursor = Cursor::at(text, 4 - 1).unwrap();
        assert_eq!(&text[cursor.word.clone()], "🦀");
        let entry = cursor.document.as_mapping().unwrap().entry("b").unwrap();
        assert_eq!((entry.key_span.start, entry.value.span.start), (8, 11));
    }
}
