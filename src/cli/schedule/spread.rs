//! `ompipe schedule --spread`: the proposal as a diff, or applied.
//!
//! In: pipelines and the texts of their definitions. Out: a unified diff or JSON on stdout, or the
//! changed files: all of them are written beside their targets before the first is replaced.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use ompipe::diagnostic::counted;
use ompipe::model::TimeZone;
use ompipe::source::{Sources, name_of};
use ompipe::spread::{Kept, Patch, Proposal, spread};
use ompipe::survey::Seen;
use serde_json::json;

use super::Error;
use super::Session;

/// What is asked of a proposal.
pub(super) struct Request<'r> {
    /// The pipelines that may be moved; none: all.
    pub(super) only: &'r [String],
    pub(super) cluster_zone: &'r TimeZone,
    pub(super) window: u8,
    /// Whether it is applied.
    pub(super) write: bool,
    /// The project's folder.
    pub(super) root: Option<&'r Path>,
}

pub(super) fn run(
    seen: &[Seen],
    request: &Request<'_>,
    sources: &Sources,
    session: &mut Session,
) -> Result<(), Error> {
    let may_move =
        |name: &str| request.only.is_empty() || request.only.iter().any(|one| one == name);
    let proposal = spread(seen, request.cluster_zone, request.window, sources, may_move);
    if request.write {
        apply(&proposal.patches)?;
    }
    if session.writes_json() {
        writeln!(session.out(), "{:#}", document(&proposal, sources))?;
    } else if !request.write {
        for patch in &proposal.patches {
            let path = path_in_diff(&patch.file, request.root);
            session.out().write_all(patch.diff(&path).as_bytes())?;
        }
    }
    for line in stays(&proposal) {
        session.say(&line);
    }
    session.say(&summary(&proposal, request.write));
    Ok(())
}

/// How many pipelines that stay are named, of each reason.
const LISTED: usize = 6;

/// A line for each reason for which pipelines stay.
fn stays(proposal: &Proposal) -> Vec<String> {
    let mut reasons: BTreeMap<Kept, Vec<&str>> = BTreeMap::new();
    for stay in &proposal.stays {
        reasons.entry(stay.why).or_default().push(&stay.name);
    }
    let line = |(why, names): (Kept, Vec<&str>)| {
        let more = names.len().saturating_sub(LISTED);
        let listed = names[..names.len() - more].join(", ");
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let verbs = if names.len() == 1 {
            "starts with others and stays"
        } else {
            "start with others and stay"
        };
        format!("{listed}{rest} {verbs}: {}.", why.reason())
    };
    reasons.into_iter().map(line).collect()
}

fn summary(proposal: &Proposal, written: bool) -> String {
    if proposal.moves.is_empty() {
        return "Nothing would start better at another minute.".to_owned();
    }
    let pipelines = counted(proposal.moves.len(), "pipeline");
    let files = counted(proposal.patches.len(), "file");
    match written {
        true => format!("Moved {pipelines} in {files}."),
        false => format!(
            "{pipelines} in {files} would start at a minute of their own; --write applies it, or git apply."
        ),
    }
}

fn document(proposal: &Proposal, sources: &Sources) -> serde_json::Value {
    let file = |source| sources.get(source).map(|source| source.name.as_str());
    let moves = proposal.moves.iter().map(|one| {
        json!({
            "pipeline": one.name.as_str(),
            "file": file(one.source),
            "from": one.from.as_str(),
            "to": one.to.as_str(),
        })
    });
    let stays = proposal.stays.iter();
    let stays = stays.map(|one| json!({"pipeline": one.name.as_str(), "reason": one.why.reason()}));
    json!({
        "version": 1,
        "moves": moves.collect::<Vec<_>>(),
        "stays": stays.collect::<Vec<_>>(),
    })
}

/// A path that `git apply` takes: from here, or, for a project in a folder above or elsewhere, from
/// the project's.
fn path_in_diff(file: &str, root: Option<&Path>) -> String {
    // Without the parts that stand for here.
    let plain = |path: &Path| {
        path.components().filter(|part| *part != Component::CurDir).collect::<PathBuf>()
    };
    let file = plain(Path::new(file));
    let is_below = file.components().all(|part| matches!(part, Component::Normal(_)));
    let within = root.map(plain).filter(|_| !is_below);
    let within = within.and_then(|root| file.strip_prefix(root).ok().map(Path::to_owned));
    name_of(&within.unwrap_or(file))
}

/// Replaces the files by their new texts.
fn apply(patches: &[Patch]) -> Result<(), Error> {
    let mut staged = Vec::new();
    for (number, patch) in patches.iter().enumerate() {
        match stage(patch, number) {
            Ok(pair) => staged.push(pair),
            Err(error) => {
                for (temporary, _) in &staged {
                    discard(temporary);
                }
                return Err(Error::new(format!("failed to write {}", patch.file))
                    .because(error)
                    .with_hint("No file was changed."));
            }
        }
    }
    let mut failed = None;
    for (temporary, target) in &staged {
        if let Err(error) = fs::rename(temporary, target) {
            discard(temporary);
            let error = Error::new(format!("failed to write {}", target.display())).because(error);
            failed = failed.or(Some(error.with_hint("Run it again for the files that are left.")));
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Writes the new text beside a file that still holds the old one; gives both paths.
fn stage(patch: &Patch, number: usize) -> io::Result<(PathBuf, PathBuf)> {
    // Behind a link, so that the link stays one.
    let target = fs::canonicalize(&patch.file)?;
    if fs::read(&target)? != patch.before.as_bytes() {
        return Err(io::Error::other("it has changed since it was read"));
    }
    let temporary = target.with_file_name(format!(".ompipe-{}-{number}.tmp", std::process::id()));
    let written = fs::File::create_new(&temporary).and_then(|mut file| {
        file.write_all(patch.after.as_bytes())?;
        file.set_permissions(fs::metadata(&target)?.permissions())?;
        file.sync_all()
    });
    match written {
        Ok(()) => Ok((temporary, target)),
        Err(error) => {
            discard(&temporary);
            Err(error)
        }
    }
}

/// Takes a temporary file away; that it could not be is no news to someone who reads about the
/// first failure.
fn discard(temporary: &Path) {
    let _ = fs::remove_file(temporary);
}
