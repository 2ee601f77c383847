//! Why a run failed, in words for the page of the pipeline in OpenMetadata.
//!
//! In: what was seen of the main pod, or why nothing was. Out: a [`Diagnosis`]: one sentence, and a
//! text with what [`diagnose`](crate::cluster::diagnose) finds in the pod, its state, its last events
//! and the end of its log. Values of secrets that are known are hidden in it.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;

use super::main_pod::{MAIN, exit_code as exit_code_of, main_state, name, text};
use super::secret_values::SecretValues;
use crate::cluster::diagnose::{Finding, explain_pod, meaning};
use crate::cluster::observed::Pod;

/// As many events as OpenMetadata's own exit handler shows.
const EVENTS: usize = 10;

/// Why a run failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Diagnosis {
    /// In one sentence.
    pub(super) summary: String,
    /// At length.
    pub(super) text: String,
    /// Whether the pod was seen at all.
    pub(super) is_seen: bool,
}

/// What was seen of a run's main pod.
#[derive(Default, Debug)]
pub(super) struct Seen {
    /// The pod.
    pub(super) pod: Option<Value>,
    /// Its events.
    pub(super) events: Option<Vec<Value>>,
    /// The end of its log.
    pub(super) log: Option<String>,
    /// Main's exit code, where its launcher has left it.
    pub(super) exit_code: Option<i64>,
    /// What could not be seen, and why, a sentence each.
    pub(super) missing: Vec<String>,
}

impl Diagnosis {
    /// Puts into words what was seen.
    pub(super) fn of(seen: &Seen, secrets: &SecretValues, now: Timestamp) -> Self {
        let Seen { pod, events, log, exit_code, missing } = seen;
        let mut text = String::new();
        for sentence in missing {
            _ = writeln!(text, "{sentence}");
        }
        let left = exit_code.and_then(|code| i32::try_from(code).ok());
        let left =
            left.map(|code| format!("{MAIN} ended with exit code {code}: {}", meaning(code)));
        let nothing = || "the run failed, and its pod could not be looked at".to_owned();
        let mut summary = left.clone().unwrap_or_else(nothing);
        if let Some(pod) = pod {
            if !text.is_empty() {
                text.push('\n');
            }
            let findings = findings(pod, now);
            tell(&findings, &mut text);
            describe(pod, &mut text);
            let first = findings.first().map(|finding| finding.message.clone());
            // What the API does not know yet, or never will.
            let left = left.filter(|_| exit_code_of(pod).is_none());
            summary = match (left, first) {
                (Some(left), Some(first)) => format!("{first}; {left}"),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => without_finding(pod),
            };
        }
        if let Some(events) = events {
            list(events, &mut text);
        }
        if let Some(log) = log {
            _ = write!(text, "\nThe end of the log of {MAIN}:\n{log}");
        }
        Self {
            summary: secrets.hidden_in(&summary).into_owned(),
            text: secrets.hidden_in(text.trim_end()).into_owned(),
            is_seen: pod.is_some(),
        }
    }
}

/// What the pod says of its end, the most telling first.
fn findings(pod: &Value, now: Timestamp) -> Vec<Finding> {
    let read = serde_json::from_value::<Pod>(pod.clone());
    let mut found = read.map(|pod| explain_pod(&pod, now)).unwrap_or_default();
    // How long it has been going is another at each look.
    found.retain(|finding| finding.reason != "Terminating");
    found
}

/// What a pod says that is none too well, and says nothing of an end.
fn without_finding(pod: &Value) -> String {
    match main_state(pod) {
        Some(("running", _)) => format!("{MAIN} still ran when its pod was looked at"),
        Some(("terminated", _)) => format!("{MAIN} ended well, and the run counts as failed"),
        _ => format!("{MAIN} was never started"),
    }
}

/// What was found, each with what to do about it.
fn tell(findings: &[Finding], out: &mut String) {
    for Finding { message, remedy, .. } in findings {
        _ = writeln!(out, "{message}.");
        if let Some(remedy) = remedy {
            _ = writeln!(out, "  Hint: {remedy}");
        }
    }
    if !findings.is_empty() {
        out.push('\n');
    }
}

/// The pod's state.
fn describe(pod: &Value, out: &mut String) {
    _ = writeln!(out, "Pod: {}", name(pod).unwrap_or_default());
    for (label, pointer) in [
        ("Namespace", "/metadata/namespace"),
        ("Node", "/spec/nodeName"),
        ("Status", "/status/phase"),
        ("Reason", "/status/reason"),
        ("Message", "/status/message"),
        ("Being deleted, killed at", "/metadata/deletionTimestamp"),
    ] {
        if let Some(value) = text(pod, pointer) {
            _ = writeln!(out, "{label}: {value}");
        }
    }
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    for condition in conditions.into_iter().flatten() {
        // Only what is not so tells anything, and the one condition that is bad when it is so.
        let is_so = text(condition, "/status") == Some("True");
        let kind = text(condition, "/type").unwrap_or_default();
        if let Some(message) =
            text(condition, "/message").filter(|_| is_so == (kind == "DisruptionTarget"))
        {
            _ = writeln!(out, "{kind}: {message}");
        }
    }
    for list in ["initContainerStatuses", "containerStatuses"] {
        let statuses = pod.pointer("/status").and_then(|status| status.get(list)?.as_array());
        for status in statuses.into_iter().flatten() {
            container(status, out);
        }
    }
}

fn container(status: &Value, out: &mut String) {
    let restarts = status.get("restartCount").and_then(Value::as_i64).unwrap_or_default();
    let name = text(status, "/name").unwrap_or_default();
    _ = write!(out, "Container {name}: restarted {restarts} times");
    let state =
        status.get("state").and_then(Value::as_object).and_then(|state| state.iter().next());
    if let Some((state, of_it)) = state {
        _ = write!(out, ", {state}");
        for (key, value) in of_it.as_object().into_iter().flatten() {
            match value {
                // The container's own id says nothing to anybody who reads this.
                Value::String(_) if key == "containerID" => {}
                Value::String(text) => _ = write!(out, ", {key} {text}"),
                Value::Number(number) => _ = write!(out, ", {key} {number}"),
                _ => {}
            }
        }
    }
    out.push('\n');
}

/// The last events, in the order in which they happened.
fn list(events: &[Value], out: &mut String) {
    let time = |event: &&Value| {
        ["/lastTimestamp", "/eventTime", "/firstTimestamp", "/metadata/creationTimestamp"]
            .iter()
            .find_map(|pointer| text(event, pointer))
            .unwrap_or_default()
            .to_owned()
    };
    let mut sorted: Vec<&Value> = events.iter().collect();
    sorted.sort_by_key(time);
    let left_out = sorted.len().saturating_sub(EVENTS);
    out.push_str(if sorted.is_empty() { "\nEvents: none\n" } else { "\nEvents:\n" });
    for event in sorted.iter().skip(left_out) {
        let [kind, reason, message] = ["/type", "/reason", "/message"]
            .map(|pointer| text(event, pointer).unwrap_or_default());
        _ = writeln!(out, "  {} {kind} {reason}: {}", time(event), message.trim());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ended(state: Value) -> Value {
        json!({
            "metadata": {"name": "a-main", "namespace": "ingestion"},
            "spec": {"nodeName": "n", "containers": [{"name": "main", "image": "i"}]},
            "status": {"phase": "Failed", "containerStatuses": [{"name": "main", "restartCount": 0, "state": state}]},
        })
    }

    fn of(seen: &Seen) -> Diagnosis {
        Diagnosis::of(seen, &SecretValues::default(), "2026-11-29T07:00:00Z".parse().unwrap())
    }

    #[test]
    fn every_end_has_a_sentence_of_its_own() {
        let mut pod = ended(json!({"running": {}}));
        pod["metadata"]["deletionTimestamp"] = json!("2026-11-29T08:00:00Z");
        let mut sentences = Vec::new();
        for (pod, part) in [
            (ended(json!({"terminated": {"exitCode": 3, "reason": "Error"}})), "exit code 3"),
            (ended(json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}})), "memory"),
            (ended(json!({"terminated": {"exitCode": 137, "reason": "Error"}})), "SIGKILL"),
            (ended(json!({"terminated": {"exitCode": 0}})), "ended well"),
            (ended(json!({"running": {}})), "still ran"),
            (pod, "being deleted"),
            (json!({"status": {"reason": "Evicted", "message": "low on memory"}}), "evicted"),
            (json!({"status": {"reason": "DeadlineExceeded"}}), "longer"),
            (json!({"status": {"phase": "Pending"}}), "never started"),
        ] {
            let sentence = of(&Seen { pod: Some(pod), ..Seen::default() }).summary;
            assert!(sentence.contains(part), "{part}: {sentence}");
            assert!(!sentences.contains(&sentence), "{sentence}");
            sentences.push(sentence);
        }
    }

    #[test]
    fn what_is_found_comes_first_with_what_to_do_about_it() {
        let pod = ended(json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}));
        let Diagnosis { text, summary, .. } = of(&Seen { pod: Some(pod), ..Seen::default() });
        assert!(text.starts_with(&format!("{summary}.\n  Hint: ")), "{text}");
    }

    #[test]
    fn a_pod_that_should_be_gone_is_told_alike_at_each_look() {
        let mut pod = ended(json!({"running": {}}));
        pod["status"]["phase"] = json!("Running");
        pod["metadata"]["deletionTimestamp"] = json!("2026-11-29T06:00:00Z");
        assert!(findings(&pod, "2026-11-29T07:00:00Z".parse().unwrap()).is_empty());
    }

    #[test]
    fn the_text_has_state_events_and_log_in_this_order() {
        let event = |time: &str, reason: &str| json!({"lastTimestamp": time, "type": "Warning", "reason": reason, "message": "m\n"});
        let seen = Seen {
            pod: Some(ended(
                json!({"terminated": {"exitCode": 3, "reason": "Error", "containerID": "containerd://x"}}),
            )),
            events: Some(vec![
                event("2026-11-29T06:00:02Z", "BackOff"),
                event("2026-11-29T06:00:01Z", "Failed"),
            ]),
            log: Some("one\ntwo\n".to_owned()),
            ..Seen::default()
        };
        let Diagnosis { text, is_seen, .. } = of(&seen);
        assert!(is_seen);
        let (found, rest) = text.split_once("\n\n").unwrap();
        assert!(found.contains("exit code 3"), "{found}");
        assert_eq!(
            rest,
            "Pod: a-main\nNamespace: ingestion\nNode: n\nStatus: Failed\nContainer main: restarted 0 times, terminated, exitCode 3, reason Error\n\n\
             Events:\n  2026-11-29T06:00:01Z Warning Failed: m\n  2026-11-29T06:00:02Z Warning BackOff: m\n\n\
             The end of the log of main:\none\ntwo"
        );
    }

    #[test]
    fn an_exit_code_that_only_mains_launcher_knows_is_told() {
        let seen = |pod| Seen { pod, exit_code: Some(143), ..Seen::default() };
        assert!(of(&seen(None)).summary.contains("exit code 143: SIGTERM"));
        let mut pod = ended(json!({"running": {}}));
        pod["metadata"]["deletionTimestamp"] = json!("2026-11-29T08:00:00Z");
        let summary = of(&seen(Some(pod))).summary;
        assert!(summary.contains("being deleted; main ended with exit code 143"), "{summary}");
        let known = ended(json!({"terminated": {"exitCode": 143, "reason": "Error"}}));
        let summary = of(&seen(Some(known))).summary;
        assert_eq!(summary.matches("143").count(), 1, "{summary}");
    }

    #[test]
    fn only_the_last_ten_events_are_told() {
        let event = |second: usize| json!({"eventTime": format!("2026-11-29T06:00:{second:02}.5Z"), "reason": format!("R{second:02}")});
        let seen = Seen { events: Some((0..25).rev().map(event).collect()), ..Seen::default() };
        let text = of(&seen).text;
        assert!(!text.contains("R14") && text.contains("R15") && text.contains("R24"), "{text}");
    }

    #[test]
    fn what_could_not_be_seen_is_told_and_no_secret_is() {
        let mut secrets = SecretValues::default();
        secrets.add("hunter22");
        let missing = vec!["No pod: forbidden.".to_owned()];
        let seen = Seen { missing, log: Some("login with hunter22".to_owned()), ..Seen::default() };
        let now = "2026-11-29T07:00:00Z".parse().unwrap();
        let diagnosis = Diagnosis::of(&seen, &secrets, now);
        assert!(!diagnosis.is_seen && diagnosis.summary.contains("could not be looked at"));
        assert!(diagnosis.text.starts_with("No pod: forbidden.\n"), "{}", diagnosis.text);
        assert!(diagnosis.text.ends_with("login with •••"), "{}", diagnosis.text);
    }
}
