//! The cluster's time: Tokio's virtual time, told as a wall clock.
//!
//! In: the paused clock of the runtime. Out: timestamps. Never the machine's clock.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// When every simulation begins: a Monday, far from a change of any daylight saving time.
const BEGINNING: i64 = 1_768_780_800;

/// What a clock on the wall of the cluster shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts at the beginning, now.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn now(self) -> Timestamp {
        let beginning = Timestamp::from_second(BEGINNING).unwrap_or_default();
        let elapsed = jiff::SignedDuration::try_from(self.elapsed()).unwrap_or_default();
        beginning.saturating_add(elapsed).unwrap_or(beginning)
    }

    /// As `metadata` has it: whole seconds.
    pub(crate) fn text(self) -> String {
        self.later(0)
    }

    /// So many seconds from now, as `metadata` has it.
    pub(crate) fn later(self, seconds: i64) -> String {
        second(self.now().as_second() + seconds)
    }
}

/// A second since 1970 as `metadata` has it.
pub(crate) fn second(second: i64) -> String {
    Timestamp::from_second(second).unwrap_or_default().to_string()
}
