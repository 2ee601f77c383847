//! Pods that do not start, and Jobs that cannot make any.
//!
//! In: pods that wait and events that say why, of the pipelines in a namespace. Out: findings. No
//! registry is asked: what the kubelets have met tells more than what we would.

use std::collections::BTreeMap;

use super::report::{Finding, Topic, named};
use crate::diagnostic::redact;

/// A container that waits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Waiting {
    /// Its pod.
    pub(super) pod: String,
    /// Its image.
    pub(super) image: String,
    /// Kubernetes' word: `ImagePullBackOff`.
    pub(super) reason: String,
    /// Its sentence.
    pub(super) message: String,
}

/// A warning of an event about a Job.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Warned {
    /// The Job.
    pub(super) job: String,
    /// Kubernetes' sentence.
    pub(super) message: String,
}

/// Why a container's image cannot be had.
const PULL: [&str; 5] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
];

/// What the containers that wait, and the events, tell.
pub(super) fn conclude(namespace: &str, waiting: &[Waiting], warned: &[Warned]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut images: BTreeMap<&str, Vec<&Waiting>> = BTreeMap::new();
    let mut others: BTreeMap<&str, Vec<&Waiting>> = BTreeMap::new();
    for one in waiting {
        match PULL.contains(&one.reason.as_str()) {
            true => images.entry(&one.image).or_default().push(one),
            false => others.entry(&one.reason).or_default().push(one),
        }
    }
    let pods = |all: &[&Waiting]| {
        let mut pods = all.iter().map(|one| one.pod.clone()).collect::<Vec<_>>();
        pods.sort();
        pods.dedup();
        named(&pods)
    };
    for (image, all) in images {
        let why = all.iter().map(|one| one.message.as_str()).max_by_key(|text| text.len());
        let why = redact::value(&[], why.unwrap_or_default());
        let message = format!("the image {image} cannot be pulled, for {}: {why}", pods(&all));
        found.push(Finding::problem(Topic::Pods, message).with_remedy(
            "Mend `ingestionImage`, or name a Secret that may pull it in `imagePullSecrets`.",
        ));
    }
    for (reason, all) in others {
        let why = redact::value(&[], all.first().map_or("", |one| one.message.as_str()));
        let message = format!("{} waits: {reason}: {why}", pods(&all));
        found.push(
            Finding::problem(Topic::Pods, message)
                .with_remedy("`ompipe diagnose` of that run says more."),
        );
    }
    let mut refusals: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Warned { job, message } in warned {
        // The name of the pod that was not made is another at each try.
        let why = message.split_once(": ").map_or(message.as_str(), |(_, why)| why);
        let why = why.split_once(" is forbidden: ").map_or(why, |(_, why)| why);
        refusals.entry(redact::value(&[], why).into_owned()).or_default().push(job.clone());
    }
    for (why, mut jobs) in refusals {
        jobs.sort();
        jobs.dedup();
        let message = format!("no pod can be made for {}: {why}", named(&jobs));
        found.push(
            Finding::problem(Topic::Pods, message)
                .with_remedy("It is tried again until the run's deadline; mend what it says."),
        );
    }
    if found.is_empty() {
        found.push(Finding::fine(Topic::Pods, "no pod waits for an image or for what it needs"));
    }
    found.into_iter().map(|finding| finding.within(namespace)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::doctor::report::Outcome;

    fn waiting(pod: &str, reason: &str, message: &str) -> Waiting {
        Waiting {
            pod: pod.to_owned(),
            image: "registry/ingestion:1".to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn pods_that_wait_for_one_image_are_one_finding_with_the_fullest_reason() {
        let all = [
            waiting("a", "ImagePullBackOff", "Back-off"),
            waiting("b", "ErrImagePull", "failed to pull: 401 Unauthorized"),
        ];
        let found = conclude("n", &all, &[]);
        assert_eq!(found.len(), 1);
        let says = "the image registry/ingestion:1 cannot be pulled, for a and b: failed to pull: 401 Unauthorized";
        assert_eq!((found[0].outcome, found[0].message.as_str()), (Outcome::Problem, says));
    }

    #[test]
    fn jobs_that_are_refused_alike_are_one_finding() {
        let refused = |job: &str, pod: &str| Warned {
            job: job.to_owned(),
            message: format!(
                "Error creating: pods \"{pod}\" is forbidden: violates PodSecurity \"restricted:latest\": x"
            ),
        };
        let found =
            conclude("n", &[], &[refused("a", "a-1"), refused("a", "a-2"), refused("b", "b-1")]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].message.starts_with("no pod can be made for a and b: violates"),
            "{found:?}"
        );
    }

    #[test]
    fn where_none_waits_all_is_well() {
        assert_eq!(conclude("n", &[], &[])[0].outcome, Outcome::Fine);
    }
}
