//! Rules about keys with values in OpenMetadata's string form, `k=v,k=v`, and as mappings.
//!
//! In: `nodeSelector` and `podAnnotations`. Out: a [`NodeSelector`] and [`Annotations`]. Each bad
//! pair is a finding of its own, at that pair; nothing vanishes without a word.

use std::ops::Range;

use compact_str::CompactString;

use super::place;
use crate::diagnostic::route::under;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::{Annotations, LabelKey, LabelValue, NodeSelector, Refusal};
use crate::tree::{Node, Span};

/// `nodeSelector`: labels of nodes.
pub fn node_selector(node: &Node, route: &str, found: &mut Diagnostics) -> Option<NodeSelector> {
    pairs(node, route, "node selector", LabelValue::parse, found).map(NodeSelector)
}

/// `podAnnotations`: keys as labels have them, with any text as value.
pub fn pod_annotations(node: &Node, route: &str, found: &mut Diagnostics) -> Option<Annotations> {
    let any = |text: &str| Ok::<CompactString, Refusal>(text.into());
    pairs(node, route, "annotation", any, found).map(Annotations)
}

/// The pieces between the commas of a text, trimmed, as ranges of bytes. A blank text has none.
pub(super) fn pieces(text: &str) -> Vec<Range<usize>> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let mut start = 0;
    text.split(',')
        .map(|piece| {
            let lead = piece.len() - piece.trim_start().len();
            let range = start + lead..start + lead + piece.trim().len();
            start += piece.len() + 1;
            range
        })
        .collect()
}

/// A piece as a place to point at: an empty one has none of its own, so the comma before it stands
/// for it.
pub(super) fn piece_span(node: &Node, piece: &Range<usize>) -> Span {
    if piece.is_empty() {
        place::part(node, &(piece.start.saturating_sub(1)..piece.start))
    } else {
        place::part(node, piece)
    }
}

struct Pair<'a> {
    key: &'a str,
    value: &'a str,
    key_span: Span,
    value_span: Span,
}

fn pairs<V>(
    node: &Node,
    route: &str,
    what: &str,
    parse_value: impl Fn(&str) -> Result<V, Refusal>,
    found: &mut Diagnostics,
) -> Option<Vec<(LabelKey, V)>> {
    let mut fine = true;
    let mut read: Vec<(LabelKey, V)> = Vec::new();
    let mut places: Vec<Span> = Vec::new();
    let mut take = |pair: Pair<'_>, found: &mut Diagnostics| {
        let route = || under(route, pair.key);
        let key = LabelKey::parse(pair.key)
            .map_err(|refusal| place::refused(&code::PAIR, what, pair.key_span, &route(), refusal));
        let value = parse_value(pair.value).map_err(|refusal| {
            place::refused(&code::PAIR, what, pair.value_span, &route(), refusal)
        });
        match (key, value) {
            (Ok(key), Ok(value)) => {
                if let Some(first) = read.iter().position(|(other, _)| *other == key) {
                    found.push(
                        Diagnostic::error(
                            &code::PAIR,
                            pair.key_span,
                            format!("the key `{key}` is given twice"),
                        )
                        .with_related(places[first], "first here")
                        .with_route(route()),
                    );
                    fine = false;
                } else {
                    read.push((key, value));
                    places.push(pair.key_span);
                }
            }
            (key, value) => {
                [key.err(), value.err()]
                    .into_iter()
                    .flatten()
                    .for_each(|finding| found.push(finding));
                fine = false;
            }
        }
    };
    let mut malformed = Vec::new();
    if let Some(text) = node.as_str() {
        for piece in pieces(text) {
            let span = piece_span(node, &piece);
            match text[piece].split_once('=') {
                Some((key, value)) => {
                    let (key, value) = (key.trim(), value.trim());
                    take(Pair { key, value, key_span: span, value_span: span }, found);
                }
                None => malformed.push(span),
            }
        }
    } else {
        for entry in node.as_mapping()? {
            let value = entry.value.as_str()?;
            let (key_span, value_span) = (entry.key_span, entry.value.span);
            take(Pair { key: &entry.key, value, key_span, value_span }, found);
        }
    }
    fine &= malformed.is_empty();
    for span in malformed {
        found.push(
            Diagnostic::error(
                &code::PAIR,
                span,
                format!("invalid {what}: this is no pair `key=value`"),
            )
            .with_route(route)
            .with_help(
                "separate pairs by commas; where a value holds a comma, write a mapping instead",
            ),
        );
    }
    fine.then_some(read)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::place::written::Text;
    use super::*;

    fn selector(json: serde_json::Value) -> (Vec<(String, String)>, Diagnostics) {
        let mut found = Diagnostics::default();
        let selector = node_selector(&Node::from(json), "", &mut found).unwrap_or_default();
        (
            selector.0.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
            found,
        )
    }

    #[test]
    fn the_string_form_and_the_mapping_say_the_same() {
        let (string, _) = selector(json!("workload-type=data-processing, zone=us-west1-a"));
        let (mapping, _) =
            selector(json!({"workload-type": "data-processing", "zone": "us-west1-a"}));
        assert_eq!(string, mapping);
        assert_eq!(string[1], ("zone".to_owned(), "us-west1-a".to_owned()));
        assert_eq!(selector(json!("")).0, []);
    }

    #[test]
    fn exactly_the_bad_pair_is_marked_and_every_one_of_them() {
        let text = Text::of(json!("zone=a,workload,disk=s s d,tier=x"));
        assert_eq!(
            text.findings(|node, found| node_selector(node, "", found)),
            [("OMP0405", "workload"), ("OMP0405", "disk=s s d")]
        );
    }

    #[test]
    fn a_trailing_comma_is_a_pair_that_is_missing() {
        let text = Text::of(json!("zone=a,"));
        assert_eq!(text.findings(|node, found| node_selector(node, "", found)), [("OMP0405", ",")]);
    }

    #[test]
    fn a_key_given_twice_is_shown_at_both_places() {
        let text = Text::of(json!("zone=a,zone=b"));
        let found = text.diagnostics(|node, found| node_selector(node, "", found));
        assert_eq!(text.part(found[0].span), "zone=b");
        assert_eq!(text.part(found[0].related[0].span), "zone=a");
    }

    #[test]
    fn an_annotation_may_have_any_value_and_a_selector_only_a_labels() {
        let value = json!({"example.com/note": "a b=c, d"});
        let text = Text::of(value);
        assert_eq!(text.findings(|node, found| pod_annotations(node, "", found)), []);
        assert_eq!(
            text.findings(|node, found| node_selector(node, "", found)),
            [("OMP0405", "a b=c, d")]
        );
    }
}
