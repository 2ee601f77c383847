//! Runs of pipelines: the Jobs and OMJobs of a cluster, by OpenMetadata's states.
//!
//! In: pipelines, or a namespace. Out: [`Run`]s, newest first. [`of_job`] and [`of_omjob`] say what a
//! Job or an OMJob comes to, [`pod_detail`] what its pod adds; [`list`] asks the cluster.

mod belongings;
mod changes;
mod choose;
mod delete;
mod detail;
mod kill;
mod kind;
mod list;
mod overview;
mod plan;
mod request;
mod run;
mod schedule;
mod start;
mod state;
mod suspend;
mod wait;

pub use belongings::{Belongings, Stays};
pub use changes::changes;
pub use choose::{Unchosen, choose};
pub use delete::{belongings, delete};
pub use detail::{Detail, Stage, pod_detail};
pub use kill::{Step, kill, wait_until_gone};
pub use kind::Kind;
pub use list::{Scope, list, list_called, newest_pods, pods_of, schedules};
pub use overview::{Overview, overview};
pub use plan::Plan;
pub use run::{Run, RunKind, Tick, of_job, of_omjob};
pub use schedule::Cron;
pub use start::{Started, start};
pub use state::State;
pub use suspend::{Missed, TOGGLE_MANAGER, Toggled, resume, suspend};
pub use wait::{Waiting, look};
