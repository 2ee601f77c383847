//! What the operator remembers of the cluster: of each object only what decisions need.
//!
//! In: objects, from watches and from the answers to the operator's own writes; of two versions of
//! an object the older never replaces the newer. Out: [`Observed`] for an OMJob. It never answers
//! "there is none": an object that it lacks is [`Sight::Unseen`] until the API server has said so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use compact_str::CompactString;
use jiff::Timestamp;
use k8s_openapi::api::core::v1;

use super::cron;
use super::cron::observe::{CronLooks, Crons};
use super::objects::{JobEntry, ObjectKey, PodEntry, Version};
use super::omjob::{Node, Observed, Pod, Refusal, Sight};

/// How many UIDs of deleted pods are remembered, so that a late answer does not bring them back.
const REMEMBERED: usize = 4096;

/// What is remembered.
#[derive(Default)]
pub(super) struct Cache {
    jobs: BTreeMap<ObjectKey, JobEntry>,
    job_of: BTreeMap<CompactString, ObjectKey>,
    pods: BTreeMap<ObjectKey, PodEntry>,
    /// The pods of each OMJob, by its UID.
    pods_of: BTreeMap<CompactString, BTreeSet<ObjectKey>>,
    nodes: BTreeMap<CompactString, Option<Timestamp>>,
    gone: VecDeque<CompactString>,
    pub(super) crons: Crons,
}

/// What the API server has said to be absent, and refused, during a pass over an OMJob.
#[derive(Default)]
pub(super) struct Looks {
    /// The OMJob that the looks were about.
    about: Option<Version>,
    /// UIDs of pods that were found.
    pub(super) found_pods: BTreeSet<CompactString>,
    pub(super) absent_pods: BTreeSet<CompactString>,
    pub(super) absent_nodes: BTreeSet<CompactString>,
    /// Nodes as the API server itself has just told of them.
    pub(super) seen_nodes: BTreeSet<CompactString>,
    pub(super) refusal: Option<Refusal>,
}

impl Looks {
    /// Forgets what was said about another version: the pod of a newer record may not have existed
    /// when the API server was asked about an older one.
    pub(super) fn only_about(&mut self, version: &Version) {
        if self.about.as_ref() != Some(version) {
            *self = Self { about: Some(version.clone()), ..Self::default() };
        }
    }
}

impl Cache {
    /// All that is known about an OMJob; `None` if there is none in the cache.
    pub(super) fn observe(&self, key: &ObjectKey, looks: &Looks) -> Option<Observed> {
        let entry = self.jobs.get(key)?;
        let job = entry.observed(key, self.crons.has_noted(&key.name, entry));
        let main = job.status.main.as_ref().map(|main| (&main.pod_name, main.pod_uid.as_deref()));
        let exit_handler = job.status.exit_handler.as_ref();
        let exit_handler = exit_handler.map(|exit| (&exit.pod_name, exit.pod_uid.as_deref()));
        let sight = |recorded: Option<(&CompactString, Option<&str>)>| match recorded {
            Some((name, uid)) => self.sight(&key.beside(name), uid, &job.uid, looks),
            None => Sight::Absent,
        };
        let (main, exit_handler) = (sight(main), sight(exit_handler));
        let is_other = |pod: &ObjectKey| {
            let mut seen = [&main, &exit_handler].into_iter().filter_map(Sight::present);
            !seen.any(|seen| seen.name == pod.name)
        };
        let others = self.pods_of.get(&job.uid).into_iter().flatten();
        let others = others
            .filter(|pod| is_other(pod))
            .filter_map(|pod| self.pods.get(pod).map(|entry| entry.observed(pod, &job.uid)))
            .collect();
        Some(Observed {
            main_node: self.node_of(&main, looks),
            exit_handler_node: self.node_of(&exit_handler, looks),
            main,
            exit_handler,
            others,
            refusal: looks.refusal.clone(),
            job,
        })
    }

    /// A pod by its recorded name. One that has another UID than the recorded one may be older than
    /// that, unless it was just read.
    fn sight(
        &self,
        key: &ObjectKey,
        recorded: Option<&str>,
        uid: &str,
        looks: &Looks,
    ) -> Sight<Pod> {
        let is_recorded = |entry: &PodEntry| {
            recorded.is_none_or(|recorded| recorded.is_empty() || *recorded == entry.uid)
        };
        match self.pods.get(key) {
            Some(entry) if !is_recorded(entry) && !looks.found_pods.contains(&entry.uid) => {
                Sight::Unseen
            }
            Some(entry) => Sight::Present(entry.observed(key, uid)),
            None if looks.absent_pods.contains(&key.name) => Sight::Absent,
            None => Sight::Unseen,
        }
    }

    fn node_of(&self, pod: &Sight<Pod>, looks: &Looks) -> Sight<Node> {
        let Some(name) = pod.present().and_then(|pod| pod.node.as_ref()) else {
            return Sight::Unseen;
        };
        match self.nodes.get(name) {
            // It may have come back meanwhile, and the pod to it: what is lost for good is not
            // concluded from a watch that may be behind.
            Some(Some(_)) if !looks.seen_nodes.contains(name) => Sight::Unseen,
            Some(unreachable_since) => {
                Sight::Present(Node { unreachable_since: *unreachable_since })
            }
            None if looks.absent_nodes.contains(name) => Sight::Absent,
            None => Sight::Unseen,
        }
    }

    /// All that is known about a CronOMJob; `None` if there is none in the cache.
    pub(super) fn observe_cron(
        &self,
        key: &ObjectKey,
        looks: &CronLooks,
    ) -> Option<cron::Observed> {
        self.crons.observe(key, |job| self.jobs.get(job), looks)
    }

    /// Takes an OMJob in. Returns whether that was news.
    pub(super) fn put_job(&mut self, key: ObjectKey, entry: JobEntry) -> bool {
        if let Some(known) = self.jobs.get(&key) {
            if known.uid == entry.uid && known.version.is_at_least(&entry.version) {
                return false;
            }
            self.job_of.remove(&known.uid);
        }
        self.crons.run_changed(&key, self.jobs.get(&key), Some(&entry));
        self.job_of.insert(entry.uid.clone(), key.clone());
        self.jobs.insert(key, entry);
        true
    }

    /// Forgets an OMJob, if it is the one with this UID.
    pub(super) fn remove_job(&mut self, key: &ObjectKey, uid: &str) {
        if self.jobs.get(key).is_some_and(|entry| entry.uid == uid) {
            let job = self.jobs.remove(key);
            self.crons.run_changed(key, job.as_ref(), None);
            self.job_of.remove(uid);
        }
    }

    /// Takes in a pod that a read has just found to exist, whatever was heard of it before.
    pub(super) fn put_found_pod(&mut self, key: ObjectKey, entry: PodEntry) {
        self.gone.retain(|uid| *uid != entry.uid);
        self.put_pod(key, entry);
    }

    /// Takes a pod in. Returns whether that was news.
    pub(super) fn put_pod(&mut self, key: ObjectKey, entry: PodEntry) -> bool {
        if self.gone.contains(&entry.uid) {
            return false;
        }
        if entry.is_gone() {
            self.remove_pod(&key, &entry.uid);
            return true;
        }
        if let Some(known) = self.pods.get(&key) {
            if known.uid == entry.uid && known.version.is_at_least(&entry.version) {
                return false;
            }
            self.unlist(&key);
        }
        if let Some(owner) = &entry.job_uid {
            self.pods_of.entry(owner.clone()).or_default().insert(key.clone());
        }
        self.pods.insert(key, entry);
        true
    }

    /// Forgets a pod, if it is the one with this UID.
    pub(super) fn remove_pod(&mut self, key: &ObjectKey, uid: &str) {
        if self.gone.len() == REMEMBERED {
            self.gone.pop_front();
        }
        self.gone.push_back(uid.into());
        if self.pods.get(key).is_some_and(|entry| entry.uid == uid) {
            self.unlist(key);
            self.pods.remove(key);
        }
    }

    fn unlist(&mut self, key: &ObjectKey) {
        let Some(owner) = self.pods.get(key).and_then(|entry| entry.job_uid.as_ref()) else {
            return;
        };
        if let Some(pods) = self.pods_of.get_mut(owner) {
            pods.remove(key);
            if pods.is_empty() {
                self.pods_of.remove(owner);
            }
        }
    }

    /// Forgets the OMJobs that a complete list no longer had; returns them.
    pub(super) fn keep_jobs(&mut self, listed: &BTreeSet<ObjectKey>) -> Vec<ObjectKey> {
        let gone: Vec<_> = self.jobs.keys().filter(|key| !listed.contains(key)).cloned().collect();
        for key in &gone {
            if let Some(entry) = self.jobs.remove(key) {
                self.job_of.remove(&entry.uid);
                self.crons.run_changed(key, Some(&entry), None);
            }
        }
        gone
    }

    /// Forgets the pods that a complete list no longer had; returns the keys of their OMJobs.
    pub(super) fn keep_pods(&mut self, listed: &BTreeSet<ObjectKey>) -> Vec<ObjectKey> {
        let gone: Vec<_> = self.pods.keys().filter(|key| !listed.contains(key)).cloned().collect();
        let jobs = gone.iter().filter_map(|pod| self.job_key_of(pod)).collect();
        for key in &gone {
            self.unlist(key);
            self.pods.remove(key);
        }
        jobs
    }

    /// The OMJob that a pod belongs to, if it is known.
    pub(super) fn job_key_of(&self, pod: &ObjectKey) -> Option<ObjectKey> {
        let uid = self.pods.get(pod)?.job_uid.as_ref()?;
        self.job_of.get(uid).cloned()
    }

    /// The pods that belong to an OMJob of this UID.
    pub(super) fn pods_of(&self, uid: &str) -> Vec<ObjectKey> {
        self.pods_of.get(uid).into_iter().flatten().cloned().collect()
    }

    pub(super) fn job(&self, key: &ObjectKey) -> Option<&JobEntry> {
        self.jobs.get(key)
    }

    pub(super) fn pod(&self, key: &ObjectKey) -> Option<&PodEntry> {
        self.pods.get(key)
    }

    pub(super) fn jobs(&self) -> impl Iterator<Item = (&ObjectKey, &JobEntry)> {
        self.jobs.iter()
    }

    pub(super) fn pods(&self) -> impl Iterator<Item = (&ObjectKey, &PodEntry)> {
        self.pods.iter()
    }

    /// Takes a node in. Returns whether it became reachable or unreachable by that.
    pub(super) fn put_node(&mut self, node: &v1::Node) -> bool {
        let Some(name) = &node.metadata.name else { return false };
        let unreachable_since = unreachable_since(node);
        self.nodes.insert(name.into(), unreachable_since) != Some(unreachable_since)
    }

    pub(super) fn remove_node(&mut self, name: &str) {
        self.nodes.remove(name);
    }

    /// Forgets the nodes that a complete list no longer had; returns them.
    pub(super) fn keep_nodes(&mut self, listed: &BTreeSet<CompactString>) -> Vec<CompactString> {
        let gone: Vec<_> =
            self.nodes.keys().filter(|name| !listed.contains(*name)).cloned().collect();
        self.nodes.retain(|name, _| listed.contains(name));
        gone
    }

    /// The OMJobs that have a pod on a node which has not ended.
    pub(super) fn jobs_on(&self, node: &str) -> Vec<ObjectKey> {
        let pods = self.pods.iter().filter(|(_, entry)| entry.is_on(node));
        pods.filter_map(|(pod, _)| self.job_key_of(pod)).collect()
    }
}

/// Since when a node's kubelet has not been heard of: its condition Ready is no longer True.
fn unreachable_since(node: &v1::Node) -> Option<Timestamp> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready")?;
    // False is the kubelet's own word that it cannot run pods now: it still answers for them.
    if ready.status != "Unknown" {
        return None;
    }
    ready.last_transition_time.as_ref().map(|time| time.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// An OMJob whose exit handler is recorded as `e2`, while the cache has `e1` by its name.
    fn behind() -> (Cache, ObjectKey, Version) {
        let key = ObjectKey { namespace: "team".into(), name: "run".into() };
        let job = json!({
            "apiVersion": "pipelines.openmetadata.org/v1",
            "kind": "OMJob",
            "metadata": {"namespace": "team", "name": "run", "uid": "job", "resourceVersion": "9"},
            "spec": {"mainPodSpec": {"image": "a"}},
            "status": {"exitHandler": {
                "podName": "run-exit", "podUID": "e2", "time": "2026-01-01T00:00:00Z",
            }},
        });
        let pod = json!({"metadata": {
            "namespace": "team", "name": "run-exit", "uid": "e1", "resourceVersion": "8",
            "labels": {"omjob.pipelines.openmetadata.org/uid": "job"},
        }});
        let mut cache = Cache::default();
        let job = JobEntry::read(&serde_json::from_value(job).unwrap());
        let version = job.version.clone();
        cache.put_job(key.clone(), job);
        cache
            .put_pod(key.beside("run-exit"), PodEntry::read(&serde_json::from_value(pod).unwrap()));
        (cache, key, version)
    }

    #[test]
    fn a_cached_pod_that_is_not_the_recorded_one_proves_nothing_until_it_was_read() {
        let (cache, key, version) = behind();
        let mut looks = Looks::default();
        looks.only_about(&version);
        let observed = cache.observe(&key, &looks).unwrap();
        assert_eq!(observed.exit_handler, Sight::Unseen);
        assert_eq!(observed.others.len(), 1);
        looks.found_pods.insert("e1".into());
        let observed = cache.observe(&key, &looks).unwrap();
        assert_eq!(observed.exit_handler.present().map(|pod| pod.uid.as_str()), Some("e1"));
        assert_eq!(observed.others, []);
    }

    #[test]
    fn what_was_said_about_an_older_record_is_forgotten() {
        let (_, _, version) = behind();
        let mut looks = Looks::default();
        looks.absent_pods.insert("run-exit".into());
        looks.only_about(&version);
        assert!(looks.absent_pods.is_empty());
        looks.absent_pods.insert("run-exit".into());
        looks.only_about(&version);
        assert_eq!(looks.absent_pods.len(), 1);
    }
}
