//! `ompipe diagnose`.

use std::io::{self, Write};

use clap::Args;
use jiff::Timestamp;
use ompipe::cluster::diagnose::{self, Diagnosis, diagnose};
use serde_json::json;

use super::chosen_run::{Chosen, ChosenRunArgs};
use super::cluster::{ClusterArgs, block_on};
use super::error::Error;
use super::exit::Status;
use super::pipelines::Pipelines;
use super::session::Session;

/// Say why a run failed, or does not get on, and what to do about it
///
/// Looks at the newest run of each pipeline, or at the one that is named: its Job or OMJob, its
/// pods, their events and the end of the log, without what looks like a secret. Exit status: 0 all
/// is well, 1 something is wrong.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe diagnose orders                Why the newest run of orders failed
  ompipe diagnose orders --run 6f1c     The run whose id begins so
  ompipe diagnose -n openmetadata-pipelines orders      Without a project
  ompipe diagnose -n openmetadata-pipelines om-job-orders-6f1c2d3e
  ompipe diagnose --format json         All pipelines, for programs")]
pub(crate) struct DiagnoseArgs {
    #[command(flatten)]
    run: ChosenRunArgs,

    /// Show so many lines of the end of the log
    #[arg(long, value_name = "N", default_value_t = 50)]
    lines: u32,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) fn run(args: &DiagnoseArgs, session: &mut Session) -> Result<Status, Error> {
    let pipelines = args.run.pipelines.resolve(session)?;
    if let Pipelines::Wrong(status) = pipelines {
        return Ok(status);
    }
    let (found, without) = block_on(look(args, &pipelines))?;
    let now = Timestamp::now();
    if session.writes_json() {
        serde_json::to_writer_pretty(&mut *session.out(), &json!({"diagnoses": found}))
            .map_err(io::Error::from)?;
        writeln!(session.out())?;
    } else {
        for (number, diagnosis) in found.iter().enumerate() {
            if number > 0 {
                writeln!(session.out())?;
            }
            write!(session.out(), "{}", diagnose::text(diagnosis, now))?;
        }
    }
    for name in &without {
        session.say(&format!("{name} has no run, or none any more"));
    }
    let is_well = without.is_empty() && found.iter().all(|one| one.findings.is_empty());
    Ok(if is_well { Status::Fine } else { Status::Findings })
}

/// The diagnoses, and the pipelines without a run.
async fn look(
    args: &DiagnoseArgs,
    pipelines: &Pipelines,
) -> Result<(Vec<Diagnosis>, Vec<String>), Error> {
    let cluster = args.cluster.connect_as(&args.run.pipelines.declared()).await?;
    let (mut found, mut without) = (Vec::new(), Vec::new());
    for chosen in args.run.find(&cluster, pipelines).await? {
        match chosen {
            Chosen::Run(run) => {
                let evidence = diagnose::gather(&cluster, &run, args.lines).await?;
                found.push(diagnose(&evidence, Timestamp::now()));
            }
            Chosen::None(pipeline) => without.push(pipeline.name.to_string()),
        }
    }
    Ok((found, without))
}
