//! What an examination asks of the cluster.
//!
//! In: the cluster, and names. Out: values for the checks. Nothing is changed; of a Secret its keys
//! are kept, and nothing of their values.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures::{StreamExt as _, stream};
use http::Request;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, ContainerStatus, Event, LimitRange, Namespace, Node, Pod, ResourceQuota, Secret,
    ServiceAccount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::{Api, ListParams, PostParams};
use kube::client::Body;
use kube::core::Status;
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::report::Look;
use super::rights::Allowed;
use super::secrets::Keys;
use super::{applied, namespace, nodes, operator, pods, quota, server};
use crate::cluster::connection::Cluster;
use crate::cluster::error::{Cause, Error};
use crate::cluster::list::List;
use crate::cluster::rights::Right;
use crate::model::labels;

/// How many requests are under way at a time.
const AT_ONCE: usize = 16;
/// Older events are of troubles that may be over.
const RECENT: SignedDuration = SignedDuration::from_mins(15);

/// The group of OMJob and CronOMJob.
const GROUP: &str = "pipelines.openmetadata.org/v1";
/// A field that ompipe's OMJob has, and OpenMetadata's lacks.
const OURS: &str = "activeDeadlineSeconds";

/// What the API server says of itself.
pub(super) async fn server(cluster: &Cluster) -> Result<server::Answer, Error> {
    let ask = async || {
        let begin = Instant::now();
        let request =
            Request::get("/version").body(Body::empty()).map_err(kube::Error::HttpError)?;
        let response = cluster.client.send(request).await?;
        let latency = SignedDuration::try_from(begin.elapsed()).unwrap_or_default();
        let now = Timestamp::now();
        let date = response.headers().get("date").and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        let date = date.map(|date| date.timestamp());
        let code = response.status().as_u16();
        let refused = code == 401;
        let body = response.into_body().collect_bytes().await?;
        if matches!(code, 429 | 500..) {
            let said = serde_json::from_slice(&body);
            let said = said.unwrap_or_else(|_| Status { code, ..Status::failure("", "") });
            return Err(kube::Error::Api(said.boxed()));
        }
        let version: Value = serde_json::from_slice(&body).unwrap_or_default();
        Ok((refused, latency, now, date, version))
    };
    let (refused, latency, now, date, version) =
        cluster.ask("ask the API server for its version", ask).await?;
    if refused {
        // It may tell its version to nobody but those whom it knows: `who` says so.
        return Err(Error::refused("ask the API server for its version"));
    }
    let text = |key: &str| version.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(server::Answer {
        address: cluster.address.clone(),
        origin: cluster.origin.clone(),
        version: text("gitVersion"),
        minor: text("minor"),
        latency,
        date,
        now,
    })
}

/// Who we are; `None`: the API server is too old to say.
pub(super) async fn who(cluster: &Cluster) -> Result<Option<String>, Error> {
    let reviews: Api<SelfSubjectReview> = Api::all(cluster.client.clone());
    let ask = async || match reviews.create(&PostParams::default(), &Default::default()).await {
        Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => Ok(None),
        answer => answer.map(Some),
    };
    let review = cluster.ask("ask who we are", ask).await?;
    let user = review.and_then(|review| review.status).and_then(|status| status.user_info);
    Ok(user.and_then(|user| user.username))
}

/// The rules that the API server lists for us in a namespace.
pub(super) async fn rules(cluster: &Cluster, namespace: &str) -> Result<Vec<Allowed>, Error> {
    let review = SelfSubjectRulesReview {
        spec: SelfSubjectRulesReviewSpec { namespace: Some(namespace.to_owned()) },
        ..Default::default()
    };
    let reviews: Api<SelfSubjectRulesReview> = Api::all(cluster.client.clone());
    let ask = async || reviews.create(&PostParams::default(), &review).await;
    let review = cluster.ask("ask what we may do", ask).await?;
    let rules = review.status.map(|status| status.resource_rules).unwrap_or_default();
    let rules = rules.into_iter().map(|rule| Allowed {
        groups: rule.api_groups.unwrap_or_default(),
        resources: rule.resources.unwrap_or_default(),
        actions: rule.verbs,
        names: rule.resource_names.unwrap_or_default(),
    });
    Ok(rules.collect())
}

/// Those of the rights that we do not have, asked one by one.
pub(super) async fn refused(
    cluster: &Cluster,
    namespace: &str,
    rights: BTreeSet<Right>,
) -> Result<BTreeSet<Right>, Error> {
    let reviews: &Api<SelfSubjectAccessReview> = &Api::all(cluster.client.clone());
    let answers = stream::iter(rights).map(async |right| {
        let (resource, subresource) = match right.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (right.resource, None),
        };
        let attributes = ResourceAttributes {
            namespace: Some(namespace.to_owned()),
            group: Some(right.group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource,
            verb: Some(right.action.to_owned()),
            ..Default::default()
        };
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..Default::default()
        };
        let review = SelfSubjectAccessReview { spec, ..Default::default() };
        let ask = async || reviews.create(&PostParams::default(), &review).await;
        let review = cluster.ask("ask what we may do", ask).await?;
        let is_allowed = review.status.is_some_and(|status| status.allowed);
        Ok::<_, Error>((!is_allowed).then_some(right))
    });
    let answers: Vec<_> = answers.buffer_unordered(AT_ONCE).collect().await;
    let answers: Result<Vec<Option<Right>>, Error> = answers.into_iter().collect();
    Ok(answers?.into_iter().flatten().collect())
}

/// A namespace, if there is one.
pub(super) async fn namespace(cluster: &Cluster, name: &str) -> Look<Option<namespace::Namespace>> {
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let found = look(cluster, "get namespaces", async || namespaces.get_opt(name).await).await;
    found.map(|found| {
        found.map(|found| namespace::Namespace {
            is_terminating: found.metadata.deletion_timestamp.is_some(),
            labels: found.metadata.labels.unwrap_or_default(),
        })
    })
}

/// What the API server serves of the operator's kinds.
pub(super) async fn operator_kinds(cluster: &Cluster) -> Look<operator::Kinds> {
    let ask = async || match cluster.client.list_api_group_resources(GROUP).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        answer => answer.map(Some),
    };
    let Look::Seen(Some(served)) = look(cluster, "discover kinds", ask).await else {
        return Look::Seen(operator::Kinds::default());
    };
    let serves = |name: &str| served.resources.iter().any(|resource| resource.name == name);
    let ask = async || {
        let request = Request::get(format!("/openapi/v3/apis/{GROUP}")).body(Vec::new());
        cluster.client.request::<Value>(request.map_err(kube::Error::HttpError)?).await
    };
    let is_ours = match look(cluster, "read schemas", ask).await {
        Look::Seen(schemas) => {
            let schemas = schemas.pointer("/components/schemas").and_then(Value::as_object);
            let mut schemas = schemas.into_iter().flatten();
            let omjob = schemas.find(|(name, _)| name.ends_with(".OMJob"));
            omjob.map(|(_, schema)| {
                let route = format!("/properties/spec/properties/{OURS}");
                schema.pointer(&route).is_some()
            })
        }
        _ => None,
    };
    Look::Seen(operator::Kinds {
        omjobs: serves("omjobs"),
        cronomjobs: serves("cronomjobs"),
        is_ours,
    })
}

/// The operator's Lease, if there is one.
pub(super) async fn lease(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Look<Option<operator::Lease>> {
    let leases: Api<Lease> = Api::namespaced(cluster.client.clone(), namespace);
    let found = look(cluster, "get leases", async || leases.get_opt(name).await).await;
    found.map(|found| {
        let spec = found?.spec.unwrap_or_default();
        Some(operator::Lease {
            holder: spec.holder_identity.unwrap_or_default(),
            renewed: spec.renew_time.map(|time| time.0),
            seconds: spec.lease_duration_seconds.unwrap_or_default().into(),
        })
    })
}

/// Deployments that look like an operator's, ours or OpenMetadata's, in all namespaces.
pub(super) async fn operators(cluster: &Cluster) -> Look<Vec<operator::Deployment>> {
    let right = "list deployments of all namespaces";
    list(cluster, right, None, ListParams::default()).await.map(|found: Vec<Deployment>| {
        let named = |one: &Deployment| {
            let name = one.name_any();
            name.contains("omjob-operator") || name.contains("ompipe-operator")
        };
        let found = found.into_iter().filter(named).map(|one| operator::Deployment {
            namespace: one.namespace().unwrap_or_default(),
            name: one.name_any(),
            ready: one.status.and_then(|status| status.ready_replicas).unwrap_or_default(),
        });
        found.collect()
    })
}

/// The nodes.
pub(super) async fn nodes(cluster: &Cluster) -> Look<Vec<nodes::Node>> {
    list(cluster, "list nodes", None, ListParams::default()).await.map(|found| {
        let found = found.into_iter().map(|node: Node| {
            let (spec, status) = (node.spec.unwrap_or_default(), node.status.unwrap_or_default());
            let taints = spec.taints.unwrap_or_default().into_iter().map(|taint| nodes::Taint {
                key: taint.key,
                value: taint.value.unwrap_or_default(),
                effect: taint.effect,
            });
            let mut conditions = status.conditions.iter().flatten();
            nodes::Node {
                name: node.metadata.name.unwrap_or_default(),
                labels: node.metadata.labels.unwrap_or_default(),
                taints: taints.collect(),
                allocatable: texts(status.allocatable),
                is_ready: conditions.any(|one| one.type_ == "Ready" && one.status == "True"),
            }
        });
        found.collect()
    })
}

/// The ResourceQuotas of a namespace.
pub(super) async fn quotas(cluster: &Cluster, namespace: &str) -> Look<Vec<quota::Quota>> {
    list(cluster, "list resourcequotas", Some(namespace), ListParams::default()).await.map(
        |found| {
            let found = found.into_iter().map(|one: ResourceQuota| quota::Quota {
                name: one.name_any(),
                hard: texts(one.spec.and_then(|spec| spec.hard)),
                used: texts(one.status.and_then(|status| status.used)),
            });
            found.collect()
        },
    )
}

/// The entries of the LimitRanges of a namespace.
pub(super) async fn limits(cluster: &Cluster, namespace: &str) -> Look<Vec<quota::Limit>> {
    list(cluster, "list limitranges", Some(namespace), ListParams::default()).await.map(|found| {
        let found = found.into_iter().flat_map(|one: LimitRange| {
            let name = one.name_any();
            let entries = one.spec.map(|spec| spec.limits).unwrap_or_default().into_iter();
            entries.map(move |entry| quota::Limit {
                name: name.clone(),
                kind: entry.type_,
                max: texts(entry.max),
                min: texts(entry.min),
                default: texts(entry.default),
            })
        });
        found.collect()
    })
}

/// The containers of pipelines' pods that wait for something that does not come.
pub(super) async fn waiting(cluster: &Cluster, namespace: &str) -> Look<Vec<pods::Waiting>> {
    let pending = ListParams::default().labels(labels::PIPELINE).fields("status.phase=Pending");
    list(cluster, "list pods", Some(namespace), pending).await.map(|found: Vec<Pod>| {
        let mut waiting = Vec::new();
        for pod in found {
            let name = pod.name_any();
            let status = pod.status.unwrap_or_default();
            let containers = status.init_container_statuses.into_iter().flatten();
            let containers = containers.chain(status.container_statuses.into_iter().flatten());
            waiting.extend(containers.filter_map(|container| waits(&name, container)));
        }
        waiting
    })
}

fn waits(pod: &str, container: ContainerStatus) -> Option<pods::Waiting> {
    let waiting = container.state?.waiting?;
    let reason = waiting.reason.unwrap_or_default();
    // These are the ways to the start.
    let is_on_its_way = ["", "ContainerCreating", "PodInitializing"].contains(&reason.as_str());
    (!is_on_its_way).then(|| pods::Waiting {
        pod: pod.to_owned(),
        image: container.image,
        reason,
        message: waiting.message.unwrap_or_default(),
    })
}

/// Recent warnings that a Job could not make its pod.
pub(super) async fn warned(cluster: &Cluster, namespace: &str) -> Look<Vec<pods::Warned>> {
    let refusals = "reason=FailedCreate,type=Warning,involvedObject.kind=Job";
    let found =
        list(cluster, "list events", Some(namespace), ListParams::default().fields(refusals)).await;
    let since = Timestamp::now() - RECENT;
    found.map(|found| {
        let recent = found.into_iter().filter(|event: &Event| {
            let last = event.last_timestamp.as_ref().map(|time| time.0);
            let last = last.or_else(|| event.event_time.as_ref().map(|time| time.0));
            last.is_none_or(|last| last >= since)
        });
        let recent = recent.map(|event| pods::Warned {
            job: event.involved_object.name.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
        });
        recent.filter(|event| event.job.starts_with("om-")).collect()
    })
}

/// Of each Secret, its keys.
pub(super) async fn secrets(
    cluster: &Cluster,
    namespace: &str,
    names: BTreeSet<String>,
) -> BTreeMap<String, Look<Keys>> {
    let keys = |secret: Secret| secret.data.unwrap_or_default().into_keys().collect();
    each(cluster, namespace, "get secrets", names, keys).await
}

/// Of each ConfigMap, its keys.
pub(super) async fn config_maps(
    cluster: &Cluster,
    namespace: &str,
    names: BTreeSet<String>,
) -> BTreeMap<String, Look<Keys>> {
    let keys = |map: ConfigMap| map.data.unwrap_or_default().into_keys().collect();
    each(cluster, namespace, "get configmaps", names, keys).await
}

/// Whether each service account is there.
pub(super) async fn accounts(
    cluster: &Cluster,
    namespace: &str,
    names: BTreeSet<String>,
) -> BTreeMap<String, Look<bool>> {
    let none = |_: ServiceAccount| BTreeSet::new();
    let found = each(cluster, namespace, "get serviceaccounts", names, none).await;
    found.into_iter().map(|(name, look)| (name, look.map(|found| found.is_some()))).collect()
}

async fn each<K>(
    cluster: &Cluster,
    namespace: &str,
    right: &str,
    names: BTreeSet<String>,
    keys: impl Fn(K) -> BTreeSet<String>,
) -> BTreeMap<String, Look<Keys>>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope> + Clone + DeserializeOwned,
    K: std::fmt::Debug,
    K::DynamicType: Default,
{
    let api: &Api<K> = &Api::namespaced(cluster.client.clone(), namespace);
    let looks = stream::iter(names).map(async |name| {
        let found = look(cluster, right, async || api.get_opt(&name).await).await;
        (name, found)
    });
    let looks: Vec<_> = looks.buffer_unordered(AT_ONCE).collect().await;
    looks.into_iter().map(|(name, found)| (name, found.map(|found| found.map(&keys)))).collect()
}

/// The ConfigMaps of the pipelines in a namespace.
pub(super) async fn applied(
    cluster: &Cluster,
    namespace: &str,
) -> Look<BTreeMap<String, applied::Data>> {
    let of_pipelines = ListParams::default().labels(labels::PIPELINE);
    list(cluster, "list configmaps", Some(namespace), of_pipelines).await.map(
        |found: Vec<ConfigMap>| {
            found.into_iter().map(|map| (map.name_any(), map.data.unwrap_or_default())).collect()
        },
    )
}

/// All objects of a list, in a namespace or, without one, of the cluster.
async fn list<K>(
    cluster: &Cluster,
    right: &str,
    namespace: Option<&str>,
    which: ListParams,
) -> Look<Vec<K>>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    seen(right, List::new(right, K::url_path(&(), namespace), which).all(cluster).await)
}

/// Asks for something that may be forbidden: `right` says what it takes.
async fn look<T>(
    cluster: &Cluster,
    right: &str,
    ask: impl AsyncFnMut() -> Result<T, kube::Error>,
) -> Look<T> {
    seen(right, cluster.ask(right, ask).await)
}

/// What is known after an answer.
fn seen<T>(right: &str, answer: Result<T, Error>) -> Look<T> {
    match answer {
        Ok(seen) => Look::Seen(seen),
        Err(Error::Request { source: Cause::Answer { code: 403, .. }, .. }) => {
            Look::Forbidden(right.to_owned())
        }
        Err(Error::Request { source, .. }) => Look::Failed(source.to_string()),
        Err(error) => Look::Failed(error.to_string()),
    }
}

fn texts(quantities: Option<BTreeMap<String, Quantity>>) -> BTreeMap<String, String> {
    let quantities = quantities.into_iter().flatten();
    quantities.map(|(name, quantity)| (name, quantity.0)).collect()
}
