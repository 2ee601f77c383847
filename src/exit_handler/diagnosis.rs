//! Why a run failed, in words for the page of the pipeline in OpenMetadata.
//!
//! In: what was seen of the main pod, or why nothing was. Out: a [`Diagnosis`]: one sentence, and a
//! text with the pod's state, its last events and the end of its log. Values of secrets that are
//! known are hidden in it.

use std::fmt::Write as _;

use serde_json::Value;

use super::main_pod::{MAIN, main_state, name, text};
use super::secret_values::SecretValues;

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
    /// What could not be seen, and why, a sentence each.
    pub(super) missing: Vec<String>,
}

impl Diagnosis {
    /// Puts into words what was seen.
    pub(super) fn of(seen: &Seen, secrets: &SecretValues) -> Self {
        let Seen { pod, events, log, missing } = seen;
        let mut text = String::new();
        for sentence in missing {
            _ = writeln!(text, "{sentence}");
        }
        if let Some(pod) = pod {
            if !text.is_empty() {
                text.push('\n');
            }
            describe(pod, &mut text);
        }
        if let Some(events) = events {
            list(events, &mut text);
        }
        if let Some(log) = log {
            _ = write!(text, "\nThe end of the log of {MAIN}:\n{log}");
        }
        let summary = pod.as_ref().map_or_else(
            || "the run failed, and its pod could not be looked at".to_owned(),
            summary,
        );
        Self {
            summary: secrets.hidden_in(&summary).into_owned(),
            text: secrets.hidden_in(text.trim_end()).into_owned(),
            is_seen: pod.is_some(),
        }
    }
}

/// What became of the pod, in one sentence.
fn summary(pod: &Value) -> String {
    let message = || text(pod, "/status/message").map(|text| format!(": {text}"));
    match text(pod, "/status/reason") {
        Some("Evicted") => return format!("the pod was evicted{}", message().unwrap_or_default()),
        Some("DeadlineExceeded") => {
            return "the run took longer than its activeDeadlineSeconds".to_owned();
        }
        Some("NodeLost" | "NodeShutdown" | "Terminated") => {
            return format!("the pod was lost with its node{}", message().unwrap_or_default());
        }
        _ => {}
    }
    let field = |state: &Value, key: &str| {
        state.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    match main_state(pod) {
        Some(("terminated", state)) => {
            let code = state.get("exitCode").and_then(Value::as_i64).unwrap_or_default();
            match field(state, "reason").as_str() {
                "OOMKilled" => format!(
                    "{MAIN} was killed because it needed more memory than its limit allows (exit code {code})"
                ),
                "StartError" | "ContainerCannotRun" => {
                    format!("{MAIN} could not be started: {}", field(state, "message"))
                }
                _ => match code {
                    137 => format!("{MAIN} was killed (exit code 137, SIGKILL)"),
                    143 => format!("{MAIN} was told to end (exit code 143, SIGTERM)"),
                    code => format!("{MAIN} ended with exit code {code}"),
                },
            }
        }
        Some(("waiting", state)) => {
            let (reason, message) = (field(state, "reason"), field(state, "message"));
            format!("{MAIN} was never started: {reason} {message}").trim_end().to_owned()
        }
        Some(_) if text(pod, "/metadata/deletionTimestamp").is_some() => {
            format!("the pod was deleted while {MAIN} ran")
        }
        Some(_) => format!("{MAIN} still ran when its state was looked at"),
        None => "the pod never came to start its container".to_owned(),
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
            "status": {"phase": "Failed", "containerStatuses": [{"name": "main", "restartCount": 0, "state": state}]},
        })
    }

    fn of(pod: Value) -> Diagnosis {
        Diagnosis::of(&Seen { pod: Some(pod), ..Seen::default() }, &SecretValues::default())
    }

    #[test]
    fn every_end_has_a_sentence_of_its_own() {
        let mut sentences = Vec::new();
        for (pod, part) in [
            (ended(json!({"terminated": {"exitCode": 3, "reason": "Error"}})), "exit code 3"),
            (ended(json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}})), "memory"),
            (ended(json!({"terminated": {"exitCode": 137, "reason": "Error"}})), "SIGKILL"),
            (ended(json!({"terminated": {"exitCode": 143, "reason": "Error"}})), "SIGTERM"),
            (
                ended(
                    json!({"terminated": {"exitCode": 128, "reason": "StartError", "message": "no python"}}),
                ),
                "no python",
            ),
            (
                ended(
                    json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}),
                ),
                "no such image",
            ),
            (ended(json!({"running": {}})), "still ran"),
            (
                json!({"metadata": {"deletionTimestamp": "2026-11-29T06:00:00Z"}, "status": {"containerStatuses": [{"name": "main", "state": {"running": {}}}]}}),
                "deleted",
            ),
            (json!({"status": {"reason": "Evicted", "message": "low on memory"}}), "low on memory"),
            (json!({"status": {"reason": "DeadlineExceeded"}}), "activeDeadlineSeconds"),
            (json!({"status": {"phase": "Pending"}}), "never came"),
        ] {
            let sentence = of(pod).summary;
            assert!(sentence.contains(part), "{sentence}");
            assert!(!sentences.contains(&sentence), "{sentence}");
            sentences.push(sentence);
        }
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
            missing: Vec::new(),
        };
        let Diagnosis { text, is_seen, .. } = Diagnosis::of(&seen, &SecretValues::default());
        assert!(is_seen);
        assert_eq!(
            text,
            "Pod: a-main\nNamespace: ingestion\nStatus: Failed\nContainer main: restarted 0 times, terminated, exitCode 3, reason Error\n\n\
             Events:\n  2026-11-29T06:00:01Z Warning Failed: m\n  2026-11-29T06:00:02Z Warning BackOff: m\n\n\
             The end of the log of main:\none\ntwo"
        );
    }

    #[test]
    fn only_the_last_ten_events_are_told() {
        let event = |second: usize| json!({"eventTime": format!("2026-11-29T06:00:{second:02}.5Z"), "reason": format!("R{second:02}")});
        let seen = Seen { events: Some((0..25).rev().map(event).collect()), ..Seen::default() };
        let text = Diagnosis::of(&seen, &SecretValues::default()).text;
        assert!(!text.contains("R14") && text.contains("R15") && text.contains("R24"), "{text}");
    }

    #[test]
    fn what_could_not_be_seen_is_told_and_no_secret_is() {
        let mut secrets = SecretValues::default();
        secrets.add("hunter22");
        let missing = vec!["No pod: forbidden.".to_owned()];
        let seen = Seen { missing, log: Some("login with hunter22".to_owned()), ..Seen::default() };
        let diagnosis = Diagnosis::of(&seen, &secrets);
        assert!(!diagnosis.is_seen && diagnosis.summary.contains("could not be looked at"));
        assert!(diagnosis.text.starts_with("No pod: forbidden.\n"), "{}", diagnosis.text);
        assert!(diagnosis.text.ends_with("login with •••"), "{}", diagnosis.text);
    }
}
