//! `ompipe validate`.

use std::collections::{BTreeMap, HashSet};

use clap::Args;
use ompipe::diagnostic::{Diagnostic, Diagnostics, counted};
use ompipe::environment::Environment;
use ompipe::project::Project;
use ompipe::render::Mode;
use ompipe::source::Sources;
use ompipe::tree::Span;
use ompipe::workspace::Workspace;

use super::error::Error;
use super::exit::Status;
use super::input::{self, InputArgs};
use super::session::{Findings, Session};

/// Check definitions, and everything that would be rendered from them
///
/// All that is wrong is reported at once, each with its place, a code and, where it is known, the
/// way out. Without --environment, the project is checked as it is written and in each of its
/// environments. The findings are the result and go to stdout. Nothing is written.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe validate                          The project of the current folder
  ompipe validate -e prod                  As its environment prod has it
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
    let mut extent = input::extent(&project);
    let environments = match args.input.environment {
        Some(_) => Vec::new(),
        None => Environment::names(project.definitions.project()).map(str::to_owned).collect(),
    };
    if !environments.is_empty() {
        extent = format!("{extent}, and in {}", counted(environments.len(), "environment"));
    }
    let (found, sources) = check(&mut project, &args.input, &environments)?;
    if found.is_empty() && session.writes_text() {
        session.say(&format!("Checked {extent}: nothing is wrong."));
    }
    session.report(found, &sources, Findings::AsResult)
}

/// Checks the project as the arguments say, and in further environments. Each finding is there once;
/// one of environments alone says which these are.
fn check(
    project: &mut Project,
    args: &InputArgs,
    environments: &[String],
) -> Result<(Vec<Diagnostic>, Sources), Error> {
    let options = input::options(project, args, Mode::Scheduled, &[], false)?;
    let root = input::root(project);
    let project = std::mem::take(project);
    let mut workspace = Workspace::of(project.sources, project.definitions, project.found, options);
    workspace.compile();
    let mut found = Diagnostics::default();
    let mut known = HashSet::new();
    for finding in workspace.findings() {
        known.insert(identity(&finding));
        found.push(finding);
    }
    let mut further: BTreeMap<Identity, (Diagnostic, Vec<&str>)> = BTreeMap::new();
    let mut version = input::version(workspace.project(), None);
    for name in environments {
        let here = input::version(workspace.project(), Some(name));
        if here != version {
            let mut found = Diagnostics::default();
            let bundle = input::bundle(here.as_ref(), &root, &mut found)?;
            workspace.set_bundle(bundle, found);
            version = here;
        }
        workspace.set_environment(Some(name.clone()));
        workspace.compile();
        for finding in workspace.findings() {
            let identity = identity(&finding);
            if !known.contains(&identity) {
                further.entry(identity).or_insert((finding, Vec::new())).1.push(name);
            }
        }
    }
    for (finding, names) in further.into_values() {
        let plural = if names.len() == 1 { "" } else { "s" };
        let names = names.join("`, `");
        found.push(finding.with_note(format!("in the environment{plural} `{names}`")));
    }
    Ok((found.into_sorted(), workspace.into_sources()))
}

/// What makes a finding the same in several environments.
type Identity = (Span, &'static str, String);

fn identity(finding: &Diagnostic) -> Identity {
    (finding.span, finding.code.id, finding.message.clone())
}
