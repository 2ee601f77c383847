//! Whether a container has a log yet, and if not, why.
//!
//! In: a pod. Out: [`Readiness`], with a reason for people. What a kubelet says is redacted.

use crate::cluster::observed::{Condition, ContainerState, Pod, Waiting, shown};

/// Whether a container has a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Readiness {
    /// It has none yet, for this reason.
    NotYet(String),
    /// It has none and never will, for this reason.
    Never(String),
    /// It has one.
    Readable {
        /// The container's own id: another one begins another log.
        id: String,
        /// Whether nothing more will be written to it.
        ended: bool,
    },
}

/// Whether a container of a pod has a log.
pub fn readiness(pod: &Pod, container: &str) -> Readiness {
    let Some(status) = pod.status_of(container) else {
        return if pod.has_ended() {
            Readiness::Never(pod_ended(pod))
        } else {
            Readiness::NotYet(without_node(pod))
        };
    };
    let id = || status.container_id.clone().unwrap_or_default();
    match &status.state {
        ContainerState { running: Some(_), .. } => Readiness::Readable { id: id(), ended: false },
        ContainerState { terminated: Some(end), .. } => {
            let id = end.container_id.clone().unwrap_or_else(id);
            if !id.is_empty() {
                return Readiness::Readable { id, ended: true };
            }
            Readiness::Never(match &end.message {
                Some(message) => format!("the container never started: {}", shown(message)),
                None => pod_ended(pod),
            })
        }
        ContainerState { waiting, .. } => {
            let last = status.last_state.terminated.as_ref();
            if let Some(id) = last.and_then(|last| last.container_id.clone()) {
                return Readiness::Readable { id, ended: pod.has_ended() };
            }
            if pod.has_ended() {
                return Readiness::Never(pod_ended(pod));
            }
            Readiness::NotYet(blocked_by_init(pod, container).unwrap_or_else(|| {
                waiting_for(waiting.as_ref().unwrap_or(&Waiting::default()), &image(pod, container))
            }))
        }
    }
}

/// Why a pod that has ended never started a container.
fn pod_ended(pod: &Pod) -> String {
    let status = &pod.status;
    let reason = status.reason.as_deref().unwrap_or("no reason is given");
    match status.message.as_deref() {
        Some(message) => {
            format!("the pod ended before the container started ({reason}): {}", shown(message))
        }
        None => format!("the pod ended before the container started ({reason})"),
    }
}

fn without_node(pod: &Pod) -> String {
    let scheduled = pod.condition("PodScheduled");
    match (&pod.spec.node_name, scheduled) {
        (Some(node), _) => format!("node {node} has not begun with the pod yet"),
        (None, Some(Condition { status, message, .. })) if status == "False" => {
            format!("no node takes the pod: {}", shown(message))
        }
        (None, _) => "the pod has no node yet".to_owned(),
    }
}

/// What a container waits for.
fn waiting_for(waiting: &Waiting, image: &str) -> String {
    let reason = waiting.reason.as_deref().unwrap_or_default();
    let message = waiting.message.as_deref().map(shown).unwrap_or_default();
    match reason {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "ErrImageNeverPull"
        | "InvalidImageName"
        | "ImageInspectError"
        | "RegistryUnavailable"
        | "SignatureValidationFailed" => {
            format!("the image {image} cannot be pulled ({reason}): {message}")
        }
        "" | "ContainerCreating" | "PodInitializing" if message.is_empty() => {
            "the container is being created".to_owned()
        }
        _ => format!("the container cannot start ({reason}): {message}"),
    }
}

/// An init container that has to start or to end first, and does not.
fn blocked_by_init(pod: &Pod, container: &str) -> Option<String> {
    let inits = pod.status.init_container_statuses.iter();
    for init in inits.take_while(|init| init.name != container) {
        if let Some(waiting) = init.state.waiting.as_ref().filter(|waiting| {
            !matches!(
                waiting.reason.as_deref(),
                None | Some("PodInitializing" | "ContainerCreating")
            )
        }) {
            let why = waiting_for(waiting, &image(pod, &init.name));
            return Some(format!("init container {}: {why}", init.name));
        }
        let is_sidecar =
            pod.spec.init_containers.iter().any(|spec| {
                spec.name == init.name && spec.restart_policy.as_deref() == Some("Always")
            });
        if init.state.running.is_some() && !is_sidecar {
            return Some(format!("init container {} is running", init.name));
        }
    }
    None
}

fn image(pod: &Pod, container: &str) -> String {
    let all = pod.spec.containers.iter().chain(&pod.spec.init_containers);
    let named = all.into_iter().find(|spec| spec.name == container);
    named.map(|spec| spec.image.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(status: Value) -> Readiness {
        let pod = json!({
            "metadata": {"name": "orders-x"},
            "spec": {
                "initContainers": [{"name": "exit-handler", "image": "i", "restartPolicy": "Always"}],
                "containers": [{"name": "main", "image": "registry/ingestion:1"}],
            },
            "status": status,
        });
        readiness(&serde_json::from_value(pod).unwrap(), "main")
    }

    fn state(state: Value) -> Value {
        json!({
            "phase": "Pending",
            "containerStatuses": [{"name": "main", "containerID": "containerd://1", "state": state}],
        })
    }

    fn not_yet(why: &str) -> Readiness {
        Readiness::NotYet(why.to_owned())
    }

    #[test]
    fn a_container_that_runs_or_has_ended_has_a_log() {
        let id = || "containerd://1".to_owned();
        let running = Readiness::Readable { id: id(), ended: false };
        assert_eq!(of(state(json!({"running": {}}))), running);
        let ended = json!({"terminated": {"exitCode": 1, "containerID": "containerd://1"}});
        assert_eq!(of(state(ended)), Readiness::Readable { id: id(), ended: true });
    }

    #[test]
    fn an_image_that_cannot_be_pulled_is_named_with_the_registrys_answer() {
        let waiting = json!({"reason": "ErrImagePull", "message": "not found"});
        assert_eq!(
            of(state(json!({"waiting": waiting}))),
            not_yet("the image registry/ingestion:1 cannot be pulled (ErrImagePull): not found")
        );
    }

    #[test]
    fn a_pod_without_a_node_says_what_the_scheduler_says() {
        let condition = json!({"type": "PodScheduled", "status": "False", "message": "0/2 nodes"});
        let status = json!({"phase": "Pending", "conditions": [condition]});
        assert_eq!(of(status), not_yet("no node takes the pod: 0/2 nodes"));
    }

    #[test]
    fn a_sidecar_that_cannot_start_is_what_main_waits_for() {
        let mut status = state(json!({"waiting": {"reason": "PodInitializing"}}));
        let waiting =
            json!({"reason": "CreateContainerConfigError", "message": "secret \"a\" not found"});
        status["initContainerStatuses"] =
            json!([{"name": "exit-handler", "state": {"waiting": waiting}}]);
        assert_eq!(
            of(status),
            not_yet(
                "init container exit-handler: the container cannot start (CreateContainerConfigError): secret \"a\" not found"
            )
        );
        let mut status = state(json!({"waiting": {"reason": "PodInitializing"}}));
        status["initContainerStatuses"] =
            json!([{"name": "exit-handler", "state": {"running": {}}}]);
        assert_eq!(of(status), not_yet("the container is being created"));
    }

    #[test]
    fn a_pod_that_was_evicted_before_it_began_never_has_a_log() {
        let status = json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"});
        assert_eq!(
            of(status),
            Readiness::Never(
                "the pod ended before the container started (Evicted): low on memory".to_owned()
            )
        );
    }
}
