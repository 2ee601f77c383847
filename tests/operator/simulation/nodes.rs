//! Nodes that are lost, cut off, deleted and come back; what the node lifecycle controller, its taint eviction and
//! the pods' garbage collector do then.

use std::time::Duration;

use serde_json::json;

use super::cluster::{Action, Cluster};
use super::delete::DeleteOptions;
use super::kubelet::{Ending, State, Step};
use super::pod;
use super::resource::{Key, Resource};
use super::world::World;
use super::write::Part;

const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// A node as it is.
#[derive(Debug, Default)]
pub(crate) struct Node {
    is_up: bool,
    is_ready: bool,
    is_cut_off: bool,
    /// How often it was lost: what was planned at an earlier loss is void.
    losses: u64,
    /// What its kubelet will do once it is up again.
    postponed: Vec<(String, Step)>,
}

/// How a node is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Its containers run on, and nobody hears of them.
    CutOff,
    /// Its containers are gone.
    PoweredOff,
}

impl Cluster {
    pub(crate) fn ready_nodes(&self) -> Vec<String> {
        let ready = self.nodes.iter().filter(|(_, node)| node.is_ready && node.is_up);
        ready.map(|(name, _)| name.clone()).collect()
    }

    /// Whether a step has to wait until the node is heard of again. A kubelet that is cut off starts what
    /// it had taken up.
    pub(crate) fn postpone(&mut self, node: &str, uid: &str, step: Step) -> bool {
        let Some(node) = self.nodes.get_mut(node) else { return true };
        if node.is_up || (node.is_cut_off && step == Step::Start) {
            return false;
        }
        node.postponed.push((uid.to_owned(), step));
        true
    }
}

impl World {
    pub(crate) fn add_node(&mut self, name: &str) {
        let node = json!({
            "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name } },
            "status": { "conditions": [ready("True", &self.store.clock.text())] },
        });
        let _there_already = self.store.create(Resource::Nodes, "", node);
        let node = self.cluster.nodes.entry(name.to_owned()).or_default();
        (node.is_up, node.is_ready) = (true, true);
    }

    /// A new node where none is left, as a cloud gives one.
    pub(crate) fn replace_nodes(&mut self) {
        if self.cluster.ready_nodes().is_empty() {
            self.add_node("node-c");
        }
    }

    pub(crate) fn lose_node(&mut self, name: &str, loss: Loss, returns: Option<Duration>) {
        let Some(node) = self.cluster.nodes.get_mut(name).filter(|node| node.is_up) else { return };
        node.is_up = false;
        node.is_cut_off = loss == Loss::CutOff;
        node.losses += 1;
        let losses = node.losses;
        self.record.count(match loss {
            Loss::CutOff => "node cut off",
            Loss::PoweredOff => "node powered off",
        });
        self.record.trace(|| format!("       {name} lost: {loss:?}, returns {returns:?}"));
        for uid in self.pods_on(name, |_| true) {
            self.oracle.node_lost(&uid);
            if loss == Loss::PoweredOff {
                self.power_off(&uid);
            }
        }
        let name = name.to_owned();
        let unreachable = Action::NodeUnreachable { name: name.clone(), losses };
        // The grace period of the node lifecycle controller, and its own rhythm.
        self.cluster.soon(40_000, 50_000, unreachable);
        if let Some(returns) = returns {
            self.cluster.after(returns, Action::NodeReturns { name, losses });
        }
    }

    fn power_off(&mut self, uid: &str) {
        match self.cluster.containers.get(uid).map(|container| container.state) {
            Some(State::Running) => self.container_ends(uid, Ending::PoweredOff),
            // One that waits is started when the node is up again.
            Some(State::Waiting { .. } | State::Ended(_)) | None => {}
        }
    }

    fn pods_on(&self, node: &str, wanted: impl Fn(State) -> bool) -> Vec<String> {
        let containers = self.cluster.containers.iter();
        let on =
            containers.filter(|(_, container)| container.node == node && wanted(container.state));
        on.map(|(uid, _)| uid.clone()).collect()
    }

    pub(crate) fn node_unreachable(&mut self, name: &str, losses: u64) {
        let Some(node) = self.cluster.nodes.get_mut(name) else { return };
        if node.is_up || node.losses != losses {
            return;
        }
        node.is_ready = false;
        let key = Key::new(Resource::Nodes, "", name);
        let now = self.store.clock.text();
        let _deleted = self.store.modify(&key, Part::Status, |node| {
            node["status"]["conditions"] = json!([ready("Unknown", &now)]);
        });
        let _deleted = self.store.modify(&key, Part::Whole, |node| {
            node["spec"]["taints"] = json!([
                { "key": UNREACHABLE, "effect": "NoExecute", "timeAdded": now },
                { "key": UNREACHABLE, "effect": "NoSchedule", "timeAdded": now },
            ]);
        });
        let pods: Vec<(Key, String, u64)> = self
            .store
            .list(Resource::Pods, None)
            .filter(|(_, object)| pod::node(&object.value) == Some(name))
            .filter_map(|(key, object)| {
                let tolerations = object.value["spec"]["tolerations"].as_array();
                let tolerations: Vec<_> = tolerations
                    .into_iter()
                    .flatten()
                    .filter(|toleration| pod::tolerates(toleration, UNREACHABLE))
                    .collect();
                // Tolerated for ever where one says no time.
                if tolerations.iter().any(|toleration| toleration["tolerationSeconds"].is_null()) {
                    return None;
                }
                let seconds =
                    tolerations.iter().filter_map(|one| one["tolerationSeconds"].as_u64());
                Some((key.clone(), object.uid().to_owned(), seconds.min().unwrap_or(0)))
            })
            .collect();
        for (pod, uid, seconds) in pods {
            self.cluster.after(Duration::from_secs(seconds), Action::Evict { pod, uid, losses });
        }
    }

    pub(crate) fn evict(&mut self, key: &Key, uid: &str, losses: u64) {
        let Some(object) = self.store.get(key).filter(|object| object.uid() == uid) else { return };
        let node = pod::node(&object.value).and_then(|name| self.cluster.nodes.get(name));
        if node.is_none_or(|node| node.is_up || node.losses != losses) {
            return;
        }
        self.record.count("pod evicted from an unreachable node");
        let _gone_already = self.store.delete(key, &DeleteOptions::default());
    }

    pub(crate) fn node_returns(&mut self, name: &str, losses: u64) {
        let Some(node) = self.cluster.nodes.get_mut(name) else { return };
        if node.is_up || node.losses != losses {
            return;
        }
        (node.is_up, node.is_ready) = (true, true);
        let postponed = std::mem::take(&mut node.postponed);
        self.record.count("node came back");
        self.record.trace(|| format!("       {name} comes back"));
        let key = Key::new(Resource::Nodes, "", name);
        if self.store.get(&key).is_none() {
            self.add_node(name);
        }
        let now = self.store.clock.text();
        let _there = self.store.modify(&key, Part::Status, |node| {
            node["status"]["conditions"] = json!([ready("True", &now)]);
        });
        let _there = self.store.modify(&key, Part::Whole, |node| node["spec"] = json!({}));
        for (uid, step) in postponed {
            // A kubelet that comes back reads first what the API knows now.
            let pod = self.cluster.containers.get(&uid).and_then(|on| self.store.get(&on.key));
            let wanted = pod.is_some_and(|pod| pod.uid() == uid && !pod.is_deleting());
            let step = if step == Step::Start && !wanted { Step::Kill } else { step };
            self.cluster.soon(10, 3_000, Action::Kubelet { uid, step });
        }
        // What the node holds and the API does not know of goes.
        for uid in self.pods_on(name, |state| !matches!(state, State::Ended(_))) {
            let container = self.cluster.containers.get(&uid);
            let known = container.and_then(|container| self.store.get(&container.key));
            if known.is_none_or(|pod| pod.uid() != uid) {
                self.cluster.soon(10, 3_000, Action::Kubelet { uid, step: Step::Kill });
            }
        }
    }

    /// The node's machine is gone, and so is its object.
    pub(crate) fn delete_node(&mut self, name: &str, returns: Option<Duration>) {
        self.lose_node(name, Loss::PoweredOff, returns);
        for uid in self.pods_on(name, |_| true) {
            self.power_off(&uid);
        }
        if let Some(node) = self.cluster.nodes.get_mut(name) {
            // Also one that was only cut off before: its machine is gone now.
            (node.is_ready, node.is_cut_off) = (false, false);
        }
        self.record.count("node deleted");
        let key = Key::new(Resource::Nodes, "", name);
        let _gone_already = self.store.delete(&key, &DeleteOptions::default());
        let pods: Vec<(Key, String)> = self
            .store
            .list(Resource::Pods, None)
            .filter(|(_, object)| pod::node(&object.value) == Some(name))
            .map(|(key, object)| (key.clone(), object.uid().to_owned()))
            .collect();
        for (pod, uid) in pods {
            // A quarantine of 40 s, and a look every 20 s.
            self.cluster.soon(40_000, 60_000, Action::CollectOrphanedPod { pod, uid });
        }
    }

    pub(crate) fn collect_orphaned_pod(&mut self, key: &Key, uid: &str) {
        let Some(object) = self.store.get(key).filter(|object| object.uid() == uid) else { return };
        let node = pod::node(&object.value).unwrap_or_default();
        if self.store.get(&Key::new(Resource::Nodes, "", node)).is_some() {
            return;
        }
        if !pod::is_terminal(&object.value) {
            let _there = self.store.modify(key, Part::Status, |pod| {
                pod["status"]["phase"] = json!("Failed");
                let condition = json!({
                    "type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC",
                    "message": "PodGC: node no longer exists",
                });
                match pod["status"]["conditions"].as_array_mut() {
                    Some(conditions) => conditions.push(condition),
                    None => pod["status"]["conditions"] = json!([condition]),
                }
            });
        }
        self.record.count("pod collected after its node");
        let _gone_already = self.store.delete(key, &DeleteOptions::at_once(uid));
    }
}

fn ready(status: &str, since: &str) -> serde_json::Value {
    json!({ "type": "Ready", "status": status, "lastTransitionTime": since, "lastHeartbeatTime": since })
}
