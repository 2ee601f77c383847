//! [`State`]: how a run is, by OpenMetadata's names.

use std::fmt;

use serde::Serialize;

/// How a run is: OpenMetadata's `pipelineState`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// It is there and does not run yet, or nobody can tell: Kubernetes' Pending and Unknown.
    Queued,
    /// Its pod runs.
    Running,
    /// It ended well.
    Success,
    /// It ended otherwise.
    Failed,
}

impl State {
    /// OpenMetadata's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
        }
    }

    /// Whether it is over.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Success | Self::Failed)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
