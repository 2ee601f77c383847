//! `ompipe history`.

use std::io::Write;

use clap::Args;
use jiff::Timestamp;
use ompipe::cluster::runs::{self, Run, Scope};
use ompipe::cluster::{Cluster, Pipeline};
use serde_json::json;

use super::cluster::{ClusterArgs, block_on};
use super::error::Error;
use super::exit::Status;
use super::pipelines::{Pipelines, PipelinesArgs};
use super::session::Session;
use super::shown_run::{self, color, id_length, short, started_by, to_json, took};
use super::table;

/// List the runs of pipelines, newest first
///
/// A run is there for as long as its Job or OMJob is: ttlSecondsAfterFinished and the history limits
/// say when it goes.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe history orders                   The runs of the pipeline orders
  ompipe history orders --limit 3
  ompipe history -n openmetadata-pipelines    All runs there, without a project
  ompipe history -n openmetadata-pipelines om-app-retention    Those of an application")]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    pipelines: PipelinesArgs,

    /// List so many at most
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) fn run(args: &HistoryArgs, session: &mut Session) -> Result<Status, Error> {
    let pipelines = args.pipelines.resolve(session)?;
    if let Pipelines::Wrong(status) = pipelines {
        return Ok(status);
    }
    let mut runs = block_on(async {
        let cluster = args.cluster.connect_as(&args.pipelines.declared()).await?;
        match &pipelines {
            Pipelines::These(these) => of_pipelines(&cluster, these, &args.pipelines).await,
            Pipelines::OfNamespace(name) => Ok(runs::list(&cluster, Scope::Namespace(name)).await?),
            Pipelines::Wrong(_) => Ok(Vec::new()),
        }
    })?;
    runs.truncate(args.limit.unwrap_or(usize::MAX));
    if session.writes_json() {
        let all: Vec<_> = runs.iter().map(to_json).collect();
        serde_json::to_writer_pretty(&mut *session.out(), &json!({"version": 1, "runs": all}))
            .map_err(std::io::Error::from)?;
        writeln!(session.out())?;
    } else {
        let in_color = session.colors_results();
        table(&runs, in_color, session.out())?;
    }
    Ok(Status::Fine)
}

async fn of_pipelines(
    cluster: &Cluster,
    pipelines: &[Pipeline],
    args: &PipelinesArgs,
) -> Result<Vec<Run>, Error> {
    let mut all = Vec::new();
    for pipeline in pipelines {
        all.extend(args.runs(cluster, pipeline).await?);
    }
    Ok(all)
}

fn table(runs: &[Run], in_color: bool, out: &mut impl Write) -> std::io::Result<()> {
    let head = ["PIPELINE", "RUN", "STATE", "REASON", "STARTED", "TOOK", "EXIT", "BY"];
    let (now, length) = (Timestamp::now(), id_length(runs.iter().map(|run| run.id.as_str())));
    let rows: Vec<_> = runs.iter().map(|run| row(run, length, now)).collect();
    let style = |column, cell: &str| if in_color && column == 2 { color(cell) } else { "" };
    table::write(head, &rows, style, out)
}

fn row(run: &Run, id: usize, now: Timestamp) -> [String; 8] {
    let seconds = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    [
        run.subject().to_owned(),
        short(&run.id, id),
        run.state.to_string(),
        run.reason.clone().unwrap_or_default(),
        run.started.or(run.created).map(seconds).unwrap_or_default(),
        took(run, now).map(shown_run::length).unwrap_or_default(),
        run.exit_code.map(|code| code.to_string()).unwrap_or_default(),
        started_by(run).to_owned(),
    ]
}
