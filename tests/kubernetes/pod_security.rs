//! Random pod templates, let through or refused by Kubernetes' Pod Security admission and by our
//! check.

use ompipe::diagnostic::Diagnostics;
use ompipe::manifest::pod_security;
use ompipe::tree::Node;
use serde_json::{Value, json};

use crate::ask;
use crate::dice::Dice;

#[test]
fn pod_security_allows_what_kubernetes_allows() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let templates: Vec<Value> = (0..6000).map(|_| secured(&mut dice)).collect();
    let questions: Vec<Value> =
        templates.iter().map(|object| json!({"ask": "restricted", "object": object})).collect();
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
    assert!((600..5400).contains(&allowed), "one-sided: {allowed} allowed");
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
                let key =
                    dice.pick(&["container.apparmor.security.beta.kubernetes.io/main", "other"]);
                let value = dice.pick(&["", "unconfined", "runtime/default", "localhost/x"]);
                template["metadata"]["annotations"] = json!({key: value});
            }
            7 => {
                let name =
                    dice.pick(&["kernel.msgmax", "net.ipv4.tcp_rmem", "kernel.shm_rmid_forced"]);
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
                    json!({"type": dice.pick(&["Unconfined", "RuntimeDefault"])});
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
                (if dice.one_in(2) { &mut pod } else { &mut context })["windowsOptions"] =
                    json!({"hostProcess": on});
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
                        container["lifecycle"] = json!({hook: handler});
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
