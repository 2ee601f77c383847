//! Which pod has the log of a run.
//!
//! In: a run and its pods. Out: the pod and the container.

use crate::cluster::observed::Pod;

/// The sidecar that `exitHandler: sidecar` renders.
pub const EXIT_HANDLER_SIDECAR: &str = "exit-handler";

/// Which log of a run is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Of {
    /// Main's.
    Main,
    /// The exit handler's, wherever it runs.
    ExitHandler,
    /// Another container's of the main pod.
    Container(String),
}

/// Where a log is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// In this pod and container.
    In {
        /// The pod's name.
        pod: String,
        /// The pod's UID.
        uid: String,
        /// The container.
        container: String,
    },
    /// There is no pod that would have it, now; so many others of the run are there.
    NoPod {
        /// How many attempts there are.
        attempts: usize,
    },
    /// The pod has no such container; it has these.
    NoContainer(Vec<String>),
}

/// Where a log of a run is: among its pods, the oldest first. `attempt` counts main pods from 1; none: the
/// newest.
pub fn source(pods: &[Pod], of: &Of, attempt: Option<usize>) -> Source {
    let is_exit = |pod: &&Pod| pod.is_exit_handler();
    let mains: Vec<&Pod> = pods.iter().filter(|pod| !is_exit(pod)).collect();
    let main = match attempt {
        Some(number) => number.checked_sub(1).and_then(|index| mains.get(index)).copied(),
        None => mains.last().copied(),
    };
    let own_exit_pod = pods.iter().rev().find(is_exit);
    let pod = match of {
        Of::ExitHandler if own_exit_pod.is_some() => own_exit_pod,
        _ => main,
    };
    let Some(pod) = pod else { return Source::NoPod { attempts: mains.len() } };
    let container = match of {
        Of::ExitHandler if own_exit_pod.is_none() => EXIT_HANDLER_SIDECAR,
        Of::Main | Of::ExitHandler => pod.main_container(),
        Of::Container(name) => name.as_str(),
    };
    let names = pod.spec.containers.iter().chain(&pod.spec.init_containers);
    let names: Vec<&str> = names.map(|container| container.name.as_str()).collect();
    if !names.contains(&container) {
        return Source::NoContainer(names.into_iter().map(str::to_owned).collect());
    }
    Source::In {
        pod: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        container: container.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controller::names::POD_TYPE_LABEL;

    fn pod(name: &str, kind: &str, sidecar: bool) -> Pod {
        let inits = if sidecar { json!([{"name": "exit-handler"}]) } else { json!([]) };
        let pod = json!({
            "metadata": {"name": name, "uid": name, "labels": {POD_TYPE_LABEL: kind}},
            "spec": {"containers": [{"name": "main"}], "initContainers": inits},
        });
        serde_json::from_value(pod).unwrap()
    }

    fn found(pods: &[Pod], of: Of, attempt: Option<usize>) -> String {
        match source(pods, &of, attempt) {
            Source::In { pod, container, .. } => format!("{pod}/{container}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_newest_attempt_is_meant_or_the_one_that_is_named() {
        let pods = [pod("a", "main", true), pod("b", "main", true)];
        assert_eq!(found(&pods, Of::Main, None), "b/main");
        assert_eq!(found(&pods, Of::Main, Some(1)), "a/main");
        assert_eq!(found(&pods, Of::Main, Some(3)), "NoPod { attempts: 2 }");
        assert_eq!(found(&pods, Of::Main, Some(0)), "NoPod { attempts: 2 }");
    }

    #[test]
    fn the_main_container_may_bear_another_name() {
        let mut automation = pod("a", "main", false);
        automation.spec.containers[0].name = "automation".to_owned();
        assert_eq!(found(&[automation], Of::Main, None), "a/automation");
    }

    #[test]
    fn an_exit_handler_is_a_sidecar_or_a_pod_of_its_own() {
        let sidecar = [pod("a", "main", true)];
        assert_eq!(found(&sidecar, Of::ExitHandler, None), "a/exit-handler");
        let own = [pod("a", "main", false), pod("a-exit", "exit-handler", false)];
        assert_eq!(found(&own, Of::ExitHandler, None), "a-exit/main");
        assert_eq!(found(&own, Of::Main, None), "a/main");
        assert_eq!(found(&own[..1], Of::ExitHandler, None), "NoContainer([\"main\"])");
    }
}
