//! What a type says about its parts, seen through references, `null` branches and `allOf`.

use super::Schema;
use super::types::{Kinds, MappingRules, Type, TypeId};

impl Schema {
    /// The type of a mapping's key: its property, or what the mapping takes beside its properties.
    pub fn property(&self, id: TypeId, name: &str) -> Option<TypeId> {
        use super::types::Additional;
        self.parts(id).iter().find_map(|part| {
            let rules = part.mapping.as_deref()?;
            rules.property(name).or(match rules.additional {
                Additional::Of(other) => Some(other),
                Additional::Any | Additional::Closed => None,
            })
        })
    }

    /// The name of the definition that a type is, such as `SnowflakeConnection`.
    pub fn name(&self, id: TypeId) -> Option<&str> {
        self.parts(id).into_iter().find_map(|part| part.name.as_deref())
    }

    pub(super) fn mapping_rules(&self, id: TypeId) -> impl Iterator<Item = &MappingRules> {
        self.parts(id).into_iter().filter_map(|part| part.mapping.as_deref())
    }

    /// The type and all that it is made of, as far as there is no choice: `allOf`, references, and
    /// a branch that has only `null` beside it.
    pub(super) fn parts(&self, id: TypeId) -> Vec<&Type> {
        let mut parts = vec![self.get(id)];
        let mut at = 0;
        while let Some(part) = parts.get(at).copied() {
            parts.extend(part.all_of.iter().map(|id| self.get(*id)));
            if let Some(union) = part.union.as_deref()
                && let [only] = &*union.branches
            {
                parts.push(self.get(*only));
            }
            at += 1;
        }
        parts
    }

    /// The kinds of value that a type lets through at most.
    pub(super) fn kinds(&self, id: TypeId) -> Kinds {
        let part = self.get(id);
        let mut kinds = part.kinds;
        if let Some(union) = &part.union {
            let null = if union.null { Kinds::NULL } else { Kinds::NONE };
            let of_branches = union.branches.iter().map(|id| self.kinds(*id));
            kinds = kinds.and(of_branches.fold(null, Kinds::or));
        }
        if let Some(values) = &part.values {
            let of_values = values.iter().map(Kinds::of_json);
            kinds = kinds.and(of_values.fold(Kinds::NONE, Kinds::or));
        }
        part.all_of.iter().fold(kinds, |kinds, id| kinds.and(self.kinds(*id)))
    }

    /// The texts that a type takes, if it takes a few alone.
    pub(super) fn constants(&self, id: TypeId) -> Option<Vec<&str>> {
        self.parts(id).into_iter().find_map(|part| {
            let values = part.values.as_deref()?;
            let texts: Vec<_> = values.iter().filter_map(serde_json::Value::as_str).collect();
            (!texts.is_empty()).then_some(texts)
        })
    }
}
