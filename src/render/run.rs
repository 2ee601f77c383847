//! One run of a pipeline: the id that it has when nobody gave it one.
//!
//! In: the objects of a run with no id yet. Out: an id that follows from what they say, so that the
//! same definitions give the same bytes, and any change of what is run a new run: the Job of a run
//! bears its id in its name, and Kubernetes lets nobody change the pods of a Job that is there.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::manifest::Manifest;
use crate::tree::{Entry, Mapping, Node};
use crate::yaml;

/// The id for a pipeline of this name, of all that its objects hold but their metadata, which may
/// change in place. It is a UUID of version 8, whose bits are the maker's own.
pub(super) fn derived_id(pipeline: &str, objects: &[Manifest]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(pipeline);
    // What is said of a Secret's values, be it a hash, could be used to guess them.
    for object in objects.iter().filter(|object| object.kind() != "Secret") {
        let content = object.node().as_mapping().into_iter().flat_map(Mapping::iter);
        let content = content.filter(|entry| entry.key != "metadata").cloned();
        let content = content.fold(Mapping::new(), |mut content, Entry { key, value, .. }| {
            content.insert(key, value);
            content
        });
        let mut text = String::new();
        yaml::write(&Node::new(content), &mut text);
        hash.update([0]);
        hash.update(text);
    }
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
