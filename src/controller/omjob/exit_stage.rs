//! The exit stage: one pod is created, allowed to start once its UID is recorded, and ends.
//!
//! In: what is observed after the main pod's end was recorded. Out: the one next step.

use jiff::Timestamp;

use super::decide::{Act, Fate, Plan, Stage, after, fate};
use super::main_stage;
use super::observed::{Observed, Pod, Refusal, Sight};
use super::record;
use crate::crd::{ExitHandlerOutcome, ExitHandlerResult, ExitHandlerStatus, MainStatus};

/// The next step once the main pod's end is recorded.
pub(super) fn decide(observed: &Observed, main: &MainStatus, now: Timestamp) -> Plan {
    let job = &observed.job;
    let Some(exit) = &job.status.exit_handler else {
        return match main.retry_time {
            Some(at) => main_stage::retry(observed, main, at, now),
            None => Plan::record(record::main_given_up(job, main, now)),
        };
    };
    if let Some(plan) = stop_main(observed, main, now) {
        return plan;
    }
    let stage = ExitStage { observed, main, exit, now };
    match &observed.exit_handler {
        Sight::Present(pod) if !pod.belongs(exit.pod_uid.as_ref()) => {
            Plan::record(record::exit_renamed(job, exit, now))
        }
        Sight::Present(pod) if stage.is_recorded(pod) => stage.existing(pod),
        Sight::Unseen if exit.pod_uid.is_some() || stage.given_up().is_some() => {
            Plan::act(Act::LookForPod(Stage::ExitHandler, exit.pod_name.clone()))
        }
        // The recorded pod is gone, and with it what it did.
        Sight::Present(_) => stage.ended(ExitHandlerResult::Interrupted, None, "its pod vanished"),
        Sight::Absent if exit.pod_uid.is_some() => {
            stage.ended(ExitHandlerResult::Interrupted, None, "its pod vanished")
        }
        Sight::Unseen | Sight::Absent => stage.missing(),
    }
}

/// What is still to be done about a main pod whose end is recorded though it has not ended: one
/// that counts as lost, and one that a delayed request has created.
fn stop_main(observed: &Observed, main: &MainStatus, now: Timestamp) -> Option<Plan> {
    let is_running = |pod: &Pod| pod.name == main.pod_name && pod.end.is_none();
    let may_start = match &observed.exit_handler {
        Sight::Present(pod) => pod.gated,
        Sight::Unseen | Sight::Absent => true,
    };
    match &observed.main {
        Sight::Present(pod) if pod.belongs(main.pod_uid.as_ref()) && is_running(pod) => {
            if pod.deleted.is_none() {
                return Some(Plan::act(Act::DeletePod(pod.clone())));
            }
            // The exit handler comes after it, unless nobody can tell when it ends.
            let timeout = observed.job.limits.node_lost_timeout_seconds;
            match fate(pod, &observed.main_node, timeout, now) {
                Fate::GoesOn(until) if may_start => Some(Plan::wait(until)),
                Fate::Unsure(node) if may_start => Some(Plan::act(Act::LookForNode(node))),
                _ => None,
            }
        }
        Sight::Unseen if may_start && observed.others.iter().any(is_running) => {
            Some(Plan::act(Act::LookForPod(Stage::Main, main.pod_name.clone())))
        }
        _ => None,
    }
}

struct ExitStage<'a> {
    observed: &'a Observed,
    main: &'a MainStatus,
    exit: &'a ExitHandlerStatus,
    now: Timestamp,
}

impl ExitStage<'_> {
    fn is_recorded(&self, pod: &Pod) -> bool {
        self.exit.pod_uid.as_ref().is_none_or(|uid| uid.is_empty() || *uid == pod.uid)
    }

    /// No pod was created yet.
    fn missing(&self) -> Plan {
        if let Some(why) = self.given_up() {
            return self.ended(ExitHandlerResult::NotRun, None, &why);
        }
        let create = Act::CreatePod(Stage::ExitHandler, self.exit.pod_name.clone());
        Plan { act: Some(create), until: Some(self.deadline()) }
    }

    /// Why no pod is created any more.
    fn given_up(&self) -> Option<String> {
        let why = match &self.observed.refusal {
            Some(Refusal::NamespaceTerminating) => {
                return Some("the namespace is being deleted".to_owned());
            }
            Some(Refusal::Invalid(why) | Refusal::Other(why)) => why.as_str(),
            None => "its pod was never started",
        };
        self.overdue().then(|| format!("exitHandlerDeadlineSeconds is over: {why}"))
    }

    fn existing(&self, pod: &Pod) -> Plan {
        let job = &self.observed.job;
        if self.exit.pod_uid.as_ref().is_none_or(|uid| *uid != pod.uid) {
            return Plan::record(record::exit_seen(job, self.exit, &pod.uid, self.now));
        }
        if pod.deleted.is_some() && pod.node.is_none() {
            return match self.given_up() {
                Some(why) => self.ended(ExitHandlerResult::NotRun, None, &why),
                None => Plan::record(record::exit_intended(job, self.exit.attempt + 1, self.now)),
            };
        }
        let timeout = job.limits.node_lost_timeout_seconds;
        let mut until = match fate(pod, &self.observed.exit_handler_node, timeout, self.now) {
            Fate::Ended => return self.pod_ended(pod),
            Fate::Lost => {
                let why = "its node is lost";
                return self.ended(ExitHandlerResult::Interrupted, None, why);
            }
            Fate::Unsure(node) => return Plan::act(Act::LookForNode(node)),
            Fate::GoesOn(until) => until,
        };
        if self.overdue() && pod.deleted.is_none() {
            return Plan::act(Act::DeletePod(pod.clone()));
        }
        if pod.gated && pod.deleted.is_none() {
            return Plan::act(Act::UngatePod(pod.clone()));
        }
        until.extend((!self.overdue()).then(|| self.deadline()));
        Plan::wait(until)
    }

    fn pod_ended(&self, pod: &Pod) -> Plan {
        let (succeeded, code) =
            pod.end.as_ref().map_or((false, None), |end| (end.succeeded, end.exit_code));
        let reason = record::reason(code, pod.end.as_ref().and_then(|end| end.reason.as_ref()));
        let (result, why) = match (succeeded, code) {
            (true, _) => (ExitHandlerResult::Completed, "completed".to_owned()),
            (false, Some(code)) if pod.deleted.is_none() => {
                (ExitHandlerResult::Failed, format!("{reason}, exit code {code}"))
            }
            (false, _) => (ExitHandlerResult::Interrupted, format!("its pod was ended: {reason}")),
        };
        self.ended(result, code, &why)
    }

    fn ended(&self, result: ExitHandlerResult, exit_code: Option<i32>, why: &str) -> Plan {
        let outcome = ExitHandlerOutcome { result, exit_code };
        let job = &self.observed.job;
        Plan::record(record::exit_ended(job, self.main, self.exit, outcome, why, self.now))
    }

    fn deadline(&self) -> Timestamp {
        after(self.exit.time, self.observed.job.limits.exit_handler_deadline_seconds)
    }

    fn overdue(&self) -> bool {
        self.deadline() <= self.now
    }
}
