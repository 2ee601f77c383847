//! Runs of pipelines: the Jobs and OMJobs of a cluster, by OpenMetadata's states.
//!
//! In: pipelines, or a namespace. Out: [`Run`]s, newest first. [`of_job`] and [`of_omjob`] say what a
//! Job or an OMJob comes to, [`pod_detail`] what its pod adds; [`list`] asks the cluster.

mod choose;
mod detail;
mod list;
mod run;
mod state;

pub use choose::{Unchosen, choose};
pub use detail::{Detail, Stage, pod_detail};
pub use list::{Scope, list, newest_pods, pods_of};
pub use run::{Run, RunKind, Tick, of_job, of_omjob};
pub use state::State;
