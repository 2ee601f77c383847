//! Until when a report must be made: a time that may come nearer while it is worked on.
//!
//! In: durations from now on. Out: how long there is left, and the moment at which there is nothing.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// A moment that can be brought forward and never put off.
#[derive(Debug)]
pub struct Deadline {
    started: Instant,
    end: watch::Sender<Instant>,
}

impl Deadline {
    /// A deadline so long from now.
    pub fn within(time: Duration) -> Self {
        let started = Instant::now();
        Self { started, end: watch::Sender::new(started + time) }
    }

    /// Brings it forward, if it is later than so long from now.
    pub fn at_most(&self, time: Duration) {
        let end = Instant::now() + time;
        self.end.send_if_modified(|current| {
            let is_later = *current > end;
            *current = end.min(*current);
            is_later
        });
    }

    /// How long there is left.
    pub fn left(&self) -> Duration {
        self.end.borrow().saturating_duration_since(Instant::now())
    }

    /// How long it has been.
    pub fn taken(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns when there is nothing left.
    pub async fn passed(&self) {
        let mut end = self.end.subscribe();
        loop {
            let at = *end.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep_until(at) => return,
                changed = end.changed() => if changed.is_err() { return },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_comes_nearer_while_somebody_waits_for_it_and_is_never_put_off() {
        let deadline = Deadline::within(Duration::from_secs(600));
        tokio::join!(deadline.passed(), async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            deadline.at_most(Duration::from_secs(20));
            deadline.at_most(Duration::from_secs(60));
            assert_eq!(deadline.left(), Duration::from_secs(20));
        });
        assert_eq!(deadline.taken(), Duration::from_secs(25));
        assert_eq!(deadline.left(), Duration::ZERO);
    }
}
