//! Why a text is not what a newtype needs: the part at fault, the reason and the way out.
//!
//! In: what a parse function of this folder found. Out: [`Refusal`], which the rules turn into a
//! finding with a caret under exactly that part. Reasons never quote more than the part at fault,
//! and of secrets nothing.

use std::ops::Range;

/// A text that was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// The bytes at fault, counted in the text that was given.
    pub range: Range<usize>,
    /// Why, in a few words; lower case, no full stop.
    pub reason: String,
    /// The way out, where it is known.
    pub help: Option<String>,
}

impl Refusal {
    /// A refusal of a part of the text.
    pub fn new(range: Range<usize>, reason: impl Into<String>) -> Self {
        Self { range, reason: reason.into(), help: None }
    }

    /// A refusal of the whole text.
    pub fn whole(text: &str, reason: impl Into<String>) -> Self {
        Self::new(0..text.len(), reason)
    }

    /// The way out.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The way out, if one is known.
    #[must_use]
    pub fn with_optional_help(mut self, help: Option<impl Into<String>>) -> Self {
        self.help = help.map(Into::into);
        self
    }

    /// The same refusal of a text that starts `by` bytes further on in a longer one.
    #[must_use]
    pub fn shifted(mut self, by: usize) -> Self {
        self.range = self.range.start + by..self.range.end + by;
        self
    }
}
