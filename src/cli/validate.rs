//! `ompipe validate`.

use clap::Args;
use ompipe::render::Mode;

use super::error::Error;
use super::exit::Status;
use super::input::{self, InputArgs};
use super::session::{Findings, Session};

/// Check definitions, and everything that would be rendered from them
///
/// All that is wrong is reported at once, each with its place, a code and, where it is known, the
/// way out. The findings are the result and go to stdout. Nothing is written.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe validate                          The project of the current folder
  ompipe validate pipelines/orders.yaml    One file by itself
  cat *.yaml | ompipe validate -           What comes on standard input
  ompipe validate --format sarif > ompipe.sarif
  ompipe validate --strict                 Fail on warnings too")]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    input: InputArgs,
}

pub(crate) fn run(args: &ValidateArgs, session: &mut Session) -> Result<Status, Error> {
    let mut project = input::read(&args.input)?;
    let extent = input::extent(&project);
    input::compile(&mut project, &args.input, Mode::Scheduled, &[], false)?;
    let found = std::mem::take(&mut project.found).into_sorted();
    if found.is_empty() && session.writes_text() {
        session.say(&format!("Checked {extent}: nothing is wrong."));
    }
    session.report(found, &project.sources, Findings::AsResult)
}
