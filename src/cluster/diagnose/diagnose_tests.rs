//! Tests of whole diagnoses: what is known of a run, and what is made of it.

use serde_json::{Value, json};

use super::*;
use crate::cluster::runs::of_job;

const NOW: &str = "2026-11-29T05:10:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// What is known of a run, by its Job's status and its pods' statuses.
fn evidence(job: Value, pods: &[Value]) -> Evidence {
    let job = json!({
        "metadata": {
            "name": "om-job-orders-1", "namespace": "ns", "uid": "u",
            "labels": {"app.kubernetes.io/pipeline": "orders", "app.kubernetes.io/run-id": "run-1"},
        },
        "spec": {"backoffLimit": 1},
        "status": job,
    });
    let job: Job = serde_json::from_value(job).unwrap();
    let pods: Vec<Pod> = pods
        .iter()
        .enumerate()
        .map(|(number, status)| {
            let pod = json!({
                "metadata": {"name": format!("om-job-orders-1-{number}"), "namespace": "ns"},
                "spec": {
                    "nodeName": "node-1",
                    "containers": [{"name": "main", "image": "i", "resources": {"limits": {"memory": "64Mi"}}}],
                },
                "status": status,
            });
            serde_json::from_value(pod).unwrap()
        })
        .collect();
    Evidence {
        run: of_job(&job, pods.last()),
        job: Some(job),
        omjob: None,
        pods,
        exit_handlers: Vec::new(),
        events: Vec::new(),
        log: None,
        unread: Vec::new(),
    }
}

fn ended(code: i32, reason: &str) -> Value {
    json!({
        "phase": if code == 0 { "Succeeded" } else { "Failed" },
        "startTime": "2026-11-29T05:00:00Z",
        "containerStatuses": [{
            "name": "main",
            "state": {"terminated": {
                "exitCode": code, "reason": reason,
                "startedAt": "2026-11-29T05:00:00Z", "finishedAt": "2026-11-29T05:03:00Z",
            }},
        }],
    })
}

fn failed(reason: &str) -> Value {
    json!({"conditions": [{"type": "Failed", "status": "True", "reason": reason}]})
}

#[test]
fn a_run_that_went_well_says_so() {
    let job = json!({"conditions": [{"type": "Complete", "status": "True"}]});
    let diagnosis = diagnose(&evidence(job, &[ended(0, "Completed")]), now());
    assert_eq!(
        (diagnosis.state, diagnosis.summary.as_str()),
        (State::Success, "the run went well")
    );
    assert_eq!(diagnosis.findings, []);
}

#[test]
fn attempts_that_fail_alike_are_told_once_and_others_too() {
    let pods = [ended(137, "OOMKilled"), ended(1, "Error"), ended(1, "Error")];
    let diagnosis = diagnose(&evidence(failed("BackoffLimitExceeded"), &pods), now());
    let reasons: Vec<&str> =
        diagnosis.findings.iter().map(|finding| finding.reason.as_str()).collect();
    assert_eq!(reasons, ["Error", "OOMKilled", "BackoffLimitExceeded"]);
    assert!(diagnosis.findings[1].message.starts_with("in an earlier attempt, "));
    assert!(diagnosis.summary.starts_with("the run failed: container main ended with exit code 1"));
}

#[test]
fn a_deadline_comes_before_the_signal_that_it_sends() {
    let diagnosis = diagnose(&evidence(failed("DeadlineExceeded"), &[ended(143, "Error")]), now());
    assert_eq!(diagnosis.findings[0].reason, "DeadlineExceeded");
    assert_eq!(diagnosis.findings[1].reason, "SIGTERM");
}

#[test]
fn a_run_whose_pods_are_gone_says_when_and_where_to_look() {
    let mut job = failed("BackoffLimitExceeded");
    job["conditions"][0]["lastTransitionTime"] = json!("2026-11-29T03:00:00Z");
    let diagnosis = diagnose(&evidence(job, &[]), now());
    let reasons: Vec<&str> =
        diagnosis.findings.iter().map(|finding| finding.reason.as_str()).collect();
    assert_eq!(reasons, ["BackoffLimitExceeded", "PodsGone"]);
    assert_eq!(
        diagnosis.summary,
        "the run failed, and its pods are gone, with their logs; the run ended 2 h ago, for BackoffLimitExceeded"
    );
}

#[test]
fn a_run_that_went_well_may_have_lost_its_pods() {
    let job = json!({"conditions": [{"type": "Complete", "status": "True"}]});
    assert_eq!(diagnose(&evidence(job, &[]), now()).findings, []);
}

#[test]
fn pods_that_were_never_let_in_are_told_by_the_jobs_events() {
    let mut evidence = evidence(json!({}), &[]);
    let event = json!({
        "involvedObject": {"kind": "Job", "name": "om-job-orders-1", "uid": "u"},
        "reason": "FailedCreate", "message": "Error creating: pods \"a\" is forbidden: exceeded quota: q",
        "lastTimestamp": "2026-11-29T05:09:00Z",
    });
    evidence.events = vec![serde_json::from_value(event).unwrap()];
    let diagnosis = diagnose(&evidence, now());
    assert_eq!(diagnosis.state, State::Queued);
    assert!(diagnosis.summary.starts_with("the run waits: no pod of the run was let in"));
}

#[test]
fn the_newest_events_are_shown_with_their_age_and_number() {
    let mut evidence = evidence(json!({"active": 1}), &[]);
    let event = |minute: i64, count: i64| -> Event {
        let event = json!({
            "involvedObject": {"kind": "Pod", "name": "om-job-orders-1-0"},
            "type": "Warning", "reason": "BackOff", "message": format!("number {minute}"),
            "lastTimestamp": format!("2026-11-29T04:{minute:02}:00Z"), "count": count,
        });
        serde_json::from_value(event).unwrap()
    };
    evidence.events = (0..20).rev().map(|minute| event(minute, minute)).collect();
    let diagnosis = diagnose(&evidence, now());
    assert_eq!(diagnosis.events.len(), 10);
    assert_eq!(diagnosis.events[0].message, "number 10");
    let text = text(&diagnosis, now());
    assert!(
        text.contains("51 min ago, 19 times: Warning BackOff of pod/om-job-orders-1-0: number 19"),
        "{text}"
    );
}

#[test]
fn no_secret_is_shown_whoever_wrote_it() {
    let mut evidence = evidence(failed("BackoffLimitExceeded"), &[ended(1, "Error")]);
    evidence.log = Some(LogView::new(
        "p",
        "main",
        b"INFO start\nconnecting with password=hunter2hunter2\npostgres://u:hunter2hunter2@db/x\n",
    ));
    let event = json!({
        "involvedObject": {"kind": "Pod", "name": "om-job-orders-1-0"}, "reason": "Failed",
        "message": "pulling https://u:hunter2hunter2@registry/x",
    });
    evidence.events = vec![serde_json::from_value(event).unwrap()];
    let status = evidence.pods[0].status.container_statuses[0].state.terminated.as_mut().unwrap();
    status.message = Some("token: hunter2hunter2".to_owned());
    let diagnosis = diagnose(&evidence, now());
    let text = text(&diagnosis, now());
    let json = serde_json::to_string(&diagnosis).unwrap();
    assert!(!text.contains("hunter2") && !json.contains("hunter2"), "{text}");
    assert!(text.contains("INFO start"));
}

#[test]
fn the_text_leads_with_what_is_wrong_and_what_to_do() {
    let mut evidence = evidence(failed("BackoffLimitExceeded"), &[ended(137, "OOMKilled")]);
    evidence.log = Some(LogView::new("om-job-orders-1-0", "main", b"one\ntwo\n"));
    evidence.unread = vec!["the events: forbidden".to_owned()];
    let shown = text(&diagnose(&evidence, now()), now());
    assert_eq!(
        shown,
        "\
orders in ns: FAILED
run run-1, job/om-job-orders-1

The run failed: container main was killed for want of memory: it reached its limit of 64Mi (exit code 137).
  OOMKilled, pod/om-job-orders-1-0
  Hint: Raise `kubernetes.resources.limits.memory` of the pipeline beyond 64Mi, and `kubernetes.resources.requests.memory` with it; or have the ingestion take less at once, by its filters and its number of threads.

The run was tried 2 times, as often as it may.
  BackoffLimitExceeded, job/om-job-orders-1

Pods:
  om-job-orders-1-0: Failed, node node-1
    main: terminated with exit code 137 (OOMKilled): SIGKILL: it was killed; it ran for 3 min and ended 7 min ago

Last 2 lines of the log of om-job-orders-1-0, container main:
  one
  two

Not looked at: the events: forbidden
"
    );
}

#[test]
fn programs_read_the_same_as_people() {
    let diagnosis = diagnose(&evidence(failed("x"), &[ended(1, "Error")]), now());
    let json = serde_json::to_value(&diagnosis).unwrap();
    assert_eq!(json["state"], "FAILED");
    assert_eq!(json["runId"], "run-1");
    assert_eq!(json["pods"][0]["containers"][0]["exitCode"], 1);
    assert_eq!(json["findings"][0]["object"], "pod/om-job-orders-1-0");
}
