//! What is known of an OMJob when it is decided what to do next: plain values.
//!
//! In: nothing. Out: types. Whoever fills them in says honestly what is only missing from a cache
//! ([`Sight::Unseen`]) and what the API server itself has said to be absent ([`Sight::Absent`]).

use compact_str::CompactString;
use jiff::Timestamp;

use crate::crd::{ExitHandlerPolicy, OMJobStatus};

/// All that a decision rests on, but the time.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Observed {
    /// The OMJob.
    pub job: Job,
    /// The pod that has the recorded main pod's name. If the one in the cache has another UID than
    /// the recorded one, this is [`Sight::Unseen`], since the cache may still have the pod before
    /// that one; the one in the cache is among the others.
    pub main: Sight<Pod>,
    /// The node of that pod.
    pub main_node: Sight<Node>,
    /// The pod that has the recorded exit handler's name, as for the main pod.
    pub exit_handler: Sight<Pod>,
    /// The node of that pod.
    pub exit_handler_node: Sight<Node>,
    /// All other pods of this OMJob in the cache: earlier attempts, and what a late leader may have
    /// made.
    pub others: Vec<Pod>,
    /// Why the API server refused the last pod, if it did.
    pub refusal: Option<Refusal>,
}

/// What is known of an object.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Sight<T> {
    /// The cache has none; it may be behind.
    Unseen,
    /// The API server said that there is none, when it was asked about the OMJob's record as it is
    /// observed: what was absent before a newer record says nothing about the pod of that record.
    Absent,
    /// It exists, as the cache or the API server has it.
    Present(T),
}

impl<T> Sight<T> {
    /// The object, if it is known to exist.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(object) => Some(object),
            Self::Unseen | Self::Absent => None,
        }
    }
}

/// An OMJob.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Job {
    /// Its name.
    pub name: CompactString,
    /// Its UID, which tells it from one made anew under the same name.
    pub uid: CompactString,
    /// The generation of its spec.
    pub generation: Option<i64>,
    /// Whether its deletion was asked for.
    pub deleted: bool,
    /// Whether that was with propagation policy Orphan: its pods are to stay.
    pub orphaning: bool,
    /// Whether it has our finalizer.
    pub finalizer: bool,
    /// Whether the CronOMJob that started it, if any, has recorded that it did.
    pub recorded_by_cron: bool,
    /// What its spec asks of the operator.
    pub limits: Limits,
    /// How far it is.
    pub status: OMJobStatus,
}

/// What an OMJob's spec asks of the operator; the rest of it is for its pods.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// Whether it has an exit handler at all.
    pub exit_handler: bool,
    /// `ttlSecondsAfterFinished`.
    pub ttl_seconds_after_finished: Option<i64>,
    /// `activeDeadlineSeconds`.
    pub active_deadline_seconds: Option<i64>,
    /// `backoffLimit`, 0 where it is not set.
    pub backoff_limit: u32,
    /// `exitHandlerDeadlineSeconds`, or its default.
    pub exit_handler_deadline_seconds: i64,
    /// `exitHandlerPolicy`.
    pub exit_handler_policy: ExitHandlerPolicy,
    /// `nodeLostTimeoutSeconds`, or its default.
    pub node_lost_timeout_seconds: i64,
}

/// A pod, as far as it matters here.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pod {
    /// Its name.
    pub name: CompactString,
    /// Its UID.
    pub uid: CompactString,
    /// Its resource version, by which a deletion is refused when the pod has changed meanwhile.
    pub resource_version: CompactString,
    /// Whether it belongs to this OMJob, by owner or by label; to no other of the same name.
    pub ours: bool,
    /// Whether it has our finalizer.
    pub finalizer: bool,
    /// Whether our scheduling gate keeps it from starting.
    pub gated: bool,
    /// Whether the OMJob is among its owners.
    pub owned: bool,
    /// When it was created.
    pub created: Timestamp,
    /// When its grace period is over, if its deletion was asked for.
    pub deleted: Option<Timestamp>,
    /// The node that it is bound to.
    pub node: Option<CompactString>,
    /// Whether its container has started.
    pub running: bool,
    /// How it ended, if it has.
    pub end: Option<PodEnd>,
}

impl Pod {
    /// Whether it is this OMJob's: by its labels or owners, or since it is the recorded one,
    /// whatever became of those.
    pub(super) fn belongs(&self, recorded: Option<&CompactString>) -> bool {
        self.ours || recorded == Some(&self.uid)
    }
}

/// How a pod ended, by its phase and by its container `main`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PodEnd {
    /// Whether its phase is Succeeded.
    pub succeeded: bool,
    /// The container's exit code.
    pub exit_code: Option<i32>,
    /// The pod's or the container's reason: Evicted, OOMKilled, Error, Completed.
    pub reason: Option<CompactString>,
}

/// A node, as far as it matters here.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    /// Since when its kubelet has not been heard of.
    pub unreachable_since: Option<Timestamp>,
}

/// Why the API server refused to create a pod.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Refusal {
    /// The namespace is being deleted: nothing can be created in it any more.
    NamespaceTerminating,
    /// The pod is invalid, and stays so until the OMJob is changed.
    Invalid(String),
    /// Anything else, a quota or an admission webhook for example: it may pass.
    Other(String),
}
