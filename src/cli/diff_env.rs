//! `ompipe diff-env`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::Args;
use ompipe::compile::Object;
use ompipe::definition::IngestionPipeline;
use ompipe::diagnostic::{Diagnostics, counted};
use ompipe::difference::{self, FieldDifference, How, ObjectDifference, Shown};
use ompipe::output::unified_between;
use ompipe::project::Project;
use ompipe::render::Mode;
use ompipe::source::Sources;
use ompipe::workspace::{self, Workspace};
use serde_json::{Map, Value as Json, json};

use super::error::Error;
use super::exit::Status;
use super::input::{self, InputArgs};
use super::session::{Findings, Session};

/// Show what differs in what two environments render
///
/// Object by object and field by field: the value in one, the value in the other, and the file and
/// line that set each. Secrets are not shown. Exit status: 0 nothing differs, 1 something does, 2
/// there is nothing to compare.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe diff-env staging prod             Everything that differs
  ompipe diff-env staging prod orders      Of the pipeline orders
  ompipe diff-env - prod                   From the definitions as they are written
  ompipe diff-env staging prod --unified   As a diff of the YAML
  ompipe diff-env staging prod --format json")]
pub(crate) struct DiffEnvArgs {
    /// An environment of the current folder's project, or - for the definitions as they are written
    #[arg(value_name = "ONE")]
    one: String,

    /// The environment that it is compared with
    #[arg(value_name = "OTHER")]
    other: String,

    /// Compare only these pipelines, and the accounts that they run as
    #[arg(value_name = "PIPELINE")]
    pipelines: Vec<String>,

    /// Show a unified diff of the YAML
    #[arg(long)]
    unified: bool,
}

/// How a value that is not there is shown.
const ABSENT: &str = "(not there)";

pub(crate) fn run(args: &DiffEnvArgs, session: &mut Session) -> Result<Status, Error> {
    let names = [&args.one, &args.other].map(|name| match name.as_str() {
        "-" => None,
        name => Some(name.to_owned()),
    });
    let shown = [args.one.as_str(), args.other.as_str()].map(|name| match name {
        "-" => "written",
        name => name,
    });
    if args.unified {
        let [one, other] = names.map(|name| rendered(args, name));
        let (one, other) = (one?, other?);
        told(session, [&one.1, &other.1], &one.2)?;
        return unified(shown, [&one.0, &other.0], session);
    }
    let [one, other] = names.map(|name| checked(args, name));
    let ((pipelines, one), (_, other)) = (one?, other?);
    let found = [&one, &other].map(Workspace::findings);
    let found = found.map(|list| list.into_iter().collect::<Diagnostics>());
    told(session, [&found[0], &found[1]], one.sources())?;
    let differences = one.with_compiler(|one| {
        other.with_compiler(|other| difference::compare(&pipelines, [one, other]))
    });
    if session.writes_json() {
        let json = document(shown, &differences, one.sources());
        writeln!(session.out(), "{json:#}")?;
    } else {
        write(shown, &differences, one.sources(), session.out())?;
        session.say(&sentence(shown, &differences));
    }
    Ok(if differences.is_empty() { Status::Fine } else { Status::Findings })
}

/// Tells what is wrong on either side, each once. Where that is an error, nothing is compared.
fn told(
    session: &mut Session,
    [one, other]: [&Diagnostics; 2],
    sources: &Sources,
) -> Result<(), Error> {
    let mut found = one.clone();
    found.append(other.clone());
    let found = found.into_sorted();
    let failed = session.fails_on(&found);
    session.report(found, sources, Findings::AsMessages)?;
    match failed {
        true => Err(Error::new("failed to compare what cannot be rendered")),
        false => Ok(()),
    }
}

/// The project as an environment has it, read and checked, and its pipelines as written.
fn checked(
    args: &DiffEnvArgs,
    environment: Option<String>,
) -> Result<(Vec<IngestionPipeline>, Workspace), Error> {
    let input = InputArgs::for_environment(environment);
    let mut project = input::read(&input)?;
    let options = input::options(&mut project, &input, Mode::Scheduled, &args.pipelines, false)?;
    let Project { definitions, sources, found, .. } = project;
    let mut pipelines = definitions.pipelines.clone();
    let is_asked = |name: &str| args.pipelines.iter().any(|asked| asked == name);
    pipelines.retain(|pipeline| args.pipelines.is_empty() || is_asked(pipeline.name()));
    let mut workspace = Workspace::of(sources, definitions, found, options);
    workspace.compile();
    Ok((pipelines, workspace))
}

/// What the project is rendered to in an environment, file by file.
fn rendered(
    args: &DiffEnvArgs,
    environment: Option<String>,
) -> Result<(BTreeMap<String, String>, Diagnostics, Sources), Error> {
    let input = InputArgs::for_environment(environment);
    let mut project = input::read(&input)?;
    let options = input::options(&mut project, &input, Mode::Scheduled, &args.pipelines, true)?;
    let Project { mut definitions, mut sources, mut found, .. } = project;
    let objects = workspace::compile(&mut definitions, options, &mut sources, &mut found);
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for Object { file, text, .. } in objects {
        let whole = files.entry(file).or_default();
        if !whole.is_empty() {
            whole.push_str("---\n");
        }
        whole.push_str(&text);
    }
    Ok((files, found, sources))
}

fn unified(
    names: [&str; 2],
    [one, other]: [&BTreeMap<String, String>; 2],
    session: &mut Session,
) -> Result<Status, Error> {
    let mut paths = one.keys().chain(other.keys()).collect::<Vec<_>>();
    paths.sort_unstable();
    paths.dedup();
    let mut status = Status::Fine;
    for path in paths {
        let (old, new) = (one.get(path), other.get(path));
        if old != new {
            status = Status::Findings;
            let (old, new) = (old.map(String::as_str), new.map(String::as_str));
            write!(session.out(), "{}", unified_between(names, path, old, new))?;
        }
    }
    Ok(status)
}

fn write(
    names: [&str; 2],
    differences: &[ObjectDifference],
    sources: &Sources,
    out: &mut impl Write,
) -> io::Result<()> {
    let width = names.map(str::len).into_iter().max().unwrap_or(0) + 1;
    for (number, ObjectDifference { kind, name, how }) in differences.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        let fields = match how {
            How::Only(side) => {
                writeln!(out, "{kind} {name}: only in {}", names[*side])?;
                continue;
            }
            How::Fields(fields) => fields,
        };
        writeln!(out, "{kind} {name}")?;
        for FieldDifference { route, values } in fields {
            writeln!(out, "  {route}")?;
            let longest = |shown: &Option<Shown>| {
                shown.as_ref().map_or(ABSENT.len(), |shown| shown.value.chars().count())
            };
            let longest = values.iter().map(longest).max().unwrap_or(0);
            for (name, shown) in names.iter().zip(values) {
                let name = format!("{name}:");
                let Some(Shown { value, span }) = shown else {
                    writeln!(out, "    {name:width$} {ABSENT}")?;
                    continue;
                };
                match sources.line(*span) {
                    Some((file, line)) => {
                        writeln!(out, "    {name:width$} {value:longest$}  # {file}:{line}")?;
                    }
                    None => writeln!(out, "    {name:width$} {value}")?,
                }
            }
        }
    }
    Ok(())
}

/// "3 objects differ, 1 is only in prod."
fn sentence(names: [&str; 2], differences: &[ObjectDifference]) -> String {
    let only = |side| differences.iter().filter(|one| one.how == How::Only(side)).count();
    let [one, other] = [only(0), only(1)];
    let both = differences.len() - one - other;
    let mut parts = Vec::new();
    if both > 0 {
        let verb = if both == 1 { "differs" } else { "differ" };
        parts.push(format!("{} {verb}", counted(both, "object")));
    }
    for (name, count) in names.iter().zip([one, other]).filter(|(_, count)| *count > 0) {
        parts.push(format!("{} only in {name}", counted(count, "object")));
    }
    match parts.is_empty() {
        true => format!("Nothing differs between {} and {}.", names[0], names[1]),
        false => format!("{}.", parts.join(", ")),
    }
}

fn document(names: [&str; 2], differences: &[ObjectDifference], sources: &Sources) -> Json {
    let value = |shown: &Option<Shown>| {
        let Some(Shown { value, span }) = shown else { return Json::Null };
        let mut object = Map::new();
        object.insert("value".to_owned(), value.as_str().into());
        if let Some((file, line)) = sources.line(*span) {
            object.insert("file".to_owned(), file.into());
            object.insert("line".to_owned(), line.into());
        }
        Json::Object(object)
    };
    let objects = differences.iter().map(|ObjectDifference { kind, name, how }| match how {
        How::Only(side) => json!({"kind": kind, "name": name, "only": names[*side]}),
        How::Fields(fields) => {
            let fields = fields.iter().map(|FieldDifference { route, values: [one, other] }| {
                json!({"field": route, "one": value(one), "other": value(other)})
            });
            json!({"kind": kind, "name": name, "fields": fields.collect::<Vec<_>>()})
        }
    });
    let objects = objects.collect::<Vec<_>>();
    json!({"one": names[0], "other": names[1], "objects": objects})
}
