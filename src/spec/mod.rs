//! OpenMetadata's own schema: which fields a workflow may have, of which types, and which of them
//! hold secrets.
//!
//! In: OpenMetadata's schema files, imported once ([`import`]) to a bundle that lies in the
//! project; then the text of that bundle ([`Bundle::from_json`]) and effective workflows. Out:
//! findings. All but [`import`] does no I/O; without a bundle nothing of OpenMetadata's is known
//! and nothing is checked against it.

mod assemble;
mod bundle;
pub mod import;
mod link;
mod names;
mod nullable;
pub mod secret_fields;
mod secrets;

/// The folder of bundles, in the project's.
pub const FOLDER: &str = ".ompipe";

/// The file of a version's bundle, from the project's root: `.ompipe/openmetadata-1.13.6.3.json`.
pub fn file_name(version: &str) -> String {
    format!("{FOLDER}/openmetadata-{version}.json")
}

pub use assemble::AssembleError;
pub use bundle::{Bundle, BundleError};
pub use link::LinkError;
pub use secrets::WorkflowSecrets;
