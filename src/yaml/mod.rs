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

use crate::diagnostic::{Diagnostics, code};
use crate::tree::{Node, SourceId};

/// The documents of a text that is YAML or JSON. What is JSON is read as JSON has it; where YAML
/// reads some of it differently, such as `1e5`, no value has a place.
pub fn read_yaml_or_json(
    source: SourceId,
    text: &str,
    dialect: Dialect,
    found: &mut Diagnostics,
) -> Vec<Node> {
    let mut own = Diagnostics::default();
    let documents = read(source, text, dialect, &mut own);
    let begins = text.trim_start().starts_with(['{', '[']);
    let json = begins.then(|| serde_json::from_str::<serde_json::Value>(text));
    if let Some(Ok(json)) = json {
        let node = Node::from(json);
        if documents.first() != Some(&node) {
            return vec![node];
        }
        // How readers of YAML take it is no question.
        let mistakes = own.into_sorted().into_iter();
        mistakes.filter(|one| *one.code != code::YAML_AMBIGUOUS).for_each(|one| found.push(one));
        return documents;
    }
    found.append(own);
    documents
}

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
