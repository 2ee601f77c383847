//! When a text may stand without quotes.

use super::Reading;
use super::{core, go, is_surely_text, pyyaml};

/// Whether PyYAML, sigs.k8s.io/yaml or a YAML 1.2 reader would read this text, written plain as a
/// key or a value in block context, as anything but exactly this string.
pub fn needs_quotes(text: &str) -> bool {
    has_plain_syntax_trouble(text) || !is_text_to_all(text)
}

fn is_text_to_all(text: &str) -> bool {
    is_surely_text(text)
        || core::reading(text) == Reading::Text
            && pyyaml::reading(text) == Reading::Text
            && go::reading(text) == Reading::Text
}

/// Whether the text would be cut, joined or refused by the scanners, whatever the resolvers would
/// make of it.
fn has_plain_syntax_trouble(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return true;
    };
    if is_indicator(first) {
        // A dash starts a plain scalar when something follows it; three start a document.
        let is_word = first == b'-'
            && bytes.get(1).is_some_and(|next| *next != b' ')
            && !text.starts_with("---");
        if !is_word {
            return true;
        }
    }
    if first == b' ' || last == b' ' || last == b':' || text.starts_with("...") {
        return true;
    }
    if is_plain_throughout(bytes) {
        return false;
    }
    let mut before = first;
    for &byte in bytes {
        if !is_safe_plain_byte(byte) {
            let ends_the_scalar = match byte {
                b'#' => before == b' ',
                b' ' => before == b':',
                0x80.. => return !text.chars().all(is_printable) || has_trouble_in_ascii(bytes),
                b':' => false,
                _ => true,
            };
            if ends_the_scalar {
                return true;
            }
        }
        before = byte;
    }
    false
}

/// The common case: printable ASCII without the two characters that mean something inside a plain
/// scalar. No early exit, so that compilers look at many bytes at once.
fn is_plain_throughout(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |plain, &byte| {
        plain & (byte.wrapping_sub(b' ') < 0x5f) & (byte != b':') & (byte != b'#')
    })
}

/// The same look at the ASCII part of a text that is not all ASCII.
fn has_trouble_in_ascii(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| *byte < b' ' || *byte == 0x7f)
        || bytes.windows(2).any(|pair| pair == b": " || pair == b" #")
}

/// A character that starts something else than a plain scalar.
fn is_indicator(byte: u8) -> bool {
    matches!(
        byte,
        b'-' | b'?'
            | b':'
            | b','
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b'#'
            | b'&'
            | b'*'
            | b'!'
            | b'|'
            | b'>'
            | b'\''
            | b'"'
            | b'%'
            | b'@'
            | b'`'
    )
}

/// An ASCII byte that means nothing inside a plain scalar, whatever stands beside it.
pub(in crate::yaml) fn is_safe_plain_byte(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && byte != b'#' && byte != b':'
}

/// A character that all three readers take raw on a line. Beyond YAML's own set, U+0085, U+2028 and
/// U+2029 (line breaks to YAML 1.1) and the byte order mark are left out.
pub(in crate::yaml) fn is_printable(character: char) -> bool {
    matches!(character,
        ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}'
        | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_paths_and_flags_stay_plain() {
        for text in [
            "metadata",
            "http://openmetadata:8585/api",
            "--flag=x",
            "-c",
            "a b",
            "a#b",
            "é",
            "日本",
            "x:y",
            "0 3 * * *",
            "eu-central-1",
            "a'b",
            "a\"b",
            "a[0]",
            "a, b",
            "100m",
            "10.0.0.1",
            "$(X)",
            "a}}",
            "_",
            "/",
            "nano",
            "1.2.3",
            "256Mi",
        ] {
            assert!(!needs_quotes(text), "{text}");
        }
    }

    #[test]
    fn what_would_be_read_as_something_else_needs_quotes() {
        for text in [
            "",
            " ",
            " a",
            "a ",
            "a: b",
            "a:",
            ":",
            "a #b",
            "#",
            "- a",
            "-",
            "---",
            "--- a",
            "...",
            "? a",
            "?x",
            "on",
            "no",
            "y",
            "n",
            "~",
            "null",
            "true",
            "1",
            "1.5",
            "012",
            "0o14",
            "1:30",
            "1_000",
            "1e3",
            "0x1",
            "=",
            "<<",
            "2024-05-01",
            "[a",
            "{a",
            "*a",
            "&a",
            "!a",
            "|",
            ">",
            "'a",
            "\"a",
            "%a",
            "@a",
            "`a",
            ",a",
            "]",
            "}",
            "a\tb",
            "a\nb",
            "a\u{7f}",
            "\u{feff}a",
            "a\u{85}b",
            "a\u{2028}b",
            "é: b",
            "é #b",
            "é\u{1}",
            ".inf",
            "a\u{fffe}",
            "18446744073709551616",
        ] {
            assert!(needs_quotes(text), "{text:?}");
        }
    }
}
