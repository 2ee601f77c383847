//! `ompipe status`.

mod watch;
mod write;

use clap::Args;
use futures::future::try_join_all;
use jiff::Timestamp;
use ompipe::cluster::runs::{self, Overview, Scope};
use ompipe::cluster::{Cluster, Pipeline};

use super::cluster::{ClusterArgs, block_on};
use super::error::Error;
use super::exit::Status;
use super::pipelines::{Pipelines, PipelinesArgs};
use super::session::Session;

/// Show how pipelines are: their last run, and when they run next
///
/// For each: its schedule, the state of its newest run by OpenMetadata's names (QUEUED, RUNNING,
/// SUCCESS, FAILED) and why, and when it runs next. The exit status does not depend on states.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe status                       All pipelines of the project
  ompipe status orders                One of them
  ompipe status -n openmetadata-pipelines      All that is there, without a project
  ompipe status --watch               Again whenever something changes
  ompipe status --format json         For programs; with --watch, a line for each change")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pipelines: PipelinesArgs,

    /// Go on showing, whenever something changes, until Ctrl-C
    #[arg(short, long)]
    watch: bool,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) fn run(args: &StatusArgs, session: &mut Session) -> Result<Status, Error> {
    let pipelines = args.pipelines.resolve(session)?;
    if let Pipelines::Wrong(status) = pipelines {
        return Ok(status);
    }
    block_on(async {
        let cluster = args.cluster.connect_as(&args.pipelines.declared()).await?;
        if args.watch {
            return watch::watch(&cluster, &pipelines, session).await;
        }
        let all = look(&cluster, &pipelines).await?;
        if session.writes_json() {
            write::json(&all, session.out())?;
        } else {
            let color = session.colors_results();
            write::table(&all, Timestamp::now(), color, session.out())?;
        }
        Ok(Status::Fine)
    })
}

/// How the pipelines are now.
async fn look(cluster: &Cluster, pipelines: &Pipelines) -> Result<Vec<Overview>, Error> {
    let looks = namespaces(pipelines).into_iter().map(|(namespace, named)| async move {
        let scope = match named.as_deref() {
            Some([pipeline]) => Scope::Pipeline(pipeline),
            _ => Scope::Namespace(namespace),
        };
        let (crons, mut runs) =
            futures::try_join!(runs::schedules(cluster, scope), runs::list(cluster, scope))?;
        if let (Scope::Pipeline(pipeline), true) = (scope, crons.is_empty() && runs.is_empty()) {
            runs = runs::list_called(cluster, pipeline).await?;
        }
        let now = Timestamp::now();
        Ok::<_, Error>(runs::overview(namespace, named.as_deref(), crons, runs, now))
    });
    Ok(try_join_all(looks).await?.into_iter().flatten().collect())
}

/// The namespaces to look in, each with its pipelines; `None`: all that are there.
fn namespaces(pipelines: &Pipelines) -> Vec<(&str, Option<Vec<&Pipeline>>)> {
    match pipelines {
        Pipelines::Wrong(_) => Vec::new(),
        Pipelines::OfNamespace(namespace) => vec![(namespace.as_str(), None)],
        Pipelines::These(these) => {
            let mut all: Vec<(&str, Option<Vec<&Pipeline>>)> = Vec::new();
            for pipeline in these {
                let namespace = pipeline.namespace.as_str();
                match all.iter_mut().find(|(known, _)| *known == namespace) {
                    Some((_, Some(of))) => of.push(pipeline),
                    _ => all.push((namespace, Some(vec![pipeline]))),
                }
            }
            all
        }
    }
}
