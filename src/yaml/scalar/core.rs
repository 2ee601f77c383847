//! YAML 1.2's core schema (specification, section 10.3.2).

use super::{Reading, finite, integer, is_decimal_float, split_sign};

/// What a YAML 1.2 reader takes.
pub(super) fn reading(text: &str) -> Reading {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Reading::Null,
        "true" | "True" | "TRUE" => return Reading::Bool(true),
        "false" | "False" | "FALSE" => return Reading::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Reading::NotFinite,
        _ => {}
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return integer(false, digits, 8).unwrap_or(Reading::Text);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return integer(false, digits, 16).unwrap_or(Reading::Text);
    }
    let (negative, rest) = split_sign(text);
    if matches!(rest, ".inf" | ".Inf" | ".INF") {
        return Reading::NotFinite;
    }
    if let Some(reading) = integer(negative, rest, 10) {
        return reading;
    }
    match text.parse() {
        Ok(value) if is_decimal_float(rest) => finite(value),
        _ => Reading::Text,
    }
}
