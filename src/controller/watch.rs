//! Keeps the cache in step with the cluster, and says what that concerns.
//!
//! In: lists and watches of OMJobs, their pods, CronOMJobs, and nodes. Out: the cache, and keys in the queue. A
//! watch that breaks is taken up again, after a list where its place in history is lost.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use compact_str::CompactString;
use futures::StreamExt;
use k8s_openapi::api::core::v1;
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use tracing::{debug, warn};

use super::cron::observe::CronEntry;
use super::names;
use super::objects::{JobEntry, ObjectKey, PodEntry};
use super::operator::{Key, Operator};

/// A watch is asked for anew after so many seconds: a connection that died in silence is noticed by
/// then.
const WATCH_SECONDS: u32 = 60;
/// The waits before a watch that failed is taken up again, doubled up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What to do with what a watch brings.
trait Sink<K> {
    /// By what objects of a list are told apart.
    type Key: Ord;

    fn key(object: &K) -> Option<Self::Key>;
    fn put(&mut self, object: K);
    fn remove(&mut self, object: K);
    /// A list is complete: what it did not have is gone.
    fn keep(&mut self, listed: &BTreeSet<Self::Key>);
}

async fn follow<K, S>(api: Api<K>, config: watcher::Config, mut sink: S)
where
    S: Sink<K>,
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut stream = pin!(watcher(api, config.timeout(WATCH_SECONDS)));
    let mut listed = BTreeSet::new();
    let mut wait = FIRST_WAIT;
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => {
                wait = FIRST_WAIT;
                match event {
                    Event::Apply(object) => sink.put(object),
                    Event::Delete(object) => sink.remove(object),
                    Event::Init => listed.clear(),
                    Event::InitApply(object) => {
                        listed.extend(S::key(&object));
                        sink.put(object);
                    }
                    Event::InitDone => sink.keep(&std::mem::take(&mut listed)),
                }
            }
            Err(error) => {
                let (message, usual) = told(&error);
                match usual {
                    true => debug!(error = message, "a watch ended"),
                    false => warn!(error = message, "a watch or list failed"),
                }
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

/// An error in a line, and whether it belongs to the usual life of a watch.
fn told(error: &watcher::Error) -> (String, bool) {
    match error {
        watcher::Error::WatchError(status) => {
            (format!("{} {}: {}", status.code, status.reason, status.message), status.code == 410)
        }
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => (super::lease::brief(error), false),
        watcher::Error::NoResourceVersion => (error.to_string(), false),
    }
}

/// Follows the OMJobs, for ever.
pub(super) async fn jobs(operator: &Operator) {
    follow(operator.jobs_api(), watcher::Config::default(), Jobs { operator }).await;
}

/// Follows the pods of OMJobs, for ever.
pub(super) async fn pods(operator: &Operator) {
    // Upstream's pods have this label as well as ours.
    let config = watcher::Config::default().labels(names::OMJOB_NAME_LABEL);
    follow(operator.pods_api(), config, Pods { operator }).await;
}

/// Follows the nodes, for ever.
pub(super) async fn nodes(operator: &Operator) {
    follow(operator.nodes_api(), watcher::Config::default(), Nodes { operator }).await;
}

/// Follows the CronOMJobs, for ever.
pub(super) async fn crons(operator: &Operator) {
    follow(operator.crons_api(), watcher::Config::default(), Crons { operator }).await;
}

struct Crons<'a> {
    operator: &'a Operator,
}

impl Sink<DynamicObject> for Crons<'_> {
    type Key = ObjectKey;

    fn key(object: &DynamicObject) -> Option<ObjectKey> {
        ObjectKey::of(&object.metadata)
    }

    fn put(&mut self, object: DynamicObject) {
        let Some(key) = ObjectKey::of(&object.metadata) else { return };
        let news = self.operator.cache().crons.put(key, CronEntry::read(&object));
        self.operator.wants_stirred();
        if news {
            // A run that has ended may have waited for being noted, and the answer to that write have been
            // lost.
            self.operator.wants_runs_of(object.metadata.uid.as_deref().unwrap_or_default());
        }
    }

    fn remove(&mut self, object: DynamicObject) {
        let Some(key) = ObjectKey::of(&object.metadata) else { return };
        let uid = object.metadata.uid.unwrap_or_default();
        self.operator.cache().crons.remove(&key, &uid);
        // Its runs need not wait for it to note them any more.
        self.operator.wants_runs_of(&uid);
    }

    fn keep(&mut self, listed: &BTreeSet<ObjectKey>) {
        self.operator.cache().crons.keep(listed);
        self.operator.wants_stirred();
        self.operator.wants_runs();
    }
}

struct Jobs<'a> {
    operator: &'a Operator,
}

impl Sink<DynamicObject> for Jobs<'_> {
    type Key = ObjectKey;

    fn key(object: &DynamicObject) -> Option<ObjectKey> {
        ObjectKey::of(&object.metadata)
    }

    fn put(&mut self, object: DynamicObject) {
        let Some(key) = ObjectKey::of(&object.metadata) else { return };
        if self.operator.cache().put_job(key.clone(), JobEntry::read(&object)) {
            self.operator.wants(Key::Job(key));
            self.operator.wants_stirred();
        }
    }

    fn remove(&mut self, object: DynamicObject) {
        let Some(key) = ObjectKey::of(&object.metadata) else { return };
        let uid = object.metadata.uid.unwrap_or_default();
        let mut cache = self.operator.cache();
        cache.remove_job(&key, &uid);
        let pods = cache.pods_of(&uid);
        drop(cache);
        self.operator.wants(Key::Job(key));
        // Pods that are still held have lost the OMJob that would let them go.
        pods.into_iter().for_each(|pod| self.operator.wants(Key::Pod(pod)));
        self.operator.wants_stirred();
    }

    fn keep(&mut self, listed: &BTreeSet<ObjectKey>) {
        let gone = self.operator.cache().keep_jobs(listed);
        gone.into_iter().for_each(|key| self.operator.wants(Key::Job(key)));
        self.operator.wants_stirred();
        self.operator.filled("omjobs");
    }
}

struct Pods<'a> {
    operator: &'a Operator,
}

impl Sink<v1::Pod> for Pods<'_> {
    type Key = ObjectKey;

    fn key(object: &v1::Pod) -> Option<ObjectKey> {
        ObjectKey::of(&object.metadata)
    }

    fn put(&mut self, pod: v1::Pod) {
        let Some(key) = ObjectKey::of(&pod.metadata) else { return };
        let mut cache = self.operator.cache();
        // A pod deleted by force is changed first and then dropped: with the change the cache has
        // forgotten whose it was.
        let before = cache.job_key_of(&key);
        let news = cache.put_pod(key.clone(), PodEntry::read(&pod));
        let job = cache.job_key_of(&key).or(before);
        drop(cache);
        if news {
            self.operator.wants(job.map_or(Key::Pod(key), Key::Job));
        }
    }

    fn remove(&mut self, pod: v1::Pod) {
        let Some(key) = ObjectKey::of(&pod.metadata) else { return };
        let mut cache = self.operator.cache();
        let job = cache.job_key_of(&key);
        cache.remove_pod(&key, &pod.metadata.uid.unwrap_or_default());
        drop(cache);
        if let Some(job) = job {
            self.operator.wants(Key::Job(job));
        }
    }

    fn keep(&mut self, listed: &BTreeSet<ObjectKey>) {
        let jobs = self.operator.cache().keep_pods(listed);
        jobs.into_iter().for_each(|key| self.operator.wants(Key::Job(key)));
        self.operator.filled("pods");
    }
}

struct Nodes<'a> {
    operator: &'a Operator,
}

impl Nodes<'_> {
    fn concerns(&self, node: &str) {
        let jobs = self.operator.cache().jobs_on(node);
        jobs.into_iter().for_each(|key| self.operator.wants(Key::Job(key)));
    }
}

impl Sink<v1::Node> for Nodes<'_> {
    type Key = CompactString;

    fn key(object: &v1::Node) -> Option<CompactString> {
        object.metadata.name.as_ref().map(Into::into)
    }

    fn put(&mut self, node: v1::Node) {
        if self.operator.cache().put_node(&node) {
            self.concerns(node.metadata.name.as_deref().unwrap_or_default());
        }
    }

    fn remove(&mut self, node: v1::Node) {
        let name = node.metadata.name.unwrap_or_default();
        self.operator.cache().remove_node(&name);
        self.concerns(&name);
    }

    fn keep(&mut self, listed: &BTreeSet<CompactString>) {
        let gone = self.operator.cache().keep_nodes(listed);
        gone.iter().for_each(|node| self.concerns(node));
        self.operator.filled("nodes");
    }
}
