//! `apply`: what was rendered → the same in a cluster, by server-side apply.
//!
//! In: rendered objects. Out: what became of each. The parts, in the order in which they work:
//!
//! | part | in → out |
//! |---|---|
//! | [`desired`] | rendered objects → the values that are sent |
//! | [`observe()`] | a cluster → what it has of them: shell |
//! | [`unchanged`] | an object and the live one → whether applying would change anything |
//! | [`inventory`] | the project → its ApplySet, and what is left over of it |
//! | [`plan()`] | what is wanted and what is there → what is to be done |
//! | [`execute()`] | a plan → the cluster as planned: shell |
//! | [`refusal`], [`route`] | what the server refuses → findings at the user's own lines |
//! | [`wait()`], [`readiness`] | what was applied → what of it is ready: shell |
//!
//! Nothing here writes to a terminal.

pub mod desired;
mod execute;
pub mod fields;
pub mod inventory;
mod observe;
pub mod outcome;
pub mod plan;
pub mod readiness;
pub mod refusal;
pub mod route;
pub mod send;
pub mod unchanged;
mod wait;

pub use desired::{Desired, Identity, Wanted};
pub use execute::{PARALLEL, execute};
pub use inventory::ApplySet;
pub use observe::{observe, unseen};
pub use outcome::{Journal, Outcome, Progress, Summary};
pub use plan::{Observed, Plan, Rights, plan};
pub use refusal::Refusal;
pub use send::How;
pub use wait::{Unready, wait};
