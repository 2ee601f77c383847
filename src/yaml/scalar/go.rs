//! Go's sigs.k8s.io/yaml, the reader of kubectl, Helm, Flux and Argo CD: `resolve` of
//! go.yaml.in/yaml/v2.

use super::{Reading, finite, integer, is_decimal_float, split_sign};

/// What `yaml.YAMLToJSON` takes. Points in time become text there.
pub(super) fn reading(text: &str) -> Reading {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Reading::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Reading::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Reading::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Reading::NotFinite,
        _ => {}
    }
    match text.as_bytes()[0] {
        b'.' => {
            if matches!(text, ".inf" | ".Inf" | ".INF") {
                return Reading::NotFinite;
            }
            fraction(text)
        }
        b'+' | b'-' | b'0'..=b'9' => number(text),
        _ => Reading::Text,
    }
}

/// `strconv.ParseFloat` of a text that starts with a point: underscores only between digits.
fn fraction(text: &str) -> Reading {
    let bytes = text.as_bytes();
    let between_digits = |at: usize| {
        let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        at > 0 && is_digit(at - 1) && is_digit(at + 1)
    };
    if !(0..bytes.len()).all(|at| bytes[at] != b'_' || between_digits(at)) {
        return Reading::Text;
    }
    float(&text.replace('_', ""))
}

/// Integers as Go writes them in source (`0x`, `0o`, `0b`, a leading zero for octal), underscores
/// taken out wherever they stand; then decimal floating point, which also takes what overflowed.
fn number(text: &str) -> Reading {
    let (_, rest) = split_sign(text);
    if matches!(rest, ".inf" | ".Inf" | ".INF") {
        return Reading::NotFinite;
    }
    let plain = text.replace('_', "");
    let (negative, rest) = split_sign(&plain);
    let signed = rest.len() < plain.len();
    let (base, digits) = match rest.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &rest[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &rest[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &rest[2..]),
        [b'0', _, ..] => (8, &rest[1..]),
        _ => (10, rest),
    };
    match integer(negative, digits, base) {
        // ParseUint, which takes what is beyond i64, takes no sign.
        Some(Reading::Number(number)) if !signed || number.is_i64() => {
            return Reading::Number(number);
        }
        _ => {}
    }
    // Its second try at binary numbers takes a sign behind the `0b`.
    if let Some(digits) = plain.strip_prefix("0b") {
        let (negative, digits) = split_sign(digits);
        if let Some(reading @ Reading::Number(_)) = integer(negative, digits, 2) {
            return reading;
        }
    }
    float(&plain)
}

/// A decimal floating-point number; text when it is none, or beyond the range.
fn float(text: &str) -> Reading {
    let (_, unsigned) = split_sign(text);
    match text.parse() {
        Ok(value) if is_decimal_float(unsigned) => match finite(value) {
            Reading::NotFinite => Reading::Text,
            reading => reading,
        },
        _ => Reading::Text,
    }
}
