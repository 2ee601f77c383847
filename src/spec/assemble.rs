//! A linked schema of the workflow → the text of a bundle.
//!
//! In: a [`Linked`] schema and OpenMetadata's version. Out: JSON with one definition a line, the same for the same
//! schema, that also says which connector each `type` of a service connection and of a source config names: a union
//! of 130 connectors is then no search. It reads no file.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::link::Linked;

/// Which definitions each `type` stands for. Mostly one; `AutoClassification` is that of databases and of storages.
pub(super) type Index = BTreeMap<String, Vec<String>>;

/// Why a schema is not that of OpenMetadata's workflow.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AssembleError {
    /// A part of the workflow is missing in its schema.
    #[error("the schema has no {0}: it is not that of OpenMetadata's ingestion workflow")]
    NotWorkflow(&'static str),
}

/// The bundle of a workflow's schema.
pub(super) fn assemble(linked: &Linked, version: &str) -> Result<String, AssembleError> {
    let source =
        property(linked, &linked.root, "source").ok_or(AssembleError::NotWorkflow("source"))?;
    property(linked, &linked.root, "workflowConfig")
        .ok_or(AssembleError::NotWorkflow("workflowConfig"))?;
    let connection = property(linked, source, "serviceConnection");
    let connectors: Index = connection
        .into_iter()
        .flat_map(|connection| branches(linked, connection))
        .filter_map(|(_, service)| property(linked, service, "config"))
        .flat_map(|config| by_type(linked, config))
        .collect_index();
    if connectors.is_empty() {
        return Err(AssembleError::NotWorkflow(
            "connector under source.serviceConnection.config",
        ));
    }
    let source_configs: Index = property(linked, source, "sourceConfig")
        .and_then(|wrapper| property(linked, wrapper, "config"))
        .into_iter()
        .flat_map(|config| by_type(linked, config))
        .collect_index();
    if source_configs.is_empty() {
        return Err(AssembleError::NotWorkflow(
            "type under source.sourceConfig.config",
        ));
    }
    let mut text = format!(
        "{{\n\"$schema\": \"http://json-schema.org/draft-07/schema#\",\n\"openMetadataVersion\": {},\n",
        Value::from(version)
    );
    line(&mut text, "connectors", &index_value(&connectors));
    line(&mut text, "sourceConfigs", &index_value(&source_configs));
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
    Ok(text)
}

fn line(text: &mut String, key: &str, value: &Value) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "{}: {value},", Value::from(key));
}

fn index_value(index: &Index) -> Value {
    index
        .iter()
        .map(|(kind, names)| (kind.clone(), Value::from(names.clone())))
        .collect()
}

/// Puts pairs of type and definition together.
trait CollectIndex {
    fn collect_index(self) -> Index;
}

impl<I: Iterator<Item = (String, String)>> CollectIndex for I {
    fn collect_index(self) -> Index {
        let mut index = Index::new();
        for (kind, name) in self {
            let names = index.entry(kind).or_default();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        index
    }
}

/// The values that `type` may have in each branch of a union, with the branch's name.
fn by_type<'a>(linked: &'a Linked, union: &'a Value) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, branch) in branches(linked, union) {
        let (Some(name), Some(kind)) = (name, property(linked, branch, "type")) else {
            continue;
        };
        for (_, values) in branches(linked, kind) {
            let listed = values["enum"]
                .as_array()
                .into_iter()
                .flatten()
                .chain(values.get("const"));
            pairs.extend(
                listed
                    .filter_map(Value::as_str)
                    .map(|value| (value.to_owned(), name.to_owned())),
            );
        }
    }
    pairs
}

/// The schema of a property, references followed, looked for in every branch.
fn property<'a>(linked: &'a Linked, schema: &'a Value, name: &str) -> Option<&'a Value> {
    branches(linked, schema)
        .into_iter()
        .find_map(|(_, branch)| branch.get("properties")?.get(name))
}

/// The branches of nested unions, references followed, each with the name of its definition.
fn branches<'a>(linked: &'a Linked, schema: &'a Value) -> Vec<(Option<&'a str>, &'a Value)> {
    let mut found = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut queue = std::collections::VecDeque::from([(None, schema)]);
    while let Some((name, schema)) = queue.pop_front() {
        let reference = schema.get("$ref").and_then(Value::as_str);
        if let Some(name) = reference.and_then(|reference| reference.strip_prefix("#/definitions/"))
        {
            if seen.insert(name) {
                queue.extend(
                    linked
                        .definitions
                        .get(name)
                        .map(|schema| (Some(name), schema)),
                );
            }
        } else if let Some(union) = schema.get("anyOf").and_then(Value::as_array) {
            queue.extend(union.iter().map(|branch| (None, branch)));
        } else {
            found.push((name, schema));
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
    fn connectors_and_source_configs_are_found_by_their_type_through_all_unions() {
        let bundle: Value = serde_json::from_str(&assemble(&workflow(), "1.2.3").unwrap()).unwrap();
        assert_eq!(
            bundle["connectors"],
            json!({"Hive": ["Hive"], "Mysql": ["Mysql"]})
        );
        assert_eq!(
            bundle["sourceConfigs"],
            json!({"DatabaseMetadata": ["Metadata"]})
        );
        assert_eq!(bundle["openMetadataVersion"], "1.2.3");
        assert_eq!(bundle["definitions"]["HiveType"]["enum"][0], "Hive");
    }

    #[test]
    fn a_schema_of_anything_else_is_refused() {
        let mut other = workflow();
        other.root = json!({"type": "object"});
        assert_eq!(
            assemble(&other, "1").unwrap_err(),
            AssembleError::NotWorkflow("source")
        );
        let mut empty = workflow();
        empty.definitions.insert("Services".to_owned(), json!({}));
        assert!(matches!(
            assemble(&empty, "1").unwrap_err(),
            AssembleError::NotWorkflow(_)
        ));
    }
}
