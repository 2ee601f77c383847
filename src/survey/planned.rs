//! When a pipeline runs.
//!
//! In: a checked pipeline. Out: [`Planned`].

use compact_str::CompactString;

use super::requests::Requests;
use crate::definition::parameters::ConcurrencyPolicy;
use crate::model::{Pipeline, Schedule, TimeZone};
use crate::tree::Node;

/// When a pipeline runs, and what its pod requests.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its name.
    pub name: CompactString,
    /// The service that it ingests from, as OpenMetadata knows it.
    pub service: CompactString,
    /// OpenMetadata's `pipelineType`.
    pub pipeline_type: &'static str,
    /// Its schedule; none: it is started by hand.
    pub schedule: Option<Schedule>,
    /// The zone that it names.
    pub time_zone: Option<TimeZone>,
    /// Whether the schedule is followed.
    pub enabled: bool,
    /// Whether a run may start while an earlier one goes on: `concurrencyPolicy: Allow`.
    pub overlaps_itself: bool,
    /// `activeDeadlineSeconds`: no run lasts longer.
    pub deadline: i64,
    /// What the pod of a run requests.
    pub requests: Requests,
}

impl Planned {
    /// A pipeline whose objects are not there yet.
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let service = pipeline.workflow.at_route(&["source", "serviceName"]).and_then(Node::as_str);
        let of_fqn = pipeline.fqn().split('.').next().unwrap_or_default();
        let parameters = &pipeline.parameters;
        Self {
            name: pipeline.name.as_str().into(),
            service: service.unwrap_or(of_fqn).into(),
            pipeline_type: pipeline.type_name(),
            schedule: pipeline.schedule.clone(),
            time_zone: pipeline.time_zone.clone(),
            enabled: pipeline.enabled,
            overlaps_itself: parameters.concurrency_policy == ConcurrencyPolicy::Allow,
            deadline: parameters.active_deadline_seconds,
            requests: Requests::default(),
        }
    }
}
