//! One run, as its Job or OMJob, and its newest pod where there is one, tell of it.
//!
//! In: observed objects. Out: a [`Run`]. It decides by values alone.

use jiff::Timestamp;
use serde::Serialize;

use super::detail::{Detail, Stage, pod_detail};
use super::state::State;
use crate::cluster::observed::{Condition, Job, Meta, OMJob, Pod};
use crate::crd::{OMJobStatus, Phase};
use crate::diagnostic::redact;
use crate::model::labels;

/// What a run is an object of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
pub enum RunKind {
    /// `batch/v1`.
    Job,
    /// The operator's.
    OMJob,
}

impl RunKind {
    /// The kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Job => "Job",
            Self::OMJob => "OMJob",
        }
    }
}

/// What started a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tick {
    /// The schedule: the CronJob or CronOMJob of this name.
    Schedule(String),
    /// Somebody.
    ByHand,
}

/// One run of a pipeline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// What it is.
    pub kind: RunKind,
    /// Its namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The object's UID.
    pub uid: String,
    /// The id by which OpenMetadata knows it: its label's, or the Job's own UID where its CronJob
    /// cannot know any before.
    pub id: String,
    /// Its pipeline, by the label; empty for an automation or application.
    pub pipeline: String,
    /// What the pipeline does, in lower case, by the label.
    pub pipeline_type: Option<String>,
    /// `ingestion`, `automation` or `application`.
    pub component: Option<String>,
    /// What started it.
    pub tick: Tick,
    /// How it is.
    pub state: State,
    /// Why, in a word.
    pub reason: Option<String>,
    /// Why, for people.
    pub message: Option<String>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Main's exit code, where it is known.
    pub exit_code: Option<i32>,
    /// Its newest main pod, where it is known.
    pub main_pod: Option<String>,
    /// The exit handler's pod, if it is one of its own.
    pub exit_pod: Option<String>,
    /// Whether somebody has deleted it, and it is about to go.
    pub is_going: bool,
}

impl Run {
    /// What it is a run of: its pipeline; or what the names of an automation's or application's runs
    /// have in common, which are of no pipeline.
    pub fn subject(&self) -> &str {
        if !self.pipeline.is_empty() {
            return &self.pipeline;
        }
        // The first characters of an id that OpenMetadata ends names with.
        let end = self.id.get(..8).and_then(|id| self.name.strip_suffix(id)?.strip_suffix('-'));
        end.unwrap_or(&self.name)
    }

    /// Whether it is one of an automation or application whose runs are named so.
    pub fn is_of_entity(&self, name: &str) -> bool {
        self.pipeline.is_empty() && self.subject() == name
    }
}

/// The run of a Job. `newest` is the newest of its pods that is there, if anybody looked.
pub fn of_job(job: &Job, newest: Option<&Pod>) -> Run {
    let status = &job.status;
    let holds =
        |kind: &str| status.conditions.iter().find(|one| one.kind == kind && one.status == "True");
    let detail = newest.map(pod_detail);
    let complete = holds("Complete");
    let failed = holds("Failed");
    let (state, why) = if complete.is_some() {
        (State::Success, (None, None))
    } else if let Some(failed) = failed {
        (State::Failed, why_failed(failed, detail.as_ref()))
    } else if let Some(suspended) = holds("Suspended") {
        (State::Queued, (Some("Suspended".to_owned()), told(suspended)))
    } else {
        match &detail {
            Some(Detail { stage: Stage::Waiting, reason, message, .. }) => {
                (State::Queued, (reason.clone(), message.clone()))
            }
            // Between two tries, or before the Job controller has taken note of the end.
            Some(Detail { stage: Stage::Failed, reason, message, .. }) => {
                let state = if status.active > 0 { State::Running } else { State::Queued };
                (state, (reason.clone(), message.clone()))
            }
            Some(Detail { reason, message, .. }) => {
                (State::Running, (reason.clone(), message.clone()))
            }
            // Its pod has ended well, and the Job controller has yet to say that so has the Job.
            None if status.ready + status.succeeded > 0
                || !status.uncounted_terminated_pods.succeeded.is_empty() =>
            {
                (State::Running, (None, None))
            }
            None => (State::Queued, (None, None)),
        }
    };
    let end = complete.or(failed).and_then(|one| one.last_transition_time);
    let run = of_meta(RunKind::Job, &job.metadata, state);
    Run {
        reason: why.0,
        message: why.1,
        started: status.start_time,
        ended: status.completion_time.or(end),
        exit_code: detail.and_then(|detail| detail.exit_code),
        main_pod: newest.map(|pod| pod.metadata.name.clone()),
        ..run
    }
}

/// Why a Job failed: the reason of its last pod, where the Job only says that its tries are over.
fn why_failed(failed: &Condition, detail: Option<&Detail>) -> (Option<String>, Option<String>) {
    let own = (Some(failed.reason.clone()), told(failed));
    let spent = ["BackoffLimitExceeded", "PodFailurePolicy"].contains(&failed.reason.as_str());
    match detail {
        Some(detail) if spent && detail.stage == Stage::Failed => {
            (detail.reason.clone().or(own.0), detail.message.clone().or(own.1))
        }
        _ => own,
    }
}

fn told(condition: &Condition) -> Option<String> {
    (!condition.message.is_empty()).then(|| redact::value(&[], &condition.message).into_owned())
}

/// The run of an OMJob. `newest` is its newest main pod that is there, if anybody looked.
pub fn of_omjob(job: &OMJob, newest: Option<&Pod>) -> Run {
    let status = job.status.clone().unwrap_or_default();
    let OMJobStatus { phase, main, start_time, completion_time, message, .. } = status;
    let detail = newest.map(pod_detail);
    let state = match phase {
        None | Some(Phase::Pending) => State::Queued,
        Some(Phase::Running | Phase::ExitHandlerRunning) => State::Running,
        Some(Phase::Succeeded) => State::Success,
        Some(Phase::Failed) => State::Failed,
    };
    let outcome = main.and_then(|main| main.outcome);
    let reason = match state {
        State::Success => None,
        State::Failed => outcome.map(|outcome| outcome.reason.to_string()),
        State::Running if phase == Some(Phase::ExitHandlerRunning) => {
            Some("ExitHandlerRunning".to_owned())
        }
        State::Queued | State::Running => detail.as_ref().and_then(|one| one.reason.clone()),
    };
    let message = match state {
        State::Queued => detail.as_ref().and_then(|one| one.message.clone()).or(message),
        State::Success => None,
        _ => message,
    };
    let run = of_meta(RunKind::OMJob, &job.metadata, state);
    Run {
        reason,
        message: message.map(|message| redact::value(&[], &message).into_owned()),
        started: start_time,
        ended: completion_time,
        exit_code: status.main_pod_exit_code.or(detail.and_then(|one| one.exit_code)),
        main_pod: status.main_pod_name.map(Into::into),
        exit_pod: status.exit_handler_pod_name.map(Into::into),
        ..run
    }
}

fn of_meta(kind: RunKind, meta: &Meta, state: State) -> Run {
    let schedule = meta
        .owner_references
        .iter()
        .find(|owner| owner.controller && ["CronJob", "CronOMJob"].contains(&owner.kind.as_str()));
    let label = |key: &str| meta.label(key).map(str::to_owned);
    Run {
        kind,
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        id: label(labels::RUN_ID).unwrap_or_else(|| meta.uid.clone()),
        pipeline: label(labels::PIPELINE).unwrap_or_default(),
        pipeline_type: label(labels::PIPELINE_TYPE),
        component: label(labels::COMPONENT),
        tick: schedule.map_or(Tick::ByHand, |owner| Tick::Schedule(owner.name.clone())),
        state,
        reason: None,
        message: None,
        created: meta.creation_timestamp,
        started: None,
        ended: None,
        exit_code: None,
        main_pod: None,
        exit_pod: None,
        is_going: meta.deletion_timestamp.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(status: Value) -> Job {
        serde_json::from_value(json!({"metadata": {"uid": "u"}, "status": status})).unwrap()
    }

    fn pod(status: Value) -> Pod {
        serde_json::from_value(json!({"status": status})).unwrap()
    }

    fn condition(kind: &str, reason: &str) -> Value {
        json!({"type": kind, "status": "True", "reason": reason})
    }

    fn told(run: &Run) -> (State, Option<&str>) {
        (run.state, run.reason.as_deref())
    }

    #[test]
    fn a_job_is_what_its_conditions_and_its_pod_say() {
        let bare = of_job(&job(json!({})), None);
        assert_eq!(told(&bare), (State::Queued, None));
        let runs = of_job(&job(json!({"active": 1, "ready": 1})), None);
        assert_eq!(told(&runs), (State::Running, None));
        let uncounted = json!({"uncountedTerminatedPods": {"succeeded": ["p"]}});
        for ends in [json!({"succeeded": 1}), uncounted] {
            assert_eq!(told(&of_job(&job(ends), None)), (State::Running, None));
        }
        let done = of_job(&job(json!({"conditions": [condition("Complete", "x")]})), None);
        assert_eq!(told(&done), (State::Success, None));
        let suspended = of_job(&job(json!({"conditions": [condition("Suspended", "x")]})), None);
        assert_eq!(told(&suspended), (State::Queued, Some("Suspended")));
        let unschedulable = pod(json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}));
        let waits = of_job(&job(json!({"active": 1})), Some(&unschedulable));
        assert_eq!(told(&waits), (State::Queued, Some("Unschedulable")));
    }

    #[test]
    fn a_job_whose_tries_are_over_failed_for_its_last_pods_reason() {
        let failed = |reason| job(json!({"conditions": [condition("Failed", reason)]}));
        let killed = pod(json!({"phase": "Failed", "containerStatuses": [
            {"name": "main", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]}));
        let spent = of_job(&failed("BackoffLimitExceeded"), Some(&killed));
        assert_eq!(told(&spent), (State::Failed, Some("OOMKilled")));
        assert_eq!(spent.exit_code, Some(137));
        let late = of_job(&failed("DeadlineExceeded"), Some(&killed));
        assert_eq!(told(&late), (State::Failed, Some("DeadlineExceeded")));
        let gone = of_job(&failed("BackoffLimitExceeded"), None);
        assert_eq!(told(&gone), (State::Failed, Some("BackoffLimitExceeded")));
    }

    #[test]
    fn an_omjob_is_what_its_phase_says_and_fails_for_its_main_pods_reason() {
        let omjob = |status: Value| -> OMJob {
            serde_json::from_value(json!({"metadata": {"uid": "u"}, "status": status})).unwrap()
        };
        assert_eq!(told(&of_omjob(&omjob(json!(null)), None)), (State::Queued, None));
        let exits = of_omjob(&omjob(json!({"phase": "ExitHandlerRunning"})), None);
        assert_eq!(told(&exits), (State::Running, Some("ExitHandlerRunning")));
        let failed = of_omjob(
            &omjob(json!({"phase": "Failed", "main": {"podName": "m", "outcome": {
                "succeeded": false, "reason": "Evicted", "time": "2026-01-01T00:00:00Z"}}})),
            None,
        );
        assert_eq!(told(&failed), (State::Failed, Some("Evicted")));
    }

    #[test]
    fn a_run_without_a_pipeline_is_of_what_its_name_says() {
        let subject = |name: &str, labels: Value| {
            let job = json!({"metadata": {"name": name, "uid": "u", "labels": labels}});
            of_job(&serde_json::from_value(job).unwrap(), None).subject().to_owned()
        };
        let id = "1b2c3d4e-5f60-4a7b-8c9d-0e1f2a3b4c5d";
        let automation = json!({labels::RUN_ID: id});
        assert_eq!(
            subject("om-automation-test-1b2c3d4e", automation.clone()),
            "om-automation-test"
        );
        assert_eq!(subject("of-somebody", automation), "of-somebody");
        let orders = json!({labels::RUN_ID: id, labels::PIPELINE: "orders"});
        assert_eq!(subject("om-job-orders-1b2c3d4e", orders), "orders");
    }

    #[test]
    fn a_scheduled_jobs_id_is_its_uid_and_a_labelled_ones_its_label() {
        let mut run = job(json!({}));
        assert_eq!(of_job(&run, None).id, "u");
        run.metadata.labels.insert(labels::RUN_ID.to_owned(), "r".to_owned());
        assert_eq!(of_job(&run, None).id, "r");
    }
}
