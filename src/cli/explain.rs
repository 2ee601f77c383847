//! `ompipe explain`.

mod history;
mod table;

use std::io::Write;
use std::path::Path;

use clap::Args;
use ompipe::definition::IngestionPipeline;
use ompipe::diagnostic::{Diagnostics, code, nearest};
use ompipe::environment::Environment;
use ompipe::project::{self, Project};
use ompipe::render::Mode;
use ompipe::validate::explain::{Layer, layers};
use ompipe::workspace::Workspace;

use super::error::Error;
use super::exit::Status;
use super::input::{self, InputArgs};
use super::session::{Findings, Session};

/// Explain a code, or where the values of a pipeline come from
///
/// The page of a code says what it means, why it matters, and shows the mistake and its mend. Of a
/// pipeline, every value that is effective for it is listed with the file and line that set it, and
/// below it what that replaced: the built-in default, the project, the environment, the service, the
/// pipeline, a patch. Secrets are not shown. Without arguments, all codes are listed.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe explain OMP0101                   The page of a code
  ompipe explain                           All codes
  ompipe explain orders                    All values of the pipeline orders
  ompipe explain orders kubernetes         Its parameters
  ompipe explain orders hostPort           Every value of that name
  ompipe explain orders -e prod            As the environment prod has them
  ompipe explain orders --format json      For programs")]
pub(crate) struct ExplainArgs {
    /// A code, as findings carry it, or the name of a pipeline of the current folder's project
    #[arg(value_name = "CODE|PIPELINE")]
    subject: Option<String>,

    /// A field of the pipeline: a route of keys such as workflow.source, or a key alone
    #[arg(value_name = "FIELD")]
    field: Option<String>,

    /// The environment to see the pipeline in [default: none, as it is written]
    #[arg(short, long, value_name = "NAME", requires = "subject")]
    environment: Option<String>,
}

pub(crate) fn run(args: &ExplainArgs, session: &mut Session) -> Result<Status, Error> {
    let Some(subject) = &args.subject else {
        let mut codes = code::ALL.to_vec();
        codes.sort_by_key(|code| code.id);
        for code in codes {
            writeln!(session.out(), "{}  {}", code.id, code.title)?;
        }
        return Ok(Status::Fine);
    };
    if let Some(code) = code::find(subject) {
        writeln!(session.out(), "{}", code.page.trim_end())?;
        return Ok(Status::Fine);
    }
    if is_code(subject) {
        return Err(Error::new(format!("there is no code {subject}"))
            .with_hint("`ompipe explain` lists all codes."));
    }
    pipeline(subject, args, session)
}

/// The layers of the pipeline's objects that patches change.
fn object_layers(
    pipeline: &IngestionPipeline,
    args: &ExplainArgs,
) -> Result<Vec<Vec<Layer>>, Error> {
    let input = InputArgs::for_environment(args.environment.clone());
    let mut project = input::read(&input)?;
    let options = input::options(&mut project, &input, Mode::Scheduled, &[], false)?;
    let Project { sources, definitions, found, .. } = project;
    let mut workspace = Workspace::of(sources, definitions, found, options);
    workspace.compile();
    Ok(workspace.with_compiler(|compiler| compiler.object_layers(pipeline)))
}

/// How many pipelines a hint names.
const LISTED: usize = 8;

/// Whether a word is written as codes are.
fn is_code(word: &str) -> bool {
    let digits = word.get(..3).filter(|start| start.eq_ignore_ascii_case("OMP")).and(word.get(3..));
    digits.is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn pipeline(name: &str, args: &ExplainArgs, session: &mut Session) -> Result<Status, Error> {
    let field = args.field.as_deref();
    let project = Project::of_folder(Path::new(".")).map_err(|error| {
        let failed = Error::new(format!("failed to explain {name}"));
        match error {
            project::Error::NoProject { .. } => failed
                .because(error)
                .with_hint("Codes are explained anywhere, pipelines in their project's folder."),
            error => failed.because(error),
        }
    })?;
    let definitions = &project.definitions;
    let mut found = Diagnostics::default();
    let environment = args.environment.as_deref();
    let Some(environment) = Environment::choose(definitions.project(), environment, &mut found)
    else {
        return session.report(found.into_sorted(), &project.sources, Findings::AsMessages);
    };
    let pipelines = &definitions.pipelines;
    let Some(pipeline) = pipelines.iter().find(|pipeline| pipeline.name() == name) else {
        let known: Vec<&str> = pipelines.iter().map(|pipeline| pipeline.name()).collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("Did you mean {near}?"),
            None if known.is_empty() => "`ompipe validate` says what is wrong here.".to_owned(),
            None => {
                let more = if known.len() > LISTED { ", …" } else { "" };
                format!("There is {}{more}.", known[..known.len().min(LISTED)].join(", "))
            }
        };
        return Err(Error::new(format!("there is no pipeline {name}")).with_hint(hint));
    };
    let layers = layers(pipeline, definitions.project(), &definitions.services, &environment);
    let mut values = history::values(&layers);
    if environment.patches_objects() {
        values.extend(history::patched_values(&object_layers(pipeline, args)?));
    }
    let shown = history::select(&values, field);
    if shown.is_empty() {
        let field = field.unwrap_or_default();
        let keys = values.iter().flat_map(|value| value.keys());
        let hint = match nearest(field, keys) {
            Some(near) => format!("Did you mean {near}?"),
            None => format!("`ompipe explain {name}` lists all fields."),
        };
        return Err(Error::new(format!("the pipeline {name} has no field {field}")).with_hint(hint));
    }
    if session.writes_text() {
        table::write(&shown, &project.sources, session.out())?;
    } else {
        let environment = args.environment.as_deref();
        let json = table::json(name, environment, &shown, &project.sources);
        writeln!(session.out(), "{json:#}")?;
    }
    Ok(Status::Fine)
}
