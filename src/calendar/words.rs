//! Times, amounts and lists in the words that text and page share.
//!
//! In: values of a calendar. Out: short texts.

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::Effect;
use crate::model::TimeZone;

/// `Mon 23 Nov 03:00 CET`, on a zone's clock.
pub(super) fn moment(time: Timestamp, zone: &TimeZone) -> String {
    let time = time.to_zoned(zone.rules());
    let seconds = if time.second() == 0 { "" } else { ":%S" };
    time.strftime(&format!("%a %d %b %H:%M{seconds} %Z")).to_string()
}

/// `02:00Z`, with the day where it is another than on the zone's clock.
pub(super) fn utc(time: Timestamp, zone: &TimeZone) -> String {
    let utc = time.to_zoned(jiff::tz::TimeZone::UTC);
    let same_day = time.to_zoned(zone.rules()).date() == utc.date();
    utc.strftime(if same_day { "%H:%MZ" } else { "%a %H:%MZ" }).to_string()
}

/// `Mon 23 Nov 03:00 CET to 03:30`, with the day of the end where it is another.
pub(super) fn stretch(from: Timestamp, until: Timestamp, zone: &TimeZone) -> String {
    let rules = zone.rules();
    let (first, last) = (from.to_zoned(rules.clone()), until.to_zoned(rules));
    let same_day = first.date() == last.date();
    let end = last.strftime(if same_day { "%H:%M" } else { "%a %d %b %H:%M" });
    format!("{} to {end}", moment(from, zone))
}

/// `1h30m`, `45s`.
pub(super) fn duration(seconds: i64) -> String {
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let parts = parts.iter().filter(|(amount, _)| *amount > 0);
    parts.map(|(amount, unit)| format!("{amount}{unit}")).collect()
}

/// `6.5`: CPUs of their billionths, rounded up.
pub(super) fn cpus(nanos: i128) -> String {
    let milli = (nanos + 999_999) / 1_000_000;
    let text = format!("{}.{:03}", milli / 1000, milli % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `26 GiB`, rounded up to a tenth.
pub(super) fn memory(bytes: i128) -> String {
    let (unit, name) = if bytes >= 1 << 30 { (1 << 30, "GiB") } else { (1 << 20, "MiB") };
    let tenths = (bytes * 10 + unit - 1) / unit;
    match tenths % 10 {
        0 => format!("{} {name}", tenths / 10),
        tenth => format!("{}.{tenth} {name}", tenths / 10),
    }
}

/// What a change of the clock does, in two words.
pub(super) fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Skipped => "no run",
        Effect::Doubled => "two runs",
        Effect::PassedOver => "passed over",
        Effect::Shifted => "shifted",
    }
}

/// `02:30`, or with its day where it is not the day of the change.
pub(super) fn times(times: &[DateTime], change: DateTime) -> String {
    let time = |time: &DateTime| {
        let same_day = time.date() == change.date();
        time.strftime(if same_day { "%H:%M" } else { "%d %b %H:%M" }).to_string()
    };
    times.iter().map(time).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_as_short_as_they_can_be_and_never_too_small() {
        assert_eq!(cpus(500_000_000), "0.5");
        assert_eq!(cpus(12_000_000_000), "12");
        assert_eq!(cpus(100_000_001), "0.101");
        assert_eq!(memory(26 << 30), "26 GiB");
        assert_eq!(memory((1 << 30) + 1), "1.1 GiB");
        assert_eq!(memory(256 << 20), "256 MiB");
        assert_eq!(duration(5400), "1h30m");
        assert_eq!(duration(45), "45s");
    }

    #[test]
    fn utc_names_its_day_only_where_it_is_another() {
        let zurich = TimeZone::parse("Europe/Zurich").unwrap();
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(utc(time("2026-11-23T02:00:00Z"), &zurich), "02:00Z");
        assert_eq!(utc(time("2026-11-22T23:30:00Z"), &zurich), "Sun 23:30Z");
        assert_eq!(moment(time("2026-11-23T02:00:00Z"), &zurich), "Mon 23 Nov 03:00 CET");
        let until = |until: &str| stretch(time("2026-11-23T22:30:00Z"), time(until), &zurich);
        assert_eq!(until("2026-11-23T22:45:00Z"), "Mon 23 Nov 23:30 CET to 23:45");
        assert_eq!(until("2026-11-23T23:00:00Z"), "Mon 23 Nov 23:30 CET to Tue 24 Nov 00:00");
    }
}
