//! A linked schema of the workflow → the text of a bundle.
//!
//! In: a [`Linked`] schema and OpenMetadata's version. Out: the text of a JSON Schema with one
//! definition a line, the same for the same schema, and the connectors that it knows. It reads no
//! file.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write;

use serde_json::Value;

use super::link::Linked;

/// Why a schema is not that of OpenMetadata's workflow.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AssembleError {
    /// A part of the workflow is missing in its schema.
    #[error("the schema has no {0}: it is not that of OpenMetadata's ingestion workflow")]
    NotWorkflow(&'static str),
}

/// The bundle of a workflow's schema, and the `type`s of its connectors.
pub(super) fn assemble(
    linked: &Linked,
    version: &str,
) -> Result<(String, BTreeSet<String>), AssembleError> {
    let source =
        property(linked, &linked.root, "source").ok_or(AssembleError::NotWorkflow("source"))?;
    property(linked, &linked.root, "workflowConfig")
        .ok_or(AssembleError::NotWorkflow("workflowConfig"))?;
    let connectors = types(linked, property(linked, source, "serviceConnection"));
    if connectors.is_empty() {
        return Err(AssembleError::NotWorkflow("connector under source.serviceConnection.config"));
    }
    if types(linked, property(linked, source, "sourceConfig")).is_empty() {
        return Err(AssembleError::NotWorkflow("type under source.sourceConfig.config"));
    }
    let mut text = format!(
        "{{\n\"$schema\": \"http://json-schema.org/draft-07/schema#\",\n\"openMetadataVersion\": {},\n",
        Value::from(version)
    );
    for (keyword, value) in linked.root.as_object().into_iter().flatten() {
        line(&mut text, keyword, value);
    }
    text.push_str("\"definitions\": {\n");
    for (name, schema) in &linked.definitions {
        line(&mut text, name, schema);
    }
    if !linked.definitions.is_empty() {
        text.truncate(text.len() - ",\n".len());
    }
    text.push_str("\n}\n}\n");
    Ok((text, connectors))
}

fn line(text: &mut String, key: &str, value: &Value) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "{}: {value},", Value::from(key));
}

/// The values that `config.type` may have in each branch of a union.
fn types(linked: &Linked, union: Option<&Value>) -> BTreeSet<String> {
    let services = union.map_or(Vec::new(), |union| branches(linked, union));
    let configs = services.into_iter().filter_map(|service| property(linked, service, "config"));
    let classes = configs.flat_map(|config| branches(linked, config));
    let types = classes.filter_map(|class| property(linked, class, "type"));
    let listed = |kind: &Value| -> Vec<String> {
        let values = kind["enum"].as_array().into_iter().flatten().chain(kind.get("const"));
        values.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    types.flat_map(|kind| branches(linked, kind)).flat_map(listed).collect()
}

/// The schema of a property, references followed, looked for in every branch.
fn property<'a>(linked: &'a Linked, schema: &'a Value, name: &str) -> Option<&'a Value> {
    branches(linked, schema).into_iter().find_map(|branch| branch.get("properties")?.get(name))
}

/// The branches of nested unions, references followed.
fn branches<'a>(linked: &'a Linked, schema: &'a Value) -> Vec<&'a Value> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut queue = VecDeque::from([schema]);
    while let Some(schema) = queue.pop_front() {
        let reference = schema.get("$ref").and_then(Value::as_str);
        if let Some(name) = reference.and_then(|text| text.strip_prefix("#/definitions/")) {
            if seen.insert(name) {
                queue.extend(linked.definitions.get(name));
            }
        } else if let Some(union) = schema.get("anyOf").and_then(Value::as_array) {
            queue.extend(union);
        } else {
            found.push(schema);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workflow() -> Linked {
        let connector = |kind: &str| json!({"type": "object", "properties": {"type": {"anyOf": [{"$ref": format!("#/definitions/{kind}Type")}, {"type": "null"}]}}});
        Linked {
            root: json!({"type": "object", "properties": {"source": {"$ref": "#/definitions/Source"}, "workflowConfig": {"type": "object"}}}),
            definitions: [
                ("Source", json!({"properties": {
                    "serviceConnection": {"anyOf": [{"$ref": "#/definitions/Services"}, {"type": "null"}]},
                    "sourceConfig": {"properties": {"config": {"anyOf": [{"$ref": "#/definitions/Metadata"}]}}},
                }})),
                ("Services", json!({"anyOf": [{"$ref": "#/definitions/Databases"}]})),
                ("Databases", json!({"properties": {"config": {"anyOf": [{"$ref": "#/definitions/Mysql"}, {"$ref": "#/definitions/Hive"}]}}})),
                ("Mysql", connector("Mysql")),
                ("Hive", connector("Hive")),
                ("Metadata", json!({"properties": {"type": {"const": "DatabaseMetadata"}}})),
                ("MysqlType", json!({"type": "string", "enum": ["Mysql"]})),
                ("HiveType", json!({"type": "string", "enum": ["Hive"]})),
            ]
            .into_iter()
            .map(|(name, schema)| (name.to_owned(), schema))
            .collect(),
        }
    }

    #[test]
    fn connectors_are_found_by_their_type_through_all_unions() {
        let (text, connectors) = assemble(&workflow(), "1.2.3").unwrap();
        let bundle: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(connectors.into_iter().collect::<Vec<_>>(), ["Hive", "Mysql"]);
        assert_eq!(bundle["openMetadataVersion"], "1.2.3");
        assert_eq!(bundle["definitions"]["HiveType"]["enum"][0], "Hive");
    }

    #[test]
    fn a_schema_of_anything_else_is_refused() {
        let mut other = workflow();
        other.root = json!({"type": "object"});
        assert_eq!(assemble(&other, "1").unwrap_err(), AssembleError::NotWorkflow("source"));
        let mut empty = workflow();
        empty.definitions.insert("Services".to_owned(), json!({}));
        assert!(matches!(assemble(&empty, "1").unwrap_err(), AssembleError::NotWorkflow(_)));
    }
}
