//! References to Kubernetes Secrets in a workflow.
//!
//! In: `{secretKeyRef: {name, key}}` leaves. Out: [`SecretReference`], each Secret's key once with all its places. Values
//! of secrets are nowhere in here.

use compact_str::CompactString;

use super::dns::{SecretKey, SecretName};
use crate::tree::Span;

/// A key of a Secret, and the leaves of the workflow that stand for its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretReference {
    /// The Secret.
    pub name: SecretName,
    /// The key in it.
    pub key: SecretKey,
    /// The leaves, in the workflow's order; at least one.
    pub places: Vec<SecretPlace>,
}

/// A leaf of a workflow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretPlace {
    /// The way to it from the workflow's root.
    pub route: Vec<RouteStep>,
    /// Where it was written.
    pub span: Span,
}

/// A step from a mapping or sequence to what it holds.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum RouteStep {
    /// To the value of a key.
    Key(CompactString),
    /// To the item of an index, from 0.
    Index(usize),
}
