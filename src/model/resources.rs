//! What a container reserves and what it may use at most.
//!
//! In: quantities by resource. Out: [`Resources`], in which no request is above its limit.

use compact_str::CompactString;

use super::quantity::Quantity;

/// Requests and limits of a container, by resource and in written order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Resources {
    /// Reserved on the node.
    pub requests: Vec<(CompactString, Quantity)>,
    /// The most that it may use.
    pub limits: Vec<(CompactString, Quantity)>,
}
