//! One thing that was found out about a run.

use serde::Serialize;

use crate::diagnostic::redact;

/// What was found, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// A word: Kubernetes' own where it has one, such as `OOMKilled`, `Evicted` or `Unschedulable`.
    pub reason: String,
    /// What it is about, such as `pod/NAME`.
    pub object: String,
    /// A sentence, in lower case without a full stop, redacted.
    pub message: String,
    /// What to do about it, sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Finding {
    /// Something about an object, in lower case without a full stop. What others have said may be
    /// part of it: it is redacted here.
    pub fn new(
        reason: impl Into<String>,
        object: impl Into<String>,
        message: impl AsRef<str>,
    ) -> Self {
        let message = message.as_ref().trim().trim_end_matches('.');
        Self {
            reason: reason.into(),
            object: object.into(),
            message: redact::value(&[], message).into_owned(),
            remedy: None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}
