//! The operator's own kinds, OMJob and CronOMJob: upstream's fields and those that ours adds.
//!
//! In: nothing. Out: the Rust types, from which the CustomResourceDefinitions and their schemas
//! are made. Every object that upstream's CRDs accept, these accept.

mod cronomjob;
mod definitions;
mod omjob;
mod pod_parts;
mod pod_spec;
mod status;

pub use cronomjob::{
    ConcurrencyPolicy, CronOMJob, CronOMJobSpec, CronOMJobStatus, ObservedSchedule,
};
pub use definitions::{catalogue_files, definition_files, definitions, schema_files};
pub use omjob::{ExitHandlerPolicy, OMJob, OMJobSpec};
pub use pod_spec::{FreeForm, OMJobPodSpec};
pub use status::{
    Condition, ConditionStatus, ExitHandlerOutcome, ExitHandlerResult, ExitHandlerStatus,
    MainOutcome, MainStatus, OMJobStatus, Phase,
};

/// The API group of both kinds.
pub const GROUP: &str = "pipelines.openmetadata.org";
/// Their version.
pub const VERSION: &str = "v1";
