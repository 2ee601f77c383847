//! What is known of a CronOMJob when it is decided what to do next: plain values.
//!
//! In: nothing. Out: types. Whoever fills them in says honestly whether the API server itself has
//! just been asked, or a cache that may be behind ([`Observed::live`]).

use compact_str::CompactString;
use jiff::Timestamp;

use crate::crd::{ConcurrencyPolicy, CronOMJobStatus};

/// All that a decision rests on, but the time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observed {
    /// The CronOMJob.
    pub cron: Cron,
    /// Its OMJobs, those that are being deleted among them.
    pub runs: Vec<Run>,
    /// Whether the API server itself was asked for this decision: for the CronOMJob, and for its
    /// OMJobs where `concurrencyPolicy` is not Allow.
    pub live: bool,
    /// A run's name that somebody else's OMJob was found to have.
    pub taken: Option<CompactString>,
}

/// A CronOMJob.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cron {
    /// Its name.
    pub name: CompactString,
    /// Its UID, which tells it from one made anew under the same name.
    pub uid: CompactString,
    /// When it was created: nothing is started for a time before.
    pub created: Timestamp,
    /// Whether its deletion was asked for.
    pub deleted: bool,
    /// The value of its trigger annotation.
    pub trigger: Option<CompactString>,
    /// What its spec asks for.
    pub asked: Asked,
    /// What was done for it so far.
    pub status: CronOMJobStatus,
}

/// What a CronOMJob's spec asks of the operator; the rest of it is for its runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// `schedule`, as written.
    pub schedule: CompactString,
    /// `timeZone`, as written.
    pub time_zone: Option<CompactString>,
    /// `suspend`.
    pub suspend: bool,
    /// `concurrencyPolicy`.
    pub concurrency_policy: ConcurrencyPolicy,
    /// `startingDeadlineSeconds`.
    pub starting_deadline_seconds: Option<i64>,
    /// `successfulJobsHistoryLimit`, or its default.
    pub successful_limit: usize,
    /// `failedJobsHistoryLimit`, or its default.
    pub failed_limit: usize,
}

/// An OMJob of the CronOMJob.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// Its name.
    pub name: CompactString,
    /// Its UID.
    pub uid: CompactString,
    /// Its resource version, by which a deletion is refused when it has changed meanwhile.
    pub resource_version: CompactString,
    /// The time of the schedule that it stands for, if it says so.
    pub tick: Option<Timestamp>,
    /// When its main stage was taken up; its creation where that is not yet.
    pub started: Timestamp,
    /// How it ended, exit handler included, if it has.
    pub end: Option<RunEnd>,
    /// Whether its deletion was asked for. It may be running still.
    pub deleted: bool,
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RunEnd {
    /// Whether its phase is Succeeded.
    pub succeeded: bool,
    /// When it ended.
    pub time: Option<Timestamp>,
}
