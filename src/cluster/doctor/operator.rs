//! Whether the operator is there: its kinds, and somebody who sees to them.
//!
//! In: what the API server serves, the operator's Lease, Deployments that look like it. Out:
//! findings. OMJobs of a cluster without a living operator stay as they are for ever.

use jiff::Timestamp;

use super::report::{Finding, Look, Topic};

/// What the API server serves of the operator's kinds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Kinds {
    /// Whether it knows OMJobs.
    pub(super) omjobs: bool,
    /// Whether it knows CronOMJobs.
    pub(super) cronomjobs: bool,
    /// Whether their fields are ompipe's, which are more than OpenMetadata's; `None`: it does not
    /// tell.
    pub(super) is_ours: Option<bool>,
}

/// A Lease.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Lease {
    /// Who holds it.
    pub(super) holder: String,
    /// When it was renewed last.
    pub(super) renewed: Option<Timestamp>,
    /// How long it lasts from then, in seconds.
    pub(super) seconds: i64,
}

/// A Deployment that looks like an operator's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Deployment {
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
    /// How many of its pods are ready.
    pub(super) ready: i32,
}

/// Whether OMJobs are known. A project that does not use the operator does not miss them.
pub(super) fn kinds(kinds: &Kinds, is_needed: bool) -> Vec<Finding> {
    let Kinds { omjobs, cronomjobs, is_ours } = kinds;
    let found = match (omjobs, cronomjobs) {
        (true, true) if *is_ours == Some(false) => Finding::warning(
            Topic::Operator,
            "OMJob and CronOMJob are installed as OpenMetadata has them, with fewer fields",
        )
        .with_remedy(
            "`ompipe crd --apply` installs ompipe's, which take all objects of theirs, and which \
             activeDeadlineSeconds, backoffLimit and podTemplate need.",
        ),
        (true, true) => Finding::fine(Topic::Operator, "OMJob and CronOMJob are installed"),
        _ if is_needed => {
            let missing = match (omjobs, cronomjobs) {
                (true, false) => "CronOMJob is not installed",
                (false, true) => "OMJob is not installed",
                _ => "OMJob and CronOMJob are not installed",
            };
            Finding::problem(Topic::Operator, missing)
                .with_remedy("`ompipe crd --apply` installs them.")
        }
        _ => Finding::fine(Topic::Operator, "no OMJob is known, and none is used"),
    };
    vec![found]
}

/// Whether somebody sees to OMJobs: the Lease of ompipe's operator is recent, or there is a
/// Deployment of OpenMetadata's.
pub(super) fn alive(
    lease: &Look<Option<Lease>>,
    deployments: &Look<Vec<Deployment>>,
    now: Timestamp,
    place: &str,
) -> Vec<Finding> {
    if let Look::Seen(Some(lease)) = lease {
        let age = lease.renewed.map(|renewed| now.duration_since(renewed).as_secs());
        // Clocks differ a little.
        return vec![match age {
            Some(age) if age <= lease.seconds.max(15) * 2 && !lease.holder.is_empty() => {
                let message = format!("the operator is alive: {} leads ({place})", lease.holder);
                Finding::fine(Topic::Operator, message)
            }
            Some(age) => Finding::problem(
                Topic::Operator,
                format!("the operator is silent: its Lease ({place}) was renewed {age} s ago"),
            )
            .with_remedy("Look at its Deployment and its log; `deploy/` has how to install it."),
            None => Finding::problem(
                Topic::Operator,
                format!("the operator is silent: its Lease ({place}) was never renewed"),
            )
            .with_remedy("Look at its Deployment and its log; `deploy/` has how to install it."),
        }];
    }
    let ready = |found: &&Deployment| found.ready > 0;
    match (lease, deployments) {
        (_, Look::Seen(found)) if found.iter().any(|one| ready(&one)) => {
            let names = found.iter().filter(ready);
            let names = names.map(|one| format!("{}/{}", one.namespace, one.name));
            let names = names.collect::<Vec<_>>().join(", ");
            vec![Finding::fine(Topic::Operator, format!("an operator is deployed: {names}"))]
        }
        (_, Look::Seen(found)) if !found.is_empty() => {
            let names = found.iter().map(|one| format!("{}/{}", one.namespace, one.name));
            let names = names.collect::<Vec<_>>().join(", ");
            let message = format!("no pod of the operator is ready: {names}");
            vec![
                Finding::problem(Topic::Operator, message)
                    .with_remedy("Look at its pods: `kubectl get pods` in that namespace."),
            ]
        }
        (Look::Seen(None), Look::Seen(_)) => vec![
            Finding::problem(
                Topic::Operator,
                format!("no operator is found: no Lease ({place}) and no Deployment"),
            )
            .with_remedy(
                "Install one, see `deploy/`; `--operator-namespace` says where else to look.",
            ),
        ],
        (Look::Seen(None), other) => other.concluded(
            Topic::Operator,
            &format!("the operator, which has no Lease ({place}), by its Deployment"),
            |_| Vec::new(),
        ),
        (lease, _) => {
            lease.concluded(Topic::Operator, &format!("the operator's Lease ({place})"), |_| {
                Vec::new()
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::cluster::doctor::report::Outcome;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn lease(age: i64) -> Look<Option<Lease>> {
        let renewed = Some(now() - SignedDuration::from_secs(age));
        Look::Seen(Some(Lease { holder: "pod-1".to_owned(), renewed, seconds: 15 }))
    }

    fn outcome(lease: &Look<Option<Lease>>, deployments: &Look<Vec<Deployment>>) -> Outcome {
        alive(lease, deployments, now(), "omjob-operator in ompipe-operator")[0].outcome
    }

    fn deployed(ready: i32) -> Look<Vec<Deployment>> {
        let name = "openmetadata-omjob-operator".to_owned();
        Look::Seen(vec![Deployment { namespace: "om".to_owned(), name, ready }])
    }

    #[test]
    fn a_recent_lease_is_a_living_operator() {
        let nothing = Look::Seen(Vec::new());
        assert_eq!(outcome(&lease(3), &nothing), Outcome::Fine);
        assert_eq!(outcome(&lease(300), &nothing), Outcome::Problem);
        assert_eq!(outcome(&Look::Seen(None), &nothing), Outcome::Problem);
    }

    #[test]
    fn openmetadatas_operator_has_no_lease_and_is_known_by_its_deployment() {
        assert_eq!(outcome(&Look::Seen(None), &deployed(1)), Outcome::Fine);
        assert_eq!(outcome(&Look::Seen(None), &deployed(0)), Outcome::Problem);
        let forbidden = || "get leases".to_owned();
        assert_eq!(outcome(&Look::Forbidden(forbidden()), &deployed(1)), Outcome::Fine);
    }

    #[test]
    fn who_may_not_look_does_not_say_that_there_is_none() {
        let deployments = Look::Forbidden("list deployments".to_owned());
        assert_eq!(outcome(&Look::Seen(None), &deployments), Outcome::Unknown);
        let lease = Look::Forbidden("get leases".to_owned());
        assert_eq!(outcome(&lease, &deployments), Outcome::Unknown);
    }

    #[test]
    fn kinds_are_missed_only_by_who_uses_them() {
        let none = Kinds::default();
        assert_eq!(kinds(&none, true)[0].outcome, Outcome::Problem);
        assert_eq!(kinds(&none, false)[0].outcome, Outcome::Fine);
        let theirs = Kinds { omjobs: true, cronomjobs: true, is_ours: Some(false) };
        assert_eq!(kinds(&theirs, true)[0].outcome, Outcome::Warning);
    }
}
