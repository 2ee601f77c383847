//! Canonical block YAML from a tree, in one pass.
//!
//! In: a [`Node`]. Out: text appended to a string, such that PyYAML, sigs.k8s.io/yaml and YAML 1.2
//! readers all read the tree back. Two spaces of indentation, sequences in the column of their key,
//! keys in the order of the tree, strings plain where that is safe, text of several lines as a
//! literal block. Long lines are never folded.

use serde_json::Number;

use super::scalar::{is_printable, is_safe_plain_byte, needs_quotes};
use crate::tree::{Mapping, Node, Value};

/// Keys from this length on are written after `?`: readers look for the `:` of a key in 1024
/// characters only.
const LONG_KEY: usize = 1000;

/// Appends a document, which ends with a line feed.
pub fn write(node: &Node, out: &mut String) {
    match &node.value {
        Value::Mapping(mapping) if !mapping.is_empty() => write_mapping(mapping, 0, out),
        Value::Sequence(items) if !items.is_empty() => write_sequence(items, 0, out),
        Value::String(text) => {
            write_line_string(text, out);
            out.push('\n');
        }
        _ => write_value(node, 0, out),
    }
}

/// Appends a stream of documents, with a `---` line between each two: none before the first, none
/// after the last.
pub fn write_documents<'n>(nodes: impl IntoIterator<Item = &'n Node>, out: &mut String) {
    for (number, node) in nodes.into_iter().enumerate() {
        if number > 0 {
            out.push_str("---\n");
        }
        write(node, out);
    }
}

/// The entries of a mapping. The caret stands at the place of the first key, where `indent` blanks
/// have been written.
fn write_mapping(mapping: &Mapping, indent: usize, out: &mut String) {
    for (number, entry) in mapping.iter().enumerate() {
        if number > 0 {
            pad(indent, out);
        }
        let is_plain = !needs_quotes(&entry.key);
        let start = out.len();
        if is_plain {
            out.push_str(&entry.key);
        } else {
            write_quoted(&entry.key, out);
        }
        if out.len() - start >= LONG_KEY {
            out.insert_str(start, "? ");
            out.push('\n');
            pad(indent, out);
        }
        out.push(':');
        match &entry.value.value {
            Value::Mapping(inner) if !inner.is_empty() => {
                out.push('\n');
                pad(indent + 2, out);
                write_mapping(inner, indent + 2, out);
            }
            Value::Sequence(items) if !items.is_empty() => {
                out.push('\n');
                pad(indent, out);
                write_sequence(items, indent, out);
            }
            _ => {
                out.push(' ');
                write_value(&entry.value, indent, out);
            }
        }
    }
}

/// The items of a sequence. The caret stands at the place of the first dash.
fn write_sequence(items: &[Node], indent: usize, out: &mut String) {
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            pad(indent, out);
        }
        out.push_str("- ");
        match &item.value {
            Value::Mapping(inner) if !inner.is_empty() => write_mapping(inner, indent + 2, out),
            Value::Sequence(items) if !items.is_empty() => write_sequence(items, indent + 2, out),
            _ => write_value(item, indent, out),
        }
    }
}

/// A scalar or an empty collection, and the end of its line. `indent` is that of what holds it.
fn write_value(node: &Node, indent: usize, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => match literal_header(text) {
            Some(header) => {
                write_literal(text, header, indent, out);
                return;
            }
            None => write_line_string(text, out),
        },
        Value::Sequence(_) => out.push_str("[]"),
        Value::Mapping(_) => out.push_str("{}"),
    }
    out.push('\n');
}

/// A number that all readers take for the same one: PyYAML wants a point in every float and a sign
/// in every exponent.
fn write_number(number: &Number, out: &mut String) {
    if let Some(value) = number.as_u64() {
        write_digits(value, out);
        return;
    }
    if let Some(value) = number.as_i64() {
        out.push('-');
        write_digits(value.unsigned_abs(), out);
        return;
    }
    let text = number.to_string();
    match text.split_once(['e', 'E']) {
        None => out.push_str(&text),
        Some((digits, exponent)) => {
            out.push_str(digits);
            if !digits.contains('.') {
                out.push_str(".0");
            }
            out.push('e');
            if !exponent.starts_with(['+', '-']) {
                out.push('+');
            }
            out.push_str(exponent);
        }
    }
}

fn write_digits(value: u64, out: &mut String) {
    if value >= 10 {
        write_digits(value / 10, out);
    }
    out.push(char::from(b'0' + (value % 10) as u8));
}

/// A string on one line: plain, or in quotes.
fn write_line_string(text: &str, out: &mut String) {
    if needs_quotes(text) {
        write_quoted(text, out);
    } else {
        out.push_str(text);
    }
}

/// Double quotes where an escape is needed or single quotes would have to be doubled; otherwise
/// single quotes.
fn write_quoted(text: &str, out: &mut String) {
    let mut needs_escapes = false;
    let mut has_single = false;
    let mut has_double = false;
    for &byte in text.as_bytes() {
        if !is_safe_plain_byte(byte) {
            needs_escapes |= byte < b' ' || byte == 0x7f;
        } else {
            has_single |= byte == b'\'';
            has_double |= byte == b'"' || byte == b'\\';
        }
    }
    needs_escapes = needs_escapes || (!text.is_ascii() && !text.chars().all(is_printable));
    if needs_escapes || (has_single && !has_double) {
        write_double_quoted(text, out);
        return;
    }
    out.push('\'');
    if !has_single {
        out.push_str(text);
        out.push('\'');
        return;
    }
    let mut parts = text.split('\'');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        out.push_str("''");
        out.push_str(part);
    }
    out.push('\'');
}

fn write_double_quoted(text: &str, out: &mut String) {
    out.push('"');
    let mut written = 0;
    for (at, character) in text.char_indices() {
        let is_special = matches!(character, '"' | '\\') || !is_printable(character);
        if !is_special {
            continue;
        }
        out.push_str(&text[written..at]);
        written = at + character.len_utf8();
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ => write_escape(u32::from(character), out),
        }
    }
    out.push_str(&text[written..]);
    out.push('"');
}

fn write_escape(code: u32, out: &mut String) {
    let (letter, digits) = match code {
        0..=0xff => ('x', 2),
        0x100..=0xffff => ('u', 4),
        _ => ('U', 8),
    };
    out.push('\\');
    out.push(letter);
    for digit in (0..digits).rev() {
        let nibble = (code >> (4 * digit)) & 0xf;
        out.push(char::from_digit(nibble, 16).unwrap_or('0'));
    }
}

/// The header of the literal block that carries a text exactly, or `None` when quotes must.
fn literal_header(text: &str) -> Option<&'static str> {
    let content = text.trim_end_matches('\n');
    if !text.as_bytes().contains(&b'\n') || content.is_empty() {
        return None;
    }
    let is_carried =
        |byte: &u8| is_safe_plain_byte(*byte) || matches!(byte, b' ' | b'#' | b':' | b'\n');
    if !text.as_bytes().iter().all(is_carried)
        && !text.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
    {
        return None;
    }
    // Readers differ on a last line of nothing but blanks.
    let last = content.rsplit('\n').next().unwrap_or_default();
    if last.trim_matches([' ', '\t']).is_empty() {
        return None;
    }
    // Without a number, the first line's own blanks would be taken for indentation.
    let needs_number = text.starts_with([' ', '\t', '\n']);
    Some(match (text.len() - content.len(), needs_number) {
        (0, false) => "|-\n",
        (0, true) => "|2-\n",
        (1, false) => "|\n",
        (1, true) => "|2\n",
        (_, false) => "|+\n",
        (_, true) => "|2+\n",
    })
}

fn write_literal(text: &str, header: &str, indent: usize, out: &mut String) {
    out.push_str(header);
    for line in text.split_inclusive('\n') {
        if line != "\n" {
            pad(indent + 2, out);
        }
        out.push_str(line);
    }
    if !text.ends_with('\n') {
        out.push('\n');
    }
}

fn pad(blanks: usize, out: &mut String) {
    const BLANKS: &str = "                                                                ";
    let mut rest = blanks;
    while rest > BLANKS.len() {
        out.push_str(BLANKS);
        rest -= BLANKS.len();
    }
    out.push_str(&BLANKS[..rest]);
}
