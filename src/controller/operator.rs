//! The running operator: what its parts share, and the loop that they run in.
//!
//! In: a client and [`Settings`]. Out: nothing but what it does to the cluster. Everything runs in
//! one task: watches, election, reconciles and events take turns, so that a reconcile is never
//! interrupted but where it waits for the API server.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use compact_str::CompactString;
use futures::future::select;
use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, Client};
use std::pin::pin;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tracing::{info, warn};

use super::act::Failure;
use super::cache::Cache;
use super::clock::{Clock, instant};
use super::events::{self, Told};
use super::lease::{Election, Leadership};
use super::metrics::Metrics;
use super::objects::ObjectKey;
use super::omjob::Refusal;
use super::omjob::announce::Announcement;
use super::queue::Queue;
use super::random::Random;
use super::{reconcile, watch as watches};
use crate::crd::{CronOMJob, OMJob};

/// The watches that must have listed once before anything is decided.
const WATCHES: [&str; 3] = ["omjobs", "pods", "nodes"];
/// How long acts that are under way at a shutdown may take.
const GRACE: Duration = Duration::from_secs(5);
/// How long the API server may take about giving up the lease.
const RELEASE: Duration = Duration::from_secs(2);
/// Every OMJob is looked at again after so long, though nothing has happened. It writes nothing if
/// nothing has.
const RESYNC: Duration = Duration::from_secs(600);
/// Events that wait to be written. Beyond that they are dropped: people read them, nothing
/// depends on them.
const EVENTS: usize = 4096;

/// How the operator runs.
#[derive(Clone)]
pub struct Settings {
    /// The namespace whose OMJobs it sees to. None: all.
    pub namespace: Option<String>,
    /// The namespace of its Lease.
    pub lease_namespace: String,
    /// The name of its Lease.
    pub lease_name: String,
    /// Who this replica is.
    pub identity: String,
    /// How many OMJobs it works on at a time.
    pub concurrency: usize,
    /// What time it is.
    pub clock: Clock,
    /// What the jitter of waits is drawn from.
    pub seed: u64,
}

/// What is reconciled.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Key {
    /// An OMJob.
    Job(ObjectKey),
    /// A pod of which no OMJob is known.
    Pod(ObjectKey),
    /// A CronOMJob.
    Cron(ObjectKey),
}

/// The operator.
pub struct Operator {
    client: Client,
    settings: Settings,
    cache: Mutex<Cache>,
    queue: Queue<Key>,
    leadership: Leadership,
    filled: watch::Sender<BTreeSet<&'static str>>,
    refusals: Mutex<BTreeMap<CompactString, Refusal>>,
    metrics: Metrics,
    told: mpsc::Sender<Told>,
    telling: Mutex<Option<mpsc::Receiver<Told>>>,
}

impl Operator {
    /// An operator that does nothing yet.
    pub fn new(client: Client, settings: Settings) -> Self {
        let (told, telling) = mpsc::channel(EVENTS);
        Self {
            cache: Mutex::default(),
            queue: Queue::new(Random::new(settings.seed)),
            leadership: Leadership::new(),
            filled: watch::Sender::new(BTreeSet::new()),
            refusals: Mutex::default(),
            metrics: Metrics::new(),
            told,
            telling: Mutex::new(Some(telling)),
            client,
            settings,
        }
    }

    /// Runs until `shutdown`, then lets what is under way end and gives the lease up.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner).take();
        let stopping = watch::Sender::new(false);
        let election = self.election();
        let background = futures::future::join5(
            watches::jobs(self),
            watches::pods(self),
            futures::future::join(watches::nodes(self), watches::crons(self)),
            election.run(&self.leadership),
            events::write(self, telling),
        );
        let work = self.work(stopping.subscribe());
        let stop = async {
            shutdown.await;
            info!("stopping");
            stopping.send_replace(true);
        };
        let both = pin!(futures::future::join(work, stop));
        // The watches never end; the work ends after the shutdown.
        select(both, pin!(background)).await;
        if self.leads() {
            match timeout(RELEASE, self.election().release()).await {
                Ok(Ok(())) => info!("gave the lease up"),
                Ok(Err(error)) => warn!(error = super::lease::brief(&error), "the lease is kept"),
                Err(_) => warn!("the lease is kept: the API server did not answer in time"),
            }
        }
    }

    fn election(&self) -> Election {
        let Settings { lease_namespace, lease_name, identity, clock, .. } = &self.settings;
        Election::new(self.client(), lease_namespace, lease_name, identity, clock.clone())
    }

    /// Reconciles while this replica leads.
    async fn work(&self, mut stopping: watch::Receiver<bool>) {
        let mut leading = self.leadership.changes();
        let mut filled = self.filled.subscribe();
        loop {
            let ready = async {
                let _ = filled.wait_for(|filled| filled.len() == WATCHES.len()).await;
                let _ = leading.wait_for(|leading| *leading).await;
            };
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = ready => {}
            }
            self.want_all();
            self.lead(&mut leading, &mut stopping).await;
            self.queue.clear();
            if *stopping.borrow() {
                return;
            }
            warn!("another replica leads now");
        }
    }

    /// Works through the queue until the lead is lost, or until it is to stop.
    async fn lead(
        &self,
        leading: &mut watch::Receiver<bool>,
        stopping: &mut watch::Receiver<bool>,
    ) {
        let mut running = FuturesUnordered::new();
        loop {
            let free = running.len() < self.settings.concurrency.max(1);
            tokio::select! {
                biased;
                _ = leading.wait_for(|leading| !*leading) => return,
                _ = stopping.wait_for(|stopping| *stopping) => break,
                Some(()) = running.next(), if !running.is_empty() => {}
                key = self.queue.next(), if free => running.push(self.reconciled(key)),
            }
        }
        let rest = async { while running.next().await.is_some() {} };
        let _ = timeout(GRACE, rest).await;
    }

    async fn reconciled(&self, key: Key) {
        let started = self.now();
        let result = match &key {
            Key::Job(job) => reconcile::job(self, job).await,
            Key::Pod(pod) => reconcile::pod(self, pod).await,
            Key::Cron(cron) => reconcile::cron(self, cron).await,
        };
        self.wants_stirred();
        self.metrics.reconciled(result.is_ok(), self.now().duration_since(started));
        match result {
            Ok(until) => {
                if let Some(until) = until {
                    self.queue.add_at(key.clone(), instant(&self.settings.clock, until));
                }
                self.queue.done(&key);
            }
            Err(Failure::NotLeading) => self.queue.failed(&key, Duration::ZERO),
            Err(Failure::Later { message, wait }) => {
                let (Key::Job(object) | Key::Pod(object) | Key::Cron(object)) = &key;
                let ObjectKey { namespace, name } = object;
                warn!(%namespace, %name, error = message, "to be tried again");
                self.queue.failed(&key, wait);
            }
        }
    }

    /// Everything is looked at: after a start, and when this replica takes the lead over.
    fn want_all(&self) {
        let cache = self.cache();
        let jobs: Vec<_> = cache.jobs().map(|(key, _)| Key::Job(key.clone())).collect();
        let pods = cache.pods().filter(|(pod, _)| cache.job_key_of(pod).is_none());
        let pods: Vec<_> = pods.map(|(key, _)| Key::Pod(key.clone())).collect();
        let crons: Vec<_> = cache.crons.keys().cloned().map(Key::Cron).collect();
        drop(cache);
        let (omjobs, cronomjobs) = (jobs.len(), crons.len());
        info!(omjobs, cronomjobs, "caches are filled; seeing to everything");
        crons.into_iter().chain(jobs).chain(pods).for_each(|key| self.queue.add(key));
    }

    /// Wants the CronOMJobs looked at that something has happened to, or to their OMJobs.
    pub(super) fn wants_stirred(&self) {
        let stirred = self.cache().crons.take_stirred();
        stirred.into_iter().for_each(|key| self.wants(Key::Cron(key)));
    }

    /// Wants the OMJobs of the CronOMJob with this UID looked at.
    pub(super) fn wants_runs_of(&self, uid: &str) {
        let runs = self.cache().crons.runs_of(uid);
        runs.into_iter().for_each(|key| self.wants(Key::Job(key)));
    }

    /// Wants the OMJobs of all CronOMJobs looked at.
    pub(super) fn wants_runs(&self) {
        let cache = self.cache();
        let runs = cache.jobs().filter(|(_, job)| job.cron_uid.is_some());
        let runs: Vec<_> = runs.map(|(key, _)| Key::Job(key.clone())).collect();
        drop(cache);
        runs.into_iter().for_each(|key| self.wants(key));
    }

    /// Wants a key looked at.
    pub(super) fn wants(&self, key: Key) {
        // A replica that stands by looks at everything when it takes over. One that only could not
        // renew in time goes on with what it has queued.
        if self.leadership.is_elected() {
            self.queue.add(key);
        }
    }

    /// The first list of a watch is complete.
    pub(super) fn filled(&self, watch: &'static str) {
        self.filled.send_if_modified(|filled| filled.insert(watch));
    }

    /// Whether this replica sees to OMJobs at this moment.
    pub fn leads(&self) -> bool {
        self.leadership.holds()
    }

    /// Whether every watch has listed once.
    pub fn is_ready(&self) -> bool {
        self.filled.borrow().len() == WATCHES.len()
    }

    /// The metrics, in Prometheus' text format.
    pub fn metrics_text(&self) -> String {
        let (waiting, running) = self.queue.depth();
        let cache = self.cache();
        let held = cache.jobs().filter(|(_, job)| job.finalizer().is_some()).count()
            + cache.pods().filter(|(_, pod)| pod.finalizer.is_some()).count();
        drop(cache);
        self.metrics.text(waiting, running, held, self.leads())
    }

    /// What the next decision is to be made at the latest after nothing has happened.
    pub(super) fn resync(&self, until: Option<Timestamp>) -> Option<Timestamp> {
        let resync = self.now().checked_add(RESYNC).ok();
        until.into_iter().chain(resync).min()
    }

    /// The time, in whole milliseconds: so it can be read in a status.
    pub(super) fn now(&self) -> Timestamp {
        let now = (self.settings.clock)();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    pub(super) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(super) fn identity(&self) -> &str {
        &self.settings.identity
    }

    /// The OMJobs that are watched.
    pub(super) fn jobs_api(&self) -> Api<DynamicObject> {
        let kind = ApiResource::erase::<OMJob>(&());
        match &self.settings.namespace {
            Some(namespace) => Api::namespaced_with(self.client(), namespace, &kind),
            None => Api::all_with(self.client(), &kind),
        }
    }

    /// The CronOMJobs that are watched.
    pub(super) fn crons_api(&self) -> Api<DynamicObject> {
        let kind = ApiResource::erase::<CronOMJob>(&());
        match &self.settings.namespace {
            Some(namespace) => Api::namespaced_with(self.client(), namespace, &kind),
            None => Api::all_with(self.client(), &kind),
        }
    }

    /// The CronOMJobs of an object's namespace.
    pub(super) fn cron_api(&self, key: &ObjectKey) -> Api<DynamicObject> {
        let kind = ApiResource::erase::<CronOMJob>(&());
        Api::namespaced_with(self.client(), &key.namespace, &kind)
    }

    /// The OMJobs of an object's namespace.
    pub(super) fn job_api(&self, key: &ObjectKey) -> Api<DynamicObject> {
        let kind = ApiResource::erase::<OMJob>(&());
        Api::namespaced_with(self.client(), &key.namespace, &kind)
    }

    /// The pods that are watched.
    pub(super) fn pods_api(&self) -> Api<v1::Pod> {
        match &self.settings.namespace {
            Some(namespace) => Api::namespaced(self.client(), namespace),
            None => Api::all(self.client()),
        }
    }

    /// The pods of an object's namespace.
    pub(super) fn pod_api(&self, key: &ObjectKey) -> Api<v1::Pod> {
        Api::namespaced(self.client(), &key.namespace)
    }

    pub(super) fn nodes_api(&self) -> Api<v1::Node> {
        Api::all(self.client())
    }

    /// Tells people of something, when there is time for it.
    pub(super) fn announce(
        &self,
        key: &ObjectKey,
        kind: &'static str,
        uid: &str,
        announcement: Announcement,
    ) {
        let told = Told { key: key.clone(), kind, uid: uid.into(), announcement };
        if self.told.try_send(told).is_err() {
            self.metrics.event_dropped();
        }
    }

    /// Whether an OMJob of this UID exists, by the API server's own word.
    pub(super) async fn job_exists(&self, beside: &ObjectKey, uid: &str) -> Result<bool, Failure> {
        let listed = self.job_api(beside).list(&ListParams::default()).await;
        self.metrics.request("list", "omjobs", listed.as_ref().err());
        let jobs = listed.map_err(|error| Failure::of(&error))?;
        Ok(jobs.iter().any(|job| job.metadata.uid.as_deref() == Some(uid)))
    }

    /// Why the API server last refused a pod of an OMJob.
    pub(super) fn refusal(&self, uid: &str) -> Option<Refusal> {
        self.refusals().get(uid).cloned()
    }

    pub(super) fn remember_refusal(&self, uid: &str, refusal: Refusal) {
        self.refusals().insert(uid.into(), refusal);
    }

    pub(super) fn forget_refusal(&self, uid: &str) {
        self.refusals().remove(uid);
    }

    fn refusals(&self) -> MutexGuard<'_, BTreeMap<CompactString, Refusal>> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
