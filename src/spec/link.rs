//! Linked JSON Schema files → one schema with all that the workflow reaches under `definitions`.
//!
//! In: the texts of OpenMetadata's schema files by their path, and where the workflow's schema
//! starts. Out: a [`Linked`] schema in which every `$ref` is `#/definitions/NAME`, with the
//! keywords that decide what is valid and no others. It reads no file, and what it does is bounded
//! by the size of the texts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::names::{name_references, names, referenced_names};
use super::nullable::{or_null, shorten};

/// The keywords that say what is valid or secret. Descriptions, titles and defaults are two thirds
/// of OpenMetadata's schema and would cost that share of the time that each start of the process
/// spends on reading it.
const KEPT: &[&str] = &[
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "pattern",
    "patternProperties",
    "properties",
    "propertyNames",
    "required",
    "type",
    "uniqueItems",
];

/// More definitions than this are no schema of OpenMetadata's: 1.13 has 683, of all its entities
/// about 1,500.
const MAX_DEFINITIONS: usize = 20_000;

/// Why the files do not make a schema.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LinkError {
    /// A `$ref` names a file that is not there.
    #[error("{from}: $ref names {file}, which is not among the files")]
    MissingFile {
        /// The file with the reference.
        from: String,
        /// The file that it names.
        file: String,
    },
    /// A `$ref` names a place that its file does not have.
    #[error("{from}: $ref names {file}#{pointer}, which is not there")]
    MissingDefinition {
        /// The file with the reference.
        from: String,
        /// The file that it names.
        file: String,
        /// The place in it.
        pointer: String,
    },
    /// A chain of `$ref`s that defines nothing, as one that comes back to its start.
    #[error("{file}#{pointer} is a $ref that leads to nothing but other $refs")]
    Cycle {
        /// The file with the first of them.
        file: String,
        /// The place in it.
        pointer: String,
    },
    /// A file that is not JSON.
    #[error("{file} is not JSON: {reason}")]
    NotJson {
        /// The file.
        file: String,
        /// What its reader says.
        reason: String,
    },
    /// A place that holds neither an object nor a boolean.
    #[error("{file}#{pointer} is not a JSON Schema")]
    NotSchema {
        /// The file.
        file: String,
        /// The place in it.
        pointer: String,
    },
    /// A `$ref` to another host or of another form.
    #[error("{from}: $ref {reference:?} is neither a place in this file nor a file beside it")]
    UnknownReference {
        /// The file with the reference.
        from: String,
        /// The reference.
        reference: String,
    },
    /// More definitions than any OpenMetadata has.
    #[error("more than {MAX_DEFINITIONS} definitions; this is not OpenMetadata's schema")]
    TooMany,
}

/// A definition that is but a reference to another may be one itself; OpenMetadata's chains have
/// two links.
const MAX_ALIASES: usize = 64;

/// A schema in one piece.
#[derive(Debug)]
pub(super) struct Linked {
    /// The schema that was asked for, its `$ref`s pointing into the definitions.
    pub(super) root: Value,
    /// What it reaches, by names that are the same whatever the order of the files.
    pub(super) definitions: BTreeMap<String, Value>,
}

/// A place in a file: path and JSON pointer.
pub(super) type Place = (String, String);

/// Who wrote the schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// OpenMetadata's people: the files from which its Python models are made. In the models a
    /// field that is not required may be null.
    Files,
    /// Pydantic, of the models: it says itself where null may stand.
    Models,
}

/// Follows all references from a place on.
pub(super) fn link(
    files: &BTreeMap<String, String>,
    (file, pointer): (&str, &str),
    origin: Origin,
) -> Result<Linked, LinkError> {
    let mut linker = Linker {
        files,
        origin,
        parsed: HashMap::new(),
        numbers: HashMap::new(),
        places: Vec::new(),
    };
    let start: Place = (file.to_owned(), pointer.to_owned());
    linker.number(start, file)?;
    let mut schemas = Vec::new();
    while schemas.len() < linker.places.len() {
        let (file, pointer) = linker.places[schemas.len()].clone();
        let schema = linker.find(&file, &pointer)?.clone();
        schemas.push(linker.reduce(schema, &file, &pointer)?);
    }
    let targets = follow_aliases(&schemas, &linker.places)?;
    let names = names(&linker.places);
    for schema in &mut schemas {
        name_references(schema, &targets, &names);
    }
    let used: BTreeSet<usize> = targets.iter().copied().collect();
    let root = schemas[targets[0]].clone();
    let referenced = referenced_names(&root, &schemas, &names);
    let definitions = used
        .into_iter()
        .filter(|number| referenced.contains(&names[*number]))
        .map(|number| (names[number].clone(), std::mem::take(&mut schemas[number])))
        .collect();
    Ok(Linked { root, definitions })
}

struct Linker<'a> {
    files: &'a BTreeMap<String, String>,
    origin: Origin,
    parsed: HashMap<String, Value>,
    numbers: HashMap<Place, usize>,
    places: Vec<Place>,
}

impl Linker<'_> {
    /// The number under which a place is linked; a new one is queued.
    fn number(&mut self, place: Place, from: &str) -> Result<usize, LinkError> {
        if let Some(number) = self.numbers.get(&place) {
            return Ok(*number);
        }
        if self.places.len() >= MAX_DEFINITIONS {
            return Err(LinkError::TooMany);
        }
        let (file, pointer) = &place;
        if !self.parsed.contains_key(file) {
            let missing = || LinkError::MissingFile { from: from.to_owned(), file: file.clone() };
            let text = self.files.get(file).ok_or_else(missing)?;
            let schema = serde_json::from_str(text).map_err(|error| LinkError::NotJson {
                file: file.clone(),
                reason: error.to_string(),
            })?;
            self.parsed.insert(file.clone(), schema);
        }
        if self.parsed[file].pointer(pointer).is_none() {
            let (from, file, pointer) = (from.to_owned(), file.clone(), pointer.clone());
            return Err(LinkError::MissingDefinition { from, file, pointer });
        }
        self.places.push(place.clone());
        self.numbers.insert(place, self.places.len() - 1);
        Ok(self.places.len() - 1)
    }

    fn find(&self, file: &str, pointer: &str) -> Result<&Value, LinkError> {
        let found = self.parsed.get(file).and_then(|schema| schema.pointer(pointer));
        found.ok_or_else(|| LinkError::NotSchema {
            file: file.to_owned(),
            pointer: pointer.to_owned(),
        })
    }

    /// A schema with nothing but what decides validity, its references numbers of places.
    fn reduce(&mut self, schema: Value, file: &str, pointer: &str) -> Result<Value, LinkError> {
        let keywords = match schema {
            Value::Object(keywords) => keywords,
            Value::Bool(_) => return Ok(schema),
            _ => {
                return Err(LinkError::NotSchema {
                    file: file.to_owned(),
                    pointer: pointer.to_owned(),
                });
            }
        };
        if let Some(Value::String(reference)) = keywords.get("$ref") {
            // What stands beside a `$ref` is ignored in draft 7; pydantic writes only descriptions
            // and defaults there.
            let number = self.number(place(reference, file)?, file)?;
            return Ok(json!({ "$ref": number }));
        }
        let required: Vec<String> = match keywords.get("required") {
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let mut kept = Map::new();
        for (keyword, value) in keywords {
            let keyword = match keyword.as_str() {
                // A union of pydantic's, which is what reads the workflow: the best match counts,
                // not the only one.
                "oneOf" => "anyOf",
                keyword => keyword,
            };
            let Some(keyword) = KEPT.iter().find(|kept| **kept == keyword) else {
                continue;
            };
            let value = match (*keyword, value) {
                ("properties" | "patternProperties", Value::Object(entries)) => {
                    let mut reduced = Map::new();
                    for (name, schema) in entries {
                        let schema = self.reduce(schema, file, pointer)?;
                        let nullable = self.origin == Origin::Files
                            && *keyword == "properties"
                            && !required.contains(&name);
                        reduced.insert(name, if nullable { or_null(schema) } else { schema });
                    }
                    Value::Object(reduced)
                }
                ("anyOf" | "allOf" | "items", Value::Array(schemas)) => {
                    let reduced: Result<Vec<_>, _> = schemas
                        .into_iter()
                        .map(|schema| self.reduce(schema, file, pointer))
                        .collect();
                    Value::Array(reduced?)
                }
                ("additionalProperties" | "items" | "not" | "propertyNames", schema) => {
                    self.reduce(schema, file, pointer)?
                }
                // Python's flag for what is the default everywhere else.
                ("pattern", Value::String(pattern)) => pattern.trim_start_matches("(?u)").into(),
                (_, value) => value,
            };
            if (*keyword, &value) != ("additionalProperties", &Value::Bool(true)) {
                kept.insert((*keyword).to_owned(), value);
            }
        }
        Ok(shorten(kept))
    }
}

/// The place that a `$ref` names, seen from its file.
fn place(reference: &str, from: &str) -> Result<Place, LinkError> {
    let unknown =
        || LinkError::UnknownReference { from: from.to_owned(), reference: reference.to_owned() };
    let (path, pointer) = reference.split_once('#').unwrap_or((reference, ""));
    if path.contains(':')
        || path.starts_with('/')
        || !(pointer.is_empty() || pointer.starts_with('/'))
    {
        return Err(unknown());
    }
    if path.is_empty() {
        return Ok((from.to_owned(), pointer.to_owned()));
    }
    let mut folders: Vec<&str> = from.split('/').collect();
    folders.pop();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                folders.pop().ok_or_else(unknown)?;
            }
            name => folders.push(name),
        }
    }
    Ok((folders.join("/"), pointer.to_owned()))
}

/// For every place the place that defines it: itself, or the end of a chain of bare references.
fn follow_aliases(schemas: &[Value], places: &[Place]) -> Result<Vec<usize>, LinkError> {
    let next = |number: usize| {
        schemas[number].get("$ref").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok())
    };
    (0..schemas.len())
        .map(|start| {
            let mut at = start;
            for _ in 0..=MAX_ALIASES {
                match next(at) {
                    Some(further) => at = further,
                    None => return Ok(at),
                }
            }
            let (file, pointer) = places[start].clone();
            Err(LinkError::Cycle { file, pointer })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[(&str, Value)]) -> BTreeMap<String, String> {
        texts.iter().map(|(name, schema)| ((*name).to_owned(), schema.to_string())).collect()
    }

    fn models(files: &BTreeMap<String, String>, file: &str) -> Result<Linked, LinkError> {
        link(files, (file, ""), Origin::Models)
    }

    #[test]
    fn references_across_files_end_in_one_schema_without_what_only_java_needs() {
        let files = files(&[
            (
                "a/root.json",
                json!({"$id": "x", "javaType": "X", "properties": {"b": {"title": "B", "$ref": "../c/b.json#/definitions/b"}}}),
            ),
            (
                "c/b.json",
                json!({"definitions": {"b": {"type": "string", "enum": ["x"], "javaEnums": [{"name": "X"}]}, "unused": {}}}),
            ),
        ]);
        let linked = models(&files, "a/root.json").unwrap();
        assert_eq!(linked.root, json!({"properties": {"b": {"$ref": "#/definitions/b"}}}));
        assert_eq!(
            linked.definitions,
            BTreeMap::from([("b".to_owned(), json!({"type": "string", "enum": ["x"]}))])
        );
    }

    #[test]
    fn two_definitions_of_one_name_stay_two() {
        let files = files(&[
            (
                "root.json",
                json!({"properties": {"a": {"$ref": "x/config.json"}, "b": {"$ref": "y/config.json"}}}),
            ),
            ("x/config.json", json!({"type": "string"})),
            ("y/config.json", json!({"type": "integer"})),
        ]);
        let linked = models(&files, "root.json").unwrap();
        assert_eq!(linked.definitions["x.config"], json!({"type": "string"}));
        assert_eq!(linked.definitions["y.config"], json!({"type": "integer"}));
    }

    #[test]
    fn a_property_may_be_called_like_a_keyword() {
        let properties = json!({"properties": {"type": {"type": "string"}, "default": {"type": "integer"}, "$ref": {"type": "null"}}});
        let linked = models(&files(&[("root.json", properties.clone())]), "root.json").unwrap();
        assert_eq!(linked.root, properties);
    }

    #[test]
    fn a_recursive_schema_is_fine_and_a_reference_that_defines_nothing_is_not() {
        let tree = json!({"properties": {"child": {"$ref": "#"}, "all": {"$ref": "#/definitions/l"}}, "definitions": {"l": {"items": {"$ref": "#/definitions/l"}}}});
        let linked = models(&files(&[("root.json", tree)]), "root.json").unwrap();
        assert_eq!(linked.root["properties"]["child"]["$ref"], "#/definitions/root");
        assert_eq!(linked.definitions.len(), 2);

        let cycle = json!({"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}});
        let error = models(&files(&[("root.json", cycle)]), "root.json").unwrap_err();
        assert!(matches!(error, LinkError::Cycle { .. }), "{error}");
    }

    #[test]
    fn what_a_reference_names_must_be_there() {
        let text = |reference: &str| {
            files(&[("root.json", json!({"properties": {"a": {"$ref": reference}}}))])
        };
        let error = |reference: &str| models(&text(reference), "root.json").unwrap_err();
        assert!(matches!(error("other.json"), LinkError::MissingFile { .. }));
        assert!(matches!(error("#/definitions/a"), LinkError::MissingDefinition { .. }));
        assert!(matches!(error("../../etc/passwd"), LinkError::UnknownReference { .. }));
        assert!(matches!(error("https://example.com/a.json"), LinkError::UnknownReference { .. }));
    }

    #[test]
    fn in_openmetadatas_own_files_a_field_that_is_not_required_may_be_null() {
        let files = files(&[(
            "r.json",
            json!({"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"]}),
        )]);
        let linked = link(&files, ("r.json", ""), Origin::Files).unwrap();
        assert_eq!(
            linked.root["properties"],
            json!({"a": {"type": "string"}, "b": {"type": ["string", "null"]}})
        );
    }
}
