//! One item of a ResourceList: its text, and as much of its meaning as says what it is.
//!
//! In: the text. Out: whether it is a definition, where it was read from, and the field of a
//! finding in it.

use crate::definition::{self, API_VERSION, Kind};
use crate::diagnostic::krm::Place;
use crate::diagnostic::{Diagnostic, Diagnostics, route};
use crate::tree::{Node, SourceId, Span, Value};
use crate::yaml::{self, Dialect};

/// The annotations that tell an item's file, and its index there: those of the specification, then
/// those of before it.
const PATH: [&str; 2] = ["internal.config.kubernetes.io/path", "config.kubernetes.io/path"];
const INDEX: [&str; 2] = ["internal.config.kubernetes.io/index", "config.kubernetes.io/index"];

/// The label of what ompipe and OpenMetadata make, with its value.
const MADE: (&str, &str) = ("app.kubernetes.io/managed-by", "openmetadata");

/// An item of a ResourceList, or its `functionConfig`.
#[derive(Clone, Debug)]
pub struct Item {
    text: String,
    /// None when the text holds what ompipe's reader does not take, as other systems' objects may.
    node: Option<Node>,
    is_definition: bool,
}

/// What no two objects of a cluster have in common.
#[derive(PartialEq, Eq, Hash, Debug)]
pub(super) struct Identity {
    group: String,
    kind: String,
    namespace: String,
    name: String,
}

impl Item {
    /// The item that a text holds.
    pub(super) fn new(text: String) -> Self {
        let mut found = Diagnostics::default();
        let documents = yaml::read(SourceId::NONE, &text, Dialect::Definition, &mut found);
        let node = documents.into_iter().next();
        let is_definition = match &node {
            Some(node) => !definition::is_foreign(node),
            None => says_it_is_a_definition(&text),
        };
        Self { text, node, is_definition }
    }

    /// Its YAML, without the list around it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is ompipe's to read: a definition, or what seems to be meant as one.
    pub fn is_definition(&self) -> bool {
        self.is_definition
    }

    /// The name to show for it: its file, or else what it is.
    pub fn shown(&self) -> String {
        let name = self.text_at(&["metadata", "name"]).unwrap_or_default();
        let resource = || format!("{} {name}", self.kind().unwrap_or("item"));
        self.annotation(&PATH).map_or_else(resource, str::to_owned)
    }

    pub(super) fn kind(&self) -> Option<&str> {
        self.text_at(&["kind"])
    }

    pub(super) fn is(&self, kind: Kind) -> bool {
        self.kind() == Some(kind.as_str())
    }

    pub(super) fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    /// Whether an earlier run may have rendered it.
    pub(super) fn is_made_by_us(&self) -> bool {
        let (label, value) = MADE;
        !self.is_definition && self.text_at(&["metadata", "labels", label]) == Some(value)
    }

    /// What it is in a cluster.
    pub(super) fn identity(&self) -> Option<Identity> {
        Identity::of(self.node.as_ref()?)
    }

    /// Where a finding in it is.
    pub fn place(&self, diagnostic: &Diagnostic) -> Place {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Place {
            file: owned(self.annotation(&PATH)),
            index: self.annotation(&INDEX).and_then(|index| index.parse().ok()),
            api_version: owned(self.text_at(&["apiVersion"])),
            kind: owned(self.kind()),
            name: owned(self.text_at(&["metadata", "name"])),
            field: self.field(diagnostic),
        }
    }

    /// The route to what a finding is about. A finding in a rendered object has a route in that;
    /// its span leads to the field of the definition that it comes from.
    fn field(&self, diagnostic: &Diagnostic) -> String {
        let mut routes = Vec::new();
        if let Some(node) = &self.node {
            collect_routes(node, diagnostic.span, &mut String::new(), &mut routes);
        }
        let of_finding = diagnostic.route.as_str();
        let leads_to = |route: &String| {
            of_finding.strip_prefix(route.as_str()).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with(['.', '[']) || route.is_empty()
            })
        };
        match routes.last() {
            Some(_) if !of_finding.is_empty() && routes.iter().any(leads_to) => {
                of_finding.to_owned()
            }
            Some(deepest) => deepest.clone(),
            None => of_finding.to_owned(),
        }
    }

    fn annotation(&self, keys: &[&str]) -> Option<&str> {
        let annotations = self.node.as_ref()?.at_route(&["metadata", "annotations"])?;
        keys.iter().find_map(|key| annotations.get(key)).and_then(Node::as_str)
    }

    fn text_at(&self, route: &[&str]) -> Option<&str> {
        self.node.as_ref()?.at_route(route).and_then(Node::as_str)
    }
}

impl Identity {
    pub(super) fn of(node: &Node) -> Option<Self> {
        let text = |route: &[&str]| node.at_route(route).and_then(Node::as_str);
        let group = text(&["apiVersion"])?.rsplit_once('/').map_or("", |(group, _)| group);
        Some(Self {
            group: group.to_owned(),
            kind: text(&["kind"])?.to_owned(),
            namespace: text(&["metadata", "namespace"]).unwrap_or_default().to_owned(),
            name: text(&["metadata", "name"])?.to_owned(),
        })
    }
}

/// The routes of all that stands at a place, the outer before the inner.
fn collect_routes(node: &Node, span: Span, route: &mut String, found: &mut Vec<String>) {
    // An item is read twice, from sources of different numbers.
    let is_there = |other: Span| (other.start, other.end) == (span.start, span.end);
    let length = route.len();
    match &node.value {
        Value::Mapping(mapping) => {
            for entry in mapping {
                route::push_key(route, &entry.key);
                if is_there(entry.key_span) || is_there(entry.value.span) {
                    found.push(route.clone());
                }
                collect_routes(&entry.value, span, route, found);
                route.truncate(length);
            }
        }
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                route::push_index(route, index);
                if is_there(item.span) {
                    found.push(route.clone());
                }
                collect_routes(item, span, route, found);
                route.truncate(length);
            }
        }
        _ => {}
    }
}

/// Whether a text that cannot be read says of itself that it is ompipe's.
fn says_it_is_a_definition(text: &str) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let outer = text.lines().find(|line| !line.trim().is_empty()).map_or(0, indent);
    let entries = text.lines().filter(|line| indent(line) == outer);
    let mut entries = entries.filter_map(|line| line.trim().split_once(':'));
    entries.any(|(key, value)| {
        let value = value.trim().trim_matches(['"', '\'']);
        match key {
            "kind" => Kind::find(value).is_some(),
            "apiVersion" => value == API_VERSION,
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::code;

    const PIPELINE: &str = "  apiVersion: pipelines.openmetadata.org/v1alpha1
  kind: IngestionPipeline
  metadata:
    name: orders
    annotations:
      config.kubernetes.io/index: '1'
      internal.config.kubernetes.io/path: pipelines/orders.yaml
  spec:
    type: metadata
    podTemplate:
      spec:
        priorityClass: batch
";

    fn place(words: &str, route: &str) -> Place {
        let start = PIPELINE.find(words).unwrap() as u32;
        let span = Span { source: SourceId(4), start, end: start + words.len() as u32 };
        let finding = Diagnostic::error(&code::SCHEMA_TYPE, span, "wrong").with_route(route);
        Item::new(PIPELINE.to_owned()).place(&finding)
    }

    #[test]
    fn a_finding_is_placed_by_the_files_name_and_the_definitions_field() {
        let found = place("priorityClass", "spec.jobTemplate.spec.template.spec.priorityClass");
        assert_eq!(found.field, "spec.podTemplate.spec.priorityClass");
        assert_eq!(found.file.as_deref(), Some("pipelines/orders.yaml"));
        assert_eq!((found.index, found.name.as_deref()), (Some(1), Some("orders")));
        assert_eq!(place("orders", "metadata.name").field, "metadata.name");
        assert_eq!(place("nothing there".get(..0).unwrap(), "spec.x").field, "spec.x");
    }

    #[test]
    fn what_is_missing_is_told_by_the_findings_own_route() {
        assert_eq!(place("spec", "spec.service").field, "spec.service");
    }

    #[test]
    fn another_systems_object_is_no_definition_whatever_its_yaml() {
        for text in [
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {mode: 0644}\n",
            "apiVersion: v1\nkind: ConfigMap\nx: [broken\n",
        ] {
            assert!(!Item::new(text.to_owned()).is_definition(), "{text}");
        }
        for text in [
            PIPELINE,
            "kind: ServiceConection\nmetadata: {name: a}\n",
            "  kind: IngestionPipeline\n  x: [broken\n",
        ] {
            assert!(Item::new(text.to_owned()).is_definition(), "{text}");
        }
    }
}
