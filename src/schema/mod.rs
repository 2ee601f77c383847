//! JSON Schema, compiled to a graph that checks nodes: for our own kinds, for OpenMetadata's
//! workflow and for Kubernetes' types.
//!
//! In: a JSON Schema of draft 7 or 2020-12 as schemars, pydantic, OpenMetadata and Kubernetes write
//! them, then any number of nodes. Out: every finding of a node at once, each at the key or value
//! at fault. It never says that something "does not match any of the given schemas": of several
//! branches it picks the one that was meant, and reports inside that one. It never quotes a value
//! at a field that holds a secret.
//!
//! Deliberately lenient: `oneOf` is read as `anyOf`, since both OpenMetadata and pydantic take the
//! first that fits; keywords that none of these schemas need (`not`, `if`, `contains`, …) are not
//! checked.

#[cfg(test)]
mod agreement;
mod check;
mod compile;
pub(crate) mod fields;
mod keywords;
mod lookup;
mod report;
#[cfg(test)]
mod tests;
mod types;
mod union;
mod words;

pub use compile::Error;
pub use types::TypeId;
pub use words::Words;

use compact_str::CompactString;

use self::types::Type;
use crate::diagnostic::Diagnostics;
use crate::tree::Node;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    types: Vec<Type>,
    root: TypeId,
    /// The named definitions, by name.
    definitions: Box<[(CompactString, TypeId)]>,
}

/// How a schema is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Whether a mapping with `properties` takes those alone where the schema does not say.
    /// Kubernetes' schemas leave it unsaid, and its API server prunes such fields without a word.
    pub closed: bool,
}

/// The schema that takes everything.
impl Default for Schema {
    fn default() -> Self {
        Self {
            types: vec![Type::of_kinds(types::Kinds::ALL)],
            root: TypeId(0),
            definitions: Box::default(),
        }
    }
}

impl Schema {
    /// Compiles a schema with all its `definitions`, `$defs` or `components.schemas`.
    pub fn from_json(schema: &serde_json::Value) -> Result<Self, Error> {
        Self::from_json_with(schema, Options::default())
    }

    /// Compiles a schema, read as the options say.
    pub fn from_json_with(schema: &serde_json::Value, options: Options) -> Result<Self, Error> {
        compile::compile(schema, options)
    }

    /// Checks a node against a type and adds what is wrong.
    pub fn check(&self, id: TypeId, node: &Node, words: &Words, found: &mut Diagnostics) {
        check::check(self, id, node, words, found);
    }

    /// Whether a node agrees with a type.
    pub fn is_valid(&self, id: TypeId, node: &Node, words: &Words) -> bool {
        check::is_valid(self, id, node, words)
    }

    /// The type of the schema itself.
    pub fn root(&self) -> TypeId {
        self.root
    }

    /// The type of a named definition.
    pub fn definition(&self, name: &str) -> Option<TypeId> {
        let at = self.definitions.binary_search_by(|(key, _)| key.as_str().cmp(name)).ok()?;
        self.definitions.get(at).map(|(_, id)| *id)
    }

    fn get(&self, id: TypeId) -> &Type {
        // Ids are made by the compiler alone, and types are never taken out.
        &self.types[id.0 as usize]
    }
}
