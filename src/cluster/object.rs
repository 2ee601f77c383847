//! Rendered objects, as they are sent.
//!
//! In: a rendered object's text. Out: a [`DynamicObject`] and the API that takes it.

use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;

use super::error::Error;
use crate::compile::Object;
use crate::diagnostic::Diagnostics;
use crate::tree::SourceId;
use crate::yaml::{self, Dialect};

/// A rendered object, to be sent.
pub fn parsed(object: &Object) -> Result<DynamicObject, Error> {
    let mut found = Diagnostics::default();
    let documents = yaml::read(SourceId::NONE, &object.text, Dialect::Definition, &mut found);
    let document = documents.first().map(Value::from).unwrap_or_default();
    serde_json::from_value(document)
        .map_err(|_| Error::UnreadableObject { file: object.file.clone() })
}

/// The API of an object's kind and namespace.
pub fn api_of(client: &Client, object: &DynamicObject) -> Api<DynamicObject> {
    let (version, kind) = object
        .types
        .as_ref()
        .map_or(("v1", ""), |types| (types.api_version.as_str(), types.kind.as_str()));
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    // All kinds that are rendered have the plural that is derived from their names.
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    Api::namespaced_with(client.clone(), namespace, &resource)
}
