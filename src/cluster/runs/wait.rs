//! Waits for a run.
//!
//! In: a run. Out: the run again whenever it is otherwise than before, until it has ended or is
//! gone. The cluster is asked only when a watch tells of a change.

use std::time::Duration;

use futures::stream::{LocalBoxStream, StreamExt as _};
use tokio::time::{Instant, sleep_until};

use super::changes::changes;
use super::kind::Kind;
use super::list::pods_of;
use super::request;
use super::run::{Run, of_job, of_omjob};
use crate::cluster::observed::{Job, OMJob};
use crate::cluster::{Cluster, Error};

/// A watch can be silent for long before it is found to be dead.
const LOOK_ANYHOW: Duration = Duration::from_secs(30);

/// A run that is looked at until it has ended.
pub struct Waiting<'c> {
    cluster: &'c Cluster,
    kind: Kind,
    namespace: String,
    name: String,
    uid: String,
    changes: LocalBoxStream<'static, Result<(), Error>>,
}

impl<'c> Waiting<'c> {
    /// Begins to wait for the run of this UID.
    pub fn new(
        cluster: &'c Cluster,
        kind: Kind,
        namespace: &str,
        name: &str,
        uid: &str,
        id: &str,
    ) -> Self {
        let selector = format!("{}={id}", crate::model::labels::RUN_ID);
        Self {
            cluster,
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
            changes: changes(cluster, namespace, &[kind, Kind::Pod], &selector),
        }
    }

    /// How it is now; `None`: it is gone.
    pub async fn look(&self) -> Result<Option<Run>, Error> {
        let Self { cluster, kind, namespace, name, uid, .. } = self;
        look(cluster, *kind, namespace, name, uid).await
    }

    /// Waits until something may be otherwise.
    pub async fn change(&mut self) -> Result<(), Error> {
        let anyhow = Instant::now() + LOOK_ANYHOW;
        tokio::select! {
            change = self.changes.next() => change.unwrap_or(Ok(())),
            () = sleep_until(anyhow) => Ok(()),
        }
    }
}

/// A run as it is now, with what its pods say; `None`: it is gone, or another one has its name.
pub async fn look(
    cluster: &Cluster,
    kind: Kind,
    namespace: &str,
    name: &str,
    uid: &str,
) -> Result<Option<Run>, Error> {
    let bare = match kind {
        Kind::OMJob => {
            let found: Option<OMJob> = request::get(cluster, kind, namespace, name).await?;
            found.map(|job| (of_omjob(&job, None), Found::OMJob(Box::new(job))))
        }
        _ => {
            let found: Option<Job> = request::get(cluster, kind, namespace, name).await?;
            found.map(|job| (of_job(&job, None), Found::Job(Box::new(job))))
        }
    };
    let Some((run, found)) = bare.filter(|(run, _)| run.uid == uid) else { return Ok(None) };
    let pods = pods_of(cluster, &run).await?;
    let main = pods.iter().rev().find(|pod| !pod.is_exit_handler());
    Ok(Some(match &found {
        Found::Job(job) => of_job(job, main),
        Found::OMJob(job) => of_omjob(job, main),
    }))
}

enum Found {
    Job(Box<Job>),
    OMJob(Box<OMJob>),
}
