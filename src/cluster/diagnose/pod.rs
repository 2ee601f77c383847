//! What one pod says of its end, or of what keeps it.
//!
//! In: a pod. Out: findings, the most telling first.

use jiff::Timestamp;

use super::finding::Finding;
use super::words::span;
use super::{exit, scheduling, waiting};
use crate::cluster::observed::{Container, ContainerStatus, Pod};

/// A container that has not started after so long counts as kept, though nobody says by what.
const SLOW_START_SECONDS: i64 = 300;

/// What a pod says; nothing, where all is as it should be.
pub fn explain(pod: &Pod, now: Timestamp) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(own_end(pod));
    let (containers, inits) = (&pod.spec.containers, &pod.spec.init_containers);
    let of_main = containers.iter().map(|container| (container, Kind::Main));
    let of_inits = inits.iter().map(|container| (container, kind_of_init(container)));
    for (container, kind) in of_main.chain(of_inits) {
        if let Some(status) = pod.status_of(&container.name) {
            found.extend(of_container(pod, container, kind, status, now));
        }
    }
    found.extend(without_node(pod));
    found.extend(lost_node(pod));
    found.extend(going(pod, now, !found.is_empty()));
    found
}

/// What a container is in its pod.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Main,
    Init,
    Sidecar,
}

pub(super) fn kind_of_init(container: &Container) -> Kind {
    match container.restart_policy.as_deref() {
        Some("Always") => Kind::Sidecar,
        _ => Kind::Init,
    }
}

fn of_container(
    pod: &Pod,
    container: &Container,
    kind: Kind,
    status: &ContainerStatus,
    now: Timestamp,
) -> Option<Finding> {
    let name = &container.name;
    let state = &status.state;
    let last = status.last_state.terminated.as_ref();
    if let Some(end) = state.terminated.as_ref().or(last).filter(|end| end.exit_code != 0) {
        let finding = exit::explain(&pod.metadata.name, container, end);
        return Some(match kind {
            Kind::Main => finding,
            Kind::Init => Finding {
                message: format!(
                    "{}; the init container has to succeed before main may start",
                    finding.message
                ),
                ..finding
            },
            Kind::Sidecar => Finding {
                message: format!(
                    "{}; the sidecar is the exit handler or a helper of the run",
                    finding.message
                ),
                remedy: Some(format!("Read its log: `ompipe logs` with `--container {name}`.")),
                ..finding
            },
        });
    }
    let waiting = state.waiting.as_ref()?;
    waiting::explain(pod, container, waiting).or_else(|| {
        // Where no node and no other container is in the way, and still nothing happens.
        let since = pod.status.start_time?;
        let is_slow = (now - since).total(jiff::Unit::Second).ok()? > SLOW_START_SECONDS as f64;
        let is_kept = matches!(waiting.reason.as_deref(), Some("ContainerCreating"));
        (is_slow && is_kept && kind == Kind::Main).then(|| {
            let message = format!("container {name} has been created for {}", span(since, now));
            Finding::new("ContainerCreating", format!("pod/{}", pod.metadata.name), message).remedy(
                "The events say what the node waits for: a volume, a Secret that is mounted, a network, a large image.",
            )
        })
    })
}

/// The end of the pod as a whole: others than its containers bring it about.
fn own_end(pod: &Pod) -> Option<Finding> {
    let object = format!("pod/{}", pod.metadata.name);
    let said = pod.status.message.as_deref().unwrap_or_default();
    let disruption =
        pod.condition("DisruptionTarget").filter(|condition| condition.status == "True");
    let reason = pod.status.reason.as_deref();
    Some(match (reason, disruption) {
        (Some("Evicted"), _) => evicted(object, pod, said),
        (Some("DeadlineExceeded"), _) => deadline(object, pod),
        (Some("NodeLost"), _) => lost(object, pod),
        (Some(reason @ ("NodeShutdown" | "Shutdown" | "Terminated")), _) => {
            let message = format!("node {} shut down: {said}", node(pod));
            Finding::new(reason, object, message)
                .remedy("Run the pipeline again; a retry by `kubernetes.backoffLimit` does so.")
        }
        (Some(reason), _) if reason.starts_with("OutOf") => {
            let resource = reason.trim_start_matches("OutOf");
            let message =
                format!("node {} did not take the pod, for want of {resource}: {said}", node(pod));
            Finding::new(reason, object, message)
                .remedy(format!("Lower `kubernetes.resources.requests.{resource}`, or add a node."))
        }
        (Some(reason), _) if pod.status.phase == "Failed" => {
            let message = format!("node {} gave the pod up: {said}", node(pod));
            Finding::new(reason, object, message)
                .remedy("Look at the node: `kubectl describe node`.")
        }
        (_, Some(disruption)) => disrupted(object, pod, &disruption.reason, &disruption.message),
        _ => return None,
    })
}

fn evicted(object: String, pod: &Pod, said: &str) -> Finding {
    let resource = said
        .split_once("low on resource: ")
        .and_then(|(_, rest)| rest.split(['.', ',', ' ']).next())
        .or_else(|| said.contains("ephemeral").then_some("ephemeral-storage"))
        .or_else(|| said.contains("emptyDir").then_some("ephemeral-storage"))
        .unwrap_or_default();
    let message = match resource {
        "" => format!("node {} evicted the pod: {said}", node(pod)),
        _ => format!("node {} evicted the pod for want of {resource}: {said}", node(pod)),
    };
    let remedy = match resource {
        "" => "Look at the node: `kubectl describe node`.".to_owned(),
        "ephemeral-storage" => "Set `kubernetes.resources.requests.ephemeral-storage` to what the ingestion writes to \
                                disk, its log included, and raise the limit of it if there is one."
            .to_owned(),
        "memory" => "Set `kubernetes.resources.requests.memory` to what the ingestion needs: who takes more than it asks \
                     for is evicted first."
            .to_owned(),
        other => format!("The node has too little of {other}: clean it up, or add one."),
    };
    Finding::new("Evicted", object, message).remedy(remedy)
}

fn deadline(object: String, pod: &Pod) -> Finding {
    let message = match pod.spec.active_deadline_seconds {
        Some(seconds) => format!("the pod took longer than its {seconds} s"),
        None => "the pod took longer than it may".to_owned(),
    };
    Finding::new("DeadlineExceeded", object, message)
        .remedy("Raise `kubernetes.activeDeadlineSeconds` of the pipeline, or have the ingestion take less at once.")
}

fn disrupted(object: String, pod: &Pod, reason: &str, said: &str) -> Finding {
    let (message, remedy) = match reason {
        "PreemptionByScheduler" => (
            format!("the pod had to make room for one of a higher priority: {said}"),
            "Give the pipeline a priority by `podTemplate.spec.priorityClassName`, or add a node.",
        ),
        "DeletionByTaintManager" => (
            format!("the pod was deleted because its node {} got a taint: {said}", node(pod)),
            "The node was lost, drained or short of something: look at it, and run the pipeline again.",
        ),
        "EvictionByEvictionAPI" => (
            format!("somebody evicted the pod, to drain node {}: {said}", node(pod)),
            "Run the pipeline again; a retry by `kubernetes.backoffLimit` does so.",
        ),
        "DeletionByPodGC" => (
            format!("the pod was deleted because its node {} is gone: {said}", node(pod)),
            "Run the pipeline again.",
        ),
        "TerminationByKubelet" => (
            format!("node {} ended the pod: {said}", node(pod)),
            "The node shut down or was short of something: look at it, and run the pipeline again.",
        ),
        _ => (format!("the pod was disturbed: {said}"), "Run the pipeline again."),
    };
    Finding::new(reason, object, message).remedy(remedy)
}

fn without_node(pod: &Pod) -> Option<Finding> {
    if pod.spec.node_name.is_some() || pod.has_ended() {
        return None;
    }
    let condition =
        pod.condition("PodScheduled").filter(|condition| condition.status == "False")?;
    Some(scheduling::explain(pod, &condition.reason, &condition.message))
}

/// A node that does not report any more: the control plane takes the pod's Ready away, though its
/// containers, as far as anybody knows, are.
fn lost_node(pod: &Pod) -> Option<Finding> {
    let is = |kind, status| pod.condition(kind).is_some_and(|condition| condition.status == status);
    let is_lost = pod.status.phase == "Running"
        && is("Ready", "False")
        && is("ContainersReady", "True")
        && pod.metadata.deletion_timestamp.is_none();
    is_lost.then(|| lost(format!("pod/{}", pod.metadata.name), pod))
}

fn lost(object: String, pod: &Pod) -> Finding {
    let message = format!(
        "node {} does not report any more: whether the container still runs there, nobody knows",
        node(pod)
    );
    Finding::new("NodeLost", object, message).remedy(
        "Look at the node. When it is gone for good, delete its Node: then its pods go, and are tried again.",
    )
}

/// A pod that is being deleted.
fn going(pod: &Pod, now: Timestamp, has_reason: bool) -> Option<Finding> {
    let at = pod.metadata.deletion_timestamp?;
    let object = format!("pod/{}", pod.metadata.name);
    if at < now && !pod.has_ended() {
        let message = format!(
            "the pod should have been gone {} ago: its node does not say that it is",
            span(at, now)
        );
        return Some(Finding::new("Terminating", object, message).remedy(
            "Is the node lost? When it is gone for good, delete its Node; `kubectl delete pod --force` only hides the pod.",
        ));
    }
    (!has_reason).then(|| {
        Finding::new("Deleted", object, "the pod is being deleted").remedy(
            "Somebody ended the run, by `ompipe kill`, a drained node or a deletion of its Job.",
        )
    })
}

fn node(pod: &Pod) -> &str {
    pod.spec.node_name.as_deref().unwrap_or("of the pod")
}

#[cfg(test)]
#[path = "pod_tests.rs"]
mod tests;
