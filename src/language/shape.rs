//! What a JSON Schema says about a place in a tree: which keys and values fit there, and what they
//! mean.
//!
//! In: a schema as JSON, a tree and a route. Out: a [`Shape`]. Of several branches those count that
//! what is written does not contradict, so that a connector's `type` leaves its own fields. It is
//! for offering and explaining; what is wrong, [`schema`](crate::schema) says.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::cursor::Step;
use crate::model::secret_reference::stands_for_secret;
use crate::tree::{Node, Value};

/// How many references and branches are followed one into the other, and how deep values are
/// compared to find the branch: a connector's type stands two levels below its union.
const MAX_STEPS: usize = 16;
const COMPARED: usize = 3;

/// The schemas that hold together for one value: itself, what it refers to, its `allOf`.
type Parts<'s> = Vec<&'s Json>;

/// What may stand at a place.
#[derive(Clone, Debug)]
pub struct Shape<'s> {
    document: &'s Json,
    /// Each way in which the value may be made.
    branches: Vec<Parts<'s>>,
}

/// A key that fits.
#[derive(Clone, Debug)]
pub struct Field<'s> {
    /// The key.
    pub name: &'s str,
    /// What its value may be.
    pub shape: Shape<'s>,
    /// Whether the mapping needs it.
    pub required: bool,
}

impl<'s> Shape<'s> {
    /// What a schema of a document says of a node.
    pub fn of(document: &'s Json, schema: &'s Json, node: Option<&Node>) -> Self {
        let mut branches = Vec::new();
        expand(document, schema, MAX_STEPS, &mut branches);
        Self { document, branches }.fitting(node)
    }

    /// What it says at the end of a route.
    pub fn at(self, node: Option<&Node>, route: &[Step]) -> Option<Self> {
        let Some((step, rest)) = route.split_first() else {
            return Some(self.fitting(node));
        };
        let shape = self.fitting(node);
        let (next, inner) = match step {
            Step::Key(key) => (shape.field(key), node.and_then(|node| node.get(key))),
            Step::Item(index) => {
                (shape.items(), node.and_then(|node| node.as_sequence()?.get(*index)))
            }
        };
        next?.at(inner, rest)
    }

    /// The keys that fit: of several branches those that all of them have.
    pub fn fields(&self) -> Vec<Field<'s>> {
        let mut named: BTreeMap<&str, (usize, Vec<&'s Json>, bool)> = BTreeMap::new();
        let mut mappings = 0;
        let mut order = Vec::new();
        for parts in &self.branches {
            let properties = parts.iter().filter_map(|part| part.get("properties")?.as_object());
            let own = properties.flatten().collect::<Vec<_>>();
            if own.is_empty() {
                continue;
            }
            mappings += 1;
            for (name, schema) in own {
                let known = named.entry(name).or_insert_with(|| {
                    order.push(name.as_str());
                    (0, Vec::new(), true)
                });
                known.0 += 1;
                known.1.push(schema);
                known.2 &= requires(parts, name);
            }
        }
        let field = |name: &'s str| {
            let (branches, schemas, required) = named.get(name)?;
            let shape = self.any(schemas.iter().copied());
            (*branches >= mappings).then_some(Field { name, shape, required: *required })
        };
        order.into_iter().filter_map(field).collect()
    }

    /// What the value of a key may be, whether the key is named or one of any.
    fn field(&self, key: &str) -> Option<Self> {
        let of = |parts: &Parts<'s>| {
            let named = parts.iter().find_map(|part| part.get("properties")?.get(key));
            let other = || parts.iter().find_map(|part| part.get("additionalProperties"));
            named.or_else(other).filter(|schema| schema.is_object())
        };
        let schemas = self.branches.iter().filter_map(of).collect::<Vec<_>>();
        (!schemas.is_empty()).then(|| self.any(schemas))
    }

    fn items(&self) -> Option<Self> {
        let of = |parts: &Parts<'s>| parts.iter().find_map(|part| part.get("items"));
        let schemas = self.branches.iter().filter_map(of).collect::<Vec<_>>();
        (!schemas.is_empty()).then(|| self.any(schemas))
    }

    fn any(&self, schemas: impl IntoIterator<Item = &'s Json>) -> Self {
        let mut branches: Vec<Parts<'s>> = Vec::new();
        for schema in schemas {
            expand(self.document, schema, MAX_STEPS, &mut branches);
        }
        branches.dedup();
        Self { document: self.document, branches }
    }

    /// Without the branches that what is written rules out; all, where none is left.
    fn fitting(mut self, node: Option<&Node>) -> Self {
        if let (Some(node), true) = (node, self.branches.len() > 1) {
            let fits = self.branches.iter().map(|parts| fits(self.document, parts, node, COMPARED));
            let fits = fits.collect::<Vec<_>>();
            if fits.contains(&true) {
                let mut fits = fits.into_iter();
                self.branches.retain(|_| fits.next().unwrap_or(true));
            }
        }
        self
    }

    /// The texts, numbers and booleans that are listed for the value, each with what it means.
    pub fn values(&self) -> Vec<(String, Option<&'s str>)> {
        let mut values: Vec<(String, Option<&'s str>)> = Vec::new();
        for part in self.parts() {
            let meanings = part.get("markdownEnumDescriptions").and_then(Json::as_array);
            let listed = part.get("enum").and_then(Json::as_array).into_iter().flatten();
            let only = part.get("const").into_iter();
            let either = [&Json::Bool(true), &Json::Bool(false)];
            let boolean = either.into_iter().filter(|_| is_of(part, "boolean"));
            for (index, value) in listed.chain(only).chain(boolean).enumerate() {
                let text = match value {
                    Json::String(text) => text.clone(),
                    Json::Number(_) | Json::Bool(_) => value.to_string(),
                    _ => continue,
                };
                let meaning = meanings.and_then(|all| all.get(index)?.as_str());
                if !values.iter().any(|(known, _)| *known == text) {
                    values.push((text, meaning));
                }
            }
        }
        values
    }

    /// What the value is for, as Markdown.
    pub fn description(&self) -> Option<&'s str> {
        let text = |key| self.parts().find_map(move |part| part.get(key)?.as_str());
        text("markdownDescription").or_else(|| text("description"))
    }

    /// What holds when the value is left out.
    pub fn default(&self) -> Option<&'s Json> {
        self.parts().find_map(|part| part.get("default"))
    }

    /// Values to begin with.
    pub fn examples(&self) -> Vec<&'s Json> {
        let examples = self.parts().find_map(|part| part.get("examples")?.as_array());
        examples.into_iter().flatten().collect()
    }

    /// Whether it is known to hold a secret.
    pub fn is_secret(&self) -> bool {
        self.parts().any(|part| part.get("format").is_some_and(|format| format == "password"))
    }

    /// Whether a mapping with fields, or a sequence, can stand here.
    pub fn is_mapping(&self) -> bool {
        self.parts().any(|part| part.get("properties").is_some() || is_of(part, "object"))
    }

    /// Whether a sequence can stand here.
    pub fn is_sequence(&self) -> bool {
        self.parts().any(|part| part.get("items").is_some() || is_of(part, "array"))
    }

    /// The kinds of value in JSON Schema's words, `string` or `integer`.
    pub fn types(&self) -> Vec<&'s str> {
        let mut types = Vec::new();
        for part in self.parts() {
            let names = match part.get("type") {
                Some(Json::Array(names)) => names.iter().collect(),
                Some(name) => vec![name],
                None => Vec::new(),
            };
            for name in names.into_iter().filter_map(Json::as_str) {
                if name != "null" && !types.contains(&name) {
                    types.push(name);
                }
            }
        }
        types
    }

    fn parts(&self) -> impl Iterator<Item = &'s Json> {
        self.branches.iter().flatten().copied()
    }
}

fn is_of(part: &Json, name: &str) -> bool {
    match part.get("type") {
        Some(Json::Array(names)) => names.iter().any(|other| other == name),
        Some(other) => other == name,
        None => false,
    }
}

fn requires(parts: &Parts<'_>, name: &str) -> bool {
    parts.iter().any(|part| {
        let names = part.get("required").and_then(Json::as_array);
        names.is_some_and(|names| names.iter().any(|other| other == name))
    })
}

/// Adds the branches of a schema, each with all that holds in it.
fn expand<'s>(document: &'s Json, schema: &'s Json, steps: usize, branches: &mut Vec<Parts<'s>>) {
    if is_null(schema) {
        return;
    }
    let mut own: Vec<Parts<'s>> = vec![vec![schema]];
    let Some(steps) = steps.checked_sub(1) else {
        branches.append(&mut own);
        return;
    };
    let reference = schema.get("$ref").and_then(Json::as_str);
    let target = reference.and_then(|text| document.pointer(text.strip_prefix('#')?));
    let all = schema.get("allOf").and_then(Json::as_array).into_iter().flatten();
    for part in target.into_iter().chain(all) {
        let mut inner = Vec::new();
        expand(document, part, steps, &mut inner);
        own = crossed(&own, &inner);
    }
    for keyword in ["anyOf", "oneOf"] {
        let mut inner = Vec::new();
        for part in schema.get(keyword).and_then(Json::as_array).into_iter().flatten() {
            expand(document, part, steps, &mut inner);
        }
        own = crossed(&own, &inner);
    }
    branches.append(&mut own);
}

/// Each of one with each of the other; one alone where there is no other.
fn crossed<'s>(one: &[Parts<'s>], other: &[Parts<'s>]) -> Vec<Parts<'s>> {
    if other.is_empty() {
        return one.to_vec();
    }
    let with = |parts: &Parts<'s>| {
        let parts = parts.clone();
        other.iter().map(move |more| parts.iter().chain(more).copied().collect())
    };
    one.iter().flat_map(with).collect()
}

fn is_null(schema: &Json) -> bool {
    schema.get("type").is_some_and(|name| name == "null")
}

/// Whether a value may be of a branch, by its kind and by the texts at listed values.
fn fits(document: &Json, parts: &Parts<'_>, node: &Node, depth: usize) -> bool {
    match &node.value {
        // What stands for a text is a mapping as it is written.
        _ if stands_for_secret(node) => true,
        Value::String(text) => parts.iter().all(|part| {
            let listed = part.get("enum").and_then(Json::as_array);
            let only = part.get("const");
            let is_text = |value: &Json| value.as_str().is_none_or(|other| other == text.as_str());
            listed.is_none_or(|listed| listed.iter().any(is_text))
                && only.is_none_or(is_text)
                && !["object", "array"]
                    .iter()
                    .any(|kind| part.get("type").is_some_and(|name| name == kind))
        }),
        Value::Mapping(mapping) => {
            let is_scalar = |part: &&Json| {
                let kind = part.get("type").and_then(Json::as_str);
                kind.is_some_and(|kind| kind != "object")
            };
            if parts.iter().any(is_scalar) {
                return false;
            }
            depth == 0
                || mapping.iter().all(|entry| {
                    let property =
                        parts.iter().find_map(|part| part.get("properties")?.get(&*entry.key));
                    property.is_none_or(|schema| {
                        let mut branches = Vec::new();
                        expand(document, schema, MAX_STEPS, &mut branches);
                        branches.is_empty()
                            || branches
                                .iter()
                                .any(|parts| fits(document, parts, &entry.value, depth - 1))
                    })
                })
        }
        Value::Sequence(_) => !parts.iter().any(|part| {
            part.get("type").and_then(Json::as_str).is_some_and(|kind| kind != "array")
        }),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn connectors() -> Json {
        json!({
            "properties": {"connection": {"anyOf": [{"$ref": "#/definitions/Database"}, {"type": "null"}]}},
            "definitions": {
                "Database": {"properties": {"config": {"anyOf": [{"$ref": "#/definitions/My"}, {"$ref": "#/definitions/Snow"}]}}},
                "My": {"type": "object", "required": ["host"], "properties": {
                    "type": {"$ref": "#/definitions/MyType"}, "host": {"type": "string"},
                    "password": {"anyOf": [{"type": "string", "format": "password"}, {"type": "null"}]},
                }},
                "MyType": {"type": "string", "enum": ["Mysql"]},
                "Snow": {"type": "object", "properties": {
                    "type": {"enum": ["Snowflake"]}, "account": {"type": "string"},
                }},
            },
        })
    }

    fn names(node: &Json, route: &[&str]) -> Vec<String> {
        let document = connectors();
        let node = Node::from(node.clone());
        let route = route.iter().map(|key| Step::Key((*key).into())).collect::<Vec<_>>();
        let shape = Shape::of(&document, &document, Some(&node)).at(Some(&node), &route).unwrap();
        shape.fields().iter().map(|field| field.name.to_owned()).collect()
    }

    #[test]
    fn the_type_of_a_connection_leaves_its_own_fields() {
        let route = ["connection", "config"];
        let of = |kind: &str| names(&json!({"connection": {"config": {"type": kind}}}), &route);
        assert_eq!(of("Mysql"), ["type", "host", "password"]);
        assert_eq!(of("Snowflake"), ["type", "account"]);
        // What all have in common, as long as nothing says which.
        assert_eq!(names(&json!({"connection": {"config": {}}}), &route), ["type"]);
        assert_eq!(of("Unheard"), ["type"]);
    }

    #[test]
    fn values_secrets_and_needs_are_told_through_references_and_unions() {
        let document = connectors();
        let node = Node::from(json!({"connection": {"config": {"type": "Mysql"}}}));
        let route = ["connection", "config"].map(|key| Step::Key(key.into()));
        let shape = Shape::of(&document, &document, Some(&node)).at(Some(&node), &route).unwrap();
        let fields = shape.fields();
        assert_eq!(fields[0].shape.values(), [("Mysql".to_owned(), None)]);
        assert!(fields[1].required && !fields[2].required);
        assert!(fields[2].shape.is_secret() && !fields[1].shape.is_secret());
        assert_eq!(fields[2].shape.types(), ["string"]);
    }

    #[test]
    fn a_boolean_that_may_be_null_is_one_of_two() {
        let document = json!({"type": ["boolean", "null"]});
        let values = Shape::of(&document, &document, None).values();
        assert_eq!(
            values.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(),
            ["true", "false"]
        );
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let document = json!({"$ref": "#/definitions/a", "definitions": {
            "a": {"anyOf": [{"$ref": "#/definitions/a"}, {"properties": {"x": {"const": 1}}}]},
        }});
        let shape = Shape::of(&document, &document, None);
        assert_eq!(shape.fields().len(), 1);
    }
}
