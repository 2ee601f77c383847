//! Safeguards taken away, one at a time: the checker has to notice each.

use ompipe::controller::omjob::{Act, Job};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Mutation {
    /// The main pod's name is not recorded before the pod is created.
    NoIntent,
    /// A record is written whether or not the OMJob has changed.
    NoCompareAndSwap,
    /// Pods are created without our finalizer.
    NoPodFinalizer,
    /// The OMJob is never held by our finalizer.
    NoJobFinalizer,
    /// The exit handler's pod is created without a gate.
    NoGate,
    /// The gate is taken without the pod's UID being recorded.
    UngateUnrecorded,
    /// The gate is taken from whichever pod has the name.
    UngateByName,
    /// A pod is released before its end is recorded.
    ReleaseBeforeRecord,
    /// What the cache does not have counts as absent.
    MissIsAbsence,
    /// A pod in the cache that is not the recorded one proves that that one is gone.
    CachedUidTrusted,
    /// What was once absent stays so, whatever is recorded since.
    OldAbsence,
    /// A pod is deleted by its name alone.
    DeleteByName,
    /// A pod is deleted by its UID, whatever it has become.
    DeleteAnyVersion,
    /// The exit handler's pod has the OMJob as its owner from the start.
    OwnedExitHandler,
}

impl Mutation {
    /// Whether an act is done in memory alone.
    pub(crate) fn only_believes(self, act: &Act, job: &Job) -> bool {
        let Act::Record(status) = act else {
            return self == Self::NoJobFinalizer && *act == Act::HoldJob;
        };
        let exit_uid = |exit: &ompipe::crd::ExitHandlerStatus| exit.pod_uid.is_some();
        match self {
            Self::NoIntent => job.status.main.is_none() && status.main.is_some(),
            Self::UngateUnrecorded => {
                status.exit_handler.as_ref().is_some_and(exit_uid)
                    && !job.status.exit_handler.as_ref().is_some_and(exit_uid)
            }
            _ => false,
        }
    }
}
