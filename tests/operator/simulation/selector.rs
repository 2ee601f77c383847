//! Label and field selectors, as a list or a watch carries them.
//!
//! In: the text of a query. Out: whether an object is selected.

use serde_json::Value;

use super::refusal::Refusal;

/// What a list or a watch is about, its resource and namespace apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    /// Pointer of the field, whether it has to be equal, value.
    fields: Vec<(String, bool, String)>,
}

#[derive(Clone, Debug)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

impl Selector {
    pub(crate) fn of(labels: &str, fields: &str) -> Result<Self, Refusal> {
        let labels = split(labels).map(requirement).collect::<Option<_>>();
        let labels = labels.ok_or_else(|| Refusal::bad_request("unable to parse requirement"))?;
        let fields = split(fields).map(field).collect::<Option<_>>();
        let fields = fields.ok_or_else(|| Refusal::bad_request("invalid field selector"))?;
        Ok(Self { labels, fields })
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let label = |key: &String| labels.get(key).and_then(Value::as_str);
        let held = |requirement: &Requirement| match requirement {
            Requirement::In(key, values) => {
                label(key).is_some_and(|value| values.iter().any(|wanted| wanted == value))
            }
            Requirement::NotIn(key, values) => {
                label(key).is_none_or(|value| values.iter().all(|other| other != value))
            }
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Missing(key) => label(key).is_none(),
        };
        let field = |(pointer, equal, value): &(String, bool, String)| {
            let found = object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            (found == value) == *equal
        };
        self.labels.iter().all(held) && self.fields.iter().all(field)
    }
}

/// At the commas outside of parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let parts = text.split(move |character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

fn requirement(text: &str) -> Option<Requirement> {
    let set = |text: &str| {
        let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inner.split(',').map(|value| value.trim().to_owned()).collect::<Vec<_>>())
    };
    if let Some((key, values)) = text.split_once(" notin ") {
        return Some(Requirement::NotIn(key.trim().to_owned(), set(values)?));
    }
    if let Some((key, values)) = text.split_once(" in ") {
        return Some(Requirement::In(key.trim().to_owned(), set(values)?));
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Some(Requirement::NotIn(key.trim().to_owned(), vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = text.split_once('=') {
        let value = value.trim_start_matches('=').trim().to_owned();
        return Some(Requirement::In(key.trim().to_owned(), vec![value]));
    }
    Some(match text.strip_prefix('!') {
        Some(key) => Requirement::Missing(key.trim().to_owned()),
        None => Requirement::Exists(text.to_owned()),
    })
}

fn field(text: &str) -> Option<(String, bool, String)> {
    let pointer = |path: &str| format!("/{}", path.trim().replace('.', "/"));
    if let Some((path, value)) = text.split_once("!=") {
        return Some((pointer(path), false, value.trim().to_owned()));
    }
    let (path, value) = text.split_once('=')?;
    Some((pointer(path), true, value.trim_start_matches('=').trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selector_has_kubernetes_forms() {
        let object = json!({
            "metadata": { "labels": { "a/b": "1", "c": "2" } }, "spec": { "nodeName": "x" },
        });
        for (labels, fields, selected) in [
            ("", "", true),
            ("a/b=1", "", true),
            ("a/b==1,c!=3", "", true),
            ("a/b in (0,1),c notin (3)", "", true),
            ("a/b", "", true),
            ("!d", "", true),
            ("!c", "", false),
            ("d", "", false),
            ("a/b in (2,3)", "", false),
            ("", "spec.nodeName=x", true),
            ("", "spec.nodeName!=x", false),
        ] {
            let selector = Selector::of(labels, fields).unwrap();
            assert_eq!(selector.matches(&object), selected, "{labels} {fields}");
        }
    }
}
