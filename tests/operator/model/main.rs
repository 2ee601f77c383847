//! The whole protocol under a model checker: every interleaving of what controllers, cluster and
//! people may do with one OMJob, with the real `decide` in the middle.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cluster;
mod configurations;
mod controller;
mod mutation;
mod protocol;
mod world;

use ompipe::controller::omjob::Limits;
use ompipe::crd::ExitHandlerPolicy;

/// An OMJob with an exit handler and no limit that time could reach.
const NO_LIMITS: Limits = Limits {
    exit_handler: true,
    ttl_seconds_after_finished: None,
    active_deadline_seconds: None,
    backoff_limit: 0,
    exit_handler_deadline_seconds: 3600,
    exit_handler_policy: ExitHandlerPolicy::Ignore,
    node_lost_timeout_seconds: 100,
};

#[cfg(test)]
mod tests {
    use ompipe::controller::omjob::Limits;

    use super::cluster::Ending;
    use super::configurations::*;
    use super::mutation::Mutation;
    use super::protocol::Fault::{self, *};

    const PODS: [Fault; 3] = [DeletePod, ForcePod, Evict];
    const REQUESTS: [Fault; 3] = [LoseAnswer, Delay, Crash];

    /// What goes wrong in the configurations: each explored whole, in CI with one fault less.
    fn faults(some: &[&[Fault]]) -> Vec<Fault> {
        some.concat()
    }

    #[track_caller]
    fn holds(configuration: Configuration) {
        if let Some((property, steps)) = configuration.explore() {
            panic!("{property}\n{}", steps.join("\n"));
        }
    }

    #[track_caller]
    fn is_caught(configuration: Configuration, mutation: Mutation) {
        assert!(configuration.mutated(mutation).explore().is_some(), "{mutation:?} is not noticed");
    }

    #[test]
    fn any_one_fault() {
        let all = faults(&[
            &REQUESTS,
            &PODS,
            &DELETIONS,
            &[StripJob, LoseNode, RemoveNode, Quota, DeleteNamespace],
        ]);
        holds(Configuration::new("any one fault").faults(1, &all).ticks(1).endings(&ALL_ENDINGS));
    }

    #[test]
    fn pods_are_deleted_and_requests_lost() {
        let faults = faults(&[&[LoseAnswer, Crash], &PODS]);
        holds(Configuration::new("pods deleted, requests lost").faults(more(2), &faults));
    }

    #[test]
    fn delayed_requests_arrive_late() {
        let faults = [Delay, ForcePod, DeletePod];
        holds(Configuration::new("delayed requests").faults(more(2), &faults));
    }

    #[test]
    fn the_omjob_is_deleted() {
        let faults = faults(&[&[LoseAnswer, DeletePod, StripJob], &DELETIONS]);
        holds(Configuration::new("the OMJob is deleted").faults(more(1), &faults));
    }

    #[test]
    fn nodes_are_lost() {
        let faults = [LoseNode, RemoveNode, LoseAnswer, DeletePod];
        holds(Configuration::new("nodes are lost").faults(more(2), &faults));
    }

    #[test]
    fn pods_are_refused() {
        let faults = [Quota, DeleteNamespace, LoseAnswer];
        let limits = |limits: &mut Limits| limits.exit_handler_deadline_seconds = 200;
        let configuration = Configuration::new("pods are refused").limits(limits);
        holds(configuration.faults(more(2), &faults).ticks(more(2)));
    }

    #[test]
    fn deadlines_pass() {
        let limits = |limits: &mut Limits| {
            limits.active_deadline_seconds = Some(100);
            limits.exit_handler_deadline_seconds = 200;
            limits.ttl_seconds_after_finished = Some(100);
        };
        let configuration = Configuration::new("deadlines pass").limits(limits);
        holds(configuration.faults(1, &[LoseAnswer, DeletePod]).ticks(more(2)));
    }

    #[test]
    fn the_main_pod_is_tried_again() {
        let limits = |limits: &mut Limits| limits.backoff_limit = 1;
        let configuration = Configuration::new("the main pod is tried again").limits(limits);
        let endings = [Ending::Failed, Ending::Succeeded];
        let faults = [LoseAnswer, DeletePod, ForcePod, LoseNode];
        holds(configuration.faults(1, &faults).endings(&endings).ticks(more(1)));
    }

    #[test]
    fn two_controllers_act_at_once() {
        let configuration = Configuration::new("two controllers").second_controller(2);
        holds(configuration.faults(more(0), &[DeletePod, ForcePod]));
    }

    fn suspicious() -> Configuration {
        Configuration::new("mutated").faults(2, &[LoseAnswer, Crash, DeletePod, ForcePod])
    }

    #[test]
    fn without_intent() {
        let faults = faults(&[&[Crash], &DELETIONS]);
        is_caught(Configuration::new("crash, deletion").faults(2, &faults), Mutation::NoIntent);
    }

    #[test]
    fn without_compare_and_swap() {
        is_caught(
            Configuration::new("two controllers, deletion")
                .second_controller(3)
                .faults(1, &[DeletePod]),
            Mutation::NoCompareAndSwap,
        );
    }

    #[test]
    fn without_the_pods_finalizer() {
        let configuration = Configuration::new("a pod is deleted").faults(1, &[DeletePod]);
        is_caught(configuration, Mutation::NoPodFinalizer);
    }

    #[test]
    fn without_the_omjobs_finalizer() {
        let configuration = Configuration::new("the OMJob is deleted").faults(1, &DELETIONS);
        is_caught(configuration, Mutation::NoJobFinalizer);
    }

    #[test]
    fn without_the_gate() {
        let configuration = Configuration::new("a delayed request").faults(2, &[Delay, ForcePod]);
        is_caught(configuration, Mutation::NoGate);
    }

    #[test]
    fn with_the_gate_taken_before_the_uid_is_recorded() {
        is_caught(suspicious(), Mutation::UngateUnrecorded);
    }

    #[test]
    fn with_a_release_before_the_record() {
        is_caught(suspicious(), Mutation::ReleaseBeforeRecord);
    }

    #[test]
    fn with_a_cache_miss_taken_for_absence() {
        let configuration = Configuration::new("two controllers").second_controller(2);
        is_caught(configuration, Mutation::MissIsAbsence);
    }

    #[test]
    fn with_the_exit_handler_owned_from_the_start() {
        let configuration = Configuration::new("the OMJob is deleted").faults(1, &DELETIONS);
        is_caught(configuration.endings(&ALL_ENDINGS), Mutation::OwnedExitHandler);
    }

    #[test]
    fn with_a_cached_uid_trusted() {
        let configuration = Configuration::new("two controllers").second_controller(3);
        is_caught(configuration.faults(1, &[ForcePod]), Mutation::CachedUidTrusted);
    }

    #[test]
    fn with_an_old_absence_trusted() {
        let configuration = Configuration::new("two controllers, deletion").second_controller(2);
        let configuration = configuration.faults(1, &DELETIONS[..1]);
        is_caught(configuration, Mutation::OldAbsence);
    }

    #[test]
    fn with_the_gate_taken_by_name() {
        let configuration = Configuration::new("delayed, by force").faults(2, &[Delay, ForcePod]);
        is_caught(configuration, Mutation::UngateByName);
    }

    #[test]
    fn what_the_java_operator_left_is_taken_over() {
        let faults = [LoseAnswer, DeletePod, DELETIONS[0]];
        let configuration = Configuration::new("taken over").faults(more(1), &faults);
        holds(configuration.taken_over().endings(&[Ending::Succeeded, Ending::Failed]));
    }

    /// The preconditions of a deletion are not what keeps the promise: the pods of one OMJob that
    /// may be deleted are never wanted again. They are for another OMJob of the same name.
    #[test]
    fn deletion_without_preconditions_breaks_nothing_within_one_omjob() {
        for mutation in [Mutation::DeleteByName, Mutation::DeleteAnyVersion] {
            let configuration = Configuration::new("delayed, by force").ticks(1);
            holds(configuration.faults(more(1), &[Delay, ForcePod]).mutated(mutation));
        }
    }
}
