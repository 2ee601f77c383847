//! [`AsNode`]: a field whose value stays a node.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, IgnoredAny};

/// A field that has the schema of `T` but whose value is left in the definition's node, where it
/// keeps its spans; this says only that it is there.
pub struct AsNode<T>(PhantomData<fn() -> T>);

impl<T> Clone for AsNode<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for AsNode<T> {}

impl<T> PartialEq for AsNode<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> std::fmt::Debug for AsNode<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AsNode")
    }
}

impl<'de, T> Deserialize<'de> for AsNode<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|IgnoredAny| Self(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for AsNode<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
