//! `ompipe suspend`.

use std::io::Write;

use clap::Args;
use ompipe::cluster::runs::{self, Cron, Missed, Scope, Toggled};
use ompipe::cluster::{Cluster, Pipeline};
use serde_json::json;

use super::cluster::{ClusterArgs, block_on};
use super::error::Error;
use super::exit::Status;
use super::pipelines::PipelinesArgs;
use super::session::Session;

/// Suspend the schedules of pipelines
///
/// Nothing is started any more until `ompipe resume`; what runs goes on. It holds against what Git
/// says: as long as a definition says `enabled: true`, `ompipe apply` reports a conflict with
/// ompipe-suspend in place of resuming it. To suspend for good, write `enabled: false`.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe suspend orders users         Both
  ompipe suspend -n openmetadata-pipelines orders     Without a project")]
pub(crate) struct SuspendArgs {
    #[command(flatten)]
    pipelines: PipelinesArgs,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) fn run(args: &SuspendArgs, session: &mut Session) -> Result<Status, Error> {
    toggle(&args.pipelines, &args.cluster, true, session)
}

/// Suspends or resumes.
pub(super) fn toggle(
    pipelines: &PipelinesArgs,
    cluster: &ClusterArgs,
    suspend: bool,
    session: &mut Session,
) -> Result<Status, Error> {
    let Some(these) = pipelines.named(session)? else { return Ok(Status::Findings) };
    let done = block_on(async {
        let cluster = cluster.connect_as(&pipelines.declared()).await?;
        // All are looked for before the first is changed.
        let mut crons = Vec::new();
        for pipeline in &these {
            crons.extend(of(&cluster, pipeline).await?);
        }
        let mut done = Vec::new();
        for cron in crons {
            let (toggled, missed) = match suspend {
                true => (runs::suspend(&cluster, &cron).await?, Missed::None),
                false => runs::resume(&cluster, &cron, jiff::Timestamp::now()).await?,
            };
            done.push((cron, toggled, missed));
        }
        Ok(done)
    })?;
    if session.writes_json() {
        let all: Vec<_> = done.iter().map(|(cron, toggled, _)| to_json(cron, *toggled)).collect();
        let document = json!({"version": 1, "suspended": suspend, "schedules": all});
        serde_json::to_writer_pretty(&mut *session.out(), &document)
            .map_err(std::io::Error::from)?;
        writeln!(session.out())?;
        return Ok(Status::Fine);
    }
    for (cron, toggled, missed) in done {
        let name = cron.kind.named(&cron.name);
        let what = match (toggled, suspend) {
            (Toggled::Done, true) => "suspended",
            (Toggled::Already, true) => "is suspended already",
            (Toggled::Done, false) => "resumed",
            (Toggled::Already, false) => "is not suspended",
            (Toggled::Gone, _) => "is gone",
        };
        writeln!(session.out(), "{name} {what}")?;
        say_missed(&name, missed, session);
    }
    Ok(Status::Fine)
}

fn say_missed(name: &str, missed: Missed, session: &mut Session) {
    match missed {
        Missed::None => {}
        Missed::Skipped(time) => {
            session.say(&format!("the run of {time}, missed meanwhile, is not made up for"));
        }
        Missed::Starts(time) => session.say(&format!(
            "the run of {time}, missed meanwhile, starts now: to pass over it takes the right to \
             patch the status of {name}"
        )),
    }
}

fn to_json(cron: &Cron, toggled: Toggled) -> serde_json::Value {
    json!({
        "namespace": cron.namespace,
        "pipeline": cron.pipeline,
        "kind": cron.kind,
        "name": cron.name,
        "changed": toggled == Toggled::Done,
    })
}

async fn of(cluster: &Cluster, pipeline: &Pipeline) -> Result<Vec<Cron>, Error> {
    let crons = runs::schedules(cluster, Scope::Pipeline(pipeline)).await?;
    if crons.is_empty() {
        let (name, namespace) = (&pipeline.name, &pipeline.namespace);
        return Err(Error::new(format!("there is no schedule of {name} in {namespace}"))
            .with_hint(
                "`ompipe status -n NAMESPACE` lists what is there; `ompipe apply` makes it.",
            ));
    }
    Ok(crons)
}
