//! `ompipe status --watch`: how pipelines are, again whenever something changes.
//!
//! In: watches on the kinds that a status is made of. Out: on a terminal the table, in the place of
//! the last one; elsewhere a table, and as JSON a line with a document, of those pipelines that are
//! otherwise than before. The cluster is asked again only when a watch tells of a change; that times
//! go by is shown without it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use futures::stream::{LocalBoxStream, StreamExt, select_all};
use jiff::Timestamp;
use ompipe::cluster::runs::{self, Kind, Overview, Scope};
use ompipe::cluster::{self, Cluster};
use tokio::time::{Instant, sleep_until};

use super::{look, namespaces, write};
use crate::cli::error::Error;
use crate::cli::exit::Status;
use crate::cli::interrupt::asked_to_stop;
use crate::cli::pipelines::Pipelines;
use crate::cli::session::Session;

/// Changes come in swarms: a pod that starts changes five times within a second.
const SWARM: Duration = Duration::from_millis(300);
/// How often the ages on a terminal are made new.
const AGES: Duration = Duration::from_secs(5);
/// The terminal's first line, and all below it away.
const HOME: &str = "\u{1b}[H\u{1b}[J";

pub(super) async fn watch(
    cluster: &Cluster,
    pipelines: &Pipelines,
    session: &mut Session,
) -> Result<Status, Error> {
    let in_place = io::stdout().is_terminal() && !session.writes_json();
    let mut changes = changes(cluster, pipelines);
    let mut end = Box::pin(asked_to_stop());
    let mut before: Option<Vec<Overview>> = None;
    let mut all = tokio::select! {
        () = &mut end => return Ok(Status::Fine),
        all = look(cluster, pipelines) => all?,
    };
    loop {
        if in_place {
            again(&all, session)?;
        } else {
            further(&all, before.as_deref(), session)?;
        }
        session.finish()?;
        let ages = Instant::now() + AGES;
        let changed = tokio::select! {
            () = &mut end => return Ok(Status::Fine),
            Some(change) = changes.next() => change.map(|()| true)?,
            () = sleep_until(ages), if in_place => false,
        };
        if !changed {
            continue;
        }
        let swarm = Instant::now() + SWARM;
        loop {
            tokio::select! {
                () = &mut end => return Ok(Status::Fine),
                Some(change) = changes.next() => change?,
                () = sleep_until(swarm) => break,
            }
        }
        let now = tokio::select! {
            () = &mut end => return Ok(Status::Fine),
            all = look(cluster, pipelines) => all?,
        };
        before = Some(std::mem::replace(&mut all, now));
    }
}

/// The whole table, in the place of the last one.
fn again(all: &[Overview], session: &mut Session) -> Result<(), Error> {
    let now = Timestamp::now();
    let color = session.colors_results();
    write!(session.out(), "{HOME}")?;
    write::table(all, now, color, session.out())?;
    Ok(write!(session.out(), "\n{}, until Ctrl-C\n", now.strftime("%H:%M:%SZ"))?)
}

/// What is otherwise than before; at first, all.
fn further(
    all: &[Overview],
    before: Option<&[Overview]>,
    session: &mut Session,
) -> Result<(), Error> {
    let known = before.unwrap_or_default();
    let changed: Vec<&Overview> = all.iter().filter(|one| !known.contains(one)).collect();
    let name = |one: &Overview| (one.namespace.clone(), one.pipeline.clone());
    let is_gone = |one: &&Overview| !all.iter().any(|now| name(now) == name(one));
    let gone: Vec<&Overview> = known.iter().filter(is_gone).collect();
    if before.is_some() && changed.is_empty() && gone.is_empty() {
        return Ok(());
    }
    if session.writes_json() {
        return Ok(write::line(&changed, &gone, session.out())?);
    }
    let color = session.colors_results();
    if before.is_none() || !changed.is_empty() {
        write::table(&changed, Timestamp::now(), color, session.out())?;
    }
    for one in gone {
        writeln!(session.out(), "{} is gone from {}", one.pipeline, one.namespace)?;
    }
    Ok(writeln!(session.out())?)
}

/// One item whenever something changes.
fn changes(
    cluster: &Cluster,
    pipelines: &Pipelines,
) -> LocalBoxStream<'static, Result<(), cluster::Error>> {
    let kinds = [Kind::CronJob, Kind::CronOMJob, Kind::Job, Kind::OMJob, Kind::Pod];
    let of = namespaces(pipelines).into_iter().map(|(namespace, named)| {
        let scope = match named.as_deref() {
            Some([pipeline]) => Scope::Pipeline(pipeline),
            _ => Scope::Namespace(namespace),
        };
        runs::changes(cluster, namespace, &kinds, &scope.selector())
    });
    select_all(of).boxed_local()
}
