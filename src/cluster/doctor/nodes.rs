//! Whether there is a node on which the pods fit.
//!
//! In: nodes, and the pods of runs. Out: findings. What other pods have reserved is not counted: a
//! node that is full now has room later, one that is too small never has.

use std::collections::BTreeMap;

use super::report::{Finding, Topic, named};
use super::wanted::{Pod, Toleration};
use crate::model::Quantity;

/// A node, as the scheduler sees it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Node {
    /// Its name.
    pub(super) name: String,
    /// Its labels.
    pub(super) labels: BTreeMap<String, String>,
    /// Its taints.
    pub(super) taints: Vec<Taint>,
    /// What pods may have of it in all: `cpu` and `memory`, as they are written.
    pub(super) allocatable: BTreeMap<String, String>,
    /// Whether its kubelet is well.
    pub(super) is_ready: bool,
}

/// A taint.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Taint {
    /// Its key.
    pub(super) key: String,
    /// Its value.
    pub(super) value: String,
    /// Its effect.
    pub(super) effect: String,
}

impl Toleration {
    fn tolerates(&self, taint: &Taint) -> bool {
        self.key.as_ref().is_none_or(|key| *key == taint.key)
            && self.value.as_ref().is_none_or(|value| *value == taint.value)
            && self.effect.as_ref().is_none_or(|effect| *effect == taint.effect)
    }
}

/// Whether each pod fits on some node; why not, if not.
pub(super) fn conclude(nodes: &[Node], pods: &[Pod]) -> Vec<Finding> {
    let mut found = Vec::new();
    for pod in pods {
        if let Some(why) = misfit(nodes, pod) {
            let message = format!("no node takes the pod of {}: {why}", named(&pod.pipelines));
            found.push(Finding::problem(Topic::Nodes, message).with_remedy(
                "Change `nodeSelector`, `tolerations` or `resources` of the definition, or add such a node.",
            ));
        }
    }
    if found.is_empty() {
        let ready = nodes.iter().filter(|node| node.is_ready).count();
        let message = match pods.is_empty() {
            true => format!("{ready} of {} nodes are ready", nodes.len()),
            false => format!("all pods fit on one of {} nodes", nodes.len()),
        };
        found.push(Finding::fine(Topic::Nodes, message));
    }
    found
}

/// Why no node takes a pod: the first step by which none is left.
fn misfit(nodes: &[Node], pod: &Pod) -> Option<String> {
    let ready: Vec<&Node> = nodes.iter().filter(|node| node.is_ready).collect();
    if ready.is_empty() {
        return Some("none is ready".to_owned());
    }
    let is_selected = |node: &&&Node| {
        pod.node_selector.iter().all(|(key, value)| node.labels.get(key) == Some(value))
    };
    let selected: Vec<&Node> = ready.iter().filter(is_selected).copied().collect();
    if selected.is_empty() {
        let labels = pod.node_selector.iter().map(|(key, value)| format!("{key}={value}"));
        let labels = labels.collect::<Vec<_>>().join(", ");
        return Some(format!("none that is ready has the labels {labels}"));
    }
    let repels = |node: &Node| {
        let taints = node.taints.iter().filter(|taint| taint.effect != "PreferNoSchedule");
        let mut taints =
            taints.filter(|taint| !pod.tolerations.iter().any(|one| one.tolerates(taint)));
        taints.next().cloned()
    };
    let tolerated: Vec<&Node> =
        selected.iter().filter(|node| repels(node).is_none()).copied().collect();
    if tolerated.is_empty() {
        let taint = selected.first().and_then(|node| repels(node)).unwrap_or_default();
        let value =
            if taint.value.is_empty() { String::new() } else { format!("={}", taint.value) };
        return Some(format!(
            "it does not tolerate the taint {}{value}:{} of those that it selects",
            taint.key, taint.effect
        ));
    }
    for (resource, request) in [("cpu", pod.requests.cpu), ("memory", pod.requests.memory * NANOS)]
    {
        let most = tolerated.iter().filter_map(|node| node.allocatable.get(resource));
        let most = most.filter_map(|text| Some((Quantity::parse(text).ok()?.nanos(), text)));
        let most = most.max_by_key(|(amount, _)| *amount);
        if let Some((amount, text)) = most
            && request > amount
        {
            return Some(format!("it requests more {resource} than the largest has, {text}"));
        }
    }
    None
}

const NANOS: i128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::doctor::report::Outcome;
    use crate::manifest::pod_security::Level;
    use crate::survey::Requests;

    fn texts(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn node(labels: &[(&str, &str)], taints: &[(&str, &str)]) -> Node {
        let taints = taints.iter().map(|(key, effect)| Taint {
            key: (*key).to_owned(),
            value: String::new(),
            effect: (*effect).to_owned(),
        });
        Node {
            name: "one".to_owned(),
            labels: texts(labels),
            taints: taints.collect(),
            allocatable: texts(&[("cpu", "4"), ("memory", "8Gi")]),
            is_ready: true,
        }
    }

    fn pod() -> Pod {
        Pod {
            pipelines: vec!["orders".to_owned()],
            requests: Requests { cpu: NANOS / 2, memory: 1 << 30 },
            containers: Vec::new(),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            level: Level::Restricted,
            has_sidecar: false,
        }
    }

    fn why(nodes: &[Node], pod: Pod) -> String {
        let found = conclude(nodes, &[pod]);
        match found[0].outcome {
            Outcome::Fine => "fits".to_owned(),
            _ => found[0].message.clone(),
        }
    }

    #[test]
    fn a_pod_needs_a_node_that_is_ready_selected_tolerated_and_large_enough() {
        assert_eq!(why(&[node(&[], &[])], pod()), "fits");
        let mut down = node(&[], &[]);
        down.is_ready = false;
        assert!(why(&[down], pod()).contains("none is ready"));
        let selects = || Pod { node_selector: texts(&[("disk", "ssd")]), ..pod() };
        assert!(why(&[node(&[], &[])], selects()).contains("the labels disk=ssd"));
        assert_eq!(why(&[node(&[], &[]), node(&[("disk", "ssd")], &[])], selects()), "fits");
        let large = Pod { requests: Requests { cpu: 0, memory: 9 << 30 }, ..pod() };
        assert!(why(&[node(&[], &[])], large).contains("more memory than the largest has, 8Gi"));
    }

    #[test]
    fn taints_are_tolerated_as_the_scheduler_does() {
        let tainted = || [node(&[], &[("dedicated", "NoSchedule")])];
        assert!(why(&tainted(), pod()).contains("the taint dedicated:NoSchedule"));
        assert_eq!(why(&[node(&[], &[("dedicated", "PreferNoSchedule")])], pod()), "fits");
        let tolerates = |key: Option<&str>, value: Option<&str>| Pod {
            tolerations: vec![Toleration {
                key: key.map(str::to_owned),
                value: value.map(str::to_owned),
                effect: None,
            }],
            ..pod()
        };
        assert_eq!(why(&tainted(), tolerates(Some("dedicated"), None)), "fits");
        assert_eq!(why(&tainted(), tolerates(None, None)), "fits");
        assert_ne!(why(&tainted(), tolerates(Some("dedicated"), Some("x"))), "fits");
    }
}
