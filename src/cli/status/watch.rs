//! `ompipe status --watch`: the table again, whenever something changes.
//!
//! In: watches on the kinds that a status is made of. Out: the table, in the place of the last one
//! on a terminal, below it elsewhere. The cluster is asked again only when a watch tells of a
//! change; that times go by is shown without it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt, select_all};
use jiff::Timestamp;
use ompipe::cluster::Cluster;
use ompipe::cluster::runs::{self, Kind, Scope};
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
    let in_place = io::stdout().is_terminal();
    let mut changes = changes(cluster, pipelines);
    let mut end = Box::pin(asked_to_stop());
    let mut shown = String::new();
    let mut all = look(cluster, pipelines).await?;
    loop {
        let mut text = Vec::new();
        let now = Timestamp::now();
        write::table(&all, now, session.colors_results(), &mut text)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        if in_place {
            let time = now.strftime("%H:%M:%SZ");
            write!(session.out(), "{HOME}{text}\n{time}, until Ctrl-C\n")?;
        } else if text != shown {
            writeln!(session.out(), "{text}")?;
        }
        session.finish()?;
        shown = text;
        let ages = Instant::now() + AGES;
        let changed = tokio::select! {
            () = &mut end => return Ok(Status::Fine),
            change = changes.next() => change.is_some(),
            () = sleep_until(ages), if in_place => false,
        };
        if changed {
            let swarm = Instant::now() + SWARM;
            loop {
                tokio::select! {
                    () = &mut end => return Ok(Status::Fine),
                    Some(()) = changes.next() => {}
                    () = sleep_until(swarm) => break,
                }
            }
            all = look(cluster, pipelines).await?;
        }
    }
}

/// One item whenever something changes.
fn changes(cluster: &Cluster, pipelines: &Pipelines) -> BoxStream<'static, ()> {
    let kinds = [Kind::CronJob, Kind::CronOMJob, Kind::Job, Kind::OMJob, Kind::Pod];
    let of = namespaces(pipelines).into_iter().map(|(namespace, named)| {
        let scope = match named.as_deref() {
            Some([pipeline]) => Scope::Pipeline(pipeline),
            _ => Scope::Namespace(namespace),
        };
        runs::changes(cluster, namespace, &kinds, &scope.selector())
    });
    select_all(of).boxed()
}
