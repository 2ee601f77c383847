//! What keeps a status from being reported, told so that somebody can act on it.
//!
//! In: what the parts here found. Out: [`Error`], with a remedy. No value of a variable and no token
//! is in it.

use thiserror::Error;

/// What failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The environment or the workflow does not say what is needed.
    #[error("{message}")]
    Setting {
        /// What, in lower case without a full stop.
        message: String,
        /// What to do about it, a sentence.
        remedy: String,
    },
    /// OpenMetadata's answer is no, and stays so.
    #[error("failed to report the run to OpenMetadata")]
    Refused {
        /// Why.
        source: Cause,
        /// What to do about it, a sentence.
        remedy: &'static str,
    },
    /// OpenMetadata did not take the status for as long as there was time.
    #[error("failed to report the run to OpenMetadata within {seconds} s, in {attempts} attempts")]
    Unanswered {
        /// How long it was tried.
        seconds: u64,
        /// How often.
        attempts: u32,
        /// What became of the last.
        source: Cause,
    },
}

/// What became of a request to OpenMetadata.
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub struct Cause(pub(super) String);

impl Error {
    pub(super) fn setting(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Setting { message: message.into(), remedy: remedy.into() }
    }

    /// What to do about it, a sentence.
    pub fn remedy(&self) -> Option<&str> {
        match self {
            Self::Setting { remedy, .. } => Some(remedy),
            Self::Refused { remedy, .. } => Some(remedy),
            Self::Unanswered { .. } => Some(
                "When OpenMetadata is well again, the run's Job or OMJob still tells how it ended.",
            ),
        }
    }

    /// Whether trying again cannot help until somebody changes something.
    pub fn is_lasting(&self) -> bool {
        !matches!(self, Self::Unanswered { .. })
    }
}
