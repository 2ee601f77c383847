//! `ompipe history`.

use std::io::Write;

use clap::Args;
use jiff::Timestamp;
use ompipe::cluster::runs::{self, Run, Scope, Tick};
use ompipe::cluster::{Cluster, Pipeline};
use serde_json::json;

use super::cluster::{ClusterArgs, block_on};
use super::error::Error;
use super::exit::Status;
use super::pipelines::{Pipelines, PipelinesArgs};
use super::session::Session;

/// List the runs of pipelines, newest first
///
/// A run is there for as long as its Job or OMJob is: ttlSecondsAfterFinished and the history limits
/// say when it goes.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe history orders                   The runs of the pipeline orders
  ompipe history orders --limit 3
  ompipe history -n openmetadata-pipelines    All runs there, without a project")]
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
        let cluster = args.cluster.connect().await?;
        match &pipelines {
            Pipelines::These(these) => of_pipelines(&cluster, these).await,
            Pipelines::OfNamespace(name) => Ok(runs::list(&cluster, Scope::Namespace(name)).await?),
            Pipelines::Wrong(_) => Ok(Vec::new()),
        }
    })?;
    runs.truncate(args.limit.unwrap_or(usize::MAX));
    if session.writes_json() {
        let all: Vec<_> = runs.iter().map(to_json).collect();
        serde_json::to_writer_pretty(&mut *session.out(), &json!({"runs": all}))
            .map_err(std::io::Error::from)?;
        writeln!(session.out())?;
    } else {
        table(&runs, session.out())?;
    }
    Ok(Status::Fine)
}

async fn of_pipelines(cluster: &Cluster, pipelines: &[Pipeline]) -> Result<Vec<Run>, Error> {
    let mut all = Vec::new();
    for pipeline in pipelines {
        all.extend(runs::list(cluster, Scope::Pipeline(pipeline)).await?);
    }
    Ok(all)
}

fn to_json(run: &Run) -> serde_json::Value {
    json!({
        "pipeline": run.pipeline,
        "runId": run.id,
        "state": run.state,
        "reason": run.reason,
        "message": run.message,
        "startedBy": started_by(run),
        "created": run.created,
        "started": run.started,
        "ended": run.ended,
        "exitCode": run.exit_code,
        "kind": run.kind,
        "name": run.name,
        "namespace": run.namespace,
    })
}

fn started_by(run: &Run) -> &'static str {
    match run.tick {
        Tick::Schedule(_) => "schedule",
        Tick::ByHand => "hand",
    }
}

fn table(runs: &[Run], out: &mut impl Write) -> std::io::Result<()> {
    let head = ["PIPELINE", "RUN", "STATE", "REASON", "STARTED", "TOOK", "EXIT", "BY"];
    let rows: Vec<[String; 8]> = runs.iter().map(row).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([head[column].len()]).max().unwrap_or_default()
        })
        .collect();
    let head = head.map(str::to_owned);
    for row in std::iter::once(&head).chain(&rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn row(run: &Run) -> [String; 8] {
    let seconds = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let took = run.started.zip(run.ended).map(|(from, to)| to.duration_since(from).as_secs());
    [
        run.pipeline.clone(),
        run.id.clone(),
        run.state.to_string(),
        run.reason.clone().unwrap_or_default(),
        run.started.map(seconds).unwrap_or_default(),
        took.map(|seconds| format!("{seconds} s")).unwrap_or_default(),
        run.exit_code.map(|code| code.to_string()).unwrap_or_default(),
        started_by(run).to_owned(),
    ]
}
