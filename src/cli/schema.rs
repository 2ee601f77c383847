//! `ompipe schema`.

use std::io::Write;

use clap::Args;
use ompipe::definition::schema_files;

use super::error::Error;
use super::exit::Status;
use super::session::Session;

/// Print the JSON Schema of the definitions, or of OMJob and CronOMJob
///
/// Editors complete and check YAML by it: put it into a file and name that in a definition's first
/// line, `# yaml-language-server: $schema=ompipe.json`. It is JSON Schema draft 7.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe schema > ompipe.json          Definitions of any kind
  ompipe schema IngestionPipeline      One kind")]
pub(crate) struct SchemaArgs {
    /// A kind: IngestionProject, ServiceConnection or IngestionPipeline [default: a definition of
    /// any kind]; or OMJob or CronOMJob
    kind: Option<String>,
}

pub(crate) fn run(args: &SchemaArgs, session: &mut Session) -> Result<Status, Error> {
    let name = args.kind.as_deref().unwrap_or("ompipe");
    let file_name = format!("{name}.json");
    let files = schema_files();
    #[cfg(feature = "cluster")]
    let files = [files, ompipe::crd::schema_files()].concat();
    match files.iter().find(|file| file.name.eq_ignore_ascii_case(&file_name)) {
        Some(file) => {
            session.out().write_all(file.text.as_bytes())?;
            Ok(Status::Fine)
        }
        None => Err(Error::new(format!("there is no kind {name}"))
            .with_hint("The kinds are IngestionProject, ServiceConnection, IngestionPipeline, OMJob and CronOMJob.")),
    }
}
