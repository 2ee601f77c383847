//! Random pod templates and patches, merged by Kubernetes' code and by ours.

use ompipe::diagnostic::Diagnostics;
use ompipe::manifest::{Type, strategic_merge};
use ompipe::tree::Node;
use serde_json::{Map, Value, json};

use crate::ask;
use crate::dice::Dice;

#[test]
fn strategic_merge_gives_what_kubernetes_gives() {
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    let pairs: Vec<(Value, Value)> =
        (0..3000).map(|_| (template(&mut dice, false), template(&mut dice, true))).collect();
    let questions: Vec<Value> = pairs
        .iter()
        .map(|(base, patch)| json!({"ask": "merge", "base": base, "patch": patch}))
        .collect();
    let Some(answers) = ask(&questions) else {
        return;
    };
    let mut changed = 0;
    for ((base, patch), answer) in pairs.iter().zip(&answers) {
        let mut merged = Node::from(base.clone());
        let mut found = Diagnostics::default();
        strategic_merge(&mut merged, &Node::from(patch.clone()), Type::pod_template(), &mut found);
        let unexpected = found.iter().find(|diagnostic| diagnostic.code.id != "OMP0629");
        assert!(unexpected.is_none(), "{unexpected:?}\nbase {base}\npatch {patch}");
        let text = Value::from(&merged).to_string();
        assert!(
            !text.contains('$') && !text.contains("null"),
            "base {base}\npatch {patch}\nours {text}"
        );
        let (ours, theirs) = (ordered(&Value::from(&merged)), ordered(&answer["result"]));
        assert!(
            ours == theirs,
            "base {base}\npatch {patch}\nours {ours}\ntheirs {theirs}\n{answer}"
        );
        changed += usize::from(ours != ordered(base));
    }
    assert!(changed > 2500, "the patches are too tame: {changed}");
}

/// A random pod template, or, with `patch`, a patch for one. It stays within what the module's
/// documentation does not name as a difference: fields that exclude each other are bound to the
/// entry's name, and so are further map keys.
fn template(dice: &mut Dice, patch: bool) -> Value {
    let mut metadata = Map::new();
    for field in dice.some(&["labels", "annotations"]) {
        metadata.insert(field.into(), strings(dice, patch));
    }
    metadata.insert("finalizers".into(), json!(dice.some(&["x/a", "x/b", "x/c"])));
    if patch && dice.one_in(3) {
        metadata.insert("$deleteFromPrimitiveList/finalizers".into(), json!(["x/d"]));
    } else if !patch {
        metadata["finalizers"].as_array_mut().unwrap().push(json!("x/d"));
    }
    let mut spec = Map::new();
    for list in dice.some(&["containers", "initContainers"]) {
        let entries = keyed(dice, patch, "name", &["a", "b", "c"], container);
        spec.insert(list.into(), entries);
    }
    spec.insert("volumes".into(), keyed(dice, patch, "name", &["v", "w", "x"], volume));
    spec.insert(
        "imagePullSecrets".into(),
        keyed(dice, patch, "name", &["p", "q"], |_, _, _| Map::new()),
    );
    spec.insert(
        "hostAliases".into(),
        keyed(dice, patch, "ip", &["1.1.1.1", "2.2.2.2"], host_alias),
    );
    let spread = keyed(dice, patch, "topologyKey", &["zone", "node"], spread);
    spec.insert("topologySpreadConstraints".into(), spread);
    for field in dice.some(&["priority", "hostname", "nodeSelector", "tolerations"]) {
        let value = match field {
            "priority" => json!(dice.roll(9)),
            "hostname" => json!(dice.pick(&["h", "i"])),
            "nodeSelector" => strings(dice, patch),
            _ => json!([{"key": dice.pick(&["k", "l"]), "operator": "Exists"}]),
        };
        spec.insert(field.into(), if patch && dice.one_in(5) { Value::Null } else { value });
    }
    // The base has it always: what a directive does where there is nothing is a documented
    // difference.
    let mut context = json!({"runAsUser": dice.roll(9), "runAsGroup": dice.roll(9)});
    if patch {
        match dice.roll(4) {
            0 => context = json!({"$patch": "delete"}),
            1 => context["$patch"] = json!("replace"),
            2 => context["runAsUser"] = Value::Null,
            _ => {}
        }
    }
    spec.insert("securityContext".into(), context);
    json!({"metadata": metadata, "spec": spec})
}

fn strings(dice: &mut Dice, patch: bool) -> Value {
    let mut map = Map::new();
    for key in dice.some(&["a", "b", "c", "d"]) {
        let gone = patch && dice.one_in(4);
        map.insert(key.into(), if gone { Value::Null } else { json!(dice.pick(&["1", "2"])) });
    }
    map.into()
}

type Fill = fn(&mut Dice, bool, &str) -> Map<String, Value>;

fn keyed(dice: &mut Dice, patch: bool, key: &str, names: &[&str], fill: Fill) -> Value {
    let mut entries = Vec::new();
    if patch && dice.one_in(8) {
        entries.push(json!({"$patch": "replace"}));
    }
    for name in dice.some(names) {
        let mut entry = Map::new();
        entry.insert(key.into(), json!(name));
        if patch && dice.one_in(5) {
            entry.insert("$patch".into(), json!("delete"));
        } else {
            entry.extend(fill(dice, patch, name));
        }
        entries.push(entry.into());
    }
    entries.into()
}

fn container(dice: &mut Dice, patch: bool, _: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    for field in dice.some(&[
        "image",
        "command",
        "env",
        "volumeMounts",
        "ports",
        "resources",
        "livenessProbe",
    ]) {
        let value = match field {
            "image" => json!(dice.pick(&["i", "j"])),
            "command" => json!(dice.some(&["x", "y", "z"])),
            "env" => {
                keyed(dice, patch, "name", &["LITERAL", "SECRET", "FIELD"], |dice, _, name| {
                    object(match name {
                        "LITERAL" => json!({"value": dice.pick(&["1", "2"])}),
                        "SECRET" => {
                            json!({"valueFrom": {"secretKeyRef": {"name": "s", "key": dice.pick(&["k", "l"])}}})
                        }
                        _ => {
                            json!({"valueFrom": {"fieldRef": {"fieldPath": dice.pick(&["p", "q"])}}})
                        }
                    })
                })
            }
            "volumeMounts" => keyed(dice, patch, "mountPath", &["/a", "/b"], |dice, _, _| {
                object(json!({"name": dice.pick(&["v", "w"])}))
            }),
            "ports" => ports(dice, patch),
            "resources" => json!({"limits": strings(dice, patch)}),
            _ => json!({"httpGet": {"port": dice.roll(9), "path": dice.pick(&["/", "/x"])}}),
        };
        fields.insert(field.into(), value);
    }
    fields
}

fn ports(dice: &mut Dice, patch: bool) -> Value {
    let mut entries = Vec::new();
    for (number, protocol) in [(53, "UDP"), (80, "TCP")] {
        if dice.one_in(2) {
            entries.push(json!({"containerPort": number, "protocol": protocol, "name": dice.pick(&["m", "n"])}));
        } else if patch && dice.one_in(3) {
            entries
                .push(json!({"containerPort": number, "protocol": protocol, "$patch": "delete"}));
        }
    }
    entries.into()
}

fn volume(dice: &mut Dice, patch: bool, name: &str) -> Map<String, Value> {
    object(match name {
        "v" => json!({"configMap": {"name": dice.pick(&["c", "d"])}}),
        "w" => json!({"emptyDir": {"sizeLimit": dice.pick(&["1Gi", "2Gi"])}}),
        // A volume that changes its source, as kubectl writes it.
        _ if patch => json!({"$retainKeys": ["name", "emptyDir"], "emptyDir": {}}),
        _ => json!({"secret": {"secretName": "s"}}),
    })
}

fn host_alias(dice: &mut Dice, _: bool, _: &str) -> Map<String, Value> {
    object(json!({"hostnames": dice.some(&["one", "two"])}))
}

fn spread(dice: &mut Dice, _: bool, key: &str) -> Map<String, Value> {
    let how = if key == "zone" { "DoNotSchedule" } else { "ScheduleAnyway" };
    object(json!({"maxSkew": dice.roll(3), "whenUnsatisfiable": how}))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other}"),
    }
}

/// The same with its keyed lists in one order: Kubernetes puts a patch's entries first, ompipe the
/// base's. And without the directives and nulls that Kubernetes leaves standing in entries that the
/// patch brings anew.
fn ordered(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .filter(|(key, value)| *key != "$retainKeys" && !value.is_null())
            .map(|(key, value)| {
                let mut value = ordered(value);
                let merges = !matches!(key.as_str(), "command" | "hostnames" | "tolerations");
                if let (Value::Array(items), true) = (&mut value, merges) {
                    items.sort_by_key(|item| {
                        let key = ["mountPath", "ip", "topologyKey", "name"]
                            .iter()
                            .find_map(|key| item.get(key));
                        item.get("containerPort").or(key).unwrap_or(item).to_string()
                    });
                }
                (key.clone(), value)
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items
            .iter()
            .filter(|item| item.get("$patch").is_none())
            .map(ordered)
            .collect::<Vec<_>>()
            .into(),
        other => other.clone(),
    }
}
