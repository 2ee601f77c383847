//! One request that changes an object.
//!
//! In: an object, and how to send it. Out: what the server made of it, or why it did not take it.
//! The answer is asked for without its body: its metadata say all that is needed.

use http::{Method, Request, header};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource as _;
use kube::api::{ApiResource, DynamicObject};
use kube::core::{GroupVersionKind, Status};
use serde::Deserialize;
use serde_json::Value;

use super::desired::Identity;
use super::refusal::{Fault, Refusal, Said};
use crate::cluster::FIELD_MANAGER;
use crate::cluster::connection::Cluster;
use crate::cluster::error::Error;

/// Takes metadata alone in place of objects.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// How an object is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct How {
    /// Take over what others have set.
    pub force: bool,
    /// Only ask what would happen.
    pub dry_run: bool,
}

/// What became of an object.
#[derive(Debug, Deserialize)]
pub struct Applied {
    /// Whether it was not there before.
    #[serde(skip)]
    pub is_new: bool,
    /// Its metadata as they are now.
    pub metadata: ObjectMeta,
}

/// Why it was not taken.
#[derive(Debug)]
pub enum NotApplied {
    /// The object is wrong, or somebody else's.
    Refused(Refusal),
    /// The cluster cannot take it, or this one.
    Failed(Error),
}

/// The collection that holds an object.
pub fn resource(identity: &Identity, version: &str) -> ApiResource {
    // All kinds that are rendered have the plural that is derived from their names.
    ApiResource::from_gvk(&GroupVersionKind::gvk(&identity.group, version, &identity.kind))
}

/// The right to do something with objects of a kind, as `ompipe rbac --list` names it.
pub fn right(action: &str, identity: &Identity, version: &str) -> String {
    let ApiResource { group, plural, .. } = resource(identity, version);
    match group.as_str() {
        "" => format!("{action} {plural}"),
        group => format!("{action} {plural}.{group}"),
    }
}

/// The path of an object.
fn path(identity: &Identity, version: &str) -> String {
    let resource = resource(identity, version);
    let all = DynamicObject::url_path(&resource, Some(&identity.namespace));
    format!("{all}/{}", identity.name)
}

/// Server-side apply.
pub async fn apply(
    cluster: &Cluster,
    identity: &Identity,
    version: &str,
    value: &Value,
    how: How,
) -> Result<Applied, NotApplied> {
    let (is_new, applied) =
        sent::<Applied>(cluster, identity, version, value, how, METADATA).await?;
    Ok(Applied { is_new, ..applied })
}

/// Server-side apply on trial, with the whole object as it would be.
pub async fn rehearse(
    cluster: &Cluster,
    identity: &Identity,
    version: &str,
    value: &Value,
    how: How,
) -> Result<Value, NotApplied> {
    let how = How { dry_run: true, ..how };
    match sent(cluster, identity, version, value, how, "application/json").await {
        Ok((_, after)) => Ok(after),
        // Whoever may not give every right is asked to have those of the Role, which is not there
        // on trial.
        Err(NotApplied::Failed(error))
            if identity.kind == "RoleBinding" && error.code() == Some(404) =>
        {
            Ok(value.clone())
        }
        Err(not_applied) => Err(not_applied),
    }
}

async fn sent<T: for<'de> Deserialize<'de>>(
    cluster: &Cluster,
    identity: &Identity,
    version: &str,
    value: &Value,
    how: How,
    accept: &str,
) -> Result<(bool, T), NotApplied> {
    let How { force, dry_run } = how;
    // Server-side apply refuses what a schema does not know by itself. Strict validation would only
    // read the text once more, to look for keys that are written twice.
    let mut uri =
        format!("{}?fieldManager={FIELD_MANAGER}&fieldValidation=Ignore", path(identity, version));
    if force {
        uri.push_str("&force=true");
    }
    if dry_run {
        uri.push_str("&dryRun=All");
    }
    let body = serde_json::to_vec(value).unwrap_or_default();
    let doing = || format!("apply {} in {}", identity.shown(), identity.namespace);
    let answer = cluster.ask(doing(), async || {
        // JSON is YAML, and quicker to read.
        let request = Request::builder()
            .method(Method::PATCH)
            .uri(&uri)
            .header(header::CONTENT_TYPE, "application/apply-patch+yaml")
            .header(header::ACCEPT, accept)
            .body(body.clone().into())
            .map_err(unbuilt)?;
        let response = cluster.client.send(request).await?;
        let status = response.status();
        let bytes = response.into_body().collect_bytes().await?;
        if status.is_success() {
            let read = serde_json::from_slice(&bytes).map_err(kube::Error::SerdeError)?;
            return Ok(Ok((status == http::StatusCode::CREATED, read)));
        }
        let failure = failure(status.as_u16(), &bytes);
        match Refusal::of(&said(&failure)) {
            Some(refusal) => Ok(Err(refusal)),
            None => Err(kube::Error::Api(Box::new(failure))),
        }
    });
    match answer.await {
        Ok(answer) => answer.map_err(NotApplied::Refused),
        Err(error) => Err(NotApplied::Failed(error)),
    }
}

/// An object as it is; `None` when it is gone.
pub async fn live(
    cluster: &Cluster,
    identity: &Identity,
    version: &str,
) -> Result<Option<Value>, Error> {
    let uri = path(identity, version);
    let doing = format!("look for {} in {}", identity.shown(), identity.namespace);
    let answer = cluster.ask(doing, async || {
        let request = Request::get(&uri).body(Vec::new()).map_err(unbuilt)?;
        match cluster.client.request::<Value>(request).await {
            Ok(object) => Ok(Some(object)),
            Err(kube::Error::Api(status)) if status.reason == "NotFound" => Ok(None),
            Err(error) => Err(error),
        }
    });
    answer.await
}

fn unbuilt(error: http::Error) -> kube::Error {
    kube::Error::BuildRequest(kube::core::request::Error::BuildRequest(error))
}

/// Deletes an object, if it is still the one of this UID and, if one is given, this version. One
/// that is gone is fine. What it owns goes after it.
pub async fn delete(
    cluster: &Cluster,
    identity: &Identity,
    version: &str,
    uid: &str,
    resource_version: Option<&str>,
    dry_run: bool,
) -> Result<(), Error> {
    let mut options = serde_json::json!({
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "propagationPolicy": "Background",
        "preconditions": {"uid": uid},
    });
    if let Some(resource_version) = resource_version {
        options["preconditions"]["resourceVersion"] = resource_version.into();
    }
    if dry_run {
        options["dryRun"] = vec!["All"].into();
    }
    let (uri, body) = (path(identity, version), options.to_string().into_bytes());
    let doing = format!("delete {} in {}", identity.shown(), identity.namespace);
    let answer = cluster.ask(doing, async || {
        let request = Request::builder()
            .method(Method::DELETE)
            .uri(&uri)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(body.clone().into())
            .map_err(unbuilt)?;
        let response = cluster.client.send(request).await?;
        let status = response.status();
        if status.is_success() || status == http::StatusCode::NOT_FOUND {
            return Ok(());
        }
        let bytes = response.into_body().collect_bytes().await?;
        Err(kube::Error::Api(Box::new(failure(status.as_u16(), &bytes))))
    });
    answer.await
}

/// An answer that is a failure. What is no Status is what another server on the way says.
fn failure(code: u16, bytes: &[u8]) -> Status {
    match serde_json::from_slice::<Status>(bytes) {
        Ok(status) if status.code != 0 => status,
        _ => {
            let text: String = String::from_utf8_lossy(bytes).trim().chars().take(200).collect();
            Status { code, ..Status::failure(&text, "") }
        }
    }
}

fn said(status: &Status) -> Said {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let fault = |cause: &kube::core::response::StatusCause| Fault {
        reason: cause.reason.clone(),
        field: cause.field.clone(),
        message: cause.message.clone(),
    };
    Said {
        code: status.code,
        reason: status.reason.clone(),
        message: status.message.clone(),
        causes: causes.map(fault).collect(),
    }
}
