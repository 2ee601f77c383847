//! What a JSON Schema cannot say about a value: quantities, the keys and values of labels, names,
//! numbers of 32 bits, and fields of which there may be one.
//!
//! In: an object and its type. Out: findings at the value. Which fields there are and of which type
//! is the schema's.

use super::Manifest;
use compact_str::CompactString;

use super::types::{Format, Keys, Shape, Type};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, code};
use crate::model::dns::{check_label, check_subdomain};
use crate::model::{LabelKey, LabelValue, Quantity, Refusal, SecretKey};
use crate::tree::{Mapping, Node, Span, Value};

/// The longest name of a CronJob: its Jobs append 11 characters, and a Job's name is a label of its
/// pods.
const CRONJOB_NAME_MAX: usize = 52;

/// The longest name of what becomes a label's value or a host name.
const LABEL_MAX: usize = 63;

/// Checks the values of a whole object.
pub(super) fn check(manifest: &Manifest, found: &mut Diagnostics) {
    let Some(of) = manifest.kubernetes_type() else {
        return;
    };
    let mut checker = Checker { found, route: Vec::new() };
    checker.name(manifest);
    checker.value(manifest.node(), of);
}

/// Checks the values of a pod template that is not a part of an object.
pub(super) fn check_template(template: &Node, found: &mut Diagnostics) {
    Checker { found, route: Vec::new() }.value(template, Type::pod_template());
}

struct Checker<'a, 'n> {
    found: &'a mut Diagnostics,
    route: Vec<&'n str>,
}

impl<'n> Checker<'_, 'n> {
    fn value(&mut self, node: &'n Node, of: Type) {
        match (&node.value, of.shape()) {
            (Value::Mapping(mapping), Shape::Fields { union, .. }) => {
                if !union.is_empty() {
                    self.one_of(mapping, union);
                }
                for entry in mapping {
                    if let Some(field) = of.field(&entry.key) {
                        self.route.push(&entry.key);
                        self.value(&entry.value, field);
                        self.route.pop();
                    }
                }
            }
            (Value::Mapping(mapping), Shape::Map(values, keys)) => {
                match keys {
                    Keys::Labels => self.labels(mapping),
                    Keys::Annotations => self.annotations(mapping),
                    Keys::Data => self.data_keys(mapping),
                    Keys::Any => {}
                }
                if !matches!(values.shape(), Shape::Scalar(Format::Plain)) {
                    for entry in mapping {
                        self.route.push(&entry.key);
                        self.value(&entry.value, *values);
                        self.route.pop();
                    }
                }
            }
            (Value::Sequence(items), Shape::List { items: of, .. }) => {
                for item in items {
                    self.value(item, *of);
                }
            }
            (_, Shape::Scalar(format)) if *format != Format::Plain => self.scalar(node, *format),
            _ => {}
        }
    }

    fn labels(&mut self, mapping: &Mapping) {
        for entry in mapping {
            self.key(&entry.key, entry.key_span, "a label's key", LabelKey::check);
            self.text(&entry.value, "a label's value", LabelValue::check);
        }
    }

    /// An annotation's key is one of a label's, but for its case.
    fn annotations(&mut self, mapping: &Mapping) {
        for entry in mapping {
            let key = entry.key.as_str();
            let lower =
                key.bytes().any(|byte| byte.is_ascii_uppercase()).then(|| key.to_ascii_lowercase());
            let key = lower.as_deref().unwrap_or(key);
            self.key(key, entry.key_span, "an annotation's key", LabelKey::check);
        }
    }

    fn data_keys(&mut self, mapping: &Mapping) {
        for entry in mapping {
            self.key(&entry.key, entry.key_span, "a key of data", |key| {
                SecretKey::parse(key).map(drop)
            });
        }
    }

    fn scalar(&mut self, node: &Node, format: Format) {
        match (&node.value, format) {
            (Value::String(text), Format::Quantity) => {
                if let Err(refusal) = Quantity::parse(text) {
                    self.refused(node.span, "a quantity", &refusal);
                }
            }
            (Value::String(text), Format::Namespace) => {
                if let Err(refusal) = check_label(text) {
                    self.refused(node.span, "a namespace", &refusal);
                }
            }
            (Value::String(text), Format::ObjectName) => {
                if let Err(refusal) = check_subdomain(text) {
                    self.refused(node.span, "the name of an object", &refusal);
                }
            }
            (Value::String(text), Format::Byte) if !is_base64(text) => {
                self.push(
                    &code::MANIFEST_FORMAT,
                    node.span,
                    "the value is not base64, with its padding".into(),
                );
            }
            (Value::String(text), Format::DateTime) if text.parse::<jiff::Timestamp>().is_err() => {
                self.push(
                    &code::MANIFEST_FORMAT,
                    node.span,
                    "the value is not a time of RFC 3339".into(),
                );
            }
            (Value::Number(number), Format::Int32 | Format::IntOrString)
                if number.as_i64().is_none_or(|number| i32::try_from(number).is_err())
                    && !number.is_f64() =>
            {
                self.push(
                    &code::MANIFEST_RANGE,
                    node.span,
                    "the number does not fit into 32 bits".into(),
                );
            }
            _ => {}
        }
    }

    fn one_of(&mut self, mapping: &'n Mapping, union: &[CompactString]) {
        let is_set = |field: &str| union.iter().any(|member| member == field);
        let mut set = mapping.iter().filter(|entry| is_set(&entry.key) && !entry.value.is_null());
        let (Some(first), Some(second)) = (set.next(), set.next()) else {
            return;
        };
        let message = format!("`{}` and `{}` exclude each other", first.key, second.key);
        let diagnostic = Diagnostic::error(&code::POD_PARTS, second.key_span, message)
            .with_related(first.key_span, "the other one")
            .with_route(self.route.join("."))
            .with_help("keep one of the two");
        self.found.push(diagnostic);
    }

    /// The object's own name, by what becomes of it.
    fn name(&mut self, manifest: &'n Manifest) {
        let Some(name) = manifest.node().at_route(&["metadata", "name"]) else {
            return;
        };
        self.route.extend(["metadata", "name"]);
        let longest = match manifest.kind() {
            "CronJob" | "CronOMJob" => CRONJOB_NAME_MAX,
            "Job" | "OMJob" => LABEL_MAX,
            _ => usize::MAX,
        };
        if manifest.name().len() > longest {
            let message =
                format!("the name of a {} has at most {longest} characters", manifest.kind());
            self.push(&code::MANIFEST_RANGE, name.span, message);
        }
        // RBAC's names may hold anything that fits into a URL's path.
        if !matches!(manifest.kind(), "Role" | "RoleBinding") {
            self.text(name, "the name of an object", check_subdomain);
        }
        self.route.clear();
    }

    fn text(&mut self, node: &Node, what: &str, check: impl FnOnce(&str) -> Result<(), Refusal>) {
        if let Some(text) = node.as_str()
            && let Err(refusal) = check(text)
        {
            self.refused(node.span, what, &refusal);
        }
    }

    fn key(
        &mut self,
        key: &str,
        span: Span,
        what: &str,
        check: impl FnOnce(&str) -> Result<(), Refusal>,
    ) {
        if let Err(refusal) = check(key) {
            self.refused(span, what, &refusal);
        }
    }

    fn refused(&mut self, span: Span, what: &str, refusal: &Refusal) {
        let mut diagnostic = Diagnostic::error(
            &code::MANIFEST_FORMAT,
            span,
            format!("not {what} that Kubernetes takes"),
        )
        .with_label(refusal.reason.clone())
        .with_route(self.route.join("."));
        diagnostic.help.clone_from(&refusal.help);
        self.found.push(diagnostic);
    }

    fn push(&mut self, code: &'static Code, span: Span, message: String) {
        self.found.push(Diagnostic::error(code, span, message).with_route(self.route.join(".")));
    }
}

/// Standard base64 with padding, which is all that Go reads; whitespace between is its only
/// freedom.
fn is_base64(text: &str) -> bool {
    let digits: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let body = digits.strip_suffix(b"==").or_else(|| digits.strip_suffix(b"=")).unwrap_or(&digits);
    digits.len().is_multiple_of(4)
        && body.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(change: impl FnOnce(&mut serde_json::Value)) -> Vec<(&'static str, String)> {
        let mut value = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a"},
            "spec": {"jobTemplate": {"spec": {"template": {"metadata": {}, "spec": {
                "containers": [{"name": "main"}]}}}}}});
        change(&mut value);
        let mut found = Diagnostics::default();
        let manifest = Manifest::new(value.into(), &mut found).unwrap();
        check(&manifest, &mut found);
        found.iter().map(|diagnostic| (diagnostic.code.id, diagnostic.route.clone())).collect()
    }

    fn pod(field: &str, value: serde_json::Value) -> Vec<(&'static str, String)> {
        job(|job| job["spec"]["jobTemplate"]["spec"]["template"]["spec"][field] = value)
    }

    #[test]
    fn good_values_pass() {
        assert_eq!(
            job(|job| job["metadata"]["labels"] = json!({"app.kubernetes.io/name": "a_b", "x": ""})),
            []
        );
        assert_eq!(job(|job| job["metadata"]["annotations"] = json!({"X.io/a": "any & all"})), []);
        assert_eq!(
            pod(
                "containers",
                json!([{"name": "m", "resources": {"limits": {"memory": "1.5Gi", "cpu": 2}}}])
            ),
            []
        );
        assert_eq!(pod("priority", json!(-2_147_483_648)), []);
    }

    #[test]
    fn labels_and_selectors_are_checked_by_key_and_value() {
        let route = "spec.jobTemplate.spec.template.spec.nodeSelector".to_owned();
        assert_eq!(pod("nodeSelector", json!({"a b": "x"})), [("OMP0625", route.clone())]);
        assert_eq!(pod("nodeSelector", json!({"a": "x y"})), [("OMP0625", route)]);
    }

    #[test]
    fn quantities_are_checked_where_they_stand() {
        let found =
            pod("containers", json!([{"name": "m", "resources": {"limits": {"memory": "4GB"}}}]));
        let route =
            "spec.jobTemplate.spec.template.spec.containers.resources.limits.memory".to_owned();
        assert_eq!(found, [("OMP0625", route)]);
    }

    #[test]
    fn numbers_must_fit() {
        assert_eq!(pod("priority", json!(3_000_000_000_i64)).len(), 1);
        let probe =
            json!([{"name": "m", "livenessProbe": {"tcpSocket": {"port": 5_000_000_000_i64}}}]);
        assert_eq!(pod("containers", probe)[0].0, "OMP0624");
    }

    #[test]
    fn an_env_variable_with_two_sources_is_a_finding() {
        let env =
            json!([{"name": "E", "value": "a", "valueFrom": {"fieldRef": {"fieldPath": "p"}}}]);
        assert_eq!(pod("containers", json!([{"name": "m", "env": env}]))[0].0, "OMP0633");
        assert_eq!(
            pod("volumes", json!([{"name": "v", "emptyDir": {}, "configMap": {}}]))[0].0,
            "OMP0633"
        );
    }

    #[test]
    fn names_are_checked_by_what_becomes_of_them() {
        let long = "a".repeat(53);
        assert_eq!(
            job(|job| job["metadata"]["name"] = json!(long)),
            [("OMP0624", "metadata.name".to_owned())]
        );
        assert_eq!(
            job(|job| job["metadata"]["name"] = json!("A_b")),
            [("OMP0625", "metadata.name".to_owned())]
        );
        assert_eq!(job(|job| job["metadata"]["namespace"] = json!("a.b")).len(), 1);
    }

    #[test]
    fn base64_is_read_as_go_reads_it() {
        for good in ["", "YQ==", "YWI=", "YWJj", "YWJj\nYWJj"] {
            assert!(is_base64(good), "{good}");
        }
        for bad in ["YQ", "YQ=", "Y===", "a-b_", "a b="] {
            assert!(!is_base64(bad), "{bad}");
        }
    }
}
