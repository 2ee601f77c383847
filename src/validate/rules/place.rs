//! Where a part of a scalar stands, and how a refusal of it becomes a finding.
//!
//! In: a node, and the bytes of its text that are at fault. Out: a span of just these where the
//! text stands in the source as it is, and of the whole scalar otherwise; findings with it. It
//! never sees the source itself.

use std::ops::Range;

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::Refusal;
use crate::tree::{Node, Span};

/// The span of a part of a string. A plain scalar is as long as its text and a quoted one without
/// escapes two bytes longer; of all others (escapes, folded lines, block scalars) the whole is
/// shown.
pub(super) fn part(node: &Node, range: &Range<usize>) -> Span {
    let Some(text) = node.as_str() else {
        return node.span;
    };
    // An escape may be as short as these characters themselves, and a line break stands for a
    // folded or block scalar.
    let deceptive = |c: char| c.is_control() || matches!(c, '\u{a0}' | '\u{2028}' | '\u{2029}');
    if range.is_empty() || !node.span.is_some() || text.contains(deceptive) {
        return node.span;
    }
    let length = node.span.end.saturating_sub(node.span.start) as usize;
    let offset = match length.checked_sub(text.len()) {
        Some(0) => 0,
        Some(2) => 1,
        _ => return node.span,
    };
    let at = |byte: usize| node.span.start + u32::try_from(byte + offset).unwrap_or(0);
    Span { source: node.span.source, start: at(range.start), end: at(range.end) }
}

/// A finding about a refused text: "invalid schedule: the hour is 0 to 23, not 25".
pub(super) fn refused(
    code: &'static Code,
    what: &str,
    span: Span,
    route: &str,
    refusal: Refusal,
) -> Diagnostic {
    let Refusal { reason, help, .. } = refusal;
    Diagnostic::error(code, span, format!("invalid {what}: {reason}"))
        .with_route(route)
        .with_optional_help(help)
}

/// Reads the text of a node into a newtype. Anything but a string is none, and the schema's
/// finding.
pub(super) fn parse<T>(
    node: &Node,
    route: &str,
    (code, what): (&'static Code, &str),
    parse: impl FnOnce(&str) -> Result<T, Refusal>,
    found: &mut Diagnostics,
) -> Option<T> {
    match parse(node.as_str()?) {
        Ok(value) => Some(value),
        Err(refusal) => {
            let span = part(node, &refusal.range);
            found.push(refused(code, what, span, route, refusal));
            None
        }
    }
}

/// Nodes that stand in a text as people write them, for the tests of all rules.
#[cfg(test)]
pub(super) mod written {
    use crate::diagnostic::{Diagnostic, Diagnostics};
    use crate::tree::{Node, SourceId, Span, Value};

    /// A node of JSON, in which every scalar and key stands at its place in a made-up text:
    /// [`Text::part`] finds them.
    pub(in super::super) struct Text {
        text: String,
        pub(in super::super) node: Node,
    }

    impl Text {
        pub(in super::super) fn of(json: serde_json::Value) -> Self {
            let mut text = String::new();
            let mut node = Node::from(json);
            place(&mut node, &mut text);
            Self { text, node }
        }

        pub(in super::super) fn part(&self, span: Span) -> &str {
            assert!(span.is_some(), "the finding has no place");
            &self.text[span.start as usize..span.end as usize]
        }

        /// The findings of a rule, each as its code, severity and the text that it marks.
        pub(in super::super) fn findings<T>(
            &self,
            rule: impl FnOnce(&Node, &mut Diagnostics) -> T,
        ) -> Vec<(&'static str, &str)> {
            self.diagnostics(rule)
                .iter()
                .map(|found| (found.code.id, self.part(found.span)))
                .collect()
        }

        pub(in super::super) fn diagnostics<T>(
            &self,
            rule: impl FnOnce(&Node, &mut Diagnostics) -> T,
        ) -> Vec<Diagnostic> {
            let mut found = Diagnostics::default();
            rule(&self.node, &mut found);
            found.into_sorted()
        }
    }

    fn place(node: &mut Node, text: &mut String) {
        let start = text.len();
        match &mut node.value {
            Value::Sequence(items) => {
                for item in items {
                    text.push_str("- ");
                    place(item, text);
                }
            }
            Value::Mapping(mapping) => {
                let entries = std::mem::take(mapping);
                for mut entry in entries {
                    entry.key_span = write(&entry.key, text);
                    text.push_str(": ");
                    place(&mut entry.value, text);
                    mapping.push(entry);
                }
            }
            Value::String(value) => drop(write(value, text)),
            Value::Number(value) => drop(write(&value.to_string(), text)),
            Value::Bool(value) => drop(write(&value.to_string(), text)),
            Value::Null => drop(write("null", text)),
        }
        let end = if text.len() == start { start } else { text.len() - 1 };
        node.span = span(start, end);
    }

    fn write(scalar: &str, text: &mut String) -> Span {
        let start = text.len();
        text.push_str(scalar);
        text.push('\n');
        span(start, text.len() - 1)
    }

    fn span(start: usize, end: usize) -> Span {
        Span { source: SourceId(0), start: start as u32, end: end as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::SourceId;

    fn node(text: &str, start: u32, end: u32) -> Node {
        Node::at(text, Span { source: SourceId(0), start, end })
    }

    #[test]
    fn the_part_of_a_plain_scalar_is_counted_from_its_start_and_of_a_quoted_one_from_behind_the_quote()
     {
        let plain = part(&node("0 25 * * *", 100, 110), &(2..4));
        assert_eq!((plain.start, plain.end), (102, 104));
        let quoted = part(&node("0 25 * * *", 100, 112), &(2..4));
        assert_eq!((quoted.start, quoted.end), (103, 105));
    }

    #[test]
    fn of_a_scalar_with_escapes_or_lines_the_whole_is_shown() {
        for node in [node("a=b,c", 100, 109), node("a=b\nc", 100, 105), node("a\u{a0}b", 100, 106)]
        {
            assert_eq!(part(&node, &(2..3)), node.span);
        }
        let computed = Node::new("a=b");
        assert_eq!(part(&computed, &(0..1)), Span::NONE);
    }

    #[test]
    fn what_the_reader_gives_is_marked_exactly_whatever_its_quotes() {
        for (text, marked) in [
            ("schedule: 0 25 * * *  # comment\n", "25"),
            ("schedule: '0 25 * * *'\n", "25"),
            ("schedule: \"0 25 * * *\"\n", "25"),
            ("é: ü\nschedule:   \"0 25 * * *\"  \n", "25"),
            ("{schedule: 0 25 * * *, other: 1}\n", "25"),
            ("schedule: \"0 \\x325 * * *\"\n", "\"0 \\x325 * * *\""),
        ] {
            let mut found = Diagnostics::default();
            let documents =
                crate::yaml::read(SourceId(0), text, crate::yaml::Dialect::Definition, &mut found);
            let schedule = documents[0].get("schedule").unwrap();
            let span = part(schedule, &(2..4));
            assert_eq!(&text[span.start as usize..span.end as usize], marked, "{text}");
        }
    }
}
