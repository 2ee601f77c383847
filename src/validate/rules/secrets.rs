//! Rules about secrets: none is written literally, and each reference is well formed.
//!
//! In: the effective workflow, and what is known of its fields. Out: findings, none of which
//! ever holds a value.

use super::place;
use super::secret_values::Secret;
pub use super::secret_values::gives_itself_away;
use crate::diagnostic::{Diagnostic, Diagnostics, code, did_you_mean, route};
use crate::model::secret_reference::{SECRET_ENV, SECRET_KEY_REF, SECRET_MANAGER};
use crate::model::{Refusal, SecretKey, SecretName};
use crate::spec::secret_fields::{SecretFields, Step, field_name, is_secret_name};
use crate::tree::{Entry, Mapping, Node, Span, Value};

const WRITE_REFERENCE: &str = "put it into a Kubernetes Secret and write `{secretKeyRef: {name: <Secret>, key: <key>}}` in its place";

/// Looks through a workflow for literal secrets and malformed references.
pub fn workflow(workflow: &Node, fields: &impl SecretFields, route: &str, found: &mut Diagnostics) {
    Walk { fields, prefix: route, route: Vec::new(), found }.node(workflow);
}

/// `kubeConfigContent`: a kubeconfig holds credentials.
pub fn kube_config_content(node: &Node, route: &str, found: &mut Diagnostics) {
    if node.as_str().is_some_and(|text| !text.trim().is_empty()) {
        found.push(
            literal(node.span, "`kubeConfigContent` holds the credentials of a cluster")
                .with_route(route)
                .with_help(
                    "keep it in a file outside of the project and name that with `kubeconfigPath`, or put it into the variable KUBECONFIG_CONTENT",
                ),
        );
    }
}

/// Literal secrets in a rendered object, into which patches and a `podTemplate` write what they
/// like: in the variables of its containers, and at the keys of a ConfigMap.
pub fn object(object: &Node, found: &mut Diagnostics) {
    if object.get("kind").and_then(Node::as_str) == Some("ConfigMap") {
        for entry in object.get("data").and_then(Node::as_mapping).into_iter().flatten() {
            if is_secret_name(&entry.key) {
                let message = format!("the key `{}` of a ConfigMap holds a secret", entry.key);
                let help = "keep it in a Kubernetes Secret";
                found.push(literal(entry.value.span, message).with_help(help));
            }
        }
    } else if let Some(spec) = object.get("spec") {
        variables(spec, found);
    }
}

fn variables(node: &Node, found: &mut Diagnostics) {
    match &node.value {
        Value::Mapping(mapping) => {
            for entry in mapping {
                match entry.value.as_sequence() {
                    Some(env) if entry.key == "env" => {
                        env.iter().filter_map(literal_variable).for_each(|one| found.push(one));
                    }
                    _ => variables(&entry.value, found),
                }
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| variables(item, found)),
        _ => {}
    }
}

fn literal_variable(variable: &Node) -> Option<Diagnostic> {
    let value = variable.get("value")?;
    in_variable(variable.get("name")?.as_str()?, value.as_str()?, value.span)
}

/// A literal secret in a variable of the containers; `None` when there is nothing to say.
pub(super) fn in_variable(name: &str, value: &str, span: Span) -> Option<Diagnostic> {
    if value.is_empty() || value.starts_with(SECRET_MANAGER) || is_expansion(value) {
        return None;
    }
    let finding = if is_secret_name(name) {
        literal(span, format!("the variable `{name}` holds a literal secret"))
    } else {
        suspicion(value, span, || format!("the variable `{name}`"))?
    };
    Some(finding.with_help(format!(
        "put it into a Kubernetes Secret and write `{{name: {name}, valueFrom: {{secretKeyRef: {{name: <Secret>, key: <key>}}}}}}`"
    )))
}

/// `$(NAME)`: the value of another variable.
fn is_expansion(value: &str) -> bool {
    value
        .strip_prefix("$(")
        .and_then(|rest| rest.strip_suffix(')'))
        .is_some_and(|name| !name.contains(['(', ')', ' ']))
}

struct Walk<'a, Fields> {
    fields: &'a Fields,
    prefix: &'a str,
    route: Vec<Step<'a>>,
    found: &'a mut Diagnostics,
}

impl<'a, Fields: SecretFields> Walk<'a, Fields> {
    fn node(&mut self, node: &'a Node) {
        match &node.value {
            Value::Mapping(mapping) if !self.special(mapping) => {
                for entry in mapping {
                    self.route.push(Step::Key(&entry.key));
                    self.node(&entry.value);
                    self.route.pop();
                }
            }
            Value::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.route.push(Step::Index(index));
                    self.node(item);
                    self.route.pop();
                }
            }
            Value::String(text) => self.text(text, node.span),
            Value::Number(_) if self.fields.holds_secret(&self.route) => {
                self.literal_at_field(node.span);
            }
            _ => {}
        }
    }

    /// A mapping that stands for a secret, well formed or not.
    fn special(&mut self, mapping: &Mapping) -> bool {
        if let Some(reference) = mapping.entry(SECRET_KEY_REF) {
            if let Some(other) = mapping.iter().find(|entry| entry.key != SECRET_KEY_REF) {
                self.malformed(
                    other.key_span,
                    format!(
                        "`{}` stands beside `{SECRET_KEY_REF}`, which must be alone",
                        other.key
                    ),
                    None,
                );
            } else {
                self.reference(reference);
            }
            return true;
        }
        if mapping.len() == 1
            && let Some(entry) = mapping.entry(SECRET_ENV)
        {
            self.refuse(
                Diagnostic::error(
                    &code::SECRET_ENV,
                    entry.key_span,
                    format!("`{SECRET_ENV}` is reserved and has no meaning yet"),
                )
                .with_help("write `{secretKeyRef: {name: <Secret>, key: <key>}}`"),
            );
            return true;
        }
        false
    }

    fn reference(&mut self, reference: &Entry) {
        const FIELDS: [&str; 2] = ["name", "key"];
        const SHAPE: &str = "write `{secretKeyRef: {name: <Secret>, key: <key>}}`";
        let Some(mapping) = reference.value.as_mapping() else {
            let span = if reference.value.span.is_some() {
                reference.value.span
            } else {
                reference.key_span
            };
            let message = format!(
                "`{SECRET_KEY_REF}` is a mapping with `name` and `key`, not {}",
                reference.value.value.type_name()
            );
            self.malformed(span, message, Some(SHAPE.to_owned()));
            return;
        };
        for entry in mapping.iter().filter(|entry| !FIELDS.contains(&&*entry.key)) {
            let help = did_you_mean(&entry.key, FIELDS).unwrap_or_else(|| {
                "it has `name` and `key` and nothing else: the value must be there when the pod starts"
                    .to_owned()
            });
            self.malformed(
                entry.key_span,
                format!("`{SECRET_KEY_REF}` has no field `{}`", entry.key),
                Some(help),
            );
        }
        self.field(reference, mapping, "name", "name of a Secret", |text| {
            SecretName::parse(text).map(drop)
        });
        self.field(reference, mapping, "key", "key of a Secret", |text| {
            SecretKey::parse(text).map(drop)
        });
    }

    fn field(
        &mut self,
        reference: &Entry,
        mapping: &Mapping,
        field: &str,
        what: &str,
        check: impl FnOnce(&str) -> Result<(), Refusal>,
    ) {
        let Some(node) = mapping.get(field) else {
            self.malformed(reference.key_span, format!("`{SECRET_KEY_REF}` lacks `{field}`"), None);
            return;
        };
        let Some(text) = node.as_str() else {
            let message = format!(
                "`{field}` of `{SECRET_KEY_REF}` is a string, not {}",
                node.value.type_name()
            );
            self.malformed(node.span, message, None);
            return;
        };
        if let Err(refusal) = check(text) {
            let span = place::part(node, &refusal.range);
            self.malformed(span, format!("invalid {what}: {}", refusal.reason), refusal.help);
        }
    }

    fn text(&mut self, text: &str, span: Span) {
        if text.is_empty() || text.starts_with(SECRET_MANAGER) {
            return;
        }
        if self.fields.holds_secret(&self.route) {
            self.literal_at_field(span);
        } else if let Some(finding) =
            suspicion(text, span, || format!("the field `{}`", field_name(&self.route)))
        {
            self.refuse(finding.with_help(WRITE_REFERENCE));
        }
    }

    fn literal_at_field(&mut self, span: Span) {
        let message = format!("the field `{}` holds a literal secret", field_name(&self.route));
        self.refuse(literal(span, message).with_help(WRITE_REFERENCE));
    }

    fn malformed(&mut self, span: Span, message: String, help: Option<String>) {
        let finding = Diagnostic::error(&code::SECRET_REFERENCE, span, message);
        self.refuse(finding.with_optional_help(help));
    }

    fn refuse(&mut self, finding: Diagnostic) {
        let mut route = self.prefix.to_owned();
        for step in &self.route {
            match step {
                Step::Key(key) => route::push_key(&mut route, key),
                Step::Index(index) => route::push_index(&mut route, *index),
            }
        }
        self.found.push(finding.with_route(route));
    }
}

fn literal(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(&code::LITERAL_SECRET, span, message)
        .with_secret(span)
        .with_note("what a definition holds ends in Git, and what a workflow holds in a ConfigMap")
}

/// The finding about a text that gives itself away as a secret.
fn suspicion(text: &str, span: Span, whose: impl Fn() -> String) -> Option<Diagnostic> {
    Some(match Secret::within(text)? {
        Secret::PrivateKey => literal(span, format!("{} holds a private key", whose())),
        Secret::JsonWebToken => {
            literal(span, format!("{} holds a token (a JSON Web Token)", whose()))
        }
        Secret::PasswordInUrl => {
            let message = format!("{} holds a password within a URL", whose());
            Diagnostic::error(&code::PASSWORD_IN_URL, span, message)
                .with_note("a Secret may hold the whole URL")
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::place::written::Text;
    use super::*;
    use crate::spec::secret_fields::ByName;

    fn marks(json: serde_json::Value) -> Vec<(&'static str, String)> {
        let text = Text::of(json);
        let found = text.diagnostics(|node, found| workflow(node, &ByName, "workflow", found));
        found.iter().map(|found| (found.code.id, text.part(found.span).to_owned())).collect()
    }

    #[test]
    fn a_literal_at_a_secret_field_is_an_error_that_never_shows_it() {
        let text = Text::of(
            json!({"source": {"serviceConnection": {"config": {"username": "ingest", "password": "hunter2"}}}}),
        );
        let found = text.diagnostics(|node, found| workflow(node, &ByName, "", found));
        assert_eq!((found[0].code.id, text.part(found[0].span)), ("OMP0501", "hunter2"));
        assert_eq!(found[0].route, "source.serviceConnection.config.password");
        assert_eq!(found[0].secrets, [found[0].span]);
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn a_number_is_a_password_too_and_a_boolean_or_an_empty_text_is_none() {
        assert_eq!(marks(json!({"password": 12345})), [("OMP0501", "12345".to_owned())]);
        assert_eq!(marks(json!({"token": true, "password": "", "jwtToken": null})), []);
    }

    #[test]
    fn a_secret_managers_reference_passes() {
        assert_eq!(marks(json!({"password": "secret:/prod/snowflake/password"})), []);
    }

    #[test]
    fn keys_of_free_mappings_are_judged_by_their_ending() {
        assert_eq!(
            marks(
                json!({"consumerConfig": {"sasl.username": "u", "sasl.password": "p-w"}, "tokens": ["x"]})
            ),
            [("OMP0501", "p-w".to_owned())]
        );
    }

    #[test]
    fn a_reference_has_a_name_and_a_key_and_nothing_else() {
        for (reference, marked) in [
            (json!({"name": "db", "kye": "password"}), vec!["kye", "secretKeyRef"]),
            (json!({"name": "db", "key": "p", "optional": true}), vec!["optional"]),
            (json!({"name": "db"}), vec!["secretKeyRef"]),
            (json!({"name": "My_Db", "key": "a/b"}), vec!["M", "/"]),
            (json!({"name": "db", "key": 1}), vec!["1"]),
            (json!("db/password"), vec!["db/password"]),
        ] {
            let mut found: Vec<_> = marks(json!({"password": {"secretKeyRef": reference}}));
            found.sort();
            let mut expected: Vec<_> =
                marked.into_iter().map(|part| ("OMP0502", part.to_owned())).collect();
            expected.sort();
            assert_eq!(found, expected, "{reference}");
        }
        let beside =
            json!({"password": {"secretKeyRef": {"name": "a", "key": "b"}, "default": "x"}});
        assert_eq!(marks(beside), [("OMP0502", "default".to_owned())]);
    }

    #[test]
    fn what_is_reserved_is_refused() {
        assert_eq!(
            marks(json!({"password": {"secretEnv": "X"}})),
            [("OMP0504", "secretEnv".to_owned())]
        );
        assert_eq!(marks(json!({"secretEnv": "X", "other": 1})), []);
    }

    #[test]
    fn a_text_that_gives_itself_away_is_found_at_any_field() {
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJib3QifQ.c2lnbmF0dXJl-_x";
        let key = "-----BEGIN RSA PRIVATE KEY----- MIIB";
        let url = "postgresql://ingest:hunter2@db:5432/x";
        assert_eq!(marks(json!({"note": token})), [("OMP0501", token.to_owned())]);
        assert_eq!(marks(json!({"note": key})), [("OMP0501", key.to_owned())]);
        assert_eq!(marks(json!({"hostPort": url})), [("OMP0503", url.to_owned())]);
        assert_eq!(marks(json!({"hostPort": "http://openmetadata:8585/api"})), []);
    }

    #[test]
    fn an_imported_schema_has_the_last_word() {
        struct Known;
        impl SecretFields for Known {
            fn is_secret(&self, route: &[Step<'_>]) -> Option<bool> {
                match route {
                    [Step::Key("custom")] => Some(true),
                    [Step::Key("token")] => Some(false),
                    _ => None,
                }
            }
        }
        let text = Text::of(json!({"custom": "x1", "token": "x2", "password": "x3"}));
        let found = text.findings(|node, found| workflow(node, &Known, "", found));
        assert_eq!(found, [("OMP0501", "x1"), ("OMP0501", "x3")]);
    }

    #[test]
    fn a_variable_may_stand_for_another() {
        assert!(in_variable("DB_PASSWORD", "$(OTHER)", Span::NONE).is_none());
        assert!(in_variable("DB_PASSWORD", "x$(OTHER)", Span::NONE).is_some());
        assert!(in_variable("URL", "http://u:p@h", Span::NONE).is_some());
        assert!(in_variable("URL", "http://h", Span::NONE).is_none());
    }
}
