//! What a run's own object says: the Job, or the OMJob.
//!
//! In: the object and its events. Out: findings: deadlines, retries that are used up, pods that were
//! never let in, exit handlers that did not run.

use super::finding::Finding;
use crate::cluster::observed::{Event, Job, OMJob};
use crate::crd::{Condition, ConditionStatus};

/// What a Job says.
pub(super) fn of_job(job: &Job) -> Vec<Finding> {
    let object = || format!("job/{}", job.metadata.name);
    let mut found = Vec::new();
    if let Some(failed) =
        job.status.conditions.iter().find(|one| one.kind == "Failed" && one.status == "True")
    {
        match failed.reason.as_str() {
            "DeadlineExceeded" => {
                let message = match job.spec.active_deadline_seconds {
                    Some(seconds) => format!(
                        "the run took longer than its deadline of {seconds} s and was ended"
                    ),
                    None => "the run took longer than its deadline and was ended".to_owned(),
                };
                found.push(Finding::new("DeadlineExceeded", object(), message).remedy(
                    "Raise `kubernetes.activeDeadlineSeconds` of the pipeline, which counts retries and waiting too, or \
                     have the ingestion take less at once.",
                ));
            }
            // Each pod says why it failed; this only says that it is not tried again.
            "BackoffLimitExceeded" => {
                let limit = job.spec.backoff_limit.unwrap_or(6);
                let message = match limit {
                    0 => "the run is not tried again: `kubernetes.backoffLimit` is 0".to_owned(),
                    limit => format!("the run was tried {} times, as often as it may", limit + 1),
                };
                found.push(Finding::new("BackoffLimitExceeded", object(), message));
            }
            reason => found.push(Finding::new(reason, object(), &failed.message)),
        }
    }
    if job.spec.suspend == Some(true) {
        found.push(
            Finding::new("Suspended", object(), "the Job is suspended: it has no pods")
                .remedy("Resume it, by setting its `spec.suspend` to false."),
        );
    }
    found
}

/// What an OMJob says.
pub(super) fn of_omjob(job: &OMJob) -> Vec<Finding> {
    let object = || format!("omjob/{}", job.metadata.name);
    let status = job.status.clone().unwrap_or_default();
    let mut found = Vec::new();
    for condition in &status.conditions {
        match (condition.kind.as_str(), condition.status) {
            ("Failed", ConditionStatus::True) => found.push(failed(object(), job, condition)),
            ("ExitHandlerCompleted", ConditionStatus::False | ConditionStatus::Unknown) => {
                found.extend(exit_handler(object(), condition));
            }
            _ => {}
        }
    }
    if status.phase.is_none() && status.main.is_none() {
        found.push(
            Finding::new("NotTakenUp", object(), "no operator has taken the OMJob up").remedy(
                "Does the operator run, and does it look at this namespace? `ompipe doctor` looks at it.",
            ),
        );
    }
    found
}

fn failed(object: String, job: &OMJob, condition: &Condition) -> Finding {
    let reason = condition.reason.as_str();
    let finding = Finding::new(reason, object, &condition.message);
    match reason {
        "DeadlineExceeded" => finding.remedy(match job.spec.active_deadline_seconds {
            Some(seconds) => format!(
                "Raise `kubernetes.activeDeadlineSeconds` of the pipeline beyond {seconds}, or have the ingestion take less \
                 at once."
            ),
            None => "Raise `kubernetes.activeDeadlineSeconds` of the pipeline.".to_owned(),
        }),
        "Deleted" => finding.remedy("Somebody deleted the main pod: `ompipe kill`, or a drained node."),
        "Lost" => finding.remedy("Its node was lost: run the pipeline again."),
        "Invalid" => finding.remedy("The API server refuses the pod: mend the pipeline's `podTemplate` or parameters."),
        _ => finding,
    }
}

fn exit_handler(object: String, condition: &Condition) -> Option<Finding> {
    let reason = condition.reason.as_str();
    let (said, remedy) = match reason {
        "ExitHandlerFailed" => (
            "the exit handler ran and failed: OpenMetadata may not know how the run ended",
            "Read its log: `ompipe logs` with `--exit-handler`.",
        ),
        "ExitHandlerInterrupted" => (
            "the exit handler was interrupted: OpenMetadata may not know how the run ended",
            "It is not run again, since it may have reported already. Look into OpenMetadata.",
        ),
        "ExitHandlerNotRun" => (
            "the exit handler did not run: OpenMetadata does not know how the run ended",
            "Its pod got no node or could not start in time: the events say why.",
        ),
        // It has not ended yet.
        _ => return None,
    };
    let message = match condition.message.as_str() {
        "" => said.to_owned(),
        more => format!("{said}. {more}"),
    };
    Some(Finding::new(reason, object, message).remedy(remedy))
}

/// Pods that the API server did not let in, as the run's events tell it: the newest refusal.
pub(super) fn refused(events: &[&Event], object: &str) -> Option<Finding> {
    let refusals = events.iter().filter(|event| event.reason.as_deref() == Some("FailedCreate"));
    let event = refusals.max_by_key(|event| event.time())?;
    let said = event.message.as_deref().unwrap_or_default();
    let said = said.strip_prefix("Error creating: ").unwrap_or(said);
    let message = format!("no pod of the run was let in: {said}");
    let remedy = if said.contains("exceeded quota") {
        "Raise the ResourceQuota of the namespace, remove what it counts, or lower `kubernetes.resources` of the pipeline."
    } else if said.contains("violates PodSecurity") {
        "What is rendered keeps to Pod Security \"restricted\": a parameter or the `podTemplate` of the pipeline breaks it. \
         Mend that, or change the namespace's label pod-security.kubernetes.io/enforce."
    } else if said.contains("serviceaccount") {
        "Create the ServiceAccount, or correct `kubernetes.serviceAccountName`: `ompipe apply` makes the project's."
    } else if said.contains("admission webhook") {
        "A webhook of the cluster refuses the pod: ask who runs it."
    } else if said.contains("is being terminated") {
        "The namespace is being deleted."
    } else if said.contains("minimum") || said.contains("maximum") {
        "A LimitRange of the namespace refuses it: change `kubernetes.resources` of the pipeline."
    } else {
        "Mend the pipeline's parameters or `podTemplate`."
    };
    Some(Finding::new("FailedCreate", object, message).remedy(remedy))
}

/// What the events of a run's pods say that nothing else does.
pub(super) fn told_by_events(events: &[&Event]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for event in events {
        let object =
            format!("{}/{}", event.involved_object.kind.to_lowercase(), event.involved_object.name);
        let said = event.message.as_deref().unwrap_or_default();
        let finding = match event.reason.as_deref().unwrap_or_default() {
            "FailedPreStopHook" => Finding::new(
                "FailedPreStopHook",
                object,
                format!("the exit handler in the preStop hook failed: {said}"),
            )
            .remedy(
                "OpenMetadata may not know how the run ended. Give it more time by \
                 `kubernetes.terminationGracePeriodSeconds`, or take `kubernetes.exitHandler: sidecar`, whose log is kept.",
            ),
            "FailedMount" | "FailedAttachVolume" => {
                let finding = Finding::new("FailedMount", object, format!("a volume cannot be mounted: {said}"));
                match super::waiting::missing(said) {
                    Some(missing) => finding.remedy(format!(
                        "Create the {} {}, which a volume of the pipeline's `podTemplate` names.",
                        missing.kind, missing.name
                    )),
                    None => finding.remedy("Look at the volumes in the pipeline's `podTemplate`."),
                }
            }
            "FailedCreatePodSandBox" => Finding::new(
                "FailedCreatePodSandBox",
                object,
                format!("the node cannot make room for the pod: {said}"),
            )
            .remedy("Look at the node: its network plugin or its container runtime fails."),
            "NodeNotReady" => continue,
            _ => continue,
        };
        if !found.iter().any(|known| known.reason == finding.reason) {
            found.push(finding);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(status: Value) -> Vec<Finding> {
        let job = json!({
            "metadata": {"name": "om-job-a-1"},
            "spec": {"activeDeadlineSeconds": 60, "backoffLimit": 2},
            "status": status,
        });
        of_job(&serde_json::from_value(job).unwrap())
    }

    fn events(reason: &str, message: &str) -> Event {
        let event = json!({
            "involvedObject": {"kind": "Job", "name": "om-job-a-1"},
            "reason": reason, "message": message, "lastTimestamp": "2026-11-29T05:00:00Z",
        });
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_deadline_says_how_long_it_was() {
        let failed = |reason: &str| {
            job(json!({"conditions": [{"type": "Failed", "status": "True", "reason": reason}]}))
        };
        assert!(failed("DeadlineExceeded")[0].message.contains("its deadline of 60 s"));
        assert!(failed("BackoffLimitExceeded")[0].message.contains("tried 3 times"));
        assert_eq!(job(json!({"succeeded": 1})), []);
    }

    #[test]
    fn an_exit_handler_that_did_not_end_well_is_told() {
        let of = |reason: &str, status: &str| {
            let condition = json!({
                "type": "ExitHandlerCompleted", "status": status, "reason": reason, "message": "",
                "lastTransitionTime": "2026-11-29T05:00:00Z",
            });
            let job = json!({"status": {"phase": "Succeeded", "conditions": [condition]}});
            of_omjob(&serde_json::from_value(job).unwrap())
        };
        for reason in ["ExitHandlerFailed", "ExitHandlerInterrupted", "ExitHandlerNotRun"] {
            assert_eq!(of(reason, "False")[0].reason, reason);
        }
        assert_eq!(of("ExitHandlerCompleted", "True"), []);
    }

    #[test]
    fn an_omjob_that_nobody_looks_at_says_so() {
        assert_eq!(of_omjob(&OMJob::default())[0].reason, "NotTakenUp");
    }

    #[test]
    fn a_refused_pod_is_told_with_what_refuses_it() {
        for (said, remedy) in [
            ("pods \"a\" is forbidden: exceeded quota: q, requested: pods=1", "ResourceQuota"),
            ("pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\"", "Pod Security"),
            (
                "pods \"a\" is forbidden: error looking up service account ns/x: serviceaccount \"x\" not found",
                "ServiceAccount",
            ),
            ("admission webhook \"w\" denied the request", "webhook"),
        ] {
            let event = events("FailedCreate", &format!("Error creating: {said}"));
            let finding = refused(&[&event], "job/om-job-a-1").unwrap();
            assert!(finding.message.ends_with(said), "{}", finding.message);
            assert!(finding.remedy.as_ref().unwrap().contains(remedy), "{finding:?}");
        }
        assert_eq!(refused(&[&events("SuccessfulCreate", "")], "job/a"), None);
    }

    #[test]
    fn a_mount_that_lacks_its_secret_names_it() {
        let said = "MountVolume.SetUp failed for volume \"v\" : secret \"keys\" not found";
        let event = events("FailedMount", said);
        let found = told_by_events(&[&event, &event]);
        assert_eq!(found.len(), 1);
        assert!(found[0].remedy.as_ref().unwrap().starts_with("Create the Secret keys"));
    }
}
