//! A CronOMJob: OMJobs on a schedule.
#![expect(clippy::duplicated_attributes, reason = "a printer column is an attribute each")]

use compact_str::CompactString;
use jiff::Timestamp;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::omjob::OMJobSpec;

/// What a CronOMJob starts, and when.
#[derive(CustomResource, Clone, Debug, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "pipelines.openmetadata.org",
    version = "v1",
    kind = "CronOMJob",
    plural = "cronomjobs",
    singular = "cronomjob",
    shortname = "comj",
    category = "openmetadata",
    namespaced,
    status = "CronOMJobStatus",
    derive = "PartialEq",
    doc = "Starts OMJobs on a schedule, as a CronJob starts Jobs.",
    printcolumn(name = "Schedule", type_ = "string", json_path = ".spec.schedule"),
    printcolumn(name = "Suspended", type_ = "boolean", json_path = ".spec.suspend"),
    printcolumn(name = "Last Schedule", type_ = "date", json_path = ".status.lastScheduleTime"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct CronOMJobSpec {
    /// Five fields, or one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, @every.
    #[schemars(extend("x-kubernetes-validations" = [
        {
            "rule": "self.trim().size() > 0",
            "message": "a schedule has five fields, or is one of @hourly, @daily, @weekly, @monthly, @yearly, @every",
        },
        {
            "rule": "!self.contains('TZ=')",
            "message": "the time zone stands in timeZone, not in the schedule",
        },
    ]))]
    pub schedule: String,
    /// Time zone of the schedule, by its name in the IANA database. None: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = [{
        "rule": "self.size() > 0 && self.lowerAscii() != 'local'",
        "message": "timeZone is a name of the IANA database, Europe/Berlin for example; without one the schedule is in UTC",
    }]))]
    pub time_zone: Option<String>,
    /// Start nothing on schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub suspend: Option<bool>,
    /// Whether a run may start while an earlier one is not over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Allow"))]
    pub concurrency_policy: Option<ConcurrencyPolicy>,
    /// Seconds after its time within which a missed run is still started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starting_deadline_seconds: Option<i64>,
    /// How many succeeded OMJobs are kept. None: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 3))]
    pub successful_jobs_history_limit: Option<i32>,
    /// How many failed OMJobs are kept. None: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 1))]
    pub failed_jobs_history_limit: Option<i32>,
    /// What every run is made of.
    #[serde(rename = "omJobSpec")]
    pub om_job_spec: OMJobSpec,
}

/// Whether a run may start while an earlier one is not over. Allow: it may. Forbid: it is skipped. Replace: the earlier one is deleted first, and its exit handler waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    /// It may.
    #[default]
    Allow,
    /// It is skipped.
    Forbid,
    /// The earlier one is deleted, its exit handler included waited for, then the new one starts.
    Replace,
}

/// What a CronOMJob last did.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CronOMJobStatus {
    /// The time of the schedule of which an OMJob was last started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Timestamp>,
    /// The OMJob that was last started.
    #[serde(default, rename = "lastOMJobName", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub last_om_job_name: Option<CompactString>,
    /// The OMJob that was last started by hand. The trigger that it stands for starts no other.
    #[serde(default, rename = "lastTriggeredOMJobName", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub last_triggered_om_job_name: Option<CompactString>,
    /// When the last OMJob that succeeded ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_successful_time: Option<Timestamp>,
    /// The last time of the schedule at which nothing was started: it was found too late, or an
    /// earlier OMJob was not over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_missed_time: Option<Timestamp>,
    /// The time of the schedule whose OMJob waits for the one that it replaces to be over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_schedule_time: Option<Timestamp>,
    /// The schedule that times are counted by, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_schedule: Option<ObservedSchedule>,
    /// What happened last, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A schedule and since when it counts: a changed one makes up for nothing that was before.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObservedSchedule {
    /// The schedule.
    #[schemars(with = "String")]
    pub schedule: CompactString,
    /// Its time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub time_zone: Option<CompactString>,
    /// Since when it was seen; the CronOMJob's creation for its first.
    pub since: Timestamp,
}
