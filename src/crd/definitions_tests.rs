//! Tests of the CRDs: that the generated files are current, what they must say for upstream's
//! objects, and that what the renderer knows of both kinds is what they say.
//! Whether a real API server takes them, `tests/cluster/` asks one.

use super::*;

#[test]
fn the_operators_schemas_are_current() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let update = std::env::var_os("OMPIPE_UPDATE").is_some();
    for (folder, files) in [
        ("deploy/crds", definition_files()),
        ("schemas", schema_files()),
        ("schemas", catalogue_files()),
    ] {
        for SchemaFile { name, text } in files {
            let path = root.join(folder).join(&name);
            if update {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let stored = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(stored == text, "{folder}/{name} is stale; `just schemas` rewrites it");
        }
    }
}

/// What the renderer knows of both kinds, with Kubernetes' types that it refers to.
fn table() -> Value {
    let mut table: Value =
        serde_json::from_str(include_str!("../manifest/kubernetes.json")).unwrap();
    let ours: Value = serde_json::from_str(include_str!("../manifest/omjob.json")).unwrap();
    let all = table["$defs"].as_object_mut().unwrap();
    all.extend(ours["$defs"].as_object().unwrap().clone());
    table["$defs"].take()
}

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> =
        object.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys
}

fn texts(list: &Value) -> Vec<&str> {
    let mut texts: Vec<_> =
        list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap()).collect();
    texts.sort_unstable();
    texts
}

/// Asserts that a type of the table and a schema of the CRD say the same, and counts the fields.
fn same(table: &Value, of: &Value, schema: &Value, at: &str) -> usize {
    if let Some(target) = of["$ref"].as_str() {
        return same(table, &table[target.strip_prefix("#/$defs/").unwrap()], schema, at);
    }
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        // Kubernetes' own type, or a patch of one: the CRD leaves it to the pod's creation.
        assert_eq!(of["type"], "object", "{at}");
        return 1;
    }
    if schema["x-kubernetes-int-or-string"] == true {
        assert_eq!(of["format"], "quantity", "{at}");
        return 1;
    }
    assert_eq!(of["type"], schema["type"], "{at}");
    assert_eq!(of.get("format"), schema.get("format"), "{at}");
    if schema.get("enum").is_some() {
        assert_eq!(texts(&of["enum"]), texts(&schema["enum"]), "{at}");
    }
    for required in texts(&schema["required"]) {
        assert!(texts(&of["required"]).contains(&required), "{at}.{required} is required");
    }
    assert_eq!(keys(&of["properties"]), keys(&schema["properties"]), "the fields of {at}");
    let mut seen = 1;
    for key in keys(&of["properties"]) {
        let at = format!("{at}.{key}");
        seen += same(table, &of["properties"][key], &schema["properties"][key], &at);
    }
    for part in ["items", "additionalProperties"] {
        if of[part].is_object() || schema.get(part).is_some() {
            seen += same(table, &of[part], &schema[part], &format!("{at}.{part}"));
        }
    }
    seen
}

#[test]
fn what_is_rendered_is_held_against_the_fields_that_the_crds_have() {
    let table = table();
    for definition in definitions() {
        let kind = text(&definition, "/spec/names/kind");
        let of = &table[format!("pipelines.v1.{kind}Spec")];
        let schema = definition.pointer(SCHEMA).unwrap();
        let seen = same(&table, of, &schema["properties"]["spec"], kind);
        assert!(seen > 80, "{kind}: only {seen} fields");
    }
}

#[test]
fn nothing_is_required_but_what_both_of_upstreams_crds_require() {
    fn required(schema: &mut Value, at: &str, into: &mut Vec<String>) {
        for name in texts(&schema["required"]) {
            into.push(format!("{at}.{name}"));
        }
        if let Some(properties) = schema["properties"].as_object_mut() {
            for (key, schema) in properties {
                required(schema, &format!("{at}.{key}"), into);
            }
        }
        if let Some(items) = schema.get_mut("items") {
            required(items, &format!("{at}[]"), into);
        }
    }
    let mut all = Vec::new();
    for mut definition in definitions() {
        let schema = definition.pointer_mut(SCHEMA).unwrap();
        required(schema, "", &mut all);
    }
    // Statuses are the operator's own to write, and resource claims a field that upstream has not.
    all.retain(|at| !at.starts_with(".status.") && !at.ends_with(".claims[].name"));
    assert_eq!(
        all,
        [
            ".spec.mainPodSpec",
            ".spec.mainPodSpec.image",
            ".spec.omJobSpec",
            ".spec.schedule",
            ".spec.omJobSpec.mainPodSpec",
            ".spec.omJobSpec.mainPodSpec.image",
        ]
    );
}

#[test]
fn a_null_is_allowed_nowhere_but_where_a_patch_removes_a_label() {
    for file in definition_files() {
        let nullable = file.text.matches("nullable: true").count();
        // Labels and annotations, of both pod templates.
        assert_eq!(nullable, 4, "{}", file.name);
    }
}

#[test]
fn the_json_schemas_take_the_goldens_and_refuse_an_unknown_field() {
    let schemas = schema_files();
    let golden = include_str!("../../golden/operator/manifests.yaml");
    let mut found = crate::diagnostic::Diagnostics::default();
    let source = crate::tree::SourceId::NONE;
    let mut seen = 0;
    for node in yaml::read(source, golden, yaml::Dialect::Definition, &mut found) {
        let mut object = Value::from(&node);
        let kind = object["kind"].as_str().unwrap().to_owned();
        let Some(file) = schemas.iter().find(|file| file.name == format!("{kind}.json")) else {
            continue;
        };
        let schema: Value = serde_json::from_str(&file.text).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<_> = validator.iter_errors(&object).map(|e| e.to_string()).collect();
        assert_eq!(errors, [""; 0], "{kind}");
        object["spec"]["omJobSpec"]["mainPodSpec"]["imagePulPolicy"] = json!("Always");
        assert!(!validator.is_valid(&object));
        seen += 1;
    }
    assert!(seen >= 2, "{seen}");
}

#[test]
fn debugging_an_omjob_shows_no_environment() {
    let spec: super::super::OMJobSpec = serde_json::from_value(json!({"mainPodSpec": {
        "image": "i", "env": [{"name": "TOKEN", "value": "hunter2"}],
        "podTemplate": {"spec": {"containers": [{"name": "main", "env": [
            {"name": "B", "value": "hunter2"}]}]}}}}))
    .unwrap();
    let shown = format!("{:?}", OMJob::new("a", spec));
    assert!(shown.contains("\"i\"") && !shown.contains("hunter2"), "{shown}");
}
