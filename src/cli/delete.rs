//! `ompipe delete`.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use ompipe::cluster::Pipeline;
use ompipe::cluster::runs::{self, Belongings};
use serde_json::json;

use super::cluster::{ClusterArgs, block_on};
use super::error::Error;
use super::exit::Status;
use super::pipelines::PipelinesArgs;
use super::session::Session;

/// Delete pipelines with all that belongs to them
///
/// Schedules go first; then runs, past and active, with their pods, whose exit handlers still run;
/// then ConfigMaps, and the ExternalSecret or Secret with the workflow. What pipelines share (the
/// service account and its rights) and other Secrets stay. Shows what it will delete, and asks. Run
/// again, it goes on where it was interrupted.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe delete orders                Shows what goes, and asks
  ompipe delete orders --yes          Without asking
  ompipe delete -n openmetadata-pipelines orders      Without a project")]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pipelines: PipelinesArgs,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    /// How long to wait until all is gone, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) fn run(args: &DeleteArgs, session: &mut Session) -> Result<Status, Error> {
    let Some(pipelines) = args.pipelines.named(session)? else { return Ok(Status::Findings) };
    let timeout = Duration::from_secs(args.timeout);
    let mut gone = Vec::new();
    let status = block_on(async {
        let cluster = args.cluster.connect_as(&args.pipelines.declared()).await?;
        let mut all = Vec::new();
        for pipeline in &pipelines {
            let belongings = runs::belongings(&cluster, pipeline).await?;
            show(pipeline, &belongings, session);
            all.push((pipeline, belongings));
        }
        all.retain(|(_, belongings)| !belongings.is_empty());
        if all.is_empty() {
            return Ok(Status::Fine);
        }
        if !args.yes {
            match session.confirms("Delete all of this?") {
                Some(true) => {}
                Some(false) => {
                    return Err(Error::new("nothing was deleted: it was not confirmed"));
                }
                None => {
                    return Err(Error::new("there is nobody to ask").with_hint(
                        "Add --yes to delete what is listed above without being asked.",
                    ));
                }
            }
        }
        for (pipeline, belongings) in all {
            let tell = &mut |kind: runs::Kind, name: &str| {
                gone.push((pipeline.namespace.clone(), kind, name.to_owned()));
                session.say(&format!("{} deleted", kind.named(name)));
            };
            runs::delete(&cluster, pipeline, belongings, timeout, tell).await?;
        }
        Ok(Status::Fine)
    })?;
    if session.writes_json() {
        let gone: Vec<_> = gone
            .iter()
            .map(|(namespace, kind, name)| {
                json!({"namespace": namespace, "kind": kind, "name": name})
            })
            .collect();
        serde_json::to_writer_pretty(&mut *session.out(), &json!({"version": 1, "deleted": gone}))
            .map_err(std::io::Error::from)?;
        writeln!(session.out())?;
    } else if status == Status::Fine {
        for pipeline in &pipelines {
            writeln!(session.out(), "{} is gone from {}", pipeline.name, pipeline.namespace)?;
        }
    }
    Ok(status)
}

/// Says what will go, and what stays although it has a name of the pipeline.
fn show(pipeline: &Pipeline, belongings: &Belongings, session: &mut Session) {
    let (name, namespace) = (&pipeline.name, &pipeline.namespace);
    if belongings.is_empty() {
        session.say(&format!("nothing of {name} is in {namespace}"));
    } else {
        session.say(&format!("{name} in {namespace}:"));
    }
    for thing in belongings.things() {
        let run = belongings.runs.iter().find(|run| run.uid == thing.uid);
        let state = run.map(|run| format!("  {}", run.state)).unwrap_or_default();
        session.say(&format!("  {}{state}", thing.kind.named(&thing.name)));
    }
    for stays in &belongings.stays {
        let what = stays.kind.named(&stays.name);
        session.say(&format!("{what} stays: {}", stays.why));
    }
}
