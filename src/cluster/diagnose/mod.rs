//! Why a run is as it is.
//!
//! In: [`Evidence`]: a run, its pods, what the cluster said about them, the end of the log. Out: a
//! [`Diagnosis`]: what went wrong, in words, with what to do about each; [`text`] shows it to people,
//! serde to programs. All of that is pure, and takes the time as a value; [`gather`] asks the
//! cluster. What others have written, messages and logs, is redacted on its way in.

mod exit;
mod finding;
mod gather;
mod job;
mod pod;
mod scheduling;
mod text;
mod views;
mod waiting;
mod words;

use jiff::Timestamp;
use serde::Serialize;

pub use exit::meaning;
pub use finding::Finding;
pub use gather::gather;
pub use pod::explain as explain_pod;
pub use text::text;
pub use views::{ContainerView, EventView, LogView, PodView};
pub use words::span;

use super::observed::{Event, Job, OMJob, Pod};
use super::runs::{Run, State};

/// How many events are shown, of the newest.
const EVENTS: usize = 10;

/// What is known about a run.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The run.
    pub run: Run,
    /// Its Job, where it is one.
    pub job: Option<Job>,
    /// Its OMJob, where it is one.
    pub omjob: Option<OMJob>,
    /// Its main pods that are there, the oldest first: each a further attempt.
    pub pods: Vec<Pod>,
    /// The exit handlers' pods that are there, where they are pods of their own.
    pub exit_handlers: Vec<Pod>,
    /// The events of all these.
    pub events: Vec<Event>,
    /// The end of the log of the newest main pod.
    pub log: Option<LogView>,
    /// What could not be read, and why.
    pub unread: Vec<String>,
}

impl Evidence {
    /// Whether the run's own object is gone.
    pub fn is_gone(&self) -> bool {
        self.job.is_none() && self.omjob.is_none()
    }
}

/// Why a run is as it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// The pipeline's name; of an automation or application, how its runs are named.
    pub pipeline: String,
    /// The namespace of all of it.
    pub namespace: String,
    /// The run's id, by which OpenMetadata knows it.
    pub run_id: String,
    /// The run's object, such as `job/NAME`.
    pub object: String,
    /// How it is.
    pub state: State,
    /// All of it in one sentence.
    pub summary: String,
    /// What was found, the most telling first.
    pub findings: Vec<Finding>,
    /// Its pods, the oldest first.
    pub pods: Vec<PodView>,
    /// The newest events, the oldest of them first.
    pub events: Vec<EventView>,
    /// The end of the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<LogView>,
    /// What could not be read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// Finds out why a run is as it is.
pub fn diagnose(evidence: &Evidence, now: Timestamp) -> Diagnosis {
    let run = &evidence.run;
    let object = format!("{}/{}", run.kind.as_str().to_lowercase(), run.name);
    let findings = findings(evidence, &object, now);
    let pods = evidence.pods.iter().chain(&evidence.exit_handlers);
    Diagnosis {
        pipeline: run.subject().to_owned(),
        namespace: run.namespace.clone(),
        run_id: run.id.clone(),
        state: run.state,
        summary: summary(evidence, &findings, now),
        findings,
        pods: pods.map(views::pod).collect(),
        events: views::events(&evidence.events, EVENTS),
        log: evidence.log.clone(),
        unread: evidence.unread.clone(),
        object,
    }
}

fn findings(evidence: &Evidence, object: &str, now: Timestamp) -> Vec<Finding> {
    let events: Vec<&Event> = evidence.events.iter().collect();
    let state = evidence.run.state;
    let mut found: Vec<Finding> = Vec::new();
    let of_object: Vec<Finding> = evidence
        .job
        .iter()
        .flat_map(job::of_job)
        .chain(evidence.omjob.iter().flat_map(job::of_omjob))
        .collect();
    // That it took too long explains why its pods were ended; that it is not tried again does not.
    let (ends, rest): (Vec<_>, Vec<_>) =
        of_object.into_iter().partition(|finding| finding.reason == "DeadlineExceeded");
    found.extend(ends);
    if let Some((newest, earlier)) = evidence.pods.split_last() {
        found.extend(pod::explain(newest, now));
        for earlier in earlier {
            for finding in pod::explain(earlier, now) {
                // Most attempts fail alike.
                if !found.iter().any(|known| known.reason == finding.reason) {
                    found.push(Finding {
                        message: format!("in an earlier attempt, {}", finding.message),
                        ..finding
                    });
                }
            }
        }
    }
    if state != State::Success && evidence.pods.is_empty() {
        found.extend(job::refused(&events, object));
    }
    found.extend(job::told_by_events(&events));
    found.extend(rest);
    found.extend(evidence.exit_handlers.iter().flat_map(|pod| pod::explain(pod, now)));
    let had_pods = !found.iter().any(|finding| finding.reason == "FailedCreate");
    if state == State::Failed && evidence.pods.is_empty() && had_pods {
        found.push(gone(evidence, object, now));
    }
    found
}

/// A run that is known to have failed, and whose pods are gone.
fn gone(evidence: &Evidence, object: &str, now: Timestamp) -> Finding {
    let run = &evidence.run;
    let mut message = "its pods are gone, with their logs".to_owned();
    if let Some(ended) = run.ended {
        message.push_str(&format!("; the run ended {} ago", span(ended, now)));
    }
    match (run.exit_code, &run.reason) {
        (Some(code), Some(reason)) => {
            message
                .push_str(&format!(", main with exit code {code} ({reason}): {}", meaning(code)));
        }
        (None, Some(reason)) => message.push_str(&format!(", for {reason}")),
        _ => {}
    }
    Finding::new("PodsGone", object, message).remedy(
        "Pods go with their Job (`kubernetes.ttlSecondsAfterFinished`), with their node, or by somebody's hand. If the \
         cluster collects logs, look there; OpenMetadata has what the exit handler reported.",
    )
}

fn summary(evidence: &Evidence, findings: &[Finding], now: Timestamp) -> String {
    let newest = evidence.pods.last();
    let since = newest.and_then(|pod| pod.status.start_time);
    let worst = findings.first().map(|finding| finding.message.as_str());
    if let Some(gone) = findings.iter().find(|finding| finding.reason == "PodsGone") {
        return format!("the run failed, and {}", gone.message);
    }
    match (evidence.run.state, worst) {
        (State::Success, None) => "the run went well".to_owned(),
        (State::Success, Some(worst)) => format!("the run went well, but {worst}"),
        (State::Running, None) => match since {
            Some(since) => {
                format!("the run is under way since {}, and nothing is wrong", span(since, now))
            }
            None => "the run is under way, and nothing is wrong".to_owned(),
        },
        (State::Running, Some(worst)) => format!("the run is under way, but {worst}"),
        (State::Queued, None) => "the run is about to start, and nothing is wrong".to_owned(),
        (State::Queued, Some(worst)) => format!("the run waits: {worst}"),
        (State::Failed, Some(worst)) => format!("the run failed: {worst}"),
        (State::Failed, None) => "the run failed, and nothing is left that says why".to_owned(),
    }
}

#[cfg(test)]
#[path = "diagnose_tests.rs"]
mod tests;
