//! CronOMJobs as the cache keeps them, and what is observed of one.
//!
//! In: objects as the API server sends them, and the OMJobs of the cache. Out: [`Observed`]. An
//! object that cannot be read is kept with the reason, and nothing is done about it.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::history::is_noted;
use super::observed::{Asked, Cron, Observed, Run, RunEnd};
use crate::controller::names;
use crate::controller::objects::{JobEntry, ObjectKey, Version};
use crate::crd::{ConcurrencyPolicy, CronOMJobStatus, Phase};

/// The limits where none are set: a CronJob's.
const SUCCESSFUL_LIMIT: i64 = 3;
const FAILED_LIMIT: i64 = 1;

/// A CronOMJob.
#[derive(Clone)]
pub(in crate::controller) struct CronEntry {
    pub(in crate::controller) version: Version,
    pub(in crate::controller) cron: Cron,
    /// Why it could not be read, if it could not.
    pub(in crate::controller) unreadable: Option<String>,
    /// Labels and `omJobSpec` as JSON, to make its runs from.
    pub(in crate::controller) object: Box<[u8]>,
}

impl CronEntry {
    pub(in crate::controller) fn read(object: &DynamicObject) -> Self {
        let metadata = &object.metadata;
        let spec = &object.data["spec"];
        let status = match &object.data["status"] {
            Value::Null => Ok(CronOMJobStatus::default()),
            status => serde_json::from_value(status.clone()),
        };
        let template = json!({"labels": metadata.labels, "spec": spec["omJobSpec"]});
        let annotations = metadata.annotations.as_ref();
        Self {
            version: Version::of(metadata),
            unreadable: status.as_ref().err().map(ToString::to_string),
            object: template.to_string().into_bytes().into(),
            cron: Cron {
                name: metadata.name.as_deref().unwrap_or_default().into(),
                uid: metadata.uid.as_deref().unwrap_or_default().into(),
                created: metadata
                    .creation_timestamp
                    .as_ref()
                    .map(|time| time.0)
                    .unwrap_or_default(),
                deleted: metadata.deletion_timestamp.is_some(),
                trigger: annotations
                    .and_then(|all| all.get(names::TRIGGER_ANNOTATION))
                    .map(Into::into),
                asked: asked(spec),
                status: status.unwrap_or_default(),
            },
        }
    }
}

fn asked(spec: &Value) -> Asked {
    let limit = |field: &str, default: i64| {
        usize::try_from(spec[field].as_i64().unwrap_or(default)).unwrap_or(0)
    };
    Asked {
        schedule: spec["schedule"].as_str().unwrap_or_default().into(),
        time_zone: spec["timeZone"].as_str().map(Into::into),
        suspend: spec["suspend"].as_bool().unwrap_or(false),
        concurrency_policy: match spec["concurrencyPolicy"].as_str() {
            Some("Forbid") => ConcurrencyPolicy::Forbid,
            Some("Replace") => ConcurrencyPolicy::Replace,
            _ => ConcurrencyPolicy::Allow,
        },
        starting_deadline_seconds: spec["startingDeadlineSeconds"].as_i64(),
        successful_limit: limit("successfulJobsHistoryLimit", SUCCESSFUL_LIMIT),
        failed_limit: limit("failedJobsHistoryLimit", FAILED_LIMIT),
    }
}

/// An OMJob as a run of its CronOMJob.
pub(in crate::controller) fn run(name: &str, job: &JobEntry) -> Run {
    let status = &job.status;
    let end = status
        .phase
        .filter(|phase| phase.is_terminal())
        .map(|phase| RunEnd { succeeded: phase == Phase::Succeeded, time: status.completion_time });
    Run {
        name: name.into(),
        uid: job.uid.clone(),
        resource_version: job.version.as_str().into(),
        tick: job.tick,
        started: status.start_time.unwrap_or(job.created),
        end,
        deleted: job.deleted,
    }
}

/// What the API server itself has said during a pass over a CronOMJob.
#[derive(Default)]
pub(in crate::controller) struct CronLooks {
    pub(in crate::controller) live: Option<Live>,
    pub(in crate::controller) taken: Option<CompactString>,
}

/// What was read for the next decision.
pub(in crate::controller) enum Live {
    /// The CronOMJob alone.
    Cron,
    /// And its runs.
    WithRuns(Vec<Run>),
}

/// The CronOMJobs of the cache, and which OMJobs are whose.
#[derive(Default)]
pub(in crate::controller) struct Crons {
    entries: BTreeMap<ObjectKey, CronEntry>,
    key_of: BTreeMap<CompactString, ObjectKey>,
    /// The OMJobs of each CronOMJob, by its UID.
    runs_of: BTreeMap<CompactString, BTreeSet<ObjectKey>>,
    /// The CronOMJobs that something has happened to.
    stirred: BTreeSet<ObjectKey>,
    /// Whether all of them are known.
    complete: bool,
}

impl Crons {
    pub(in crate::controller) fn get(&self, key: &ObjectKey) -> Option<&CronEntry> {
        self.entries.get(key)
    }

    pub(in crate::controller) fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.entries.keys()
    }

    /// All that is known about a CronOMJob, of which `job` gives the OMJobs.
    pub(in crate::controller) fn observe<'a>(
        &self,
        key: &ObjectKey,
        job: impl Fn(&ObjectKey) -> Option<&'a JobEntry>,
        looks: &CronLooks,
    ) -> Option<Observed> {
        let cron = self.entries.get(key)?.cron.clone();
        let keys = self.runs_of.get(&cron.uid).into_iter().flatten();
        let cached = keys.filter_map(|key| Some((job(key)?, key)));
        let runs = match &looks.live {
            Some(Live::WithRuns(live)) => {
                // Runs of the Java operator lack the label by which they were just looked for.
                let unlabelled = cached.filter(|(job, _)| !job.has_cron_label);
                let unlabelled = unlabelled.map(|(job, key)| run(&key.name, job));
                live.iter().cloned().chain(unlabelled).collect()
            }
            _ => cached.map(|(job, key)| run(&key.name, job)).collect(),
        };
        Some(Observed { cron, runs, live: looks.live.is_some(), taken: looks.taken.clone() })
    }

    /// Whether an OMJob's CronOMJob would not start it again, were it gone.
    pub(in crate::controller) fn has_noted(&self, name: &str, job: &JobEntry) -> bool {
        let Some(uid) = &job.cron_uid else { return true };
        let entry = self.key_of.get(uid).and_then(|key| self.entries.get(key));
        match entry {
            Some(entry) => entry.cron.deleted || is_noted(&entry.cron, name, job.tick),
            None => self.complete,
        }
    }

    /// Takes a CronOMJob in. Returns whether that was news.
    pub(in crate::controller) fn put(&mut self, key: ObjectKey, entry: CronEntry) -> bool {
        if let Some(known) = self.entries.get(&key) {
            if known.cron.uid == entry.cron.uid && known.version.is_at_least(&entry.version) {
                return false;
            }
            self.key_of.remove(&known.cron.uid);
        }
        self.key_of.insert(entry.cron.uid.clone(), key.clone());
        self.stirred.insert(key.clone());
        self.entries.insert(key, entry);
        true
    }

    /// Forgets a CronOMJob, if it is the one with this UID.
    pub(in crate::controller) fn remove(&mut self, key: &ObjectKey, uid: &str) {
        if self.entries.get(key).is_some_and(|entry| entry.cron.uid == uid) {
            self.entries.remove(key);
            self.key_of.remove(uid);
        }
    }

    /// Forgets those that a complete list no longer had.
    pub(in crate::controller) fn keep(&mut self, listed: &BTreeSet<ObjectKey>) {
        let gone: Vec<_> =
            self.entries.keys().filter(|key| !listed.contains(*key)).cloned().collect();
        for key in gone {
            if let Some(entry) = self.entries.remove(&key) {
                self.key_of.remove(&entry.cron.uid);
            }
        }
        if !self.complete {
            self.complete = true;
            self.stirred.extend(self.entries.keys().cloned());
        }
    }

    pub(in crate::controller) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The OMJobs of the CronOMJob with this UID.
    pub(in crate::controller) fn runs_of(&self, uid: &str) -> Vec<ObjectKey> {
        self.runs_of.get(uid).into_iter().flatten().cloned().collect()
    }

    /// An OMJob has changed, has come or has gone.
    pub(in crate::controller) fn run_changed(
        &mut self,
        key: &ObjectKey,
        before: Option<&JobEntry>,
        after: Option<&JobEntry>,
    ) {
        let uid = |job: Option<&JobEntry>| job.and_then(|job| job.cron_uid.clone());
        let matters = |job: Option<&JobEntry>| {
            let ended = |job: &JobEntry| job.status.phase.is_some_and(Phase::is_terminal);
            job.map(|job| (job.uid.clone(), ended(job), job.deleted))
        };
        let (was, is) = (uid(before), uid(after));
        let matters = was != is || matters(before) != matters(after);
        if let Some(was) = was.filter(|was| is.as_ref() != Some(was)) {
            self.stir(&was);
            if let Some(runs) = self.runs_of.get_mut(&was) {
                runs.remove(key);
                if runs.is_empty() {
                    self.runs_of.remove(&was);
                }
            }
        }
        let Some(is) = is else { return };
        if matters {
            self.stir(&is);
            self.runs_of.entry(is).or_default().insert(key.clone());
        }
    }

    fn stir(&mut self, uid: &str) {
        self.stirred.extend(self.key_of.get(uid).cloned());
    }

    /// The CronOMJobs that something has happened to since this was asked.
    pub(in crate::controller) fn take_stirred(&mut self) -> BTreeSet<ObjectKey> {
        std::mem::take(&mut self.stirred)
    }
}
