//! Texts in quotes.

use std::borrow::Cow;

use super::plain::fold;
use super::{Abort, Reader, syntax};
use crate::yaml::Dialect;

impl<'t> Reader<'t, '_> {
    /// A text in single or double quotes. Its lines belong to a collection in column `parent`.
    pub(super) fn quoted(&mut self, parent: isize) -> Result<Cow<'t, str>, Abort> {
        let quote = self.byte();
        let open = self.at;
        self.at += 1;
        let start = self.at;
        // Most have one line and no escapes.
        loop {
            match self.bytes.get(self.at) {
                None => return Err(self.not_closed(open)),
                Some(b'\n' | b'\r') => break,
                Some(b'\\') if quote == b'"' => break,
                Some(&byte) if byte == quote => {
                    if quote == b'\'' && self.peek(1) == b'\'' {
                        break;
                    }
                    self.at += 1;
                    return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
                }
                Some(_) => self.at += 1,
            }
        }
        let mut text = self.text[start..self.at].to_owned();
        // What escapes gave is not trimmed with the blanks at a line's end.
        let mut kept = 0;
        loop {
            let from = self.at;
            while !matches!(self.byte(), b'\n' | b'\r' | b'\\' | b'\'' | b'"' | 0) {
                self.at += 1;
            }
            text.push_str(&self.text[from..self.at]);
            match self.byte() {
                0 => return Err(self.not_closed(open)),
                b'\n' | b'\r' => {
                    let end = text[kept..].trim_end_matches([' ', '\t']).len() + kept;
                    text.truncate(end);
                    let line_ends = self.quoted_line_ends(parent, open)?;
                    fold(&mut text, line_ends);
                    kept = text.len();
                }
                b'\\' if quote == b'"' => {
                    self.escape(&mut text, parent, open)?;
                    kept = text.len();
                }
                byte if byte == quote => {
                    self.at += 1;
                    if quote == b'"' || self.byte() != b'\'' {
                        return Ok(Cow::Owned(text));
                    }
                    text.push('\'');
                    self.at += 1;
                }
                byte => {
                    text.push(char::from(byte));
                    self.at += 1;
                }
            }
        }
    }

    #[cold]
    fn not_closed(&mut self, open: usize) -> Abort {
        let span = self.span(open, open + 1);
        self.fail_at(&syntax::QUOTE_NOT_CLOSED, span)
    }

    /// Passes line ends and the next line's indentation; says how many line ends there were.
    fn quoted_line_ends(&mut self, parent: isize, open: usize) -> Result<usize, Abort> {
        let mut line_ends = 0;
        loop {
            match self.byte() {
                b'\n' | b'\r' => {
                    self.skip_line_end();
                    line_ends += 1;
                    if self.is_document_marker() {
                        return Err(self.not_closed(open));
                    }
                }
                b' ' | b'\t' => self.at += 1,
                0 => return Err(self.not_closed(open)),
                _ => break,
            }
        }
        // YAML 1.2 wants the lines indented; PyYAML and Go do not. A quote that was forgotten shows
        // by this.
        if self.dialect == Dialect::Definition {
            let is_indented = self.bytes[self.line..].iter().take_while(|b| **b == b' ').count()
                as isize
                > parent;
            if !is_indented {
                let span = self.span(open, open + 1);
                return Err(self.fail_at(&syntax::QUOTE_NOT_INDENTED, span));
            }
        }
        Ok(line_ends)
    }

    /// A backslash and what it stands for.
    fn escape(&mut self, text: &mut String, parent: isize, open: usize) -> Result<(), Abort> {
        let digits = match self.peek(1) {
            b'\n' | b'\r' => {
                self.at += 1;
                let line_ends = self.quoted_line_ends(parent, open)?;
                text.extend(std::iter::repeat_n('\n', line_ends - 1));
                return Ok(());
            }
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            letter => {
                let character = match letter {
                    b'0' => '\0',
                    b'a' => '\u{7}',
                    b'b' => '\u{8}',
                    b't' | b'\t' => '\t',
                    b'n' => '\n',
                    b'v' => '\u{b}',
                    b'f' => '\u{c}',
                    b'r' => '\r',
                    b'e' => '\u{1b}',
                    b' ' => ' ',
                    b'"' => '"',
                    b'/' => '/',
                    b'\\' => '\\',
                    b'N' => '\u{85}',
                    b'_' => '\u{a0}',
                    b'L' => '\u{2028}',
                    b'P' => '\u{2029}',
                    _ => return Err(self.fail(&syntax::ESCAPE)),
                };
                text.push(character);
                self.at += 2;
                return Ok(());
            }
        };
        let code = self.text.get(self.at + 2..self.at + 2 + digits);
        let code = code.filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = code.and_then(|code| u32::from_str_radix(code, 16).ok());
        let Some(character) = code.and_then(char::from_u32) else {
            return Err(self.fail(&syntax::ESCAPE_CODE));
        };
        text.push(character);
        self.at += 2 + digits;
        Ok(())
    }
}
