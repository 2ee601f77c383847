//! The scheduler: binds every pod that has no node, no gate and no deletion to a node that is ready.

use super::cluster::Action;
use super::pod;
use super::resource::Key;
use super::store::{Change, Verb};
use super::world::World;

impl World {
    pub(crate) fn scheduler_sees(&mut self, change: &Change) {
        let pod = &change.object.value;
        let gate_went =
            change.previous.as_ref().is_some_and(|previous| pod::is_gated(&previous.value));
        let waits = pod::node(pod).is_none() && !pod::is_gated(pod) && !change.object.is_deleting();
        if waits && (change.verb == Verb::Added || gate_went) {
            let action =
                Action::Schedule { pod: change.key.clone(), uid: change.object.uid().to_owned() };
            self.cluster.soon(1, 500, action);
        }
    }

    pub(crate) fn schedule(&mut self, key: &Key, uid: &str) {
        let Some(pod) = self.store.get(key).filter(|pod| pod.uid() == uid) else { return };
        if pod.is_deleting() || pod::node(&pod.value).is_some() {
            return;
        }
        let ready: Vec<String> = self.cluster.ready_nodes();
        let action = Action::Schedule { pod: key.clone(), uid: uid.to_owned() };
        if ready.is_empty() || self.cluster.random.chance(self.cluster.habits.unschedulable) {
            self.record.count("pod had to wait for a node");
            self.cluster.soon(1_000, 120_000, action);
            return;
        }
        let node = &ready[self.cluster.random.below(ready.len() as u64) as usize];
        if self.store.bind(key, node).is_err() {
            self.cluster.soon(100, 5_000, action);
        }
    }
}
