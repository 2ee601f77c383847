//! `ompipe kill`.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use ompipe::cluster::Cluster;
use ompipe::cluster::runs::{self, Kind, Run, Scope, Step};
use serde_json::json;

use super::cluster::{ClusterArgs, block_on};
use super::error::Error;
use super::exit::Status;
use super::pipelines::{Pipelines, PipelinesArgs};
use super::session::Session;
use super::shown_run::to_json;

/// End the active runs of pipelines, automations and applications
///
/// Their pods are really ended, and their exit handlers run: as preStop hook or sidecar within the
/// pods' grace period, and where there is an operator, by it. Waits until nothing of them is left.
/// The schedule goes on: `ompipe suspend` stops that. No run is active: nothing is done, status 0.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe kill orders                  All active runs of the pipeline orders
  ompipe kill orders --run 6f1c       The run whose id begins so
  ompipe kill -n openmetadata-pipelines orders    Without a project
  ompipe kill -n openmetadata-pipelines om-automation-test-mysql    Those of an automation
  ompipe kill -n openmetadata-pipelines --run 6f1c    One run, whatever it is of")]
pub(crate) struct KillArgs {
    #[command(flatten)]
    pipelines: PipelinesArgs,

    /// End this run alone: its id, the name of its Job or OMJob, or how either begins
    #[arg(long, value_name = "ID")]
    run: Option<String>,

    /// Ask for the end, and do not wait for it
    #[arg(long)]
    no_wait: bool,

    /// How long to wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, conflicts_with = "no_wait")]
    timeout: u64,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) fn run(args: &KillArgs, session: &mut Session) -> Result<Status, Error> {
    // One run of a namespace is named well enough by its id.
    let pipelines = match (&args.run, args.pipelines.namespace()) {
        (Some(_), Some(_)) => args.pipelines.resolve(session)?,
        _ => match args.pipelines.named(session)? {
            Some(named) => Pipelines::These(named),
            None => return Ok(Status::Findings),
        },
    };
    let timeout = Duration::from_secs(args.timeout);
    let killed = block_on(async {
        let cluster = args.cluster.connect_as(&args.pipelines.declared()).await?;
        let active = active(&cluster, &pipelines, args).await?;
        runs::kill(&cluster, &active, &mut |step| told(session, step)).await?;
        if !args.no_wait {
            runs::wait_until_gone(&cluster, &active, timeout, &mut |step| told(session, step))
                .await?;
        }
        Ok(active)
    })?;
    if session.writes_json() {
        let killed: Vec<_> = killed.iter().map(to_json).collect();
        serde_json::to_writer_pretty(&mut *session.out(), &json!({"version": 1, "killed": killed}))
            .map_err(std::io::Error::from)?;
        writeln!(session.out())?;
    } else if killed.is_empty() {
        session.say("no run is active");
    }
    for run in killed.iter().filter(|_| session.writes_text()).collect::<Vec<_>>() {
        let name = Kind::from(run.kind).named(&run.name);
        let how = if args.no_wait { "is being ended" } else { "ended" };
        writeln!(session.out(), "{name} {how}, run id {}", run.id)?;
    }
    Ok(Status::Fine)
}

fn told(session: &mut Session, step: Step<'_>) {
    if let Step::Asked(run) = step {
        let name = Kind::from(run.kind).named(&run.name);
        session.say(&format!("ending {name}: its pod, then what its exit handler reports"));
    }
}

/// The runs that have not ended, all or the one that is called so.
async fn active(
    cluster: &Cluster,
    pipelines: &Pipelines,
    args: &KillArgs,
) -> Result<Vec<Run>, Error> {
    let mut all = Vec::new();
    match pipelines {
        Pipelines::Wrong(_) => {}
        Pipelines::OfNamespace(namespace) => {
            all = runs::list(cluster, Scope::Namespace(namespace)).await?;
        }
        Pipelines::These(these) => {
            for pipeline in these {
                all.extend(args.pipelines.runs(cluster, pipeline).await?);
            }
        }
    }
    if let Some(called) = args.run.as_deref() {
        all.retain(|run| run.id.starts_with(called) || run.name.starts_with(called));
        if all.iter().any(|run| run.id == called || run.name == called) {
            all.retain(|run| run.id == called || run.name == called);
        }
        if all.is_empty() {
            return Err(Error::new(format!("there is no run {called}, or none any more"))
                .with_hint("`ompipe history` lists those that are there."));
        }
        if all.len() > 1 {
            let ids: Vec<&str> = all.iter().map(|run| run.id.as_str()).collect();
            return Err(Error::new(format!("{} runs are called {called}…", ids.len()))
                .with_hint(format!("Say more of the id: {}.", ids.join(", "))));
        }
    }
    // One that is about to go may still have pods that end.
    all.retain(|run| !run.state.has_ended() || run.is_going);
    Ok(all)
}
