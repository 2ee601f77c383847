//! `ompipe apply`.

pub(crate) mod show;

use std::cell::RefCell;
use std::collections::BTreeSet;

use clap::Args;
use jiff::SignedDuration;
use ompipe::cluster::apply::{
    self, How, Journal, Observed, Outcome, Plan, Progress, Unready, execute, observe, plan,
};
use ompipe::cluster::{self, Cluster};
use ompipe::diagnostic::{Diagnostic, counted};

use super::cluster::{ClusterArgs, block_on};
use super::error::Error;
use super::exit::Status;
use super::interrupt::{GRACE, asked_to_stop};
use super::session::{Findings, Session};
use super::wanted::{self, Compiled, WantedArgs};

/// Apply what the definitions render to, to a cluster
///
/// By server-side apply, as the field manager ompipe. Objects that are as they should be are not
/// sent. A pipeline of which one object is refused is left as it was; what the API server refuses is
/// shown at the line that sets it. With an error in the definitions nothing is sent.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe apply                       The project of the current folder
  ompipe apply -e prod --wait        As the environment prod has it, until ready
  ompipe apply -l orders             The pipeline orders alone
  ompipe apply --dry-run=server      Only ask what would happen
  ompipe apply --prune               Delete what is no longer defined, too
  ompipe diff && echo up to date     What apply would change

Exit status: 0 all is applied; 1 something is wrong in the definitions, or the
API server refuses objects; 2 the cluster failed, or something is not ready.")]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    wanted: WantedArgs,

    /// Only ask the API server what would happen
    #[arg(long, value_name = "server", value_parser = ["server"], hide_possible_values = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "server")]
    dry_run: Option<String>,

    /// Wait until what was applied is ready: secrets are there, an operator has seen the schedules
    #[arg(long)]
    wait: bool,

    /// How long to wait: 90s, 5m, 1h
    #[arg(long, value_name = "DURATION", default_value = "5m", requires = "wait")]
    timeout: SignedDuration,

    /// Delete without asking
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) fn run(args: &ApplyArgs, session: &mut Session) -> Result<Status, Error> {
    let Some(mut compiled) = wanted::compiled(&args.wanted, session)? else {
        return Ok(Status::Findings);
    };
    let done = block_on(applied(args, &mut compiled, session));
    let mut found = std::mem::take(&mut compiled.found);
    let (refused, failed) = match done {
        Ok(Done { refused, failed }) => (refused, failed),
        Err(error) => (Vec::new(), Some(error)),
    };
    found.extend(refused);
    let status = session.report(found, compiled.workspace.sources(), Findings::AsMessages)?;
    match failed {
        Some(error) => Err(error),
        None => Ok(status),
    }
}

/// What came of an apply.
struct Done {
    /// What the cluster refused.
    refused: Vec<Diagnostic>,
    /// What ended it early.
    failed: Option<Error>,
}

async fn applied(
    args: &ApplyArgs,
    compiled: &mut Compiled,
    session: &mut Session,
) -> Result<Done, Error> {
    let cluster = args.cluster.connect_as(&compiled.declared).await?;
    let rights = args.wanted.rights();
    session.progress("Looking at what is there …");
    let observed = observe(&cluster, &mut compiled.wanted, rights.prune).await?;
    session.clear_status();
    say_unseen(&apply::unseen(&compiled.wanted, &observed), session);
    let plan = plan(&compiled.wanted, &observed, rights);
    let how = How { force: rights.force, dry_run: args.dry_run.is_some() };
    if !confirmed(args, &plan, session)? {
        return Err(Error::new("nothing was applied: the deletions were not confirmed"));
    }

    let (done, interrupted) = {
        let shown = RefCell::new(&mut *session);
        let progress = |Progress { done, all, last }: Progress<'_>| {
            shown.borrow_mut().progress(&format!("Applying: {done} of {all}, {}", last.shown()));
        };
        let journal = Journal::new(&compiled.wanted, &plan, &progress);
        let (result, interrupted) =
            executed(&cluster, compiled, &observed, &plan, how, &journal).await;
        let outcomes = (journal.objects().to_vec(), journal.pruned().to_vec());
        ((outcomes, result), interrupted)
    };
    session.clear_status();
    let ((objects, pruned), result) = done;
    let shown = show::Shown { compiled, plan: &plan, objects: &objects, pruned: &pruned };
    let unready = match &result {
        Ok(()) if args.wait && !how.dry_run && objects.iter().all(Outcome::is_done) => {
            waited(args, &cluster, compiled, session).await?
        }
        _ => Vec::new(),
    };
    shown.write(how.dry_run, &unready, session)?;
    if !rights.prune && observed.unwanted > 0 && compiled.wanted.is_whole {
        let objects = counted(observed.unwanted, "object");
        session.say(&format!("In the cluster, and no longer defined: {objects}. --prune deletes."));
    }
    let refusals = objects.iter().enumerate().filter_map(|(at, outcome)| match outcome {
        Outcome::Refused(refusal) => Some((at, refusal)),
        _ => None,
    });
    let refused = compiled.findings(refusals);
    let failed = match result {
        Err(error) => Some(Error::from(error)),
        Ok(()) if interrupted => Some(
            Error::new("interrupted").with_hint("Run the same again: it goes on where this ended."),
        ),
        Ok(()) if !unready.is_empty() => Some(not_ready(args, &unready)),
        Ok(()) => None,
    };
    Ok(Done { refused, failed })
}

/// Says what is missing without which one can apply, and not undo it.
fn say_unseen(rights: &BTreeSet<String>, session: &mut Session) {
    if !rights.is_empty() {
        let rights = rights.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        session.say(&format!(
            "There is no right to {rights}: what is there is not looked at, and a pipeline of which \
             an object is refused cannot be made again what it was. `ompipe rbac` prints a Role."
        ));
    }
}

/// Does it, until it is done or somebody asks to end; whether somebody did.
async fn executed(
    cluster: &Cluster,
    compiled: &Compiled,
    observed: &Observed,
    plan: &Plan,
    how: How,
    journal: &Journal<'_>,
) -> (Result<(), cluster::Error>, bool) {
    let work = execute(cluster, &compiled.wanted, observed, plan, how, journal);
    tokio::pin!(work);
    tokio::select! {
        result = &mut work => (result, false),
        () = asked_to_stop() => {
            // What is begun is ended, and nothing else begun. Who asks again has it end at once.
            journal.stop();
            let ended = tokio::select! {
                result = &mut work => result,
                () = tokio::time::sleep(GRACE) => Ok(()),
                () = asked_to_stop() => Ok(()),
            };
            (ended, true)
        }
    }
}

/// Shows what is to be deleted; whether it may be.
fn confirmed(args: &ApplyArgs, plan: &Plan, session: &mut Session) -> Result<bool, Error> {
    let all: Vec<String> =
        plan.deletes().map(|one| format!("  {} in {}", one.shown(), one.namespace)).collect();
    if all.is_empty() || args.dry_run.is_some() {
        return Ok(true);
    }
    session.say(&format!("To be deleted, as no longer defined:\n{}", all.join("\n")));
    if args.yes {
        return Ok(true);
    }
    let question = format!("Delete {}?", counted(all.len(), "object"));
    session.confirms(&question).ok_or_else(|| {
        Error::new(format!(
            "nobody can be asked whether to delete {}",
            counted(all.len(), "object")
        ))
        .with_hint("Look at `ompipe diff --prune`, and add --yes.")
    })
}

async fn waited(
    args: &ApplyArgs,
    cluster: &Cluster,
    compiled: &Compiled,
    session: &mut Session,
) -> Result<Vec<Unready>, Error> {
    let timeout = args.timeout.unsigned_abs();
    let shown = RefCell::new(&mut *session);
    let progress = |unready: usize| {
        shown.borrow_mut().progress(&format!("Waiting for {}", counted(unready, "object")));
    };
    let unready = tokio::select! {
        unready = apply::wait(cluster, &compiled.wanted, timeout, &progress) => unready?,
        () = asked_to_stop() => {
            return Err(Error::new("interrupted while waiting").with_hint("All is applied."));
        }
    };
    session.clear_status();
    Ok(unready)
}

/// How many objects an error names.
const NAMED: usize = 10;

fn not_ready(args: &ApplyArgs, unready: &[Unready]) -> Error {
    let named = unready.iter().take(NAMED).map(|Unready { identity, why }| {
        format!("{} in {}: {why}", identity.shown(), identity.namespace)
    });
    let more = unready.len().checked_sub(NAMED + 1).map(|more| format!("and {} more", more + 1));
    let all: Vec<String> = named.chain(more).collect();
    let timeout = args.timeout;
    Error::new(format!(
        "after {timeout:#}, {} not ready:\n  {}",
        match unready.len() {
            1 => "1 object is".to_owned(),
            several => format!("{several} objects are"),
        },
        all.join("\n  ")
    ))
    .with_hint("All is applied. `ompipe doctor` looks at what they need.")
}
