//! A pipeline's schedule, as its CronJob or CronOMJob has it.
//!
//! In: observed objects, and the time. Out: [`Cron`], when it fires next, and what it would make up
//! for. It decides by values alone.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::kind::Kind;
use crate::cluster::observed::Meta;
use crate::model::{Schedule, TimeZone, labels};

/// A CronJob or CronOMJob, as far as it is looked at.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct CronObject {
    pub(super) metadata: Meta,
    spec: CronSpec,
    status: Option<CronStatus>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CronSpec {
    schedule: String,
    time_zone: Option<String>,
    suspend: Option<bool>,
    starting_deadline_seconds: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CronStatus {
    last_schedule_time: Option<Timestamp>,
}

/// A pipeline's schedule in a cluster.
#[derive(Clone, PartialEq, Debug)]
pub struct Cron {
    /// CronJob or CronOMJob.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its pipeline, by the label.
    pub pipeline: String,
    /// What the pipeline does, in lower case, by the label.
    pub pipeline_type: Option<String>,
    /// The schedule, as it is written.
    pub schedule: String,
    /// Its time zone, as it is written; none: that of the controller, which is UTC as a rule.
    pub time_zone: Option<String>,
    /// Whether nothing is started.
    pub is_suspended: bool,
    /// How late a run may start.
    pub starting_deadline: Option<SignedDuration>,
    /// The newest time of the schedule for which a run was started.
    pub last: Option<Timestamp>,
    /// When it was created.
    pub created: Option<Timestamp>,
}

impl Cron {
    pub(super) fn of(kind: Kind, object: CronObject) -> Self {
        let CronObject { metadata, spec, status } = object;
        let label = |key: &str| metadata.label(key).map(str::to_owned);
        Self {
            kind,
            pipeline: label(labels::PIPELINE).unwrap_or_default(),
            pipeline_type: label(labels::PIPELINE_TYPE),
            namespace: metadata.namespace,
            name: metadata.name,
            uid: metadata.uid,
            schedule: spec.schedule,
            time_zone: spec.time_zone.filter(|zone| !zone.is_empty()),
            is_suspended: spec.suspend.unwrap_or_default(),
            starting_deadline: spec.starting_deadline_seconds.map(SignedDuration::from_secs),
            last: status.and_then(|status| status.last_schedule_time),
            created: metadata.creation_timestamp,
        }
    }

    /// When it fires next; `None` while it is suspended, and for a schedule that never comes or
    /// cannot be read.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_suspended {
            return None;
        }
        self.parsed()?.next_in(&self.zone()?, now)
    }

    /// Whether it ever fires: a pipeline without a schedule has one that never comes.
    pub fn ever_fires(&self) -> bool {
        self.parsed().is_some_and(|schedule| schedule.ever_fires())
    }

    /// The time that has come while it was suspended, and for which the controller would start a
    /// run as soon as it is resumed: the newest one within its deadline, or without a deadline, the
    /// newest of all.
    pub fn missed(&self, now: Timestamp) -> Option<Timestamp> {
        let begin = self.last.max(self.created)?;
        let since = match self.starting_deadline {
            Some(deadline) => begin.max(now.checked_sub(deadline).ok()?),
            None => begin,
        };
        self.parsed()?.passed(&self.zone()?, since, now).newest
    }

    fn parsed(&self) -> Option<Schedule> {
        Schedule::parse(&self.schedule).ok()
    }

    fn zone(&self) -> Option<jiff::tz::TimeZone> {
        match &self.time_zone {
            None => Some(TimeZone::utc().rules()),
            Some(name) => TimeZone::parse(name).ok().map(|zone| zone.rules()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cron(spec: Value, last: Option<&str>) -> Cron {
        let object = json!({
            "metadata": {"name": "c", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": spec,
            "status": {"lastScheduleTime": last},
        });
        Cron::of(Kind::CronJob, serde_json::from_value(object).unwrap())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_time_is_that_of_the_time_zone() {
        let now = at("2026-07-01T00:30:00Z");
        let utc = cron(json!({"schedule": "0 3 * * *"}), None);
        assert_eq!(utc.next(now), Some(at("2026-07-01T03:00:00Z")));
        let zurich = cron(json!({"schedule": "0 3 * * *", "timeZone": "Europe/Zurich"}), None);
        assert_eq!(zurich.next(now), Some(at("2026-07-01T01:00:00Z")));
    }

    #[test]
    fn nothing_comes_next_while_suspended_or_without_a_schedule() {
        let now = at("2026-07-01T00:30:00Z");
        let suspended = cron(json!({"schedule": "0 3 * * *", "suspend": true}), None);
        assert_eq!(suspended.next(now), None);
        assert!(suspended.ever_fires());
        let never = cron(json!({"schedule": "0 0 31 2 *"}), None);
        assert_eq!(never.next(now), None);
        assert!(!never.ever_fires());
        assert_eq!(cron(json!({"schedule": "nonsense"}), None).next(now), None);
    }

    #[test]
    fn what_was_missed_is_what_lies_within_the_deadline_and_was_not_started() {
        let now = at("2026-07-01T03:00:30Z");
        let spec = json!({"schedule": "0 3 * * *", "startingDeadlineSeconds": 60});
        let missed = Some(at("2026-07-01T03:00:00Z"));
        assert_eq!(cron(spec.clone(), None).missed(now), missed);
        assert_eq!(cron(spec.clone(), Some("2026-07-01T03:00:00Z")).missed(now), None);
        assert_eq!(cron(spec, None).missed(at("2026-07-01T03:01:01Z")), None);
        let endless = cron(json!({"schedule": "0 3 * * *"}), Some("2026-06-01T03:00:00Z"));
        assert_eq!(endless.missed(at("2026-07-01T23:00:00Z")), missed);
    }
}
