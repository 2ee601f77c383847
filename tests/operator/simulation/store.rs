//! What etcd keeps: every object at its last version, and the one row of changes that led there.
//!
//! In: whole objects. Out: versions of them. A version is the number of the change that made it, over all
//! resources, so that the n-th change stands at index n - 1 of the row. Rules of the API are not here.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::clock::Clock;
use super::resource::{Key, Resource};

/// One version of one object.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) value: Value,
    pub(crate) revision: u64,
    text: OnceLock<Bytes>,
}

impl Object {
    /// As JSON; written once, however often it is sent.
    pub(crate) fn text(&self) -> &Bytes {
        self.text.get_or_init(|| Bytes::from(self.value.to_string()))
    }

    pub(crate) fn uid(&self) -> &str {
        uid(&self.value)
    }

    pub(crate) fn is_deleting(&self) -> bool {
        !self.value["metadata"]["deletionTimestamp"].is_null()
    }
}

/// `metadata.uid`; empty where there is none.
pub(crate) fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

/// `metadata.finalizers`.
pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    let finalizers = object["metadata"]["finalizers"].as_array();
    finalizers.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Added,
    Modified,
    Deleted,
}

/// One change.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) verb: Verb,
    pub(crate) key: Key,
    /// After the change; where it is a deletion, the last state with the deletion's own revision.
    pub(crate) object: Arc<Object>,
    pub(crate) previous: Option<Arc<Object>>,
    pub(crate) time: Instant,
}

/// What a server may lack, to see that the oracle notices: each stands for an operator that does not rest on
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// A write with an old resourceVersion is taken.
    CompareAndSwap,
    /// Pods start although they are gated.
    Gates,
    /// What is deleted goes, finalizers or not.
    Finalizers,
    /// A name can be made twice: the second create replaces the first.
    UniqueNames,
}

/// Objects and their changes.
pub(crate) struct Store {
    pub(crate) clock: Clock,
    pub(crate) lack: Option<Lack>,
    live: BTreeMap<Key, Arc<Object>>,
    changes: Vec<Change>,
    compacted: u64,
    uids: u64,
    changed: Arc<Notify>,
}

impl Store {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            lack: None,
            live: BTreeMap::new(),
            changes: Vec::new(),
            compacted: 0,
            uids: 0,
            changed: Arc::default(),
        }
    }

    /// The number of the last change.
    pub(crate) fn revision(&self) -> u64 {
        self.changes.len() as u64
    }

    /// What came after a revision, in order.
    pub(crate) fn since(&self, revision: u64) -> &[Change] {
        self.changes.get(revision as usize..).unwrap_or_default()
    }

    /// Tells of every change, in the order in which was asked. (A watch channel wakes in an order that no seed
    /// decides.)
    pub(crate) fn follow(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// No watch or page can begin before this revision any more.
    pub(crate) fn compacted(&self) -> u64 {
        self.compacted
    }

    pub(crate) fn compact(&mut self, revision: u64) {
        self.compacted = self.compacted.max(revision.min(self.revision()));
        self.changed.notify_waiters();
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Object>> {
        self.live.get(key)
    }

    /// The objects of one resource, of one namespace or of all, in the order of their names.
    pub(crate) fn list(
        &self,
        resource: Resource,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = (&Key, &Arc<Object>)> {
        let first = Key::new(resource, namespace.unwrap_or_default(), "");
        let namespace = namespace.map(str::to_owned);
        self.live.range(first..).take_while(move |(key, _)| key.resource == resource).filter(
            move |(key, _)| namespace.as_ref().is_none_or(|wanted| *wanted == key.namespace),
        )
    }

    /// The objects of one resource as they were at a revision: what a cache that lags behind would say.
    pub(crate) fn list_at(
        &self,
        resource: Resource,
        namespace: Option<&str>,
        revision: u64,
    ) -> Vec<(Key, Arc<Object>)> {
        let mut objects = BTreeMap::new();
        let past = self.changes.iter().take(revision as usize);
        for Change { verb, key, object, .. } in
            past.filter(|change| change.key.resource == resource)
        {
            match verb {
                Verb::Deleted => objects.remove(key),
                Verb::Added | Verb::Modified => objects.insert(key.clone(), Arc::clone(object)),
            };
        }
        let wanted = |key: &Key| namespace.is_none_or(|namespace| namespace == key.namespace);
        objects.into_iter().filter(|(key, _)| wanted(key)).collect()
    }

    /// A UID that nobody had before.
    pub(crate) fn new_uid(&mut self) -> String {
        self.uids += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.uids)
    }

    /// Keeps a new version.
    pub(crate) fn put(&mut self, key: Key, value: Value) -> Arc<Object> {
        let previous = self.live.get(&key).cloned();
        let verb = if previous.is_some() { Verb::Modified } else { Verb::Added };
        let object = self.change(verb, key.clone(), value, previous);
        self.live.insert(key, Arc::clone(&object));
        object
    }

    /// Removes the object; `value` is its last state.
    pub(crate) fn remove(&mut self, key: &Key, value: Value) -> Arc<Object> {
        let previous = self.live.remove(key);
        self.change(Verb::Deleted, key.clone(), value, previous)
    }

    fn change(
        &mut self,
        verb: Verb,
        key: Key,
        mut value: Value,
        previous: Option<Arc<Object>>,
    ) -> Arc<Object> {
        let revision = self.revision() + 1;
        value["metadata"]["resourceVersion"] = json!(revision.to_string());
        let object = Arc::new(Object { value, revision, text: OnceLock::new() });
        let time = Instant::now();
        self.changes.push(Change { verb, key, object: Arc::clone(&object), previous, time });
        self.changed.notify_waiters();
        object
    }
}
