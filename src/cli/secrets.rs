//! `ompipe secrets`.

#[cfg(feature = "cluster")]
mod look;
mod write;

use clap::{Args, Subcommand};
use ompipe::definition::Definitions;
use ompipe::project::Project;
use ompipe::render::Mode;
use ompipe::survey::secrets::{NeededSecret, needed};
use ompipe::tree::Span;
use ompipe::workspace;

#[cfg(feature = "cluster")]
use super::cluster::{ClusterArgs, declared};
use super::error::Error;
use super::exit::Status;
use super::input::{self, InputArgs};
use super::session::{Findings, Session};

/// Which Secrets the pipelines need
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe secrets list                  All that must exist, for whom, and who makes it
  ompipe secrets list --cluster        And whether it does")]
pub(crate) struct SecretsArgs {
    #[command(subcommand)]
    verb: SecretsVerb,
}

#[derive(Subcommand)]
enum SecretsVerb {
    List(ListArgs),
}

/// List the Secrets and keys that must exist for the pipelines to run
///
/// For each: who refers to it, and who makes it, be it an encrypted file beside the definitions,
/// External Secrets or `render --include-secrets`; what is left is to be created. With --format json
/// the result is a JSON document. No value is read, but by --cluster, which looks at keys alone.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe secrets list                  Of the current folder's project
  ompipe secrets list -l orders        Of one pipeline
  ompipe secrets list --cluster        And whether the cluster has them; status 1 if one is missing
  ompipe secrets list --format json")]
struct ListArgs {
    #[command(flatten)]
    input: InputArgs,

    /// List only what the pipeline of this name needs; may be given several times
    #[arg(short = 'l', long = "pipeline", value_name = "NAME")]
    pipelines: Vec<String>,

    /// Look in the cluster which are there; naming one by --kubeconfig or --context does so too
    #[cfg(feature = "cluster")]
    #[arg(long = "cluster")]
    look: bool,

    #[cfg(feature = "cluster")]
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// A Secret that is needed, with what the definitions and the cluster say about it.
struct Row {
    secret: NeededSecret,
    /// Kind and name of the definitions that refer to it, each with the place of a reference.
    definitions: Vec<(&'static str, String, Span)>,
    /// What the cluster has; `None` when nobody looked.
    presence: Option<Presence>,
}

/// What a cluster has of a key of a Secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "needs a client to find out"))]
enum Presence {
    /// It is there.
    Present,
    /// The Secret is there, without the key.
    NoKey,
    /// There is no such Secret.
    NoSecret,
}

pub(crate) fn run(args: &SecretsArgs, session: &mut Session) -> Result<Status, Error> {
    match &args.verb {
        SecretsVerb::List(args) => list(args, session),
    }
}

fn list(args: &ListArgs, session: &mut Session) -> Result<Status, Error> {
    let mut project = input::read(&args.input)?;
    let options =
        input::options(&mut project, &args.input, Mode::Scheduled, &args.pipelines, true)?;
    let encrypted = project.definitions.encrypted.clone();
    let owners = owners(&project.definitions);
    #[cfg(feature = "cluster")]
    let declared = declared(&project, args.input.environment.as_deref());
    let Project { definitions, sources, found, .. } = &mut project;
    let mut seen = workspace::survey(definitions, options, sources, found);
    let mut found = std::mem::take(&mut project.found).into_sorted();
    let mut missing = false;
    if !session.fails_on(&found) {
        // Warnings are what `validate` and `render` say of the same definitions.
        found.clear();
        seen.retain(|seen| {
            args.pipelines.is_empty()
                || args.pipelines.iter().any(|name| *name == seen.planned.name)
        });
        let rows = needed(&seen, &encrypted).into_iter().map(|secret| Row {
            definitions: definitions_of(&secret.places, &owners),
            secret,
            presence: None,
        });
        #[cfg_attr(not(feature = "cluster"), expect(unused_mut, reason = "nobody looks"))]
        let mut rows = rows.collect::<Vec<_>>();
        #[cfg(feature = "cluster")]
        if args.look || args.cluster.is_some() {
            look::look(&args.cluster, &declared, &mut rows)?;
        }
        missing = rows.iter().any(|row| row.presence.is_some_and(|one| one != Presence::Present));
        if session.writes_json() {
            write::json(&rows, &project.sources, session.out())?;
        } else {
            write::table(&rows, &project.sources, session.out())?;
        }
    }
    let status = session.report(found, &project.sources, Findings::AsMessages)?;
    Ok(if missing { Status::Findings } else { status })
}

/// Where each definition begins, with its kind and name.
fn owners(definitions: &Definitions) -> Vec<(Span, &'static str, String)> {
    let Definitions { projects, services, pipelines, .. } = definitions;
    let projects = projects.iter().map(|one| (one.node.span, "IngestionProject", one.name()));
    let services = services.iter().map(|one| (one.node.span, "ServiceConnection", one.name()));
    let pipelines = pipelines.iter().map(|one| (one.node.span, "IngestionPipeline", one.name()));
    let all = projects.chain(services).chain(pipelines);
    let mut owners =
        all.map(|(span, kind, name)| (span, kind, name.to_owned())).collect::<Vec<_>>();
    owners.sort();
    owners
}

/// The definitions that places stand in, each once with the first of them.
fn definitions_of(
    places: &[Span],
    owners: &[(Span, &'static str, String)],
) -> Vec<(&'static str, String, Span)> {
    let mut found: Vec<(&'static str, String, Span)> = Vec::new();
    for place in places {
        let after = owners
            .partition_point(|(span, ..)| (span.source, span.start) <= (place.source, place.start));
        let owner = after.checked_sub(1).and_then(|at| owners.get(at));
        let Some((_, kind, name)) = owner.filter(|(span, ..)| span.source == place.source) else {
            continue;
        };
        if !found.iter().any(|(other, known, _)| other == kind && known == name) {
            found.push((kind, name.clone(), *place));
        }
    }
    found
}
