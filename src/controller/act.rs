//! Does what was decided: one request to the API server for one act, and only while this replica
//! leads.
//!
//! In: an act. Out: the cache with the answer in it. An answer that says that the cache was wrong
//! mends the cache; everything else that goes wrong is to be tried again later.

use std::time::Duration;

use jiff::Timestamp;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::cache::Looks;
use super::lease::brief;
use super::names;
use super::objects::{JobEntry, ObjectKey};
use super::omjob::announce::announcements;
use super::omjob::{Act, Observed, Stage};
use super::operator::Operator;
use super::pod;
use super::requests::{self, FINALIZERS, Version};
use crate::crd::{OMJobStatus, Phase};

/// Why an act did not happen.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Another replica leads now.
    #[error("this replica does not lead any more")]
    NotLeading,
    /// The API server refused or did not answer; to be tried again.
    #[error("{message}")]
    Later {
        /// What it said.
        message: String,
        /// How long it asked to be left alone.
        wait: Duration,
    },
}

impl Failure {
    pub(super) fn later(message: String) -> Self {
        Self::Later { message, wait: Duration::ZERO }
    }

    pub(super) fn of(error: &kube::Error) -> Self {
        let seconds = match error {
            kube::Error::Api(status) => {
                status.details.as_ref().map_or(0, |details| details.retry_after_seconds)
            }
            _ => 0,
        };
        Self::Later { message: brief(error), wait: Duration::from_secs(u64::from(seconds)) }
    }
}

pub(super) type Done = Result<(), Failure>;

/// So long the API server may take about one act: an answer that was lost on its way never comes,
/// and no client of Kubernetes notices that by itself. Far longer than an admission webhook may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What comes of an act, or that no answer came in time. Whether it was done is not known then.
pub(super) async fn in_time<T>(
    act: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let silent = |_| Failure::later("the API server did not answer in time".to_owned());
    timeout(PATIENCE, act).await.map_err(silent)?
}

impl Operator {
    /// Does one act for the OMJob that was observed.
    pub(super) async fn act(
        &self,
        key: &ObjectKey,
        observed: &Observed,
        act: Act,
        looks: &mut Looks,
    ) -> Done {
        if !self.leads() {
            return Err(Failure::NotLeading);
        }
        match act {
            Act::HoldJob => self.hold_job(key).await,
            Act::Record(status) => self.record(key, observed, *status).await,
            Act::LookForPod(_, name) => {
                self.look_for_pod(&key.beside(&name), observed, looks).await
            }
            Act::LookForNode(name) => self.look_for_node(&name, looks).await,
            Act::CreatePod(stage, name) => {
                self.create_pod(key, observed, stage, &key.beside(&name), looks).await
            }
            Act::DeletePod(pod) => self.delete_pod(&key.beside(&pod.name), &pod, looks).await,
            Act::UngatePod(pod) => {
                let ungate = self.pod_ungate(&key.beside(&pod.name), &pod);
                self.patch_pod(&key.beside(&pod.name), &pod, ungate, looks).await
            }
            Act::ReleasePod(pod) => {
                let release = self.pod_release(&key.beside(&pod.name), &pod);
                self.patch_pod(&key.beside(&pod.name), &pod, release, looks).await
            }
            Act::HandOverPod(pod) => {
                let mut patch = self.pod_release(&key.beside(&pod.name), &pod);
                if let Some(operations) = patch.as_array_mut() {
                    let owners = json!([pod::owner(&key.name, &observed.job.uid)]);
                    operations.push(
                        json!({"op": "add", "path": "/metadata/ownerReferences", "value": owners}),
                    );
                }
                self.patch_pod(&key.beside(&pod.name), &pod, patch, looks).await
            }
            Act::ReleaseJob => self.release_job(key, observed).await,
            Act::DeleteJob => self.delete_job(key, observed).await,
        }
    }

    /// One merge patch that only the version that was read takes.
    async fn hold_job(&self, key: &ObjectKey) -> Done {
        let Some((version, mut finalizers)) = self
            .cache()
            .job(key)
            .map(|entry| (entry.version.as_str().to_owned(), entry.finalizers.clone()))
        else {
            return Ok(());
        };
        finalizers.push(names::FINALIZER.into());
        let patch = json!({"metadata": {"resourceVersion": version, "finalizers": finalizers}});
        let answer = self.job_api(key).patch(&key.name, &params(), &Patch::Merge(&patch)).await;
        self.job_answer(key, "patch", answer).await
    }

    async fn record(&self, key: &ObjectKey, observed: &Observed, status: OMJobStatus) -> Done {
        let Some(version) = self.cache().job(key).map(|entry| entry.version.as_str().to_owned())
        else {
            return Ok(());
        };
        let api = self.job_api(key);
        let version = Version { uid: &observed.job.uid, resource_version: &version };
        let url = api.resource_url().to_owned();
        let request = requests::write_status(url, "OMJob", key, &version, &status)?;
        let answer = self.client().request::<DynamicObject>(request).await;
        let recorded = answer.is_ok();
        self.job_answer(key, "update_status", answer).await?;
        if recorded {
            self.tell(key, observed, &status);
        }
        Ok(())
    }

    /// What follows from a status once it is recorded: events and metrics.
    fn tell(&self, key: &ObjectKey, observed: &Observed, status: &OMJobStatus) {
        let before = &observed.job.status;
        for announcement in announcements(before, status) {
            self.announce(key, "OMJob", &observed.job.uid, announcement);
        }
        let metrics = self.metrics();
        let phase = |status: &OMJobStatus| status.phase.unwrap_or(Phase::Pending);
        if phase(before) != phase(status) {
            metrics.transition(phase(before), phase(status));
        }
        let (ended, started) = (self.now(), before.start_time);
        if status.phase.is_some_and(Phase::is_terminal)
            && let Some(exit) = &before.exit_handler
        {
            metrics.stage_took(Stage::ExitHandler, seconds_between(exit.time, ended));
        }
        let was_over = before.main.as_ref().is_some_and(|main| main.outcome.is_some());
        let is_over = status.main.as_ref().is_some_and(|main| main.outcome.is_some());
        if is_over
            && !was_over
            && let Some(started) = started
        {
            metrics.stage_took(Stage::Main, seconds_between(started, ended));
        }
    }

    async fn look_for_node(&self, name: &str, looks: &mut Looks) -> Done {
        let found = self.nodes_api().get_opt(name).await;
        self.metrics().request("get", "nodes", found.as_ref().err());
        match found.map_err(|error| Failure::of(&error))? {
            Some(node) => {
                self.cache().put_node(&node);
                looks.seen_nodes.insert(name.into());
            }
            None => {
                looks.absent_nodes.insert(name.into());
            }
        }
        Ok(())
    }

    async fn release_job(&self, key: &ObjectKey, observed: &Observed) -> Done {
        let Some(at) = self.cache().job(key).and_then(JobEntry::finalizer) else { return Ok(()) };
        let patch = requests::take_out(&observed.job.uid, FINALIZERS, at, "", names::FINALIZER);
        let patch = json_patch(patch)?;
        let answer = self.job_api(key).patch(&key.name, &params(), &patch).await;
        self.job_answer(key, "patch", answer).await
    }

    async fn delete_job(&self, key: &ObjectKey, observed: &Observed) -> Done {
        let Some(version) = self.cache().job(key).map(|entry| entry.version.as_str().to_owned())
        else {
            return Ok(());
        };
        let version = Version { uid: &observed.job.uid, resource_version: &version };
        self.delete_omjob(key, &version).await.map(|_deleted| ())
    }

    /// Deletes an OMJob, and says whether it did: one that is not as it was observed is read again.
    pub(super) async fn delete_omjob(
        &self,
        key: &ObjectKey,
        version: &Version<'_>,
    ) -> Result<bool, Failure> {
        let params = requests::only_if(version, DeleteParams::background());
        let answer = self.job_api(key).delete(&key.name, &params).await;
        self.metrics().request("delete", "omjobs", answer.as_ref().err());
        match answer {
            Ok(either) => {
                // A Status instead of the object: it is gone already.
                match either.left() {
                    Some(job) => self.put_job(key, &job),
                    None => self.cache().remove_job(key, version.uid),
                }
                Ok(true)
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {
                self.reread_job(key).await.map(|()| false)
            }
            Err(error) => Err(Failure::of(&error)),
        }
    }

    /// Takes the answer to a write of the OMJob in. One that is not as the cache has it is read
    /// again; the next decision rests on that.
    async fn job_answer(
        &self,
        key: &ObjectKey,
        verb: &str,
        answer: kube::Result<DynamicObject>,
    ) -> Done {
        self.metrics().request(verb, "omjobs", answer.as_ref().err());
        match answer {
            Ok(job) => {
                self.put_job(key, &job);
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.code == 404 && verb == "update_status" => {
                self.reread_job(key).await?;
                match self.cache().job(key).is_some() {
                    // It is there, and its status is not.
                    true => Err(Failure::Later {
                        message:
                            "the OMJob CRD has no status subresource: install that of `ompipe crd`"
                                .to_owned(),
                        wait: Duration::from_secs(10),
                    }),
                    false => Ok(()),
                }
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409 | 422) => {
                let before = self.cache().job(key).map(|entry| entry.version.clone());
                self.reread_job(key).await?;
                match self.cache().job(key).map(|entry| entry.version.clone()) == before
                    && before.is_some()
                {
                    // Nothing has changed that would explain it.
                    true => Err(Failure::Later {
                        message: format!("{} {}: {}", status.code, status.reason, status.message),
                        wait: Duration::ZERO,
                    }),
                    false => Ok(()),
                }
            }
            Err(error) => Err(Failure::of(&error)),
        }
    }

    pub(super) async fn reread_job(&self, key: &ObjectKey) -> Done {
        // What the watch brings while the answer is on its way is newer than a "not found".
        let asked = self.cache().job(key).map(|entry| entry.uid.clone());
        let found = self.job_api(key).get_opt(&key.name).await;
        self.metrics().request("get", "omjobs", found.as_ref().err());
        match found.map_err(|error| Failure::of(&error))? {
            Some(job) => self.put_job(key, &job),
            None => {
                if let Some(uid) = asked {
                    self.cache().remove_job(key, &uid);
                }
            }
        }
        Ok(())
    }

    pub(super) fn put_job(&self, key: &ObjectKey, job: &DynamicObject) {
        let entry = JobEntry::read(job);
        let mut cache = self.cache();
        // The API server has dropped it with this version: deleted, and nothing left that holds it.
        match entry.deleted && entry.finalizers.is_empty() {
            true => cache.remove_job(key, &entry.uid),
            false => {
                cache.put_job(key.clone(), entry);
            }
        }
    }
}

pub(super) fn params() -> PatchParams {
    PatchParams::default()
}

/// A JSON patch whose operations are written out as JSON.
pub(super) fn json_patch(operations: Value) -> Result<Patch<()>, Failure> {
    serde_json::from_value(operations).map(Patch::Json).map_err(|error| unsendable(&error))
}

pub(super) fn unsendable(error: &impl std::fmt::Display) -> Failure {
    Failure::Later { message: error.to_string(), wait: Duration::from_secs(10) }
}

pub(super) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_never_comes_is_not_waited_for() {
        let silent = in_time(std::future::pending::<Done>()).await;
        assert!(matches!(silent, Err(Failure::Later { .. })));
    }
}
