//! Whether the API server would take an object: its fields against the type tables, with no unknown
//! one let through, its values, and the parts of its pods against each other.
//!
//! In: a [`Manifest`]. Out: findings, each at the line that brought in what is wrong, which may be
//! a template's, a definition's or a `podTemplate`'s. What only a cluster knows (quotas, admission,
//! other objects) is not asked.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::types::{DOCUMENT, definition};
use super::{Manifest, pod_parts, pod_templates, values};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::schema::{Schema, Words};
use crate::tree::Node;

/// The tables as a schema. They are part of the binary, and a test compiles them.
static SCHEMA: LazyLock<Option<Schema>> = LazyLock::new(|| Schema::from_json(&DOCUMENT).ok());

static WORDS: LazyLock<Words> = LazyLock::new(|| Words {
    unknown_field: &code::MANIFEST_UNKNOWN_FIELD,
    wrong_type: &code::MANIFEST_TYPE,
    missing_field: &code::MANIFEST_MISSING_FIELD,
    wrong_value: &code::MANIFEST_VALUE,
    out_of_range: &code::MANIFEST_RANGE,
    wrong_form: None,
    schema_of: VERSION.to_owned(),
    names: true,
    converts: false,
    stands_for_scalar: |_| false,
});

/// The version that the tables are of.
pub const VERSION: &str = "Kubernetes 1.36";

/// The tables themselves, a JSON Schema with the types under `$defs`.
#[cfg(feature = "lsp")]
pub fn tables() -> &'static serde_json::Value {
    &DOCUMENT
}

/// Checks an object. Of a kind that is not in the tables a warning says so, and it passes.
pub fn check(manifest: &Manifest, found: &mut Diagnostics) {
    let Some(name) = definition(manifest.api_version(), manifest.kind()) else {
        found.push(unknown_kind(manifest));
        return;
    };
    check_type(name, manifest.node(), found);
    values::check(manifest, found);
    for template in pod_templates(manifest, found) {
        // What the operator makes of an OMJob is not a part of the object, which has been checked
        // above.
        if let Cow::Owned(template) = &template {
            let mut made = Diagnostics::default();
            check_type("core.v1.PodTemplateSpec", template, &mut made);
            values::check_template(template, &mut made);
            append_new(made, found);
        }
        pod_parts::check(&template, found);
    }
}

fn check_type(name: &str, node: &Node, found: &mut Diagnostics) {
    if let Some(schema) = &*SCHEMA
        && let Some(id) = schema.definition(name)
    {
        schema.check(id, node, &WORDS, found);
    }
}

/// Adds what is not known yet: an OMJob's fields are checked as its own, and once more as those of
/// the pod they become.
fn append_new(made: Diagnostics, found: &mut Diagnostics) {
    for diagnostic in made.into_sorted() {
        let known = found.iter().any(|known| {
            known.span == diagnostic.span
                && known.code == diagnostic.code
                && known.message == diagnostic.message
        });
        if !known {
            found.push(diagnostic);
        }
    }
}

fn unknown_kind(manifest: &Manifest) -> Diagnostic {
    let (api_version, kind) = (manifest.api_version(), manifest.kind());
    let span = manifest.node().get("kind").map_or(manifest.node().span, |node| node.span);
    Diagnostic::warning(
        &code::MANIFEST_KIND,
        span,
        format!("an object of the kind {kind} in {api_version} is rendered unchecked"),
    )
    .with_label("there are no types for it here")
    .with_route("kind")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Type, strategic_merge};
    use crate::tree::{Entry, Mapping, SourceId, Span};
    use serde_json::json;

    fn findings(value: serde_json::Value) -> Vec<(&'static str, String)> {
        let mut found = Diagnostics::default();
        let manifest = Manifest::new(value.into(), &mut found).unwrap();
        check(&manifest, &mut found);
        found.iter().map(|diagnostic| (diagnostic.code.id, diagnostic.route.clone())).collect()
    }

    fn job(pod: serde_json::Value) -> serde_json::Value {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "n"},
            "spec": {"template": {"spec": pod}}})
    }

    fn om_job(pod_template: serde_json::Value) -> serde_json::Value {
        json!({"apiVersion": "pipelines.openmetadata.org/v1", "kind": "OMJob", "metadata": {"name": "n"},
            "spec": {"mainPodSpec": {"image": "i", "podTemplate": pod_template}}})
    }

    #[test]
    fn the_tables_are_a_schema() {
        assert!(Schema::from_json(&DOCUMENT).is_ok());
        assert!(SCHEMA.as_ref().unwrap().definition("pipelines.v1.OMJob").is_some());
    }

    #[test]
    fn an_object_that_kubernetes_takes_passes() {
        assert_eq!(
            findings(job(
                json!({"restartPolicy": "Never", "containers": [{"name": "main", "image": "i"}]})
            )),
            []
        );
        assert_eq!(findings(om_job(json!({"spec": {"priorityClassName": "batch"}}))), []);
    }

    #[test]
    fn each_kind_of_mistake_has_its_code() {
        let cases = [
            ("OMP0620", json!({"hostNetwrk": true})),
            ("OMP0621", json!({"hostname": 1})),
            ("OMP0621", json!({"hostNetwork": "true"})),
            ("OMP0622", json!({"tolerations": [{}], "initContainers": [{"name": "a"}]})),
            ("OMP0623", json!({"dnsPolicy": "clusterFirst"})),
            ("OMP0624", json!({"priority": 3_000_000_000_i64})),
            ("OMP0625", json!({"nodeSelector": {"a": "b c"}})),
            ("OMP0633", json!({"restartPolicy": "Always"})),
        ];
        for (code, fields) in cases {
            let mut pod =
                json!({"restartPolicy": "Never", "containers": [{"name": "main", "image": "i"}]});
            pod.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let found = findings(job(pod));
            assert_eq!(
                found.iter().map(|found| found.0).collect::<Vec<_>>(),
                [code],
                "{fields}: {found:?}"
            );
        }
    }

    #[test]
    fn quantities_and_ports_may_be_numbers_or_strings() {
        let container = json!({"name": "main", "image": "i", "resources": {"limits": {"cpu": 2, "memory": "1Gi"}},
            "livenessProbe": {"httpGet": {"port": "http"}}, "readinessProbe": {"httpGet": {"port": 80}}});
        assert_eq!(findings(job(json!({"restartPolicy": "Never", "containers": [container]}))), []);
    }

    #[test]
    fn a_pod_template_within_an_omjob_is_checked_as_the_pod_it_becomes() {
        assert_eq!(findings(om_job(json!({"spec": {"priorityClas": "x"}})))[0].0, "OMP0620");
        assert_eq!(
            findings(om_job(json!({"spec": {"containers": [{"name": "proxy"}]}})))[0].0,
            "OMP0622"
        );
        assert_eq!(findings(om_job(json!({"spec": {"priority": null}})))[0].0, "OMP0629");
    }

    #[test]
    fn a_mistake_in_an_omjob_is_said_once() {
        let mut job = om_job(json!({}));
        job["spec"]["mainPodSpec"]["nodeSelector"] = json!({"a": "b c"});
        let found = findings(job);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_kind_without_types_is_a_warning() {
        let mut found = Diagnostics::default();
        let value =
            json!({"apiVersion": "example.org/v1", "kind": "Other", "metadata": {"name": "n"}});
        check(&Manifest::new(value.into(), &mut found).unwrap(), &mut found);
        assert!(!found.is_empty() && !found.has_errors());
    }

    #[test]
    fn a_finding_points_at_the_line_of_the_pod_template_that_brought_it() {
        let place = Span { source: SourceId(7), start: 10, end: 20 };
        let mut patch = Mapping::new();
        patch.push(Entry {
            key: "priorityClas".into(),
            key_span: place,
            value: Node::at("x", place),
        });
        let patch: Mapping = [("spec", Node::new(patch))].into_iter().collect();
        let mut value = Node::from(job(
            json!({"restartPolicy": "Never", "containers": [{"name": "m", "image": "i"}]}),
        ));
        let template = value.as_mapping_mut().unwrap().get_mut("spec").unwrap();
        let template = template.as_mapping_mut().unwrap().get_mut("template").unwrap();
        let mut found = Diagnostics::default();
        strategic_merge(template, &Node::new(patch), Type::pod_template(), &mut found);
        check(&Manifest::new(value, &mut found).unwrap(), &mut found);
        let found = found.into_sorted();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].code.id, found[0].span), ("OMP0620", place));
    }
}
