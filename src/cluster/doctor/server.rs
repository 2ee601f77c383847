//! Whether the API server answers, how quickly, its version, and whether its clock is ours.
//!
//! In: an [`Answer`]. Out: findings.

use jiff::{SignedDuration, Timestamp};

use super::report::{Finding, Topic};

/// The oldest version in which everything that is rendered works: CronJobs have time zones since.
const OLDEST: u32 = 27;
/// The version since which a sidecar may outlive the main container.
const SIDECARS: u32 = 29;
/// The newest version whose objects ompipe knows, and on which it is tested.
const NEWEST: u32 = 36;

/// Beyond this, what `status` says of times and what a CronJob does at a time are hard to follow.
const SKEW: SignedDuration = SignedDuration::from_secs(30);
/// Beyond this an answer is slow: a page of pods takes several.
const SLOW: SignedDuration = SignedDuration::from_secs(2);

/// What the API server says of itself.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Its URL.
    pub(super) address: String,
    /// Where its address and the credentials come from.
    pub(super) origin: String,
    /// Its `gitVersion`, such as `v1.36.2+k3s1`.
    pub(super) version: String,
    /// The number behind the first dot of its version, as it gives it: `29+`.
    pub(super) minor: String,
    /// How long the answer took.
    pub(super) latency: SignedDuration,
    /// The time by its clock, to the second.
    pub(super) date: Option<Timestamp>,
    /// The time by ours when the answer came.
    pub(super) now: Timestamp,
}

/// What an answer tells. The pipelines named have a sidecar.
pub(super) fn conclude(answer: &Answer, sidecars: &[String]) -> Vec<Finding> {
    let Answer { address, origin, version, latency, .. } = answer;
    let milliseconds = latency.as_millis();
    let message = format!("{address} answers in {milliseconds} ms ({origin})");
    let mut found = vec![if *latency > SLOW {
        Finding::warning(Topic::Server, message)
            .with_remedy("Verbs that read many objects take long; look at the way to it.")
    } else {
        Finding::fine(Topic::Server, message)
    }];
    let minor = answer.minor.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().ok();
    found.push(match minor {
        None => Finding::warning(
            Topic::Server,
            format!("its version, {version}, is none that ompipe knows"),
        ),
        Some(minor) if minor < SIDECARS && !sidecars.is_empty() => Finding::problem(
            Topic::Server,
            format!("its version is {version}, and `exitHandler: sidecar` needs 1.{SIDECARS}"),
        )
        .with_remedy("Write `exitHandler: preStop`, use the operator, or upgrade the cluster."),
        Some(minor) if minor < OLDEST => Finding::problem(
            Topic::Server,
            format!("its version is {version}; what ompipe renders needs 1.{OLDEST}"),
        )
        .with_remedy("Upgrade the cluster."),
        Some(minor) if minor > NEWEST => Finding::warning(
            Topic::Server,
            format!("its version is {version}; ompipe is tested up to 1.{NEWEST}"),
        ),
        Some(_) => Finding::fine(Topic::Server, format!("its version is {version}")),
    });
    found.extend(answer.date.map(|date| skew(date, answer)));
    found
}

/// How far its clock is from ours. It told its time within the latency, cut to a whole second.
fn skew(date: Timestamp, answer: &Answer) -> Finding {
    let uncertain = answer.latency + SignedDuration::from_secs(1);
    let difference = date.duration_since(answer.now);
    let seconds = difference.abs().as_secs();
    if difference.abs() <= SKEW + uncertain {
        return Finding::fine(Topic::Server, "its clock agrees with ours");
    }
    let way = if difference.is_negative() { "behind" } else { "ahead of" };
    Finding::warning(Topic::Server, format!("its clock is {seconds} s {way} ours"))
        .with_remedy("Set the clocks by NTP: schedules go by the cluster's, tokens by both.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::doctor::report::Outcome;

    fn answer(minor: &str) -> Answer {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        Answer {
            address: "https://host".to_owned(),
            origin: "context c of f".to_owned(),
            version: format!("v1.{minor}.1"),
            minor: minor.to_owned(),
            latency: SignedDuration::from_millis(12),
            date: Some(now),
            now,
        }
    }

    fn outcomes(answer: &Answer, sidecars: &[String]) -> Vec<Outcome> {
        conclude(answer, sidecars).iter().map(|found| found.outcome).collect()
    }

    #[test]
    fn a_server_of_today_is_fine() {
        assert_eq!(outcomes(&answer("36"), &[]), [Outcome::Fine; 3]);
        assert_eq!(outcomes(&answer("29+"), &["a".to_owned()]), [Outcome::Fine; 3]);
    }

    #[test]
    fn sidecars_need_a_version_that_has_them() {
        let sidecars = ["a".to_owned()];
        assert_eq!(outcomes(&answer("28"), &sidecars)[1], Outcome::Problem);
        assert_eq!(outcomes(&answer("28"), &[])[1], Outcome::Fine);
        assert_eq!(outcomes(&answer("26"), &[])[1], Outcome::Problem);
        assert_eq!(outcomes(&answer("37"), &[])[1], Outcome::Warning);
        assert_eq!(outcomes(&answer("x"), &[])[1], Outcome::Warning);
    }

    #[test]
    fn a_clock_that_is_a_minute_off_is_told_with_its_direction() {
        let mut late = answer("36");
        late.date = Some(late.now - SignedDuration::from_secs(60));
        let found = conclude(&late, &[]);
        assert_eq!(found[2].message, "its clock is 60 s behind ours");
        late.date = Some(late.now + SignedDuration::from_secs(20));
        assert_eq!(conclude(&late, &[])[2].outcome, Outcome::Fine);
    }
}
