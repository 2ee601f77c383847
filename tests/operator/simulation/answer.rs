//! Carrying out an operation, and the answer to it.
//!
//! In: the store and an operation. Out: a code and a body, as the API server writes them.

use std::sync::Arc;

use axum::body::Bytes;
use serde_json::{Value, json};

use super::delete::Deletion;
use super::refusal::Refusal;
use super::request::{Operation, Range, Version};
use super::resource::Key;
use super::store::{Object, Store};

/// Code and body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Bytes,
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code, body: Bytes::from(refusal.body().to_string()) }
    }
}

impl Answer {
    fn object(code: u16, object: &Object) -> Self {
        Self { code, body: object.text().clone() }
    }
}

impl Store {
    /// Everything but a watch. `lag` is by how many changes the server's cache is behind.
    pub(crate) fn answer(&mut self, operation: Operation, lag: u64) -> Answer {
        self.carry_out(operation, lag).unwrap_or_else(Answer::from)
    }

    fn carry_out(&mut self, operation: Operation, lag: u64) -> Result<Answer, Refusal> {
        match operation {
            Operation::Get { key, version } => {
                let object = match self.serve_at(version, lag)? {
                    None => self.get(&key).cloned(),
                    Some(revision) => {
                        let past = self.list_at(key.resource, Some(&key.namespace), revision);
                        past.into_iter().find(|(other, _)| *other == key).map(|(_, object)| object)
                    }
                };
                let object = object.ok_or_else(|| Refusal::not_found(&key))?;
                Ok(Answer::object(200, &object))
            }
            Operation::List(range) => self.page(&range, lag),
            Operation::Watch(_) => Err(Refusal::method_not_allowed()),
            Operation::Create { resource, namespace, object } => {
                Ok(Answer::object(201, &*self.create(resource, &namespace, object)?))
            }
            Operation::Update { key, part, object } => {
                Ok(Answer::object(200, &*self.update(&key, part, object)?))
            }
            Operation::Patch { key, part, patch } => {
                Ok(Answer::object(200, &*self.patch(&key, part, &patch)?))
            }
            Operation::Delete { key, options } => Ok(match self.delete(&key, &options)? {
                Deletion::Gone(object) if key.resource.is_custom() => deleted(&key, &object),
                Deletion::Gone(object) | Deletion::Pending(object) => Answer::object(200, &object),
            }),
        }
    }

    /// The past revision that a read is served from; `None` is the present.
    pub(crate) fn serve_at(&self, version: Version, lag: u64) -> Result<Option<u64>, Refusal> {
        let newest = self.revision();
        let cached = newest.saturating_sub(lag);
        let past = |revision: u64| (revision < newest).then_some(revision);
        match version {
            Version::Newest => Ok(None),
            Version::Any => Ok(past(cached)),
            Version::NotOlderThan(asked) | Version::Exact(asked) if asked > newest => {
                Err(Refusal::too_new(asked, newest))
            }
            Version::NotOlderThan(asked) => Ok(past(cached.max(asked))),
            Version::Exact(asked) if asked < self.compacted() => {
                Err(Refusal::expired(asked, self.compacted()))
            }
            Version::Exact(asked) => Ok(past(asked)),
        }
    }

    /// The selected objects and the revision that they stand for.
    pub(crate) fn select(&self, range: &Range, at: Option<u64>) -> (u64, Vec<(Key, Arc<Object>)>) {
        let namespace = range.namespace.as_deref();
        let mut objects = match at {
            Some(revision) => self.list_at(range.resource, namespace, revision),
            None => {
                let live = self.list(range.resource, namespace);
                live.map(|(key, object)| (key.clone(), Arc::clone(object))).collect()
            }
        };
        objects.retain(|(_, object)| range.selector.matches(&object.value));
        (at.unwrap_or(self.revision()), objects)
    }

    fn page(&self, range: &Range, lag: u64) -> Result<Answer, Refusal> {
        let at = match &range.after {
            Some((revision, ..)) if *revision < self.compacted() => {
                return Err(Refusal::expired(*revision, self.compacted()));
            }
            Some((revision, ..)) => Some(*revision),
            None => self.serve_at(range.version, lag)?,
        };
        let (revision, mut objects) = self.select(range, at);
        if let Some((_, namespace, name)) = &range.after {
            objects.retain(|(key, _)| (&key.namespace, &key.name) > (namespace, name));
        }
        let mut metadata = json!({ "resourceVersion": revision.to_string() });
        if let Some(limit) = range.limit.filter(|limit| objects.len() > *limit) {
            metadata["remainingItemCount"] = json!(objects.len() - limit);
            objects.truncate(limit);
            if let Some((key, _)) = objects.last() {
                metadata["continue"] = json!(format!("{revision}:{}:{}", key.namespace, key.name));
            }
        }
        let resource = range.resource;
        let mut body = format!(
            r#"{{"kind":"{}List","apiVersion":"{}","metadata":{metadata},"items":["#,
            resource.kind(),
            resource.api_version(),
        )
        .into_bytes();
        for (index, (_, object)) in objects.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            body.extend_from_slice(object.text());
        }
        body.extend_from_slice(b"]}");
        Ok(Answer { code: 200, body: Bytes::from(body) })
    }
}

/// What the deletion of a custom resource answers when it is gone at once.
fn deleted(key: &Key, object: &Object) -> Answer {
    let Key { resource, name, .. } = key;
    let status: Value = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {
            "name": name, "group": resource.group(), "kind": resource.plural(), "uid": object.uid(),
        },
    });
    Answer { code: 200, body: Bytes::from(status.to_string()) }
}
