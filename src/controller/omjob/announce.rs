//! What people are told of an OMJob: the events that a change of its status stands for.
//!
//! In: the status before and after. Out: events, by upstream's names where it has one.

use crate::crd::{ExitHandlerResult, OMJobStatus, Phase};

/// An event about an OMJob.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announcement {
    /// Whether somebody should look at it.
    pub warning: bool,
    /// Why, in a word.
    pub reason: &'static str,
    /// What happened.
    pub note: String,
}

/// The events that the change from one status to the next stands for.
pub fn announcements(before: &OMJobStatus, after: &OMJobStatus) -> Vec<Announcement> {
    let mut all = Vec::new();
    let mut tell = |warning: bool, reason: &'static str, note: String| {
        all.push(Announcement { warning, reason, note });
    };
    let (was, is) = (before.main.as_ref(), after.main.as_ref());
    if let Some(main) = is
        && main.pod_uid.is_some()
        && was.and_then(|main| main.pod_uid.as_ref()) != main.pod_uid.as_ref()
    {
        tell(false, "MainPodCreated", format!("created the main pod {}", main.pod_name));
    }
    if before.deadline_exceeded_time.is_none() && after.deadline_exceeded_time.is_some() {
        tell(true, "DeadlineExceeded", "activeDeadlineSeconds is over".to_owned());
    }
    if let Some(main) = is
        && let Some(outcome) = &main.outcome
        && was.and_then(|main| main.outcome.as_ref()) != Some(outcome)
    {
        let code = after.main_pod_exit_code.map(|code| format!(", exit code {code}"));
        let note = format!(
            "the main pod {} ended: {}{}",
            main.pod_name,
            outcome.reason,
            code.unwrap_or_default()
        );
        tell(!outcome.succeeded, "MainPodCompleted", note);
    }
    let (was, is) = (before.exit_handler.as_ref(), after.exit_handler.as_ref());
    if let Some(exit) = is
        && exit.pod_uid.is_some()
        && was.and_then(|exit| exit.pod_uid.as_ref()) != exit.pod_uid.as_ref()
    {
        tell(false, "ExitHandlerCreated", format!("created the exit handler {}", exit.pod_name));
    }
    if let Some(outcome) = is.and_then(|exit| exit.outcome)
        && was.and_then(|exit| exit.outcome).is_none()
        && outcome.result != ExitHandlerResult::Completed
    {
        let why = condition(after, "ExitHandlerCompleted");
        tell(true, outcome.result.reason(), format!("the exit handler: {why}"));
    }
    if after.phase != before.phase && after.phase.is_some_and(Phase::is_terminal) {
        let succeeded = after.phase == Some(Phase::Succeeded);
        let reason = if succeeded { "OMJobCompleted" } else { "OMJobFailed" };
        tell(!succeeded, reason, after.message.clone().unwrap_or_default());
    }
    all
}

fn condition(status: &OMJobStatus, kind: &str) -> String {
    let found = status.conditions.iter().find(|condition| condition.kind == kind);
    found.map(|condition| condition.message.clone()).unwrap_or_default()
}
