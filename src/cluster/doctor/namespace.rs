//! Whether a namespace is there, and whether it lets the project's pods in.
//!
//! In: a [`Namespace`], and the pods that are to run in it. Out: findings.

use std::collections::BTreeMap;

use super::report::{Finding, Topic, named};
use super::wanted::Pod;
use crate::manifest::pod_security::Level;

/// The labels by which a namespace says what Pod Security does in it.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
const WARN: &str = "pod-security.kubernetes.io/warn";

/// A namespace, as far as it is looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Namespace {
    /// Whether it is being deleted.
    pub(super) is_terminating: bool,
    /// Its labels.
    pub(super) labels: BTreeMap<String, String>,
}

/// Whether it is there, and stays.
pub(super) fn conclude(name: &str, namespace: Option<&Namespace>) -> Vec<Finding> {
    let found = match namespace {
        None => Finding::problem(Topic::Namespace, format!("there is no namespace {name}"))
            .with_remedy(format!("Create it: `kubectl create namespace {name}`.")),
        Some(namespace) if namespace.is_terminating => {
            Finding::problem(Topic::Namespace, format!("the namespace {name} is being deleted"))
                .with_remedy("Wait until it is gone, and create it anew.")
        }
        Some(_) => Finding::fine(Topic::Namespace, format!("the namespace {name} is there")),
    };
    vec![found.within(name)]
}

/// Whether its Pod Security lets the pods in. Without a label of its own the API server's default
/// holds, which is to let in everything unless the cluster says otherwise.
pub(super) fn pod_security(name: &str, namespace: &Namespace, pods: &[Pod]) -> Vec<Finding> {
    let level = |label| namespace.labels.get(label).and_then(|level| Level::find(level));
    let (enforced, warned) = (level(ENFORCE), level(WARN));
    let below = |level: Level| {
        let pods = pods.iter().filter(|pod| pod.level < level);
        let mut names = pods.flat_map(|pod| pod.pipelines.clone()).collect::<Vec<_>>();
        names.sort();
        names
    };
    let mut found = Vec::new();
    if let Some(level) = enforced {
        let refused = below(level);
        let level = level.as_str();
        found.push(if refused.is_empty() {
            Finding::fine(
                Topic::PodSecurity,
                format!("the namespace {name} enforces {level}, which lets all pods in"),
            )
        } else {
            Finding::problem(
                Topic::PodSecurity,
                format!(
                    "the namespace {name} enforces {level}, which refuses the pods of {}",
                    named(&refused)
                ),
            )
            .with_remedy(
                "`ompipe validate` shows the settings that are refused, at your lines (OMP0632).",
            )
        });
    } else {
        let message = format!("the namespace {name} has no level of its own to enforce");
        found.push(Finding::fine(Topic::PodSecurity, message));
    }
    if let Some(level) = warned.filter(|level| enforced.is_none_or(|enforced| *level > enforced)) {
        let pods = below(level);
        if !pods.is_empty() {
            let (level, pods) = (level.as_str(), named(&pods));
            let message = format!("the namespace {name} warns at {level} of the pods of {pods}");
            found.push(
                Finding::warning(Topic::PodSecurity, message)
                    .with_remedy("They run until it enforces that; `ompipe validate` shows why."),
            );
        }
    }
    found.into_iter().map(|finding| finding.within(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::doctor::report::Outcome;
    use crate::survey::Requests;

    fn pod(pipeline: &str, level: Level) -> Pod {
        Pod {
            pipelines: vec![pipeline.to_owned()],
            requests: Requests::default(),
            containers: Vec::new(),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            level,
            has_sidecar: false,
        }
    }

    fn labelled(labels: &[(&str, &str)]) -> Namespace {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Namespace { is_terminating: false, labels: labels.collect() }
    }

    #[test]
    fn a_namespace_must_be_there_and_stay() {
        assert_eq!(conclude("n", None)[0].outcome, Outcome::Problem);
        let going = Namespace { is_terminating: true, ..Namespace::default() };
        assert_eq!(conclude("n", Some(&going))[0].outcome, Outcome::Problem);
        assert_eq!(conclude("n", Some(&Namespace::default()))[0].outcome, Outcome::Fine);
    }

    #[test]
    fn pods_below_the_enforced_level_are_named() {
        let pods = [pod("fits", Level::Restricted), pod("root", Level::Baseline)];
        let restricted = labelled(&[(ENFORCE, "restricted")]);
        let found = pod_security("n", &restricted, &pods);
        assert_eq!(found[0].outcome, Outcome::Problem);
        assert!(found[0].message.ends_with("refuses the pods of root"), "{found:?}");
        let baseline = labelled(&[(ENFORCE, "baseline"), (WARN, "restricted")]);
        let found = pod_security("n", &baseline, &pods);
        assert_eq!((found[0].outcome, found[1].outcome), (Outcome::Fine, Outcome::Warning));
        let none = pod_security("n", &labelled(&[]), &pods);
        assert_eq!(none.len(), 1);
    }
}
