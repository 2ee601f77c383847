//! Why a patch could not be carried out on one definition or object.
//!
//! A patch is carried out on many, and one mistake in it shows on each: [`Fault`]s are gathered
//! beside what matched, and told once, with the definitions that they were met on.

use crate::diagnostic::{Code, code};
use crate::tree::Span;

/// What is wrong with a patch, seen on one definition or object.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Fault {
    pub(super) code: &'static Code,
    /// The line of the patch.
    pub(super) span: Span,
    pub(super) message: String,
    /// Where in the definition or object.
    pub(super) route: String,
    pub(super) help: Option<String>,
}

impl Fault {
    pub(super) fn removes_nothing(
        span: Span,
        what: &str,
        route: &str,
        help: Option<String>,
    ) -> Self {
        Self {
            code: &code::PATCH_REMOVES_NOTHING,
            span,
            message: format!("the patch removes what is not there: `{what}`"),
            route: route.to_owned(),
            help,
        }
    }

    /// Whether `allowNoMatch` lets it pass.
    pub(super) fn is_removal_of_nothing(&self) -> bool {
        *self.code == code::PATCH_REMOVES_NOTHING
    }
}
