//! The kubelets: what happens to a pod on its node, and what the API is told of it, and when.
//!
//! In: bound pods. Out: containers that start and end, which is the truth that the oracle judges by, and
//! statuses, which may be late or never come. Only a kubelet removes a bound pod, unless somebody forces it.

use std::time::Duration;

use serde_json::Value;

use super::cluster::Action;
use super::delete::DeleteOptions;
use super::kubelet_status::{ending_status, pulling_status, running_status};
use super::pod;
use super::random::Random;
use super::resource::Key;
use super::store::{Change, Verb};
use super::world::World;
use super::write::Part;

/// What pods do, in thousandths of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Habits {
    pub(crate) unschedulable: u64,
    pub(crate) fails: u64,
    pub(crate) out_of_memory: u64,
    pub(crate) evicted: u64,
    pub(crate) rejected: u64,
    pub(crate) never_pulled: u64,
    pub(crate) hangs: u64,
    /// The longest usual run, in milliseconds.
    pub(crate) longest: u64,
}

/// How a container ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Exited(i64),
    OutOfMemory,
    /// By the kubelet, to free the node: the containers' statuses are empty.
    Evicted,
    /// Turned away by the kubelet; no container was ever made.
    Rejected,
    /// Stopped before its container was ever made.
    NeverStarted,
    /// Its node lost its power.
    PoweredOff,
    /// Killed since the API no longer knows its pod.
    Removed,
}

/// What is true of a pod on its node.
#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) key: Key,
    pub(crate) node: String,
    pub(crate) state: State,
    /// The kubelet knows of the deletion, with so many seconds of grace.
    stopping: Option<i64>,
    /// How long it takes to heed SIGTERM, in milliseconds, and the exit code then.
    heeds: (u64, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waiting { ends_after: Duration, ending: Ending },
    Running,
    Ended(Ending),
}

/// What a kubelet does next about a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Start,
    /// Not through the API: it happens on a node that is cut off, too.
    End(Ending),
    Report,
    /// Sees the deletion.
    Stop(i64),
    /// Sees that the pod is gone from the API.
    Kill,
    /// Removes the pod: nothing of it is left on the node.
    Remove,
}

impl World {
    pub(crate) fn kubelet_sees(&mut self, change: &Change) {
        let Some(node) = pod::node(&change.object.value) else { return };
        let uid = change.object.uid().to_owned();
        let metadata = &change.object.value["metadata"];
        let grace = metadata["deletionGracePeriodSeconds"].as_i64();
        let bound =
            change.previous.as_ref().is_none_or(|previous| pod::node(&previous.value).is_none());
        if bound && change.verb != Verb::Deleted {
            self.admit(&change.key, &uid, node);
        }
        let step = match (change.verb, grace) {
            (Verb::Deleted, _) => Step::Kill,
            (_, Some(grace)) => {
                let before = change.previous.as_ref().map(|previous| &previous.value["metadata"]);
                let before =
                    before.and_then(|metadata| metadata["deletionGracePeriodSeconds"].as_i64());
                if before == Some(grace) {
                    return;
                }
                // A pod that is removed by force and held by a finalizer: killed like one that is gone.
                Step::Stop(grace)
            }
            _ => return,
        };
        self.cluster.soon(1, 1_500, Action::Kubelet { uid, step });
    }

    fn admit(&mut self, key: &Key, uid: &str, node: &str) {
        let habits = self.cluster.habits;
        let random = &mut self.cluster.random;
        let ending = habits.draw(random);
        let hangs = random.chance(habits.hangs);
        let ends_after = match hangs {
            true => Duration::from_secs(1_000_000),
            false => Duration::from_millis(random.mostly_short(0, habits.longest)),
        };
        let heeds = match random.below(3) {
            0 => (u64::MAX, 137),
            1 => (random.below(20_000), 0),
            _ => (random.below(20_000), 143),
        };
        let never_pulled = random.chance(habits.never_pulled);
        let state = State::Waiting { ends_after, ending };
        let container =
            Container { key: key.clone(), node: node.to_owned(), state, stopping: None, heeds };
        self.cluster.containers.insert(uid.to_owned(), container);
        if random_rejects(&mut self.cluster.random, habits.rejected) {
            self.container_ends(uid, Ending::Rejected);
        } else if never_pulled {
            self.record.count("pod never pulled");
            self.kubelet_soon(uid, 100, 3_000, Step::Report);
        } else {
            self.kubelet_soon(uid, 50, 4_000, Step::Start);
        }
    }

    fn kubelet_soon(&mut self, uid: &str, first: u64, last: u64, step: Step) {
        self.cluster.soon(first, last, Action::Kubelet { uid: uid.to_owned(), step });
    }

    pub(crate) fn kubelet(&mut self, uid: &str, step: Step) {
        let Some(container) = self.cluster.containers.get(uid).cloned() else { return };
        if let Step::End(ending) = step {
            if container.state == State::Running {
                self.container_ends(uid, ending);
            }
            return;
        }
        if self.cluster.postpone(&container.node, uid, step) {
            return;
        }
        match step {
            Step::Start => self.container_starts(uid, &container),
            Step::Report => self.report(uid, &container),
            Step::Stop(grace) => self.stop(uid, &container, grace),
            Step::Kill => match container.state {
                State::Waiting { .. } => self.container_ends(uid, Ending::NeverStarted),
                State::Running => self.kubelet_soon(uid, 0, 2_000, Step::End(Ending::Removed)),
                State::Ended(_) => {}
            },
            Step::Remove => {
                let _gone_already = self.store.delete(&container.key, &DeleteOptions::at_once(uid));
            }
            Step::End(_) => {}
        }
    }

    fn container_starts(&mut self, uid: &str, container: &Container) {
        let State::Waiting { ends_after, ending } = container.state else { return };
        if container.stopping.is_some() {
            return;
        }
        self.set_state(uid, State::Running);
        let pod = self.pod_value(uid);
        self.oracle.container_started(uid, &container.key, &pod);
        self.record.trace(|| format!("       container of {} {uid} starts", container.key));
        let action = Action::Kubelet { uid: uid.to_owned(), step: Step::End(ending) };
        self.cluster.after(ends_after, action);
        self.kubelet_soon(uid, 1, 2_000, Step::Report);
    }

    pub(crate) fn container_ends(&mut self, uid: &str, ending: Ending) {
        let Some(container) = self.cluster.containers.get(uid).cloned() else { return };
        self.set_state(uid, State::Ended(ending));
        self.record.count(ending.counted());
        self.oracle.container_ended(uid, &container.key, ending);
        self.record
            .trace(|| format!("       container of {} {uid} ends: {ending:?}", container.key));
        self.kubelet_soon(uid, 1, 2_000, Step::Report);
    }

    fn stop(&mut self, uid: &str, container: &Container, grace: i64) {
        if let Some(container) = self.cluster.containers.get_mut(uid) {
            container.stopping = Some(grace);
        }
        match container.state {
            State::Waiting { .. } => self.container_ends(uid, Ending::NeverStarted),
            State::Running => {
                let grace = grace.max(1).unsigned_abs() * 1_000;
                let (heeds, code) = container.heeds;
                let (after, code) = if heeds < grace { (heeds, code) } else { (grace, 137) };
                let action =
                    Action::Kubelet { uid: uid.to_owned(), step: Step::End(Ending::Exited(code)) };
                self.cluster.after(Duration::from_millis(after), action);
            }
            State::Ended(_) => self.kubelet_soon(uid, 1, 1_000, Step::Report),
        }
    }

    /// Tells the API what is true, and removes a pod that is to go and of which nothing is left.
    fn report(&mut self, uid: &str, container: &Container) {
        let is_there = |pod: &&std::sync::Arc<super::store::Object>| pod.uid() == uid;
        let Some(pod) = self.store.get(&container.key).filter(is_there).cloned() else { return };
        let now = self.store.clock.text();
        let was_terminal = pod::is_terminal(&pod.value);
        let status: Option<Value> = match container.state {
            _ if was_terminal => None,
            State::Waiting { .. } => Some(pulling_status(&pod.value)),
            State::Running => Some(running_status(&pod.value, &now)),
            // Also of a pod whose container never started: since Kubernetes 1.27 a pod that goes
            // comes to a terminal phase first.
            State::Ended(ending) => Some(ending_status(&pod.value, ending, &now)),
        };
        if let Some(status) = status {
            let _unchanged =
                self.store.modify(&container.key, Part::Status, |pod| pod["status"] = status);
        }
        if matches!(container.state, State::Ended(_)) && pod.is_deleting() {
            self.kubelet_soon(uid, 1, 2_000, Step::Remove);
        }
    }

    pub(crate) fn set_state(&mut self, uid: &str, state: State) {
        if let Some(container) = self.cluster.containers.get_mut(uid) {
            container.state = state;
        }
    }

    /// The pod as it was last, also where it is gone.
    fn pod_value(&self, uid: &str) -> Value {
        let changes = self.store.since(0).iter().rev();
        let found = changes.map(|change| &change.object).find(|object| object.uid() == uid);
        found.map(|object| object.value.clone()).unwrap_or_default()
    }
}

fn random_rejects(random: &mut Random, thousandths: u64) -> bool {
    thousandths > 0 && random.chance(thousandths)
}

impl Habits {
    fn draw(self, random: &mut Random) -> Ending {
        if random.chance(self.fails) {
            return Ending::Exited(random.pick(&[1, 2, 137, 139, 255]));
        }
        if random.chance(self.out_of_memory) {
            return Ending::OutOfMemory;
        }
        if random.chance(self.evicted) {
            return Ending::Evicted;
        }
        Ending::Exited(0)
    }
}

impl Ending {
    pub(crate) fn is_success(self) -> bool {
        self == Self::Exited(0)
    }

    fn counted(self) -> &'static str {
        match self {
            Self::Exited(0) => "containers succeeded",
            Self::Exited(_) => "containers failed",
            Self::OutOfMemory => "containers out of memory",
            Self::Evicted => "pods evicted",
            Self::Rejected => "pods rejected by the kubelet",
            Self::NeverStarted => "pods stopped before their container",
            Self::PoweredOff => "containers lost with their node",
            Self::Removed => "containers killed after their pod was gone",
        }
    }
}
