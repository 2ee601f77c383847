//! `ompipe resume`.

use clap::Args;

use super::cluster::ClusterArgs;
use super::error::Error;
use super::exit::Status;
use super::pipelines::PipelinesArgs;
use super::session::Session;
use super::suspend::toggle;

/// Resume the schedules of pipelines
///
/// The next run is that of the next time of the schedule: what was missed meanwhile is not made up
/// for. A pipeline that Git has suspended (`enabled: false`) is resumed too, until somebody applies
/// it with --force-conflicts.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe resume orders users          Both
  ompipe resume -n openmetadata-pipelines orders      Without a project")]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pipelines: PipelinesArgs,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) fn run(args: &ResumeArgs, session: &mut Session) -> Result<Status, Error> {
    toggle(&args.pipelines, &args.cluster, false, session)
}
