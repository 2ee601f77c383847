//! The API's objects as the cache keeps them: small, and with their version.
//!
//! In: objects as the API server sends them. Out: entries. An object that cannot be read as what it
//! should be is kept as far as it can, with the reason.

use compact_str::CompactString;
use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::DynamicObject;
use serde_json::Value;

use super::names;
use super::omjob::{Job, Limits, Pod, PodEnd};
use crate::crd::{ExitHandlerPolicy, OMJobSpec, OMJobStatus, Phase};

/// The container of both pods that counts.
const CONTAINER: &str = "main";

/// Namespace and name of an object.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct ObjectKey {
    pub(super) namespace: CompactString,
    pub(super) name: CompactString,
}

impl ObjectKey {
    pub(super) fn of(metadata: &ObjectMeta) -> Option<Self> {
        let namespace = metadata.namespace.as_ref()?.into();
        Some(Self { namespace, name: metadata.name.as_ref()?.into() })
    }

    /// Another object of the same namespace.
    pub(super) fn beside(&self, name: &str) -> Self {
        Self { namespace: self.namespace.clone(), name: name.into() }
    }
}

/// A resource version. Kubernetes has them comparable as numbers since 1.35, and etcd's always
/// were.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Version(CompactString);

impl Version {
    pub(super) fn of(metadata: &ObjectMeta) -> Self {
        Self(metadata.resource_version.as_deref().unwrap_or_default().into())
    }

    /// Whether this one is as new as the other, or newer. Unknown is not.
    pub(super) fn is_at_least(&self, other: &Self) -> bool {
        match (self.0.parse::<u64>(), other.0.parse::<u64>()) {
            (Ok(own), Ok(other)) => own >= other,
            _ => self == other,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// An OMJob.
#[derive(Clone, Debug)]
pub(super) struct JobEntry {
    pub(super) uid: CompactString,
    pub(super) version: Version,
    pub(super) finalizers: Vec<CompactString>,
    pub(super) deleted: bool,
    pub(super) created: Timestamp,
    /// The UID of the CronOMJob that it is a run of, by owner or by label.
    pub(super) cron_uid: Option<CompactString>,
    /// Whether the label says so.
    pub(super) has_cron_label: bool,
    /// The time of the schedule that it stands for.
    pub(super) tick: Option<Timestamp>,
    generation: Option<i64>,
    limits: Limits,
    pub(super) status: OMJobStatus,
    /// Why its status could not be read, if it could not: then nothing is done about it.
    pub(super) unreadable: Option<String>,
    /// The whole object as JSON, to make its pods from; none once it has ended.
    pub(super) object: Option<Box<[u8]>>,
}

impl JobEntry {
    pub(super) fn read(object: &DynamicObject) -> Self {
        let metadata = &object.metadata;
        let spec = &object.data["spec"];
        let status = match &object.data["status"] {
            Value::Null => Ok(OMJobStatus::default()),
            status => serde_json::from_value(status.clone()),
        };
        let unreadable = status.as_ref().err().map(ToString::to_string);
        let status: OMJobStatus = status.unwrap_or_default();
        let ended = status.phase.is_some_and(Phase::is_terminal);
        let cron_label = label_of(metadata, names::CRONOMJOB_UID_LABEL);
        let cron_uid = owner(metadata, "CronOMJob").map(String::as_str).or(cron_label);
        let annotations = metadata.annotations.as_ref();
        let tick = annotations.and_then(|all| all.get(names::SCHEDULED_TIME_ANNOTATION));
        Self {
            created: metadata.creation_timestamp.as_ref().map(|time| time.0).unwrap_or_default(),
            cron_uid: cron_uid.map(Into::into),
            has_cron_label: cron_label.is_some(),
            tick: tick.and_then(|tick| tick.parse().ok()),
            uid: metadata.uid.as_deref().unwrap_or_default().into(),
            version: Version::of(metadata),
            finalizers: finalizers(metadata),
            deleted: metadata.deletion_timestamp.is_some(),
            generation: metadata.generation,
            limits: limits(spec),
            object: (!ended).then(|| serialized(object)),
            unreadable,
            status,
        }
    }

    /// The OMJob, whose CronOMJob would not start it again, were it gone: or might.
    pub(super) fn observed(&self, key: &ObjectKey, recorded_by_cron: bool) -> Job {
        Job {
            name: key.name.clone(),
            uid: self.uid.clone(),
            generation: self.generation,
            deleted: self.deleted,
            orphaning: self.finalizers.iter().any(|finalizer| finalizer == "orphan"),
            finalizer: self.finalizer().is_some(),
            recorded_by_cron,
            limits: self.limits,
            status: self.status.clone(),
        }
    }

    /// Where our finalizer is among the finalizers.
    pub(super) fn finalizer(&self) -> Option<usize> {
        self.finalizers.iter().position(|finalizer| finalizer == names::FINALIZER)
    }
}

/// What is needed of the object to make pods from it; managed fields are as long as the rest.
fn serialized(object: &DynamicObject) -> Box<[u8]> {
    let value = serde_json::json!({
        "metadata": {"labels": object.metadata.labels},
        "spec": object.data["spec"],
    });
    value.to_string().into_bytes().into()
}

fn limits(spec: &Value) -> Limits {
    let seconds = |field: &str| spec[field].as_i64();
    Limits {
        exit_handler: spec["exitHandlerSpec"].is_object(),
        // Upstream's CRDs take a negative one, which nobody means as "at once".
        ttl_seconds_after_finished: seconds("ttlSecondsAfterFinished")
            .filter(|seconds| *seconds >= 0),
        active_deadline_seconds: seconds("activeDeadlineSeconds"),
        backoff_limit: seconds("backoffLimit").and_then(|limit| limit.try_into().ok()).unwrap_or(0),
        exit_handler_deadline_seconds: seconds("exitHandlerDeadlineSeconds")
            .unwrap_or(OMJobSpec::EXIT_HANDLER_DEADLINE_SECONDS),
        exit_handler_policy: match spec["exitHandlerPolicy"].as_str() {
            Some("Fail") => ExitHandlerPolicy::Fail,
            _ => ExitHandlerPolicy::Ignore,
        },
        node_lost_timeout_seconds: seconds("nodeLostTimeoutSeconds")
            .unwrap_or(OMJobSpec::NODE_LOST_TIMEOUT_SECONDS),
    }
}

/// A pod.
#[derive(Clone, Debug)]
pub(super) struct PodEntry {
    pub(super) uid: CompactString,
    pub(super) version: Version,
    /// The UID of the OMJob that it belongs to, by owner or by label.
    pub(super) job_uid: Option<CompactString>,
    /// Where our finalizer is among its finalizers.
    pub(super) finalizer: Option<usize>,
    gone: bool,
    /// Where our gate is among its scheduling gates.
    pub(super) gate: Option<usize>,
    owned: bool,
    created: Timestamp,
    deleted: Option<Timestamp>,
    node: Option<CompactString>,
    running: bool,
    end: Option<PodEnd>,
}

impl PodEntry {
    pub(super) fn read(pod: &v1::Pod) -> Self {
        let metadata = &pod.metadata;
        let names = finalizers(metadata);
        let (spec, status) = (pod.spec.as_ref(), pod.status.as_ref());
        let owner = owner(metadata, "OMJob");
        let label = label_of(metadata, names::OMJOB_UID_LABEL);
        let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or_default();
        let container = status.and_then(main_container);
        let terminated = container
            .and_then(|container| container.state.as_ref())
            .and_then(|state| state.terminated.as_ref());
        let started = container.is_some_and(|container| {
            container.state.as_ref().is_some_and(|state| state.running.is_some())
        });
        Self {
            uid: metadata.uid.as_deref().unwrap_or_default().into(),
            version: Version::of(metadata),
            job_uid: owner.map(String::as_str).or(label).map(Into::into),
            finalizer: names.iter().position(|finalizer| finalizer == names::FINALIZER),
            // So the API server itself decides whether an update drops the object.
            gone: metadata.deletion_timestamp.is_some()
                && metadata.deletion_grace_period_seconds == Some(0)
                && names.is_empty(),
            gate: gates(spec).position(|gate| gate.name == names::GATE),
            owned: owner.is_some(),
            created: metadata.creation_timestamp.as_ref().map(|time| time.0).unwrap_or_default(),
            deleted: metadata.deletion_timestamp.as_ref().map(|time| time.0),
            node: spec.and_then(|spec| spec.node_name.as_deref()).map(Into::into),
            running: phase == "Running" || started,
            end: matches!(phase, "Succeeded" | "Failed").then(|| PodEnd {
                succeeded: phase == "Succeeded",
                exit_code: terminated.map(|terminated| terminated.exit_code),
                reason: status
                    .and_then(|status| status.reason.as_deref())
                    .or_else(|| terminated.and_then(|terminated| terminated.reason.as_deref()))
                    .map(Into::into),
            }),
        }
    }

    pub(super) fn observed(&self, key: &ObjectKey, job_uid: &str) -> Pod {
        Pod {
            name: key.name.clone(),
            uid: self.uid.clone(),
            resource_version: self.version.as_str().into(),
            ours: self.job_uid.as_deref() == Some(job_uid),
            finalizer: self.finalizer.is_some(),
            gated: self.gate.is_some(),
            owned: self.owned,
            created: self.created,
            deleted: self.deleted,
            node: self.node.clone(),
            running: self.running,
            end: self.end.clone(),
        }
    }

    /// Whether the API server has dropped it with this version: deleted, its grace over, nothing
    /// left that holds it.
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    pub(super) fn is_on(&self, node: &str) -> bool {
        self.end.is_none() && self.node.as_deref() == Some(node)
    }
}

fn finalizers(metadata: &ObjectMeta) -> Vec<CompactString> {
    metadata.finalizers.iter().flatten().map(Into::into).collect()
}

fn label_of<'a>(metadata: &'a ObjectMeta, label: &str) -> Option<&'a str> {
    metadata.labels.as_ref()?.get(label).map(String::as_str)
}

/// The UID of the one of our kinds among the owners.
fn owner<'a>(metadata: &'a ObjectMeta, kind: &str) -> Option<&'a String> {
    let owners = metadata.owner_references.as_ref()?;
    let ours = |api_version: &str| api_version.starts_with(crate::crd::GROUP);
    let owner = owners.iter().find(|owner| owner.kind == kind && ours(&owner.api_version))?;
    Some(&owner.uid)
}

fn gates(spec: Option<&v1::PodSpec>) -> impl Iterator<Item = &v1::PodSchedulingGate> {
    spec.into_iter().filter_map(|spec| spec.scheduling_gates.as_ref()).flatten()
}

fn main_container(status: &v1::PodStatus) -> Option<&v1::ContainerStatus> {
    let containers = status.container_statuses.as_ref()?;
    containers.iter().find(|container| container.name == CONTAINER)
}
