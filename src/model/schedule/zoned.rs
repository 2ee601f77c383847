//! The next time of a schedule in a time zone, daylight saving included, as robfig/cron finds it
//! with Go's clock.
//!
//! In: fields, a zone and an instant. Out: the first later instant. The search goes by months,
//! days, hours, minutes and seconds, as Kubernetes' does, since what happens around a change of the
//! clock follows from those steps: a fixed hour that the clock leaves out is left out that day, one
//! that it has twice is taken twice, and an hourly schedule goes on every 60 minutes. Where the
//! clock leaves midnight out, the steps stumble, and so does Kubernetes.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::fields::Fields;
use super::next::{YEARS, day_matches};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Where the search is: an instant, in whole seconds, and what the clock shows at it.
struct Search<'a> {
    zone: &'a TimeZone,
    second: i64,
    local: DateTime,
    /// Whether the search has left the instant that it began at. From then on it stands at the
    /// start of what it looks at, an hour for example.
    moved: bool,
}

/// What a step of the search came to.
enum Step {
    /// The clock shows what the fields allow.
    Fits,
    /// A greater unit has begun: it has to be looked at again.
    Again,
}

pub(super) fn next_after(fields: &Fields, zone: &TimeZone, time: Timestamp) -> Option<Timestamp> {
    let mut search = Search { zone, second: 0, local: DateTime::ZERO, moved: false };
    search.go_to(whole_second(time) + 1)?;
    let last_year = search.local.year().saturating_add(YEARS);
    while search.local.year() <= last_year {
        let steps = [
            Search::seek_month,
            Search::seek_day,
            Search::seek_hour,
            Search::seek_minute,
            Search::seek_whole_minute,
        ];
        let mut fits = true;
        for step in steps {
            if let Step::Again = step(&mut search, fields)? {
                fits = false;
                break;
            }
        }
        if fits {
            return Timestamp::from_second(search.second).ok();
        }
    }
    None
}

impl Search<'_> {
    fn seek_month(&mut self, fields: &Fields) -> Option<Step> {
        while fields.month >> self.local.month() & 1 == 0 {
            if !self.moved {
                self.moved = true;
                self.go_to_local(self.local.date().first_of_month().at(0, 0, 0, 0))?;
            }
            // A day that the next month has not is as many days into the one after it.
            let into = i64::from(self.local.day()) - 1;
            let next = self.local.date().last_of_month().tomorrow().ok()?;
            self.go_to_local(next.checked_add(into.days()).ok()?.to_datetime(self.local.time()))?;
            if self.local.month() == 1 {
                return Some(Step::Again);
            }
        }
        Some(Step::Fits)
    }

    fn seek_day(&mut self, fields: &Fields) -> Option<Step> {
        while !day_matches(fields, self.local.date()) {
            if !self.moved {
                self.moved = true;
                self.go_to_local(self.local.date().at(0, 0, 0, 0))?;
            }
            let before = self.second;
            self.go_to_local(self.local.date().tomorrow().ok()?.to_datetime(self.local.time()))?;
            if self.second <= before {
                // A zone that leaves a whole day out, to change sides of the date line. robfig/cron
                // would search here for ever.
                self.go_to(before + DAY)?;
            }
            // The clock leaves midnight out, or did so on the day before.
            let hour = i64::from(self.local.hour());
            if hour > 12 {
                self.go_to(self.second + (24 - hour) * HOUR)?;
            } else if hour != 0 {
                self.go_to(self.second - hour * HOUR)?;
            }
            if self.local.day() == 1 {
                return Some(Step::Again);
            }
        }
        Some(Step::Fits)
    }

    fn seek_hour(&mut self, fields: &Fields) -> Option<Step> {
        while fields.hour >> self.local.hour() & 1 == 0 {
            if !self.moved {
                self.moved = true;
                self.go_to_local(self.local.date().at(self.local.hour(), 0, 0, 0))?;
            }
            self.go_to(self.second + HOUR)?;
            if self.local.hour() == 0 {
                return Some(Step::Again);
            }
        }
        Some(Step::Fits)
    }

    fn seek_minute(&mut self, fields: &Fields) -> Option<Step> {
        while fields.minute >> self.local.minute() & 1 == 0 {
            if !self.moved {
                self.moved = true;
                // The minute of UTC: some zones were not whole minutes from it.
                self.go_to(self.second - self.second.rem_euclid(MINUTE))?;
            }
            self.go_to(self.second + MINUTE)?;
            if self.local.minute() == 0 {
                return Some(Step::Again);
            }
        }
        Some(Step::Fits)
    }

    /// On to the start of a minute, where a zone that is not whole minutes from UTC shows another.
    fn seek_whole_minute(&mut self, _: &Fields) -> Option<Step> {
        if self.local.second() == 0 {
            return Some(Step::Fits);
        }
        self.moved = true;
        // Second by second: the clock may change in between.
        while self.local.second() != 0 {
            self.go_to(self.second + 1)?;
        }
        Some(Step::Again)
    }

    fn go_to(&mut self, second: i64) -> Option<()> {
        let time = Timestamp::from_second(second).ok()?;
        self.second = second;
        self.local = self.zone.to_offset(time).to_datetime(time);
        Some(())
    }

    /// To where the clock shows a time, as Go resolves it: by the offset that holds at that time
    /// of UTC and, where that is of another period, by the one that holds then.
    fn go_to_local(&mut self, local: DateTime) -> Option<()> {
        let utc = seconds_of(local);
        let offset = self.offset_at(utc)?;
        let second = if offset == 0 { utc } else { utc - self.offset_at(utc - offset)? };
        self.go_to(second)
    }

    fn offset_at(&self, second: i64) -> Option<i64> {
        let time = Timestamp::from_second(second).ok()?;
        Some(i64::from(self.zone.to_offset(time).seconds()))
    }
}

/// Seconds since 1970 of a clock that shows UTC.
fn seconds_of(local: DateTime) -> i64 {
    let epoch = Date::constant(1970, 1, 1).at(0, 0, 0, 0);
    local.duration_since(epoch).as_secs()
}

/// The second that an instant is in.
pub(super) fn whole_second(time: Timestamp) -> i64 {
    time.as_second() - i64::from(time.subsec_nanosecond() < 0)
}

#[cfg(test)]
mod tests {
    use crate::model::Schedule;
    use jiff::tz::TimeZone;

    fn next(schedule: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(schedule).unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let mut time = after.parse().unwrap();
        (0..count)
            .map(|_| {
                time = schedule.next_in(&zone, time).unwrap();
                time.to_zoned(zone.clone()).strftime("%m-%d %H:%M %Z").to_string()
            })
            .collect()
    }

    #[test]
    fn a_fixed_hour_that_is_left_out_is_left_out_that_day() {
        let found = next("30 2 * * *", "Europe/Zurich", "2026-03-28T00:00:00Z", 3);
        assert_eq!(found, ["03-28 02:30 CET", "03-30 02:30 CEST", "03-31 02:30 CEST"]);
    }

    #[test]
    fn a_fixed_hour_that_comes_twice_is_taken_twice() {
        let found = next("30 2 * * *", "Europe/Zurich", "2026-10-24T12:00:00Z", 3);
        assert_eq!(found, ["10-25 02:30 CEST", "10-25 02:30 CET", "10-26 02:30 CET"]);
    }

    #[test]
    fn an_hourly_schedule_goes_on_every_60_minutes() {
        let spring = next("@hourly", "Europe/Zurich", "2026-03-29T00:00:00Z", 2);
        assert_eq!(spring, ["03-29 03:00 CEST", "03-29 04:00 CEST"]);
        let autumn = next("@hourly", "Europe/Zurich", "2026-10-24T23:00:00Z", 3);
        assert_eq!(autumn, ["10-25 02:00 CEST", "10-25 02:00 CET", "10-25 03:00 CET"]);
    }

    #[test]
    fn midnight_that_is_left_out_is_no_time_of_a_schedule() {
        let found = next("0 0 * * *", "America/Sao_Paulo", "2018-11-03T02:00:00Z", 2);
        assert_eq!(found, ["11-03 00:00 -03", "11-05 00:00 -02"]);
    }

    #[test]
    fn a_single_day_without_midnight_is_passed_over_east_of_greenwich() {
        // Kubernetes does the same: its steps from day to day miss it.
        let zone = TimeZone::get("Asia/Beirut").unwrap();
        let found = |schedule: &str| {
            let before = "2026-03-28T12:00:00Z".parse().unwrap();
            Schedule::parse(schedule).unwrap().next_in(&zone, before).unwrap().to_string()
        };
        assert_eq!(found("0 12 29 3 *"), "2027-03-29T09:00:00Z");
        assert_eq!(found("0 12 * * *"), "2026-03-29T09:00:00Z");
    }

    #[test]
    fn a_day_that_a_zone_leaves_out_ends_the_search_for_no_schedule() {
        let found = next("0 12 31 12 *", "Pacific/Apia", "2011-12-20T00:00:00Z", 1);
        assert_eq!(found, ["12-31 12:00 +14"]);
    }

    #[test]
    fn a_change_of_half_an_hour_keeps_the_minutes_of_the_clock() {
        let found = next("15 * * * *", "Australia/Lord_Howe", "2026-04-04T13:30:00Z", 3);
        assert_eq!(found, ["04-05 01:15 +11", "04-05 02:15 +1030", "04-05 03:15 +1030"]);
    }
}
