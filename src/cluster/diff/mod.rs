//! What applying would change, as the API server itself says it.
//!
//! In: what is wanted and what is there. Out: [`Difference`]s: per object that is not as it should
//! be, the fields that ompipe sets, or would take away, before and after. Each comes from a
//! server-side apply on trial, so that what the server fills in, rewrites or ignores is no
//! difference. Nothing is changed.

pub mod text;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Map, Value};

use super::apply::desired::{Desired, Identity, Wanted};
use super::apply::fields::{applied, project, union};
use super::apply::plan::{Action, Live, Observed, Plan};
use super::apply::refusal::Refusal;
use super::apply::send::{self, How, NotApplied};
use super::connection::Cluster;
use super::error::Error;

/// How many requests are under way at once.
const PARALLEL: usize = 16;

/// What would happen to an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It would be made.
    Created,
    /// It would be changed.
    Configured,
    /// It would be deleted.
    Pruned,
}

impl Change {
    /// A word for people and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Pruned => "pruned",
        }
    }
}

/// An object that is not as it should be.
#[derive(Clone, PartialEq, Debug)]
pub struct Difference {
    /// Which.
    pub identity: Identity,
    /// `batch/v1`.
    pub api_version: String,
    /// What would happen to it.
    pub change: Change,
    /// What it is, of the fields that are ours or would be; nothing, when it is not there.
    pub before: Option<Value>,
    /// What it would be.
    pub after: Option<Value>,
}

/// All that differs.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Differences {
    /// The objects, in the order of what is wanted, then those to be deleted.
    pub objects: Vec<Difference>,
    /// Why applying would not do it, by the number of the wanted object.
    pub refused: Vec<(usize, Refusal)>,
}

/// Asks for all differences.
pub async fn differences(
    cluster: &Cluster,
    wanted: &Wanted,
    observed: &Observed,
    plan: &Plan,
    force: bool,
) -> Result<Differences, Error> {
    let asked = (0..wanted.objects.len()).filter(|at| plan.actions[*at] != Action::Keep);
    let asks = asked.map(|at| async move {
        let (difference, refused) = difference(cluster, wanted, observed, plan, at, force).await?;
        Ok::<_, Error>((at, difference, refused))
    });
    let mut found: Vec<_> = stream::iter(asks).buffer_unordered(PARALLEL).try_collect().await?;
    found.sort_by_key(|(at, ..)| *at);
    let mut differences = Differences::default();
    for (at, difference, refused) in found {
        differences.objects.extend(difference);
        differences.refused.extend(refused.map(|refused| (at, refused)));
    }
    for leftover in &plan.pruning.delete {
        let live = send::live(cluster, &leftover.identity, &leftover.version).await?;
        let Some(live) = live else { continue };
        let api_version =
            super::apply::desired::api_version(&leftover.identity.group, &leftover.version);
        let nothing = Map::new();
        let before = project(&live, applied(&live, &api_version).unwrap_or(&nothing));
        differences.objects.push(Difference {
            identity: leftover.identity.clone(),
            api_version,
            change: Change::Pruned,
            before: Some(before),
            after: None,
        });
    }
    Ok(differences)
}

async fn difference(
    cluster: &Cluster,
    wanted: &Wanted,
    observed: &Observed,
    plan: &Plan,
    at: usize,
    force: bool,
) -> Result<(Option<Difference>, Option<Refusal>), Error> {
    let object = &wanted.objects[at];
    let mut refused = match &plan.actions[at] {
        Action::Refuse(refusal) => Some(refusal.clone()),
        _ => None,
    };
    let how = |force| How { force, dry_run: true };
    let rehearse = async |force| {
        let Desired { identity, version, value, .. } = object;
        send::rehearse(cluster, identity, version, value, how(force)).await
    };
    let after = match rehearse(force || refused.is_some()).await {
        Ok(after) => after,
        Err(NotApplied::Refused(conflict @ Refusal::Conflict(_))) => {
            refused = Some(conflict);
            match rehearse(true).await {
                Ok(after) => after,
                Err(NotApplied::Refused(refusal)) => return Ok((None, Some(refusal))),
                Err(NotApplied::Failed(error)) => return Err(error),
            }
        }
        Err(NotApplied::Refused(refusal)) => return Ok((None, Some(refusal))),
        Err(NotApplied::Failed(error)) => return Err(error),
    };
    let before = match &observed.live[at] {
        Live::Absent => None,
        Live::Present(present) => present.object.as_deref(),
        Live::Unknown => {
            return Err(Error::unmet(
                format!(
                    "failed to look at {}: there is no right to {}",
                    object.identity.shown(),
                    send::right("get", &object.identity, &object.version)
                ),
                "`ompipe rbac` prints a Role with the rights that ompipe's verbs need.",
            ));
        }
    };
    Ok((between(object, before, &after), refused))
}

/// What differs of the fields that are ours before or after; `None` when nothing does.
fn between(object: &Desired, before: Option<&Value>, after: &Value) -> Option<Difference> {
    let api_version = object.api_version();
    let nothing = Map::new();
    let owned = |object| applied(object, &api_version).unwrap_or(&nothing);
    let ours = union(before.map_or(&nothing, owned), owned(after));
    let (before, after) = (before.map(|live| project(live, &ours)), project(after, &ours));
    if before.as_ref() == Some(&after) {
        return None;
    }
    let change = if before.is_some() { Change::Configured } else { Change::Created };
    let identity = object.identity.clone();
    Some(Difference { identity, api_version, change, before, after: Some(after) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tree::Span;

    fn object() -> Desired {
        Desired {
            identity: Identity {
                group: "batch".to_owned(),
                kind: "CronJob".to_owned(),
                namespace: "n".to_owned(),
                name: "a".to_owned(),
            },
            version: "v1".to_owned(),
            order: 0,
            pipeline: None,
            span: Span::NONE,
            value: json!({}),
        }
    }

    fn live(spec: Value, owned: Value, generation: i64) -> Value {
        json!({
            "apiVersion": "batch/v1", "kind": "CronJob",
            "metadata": {
                "name": "a", "namespace": "n", "uid": "1", "generation": generation,
                "managedFields": [{
                    "manager": "ompipe", "operation": "Apply", "apiVersion": "batch/v1",
                    "fieldsV1": {"f:spec": owned},
                }],
            },
            "spec": spec,
            "status": {"active": [generation]},
        })
    }

    #[test]
    fn only_fields_that_are_ours_or_will_be_are_compared() {
        let before = live(
            json!({"schedule": "@daily", "old": 1, "default": 1, "theirs": 1}),
            json!({"f:schedule": {}, "f:old": {}}),
            1,
        );
        let after = live(
            json!({"schedule": "@daily", "new": 1, "default": 2, "theirs": 1}),
            json!({"f:schedule": {}, "f:new": {}}),
            2,
        );
        let difference = between(&object(), Some(&before), &after).unwrap();
        assert_eq!(difference.change, Change::Configured);
        let spec = |object: &Option<Value>| object.as_ref().unwrap()["spec"].clone();
        assert_eq!(spec(&difference.before), json!({"schedule": "@daily", "old": 1}));
        assert_eq!(spec(&difference.after), json!({"schedule": "@daily", "new": 1}));
    }

    #[test]
    fn what_only_the_server_writes_otherwise_is_no_difference() {
        let of = |generation| {
            let owned = json!({"f:schedule": {}});
            live(json!({"schedule": "@daily", "default": generation}), owned, generation)
        };
        assert_eq!(between(&object(), Some(&of(1)), &of(2)), None);
        assert_eq!(between(&object(), None, &of(1)).unwrap().change, Change::Created);
    }
}
