//! Everything of one simulated cluster: what is stored, who acts on it, how the network is, what is
//! remembered for the verdict.
//!
//! In: a seed. Out: a cluster that moves on with virtual time alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tokio::time::Instant;

use super::clock::Clock;
use super::cluster::Cluster;
use super::network::Network;
use super::oracle::Oracle;
use super::people::Planned;
use super::random::Random;
use super::resource::Resource;
use super::store::Store;

/// The namespace of the OMJobs.
pub(crate) const NAMESPACE: &str = "pipelines";
/// The namespace of the operator, where its Lease is.
pub(crate) const OPERATORS: &str = "operator";
/// The nodes.
pub(crate) const NODES: [&str; 2] = ["node-a", "node-b"];

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) cluster: Cluster,
    pub(crate) network: Network,
    pub(crate) oracle: Oracle,
    pub(crate) record: Record,
    /// What people are going to do.
    pub(crate) planned: Vec<Planned>,
    /// The last change that the cluster and the oracle have seen.
    seen: u64,
}

/// A world that several tasks share. A lock is held for one step and never across an await.
#[derive(Clone)]
pub(crate) struct SharedWorld(Arc<Mutex<World>>);

impl SharedWorld {
    /// Two nodes and two namespaces, nothing else; `random` decides all that is left to chance.
    pub(crate) fn new(mut random: Random, network: Network, traced: bool) -> Self {
        let clock = Clock::start();
        let mut world = World {
            store: Store::new(clock),
            cluster: Cluster::new(random.fork()),
            network,
            oracle: Oracle::default(),
            record: Record::new(clock, traced),
            planned: Vec::new(),
            seen: 0,
        };
        for name in [NAMESPACE, OPERATORS] {
            let namespace = json!({ "metadata": { "name": name } });
            world.store.create(Resource::Namespaces, "", namespace).unwrap();
        }
        for name in NODES {
            world.add_node(name);
        }
        world.settle();
        Self(Arc::new(Mutex::new(world)))
    }

    /// One step: what it changes, the cluster and the oracle are told of before anybody else.
    pub(crate) fn step<T>(&self, step: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.lock();
        let result = step(&mut world);
        world.settle();
        result
    }

    /// A look that changes nothing.
    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        // A test that failed while it held the lock is reported by itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// Tells cluster and oracle of all changes that they have not seen.
    fn settle(&mut self) {
        while let Some(change) = self.store.since(self.seen).first().cloned() {
            self.seen += 1;
            self.record.changed(&change, self.oracle.by_operator);
            self.oracle.changed(&change, self.store.clock.now());
            self.react(&change);
            self.people_see(self.seen, &change);
        }
        self.oracle.by_operator = false;
    }
}

/// What happened, for reports and traces.
pub(crate) struct Record {
    clock: Clock,
    counts: BTreeMap<&'static str, u64>,
    trace: Option<Vec<String>>,
    /// The operator's last write that was neither of a Lease nor of an Event.
    pub(crate) last_write: Instant,
}

impl Record {
    fn new(clock: Clock, traced: bool) -> Self {
        let trace = traced.then(Vec::new);
        Self { clock, counts: BTreeMap::new(), trace, last_write: Instant::now() }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(crate) fn add(&mut self, what: &'static str, count: u64) {
        *self.counts.entry(what).or_default() += count;
    }

    pub(crate) fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }

    /// A line of the trace; made only where there is one.
    pub(crate) fn trace(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>10.3} {}", self.clock.elapsed().as_secs_f64(), line()));
        }
    }

    pub(crate) fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    fn changed(&mut self, change: &super::store::Change, by_operator: bool) {
        let resource = change.key.resource;
        if !matches!(resource, Resource::Leases | Resource::Events | Resource::CoreEvents) {
            if by_operator {
                self.last_write = Instant::now();
            }
            self.trace(|| {
                let object = &change.object.value;
                let deleting = change.object.is_deleting();
                format!(
                    "       #{} {:?} {} uid={} finalizers={:?}{} {}",
                    change.object.revision,
                    change.verb,
                    change.key,
                    change.object.uid().trim_start_matches("00000000-0000-4000-8000-"),
                    super::store::finalizers(object),
                    if deleting { " deleting" } else { "" },
                    super::pod::phase(object),
                )
            });
        }
    }
}
