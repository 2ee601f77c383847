//! What people do to a cluster: make OMJobs, delete things, by force where that is possible, lose nodes.
//!
//! In: deeds with the moments at which they are done. Out: writes to the store, and word to the oracle where a
//! deed makes something impossible that was promised.

use std::time::Duration;

use serde_json::Value;

use super::cluster::Action;
use super::delete::{DeleteOptions, Propagation};
use super::nodes::Loss;
use super::oracle::{EXIT_HANDLER, Harm, MAIN, role};
use super::patch::Patch;
use super::pod;
use super::resource::{Key, Resource};
use super::store::{Change, Verb, finalizers};
use super::world::{NAMESPACE, World};
use super::write::{Part, remove};

/// Something that is done by hand.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// Makes an OMJob; where one of that name is still there, tries again so many times.
    Make {
        omjob: Value,
        tries: u64,
    },
    Delete {
        omjob: String,
        propagation: Propagation,
    },
    /// Deletes the newest pod of a role; `Some(0)` is by force.
    DeletePod {
        role: &'static str,
        grace_period: Option<i64>,
    },
    /// Takes every finalizer from the newest pod of a role.
    StripPod {
        role: &'static str,
    },
    /// Both: it is gone at once, whatever held it.
    TearOutPod {
        role: &'static str,
    },
    LoseNode {
        role: &'static str,
        loss: Loss,
        returns: Option<Duration>,
    },
    DeleteNode {
        role: &'static str,
        returns: Option<Duration>,
    },
    DeleteNamespace,
    MakeCron(Value),
    /// Changes the newest CronOMJob's spec, or its annotations.
    EditCron(Value),
    DeleteCron {
        propagation: Propagation,
    },
}

/// When a deed is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// After this change of whatever object.
    Change(u64),
    /// When an OMJob is first made.
    Job,
    /// When a pod of this role first has come so far.
    Pod(&'static str, Stage),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Created,
    Bound,
    Running,
    Ended,
    Deleting,
    Gone,
}

/// A deed and its moment.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) moment: Moment,
    pub(crate) delay: Duration,
    pub(crate) deed: Deed,
}

impl Planned {
    /// Whether a change is the moment; a deed is done once.
    pub(crate) fn is_due(&self, number: u64, change: &Change) -> bool {
        match self.moment {
            Moment::Change(at) => at == number,
            Moment::Job => change.key.resource == Resource::OMJobs,
            Moment::Pod(of, stage) => {
                change.key.resource == Resource::Pods
                    && role(&change.object.value) == of
                    && stage.is_reached(change)
            }
        }
    }
}

impl Stage {
    fn is_reached(self, change: &Change) -> bool {
        let pod = &change.object.value;
        match self {
            Self::Created => change.verb == Verb::Added,
            Self::Bound => pod::node(pod).is_some(),
            Self::Running => pod::phase(pod) == "Running",
            Self::Ended => pod::is_terminal(pod),
            Self::Deleting => change.object.is_deleting(),
            Self::Gone => change.verb == Verb::Deleted,
        }
    }
}

impl World {
    /// Does what has its moment now, after its delay.
    pub(crate) fn people_see(&mut self, number: u64, change: &Change) {
        let due = |planned: &Planned| planned.is_due(number, change);
        while let Some(index) = self.planned.iter().position(due) {
            let Planned { delay, deed, .. } = self.planned.swap_remove(index);
            self.cluster.after(delay, Action::Deed(deed));
        }
    }

    pub(crate) fn deed(&mut self, deed: Deed) {
        self.record.trace(|| match &deed {
            Deed::Make { omjob, .. } => format!("people: Make {}", omjob["metadata"]["name"]),
            deed => format!("people: {deed:?}"),
        });
        match deed {
            Deed::Make { omjob, tries } => self.make(omjob, tries),
            Deed::Delete { omjob, propagation } => {
                self.record.count("OMJob deleted");
                let key = Key::new(Resource::OMJobs, NAMESPACE, &omjob);
                let propagation = Some(propagation);
                let options = DeleteOptions { propagation, ..DeleteOptions::default() };
                let _gone_already = self.store.delete(&key, &options);
            }
            Deed::DeletePod { role, grace_period } => {
                let Some((key, uid)) = self.newest_pod(role) else { return };
                self.record.count(match grace_period {
                    Some(0) => "pod deleted by force",
                    _ => "pod deleted by hand",
                });
                if grace_period == Some(0) {
                    self.oracle.harmed(&uid, Harm::Forced);
                }
                let options = DeleteOptions { grace_period, ..DeleteOptions::default() };
                let _gone_already = self.store.delete(&key, &options);
            }
            Deed::StripPod { role } => {
                let Some((key, uid)) = self.newest_pod(role) else { return };
                self.record.count("pod's finalizers stripped");
                self.strip(&key, &uid);
            }
            Deed::TearOutPod { role } => {
                let Some((key, uid)) = self.newest_pod(role) else { return };
                self.record.count("pod torn out");
                self.strip(&key, &uid);
                let _gone_already = self.store.delete(&key, &DeleteOptions::at_once(&uid));
            }
            Deed::LoseNode { role, loss, returns } => {
                let Some(node) = self.node_of(role) else { return };
                self.lose_node(&node, loss, returns);
            }
            Deed::DeleteNode { role, returns } => {
                let Some(node) = self.node_of(role) else { return };
                self.delete_node(&node, returns);
            }
            Deed::MakeCron(cron) => {
                self.record.count("CronOMJobs made");
                let _terminating = self.store.create(Resource::CronOMJobs, NAMESPACE, cron);
            }
            Deed::EditCron(patch) => {
                self.record.count("CronOMJob edited");
                for key in self.crons() {
                    let patch = Patch::Merge(patch.clone());
                    let _goes = self.store.patch(&key, Part::Whole, &patch);
                }
            }
            Deed::DeleteCron { propagation } => {
                self.record.count("CronOMJob deleted");
                let propagation = Some(propagation);
                let options = DeleteOptions { propagation, ..DeleteOptions::default() };
                for key in self.crons() {
                    let _gone_already = self.store.delete(&key, &options);
                }
            }
            Deed::DeleteNamespace => {
                self.record.count("namespace deleted");
                self.oracle.namespace_goes();
                let key = Key::new(Resource::Namespaces, "", NAMESPACE);
                let _gone_already = self.store.delete(&key, &DeleteOptions::default());
            }
        }
    }

    fn crons(&self) -> Vec<Key> {
        let crons = self.store.list(Resource::CronOMJobs, Some(NAMESPACE));
        crons.map(|(key, _)| key.clone()).collect()
    }

    /// Nothing is started on schedule any more.
    pub(crate) fn suspend_crons(&mut self) {
        let suspend = serde_json::json!({ "spec": { "suspend": true } });
        for key in self.crons() {
            let _goes = self.store.patch(&key, Part::Whole, &Patch::Merge(suspend.clone()));
        }
    }

    fn make(&mut self, omjob: Value, tries: u64) {
        let made = self.store.create(Resource::OMJobs, NAMESPACE, omjob.clone());
        match made {
            Ok(_) => self.record.count("OMJobs made"),
            Err(refusal) if refusal.reason == "AlreadyExists" && tries > 0 => {
                let deed = Deed::Make { omjob, tries: tries - 1 };
                self.cluster.soon(100, 20_000, Action::Deed(deed));
            }
            Err(_) => {}
        }
    }

    fn strip(&mut self, key: &Key, uid: &str) {
        self.oracle.harmed(uid, Harm::Forced);
        let _gone_already = self.store.modify(key, Part::Whole, |pod| {
            if !finalizers(pod).is_empty() {
                remove(&mut pod["metadata"], "finalizers");
            }
        });
    }

    fn newest_pod(&self, wanted: &str) -> Option<(Key, String)> {
        let pods = self.store.list(Resource::Pods, Some(NAMESPACE));
        let pods = pods.filter(|(_, object)| role(&object.value) == wanted);
        let newest = pods.max_by_key(|(_, object)| object.uid().to_owned())?;
        Some((newest.0.clone(), newest.1.uid().to_owned()))
    }

    /// The node of the newest pod of a role, or any.
    fn node_of(&self, wanted: &str) -> Option<String> {
        let pod = self.newest_pod(wanted).and_then(|(key, _)| self.store.get(&key));
        let of_pod = pod.and_then(|pod| pod::node(&pod.value)).map(str::to_owned);
        of_pod.or_else(|| self.cluster.nodes.keys().next().cloned())
    }
}

/// Both roles, to draw from.
pub(crate) const ROLES: [&str; 2] = [MAIN, EXIT_HANDLER];
