//! The rules: what Kubernetes, the ingestion image and the kernel ask for beyond the shape of a
//! definition.
//!
//! In: nodes as written, with the route to them. Out: the model's newtypes, or findings at the
//! exact part. One file per family of rules; nothing here does I/O, and a value of the wrong type
//! is the schema's finding, not a rule's.

pub mod environment;
pub mod image;
pub mod names;
pub mod pairs;
mod place;
pub mod resources;
pub mod run;
pub mod schedule;
mod secret_values;
pub mod secret_way;
pub mod secrets;
pub mod size;
pub mod tolerations;
