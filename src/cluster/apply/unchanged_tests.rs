//! The test that leaves an apply out, against a small model of what an API server keeps: random
//! objects, and every single change of each.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::is_unchanged;

/// FieldsV1 of a value that was applied.
fn fields(value: &Value) -> Value {
    match value {
        Value::Object(all) if !all.is_empty() => {
            all.iter().map(|(key, value)| (format!("f:{key}"), fields(value))).collect()
        }
        Value::Array(items) if items.iter().any(|item| item.get("name").is_some()) => {
            let item = |item: &Value| {
                let mut below = fields(item);
                below["."] = json!({});
                (format!("k:{}", json!({"name": item["name"]})), below)
            };
            items.iter().map(item).collect()
        }
        _ => json!({}),
    }
}

/// What an API server has after an object was applied: its fields, who owns them, and beside them
/// what it fills in, notes, and what others have set.
fn applied(desired: &Value) -> Value {
    let mut owned = fields(desired);
    for key in ["f:apiVersion", "f:kind"] {
        owned.as_object_mut().unwrap().remove(key);
    }
    let metadata = owned["f:metadata"].as_object_mut().unwrap();
    metadata.retain(|key, _| key != "f:name" && key != "f:namespace");
    let mut live = desired.clone();
    fill_in(&mut live);
    live["metadata"]["uid"] = "1".into();
    live["status"] = json!({"phase": "x"});
    live["metadata"]["managedFields"] = json!([
        {"manager": "other", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:status": {}}},
        {"manager": "ompipe", "operation": "Apply", "apiVersion": "v1", "fieldsV1": owned},
    ]);
    live
}

/// Defaults beside the fields, and an item of somebody else in each list whose items have owners.
fn fill_in(value: &mut Value) {
    match value {
        Value::Object(all) => {
            all.values_mut().for_each(fill_in);
            if !all.is_empty() {
                all.insert("default".to_owned(), 7.into());
            }
        }
        Value::Array(items) if items.iter().any(|item| item.get("name").is_some()) => {
            items.iter_mut().for_each(fill_in);
            items.insert(0, json!({"name": "of somebody else"}));
        }
        _ => {}
    }
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (0..5_i64).prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
        proptest::collection::vec("[a-c]", 0..3).prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 24, 4, |below| {
        let mapping = proptest::collection::btree_map("[d-h]", below.clone(), 0..4);
        let mapping = mapping.prop_map(|all| Value::Object(all.into_iter().collect()));
        let items = proptest::collection::btree_map("[i-l]", below, 1..3).prop_map(|all| {
            all.into_iter().map(|(name, value)| json!({"name": name, "x": value})).collect()
        });
        prop_oneof![mapping, items]
    })
}

fn object() -> impl Strategy<Value = Value> {
    value().prop_map(|spec| {
        json!({
            "apiVersion": "v1", "kind": "Thing",
            "metadata": {"name": "a", "namespace": "n", "labels": {"d": "1"}},
            "spec": {"d": spec, "e": 1},
        })
    })
}

/// Everything that one change can make of a value: each scalar another one, each field gone, one
/// more in each mapping, each item gone, one more in each list.
fn changes(value: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    match value {
        Value::Object(fields) => {
            for (key, below) in fields {
                let is_identity = ["name", "namespace", "apiVersion", "kind"].contains(&&**key);
                if !is_identity {
                    let mut without = fields.clone();
                    without.remove(key);
                    all.push(without.into());
                    all.extend(changes(below).into_iter().map(|changed| {
                        let mut with = fields.clone();
                        with.insert(key.clone(), changed);
                        with.into()
                    }));
                }
            }
            let mut more = fields.clone();
            more.insert("zzz".to_owned(), "new".into());
            all.push(more.into());
        }
        Value::Array(items) => {
            for at in 0..items.len() {
                let mut without = items.clone();
                without.remove(at);
                all.push(without.into());
                all.extend(changes(&items[at]).into_iter().map(|changed| {
                    let mut with = items.clone();
                    with[at] = changed;
                    with.into()
                }));
            }
            let mut more = items.clone();
            more.push(json!("one more"));
            all.push(more.into());
            if items.len() > 1 && items[0] != items[items.len() - 1] {
                let mut other = items.clone();
                other.reverse();
                all.push(other.into());
            }
        }
        Value::Bool(value) => all.push((!value).into()),
        Value::Number(_) => all.push(99.into()),
        Value::String(text) => all.push(format!("{text}!").into()),
        Value::Null => {}
    }
    all
}

proptest! {
    #[test]
    fn what_was_applied_is_unchanged_whatever_the_server_adds(object in object()) {
        prop_assert!(is_unchanged(&object, &applied(&object)), "{}", object);
    }

    #[test]
    fn every_single_change_of_ours_is_sent(object in object()) {
        let live = applied(&object);
        for changed in changes(&object) {
            prop_assert!(!is_unchanged(&changed, &live), "{} -> {}", object, changed);
        }
    }

    #[test]
    fn a_field_of_ours_that_the_cluster_has_otherwise_is_sent(object in object()) {
        let live = applied(&object);
        for changed in changes(&object) {
            // The fields are still said to be ours, with another value.
            let mut other = changed.clone();
            fill_in(&mut other);
            other["metadata"]["managedFields"] = live["metadata"]["managedFields"].clone();
            // What was only added beside ours is nothing that we would change.
            let is_more = is_unchanged(&object, &other);
            let at = |value: &Value| leaves(value);
            let all = at(&other);
            let kept = at(&object).into_iter().all(|leaf| all.contains(&leaf));
            prop_assert!(!is_more || kept, "{} -> {}", object, changed);
        }
    }

    #[test]
    fn a_field_that_somebody_else_took_is_sent(object in object()) {
        let live = applied(&object);
        let fields = &live["metadata"]["managedFields"][1]["fieldsV1"];
        for fewer in with_one_less(fields) {
            let mut live = live.clone();
            live["metadata"]["managedFields"][1]["fieldsV1"] = fewer.clone();
            prop_assert!(!is_unchanged(&object, &live), "{} {}", object, fewer);
        }
    }
}

/// The scalars of a value with their routes, list items by their names or values.
fn leaves(value: &Value) -> Vec<String> {
    fn walk(value: &Value, route: &str, all: &mut Vec<String>) {
        match value {
            Value::Object(fields) if fields.is_empty() => {}
            Value::Object(fields) => {
                fields.iter().for_each(|(key, below)| walk(below, &format!("{route}/{key}"), all));
            }
            Value::Array(items) if items.iter().any(|item| item.get("name").is_some()) => {
                for item in items {
                    walk(item, &format!("{route}[{}]", item["name"]), all);
                }
            }
            Value::Array(items) if items.is_empty() => {}
            scalar => all.push(format!("{route}={scalar}")),
        }
    }
    let mut all = Vec::new();
    walk(value, "", &mut all);
    all
}

/// FieldsV1 without one of its leaves.
fn with_one_less(fields: &Value) -> Vec<Value> {
    let all = fields.as_object().unwrap();
    let mut fewer = Vec::new();
    for (key, below) in all.iter().filter(|(key, _)| *key != ".") {
        let below_all = below.as_object().unwrap();
        let without = || {
            let mut without = all.clone();
            without.remove(key);
            without
        };
        if below_all.keys().all(|key| key == ".") {
            fewer.push(Value::Object(without()));
        }
        for less in with_one_less(below) {
            let mut with = all.clone();
            // A mapping of which nothing is owned is not owned.
            if less.as_object().is_some_and(Map::is_empty) {
                with = without();
            } else {
                with.insert(key.clone(), less);
            }
            fewer.push(with.into());
        }
    }
    fewer
}

fn cron_job(pod: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a", "namespace": "n"},
        "spec": pod,
    })
}

#[test]
fn what_the_server_writes_in_its_own_way_is_the_same() {
    let desired = cron_job(json!({
        "resources": {"limits": {"cpu": 1, "memory": "1024Mi"}, "requests": {"cpu": "0.5"}},
        "emptyDir": {"sizeLimit": "1024Ki"},
        "fieldRef": {"fieldPath": "metadata.uid"},
    }));
    let mut owned = applied(&desired);
    owned["spec"]["resources"] =
        json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}});
    owned["spec"]["emptyDir"] = json!({"sizeLimit": "1Mi"});
    owned["spec"]["fieldRef"] = json!({"apiVersion": "v1", "fieldPath": "metadata.uid"});
    let all = &mut owned["metadata"]["managedFields"][1]["fieldsV1"]["f:spec"];
    all["f:fieldRef"] = json!({});
    assert!(is_unchanged(&desired, &owned));
    for (route, value) in [
        ("/spec/resources/limits/cpu", json!("2")),
        ("/spec/emptyDir/sizeLimit", json!("2Mi")),
        ("/spec/fieldRef/fieldPath", json!("metadata.name")),
        ("/spec/fieldRef/apiVersion", json!("v2")),
    ] {
        let mut other = owned.clone();
        *other.pointer_mut(route).unwrap() = value;
        assert!(!is_unchanged(&desired, &other), "{route}");
    }
}

#[test]
fn a_text_that_only_looks_like_an_amount_is_compared_as_it_is() {
    let desired = cron_job(json!({"args": {"size": "1000m"}}));
    let mut live = applied(&desired);
    live["spec"]["args"]["size"] = "1".into();
    assert!(!is_unchanged(&desired, &live));
}

#[test]
fn a_field_that_a_reference_no_longer_has_is_sent() {
    let desired = cron_job(json!({"secretKeyRef": {"name": "a", "key": "b"}}));
    let mut live = applied(&desired);
    live["metadata"]["managedFields"][1]["fieldsV1"]["f:spec"]["f:secretKeyRef"] = json!({});
    live["spec"]["secretKeyRef"] = json!({"name": "a", "key": "b", "optional": true});
    assert!(!is_unchanged(&desired, &live));
}

#[test]
fn an_item_is_found_by_its_keys_also_where_one_is_a_default() {
    let desired = cron_job(json!({"ports": [{"containerPort": 80}]}));
    let mut live = applied(&desired);
    live["spec"]["ports"] = json!([{"containerPort": 80, "protocol": "TCP"}]);
    live["metadata"]["managedFields"][1]["fieldsV1"]["f:spec"]["f:ports"] = json!({
        r#"k:{"containerPort":80,"protocol":"TCP"}"#: {".": {}, "f:containerPort": {}},
    });
    assert!(is_unchanged(&desired, &live));
    live["spec"]["ports"][0]["protocol"] = "UDP".into();
    assert!(!is_unchanged(&desired, &live));
}

#[test]
fn another_version_another_manager_or_none_is_sent() {
    let desired = cron_job(json!({"a": 1}));
    let live = applied(&desired);
    for (key, value) in [("apiVersion", "v2"), ("manager", "kubectl"), ("operation", "Update")] {
        let mut other = live.clone();
        other["metadata"]["managedFields"][1][key] = value.into();
        assert!(!is_unchanged(&desired, &other), "{key}");
    }
    let mut other = live;
    other["metadata"].as_object_mut().unwrap().remove("managedFields");
    assert!(!is_unchanged(&desired, &other));
}
