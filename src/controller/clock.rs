//! What time it is: asked for in one place, so that a simulation can have a time of its own.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's clock.
pub fn system() -> Clock {
    Arc::new(Timestamp::now)
}

/// When a time of the clock will be, for a timer; now, where it is past.
pub(super) fn instant(clock: &Clock, at: Timestamp) -> Instant {
    let wait = at.duration_since(clock()).max(SignedDuration::ZERO);
    // Longer waits than a day are cut short: looking once more costs nothing.
    let day = SignedDuration::from_hours(24);
    Instant::now() + wait.min(day).unsigned_abs()
}
