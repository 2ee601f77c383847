//! The namespace controller: empties a namespace that is being deleted, then lets it go.

use serde_json::json;

use super::cluster::Action;
use super::delete::DeleteOptions;
use super::resource::{Key, Resource};
use super::store::Change;
use super::world::World;
use super::write::Part;

impl World {
    pub(crate) fn namespace_controller_sees(&mut self, change: &Change) {
        let begins = change.previous.as_ref().is_some_and(|previous| !previous.is_deleting());
        if change.object.is_deleting() && begins {
            let action = Action::EmptyNamespace { name: change.key.name.clone() };
            self.cluster.soon(10, 5_000, action);
        }
    }

    pub(crate) fn empty_namespace(&mut self, name: &str) {
        let key = Key::new(Resource::Namespaces, "", name);
        if self.store.get(&key).is_none_or(|namespace| !namespace.is_deleting()) {
            return;
        }
        let inside: Vec<Key> = Resource::ALL
            .into_iter()
            .filter(|resource| resource.is_namespaced())
            .flat_map(|resource| self.store.list(resource, Some(name)))
            .map(|(key, _)| key.clone())
            .collect();
        for key in &inside {
            let _gone_already = self.store.delete(key, &DeleteOptions::default());
        }
        let remain = Resource::ALL
            .into_iter()
            .filter(|resource| resource.is_namespaced())
            .any(|resource| self.store.list(resource, Some(name)).next().is_some());
        if remain {
            let action = Action::EmptyNamespace { name: name.to_owned() };
            self.cluster.soon(2_000, 15_000, action);
            return;
        }
        let _gone_already = self.store.modify(&key, Part::Whole, |namespace| {
            namespace["spec"]["finalizers"] = json!([]);
        });
    }
}
