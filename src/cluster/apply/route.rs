//! Where a field that the API server names was set.
//!
//! In: a field as the server writes it, `spec.containers[0].resources.limits[cpu]` in a refusal,
//! `.spec.containers[name="main"].image` in a conflict, and the rendered object as a tree whose
//! values know their places. Out: the place of the field, or else of the nearest that is above it.
//! It does no I/O.

use std::fmt::Write as _;

use serde_json::Value;

use crate::diagnostic::route;
use crate::tree::{Node, Span};

/// A step of a route.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// To a field.
    Field(String),
    /// To what stands in brackets: a key of a mapping, or an item by its number from 0.
    Bracket(String),
    /// To the item of a list that has these fields.
    Item(Vec<(String, Value)>),
    /// To the item of a list that is this value.
    Scalar(Value),
}

/// Reads a field as the API server writes it. What cannot be understood ends the route.
pub fn parse(field: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = field;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let Some(end) = closing(inner) else { break };
            steps.push(bracket(&inner[..end]));
            rest = &inner[end + 1..];
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end > 0 {
                steps.push(Step::Field(rest[..end].to_owned()));
            }
            rest = &rest[end..];
        }
    }
    steps
}

/// Where the bracket ends that was opened before this text: quoted parts may hold another.
fn closing(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().find_map(|(at, character)| {
        let was_escaped = std::mem::replace(&mut escaped, false);
        match character {
            '\\' if quoted => escaped = !was_escaped,
            '"' if !was_escaped => quoted = !quoted,
            ']' if !quoted => return Some(at),
            _ => {}
        }
        None
    })
}

fn bracket(inner: &str) -> Step {
    if let Some(value) = inner.strip_prefix('=') {
        return serde_json::from_str(value)
            .map_or_else(|_| Step::Bracket(inner.to_owned()), Step::Scalar);
    }
    let pairs: Option<Vec<(String, Value)>> = inner
        .split(',')
        .map(|pair| {
            let (key, value) = pair.split_once('=')?;
            Some((key.to_owned(), serde_json::from_str(value).ok()?))
        })
        .collect();
    pairs.map_or_else(|| Step::Bracket(inner.trim_matches('"').to_owned()), Step::Item)
}

/// A route as findings show it.
pub fn shown(steps: &[Step]) -> String {
    let mut shown = String::new();
    for step in steps {
        match step {
            Step::Field(name) => route::push_key(&mut shown, name),
            Step::Bracket(inner) => match inner.parse() {
                Ok(index) => route::push_index(&mut shown, index),
                Err(_) => route::push_key(&mut shown, inner),
            },
            Step::Item(keys) => {
                let keys: Vec<String> =
                    keys.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect();
                // Writing to a string never fails.
                let _ = write!(shown, "[{}]", keys.join(","));
            }
            Step::Scalar(value) => {
                let _ = write!(shown, "[{}]", plain(value));
            }
        }
    }
    shown
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The keys that lead to a field, for what depends on their names.
pub fn keys(steps: &[Step]) -> Vec<&str> {
    steps
        .iter()
        .filter_map(|step| match step {
            Step::Field(name) | Step::Bracket(name) => Some(name.as_str()),
            Step::Item(_) | Step::Scalar(_) => None,
        })
        .collect()
}

/// The place of a field, or of the nearest above it that a person wrote; `is_theirs` says whether a
/// place is in a text of theirs.
pub fn place(object: &Node, steps: &[Step], is_theirs: impl Fn(Span) -> bool) -> Option<Span> {
    let mut node = object;
    let mut place = None;
    for step in steps {
        let Some((key_span, next)) = follow(node, step) else { break };
        for span in [key_span, Some(next.span)].into_iter().flatten() {
            if span.is_some() && is_theirs(span) {
                place = Some(span);
            }
        }
        node = next;
    }
    place
}

fn follow<'n>(node: &'n Node, step: &Step) -> Option<(Option<Span>, &'n Node)> {
    let items = || node.as_sequence().unwrap_or_default().iter();
    match step {
        Step::Field(name) => {
            let entry = node.as_mapping()?.entry(name)?;
            Some((Some(entry.key_span), &entry.value))
        }
        Step::Bracket(inner) => match (node.as_mapping(), inner.parse::<usize>()) {
            (Some(mapping), _) => {
                let entry = mapping.entry(inner)?;
                Some((Some(entry.key_span), &entry.value))
            }
            (None, Ok(at)) => Some((None, node.as_sequence()?.get(at)?)),
            (None, Err(_)) => None,
        },
        Step::Item(keys) => {
            let has_all = |item: &&Node| {
                keys.iter()
                    .all(|(key, value)| item.get(key).is_some_and(|own| Value::from(own) == *value))
            };
            Some((None, items().find(has_all)?))
        }
        Step::Scalar(value) => Some((None, items().find(|item| Value::from(*item) == *value)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::tree::SourceId;
    use crate::yaml::{self, Dialect};

    const TEXT: &str = "\
spec:
  schedule: never
  containers:
  - name: main
    image: i
    env: [{name: A, value: '1'}]
    resources:
      limits: {cpu: 1, example.com/gpu: 2}
  args: [one, two]
";

    /// The text at the place of a field.
    fn at(field: &str) -> Option<&'static str> {
        let mut found = Diagnostics::default();
        let node = yaml::read(SourceId(0), TEXT, Dialect::Definition, &mut found).remove(0);
        let span = place(&node, &parse(field), |_| true)?;
        TEXT.get(span.start as usize..span.end as usize)
    }

    #[test]
    fn a_field_is_found_however_the_server_writes_it() {
        for (field, expected) in [
            ("spec.schedule", "never"),
            (".spec.schedule", "never"),
            ("spec.containers[0].image", "i"),
            (r#".spec.containers[name="main"].image"#, "i"),
            (r#".spec.containers[name="main"].env[name="A"].value"#, "'1'"),
            ("spec.containers[0].resources.limits[cpu]", "1"),
            ("spec.containers[0].resources.limits[example.com/gpu]", "2"),
            (r#".spec.args[="two"]"#, "two"),
            ("spec.args[1]", "two"),
        ] {
            assert_eq!(at(field), Some(expected), "{field}");
        }
    }

    #[test]
    fn a_field_that_is_not_there_has_the_place_of_the_nearest_above_it() {
        assert_eq!(at("spec.schedule.unknown"), Some("never"));
        assert_eq!(at("spec.containers[0].name[9]"), Some("main"));
        assert_eq!(at("status"), None);
        assert_eq!(at(""), None);
        assert_eq!(at("[[[.]"), None);
    }

    #[test]
    fn a_place_in_a_text_of_ours_does_not_count() {
        let mut found = Diagnostics::default();
        let node = yaml::read(SourceId(0), TEXT, Dialect::Definition, &mut found).remove(0);
        let steps = parse("spec.schedule");
        let is_above = |span: Span| span.start < 10;
        assert!(place(&node, &steps, is_above).unwrap().start < 10);
        assert_eq!(place(&node, &steps, |_| false), None);
    }

    #[test]
    fn routes_are_shown_as_everywhere_else() {
        for (field, expected) in [
            (".spec.containers[name=\"main\"].image", "spec.containers[name=main].image"),
            ("spec.containers[0].limits[cpu]", "spec.containers[0].limits.cpu"),
            ("metadata.labels[example.com/a]", "metadata.labels.\"example.com/a\""),
            (r#".spec.x[name="a]b"].y"#, "spec.x[name=a]b].y"),
        ] {
            assert_eq!(shown(&parse(field)), expected);
        }
    }
}
