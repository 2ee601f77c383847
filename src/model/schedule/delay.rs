//! `@every` and its duration, as Go writes durations: `1h30m`, `90s`, `1.5h`.
//!
//! In: the duration's text. Out: whole seconds, at least one; or the part that is wrong.

use jiff::civil::DateTime;
use jiff::{SignedDuration, ToSpan};

use crate::model::refusal::Refusal;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// Go's durations are 64-bit counts of nanoseconds: 292 years.
const MOST_NANOS: u64 = 1 << 63;

const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    // Both characters that stand for micro.
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("h", 3600 * NANOS_PER_SECOND),
];

pub(super) fn parse(text: &str) -> Result<u64, Refusal> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let negative = text.starts_with('-');
    if unsigned.is_empty() {
        return Err(malformed(0..text.len(), "a duration is missing"));
    }
    let nanos = if unsigned == "0" { 0 } else { parse_terms(text, text.len() - unsigned.len())? };
    if !negative && nanos >= MOST_NANOS {
        return Err(too_long(text));
    }
    let nanos = if negative { 0 } else { nanos };
    Ok((nanos / NANOS_PER_SECOND).max(1))
}

/// Numbers with units, one after the other, from a byte on.
fn parse_terms(text: &str, mut at: usize) -> Result<u64, Refusal> {
    let mut total = 0u64;
    while at < text.len() {
        let rest = &text[at..];
        let number =
            rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let after = &rest[number..];
        let unit = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let term = at..at + number + unit;
        let nanos = parse_term(&rest[..number], &after[..unit], term)?;
        total = nanos
            .and_then(|nanos| total.checked_add(nanos))
            .filter(|total| *total <= MOST_NANOS)
            .ok_or_else(|| too_long(text))?;
        at += number + unit;
    }
    Ok(total)
}

/// One number with its unit; `None` when it is beyond what Go's durations hold.
fn parse_term(
    number: &str,
    unit: &str,
    range: std::ops::Range<usize>,
) -> Result<Option<u64>, Refusal> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return Err(malformed(range, "a duration is numbers with units"));
    }
    if unit.is_empty() {
        return Err(malformed(range, "a number of a duration needs a unit"));
    }
    let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let refusal = malformed(range, "a duration knows no such unit");
        return Err(if unit == "d" {
            refusal.with_help("write days as hours: `24h`")
        } else {
            refusal
        });
    };
    let whole = if whole.is_empty() { Some(0) } else { whole.parse::<u64>().ok() };
    let nanos = whole
        .and_then(|whole| whole.checked_mul(*scale))
        .and_then(|nanos| nanos.checked_add(fraction_of(fraction, *scale)))
        .filter(|nanos| *nanos <= MOST_NANOS);
    Ok(nanos)
}

/// `0.fraction` of a unit, in nanoseconds, cut.
fn fraction_of(digits: &str, scale: u64) -> u64 {
    // Nanoseconds of an hour have 13 digits: what follows 18 of the fraction cannot show.
    let digits = &digits[..digits.len().min(18)];
    let value = digits.parse::<u128>().unwrap_or(0);
    let exponent = u32::try_from(digits.len()).unwrap_or(0);
    u64::try_from(value * u128::from(scale) / 10u128.pow(exponent)).unwrap_or(0)
}

fn malformed(range: std::ops::Range<usize>, reason: &str) -> Refusal {
    Refusal::new(range, reason).with_help("write it with the units h, m and s: `@every 1h30m`")
}

fn too_long(text: &str) -> Refusal {
    Refusal::whole(text, "a duration has at most 292 years")
}

pub(super) fn next_after(seconds: u64, time: DateTime) -> Option<DateTime> {
    let delay = SignedDuration::from_secs(i64::try_from(seconds).ok()?);
    let whole = time.checked_sub(i64::from(time.subsec_nanosecond()).nanoseconds()).ok()?;
    whole.checked_add(delay).ok()
}
