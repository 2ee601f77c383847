//! The decision about pods that are there otherwise than the record says: made late, or by another
//! operator.

use super::decide_tests::*;
use super::observed::*;
use super::{Act, Plan, Stage, decide};

#[test]
fn row_16_the_exit_handler_waits_for_a_main_pod_that_a_late_request_has_made() {
    let mut observed = exit_intended();
    let late = Pod { node: None, running: false, ..pod("run-main", "late") };
    observed.main = Sight::Unseen;
    observed.others = vec![late.clone()];
    assert_eq!(act(&observed), Some(Act::LookForPod(Stage::Main, "run-main".into())));
    observed.main = Sight::Present(late.clone());
    observed.others.clear();
    assert_eq!(act(&observed), Some(Act::DeletePod(late)));
    observed.main = Sight::Present(Pod { deleted: Some(later(30)), ..pod("run-main", "late") });
    assert_eq!(decide(&observed, NOW), Plan::default());
    // Of a node that is lost nobody knows when that is over.
    observed.main_node = Sight::Absent;
    assert_eq!(act(&observed), Some(Act::CreatePod(Stage::ExitHandler, "run-exit".into())));
}

#[test]
fn row_17_a_pod_that_the_record_does_not_know_yet_is_left_alone() {
    let newer = pod("run-exit-1", "newer");
    for mut observed in [main_running(), exit_gated()] {
        observed.others = vec![newer.clone()];
        assert_ne!(act(&observed), Some(Act::DeletePod(newer.clone())));
    }
    let mut observed = exit_gated();
    observed.job.status.exit_handler.as_mut().unwrap().attempt = 2;
    observed.others = vec![newer.clone()];
    assert_eq!(act(&observed), Some(Act::DeletePod(newer)));
}

#[test]
fn row_20_the_uid_of_a_pod_that_was_taken_over_is_recorded_with_its_end() {
    let mut observed = main_running();
    observed.job.status.main.as_mut().unwrap().pod_uid = Some("".into());
    main_mut(&mut observed).end = Some(ended(Some(0), None));
    assert_eq!(recorded(&observed, NOW).main.unwrap().pod_uid.as_deref(), Some("m"));
}
