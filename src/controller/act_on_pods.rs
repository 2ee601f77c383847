//! The requests about pods.
//!
//! In: an act about a pod. Out: the cache with the answer in it. A pod that is not as the cache has
//! it is read again, so that the next decision rests on what is.

use std::time::Duration;

use compact_str::CompactString;
use k8s_openapi::api::core::v1;
use kube::api::{DeleteParams, Patch, PostParams};
use kube::core::Request;
use serde_json::{Value, json};

use super::act::{Done, Failure, json_patch, params, seconds_between, unsendable};
use super::cache::Looks;
use super::names;
use super::objects::{ObjectKey, PodEntry};
use super::omjob::announce::Announcement;
use super::omjob::{Observed, Pod, Refusal, Stage};
use super::operator::Operator;
use super::pod::{self, JobForPods, Purpose};
use super::requests::{self, FINALIZERS, Version};
use crate::crd::OMJobSpec;

impl Operator {
    pub(super) async fn look_for_pod(
        &self,
        key: &ObjectKey,
        observed: &Observed,
        looks: &mut Looks,
    ) -> Done {
        let api = self.pod_api(key);
        let asked = self.known_pod(key);
        let found = api.get_opt(&key.name).await;
        self.metrics().request("get", "pods", found.as_ref().err());
        let Some(mut pod) = found.map_err(|error| Failure::of(&error))? else {
            looks.absent_pods.insert(key.name.clone());
            self.forget_pod(key, asked);
            return Ok(());
        };
        let labelled = pod.metadata.labels.as_ref();
        if !labelled.is_some_and(|labels| labels.contains_key(names::OMJOB_NAME_LABEL))
            && PodEntry::read(&pod).observed(key, &observed.job.uid).ours
        {
            // Without its label it is not watched.
            let patch = json!({"metadata": {"uid": pod.metadata.uid, "labels": {
                names::OMJOB_NAME_LABEL: names::fitted(&observed.job.name, ""),
            }}});
            let answer = api.patch(&key.name, &params(), &Patch::Merge(&patch)).await;
            self.metrics().request("patch", "pods", answer.as_ref().err());
            pod = answer.map_err(|error| Failure::of(&error))?;
        }
        looks.absent_pods.remove(&key.name);
        looks.found_pods.extend(pod.metadata.uid.as_deref().map(Into::into));
        self.cache().put_found_pod(key.clone(), PodEntry::read(&pod));
        Ok(())
    }

    pub(super) async fn create_pod(
        &self,
        key: &ObjectKey,
        observed: &Observed,
        stage: Stage,
        pod_key: &ObjectKey,
        looks: &mut Looks,
    ) -> Done {
        let pod = match self.build(key, observed, stage, &pod_key.name) {
            Ok(pod) => pod,
            Err(why) => return self.refused(key, observed, stage, Refusal::Invalid(why), looks),
        };
        let api = self.pod_api(key);
        let request = Request::new(api.resource_url())
            .create(&PostParams::default(), pod.to_string().into_bytes());
        let answer = match request {
            Ok(request) => self.client().request::<v1::Pod>(request).await,
            Err(error) => return Err(unsendable(&error)),
        };
        self.metrics().request("create", "pods", answer.as_ref().err());
        match answer {
            Ok(pod) => {
                self.metrics().pod_created(stage);
                if stage == Stage::ExitHandler {
                    self.note_lag(observed);
                }
                self.forget_refusal(&observed.job.uid);
                looks.refusal = None;
                looks.absent_pods.remove(&pod_key.name);
                self.cache().put_pod(pod_key.clone(), PodEntry::read(&pod));
                Ok(())
            }
            Err(kube::Error::Api(status))
                if status.code == 409 && status.reason == "AlreadyExists" =>
            {
                self.look_for_pod(pod_key, observed, looks).await
            }
            Err(error) => match refusal(&error) {
                Some(refusal) => self.refused(key, observed, stage, refusal, looks),
                None => Err(Failure::of(&error)),
            },
        }
    }

    /// The API server does not want the pod as it is: the next decision knows, and unless that can
    /// do something about it, it is tried again later.
    fn refused(
        &self,
        key: &ObjectKey,
        observed: &Observed,
        stage: Stage,
        refusal: Refusal,
        looks: &mut Looks,
    ) -> Done {
        let message = match &refusal {
            Refusal::NamespaceTerminating => "the namespace is being deleted".to_owned(),
            Refusal::Invalid(why) | Refusal::Other(why) => why.clone(),
        };
        let decides = matches!(
            (&refusal, stage),
            (Refusal::NamespaceTerminating, _) | (Refusal::Invalid(_), Stage::Main)
        );
        looks.refusal = Some(refusal.clone());
        self.remember_refusal(&observed.job.uid, refusal);
        if decides {
            return Ok(());
        }
        self.announce(
            key,
            "OMJob",
            &observed.job.uid,
            Announcement {
                warning: true,
                reason: "FailedCreate",
                note: format!("a pod was refused: {message}"),
            },
        );
        Err(Failure::Later { message, wait: Duration::from_secs(1) })
    }

    fn build(
        &self,
        key: &ObjectKey,
        observed: &Observed,
        stage: Stage,
        name: &str,
    ) -> Result<Value, String> {
        let Some(bytes) = self.cache().job(key).and_then(|entry| entry.object.clone()) else {
            return Err("the OMJob is not in the cache".to_owned());
        };
        let mut object: Value =
            serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        let labels = serde_json::from_value(object["metadata"]["labels"].take()).ok();
        // The error itself quotes the value of the field, which may be an environment variable's.
        let spec: OMJobSpec = serde_json::from_value(object["spec"].take())
            .map_err(|_| "a field of its spec is of another type than the CRD has".to_owned())?;
        let main = observed.job.status.main.as_ref().and_then(|main| main.outcome.as_ref());
        let purpose = match stage {
            Stage::Main => Purpose::Main,
            Stage::ExitHandler => {
                Purpose::ExitHandler { main_succeeded: main.is_some_and(|main| main.succeeded) }
            }
        };
        let job = JobForPods {
            name: &key.name,
            namespace: &key.namespace,
            uid: &observed.job.uid,
            labels: &labels.unwrap_or_default(),
            spec: &spec,
        };
        pod::build(&job, purpose, name).map_err(|error| error.to_string())
    }

    /// How long after the main pod's end was seen the exit handler's pod was created.
    fn note_lag(&self, observed: &Observed) {
        let main = observed.job.status.main.as_ref();
        if let Some(outcome) = main.and_then(|main| main.outcome.as_ref()) {
            self.metrics().exit_handler_lag(seconds_between(outcome.time, self.now()));
        }
    }

    pub(super) async fn delete_pod(&self, key: &ObjectKey, pod: &Pod, looks: &mut Looks) -> Done {
        let version = Version { uid: &pod.uid, resource_version: &pod.resource_version };
        let params = requests::only_if(&version, DeleteParams::default());
        let answer = self.pod_api(key).delete(&key.name, &params).await;
        self.metrics().request("delete", "pods", answer.as_ref().err());
        match answer {
            Ok(either) => {
                if let Some(pod) = either.left() {
                    self.cache().put_pod(key.clone(), PodEntry::read(&pod));
                    return Ok(());
                }
                self.reread_pod(key, looks).await
            }
            Err(error) => self.pod_error(key, error, looks).await,
        }
    }

    pub(super) fn pod_release(&self, key: &ObjectKey, pod: &Pod) -> Value {
        let at = self.cache().pod(key).and_then(|entry| entry.finalizer).unwrap_or_default();
        requests::take_out(&pod.uid, FINALIZERS, at, "", names::FINALIZER)
    }

    pub(super) fn pod_ungate(&self, key: &ObjectKey, pod: &Pod) -> Value {
        let at = self.cache().pod(key).and_then(|entry| entry.gate).unwrap_or_default();
        requests::take_out(&pod.uid, "/spec/schedulingGates", at, "/name", names::GATE)
    }

    pub(super) async fn patch_pod(
        &self,
        key: &ObjectKey,
        pod: &Pod,
        patch: Value,
        looks: &mut Looks,
    ) -> Done {
        debug_assert_eq!(key.name, pod.name);
        let patch = json_patch(patch)?;
        let answer = self.pod_api(key).patch(&key.name, &params(), &patch).await;
        self.metrics().request("patch", "pods", answer.as_ref().err());
        match answer {
            Ok(pod) => {
                self.cache().put_pod(key.clone(), PodEntry::read(&pod));
                Ok(())
            }
            Err(error) => self.pod_error(key, error, looks).await,
        }
    }

    /// A pod that is not as the cache has it is read again; the next decision rests on that.
    pub(super) async fn pod_error(
        &self,
        key: &ObjectKey,
        error: kube::Error,
        looks: &mut Looks,
    ) -> Done {
        match &error {
            kube::Error::Api(status) if matches!(status.code, 404 | 409 | 422) => {
                self.reread_pod(key, looks).await
            }
            _ => Err(Failure::of(&error)),
        }
    }

    pub(super) async fn reread_pod(&self, key: &ObjectKey, looks: &mut Looks) -> Done {
        let asked = self.known_pod(key);
        let found = self.pod_api(key).get_opt(&key.name).await;
        self.metrics().request("get", "pods", found.as_ref().err());
        match found.map_err(|error| Failure::of(&error))? {
            Some(pod) => {
                looks.found_pods.extend(pod.metadata.uid.as_deref().map(Into::into));
                self.cache().put_found_pod(key.clone(), PodEntry::read(&pod));
            }
            None => {
                looks.absent_pods.insert(key.name.clone());
                self.forget_pod(key, asked);
            }
        }
        Ok(())
    }

    /// The UID of the pod that is asked for: a "not found" is about no pod that the watch brings
    /// while the answer is on its way.
    fn known_pod(&self, key: &ObjectKey) -> Option<CompactString> {
        self.cache().pod(key).map(|entry| entry.uid.clone())
    }

    fn forget_pod(&self, key: &ObjectKey, asked: Option<CompactString>) {
        if let Some(uid) = asked {
            self.cache().remove_pod(key, &uid);
        }
    }
}

/// Why a pod was refused, where trying the same again at once is no use.
fn refusal(error: &kube::Error) -> Option<Refusal> {
    let kube::Error::Api(status) = error else { return None };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let message = || status.message.clone();
    match status.code {
        403 if causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating") => {
            Some(Refusal::NamespaceTerminating)
        }
        403 => Some(Refusal::Other(message())),
        // The namespace itself is gone.
        404 => Some(Refusal::NamespaceTerminating),
        400 | 413 | 422 => Some(Refusal::Invalid(message())),
        _ => None,
    }
}
