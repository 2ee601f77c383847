//! `ompipe fn`.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use ompipe::diagnostic::{Diagnostic, Diagnostics, Severity, code, krm};
use ompipe::function::{self, Config, Item, ResourceList};
use ompipe::project::{Input, Project};
use ompipe::render::Mode;

use super::error::Error;
use super::exit::Status;
use super::input::{self, InputArgs};
use super::session::{Findings, Session};

/// The largest list that is read, in bytes: ten thousand pipelines are 20 MB.
const MAX_LIST_BYTES: u64 = 256 << 20;

/// Render the definitions in a ResourceList: a KRM function for kustomize and kpt
///
/// Reads a ResourceList (config.kubernetes.io/v1) and writes one in which rendered objects take
/// the place of definitions; other items go through untouched. What is wrong stands in its
/// `results`, by file and field, and on stderr; the exit status is then 1.
///
/// The functionConfig is the IngestionProject, or a ConfigMap with these options in `data`:
/// `environment`, the environment to render; `path`, a file or folder of definitions to read beside
/// those among the items; `keepDefinitions: "true"`, to leave definitions in the list.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  kustomize build --enable-alpha-plugins --enable-exec .
                               With `exec: {path: ompipe, args: [fn]}` in the
                               annotation config.kubernetes.io/function
  kpt fn eval --exec \"ompipe fn\" -- environment=prod
  ompipe fn list.yaml          A ResourceList from a file, to look at")]
pub(crate) struct FunctionArgs {
    /// The file of the ResourceList [default: standard input]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(crate) fn run(args: &FunctionArgs, session: &mut Session) -> Result<Status, Error> {
    let failed = |error: function::Error| {
        Error::new("failed to read the input")
            .because(error)
            .with_hint("kustomize and kpt write it; to render files, there is `ompipe render`.")
    };
    let list = ResourceList::read(&read(args.file.as_deref())?).map_err(failed)?;
    let mut found = Diagnostics::default();
    let config = Config::read(list.function_config.as_ref(), &mut found);
    let definitions = list.definitions();
    let mut project = read_project(&definitions, &config)?;
    function::without_bookkeeping(&mut project.definitions);
    project.found.append(found);
    let input = InputArgs::for_environment(config.environment.clone());
    let objects = input::compile(&mut project, &input, Mode::Scheduled, &[], true)?;

    let mut found = std::mem::take(&mut project.found).into_sorted();
    let failed = session.fails_on(&found);
    for finding in
        found.iter_mut().filter(|finding| session.fails_on(std::slice::from_ref(finding)))
    {
        finding.severity = Severity::Error;
    }
    let place = |finding: &Diagnostic| place(finding, &list, &definitions);
    let results = krm::results(&found, &project.sources, place);
    let text = match failed {
        true => list.refused(&results),
        false => list.rendered(&objects, config.keep_definitions, &results),
    };
    session.out().write_all(text.as_bytes())?;
    if !session.writes_text() {
        return session.report(found, &project.sources, Findings::AsMessages);
    }
    session.say_results(&results)?;
    Ok(if failed { Status::Findings } else { Status::Fine })
}

/// The project of a list: an item is a text of its own, so that a finding in one is of that item.
fn read_project(definitions: &[&Item], config: &Config) -> Result<Project, Error> {
    let text = |item: &&Item| Input::Text { name: item.shown(), bytes: item.text().into() };
    let mut inputs: Vec<Input> = definitions.iter().map(text).collect();
    inputs.extend(config.path.as_ref().map(|path| Input::Path(PathBuf::from(path))));
    Project::read(inputs)
        .map_err(|error| Error::new("failed to read the definitions").because(error))
}

/// The place of a finding in the list; `None` for one in a file.
fn place(finding: &Diagnostic, list: &ResourceList, definitions: &[&Item]) -> Option<krm::Place> {
    let item = match *finding.code == code::FUNCTION_CONFIG {
        true => list.function_config.as_ref(),
        // Their texts are the first that the project has.
        false => definitions.get(finding.span.source.0 as usize).copied(),
    };
    item.map(|item| item.place(finding))
}

fn read(file: Option<&Path>) -> Result<String, Error> {
    let (name, result) = match file.filter(|path| *path != Path::new("-")) {
        Some(path) => (path.display().to_string(), std::fs::File::open(path).and_then(limited)),
        None => ("standard input".to_owned(), limited(io::stdin().lock())),
    };
    result.map_err(|error| Error::new(format!("failed to read {name}")).because(error))
}

fn limited(source: impl Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(MAX_LIST_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_LIST_BYTES {
        let limit = MAX_LIST_BYTES >> 20;
        return Err(io::Error::other(format!("it is larger than {limit} MiB")));
    }
    Ok(text)
}
