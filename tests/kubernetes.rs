//! What ompipe knows of Kubernetes, held against Kubernetes' own code (`tests/kubernetes/main.go`): the strategic merge,
//! Pod Security "restricted" and the type tables, each over random objects.
//!
//! Here belongs what only Go can tell. It is skipped, with a word, where Go is missing; with CI set that is a failure.

use std::io::Write;
use std::process::{Command, Stdio};

use ompipe::diagnostic::Diagnostics;
use ompipe::manifest::{Manifest, Type, kubernetes, pod_security, strategic_merge};
use ompipe::tree::Node;
use serde_json::{Map, Value, json};

/// Puts questions to Kubernetes' code, all in one go; `None` without Go.
fn ask(questions: &[Value]) -> Option<Vec<Value>> {
    if Command::new("go")
        .arg("version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        assert!(std::env::var_os("CI").is_none(), "CI must have Go");
        eprintln!("skipped: Go is missing");
        return None;
    }
    let mut child = Command::new("go")
        .args(["run", "."])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kubernetes"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: String = questions
        .iter()
        .map(|question| format!("{question}\n"))
        .collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), questions.len());
    Some(answers)
}

/// Random choices that are the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % sides as u64).unwrap()
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.roll(of.len())]
    }

    /// Some of them, each at most once, in a random order.
    fn some<'t>(&mut self, of: &[&'t str]) -> Vec<&'t str> {
        let mut chosen: Vec<&str> = of.iter().copied().filter(|_| self.one_in(2)).collect();
        for at in (1..chosen.len()).rev() {
            chosen.swap(at, self.roll(at + 1));
        }
        chosen
    }
}

/// A random pod template, or, with `patch`, a patch for one. It stays within what the module's documentation does not
/// name as a difference: fields that exclude each other are bound to the entry's name, and so are further map keys.
fn template(dice: &mut Dice, patch: bool) -> Value {
    let mut metadata = Map::new();
    for field in dice.some(&["labels", "annotations"]) {
        metadata.insert(field.into(), strings(dice, patch));
    }
    metadata.insert(
        "finalizers".into(),
        json!(dice.some(&["x/a", "x/b", "x/c"])),
    );
    if patch && dice.one_in(3) {
        metadata.insert("$deleteFromPrimitiveList/finalizers".into(), json!(["x/d"]));
    } else if !patch {
        metadata["finalizers"]
            .as_array_mut()
            .unwrap()
            .push(json!("x/d"));
    }
    let mut spec = Map::new();
    for list in dice.some(&["containers", "initContainers"]) {
        let entries = keyed(dice, patch, "name", &["a", "b", "c"], container);
        spec.insert(list.into(), entries);
    }
    spec.insert(
        "volumes".into(),
        keyed(dice, patch, "name", &["v", "w", "x"], volume),
    );
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
        spec.insert(
            field.into(),
            if patch && dice.one_in(5) {
                Value::Null
            } else {
                value
            },
        );
    }
    // The base has it always: what a directive does where there is nothing is a documented difference.
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
        map.insert(
            key.into(),
            if gone {
                Value::Null
            } else {
                json!(dice.pick(&["1", "2"]))
            },
        );
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
            "env" => keyed(
                dice,
                patch,
                "name",
                &["LITERAL", "SECRET", "FIELD"],
                |dice, _, name| {
                    object(match name {
                        "LITERAL" => json!({"value": dice.pick(&["1", "2"])}),
                        "SECRET" => {
                            json!({"valueFrom": {"secretKeyRef": {"name": "s", "key": dice.pick(&["k", "l"])}}})
                        }
                        _ => {
                            json!({"valueFrom": {"fieldRef": {"fieldPath": dice.pick(&["p", "q"])}}})
                        }
                    })
                },
            ),
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
    let how = if key == "zone" {
        "DoNotSchedule"
    } else {
        "ScheduleAnyway"
    };
    object(json!({"maxSkew": dice.roll(3), "whenUnsatisfiable": how}))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other}"),
    }
}

/// The same with its keyed lists in one order: Kubernetes puts a patch's entries first, ompipe the base's. And without the
/// directives and nulls that Kubernetes leaves standing in entries that the patch brings anew.
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
                        item.get("containerPort")
                            .or(key)
                            .unwrap_or(item)
                            .to_string()
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

#[test]
fn strategic_merge_gives_what_kubernetes_gives() {
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    let pairs: Vec<(Value, Value)> = (0..3000)
        .map(|_| (template(&mut dice, false), template(&mut dice, true)))
        .collect();
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
        strategic_merge(
            &mut merged,
            &Node::from(patch.clone()),
            Type::pod_template(),
            &mut found,
        );
        let unexpected = found
            .iter()
            .find(|diagnostic| diagnostic.code.id != "OMP0629");
        assert!(
            unexpected.is_none(),
            "{unexpected:?}\nbase {base}\npatch {patch}"
        );
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

#[test]
fn pod_security_allows_what_kubernetes_allows() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let templates: Vec<Value> = (0..6000).map(|_| secured(&mut dice)).collect();
    let questions: Vec<Value> = templates
        .iter()
        .map(|object| json!({"ask": "restricted", "object": object}))
        .collect();
    let Some(answers) = ask(&questions) else {
        return;
    };
    let mut allowed = 0;
    for (template, answer) in templates.iter().zip(&answers) {
        let mut found = Diagnostics::default();
        pod_security::check_template(&Node::from(template.clone()), &mut found);
        assert_eq!(
            found.is_empty(),
            answer.get("refused").is_none(),
            "{template}\n{answer}\n{found:?}"
        );
        allowed += usize::from(found.is_empty());
    }
    assert!(
        (600..5400).contains(&allowed),
        "one-sided: {allowed} allowed"
    );
}

/// A pod template that mostly passes, with up to two settings of any kind.
fn secured(dice: &mut Dice) -> Value {
    let mut context = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let mut pod = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    let mut template = json!({"metadata": {}, "spec": {}});
    let mut container = json!({"name": "main"});
    for _ in 0..dice.roll(3) {
        let on = dice.one_in(2);
        match dice.roll(26) {
            0 => template["spec"]["hostNetwork"] = json!(on),
            1 => template["spec"]["hostPID"] = json!(on),
            2 => template["spec"]["hostIPC"] = json!(on),
            3 => template["spec"]["hostUsers"] = json!(on),
            4 => template["spec"]["os"] = json!({"name": dice.pick(&["linux", "windows"])}),
            5 => {
                let source = dice.pick(&[
                    "configMap",
                    "hostPath",
                    "nfs",
                    "csi",
                    "image",
                    "ephemeral",
                    "gitRepo",
                    "projected",
                    "iscsi",
                ]);
                let mut volume = json!({"name": "v"});
                volume[source] = json!({});
                template["spec"]["volumes"] = json!([volume]);
            }
            6 => {
                let key = dice.pick(&[
                    "container.apparmor.security.beta.kubernetes.io/main",
                    "other",
                ]);
                let value = dice.pick(&["", "unconfined", "runtime/default", "localhost/x"]);
                template["metadata"]["annotations"] = json!({key: value});
            }
            7 => {
                let name = dice.pick(&[
                    "kernel.msgmax",
                    "net.ipv4.tcp_rmem",
                    "kernel.shm_rmid_forced",
                ]);
                pod["sysctls"] = json!([{"name": name, "value": "1"}]);
            }
            8 => pod["runAsNonRoot"] = json!(on),
            9 => _ = pod.as_object_mut().unwrap().remove("runAsNonRoot"),
            10 => context["runAsNonRoot"] = json!(on),
            11 => pod["runAsUser"] = json!(dice.roll(2)),
            12 => context["runAsUser"] = json!(dice.roll(2)),
            13 => pod["seccompProfile"] = json!({"type": dice.pick(&["Unconfined", "Localhost"])}),
            14 => _ = pod.as_object_mut().unwrap().remove("seccompProfile"),
            15 => {
                context["seccompProfile"] =
                    json!({"type": dice.pick(&["Unconfined", "RuntimeDefault"])})
            }
            16 => {
                let kind = dice.pick(&["Unconfined", "RuntimeDefault", "Localhost"]);
                (if on { &mut pod } else { &mut context })["appArmorProfile"] =
                    json!({"type": kind});
            }
            17 => {
                let options = [
                    json!({"type": ""}),
                    json!({"type": "container_engine_t", "level": "s0"}),
                    json!({"type": "spc_t"}),
                    json!({"user": "u"}),
                    json!({"role": "r"}),
                    json!({"user": "", "role": ""}),
                ];
                let option = options[dice.roll(options.len())].clone();
                (if on { &mut pod } else { &mut context })["seLinuxOptions"] = option;
            }
            18 => {
                (if dice.one_in(2) {
                    &mut pod
                } else {
                    &mut context
                })["windowsOptions"] = json!({"hostProcess": on})
            }
            19 => context["privileged"] = json!(on),
            20 => context["procMount"] = json!(dice.pick(&["Default", "Unmasked"])),
            21 => context["allowPrivilegeEscalation"] = json!(on),
            22 => context["capabilities"]["add"] = json!(dice.some(&["NET_BIND_SERVICE", "CHOWN"])),
            23 => context["capabilities"]["drop"] = json!(dice.some(&["ALL", "CHOWN"])),
            24 => container["ports"] = json!([{"containerPort": 1, "hostPort": dice.roll(2)}]),
            _ => {
                let host = dice.pick(&["", "elsewhere"]);
                let handler = match dice.roll(2) {
                    0 => json!({"httpGet": {"host": host, "port": 1}}),
                    _ => json!({"tcpSocket": {"host": host, "port": 1}}),
                };
                match dice.pick(&[
                    "livenessProbe",
                    "readinessProbe",
                    "startupProbe",
                    "postStart",
                    "preStop",
                ]) {
                    hook @ ("postStart" | "preStop") => {
                        container["lifecycle"] = json!({hook: handler})
                    }
                    probe => container[probe] = handler,
                }
            }
        }
    }
    container["securityContext"] = context;
    template["spec"]["securityContext"] = pod;
    let good = json!({"name": "good", "securityContext": {
        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}});
    match dice.roll(3) {
        0 => template["spec"]["containers"] = json!([container]),
        1 => {
            template["spec"]["containers"] = json!([good]);
            template["spec"]["initContainers"] = json!([container]);
        }
        _ => {
            template["spec"]["containers"] = json!([good]);
            template["spec"]["ephemeralContainers"] = json!([container]);
        }
    }
    template
}

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
                (0..items)
                    .map(|_| instance(dice, table, &schema["items"], depth - 1))
                    .collect()
            }
            _ => mapping(dice, table, schema, depth),
        },
        (_, other) => panic!("{other}"),
    }
}

fn mapping(dice: &mut Dice, table: &Value, schema: &Value, depth: usize) -> Value {
    let mut fields = Map::new();
    if schema["additionalProperties"].is_object() {
        let value = instance(
            dice,
            table,
            &schema["additionalProperties"],
            depth.saturating_sub(1),
        );
        fields.insert(dice.pick(&["k", "example.org/l"]).into(), value);
    }
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let wanted = depth > 0 && dice.one_in(3);
        if wanted || required.iter().any(|field| field == name.as_str()) {
            fields.insert(
                name.clone(),
                instance(dice, table, schema, depth.saturating_sub(1)),
            );
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
        serde_json::from_str(include_str!("../src/manifest/kubernetes.json")).unwrap();
    let mut dice = Dice(0xD1B5_4A32_D192_ED03);
    let objects: Vec<Value> = (0..2000)
        .map(|number| {
            instance(
                &mut dice,
                &table,
                &table["$defs"][KINDS[number % KINDS.len()]],
                12,
            )
        })
        .collect();
    let questions: Vec<Value> = objects
        .iter()
        .map(|object| json!({"ask": "decode", "object": object}))
        .collect();
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
        serde_json::from_str(include_str!("../src/manifest/kubernetes.json")).unwrap();
    let mut dice = Dice(0x94D0_49BB_1331_11EB);
    let mut objects = Vec::new();
    for number in 0..2000 {
        let mut object = instance(
            &mut dice,
            &table,
            &table["$defs"][KINDS[number % KINDS.len()]],
            12,
        );
        object["metadata"]["name"] = json!("n");
        let mut places = Vec::new();
        mappings(&object, "", &mut places);
        let place = places[dice.roll(places.len())].clone();
        let mapping = object.pointer_mut(&place).unwrap().as_object_mut().unwrap();
        if dice.one_in(2) || mapping.is_empty() {
            mapping.insert("unknown".into(), json!({"x": [1]}));
        } else {
            let key = mapping
                .keys()
                .nth(dice.roll(mapping.len()))
                .unwrap()
                .clone();
            if !["apiVersion", "kind", "metadata"].contains(&key.as_str())
                && !(place == "/metadata" && key == "name")
            {
                let wrong = [
                    json!(true),
                    json!("text"),
                    json!([1]),
                    json!({"a": 1}),
                    json!(1.5),
                ];
                mapping.insert(key, wrong[dice.roll(wrong.len())].clone());
            }
        }
        objects.push(object);
    }
    let questions: Vec<Value> = objects
        .iter()
        .map(|object| json!({"ask": "decode", "object": object}))
        .collect();
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
