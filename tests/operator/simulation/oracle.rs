//! The oracle: judges by what containers really did, not by what anybody wrote of them.
//!
//! In: every change, every start and end of a container, every harm that people do. Out: violations of the
//! promise, the moment they happen or at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::cron_oracle::Crons;
use super::kubelet::Ending;
use super::resource::{Key, Resource};
use super::store::{Change, Store, Verb, finalizers};

/// The values of the label that tells a pod's role.
pub(crate) const MAIN: &str = "main";
pub(crate) const EXIT_HANDLER: &str = "exit-handler";
pub(crate) const FINALIZER: &str = "pipelines.openmetadata.org/exit-handler";

/// The role of a pod; empty where it is nobody's.
pub(crate) fn role(pod: &Value) -> &str {
    let label = &pod["metadata"]["labels"]["omjob.pipelines.openmetadata.org/pod-type"];
    label.as_str().unwrap_or_default()
}

/// The UID of the OMJob that a pod is of.
fn job_of(pod: &Value) -> Option<&str> {
    let metadata = &pod["metadata"];
    let label = metadata["labels"]["omjob.pipelines.openmetadata.org/uid"].as_str();
    label.or_else(|| metadata["ownerReferences"][0]["uid"].as_str())
}

/// What was done to a pod that it cannot have survived, or of which nobody can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Removed by force, or its finalizers taken: the API may forget it while it runs.
    Forced,
    /// Its node was lost.
    NodeLost,
    /// Deleted by somebody, in good order.
    Deleted,
    /// Deleted by the operator itself.
    DeletedByOperator,
    /// Ended by the kubelet before its container did.
    Evicted,
}

/// What is known of a pod.
#[derive(Clone, Debug, Default)]
pub(super) struct Pod {
    pub(super) job: String,
    pub(super) is_exit_handler: bool,
    pub(super) started: Option<Instant>,
    pub(super) ended: Option<(Instant, Ending)>,
    pub(super) harms: Vec<Harm>,
    /// Since when its node was last lost.
    pub(super) node_lost: Option<Instant>,
    /// Created by a write that came through after its OMJob's main stage was over: nothing but a gate, which only the
    /// exit handler has, keeps such a pod from starting before the garbage collector removes it.
    pub(super) is_late: bool,
    /// What an exit handler was told of the main pod.
    pub(super) told: String,
}

/// What is known of an OMJob.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) key: Key,
    pub(super) spec: Value,
    pub(super) status: Value,
    /// Whether a main pod was ever intended.
    pub(super) intended: bool,
    pub(super) exit_intended: Option<Instant>,
    pub(super) is_gone: bool,
}

/// What has been seen, and what was wrong.
#[derive(Default)]
pub(crate) struct Oracle {
    pub(super) jobs: BTreeMap<String, Job>,
    pub(super) pods: BTreeMap<String, Pod>,
    pub(super) crons: Crons,
    pub(super) namespace_goes: bool,
    /// Whether the changes that are told of now are the operator's.
    pub(crate) by_operator: bool,
    violations: Vec<String>,
}

impl Oracle {
    pub(crate) fn violations(&self) -> &[String] {
        &self.violations
    }

    pub(super) fn violated(&mut self, what: String) {
        self.violations.push(what);
    }

    pub(crate) fn namespace_goes(&mut self) {
        self.namespace_goes = true;
    }

    pub(crate) fn harmed(&mut self, pod: &str, harm: Harm) {
        if let Some(pod) = self.pods.get_mut(pod) {
            pod.harms.push(harm);
        }
    }

    pub(crate) fn node_lost(&mut self, pod: &str) {
        if let Some(pod) = self.pods.get_mut(pod) {
            pod.node_lost = Some(Instant::now());
            pod.harms.push(Harm::NodeLost);
        }
    }

    pub(crate) fn changed(&mut self, change: &Change, now: Timestamp) {
        match change.key.resource {
            Resource::CronOMJobs => self.cron_changed(change, now),
            Resource::OMJobs => {
                self.job_changed(change);
                self.cron_changed(change, now);
            }
            Resource::Pods => self.pod_changed(change),
            _ => {}
        }
    }

    fn job_changed(&mut self, change: &Change) {
        let value = &change.object.value;
        let job = self.jobs.entry(change.object.uid().to_owned()).or_insert_with(|| Job {
            key: change.key.clone(),
            spec: value["spec"].clone(),
            status: Value::Null,
            intended: false,
            exit_intended: None,
            is_gone: false,
        });
        let before = job.status["phase"].as_str().unwrap_or_default().to_owned();
        let now = value["status"]["phase"].as_str().unwrap_or_default().to_owned();
        let order = |phase: &str| match phase {
            "Succeeded" | "Failed" => 2,
            "ExitHandlerRunning" => 1,
            _ => 0,
        };
        let went_back = order(&now) < order(&before) || (order(&before) == 2 && now != before);
        job.status = value["status"].clone();
        job.is_gone = change.verb == Verb::Deleted;
        job.intended |= !value["status"]["main"].is_null();
        if job.exit_intended.is_none() && !value["status"]["exitHandler"].is_null() {
            job.exit_intended = Some(Instant::now());
        }
        if went_back {
            self.violated(format!("{}: phase went from {before} to {now}", change.key));
        }
    }

    fn pod_changed(&mut self, change: &Change) {
        let value = &change.object.value;
        let uid = change.object.uid().to_owned();
        if change.verb == Verb::Added {
            let Some(job) = job_of(value).map(str::to_owned) else { return };
            let is_exit_handler = role(value) == EXIT_HANDLER;
            let environment = value["spec"]["containers"][0]["env"].as_array();
            let told = environment.into_iter().flatten();
            let told = told.filter(|variable| variable["name"] == "pipelineStatus");
            let told = told.filter_map(|variable| variable["value"].as_str()).next_back();
            let over = |job: &Job| job.is_gone || job.exit_intended.is_some();
            let is_over = self.jobs.get(&job).is_some_and(over);
            let pod = Pod {
                is_late: is_over && self.crons.may_be_late && !is_exit_handler,
                job: job.clone(),
                is_exit_handler,
                told: told.unwrap_or_default().to_owned(),
                ..Pod::default()
            };
            self.pods.insert(uid.clone(), pod);
            if self.by_operator && self.jobs.get(&job).is_none_or(|job| !job.intended) {
                self.violated(format!("{}: created without a recorded intent", change.key));
            }
        }
        let was_deleting = change.previous.as_ref().is_some_and(|previous| previous.is_deleting());
        let goes = change.object.is_deleting() || change.verb == Verb::Deleted;
        if goes && !was_deleting {
            let by_operator = self.by_operator;
            let harm = if by_operator { Harm::DeletedByOperator } else { Harm::Deleted };
            self.harmed(&uid, harm);
        }
    }

    pub(crate) fn container_started(&mut self, uid: &str, key: &Key, pod: &Value) {
        let now = Instant::now();
        let Some(started) = self.pods.get_mut(uid) else { return };
        started.started = Some(now);
        if started.is_late {
            return;
        }
        let (job, is_exit_handler) = (started.job.clone(), started.is_exit_handler);
        let timeout = self.jobs.get(&job).map_or(0, node_lost_timeout);
        let others = self.pods.iter().filter(|(other, pod)| *other != uid && pod.job == job);
        let mut violations = Vec::new();
        for (_, other) in others.filter(|(_, other)| other.started.is_some()) {
            let runs = other.ended.is_none() && !other.may_be_forgotten(timeout);
            match (is_exit_handler, other.is_exit_handler) {
                (true, true) => violations.push("a second exit handler started"),
                (true, false) if runs => {
                    violations.push("the exit handler started before the main pod had ended");
                }
                // The one that starts may be the one that was removed by force.
                (false, false) if runs && !self.pods[uid].may_be_forgotten(timeout) => {
                    violations.push("two main pods run at once");
                }
                (false, true) if !self.pods[uid].may_be_forgotten(timeout) => {
                    violations.push("a main pod started after the exit handler");
                }
                _ => {}
            }
        }
        if is_exit_handler && self.pods[uid].told.is_empty() {
            violations.push("the exit handler was not told how the main pod ended");
        }
        if !finalizers(pod).contains(&FINALIZER) && !self.pods[uid].harms.contains(&Harm::Forced) {
            violations.push("a container started whose pod nothing held");
        }
        for violation in violations {
            self.violated(format!("{key}: {violation}"));
        }
    }

    pub(crate) fn container_ended(&mut self, uid: &str, _key: &Key, ending: Ending) {
        let Some(pod) = self.pods.get_mut(uid) else { return };
        pod.ended = Some((Instant::now(), ending));
        if matches!(ending, Ending::Evicted | Ending::Rejected) {
            pod.harms.push(Harm::Evicted);
        }
    }

    /// What has still to happen before all is at rest: the objects that wait for it.
    pub(crate) fn unfinished(&self, store: &Store) -> Vec<String> {
        let mut waiting = Vec::new();
        for (key, object) in store.list(Resource::OMJobs, None) {
            let phase = object.value["status"]["phase"].as_str().unwrap_or_default();
            let ended = matches!(phase, "Succeeded" | "Failed");
            let held = finalizers(&object.value).contains(&FINALIZER);
            let expires = !object.value["spec"]["ttlSecondsAfterFinished"].is_null();
            // Deleted and let go of, it may wait in the foreground for a pod on a node that is gone for good.
            if !ended || held || (expires && !object.is_deleting()) {
                waiting.push(format!("{key}: phase {phase:?}, held {held}, has TTL {expires}"));
            }
        }
        for (key, object) in store.list(Resource::Pods, None) {
            if finalizers(&object.value).contains(&FINALIZER) {
                waiting.push(format!("{key}: held"));
            }
        }
        waiting
    }
}

impl Pod {
    /// Whether the operator may take it for ended although it runs: nobody could know better.
    pub(super) fn may_be_forgotten(&self, node_lost_timeout: u64) -> bool {
        let lost_for = self.node_lost.map(|since| since.elapsed());
        self.harms.contains(&Harm::Forced)
            || lost_for.is_some_and(|time| time >= Duration::from_secs(node_lost_timeout))
    }
}

fn node_lost_timeout(job: &Job) -> u64 {
    job.spec["nodeLostTimeoutSeconds"].as_u64().unwrap_or(300)
}
