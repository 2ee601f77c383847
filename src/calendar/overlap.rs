//! Which pipelines of one service run at the same time.
//!
//! In: lines and their times, each run with the time that it is taken to last. Out: an [`Overlap`]
//! per service of which two or more run at once, the fullest first. A service is asked by each of
//! them; few can answer many at once.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::Timestamp;
use rayon::prelude::*;

use super::load::{active, intervals};
use super::{Line, Timetable};

/// A service of which several pipelines run at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overlap {
    /// The service.
    pub service: CompactString,
    /// The most that run at once.
    pub most: usize,
    /// Since when so many run, for the first time.
    pub at: Timestamp,
    /// The places of the lines that run then.
    pub lines: Vec<usize>,
    /// For how long two or more run, in seconds, over all days.
    pub seconds: i64,
}

pub(super) fn overlaps(
    lines: &[Line],
    timetables: &[Timetable],
    start: Timestamp,
    end: Timestamp,
) -> Vec<Overlap> {
    let mut services: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, line) in lines.iter().enumerate() {
        services.entry(&line.pipeline.service).or_default().push(place);
    }
    let services = services.into_par_iter().filter(|(_, places)| places.len() > 1);
    let overlaps = services.filter_map(|(service, places)| {
        one(service, &places, lines, timetables, start.as_second()..end.as_second())
    });
    let mut overlaps = overlaps.collect::<Vec<_>>();
    overlaps.sort_by(|one, other| {
        other.most.cmp(&one.most).then_with(|| one.service.cmp(&other.service))
    });
    overlaps
}

fn one(
    service: &str,
    places: &[usize],
    lines: &[Line],
    timetables: &[Timetable],
    days: std::ops::Range<i64>,
) -> Option<Overlap> {
    let mut ends = Vec::new();
    for place in places {
        let line = &lines[*place];
        for (from, to) in intervals(line, &timetables[line.timetable], false) {
            let (from, to) = (from.max(days.start), to.min(days.end));
            if from < to {
                // Of one second, ends come before starts.
                ends.extend([(from, 1), (to, -1)]);
            }
        }
    }
    ends.sort_unstable();
    let (mut running, mut most, mut at, mut seconds, mut since) = (0, 1, 0, 0, 0);
    for (second, change) in ends {
        if running > 1 {
            seconds += second - since;
        }
        since = second;
        running += change;
        if running > most {
            (most, at) = (running, second);
        }
    }
    let lines = active(places.iter().copied(), lines, timetables, at);
    (most > 1).then(|| Overlap {
        service: service.into(),
        most: lines.len(),
        at: Timestamp::from_second(at).unwrap_or(Timestamp::UNIX_EPOCH),
        lines,
        seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{calendar, planned};
    use crate::survey::Planned;

    fn found(lines: Vec<Planned>) -> Vec<(String, usize, String, i64)> {
        let calendar = calendar(lines, "2026-11-23T00:00:00Z", 1);
        let overlaps = calendar.overlaps.iter();
        let row = |one: &super::Overlap| {
            (one.service.to_string(), one.most, one.at.to_string(), one.seconds)
        };
        overlaps.map(row).collect()
    }

    #[test]
    fn runs_of_one_service_that_meet_are_an_overlap_and_those_of_two_are_not() {
        let lines = vec![
            planned("a", "s", "0 3 * * *", "UTC"),
            planned("b", "s", "20 3 * * *", "UTC"),
            planned("c", "t", "0 3 * * *", "UTC"),
        ];
        assert_eq!(found(lines), [("s".to_owned(), 2, "2026-11-23T03:20:00Z".to_owned(), 600)]);
    }

    #[test]
    fn a_run_that_starts_when_another_ends_does_not_meet_it() {
        let lines =
            vec![planned("a", "s", "0 3 * * *", "UTC"), planned("b", "s", "30 3 * * *", "UTC")];
        assert_eq!(found(lines), []);
    }

    #[test]
    fn a_pipeline_does_not_overlap_with_itself() {
        assert_eq!(found(vec![planned("a", "s", "*/10 * * * *", "UTC")]), []);
    }

    #[test]
    fn a_run_from_the_day_before_is_met() {
        let lines =
            vec![planned("a", "s", "45 23 * * *", "UTC"), planned("b", "s", "0 0 * * *", "UTC")];
        assert_eq!(found(lines), [("s".to_owned(), 2, "2026-11-23T00:00:00Z".to_owned(), 900)]);
    }
}
