//! One OMJob: main stage, exit stage, end.
//!
//! [`observed`] says what is known, [`decide`] what to do next, both plain values.

pub mod decide;
mod exit_stage;
mod main_stage;
pub mod observed;
mod record;

pub use decide::{Act, Plan, Stage, decide};
pub use observed::{Job, Limits, Node, Observed, Pod, PodEnd, Refusal, Sight};
