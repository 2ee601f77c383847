//! Tests of the strategic merge, each a rule of its own. That the rules are Kubernetes' own,
//! `tests/kubernetes/` asks Kubernetes' code.

use super::*;
use serde_json::json;

fn merged(base: serde_json::Value, patch: serde_json::Value) -> (serde_json::Value, Vec<String>) {
    let mut found = Diagnostics::default();
    let mut base = Node::from(base);
    strategic_merge(&mut base, &Node::from(patch), Type::pod_template(), &mut found);
    let messages = found.iter().map(|diagnostic| diagnostic.message.clone()).collect();
    (serde_json::Value::from(&base), messages)
}

/// The spec that comes out of two specs, without findings.
fn spec(base: serde_json::Value, patch: serde_json::Value) -> serde_json::Value {
    let (merged, found) = merged(json!({"spec": base}), json!({"spec": patch}));
    assert_eq!(found, [""; 0]);
    merged["spec"].clone()
}

/// What is said about a patch of a spec.
fn findings(base: serde_json::Value, patch: serde_json::Value) -> Vec<String> {
    merged(json!({"spec": base}), json!({"spec": patch})).1
}

/// The env of the one container that comes out of two envs.
fn env(base: serde_json::Value, patch: serde_json::Value) -> serde_json::Value {
    let container = |env| json!({"containers": [{"name": "main", "env": env}]});
    spec(container(base), container(patch))["containers"][0]["env"].clone()
}

#[test]
fn mappings_merge_and_scalars_are_replaced() {
    assert_eq!(
        spec(
            json!({"nodeSelector": {"a": "1", "b": "1"}, "priority": 1}),
            json!({"nodeSelector": {"b": "2", "c": "2"}, "priority": 2})
        ),
        json!({"nodeSelector": {"a": "1", "b": "2", "c": "2"}, "priority": 2})
    );
}

#[test]
fn containers_merge_by_name_and_new_ones_come_after() {
    assert_eq!(
        spec(
            json!({"containers": [{"name": "main", "image": "a"}]}),
            json!({"containers": [{"name": "proxy", "image": "p"}, {"name": "main", "image": "b"}]})
        ),
        json!({"containers": [{"name": "main", "image": "b"}, {"name": "proxy", "image": "p"}]})
    );
}

#[test]
fn lists_without_keys_are_replaced() {
    assert_eq!(
        spec(
            json!({"tolerations": [{"key": "a"}, {"key": "b"}]}),
            json!({"tolerations": [{"key": "c"}]})
        ),
        json!({"tolerations": [{"key": "c"}]})
    );
}

#[test]
fn lists_of_scalars_that_merge_hold_each_once() {
    let (result, found) = merged(
        json!({"metadata": {"finalizers": ["a", "b"]}}),
        json!({"metadata": {"finalizers": ["b", "c"]}}),
    );
    assert_eq!(result, json!({"metadata": {"finalizers": ["a", "b", "c"]}}));
    assert!(found.is_empty());
}

#[test]
fn null_removes_a_field() {
    assert_eq!(
        spec(json!({"priority": 1, "hostname": "h"}), json!({"priority": null})),
        json!({"hostname": "h"})
    );
}

#[test]
fn what_removes_nothing_is_a_finding() {
    let none = ["the patch removes what is not there: `priority`"];
    assert_eq!(findings(json!({}), json!({"priority": null})), none);
    let deletes = json!({"containers": [{"name": "x", "$patch": "delete"}]});
    assert_eq!(findings(json!({"containers": [{"name": "main"}]}), deletes).len(), 1);
    let from_list = json!({"$deleteFromPrimitiveList/finalizers": ["x"]});
    assert_eq!(
        merged(json!({"metadata": {"finalizers": ["a"]}}), json!({"metadata": from_list})).1.len(),
        1
    );
}

#[test]
fn an_env_variable_has_a_value_or_a_reference_never_both() {
    let by_reference =
        json!({"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}});
    let by_field = json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "p"}}});
    let literal = json!({"name": "A", "value": "1"});
    assert_eq!(env(json!([by_reference]), json!([literal])), json!([literal]));
    assert_eq!(env(json!([literal]), json!([by_reference])), json!([by_reference]));
    assert_eq!(env(json!([by_reference]), json!([by_field])), json!([by_field]));
    assert_eq!(
        env(
            json!([literal]),
            json!([{"name": "A", "value": null, "valueFrom": {"fieldRef": {"fieldPath": "p"}}}])
        ),
        json!([by_field])
    );
}

#[test]
fn a_volume_keeps_one_source() {
    assert_eq!(
        spec(
            json!({"volumes": [{"name": "tmp", "emptyDir": {}}]}),
            json!({"volumes": [{"name": "tmp", "persistentVolumeClaim": {"claimName": "c"}}]})
        ),
        json!({"volumes": [{"name": "tmp", "persistentVolumeClaim": {"claimName": "c"}}]})
    );
    assert_eq!(
        spec(
            json!({"volumes": [{"name": "tmp", "emptyDir": {"medium": "Memory"}}]}),
            json!({"volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}]})
        ),
        json!({"volumes": [{"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}]})
    );
}

#[test]
fn ports_are_told_apart_by_number_and_protocol() {
    let ports = |ports| json!({"containers": [{"name": "main", "ports": ports}]});
    let base = || ports(json!([{"containerPort": 53}]));
    assert_eq!(
        spec(base(), ports(json!([{"containerPort": 53, "protocol": "UDP"}]))),
        ports(json!([{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]))
    );
    assert_eq!(
        spec(base(), ports(json!([{"containerPort": 53, "protocol": "TCP", "name": "dns"}]))),
        ports(json!([{"containerPort": 53, "protocol": "TCP", "name": "dns"}]))
    );
    assert_eq!(
        spec(base(), ports(json!([{"containerPort": 53, "name": "dns"}]))),
        ports(json!([{"containerPort": 53, "name": "dns"}]))
    );
}

#[test]
fn patch_replace_replaces_a_mapping_or_a_list() {
    assert_eq!(
        spec(
            json!({"securityContext": {"runAsUser": 1, "fsGroup": 2}}),
            json!({"securityContext": {"$patch": "replace", "runAsUser": 3}})
        ),
        json!({"securityContext": {"runAsUser": 3}})
    );
    assert_eq!(
        env(
            json!([{"name": "A", "value": "1"}]),
            json!([{"$patch": "replace"}, {"name": "B", "value": "2"}])
        ),
        json!([{"name": "B", "value": "2"}])
    );
}

#[test]
fn patch_delete_removes_an_entry_and_empties_a_mapping() {
    assert_eq!(
        env(
            json!([{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]),
            json!([{"name": "A", "$patch": "delete"}])
        ),
        json!([{"name": "B", "value": "1"}])
    );
    assert_eq!(
        spec(
            json!({"securityContext": {"runAsUser": 1}}),
            json!({"securityContext": {"$patch": "delete"}})
        ),
        json!({"securityContext": {}})
    );
}

#[test]
fn retain_keys_drops_the_fields_that_it_does_not_list() {
    let base = json!({"volumes": [{"name": "v", "configMap": {"name": "c"}}]});
    let patch =
        json!({"volumes": [{"name": "v", "$retainKeys": ["name", "emptyDir"], "emptyDir": {}}]});
    assert_eq!(spec(base, patch), json!({"volumes": [{"name": "v", "emptyDir": {}}]}));
    let stray = json!({"volumes": [{"name": "v", "$retainKeys": ["name"], "emptyDir": {}}]});
    assert_eq!(findings(json!({"volumes": [{"name": "v"}]}), stray).len(), 1);
}

#[test]
fn values_are_removed_from_a_list_of_scalars() {
    let (result, found) = merged(
        json!({"metadata": {"finalizers": ["a", "b"]}}),
        json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}}),
    );
    assert_eq!(result, json!({"metadata": {"finalizers": ["b", "c"]}}));
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn directives_work_in_what_the_patch_brings_anew() {
    assert_eq!(
        spec(
            json!({}),
            json!({"containers": [{"name": "x", "securityContext": {"$patch": "replace", "runAsUser": 1}}]})
        ),
        json!({"containers": [{"name": "x", "securityContext": {"runAsUser": 1}}]})
    );
}

#[test]
fn a_directive_that_is_not_understood_is_a_finding_and_never_rendered() {
    for patch in [
        json!({"securityContext": {"$patch": "erase"}}),
        json!({"$setElementOrder/containers": [{"name": "main"}]}),
        json!({"$unknown": 1}),
        json!({"$retainKeys": "name"}),
        json!({"$deleteFromPrimitiveList/tolerations": "x"}),
        json!({"volumes": [{"name": "v", "emptyDir": {}, "$patch": "replace"}]}),
    ] {
        let (result, found) = merged(json!({"spec": {}}), json!({"spec": patch}));
        assert_eq!(found.len(), 1, "{patch}: {found:?}");
        assert!(found[0].contains("directive"), "{found:?}");
        assert!(!result.to_string().contains('$'), "{result}");
    }
}

#[test]
fn an_entry_without_its_key_is_a_finding() {
    assert_eq!(
        findings(
            json!({"containers": [{"name": "main"}]}),
            json!({"containers": [{"image": "x"}]})
        ),
        ["an entry of this list has no `name`"]
    );
    assert_eq!(
        findings(json!({"containers": [{"name": "main"}]}), json!({"containers": ["main"]})),
        ["an entry of this list is no mapping with a `name`"]
    );
}

#[test]
fn an_entry_given_twice_is_a_finding_new_or_not() {
    let twice = json!({"containers": [{"name": "main"}, {"name": "main"}]});
    let said = ["two entries of this list have the `name` `main`"];
    assert_eq!(findings(json!({"containers": [{"name": "main"}]}), twice.clone()), said);
    assert_eq!(findings(json!({}), twice), said);
}

#[test]
fn what_the_patch_brings_keeps_its_place_in_the_text() {
    let place = |start| Span { source: crate::tree::SourceId(1), start, end: start + 1 };
    let mut base = Node::from(json!({"spec": {"priority": 1, "hostname": "h"}}));
    let mut patch = Mapping::new();
    patch.push(Entry {
        key: "priority".into(),
        key_span: place(10),
        value: Node::at(2, place(20)),
    });
    let patch: Mapping = [("spec", Node::at(patch, place(5)))].into_iter().collect();
    let mut found = Diagnostics::default();
    strategic_merge(&mut base, &Node::at(patch, place(0)), Type::pod_template(), &mut found);
    let entry = base.get("spec").unwrap().as_mapping().unwrap().entry("priority").unwrap();
    assert_eq!((entry.key_span, entry.value.span), (place(10), place(20)));
}

#[test]
fn many_entries_merge_as_few_do() {
    let many = |value: &str| -> Vec<_> {
        (0..30_000).map(|n| json!({"name": format!("E{n}"), "value": value})).collect()
    };
    let result = env(json!(many("a")), json!(many("b")));
    assert_eq!(result.as_array().unwrap().len(), 30_000);
    assert_eq!(result[29_999]["value"], "b");
}

mod any_input {
    use super::*;
    use proptest::prelude::*;

    /// Any tree over few keys, so that bases and patches meet, directives among them.
    fn tree() -> impl Strategy<Value = serde_json::Value> {
        let keys = prop::sample::select(vec![
            "spec",
            "metadata",
            "labels",
            "finalizers",
            "containers",
            "initContainers",
            "name",
            "env",
            "value",
            "valueFrom",
            "volumes",
            "emptyDir",
            "ports",
            "containerPort",
            "protocol",
            "tolerations",
            "securityContext",
            "$patch",
            "$retainKeys",
            "$deleteFromPrimitiveList/finalizers",
            "$setElementOrder/containers",
            "other",
        ]);
        let scalar = prop_oneof![
            Just(json!(null)),
            Just(json!("a")),
            Just(json!("b")),
            Just(json!("replace")),
            Just(json!("delete")),
            Just(json!(1)),
            Just(json!(true)),
        ];
        scalar.prop_recursive(6, 60, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::vec((keys.clone(), inner), 0..6).prop_map(|entries| {
                    let entries = entries.into_iter().map(|(key, value)| (key.to_owned(), value));
                    serde_json::Value::Object(entries.collect())
                }),
            ]
        })
    }

    /// A pod template of that kind.
    fn pod_template() -> impl Strategy<Value = serde_json::Value> {
        (tree(), tree(), tree()).prop_map(|(containers, volumes, rest)| {
            json!({"metadata": rest, "spec": {"containers": [containers], "volumes": volumes, "tolerations": rest}})
        })
    }

    /// A pod template without directives and nulls, as it is rendered.
    fn plain(value: serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(object) => object
                .into_iter()
                .filter(|(key, value)| !key.starts_with('$') && !value.is_null())
                .map(|(key, value)| (key, plain(value)))
                .collect(),
            serde_json::Value::Array(items) => items.into_iter().map(plain).collect(),
            other => other,
        }
    }

    proptest! {
        #[test]
        fn any_patch_merges_into_anything(base in pod_template(), patch in pod_template()) {
            merged(base, patch);
        }

        #[test]
        fn an_empty_patch_changes_nothing(base in pod_template()) {
            prop_assert_eq!(merged(base.clone(), json!({})), (base, Vec::new()));
        }

        #[test]
        fn a_patch_applied_twice_is_the_patch_applied_once(base in pod_template(), patch in pod_template()) {
            let (once, _) = merged(plain(base), plain(patch.clone()));
            let (twice, _) = merged(once.clone(), plain(patch));
            prop_assert_eq!(twice, once);
        }

        #[test]
        fn what_is_set_without_directives_is_there_afterwards(base in tree(), labels in prop::collection::btree_map("[a-c]", "[x-z]", 0..4)) {
            let (result, _) = merged(json!({"metadata": plain(base)}), json!({"metadata": {"labels": labels}}));
            for (key, value) in labels {
                prop_assert_eq!(&result["metadata"]["labels"][key], &json!(value));
            }
        }
    }
}
