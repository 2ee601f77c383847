//! The parameters that may be written in two forms: OpenMetadata's strings (`k=v,k=v`, `a,b`,
//! `K:V`) and Kubernetes' own mappings and lists.
//!
//! In: either form. Out: which one it was, with its texts untouched; taking the strings apart, and
//! saying which pair of them is wrong, is the model's work. It never fails on what the schema of
//! the same type lets through.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// Names: a list, or a text with commas between them.
#[derive(Clone, PartialEq, Debug)]
pub enum Names {
    /// `a,b`.
    Text(String),
    /// `[a, b]`.
    List(Vec<String>),
}

/// Keys with values: a mapping, or a text `k=v,k=v`.
#[derive(Clone, PartialEq, Debug)]
pub enum Pairs {
    /// `k=v,k=v`.
    Text(String),
    /// `{k: v}`, in written order.
    Mapping(Vec<(String, String)>),
}

/// Texts by key, in written order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StringMap(pub Vec<(String, String)>);

/// A Kubernetes quantity, `500m`, `4Gi`, `2`; a number is kept as its text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Quantity(pub String);

/// Quantities by resource, in written order: `cpu`, `memory`, `ephemeral-storage`,
/// `nvidia.com/gpu`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResourceList(pub Vec<(String, Quantity)>);

/// What a container reserves and what it may use at most.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// What is reserved on the node for it.
    pub requests: Option<ResourceList>,
    /// What it may use at most: beyond it, CPU is throttled, and memory ends the container.
    pub limits: Option<ResourceList>,
}

/// Environment variables, each in one of two forms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EnvVars {
    /// `K:V,K:V`, which OpenMetadata takes too.
    Text(String),
    /// A list.
    List(Vec<EnvVarItem>),
}

/// An environment variable: `NAME:value`, or Kubernetes' form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EnvVarItem {
    /// `NAME:value`.
    Text(String),
    /// `{name, value}` or `{name, valueFrom}`.
    Mapping(Box<EnvVar>),
}

/// An environment variable of a container.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvVar {
    /// The name of the variable.
    #[schemars(example = &"HTTPS_PROXY", length(min = 1))]
    pub name: String,
    /// Its value. `$(NAME)` stands for an earlier variable, `$$` for a dollar sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Where its value comes from, in place of `value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_from: Option<ValueFrom>,
}

/// Where an environment variable's value comes from: one of the four.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[serde(rename = "EnvVarSource")]
pub struct ValueFrom {
    /// A key of a ConfigMap in the pod's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<KeyRef>,
    /// A key of a Secret in the pod's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeyRef>,
    /// A field of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_ref: Option<FieldRef>,
    /// The container's own limit or request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_field_ref: Option<ResourceFieldRef>,
}

/// A key of a ConfigMap or Secret.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyRef {
    /// The name of the ConfigMap or Secret.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The key in it.
    #[schemars(length(min = 1))]
    pub key: String,
    /// Whether the pod starts when the key is missing. Default: `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// A field of the pod.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldRef {
    /// The schema that the path is read by. Default: `v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// The field.
    #[schemars(example = &"status.podIP", example = &"metadata.labels['team']")]
    pub field_path: String,
}

/// A limit or request of a container.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceFieldRef {
    /// The container. Default: the one that the variable belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_name: Option<String>,
    /// What the figure is divided by. Default: `1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub divisor: Option<Quantity>,
    /// The resource.
    #[schemars(example = &"limits.memory")]
    pub resource: String,
}

/// Tolerations: a list, or a text `k=v:Effect,k:Effect`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tolerations {
    /// `k=v:Effect,k:Effect`.
    Text(String),
    /// Kubernetes' form.
    List(Vec<Toleration>),
}

/// A node taint that a pod tolerates.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Toleration {
    /// The taint's key. Left out, with the operator `Exists`: any taint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"dedicated")]
    pub key: Option<String>,
    /// How the taint is compared. Default: `Equal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Equal"))]
    pub operator: Option<TolerationOperator>,
    /// The taint's value, for the operator `Equal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"ingestion")]
    pub value: Option<String>,
    /// The taint's effect. Default: every effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
    /// How long the pod stays once the taint appears, in seconds, for the effect `NoExecute`.
    /// Default: for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

/// How a toleration is compared with a taint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
pub enum TolerationOperator {
    /// Key and value are those of the taint.
    Equal,
    /// The key is that of the taint.
    Exists,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
pub enum TaintEffect {
    /// They are not placed on the node.
    NoSchedule,
    /// They are placed there only if there is no other node.
    PreferNoSchedule,
    /// They are not placed there, and those that run are evicted.
    NoExecute,
}

impl ResourceList {
    /// The quantity of a resource.
    pub fn get(&self, name: &str) -> Option<&Quantity> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, quantity)| quantity)
    }
}

/// What a type is written as, told to serde by the kind of value that stands there.
macro_rules! either_form {
    ($type:ident, $expecting:literal, |$map:ident, $seq:ident| $($method:ident => $body:expr),*) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Form;
                impl<'de> Visitor<'de> for Form {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                        Ok($type::Text(text.to_owned()))
                    }
                    $(either_form!(@ $method, $map, $seq, $type, $body);)*
                }
                deserializer.deserialize_any(Form)
            }
        }
    };
    (@ mapping, $map:ident, $seq:ident, $type:ident, $body:expr) => {
        fn visit_map<A: MapAccess<'de>>(self, $map: A) -> Result<$type, A::Error> { $body }
    };
    (@ list, $map:ident, $seq:ident, $type:ident, $body:expr) => {
        fn visit_seq<A: SeqAccess<'de>>(self, $seq: A) -> Result<$type, A::Error> { $body }
    };
}

either_form!(Names, "a list of names, or names separated by commas", |map, items|
    list => Deserialize::deserialize(SeqAccessDeserializer::new(items)).map(Names::List));
either_form!(Pairs, "a mapping, or key=value pairs separated by commas", |entries, items|
    mapping => in_order(entries).map(Pairs::Mapping));
either_form!(EnvVars, "a list of environment variables", |map, items|
    list => Deserialize::deserialize(SeqAccessDeserializer::new(items)).map(EnvVars::List));
either_form!(EnvVarItem, "NAME:value, or a mapping with a name", |entries, items|
    mapping => Deserialize::deserialize(MapAccessDeserializer::new(entries)).map(EnvVarItem::Mapping));
either_form!(Tolerations, "a list of tolerations", |map, items|
    list => Deserialize::deserialize(SeqAccessDeserializer::new(items)).map(Tolerations::List));

/// The entries of a mapping, in written order.
fn in_order<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    mut entries: A,
) -> Result<Vec<(String, T)>, A::Error> {
    let mut pairs = Vec::with_capacity(entries.size_hint().unwrap_or_default());
    while let Some(pair) = entries.next_entry()? {
        pairs.push(pair);
    }
    Ok(pairs)
}

/// Reads a mapping into a list of its entries.
macro_rules! entries_in_order {
    ($type:ident, $expecting:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Entries;
                impl<'de> Visitor<'de> for Entries {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<$type, A::Error> {
                        in_order(entries).map($type)
                    }
                }
                deserializer.deserialize_map(Entries)
            }
        }
    };
}

entries_in_order!(ResourceList, "a mapping of resources to quantities");
entries_in_order!(StringMap, "a mapping of strings");

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Quantity;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Quantity, E> {
                Ok(Quantity(text.to_owned()))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Quantity, E> {
                Ok(Quantity(number.to_string()))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Quantity, E> {
                Ok(Quantity(number.to_string()))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Quantity, E> {
                Ok(Quantity(number.to_string()))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// Kubernetes' syntax of a quantity: a decimal number with a binary suffix, a decimal one, or an
/// exponent.
const QUANTITY: &str =
    r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$";

/// Declares a type's schema, which stands in the place of each use: editors show no name of ours.
macro_rules! schema_of {
    ($type:ident, |$generator:ident| $schema:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

schema_of!(Names, |_generator| json_schema!({"anyOf": [
    {"type": "array", "items": {"type": "string", "minLength": 1}},
    {"type": "string"},
]}));
schema_of!(Pairs, |_generator| json_schema!({"anyOf": [
    {"type": "object", "additionalProperties": {"type": "string"}},
    {
        "type": "string",
        "pattern": r"^\s*([^=,]+=[^,]*(,[^=,]+=[^,]*)*)?\s*$",
    },
]}));
schema_of!(StringMap, |_generator| json_schema!({
    "type": "object", "additionalProperties": {"type": "string"},
}));
schema_of!(Quantity, |_generator| json_schema!({
    "type": ["string", "number"], "pattern": QUANTITY,
}));
schema_of!(ResourceList, |generator| {
    let quantity = generator.subschema_for::<Quantity>();
    let cpu = described(&quantity, "CPUs: `2`, or `500m` for half of one.", &["500m", "2"]);
    let memory = described(
        &quantity,
        "Bytes: `4Gi` is 4 gibibytes, `512Mi` 512 mebibytes.",
        &["1Gi", "4Gi"],
    );
    let disk = described(&quantity, "Bytes of the node's disk.", &["10Gi"]);
    json_schema!({
        "type": "object",
        "properties": {"cpu": cpu, "memory": memory, "ephemeral-storage": disk},
        "additionalProperties": quantity,
    })
});
schema_of!(EnvVars, |generator| json_schema!({"anyOf": [
    {"type": "array", "items": generator.subschema_for::<EnvVarItem>()},
    {"type": "string"},
]}));
schema_of!(EnvVarItem, |generator| json_schema!({"anyOf": [
    {
        "type": "string",
        "pattern": r"^[^=:]+:",
    },
    generator.subschema_for::<EnvVar>(),
]}));
schema_of!(Tolerations, |generator| json_schema!({"anyOf": [
    {"type": "array", "items": generator.subschema_for::<Toleration>()},
    {
        "type": "string",
    },
]}));

fn described(quantity: &Schema, description: &str, examples: &[&str]) -> Schema {
    let mut schema = quantity.clone();
    schema.insert("description".to_owned(), description.into());
    schema.insert("examples".to_owned(), examples.into());
    schema
}
