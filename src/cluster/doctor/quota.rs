//! Whether the pods fit what a namespace may use: its ResourceQuotas and LimitRanges.
//!
//! In: quotas and limits as the API server keeps them, and the pods of runs. Out: findings. A pod
//! beyond a limit is never created; its Job waits and fails at its deadline.

use std::collections::BTreeMap;

use super::report::{Finding, Topic, named};
use super::wanted::Pod;
use crate::model::Quantity;

/// A ResourceQuota: amounts as they are written, by the resource.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Quota {
    /// Its name.
    pub(super) name: String,
    /// What may be used in all.
    pub(super) hard: BTreeMap<String, String>,
    /// What is used.
    pub(super) used: BTreeMap<String, String>,
}

/// An entry of a LimitRange.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Limit {
    /// The LimitRange's name.
    pub(super) name: String,
    /// `Container` or `Pod`.
    pub(super) kind: String,
    /// The most that one may ask for.
    pub(super) max: BTreeMap<String, String>,
    /// The least.
    pub(super) min: BTreeMap<String, String>,
    /// What a container gets as its limits that says nothing.
    pub(super) default: BTreeMap<String, String>,
}

/// Whether one run of each pipeline fits into the quotas.
pub(super) fn quotas(
    namespace: &str,
    quotas: &[Quota],
    limits: &[Limit],
    pods: &[Pod],
) -> Vec<Finding> {
    let mut found = Vec::new();
    for quota in quotas {
        let mut is_fine = true;
        for (resource, hard) in &quota.hard {
            let (Some(most), Some(used)) = (amount(hard), used(quota, resource)) else { continue };
            for pod in pods {
                let Some(asks) = asked(pod, resource, limits) else { continue };
                let (name, runs) = (&quota.name, named(&pod.pipelines));
                let Some(asks) = asks else {
                    is_fine = false;
                    let message = format!(
                        "the ResourceQuota {name} counts {resource}, and a container of {runs} sets none"
                    );
                    found.push(Finding::problem(Topic::Quota, message).with_remedy(
                        "Set it in `resources` of the definition, or a default in a LimitRange.",
                    ));
                    continue;
                };
                let left = most - used;
                if asks <= left {
                    continue;
                }
                is_fine = false;
                let of = format!("{resource}: {} of {hard} used", shown(quota, resource));
                found.push(if asks > most {
                    let message =
                        format!("a run of {runs} does not fit the ResourceQuota {name} ({of})");
                    Finding::problem(Topic::Quota, message)
                        .with_remedy("Raise the quota, or lower `resources` of the definition.")
                } else {
                    let message = format!(
                        "a run of {runs} does not fit the ResourceQuota {name} for now ({of})"
                    );
                    Finding::warning(Topic::Quota, message)
                        .with_remedy("Wait for runs to end, remove what it counts, or raise it.")
                });
            }
            if pods.is_empty() && used >= most && most > 0 {
                is_fine = false;
                let used = shown(quota, resource);
                let message = format!(
                    "the ResourceQuota {} is used up ({resource}: {used} of {hard})",
                    quota.name
                );
                found.push(
                    Finding::warning(Topic::Quota, message)
                        .with_remedy("Wait for runs to end, remove what it counts, or raise it."),
                );
            }
        }
        if is_fine {
            let message = format!("the ResourceQuota {} has room", quota.name);
            found.push(Finding::fine(Topic::Quota, message));
        }
    }
    found.into_iter().map(|finding| finding.within(namespace)).collect()
}

/// Whether containers and pods keep within the LimitRanges.
pub(super) fn limits(namespace: &str, limits: &[Limit], pods: &[Pod]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut refuse = |limit: &Limit, pod: &Pod, what: String| {
        let runs = named(&pod.pipelines);
        let message = format!("the LimitRange {} refuses the pod of {runs}: {what}", limit.name);
        found.push(
            Finding::problem(Topic::Quota, message)
                .with_remedy("Change `resources` of the definition, or the LimitRange."),
        );
    };
    for limit in limits {
        let bounds = |bounds: &BTreeMap<String, String>| {
            let bounds = bounds
                .iter()
                .filter_map(|(name, text)| Some((name.clone(), text.clone(), amount(text)?)));
            bounds.collect::<Vec<_>>()
        };
        for pod in pods {
            let parts = match limit.kind.as_str() {
                "Container" => {
                    let each = pod.containers.iter();
                    each.map(|one| (one.name.clone(), &one.requests, &one.limits)).collect()
                }
                _ => Vec::new(),
            };
            for (container, requests, maxima) in parts {
                for (resource, text, most) in bounds(&limit.max) {
                    if maxima.get(&resource).is_some_and(|limit| *limit > most) {
                        refuse(
                            limit,
                            pod,
                            format!("{container} may use more {resource} than {text}"),
                        );
                    }
                }
                for (resource, text, least) in bounds(&limit.min) {
                    if requests.get(&resource).is_some_and(|request| *request < least) {
                        refuse(
                            limit,
                            pod,
                            format!("{container} requests less {resource} than {text}"),
                        );
                    }
                }
            }
            if limit.kind == "Pod" {
                for (resource, text, most) in bounds(&limit.max) {
                    let all = pod.containers.iter().filter_map(|one| one.limits.get(&resource));
                    if all.sum::<i128>() > most {
                        refuse(
                            limit,
                            pod,
                            format!("in all it may use more {resource} than {text}"),
                        );
                    }
                }
            }
        }
    }
    if found.is_empty() && !limits.is_empty() && !pods.is_empty() {
        found.push(Finding::fine(Topic::Quota, "all pods keep within the LimitRange"));
    }
    found.into_iter().map(|finding| finding.within(namespace)).collect()
}

/// How much of a resource one run takes; `None`: a quota's resource that runs do not take, inner
/// `None`: a container does not say, which a quota refuses.
fn asked(pod: &Pod, resource: &str, limits: &[Limit]) -> Option<Option<i128>> {
    let (resource, of_limits) = match resource {
        "cpu" | "requests.cpu" => ("cpu", false),
        "memory" | "requests.memory" => ("memory", false),
        "limits.cpu" => ("cpu", true),
        "limits.memory" => ("memory", true),
        "pods" | "count/pods" => return Some(Some(NANOS)),
        _ => return None,
    };
    let default = limits.iter().filter(|limit| limit.kind == "Container");
    let default = default.filter_map(|limit| amount(limit.default.get(resource)?)).next();
    let mut sum = 0;
    for container in &pod.containers {
        let amounts = if of_limits { &container.limits } else { &container.requests };
        match amounts.get(resource).copied().or(default) {
            Some(amount) => sum += amount,
            None => return Some(None),
        }
    }
    Some(Some(sum))
}

const NANOS: i128 = 1_000_000_000;

fn amount(text: &str) -> Option<i128> {
    Some(Quantity::parse(text).ok()?.nanos())
}

fn used(quota: &Quota, resource: &str) -> Option<i128> {
    quota.used.get(resource).map_or(Some(0), |text| amount(text))
}

fn shown<'q>(quota: &'q Quota, resource: &str) -> &'q str {
    quota.used.get(resource).map_or("0", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::super::wanted::Container;
    use super::*;
    use crate::cluster::doctor::report::Outcome;
    use crate::manifest::pod_security::Level;
    use crate::survey::Requests;

    fn amounts(list: &[(&str, &str)]) -> BTreeMap<String, i128> {
        list.iter().map(|(name, text)| ((*name).to_owned(), amount(text).unwrap())).collect()
    }

    fn texts(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn pod(requests: &[(&str, &str)], limits: &[(&str, &str)]) -> Pod {
        let main = Container {
            name: "main".to_owned(),
            requests: amounts(requests),
            limits: amounts(limits),
        };
        Pod {
            pipelines: vec!["orders".to_owned()],
            requests: Requests::default(),
            containers: vec![main],
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            level: Level::Restricted,
            has_sidecar: false,
        }
    }

    fn outcome(hard: &[(&str, &str)], used: &[(&str, &str)], pod: Pod) -> Outcome {
        let quota = Quota { name: "q".to_owned(), hard: texts(hard), used: texts(used) };
        quotas("n", &[quota], &[], &[pod])[0].outcome
    }

    #[test]
    fn a_run_that_can_never_fit_is_a_problem_and_one_that_cannot_now_a_warning() {
        let main = || pod(&[("cpu", "500m"), ("memory", "1Gi")], &[]);
        let hard = [("requests.cpu", "1"), ("pods", "4")];
        assert_eq!(outcome(&hard, &[("requests.cpu", "400m")], main()), Outcome::Fine);
        assert_eq!(outcome(&hard, &[("requests.cpu", "600m")], main()), Outcome::Warning);
        assert_eq!(outcome(&[("requests.memory", "512Mi")], &[], main()), Outcome::Problem);
        assert_eq!(outcome(&[("pods", "2")], &[("pods", "2")], main()), Outcome::Warning);
    }

    #[test]
    fn what_a_quota_counts_every_container_must_say() {
        let silent = || pod(&[("cpu", "1")], &[]);
        assert_eq!(outcome(&[("limits.memory", "8Gi")], &[], silent()), Outcome::Problem);
        let default = Limit {
            kind: "Container".to_owned(),
            default: texts(&[("memory", "1Gi")]),
            ..Limit::default()
        };
        let quota = Quota { hard: texts(&[("limits.memory", "8Gi")]), ..Quota::default() };
        assert_eq!(quotas("n", &[quota], &[default], &[silent()])[0].outcome, Outcome::Fine);
    }

    #[test]
    fn a_limit_range_refuses_what_is_beyond_it() {
        let range = |kind: &str, max| Limit {
            kind: kind.to_owned(),
            max: texts(&[("memory", max)]),
            ..Limit::default()
        };
        let main = pod(&[], &[("memory", "4Gi")]);
        let of = |range: Limit| limits("n", &[range], std::slice::from_ref(&main))[0].outcome;
        assert_eq!(of(range("Container", "2Gi")), Outcome::Problem);
        assert_eq!(of(range("Container", "4Gi")), Outcome::Fine);
        assert_eq!(of(range("Pod", "3Gi")), Outcome::Problem);
    }
}
