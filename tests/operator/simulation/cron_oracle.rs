//! The oracle for CronOMJobs: one run for a tick, never two at once where that is forbidden, none from before
//! the CronOMJob, no more kept than asked for.
//!
//! In: every change of a CronOMJob or a run. Out: violations.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::oracle::Oracle;
use super::resource::Resource;
use super::store::{Change, Store, Verb};

const OF_CRON: &str = "cronomjob.pipelines.openmetadata.org/uid";
const SCHEDULED: &str = "pipelines.openmetadata.org/scheduled-time";
/// By how many seconds an operator's clock may be ahead in a scenario.
const SKEW: i64 = 30;

/// What is known of a CronOMJob's runs.
#[derive(Debug, Default)]
pub(super) struct Crons {
    crons: BTreeMap<String, Value>,
    /// By the CronOMJob's UID and the tick: the run's UID.
    started: BTreeMap<(String, String), String>,
    /// Runs that are not over, by the CronOMJob's UID.
    active: BTreeMap<String, Vec<String>>,
    /// Whether a write of an operator that stood still or whose request was late may have come through: the name
    /// of a run protects for as long as that run exists, and nothing else does.
    pub(super) may_be_late: bool,
    pub(super) runs: u64,
}

impl Oracle {
    pub(super) fn cron_changed(&mut self, change: &Change, now: Timestamp) {
        let value = &change.object.value;
        let uid = change.object.uid();
        if change.key.resource == Resource::CronOMJobs {
            self.crons.crons.insert(uid.to_owned(), value.clone());
            return;
        }
        let Some(cron) = value["metadata"]["labels"][OF_CRON].as_str() else { return };
        let phase = value["status"]["phase"].as_str().unwrap_or_default();
        let is_over = matches!(phase, "Succeeded" | "Failed") || change.verb == Verb::Deleted;
        let active = self.crons.active.entry(cron.to_owned()).or_default();
        if is_over {
            active.retain(|other| other != uid);
        }
        if change.verb == Verb::Added {
            let others = active.len();
            active.push(uid.to_owned());
            self.crons.runs += 1;
            for violation in self.crons.wrong_start(cron, uid, value, others, now) {
                self.violated(format!("{}: {violation}", change.key));
            }
        }
    }

    /// How many runs there have been.
    pub(crate) fn runs(&self) -> u64 {
        self.crons.runs
    }

    /// That a write may be done long after it was decided.
    pub(crate) fn expect_late_writes(&mut self) {
        self.crons.may_be_late = true;
    }

    /// Whether more runs are kept than asked for.
    pub(crate) fn judge_history(&mut self, store: &Store) {
        let mut violations = Vec::new();
        for (key, cron) in store.list(Resource::CronOMJobs, None) {
            for (phase, field, default) in [
                ("Succeeded", "successfulJobsHistoryLimit", 3),
                ("Failed", "failedJobsHistoryLimit", 1),
            ] {
                let limit = cron.value["spec"][field].as_u64().unwrap_or(default);
                let kept = store.list(Resource::OMJobs, None).filter(|(_, run)| {
                    run.value["metadata"]["labels"][OF_CRON] == cron.uid()
                        && run.value["status"]["phase"] == phase
                        && !run.is_deleting()
                });
                let kept = kept.count() as u64;
                if kept > limit {
                    violations
                        .push(format!("{key}: keeps {kept} runs of phase {phase}, not {limit}"));
                }
            }
        }
        violations.into_iter().for_each(|violation| self.violated(violation));
    }
}

impl Crons {
    fn wrong_start(
        &mut self,
        cron: &str,
        uid: &str,
        run: &Value,
        others: usize,
        now: Timestamp,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let Some(known) = self.crons.get(cron) else {
            return vec!["started for a CronOMJob that never was".to_owned()];
        };
        let policy = known["spec"]["concurrencyPolicy"].as_str().unwrap_or("Allow");
        if policy != "Allow" && others > 0 && !self.may_be_late {
            wrong.push(format!("{others} other runs are not over under {policy}"));
        }
        let Some(tick) = run["metadata"]["annotations"][SCHEDULED].as_str() else { return wrong };
        let key = (cron.to_owned(), tick.to_owned());
        if self.started.insert(key, uid.to_owned()).is_some() && !self.may_be_late {
            wrong.push(format!("a second run for {tick}"));
        }
        let created = known["metadata"]["creationTimestamp"].as_str();
        match (tick.parse::<Timestamp>(), created.and_then(|text| text.parse::<Timestamp>().ok())) {
            (Ok(tick), Some(created)) if tick >= created => {
                if tick.as_second() > now.as_second() + SKEW {
                    wrong.push(format!("started before its time, {tick}"));
                }
            }
            _ => wrong.push(format!("a tick from before the CronOMJob: {tick}")),
        }
        wrong
    }
}
