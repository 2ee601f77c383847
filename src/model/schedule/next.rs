//! The next minute that the fields of a schedule allow.
//!
//! In: fields and a wall-clock time. Out: the first later time. It is a search by months and days,
//! at most 72 months long.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};

use super::fields::{Fields, STAR};

/// Kubernetes gives a search up after the fifth year beyond the one that it starts in.
pub(super) const YEARS: i16 = 5;

pub(super) fn next_after(fields: &Fields, time: DateTime) -> Option<DateTime> {
    let start = first_whole_minute_after(time)?;
    if let Some(found) = on_day(fields, start.date(), start.hour(), start.minute()) {
        return Some(found);
    }
    let last_year = start.year().saturating_add(YEARS).min(Date::MAX.year());
    let mut day = start.date().tomorrow().ok()?;
    while day.year() <= last_year {
        if fields.month >> day.month() & 1 == 0 {
            day = day.last_of_month().tomorrow().ok()?;
            continue;
        }
        if let Some(found) = on_day(fields, day, 0, 0) {
            return Some(found);
        }
        day = day.tomorrow().ok()?;
    }
    None
}

fn first_whole_minute_after(time: DateTime) -> Option<DateTime> {
    let minute = date(time.year(), time.month(), time.day()).at(time.hour(), time.minute(), 0, 0);
    minute.checked_add(1.minute()).ok()
}

/// The first time on a day, from an hour and minute on.
fn on_day(fields: &Fields, day: Date, hour: i8, minute: i8) -> Option<DateTime> {
    if fields.month >> day.month() & 1 == 0 || !day_matches(fields, day) {
        return None;
    }
    if fields.hour >> hour & 1 == 1
        && let Some(minute) = lowest_from(fields.minute, minute)
    {
        return Some(day.at(hour, minute, 0, 0));
    }
    let minute = lowest_from(fields.minute, 0)?;
    Some(day.at(lowest_from(fields.hour, hour + 1)?, minute, 0, 0))
}

pub(super) fn day_matches(fields: &Fields, day: Date) -> bool {
    let of_month = fields.day_of_month >> day.day() & 1 == 1;
    let of_week = fields.day_of_week >> day.weekday().to_sunday_zero_offset() & 1 == 1;
    if (fields.day_of_month | fields.day_of_week) & STAR != 0 {
        of_month && of_week
    } else {
        of_month || of_week
    }
}

/// The lowest value of a set that is not below another.
fn lowest_from(set: u64, from: i8) -> Option<i8> {
    let rest = (set & !STAR) >> from << from;
    i8::try_from(rest.trailing_zeros()).ok().filter(|_| rest != 0)
}
