//! Whether a workflow agrees with a bundle, compared with an independent validator of JSON Schema
//! on thousands of workflows that have one mistake, or one other value.

use ompipe::diagnostic::{Diagnostic, Diagnostics, Severity};
use ompipe::tree::Node;
use serde_json::{Value, json};

use super::{bundle_of, examples, pydantic_schema, small_bundle, small_workflow, spec_jar, with};

/// What a workflow turns into with one mistake, or with one other value that may do as well.
fn mutations(workflow: &Value) -> Vec<(String, Value)> {
    let mut pointers = Vec::new();
    let mut queue = vec![(String::new(), workflow)];
    while let Some((pointer, value)) = queue.pop() {
        match value {
            Value::Object(entries) => {
                queue
                    .extend(entries.iter().map(|(key, value)| (format!("{pointer}/{key}"), value)));
                pointers.push((format!("{pointer}/noFieldOfAny"), true));
            }
            Value::Array(items) => {
                queue.extend(
                    items.iter().enumerate().map(|(at, value)| (format!("{pointer}/{at}"), value)),
                );
            }
            _ => {}
        }
        if !pointer.is_empty() {
            pointers.push((pointer, false));
        }
    }
    let values = [
        json!(null),
        json!("text"),
        json!(7),
        json!(true),
        json!([]),
        json!({}),
        json!({"type": "Mysql"}),
    ];
    let mut mutations = Vec::new();
    for (pointer, added) in pointers {
        for value in &values {
            mutations.push((
                format!("{pointer} = {value}"),
                with(workflow, &pointer, Some(value.clone())),
            ));
        }
        if !added {
            mutations.push((format!("{pointer} removed"), with(workflow, &pointer, None)));
        }
    }
    mutations
}

#[test]
fn ompipe_and_an_independent_validator_agree_on_mutated_workflows() {
    let mut workflows = examples();
    let (small, imported) = small_bundle();
    let mut schemas = vec![(small, imported, vec![("small".to_owned(), small_workflow())])];
    for path in [pydantic_schema(), spec_jar()].into_iter().flatten() {
        let (bundle, imported) = bundle_of(&path, None);
        schemas.push((bundle, imported, workflows.clone()));
    }
    workflows.clear();
    let mut count = 0;
    for (bundle, imported, workflows) in schemas {
        let schema: Value = serde_json::from_str(&imported.text).unwrap();
        let validator = jsonschema::draft7::new(&schema).unwrap();
        for (name, workflow) in workflows {
            let workflow = without_references(&workflow);
            for (change, mutated) in mutations(&workflow) {
                let mut found = Diagnostics::default();
                bundle.check_workflow(&Node::from(mutated.clone()), &mut found);
                // Warnings about what a JSON Schema lets through too.
                let agrees = |d: &Diagnostic| {
                    d.severity == Severity::Warning && ["OMP0306", "OMP0307"].contains(&d.code.id)
                };
                let valid = found.iter().all(agrees);
                let theirs = validator.is_valid(&mutated);
                assert_eq!(valid, theirs, "{} {name}: {change}: {found:?}", imported.version);
                count += 1;
            }
        }
    }
    println!("{count} workflows compared");
}

/// The values that references stand for, which no JSON Schema knows.
fn without_references(workflow: &Value) -> Value {
    match workflow {
        Value::Object(entries) if entries.contains_key("secretKeyRef") => json!("value"),
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), without_references(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_references).collect(),
        Value::String(text) if text.starts_with("secret:/") => json!("value"),
        other => other.clone(),
    }
}
