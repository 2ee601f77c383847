//! Why no node takes a pod.
//!
//! In: what the scheduler says. Out: the resource, taint or selector that is in the way, and the
//! parameter that gets it out of the way.

use std::collections::BTreeMap;

use super::finding::Finding;
use crate::cluster::observed::Pod;

/// What the scheduler's message about a pod without a node means.
pub(super) fn explain(pod: &Pod, reason: &str, said: &str) -> Finding {
    let object = format!("pod/{}", pod.metadata.name);
    if reason == "SchedulingGated" {
        let message =
            "the pod is held back by a scheduling gate: its operator has not let it go yet";
        return Finding::new(reason, object, message)
            .remedy("Does the operator run? `ompipe doctor` looks at it.");
    }
    let said = said.trim();
    let message = match said {
        "" => "no node takes the pod".to_owned(),
        said => format!("no node takes the pod: {}", without_preemption(said)),
    };
    let mut remedies: Vec<String> = Vec::new();
    for clause in clauses(said) {
        let remedy = remedy(pod, clause);
        if let Some(remedy) = remedy
            && !remedies.contains(&remedy)
        {
            remedies.push(remedy);
        }
    }
    let finding = Finding::new("Unschedulable", object, message);
    match remedies.as_slice() {
        [] => finding.remedy("Look at the nodes: `kubectl describe nodes`."),
        some => finding.remedy(some.join(" ")),
    }
}

/// The reasons alone, without the sentence on pods that could be pushed out, which has them once more.
fn without_preemption(said: &str) -> &str {
    let said = said.split_once("preemption: ").map_or(said, |(before, _)| before);
    let said = said.trim().trim_end_matches([',', '.']);
    said.trim_end_matches("no new claims to deallocate").trim().trim_end_matches([',', '.'])
}

/// The reasons of "0/3 nodes are available: 1 Insufficient memory, 2 node(s) had …."
fn clauses(said: &str) -> Vec<&str> {
    let reasons = without_preemption(said);
    let reasons = reasons.split_once(" available: ").map_or(reasons, |(_, reasons)| reasons);
    // A taint is written {key: value}, without a comma.
    reasons.split(", ").map(str::trim).collect()
}

fn remedy(pod: &Pod, clause: &str) -> Option<String> {
    if let Some((_, resource)) = clause.split_once("Insufficient ") {
        let resource = resource.trim();
        let asks = match requested(pod, resource).as_slice() {
            [] => String::new(),
            some => format!(" ({} asks for {})", some[0].0, some[0].1),
        };
        return Some(format!(
            "Lower `kubernetes.resources.requests.{resource}`{asks}, or add a node with as much free."
        ));
    }
    if let Some((_, taint)) = clause.split_once("taint") {
        let taint = taint.trim_start_matches(['(', 's', ')']).trim();
        return Some(match taint {
            "" => "Nodes have taints, which `kubectl describe nodes` shows: tolerate one in \
                   `kubernetes.tolerations`, if the pipeline may run there."
                .to_owned(),
            _ => format!(
                "Tolerate the taint {taint} in `kubernetes.tolerations`, if the pipeline may run there."
            ),
        });
    }
    if clause.contains("node affinity/selector") || clause.contains("node selector") {
        let selector = pairs(&pod.spec.node_selector);
        return Some(match selector.as_str() {
            "" => "Correct the affinity in the pipeline's `podTemplate`: no node is so.".to_owned(),
            _ => {
                format!("Correct `kubernetes.nodeSelector`: no node has {selector}; or label one.")
            }
        });
    }
    if clause.contains("were unschedulable") {
        return Some("Nodes are cordoned: uncordon one, or add one.".to_owned());
    }
    if clause.contains("Too many pods") {
        return Some("The nodes have as many pods as they may: add a node.".to_owned());
    }
    if clause.contains("persistentvolumeclaim") || clause.contains("volume") {
        return Some("Look at the volumes in the pipeline's `podTemplate`.".to_owned());
    }
    if clause.contains("no nodes available") {
        return Some("The cluster has no nodes: add one.".to_owned());
    }
    None
}

/// The containers that ask for a resource, and for how much.
fn requested<'pod>(pod: &'pod Pod, resource: &str) -> Vec<(&'pod str, &'pod str)> {
    let containers = pod.spec.containers.iter().chain(&pod.spec.init_containers);
    containers
        .filter_map(|container| {
            let request = container.resources.requests.get(resource)?;
            Some((container.name.as_str(), request.as_str()))
        })
        .collect()
}

fn pairs(of: &BTreeMap<String, String>) -> String {
    of.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn explained(said: &str) -> Finding {
        let pod = json!({
            "metadata": {"name": "p"},
            "spec": {
                "nodeSelector": {"disk": "fast"},
                "containers": [{"name": "main", "resources": {"requests": {"memory": "8Gi"}}}],
            },
        });
        explain(&serde_json::from_value(pod).unwrap(), "Unschedulable", said)
    }

    #[test]
    fn every_reason_of_the_scheduler_has_its_remedy() {
        let finding = explained(
            "0/4 nodes are available: 1 Insufficient memory, 1 node(s) didn't match Pod's node affinity/selector, 1 \
             node(s) had untolerated taint(s) {dedicated: gpu}, 1 node(s) were unschedulable. preemption: 0/4 nodes are \
             available: 4 Preemption is not helpful for scheduling.",
        );
        assert!(!finding.message.contains("reemption"), "{}", finding.message);
        let remedy = finding.remedy.unwrap();
        for part in [
            "`kubernetes.resources.requests.memory` (main asks for 8Gi)",
            "Tolerate the taint {dedicated: gpu}",
            "no node has disk=fast",
            "cordoned",
        ] {
            assert!(remedy.contains(part), "{part}: {remedy}");
        }
    }

    #[test]
    fn what_the_newest_schedulers_add_is_left_out() {
        let finding = explained(
            "0/2 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint(s). no new claims to \
             deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
        );
        assert_eq!(
            finding.message,
            "no node takes the pod: 0/2 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint(s)"
        );
        assert!(finding.remedy.unwrap().contains("Nodes have taints"));
    }

    #[test]
    fn a_gate_is_the_operators() {
        let finding = explain(&Pod::default(), "SchedulingGated", "Scheduling is blocked");
        assert_eq!(finding.reason, "SchedulingGated");
    }
}
