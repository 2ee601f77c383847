//! Characters that no YAML text may hold, and those that the readers disagree about.
//!
//! In: bytes or text. Out: the text, or findings at the characters.

use super::scalar::is_printable;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::tree::{SourceId, Span};

/// How many bad characters of one text are reported; a binary file would otherwise give a finding
/// per byte.
const MAX_FINDINGS: usize = 10;

/// The text of a file, or a finding at the first byte that is not UTF-8.
pub fn decode(source: SourceId, bytes: Vec<u8>) -> Result<String, Box<Diagnostic>> {
    String::from_utf8(bytes).map_err(|error| {
        let start = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let byte = bytes.get(start).copied().unwrap_or_default();
        let span = Span { source, start: offset(start), end: offset(start) };
        let diagnostic = Diagnostic::error(
            &code::YAML_CHARACTER,
            span,
            format!("byte {byte:#04x} at offset {start} is not UTF-8"),
        );
        let help = match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "this is UTF-16; save the file as UTF-8",
            _ => "save the file as UTF-8",
        };
        Box::new(diagnostic.with_help(help))
    })
}

/// Reports the characters that a text may not hold; whether there are none.
pub(super) fn check(source: SourceId, text: &str, found: &mut Diagnostics) -> bool {
    if is_harmless(text) {
        return true;
    }
    let mut count = 0;
    for (at, character) in text.char_indices() {
        if character == '\n' || character == '\r' || character == '\t' || is_printable(character) {
            continue;
        }
        if character == '\u{feff}' && at == 0 {
            continue;
        }
        count += 1;
        if count > MAX_FINDINGS {
            break;
        }
        let span = Span { source, start: offset(at), end: offset(at + character.len_utf8()) };
        found.push(describe(character, span));
    }
    count == 0
}

/// The common case, a byte at a time: printable ASCII, line feeds and tabs.
fn is_harmless(text: &str) -> bool {
    // Blocks without an early exit inside, which compilers turn into vector instructions.
    text.as_bytes().chunks(256).all(|block| {
        !block.iter().fold(false, |bad, &byte| {
            bad | (((byte < b' ') & (byte != b'\n') & (byte != b'\t')) | (byte >= 0x7f))
        })
    })
}

fn describe(character: char, span: Span) -> Diagnostic {
    let code = u32::from(character);
    let (message, help) = match character {
        '\0' => ("a NUL character cannot stand in YAML".to_owned(), None),
        '\u{feff}' => (
            "a byte order mark (U+FEFF) stands inside the text".to_owned(),
            Some("take it out; only the very start of a file may have one"),
        ),
        '\u{85}' | '\u{2028}' | '\u{2029}' => (
            format!("U+{code:04X} ends the line for PyYAML and Go, but not for YAML 1.2"),
            Some("use a line feed, or an escape such as \"\\u2028\" in double quotes"),
        ),
        _ => (
            format!("the character U+{code:04X} cannot stand in YAML as it is"),
            Some("write it as an escape in double quotes, such as \"\\x1b\", or take it out"),
        ),
    };
    let diagnostic = Diagnostic::error(&code::YAML_CHARACTER, span, message);
    diagnostic.with_optional_help(help)
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let mut found = Diagnostics::default();
        check(SourceId(0), text, &mut found);
        found.iter().map(|d| format!("{}-{} {}", d.span.start, d.span.end, d.message)).collect()
    }

    #[test]
    fn characters_that_readers_refuse_or_disagree_about_are_found() {
        assert_eq!(messages("a: \0"), ["3-4 a NUL character cannot stand in YAML"]);
        assert_eq!(messages("é\u{7f}"), ["2-3 the character U+007F cannot stand in YAML as it is"]);
        assert_eq!(messages("a\u{feff}").len(), 1);
        assert_eq!(messages("a\u{2028}").len(), 1);
        assert_eq!(messages("a\u{85}").len(), 1);
        assert_eq!(messages(&"\u{1}".repeat(1000)).len(), MAX_FINDINGS);
    }

    #[test]
    fn ordinary_text_in_any_language_is_fine() {
        assert!(messages("a: b\r\n\tc é 日本 🎉\n").is_empty());
        assert!(messages("\u{feff}a: b").is_empty());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_found_at_their_place() {
        let diagnostic = decode(SourceId(0), b"a: \xff".to_vec()).unwrap_err();
        assert_eq!(diagnostic.message, "byte 0xff at offset 3 is not UTF-8");
        assert_eq!(diagnostic.span.start, 3);
        assert_eq!(decode(SourceId(0), "é".into()).unwrap(), "é");
    }
}
