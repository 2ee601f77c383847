//! The exit handler: tells OpenMetadata how a run has ended, and why.
//!
//! In: what a pod's environment says ([`Settings`]), a cluster that may or may not answer, and a
//! [`Deadline`]. Out: the run's pipeline status in OpenMetadata, with all that the run itself had
//! stored there, or an [`Error`] that says what stood in the way. It does what `exit_handler.py` of
//! the ingestion image does, by the same contract, and needs no Python. What it decides is pure:
//! `settings`, `server`, `outcome`, `main_pod`, `diagnosis`, `status` and `verdict`; what meets the
//! world is `observe`, `openmetadata` and `handler`. No value of a secret is in what it logs or
//! returns, nor in the diagnosis that it sends.

mod deadline;
mod diagnosis;
mod error;
mod handler;
mod main_pod;
mod observe;
mod openmetadata;
mod outcome;
mod secret_values;
mod server;
mod settings;
mod status;
mod verdict;

pub use deadline::Deadline;
pub use error::{Cause, Error};
pub use handler::{Reported, Way, run};
pub use outcome::{Outcome, exit_code_in_file};
pub use settings::{Run, Settings};
