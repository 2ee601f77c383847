//! Deleting objects, by the rules of the API server.
//!
//! In: what a client asked for. Out: the object's last or present state, or why not. Preconditions, grace
//! periods, propagation by finalizers, objects that stay until their last finalizer goes.

use std::sync::Arc;

use serde_json::{Value, json};

use super::pod;
use super::refusal::Refusal;
use super::resource::{Key, Resource};
use super::store::{Object, Store, finalizers};
use super::write::has_generation;

/// The garbage collector's own finalizers.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
pub(crate) const ORPHAN: &str = "orphan";

/// What becomes of an object's dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// `DeleteOptions`.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) grace_period: Option<i64>,
    pub(crate) propagation: Option<Propagation>,
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
}

impl DeleteOptions {
    /// Of a request's body; no body is no options.
    pub(crate) fn of(body: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let preconditions = &body["preconditions"];
        Self {
            grace_period: body["gracePeriodSeconds"].as_i64(),
            propagation: match body["propagationPolicy"].as_str() {
                Some("Foreground") => Some(Propagation::Foreground),
                Some("Orphan") => Some(Propagation::Orphan),
                Some(_) => Some(Propagation::Background),
                None => None,
            },
            uid: text(&preconditions["uid"]),
            resource_version: text(&preconditions["resourceVersion"]),
        }
    }

    pub(crate) fn at_once(uid: &str) -> Self {
        Self { grace_period: Some(0), uid: Some(uid.to_owned()), ..Self::default() }
    }
}

/// What a deletion did.
#[derive(Debug)]
pub(crate) enum Deletion {
    /// It is gone.
    Gone(Arc<Object>),
    /// It stays for a while, marked.
    Pending(Arc<Object>),
}

impl Store {
    pub(crate) fn delete(
        &mut self,
        key: &Key,
        options: &DeleteOptions,
    ) -> Result<Deletion, Refusal> {
        let old = Arc::clone(self.get(key).ok_or_else(|| Refusal::not_found(key))?);
        if let Some(wanted) = options.uid.as_ref().filter(|uid| **uid != old.uid()) {
            let why = format!(
                "the UID in the precondition ({wanted}) does not match the UID in record ({}). The object might have been deleted and then recreated",
                old.uid()
            );
            return Err(Refusal::conflict(key, &why));
        }
        let version = old.revision.to_string();
        if let Some(wanted) = options.resource_version.as_ref().filter(|wanted| **wanted != version)
        {
            let why = format!(
                "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({version}). The object might have been modified"
            );
            return Err(Refusal::conflict(key, &why));
        }
        let mut value = old.value.clone();
        propagate(&mut value, options.propagation);
        let period = match key.resource {
            Resource::Pods => grace_period(&old.value, options),
            _ => 0,
        };
        if old.is_deleting() {
            return Ok(self.delete_again(key, &old, value, period, options));
        }
        let goes = period == 0 && !self.is_held(&value) && key.resource != Resource::Namespaces;
        // A pod is marked before it is removed, also where no time lies between.
        if goes && key.resource != Resource::Pods {
            return Ok(Deletion::Gone(self.remove(key, value)));
        }
        value["metadata"]["deletionTimestamp"] = json!(self.clock.later(period));
        value["metadata"]["deletionGracePeriodSeconds"] = json!(period);
        if has_generation(key.resource) {
            let generation = value["metadata"]["generation"].as_i64().unwrap_or(0);
            value["metadata"]["generation"] = json!(generation + 1);
        }
        if key.resource == Resource::Namespaces {
            value["status"]["phase"] = json!("Terminating");
        }
        let marked = self.put(key.clone(), value);
        Ok(match goes {
            true => Deletion::Gone(self.remove(key, marked.value.clone())),
            false => Deletion::Pending(marked),
        })
    }

    /// Deleting what is being deleted can only shorten its grace period or change what becomes of its
    /// dependents.
    fn delete_again(
        &mut self,
        key: &Key,
        old: &Arc<Object>,
        mut value: Value,
        period: i64,
        options: &DeleteOptions,
    ) -> Deletion {
        let left = old.value["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
        let shorter = key.resource == Resource::Pods
            && period < left
            && (options.grace_period.is_some() || pod::is_terminal(&old.value));
        if shorter {
            value["metadata"]["deletionTimestamp"] = json!(self.clock.later(period));
            value["metadata"]["deletionGracePeriodSeconds"] = json!(period);
        }
        let over = left == 0 || (shorter && period == 0);
        let goes = over && !self.is_held(&value) && key.resource != Resource::Namespaces;
        let marked = match value == old.value {
            true => Arc::clone(old),
            false => self.put(key.clone(), value),
        };
        match goes {
            true => Deletion::Gone(self.remove(key, marked.value.clone())),
            false => Deletion::Pending(marked),
        }
    }
}

/// The seconds that a pod gets: none where no kubelet has anything to stop.
fn grace_period(pod: &Value, options: &DeleteOptions) -> i64 {
    if pod::node(pod).is_none() || pod::is_terminal(pod) {
        return 0;
    }
    let own = pod["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(0);
    match options.grace_period.unwrap_or(own) {
        negative if negative < 0 => 1,
        period => period,
    }
}

fn propagate(object: &mut Value, propagation: Option<Propagation>) {
    let Some(propagation) = propagation else { return };
    let mut names: Vec<String> = finalizers(object)
        .into_iter()
        .filter(|name| ![FOREGROUND, ORPHAN].contains(name))
        .map(str::to_owned)
        .collect();
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => names.push(FOREGROUND.to_owned()),
        Propagation::Orphan => names.push(ORPHAN.to_owned()),
    }
    match names.is_empty() {
        true => super::write::remove(&mut object["metadata"], "finalizers"),
        false => object["metadata"]["finalizers"] = json!(names),
    }
}
