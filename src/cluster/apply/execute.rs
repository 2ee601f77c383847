//! Does what was planned.
//!
//! In: a [`Plan`]. Out: what became of each object, in a [`Journal`], and the failure that ended it
//! early, if one did.
//!
//! The order is what keeps a cluster whole, whenever this ends:
//!
//! - The parent of the set says first where members may be, so that none is ever unaccounted for.
//! - What pipelines share comes next, a step of kinds after the other. Unless all of it is taken,
//!   no pipeline is sent.
//! - The objects of a pipeline go one after the other, its schedule last, and many pipelines at
//!   once. When one is not taken, those before it that were made are deleted, and those that were
//!   changed get back what ompipe had applied before: nothing of the pipeline stays.
//! - When it is to stop, pipelines that are begun are ended, and no other is begun.
//! - What is no longer wanted is deleted only when all the rest was taken, schedules first.

use std::cell::RefCell;

use futures::stream::{self, StreamExt as _};
use serde_json::Value;

use super::desired::{Desired, Wanted};
use super::fields::{applied, others, project, union};
use super::outcome::{Journal, Outcome};
use super::plan::{Live, Observed, Plan, Present};
use super::send::{self, Applied, How, NotApplied};
use crate::cluster::connection::Cluster;
use crate::cluster::error::Error;

/// How many pipelines are under way at once: enough that the API server never waits for us, and few
/// enough that it serves others too.
pub const PARALLEL: usize = 16;

/// Does it. An error is what the cluster could not do; what it refused is in the journal.
pub async fn execute(
    cluster: &Cluster,
    wanted: &Wanted,
    observed: &Observed,
    plan: &Plan,
    how: How,
    journal: &Journal<'_>,
) -> Result<(), Error> {
    let run = Run { cluster, wanted, observed, plan, how, journal, failure: RefCell::new(None) };
    run.inventory(plan.widened.as_ref()).await?;
    let mut is_whole = true;
    for step in &plan.chains.shared {
        let chains = step.iter().map(|at| run.chain(std::slice::from_ref(at)));
        let () = stream::iter(chains).buffer_unordered(PARALLEL).collect().await;
        let outcomes = journal.objects();
        is_whole &= step.iter().all(|at| outcomes[*at].is_done());
        if !is_whole {
            break;
        }
    }
    if is_whole {
        let chains = plan.chains.pipelines.iter().map(|chain| run.chain(chain));
        let () = stream::iter(chains).buffer_unordered(PARALLEL).collect().await;
    }
    if let Some(failure) = run.failure.take() {
        return Err(failure);
    }
    if journal.is_stopped() || !journal.is_all_applied() {
        return Ok(());
    }
    run.prune().await?;
    if journal.is_stopped() {
        return Ok(());
    }
    run.inventory(plan.narrowed.as_ref()).await
}

struct Run<'r> {
    cluster: &'r Cluster,
    wanted: &'r Wanted,
    observed: &'r Observed,
    plan: &'r Plan,
    how: How,
    journal: &'r Journal<'r>,
    failure: RefCell<Option<Error>>,
}

/// An object that was written, and the metadata that it has now.
struct Written {
    at: usize,
    now: Applied,
}

impl Run<'_> {
    /// Has the parent say where members may be.
    async fn inventory(&self, contents: Option<&super::inventory::Contents>) -> Result<(), Error> {
        let (Some(set), Some(contents)) = (&self.wanted.set, contents) else { return Ok(()) };
        let parent = set.parent(contents, env!("CARGO_PKG_VERSION"));
        let identity = super::desired::Identity {
            group: String::new(),
            kind: "ConfigMap".to_owned(),
            namespace: set.namespace.clone(),
            name: set.name.clone(),
        };
        // Nobody else's business: whose it is was looked at before.
        let how = How { force: true, ..self.how };
        match send::apply(self.cluster, &identity, "v1", &parent, how).await {
            Ok(_) => Ok(()),
            Err(NotApplied::Failed(error)) => Err(error),
            Err(NotApplied::Refused(_)) => Err(Error::unmet(
                format!(
                    "the API server refuses the inventory, {} in {}",
                    identity.shown(),
                    set.namespace
                ),
                "Without it nobody knows later what belongs to the project, so nothing was applied.",
            )),
        }
    }

    /// Writes the objects of a chain one after the other, or none.
    async fn chain(&self, chain: &[usize]) {
        let is_refused =
            |at: &usize| !self.plan.writes(*at) && !self.journal.objects()[*at].is_done();
        if self.journal.is_stopped() || chain.iter().any(is_refused) {
            return;
        }
        let mut written: Vec<Written> = Vec::new();
        for at in chain.iter().copied().filter(|at| self.plan.writes(*at)) {
            let object = &self.wanted.objects[at];
            self.journal.object(at, Outcome::Sending);
            if self.how.dry_run {
                self.rehearse(at).await;
                continue;
            }
            let answer = send::apply(
                self.cluster,
                &object.identity,
                &object.version,
                &object.value,
                self.how,
            );
            match answer.await {
                Ok(now) => {
                    self.journal.object(at, self.outcome(at, &now));
                    written.push(Written { at, now });
                }
                Err(not_applied) => {
                    self.not_applied(at, not_applied);
                    self.take_back(written).await;
                    return;
                }
            }
        }
    }

    fn not_applied(&self, at: usize, why: NotApplied) {
        match why {
            NotApplied::Refused(refusal) => self.journal.object(at, Outcome::Refused(refusal)),
            NotApplied::Failed(error) => {
                self.journal.object(at, Outcome::Failed);
                // What fails here would fail everywhere.
                self.journal.stop();
                self.failure.borrow_mut().get_or_insert(error);
            }
        }
    }

    /// Asks what would become of an object. On trial its version stays, so the whole of it tells.
    async fn rehearse(&self, at: usize) {
        let Desired { identity, version, value, .. } = &self.wanted.objects[at];
        let after = match send::rehearse(self.cluster, identity, version, value, self.how).await {
            Ok(after) => after,
            Err(not_applied) => return self.not_applied(at, not_applied),
        };
        let outcome = match &self.observed.live[at] {
            Live::Absent => Outcome::Created,
            Live::Present(Present { object: Some(before), .. }) if is_same(before, &after) => {
                Outcome::Unchanged
            }
            Live::Unknown => Outcome::Applied,
            Live::Present(_) => Outcome::Configured,
        };
        self.journal.object(at, outcome);
    }

    fn outcome(&self, at: usize, now: &Applied) -> Outcome {
        match &self.observed.live[at] {
            Live::Absent => Outcome::Created,
            Live::Unknown if now.is_new => Outcome::Created,
            Live::Present(before)
                if now.metadata.resource_version.as_ref() == Some(&before.resource_version) =>
            {
                Outcome::Unchanged
            }
            Live::Unknown => Outcome::Applied,
            Live::Present(_) => Outcome::Configured,
        }
    }

    /// Makes what was written of a pipeline what it was before, the last first.
    async fn take_back(&self, written: Vec<Written>) {
        for Written { at, now } in written.into_iter().rev() {
            let outcome = match self.take_back_one(at, &now).await {
                Ok(true) => Outcome::TakenBack,
                Ok(false) => continue,
                Err(()) => Outcome::Stuck,
            };
            self.journal.object(at, outcome);
        }
    }

    /// Whether there was anything to take back.
    async fn take_back_one(&self, at: usize, now: &Applied) -> Result<bool, ()> {
        let object = &self.wanted.objects[at];
        let metadata = serde_json::to_value(&now.metadata).map_err(|_| ())?;
        let with_metadata = serde_json::json!({"metadata": metadata});
        match &self.observed.live[at] {
            // Who set fields of it at the same moment wants it to be there.
            Live::Absent | Live::Unknown if self.is_ours_alone(at, now, &with_metadata) => {
                let uid = now.metadata.uid.as_deref().unwrap_or_default();
                let version = now.metadata.resource_version.as_deref();
                let deleted = send::delete(
                    self.cluster,
                    &object.identity,
                    &object.version,
                    uid,
                    version,
                    false,
                );
                deleted.await.map(|()| true).map_err(|_| ())
            }
            Live::Absent | Live::Unknown => Err(()),
            Live::Present(before) => {
                let is_same =
                    now.metadata.resource_version.as_ref() == Some(&before.resource_version);
                let Some(before) = before.object.as_deref().filter(|_| !is_same) else {
                    return Ok(false);
                };
                let former = former(before, &with_metadata, &object.api_version());
                let how = How { force: true, dry_run: false };
                let sent =
                    send::apply(self.cluster, &object.identity, &object.version, &former, how);
                sent.await.map(|_| true).map_err(|_| ())
            }
        }
    }

    /// Whether an object was made by us, and for nobody else. An answer that was lost on its way may
    /// have made it, too.
    fn is_ours_alone(&self, at: usize, now: &Applied, metadata: &Value) -> bool {
        let was_absent = matches!(self.observed.live[at], Live::Absent);
        (now.is_new || was_absent) && others(metadata).is_empty()
    }

    async fn prune(&self) -> Result<(), Error> {
        let all: Vec<usize> = (0..self.plan.pruning.delete.len()).collect();
        let kind = |at: &usize| &self.plan.pruning.delete[*at].identity.kind;
        // A kind after the other: a schedule is gone before what it reads.
        for step in all.chunk_by(|one, other| kind(one) == kind(other)) {
            let deletions = step.iter().map(|at| self.delete(*at));
            let results: Vec<Result<(), Error>> =
                stream::iter(deletions).buffer_unordered(PARALLEL).collect().await;
            results.into_iter().collect::<Result<(), Error>>()?;
        }
        Ok(())
    }

    async fn delete(&self, at: usize) -> Result<(), Error> {
        if self.journal.is_stopped() {
            return Ok(());
        }
        let leftover = &self.plan.pruning.delete[at];
        self.journal.deleted(at, Outcome::Sending);
        let (identity, version, uid) = (&leftover.identity, &leftover.version, &leftover.uid);
        let deleted =
            send::delete(self.cluster, identity, version, uid, None, self.how.dry_run).await;
        let outcome = if deleted.is_ok() { Outcome::Pruned } else { Outcome::Failed };
        self.journal.deleted(at, outcome);
        deleted
    }
}

/// Whether an object is the same but for what the server notes of each write.
fn is_same(before: &Value, after: &Value) -> bool {
    const NOTES: [&str; 3] = ["managedFields", "resourceVersion", "generation"];
    let without_notes = |object: &Value| {
        let mut object = object.clone();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|key, _| !NOTES.contains(&key.as_str()));
        }
        object
    };
    without_notes(before) == without_notes(after)
}

/// What makes an object again what it was: the values that the fields had which we own now, and
/// those that we owned before.
fn former(before: &Value, now: &Value, api_version: &str) -> Value {
    let nothing = serde_json::Map::new();
    let fields = |object| applied(object, api_version).unwrap_or(&nothing);
    project(before, &union(fields(before), fields(now)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_object_was_is_the_former_values_of_the_fields_that_are_ours() {
        let owned = |fields: Value| json!([{"manager": "ompipe", "operation": "Apply", "apiVersion": "v1", "fieldsV1": fields}]);
        let before = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": "a", "namespace": "n", "resourceVersion": "7", "labels": {"theirs": "1"},
                "managedFields": owned(json!({"f:data": {"f:config": {}, "f:old": {}}})),
            },
            "data": {"config": "before", "old": "1", "theirs": "2", "forced": "3"},
        });
        let now = json!({"metadata": {"managedFields":
            owned(json!({"f:data": {"f:config": {}, "f:new": {}, "f:forced": {}}}))}});
        assert_eq!(
            former(&before, &now, "v1"),
            json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "a", "namespace": "n"},
                "data": {"config": "before", "old": "1", "forced": "3"},
            })
        );
    }
}
