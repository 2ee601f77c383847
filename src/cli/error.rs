//! Errors of the tool, as the command line shows them: what failed, why, and what to do.
//!
//! In: the library's errors. Out: text `Error: … / Caused by: … / Hint: …`. What is wrong in the
//! user's files is a finding and never comes here.

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// What failed.
#[derive(Debug)]
pub(crate) struct Error {
    message: String,
    cause: Option<Box<dyn StdError>>,
    hint: Option<String>,
}

impl Error {
    /// Something that failed, in lower case without a full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), cause: None, hint: None }
    }

    /// An error of the library, told by itself and its causes.
    #[cfg(feature = "cluster")]
    pub(crate) fn of(error: impl StdError + Send + Sync + 'static) -> Self {
        let message = error.to_string();
        let has_cause = error.source().is_some();
        let cause = has_cause.then(|| Box::new(BelowTop(Box::new(error))) as Box<dyn StdError>);
        Self { message, cause, hint: None }
    }

    /// Why it failed.
    #[must_use]
    pub(crate) fn because(mut self, cause: impl StdError + 'static) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// What to do about it, a sentence.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What failed, why, and what to do, each by itself.
    #[cfg(feature = "watch")]
    pub(crate) fn parts(&self) -> (&str, Vec<String>, Option<&str>) {
        let mut causes = Vec::new();
        let mut cause = self.cause.as_deref();
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        (&self.message, causes, self.hint.as_deref())
    }

    /// Whether the reader of our output went away, which is its right.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        let mut cause = self.cause.as_deref();
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<io::Error>()
                && error.kind() == io::ErrorKind::BrokenPipe
            {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

/// The cause of an error that is itself told already.
#[cfg(feature = "cluster")]
#[derive(Debug)]
struct BelowTop(Box<dyn StdError + Send + Sync>);

#[cfg(feature = "cluster")]
impl fmt::Display for BelowTop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source().map_or(Ok(()), |cause| fmt::Display::fmt(cause, f))
    }
}

#[cfg(feature = "cluster")]
impl StdError for BelowTop {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source().and_then(StdError::source)
    }
}

impl From<io::Error> for Error {
    /// A failure to write results; every other input and output says what it was about.
    fn from(error: io::Error) -> Self {
        Self::new("failed to write to standard output").because(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error: {}", self.message)?;
        let mut cause = self.cause.as_deref();
        while let Some(error) = cause {
            write!(f, "\nCaused by: {error}")?;
            cause = error.source();
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nHint: {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_why_and_what_to_do() {
        let cause = io::Error::new(io::ErrorKind::NotFound, "no such file");
        let error = Error::new("failed to read a.yaml").because(cause).with_hint("Look for it.");
        assert_eq!(
            error.to_string(),
            "Error: failed to read a.yaml\nCaused by: no such file\nHint: Look for it."
        );
        assert!(!error.is_broken_pipe());
    }

    #[test]
    fn a_closed_pipe_is_told_apart() {
        assert!(Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).is_broken_pipe());
    }
}
