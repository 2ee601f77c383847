//! Whether an applied object does what it is for.
//!
//! In: a live object. Out: that it is ready, or why not. A CronJob is as soon as the API server has
//! it, as a ConfigMap is; an ExternalSecret when its Secret is there, a CronOMJob when an operator
//! has seen its schedule. It does no I/O.

use serde_json::Value;

use crate::diagnostic::redact;

/// The kinds that are not ready as soon as they are there.
pub const WAITED_FOR: [&str; 4] = ["ExternalSecret", "SealedSecret", "CronOMJob", "OMJob"];

/// Why an object is not ready yet; `None` when it is.
pub fn unready(object: &Value) -> Option<String> {
    let text = |at: &str| object.pointer(at).and_then(Value::as_str);
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        return Some("it is being deleted".to_owned());
    }
    match text("/kind")? {
        "ExternalSecret" => condition(object, "Ready", "External Secrets has not looked at it"),
        "SealedSecret" => condition(object, "Synced", "its controller has not looked at it"),
        "CronOMJob" => {
            let seen = text("/status/observedSchedule/schedule");
            let zone = text("/status/observedSchedule/timeZone");
            match seen {
                None => Some("no operator has seen it; is one running?".to_owned()),
                Some(schedule) => {
                    let is_current =
                        Some(schedule) == text("/spec/schedule") && zone == text("/spec/timeZone");
                    (!is_current).then(|| "the operator has not seen its schedule yet".to_owned())
                }
            }
        }
        "OMJob" => text("/status/phase")
            .is_none()
            .then(|| "no operator has seen it; is one running?".to_owned()),
        _ => None,
    }
}

fn condition(object: &Value, name: &str, nobody: &str) -> Option<String> {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let found = conditions.into_iter().flatten().find(|condition| condition["type"] == name);
    let Some(found) = found else { return Some(nobody.to_owned()) };
    // What was true of the object before is not what it is now.
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
    let seen = found.get("observedGeneration").and_then(Value::as_i64);
    let synced = object.pointer("/status/syncedResourceVersion").and_then(Value::as_str);
    let synced = synced.and_then(|version| version.split('-').next()?.parse::<i64>().ok());
    if seen.or(synced).is_some_and(|seen| generation.is_some_and(|now| now != seen)) {
        return Some("its change has not been looked at yet".to_owned());
    }
    if found["status"] == "True" {
        return None;
    }
    let part = |key: &str| found.get(key).and_then(Value::as_str).unwrap_or_default().trim();
    let message = redact::value(&[], part("message"));
    let why = [part("reason"), &message].into_iter().filter(|part| !part.is_empty());
    let why = why.collect::<Vec<_>>().join(": ");
    Some(if why.is_empty() { "it is not ready".to_owned() } else { why })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_no_status_is_ready_when_it_is_there() {
        for kind in ["CronJob", "ConfigMap", "Secret", "Role"] {
            assert_eq!(unready(&json!({"kind": kind})), None);
        }
    }

    #[test]
    fn an_external_secret_is_ready_when_the_condition_says_so_of_this_generation() {
        let with = |generation: i64, status: &str, synced: &str| {
            unready(&json!({
                "kind": "ExternalSecret", "metadata": {"generation": generation},
                "status": {"syncedResourceVersion": synced, "conditions": [
                    {"type": "Ready", "status": status, "reason": "SecretSyncedError", "message": "no such key"},
                ]},
            }))
        };
        assert_eq!(with(2, "True", "2-abc"), None);
        assert!(with(3, "True", "2-abc").is_some());
        assert_eq!(with(2, "False", "").as_deref(), Some("SecretSyncedError: no such key"));
        assert!(unready(&json!({"kind": "ExternalSecret"})).is_some());
    }

    #[test]
    fn a_cron_omjob_is_ready_when_an_operator_has_seen_the_schedule_that_it_has() {
        let with = |observed: Value| {
            unready(&json!({
                "kind": "CronOMJob", "spec": {"schedule": "@daily", "timeZone": "Etc/UTC"},
                "status": {"observedSchedule": observed},
            }))
        };
        assert_eq!(with(json!({"schedule": "@daily", "timeZone": "Etc/UTC"})), None);
        assert!(with(json!({"schedule": "@hourly", "timeZone": "Etc/UTC"})).is_some());
        assert!(with(json!({"schedule": "@daily"})).is_some());
        assert!(with(Value::Null).unwrap().contains("is one running?"));
    }

    #[test]
    fn what_is_being_deleted_is_never_ready() {
        assert!(
            unready(&json!({"kind": "CronJob", "metadata": {"deletionTimestamp": "x"}})).is_some()
        );
    }
}
