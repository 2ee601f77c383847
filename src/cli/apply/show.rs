//! What became of each object, as people and programs read it.
//!
//! In: outcomes. Out: a line for each object that is not what it was, and a summary; or one JSON
//! document with all of them.

use std::io::Write as _;

use ompipe::cluster::apply::inventory::Stays;
use ompipe::cluster::apply::{Identity, Outcome, Plan, Summary, Unready};
use serde_json::{Value, json};

use crate::cli::error::Error;
use crate::cli::session::Session;
use crate::cli::wanted::Compiled;

/// How many objects that were not sent are named.
const NAMED: usize = 20;

/// All that there is to show.
pub(super) struct Shown<'s> {
    pub(super) compiled: &'s Compiled,
    pub(super) plan: &'s Plan,
    pub(super) objects: &'s [Outcome],
    pub(super) pruned: &'s [Outcome],
}

impl Shown<'_> {
    /// The objects with their version and what became of them, those to be deleted last.
    fn all(&self) -> impl Iterator<Item = (&Identity, &str, Outcome)> {
        let wanted = self.compiled.wanted.objects.iter().zip(self.objects);
        let wanted =
            wanted.map(|(object, of)| (&object.identity, object.version.as_str(), of.clone()));
        let deleted = self.plan.pruning.delete.iter().zip(self.pruned);
        let deleted = deleted.map(|(one, of)| (&one.identity, one.version.as_str(), of.clone()));
        let left =
            self.plan.pruning.leave.iter().map(|(one, why)| {
                (&one.identity, one.version.as_str(), Outcome::Left(why.clone()))
            });
        wanted.chain(deleted).chain(left)
    }

    pub(super) fn write(
        &self,
        is_dry_run: bool,
        unready: &[Unready],
        session: &mut Session,
    ) -> Result<(), Error> {
        let outcomes: Vec<Outcome> = self.all().map(|(_, _, outcome)| outcome).collect();
        let summary = Summary::of(&outcomes);
        if session.writes_json() {
            let document = self.document(is_dry_run, summary, unready);
            writeln!(session.out(), "{document:#}")?;
            return Ok(());
        }
        let dry_run = if is_dry_run { " (dry run)" } else { "" };
        for (identity, _, outcome) in self.all() {
            let is_shown = match &outcome {
                Outcome::Unchanged => false,
                Outcome::NotSent => summary.not_sent <= NAMED,
                _ => true,
            };
            if is_shown {
                let (object, namespace, word) =
                    (identity.shown(), &identity.namespace, outcome.word());
                let why =
                    if let Outcome::Left(why) = &outcome { reason(why) } else { String::new() };
                writeln!(session.out(), "{object} {word} in {namespace}{why}{dry_run}")?;
            }
        }
        session.say(&format!("{}{dry_run}.", summary.sentence()));
        Ok(())
    }

    fn document(&self, is_dry_run: bool, summary: Summary, unready: &[Unready]) -> Value {
        let objects = self.all().map(|(identity, version, outcome)| {
            let mut object = named(identity, version);
            object["outcome"] = camel_case(outcome.word()).into();
            if let Outcome::Left(why) = &outcome {
                object["why"] = reason(why).trim_start_matches(": ").into();
            }
            object
        });
        let objects: Vec<Value> = objects.collect();
        let set = self.compiled.wanted.set.as_ref();
        let numbers = summary.numbers().into_iter();
        json!({
            "dryRun": is_dry_run,
            "inventory": set.map(|set| json!({
                "kind": "ConfigMap", "namespace": set.namespace, "name": set.name, "id": set.id,
            })),
            "objects": objects,
            "notReady": unready.iter().map(|one| json!({
                "kind": one.identity.kind, "namespace": one.identity.namespace,
                "name": one.identity.name, "why": one.why,
            })).collect::<Vec<_>>(),
            "summary": numbers.map(|(word, number)| (word.to_owned(), number.into()))
                .collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// What an object is, for programs.
pub(crate) fn named(identity: &Identity, version: &str) -> Value {
    let Identity { group, kind, namespace, name } = identity;
    let api_version = ompipe::cluster::apply::desired::api_version(group, version);
    json!({"apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name})
}

/// Why an object stays, behind a colon.
pub(crate) fn reason(why: &Stays) -> String {
    match why {
        Stays::SetBy(others) => {
            format!(": {} set fields of it (--force-conflicts deletes it)", others.join(", "))
        }
        Stays::With(other) => format!(": {} of the same pipeline stays", other.shown()),
        Stays::Shared => ": other pipelines in the namespace may run as it".to_owned(),
        Stays::WithoutValues => {
            ": whether it is defined is known only with --include-secrets".to_owned()
        }
        Stays::Kind => ": its kind is never deleted".to_owned(),
    }
}

fn camel_case(words: &str) -> String {
    let mut words = words.split(' ');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let (head, tail) = word.split_at(1);
        text + &head.to_uppercase() + tail
    })
}
