//! The times of one schedule in one zone, which any number of pipelines share.
//!
//! In: a schedule, a zone and the days of a calendar. Out: next runs, those of the days, and what
//! the clock's changes do to it.

use jiff::{SignedDuration, Timestamp};

use super::daylight::{self, Change};
use super::{NEXT_RUNS, Question};
use crate::model::schedule::Timing;
use crate::model::{Schedule, TimeZone};

/// The times of a schedule.
#[derive(Debug)]
pub struct Timetable {
    /// The first runs from the instant that was asked about.
    pub next: Vec<Timestamp>,
    /// Seconds since 1970 of the runs from before the days, as far as a run may last, to their end.
    runs: Vec<i64>,
    /// Where in `runs` the days begin.
    first: usize,
    /// What changes of the clock do to it in the year that follows.
    pub(super) changes: Vec<Change>,
}

impl Timetable {
    pub(super) fn new(
        schedule: &Schedule,
        zone: &TimeZone,
        question: &Question,
        start: Timestamp,
        end: Timestamp,
    ) -> Self {
        let zone = zone.rules();
        let from = match schedule.timing() {
            Timing::Fields(_) => just_before(question.from, 0),
            // Taken as created at that instant: its first run is one delay later.
            Timing::Every(_) => question.from,
        };
        let times = |after: Timestamp| {
            std::iter::successors(schedule.next_in(&zone, after), |time| {
                schedule.next_in(&zone, *time)
            })
        };
        let next = times(from).take(NEXT_RUNS).collect();
        let earliest = match schedule.timing() {
            Timing::Fields(_) => just_before(start, question.duration),
            Timing::Every(_) => from,
        };
        let runs = times(earliest).take_while(|time| *time < end);
        let runs = runs.map(Timestamp::as_second).collect::<Vec<_>>();
        let first = runs.partition_point(|second| *second < start.as_second());
        let changes = daylight::changes(schedule, &zone, question.from);
        Self { next, runs, first, changes }
    }

    /// Seconds since 1970 of the runs within the days.
    pub fn runs(&self) -> &[i64] {
        &self.runs[self.first..]
    }

    /// Those, and the ones before that may last into the days.
    pub(super) fn runs_with_earlier(&self) -> &[i64] {
        &self.runs
    }
}

/// An instant that the times from another on come after.
fn just_before(time: Timestamp, seconds: i64) -> Timestamp {
    time.checked_sub(SignedDuration::from_secs(seconds.saturating_add(1))).unwrap_or(time)
}
