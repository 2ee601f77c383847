//! One OMJob: main stage, exit stage, end.
//!
//! [`observed`] says what is known, [`decide`](mod@decide) what to do next, both plain values.

pub mod announce;
pub mod decide;
mod exit_stage;
mod main_stage;
pub mod observed;
mod record;

#[cfg(test)]
mod decide_properties;
#[cfg(test)]
mod decide_tests;
#[cfg(test)]
mod late_pod_tests;

pub use decide::{Act, Plan, Stage, decide, decide_orphan};
pub use observed::{Job, Limits, Node, Observed, Pod, PodEnd, Refusal, Sight};
