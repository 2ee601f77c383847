//! What of a schedule has come by: the newest time up to now, and the next one.
//!
//! In: a schedule, a zone, the instant that it counts from, and now. Out: both times. Years of
//! missed times cost no more than a few dozen searches: the newest is found from now backwards.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{Schedule, Timing, zoned};

/// What of a schedule has come by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Passed {
    /// The newest time that is not after now.
    pub newest: Option<Timestamp>,
    /// The first time that is after now.
    pub next: Option<Timestamp>,
}

impl Schedule {
    /// The first time after another, in a time zone; `None` when there is none until the end of the
    /// fifth year after. A delay counts from that time.
    pub fn next_in(&self, zone: &TimeZone, time: Timestamp) -> Option<Timestamp> {
        match self.timing() {
            Timing::Fields(fields) => zoned::next_after(&fields, zone, time),
            Timing::Every(seconds) => {
                later(zoned::whole_second(time), i64::try_from(seconds).ok()?)
            }
        }
    }

    /// What has come by since an instant, which itself is not counted.
    pub fn passed(&self, zone: &TimeZone, since: Timestamp, now: Timestamp) -> Passed {
        let mut newest = None;
        let mut next = self.next_in(zone, since);
        while let Some(time) = next.filter(|time| *time <= now) {
            let time = self.near_now(zone, time, now);
            newest = Some(time);
            next = self.next_in(zone, time);
        }
        Passed { newest, next }
    }

    /// A time of the schedule from `first` on, itself one, that has next to none between it and
    /// now.
    fn near_now(&self, zone: &TimeZone, first: Timestamp, now: Timestamp) -> Timestamp {
        let now_second = zoned::whole_second(now);
        let first_second = first.as_second();
        if let Timing::Every(seconds) = self.timing() {
            let delay = i64::try_from(seconds).unwrap_or(i64::MAX);
            let times = (now_second - first_second) / delay;
            return later(first_second, times * delay).unwrap_or(first);
        }
        let found_from = |second: i64| {
            let start = Timestamp::from_second(second).ok()?;
            self.next_in(zone, start).filter(|time| *time <= now)
        };
        // First back from now in growing strides, until a time is found.
        let mut none_from = now_second;
        let mut stride = 60;
        let (mut some_from, mut found) = loop {
            let start = now_second - stride;
            if start <= first_second {
                break (first_second, first);
            }
            if let Some(found) = found_from(start) {
                break (start, found);
            }
            none_from = start;
            stride *= 2;
        };
        // Then by halves to the latest start from which one is found.
        while none_from - some_from > 1 {
            let middle = some_from + (none_from - some_from) / 2;
            match found_from(middle) {
                Some(time) => (some_from, found) = (middle, time),
                None => none_from = middle,
            }
        }
        found
    }
}

fn later(second: i64, seconds: i64) -> Option<Timestamp> {
    let delay = SignedDuration::from_secs(seconds);
    Timestamp::from_second(second).ok()?.checked_add(delay).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn passed(schedule: &str, zone: &str, since: &str, now: &str) -> Passed {
        let zone = TimeZone::get(zone).unwrap();
        Schedule::parse(schedule).unwrap().passed(&zone, time(since), time(now))
    }

    #[test]
    fn nothing_has_come_by_before_the_first_time() {
        let found = passed("0 3 * * *", "UTC", "2026-03-14T03:00:00Z", "2026-03-15T02:59:59.9Z");
        assert_eq!(found, Passed { newest: None, next: Some(time("2026-03-15T03:00:00Z")) });
    }

    #[test]
    fn a_time_comes_by_at_its_second() {
        let found = passed("0 3 * * *", "UTC", "2026-03-14T03:00:00Z", "2026-03-15T03:00:00Z");
        assert_eq!(found.newest, Some(time("2026-03-15T03:00:00Z")));
        assert_eq!(found.next, Some(time("2026-03-16T03:00:00Z")));
    }

    #[test]
    fn of_years_of_missed_times_the_newest_is_found() {
        let found =
            passed("* 9 * * MON", "Europe/Zurich", "1990-01-01T00:00:00Z", "2026-11-22T19:00:00Z");
        assert_eq!(found.newest, Some(time("2026-11-16T08:59:00Z")));
        assert_eq!(found.next, Some(time("2026-11-23T08:00:00Z")));
        let found = passed("@every 7m", "UTC", "1990-01-01T00:04:00.7Z", "2026-11-22T19:00:00Z");
        assert_eq!(found.newest, Some(time("2026-11-22T18:56:00Z")));
        assert_eq!(found.next, Some(time("2026-11-22T19:03:00Z")));
    }

    #[test]
    fn a_schedule_that_never_fires_has_neither() {
        let found = passed("0 0 31 2 *", "UTC", "2020-01-01T00:00:00Z", "2026-11-22T19:00:00Z");
        assert_eq!(found, Passed { newest: None, next: None });
    }

    proptest! {
        #[test]
        fn it_is_what_walking_from_time_to_time_comes_to(
            minute in "(\\*|[0-5]?[0-9]|\\*/(7|15))", hour in "(\\*|[01]?[0-9]|\\*/5|9-17)",
            day in "(\\*|[12]?[1-9]|\\*/9)", weekday in "(\\*|[0-6]|1-5)",
            zone in prop::sample::select(vec!["UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe"]),
            since in 1_500_000_000i64..1_900_000_000, length in 0i64..20_000_000,
        ) {
            let schedule = Schedule::parse(&format!("{minute} {hour} {day} * {weekday}")).unwrap();
            let zone = TimeZone::get(zone).unwrap();
            let since = Timestamp::from_second(since).unwrap();
            let now = since + SignedDuration::from_secs(length);
            let (mut newest, mut next) = (None, schedule.next_in(&zone, since));
            let mut left = 3000;
            while let Some(time) = next.filter(|time| *time <= now && left > 0) {
                newest = Some(time);
                next = schedule.next_in(&zone, time);
                left -= 1;
            }
            prop_assume!(left > 0);
            prop_assert_eq!(schedule.passed(&zone, since, now), Passed { newest, next });
        }
    }
}
