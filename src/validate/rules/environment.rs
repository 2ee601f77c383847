//! Rules about the variables that a definition adds to the containers.
//!
//! In: `extraEnvVars`, as `NAME:value` texts or as Kubernetes' own mappings. Out: [`EnvVariable`]s
//! in written order, each name once. Values are never shown: people put secrets there.

use super::place;
use super::{names, pairs, secrets, size};
use crate::diagnostic::route::under;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::environment::{RESERVED, RESERVED_PREFIX, is_reserved};
use crate::model::{EnvName, EnvValue, EnvVariable};
use crate::tree::{Entry, Node, Span};

/// The sources that `valueFrom` may name.
const SOURCES: [&str; 4] = ["configMapKeyRef", "fieldRef", "resourceFieldRef", "secretKeyRef"];

/// `extraEnvVars`: a list, each item `NAME:value`, split at the first colon, or `{name, value}` or
/// `{name, valueFrom}`; or one text of the former, with commas between.
pub fn extra_env_vars(
    node: &Node,
    route: &str,
    found: &mut Diagnostics,
) -> Option<Vec<EnvVariable>> {
    let mut reader = Reader { route, read: Vec::new(), places: Vec::new(), fine: true, found };
    if let Some(text) = node.as_str() {
        for piece in pairs::pieces(text) {
            let span = pairs::piece_span(node, &piece);
            reader.text(&text[piece], span);
        }
    } else {
        for item in node.as_sequence()? {
            match item.as_str() {
                Some(text) => reader.text(text, item.span),
                None => reader.mapping(item),
            }
        }
    }
    reader.fine.then_some(reader.read)
}

struct Reader<'a> {
    route: &'a str,
    read: Vec<EnvVariable>,
    places: Vec<Span>,
    fine: bool,
    found: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn text(&mut self, text: &str, span: Span) {
        let Some((name, value)) = text.split_once(':') else {
            let help = match text.split_once('=') {
                Some((name, _)) if EnvName::parse(name).is_ok() => {
                    format!("put a colon behind the name: `{name}:…`")
                }
                _ => {
                    "where a value holds a comma, write a list with one variable an item".to_owned()
                }
            };
            self.refuse(
                Diagnostic::error(&code::ENV, span, "invalid variable: this is no `NAME:value`")
                    .with_help(help),
            );
            return;
        };
        self.variable(name.trim(), span, EnvValue::Text(value.trim().into()), span);
    }

    fn mapping(&mut self, item: &Node) {
        // What is missing or of another type is the schema's finding.
        let Some((name, span)) =
            item.get("name").and_then(|name| Some((name.as_str()?, name.span)))
        else {
            self.fine = false;
            return;
        };
        let entry = |key| {
            item.as_mapping()
                .and_then(|mapping| mapping.entry(key))
                .filter(|entry| !entry.value.is_null())
        };
        match (entry("value"), entry("valueFrom")) {
            (Some(_), Some(from)) => {
                let message = "a variable has either `value` or `valueFrom`, not both";
                self.refuse(Diagnostic::error(&code::ENV, from.key_span, message));
            }
            (None, Some(from)) => {
                self.value_from(from);
                self.variable(name, span, EnvValue::From(from.value.clone()), from.value.span);
            }
            (value, None) => {
                let text = value.and_then(|entry| entry.value.as_str()).unwrap_or_default();
                let place = value.map_or(span, |entry| entry.value.span);
                self.variable(name, span, EnvValue::Text(text.into()), place);
            }
        }
    }

    fn value_from(&mut self, from: &Entry) {
        let sources: Vec<&Entry> = from
            .value
            .as_mapping()
            .into_iter()
            .flatten()
            .filter(|entry| SOURCES.contains(&&*entry.key))
            .collect();
        let [source] = sources[..] else {
            let message = format!("`valueFrom` names exactly one of {}", SOURCES.join(", "));
            self.refuse(Diagnostic::error(&code::ENV, from.key_span, message));
            return;
        };
        if matches!(&*source.key, "secretKeyRef" | "configMapKeyRef") {
            let route = under(self.route, &source.key);
            let named = source
                .value
                .get("name")
                .map(|name| names::secret_name(name, &route, self.found).is_some());
            let keyed = source
                .value
                .get("key")
                .map(|key| names::secret_key(key, &route, self.found).is_some());
            self.fine &= named.unwrap_or(true) && keyed.unwrap_or(true);
        }
    }

    fn variable(&mut self, text: &str, name_span: Span, value: EnvValue, value_span: Span) {
        let name = match EnvName::parse(text) {
            Ok(name) => name,
            Err(refusal) => {
                self.refuse(place::refused(&code::ENV, "variable", name_span, self.route, refusal));
                return;
            }
        };
        if is_reserved(text) {
            self.refuse(reserved(text, name_span));
            return;
        }
        if let Some(first) = self.read.iter().position(|other| other.name == name) {
            let finding = Diagnostic::error(
                &code::ENV,
                name_span,
                format!("the variable `{name}` is given twice"),
            )
            .with_related(self.places[first], "first here");
            self.refuse(finding);
            return;
        }
        if let EnvValue::Text(text) = &value {
            if let Some(finding) = secrets::in_variable(name.as_str(), text, value_span) {
                self.refuse(finding);
                return;
            }
            let found = self.found.iter().len();
            size::env_string(name.as_str(), text, value_span, self.route, self.found);
            self.fine &= self.found.iter().len() == found;
        }
        self.read.push(EnvVariable { name, value, span: value_span });
        self.places.push(name_span);
    }

    fn refuse(&mut self, finding: Diagnostic) {
        self.fine = false;
        self.found.push(finding.with_route(self.route));
    }
}

fn reserved(name: &str, span: Span) -> Diagnostic {
    let reason = if name.starts_with(RESERVED_PREFIX) {
        format!("names that start with `{RESERVED_PREFIX}` are ompipe's own")
    } else {
        format!(
            "the ingestion image reads its run from it, and so from {} too",
            RESERVED.join(", ")
        )
    };
    Diagnostic::error(
        &code::ENV_RESERVED,
        span,
        format!("ompipe sets the variable `{name}` itself"),
    )
    .with_note(reason)
    .with_help("take it out, or choose another name")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::place::written::Text;
    use super::*;

    fn read(json: serde_json::Value) -> Vec<(String, EnvValue)> {
        let mut found = Diagnostics::default();
        let read = extra_env_vars(&Node::from(json), "", &mut found).unwrap();
        assert!(found.is_empty());
        read.into_iter().map(|variable| (variable.name.to_string(), variable.value)).collect()
    }

    fn marks(json: serde_json::Value) -> Vec<(&'static str, String)> {
        let text = Text::of(json);
        text.findings(|node, found| extra_env_vars(node, "spec.kubernetes.extraEnvVars", found))
            .into_iter()
            .map(|(code, part)| (code, part.to_owned()))
            .collect()
    }

    #[test]
    fn the_first_colon_splits_and_the_value_may_hold_more() {
        let read = read(json!([
            "DATABASE_URL:postgresql://db.data:5432/metadata",
            "LOG_LEVEL:DEBUG",
            "EMPTY:"
        ]));
        assert_eq!(
            read[0],
            (
                "DATABASE_URL".to_owned(),
                EnvValue::Text("postgresql://db.data:5432/metadata".into())
            )
        );
        assert_eq!(read[2].1, EnvValue::Text("".into()));
    }

    #[test]
    fn the_three_forms_say_the_same() {
        let texts = read(json!(["A:1", "B:x y"]));
        assert_eq!(read(json!("A:1,B:x y")), texts);
        assert_eq!(
            read(json!([{"name": "A", "value": "1"}, {"name": "B", "value": "x y"}])),
            texts
        );
    }

    #[test]
    fn exactly_the_bad_item_is_marked() {
        assert_eq!(
            marks(json!(["A:1", "B=2", "C D:3"])),
            [("OMP0414", "B=2".to_owned()), ("OMP0414", "C D:3".to_owned())]
        );
        assert_eq!(marks(json!("A:1,-Xmx2g")), [("OMP0414", "-Xmx2g".to_owned())]);
    }

    #[test]
    fn a_name_given_twice_is_shown_at_both_places() {
        let text = Text::of(json!(["A:1", "A:2"]));
        let found = text.diagnostics(|node, found| extra_env_vars(node, "", found));
        assert_eq!(text.part(found[0].span), "A:2");
        assert_eq!(text.part(found[0].related[0].span), "A:1");
    }

    #[test]
    fn what_ompipe_sets_itself_is_refused() {
        assert_eq!(
            marks(json!(["config:x", "OMPIPE_X:1", "CONFIG:1"])),
            [("OMP0415", "config:x".to_owned()), ("OMP0415", "OMPIPE_X:1".to_owned())]
        );
    }

    #[test]
    fn a_literal_secret_is_refused_and_a_reference_is_not() {
        assert_eq!(
            marks(json!([{"name": "DB_PASSWORD", "value": "hunter2"}])),
            [("OMP0501", "hunter2".to_owned())]
        );
        assert_eq!(
            marks(
                json!([{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}])
            ),
            []
        );
        let text = Text::of(json!(["API_TOKEN:hunter2"]));
        let found = text.diagnostics(|node, found| extra_env_vars(node, "", found));
        assert_eq!(found[0].code.id, "OMP0501");
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn a_reference_names_exactly_one_source_and_valid_names() {
        let from = |json: serde_json::Value| marks(json!([{"name": "A", "valueFrom": json}]));
        assert_eq!(
            from(json!({"secretKeyRef": {"name": "My_Secret", "key": "a"}})),
            [("OMP0404", "M".to_owned())]
        );
        assert_eq!(from(json!({})), [("OMP0414", "valueFrom".to_owned())]);
        assert_eq!(from(json!({"fieldRef": {"fieldPath": "status.podIP"}})), []);
    }
}
