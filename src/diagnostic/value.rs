//! A value on one line, as people are shown it: shortened, and without what is secret in it.
//!
//! In: a node and the keys that lead to it. Out: text. Like all redaction it hides too much rather
//! than too little.

use super::{counted, redact};
use crate::tree::{Node, Value};

/// The longest value that is shown whole, in characters.
const LONGEST: usize = 64;

/// The value at a route of keys. `is_secret` says that what stands beside it makes it one, as in
/// `{name: DB_PASSWORD, value: …}`.
pub fn shown<'k>(node: &Node, route: impl IntoIterator<Item = &'k str>, is_secret: bool) -> String {
    if is_secret {
        return redact::MARK.to_owned();
    }
    let route = route.into_iter().collect::<Vec<_>>();
    shortened(&redact::value(&route, &written(&node.value)))
}

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
        Value::Sequence(items) if items.is_empty() => "[]".to_owned(),
        Value::Sequence(items) => format!("[{}]", counted(items.len(), "item")),
        Value::Mapping(mapping) if mapping.is_empty() => "{}".to_owned(),
        Value::Mapping(mapping) => format!("{{{}}}", counted(mapping.len(), "key")),
    }
}

fn shortened(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c });
    let shown: String = printable.clone().take(LONGEST).collect();
    if printable.count() > LONGEST { shown + "…" } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_one_short_line_without_secrets() {
        let shown = |value: serde_json::Value, route: &[&str]| {
            shown(&Node::from(value), route.iter().copied(), false)
        };
        assert_eq!(shown(json!("a\nb\nc"), &["text"]), "a … (3 lines)");
        assert_eq!(shown(json!({"a": 1}), &["map"]), "{1 key}");
        assert_eq!(shown(json!("x".repeat(99)), &["long"]).chars().count(), LONGEST + 1);
        for (value, route) in
            [(json!("hunter2"), "password"), (json!("postgres://me:hunter2@host/db"), "url")]
        {
            assert!(!shown(value, &[route]).contains("hunter2"));
        }
    }
}
