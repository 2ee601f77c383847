//! What changes of the clock do to schedules: daylight saving, and zones that move.
//!
//! In: a schedule, its zone and an instant. Out: for each change in the year that follows, the times
//! of the clock at which a run is left out, comes twice or comes at another time: what a person
//! reads in the schedule, held against what Kubernetes does by its steps ([`Schedule::passed`]).
//! A schedule that goes on through the change as evenly as ever, such as `@hourly`, has none.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::{Line, Timetable};
use crate::model::Schedule;
use crate::model::schedule::Timing;

/// The year that is looked at.
const YEAR: SignedDuration = SignedDuration::from_hours(366 * 24);
/// What is looked at around a change: the days that it can reach.
const AROUND: SignedDuration = SignedDuration::from_hours(26);
/// More changes than a zone has in a year: Morocco has four with Ramadan.
const MOST_CHANGES: usize = 12;

/// What a change of the clock does to a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Effect {
    /// The clock leaves its time out: no run.
    Skipped,
    /// The clock has its time twice: two runs.
    Doubled,
    /// The clock has its time, and Kubernetes passes it over: no run.
    PassedOver,
    /// A run at a time that the schedule does not say.
    Shifted,
}

/// What one change does to one schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Change {
    at: Timestamp,
    effect: Effect,
    times: Vec<DateTime>,
}

/// What one change of a zone's clock does to runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Surprise {
    /// The zone.
    pub zone: CompactString,
    /// When its clock is changed.
    pub at: Timestamp,
    /// What the clock shows until then.
    pub before: DateTime,
    /// What it shows from then on.
    pub after: DateTime,
    /// What becomes of the runs.
    pub effect: Effect,
    /// The places of the lines, with the times of the clock that it concerns.
    pub runs: Vec<(usize, Vec<DateTime>)>,
}

/// What the changes in the year after an instant do to a schedule.
pub(super) fn changes(schedule: &Schedule, zone: &TimeZone, from: Timestamp) -> Vec<Change> {
    if let Timing::Every(_) = schedule.timing() {
        return Vec::new();
    }
    let until = from.saturating_add(YEAR).unwrap_or(from);
    let transitions = zone.following(from).map(|transition| transition.timestamp());
    let transitions = transitions.take_while(|at| *at <= until).take(MOST_CHANGES);
    let mut changes = Vec::new();
    for at in transitions {
        // A change of the zone's name alone moves no time.
        if clock_before(zone, at) != zone.to_datetime(at) {
            of_transition(schedule, zone, from, at, &mut changes);
        }
    }
    changes
}

/// What the clock would show at a change if it were not changed.
fn clock_before(zone: &TimeZone, at: Timestamp) -> DateTime {
    let second = SignedDuration::from_secs(1);
    let before = at.checked_sub(second).map(|before| zone.to_offset(before));
    before.map_or_else(|_| zone.to_datetime(at), |offset| offset.to_datetime(at))
}

fn of_transition(
    schedule: &Schedule,
    zone: &TimeZone,
    from: Timestamp,
    at: Timestamp,
    changes: &mut Vec<Change>,
) {
    let (Ok(start), Ok(end)) = (at.checked_sub(AROUND), at.checked_add(AROUND)) else {
        return;
    };
    let start = start.max(from);
    // Kubernetes searches on from the last run: so does this, from far enough before.
    let newest = schedule.passed(zone, from, start).newest.unwrap_or(from);
    let runs =
        std::iter::successors(schedule.next_in(zone, newest), |time| schedule.next_in(zone, *time));
    let runs = runs.take_while(|time| *time < end).collect::<Vec<_>>();
    let runs_at = |time: Timestamp| runs.binary_search(&time).is_ok();
    let shift = zone.to_datetime(at).duration_since(clock_before(zone, at));

    let local = (zone.to_datetime(start), zone.to_datetime(end));
    let read =
        std::iter::successors(schedule.next_after(local.0), |time| schedule.next_after(*time));
    let read = read.take_while(|time| *time < local.1).collect::<Vec<_>>();
    let mut by_effect: BTreeMap<Effect, Vec<DateTime>> = BTreeMap::new();
    for time in &read {
        let instant = |offset: jiff::tz::Offset| offset.to_timestamp(*time).ok();
        let effect = match zone.to_ambiguous_timestamp(*time).offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                instant(offset).filter(|time| !runs_at(*time)).map(|_| Effect::PassedOver)
            }
            // Read on the clock as it was, it may be another run's time on the clock as it is.
            AmbiguousOffset::Gap { before, .. } => {
                instant(before).filter(|time| !runs_at(*time)).map(|_| Effect::Skipped)
            }
            AmbiguousOffset::Fold { before, after } => {
                let both = [before, after].map(instant).into_iter().flatten();
                let goes_on = time.checked_sub(shift).is_ok_and(|later| read.contains(&later));
                match both.filter(|time| runs_at(*time)).count() {
                    0 => Some(Effect::PassedOver),
                    2 if !goes_on => Some(Effect::Doubled),
                    _ => None,
                }
            }
        };
        if let Some(effect) = effect {
            by_effect.entry(effect).or_default().push(*time);
        }
    }
    let within = runs.iter().filter(|time| **time > start);
    for time in within.map(|time| zone.to_datetime(*time)) {
        if time > local.0 && time < local.1 && read.binary_search(&time).is_err() {
            by_effect.entry(Effect::Shifted).or_default().push(time);
        }
    }
    changes.extend(by_effect.into_iter().map(|(effect, times)| Change { at, effect, times }));
}

/// What each change does to all lines, in the order of time.
pub(super) fn surprises(lines: &[Line], timetables: &[Timetable]) -> Vec<Surprise> {
    let mut found: BTreeMap<(Timestamp, &str, Effect), Surprise> = BTreeMap::new();
    for (place, line) in lines.iter().enumerate() {
        for Change { at, effect, times } in &timetables[line.timetable].changes {
            let surprise = found.entry((*at, line.zone.as_str(), *effect)).or_insert_with(|| {
                let zone = line.zone.rules();
                Surprise {
                    zone: line.zone.as_str().into(),
                    at: *at,
                    before: clock_before(&zone, *at),
                    after: zone.to_datetime(*at),
                    effect: *effect,
                    runs: Vec::new(),
                }
            });
            surprise.runs.push((place, times.clone()));
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(schedule: &str, zone: &str, from: &str) -> Vec<String> {
        let schedule = Schedule::parse(schedule).unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let changes = changes(&schedule, &zone, from.parse().unwrap());
        let row = |change: &Change| {
            let times = change.times.iter().map(|time| time.strftime("%m-%d %H:%M").to_string());
            format!("{:?} {}", change.effect, times.collect::<Vec<_>>().join(" "))
        };
        changes.iter().map(row).collect()
    }

    #[test]
    fn a_fixed_hour_is_skipped_in_spring_and_doubled_in_autumn() {
        assert_eq!(
            found("30 2 * * *", "Europe/Zurich", "2026-11-23T00:00:00Z"),
            ["Skipped 03-28 02:30", "Doubled 10-31 02:30"]
        );
        assert_eq!(found("30 3 * * *", "Europe/Zurich", "2026-11-23T00:00:00Z"), [""; 0]);
        assert_eq!(
            found("*/30 2 * * SUN", "Europe/Zurich", "2026-11-23T00:00:00Z"),
            ["Skipped 03-28 02:00 03-28 02:30", "Doubled 10-31 02:00 10-31 02:30"]
        );
    }

    #[test]
    fn a_schedule_that_goes_on_evenly_has_no_surprise() {
        for even in ["@hourly", "*/15 * * * *", "7 * * * *"] {
            assert_eq!(found(even, "Europe/Zurich", "2026-11-23T00:00:00Z"), [""; 0], "{even}");
        }
        assert_eq!(found("@every 1h", "Europe/Zurich", "2026-11-23T00:00:00Z"), [""; 0]);
        assert_eq!(found("30 2 * * *", "UTC", "2026-11-23T00:00:00Z"), [""; 0]);
    }

    #[test]
    fn every_second_hour_is_uneven_at_the_change() {
        assert_eq!(
            found("0 */2 * * *", "Europe/Zurich", "2026-11-23T00:00:00Z"),
            ["Skipped 03-28 02:00", "Doubled 10-31 02:00"]
        );
    }

    #[test]
    fn a_single_day_without_midnight_is_passed_over() {
        assert_eq!(
            found("0 12 29 3 *", "Asia/Beirut", "2025-11-23T00:00:00Z"),
            ["PassedOver 03-29 12:00"]
        );
    }

    #[test]
    fn where_kubernetes_steps_stumble_the_next_day_is_passed_over_or_a_run_comes_at_another_hour() {
        assert_eq!(
            found("0 0 * * *", "Australia/Lord_Howe", "2026-01-05T00:00:00Z"),
            ["PassedOver 04-06 00:00", "PassedOver 10-05 00:00"]
        );
        assert_eq!(
            found("30 0 * * *", "Antarctica/Casey", "2022-01-05T00:00:00Z"),
            ["Shifted 10-02 03:30"]
        );
    }

    proptest! {
        /// Near a change, what the clock says and what happens differ by what is told, and by
        /// nothing else.
        #[test]
        fn what_is_told_makes_up_the_difference(
            minute in "(0|30|\\*/20)", hour in "([0-4]|2,3|\\*)",
            zone in prop::sample::select(vec![
                "Europe/Zurich", "America/New_York", "America/Santiago", "Asia/Beirut", "Africa/Cairo",
            ]),
            from in 1_700_000_000i64..1_900_000_000,
        ) {
            let schedule = Schedule::parse(&format!("{minute} {hour} * * *")).unwrap();
            let zone = TimeZone::get(zone).unwrap();
            let from = Timestamp::from_second(from).unwrap();
            for change in changes(&schedule, &zone, from) {
                for time in &change.times {
                    let before = time.checked_sub(SignedDuration::from_secs(1)).unwrap();
                    let is_read = schedule.next_after(before) == Some(*time);
                    prop_assert_eq!(is_read, change.effect != Effect::Shifted);
                    let is_shown = zone.to_ambiguous_timestamp(*time).offset();
                    let fits = match change.effect {
                        Effect::Skipped => matches!(is_shown, AmbiguousOffset::Gap { .. }),
                        Effect::Doubled => matches!(is_shown, AmbiguousOffset::Fold { .. }),
                        Effect::PassedOver | Effect::Shifted => !matches!(is_shown, AmbiguousOffset::Gap { .. }),
                    };
                    prop_assert!(fits, "{:?} {}", change, time);
                }
            }
        }
    }
}
