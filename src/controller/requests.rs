//! What the requests about OMJobs, CronOMJobs and their pods have in common: each holds for the one
//! object that was observed, or is refused.
//!
//! In: an object's key, its UID and version. Out: requests' bodies and parameters. It sends nothing.

use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::core::Request;
use serde::Serialize;
use serde_json::{Value, json};

use super::act::{Failure, unsendable};
use super::objects::ObjectKey;
use crate::crd;

/// The body of a request to the API server, with its path.
pub(super) type HttpRequest = axum::http::Request<Vec<u8>>;

/// Where an object lists what holds it.
pub(super) const FINALIZERS: &str = "/metadata/finalizers";

/// The object that a request is about, as it was when it was observed.
pub(super) struct Version<'a> {
    /// Its UID.
    pub(super) uid: &'a str,
    /// Its resource version.
    pub(super) resource_version: &'a str,
}

/// Writes the status of an object of ours, unless the object has changed.
pub(super) fn write_status(
    resource_url: String,
    kind: &str,
    key: &ObjectKey,
    version: &Version<'_>,
    status: &impl Serialize,
) -> Result<HttpRequest, Failure> {
    let object = json!({
        "apiVersion": format!("{}/{}", crd::GROUP, crd::VERSION),
        "kind": kind,
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "uid": version.uid,
            "resourceVersion": version.resource_version,
        },
        "status": status,
    });
    let body = object.to_string().into_bytes();
    let request = Request::new(resource_url);
    let request = request.replace_subresource("status", &key.name, &PostParams::default(), body);
    request.map_err(|error| unsendable(&error))
}

/// Deletes an object, unless it has changed.
pub(super) fn only_if(version: &Version<'_>, params: DeleteParams) -> DeleteParams {
    let preconditions = Preconditions {
        uid: Some(version.uid.to_owned()),
        resource_version: Some(version.resource_version.to_owned()),
    };
    DeleteParams { preconditions: Some(preconditions), ..params }
}

/// The JSON patch that takes one entry out of a list, if it is what it is held for: `field` of the
/// entry, or the entry itself, is `value`.
pub(super) fn take_out(uid: &str, list: &str, at: usize, field: &str, value: &str) -> Value {
    let entry = format!("{list}/{at}");
    json!([
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": format!("{entry}{field}"), "value": value},
        {"op": "remove", "path": entry},
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_taken_out_only_where_it_is_what_it_was() {
        assert_eq!(
            take_out("u", "/spec/schedulingGates", 1, "/name", "gate"),
            json!([
                {"op": "test", "path": "/metadata/uid", "value": "u"},
                {"op": "test", "path": "/spec/schedulingGates/1/name", "value": "gate"},
                {"op": "remove", "path": "/spec/schedulingGates/1"},
            ])
        );
    }
}
