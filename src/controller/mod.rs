//! The operator: guarantees that the exit handler of an ingestion runs once after every end of it.
//!
//! One pass over an OMJob is observe → decide → act, each in a module of that name: what the API
//! server says becomes plain values; a pure function decides the one next act; the act is the only
//! thing that writes. Then it observes again, until there is nothing to do but wait.

pub mod crd;
pub mod names;
pub mod omjob;
pub mod pod;
