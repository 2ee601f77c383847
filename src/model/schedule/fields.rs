//! The five fields of a schedule, as bit sets.
//!
//! In: the text. Out: [`Fields`], or the part of the field that is wrong.

use std::ops::Range;

use crate::model::refusal::Refusal;

/// The minutes, hours and days at which a schedule runs: bit `n` stands for the value `n`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fields {
    /// Minutes, 0 to 59.
    pub minute: u64,
    /// Hours, 0 to 23.
    pub hour: u64,
    /// Days of the month, 1 to 31.
    pub day_of_month: u64,
    /// Months, 1 to 12.
    pub month: u64,
    /// Days of the week, 0 (Sunday) to 6.
    pub day_of_week: u64,
}

/// Set where a field holds `*` or `?` with no step beyond one: of two restricted day fields either
/// may match, but with a star in one of them both must.
pub(super) const STAR: u64 = 1 << 63;

struct Kind {
    name: &'static str,
    min: u64,
    max: u64,
    /// Three-letter names, the first of which stands for `min`.
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const KINDS: [Kind; 5] = [
    Kind { name: "minute", min: 0, max: 59, names: &[] },
    Kind { name: "hour", min: 0, max: 23, names: &[] },
    Kind { name: "day of the month", min: 1, max: 31, names: &[] },
    Kind { name: "month", min: 1, max: 12, names: &MONTHS },
    Kind { name: "day of the week", min: 0, max: 6, names: &WEEKDAYS },
];

/// A part of the whole text, so that a refusal can say where it stands.
#[derive(Clone, Copy)]
struct Part<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Part<'a> {
    fn range(self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    fn split(self, separator: char) -> impl Iterator<Item = Part<'a>> {
        let mut start = self.start;
        self.text.split(separator).map(move |text| {
            let part = Part { text, start };
            start += text.len() + separator.len_utf8();
            part
        })
    }
}

impl Fields {
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let parts: Vec<Part<'_>> = text
            .split_whitespace()
            .map(|part| Part { text: part, start: part.as_ptr() as usize - text.as_ptr() as usize })
            .collect();
        let [minute, hour, day_of_month, month, day_of_week] = parts[..] else {
            return Err(wrong_count(text, &parts));
        };
        let [minutes, hours, days, months, weekdays] = &KINDS;
        Ok(Self {
            minute: parse_list(minute, minutes)?,
            hour: parse_list(hour, hours)?,
            day_of_month: parse_list(day_of_month, days)?,
            month: parse_list(month, months)?,
            day_of_week: parse_list(day_of_week, weekdays)?,
        })
    }

    /// Whether any day of any year has all that the fields ask for.
    pub(super) fn ever_fires(&self) -> bool {
        // The longest that each month gets, January first.
        const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let months = (1..=12).filter(|month| self.month >> month & 1 == 1);
        let both = (self.day_of_month | self.day_of_week) & STAR != 0;
        let any_weekday = self.day_of_week & !STAR != 0;
        self.minute & !STAR != 0
            && self.hour & !STAR != 0
            && months.into_iter().any(|month: u32| {
                let in_month = (1u64 << (DAYS[month as usize - 1] + 1)) - 2;
                let any_day = self.day_of_month & in_month != 0;
                if both { any_day && any_weekday } else { any_day || any_weekday }
            })
    }
}

fn wrong_count(text: &str, parts: &[Part<'_>]) -> Refusal {
    let refusal = Refusal::whole(
        text,
        format!(
            "a schedule has five fields (minute, hour, day of the month, month, day of the week), found {}",
            parts.len()
        ),
    );
    match parts.len() {
        6 => refusal.with_help(
            "Kubernetes' schedules have no field for seconds and none for years: take it out",
        ),
        _ => refusal,
    }
}

fn parse_list(field: Part<'_>, kind: &Kind) -> Result<u64, Refusal> {
    // Empty items are passed over, and a list of nothing else is an empty set, as in Kubernetes.
    field
        .split(',')
        .filter(|item| !item.text.is_empty())
        .try_fold(0, |bits, item| Ok(bits | parse_range(item, kind)?))
}

/// `*`, `n`, `a-b`, each also with `/step`.
fn parse_range(item: Part<'_>, kind: &Kind) -> Result<u64, Refusal> {
    let mut slashes = item.split('/');
    let range = slashes.next().unwrap_or(item);
    let step = slashes.next();
    if slashes.next().is_some() {
        return Err(refuse(item.range(), kind, "has more than one `/`"));
    }
    let mut hyphens = range.split('-');
    let low = hyphens.next().unwrap_or(range);
    let high = hyphens.next();
    let star = matches!(low.text, "*" | "?");
    let (start, end) = if star {
        // What follows a star up to the slash is not looked at, as in Kubernetes.
        (kind.min, kind.max)
    } else {
        let start = parse_value(low, kind)?;
        if hyphens.next().is_some() {
            return Err(refuse(item.range(), kind, "has more than one `-`"));
        }
        (start, high.map_or(Ok(start), |high| parse_value(high, kind))?)
    };
    let (end, step) = match step {
        None => (end, 1),
        Some(step) => {
            let step = match parse_number(step.text) {
                Some(0) => return Err(refuse(step.range(), kind, "has a step of 0")),
                Some(step) => step,
                None => {
                    return Err(refuse(
                        step.range(),
                        kind,
                        "has a step that is not a whole number",
                    ));
                }
            };
            // One value with a step runs from there to the end.
            (if high.is_none() { kind.max } else { end }, step)
        }
    };
    if start < kind.min {
        return Err(out_of_range(low, start, kind));
    }
    if end > kind.max {
        return Err(out_of_range(high.unwrap_or(low), end, kind));
    }
    if start > end {
        // A single value beyond the maximum, with a step.
        if high.is_none() {
            return Err(out_of_range(low, start, kind));
        }
        return Err(refuse(range.range(), kind, "has a range that starts after its end"));
    }
    let mut bits = if star && step == 1 { STAR } else { 0 };
    let mut value = start;
    while value <= end {
        bits |= 1 << value;
        value = value.saturating_add(step);
    }
    Ok(bits)
}

fn parse_value(part: Part<'_>, kind: &Kind) -> Result<u64, Refusal> {
    let named = kind.names.iter().position(|name| name.eq_ignore_ascii_case(part.text));
    if let Some(position) = named {
        return Ok(kind.min + position as u64);
    }
    parse_number(part.text).ok_or_else(|| not_a_value(part, kind))
}

/// A whole number, as Go's `strconv.Atoi` reads it, and not negative.
fn parse_number(text: &str) -> Option<u64> {
    u64::try_from(text.parse::<i64>().ok()?).ok()
}

fn refuse(range: Range<usize>, kind: &Kind, what: &str) -> Refusal {
    Refusal::new(range, format!("the {} {what}", kind.name))
}

fn not_a_value(part: Part<'_>, kind: &Kind) -> Refusal {
    let refusal = if part.text.is_empty() {
        refuse(part.range(), kind, "has a range with an end missing")
    } else {
        refuse(part.range(), kind, "is not a number that Kubernetes reads here")
    };
    let lower = part.text.to_lowercase();
    if let Some(name) = kind.names.iter().find(|name| lower.starts_with(**name)) {
        return refusal.with_help(format!("names have three letters: `{}`", name.to_uppercase()));
    }
    if lower.bytes().any(|byte| matches!(byte, b'l' | b'w' | b'#' | b'h')) && !part.text.is_empty()
    {
        return refusal.with_help(
            "`L`, `W`, `#` and `H` belong to other schedulers; Kubernetes has none of them",
        );
    }
    refusal
}

fn out_of_range(part: Part<'_>, value: u64, kind: &Kind) -> Refusal {
    let refusal =
        refuse(part.range(), kind, &format!("is {} to {}, not {value}", kind.min, kind.max));
    if value == 7 && kind.max == 6 {
        return refusal.with_help("Sunday is `0` or `SUN` in Kubernetes");
    }
    refusal
}
