//! How the server says no: codes, reasons and messages of Kubernetes' own `Status` objects.

use serde_json::{Value, json};

use super::resource::{Key, Resource};

/// A request that was not done, and the `Status` that says so.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) details: Value,
}

impl Refusal {
    fn about(code: u16, reason: &'static str, key: &Key, message: String) -> Self {
        let Key { resource, name, .. } = key;
        let details = json!({
            "name": name, "group": resource.group(), "kind": resource.plural(),
        });
        Self { code, reason, message, details }
    }

    fn plain(code: u16, reason: &'static str, message: &str) -> Self {
        Self { code, reason, message: message.to_owned(), details: json!({}) }
    }

    pub(crate) fn not_found(key: &Key) -> Self {
        let message = format!("{} {:?} not found", key.resource.qualified(), key.name);
        Self::about(404, "NotFound", key, message)
    }

    pub(crate) fn no_such_path() -> Self {
        Self::plain(404, "NotFound", "the server could not find the requested resource")
    }

    pub(crate) fn already_exists(key: &Key) -> Self {
        let message = format!("{} {:?} already exists", key.resource.qualified(), key.name);
        Self::about(409, "AlreadyExists", key, message)
    }

    pub(crate) fn conflict(key: &Key, why: &str) -> Self {
        let (resource, name) = (key.resource.qualified(), &key.name);
        let message = format!("Operation cannot be fulfilled on {resource} {name:?}: {why}");
        Self::about(409, "Conflict", key, message)
    }

    pub(crate) fn modified(key: &Key) -> Self {
        Self::conflict(
            key,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// Two creates of one moment: the quota's own object was written in between.
    pub(crate) fn quota_conflict() -> Self {
        let quota = Key::new(Resource::Pods, "", "quota");
        let message = "Operation cannot be fulfilled on resourcequotas \"quota\": the object has been modified; please apply your changes to the latest version and try again".to_owned();
        Self::about(409, "Conflict", &quota, message)
    }

    pub(crate) fn invalid(key: &Key, field: &str, why: &str) -> Self {
        let (kind, name) = (key.resource.kind(), &key.name);
        let message = format!("{kind} {name:?} is invalid: {field}: {why}");
        let mut refusal = Self::about(422, "Invalid", key, message);
        let cause = json!([{ "reason": "FieldValueInvalid", "message": why, "field": field }]);
        refusal.details["causes"] = cause;
        refusal
    }

    /// A JSON patch whose `test` fails, or whose path is not there.
    pub(crate) fn unpatchable() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Self::plain(422, "Invalid", message)
    }

    pub(crate) fn bad_request(message: &str) -> Self {
        Self::plain(400, "BadRequest", message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::plain(405, "MethodNotAllowed", message)
    }

    pub(crate) fn namespace_terminating(key: &Key) -> Self {
        let Key { resource, namespace, name } = key;
        let why = format!("namespace {namespace} is being terminated");
        let message = format!(
            "{} {name:?} is forbidden: unable to create new content in namespace {namespace} because it is being terminated",
            resource.qualified()
        );
        let mut refusal = Self::about(403, "Forbidden", key, message);
        refusal.details["causes"] = json!([
            { "reason": "NamespaceTerminating", "message": why, "field": "metadata.namespace" }
        ]);
        refusal
    }

    pub(crate) fn exceeded_quota(key: &Key) -> Self {
        let name = &key.name;
        let message = format!(
            "pods {name:?} is forbidden: exceeded quota: quota, requested: pods=1, used: pods=10, limited: pods=10"
        );
        Self::about(403, "Forbidden", key, message)
    }

    /// A watch or a page that begins before what the server remembers.
    pub(crate) fn expired(asked: u64, oldest: u64) -> Self {
        Self::plain(410, "Expired", &format!("too old resource version: {asked} ({oldest})"))
    }

    /// A read that asks for more than this server has heard of yet.
    pub(crate) fn too_new(asked: u64, newest: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {newest}");
        let mut refusal = Self::plain(504, "Timeout", &message);
        let causes = json!([
            { "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }
        ]);
        refusal.details = json!({ "causes": causes, "retryAfterSeconds": 1 });
        refusal
    }

    pub(crate) fn too_many_requests() -> Self {
        let message =
            "the server has received too many requests and has asked us to try again later";
        let mut refusal = Self::plain(429, "TooManyRequests", message);
        refusal.details["retryAfterSeconds"] = json!(1);
        refusal
    }

    pub(crate) fn internal() -> Self {
        Self::plain(500, "InternalError", "Internal error occurred: etcdserver: leader changed")
    }

    pub(crate) fn unavailable() -> Self {
        let message = "the server is currently unable to handle the request";
        Self::plain(503, "ServiceUnavailable", message)
    }

    pub(crate) fn timeout() -> Self {
        let message = "Timeout: request did not complete within the allotted timeout";
        Self::plain(504, "Timeout", message)
    }

    pub(crate) fn body(&self) -> Value {
        let Self { code, reason, message, details } = self;
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "details": details, "code": code,
        })
    }
}
