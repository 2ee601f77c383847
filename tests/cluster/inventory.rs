//! What there is in the cluster, of every kind that the API server can list: a kind that nobody
//! thought of is found, too.

use kube::Api;
use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::discovery::{Discovery, Scope, verbs};
use serde_json::Value;

use crate::namespace::Namespace;

/// Every object of a namespace, Events among them, as JSON with its kind.
pub(crate) async fn of_namespace(namespace: &Namespace) -> Vec<Value> {
    of_kinds(namespace, &kinds(namespace, Scope::Namespaced).await).await
}

/// Every object of a namespace of these kinds, for a test that looks often.
pub(crate) async fn of_kinds(namespace: &Namespace, kinds: &[ApiResource]) -> Vec<Value> {
    let mut objects = Vec::new();
    for kind in kinds {
        let api: Api<DynamicObject> =
            Api::namespaced_with(namespace.client.clone(), &namespace.name, kind);
        objects.extend(list(api, kind).await);
    }
    objects
}

/// An object's kind and name, as in `Job/orders`.
pub(crate) fn called(object: &Value) -> String {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    format!("{}/{name}", object["kind"].as_str().unwrap_or_default())
}

/// Every kind that can be listed.
pub(crate) async fn kinds(namespace: &Namespace, of: Scope) -> Vec<ApiResource> {
    let discovery = Discovery::new(namespace.client.clone()).run().await.unwrap();
    let mut kinds = Vec::new();
    for group in discovery.groups() {
        for (kind, can) in group.recommended_resources() {
            if can.scope == of && can.supports_operation(verbs::LIST) {
                kinds.push(kind);
            }
        }
    }
    assert!(kinds.len() > 10, "{kinds:?}");
    kinds
}

async fn list(api: Api<DynamicObject>, kind: &ApiResource) -> Vec<Value> {
    let listed = match api.list(&ListParams::default()).await {
        Ok(listed) => listed,
        // Another test has taken a kind of its own away meanwhile.
        Err(kube::Error::Api(status)) if status.code == 404 => return Vec::new(),
        Err(error) => panic!("{}: {error}", kind.kind),
    };
    let objects = listed.items.into_iter().map(|object| {
        let mut object = serde_json::to_value(object).unwrap();
        // The items of a list do not say it.
        object["kind"] = Value::from(&*kind.kind);
        object["apiVersion"] = Value::from(&*kind.api_version);
        object
    });
    objects.collect()
}
