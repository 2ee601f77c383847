//! `ompipe explain`.

use std::io::Write;

use clap::Args;
use ompipe::diagnostic::code;

use super::error::Error;
use super::exit::Status;
use super::session::Session;

/// Explain a code
///
/// The page of a code says what it means, why it matters, and shows the mistake and its mend. Without a code, all codes
/// are listed.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe explain OMP0101       The page of a code
  ompipe explain               All codes")]
pub(crate) struct ExplainArgs {
    /// A code, as findings carry it: OMP0101
    #[arg(value_name = "CODE")]
    subject: Option<String>,
}

pub(crate) fn run(args: &ExplainArgs, session: &mut Session) -> Result<Status, Error> {
    let Some(subject) = &args.subject else {
        for code in code::ALL {
            writeln!(session.out(), "{}  {}", code.id, code.title)?;
        }
        return Ok(Status::Fine);
    };
    match code::find(subject) {
        Some(code) => {
            writeln!(session.out(), "{}", code.page.trim_end())?;
            Ok(Status::Fine)
        }
        None => Err(Error::new(format!("there is no code {subject}"))
            .with_hint("`ompipe explain` lists all codes.")),
    }
}
