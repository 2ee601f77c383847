//! Fields that may be null, in few words.
//!
//! In: the schema of a field. Out: the same with null, or in a shorter form: pydantic writes two
//! thousand optional fields as unions, and a union is slower to read and to check than a type. It
//! reads no file.

use serde_json::{Map, Value, json};

/// A schema or null.
pub(super) fn or_null(schema: Value) -> Value {
    let mut branches = match schema {
        Value::Object(mut keywords) if keywords.len() == 1 && keywords.contains_key("anyOf") => {
            match keywords.remove("anyOf") {
                Some(Value::Array(branches)) => branches,
                _ => Vec::new(),
            }
        }
        schema => vec![schema],
    };
    branches.push(json!({"type": "null"}));
    shorten(Map::from_iter([("anyOf".to_owned(), Value::Array(branches))]))
}

/// `anyOf: [{type: T, …}, {type: "null"}]`, an optional field, as `type: [T, "null"], …`, where
/// nothing else of the branch speaks of null.
pub(super) fn shorten(mut schema: Map<String, Value>) -> Value {
    let plain = |branch: &Value| {
        branch["type"].is_string()
            && ["enum", "const", "not", "anyOf", "allOf"].iter().all(|key| branch[*key].is_null())
    };
    match schema.get_mut("anyOf") {
        Some(Value::Array(branches))
            if branches.len() == 2
                && branches[1] == json!({"type": "null"})
                && plain(&branches[0]) =>
        {
            let mut branch = branches.swap_remove(0);
            branch["type"] = json!([branch["type"], "null"]);
            if schema.len() == 1 {
                return branch;
            }
            schema.insert("anyOf".to_owned(), json!([branch]));
            Value::Object(schema)
        }
        _ => Value::Object(schema),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shortened(schema: &Value) -> Value {
        shorten(schema.as_object().cloned().unwrap())
    }

    #[test]
    fn an_optional_field_of_pydantic_is_a_type_with_null() {
        assert_eq!(
            shortened(
                &json!({"anyOf": [{"type": "string", "format": "password"}, {"type": "null"}]})
            ),
            json!({"type": ["string", "null"], "format": "password"}),
        );
    }

    #[test]
    fn null_is_no_value_of_an_enumeration() {
        let choice = json!({"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]});
        assert_eq!(shortened(&choice), choice);
    }

    #[test]
    fn null_joins_a_union() {
        let union = json!({"anyOf": [{"$ref": "#/definitions/a"}, {"type": "string"}]});
        let with_null =
            json!({"anyOf": [{"$ref": "#/definitions/a"}, {"type": "string"}, {"type": "null"}]});
        assert_eq!(or_null(union), with_null);
    }
}
