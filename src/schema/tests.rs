//! What a check says, on small schemas: the right rule, at the right place, in words that help.

use serde_json::json;

use super::{Options, Schema, Words};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::tree::{Entry, Mapping, Node, SourceId, Span, Value};

fn words() -> Words {
    Words { wrong_form: Some(&code::SPEC_FORMAT), names: true, ..Words::definition() }
}

fn compiled(schema: serde_json::Value) -> Schema {
    Schema::from_json(&schema).unwrap()
}

fn found(schema: &Schema, value: serde_json::Value) -> Vec<Diagnostic> {
    let mut found = Diagnostics::default();
    schema.check(schema.root(), &Node::from(value), &words(), &mut found);
    found.iter().cloned().collect()
}

/// Each finding as `route: message; help`.
fn said(schema: serde_json::Value, value: serde_json::Value) -> Vec<String> {
    found(&compiled(schema), value)
        .into_iter()
        .map(|finding| match finding.help {
            Some(help) => format!("{}: {}; {help}", finding.route, finding.message),
            None => format!("{}: {}", finding.route, finding.message),
        })
        .collect()
}

/// Two connectors, told apart by `type`, and a third way in without one.
fn connections() -> serde_json::Value {
    json!({
        "type": "object",
        "properties": {"connection": {"anyOf": [
            {"$ref": "#/$defs/Mysql"}, {"$ref": "#/$defs/a__b__Snowflake"}, {"type": "null"},
        ]}},
        "$defs": {
            "Mysql": {
                "type": "object",
                "properties": {
                    "type": {"anyOf": [{"$ref": "#/$defs/MysqlType"}, {"type": "null"}], "default": "Mysql"},
                    "hostPort": {"type": "string"},
                    "password": {"anyOf": [{"type": "string", "format": "password"}, {"type": "null"}]},
                },
                "required": ["hostPort"],
                "additionalProperties": false,
            },
            "MysqlType": {"type": "string", "enum": ["Mysql"]},
            "a__b__Snowflake": {
                "type": "object",
                "properties": {
                    "type": {"const": "Snowflake"},
                    "account": {"type": "string"},
                    "privateKey": {"type": "string", "format": "password"},
                },
                "required": ["account"],
                "additionalProperties": false,
            },
        },
    })
}

#[test]
fn every_finding_of_a_node_is_said_at_once() {
    let schema = json!({
        "type": "object",
        "properties": {
            "limit": {"type": "integer", "minimum": 1},
            "on": {"type": "boolean"},
            "names": {"type": "array", "items": {"type": "string"}, "uniqueItems": true},
            "mode": {"enum": ["Allow", "Forbid"]},
        },
        "required": ["limit", "mode", "on"],
        "additionalProperties": false,
    });
    assert_eq!(
        said(schema, json!({"limit": 0, "names": ["a", 1, "a"], "mode": "allow", "limits": 2})),
        [
            "limit: expected at least 1, found 0",
            "names[1]: expected a string, found an integer; write it in quotes: `\"1\"`",
            "names[2]: the same item stands twice",
            "mode: unknown value `allow` of `mode`; did you mean `Allow`?",
            "limits: unknown field `limits`; did you mean `limit`?",
            ": missing field `on`",
        ]
    );
}

#[test]
fn an_unknown_field_is_at_its_key_and_a_wrong_value_at_the_value() {
    let span = |start| Span { source: SourceId(0), start, end: start + 1 };
    let mut mapping = Mapping::new();
    for (key, at) in [("a", 0), ("b", 10)] {
        let value = Node::at(Value::from("x"), span(at + 5));
        mapping.push(Entry { key: key.into(), key_span: span(at), value });
    }
    let schema = compiled(json!({
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["c"],
        "additionalProperties": false,
    }));
    let mut found = Diagnostics::default();
    let node = Node::at(Value::Mapping(mapping), span(0));
    schema.check(schema.root(), &node, &words(), &mut found);
    let places: Vec<_> = found.iter().map(|finding| finding.span.start).collect();
    assert_eq!(places, [5, 10, 0]);
}

#[test]
fn a_computed_value_is_reported_where_what_holds_it_stands() {
    let span = Span { source: SourceId(0), start: 7, end: 9 };
    let mut inner = Mapping::new();
    inner.insert("port", Node::new("x"));
    let mut outer = Mapping::new();
    outer.push(Entry { key: "config".into(), key_span: span, value: Node::new(inner) });
    let schema =
        compiled(json!({"properties": {"config": {"properties": {"port": {"type": "integer"}}}}}));
    let mut found = Diagnostics::default();
    schema.check(schema.root(), &Node::new(outer), &words(), &mut found);
    assert_eq!(found.iter().next().unwrap().span, span);
}

#[test]
fn a_field_that_belongs_elsewhere_is_sent_there() {
    let schema = json!({
        "properties": {
            "metadata": {"properties": {"labels": {}}, "additionalProperties": false},
            "spec": {
                "properties": {
                    "schedule": {"type": "string"},
                    "kubernetes": {"properties": {"backoffLimit": {}}, "additionalProperties": false},
                },
                "additionalProperties": false,
            },
        },
        "additionalProperties": false,
    });
    assert_eq!(
        said(
            schema,
            json!({"spec": {"backoffLimit": 1, "labels": {}, "kubernetes": {"schedule": "x"}}})
        ),
        [
            "spec.backoffLimit: unknown field `backoffLimit`; `backoffLimit` belongs in `spec.kubernetes`",
            "spec.labels: unknown field `labels`; `labels` belongs in `metadata`",
            "spec.kubernetes.schedule: unknown field `schedule`; `schedule` belongs in `spec`",
        ]
    );
}

#[test]
fn the_branch_that_the_discriminator_names_is_the_one_that_is_checked() {
    assert_eq!(
        said(connections(), json!({"connection": {"type": "Snowflake", "acount": "x"}})),
        [
            "connection.acount: unknown field `acount`; did you mean `account`?",
            "connection: missing field `account`",
        ]
    );
    let unknown = found(
        &compiled(connections()),
        json!({"connection": {"type": "Snowflake", "hostPort": "x", "account": "a"}}),
    );
    assert_eq!(unknown[0].label, "not a field of Snowflake");
}

#[test]
fn an_unknown_discriminator_is_the_only_finding_and_lists_the_known_ones() {
    assert_eq!(
        said(connections(), json!({"connection": {"type": "Snowflak", "hostPort": 1}})),
        ["connection.type: unknown value `Snowflak` of `type`; did you mean `Snowflake`?"]
    );
    assert_eq!(
        said(connections(), json!({"connection": {"type": "Oracle"}})),
        ["connection.type: unknown value `Oracle` of `type`; known are `Mysql` and `Snowflake`"]
    );
}

#[test]
fn without_the_discriminator_a_branch_that_fits_is_taken_and_else_it_is_asked_for() {
    assert_eq!(said(connections(), json!({"connection": {"hostPort": "x"}})), [""; 0]);
    assert_eq!(
        said(connections(), json!({"connection": {"hostPrt": "x"}})),
        ["connection: missing field `type`; known are `Mysql` and `Snowflake`"]
    );
}

#[test]
fn a_discriminator_one_level_down_is_found() {
    let branch = |name: &str, field: &str| {
        json!({
            "properties": {"config": {
                "properties": {"type": {"enum": [name]}, field: {"type": "string"}},
                "additionalProperties": false,
            }},
        })
    };
    let schema = json!({"anyOf": [branch("Mysql", "hostPort"), branch("Snowflake", "account")]});
    assert_eq!(
        said(schema.clone(), json!({"config": {"type": "Snowflake", "hostPort": "x"}})),
        ["config.hostPort: unknown field `hostPort`; the fields are `account` and `type`"]
    );
    assert_eq!(
        said(schema, json!({"config": {"type": "Snowflaek"}})),
        ["config.type: unknown value `Snowflaek` of `type`; did you mean `Snowflake`?"]
    );
}

#[test]
fn without_any_discriminator_the_keys_decide() {
    let schema = json!({"anyOf": [
        {"type": "object", "properties": {"password": {"type": "string"}}, "additionalProperties": false},
        {"type": "object", "properties": {"awsConfig": {"type": "object"}}, "additionalProperties": false},
        {"type": "string"},
    ]});
    assert_eq!(
        said(schema.clone(), json!({"awsConfig": 1})),
        ["awsConfig: expected a mapping, found an integer"]
    );
    assert_eq!(
        said(schema, json!(1)),
        [": expected a mapping or a string, found an integer; write it in quotes: `\"1\"`"]
    );
}

#[test]
fn a_value_at_a_secret_field_is_never_in_a_message() {
    let schema = json!({"properties": {
        "password": {"anyOf": [{"type": "string", "format": "password"}, {"type": "null"}]},
        "pin": {"type": "integer", "format": "password"},
        "key": {"enum": ["one"], "format": "password"},
    }});
    let said = said(schema, json!({"password": 424_242, "pin": "313131", "key": "onee"}));
    assert_eq!(said.len(), 3);
    for message in said {
        for secret in ["424242", "313131", "onee"] {
            assert!(!message.contains(secret), "{message}");
        }
    }
}

#[test]
fn a_long_or_odd_text_is_not_repeated() {
    let schema = json!({"properties": {"mode": {"enum": ["Allow", "Forbid"]}}});
    let text = "eyJhbGciOiJIUzI1NiJ9";
    assert_eq!(
        said(schema, json!({"mode": text})),
        ["mode: unknown value of `mode`; known are `Allow` and `Forbid`"]
    );
}

#[test]
fn a_reference_to_a_secret_stands_for_a_scalar_and_for_nothing_else() {
    let schema = compiled(json!({"properties": {
        "port": {"type": "integer"},
        "name": {"anyOf": [{"type": "string", "minLength": 3}, {"type": "null"}]},
        "auth": {"properties": {"user": {}}, "type": "object", "additionalProperties": false},
    }}));
    let words = Words { stands_for_scalar: |node| node.get("secretKeyRef").is_some(), ..words() };
    let reference = json!({"secretKeyRef": {"name": "a", "key": "b"}});
    let node = Node::from(json!({"port": reference, "name": reference, "auth": reference}));
    let mut found = Diagnostics::default();
    schema.check(schema.root(), &node, &words, &mut found);
    let routes: Vec<_> = found.iter().map(|finding| finding.route.as_str()).collect();
    assert_eq!(routes, ["auth.secretKeyRef"]);
}

#[test]
fn secrets_are_found_in_the_branch_that_was_meant() {
    let schema = compiled(connections());
    let node =
        Node::from(json!({"connection": {"type": "Mysql", "hostPort": "h", "password": "x"}}));
    let mut secrets = Vec::new();
    schema.secrets(schema.root(), &node, &words(), &mut |secret| {
        secrets.push(secret.as_str());
    });
    assert_eq!(secrets, [Some("x")]);
}

#[test]
fn a_whole_float_is_an_integer_and_a_quoted_number_is_not() {
    let schema = json!({"items": {"type": "integer"}});
    assert_eq!(
        said(schema, json!([1.0, "1", 1.5, "one"])),
        [
            "[1]: expected an integer, found a string; write it without quotes: `1`",
            "[2]: expected an integer, found a number",
            "[3]: expected an integer, found a string",
        ]
    );
}

#[test]
fn kubernetes_schemas_are_read_closed() {
    let schema = json!({
        "definitions": {
            "io.k8s.api.core.v1.PodSpec": {
                "type": "object",
                "properties": {
                    "containers": {
                        "type": "array",
                        "items": {"type": "object", "properties": {"name": {"type": "string"}}},
                    },
                    "port": {"$ref": "#/definitions/io.k8s.IntOrString"},
                    "nodeSelector": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            },
            "io.k8s.IntOrString": {"type": "string", "format": "int-or-string"},
        },
    });
    let schema = Schema::from_json_with(&schema, Options { closed: true }).unwrap();
    let pod = schema.definition("io.k8s.api.core.v1.PodSpec").unwrap();
    let node = Node::from(json!({
        "containers": [{"nme": "x"}], "port": 1, "nodeSelector": {"any": "thing"},
    }));
    let mut found = Diagnostics::default();
    schema.check(pod, &node, &words(), &mut found);
    let found: Vec<_> = found.iter().collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].message, "unknown field `nme`");
    assert_eq!(found[0].help.as_deref(), Some("did you mean `name`?"));
}

#[test]
fn a_schema_that_holds_itself_is_fine_and_one_that_is_itself_is_refused() {
    let tree = json!({"properties": {"inner": {"$ref": "#"}}, "additionalProperties": false});
    assert_eq!(
        said(tree, json!({"inner": {"inner": {"iner": 1}}})),
        ["inner.inner.iner: unknown field `iner`; did you mean `inner`?"]
    );
    for circular in [
        json!({"$ref": "#"}),
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "string"}]}}}),
    ] {
        assert!(
            matches!(Schema::from_json(&circular), Err(super::Error::Circular { .. })),
            "{circular}"
        );
    }
    let missing = Schema::from_json(&json!({"$ref": "#/$defs/none"})).unwrap_err();
    assert_eq!(missing.to_string(), "the schema refers to `#/$defs/none`, which it does not hold");
}
