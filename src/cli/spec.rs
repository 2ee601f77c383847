//! `ompipe spec`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ompipe::project::PROJECT_FILE;
use ompipe::spec;

use super::error::Error;
use super::exit::Status;
use super::session::Session;

/// Import OpenMetadata's own schema, to check workflows against
///
/// ompipe contains nothing of OpenMetadata's. Once its schema is imported into a project, and the
/// project names its version (spec.openMetadataVersion), every field of a connection and of a
/// sourceConfig is checked against the connector named by its `type`, and it is known which fields
/// are secret.
#[derive(Args)]
pub(crate) struct SpecArgs {
    #[command(subcommand)]
    verb: SpecVerb,
}

#[derive(Subcommand)]
enum SpecVerb {
    Import(ImportArgs),
    List(ListArgs),
}

/// Import a version's schema into the project
///
/// It is read from one of: the jar openmetadata-spec (Maven Central), the folder json/schema of a
/// checkout of OpenMetadata, or a file with the JSON Schema of the workflow, which the Python
/// package openmetadata-ingestion makes with OpenMetadataWorkflowConfig.model_json_schema(). The
/// result is one file, .ompipe/openmetadata-VERSION.json, which belongs into Git.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe spec import openmetadata-spec-1.4.0.jar
  ompipe spec import OpenMetadata/openmetadata-spec/src/main/resources/json/schema
  ompipe spec import workflow.schema.json --version 1.13.6.3")]
struct ImportArgs {
    /// The jar, folder or file
    path: PathBuf,

    /// Its version [default: as its name or manifest says]
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
}

/// List the versions that the project has
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe spec list")]
struct ListArgs {}

pub(crate) fn run(args: &SpecArgs, session: &mut Session) -> Result<Status, Error> {
    let here = std::env::current_dir()
        .map_err(|error| Error::new("failed to find the current folder").because(error))?;
    let root = here.ancestors().find(|folder| folder.join(PROJECT_FILE).is_file());
    let root = root.ok_or_else(|| {
        Error::new(format!("there is no {PROJECT_FILE} in {} or a folder above it", here.display()))
            .with_hint("A schema belongs to a project; `ompipe init` starts one.")
    })?;
    match &args.verb {
        SpecVerb::Import(args) => import(args, root, session),
        SpecVerb::List(ListArgs {}) => list(root, session),
    }
}

fn import(args: &ImportArgs, root: &Path, session: &mut Session) -> Result<Status, Error> {
    let imported = spec::import::import(&args.path, args.version.as_deref()).map_err(|error| {
        Error::new("failed to import OpenMetadata's schema")
            .because(error)
            .with_hint("`ompipe spec import --help` says where to get it.")
    })?;
    let name = spec::file_name(&imported.version);
    let path = root.join(&name);
    write(&path, &imported.text).map_err(|error| {
        Error::new(format!("failed to write {}", path.display())).because(error)
    })?;
    let version = &imported.version;
    session.say(&format!(
        "Wrote {name}.\nWorkflows are checked against it once {PROJECT_FILE} says\n\n    spec:\n      openMetadataVersion: \"{version}\"\n"
    ));
    Ok(Status::Fine)
}

fn list(root: &Path, session: &mut Session) -> Result<Status, Error> {
    let folder = root.join(spec::file_name("")).parent().map_or_else(PathBuf::new, Path::to_owned);
    let versions = versions(&folder).map_err(|error| {
        Error::new(format!("failed to read {}", folder.display())).because(error)
    })?;
    for version in &versions {
        writeln!(session.out(), "{version}")?;
    }
    if versions.is_empty() {
        session.say("No version is imported; `ompipe spec import` does that.");
    }
    Ok(Status::Fine)
}

/// The versions whose schemas lie in a folder, in the order of their names.
fn versions(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut versions = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let version =
            name.strip_prefix("openmetadata-").and_then(|rest| rest.strip_suffix(".json"));
        versions.extend(version.map(str::to_owned));
    }
    versions.sort();
    Ok(versions)
}

/// Writes a file whole or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension("json.tmp");
    fs::write(&unfinished, text)?;
    fs::rename(&unfinished, path)
}
