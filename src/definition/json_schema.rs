//! The JSON Schemas of the kinds, generated from the types: for editors, for CI, and for ompipe's
//! own checks.
//!
//! In: the types. Out: JSON of draft 7, which every editor's YAML support reads. Beyond what
//! schemars makes of the types, `null` is taken out of optional fields (a key without a value is a
//! mistake here), documented enums become one list with a description for each value, and
//! descriptions get their Markdown form.

use std::sync::OnceLock;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::kinds::{IngestionPipelineSpec, IngestionProjectSpec, Metadata, ServiceConnectionSpec};
use super::{API_VERSION, Kind};

/// A definition as a whole, for its schema alone.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "carries a schema, is never built")]
struct Document<Spec> {
    /// The group and version of the kind; it may be left out.
    #[schemars(extend("const" = API_VERSION, "default" = API_VERSION))]
    api_version: Option<String>,
    /// The kind of the definition.
    kind: String,
    /// The definition's name, labels and annotations.
    metadata: Metadata,
    /// What it says.
    spec: Spec,
}

/// A file of `schemas/`.
#[derive(Clone, PartialEq, Debug)]
pub struct SchemaFile {
    /// Its name, `IngestionPipeline.json`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The schema of a kind; without one, the schema of a definition of any kind.
pub fn schema(kind: Option<Kind>) -> Value {
    match kind {
        Some(kind) => finished(of_kind(kind)),
        None => finished(of_any_kind()),
    }
}

/// The schema by which definitions of a kind are checked, compiled when the first of them is read.
pub(super) fn compiled(kind: Kind) -> &'static crate::schema::Schema {
    static SCHEMAS: [OnceLock<crate::schema::Schema>; 3] = [const { OnceLock::new() }; 3];
    SCHEMAS[kind as usize]
        .get_or_init(|| crate::schema::Schema::from_json(&schema(Some(kind))).unwrap_or_default())
}

/// The files that `schemas/` holds, and that `ompipe schema` prints.
pub fn schema_files() -> Vec<SchemaFile> {
    let mut files: Vec<_> = Kind::ALL
        .into_iter()
        .map(|kind| SchemaFile {
            name: format!("{}.json", kind.as_str()),
            text: text(&schema(Some(kind))),
        })
        .collect();
    files.push(SchemaFile { name: "ompipe.json".to_owned(), text: text(&schema(None)) });
    files
}

/// The same schemas where validators look for those of custom resources.
pub fn catalogue_files() -> Vec<SchemaFile> {
    let file = |kind: Kind| in_catalogue(API_VERSION, kind.as_str(), text(&schema(Some(kind))));
    Kind::ALL.into_iter().map(file).collect()
}

/// A schema as a file of `schemas/`, below `catalogue/`: kubeconform and others find it there by
/// the pattern `{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`.
pub fn in_catalogue(api_version: &str, kind: &str, text: String) -> SchemaFile {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let kind = kind.to_ascii_lowercase();
    SchemaFile { name: format!("catalogue/{group}/{kind}_{version}.json"), text }
}

/// Indented by two spaces, with a newline at the end.
fn text(schema: &Value) -> String {
    let mut schema = schema.clone();
    in_reading_order(&mut schema);
    format!("{schema:#}\n")
}

fn of_kind(kind: Kind) -> Value {
    let (mut schema, description) = match kind {
        Kind::IngestionProject => (
            generate::<Document<IngestionProjectSpec>>(),
            "The project: what all its pipelines have in common. One per project, in `ompipe.yaml` at its root.",
        ),
        Kind::ServiceConnection => (
            generate::<Document<ServiceConnectionSpec>>(),
            "A service and how to reach it, once for all its pipelines.",
        ),
        Kind::IngestionPipeline => (
            generate::<Document<IngestionPipelineSpec>>(),
            "A pipeline: what is ingested from which service, and when.",
        ),
    };
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), kind.as_str().into());
        object.insert("description".to_owned(), description.into());
    }
    if let Some(Value::Object(field)) = schema.pointer_mut("/properties/kind") {
        field.insert("const".to_owned(), kind.as_str().into());
        field.insert("default".to_owned(), kind.as_str().into());
    }
    schema
}

/// One schema for a file of any kinds: the kind's own schema is chosen by `kind`, so that an editor
/// shows the findings of that one alone.
fn of_any_kind() -> Value {
    let mut definitions = Map::new();
    let mut branches = Vec::new();
    let mut title = Map::new();
    for kind in Kind::ALL {
        let mut schema = of_kind(kind);
        if let Some(object) = schema.as_object_mut() {
            if let Some(Value::Object(own)) = object.remove("definitions") {
                definitions.extend(own);
            }
            if let Some(dialect) = object.remove("$schema") {
                title.insert("$schema".to_owned(), dialect);
            }
        }
        definitions.insert(kind.as_str().to_owned(), schema);
        branches.push(json!({
            "if": {"properties": {"kind": {"const": kind.as_str()}}, "required": ["kind"]},
            "then": {"$ref": format!("#/definitions/{}", kind.as_str())},
        }));
    }
    let kinds = Kind::ALL.map(Kind::as_str);
    let mut schema = title;
    schema.insert("title".to_owned(), "ompipe".into());
    schema.insert("description".to_owned(), "A definition of any kind, chosen by `kind`.".into());
    schema.insert("type".to_owned(), "object".into());
    schema.insert(
        "properties".to_owned(),
        // The kind's own schema says more of each; these are what an editor offers before there is
        // a kind.
        json!({
            "apiVersion": {"description": "The group and version of the kind; it may be left out."},
            "kind": {"description": "The kind of the definition.", "enum": kinds},
            "metadata": {"description": "The definition's name, labels and annotations."},
            "spec": {"description": "What it says."},
        }),
    );
    schema.insert("required".to_owned(), json!(["kind"]));
    schema.insert("defaultSnippets".to_owned(), snippets());
    schema.insert("allOf".to_owned(), branches.into());
    schema.insert("definitions".to_owned(), definitions.into());
    Value::Object(schema)
}

/// What an editor offers to fill an empty file with.
fn snippets() -> Value {
    let snippet = |kind: Kind, description: &str, name: &str, spec: Value| {
        json!({
            "label": kind.as_str(),
            "description": description,
            "body": {"kind": kind.as_str(), "metadata": {"name": name}, "spec": spec},
        })
    };
    json!([
        snippet(
            Kind::IngestionProject,
            "What all pipelines of a project have in common",
            "${1:analytics}",
            json!({
                "openMetadata": {
                    "hostPort": "${2:http://openmetadata.openmetadata:8585/api}",
                    "authProvider": "openmetadata",
                    "securityConfig": {
                        "jwtToken": {"secretKeyRef": {"name": "${3:openmetadata-bot}", "key": "${4:token}"}},
                    },
                },
            }),
        ),
        snippet(
            Kind::ServiceConnection,
            "A service and how to reach it",
            "${1:snowflake-prod}",
            json!({"type": "${2:snowflake}", "connection": {"config": {"type": "${3:Snowflake}"}}}),
        ),
        snippet(
            Kind::IngestionPipeline,
            "A pipeline of a service",
            "${1:snowflake-metadata}",
            json!({
                "service": "${2:snowflake-prod}",
                "type": "${3:metadata}",
                "schedule": "${4:0 3 * * *}",
                "workflow": {"source": {"sourceConfig": {"config": {"type": "${5:DatabaseMetadata}"}}}},
            }),
        ),
    ])
}

fn generate<T: JsonSchema>() -> Value {
    let schema: Schema =
        SchemaSettings::draft07().for_deserialize().into_generator().into_root_schema_for::<T>();
    schema.to_value()
}

/// The schema in the form that is shown.
fn finished(mut schema: Value) -> Value {
    finish(&mut schema);
    schema
}

fn finish(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            without_null(object);
            values_in_one_list(object);
            // Bounds say what these formats would.
            if matches!(
                object.get("format").and_then(Value::as_str),
                Some("int32" | "int64" | "uint32" | "uint64" | "double")
            ) {
                object.remove("format");
            }
            for (key, value) in object.iter_mut() {
                // What these hold is data, not schemas.
                if !matches!(key.as_str(), "default" | "examples" | "enum" | "const") {
                    finish(value);
                }
            }
            if let Some(Value::String(description)) = object.get("description") {
                let text = unwrapped(description);
                let plain = text.replace('`', "");
                if plain != text {
                    object.insert("markdownDescription".to_owned(), text.into());
                }
                object.insert("description".to_owned(), plain.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(finish),
        _ => {}
    }
}

/// Takes `null` out of `type: [T, null]` and `anyOf: [T, {type: null}]`.
fn without_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
        branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(_)] = branches.as_slice() {
            let only = branches.remove(0);
            object.remove("anyOf");
            if let Value::Object(only) = only {
                if only.contains_key("$ref") {
                    // Draft 7 ignores what stands beside a `$ref`.
                    object.insert("allOf".to_owned(), json!([only]));
                } else {
                    for (key, value) in only {
                        object.entry(key).or_insert(value);
                    }
                }
            }
        }
    }
}

/// Turns `oneOf` of documented constants into `enum` with `enumDescriptions`: what editors list,
/// and show at each value.
fn values_in_one_list(object: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = object.get("oneOf") else {
        return;
    };
    let constants: Option<Vec<(Value, String)>> = branches
        .iter()
        .map(|branch| {
            let value = branch.get("const")?.clone();
            Some((value, unwrapped(branch.get("description")?.as_str()?)))
        })
        .collect();
    let Some(constants) = constants else { return };
    object.remove("oneOf");
    let (values, descriptions): (Vec<_>, Vec<_>) = constants.into_iter().unzip();
    object.insert("type".to_owned(), "string".into());
    object.insert("enum".to_owned(), values.into());
    let plain: Vec<_> = descriptions.iter().map(|text| text.replace('`', "")).collect();
    object.insert("enumDescriptions".to_owned(), plain.into());
    object.insert("markdownEnumDescriptions".to_owned(), descriptions.into());
}

/// Puts first what a reader wants first.
fn in_reading_order(schema: &mut Value) {
    const FIRST: [&str; 8] = [
        "$schema",
        "title",
        "description",
        "markdownDescription",
        "type",
        "default",
        "examples",
        "required",
    ];
    match schema {
        Value::Object(object) => {
            let mut rest = std::mem::take(object);
            for key in FIRST {
                // Under `properties` such a name is that of a field, and its place is the one it
                // was declared in.
                if rest.get(key).is_some_and(|value| !value.is_object())
                    && let Some(value) = rest.shift_remove(key)
                {
                    object.insert(key.to_owned(), value);
                }
            }
            object.extend(rest);
            object.values_mut().for_each(in_reading_order);
        }
        Value::Array(items) => items.iter_mut().for_each(in_reading_order),
        _ => {}
    }
}

/// The text with the line breaks of its source taken out of each paragraph.
fn unwrapped(text: &str) -> String {
    text.split("\n\n")
        .map(|paragraph| paragraph.replace('\n', " "))
        .collect::<Vec<_>>()
        .join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::schema::{Schema, Words};
    use crate::tree::Node;

    #[test]
    fn schemas_are_current() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        let update = std::env::var_os("OMPIPE_UPDATE").is_some();
        for SchemaFile { name, text } in [schema_files(), catalogue_files()].concat() {
            let path = folder.join(&name);
            if update {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let stored = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                stored == text,
                "schemas/{name} is stale; `just schemas` rewrites it \
                 (OMPIPE_UPDATE=1 cargo test --lib schemas_are_current)"
            );
        }
    }

    /// Calls a function with each schema in a schema, and with its pointer.
    fn each(schema: &Value, pointer: &str, then: &mut dyn FnMut(&Value, &str)) {
        match schema {
            Value::Object(object) => {
                then(schema, pointer);
                for (key, value) in object {
                    if !matches!(key.as_str(), "default" | "examples" | "defaultSnippets") {
                        each(value, &format!("{pointer}/{key}"), then);
                    }
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    each(value, &format!("{pointer}/{index}"), then);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_example_and_default_agrees_with_its_own_schema() {
        let words = Words {
            wrong_form: Some(&crate::diagnostic::code::SPEC_FORMAT),
            ..Words::definition()
        };
        let mut seen = 0;
        for kind in Kind::ALL {
            let whole = schema(Some(kind));
            each(&whole, "", &mut |part, pointer| {
                let examples = part.get("examples").and_then(Value::as_array);
                let default = part
                    .get("default")
                    .filter(|default| !default.is_object() || pointer.ends_with("esources"));
                for value in examples.into_iter().flatten().chain(default) {
                    // The part alone, with the definitions that it may refer to.
                    let mut alone = part.clone();
                    alone["definitions"] = whole["definitions"].clone();
                    let compiled = Schema::from_json(&alone).unwrap();
                    let mut found = Diagnostics::default();
                    compiled.check(compiled.root(), &Node::from(value.clone()), &words, &mut found);
                    assert!(found.is_empty(), "{pointer}: {value}: {found:?}");
                    seen += 1;
                }
            });
        }
        assert!(seen > 60, "only {seen} examples and defaults were looked at");
    }

    #[test]
    fn every_field_has_a_description() {
        for kind in Kind::ALL {
            each(&schema(Some(kind)), "", &mut |part, pointer| {
                for (name, field) in
                    part.get("properties").and_then(Value::as_object).into_iter().flatten()
                {
                    if !pointer.ends_with("/properties") {
                        assert!(field.get("description").is_some(), "{pointer}: {name}");
                    }
                }
            });
        }
    }

    #[test]
    fn no_field_takes_null() {
        for file in schema_files() {
            assert!(!file.text.contains("\"null\""), "{}", file.name);
            assert!(!file.text.contains("null,"), "{}", file.name);
        }
    }
}
