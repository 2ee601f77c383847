//! Which pod is the run's main one, and what its state says.
//!
//! In: pods as the API server lists them. Out: the labels to list by, the pod, and parts of its
//! status. Nothing is asked from here.

use jiff::Timestamp;
use serde_json::Value;

use crate::model::labels::RUN_ID;

/// The container that ingests.
pub(super) const MAIN: &str = "main";

/// On pods of a Job: its name.
const JOB_NAME: &str = "job-name";
/// On pods of an OMJob: its name.
const OMJOB_NAME: &str = "omjob.pipelines.openmetadata.org/name";
/// On pods of an OMJob: `main` or `exit-handler`.
const POD_TYPE: &str = "omjob.pipelines.openmetadata.org/pod-type";
const EXIT_HANDLER: &str = "exit-handler";

/// The label selectors of a run's main pod, the surest first.
pub(super) fn selectors(job: Option<&str>, run_id: Option<&str>) -> Vec<String> {
    let mut selectors = Vec::new();
    if let Some(job) = job {
        selectors.push(format!("{JOB_NAME}={job}"));
        selectors.push(format!("{OMJOB_NAME}={job},{POD_TYPE}={MAIN}"));
        selectors.push(format!("{OMJOB_NAME}={job}"));
    }
    selectors.extend(run_id.map(|id| format!("{RUN_ID}={id}")));
    selectors
}

/// The main pod among those of a selector: the exit handler's own, where that is a container of it;
/// else the newest, since a run that is tried again has several. An exit handler's pod is none.
pub(super) fn choose<'p>(pods: &'p [Value], own: Option<&str>) -> Option<&'p Value> {
    let is_main = |pod: &&Value| label(pod, POD_TYPE) != Some(EXIT_HANDLER);
    let mains = || pods.iter().filter(is_main);
    let ours = mains().find(|pod| own.is_some_and(|own| name(pod) == Some(own)));
    // RFC 3339 in UTC: later times are greater as texts, too.
    let created = |pod: &&Value| text(pod, "/metadata/creationTimestamp").map(str::to_owned);
    ours.or_else(|| mains().max_by_key(created))
}

/// A pod's name.
pub(super) fn name(pod: &Value) -> Option<&str> {
    text(pod, "/metadata/name")
}

fn label<'p>(pod: &'p Value, key: &str) -> Option<&'p str> {
    pod.pointer("/metadata/labels")?.get(key)?.as_str()
}

/// The state of container `main`: `waiting`, `running` or `terminated`, and what belongs to it.
pub(super) fn main_state(pod: &Value) -> Option<(&str, &Value)> {
    let statuses = pod.pointer("/status/containerStatuses")?.as_array()?;
    let main = statuses.iter().find(|status| status.get("name") == Some(&Value::from(MAIN)))?;
    let (state, of_it) = main.get("state")?.as_object()?.iter().next()?;
    Some((state, of_it))
}

/// Main's exit code, once it has ended.
pub(super) fn exit_code(pod: &Value) -> Option<i64> {
    match main_state(pod)? {
        ("terminated", state) => state.get("exitCode")?.as_i64(),
        _ => None,
    }
}

/// When main started; before that, when its pod did.
pub(super) fn started(pod: &Value) -> Option<Timestamp> {
    let of_main = main_state(pod).and_then(|(_, state)| state.get("startedAt")?.as_str());
    of_main.or(text(pod, "/status/startTime"))?.parse().ok()
}

/// When the kubelet kills a pod that is being deleted.
pub(super) fn killed_at(pod: &Value) -> Option<Timestamp> {
    text(pod, "/metadata/deletionTimestamp")?.parse().ok()
}

/// Whether somebody has asked for a pod's deletion.
pub(super) fn is_being_deleted(pod: &Value) -> bool {
    text(pod, "/metadata/deletionTimestamp").is_some()
}

/// A text at a place of an object.
pub(super) fn text<'p>(object: &'p Value, pointer: &str) -> Option<&'p str> {
    object.pointer(pointer)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, created: &str, labels: Value) -> Value {
        json!({"metadata": {"name": name, "creationTimestamp": created, "labels": labels}})
    }

    #[test]
    fn a_pod_is_looked_for_by_its_job_then_its_omjob_then_its_run() {
        assert_eq!(
            selectors(Some("om-job-a"), Some("4a")),
            [
                "job-name=om-job-a",
                "omjob.pipelines.openmetadata.org/name=om-job-a,omjob.pipelines.openmetadata.org/pod-type=main",
                "omjob.pipelines.openmetadata.org/name=om-job-a",
                "app.kubernetes.io/run-id=4a",
            ]
        );
        assert_eq!(selectors(None, None), [""; 0]);
    }

    #[test]
    fn of_several_attempts_it_is_ones_own_pod_or_else_the_newest() {
        let pods = [
            pod("second", "2026-11-29T06:00:09Z", json!({})),
            pod("third", "2026-11-29T06:00:10Z", json!({})),
            pod("first", "2026-11-29T05:59:59Z", json!({})),
        ];
        let chosen = |own| choose(&pods, own).and_then(name);
        assert_eq!(chosen(None), Some("third"));
        assert_eq!(chosen(Some("first")), Some("first"));
        assert_eq!(chosen(Some("node-1")), Some("third"));
    }

    #[test]
    fn the_exit_handlers_pod_is_never_the_main_one() {
        let exit = pod("a-exit", "2026-11-29T06:00:10Z", json!({POD_TYPE: EXIT_HANDLER}));
        let main = pod("a-main", "2026-11-29T06:00:00Z", json!({POD_TYPE: "main"}));
        let pods = [main, exit.clone()];
        assert_eq!(choose(&pods, Some("a-exit")).and_then(name), Some("a-main"));
        assert_eq!(choose(&[exit], None), None);
    }

    #[test]
    fn an_exit_code_is_known_once_main_has_ended() {
        let of = |state: Value| {
            let sidecar = json!({"name": "exit-handler", "state": {"running": {}}});
            let statuses = json!([sidecar, {"name": "main", "state": state}]);
            exit_code(&json!({"status": {"containerStatuses": statuses}}))
        };
        assert_eq!(of(json!({"terminated": {"exitCode": 137}})), Some(137));
        assert_eq!(of(json!({"running": {"startedAt": "2026-11-29T06:00:00Z"}})), None);
        assert_eq!(exit_code(&json!({})), None);
    }

    #[test]
    fn times_are_read_where_they_are() {
        let pod = json!({
            "metadata": {"deletionTimestamp": "2026-11-29T06:01:00Z"},
            "status": {"startTime": "2026-11-29T06:00:00Z"},
        });
        assert_eq!(started(&pod).unwrap().as_second() + 60, killed_at(&pod).unwrap().as_second());
        assert_eq!((started(&json!({})), killed_at(&json!({}))), (None, None));
    }
}
