//! Quantities: amounts of CPU, memory and other resources, as Kubernetes' `resource.Quantity` reads
//! them.
//!
//! In: the text. Out: a [`Quantity`], which keeps the text and knows its exact value to a
//! billionth, the finest that Kubernetes keeps; or the part that is wrong.

use std::cmp::Ordering;

use compact_str::CompactString;

use super::refusal::Refusal;
use crate::diagnostic::suggestion;

const NANOS: i128 = 1_000_000_000;
/// Larger values count as this, the largest 64-bit integer. Kubernetes cuts those with a binary
/// suffix down to it too.
const MOST: i128 = i64::MAX as i128 * NANOS;
/// Digits that are counted exactly: `10^20 · 2^60` still fits into 128 bits. Later digits only
/// round up.
const EXACT_DIGITS: usize = 20;
/// Decimal suffixes with their powers of ten, binary ones with their powers of 1024.
const DECIMAL: [(&str, i64); 10] = [
    ("", 0),
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// An amount of a resource. Two are equal when their values are: `1` and `1000m`.
#[derive(Clone, Debug)]
pub struct Quantity {
    text: CompactString,
    nanos: i128,
}

impl Quantity {
    /// Reads a quantity. A text with no digit at all, which Kubernetes reads as 0, is refused.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        parse_nanos(text).map(|nanos| Self { text: text.into(), nanos })
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value in billionths.
    pub fn nanos(&self) -> i128 {
        self.nanos
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    /// Whether it is a whole number.
    pub fn is_whole(&self) -> bool {
        self.nanos % NANOS == 0
    }

    /// Its order to a whole number.
    pub fn cmp_whole(&self, whole: i64) -> Ordering {
        self.nanos.cmp(&(i128::from(whole) * NANOS))
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

fn parse_nanos(text: &str) -> Result<i128, Refusal> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let start = text.len() - unsigned.len();
    let whole = leading_digits(unsigned);
    let (fraction, suffix) = match unsigned[whole.len()..].strip_prefix('.') {
        Some(rest) => {
            let fraction = leading_digits(rest);
            (fraction, &rest[fraction.len()..])
        }
        None => ("", &unsigned[whole.len()..]),
    };
    if whole.is_empty() && fraction.is_empty() {
        let what = if text.is_empty() { "it is empty" } else { "a quantity starts with a number" };
        return Err(Refusal::whole(text, what));
    }
    let suffix_start = text.len() - suffix.len();
    let (ten, binary) = parse_suffix(suffix).map_err(|refusal| refusal.shifted(suffix_start))?;
    debug_assert!(start <= suffix_start);
    let digits = CompactString::from(whole) + fraction;
    let magnitude = scale(&digits, ten - i64::try_from(fraction.len()).unwrap_or(i64::MAX), binary);
    Ok(if text.starts_with('-') { -magnitude } else { magnitude })
}

fn leading_digits(text: &str) -> &str {
    &text[..text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len()]
}

/// A suffix as a power of ten and one of 1024.
fn parse_suffix(suffix: &str) -> Result<(i64, u32), Refusal> {
    if let Some((_, ten)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Ok((*ten, 0));
    }
    if let Some(power) = BINARY.iter().position(|name| *name == suffix) {
        return Ok((0, u32::try_from(power + 1).unwrap_or(0)));
    }
    if let Some(exponent) = suffix.strip_prefix(['e', 'E'])
        && let Ok(ten) = exponent.parse::<i64>()
    {
        // Beyond these the value is cut down to the largest, or rounded up to the smallest, all the
        // same.
        return Ok((ten.clamp(-10_000, 10_000), 0));
    }
    Err(unknown_suffix(suffix))
}

fn unknown_suffix(suffix: &str) -> Refusal {
    let refusal = Refusal::whole(suffix, "Kubernetes knows no such suffix");
    let trimmed = suffix.trim();
    let without_byte = trimmed.strip_suffix(['B', 'b']).unwrap_or(trimmed);
    let meant = match without_byte.to_ascii_lowercase().as_str() {
        // A quantity has bytes as its unit already.
        "" if !trimmed.is_empty() => Some(""),
        "k" => Some("k"),
        "g" => Some("G"),
        "t" => Some("T"),
        "p" => Some("P"),
        "ki" => Some("Ki"),
        "mi" => Some("Mi"),
        "gi" => Some("Gi"),
        "ti" => Some("Ti"),
        "pi" => Some("Pi"),
        "m" if without_byte == "M" => Some("M"),
        _ => None,
    };
    match meant {
        Some("") => refusal.with_help("leave it out: without a suffix memory is counted in bytes"),
        Some(meant) => refusal.with_help(suggestion(meant)),
        None => refusal.with_help("suffixes are m, k, M, G, T, P, E and Ki, Mi, Gi, Ti, Pi, Ei"),
    }
}

/// `digits · 10^ten · 1024^binary`, in billionths, rounded up and cut down as Kubernetes does.
fn scale(digits: &str, ten: i64, binary: u32) -> i128 {
    let digits = digits.trim_start_matches('0');
    let kept = &digits[..digits.len().min(EXACT_DIGITS)];
    let dropped = &digits[kept.len()..];
    let ten = ten + 9 + i64::try_from(dropped.len()).unwrap_or(i64::MAX);
    let mut value = kept.parse::<i128>().unwrap_or(0);
    if value == 0 {
        return 0;
    }
    if dropped.bytes().any(|digit| digit != b'0') {
        value += 1;
    }
    let value = value << (10 * binary);
    let power = u32::try_from(ten.unsigned_abs()).ok().and_then(|ten| 10i128.checked_pow(ten));
    let scaled = if ten >= 0 {
        power.and_then(|power| value.checked_mul(power))
    } else {
        Some(power.map_or(1, |power| value / power + i128::from(value % power != 0)))
    };
    scaled.map_or(MOST, |scaled| scaled.min(MOST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quantity(text: &str) -> Quantity {
        Quantity::parse(text).unwrap()
    }

    #[test]
    fn values_are_compared_whatever_their_suffix() {
        for (one, other) in [
            ("1", "1000m"),
            ("0.5", "500m"),
            ("1Gi", "1024Mi"),
            ("1Gi", "1073741824"),
            ("1k", "1e3"),
            ("1E3", "1000"),
            ("1E", "1000P"),
            ("1.5Gi", "1536Mi"),
            ("+2", "2"),
            (".5", "0.5"),
            ("5.", "5"),
            ("1e-3", "1m"),
            ("1000n", "1u"),
            ("0100m", "100m"),
        ] {
            assert_eq!(quantity(one), quantity(other), "{one} {other}");
        }
        assert!(quantity("4Gi") > quantity("4G"));
        assert!(quantity("500m") < quantity("1"));
        assert!(quantity("-1").is_negative());
        assert_eq!(quantity("1536Mi").as_str(), "1536Mi");
    }

    #[test]
    fn what_is_finer_than_a_billionth_is_rounded_up_and_what_is_too_large_is_cut_down() {
        assert_eq!(quantity("0.1n").nanos(), 1);
        assert_eq!(quantity("1e-99999").nanos(), 1);
        assert_eq!(quantity("100E"), quantity("9223372036854775807"));
        assert_eq!(quantity("1e99999999"), quantity("9223372036854775807"));
        assert_eq!(quantity("0e99999999").nanos(), 0);
    }

    #[test]
    fn a_wrong_suffix_is_marked_and_the_right_one_offered() {
        for (text, range, help) in [
            ("4GB", 1..3, "did you mean `G`?"),
            ("4gi", 1..3, "did you mean `Gi`?"),
            ("512MB", 3..5, "did you mean `M`?"),
            ("512 Mi", 3..6, "did you mean `Mi`?"),
            ("100B", 3..4, "leave it out: without a suffix memory is counted in bytes"),
        ] {
            let refusal = Quantity::parse(text).unwrap_err();
            assert_eq!((refusal.range, refusal.help.as_deref()), (range, Some(help)), "{text}");
        }
        for bad in ["", "Gi", "1e", "1ee3", "--1", "1,5", "0x10", ".", "1Gi ", " 1"] {
            assert!(Quantity::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_larger_number_with_the_same_suffix_is_a_larger_quantity(
            a in 0u32.., b in 0u32.., suffix in "(|m|k|M|G|Ki|Mi|Gi)",
        ) {
            let order = quantity(&format!("{a}{suffix}")).cmp(&quantity(&format!("{b}{suffix}")));
            prop_assert_eq!(order, a.cmp(&b));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[-+.0-9eEinumkKMGTP ]{0,40}|\\PC{0,12}") {
            if let Err(refusal) = Quantity::parse(&text) {
                prop_assert!(text.get(refusal.range).is_some());
            }
        }
    }
}
