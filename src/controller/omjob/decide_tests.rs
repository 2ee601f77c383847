//! The decision at each fault of the operator's contract, one observation at a time. What follows
//! from many decisions in a row is the model checker's part.

use compact_str::CompactString;
use jiff::{SignedDuration, Timestamp};

use super::observed::*;
use super::{Act, Plan, Stage, decide, decide_orphan};
use crate::crd::{
    ExitHandlerPolicy, ExitHandlerResult, ExitHandlerStatus, MainOutcome, MainStatus, OMJobStatus,
    Phase,
};

pub(super) const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

pub(super) fn later(seconds: i64) -> Timestamp {
    NOW + SignedDuration::from_secs(seconds)
}

pub(super) const LIMITS: Limits = Limits {
    exit_handler: true,
    ttl_seconds_after_finished: None,
    active_deadline_seconds: None,
    backoff_limit: 0,
    exit_handler_deadline_seconds: 3600,
    exit_handler_policy: ExitHandlerPolicy::Ignore,
    node_lost_timeout_seconds: 300,
};

/// An OMJob that was just created.
pub(super) fn fresh() -> Observed {
    Observed {
        job: Job {
            name: "run".into(),
            uid: "job".into(),
            generation: Some(1),
            deleted: false,
            orphaning: false,
            finalizer: true,
            recorded_by_cron: true,
            limits: LIMITS,
            status: OMJobStatus::default(),
        },
        main: Sight::Unseen,
        main_node: Sight::Present(Node { unreachable_since: None }),
        exit_handler: Sight::Unseen,
        exit_handler_node: Sight::Present(Node { unreachable_since: None }),
        others: Vec::new(),
        refusal: None,
    }
}

pub(super) fn pod(name: &str, uid: &str) -> Pod {
    Pod {
        name: name.into(),
        uid: uid.into(),
        resource_version: "1".into(),
        ours: true,
        finalizer: true,
        gated: false,
        owned: true,
        created: NOW,
        deleted: None,
        node: Some("node".into()),
        running: true,
        end: None,
    }
}

pub(super) fn main_running() -> Observed {
    let mut observed = fresh();
    observed.job.status.phase = Some(Phase::Running);
    observed.job.status.start_time = Some(NOW);
    observed.job.status.main = Some(MainStatus {
        pod_name: "run-main".into(),
        pod_uid: Some("m".into()),
        ..Default::default()
    });
    observed.main = Sight::Present(pod("run-main", "m"));
    observed
}

fn main_created() -> Observed {
    let mut observed = main_running();
    observed.job.status.phase = Some(Phase::Pending);
    observed.job.status.main.as_mut().unwrap().pod_uid = None;
    let pod = main_mut(&mut observed);
    pod.node = None;
    pod.running = false;
    observed
}

pub(super) fn exit_intended() -> Observed {
    let mut observed = main_running();
    main_mut(&mut observed).end = Some(ended(Some(0), None));
    let main = observed.job.status.main.as_mut().unwrap();
    main.outcome = Some(MainOutcome { succeeded: true, reason: "Completed".into(), time: NOW });
    observed.job.status.phase = Some(Phase::ExitHandlerRunning);
    observed.job.status.exit_handler = Some(ExitHandlerStatus {
        attempt: 0,
        pod_name: "run-exit".into(),
        time: NOW,
        pod_uid: None,
        outcome: None,
    });
    observed
}

pub(super) fn exit_gated() -> Observed {
    let mut observed = exit_intended();
    observed.job.status.exit_handler.as_mut().unwrap().pod_uid = Some("e".into());
    observed.exit_handler = Sight::Present(Pod {
        gated: true,
        owned: false,
        node: None,
        running: false,
        ..pod("run-exit", "e")
    });
    observed
}

fn exit_running() -> Observed {
    let mut observed = exit_gated();
    let pod = exit_mut(&mut observed);
    pod.gated = false;
    pod.node = Some("node".into());
    pod.running = true;
    observed
}

pub(super) fn ended(exit_code: Option<i32>, reason: Option<&str>) -> PodEnd {
    PodEnd { succeeded: exit_code == Some(0), exit_code, reason: reason.map(CompactString::from) }
}

pub(super) fn main_mut(observed: &mut Observed) -> &mut Pod {
    match &mut observed.main {
        Sight::Present(pod) => pod,
        other => panic!("no main pod: {other:?}"),
    }
}

fn exit_mut(observed: &mut Observed) -> &mut Pod {
    match &mut observed.exit_handler {
        Sight::Present(pod) => pod,
        other => panic!("no exit handler's pod: {other:?}"),
    }
}

pub(super) fn act(observed: &Observed) -> Option<Act> {
    decide(observed, NOW).act
}

/// The status that is to be recorded.
pub(super) fn recorded(observed: &Observed, now: Timestamp) -> OMJobStatus {
    match decide(observed, now).act {
        Some(Act::Record(status)) => *status,
        other => panic!("nothing recorded: {other:?}"),
    }
}

fn main_reason(status: &OMJobStatus) -> &str {
    &status.main.as_ref().unwrap().outcome.as_ref().unwrap().reason
}

fn exit_result(status: &OMJobStatus) -> ExitHandlerResult {
    status.exit_handler.as_ref().unwrap().outcome.unwrap().result
}

#[test]
fn the_finalizer_then_the_intent_come_before_the_main_pod() {
    let mut observed = fresh();
    observed.job.finalizer = false;
    assert_eq!(act(&observed), Some(Act::HoldJob));
    observed.job.finalizer = true;
    observed.job.status = recorded(&observed, NOW);
    assert_eq!(observed.job.status.main_pod_name.as_deref(), Some("run-main"));
    assert_eq!(act(&observed), Some(Act::CreatePod(Stage::Main, "run-main".into())));
}

#[test]
fn row_1_every_end_of_the_main_pod_brings_the_exit_handler() {
    for (end, reason) in [
        (ended(Some(0), Some("Completed")), "Completed"),
        (ended(Some(3), None), "Error"),
        (ended(Some(137), Some("OOMKilled")), "OOMKilled"),
        (ended(None, Some("Evicted")), "Evicted"),
        (ended(None, None), "Unknown"),
    ] {
        let mut observed = main_running();
        main_mut(&mut observed).end = Some(end);
        let status = recorded(&observed, NOW);
        assert_eq!(status.phase, Some(Phase::ExitHandlerRunning));
        assert_eq!(main_reason(&status), reason);
        assert_eq!(status.exit_handler_pod_name.as_deref(), Some("run-exit"));
    }
}

#[test]
fn row_2_a_main_pod_deleted_before_it_had_a_node_has_ended() {
    let mut observed = main_created();
    main_mut(&mut observed).deleted = Some(NOW);
    assert_eq!(main_reason(&recorded(&observed, NOW)), "Deleted");
}

#[test]
fn row_3_a_deleted_main_pod_is_waited_for_and_may_still_succeed() {
    let mut observed = main_running();
    main_mut(&mut observed).deleted = Some(later(30));
    assert_eq!(decide(&observed, NOW), Plan::default());
    assert_eq!(decide(&observed, later(60)), Plan::default());
    main_mut(&mut observed).end = Some(ended(Some(0), None));
    assert_eq!(main_reason(&recorded(&observed, NOW)), "Completed");
}

#[test]
fn row_4_a_vanished_main_pod_is_lost_once_the_api_server_says_so() {
    let mut observed = main_running();
    observed.main = Sight::Unseen;
    assert_eq!(act(&observed), Some(Act::LookForPod(Stage::Main, "run-main".into())));
    observed.main = Sight::Absent;
    assert_eq!(main_reason(&recorded(&observed, NOW)), "Lost");
    observed.main = Sight::Present(pod("run-main", "another"));
    assert_eq!(main_reason(&recorded(&observed, NOW)), "Lost");
}

#[test]
fn row_5_a_main_pod_is_lost_with_its_node() {
    let mut observed = main_running();
    observed.main_node = Sight::Present(Node { unreachable_since: Some(NOW) });
    assert_eq!(decide(&observed, NOW), Plan { act: None, until: Some(later(300)) });
    assert_eq!(main_reason(&recorded(&observed, later(300))), "Lost");
    observed.main_node = Sight::Unseen;
    assert_eq!(act(&observed), Some(Act::LookForNode("node".into())));
    observed.main_node = Sight::Absent;
    let status = recorded(&observed, NOW);
    assert_eq!(main_reason(&status), "Lost");
    // It is not to come back beside the exit handler.
    observed.job.status = status;
    let pod = main_mut(&mut observed).clone();
    assert_eq!(act(&observed), Some(Act::DeletePod(pod)));
}

#[test]
fn row_5_a_retry_waits_for_no_node_that_is_lost() {
    let mut observed = main_running();
    observed.job.limits.backoff_limit = 1;
    observed.main_node = Sight::Present(Node { unreachable_since: Some(NOW) });
    observed.job.status = recorded(&observed, later(300));
    let pod = main_mut(&mut observed);
    pod.deleted = Some(later(330));
    pod.finalizer = false;
    let status = recorded(&observed, later(320));
    assert_eq!(status.main.unwrap().pod_name, "run-main-1");
}

#[test]
fn row_6_a_deadline_is_recorded_before_the_main_pod_is_stopped() {
    let mut observed = main_running();
    observed.job.limits.active_deadline_seconds = Some(60);
    assert_eq!(decide(&observed, NOW), Plan { act: None, until: Some(later(60)) });
    observed.job.status = recorded(&observed, later(60));
    let pod = main_mut(&mut observed).clone();
    assert_eq!(decide(&observed, later(60)).act, Some(Act::DeletePod(pod)));
    // Success within the grace period comes too late.
    main_mut(&mut observed).end = Some(ended(Some(0), None));
    let status = recorded(&observed, later(61));
    assert_eq!(main_reason(&status), "DeadlineExceeded");
    assert!(!status.main.unwrap().outcome.unwrap().succeeded);
}

#[test]
fn row_6_success_that_is_seen_before_the_deadline_is_recorded_wins() {
    let mut observed = main_running();
    observed.job.limits.active_deadline_seconds = Some(60);
    main_mut(&mut observed).end = Some(ended(Some(0), None));
    assert_eq!(main_reason(&recorded(&observed, later(90))), "Completed");
}

#[test]
fn row_7_an_exit_handler_that_cannot_be_created_is_tried_until_its_deadline() {
    let mut observed = exit_intended();
    observed.refusal = Some(Refusal::Other("quota".into()));
    let create = Act::CreatePod(Stage::ExitHandler, "run-exit".into());
    assert_eq!(decide(&observed, later(3599)).act, Some(create));
    assert_eq!(
        decide(&observed, later(3600)).act,
        Some(Act::LookForPod(Stage::ExitHandler, "run-exit".into()))
    );
    observed.exit_handler = Sight::Absent;
    let status = recorded(&observed, later(3600));
    assert_eq!(exit_result(&status), ExitHandlerResult::NotRun);
    assert_eq!(status.phase, Some(Phase::Succeeded));
    observed.job.limits.exit_handler_policy = ExitHandlerPolicy::Fail;
    assert_eq!(recorded(&observed, later(3600)).phase, Some(Phase::Failed));
}

#[test]
fn row_8_an_exit_handler_without_a_node_is_made_anew_and_one_with_a_node_is_not() {
    let mut observed = exit_gated();
    exit_mut(&mut observed).deleted = Some(NOW);
    let exit = recorded(&observed, NOW).exit_handler.unwrap();
    assert_eq!((exit.pod_name.as_str(), exit.pod_uid), ("run-exit-1", None));

    let mut observed = exit_running();
    exit_mut(&mut observed).deleted = Some(later(30));
    assert_eq!(act(&observed), None);
    exit_mut(&mut observed).end = Some(ended(Some(143), None));
    assert_eq!(exit_result(&recorded(&observed, NOW)), ExitHandlerResult::Interrupted);
    exit_mut(&mut observed).end = Some(ended(Some(0), None));
    assert_eq!(exit_result(&recorded(&observed, NOW)), ExitHandlerResult::Completed);
}

#[test]
fn row_9_an_exit_handler_whose_pod_is_gone_is_not_run_again() {
    let mut observed = exit_running();
    observed.exit_handler = Sight::Unseen;
    let look = Act::LookForPod(Stage::ExitHandler, "run-exit".into());
    assert_eq!(act(&observed), Some(look));
    observed.exit_handler = Sight::Absent;
    assert_eq!(exit_result(&recorded(&observed, NOW)), ExitHandlerResult::Interrupted);
}

#[test]
fn row_10_a_deleted_omjob_stops_its_main_pod_and_still_runs_the_exit_handler() {
    let mut observed = main_running();
    observed.job.deleted = true;
    let pod = main_mut(&mut observed).clone();
    assert_eq!(act(&observed), Some(Act::DeletePod(pod)));
    main_mut(&mut observed).deleted = Some(later(30));
    assert_eq!(act(&observed), None);
    main_mut(&mut observed).end = Some(ended(Some(143), None));
    observed.job.limits.backoff_limit = 3;
    assert_eq!(recorded(&observed, NOW).phase, Some(Phase::ExitHandlerRunning));
}

#[test]
fn row_10_at_the_end_everything_is_let_go_the_omjob_last() {
    let mut observed = exit_running();
    observed.job.deleted = true;
    exit_mut(&mut observed).end = Some(ended(Some(0), None));
    observed.job.status = recorded(&observed, NOW);
    let main = main_mut(&mut observed).clone();
    assert_eq!(act(&observed), Some(Act::ReleasePod(main)));
    main_mut(&mut observed).finalizer = false;
    let exit = exit_mut(&mut observed).clone();
    assert_eq!(act(&observed), Some(Act::HandOverPod(exit.clone())));
    observed.job.orphaning = true;
    assert_eq!(act(&observed), Some(Act::ReleasePod(exit)));
    exit_mut(&mut observed).finalizer = false;
    assert_eq!(act(&observed), Some(Act::ReleaseJob));
}

#[test]
fn row_10_pods_are_let_go_even_if_the_omjobs_finalizer_was_stripped() {
    let mut observed = exit_running();
    exit_mut(&mut observed).end = Some(ended(Some(0), None));
    observed.job.status = recorded(&observed, NOW);
    observed.job.finalizer = false;
    let main = main_mut(&mut observed).clone();
    assert_eq!(act(&observed), Some(Act::ReleasePod(main)));
}

#[test]
fn row_10_a_pod_whose_omjob_is_gone_is_let_go_and_never_started() {
    let orphan = Pod { gated: true, node: None, running: false, ..pod("run-exit", "e") };
    assert_eq!(decide_orphan(&orphan).act, Some(Act::DeletePod(orphan.clone())));
    let deleted = Pod { deleted: Some(NOW), ..orphan };
    assert_eq!(decide_orphan(&deleted).act, Some(Act::ReleasePod(deleted.clone())));
    assert_eq!(decide_orphan(&Pod { finalizer: false, ..deleted }), Plan::default());
    // A main pod that was created late is stopped; an exit handler that was let run is let run.
    let late = Pod { owned: true, ..pod("run-main", "m") };
    assert_eq!(decide_orphan(&late).act, Some(Act::DeletePod(late.clone())));
    let handler = Pod { owned: false, ..pod("run-exit", "e") };
    assert_eq!(decide_orphan(&handler).act, Some(Act::ReleasePod(handler.clone())));
}

#[test]
fn row_11_an_omjob_deleted_before_it_was_held_never_has_a_main_pod() {
    let mut observed = fresh();
    observed.job.deleted = true;
    observed.job.finalizer = false;
    assert_eq!(decide(&observed, NOW), Plan::default());
    observed.job.finalizer = true;
    assert_eq!(act(&observed), Some(Act::ReleaseJob));
}

#[test]
fn row_12_in_a_namespace_that_is_being_deleted_the_exit_handler_is_given_up() {
    let mut observed = exit_intended();
    observed.exit_handler = Sight::Absent;
    observed.refusal = Some(Refusal::NamespaceTerminating);
    assert_eq!(exit_result(&recorded(&observed, NOW)), ExitHandlerResult::NotRun);
}

#[test]
fn row_13_a_pod_of_another_omjob_of_the_same_name_is_left_alone() {
    let mut observed = main_created();
    main_mut(&mut observed).ours = false;
    let status = recorded(&observed, NOW);
    let name = status.main.unwrap().pod_name;
    assert!(name.starts_with("run-main-"), "{name}");
    // The recorded pod stays ours, whoever takes its label.
    let mut observed = exit_running();
    exit_mut(&mut observed).ours = false;
    assert_eq!(decide(&observed, NOW).act, None);
}

#[test]
fn row_16_only_the_pod_whose_uid_is_recorded_may_start() {
    let mut observed = exit_gated();
    let pod = exit_mut(&mut observed).clone();
    assert_eq!(act(&observed), Some(Act::UngatePod(pod)));
    observed.job.status.exit_handler.as_mut().unwrap().pod_uid = None;
    let status = recorded(&observed, NOW);
    assert_eq!(status.exit_handler.unwrap().pod_uid.as_deref(), Some("e"));
    observed.job.status.exit_handler.as_mut().unwrap().pod_uid = Some("another".into());
    assert_eq!(exit_result(&recorded(&observed, NOW)), ExitHandlerResult::Interrupted);
}

#[test]
fn row_18_a_retry_waits_for_the_pod_before_it() {
    let mut observed = main_running();
    observed.job.limits.backoff_limit = 1;
    main_mut(&mut observed).end = Some(ended(Some(1), None));
    observed.job.status = recorded(&observed, NOW);
    let main = observed.job.status.main.clone().unwrap();
    assert_eq!((main.attempt, main.retry_time), (0, Some(later(10))));
    let ended = main_mut(&mut observed).clone();
    assert_eq!(act(&observed), Some(Act::ReleasePod(ended)));
    let pod = main_mut(&mut observed);
    pod.finalizer = false;
    assert_eq!(decide(&observed, later(9)), Plan { act: None, until: Some(later(10)) });
    main_mut(&mut observed).end = None;
    main_mut(&mut observed).deleted = Some(later(30));
    assert_eq!(decide(&observed, later(20)).act, None);
    observed.main = Sight::Absent;
    assert_eq!(recorded(&observed, later(20)).main.unwrap().pod_name, "run-main-1");
}

#[test]
fn row_19_the_time_to_live_counts_from_the_end_and_only_once_all_is_let_go() {
    let mut observed = exit_running();
    exit_mut(&mut observed).end = Some(ended(Some(0), None));
    observed.job.status = recorded(&observed, NOW);
    observed.job.limits.ttl_seconds_after_finished = Some(0);
    main_mut(&mut observed).finalizer = false;
    exit_mut(&mut observed).finalizer = false;
    assert_eq!(act(&observed), Some(Act::ReleaseJob));
    observed.job.finalizer = false;
    assert_eq!(act(&observed), Some(Act::DeleteJob));
    observed.job.limits.ttl_seconds_after_finished = Some(60);
    assert_eq!(decide(&observed, NOW), Plan { act: None, until: Some(later(60)) });
    observed.job.finalizer = true;
    observed.job.recorded_by_cron = false;
    assert_eq!(decide(&observed, later(90)), Plan::default());
}

#[test]
fn row_20_what_another_operator_left_in_the_middle_is_taken_over_before_anything_else() {
    for (phase, exit_code) in [
        (Phase::Running, None),
        (Phase::ExitHandlerRunning, Some(0)),
        (Phase::ExitHandlerRunning, Some(1)),
    ] {
        let mut observed = fresh();
        observed.job.status.phase = Some(phase);
        observed.job.status.main_pod_name = Some("run-main".into());
        observed.job.status.main_pod_exit_code = exit_code;
        // Not in our record yet, and yet not to be stopped.
        observed.others = vec![Pod { finalizer: false, ..pod("run-main", "m") }];
        let status = recorded(&observed, NOW);
        let main = status.main.as_ref().unwrap();
        assert_eq!(main.pod_name, "run-main");
        assert_eq!(main.outcome.as_ref().map(|end| end.succeeded), exit_code.map(|code| code == 0));
        assert_eq!(status.exit_handler.is_some(), phase == Phase::ExitHandlerRunning);
    }
}
