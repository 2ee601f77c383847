//! The CustomResourceDefinitions of both kinds and their JSON Schemas, made of the Rust types.
//!
//! In: nothing. Out: the two CRDs, as objects and as the files of `deploy/crds/`, and the files
//! that `schemas/` holds for editors and validators. What upstream's CRDs accept, these accept: a
//! null is a field that is not set, and what they do not require is not required here either.

use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

use super::{CronOMJob, GROUP, OMJob, VERSION};
use crate::definition::{SchemaFile, in_catalogue};
use crate::tree::Node;
use crate::yaml;

/// Where the schema of the one version stands in a CRD.
const SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema";

/// The two CRDs.
pub fn definitions() -> [Value; 2] {
    [OMJob::crd(), CronOMJob::crd()].map(|definition| {
        // A CRD is made of maps, texts and numbers, all of which JSON holds.
        let mut definition = serde_json::to_value(definition).unwrap_or_default();
        if let Some(schema) = definition.pointer_mut(SCHEMA) {
            // Upstream's CRDs take an object without a spec; the operator says what it misses.
            remove(schema, "required");
            structural(schema);
        }
        definition
    })
}

/// The files of `deploy/crds/`, one for each kind.
pub fn definition_files() -> Vec<SchemaFile> {
    definitions()
        .into_iter()
        .map(|definition| {
            let name = format!("{}.yaml", text(&definition, "/spec/names/plural"));
            let mut yaml = String::new();
            yaml::write(&Node::from(definition), &mut yaml);
            SchemaFile { name, text: yaml }
        })
        .collect()
}

/// The JSON Schemas of both kinds, as `schemas/` holds them.
pub fn schema_files() -> Vec<SchemaFile> {
    definitions()
        .iter()
        .map(|definition| {
            let kind = text(definition, "/spec/names/kind");
            let schema = definition.pointer(SCHEMA).cloned().unwrap_or_default();
            SchemaFile {
                name: format!("{kind}.json"),
                text: format!("{:#}\n", whole(kind, schema)),
            }
        })
        .collect()
}

/// The same schemas where validators look for those of custom resources, below `schemas/`.
pub fn catalogue_files() -> Vec<SchemaFile> {
    let api_version = format!("{GROUP}/{VERSION}");
    let file = |file: SchemaFile| {
        in_catalogue(&api_version, file.name.trim_end_matches(".json"), file.text)
    };
    schema_files().into_iter().map(file).collect()
}

/// The schema of a whole object, for editors and validators, which know no more than JSON Schema.
fn whole(kind: &str, mut schema: Value) -> Value {
    json_schema(&mut schema);
    let mut properties = Map::new();
    let api_version = format!("{GROUP}/{VERSION}");
    properties.insert("apiVersion".into(), json!({"type": "string", "const": api_version}));
    properties.insert("kind".into(), json!({"type": "string", "const": kind}));
    properties.insert("metadata".into(), json!({"type": "object"}));
    let (description, own) = (schema["description"].take(), schema["properties"].take());
    if let Value::Object(own) = own {
        properties.extend(own);
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": kind,
        "description": description,
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "properties": properties,
    })
}

/// Takes out of a generated schema what a CRD must not have.
fn structural(schema: &mut Value) {
    for part in ["minimum", "maximum"] {
        // 1, not 1.0: the bounds of whole numbers.
        if let Some(bound) = schema.get(part).and_then(Value::as_f64)
            && bound.fract() == 0.0
        {
            // Bounds are small.
            schema[part] = json!(bound as i64);
        }
    }
    if schema.get("format").and_then(Value::as_str) == Some("uint32") {
        // Kubernetes knows no unsigned numbers, and warns of formats that it does not know.
        schema["format"] = json!("int32");
    }
    for property in properties(schema) {
        // The API server drops a null that is not allowed, as it does for upstream's CRDs; one that
        // is allowed would hide the default.
        remove(property, "nullable");
        if let Some(Value::Array(values)) = property.get_mut("enum") {
            values.retain(|value| !value.is_null());
        }
    }
    children(schema).for_each(structural);
}

/// Turns the schema of a CRD into one that says the same to a JSON Schema validator, and that
/// refuses the fields which the API server would drop.
fn json_schema(schema: &mut Value) {
    children(schema).for_each(json_schema);
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    object.shift_remove("x-kubernetes-validations");
    object.retain(|key, _| !key.starts_with("x-kubernetes-list"));
    let open = object.shift_remove("x-kubernetes-preserve-unknown-fields").is_some();
    if object.contains_key("properties") && !open {
        object.insert("additionalProperties".into(), false.into());
    }
    if object.shift_remove("x-kubernetes-int-or-string").is_some() {
        object.insert("type".into(), json!(["integer", "string"]));
    }
    if object.shift_remove("nullable").is_some() {
        let one = object.shift_remove("type").unwrap_or_default();
        object.insert("type".into(), json!([one, "null"]));
    }
}

/// The schemas within a schema.
fn children(schema: &mut Value) -> impl Iterator<Item = &mut Value> {
    let parts = schema.as_object_mut().into_iter().flatten();
    parts.flat_map(|(key, part)| {
        let (map, one) = match key.as_str() {
            "properties" => (part.as_object_mut(), None),
            "items" | "additionalProperties" => (None, Some(part)),
            _ => (None, None),
        };
        map.into_iter().flat_map(Map::values_mut).chain(one)
    })
}

fn properties(schema: &mut Value) -> impl Iterator<Item = &mut Value> {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(Map::values_mut)
}

fn remove(schema: &mut Value, key: &str) {
    if let Some(schema) = schema.as_object_mut() {
        schema.shift_remove(key);
    }
}

fn text<'v>(value: &'v Value, at: &str) -> &'v str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
#[path = "definitions_tests.rs"]
mod tests;
