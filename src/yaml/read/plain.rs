//! Texts without quotes.

use std::borrow::Cow;

use super::cursor::{is_blank, is_flow_indicator};
use super::{Abort, Reader, finding, syntax};

/// Bytes that may end a plain text in a line of a block collection.
const MAY_END: [bool; 256] = {
    let mut table = [false; 256];
    table[b'\n' as usize] = true;
    table[b'\r' as usize] = true;
    table[b'\t' as usize] = true;
    table[b':' as usize] = true;
    table[b'#' as usize] = true;
    table
};

/// The same in brackets.
const MAY_END_IN_FLOW: [bool; 256] = {
    let mut table = MAY_END;
    table[b',' as usize] = true;
    table[b'?' as usize] = true;
    table[b'[' as usize] = true;
    table[b']' as usize] = true;
    table[b'{' as usize] = true;
    table[b'}' as usize] = true;
    table
};

impl<'t> Reader<'t, '_> {
    /// A plain text in a block collection in column `parent`, over as many lines as it has, and
    /// where it ends. The caret is left at the `:` behind it if it is a key.
    pub(super) fn block_plain(&mut self, parent: isize) -> Result<(Cow<'t, str>, usize), Abort> {
        self.check_plain_start()?;
        let start = self.at;
        let end = self.plain_line(&MAY_END);
        let first = &self.text[start..end];
        if !matches!(self.byte(), b'\n' | b'\r') {
            return Ok((Cow::Borrowed(first), end));
        }
        // Most often the next line is a key's, which a look at its column tells.
        let mut text = Cow::Borrowed(first);
        let mut text_end = end;
        while let Some(line_ends) = self.continues_below(parent) {
            fold(text.to_mut(), line_ends);
            let start = self.at;
            text_end = self.plain_line(&MAY_END);
            text.to_mut().push_str(&self.text[start..text_end]);
            if self.byte() == b':' {
                return Err(self.fail(&syntax::COLON));
            }
            if !matches!(self.byte(), b'\n' | b'\r') {
                break;
            }
        }
        Ok((text, text_end))
    }

    /// Moves to the next line of a plain text, and says how many line ends were passed; `None`, and
    /// the caret as it was, when the text is at its end.
    fn continues_below(&mut self, parent: isize) -> Option<usize> {
        let (at, line) = (self.at, self.line);
        let mut line_ends = 0;
        loop {
            match self.byte() {
                b'\n' | b'\r' => {
                    self.skip_line_end();
                    line_ends += 1;
                }
                b' ' => self.at += 1,
                _ => break,
            }
        }
        let ends = self.at == self.bytes.len()
            || self.column() <= parent
            || matches!(self.byte(), b'#' | b'\t')
            || self.is_document_marker();
        if ends {
            (self.at, self.line) = (at, line);
            return None;
        }
        Some(line_ends)
    }

    /// A plain text in brackets, over as many lines as it has, and where it ends.
    pub(super) fn flow_plain(&mut self) -> Result<(Cow<'t, str>, usize), Abort> {
        if matches!(self.byte(), b'?' | b':')
            || (self.byte() == b'-' && is_flow_indicator(self.peek(1)))
        {
            return Err(self.fail(&syntax::FLOW_PLAIN));
        }
        self.check_plain_start()?;
        let start = self.at;
        let mut text_end = self.plain_line(&MAY_END_IN_FLOW);
        let mut text = Cow::Borrowed(&self.text[start..text_end]);
        while matches!(self.byte(), b'\n' | b'\r') {
            let Some(line_ends) = self.continues_below(-1) else {
                break;
            };
            let is_over = is_flow_indicator(self.byte())
                || (self.byte() == b':'
                    && (is_blank(self.peek(1)) || is_flow_indicator(self.peek(1))));
            if is_over {
                break;
            }
            fold(text.to_mut(), line_ends);
            let start = self.at;
            text_end = self.plain_line(&MAY_END_IN_FLOW);
            text.to_mut().push_str(&self.text[start..text_end]);
        }
        if self.byte() == b'?' {
            return Err(self.fail(&syntax::FLOW_PLAIN));
        }
        Ok((text, text_end))
    }

    /// The rest of a plain text's line. The caret is left at what ended it, the end without blanks
    /// is returned.
    #[inline]
    fn plain_line(&mut self, may_end: &[bool; 256]) -> usize {
        let bytes = self.bytes;
        let mut at = self.at;
        while let Some(&byte) = bytes.get(at) {
            if may_end[usize::from(byte)] {
                let next = bytes.get(at + 1).copied().unwrap_or(0);
                let ends = match byte {
                    b':' => {
                        is_blank(next) || (may_end[usize::from(b',')] && is_flow_indicator(next))
                    }
                    b'#' => matches!(bytes[at - 1], b' ' | b'\t') && at > self.at,
                    b'\t' => {
                        let rest = &bytes[at..];
                        // Tabs at the line's end or before a comment are reported as such by who
                        // comes next.
                        let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
                        if !matches!(rest.get(blanks), None | Some(b'\n' | b'\r' | b'#')) {
                            let span = self.span(at, at + 1);
                            self.report(finding::tab(span));
                            false
                        } else {
                            true
                        }
                    }
                    _ => true,
                };
                if ends {
                    break;
                }
            }
            at += 1;
        }
        let mut end = at;
        while end > self.at && matches!(bytes[end - 1], b' ' | b'\t') {
            end -= 1;
        }
        self.at = at;
        end
    }

    /// Refuses what cannot start a plain text.
    #[inline]
    fn check_plain_start(&mut self) -> Result<(), Abort> {
        match self.byte() {
            b'%' | b'@' | b'`' => Err(self.fail(&syntax::RESERVED)),
            b']' | b'}' => Err(self.fail(&syntax::CLOSING)),
            b',' | b'|' | b'>' => Err(self.fail(&syntax::NO_VALUE)),
            b'#' => Err(self.fail(&syntax::COMMENT_TOUCHES)),
            b':' if self.is_blank_after(1) => Err(self.fail(&syntax::NO_KEY)),
            b'-' | b'?' if self.is_blank_after(1) => Err(self.fail(&syntax::NO_VALUE)),
            _ => Ok(()),
        }
    }
}

/// Joins lines: a line end becomes a blank, further ones stay.
pub(super) fn fold(text: &mut String, line_ends: usize) {
    match line_ends {
        0 => {}
        1 => text.push(' '),
        _ => text.extend(std::iter::repeat_n('\n', line_ends - 1)),
    }
}
