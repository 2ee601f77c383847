//! Suspends schedules and resumes them.
//!
//! In: [`Cron`]s. Out: what became of each. `spec.suspend` is set by server-side apply under
//! [`TOGGLE_MANAGER`], which thereby owns it: as long as it deviates from what the definitions say,
//! `ompipe apply` reports a conflict in place of undoing it without a word. When it no longer
//! deviates, the ownership is given up.

use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::kind::Kind;
use super::request::{self, Part};
use super::schedule::{Cron, CronObject};
use crate::cluster::{Cluster, Error};

/// Who suspends and resumes by hand, in the objects' managed fields.
pub const TOGGLE_MANAGER: &str = "ompipe-suspend";

/// What became of a schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Toggled {
    /// It is so now.
    Done,
    /// It was so already.
    Already,
    /// It is gone.
    Gone,
}

/// What became of the times that were missed meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missed {
    /// There is none that the controller would make up for.
    None,
    /// This one was noted as past, so that no run is started for it.
    Skipped(Timestamp),
    /// For this one a run starts now: nobody may note it as past.
    Starts(Timestamp),
}

/// Suspends a schedule.
pub async fn suspend(cluster: &Cluster, cron: &Cron) -> Result<Toggled, Error> {
    if cron.is_suspended {
        return Ok(Toggled::Already);
    }
    let found = apply(cluster, cron, json!({"suspend": true})).await?;
    Ok(if found.is_some() { Toggled::Done } else { Toggled::Gone })
}

/// Resumes a schedule. A time of it that came meanwhile is noted as past before, since the
/// controllers would start a run for it at once.
pub async fn resume(
    cluster: &Cluster,
    cron: &Cron,
    now: Timestamp,
) -> Result<(Toggled, Missed), Error> {
    if !cron.is_suspended {
        return Ok((Toggled::Already, Missed::None));
    }
    let missed = match cron.missed(now) {
        None => Missed::None,
        Some(time) => pass_over(cluster, cron, time).await?,
    };
    // What suspended it by hand gives it up; what Git says is left, or nothing, which is no.
    let released = apply(cluster, cron, json!({})).await?;
    let resumed = match released {
        None => false,
        Some(found) if Cron::of(cron.kind, found.clone()).is_suspended => {
            apply(cluster, cron, json!({"suspend": false})).await?.is_some()
        }
        Some(_) => true,
    };
    Ok((if resumed { Toggled::Done } else { Toggled::Gone }, missed))
}

async fn pass_over(cluster: &Cluster, cron: &Cron, time: Timestamp) -> Result<Missed, Error> {
    let noted = json!({
        "metadata": {"uid": cron.uid},
        "status": {"lastScheduleTime": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()},
    });
    let how = PatchParams { field_manager: Some(TOGGLE_MANAGER.to_owned()), ..Default::default() };
    let doing = format!("note the time of {} {} as past", cron.kind.as_str(), cron.name);
    let of = (cron.kind, cron.namespace.as_str(), cron.name.as_str());
    let patch = Patch::Merge(noted);
    match request::patch::<CronObject>(cluster, &doing, of, Part::Status, &how, &patch).await {
        Ok(_) => Ok(Missed::Skipped(time)),
        Err(error) if matches!(error.code(), Some(403 | 404 | 409 | 422)) => {
            Ok(Missed::Starts(time))
        }
        Err(error) => Err(error),
    }
}

/// Applies a part of the spec; `None` when the object of this UID is gone.
async fn apply(
    cluster: &Cluster,
    cron: &Cron,
    spec: serde_json::Value,
) -> Result<Option<CronObject>, Error> {
    let mut object = json!({
        "apiVersion": cron.kind.api_version(),
        "kind": cron.kind,
        // With a UID, an object that is gone is not made anew.
        "metadata": {"name": cron.name, "namespace": cron.namespace, "uid": cron.uid},
    });
    if spec.as_object().is_some_and(|spec| !spec.is_empty()) {
        object["spec"] = spec;
    }
    let how = PatchParams::apply(TOGGLE_MANAGER).force();
    let doing = format!("change {} {}", cron.kind.as_str(), cron.name);
    let of = (cron.kind, cron.namespace.as_str(), cron.name.as_str());
    match request::patch(cluster, &doing, of, Part::Object, &how, &Patch::Apply(object)).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == Some(404) => Ok(None),
        // Another one may have its name by now.
        Err(error) if error.code() == Some(409) => {
            let Cron { kind, namespace, name, uid, .. } = cron;
            match request::find_metadata(cluster, *kind, namespace, name).await? {
                Some(found) if found.uid == *uid => Err(error),
                _ => Ok(None),
            }
        }
        Err(error) => Err(error),
    }
}

/// The schedules of pipelines.
pub(super) fn kinds() -> [Kind; 2] {
    [Kind::CronJob, Kind::CronOMJob]
}
