//! How many runs start in each hour.
//!
//! In: lines and their times. Out: a [`Day`] each, by the hours of the shown zone's clock. An hour
//! that the clock has twice holds the starts of both.

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Line, Timetable};
use crate::model::TimeZone;

/// The starts of one day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Day {
    /// The day.
    pub date: Date,
    /// The starts of each hour.
    pub starts: [usize; 24],
}

pub(super) fn days(
    lines: &[Line],
    timetables: &[Timetable],
    zone: &TimeZone,
    start: Timestamp,
    end: Timestamp,
) -> Vec<Day> {
    let rules = zone.rules();
    let local = |second: i64| {
        let time = Timestamp::from_second(second).unwrap_or(start);
        rules.to_datetime(time)
    };
    let first = local(start.as_second()).date();
    let last = local(end.as_second() - 1).date();
    let dates = first.series(jiff::Span::new().days(1)).take_while(|date| *date <= last);
    let mut days = dates.map(|date| Day { date, starts: [0; 24] }).collect::<Vec<_>>();
    let mut sharing = vec![0; timetables.len()];
    for line in lines {
        sharing[line.timetable] += 1;
    }
    for (timetable, sharing) in timetables.iter().zip(sharing) {
        for second in timetable.runs() {
            let at = local(*second);
            let place = days.binary_search_by_key(&at.date(), |day| day.date);
            if let Ok(place) = place {
                days[place].starts[usize::try_from(at.hour()).unwrap_or(0)] += sharing;
            }
        }
    }
    days
}

#[cfg(test)]
mod tests {
    use super::super::tests::{calendar, planned};

    #[test]
    fn starts_are_counted_by_the_hours_of_the_clock() {
        let lines = vec![
            planned("a", "s", "0 3 * * *", "Europe/Zurich"),
            planned("b", "s", "30 3 * * *", "Europe/Zurich"),
            planned("c", "s", "30 3 * * *", "Europe/Zurich"),
            planned("d", "s", "@hourly", "Europe/Zurich"),
        ];
        let days = calendar(lines, "2026-10-24T12:00:00Z", 2).days;
        assert_eq!(days.len(), 2);
        assert_eq!(days[0].starts[3], 4);
        assert_eq!(days[0].starts[4], 1);
        assert_eq!(days[1].starts[2], 2, "the hour that the clock has twice");
    }
}
