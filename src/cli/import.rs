//! `ompipe import`.

use std::path::{Path, PathBuf};

use clap::Args;
use ompipe::diagnostic::Diagnostics;
use ompipe::import::{self, Options, OutputFile};
use ompipe::source::Sources;
use ompipe::spec::{self, Bundle};

use super::error::Error;
use super::exit::Status;
use super::session::{Findings, Session};
use super::starter;

/// Turn what you have into a project
///
/// Workflow files, as `metadata ingest -c FILE` takes them; what OpenMetadata's server exports of
/// its ingestion pipelines and services; the ConfigMaps, CronJobs and CronOMJobs that its Kubernetes
/// client made, as `kubectl get -o yaml` prints them; and Airflow DAGs that hold a workflow as a
/// text. Each pipeline becomes an IngestionPipeline and, where it
/// names one, a ServiceConnection; what most say alike goes into ompipe.yaml. A literal secret is
/// never carried over: a reference to a Secret takes its place, and the Secrets to create are
/// listed, with all that did not come along. No file is ever overwritten.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe import snowflake.yaml -o analytics
  ompipe import workflows/ -o analytics && cd analytics && ompipe render
  ompipe import pipelines.json databaseServices.json -o analytics
  kubectl get configmap,cronjob,cronomjob -o yaml | ompipe import - -o analytics")]
pub(crate) struct ImportArgs {
    /// Workflow files, exports, objects and DAGs, or folders of them; `-` is standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,

    /// The folder for the project; it is made where it is missing
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// OpenMetadata's schema, as `ompipe spec import` takes it; the project is then checked against
    /// it
    #[arg(long, value_name = "PATH")]
    spec: Option<PathBuf>,

    /// The name of the project [default: that of its folder]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

pub(crate) fn run(args: &ImportArgs, session: &mut Session) -> Result<Status, Error> {
    let mut sources = Sources::default();
    let mut found = Diagnostics::default();
    let inputs = import::read(&args.paths, &mut sources, &mut found)
        .map_err(|error| Error::new("failed to read what to import").because(error))?;
    let name = args.name.clone().unwrap_or_else(|| folder_name(&args.output));
    let imported = args.spec.as_deref().map(|path| spec::import::import(path, None)).transpose();
    let imported = imported
        .map_err(|error| Error::new("failed to import OpenMetadata's schema").because(error))?;
    let bundle = imported.as_ref().map(|imported| Bundle::from_json(&imported.text)).transpose();
    let bundle = bundle
        .map_err(|error| Error::new("failed to read OpenMetadata's schema").because(error))?;
    let options =
        Options { project: &name, schema: Some(starter::SCHEMA), bundle: bundle.as_ref() };
    let conversion = import::convert(inputs, options, &mut found);

    let found = found.into_sorted();
    if !session.fails_on(&found) {
        let mut files = conversion.files;
        files.iter_mut().for_each(name_schema_from_below);
        files.push(OutputFile { path: starter::SCHEMA.to_owned(), text: starter::schema() });
        files.extend(imported.map(|imported| OutputFile {
            path: spec::file_name(&imported.version),
            text: imported.text,
        }));
        import::write(&args.output, &files)
            .map_err(|error| Error::new("failed to write the project").because(error))?;
        session.say(conversion.report.to_string().trim_end());
    }
    session.report(found, &sources, Findings::AsMessages)
}

/// The name of a folder, also of `.` and `..`.
fn folder_name(folder: &Path) -> String {
    let named = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let real =
        || folder.canonicalize().ok()?.file_name().map(|name| name.to_string_lossy().into_owned());
    named.or_else(real).unwrap_or_else(|| "ingestion".to_owned())
}

/// Makes the line that names the schema do so from the file's own folder.
fn name_schema_from_below(file: &mut OutputFile) {
    let depth = file.path.matches('/').count();
    file.text = file.text.replacen(starter::SCHEMA, &("../".repeat(depth) + starter::SCHEMA), 1);
}
