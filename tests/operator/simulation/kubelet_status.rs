//! The statuses that a kubelet writes.
//!
//! In: a pod and what became of its container. Out: its status.

use serde_json::{Value, json};

use super::kubelet::Ending;

/// The image cannot be pulled.
pub(crate) fn pulling_status(pod: &Value) -> Value {
    let mut status = pod["status"].clone();
    status["phase"] = json!("Pending");
    status["containerStatuses"] = json!([container(
        pod,
        json!({
            "waiting": { "reason": "ImagePullBackOff", "message": "Back-off pulling image" },
        })
    )]);
    status
}

pub(crate) fn running_status(pod: &Value, now: &str) -> Value {
    let mut status = pod["status"].clone();
    status["phase"] = json!("Running");
    status["startTime"] = json!(now);
    status["containerStatuses"] =
        json!([container(pod, json!({ "running": { "startedAt": now } }))]);
    status
}

pub(crate) fn ending_status(pod: &Value, ending: Ending, now: &str) -> Value {
    let mut status = pod["status"].clone();
    let started = status["startTime"].as_str().unwrap_or(now).to_owned();
    let phase = if ending.is_success() { "Succeeded" } else { "Failed" };
    status["phase"] = json!(phase);
    let terminated = |code: i64, reason: &str| {
        json!([container(
            pod,
            json!({ "terminated": {
                "exitCode": code, "reason": reason, "startedAt": started, "finishedAt": now,
            }})
        )])
    };
    match ending {
        Ending::Exited(0) => status["containerStatuses"] = terminated(0, "Completed"),
        Ending::Exited(code) => status["containerStatuses"] = terminated(code, "Error"),
        Ending::OutOfMemory => status["containerStatuses"] = terminated(137, "OOMKilled"),
        Ending::Evicted => {
            status["reason"] = json!("Evicted");
            status["message"] = json!("The node was low on resource: memory.");
            super::write::remove(&mut status, "containerStatuses");
        }
        Ending::Rejected => {
            status["reason"] = json!("OutOfcpu");
            status["message"] = json!("Pod was rejected: Node didn't have enough resource: cpu");
        }
        Ending::NeverStarted => {
            status["containerStatuses"] =
                json!([container(pod, json!({ "waiting": { "reason": "ContainerCreating" } }))]);
        }
        Ending::PoweredOff | Ending::Removed => {
            status["containerStatuses"] = terminated(137, "ContainerStatusUnknown");
        }
    }
    status
}

fn container(pod: &Value, state: Value) -> Value {
    json!({
        "name": pod["spec"]["containers"][0]["name"], "image": "image", "imageID": "",
        "ready": false, "restartCount": 0, "state": state,
    })
}
