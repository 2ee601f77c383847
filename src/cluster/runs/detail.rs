//! What a pod says of its run: how far it is, and why it is no further.
//!
//! In: a pod. Out: [`Detail`]. What a kubelet or a scheduler says is redacted.

use crate::cluster::observed::{ContainerState, Pod, Terminated, Waiting, shown};

/// How far a pod is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Its main container does not run yet.
    Waiting,
    /// Its main container runs.
    Running,
    /// It has ended, and main ended well.
    Succeeded,
    /// It has ended otherwise.
    Failed,
}

/// What a pod says of its run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Detail {
    /// How far it is.
    pub stage: Stage,
    /// Why, in a word of Kubernetes': `OOMKilled`, `Evicted`, `ImagePullBackOff`, `Unschedulable`.
    pub reason: Option<String>,
    /// Why, for people.
    pub message: Option<String>,
    /// Main's exit code.
    pub exit_code: Option<i32>,
}

/// What a pod says of its run.
pub fn pod_detail(pod: &Pod) -> Detail {
    let main = pod.status_of(pod.main_container()).map(|status| &status.state);
    let end = main.and_then(|state| state.terminated.as_ref());
    match pod.status.phase.as_str() {
        "Succeeded" => Detail { stage: Stage::Succeeded, ..ended(end) },
        "Failed" => Detail { stage: Stage::Failed, ..failed(pod, end) },
        _ => match (main, end) {
            // Main is over; a sidecar still runs, or the kubelet has yet to say so.
            (_, Some(end)) => Detail { stage: Stage::Running, ..ended(Some(end)) },
            (Some(ContainerState { running: Some(_), .. }), None) => being_deleted(pod),
            (state, None) => waiting(pod, state.and_then(|state| state.waiting.as_ref())),
        },
    }
}

fn ended(end: Option<&Terminated>) -> Detail {
    Detail {
        stage: Stage::Succeeded,
        reason: end.and_then(|end| end.reason.clone()),
        message: end.and_then(|end| end.message.as_deref()).map(shown),
        exit_code: end.map(|end| end.exit_code),
    }
}

/// Why a pod failed: what became of the whole pod, then what became of main.
fn failed(pod: &Pod, end: Option<&Terminated>) -> Detail {
    let disrupted = pod.condition("DisruptionTarget").filter(|one| one.status == "True");
    let of_pod = pod.status.reason.clone().zip(Some(pod.status.message.clone()));
    let of_condition = disrupted.map(|one| (one.reason.clone(), Some(one.message.clone())));
    let own = ended(end);
    match of_pod.or(of_condition) {
        Some((reason, message)) => Detail {
            reason: Some(reason),
            message: message.filter(|text| !text.is_empty()).as_deref().map(shown),
            ..own
        },
        None => {
            let code = own.exit_code.map(|code| format!("main ended with exit code {code}"));
            Detail { message: own.message.or(code), ..own }
        }
    }
}

fn being_deleted(pod: &Pod) -> Detail {
    let deleted = pod.metadata.deletion_timestamp.is_some();
    Detail {
        stage: Stage::Running,
        reason: deleted.then(|| "Terminating".to_owned()),
        message: None,
        exit_code: None,
    }
}

fn waiting(pod: &Pod, waiting: Option<&Waiting>) -> Detail {
    let refused = pod.condition("PodScheduled").filter(|one| one.status == "False");
    let inits = pod.status.init_container_statuses.iter();
    let mut waits = inits.filter_map(|init| init.state.waiting.as_ref()).chain(waiting);
    let (reason, message) = match refused {
        Some(refused) => (Some(refused.reason.clone()), Some(refused.message.clone())),
        None => {
            // What waits for something else says so without a word of its own.
            let idle = [None, Some("PodInitializing"), Some("ContainerCreating")];
            let told = waits.find(|one| !idle.contains(&one.reason.as_deref()));
            told.map_or((None, None), |one| (one.reason.clone(), one.message.clone()))
        }
    };
    Detail {
        stage: Stage::Waiting,
        reason,
        message: message.filter(|text| !text.is_empty()).as_deref().map(shown),
        exit_code: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn detail(status: Value) -> (Stage, Option<String>, Option<i32>) {
        let pod = serde_json::from_value(json!({"status": status})).unwrap();
        let Detail { stage, reason, exit_code, .. } = pod_detail(&pod);
        (stage, reason, exit_code)
    }

    fn main(state: Value) -> Value {
        json!([{"name": "main", "state": state}])
    }

    #[test]
    fn a_pod_out_of_memory_failed_for_that() {
        let end = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        let found = detail(json!({"phase": "Failed", "containerStatuses": main(end)}));
        assert_eq!(found, (Stage::Failed, Some("OOMKilled".to_owned()), Some(137)));
    }

    #[test]
    fn an_evicted_pod_may_have_no_containers() {
        let found = detail(json!({"phase": "Failed", "reason": "Evicted", "message": "memory"}));
        assert_eq!(found, (Stage::Failed, Some("Evicted".to_owned()), None));
    }

    #[test]
    fn a_pod_evicted_through_the_api_says_so_in_a_condition() {
        let end = json!({"terminated": {"exitCode": 143, "reason": "Error"}});
        let condition = json!({"type": "DisruptionTarget", "status": "True",
                               "reason": "EvictionByEvictionAPI", "message": "evicted"});
        let found = detail(json!({"phase": "Failed", "containerStatuses": main(end),
                                  "conditions": [condition]}));
        assert_eq!(found, (Stage::Failed, Some("EvictionByEvictionAPI".to_owned()), Some(143)));
    }

    #[test]
    fn a_pod_that_cannot_start_waits_and_says_for_what() {
        let pull = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}});
        let found = detail(json!({"phase": "Pending", "containerStatuses": main(pull)}));
        assert_eq!(found, (Stage::Waiting, Some("ImagePullBackOff".to_owned()), None));
        let unscheduled = json!({"type": "PodScheduled", "status": "False",
                                 "reason": "Unschedulable", "message": "0/2 nodes"});
        let found = detail(json!({"phase": "Pending", "conditions": [unscheduled]}));
        assert_eq!(found, (Stage::Waiting, Some("Unschedulable".to_owned()), None));
        let creating = json!({"waiting": {"reason": "ContainerCreating"}});
        let found = detail(json!({"phase": "Pending", "containerStatuses": main(creating)}));
        assert_eq!(found, (Stage::Waiting, None, None));
    }

    #[test]
    fn a_pod_whose_sidecar_still_reports_runs() {
        let end = json!({"terminated": {"exitCode": 3, "reason": "Error"}});
        let found = detail(json!({"phase": "Running", "containerStatuses": main(end)}));
        assert_eq!(found, (Stage::Running, Some("Error".to_owned()), Some(3)));
    }
}
