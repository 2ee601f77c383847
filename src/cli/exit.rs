//! Exit statuses: the same for every verb and format.

use std::process::ExitCode;

/// All is well; there may be warnings.
pub(crate) const FINE: u8 = 0;
/// Something is wrong in what was read: an error was found, or a warning under `--strict`.
pub(crate) const FINDINGS: u8 = 1;
/// Wrong usage, or ompipe itself failed: a file that cannot be read, a folder that cannot be
/// written.
pub(crate) const FAILURE: u8 = 2;

/// How a verb ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    /// [`FINE`].
    Fine,
    /// [`FINDINGS`].
    Findings,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Fine => FINE,
            Status::Findings => FINDINGS,
        })
    }
}

/// The status of a command line that was not run: asked for help, or wrong.
pub(crate) fn usage(code: i32) -> ExitCode {
    ExitCode::from(if code == 0 { FINE } else { FAILURE })
}

/// The status of an error of the tool.
pub(crate) fn failure() -> ExitCode {
    ExitCode::from(FAILURE)
}
