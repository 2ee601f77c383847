//! What a plain scalar means: to YAML 1.2's core schema, to PyYAML and to Go's sigs.k8s.io/yaml.
//!
//! In: the text of an unquoted scalar. Out: a [`Reading`] per reader, whether they agree, and
//! whether a writer must quote the text. It never looks at structure and never decides what to do
//! about a disagreement.

mod core;
mod go;
mod plain;
mod pyyaml;

pub use plain::needs_quotes;
pub(super) use plain::{is_printable, is_safe_plain_byte};

use std::fmt;

use serde_json::Number;

use super::Dialect;
use crate::tree::Value;

/// What one reader makes of a plain scalar.
#[derive(Clone, PartialEq, Debug)]
pub enum Reading {
    /// Nothing: `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number that JSON can hold.
    Number(Number),
    /// The text itself.
    Text,
    /// A date or a point in time, which JSON does not have.
    Date,
    /// An integer beyond 64 bits.
    HugeInteger,
    /// Infinity or "not a number", which JSON does not have.
    NotFinite,
    /// The reader stops with an error.
    Refused,
}

/// What the three readers make of one plain scalar, when they do not agree.
#[derive(Clone, PartialEq, Debug)]
pub struct Readings {
    /// YAML 1.2, core schema.
    pub core: Reading,
    /// PyYAML's `safe_load`: YAML 1.1.
    pub pyyaml: Reading,
    /// Go's sigs.k8s.io/yaml, and with it kubectl, Helm, Flux and Argo CD.
    pub go: Reading,
}

/// What a reader of this dialect makes of a plain scalar.
pub fn reading(text: &str, dialect: Dialect) -> Reading {
    if is_surely_text(text) {
        return Reading::Text;
    }
    match dialect {
        Dialect::Definition => core::reading(text),
        Dialect::PyYaml => pyyaml::reading(text),
    }
}

/// The value of a plain scalar. What JSON cannot hold (dates, infinity, integers beyond 64 bits)
/// stays text: the tree reader reports it beforehand where it is a mistake.
pub fn resolve(text: &str, dialect: Dialect) -> Value {
    reading(text, dialect).into_value(text)
}

/// What the three readers take, when they differ; `None` when all read the same.
pub fn readings(text: &str) -> Option<Readings> {
    if is_surely_text(text) || is_small_decimal(text) {
        return None;
    }
    let all = Readings {
        core: core::reading(text),
        pyyaml: pyyaml::reading(text),
        go: go::reading(text),
    };
    let agree = all.core.is_same_as(&all.pyyaml) && all.core.is_same_as(&all.go);
    (!agree).then_some(all)
}

impl Reading {
    /// The value as the tree holds it; see [`resolve`] for what JSON cannot hold.
    pub fn into_value(self, text: &str) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Number(number) => Value::Number(number),
            _ => Value::from(text),
        }
    }

    /// Whether two readers' values are the same to whoever gets them as JSON: `1000` and `1000.0`
    /// are.
    fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) if one.is_f64() || other.is_f64() => {
                one.as_f64() == other.as_f64()
            }
            _ => self == other,
        }
    }

    /// The kind of value alone, for places where the value must not be shown.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(number) if number.is_f64() => "a number",
            Self::Number(_) | Self::HugeInteger => "an integer",
            Self::Text => "the text",
            Self::Date => "a date",
            Self::NotFinite => "infinity or not-a-number",
            Self::Refused => "an error",
        }
    }
}

/// The value in words: `the boolean true`, `the integer 90`.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "the boolean {value}"),
            Self::Number(number) if number.is_f64() => write!(f, "the number {number}"),
            Self::Number(number) => write!(f, "the integer {number}"),
            Self::HugeInteger => f.write_str("an integer beyond 64 bits"),
            _ => f.write_str(self.kind()),
        }
    }
}

/// Whether a closer look is needed to know if readers agree that this is text.
#[inline]
pub(super) fn may_be_ambiguous(text: &str) -> bool {
    !is_surely_text(text)
}

/// A first look that settles most scalars: no reader takes a text of this shape for anything but
/// text.
#[inline]
fn is_surely_text(text: &str) -> bool {
    match text.as_bytes() {
        [] => false,
        [b'0'..=b'9' | b'+' | b'-' | b'.', ..] => false,
        // The longest word with a meaning is `false`.
        [b'~' | b'<' | b'=' | b'y' | b'Y' | b'n' | b'N', ..] => text.len() > 5,
        [b't' | b'T' | b'f' | b'F' | b'o' | b'O', ..] => text.len() > 5,
        _ => true,
    }
}

/// A decimal integer of at most 18 digits without a leading zero: the same number to every reader.
fn is_small_decimal(text: &str) -> bool {
    match text.as_bytes() {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < 18 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// An integer in a base, 64 bits of either sign. The digits have no sign of their own and no
/// underscores.
fn integer(negative: bool, digits: &str, base: u32) -> Option<Reading> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    let Ok(magnitude) = u64::from_str_radix(digits, base) else {
        return Some(Reading::HugeInteger);
    };
    if !negative {
        return Some(Reading::Number(magnitude.into()));
    }
    let value = 0i64.checked_sub_unsigned(magnitude);
    Some(value.map_or(Reading::HugeInteger, |value| Reading::Number(value.into())))
}

/// A finite number, or [`Reading::NotFinite`].
fn finite(value: f64) -> Reading {
    Number::from_f64(value).map_or(Reading::NotFinite, Reading::Number)
}

/// Takes a sign off the front.
fn split_sign(text: &str) -> (bool, &str) {
    match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    }
}

/// Takes the ASCII digits off the front.
fn split_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// YAML 1.2's shape of a decimal floating-point number, without sign: `1`, `1.`, `1.5`, `.5`, each
/// with an exponent.
fn is_decimal_float(text: &str) -> bool {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return false;
    }
    match rest.strip_prefix(['e', 'E']) {
        Some(exponent) => {
            let (digits, rest) =
                split_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
            !digits.is_empty() && rest.is_empty()
        }
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(text: &str) -> [String; 3] {
        let all = readings(text).unwrap();
        [all.core.to_string(), all.pyyaml.to_string(), all.go.to_string()]
    }

    #[test]
    fn scalars_that_readers_take_differently_say_what_each_takes() {
        assert_eq!(takes("on"), ["the text", "the boolean true", "the boolean true"]);
        assert_eq!(takes("y"), ["the text", "the text", "the boolean true"]);
        assert_eq!(takes("012"), ["the integer 12", "the integer 10", "the integer 10"]);
        assert_eq!(takes("0o14"), ["the integer 12", "the text", "the integer 12"]);
        assert_eq!(takes("1:30"), ["the text", "the integer 90", "the text"]);
        assert_eq!(takes("1_000"), ["the text", "the integer 1000", "the integer 1000"]);
        assert_eq!(takes("0b1"), ["the text", "the integer 1", "the integer 1"]);
        assert_eq!(takes("1e3"), ["the number 1000.0", "the text", "the number 1000.0"]);
        assert_eq!(takes("2024-05-01"), ["the text", "a date", "the text"]);
        assert_eq!(takes("="), ["the text", "an error", "the text"]);
    }

    #[test]
    fn scalars_that_all_readers_take_alike_are_not_reported() {
        for text in [
            "",
            "~",
            "null",
            "true",
            "False",
            "0",
            "42",
            "-1",
            "+7",
            "1.0",
            "1.5e+3",
            "0x1F",
            "metadata",
            "no-ssl",
            "a b",
            "3 * * * *",
            "1.2.3",
            "10.0.0.1",
            "v1",
            "http://x:80",
            "18446744073709551615",
            ".5",
            "-",
            "+",
            ".",
            "nulL",
            "1e",
            "é",
        ] {
            assert_eq!(readings(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_beyond_json_are_told_apart_from_text() {
        assert_eq!(reading("18446744073709551616", Dialect::Definition), Reading::HugeInteger);
        assert_eq!(reading(".inf", Dialect::Definition), Reading::NotFinite);
        assert_eq!(
            reading("-9223372036854775808", Dialect::Definition),
            Reading::Number(i64::MIN.into())
        );
        assert_eq!(reading("-9223372036854775809", Dialect::PyYaml), Reading::HugeInteger);
    }

    #[test]
    fn pyyaml_dialect_resolves_as_safe_load_does() {
        assert_eq!(resolve("yes", Dialect::PyYaml), Value::Bool(true));
        assert_eq!(resolve("012", Dialect::PyYaml), Value::from(10));
        assert_eq!(resolve("1e3", Dialect::PyYaml), Value::from("1e3"));
        assert_eq!(resolve("2024-05-01", Dialect::PyYaml), Value::from("2024-05-01"));
        assert_eq!(resolve("-1:30", Dialect::PyYaml), Value::from(-90));
    }
}
