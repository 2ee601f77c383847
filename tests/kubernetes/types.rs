//! Random objects of the type tables, decoded by Kubernetes' Go types as strictly as its API server
//! can.

use ompipe::diagnostic::Diagnostics;
use ompipe::manifest::{Manifest, kubernetes};
use serde_json::{Map, Value, json};

use crate::ask;
use crate::dice::Dice;

/// A random object of a type of the table, each field there by chance.
fn instance(dice: &mut Dice, table: &Value, schema: &Value, depth: usize) -> Value {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.strip_prefix("#/$defs/").unwrap();
        return instance(dice, table, &table["$defs"][name], depth);
    }
    if let Some(values) = schema["enum"].as_array() {
        return values[dice.roll(values.len())].clone();
    }
    match (schema["format"].as_str(), &schema["type"]) {
        (Some("quantity"), _) => [json!("1Gi"), json!(1), json!("0.5")][dice.roll(3)].clone(),
        (Some("int-or-string"), _) => [json!("50%"), json!(80)][dice.roll(2)].clone(),
        (Some("date-time"), _) => json!("2026-01-02T03:04:05Z"),
        (Some("byte"), _) => json!("YQ=="),
        (_, Value::String(kind)) => match kind.as_str() {
            "string" => json!(dice.pick(&["a", "b-c", "d1"])),
            "boolean" => json!(dice.one_in(2)),
            "integer" => json!(dice.roll(100)),
            "number" => json!(0.5),
            "array" => {
                // One entry, so that entries of one key do not meet.
                let items = if depth == 0 { 0 } else { dice.roll(2) };
                (0..items).map(|_| instance(dice, table, &schema["items"], depth - 1)).collect()
            }
            _ => mapping(dice, table, schema, depth),
        },
        (_, other) => panic!("{other}"),
    }
}

fn mapping(dice: &mut Dice, table: &Value, schema: &Value, depth: usize) -> Value {
    let mut fields = Map::new();
    if schema["additionalProperties"].is_object() {
        let value = instance(dice, table, &schema["additionalProperties"], depth.saturating_sub(1));
        fields.insert(dice.pick(&["k", "example.org/l"]).into(), value);
    }
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let wanted = depth > 0 && dice.one_in(3);
        if wanted || required.iter().any(|field| field == name.as_str()) {
            fields.insert(name.clone(), instance(dice, table, schema, depth.saturating_sub(1)));
        }
    }
    fields.into()
}

/// The places of an object's mappings.
fn mappings(value: &Value, at: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            into.push(at.to_owned());
            for (key, value) in object {
                mappings(value, &format!("{at}/{}", key.replace('/', "~1")), into);
            }
        }
        Value::Array(items) => {
            for (number, value) in items.iter().enumerate() {
                mappings(value, &format!("{at}/{number}"), into);
            }
        }
        _ => {}
    }
}

const KINDS: [&str; 7] = [
    "core.v1.ConfigMap",
    "core.v1.Secret",
    "core.v1.ServiceAccount",
    "batch.v1.CronJob",
    "batch.v1.Job",
    "rbac.v1.Role",
    "rbac.v1.RoleBinding",
];

#[test]
fn what_the_tables_allow_kubernetes_decodes() {
    let table: Value =
        serde_json::from_str(include_str!("../../src/manifest/kubernetes.json")).unwrap();
    let mut dice = Dice(0xD1B5_4A32_D192_ED03);
    let objects: Vec<Value> = (0..2000)
        .map(|number| instance(&mut dice, &table, &table["$defs"][KINDS[number % KINDS.len()]], 12))
        .collect();
    let questions: Vec<Value> =
        objects.iter().map(|object| json!({"ask": "decode", "object": object})).collect();
    let Some(answers) = ask(&questions) else {
        return;
    };
    for (object, answer) in objects.iter().zip(&answers) {
        assert!(answer.get("refused").is_none(), "{object}\n{answer}");
    }
}

#[test]
fn what_kubernetes_cannot_decode_is_a_finding() {
    let table: Value =
        serde_json::from_str(include_str!("../../src/manifest/kubernetes.json")).unwrap();
    let mut dice = Dice(0x94D0_49BB_1331_11EB);
    let mut objects = Vec::new();
    for number in 0..2000 {
        let mut object =
            instance(&mut dice, &table, &table["$defs"][KINDS[number % KINDS.len()]], 12);
        object["metadata"]["name"] = json!("n");
        let mut places = Vec::new();
        mappings(&object, "", &mut places);
        let place = places[dice.roll(places.len())].clone();
        let mapping = object.pointer_mut(&place).unwrap().as_object_mut().unwrap();
        if dice.one_in(2) || mapping.is_empty() {
            mapping.insert("unknown".into(), json!({"x": [1]}));
        } else {
            let key = mapping.keys().nth(dice.roll(mapping.len())).unwrap().clone();
            let identity = ["apiVersion", "kind", "metadata"].contains(&key.as_str());
            if !identity && (place != "/metadata" || key != "name") {
                let wrong = [json!(true), json!("text"), json!([1]), json!({"a": 1}), json!(1.5)];
                mapping.insert(key, wrong[dice.roll(wrong.len())].clone());
            }
        }
        objects.push(object);
    }
    let questions: Vec<Value> =
        objects.iter().map(|object| json!({"ask": "decode", "object": object})).collect();
    let Some(answers) = ask(&questions) else {
        return;
    };
    let mut refused = 0;
    for (object, answer) in objects.iter().zip(&answers) {
        if answer.get("refused").is_none() {
            continue;
        }
        refused += 1;
        let mut found = Diagnostics::default();
        let manifest = Manifest::new(object.clone().into(), &mut found);
        if let Some(manifest) = manifest {
            kubernetes::check(&manifest, &mut found);
        }
        assert!(found.has_errors(), "{object}\n{answer}");
    }
    assert!(refused > 1000, "too tame: {refused}");
}
