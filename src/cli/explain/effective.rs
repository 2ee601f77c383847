//! The values of a pipeline, each with the place that set it.
//!
//! In: the tree of effective values. Out: lines like those of YAML, in the order of the tree. It
//! shows no secret.

use std::io::{self, Write};

use ompipe::diagnostic::redact;
use ompipe::source::Sources;
use ompipe::tree::{Node, Span, Value};

/// The longest value that is shown whole, in characters.
const LONGEST_VALUE: usize = 64;

/// The longest line that others are lined up with, in characters.
const WIDEST: usize = 60;

/// A value that holds no others.
pub(super) struct Leaf {
    /// The keys that lead to it; an item of a list as `[0]`.
    route: Vec<String>,
    value: String,
    span: Span,
}

impl Leaf {
    /// Its keys, without the places in lists.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.route.iter().map(String::as_str).filter(|key| !key.starts_with('['))
    }

    /// The route as it is written: `workflow.source.type`, `tolerations[0].key`.
    fn route(&self) -> String {
        let mut route = String::new();
        for key in &self.route {
            if !route.is_empty() && !key.starts_with('[') {
                route.push('.');
            }
            route.push_str(key);
        }
        route
    }
}

/// All leaves of a tree.
pub(super) fn leaves(tree: &Node) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    collect(tree, &mut Vec::new(), false, &mut leaves);
    leaves
}

fn collect(node: &Node, route: &mut Vec<String>, is_secret: bool, leaves: &mut Vec<Leaf>) {
    match &node.value {
        Value::Mapping(mapping) if !mapping.is_empty() => {
            // `{name: DB_PASSWORD, value: …}` names its secret beside it.
            let name = mapping.get("name").and_then(Node::as_str).unwrap_or_default();
            let names_secret = redact::is_secret_key(name);
            for entry in mapping {
                route.push(entry.key.to_string());
                collect(&entry.value, route, names_secret && entry.key == "value", leaves);
                route.pop();
            }
        }
        Value::Sequence(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                route.push(format!("[{index}]"));
                collect(item, route, is_secret, leaves);
                route.pop();
            }
        }
        value => {
            let keys: Vec<&str> = route.iter().map(String::as_str).collect();
            let text = written(value);
            let shown = if is_secret { redact::MARK.into() } else { redact::value(&keys, &text) };
            leaves.push(Leaf { route: route.clone(), value: shortened(&shown), span: node.span });
        }
    }
}

/// A leaf's value on one line.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => match text.lines().count() {
            0 => "\"\"".to_owned(),
            1 => text.to_string(),
            lines => format!("{} … ({lines} lines)", text.lines().next().unwrap_or_default()),
        },
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Sequence(_) => "[]".to_owned(),
        Value::Mapping(_) => "{}".to_owned(),
    }
}

fn shortened(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c });
    let shown: String = printable.clone().take(LONGEST_VALUE).collect();
    if printable.count() > LONGEST_VALUE { shown + "…" } else { shown }
}

/// The leaves below a route, or at a key of that name anywhere; all without a field.
pub(super) fn select<'l>(leaves: &'l [Leaf], field: Option<&str>) -> Vec<&'l Leaf> {
    let Some(field) = field else {
        return leaves.iter().collect();
    };
    let is_below = |leaf: &&Leaf| {
        let route = leaf.route();
        let rest = route.strip_prefix(field);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let below: Vec<&Leaf> = leaves.iter().filter(is_below).collect();
    if below.is_empty() {
        leaves.iter().filter(|leaf| leaf.keys().any(|key| key == field)).collect()
    } else {
        below
    }
}

/// Writes leaves as YAML, each with its place as a comment.
pub(super) fn write(leaves: &[&Leaf], sources: &Sources, out: &mut impl Write) -> io::Result<()> {
    let mut lines: Vec<(String, Option<String>)> = Vec::new();
    let mut above: &[String] = &[];
    for leaf in leaves {
        let shared = above.iter().zip(&leaf.route).take_while(|(one, other)| one == other).count();
        let mut dash = None;
        for (depth, key) in leaf.route.iter().enumerate().skip(shared) {
            let is_last = depth + 1 == leaf.route.len();
            let is_item = key.starts_with('[');
            if is_item && !is_last {
                dash = Some(depth);
                continue;
            }
            let indent = "  ".repeat(dash.unwrap_or(depth));
            let dash = if dash.take().is_some() || is_item { "- " } else { "" };
            let key = if is_item { String::new() } else { format!("{key}:") };
            let space = if is_item || !is_last { "" } else { " " };
            let value = if is_last { leaf.value.as_str() } else { "" };
            let place = is_last.then(|| place(leaf.span, sources));
            lines.push((format!("{indent}{dash}{key}{space}{value}"), place));
        }
        above = &leaf.route;
    }
    let lengths =
        lines.iter().filter(|(_, place)| place.is_some()).map(|(line, _)| line.chars().count());
    let width = lengths.filter(|length| *length <= WIDEST).max().unwrap_or(0);
    for (line, place) in &lines {
        match place {
            Some(place) => writeln!(out, "{line:width$}  # {place}")?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

fn place(span: Span, sources: &Sources) -> String {
    match (sources.get(span.source), sources.position(span)) {
        (Some(source), Some(at)) => format!("{}:{}", source.name, at.line),
        _ => "default".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(json: serde_json::Value, field: Option<&str>) -> String {
        let leaves = leaves(&Node::from(json));
        let mut out = Vec::new();
        write(&select(&leaves, field), &Sources::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_field_is_a_route_or_a_key_anywhere() {
        let tree = serde_json::json!({"a": {"b": 1, "bc": [true, null]}, "x": {"b": {"c": "t"}}});
        assert_eq!(table(tree.clone(), Some("a.b")), "a:\n  b: 1  # default\n");
        assert_eq!(
            table(tree.clone(), Some("bc")),
            "a:\n  bc:\n    - true  # default\n    - null  # default\n"
        );
        assert_eq!(
            table(tree, Some("b")),
            "a:\n  b: 1    # default\nx:\n  b:\n    c: t  # default\n"
        );
    }

    #[test]
    fn no_secret_is_shown() {
        let tree = serde_json::json!({
            "password": "hunter2",
            "authType": {"password": {"nested": "hunter2"}},
            "env": ["DB_PASSWORD:hunter2", {"name": "API_TOKEN", "value": "hunter2"}],
            "url": "postgres://me:hunter2@host/db",
            "token": {"secretKeyRef": {"name": "bot", "key": "token"}},
        });
        let table = table(tree, None);
        assert!(!table.contains("hunter2"), "{table}");
        assert!(table.contains("    name: bot"), "{table}");
    }
}
