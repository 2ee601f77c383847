//! The garbage collector: dependents of owners that are gone or going, in the foreground, in the background or
//! left as orphans.

use serde_json::{Value, json};

use super::cluster::Action;
use super::delete::{DeleteOptions, FOREGROUND, ORPHAN, Propagation};
use super::resource::{Key, Resource};
use super::store::{Change, Store, Verb, finalizers, uid};
use super::world::World;
use super::write::{Part, remove};

/// The kinds that own or are owned here.
const OWNING: [Resource; 3] = [Resource::CronOMJobs, Resource::OMJobs, Resource::Pods];

/// An owner as its dependent names it.
struct Owner {
    key: Key,
    uid: String,
    blocks: bool,
}

impl World {
    pub(crate) fn garbage_collector_sees(&mut self, change: &Change) {
        if !OWNING.contains(&change.key.resource) {
            return;
        }
        let object = &change.object;
        let held = finalizers(&object.value);
        let goes = object.is_deleting() && (held.contains(&FOREGROUND) || held.contains(&ORPHAN));
        if change.verb != Verb::Deleted && (goes || !owners(&change.key, &object.value).is_empty())
        {
            self.collect_soon(&change.key, object.uid());
        }
        if change.verb == Verb::Deleted || goes {
            for (key, uid) in dependents(&self.store, object.uid()) {
                self.collect_soon(&key, &uid);
            }
        }
        if change.verb == Verb::Deleted {
            for owner in owners(&change.key, &object.value) {
                self.collect_soon(&owner.key, &owner.uid);
            }
        }
    }

    fn collect_soon(&mut self, key: &Key, uid: &str) {
        let action = Action::Collect { key: key.clone(), uid: uid.to_owned() };
        self.cluster.soon(1, 2_000, action);
    }

    pub(crate) fn collect(&mut self, key: &Key, uid: &str) {
        let Some(object) = self.store.get(key).filter(|object| object.uid() == uid).cloned() else {
            return;
        };
        let held = finalizers(&object.value);
        if object.is_deleting() && held.contains(&ORPHAN) {
            for (dependent, _) in dependents(&self.store, uid) {
                self.disown(&dependent, &[uid]);
            }
            self.unhold(key, ORPHAN);
        } else if object.is_deleting() && held.contains(&FOREGROUND) {
            let dependents = dependents(&self.store, uid);
            let blocks = |dependent: &Key| {
                let value = self.store.get(dependent).map(|object| &object.value);
                value.is_some_and(|value| {
                    owners(dependent, value).iter().any(|owner| owner.uid == uid && owner.blocks)
                })
            };
            if dependents.iter().any(|(dependent, _)| blocks(dependent)) {
                for (dependent, dependent_uid) in dependents {
                    self.collect(&dependent, &dependent_uid);
                }
            } else {
                self.unhold(key, FOREGROUND);
            }
        } else if !object.is_deleting() {
            self.collect_dependent(key, &object.value);
        }
    }

    /// A living object, by the state of its owners.
    fn collect_dependent(&mut self, key: &Key, value: &Value) {
        let owners = owners(key, value);
        let (mut solid, mut going, mut gone) = (0, Vec::new(), Vec::new());
        for owner in &owners {
            match self.store.get(&owner.key).filter(|object| object.uid() == owner.uid) {
                None => gone.push(owner.uid.as_str()),
                Some(object)
                    if object.is_deleting() && finalizers(&object.value).contains(&FOREGROUND) =>
                {
                    going.push(owner.uid.as_str());
                }
                Some(_) => solid += 1,
            }
        }
        if owners.is_empty() || going.len() + gone.len() == 0 {
            return;
        }
        if solid > 0 {
            self.disown(key, &[going, gone].concat());
            return;
        }
        let has_dependents = !dependents(&self.store, uid(value)).is_empty();
        let held = finalizers(value);
        let propagation = if !going.is_empty() && has_dependents || held.contains(&FOREGROUND) {
            Propagation::Foreground
        } else if held.contains(&ORPHAN) {
            Propagation::Orphan
        } else {
            Propagation::Background
        };
        let options = DeleteOptions {
            propagation: Some(propagation),
            uid: Some(uid(value).to_owned()),
            ..DeleteOptions::default()
        };
        self.record.count("deleted by the garbage collector");
        let _gone_already = self.store.delete(key, &options);
    }

    fn disown(&mut self, key: &Key, owners: &[&str]) {
        let _gone_already = self.store.modify(key, Part::Whole, |value| {
            if let Some(list) = value["metadata"]["ownerReferences"].as_array_mut() {
                list.retain(|owner| !owners.contains(&owner["uid"].as_str().unwrap_or_default()));
                if list.is_empty() {
                    remove(&mut value["metadata"], "ownerReferences");
                }
            }
        });
    }

    /// Removes a finalizer.
    pub(crate) fn unhold(&mut self, key: &Key, finalizer: &str) {
        let _gone_already = self.store.modify(key, Part::Whole, |value| {
            let kept: Vec<String> = finalizers(value)
                .into_iter()
                .filter(|name| *name != finalizer)
                .map(str::to_owned)
                .collect();
            value["metadata"]["finalizers"] = json!(kept);
            if kept.is_empty() {
                remove(&mut value["metadata"], "finalizers");
            }
        });
    }
}

fn owners(key: &Key, value: &Value) -> Vec<Owner> {
    let Some(references) = value["metadata"]["ownerReferences"].as_array() else {
        return Vec::new();
    };
    let owner = |reference: &Value| {
        let kind = reference["kind"].as_str()?;
        let resource = OWNING.into_iter().find(|resource| resource.kind() == kind)?;
        Some(Owner {
            key: key.beside(resource, reference["name"].as_str()?),
            uid: reference["uid"].as_str()?.to_owned(),
            blocks: reference["blockOwnerDeletion"].as_bool().unwrap_or(false),
        })
    };
    references.iter().filter_map(owner).collect()
}

fn dependents(store: &Store, owner: &str) -> Vec<(Key, String)> {
    let objects = OWNING.into_iter().flat_map(|resource| store.list(resource, None));
    let dependents =
        objects.filter(|(key, object)| owners(key, &object.value).iter().any(|of| of.uid == owner));
    dependents.map(|(key, object)| (key.clone(), object.uid().to_owned())).collect()
}
