//! `ompipe run`.

mod set;
mod wait;

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use kube::api::DynamicObject;
use ompipe::cluster::runs::{self, Plan, Run, Started};
use ompipe::cluster::{Cluster, parsed};
use ompipe::render::Mode;
use serde_json::json;
use uuid::Uuid;

use super::cluster::{ClusterArgs, block_on, declared};
use super::entity::{self, EntityArgs};
use super::error::Error;
use super::exit::Status;
use super::input::{self, InputArgs};
use super::interrupt::{GRACE, asked_to_stop};
use super::session::{Findings, Session};
use super::shown_run::to_json;

/// Run a pipeline, an automation or an application once, now, in a cluster
///
/// Creates the Job or OMJob that `render --run` shows, with a run id of its own, beside whatever the
/// pipeline's schedule does. The pipeline's other objects have to be in the cluster already. The run
/// of an automation or application brings its own, which `render --automation` shows.
///
/// Exit status with --wait and --follow: 0 the run succeeded, 1 it failed or was killed, 2 ompipe failed.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe run orders                  The pipeline orders of the current folder's project
  ompipe run orders examples/team    Of the project there
  ompipe run orders --wait           Until it has ended; status 1 if it failed
  ompipe run orders --follow         The same, with its log
  ompipe run orders --set workflow.source.sourceConfig.config.markDeletedTables=false
                                     With another value, this time only
  ompipe run --automation test-mysql.yaml --follow
                                     The test of a connection, on the terms of the project here
  ompipe run --application app.json examples/team
                                     An application, on those of the project there
  ompipe render --run -l orders      Only show what would be created")]
pub(crate) struct RunArgs {
    /// The name of the pipeline; with --automation or --application there is none, and paths alone
    /// follow
    #[arg(required_unless_present_any = ["automation", "application"])]
    pipeline: Option<String>,

    #[command(flatten)]
    entity: EntityArgs,

    #[command(flatten)]
    input: InputArgs,

    /// The id of the run; one that is there already under this id is not started again [default: a
    /// random one]
    #[arg(long, value_name = "UUID")]
    run_id: Option<Uuid>,

    /// Set a value of the workflow for this run only: `workflow.KEY.KEY=VALUE`, the value as YAML;
    /// may be given several times
    #[arg(long, value_name = "ROUTE=VALUE", conflicts_with_all = ["automation", "application"])]
    set: Vec<String>,

    /// Wait until the run has ended
    #[arg(short, long)]
    wait: bool,

    /// Show the run's log while it runs, and wait until it has ended
    #[arg(short, long)]
    follow: bool,

    /// With --wait or --follow: for so many seconds at most [default: as long as it takes]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) fn run(args: &RunArgs, session: &mut Session) -> Result<Status, Error> {
    if args.follow && session.writes_json() {
        return Err(Error::new("a log is no JSON")
            .with_hint("Leave --follow or --format json out, or write --wait."));
    }
    let waits = args.wait || args.follow;
    if args.timeout.is_some() && !waits {
        return Err(Error::new("--timeout is for what is waited for").with_hint("Add --wait."));
    }
    let id = args.run_id.unwrap_or_else(Uuid::new_v4);
    let entity = args.entity.chosen();
    let input = args.input.and_first(args.pipeline.as_deref().filter(|_| entity.is_some()));
    let environment = input.environment.as_deref();
    let mut project = input::read(&input)?;
    let declared = declared(&project, environment);
    let mode = Mode::Run(Some(id));
    let objects = match entity {
        Some(entity) => entity::compile(entity, &mut project, &input, mode, None)?,
        None => {
            let only = [args.pipeline.clone().unwrap_or_default()];
            set::add(&args.set, &only[0], environment, &mut project)?;
            input::compile(&mut project, &input, mode, &only, true)?
        }
    };
    let found = std::mem::take(&mut project.found).into_sorted();
    let failed = session.fails_on(&found);
    let status = session.report(found, &project.sources, Findings::AsMessages)?;
    if failed {
        return Ok(status);
    }
    let objects: Vec<DynamicObject> = objects.iter().map(parsed).collect::<Result<_, _>>()?;
    let plan = Plan::of(&objects, !args.set.is_empty())?;
    let timeout = args.timeout.map(Duration::from_secs);
    block_on(async {
        let cluster = args.cluster.connect_as(&declared).await?;
        let started = started(&cluster, &plan).await?;
        say_started(&plan, &started, args.follow, session)?;
        if !waits {
            if session.writes_json() {
                let run = json!({"kind": plan.kind, "namespace": plan.namespace,
                    "name": plan.name, "runId": plan.id, "pipeline": plan.pipeline});
                write_json(&run, session)?;
            }
            return Ok(status);
        }
        let ended = {
            let until = wait::Until { timeout, follow: args.follow };
            wait::wait(&cluster, &plan, &started, until, session).await?
        };
        if session.writes_json() {
            write_json(&ended.as_ref().map(to_json).unwrap_or_default(), session)?;
        }
        Ok(if ended.is_some_and(|run| succeeded(&run)) { status } else { Status::Findings })
    })
}

/// Starts it. Who interrupts has what is begun be ended, for a moment: what a run has of its own
/// goes with the run, and without one would stay.
async fn started(cluster: &Cluster, plan: &Plan) -> Result<Started, Error> {
    let mut start = Box::pin(runs::start(cluster, plan));
    tokio::select! {
        started = &mut start => return Ok(started?),
        () = asked_to_stop() => {}
    }
    tokio::select! {
        started = start => {
            started?;
            Err(wait::goes_on("interrupted", plan))
        }
        () = tokio::time::sleep(GRACE) => Err(unknown(plan)),
        () = asked_to_stop() => Err(unknown(plan)),
    }
}

/// An end before the API server said whether there is a run.
fn unknown(plan: &Plan) -> Error {
    Error::new("interrupted, and it is not known whether the run began").with_hint(format!(
        "`ompipe history` shows it if it did. The same with --run-id {} goes on where this ended.",
        plan.id
    ))
}

fn succeeded(run: &Run) -> bool {
    run.state == runs::State::Success
}

/// With a log on standard output, that is the log's alone.
fn say_started(
    plan: &Plan,
    started: &Started,
    follow: bool,
    session: &mut Session,
) -> Result<(), Error> {
    if started.reads_other_config {
        session.say(
            "the workflow in the cluster is not that of the definitions; the run takes that of \
             the cluster: `ompipe apply` brings the new one",
        );
    }
    if session.writes_text() {
        let how = if started.was_there { "is there already" } else { "created" };
        let text = format!("{} {how}, run id {}", plan.kind.named(&plan.name), plan.id);
        if follow {
            session.say(&text);
        } else {
            writeln!(session.out(), "{text}")?;
            session.finish()?;
        }
    }
    Ok(())
}

fn write_json(run: &serde_json::Value, session: &mut Session) -> Result<(), Error> {
    let document = json!({"version": 1, "run": run});
    serde_json::to_writer_pretty(&mut *session.out(), &document).map_err(io::Error::from)?;
    Ok(writeln!(session.out())?)
}
