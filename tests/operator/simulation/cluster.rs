//! Who acts on a cluster besides the operator: scheduler, kubelets, garbage collector, namespace
//! controller, node lifecycle, and people.
//!
//! In: changes, and virtual time. Out: what each of them does, after a delay that the seed draws. Each looks
//! at the present state when its time comes, as a real one does that is late.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::kubelet::{Container, Step};
use super::nodes::Node;
use super::people::Deed;
use super::random::Random;
use super::resource::{Key, Resource};
use super::store::Change;
use super::world::{SharedWorld, World};

/// Something that is due at a time.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// The scheduler takes up a pod.
    Schedule { pod: Key, uid: String },
    /// The kubelet of a pod's node does something about it.
    Kubelet { uid: String, step: Step },
    /// The garbage collector looks at an object.
    Collect { key: Key, uid: String },
    /// The namespace controller looks at a namespace.
    EmptyNamespace { name: String },
    /// The node lifecycle controller has not heard of a node for too long.
    NodeUnreachable { name: String, losses: u64 },
    /// The taint eviction of a pod.
    Evict { pod: Key, uid: String, losses: u64 },
    /// The collector of pods whose node is gone.
    CollectOrphanedPod { pod: Key, uid: String },
    /// A node comes back.
    NodeReturns { name: String, losses: u64 },
    /// Somebody does something by hand.
    Deed(Deed),
}

pub(crate) struct Cluster {
    pub(crate) random: Random,
    pub(crate) nodes: BTreeMap<String, Node>,
    /// Every pod that ever came to a node, by its UID: what is true of it, whatever the API says.
    pub(crate) containers: BTreeMap<String, Container>,
    pub(crate) habits: super::kubelet::Habits,
    due: BTreeMap<(Instant, u64), Action>,
    sequence: u64,
    wake: Arc<Notify>,
}

impl Cluster {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            random,
            nodes: BTreeMap::new(),
            containers: BTreeMap::new(),
            habits: super::kubelet::Habits::default(),
            due: BTreeMap::new(),
            sequence: 0,
            wake: Arc::new(Notify::new()),
        }
    }

    pub(crate) fn after(&mut self, delay: Duration, action: Action) {
        self.at(Instant::now() + delay, action);
    }

    pub(crate) fn at(&mut self, time: Instant, action: Action) {
        self.sequence += 1;
        self.due.insert((time, self.sequence), action);
        self.wake.notify_one();
    }

    /// After so many milliseconds, mostly near the first.
    pub(crate) fn soon(&mut self, first: u64, last: u64, action: Action) {
        let delay = self.random.mostly_short(first, last);
        self.after(Duration::from_millis(delay), action);
    }

    /// Whether somebody is still going to do something by hand, or a node to come back.
    pub(crate) fn has_deeds(&self) -> bool {
        let deed = |action: &Action| matches!(action, Action::Deed(_) | Action::NodeReturns { .. });
        self.due.values().any(deed)
    }

    fn next_due(&self) -> Option<Instant> {
        self.due.keys().next().map(|(time, _)| *time)
    }

    /// The next action whose time has come.
    fn take_due(&mut self) -> Option<Action> {
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= Instant::now())?;
        Some(entry.remove())
    }
}

/// Runs the cluster for as long as it is polled.
pub(crate) async fn run(world: SharedWorld) {
    let wake = Arc::clone(&world.lock().cluster.wake);
    loop {
        // One action a step: each meets what the one before has changed.
        let next = world.step(|world| match world.cluster.take_due() {
            Some(action) => {
                world.act(action);
                Some(Instant::now())
            }
            None => world.cluster.next_due(),
        });
        match next {
            Some(time) if time <= Instant::now() => {}
            Some(time) => {
                tokio::select! {
                    biased;
                    () = sleep_until(time) => {}
                    () = wake.notified() => {}
                }
            }
            None => wake.notified().await,
        }
    }
}

impl World {
    fn act(&mut self, action: Action) {
        match action {
            Action::Schedule { pod, uid } => self.schedule(&pod, &uid),
            Action::Kubelet { uid, step } => self.kubelet(&uid, step),
            Action::Collect { key, uid } => self.collect(&key, &uid),
            Action::EmptyNamespace { name } => self.empty_namespace(&name),
            Action::NodeUnreachable { name, losses } => self.node_unreachable(&name, losses),
            Action::Evict { pod, uid, losses } => self.evict(&pod, &uid, losses),
            Action::CollectOrphanedPod { pod, uid } => self.collect_orphaned_pod(&pod, &uid),
            Action::NodeReturns { name, losses } => self.node_returns(&name, losses),
            Action::Deed(deed) => self.deed(deed),
        }
    }

    /// Who has something to do because of a change.
    pub(crate) fn react(&mut self, change: &Change) {
        match change.key.resource {
            Resource::Pods => {
                self.scheduler_sees(change);
                self.kubelet_sees(change);
            }
            Resource::Namespaces => self.namespace_controller_sees(change),
            _ => {}
        }
        self.garbage_collector_sees(change);
    }
}
