//! The secrets that are known by the names of their fields, compared with OpenMetadata's own
//! schema. Needs the schema of the workflow (`OMPIPE_WORKFLOW_SCHEMA`, or
//! `../shared/openmetadata/…`); without it the test says that it skips.

use ompipe::spec::secret_fields::is_secret_name;
use serde_json::Value;

#[test]
fn every_password_field_of_openmetadatas_schema_is_known_by_its_name() {
    let path = std::env::var("OMPIPE_WORKFLOW_SCHEMA").unwrap_or_else(|_| {
        let root = env!("CARGO_MANIFEST_DIR");
        format!("{root}/../shared/openmetadata/workflow-1.13.6.3.schema.json")
    });
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(std::env::var_os("CI").is_none(), "the schema is needed where CI is set: {path}");
        println!("skipped: no schema at {path}");
        return;
    };
    let mut fields = Fields::default();
    fields.collect(&serde_json::from_str(&text).unwrap());
    assert!(fields.secret.len() > 30, "{} secret fields", fields.secret.len());
    let unknown: Vec<&String> = fields.secret.iter().filter(|name| !is_secret_name(name)).collect();
    assert_eq!(unknown, Vec::<&String>::new());

    // The other way round: a field that is none and has a text as value must not be taken for a
    // secret.
    fields.text.retain(|name| is_secret_name(name) && !fields.secret.contains(name));
    assert_eq!(fields.text, ["awsSessionToken", "signingSecret"]);
}

/// The names of fields, sorted and each once.
#[derive(Default)]
struct Fields {
    secret: Vec<String>,
    text: Vec<String>,
}

impl Fields {
    fn collect(&mut self, schema: &Value) {
        match schema {
            Value::Object(object) => {
                let properties = object.get("properties").and_then(Value::as_object);
                for (name, field) in properties.into_iter().flatten() {
                    let list = if is(field, "format", "password") {
                        &mut self.secret
                    } else if is(field, "type", "string") {
                        &mut self.text
                    } else {
                        continue;
                    };
                    if let Err(at) = list.binary_search(name) {
                        list.insert(at, name.clone());
                    }
                }
                object.values().for_each(|value| self.collect(value));
            }
            Value::Array(items) => items.iter().for_each(|value| self.collect(value)),
            _ => {}
        }
    }
}

/// Whether a field, or a branch of it, has a keyword with a value.
fn is(field: &Value, keyword: &str, value: &str) -> bool {
    field.get(keyword).is_some_and(|found| found == value)
        || ["anyOf", "oneOf", "allOf"].iter().any(|key| {
            let branches = field.get(key).and_then(Value::as_array);
            branches.into_iter().flatten().any(|branch| is(branch, keyword, value))
        })
}
