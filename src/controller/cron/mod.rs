//! One CronOMJob: which run is due, which run goes.
//!
//! [`observed`] says what is known, [`decide`](mod@decide) what to do next, both plain values; `run` builds the
//! OMJob of a run. `observe` and `act` are the way in and out.

mod act;
pub mod decide;
#[cfg(test)]
mod decide_tests;
mod history;
pub(super) mod observe;
pub mod observed;
pub mod run;
#[cfg(test)]
mod walk_tests;

pub use decide::{Act, Notice, Plan, Reason, Start, decide};
pub use history::is_noted;
pub use observed::{Asked, Cron, Observed, Run, RunEnd};
