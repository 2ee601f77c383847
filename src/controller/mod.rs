//! The operator: guarantees that the exit handler of an ingestion runs once after every end of it.
//!
//! One pass over an OMJob is observe → decide → act, each in a module of that name: what the API
//! server says becomes plain values; a pure function decides the one next act; the act is the only
//! thing that writes. Then it observes again, until there is nothing to do but wait.

mod act;
mod act_on_pods;
mod cache;
pub mod clock;
pub mod cron;
mod events;
pub mod http;
mod lease;
mod metrics;
pub mod names;
mod objects;
pub mod omjob;
mod operator;
pub mod pod;
mod queue;
mod random;
mod reconcile;
mod requests;
mod watch;

pub use operator::{Operator, Settings};
