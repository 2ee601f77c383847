//! The run's pipeline status, as it is stored in OpenMetadata.
//!
//! In: what is stored of the run, and how it ended. Out: what is to be stored. What the run itself
//! has reported stays, fields that only newer servers know included; merging twice gives the same.

use serde_json::{Map, Value, json};

use super::diagnosis::Diagnosis;
use super::outcome::Outcome;

/// The name of our step, by which OpenMetadata's page and a second run know it.
const STEP: &str = "Pod Diagnostics";
/// The name of its one failure.
const FAILURE: &str = "Main Container Diagnostics";

/// How a run ended.
pub(super) struct Ended<'a> {
    /// Its id.
    pub(super) run_id: &'a str,
    /// How.
    pub(super) outcome: Outcome,
    /// When main started, where that is known, in milliseconds since 1970.
    pub(super) started: Option<i64>,
    /// What time it is, in milliseconds since 1970.
    pub(super) now: i64,
    /// Why it failed.
    pub(super) diagnosis: Option<&'a Diagnosis>,
}

/// The status to store, from the one that is stored, if there is one.
pub(super) fn merged(stored: Option<Map<String, Value>>, ended: &Ended<'_>) -> Map<String, Value> {
    let Ended { run_id, outcome, started, now, diagnosis } = *ended;
    let mut status = stored.unwrap_or_default();
    // OpenMetadata's schema has no nulls: they stand for what is not there.
    status.retain(|_, value| !value.is_null());
    set_once(&mut status, "runId", run_id);
    set_once(&mut status, "startDate", started.unwrap_or(now));
    let start = status.get("startDate").cloned();
    set_once(&mut status, "timestamp", start);

    let reported = status.get("pipelineState").and_then(Value::as_str);
    let state = match (outcome, reported) {
        (Outcome::Failed, _) => "failed",
        // The run knows better how much of its success was partial.
        (Outcome::Succeeded, Some("partialSuccess")) => "partialSuccess",
        (Outcome::Succeeded, _) => "success",
    };
    // An end that was reported stays, unless it is that of an earlier attempt.
    let reported_end = status.get("endDate").and_then(Value::as_i64);
    let is_of_this = reported_end.is_some_and(|end| started.is_none_or(|started| started <= end));
    if reported != Some(state) || !is_of_this {
        status.insert("endDate".to_owned(), now.into());
    }
    status.insert("pipelineState".to_owned(), state.into());
    put_step(&mut status, outcome, diagnosis);
    status
}

fn set_once(status: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    status.entry(key).or_insert_with(|| value.into());
}

/// Puts our step behind those of the run, in place of one that was there before. A pod that is gone
/// by now does not take away what was seen of it.
fn put_step(status: &mut Map<String, Value>, outcome: Outcome, diagnosis: Option<&Diagnosis>) {
    let steps = status.remove("status");
    let mut steps = match steps {
        Some(Value::Array(steps)) => steps,
        _ => Vec::new(),
    };
    let is_ours = |step: &Value| step.get("name").and_then(Value::as_str) == Some(STEP);
    let was_seen = steps.iter().any(is_ours);
    match (outcome, diagnosis) {
        (Outcome::Failed, Some(diagnosis)) if diagnosis.is_seen || !was_seen => {
            steps.retain(|step| !is_ours(step));
            steps.push(step(diagnosis));
        }
        (Outcome::Failed, _) => {}
        // It told of an attempt that failed before this one.
        (Outcome::Succeeded, _) => steps.retain(|step| !is_ours(step)),
    }
    if !steps.is_empty() {
        status.insert("status".to_owned(), steps.into());
    }
}

fn step(diagnosis: &Diagnosis) -> Value {
    json!({
        "name": STEP,
        "records": 0,
        "errors": 1,
        "failures": [{
            "name": FAILURE,
            "error": diagnosis.summary,
            "stackTrace": diagnosis.text,
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosis(summary: &str, is_seen: bool) -> Diagnosis {
        Diagnosis { summary: summary.to_owned(), text: "long".to_owned(), is_seen }
    }

    fn ended(outcome: Outcome, diagnosis: Option<&Diagnosis>) -> Ended<'_> {
        Ended { run_id: "4a", outcome, started: Some(1000), now: 5000, diagnosis }
    }

    fn object(value: Value) -> Option<Map<String, Value>> {
        value.as_object().cloned()
    }

    #[test]
    fn a_run_that_reported_nothing_gets_a_status_of_its_own() {
        let oom = diagnosis("out of memory", true);
        let status = merged(None, &ended(Outcome::Failed, Some(&oom)));
        let step = json!({
            "name": "Pod Diagnostics", "records": 0, "errors": 1,
            "failures": [{"name": "Main Container Diagnostics", "error": "out of memory", "stackTrace": "long"}],
        });
        assert_eq!(
            Value::from(status),
            json!({"runId": "4a", "startDate": 1000, "timestamp": 1000, "endDate": 5000, "pipelineState": "failed", "status": [step]})
        );
        let well = merged(None, &Ended { started: None, ..ended(Outcome::Succeeded, None) });
        assert_eq!(
            Value::from(well),
            json!({"runId": "4a", "startDate": 5000, "timestamp": 5000, "endDate": 5000, "pipelineState": "success"})
        );
    }

    #[test]
    fn what_the_run_reported_stays_and_so_does_what_newer_servers_know() {
        let source = json!({"name": "Source", "records": 7, "unheard": {"of": 1}});
        let stored = json!({
            "runId": "4a", "startDate": 1, "timestamp": 2, "pipelineState": "running", "endDate": null,
            "status": [source], "config": {"a": 1},
        });
        let crash = diagnosis("crash", true);
        let status = Value::from(merged(object(stored), &ended(Outcome::Failed, Some(&crash))));
        assert_eq!((&status["startDate"], &status["timestamp"]), (&json!(1), &json!(2)));
        assert_eq!(status["config"], json!({"a": 1}));
        assert_eq!(status["status"][0], source);
        assert_eq!(status["status"][1]["name"], STEP);
        assert_eq!(
            (&status["pipelineState"], &status["endDate"]),
            (&json!("failed"), &json!(5000))
        );
    }

    #[test]
    fn run_twice_it_gives_the_same() {
        let crash = diagnosis("crash", true);
        for (outcome, diagnosis) in [(Outcome::Failed, Some(&crash)), (Outcome::Succeeded, None)] {
            let stored =
                json!({"runId": "4a", "pipelineState": "running", "status": [{"name": "Sink"}]});
            let once = merged(object(stored), &ended(outcome, diagnosis));
            let later = Ended { now: 9000, ..ended(outcome, diagnosis) };
            assert_eq!(merged(Some(once.clone()), &later), once);
        }
    }

    #[test]
    fn success_does_not_overrule_partial_success_and_overrules_the_failure_of_an_earlier_attempt() {
        let state = |reported: &str, outcome| {
            let stored = json!({"pipelineState": reported});
            Value::from(merged(object(stored), &ended(outcome, None)))["pipelineState"].clone()
        };
        assert_eq!(state("partialSuccess", Outcome::Succeeded), "partialSuccess");
        assert_eq!(state("failed", Outcome::Succeeded), "success");
        assert_eq!(state("success", Outcome::Failed), "failed");
    }

    #[test]
    fn an_attempt_that_succeeds_takes_the_diagnosis_of_the_one_before_away() {
        let crash = diagnosis("crash", true);
        let first = merged(None, &ended(Outcome::Failed, Some(&crash)));
        let second = merged(Some(first), &ended(Outcome::Succeeded, None));
        assert_eq!(second.get("status"), None);
    }

    #[test]
    fn the_end_is_that_of_the_last_attempt_and_a_reported_one_stays() {
        let end = |reported: i64| {
            let stored = json!({"pipelineState": "failed", "endDate": reported});
            Value::from(merged(object(stored), &ended(Outcome::Failed, None)))["endDate"].clone()
        };
        assert_eq!(end(4000), 4000);
        assert_eq!(end(900), 5000, "before this attempt started");
    }

    #[test]
    fn a_pod_that_is_gone_does_not_take_away_what_was_seen_of_it() {
        let (seen, unseen) = (diagnosis("crash", true), diagnosis("gone", false));
        let first = merged(None, &ended(Outcome::Failed, Some(&seen)));
        let second = merged(Some(first.clone()), &ended(Outcome::Failed, Some(&unseen)));
        assert_eq!(second, first);
        let none = merged(None, &ended(Outcome::Failed, Some(&unseen)));
        assert_eq!(none["status"][0]["failures"][0]["error"], "gone");
    }
}
