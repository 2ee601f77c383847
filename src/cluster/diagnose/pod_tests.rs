//! Tests of what a pod says.

use serde_json::{Value, json};

use super::*;

/// What a pod with this status says, 10 minutes after it started.
fn found(status: Value) -> Vec<Finding> {
    let mut pod = json!({
        "metadata": {"name": "p", "namespace": "ns"},
        "spec": {
            "nodeName": "node-1",
            "initContainers": [
                {"name": "prepare", "image": "i"},
                {"name": "exit-handler", "image": "i", "restartPolicy": "Always"},
            ],
            "containers": [{"name": "main", "image": "i"}],
        },
        "status": {"startTime": "2026-11-29T05:00:00Z"},
    });
    for (key, value) in status.as_object().unwrap() {
        pod["status"][key] = value.clone();
    }
    explain(&serde_json::from_value(pod).unwrap(), "2026-11-29T05:10:00Z".parse().unwrap())
}

fn only(status: Value) -> Finding {
    let mut found = found(status);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_pod_that_runs_or_ended_well_says_nothing() {
    let statuses = |state: Value| json!([{"name": "main", "state": state}]);
    for state in [json!({"running": {}}), json!({"terminated": {"exitCode": 0}})] {
        assert_eq!(found(json!({"phase": "Running", "containerStatuses": statuses(state)})), []);
    }
}

#[test]
fn an_eviction_names_the_resource() {
    let said = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 4Mi. Container main was \
                using 2Gi, request is 0, has larger consumption of memory.";
    let finding = only(json!({"phase": "Failed", "reason": "Evicted", "message": said}));
    assert!(finding.message.starts_with("node node-1 evicted the pod for want of memory: "));
    assert!(finding.remedy.unwrap().contains("`kubernetes.resources.requests.memory`"));
    let said = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.";
    let finding = only(json!({"phase": "Failed", "reason": "Evicted", "message": said}));
    assert!(finding.message.contains("for want of ephemeral-storage"), "{}", finding.message);
}

#[test]
fn a_deadline_names_the_parameter() {
    let finding = only(json!({"phase": "Failed", "reason": "DeadlineExceeded"}));
    assert!(finding.remedy.unwrap().contains("`kubernetes.activeDeadlineSeconds`"));
}

#[test]
fn a_lost_node_is_told_by_what_the_control_plane_takes_back() {
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status});
    let ready = |ready: &str| {
        json!({
            "phase": "Running",
            "conditions": [condition("Ready", ready), condition("ContainersReady", "True")],
        })
    };
    assert_eq!(only(ready("False")).reason, "NodeLost");
    assert_eq!(found(ready("True")), []);
}

#[test]
fn a_disruption_says_who_disturbed_the_pod() {
    let condition = json!({
        "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
        "message": "preempted by default/x",
    });
    let finding = only(json!({"phase": "Failed", "conditions": [condition]}));
    assert!(finding.message.contains("higher priority"), "{}", finding.message);
}

#[test]
fn init_containers_and_sidecars_are_told_apart_from_main() {
    let end = json!({"terminated": {"exitCode": 3, "reason": "Error"}});
    let of = |name: &str| only(json!({"initContainerStatuses": [{"name": name, "state": end}]}));
    assert!(of("prepare").message.contains("before main may start"));
    assert!(of("exit-handler").remedy.unwrap().contains("--container exit-handler"));
}

#[test]
fn main_comes_before_its_sidecar() {
    let end = |code: i32| json!({"terminated": {"exitCode": code, "reason": "Error"}});
    let found = found(json!({
        "initContainerStatuses": [{"name": "exit-handler", "state": end(2)}],
        "containerStatuses": [{"name": "main", "state": end(1)}],
    }));
    assert!(found[0].message.starts_with("container main"), "{found:?}");
}

#[test]
fn a_start_that_takes_long_is_told_without_a_reason() {
    let waiting = json!({"waiting": {"reason": "ContainerCreating"}});
    let finding = only(json!({"containerStatuses": [{"name": "main", "state": waiting}]}));
    assert_eq!(finding.message, "container main has been created for 10 min");
}
