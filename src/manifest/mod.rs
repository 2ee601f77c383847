//! Rendered objects: what each is, what it is called, where its file lies and when it is applied.
//!
//! In: trees from the templates. Out: [`Manifest`]s with their keys in canonical order, checked
//! against Kubernetes' types ([`kubernetes`]), their pods against Pod Security ([`pod_security`]);
//! [`strategic_merge()`], by which a `podTemplate` gets into them; and what [`gitops`] tools are told. It does not write YAML and
//! does no I/O.

pub mod gitops;
pub mod kubernetes;
mod order;
mod pod_parts;
pub mod pod_security;
mod pod_template;
mod strategic_merge;
mod types;
mod values;

pub use pod_template::{CONTAINER, omjob_pod_template, pod_templates};
pub use strategic_merge::strategic_merge;
pub use types::Type;

use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::tree::Node;

/// The kinds in the order in which they are applied: what others refer to comes first.
const APPLY_ORDER: &[&str] = &[
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ExternalSecret",
    "Secret",
    "ConfigMap",
    "",
    "CronJob",
    "CronOMJob",
    "Job",
    "OMJob",
];

/// The kinds of the project's own objects, which share one file.
const RBAC: &[&str] = &["ServiceAccount", "Role", "RoleBinding"];

/// One rendered object, its keys in canonical order.
#[derive(Clone, PartialEq, Debug)]
pub struct Manifest {
    node: Node,
    of: Option<Type>,
}

impl Manifest {
    /// Takes a tree as an object, with a finding when it does not say what it is.
    pub fn new(mut node: Node, found: &mut Diagnostics) -> Option<Self> {
        for route in [&["apiVersion"][..], &["kind"], &["metadata", "name"]] {
            let value = node.at_route(route);
            if value.and_then(Node::as_str).is_none_or(str::is_empty) {
                let span = value.map_or(node.span, |value| value.span);
                found.push(
                    Diagnostic::error(
                        &code::MANIFEST_IDENTITY,
                        span,
                        format!("a rendered object has no `{}`", route.join(".")),
                    )
                    .with_route(route.join("."))
                    .with_help("set it in the template to a string"),
                );
                return None;
            }
        }
        let of = Type::of_kind(text(&node, &["apiVersion"]), text(&node, &["kind"]));
        order::canonical(&mut node, of);
        Some(Self { node, of })
    }

    /// The object.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// `batch/v1`.
    pub fn api_version(&self) -> &str {
        text(&self.node, &["apiVersion"])
    }

    /// `CronJob`.
    pub fn kind(&self) -> &str {
        text(&self.node, &["kind"])
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        text(&self.node, &["metadata", "name"])
    }

    /// The type in Kubernetes' table; `None` for a kind that is not in it.
    pub fn kubernetes_type(&self) -> Option<Type> {
        self.of
    }

    /// Its place among the kinds when a set of objects is applied: lower comes first.
    pub fn apply_order(&self) -> usize {
        apply_order(self.kind())
    }

    /// Its file below the output folder, with forward slashes: `rbac.yaml` for the project's
    /// ServiceAccount, Role and RoleBinding, otherwise one of its own,
    /// `snowflake-metadata/configmap-om-config-snowflake-metadata.yaml`, in its pipeline's folder.
    pub fn file_name(&self, pipeline: Option<&str>) -> String {
        let (kind, name) = (self.kind(), self.name());
        match pipeline {
            None if RBAC.contains(&kind) => "rbac.yaml".to_owned(),
            None => format!("{}-{name}.yaml", kind.to_lowercase()),
            Some(pipeline) => format!("{pipeline}/{}-{name}.yaml", kind.to_lowercase()),
        }
    }
}

/// The place of a kind when a set of objects is applied: lower comes first.
pub fn apply_order(kind: &str) -> usize {
    let place = |kind: &str| APPLY_ORDER.iter().position(|known| *known == kind);
    place(kind).or_else(|| place("")).unwrap_or(APPLY_ORDER.len())
}

/// The string at a route; empty when there is none, which [`Manifest::new`] has ruled out for what
/// is asked here.
fn text<'n>(node: &'n Node, route: &[&str]) -> &'n str {
    node.at_route(route).and_then(Node::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest(api_version: &str, kind: &str, name: &str) -> Manifest {
        let node = json!({"kind": kind, "apiVersion": api_version, "metadata": {"name": name, "namespace": "ns"}});
        Manifest::new(node.into(), &mut Diagnostics::default()).unwrap()
    }

    #[test]
    fn an_object_knows_what_it_is() {
        let job = manifest("batch/v1", "CronJob", "om-cronjob-a");
        assert_eq!(
            (job.api_version(), job.kind(), job.name()),
            ("batch/v1", "CronJob", "om-cronjob-a")
        );
        assert!(job.kubernetes_type().is_some());
    }

    #[test]
    fn an_object_without_a_name_is_a_finding() {
        let mut found = Diagnostics::default();
        let node = json!({"kind": "Job", "apiVersion": "batch/v1", "metadata": {"name": ""}});
        assert!(Manifest::new(node.into(), &mut found).is_none());
        assert_eq!(found.iter().next().unwrap().code.id, "OMP0626");
    }

    #[test]
    fn each_object_has_a_file_in_its_pipelines_folder_and_rbac_shares_one() {
        assert_eq!(
            manifest("v1", "ConfigMap", "om-config-a").file_name(Some("a")),
            "a/configmap-om-config-a.yaml"
        );
        let role = manifest("rbac.authorization.k8s.io/v1", "Role", "ompipe");
        assert_eq!(role.file_name(None), "rbac.yaml");
    }

    #[test]
    fn what_others_refer_to_is_applied_first() {
        let order = [
            manifest("v1", "ServiceAccount", "a"),
            manifest("rbac.authorization.k8s.io/v1", "Role", "a"),
            manifest("rbac.authorization.k8s.io/v1", "RoleBinding", "a"),
            manifest("v1", "Secret", "a"),
            manifest("v1", "ConfigMap", "a"),
            manifest("example.org/v1", "Other", "a"),
            manifest("batch/v1", "CronJob", "a"),
            manifest("batch/v1", "Job", "a"),
        ];
        assert!(order.iter().map(Manifest::apply_order).is_sorted_by(|one, other| one < other));
    }
}
