//! What holds of the decision whatever is observed, and of decisions in a row where nothing fails.

use jiff::Timestamp;
use proptest::prelude::*;

use super::decide_tests::{LIMITS, NOW, fresh, later, pod};
use super::observed::*;
use super::{Act, Stage, decide};
use crate::crd::{
    ExitHandlerPolicy, ExitHandlerStatus, MainOutcome, MainStatus, OMJobStatus, Phase,
};

fn maybe_time() -> impl Strategy<Value = Option<Timestamp>> {
    proptest::option::of((-100_i64..100).prop_map(later))
}

fn any_pod(name: &'static str) -> impl Strategy<Value = Pod> {
    let ends = [
        None,
        Some(PodEnd { succeeded: true, exit_code: Some(0), reason: None }),
        Some(PodEnd { succeeded: false, exit_code: Some(1), reason: None }),
        Some(PodEnd { succeeded: false, exit_code: None, reason: Some("Evicted".into()) }),
    ];
    let flags = (any::<[bool; 6]>(), maybe_time(), prop::sample::select(ends.to_vec()));
    (flags, prop::sample::select(vec!["a", "b"])).prop_map(move |((flags, deleted, end), uid)| {
        let [ours, finalizer, gated, owned, bound, running] = flags;
        // Only the exit handler has a gate; a gated pod has no node, a pod without one never runs.
        let gated = gated && name != "run-main";
        let bound = bound && !gated;
        let (running, end) = (running && bound, end.filter(|_| bound));
        let node = bound.then(|| "node".into());
        Pod { ours, finalizer, gated, owned, deleted, node, running, end, ..pod(name, uid) }
    })
}

fn any_sight<T: std::fmt::Debug + Clone + 'static>(
    present: impl Strategy<Value = T>,
) -> impl Strategy<Value = Sight<T>> {
    prop_oneof![
        2 => present.prop_map(Sight::Present),
        1 => Just(Sight::Unseen),
        1 => Just(Sight::Absent),
    ]
}

fn any_node() -> impl Strategy<Value = Sight<Node>> {
    any_sight(maybe_time().prop_map(|unreachable_since| Node { unreachable_since }))
}

fn any_status() -> impl Strategy<Value = OMJobStatus> {
    let uid = || proptest::option::of(prop::sample::select(vec!["", "a", "b"]));
    let phase = proptest::option::of(prop::sample::select(vec![
        Phase::Pending,
        Phase::Running,
        Phase::ExitHandlerRunning,
        Phase::Succeeded,
        Phase::Failed,
    ]));
    let main = (0_u32..3, uid(), proptest::option::of(any::<bool>()), maybe_time()).prop_map(
        |(attempt, uid, succeeded, retry_time)| MainStatus {
            attempt,
            pod_name: "run-main".into(),
            pod_uid: uid.map(Into::into),
            outcome: succeeded.map(|succeeded| MainOutcome {
                succeeded,
                reason: "Error".into(),
                time: NOW,
            }),
            retry_time: retry_time.filter(|_| succeeded.is_some()),
        },
    );
    let exit = (0_u32..3, uid()).prop_map(|(attempt, uid)| ExitHandlerStatus {
        attempt,
        pod_name: "run-exit".into(),
        time: NOW,
        pod_uid: uid.map(Into::into),
        outcome: None,
    });
    (phase, proptest::option::of(main), proptest::option::of(exit), maybe_time(), maybe_time())
        .prop_map(|(phase, main, exit_handler, start_time, deadline_exceeded_time)| OMJobStatus {
            phase,
            // The exit stage is never recorded before the main stage's end.
            exit_handler: exit_handler
                .filter(|_| main.as_ref().is_some_and(|main| main.outcome.is_some())),
            main,
            start_time,
            deadline_exceeded_time,
            completion_time: start_time,
            ..OMJobStatus::default()
        })
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let seconds = || proptest::option::of(0_i64..100);
    (any::<bool>(), seconds(), seconds(), 0_u32..3, 0_i64..100, any::<bool>()).prop_map(
        |(exit_handler, ttl, deadline, backoff_limit, exit_deadline, fails)| Limits {
            exit_handler,
            ttl_seconds_after_finished: ttl,
            active_deadline_seconds: deadline,
            backoff_limit,
            exit_handler_deadline_seconds: exit_deadline,
            exit_handler_policy: match fails {
                true => ExitHandlerPolicy::Fail,
                false => ExitHandlerPolicy::Ignore,
            },
            ..LIMITS
        },
    )
}

fn any_observed() -> impl Strategy<Value = Observed> {
    let pods = (any_sight(any_pod("run-main")), any_sight(any_pod("run-exit")));
    let others = prop::collection::vec(any_pod("run-exit-1"), 0..2);
    let refusal = prop::sample::select(vec![
        None,
        Some(Refusal::NamespaceTerminating),
        Some(Refusal::Invalid("no".into())),
        Some(Refusal::Other("no".into())),
    ]);
    (
        any_status(),
        any_limits(),
        any::<[bool; 4]>(),
        pods,
        (any_node(), any_node()),
        others,
        refusal,
    )
        .prop_map(|(status, limits, flags, pods, nodes, others, refusal)| {
            let [deleted, orphaning, finalizer, recorded_by_cron] = flags;
            let (main, exit_handler) = pods;
            let (main_node, exit_handler_node) = nodes;
            let job = Job {
                deleted,
                orphaning,
                finalizer,
                recorded_by_cron,
                limits,
                status,
                ..fresh().job
            };
            Observed { job, main, main_node, exit_handler, exit_handler_node, others, refusal }
        })
}

fn is_terminal(status: &OMJobStatus) -> bool {
    status.phase.is_some_and(Phase::is_terminal)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_end_is_never_left(mut observed in any_observed(), succeeded: bool) {
        observed.job.status.phase = Some(if succeeded { Phase::Succeeded } else { Phase::Failed });
        let act = decide(&observed, NOW).act;
        prop_assert!(
            !matches!(act, Some(Act::HoldJob | Act::Record(_) | Act::CreatePod(..) | Act::UngatePod(_))),
            "{act:?}"
        );
    }

    #[test]
    fn no_exit_handler_before_the_main_pods_end_is_recorded(observed in any_observed()) {
        let ended = observed.job.status.main.as_ref().is_some_and(|main| main.outcome.is_some());
        let act = decide(&observed, NOW).act;
        if let Some(Act::CreatePod(Stage::ExitHandler, name)) = &act {
            prop_assert!(ended);
            prop_assert_eq!(name, &observed.job.status.exit_handler.as_ref().unwrap().pod_name);
        }
        if let Some(Act::CreatePod(Stage::Main, name)) = &act {
            prop_assert!(!ended);
            prop_assert_eq!(name, &observed.job.status.main.as_ref().unwrap().pod_name);
        }
    }

    #[test]
    fn only_the_recorded_pod_is_let_start(observed in any_observed()) {
        if let Some(Act::UngatePod(pod)) = decide(&observed, NOW).act {
            let recorded = observed.job.status.exit_handler.unwrap().pod_uid;
            prop_assert_eq!(recorded, Some(pod.uid));
        }
    }

    #[test]
    fn nothing_is_let_go_before_its_end_is_recorded(observed in any_observed()) {
        let status = observed.job.status.clone();
        match decide(&observed, NOW).act {
            Some(Act::ReleasePod(pod)) => prop_assert!(
                is_terminal(&status)
                    || pod.name == "run-main" && status.main.unwrap().outcome.is_some()
                    || pod.name == "run-exit-1" && status.exit_handler.unwrap().attempt > 1
            ),
            Some(Act::HandOverPod(_) | Act::DeleteJob) => prop_assert!(is_terminal(&status)),
            Some(Act::ReleaseJob) => prop_assert!(is_terminal(&status) || status.main.is_none()),
            _ => {}
        }
    }

    #[test]
    fn a_record_says_more_than_the_one_before(observed in any_observed()) {
        if let Some(Act::Record(status)) = decide(&observed, NOW).act {
            prop_assert_ne!(&*status, &observed.job.status);
            if let (Some(before), Some(after)) = (&observed.job.status.main, &status.main) {
                prop_assert!(after.attempt >= before.attempt);
                prop_assert!(before.outcome.is_none() || after.attempt > before.attempt
                    || after.outcome == before.outcome);
            }
        }
    }

    #[test]
    fn it_is_always_known_when_to_look_again(observed in any_observed(), seconds in -200_i64..200) {
        let plan = decide(&observed, later(seconds));
        if let (None, Some(until)) = (&plan.act, plan.until) {
            prop_assert!(until > later(seconds), "waits for a time that is past: {plan:?}");
        }
    }

    #[test]
    fn left_alone_it_ends_in_few_acts(observed in any_observed()) {
        let mut world = World { observed, now: NOW };
        let ended = (0..120).any(|_| world.step());
        prop_assert!(ended, "{:#?}", world.observed);
    }
}

/// A world in which nothing fails: each act is done, pods run and end, time passes.
struct World {
    observed: Observed,
    now: Timestamp,
}

impl World {
    /// Whether nothing remains to be done.
    fn step(&mut self) -> bool {
        let plan = decide(&self.observed, self.now);
        let Some(act) = plan.act else {
            // A CronOMJob records its run in the end.
            let waits_for_cron = self.observed.job.finalizer && !self.observed.job.recorded_by_cron;
            self.observed.job.recorded_by_cron = true;
            return match plan.until {
                Some(until) => {
                    self.now = until;
                    false
                }
                None => {
                    !self.pods_go_on() && is_terminal(&self.observed.job.status) && !waits_for_cron
                        || self.is_gone()
                }
            };
        };
        self.apply(act);
        false
    }

    fn is_gone(&self) -> bool {
        self.observed.job.deleted && !self.observed.job.finalizer
    }

    /// What the kubelet does; whether it had anything to do.
    fn pods_go_on(&mut self) -> bool {
        let mut went_on = false;
        for sight in [&mut self.observed.main, &mut self.observed.exit_handler] {
            let Sight::Present(pod) = sight else { continue };
            if pod.end.is_some() || pod.gated || (pod.node.is_none() && pod.deleted.is_some()) {
                continue;
            }
            went_on = true;
            pod.node = Some("node".into());
            match pod.running || pod.deleted.is_some() {
                true => {
                    let (succeeded, exit_code) = (pod.deleted.is_none(), Some(143));
                    pod.end = Some(PodEnd { succeeded, exit_code, reason: None });
                }
                false => pod.running = true,
            }
        }
        went_on
    }

    fn apply(&mut self, act: Act) {
        let observed = &mut self.observed;
        let name = |pod: &Option<compact_str::CompactString>| pod.clone().unwrap_or_default();
        match act {
            Act::HoldJob => observed.job.finalizer = true,
            Act::Record(status) => {
                // Other names stand for other pods.
                if name(&status.main_pod_name) != name(&observed.job.status.main_pod_name) {
                    observed.main = Sight::Unseen;
                }
                if name(&status.exit_handler_pod_name)
                    != name(&observed.job.status.exit_handler_pod_name)
                {
                    observed.exit_handler = Sight::Unseen;
                }
                observed.job.status = *status;
            }
            Act::LookForPod(Stage::Main, _) => observed.main = Sight::Absent,
            Act::LookForPod(Stage::ExitHandler, _) => observed.exit_handler = Sight::Absent,
            Act::LookForNode(_) => {
                let node = || Sight::Present(Node { unreachable_since: None });
                observed.main_node = node();
                observed.exit_handler_node = node();
            }
            Act::CreatePod(stage, name) => {
                observed.refusal = None;
                let gated = stage == Stage::ExitHandler;
                let made = Pod { gated, node: None, running: false, ..pod(&name, "made") };
                match stage {
                    Stage::Main => observed.main = Sight::Present(made),
                    Stage::ExitHandler => observed.exit_handler = Sight::Present(made),
                }
            }
            Act::DeletePod(pod) => {
                let deleted = later(1000);
                self.change(&pod, |pod| pod.deleted = Some(deleted));
            }
            Act::UngatePod(pod) => self.change(&pod, |pod| pod.gated = false),
            Act::ReleasePod(pod) | Act::HandOverPod(pod) => {
                self.change(&pod, |pod| pod.finalizer = false);
            }
            Act::ReleaseJob => observed.job.finalizer = false,
            Act::DeleteJob => observed.job.deleted = true,
        }
    }

    fn change(&mut self, pod: &Pod, change: impl Fn(&mut Pod)) {
        let observed = &mut self.observed;
        let sights = [&mut observed.main, &mut observed.exit_handler];
        let known = sights.into_iter().filter_map(|sight| match sight {
            Sight::Present(known) => Some(known),
            Sight::Unseen | Sight::Absent => None,
        });
        known.chain(&mut observed.others).filter(|known| *known == pod).for_each(change);
    }
}
