//! One run of a pipeline: its id and what follows from it.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::model::Pipeline;

/// The id of a run that nobody gave one: derived from what is run, so that the same definitions
/// give the same bytes, and a change of them a new run. It is a UUID of version 8, whose bits are
/// the maker's own.
pub(super) fn derived_id(pipeline: &Pipeline, config_hash: &str) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(pipeline.name.as_str());
    hash.update([0]);
    hash.update(config_hash);
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
