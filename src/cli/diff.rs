//! `ompipe diff`.

use std::io::Write as _;

use clap::Args;
use ompipe::cluster::apply::{observe, plan};
use ompipe::cluster::diff::{Differences, differences, text};
use ompipe::diagnostic::{Diagnostic, counted};
use serde_json::{Value, json};

use super::apply::show;
use super::cluster::{ClusterArgs, block_on};
use super::error::Error;
use super::exit::Status;
use super::session::{Findings, Session};
use super::wanted::{self, Compiled, WantedArgs};

/// Show what apply would change in a cluster
///
/// The API server itself is asked, by an apply on trial, so that what it fills in is no difference.
/// Shown are the fields that the definitions set, or no longer set. Of Secrets the keys that change
/// are shown, and no value. Exit status: 0 nothing would change, 1 something would, 2 it could not
/// be told.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe diff                      The project of the current folder
  ompipe diff -e prod --prune      With what would be deleted
  ompipe diff -l orders            The pipeline orders alone
  ompipe diff --format json        For programs")]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    wanted: WantedArgs,

    #[command(flatten)]
    cluster: ClusterArgs,
}

pub(crate) fn run(args: &DiffArgs, session: &mut Session) -> Result<Status, Error> {
    let Some(mut compiled) = wanted::compiled(&args.wanted, session)? else {
        return Err(Error::new("failed to compare what cannot be rendered"));
    };
    let compared = block_on(compared(args, &mut compiled, session));
    let mut found = std::mem::take(&mut compiled.found);
    let refused = match &compared {
        Ok((_, refused)) => refused.clone(),
        Err(_) => Vec::new(),
    };
    let is_refused = !refused.is_empty();
    found.extend(refused);
    session.report(found, compiled.workspace.sources(), Findings::AsMessages)?;
    let (differs, _) = compared?;
    Ok(if differs || is_refused { Status::Findings } else { Status::Fine })
}

/// Whether anything differs, and what the cluster would refuse.
async fn compared(
    args: &DiffArgs,
    compiled: &mut Compiled,
    session: &mut Session,
) -> Result<(bool, Vec<Diagnostic>), Error> {
    let cluster = args.cluster.connect_as(&compiled.declared).await?;
    let rights = args.wanted.rights();
    session.progress("Looking at what is there …");
    let observed = observe(&cluster, &mut compiled.wanted, rights.prune).await?;
    let plan = plan(&compiled.wanted, &observed, rights);
    let found = differences(&cluster, &compiled.wanted, &observed, &plan, rights.force).await;
    session.clear_status();
    let found = found?;
    write(&found, session)?;
    for (leftover, why) in &plan.pruning.leave {
        let identity = &leftover.identity;
        let (object, namespace) = (identity.shown(), &identity.namespace);
        session.say(&format!("{object} in {namespace} would stay{}.", show::reason(why)));
    }
    let refused = compiled.findings(found.refused.iter().map(|(at, refusal)| (*at, refusal)));
    Ok((!found.objects.is_empty(), refused))
}

fn write(found: &Differences, session: &mut Session) -> Result<(), Error> {
    if session.writes_json() {
        let objects = found.objects.iter().map(|one| {
            let version = one.api_version.rsplit('/').next().unwrap_or_default();
            let mut object = show::named(&one.identity, version);
            object["change"] = one.change.word().into();
            object["diff"] = text::unified(one).into();
            object
        });
        let document = json!({"differences": objects.collect::<Vec<Value>>()});
        writeln!(session.out(), "{document:#}")?;
        return Ok(());
    }
    for one in &found.objects {
        session.out().write_all(text::unified(one).as_bytes())?;
    }
    let sentence = match found.objects.len() {
        0 if found.refused.is_empty() => "Nothing would change.".to_owned(),
        number => format!("{} would change.", counted(number, "object")),
    };
    session.say(&sentence);
    Ok(())
}
