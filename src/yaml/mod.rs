//! YAML in and YAML out: text to [`Node`] trees with the place of every value,
//! and trees to canonical text.
//!
//! In: texts of [`Sources`](crate::source::Sources) that are valid UTF-8 ([`decode`] says where
//! bytes are not). Out: one tree per document, findings of the 01 range, and canonical block YAML
//! that PyYAML, Go's sigs.k8s.io/yaml and YAML 1.2 readers all read back as the same tree. It does
//! no I/O and knows nothing of definitions or Kubernetes.
//!
//! Three readers meet the same text on its way: ompipe and editors (YAML 1.2), the ingestion image
//! (PyYAML, YAML 1.1), kubectl and the GitOps tools (Go). A definition may only say what all three
//! understand alike. So this reader takes the part of YAML that they share, and says of the rest
//! why it is left out.

mod character;
mod read;
pub mod scalar;
#[cfg(test)]
mod tests;
mod write;

pub use character::decode;
pub use read::{MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_NODES, read};
pub use write::{write, write_documents};

use crate::diagnostic::Diagnostics;
use crate::tree::{Node, SourceId};

/// The documents of a text that [`write_documents`] has written; `None` for any other text, which
/// would not be the same after it is read and written again.
pub fn read_canonical(text: &str) -> Option<Vec<Node>> {
    let mut found = Diagnostics::default();
    let documents = read(SourceId::NONE, text, Dialect::Definition, &mut found);
    let mut again = String::with_capacity(text.len());
    write_documents(&documents, &mut again);
    (again == text).then_some(documents)
}

/// Whose reading of plain scalars holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// YAML 1.2's core schema; what PyYAML or Go would read differently is an error.
    Definition,
    /// What PyYAML's `safe_load` reads, for OpenMetadata's own workflow files. A date is its text:
    /// JSON has no dates.
    PyYaml,
}
