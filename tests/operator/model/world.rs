//! The state of the model: what the API server holds, what each controller believes, and what has
//! happened so far.
//!
//! Abstractions, each of which allows more than reality does: a resource version is an object's
//! content; a cache goes from any older version of an object straight to the newest; time goes in
//! ticks, and what is older than any limit is equally old.

use std::collections::BTreeMap;

use compact_str::{CompactString, format_compact};
use jiff::{SignedDuration, Timestamp};
use ompipe::controller::omjob::{Act, Job, Limits, Pod, Refusal, Stage};
use ompipe::crd::{OMJobStatus, Phase};

/// The time of every decision; what passes is the age of everything else.
pub(crate) const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
/// One tick: longer than a pod goes unrecorded and than the first retry waits.
pub(crate) const TICK: SignedDuration = SignedDuration::from_secs(100);
/// Older than any limit that a configuration sets.
pub(crate) const OLD: Timestamp = Timestamp::constant(1_800_000_000 - 300, 0);

/// Everything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct World {
    pub(crate) job: Option<JobObject>,
    pub(crate) pods: BTreeMap<CompactString, PodObject>,
    /// Nodes that are not as they should be.
    pub(crate) nodes: BTreeMap<CompactString, NodeTrouble>,
    pub(crate) refusing: Option<Refusal>,
    pub(crate) controllers: Vec<Controller>,
    /// A request that its controller no longer waits for, and that may still arrive.
    pub(crate) late: Option<(usize, Act, JobObject)>,
    /// How many pods were created, for their UIDs.
    pub(crate) made: u16,
    pub(crate) left: Left,
    pub(crate) history: History,
}

/// How much may still go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Left {
    pub(crate) faults: u8,
    /// Ticks at a moment when something else could happen.
    pub(crate) ticks: u8,
    /// Acts of the second controller.
    pub(crate) second: u8,
}

/// An OMJob as the API server has it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct JobObject {
    pub(crate) job: Job,
    /// Deleted with propagation policy Foreground, and the garbage collector is not done.
    pub(crate) foreground: bool,
}

/// A pod as the API server has it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct PodObject {
    pub(crate) stage: Stage,
    /// The UID in its label.
    pub(crate) job_uid: CompactString,
    pub(crate) pod: Pod,
    /// Created by a request that was decided before a newer record.
    pub(crate) belated: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum NodeTrouble {
    UnreachableSince(Timestamp),
    Gone,
}

/// A controller: its caches, and what it remembers beside them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Controller {
    pub(crate) job: Option<JobObject>,
    /// What the API server has of the OMJob, where a mutation has made the cache differ from it.
    pub(crate) based_on: Option<JobObject>,
    pub(crate) pods: BTreeMap<CompactString, Seen>,
    /// Nodes that the API server was asked for.
    pub(crate) asked_nodes: Vec<CompactString>,
    pub(crate) refusal: Option<Refusal>,
}

/// What a controller knows of a pod.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Seen {
    /// None: the API server said that there is none.
    pub(crate) object: Option<PodObject>,
    /// Whether the API server itself said so, about the OMJob's record as the cache has it.
    pub(crate) live: bool,
}

/// What has happened: not part of the cluster, only of the properties.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct History {
    pub(crate) exits_started: u8,
    pub(crate) exit_succeeded: bool,
    pub(crate) main_intended: bool,
    pub(crate) main_started: bool,
    /// The pods that succeeded, a bit for each by the number in its UID.
    pub(crate) succeeded: u32,
    pub(crate) verdict: Option<bool>,
    /// A main pod was lost: nobody can know when its container ended.
    pub(crate) main_lost: bool,
    /// Something happened that excuses an exit handler that did not run to its end.
    pub(crate) exit_excused: bool,
    pub(crate) violation: Option<Violation>,
}

/// What must never happen, noted when it does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Violation {
    TwoExitHandlers,
    ExitHandlerBesideMain,
    ExitHandlerAfterTheEnd,
    MainAfterExitHandler,
    TwoMains,
    EndLeft,
    WrongResult,
}

impl World {
    pub(crate) fn new(limits: Limits, controllers: usize, left: Left) -> Self {
        let job = Job {
            name: "run".into(),
            uid: "job".into(),
            generation: None,
            deleted: false,
            orphaning: false,
            finalizer: false,
            recorded_by_cron: true,
            limits,
            status: OMJobStatus::default(),
        };
        Self {
            job: Some(JobObject { job, foreground: false }),
            pods: BTreeMap::new(),
            nodes: BTreeMap::new(),
            refusing: None,
            controllers: vec![Controller::default(); controllers],
            late: None,
            made: 0,
            left,
            history: History::default(),
        }
    }

    /// What the Java operator makes: it has recorded a phase and a name, and holds nothing.
    pub(crate) fn begin_in_the_middle(&mut self) {
        let Some(mut object) = self.job.take() else { return };
        let name = CompactString::from("run-main");
        object.job.status.phase = Some(Phase::Running);
        object.job.status.main_pod_name = Some(name.clone());
        let mut main = self.make_pod(Stage::Main, &name, &object.job);
        main.pod.finalizer = false;
        self.pods.insert(name, main);
        self.job = Some(object);
    }

    /// A pod as a controller creates it.
    pub(crate) fn make_pod(&mut self, stage: Stage, name: &CompactString, job: &Job) -> PodObject {
        self.made += 1;
        let pod = Pod {
            name: name.clone(),
            uid: format_compact!("{name}.{}", self.made),
            resource_version: CompactString::default(),
            ours: true,
            finalizer: true,
            gated: stage == Stage::ExitHandler,
            owned: stage == Stage::Main,
            created: NOW,
            deleted: None,
            node: None,
            running: false,
            end: None,
        };
        PodObject { stage, job_uid: job.uid.clone(), pod, belated: false }
    }

    pub(crate) fn violate(&mut self, violation: Violation) {
        self.history.violation.get_or_insert(violation);
    }

    /// One tick later.
    pub(crate) fn age(&mut self) {
        self.job.iter_mut().for_each(JobObject::age);
        self.pods.values_mut().for_each(PodObject::age);
        for trouble in self.nodes.values_mut() {
            if let NodeTrouble::UnreachableSince(since) = trouble {
                age(since);
            }
        }
        for controller in &mut self.controllers {
            controller.job.iter_mut().chain(&mut controller.based_on).for_each(JobObject::age);
            let objects = controller.pods.values_mut().filter_map(|seen| seen.object.as_mut());
            objects.for_each(PodObject::age);
        }
        if let Some((_, act, job)) = &mut self.late {
            job.age();
            match act {
                Act::Record(status) => age_status(status),
                Act::DeletePod(pod)
                | Act::UngatePod(pod)
                | Act::ReleasePod(pod)
                | Act::HandOverPod(pod) => age(&mut pod.created),
                _ => {}
            }
        }
    }
}

/// The bit of a pod by the number in its UID.
pub(crate) fn bit(uid: &str) -> u32 {
    let number = uid.rsplit('.').next().and_then(|number| number.parse::<u32>().ok());
    number.map_or(0, |number| 1 << number.min(31))
}

impl JobObject {
    fn age(&mut self) {
        age_status(&mut self.job.status);
    }
}

impl PodObject {
    fn age(&mut self) {
        age(&mut self.pod.created);
    }
}

fn age(time: &mut Timestamp) {
    *time = (*time - TICK).max(OLD);
}

fn age_status(status: &mut OMJobStatus) {
    let times = [&mut status.start_time, &mut status.completion_time];
    times.into_iter().flatten().for_each(age);
    status.exit_handler.iter_mut().for_each(|exit| age(&mut exit.time));
    status.main.iter_mut().filter_map(|main| main.retry_time.as_mut()).for_each(age);
}

/// A status without what no decision depends on under these limits.
pub(crate) fn reduced(mut status: OMJobStatus, limits: &Limits) -> OMJobStatus {
    let is_old = |seconds: Option<i64>| {
        seconds.is_none_or(|seconds| NOW.duration_since(OLD).as_secs() < seconds)
    };
    status.message = None;
    status.conditions.clear();
    status.last_transition_time = None;
    status.deadline_exceeded_time = status.deadline_exceeded_time.map(|_| OLD);
    if is_old(limits.active_deadline_seconds) {
        status.start_time = status.start_time.map(|_| OLD);
    }
    if is_old(limits.ttl_seconds_after_finished) {
        status.completion_time = status.completion_time.map(|_| OLD);
    }
    if let Some(exit) = &mut status.exit_handler
        && is_old(Some(limits.exit_handler_deadline_seconds))
    {
        exit.time = OLD;
    }
    if let Some(outcome) = status.main.as_mut().and_then(|main| main.outcome.as_mut()) {
        outcome.time = OLD;
    }
    status
}
