//! The names by which the operator finds its objects again: labels, finalizers, annotations, and
//! the names of pods and runs.
//!
//! In: an OMJob's name and UID. Out: names that are the same at every call.

use compact_str::{CompactString, format_compact};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Holds an OMJob and its pods until what became of them is recorded.
pub const FINALIZER: &str = "pipelines.openmetadata.org/exit-handler";
/// Keeps an exit handler's pod from starting until its UID is recorded in the OMJob.
pub const GATE: &str = "pipelines.openmetadata.org/recorded";

/// On every pod: the name of its OMJob. The ingestion image finds pods by it.
pub const OMJOB_NAME_LABEL: &str = "omjob.pipelines.openmetadata.org/name";
/// On every pod: the UID of its OMJob.
pub const OMJOB_UID_LABEL: &str = "omjob.pipelines.openmetadata.org/uid";
/// On every pod: `main` or `exit-handler`.
pub const POD_TYPE_LABEL: &str = "omjob.pipelines.openmetadata.org/pod-type";
/// On every OMJob of a CronOMJob: the CronOMJob's UID.
pub const CRONOMJOB_UID_LABEL: &str = "cronomjob.pipelines.openmetadata.org/uid";
/// On every scheduled OMJob: the time of the schedule that it stands for.
pub const SCHEDULED_TIME_ANNOTATION: &str = "pipelines.openmetadata.org/scheduled-time";
/// On a CronOMJob: starts one run by hand whenever its value changes.
pub const TRIGGER_ANNOTATION: &str = "pipelines.openmetadata.org/trigger";

/// The longest name of a pod whose name is also a label's value and a host's name.
const LONGEST: usize = 63;

/// The name of the main pod's attempt: `{omjob}-main`, then `{omjob}-main-1` and so on.
pub fn main_pod(omjob: &str, attempt: u32) -> CompactString {
    pod(omjob, "main", attempt)
}

/// The name of the exit handler's pod: `{omjob}-exit`, then `{omjob}-exit-1` and so on.
pub fn exit_pod(omjob: &str, attempt: u32) -> CompactString {
    pod(omjob, "exit", attempt)
}

/// The name of the OMJob that a CronOMJob starts for a time of its schedule: that time in seconds.
pub fn scheduled_run(cronomjob: &str, tick: Timestamp) -> CompactString {
    fitted(cronomjob, &format_compact!("-{}", tick.as_second()))
}

/// The name of the OMJob that a CronOMJob starts for a value of its trigger annotation.
pub fn triggered_run(cronomjob: &str, uid: &str, value: &str) -> CompactString {
    fitted(cronomjob, &format_compact!("-manual-{}", hash(&format!("{uid} {value}"))))
}

/// Another name for a pod, where somebody else's pod has its name: the name and a hash of the
/// OMJob's UID.
pub fn instead_of(name: &str, uid: &str) -> CompactString {
    fitted(name, &format_compact!("-{}", hash(uid)))
}

fn pod(omjob: &str, stage: &str, attempt: u32) -> CompactString {
    let suffix = match attempt {
        0 => format_compact!("-{stage}"),
        attempt => format_compact!("-{stage}-{attempt}"),
    };
    fitted(omjob, &suffix)
}

/// `base` and `suffix`; where that is too long, a hash stands for the part of `base` that is cut.
pub(super) fn fitted(base: &str, suffix: &str) -> CompactString {
    if base.len() + suffix.len() <= LONGEST {
        return format_compact!("{base}{suffix}");
    }
    let hash = hash(base);
    // Names of objects are ASCII, so that every byte is a boundary.
    let kept = base.get(..LONGEST - suffix.len() - hash.len() - 1).unwrap_or_default();
    format_compact!("{}-{hash}{suffix}", kept.trim_end_matches(['-', '.']))
}

fn hash(text: &str) -> CompactString {
    let digest = Sha256::digest(text.as_bytes());
    digest
        .iter()
        .take(4)
        .fold(CompactString::default(), |hash, byte| format_compact!("{hash}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_have_upstreams_names() {
        assert_eq!(main_pod("om-job-a-12345678", 0), "om-job-a-12345678-main");
        assert_eq!(exit_pod("om-job-a-12345678", 0), "om-job-a-12345678-exit");
        assert_eq!(main_pod("om-job-a-12345678", 2), "om-job-a-12345678-main-2");
    }

    #[test]
    fn a_long_name_is_cut_and_told_apart_by_a_hash() {
        let one = main_pod(&format!("{}-1", "a".repeat(70)), 0);
        let two = main_pod(&format!("{}-2", "a".repeat(70)), 0);
        assert_eq!(one.len(), LONGEST);
        assert!(one.ends_with("-main"));
        assert_ne!(one, two);
    }
}
