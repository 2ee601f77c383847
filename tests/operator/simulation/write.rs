//! Creating and changing objects, by the rules of the API server.
//!
//! In: what a client sent. Out: the stored version, or why not. Compare and swap, generations, finalizers
//! of objects that are being deleted, the status subresource. Deleting is in `delete`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::patch::Patch;
use super::pod;
use super::refusal::Refusal;
use super::resource::{Key, Resource};
use super::store::{Lack, Object, Store, finalizers, uid};

/// Which part of an object a write is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    Status,
}

impl Store {
    pub(crate) fn create(
        &mut self,
        resource: Resource,
        namespace: &str,
        mut value: Value,
    ) -> Result<Arc<Object>, Refusal> {
        if !value.is_object() || !value["metadata"].is_object() {
            return Err(Refusal::bad_request("the object provided is unrecognized"));
        }
        let name = match value["metadata"]["name"].as_str() {
            Some(name) => name.to_owned(),
            None => match value["metadata"]["generateName"].as_str() {
                Some(prefix) => format!("{prefix}{:05x}", self.revision() + 1),
                None => return Err(Refusal::bad_request("name or generateName is required")),
            },
        };
        let key = Key::new(resource, namespace, &name);
        if value["metadata"]["resourceVersion"].as_str().is_some_and(|version| !version.is_empty())
        {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(Refusal::bad_request(message));
        }
        if value["metadata"]["namespace"].as_str().is_some_and(|named| named != key.namespace) {
            let message = "the namespace of the provided object does not match the namespace sent on the request";
            return Err(Refusal::bad_request(message));
        }
        if resource.is_namespaced() {
            let of = Key::new(Resource::Namespaces, "", namespace);
            match self.get(&of) {
                None => return Err(Refusal::not_found(&of)),
                Some(namespace) if namespace.is_deleting() => {
                    return Err(Refusal::namespace_terminating(&key));
                }
                Some(_) => {}
            }
        }
        if self.get(&key).is_some() && self.lack != Some(Lack::UniqueNames) {
            return Err(Refusal::already_exists(&key));
        }
        let (uid, created) = (self.new_uid(), self.clock.text());
        value["apiVersion"] = json!(resource.api_version());
        value["kind"] = json!(resource.kind());
        if let Some(metadata) = value["metadata"].as_object_mut() {
            for servers in
                ["deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion"]
            {
                metadata.shift_remove(servers);
            }
            metadata.insert("name".to_owned(), json!(name));
            if resource.is_namespaced() {
                metadata.insert("namespace".to_owned(), json!(namespace));
            }
            metadata.insert("uid".to_owned(), json!(uid));
            metadata.insert("creationTimestamp".to_owned(), json!(created));
            if has_generation(resource) {
                metadata.insert("generation".to_owned(), json!(1));
            }
        }
        match resource {
            Resource::OMJobs | Resource::CronOMJobs => remove(&mut value, "status"),
            Resource::Pods => pod::prepare(&key, &mut value)?,
            Resource::Namespaces => {
                value["spec"] = json!({ "finalizers": ["kubernetes"] });
                value["status"] = json!({ "phase": "Active" });
            }
            _ => {}
        }
        if self.lack == Some(Lack::Gates) {
            remove(&mut value["spec"], "schedulingGates");
        }
        Ok(self.put(key, value))
    }

    /// A PUT: the object as the client would have it.
    pub(crate) fn update(
        &mut self,
        key: &Key,
        part: Part,
        mut new: Value,
    ) -> Result<Arc<Object>, Refusal> {
        let old = Arc::clone(self.get(key).ok_or_else(|| Refusal::not_found(key))?);
        let version = new["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        if version.is_empty() {
            if key.resource.is_custom() {
                let why = "Invalid value: 0: must be specified for an update";
                return Err(Refusal::invalid(key, "metadata.resourceVersion", why));
            }
        } else if version != old.revision.to_string() && self.lack != Some(Lack::CompareAndSwap) {
            return Err(Refusal::modified(key));
        }
        let (claimed, real) = (uid(&new).to_owned(), old.uid().to_owned());
        if !claimed.is_empty() && claimed != real {
            let why = format!(
                "Precondition failed: UID in precondition: {claimed}, UID in object meta: {real}"
            );
            return Err(Refusal::conflict(key, &why));
        }
        match part {
            Part::Status => {
                let status = new["status"].take();
                new = old.value.clone();
                new["status"] = status;
                if new["status"].is_null() {
                    remove(&mut new, "status");
                }
            }
            Part::Whole => {
                if key.resource.has_status() {
                    match old.value.get("status") {
                        Some(status) => new["status"] = status.clone(),
                        None => remove(&mut new, "status"),
                    }
                }
                self.check_update(key, &old, &mut new)?;
            }
        }
        new["metadata"]["resourceVersion"] = old.value["metadata"]["resourceVersion"].clone();
        if new == old.value {
            return Ok(old);
        }
        let grace = new["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
        if old.is_deleting() && grace == 0 && !self.is_held(&new) && !holds_namespace(&new) {
            return Ok(self.remove(key, new));
        }
        Ok(self.put(key.clone(), new))
    }

    fn check_update(&self, key: &Key, old: &Object, new: &mut Value) -> Result<(), Refusal> {
        let metadata = &old.value["metadata"];
        for servers in [
            "name",
            "namespace",
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
        ] {
            match metadata.get(servers) {
                Some(value) => new["metadata"][servers] = value.clone(),
                None => remove(&mut new["metadata"], servers),
            }
        }
        new["apiVersion"] = old.value["apiVersion"].clone();
        new["kind"] = old.value["kind"].clone();
        if old.is_deleting() {
            let before = finalizers(&old.value);
            if let Some(added) = finalizers(new).into_iter().find(|name| !before.contains(name)) {
                let why = format!(
                    "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{{{added:?}}}"
                );
                return Err(Refusal::invalid(key, "metadata.finalizers", &why));
            }
        }
        if key.resource == Resource::Pods {
            pod::check_update(key, &old.value, new)?;
        }
        if has_generation(key.resource) && old.value["spec"] != new["spec"] {
            let generation = metadata["generation"].as_i64().unwrap_or(0);
            new["metadata"]["generation"] = json!(generation + 1);
        }
        Ok(())
    }

    pub(crate) fn patch(
        &mut self,
        key: &Key,
        part: Part,
        patch: &Patch,
    ) -> Result<Arc<Object>, Refusal> {
        let mut value = self.get(key).ok_or_else(|| Refusal::not_found(key))?.value.clone();
        patch.apply(&mut value)?;
        self.update(key, part, value)
    }

    /// Changes what is there now, as a part of the cluster does that reads and writes in one go.
    pub(crate) fn modify(
        &mut self,
        key: &Key,
        part: Part,
        change: impl FnOnce(&mut Value),
    ) -> Result<Arc<Object>, Refusal> {
        let mut value = self.get(key).ok_or_else(|| Refusal::not_found(key))?.value.clone();
        change(&mut value);
        self.update(key, part, value)
    }
}

impl Store {
    /// Whether finalizers keep an object that is being deleted.
    pub(crate) fn is_held(&self, object: &Value) -> bool {
        self.lack != Some(Lack::Finalizers) && !finalizers(object).is_empty()
    }
}

/// A namespace goes only when its controller has emptied it.
fn holds_namespace(object: &Value) -> bool {
    object["kind"] == "Namespace"
        && object["spec"]["finalizers"].as_array().is_some_and(|held| !held.is_empty())
}

/// Whether `metadata.generation` counts changes of the spec.
pub(crate) fn has_generation(resource: Resource) -> bool {
    resource.is_custom() || resource == Resource::Pods
}

pub(crate) fn remove(value: &mut Value, field: &str) {
    if let Some(map) = value.as_object_mut() {
        map.shift_remove(field);
    }
}
