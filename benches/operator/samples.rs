//! Percentiles of what was measured.

use std::fmt;
use std::time::Duration;

/// A set of durations.
#[derive(Default)]
pub(super) struct Samples(Vec<Duration>);

impl Samples {
    pub(super) fn add(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    /// The sample below which so many of a hundred are.
    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(at).copied().unwrap_or_default()
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |percent| self.percentile(percent).as_secs_f64() * 1000.0;
        write!(
            formatter,
            "p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms of {}",
            millis(50),
            millis(99),
            millis(100),
            self.0.len()
        )
    }
}
