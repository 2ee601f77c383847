//! Schedules as Kubernetes' CronJob takes them: the syntax and the meaning of robfig/cron v3, which
//! its API server and its controller use.
//!
//! In: the text of a schedule. Out: a [`Schedule`]: bit sets of minutes, hours and days, or a
//! constant delay, from which the next time follows, of a wall clock or in a time zone; or the part
//! that is wrong. It knows no clock: times are arguments.

mod delay;
mod fields;
mod next;
mod recent;
mod zoned;

use compact_str::CompactString;
use jiff::civil::DateTime;

pub use fields::Fields;
pub use recent::Passed;

use super::refusal::Refusal;

/// When a pipeline runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    text: CompactString,
    timing: Timing,
}

/// The two kinds of schedules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timing {
    /// At the minutes that the fields allow.
    Fields(Fields),
    /// `@every`: so many seconds after the last time, at least one.
    Every(u64),
}

impl Schedule {
    /// Reads a schedule: five fields, or one of `@yearly`, `@annually`, `@monthly`, `@weekly`,
    /// `@daily`, `@midnight`, `@hourly`, `@every 1h30m`. A time zone in the schedule (`TZ=…`) is
    /// refused, as the API server does since 1.29.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        parse_timing(text).map(|timing| Self { text: text.into(), timing })
    }

    /// The text, as Kubernetes is to have it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// When it runs.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Whether there is any time at which it runs. Kubernetes accepts a schedule without one; its
    /// controller then logs an error at every look and starts nothing.
    pub fn ever_fires(&self) -> bool {
        match self.timing {
            Timing::Fields(fields) => fields.ever_fires(),
            Timing::Every(_) => true,
        }
    }

    /// The first time after another; `None` when there is none until the end of the fifth year
    /// after, which is how far Kubernetes looks. So 29 February is missed from 2097 to 2098, as
    /// 2100 is no leap year, and found again later.
    pub fn next_after(&self, time: DateTime) -> Option<DateTime> {
        match self.timing {
            Timing::Fields(fields) => next::next_after(&fields, time),
            Timing::Every(seconds) => delay::next_after(seconds, time),
        }
    }
}

fn parse_timing(text: &str) -> Result<Timing, Refusal> {
    if text.is_empty() {
        return Err(Refusal::new(0..0, "it is empty"));
    }
    if let Some(at) = text.find("TZ=") {
        let start = if text[..at].ends_with("CRON_") { at - 5 } else { at };
        let end = text[at..].find(char::is_whitespace).map_or(text.len(), |length| at + length);
        return Err(Refusal::new(
            start..end,
            "Kubernetes refuses a time zone inside of a schedule",
        )
        .with_help("write the zone's name into `timeZone`"));
    }
    if text.starts_with('@') {
        return parse_descriptor(text);
    }
    Fields::parse(text).map(Timing::Fields)
}

/// What each descriptor stands for.
const DESCRIPTORS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

fn parse_descriptor(text: &str) -> Result<Timing, Refusal> {
    const EVERY: &str = "@every ";
    if let Some((_, fields)) = DESCRIPTORS.iter().find(|(name, _)| *name == text) {
        return Fields::parse(fields).map(Timing::Fields);
    }
    if let Some(duration) = text.strip_prefix(EVERY) {
        return delay::parse(duration)
            .map(Timing::Every)
            .map_err(|refusal| refusal.shifted(EVERY.len()));
    }
    let refusal = Refusal::whole(text, "Kubernetes knows no such descriptor");
    let trimmed = text.trim().to_lowercase();
    Err(match DESCRIPTORS.iter().find(|(name, _)| *name == trimmed) {
        Some((name, _)) => refusal.with_help(format!("write `{name}`, in lower case and with no space")),
        None if trimmed == "@reboot" => refusal.with_help("a cluster has no reboot to run at; give five fields or leave `schedule` out"),
        None => refusal.with_help(
            "it is one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly and `@every <duration>`",
        ),
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn next(schedule: &str, after: DateTime) -> Option<DateTime> {
        Schedule::parse(schedule).unwrap().next_after(after)
    }

    fn refused(schedule: &str) -> (String, Refusal) {
        let refusal = Schedule::parse(schedule).unwrap_err();
        (schedule[refusal.range.clone()].to_owned(), refusal)
    }

    #[test]
    fn five_fields_run_at_the_next_minute_that_all_allow() {
        let noon = date(2026, 3, 14).at(12, 0, 0, 0);
        assert_eq!(next("0 3 * * *", noon), Some(date(2026, 3, 15).at(3, 0, 0, 0)));
        assert_eq!(next("*/15 * * * *", noon), Some(date(2026, 3, 14).at(12, 15, 0, 0)));
        assert_eq!(next("5/20 * * * *", noon), Some(date(2026, 3, 14).at(12, 5, 0, 0)));
        assert_eq!(next("0 9 * * MON-fri", noon), Some(date(2026, 3, 16).at(9, 0, 0, 0)));
        assert_eq!(next("0 0 1 jan ?", noon), Some(date(2027, 1, 1).at(0, 0, 0, 0)));
    }

    #[test]
    fn the_time_itself_is_not_after_it() {
        let three = date(2026, 3, 14).at(3, 0, 0, 0);
        assert_eq!(next("0 3 * * *", three), Some(date(2026, 3, 15).at(3, 0, 0, 0)));
        let just_before = date(2026, 3, 14).at(2, 59, 59, 999_999_999);
        assert_eq!(next("0 3 * * *", just_before), Some(three));
    }

    #[test]
    fn a_day_of_month_and_a_day_of_week_are_alternatives_and_with_a_star_both_must_match() {
        let start = date(2026, 3, 14).at(0, 0, 0, 0);
        assert_eq!(next("0 0 20 * MON", start), Some(date(2026, 3, 16).at(0, 0, 0, 0)));
        assert_eq!(next("0 0 * * MON", start), Some(date(2026, 3, 16).at(0, 0, 0, 0)));
        assert_eq!(next("0 0 20 * *", start), Some(date(2026, 3, 20).at(0, 0, 0, 0)));
    }

    #[test]
    fn the_descriptors_stand_for_their_fields() {
        let start = date(2026, 3, 14).at(12, 34, 0, 0);
        assert_eq!(next("@yearly", start), Some(date(2027, 1, 1).at(0, 0, 0, 0)));
        assert_eq!(next("@weekly", start), Some(date(2026, 3, 15).at(0, 0, 0, 0)));
        assert_eq!(next("@hourly", start), Some(date(2026, 3, 14).at(13, 0, 0, 0)));
        assert_eq!(next("@every 1h30m", start), Some(date(2026, 3, 14).at(14, 4, 0, 0)));
    }

    #[test]
    fn the_bad_field_is_named_and_only_its_bad_part_is_marked() {
        for (schedule, part, words) in [
            ("0 25 * * *", "25", "hour"),
            ("60 0 * * *", "60", "minute"),
            ("0 0 0 * *", "0", "day of the month"),
            ("0 0 1,32 * *", "32", "day of the month"),
            ("0 0 * 13 *", "13", "month"),
            ("0 0 * * 7", "7", "day of the week"),
            ("0 0 * * MONDAY", "MONDAY", "day of the week"),
            ("0 0 5-3 * *", "5-3", "day of the month"),
            ("*/0 * * * *", "0", "minute"),
            ("1-2-3 * * * *", "1-2-3", "minute"),
            ("1/2/3 * * * *", "1/2/3", "minute"),
            ("0 0 L * *", "L", "day of the month"),
        ] {
            let (marked, refusal) = refused(schedule);
            assert_eq!(marked, part, "{schedule}");
            assert!(refusal.reason.contains(words), "{schedule}: {}", refusal.reason);
        }
        let schedule = "0 0 0 * *";
        assert_eq!(refused(schedule).1.range, 4..5, "the third 0, not the first");
    }

    #[test]
    fn sunday_is_0_and_never_7() {
        assert!(Schedule::parse("0 0 * * 0").is_ok());
        assert!(refused("0 0 * * 7").1.help.unwrap().contains('0'));
    }

    #[test]
    fn six_fields_and_four_are_refused_with_the_reason() {
        assert!(refused("0 0 3 * * *").1.help.unwrap().contains("seconds"));
        assert!(refused("0 3 * *").1.reason.contains("found 4"));
    }

    #[test]
    fn a_time_zone_in_the_schedule_is_refused() {
        assert_eq!(refused("TZ=Europe/Zurich 0 3 * * *").0, "TZ=Europe/Zurich");
        assert_eq!(refused("CRON_TZ=UTC @daily").0, "CRON_TZ=UTC");
    }

    #[test]
    fn a_descriptor_is_written_exactly() {
        for bad in ["@Daily", "@daily ", "@reboot", "@every", "@every 1d", "@every  1h", " @daily"]
        {
            assert!(Schedule::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(refused("@every 1h2d").0, "2d");
    }

    #[test]
    fn a_delay_under_a_second_is_a_second_and_fractions_are_cut() {
        for (text, seconds) in [
            ("1h", 3600),
            ("90s", 90),
            ("1.5m", 90),
            ("10ms", 1),
            ("-5m", 1),
            ("2500ms", 2),
            ("0", 1),
        ] {
            let schedule = Schedule::parse(&format!("@every {text}")).unwrap();
            assert_eq!(schedule.timing(), Timing::Every(seconds), "{text}");
        }
    }

    #[test]
    fn the_thirty_first_of_february_never_comes_and_the_twenty_ninth_does() {
        let fires = |text: &str| Schedule::parse(text).unwrap().ever_fires();
        assert!(!fires("0 0 31 2 *"));
        assert!(!fires("0 0 30 2 *"));
        assert!(!fires("0 0 31 4,6,9,11 *"));
        assert!(!fires(", * * * *"), "Kubernetes accepts an empty list");
        assert!(fires("0 0 29 2 *"));
        assert!(fires("0 0 31 2 MON"), "a day of the week is an alternative");
        assert!(fires("0 0 31 2,3 *"));
    }

    #[test]
    fn the_search_ends_with_the_fifth_year() {
        let leap_day = "0 0 29 2 *";
        assert_eq!(next(leap_day, date(2096, 2, 29).at(0, 0, 0, 0)), None);
        assert_eq!(
            next(leap_day, date(2099, 1, 1).at(0, 0, 0, 0)),
            Some(date(2104, 2, 29).at(0, 0, 0, 0))
        );
    }

    proptest! {
        #[test]
        fn a_schedule_that_ever_fires_is_one_that_has_a_next_time(
            minute in "[0-9*,]{1,3}", hour in "[0-9*,]{1,2}", day in "(29|30|31|[0-9*,?]{1,4})",
            month in "(2|[0-9*,]{1,4})", weekday in "(\\*|\\?|[0-6,]{1,3})",
        ) {
            if let Ok(schedule) = Schedule::parse(&format!("{minute} {hour} {day} {month} {weekday}")) {
                let found = schedule.next_after(date(2026, 1, 1).at(0, 0, 0, 0));
                prop_assert_eq!(schedule.ever_fires(), found.is_some());
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic_or_mark_what_is_not_there(text in "\\PC{0,30}|[-0-9*/,? @A-Z]{0,20}|@every [-+.0-9a-zµ]{0,12}") {
            if let Err(refusal) = Schedule::parse(&text) {
                prop_assert!(text.get(refusal.range.clone()).is_some(), "{:?} in {:?}", refusal, text);
            }
        }
    }
}
