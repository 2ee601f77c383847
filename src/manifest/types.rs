//! The types of rendered objects, compiled once from `kubernetes.json`, `omjob.json` and `externalsecret.json` into a form
//! for walking a tree: which fields a mapping has, which mappings are free, what a list's entries
//! are told apart by.
//!
//! In: the tables. Out: [`Type`]s, looked up by kind or by name. It does not judge a value;
//! that is `kubernetes`.

use std::collections::HashMap;
use std::sync::LazyLock;

use compact_str::CompactString;
use serde_json::Value as Json;

use crate::schema::fields::Fields;

/// Kubernetes' own types, written by `tools/kubernetes-types.py`.
const KUBERNETES: &str = include_str!("kubernetes.json");

/// The operator's types, written by hand.
const OMJOB: &str = include_str!("omjob.json");

/// External Secrets' type, as far as it is rendered, written by hand.
const EXTERNAL_SECRET: &str = include_str!("externalsecret.json");

/// The tables as one JSON Schema, its types under `$defs`.
pub(super) static DOCUMENT: LazyLock<Json> = LazyLock::new(|| {
    // The tables are part of the binary and parsed by a test: what cannot be read here cannot have
    // been released.
    let mut document: Json = serde_json::from_str(KUBERNETES).unwrap_or_default();
    for table in [OMJOB, EXTERNAL_SECRET] {
        let table: Json = serde_json::from_str(table).unwrap_or_default();
        if let (Some(all), Json::Object(table)) =
            (document.get_mut("$defs").and_then(Json::as_object_mut), table)
            && let Some(Json::Object(definitions)) =
                table.into_iter().find_map(|(key, value)| (key == "$defs").then_some(value))
        {
            all.extend(definitions);
        }
    }
    document
});

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::compile(&DOCUMENT));

/// Fields of which an object may have one: what the API server calls a union. A patch that sets one
/// means to give up the others, which a plain merge would keep, and the API server would refuse the
/// result.
const UNIONS: &[(&str, Members)] = &[
    ("core.v1.EnvVar", Members::All { but: "name" }),
    ("core.v1.EnvVarSource", Members::All { but: "" }),
    ("core.v1.LifecycleHandler", Members::All { but: "" }),
    ("core.v1.Probe", Members::These(&["exec", "grpc", "httpGet", "tcpSocket"])),
    ("core.v1.Volume", Members::All { but: "name" }),
    ("core.v1.VolumeProjection", Members::All { but: "" }),
    ("pipelines.v1.EnvVar", Members::All { but: "name" }),
    ("pipelines.v1.EnvVarSource", Members::All { but: "" }),
];

/// What comes first among the fields of a mapping.
const FIRST: &[&str] = &["name"];

/// What comes first in a reference to an object: in the order in which `kubectl` and people name
/// one.
const FIRST_OF_REFERENCE: &[&str] = &["apiGroup", "kind", "name"];

/// The types that refer to an object by its kind.
const REFERENCES: &[&str] = &["rbac.v1.RoleRef", "rbac.v1.Subject"];

/// What comes first in the metadata of an object or pod template.
const FIRST_OF_METADATA: &[&str] = &["name", "generateName", "namespace", "labels", "annotations"];

enum Members {
    All { but: &'static str },
    These(&'static [&'static str]),
}

impl Members {
    fn among(&self, fields: &Fields<Type>) -> Vec<CompactString> {
        let names = fields.iter().map(|(name, _)| name);
        let is_member = |name: &&CompactString| match self {
            Members::All { but } => name.as_str() != *but,
            Members::These(these) => these.contains(&name.as_str()),
        };
        names.filter(is_member).cloned().collect()
    }
}

/// The type of a value in a rendered object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Type(u32);

impl Type {
    /// A kind's, or `None` for a kind that is not in the tables.
    pub fn of_kind(api_version: &str, kind: &str) -> Option<Self> {
        Self::named(definition(api_version, kind)?)
    }

    /// `core/v1` PodTemplateSpec, what a `podTemplate` is merged into.
    pub fn pod_template() -> Self {
        Self::named("core.v1.PodTemplateSpec").unwrap_or(Self(0))
    }

    /// A type by its name in the tables: `core.v1.PodSpec`.
    pub fn named(name: &str) -> Option<Self> {
        TABLE.names.get(name).copied()
    }

    pub(super) fn shape(self) -> &'static Shape {
        TABLE.shapes.get(self.0 as usize).unwrap_or(&Shape::Any)
    }

    /// The type of a field of a mapping with fields, or of any entry of a free mapping.
    pub(super) fn field(self, name: &str) -> Option<Self> {
        match self.shape() {
            Shape::Fields { fields, .. } => fields.get(name).copied(),
            Shape::Map(values, _) => Some(*values),
            _ => None,
        }
    }
}

/// The name in the tables of a rendered kind.
pub(super) fn definition(api_version: &str, kind: &str) -> Option<&'static str> {
    Some(match (api_version, kind) {
        ("v1", "ConfigMap") => "core.v1.ConfigMap",
        ("v1", "Secret") => "core.v1.Secret",
        ("v1", "ServiceAccount") => "core.v1.ServiceAccount",
        ("batch/v1", "CronJob") => "batch.v1.CronJob",
        ("batch/v1", "Job") => "batch.v1.Job",
        ("rbac.authorization.k8s.io/v1", "Role") => "rbac.v1.Role",
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => "rbac.v1.RoleBinding",
        ("external-secrets.io/v1", "ExternalSecret") => "externalsecrets.v1.ExternalSecret",
        ("pipelines.openmetadata.org/v1", "OMJob") => "pipelines.v1.OMJob",
        ("pipelines.openmetadata.org/v1", "CronOMJob") => "pipelines.v1.CronOMJob",
        _ => return None,
    })
}

/// What a value of a type looks like.
#[derive(Debug)]
pub(super) enum Shape {
    /// A string, number or boolean, with the format that Kubernetes gives it.
    Scalar(Format),
    /// A mapping with named fields.
    Fields {
        fields: Fields<Type>,
        /// The fields that come first in canonical order.
        first: &'static [&'static str],
        /// The fields of which there may be one.
        union: Vec<CompactString>,
    },
    /// A free mapping: the type of its values, the rule for its keys.
    Map(Type, Keys),
    /// A list.
    List { items: Type, merge: Merge },
    /// A patch of another type, to be merged by the operator.
    PatchOf(Box<str>),
    /// Anything.
    Any,
}

/// What Kubernetes reads out of a scalar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Plain,
    Int32,
    Quantity,
    IntOrString,
    DateTime,
    Byte,
    /// The name of a namespace.
    Namespace,
    /// The name of another object.
    ObjectName,
}

/// What the keys of a free mapping are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Keys {
    /// Anything.
    Any,
    /// Those of labels, and the values are those of labels, too.
    Labels,
    /// Those of annotations.
    Annotations,
    /// Those of a ConfigMap's or Secret's data.
    Data,
}

/// How a strategic merge treats a list.
#[derive(Debug)]
pub(super) enum Merge {
    /// The patch's list replaces it.
    Replace,
    /// Scalars, each once.
    Set,
    /// Mappings told apart by these fields, the merge key first.
    Keyed(Vec<Box<str>>),
}

#[derive(Debug)]
struct Table {
    shapes: Vec<Shape>,
    names: HashMap<String, Type>,
}

impl Table {
    fn compile(document: &Json) -> Self {
        let mut table = Table { shapes: Vec::new(), names: HashMap::new() };
        let Some(definitions) = document.get("$defs").and_then(Json::as_object) else {
            return table;
        };
        // Places first: definitions refer to one another in circles.
        for name in definitions.keys() {
            let place = table.add(Shape::Any);
            table.names.insert(name.clone(), place);
        }
        for (name, definition) in definitions {
            let mut shape = table.shape_of(definition);
            if let Shape::Fields { fields, union, first } = &mut shape {
                if let Some((_, members)) = UNIONS.iter().find(|(of, _)| of == name) {
                    *union = members.among(fields);
                }
                if REFERENCES.contains(&name.as_str()) {
                    *first = FIRST_OF_REFERENCE;
                }
                if name == "meta.v1.ObjectMeta" {
                    *first = FIRST_OF_METADATA;
                }
            }
            if let Some(place) = table.names.get(name)
                && let Some(old) = table.shapes.get_mut(place.0 as usize)
            {
                *old = shape;
            }
        }
        table
    }

    fn add(&mut self, shape: Shape) -> Type {
        self.shapes.push(shape);
        Type(u32::try_from(self.shapes.len() - 1).unwrap_or(u32::MAX))
    }

    fn type_of(&mut self, schema: &Json) -> Type {
        let target = schema["$ref"].as_str().and_then(|target| target.strip_prefix("#/$defs/"));
        if let Some(found) = target.and_then(|name| self.names.get(name)) {
            return *found;
        }
        let shape = self.shape_of(schema);
        self.add(shape)
    }

    /// The type of a field, with the rule that it has by its name, the same wherever it stands in
    /// these types.
    fn type_of_field(&mut self, name: &str, schema: &Json) -> Type {
        let found = self.type_of(schema);
        let rule = match (name, self.shapes.get_mut(found.0 as usize)) {
            ("labels" | "matchLabels" | "nodeSelector", Some(Shape::Map(_, keys))) => {
                *keys = Keys::Labels;
                return found;
            }
            ("annotations", Some(Shape::Map(_, keys))) => {
                *keys = Keys::Annotations;
                return found;
            }
            ("data" | "binaryData" | "stringData", Some(Shape::Map(_, keys))) => {
                *keys = Keys::Data;
                return found;
            }
            ("namespace", Some(Shape::Scalar(Format::Plain))) => Format::Namespace,
            (
                "serviceAccountName" | "secretName" | "claimName" | "priorityClassName",
                Some(Shape::Scalar(Format::Plain)),
            ) => Format::ObjectName,
            _ => return found,
        };
        self.add(Shape::Scalar(rule))
    }

    fn shape_of(&mut self, schema: &Json) -> Shape {
        if let Some(of) = schema["x-patch-of"].as_str() {
            return Shape::PatchOf(of.into());
        }
        if let Some(properties) = schema["properties"].as_object() {
            let fields = properties
                .iter()
                .map(|(name, schema)| (name.as_str().into(), self.type_of_field(name, schema)))
                .collect();
            return Shape::Fields { fields: Fields::new(fields), union: Vec::new(), first: FIRST };
        }
        match &schema["type"] {
            Json::String(name) if name == "array" => {
                Shape::List { items: self.type_of(&schema["items"]), merge: merge_of(schema) }
            }
            Json::String(name) if name == "object" => {
                Shape::Map(self.type_of(&schema["additionalProperties"]), Keys::Any)
            }
            Json::Null => Shape::Any,
            _ => Shape::Scalar(match schema["format"].as_str() {
                Some("int32") => Format::Int32,
                Some("quantity") => Format::Quantity,
                Some("int-or-string") => Format::IntOrString,
                Some("date-time") => Format::DateTime,
                Some("byte") => Format::Byte,
                _ => Format::Plain,
            }),
        }
    }
}

/// A list merges where its strategy says so. It is told apart by its list-map-keys, as server-side
/// apply does: two ports may share a number when their protocols differ, which the single merge key
/// of kubectl's patches confuses.
fn merge_of(schema: &Json) -> Merge {
    let merges = schema["x-kubernetes-patch-strategy"]
        .as_str()
        .is_some_and(|strategy| strategy.split(',').any(|word| word == "merge"));
    let Some(first) = schema["x-kubernetes-patch-merge-key"].as_str() else {
        return if merges { Merge::Set } else { Merge::Replace };
    };
    if !merges {
        return Merge::Replace;
    }
    let rest =
        schema["x-kubernetes-list-map-keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rest = rest.iter().filter_map(Json::as_str).filter(|key| *key != first);
    Merge::Keyed(std::iter::once(first).chain(rest).map(Box::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(of: &str, field: &str) -> &'static Merge {
        match Type::named(of).unwrap().field(field).unwrap().shape() {
            Shape::List { merge, .. } => merge,
            other => panic!("{other:?}"),
        }
    }

    fn keys(of: &str, field: &str) -> Vec<&'static str> {
        match list(of, field) {
            Merge::Keyed(keys) => keys.iter().map(AsRef::as_ref).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_rendered_kind_is_in_the_tables() {
        for (api_version, kind) in [
            ("v1", "ConfigMap"),
            ("v1", "Secret"),
            ("v1", "ServiceAccount"),
            ("batch/v1", "CronJob"),
            ("batch/v1", "Job"),
            ("rbac.authorization.k8s.io/v1", "Role"),
            ("rbac.authorization.k8s.io/v1", "RoleBinding"),
            ("external-secrets.io/v1", "ExternalSecret"),
            ("pipelines.openmetadata.org/v1", "OMJob"),
            ("pipelines.openmetadata.org/v1", "CronOMJob"),
        ] {
            let kind = Type::of_kind(api_version, kind).unwrap();
            assert!(kind.field("metadata").is_some());
        }
        assert_eq!(Type::of_kind("apps/v1", "Deployment"), None);
    }

    #[test]
    fn every_reference_of_both_tables_is_defined() {
        fn references<'a>(schema: &'a Json, into: &mut Vec<&'a str>) {
            match schema {
                Json::Object(object) => {
                    into.extend(object.get("$ref").and_then(Json::as_str));
                    object.values().for_each(|value| references(value, into));
                }
                Json::Array(items) => items.iter().for_each(|value| references(value, into)),
                _ => {}
            }
        }
        let mut all = Vec::new();
        references(&DOCUMENT, &mut all);
        assert!(all.len() > 200);
        for target in all {
            assert!(Type::named(target.strip_prefix("#/$defs/").unwrap()).is_some(), "{target}");
        }
    }

    #[test]
    fn lists_merge_by_the_keys_of_kubernetes() {
        assert_eq!(keys("core.v1.PodSpec", "containers"), ["name"]);
        assert_eq!(keys("core.v1.Container", "volumeMounts"), ["mountPath"]);
        assert_eq!(keys("core.v1.Container", "ports"), ["containerPort", "protocol"]);
        assert_eq!(keys("core.v1.PodSpec", "hostAliases"), ["ip"]);
        assert_eq!(
            keys("core.v1.PodSpec", "topologySpreadConstraints"),
            ["topologyKey", "whenUnsatisfiable"]
        );
        assert!(matches!(list("core.v1.PodSpec", "tolerations"), Merge::Replace));
        assert!(matches!(list("meta.v1.ObjectMeta", "finalizers"), Merge::Set));
    }

    #[test]
    fn a_volume_has_one_source() {
        let Shape::Fields { union, .. } = Type::named("core.v1.Volume").unwrap().shape() else {
            panic!()
        };
        assert!(union.iter().any(|field| field == "emptyDir"));
        assert!(!union.iter().any(|field| field == "name"));
    }
}
