//! `ompipe init`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::error::Error;
use super::exit::Status;
use super::session::Session;
use super::starter;

/// Start a project
///
/// It writes a small project that can be rendered as it stands: ompipe.yaml, a service, a pipeline,
/// and the schema by which editors complete and check them. No file is ever overwritten.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe init                  In the current folder
  ompipe init analytics        In the folder analytics, which is made")]
pub(crate) struct InitArgs {
    /// The folder [default: the current one]
    #[arg(value_name = "DIR", default_value = ".", hide_default_value = true)]
    folder: PathBuf,
}

/// The files of a new project: paths and texts.
const FILES: &[(&str, &str)] = &[
    ("ompipe.yaml", include_str!("init/ompipe.yaml")),
    ("services/warehouse.yaml", include_str!("init/warehouse.yaml")),
    ("pipelines/warehouse-metadata.yaml", include_str!("init/warehouse-metadata.yaml")),
];

pub(crate) fn run(args: &InitArgs, session: &mut Session) -> Result<Status, Error> {
    let schema = starter::schema();
    let files: Vec<(&str, &str)> =
        FILES.iter().copied().chain([(starter::SCHEMA, schema.as_str())]).collect();
    if let Some((path, _)) = files.iter().find(|(path, _)| args.folder.join(path).exists()) {
        return Err(Error::new(format!("{} is there already", args.folder.join(path).display()))
            .with_hint("`ompipe init` starts a new project; give it an empty folder."));
    }
    for (path, text) in files {
        let path = args.folder.join(path);
        write_new(&path, text).map_err(|error| {
            Error::new(format!("failed to write {}", path.display())).because(error)
        })?;
        session.say(&format!("Wrote {}", path.display()));
    }
    let folder = args.folder.display();
    let enter =
        if args.folder == Path::new(".") { String::new() } else { format!("cd {folder} && ") };
    session.say(&format!(
        "\nNext: put your server into ompipe.yaml and your service into services/, then\n\n    {enter}ompipe render\n"
    ));
    Ok(Status::Fine)
}

/// Writes a file that must not be there yet, and makes its folder.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
