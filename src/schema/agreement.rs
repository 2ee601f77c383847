//! Whether ours and another implementation of JSON Schema agree on what is valid, on values near to
//! valid ones.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{Schema, Words};
use crate::definition::{self, Kind};
use crate::diagnostic::{Diagnostics, code};
use crate::tree::Node;

/// A change of one place of a value.
#[derive(Clone, Debug)]
enum Change {
    Replace(Json),
    Remove,
    Add(String, Json),
}

fn values() -> impl Strategy<Value = Json> {
    let scalars = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        (-3i64..5).prop_map(|value| json!(value)),
        Just(json!(3.0)),
        Just(json!(0.5)),
        Just(json!(2_147_483_648_i64)),
        prop::sample::select(vec![
            "",
            "a",
            "metadata",
            "TestSuite",
            "Always",
            "Forbid",
            "500m",
            "4Gi",
            "8Gib",
            "a=b,c=d",
            "a=",
            "A:b",
            "0 3 * * *",
            "@daily",
            "Exists",
            "Mysql",
            "Snowflake",
            "DatabaseMetadata",
            "INFO",
        ])
        .prop_map(|text| json!(text)),
    ];
    scalars.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
            prop::collection::vec((keys(), inner), 0..3)
                .prop_map(|entries| Json::Object(entries.into_iter().collect())),
        ]
    })
}

fn keys() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "name",
        "key",
        "value",
        "valueFrom",
        "secretKeyRef",
        "effect",
        "operator",
        "cpu",
        "memory",
        "limits",
        "requests",
        "backoffLimit",
        "type",
        "config",
        "other",
        "username",
        "password",
        "authType",
        "includes",
    ])
    .prop_map(str::to_owned)
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, Change)>> {
    let change = prop_oneof![
        3 => values().prop_map(Change::Replace),
        1 => Just(Change::Remove),
        2 => (keys(), values()).prop_map(|(key, value)| Change::Add(key, value)),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), change), 0..4)
}

fn pointers(value: &Json, above: &str, found: &mut Vec<String>) {
    found.push(above.to_owned());
    match value {
        Json::Object(entries) => {
            for (key, value) in entries {
                pointers(value, &format!("{above}/{key}"), found);
            }
        }
        Json::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, &format!("{above}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn changed(mut value: Json, changes: Vec<(prop::sample::Index, Change)>) -> Json {
    for (at, change) in changes {
        let mut places = Vec::new();
        pointers(&value, "", &mut places);
        let place = at.get(&places);
        match change {
            Change::Replace(new) => {
                if let Some(old) = value.pointer_mut(place) {
                    *old = new;
                }
            }
            Change::Remove => {
                let Some((above, key)) = place.rsplit_once('/') else {
                    continue;
                };
                if let Some(Json::Object(entries)) = value.pointer_mut(above) {
                    entries.remove(key);
                }
            }
            Change::Add(key, new) => {
                if let Some(Json::Object(entries)) = value.pointer_mut(place) {
                    entries.insert(key, new);
                }
            }
        }
    }
    value
}

fn agree(ours: &Schema, theirs: &jsonschema::Validator, words: &Words, value: Json) {
    let node = Node::from(value.clone());
    let mut found = Diagnostics::default();
    ours.check(ours.root(), &node, words, &mut found);
    let said: Vec<_> =
        found.iter().map(|finding| format!("{}: {}", finding.route, finding.message)).collect();
    let valid = ours.is_valid(ours.root(), &node, words);
    assert_eq!(valid, said.is_empty(), "the two walks differ on {value}: {said:?}");
    let reasons: Vec<_> = theirs
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(valid, reasons.is_empty(), "on {value}\nours: {said:?}\ntheirs: {reasons:?}");
}

fn pipeline() -> Json {
    json!({
        "apiVersion": definition::API_VERSION,
        "kind": "IngestionPipeline",
        "metadata": {"name": "snowflake-metadata", "labels": {"team": "data"}},
        "spec": {
            "service": "snowflake-prod",
            "type": "metadata",
            "schedule": "0 3 * * *",
            "timeZone": "Europe/Zurich",
            "enabled": true,
            "workflow": {"source": {"sourceConfig": {"config": {"type": "DatabaseMetadata"}}}},
            "kubernetes": {
                "imagePullPolicy": "Always",
                "imagePullSecrets": ["a"],
                "backoffLimit": 1,
                "nodeSelector": {"zone": "a"},
                "podAnnotations": "k=v",
                "resources": {"limits": {"cpu": 2, "memory": "8Gi"}, "requests": {"cpu": "500m"}},
                "extraEnvVars": ["A:b", {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                "tolerations": [{"key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule"}],
                "exitHandler": "sidecar",
            },
            "podTemplate": {"spec": {"priorityClassName": "batch"}},
        },
    })
}

#[test]
fn our_kinds_are_valid_exactly_when_another_implementation_says_so() {
    let schema = definition::schema(Some(Kind::IngestionPipeline));
    let ours = Schema::from_json(&schema).unwrap();
    let theirs = jsonschema::validator_for(&schema).unwrap();
    let words = Words { wrong_form: Some(&code::SPEC_FORMAT), ..Words::definition() };
    agree(&ours, &theirs, &words, pipeline());
    assert!(ours.is_valid(ours.root(), &Node::from(pipeline()), &words));
    proptest!(ProptestConfig::with_cases(1000), |(changes in changes())| {
        agree(&ours, &theirs, &words, changed(pipeline(), changes));
    });
}

#[test]
fn openmetadata_workflows_are_valid_exactly_when_another_implementation_says_so() {
    let path = std::env::var_os("OMPIPE_WORKFLOW_SCHEMA").map_or_else(
        || {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../shared/openmetadata/workflow-1.13.6.3.schema.json")
        },
        Into::into,
    );
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: no schema of OpenMetadata at {}", path.display());
        return;
    };
    let schema: Json = serde_json::from_str(&text).unwrap();
    let ours = Schema::from_json(&schema).unwrap();
    let theirs = jsonschema::options().should_validate_formats(false).build(&schema).unwrap();
    let words = Words::definition();
    let workflow = json!({
        "source": {
            "type": "mysql",
            "serviceName": "shop",
            "serviceConnection": {"config": {
                "type": "Mysql", "username": "u", "authType": {"password": "p"}, "hostPort": "h:3306",
            }},
            "sourceConfig": {"config": {
                "type": "DatabaseMetadata", "markDeletedTables": true, "schemaFilterPattern": {"includes": ["a"]},
            }},
        },
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {
            "loggerLevel": "INFO",
            "openMetadataServerConfig": {
                "hostPort": "http://om:8585/api",
                "authProvider": "openmetadata",
                "securityConfig": {"jwtToken": "t"},
            },
        },
    });
    assert!(ours.is_valid(ours.root(), &Node::from(workflow.clone()), &words));
    proptest!(ProptestConfig::with_cases(300), |(changes in changes())| {
        agree(&ours, &theirs, &words, changed(workflow.clone(), changes));
    });
}
