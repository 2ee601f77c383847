//! PyYAML's `SafeLoader`: the implicit resolvers of YAML 1.1 as its `resolver.py` has them.

use super::{Reading, finite, integer, split_digits, split_sign};

/// What `yaml.safe_load` takes.
pub(super) fn reading(text: &str) -> Reading {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Reading::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Reading::Bool(true);
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Reading::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Reading::NotFinite,
        // Both have a tag of their own that no constructor is registered for.
        "=" | "<<" => return Reading::Refused,
        _ => {}
    }
    let first = text.as_bytes()[0];
    if !first.is_ascii_digit() && !matches!(first, b'-' | b'+' | b'.') {
        return Reading::Text;
    }
    if is_timestamp(text) {
        return Reading::Date;
    }
    let (negative, rest) = split_sign(text);
    if matches!(rest, ".inf" | ".Inf" | ".INF") {
        return Reading::NotFinite;
    }
    if let Some(value) = float(text, negative, rest) {
        return value;
    }
    whole(negative, rest).unwrap_or(Reading::Text)
}

/// Its integers: binary, octal by a leading zero, decimal, hexadecimal and base 60, with
/// underscores anywhere.
fn whole(negative: bool, text: &str) -> Option<Reading> {
    let without = |text: &str| text.replace('_', "");
    let made_of = |text: &str, digit: fn(u8) -> bool| {
        !text.is_empty() && text.bytes().all(|byte| byte == b'_' || digit(byte))
    };
    if let Some(digits) = text.strip_prefix("0b")
        && made_of(digits, |byte| matches!(byte, b'0' | b'1'))
    {
        return Some(integer(negative, &without(digits), 2).unwrap_or(Reading::Refused));
    }
    if let Some(digits) = text.strip_prefix("0x")
        && made_of(digits, |byte| byte.is_ascii_hexdigit())
    {
        return Some(integer(negative, &without(digits), 16).unwrap_or(Reading::Refused));
    }
    if text.starts_with('0') {
        return match made_of(text, |byte| matches!(byte, b'0'..=b'7')) {
            true => integer(negative, &without(text), 8),
            false => None,
        };
    }
    let (head, tail) = text.split_once(':').map_or((text, None), |(head, tail)| (head, Some(tail)));
    if !head.starts_with(|first: char| first.is_ascii_digit())
        || !made_of(head, |byte| byte.is_ascii_digit())
    {
        return None;
    }
    let head = without(head);
    let Some(tail) = tail else {
        return integer(negative, &head, 10);
    };
    if !tail.split(':').all(is_sixtieth) {
        return None;
    }
    let places = std::iter::once(head.as_str()).chain(tail.split(':'));
    let value = places
        .map(|place| place.parse::<u64>().ok())
        .try_fold(0u64, |value, place| value.checked_mul(60)?.checked_add(place?));
    Some(match value {
        Some(value) => integer(negative, &value.to_string(), 10)?,
        None => Reading::HugeInteger,
    })
}

/// Its floating-point numbers, which need a point, a signed exponent if any, and may be in base 60.
fn float(text: &str, negative: bool, unsigned: &str) -> Option<Reading> {
    // `.5` takes no sign.
    if let Some(rest) = text.strip_prefix('.') {
        if !rest.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let (_, rest) = split_digits_and_underscores(rest);
        return is_exponent(rest).then(|| parse(text));
    }
    if !unsigned.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let (whole, fraction) = unsigned.split_once('.')?;
    let (places, rest) = split_digits_and_underscores(whole);
    if rest.is_empty() {
        let (_, exponent) = split_digits_and_underscores(fraction);
        return is_exponent(exponent).then(|| parse(text));
    }
    let sixtieths = rest.strip_prefix(':')?;
    let (_, beyond) = split_digits_and_underscores(fraction);
    if !beyond.is_empty() || !sixtieths.split(':').all(is_sixtieth) {
        return None;
    }
    let last = format!("{}.{fraction}", sixtieths.rsplit(':').next()?).replace('_', "");
    let middle = sixtieths.split(':').rev().skip(1);
    let higher = middle.chain(std::iter::once(places)).map(|place| place.replace('_', ""));
    let mut value = last.parse::<f64>().ok()?;
    let mut base = 60.0;
    for place in higher {
        value += place.parse::<f64>().ok()? * base;
        base *= 60.0;
    }
    Some(finite(if negative { -value } else { value }))
}

/// One of the lower places of a base 60 number.
fn is_sixtieth(place: &str) -> bool {
    matches!(place.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
}

/// Nothing, or `e`, a sign and digits.
fn is_exponent(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['e', 'E']) else {
        return text.is_empty();
    };
    let Some(digits) = rest.strip_prefix(['+', '-']) else {
        return false;
    };
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn split_digits_and_underscores(text: &str) -> (&str, &str) {
    let end =
        text.bytes().position(|byte| !byte.is_ascii_digit() && byte != b'_').unwrap_or(text.len());
    text.split_at(end)
}

fn parse(text: &str) -> Reading {
    text.replace('_', "").parse().map_or(Reading::Refused, finite)
}

/// A date `2001-12-14`, or a point in time in the looser form of YAML 1.1.
fn is_timestamp(text: &str) -> bool {
    let Some((year, rest)) = text.split_once('-') else {
        return false;
    };
    let Some((month, rest)) = rest.split_once('-') else {
        return false;
    };
    let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(year, 4..=4) || !digits(month, 1..=2) {
        return false;
    }
    let (day, rest) = split_digits(rest);
    if rest.is_empty() {
        return month.len() == 2 && day.len() == 2;
    }
    if !digits(day, 1..=2) {
        return false;
    }
    let blank = [' ', '\t'];
    let time = match rest.strip_prefix(['T', 't']) {
        Some(time) => time,
        None if rest.starts_with(blank) => rest.trim_start_matches(blank),
        None => return false,
    };
    let Some((hour, time)) = time.split_once(':') else {
        return false;
    };
    let Some((minute, time)) = time.split_once(':') else {
        return false;
    };
    let (second, time) = split_digits(time);
    if !digits(hour, 1..=2) || !digits(minute, 2..=2) || !digits(second, 2..=2) {
        return false;
    }
    let time = time.strip_prefix('.').map_or(time, |fraction| split_digits(fraction).1);
    if time.is_empty() {
        return true;
    }
    let zone = time.trim_start_matches(blank);
    if zone == "Z" {
        return true;
    }
    let Some(offset) = zone.strip_prefix(['+', '-']) else {
        return false;
    };
    match offset.split_once(':') {
        Some((hours, minutes)) => digits(hours, 1..=2) && digits(minutes, 2..=2),
        None => digits(offset, 1..=2),
    }
}
