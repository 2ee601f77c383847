//! Where the reader stands: blanks, comments, lines and columns.

use super::{Abort, Reader, finding, syntax};

impl Reader<'_, '_> {
    /// The next byte; NUL at the end, which no text holds.
    #[inline]
    pub(super) fn byte(&self) -> u8 {
        self.peek(0)
    }

    #[inline]
    pub(super) fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// How many bytes stand before the next one in its line. Only blanks and indicators stand
    /// before the start of a block collection, so this is its column in characters too.
    #[inline]
    pub(super) fn column(&self) -> isize {
        (self.at - self.line) as isize
    }

    /// Whether a blank, a line's end or the text's end follows `ahead` bytes on.
    #[inline]
    pub(super) fn is_blank_after(&self, ahead: usize) -> bool {
        is_blank(self.peek(ahead))
    }

    /// Whether the rest of the line holds nothing but a comment. The caret stands behind blanks.
    #[inline]
    pub(super) fn is_end_of_line(&self) -> bool {
        match self.byte() {
            b'\n' | b'\r' | 0 => true,
            b'#' => self.at == self.line || matches!(self.bytes[self.at - 1], b' ' | b'\t'),
            _ => false,
        }
    }

    /// Whether `---` or `...` starts or ends a document here.
    #[inline]
    pub(super) fn is_document_marker(&self) -> bool {
        self.at == self.line
            && matches!(self.byte(), b'-' | b'.')
            && matches!(self.bytes.get(self.at..self.at + 3), Some(b"---" | b"..."))
            && self.is_blank_after(3)
    }

    #[inline]
    pub(super) fn skip_spaces(&mut self) {
        while self.byte() == b' ' {
            self.at += 1;
        }
        if self.byte() == b'\t' {
            self.tabs_in_line();
        }
    }

    /// Reports tabs between two things of a line, and goes past them.
    #[cold]
    fn tabs_in_line(&mut self) {
        let span = self.span_at(self.at);
        self.report(finding::tab(span));
        while matches!(self.byte(), b' ' | b'\t') {
            self.at += 1;
        }
    }

    /// Moves behind the line's end.
    #[inline]
    pub(super) fn skip_line_end(&mut self) {
        if self.byte() == b'\r' && self.peek(1) == b'\n' {
            self.at += 1;
        }
        if self.at < self.bytes.len() {
            self.at += 1;
        }
        self.line = self.at;
    }

    /// Moves to the line's end.
    pub(super) fn skip_line(&mut self) {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        self.at += length.unwrap_or(rest.len());
    }

    /// Moves to the next thing that is neither blank nor comment.
    #[inline]
    pub(super) fn skip_blank_lines(&mut self) -> Result<(), Abort> {
        loop {
            match self.byte() {
                b' ' => self.at = after_spaces(self.bytes, self.at),
                b'\n' => {
                    self.line = self.at + 1;
                    self.at = after_spaces(self.bytes, self.line);
                }
                b'\r' => self.skip_line_end(),
                b'#' => self.skip_comment()?,
                b'\t' => self.skip_tabs()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), Abort> {
        if !self.is_end_of_line() {
            return Err(self.fail(&syntax::COMMENT_TOUCHES));
        }
        self.skip_line();
        Ok(())
    }

    /// Tabs outside of texts: a finding each line, and the document's end where they would be
    /// indentation.
    #[cold]
    fn skip_tabs(&mut self) -> Result<(), Abort> {
        let is_indentation = self.bytes[self.line..self.at].iter().all(|byte| *byte == b' ');
        self.tabs_in_line();
        if is_indentation && !self.is_end_of_line() {
            return Err(Abort::Document);
        }
        Ok(())
    }

    /// Moves to the next thing of the document and gives its column; `None` when the document is at
    /// its end.
    #[inline]
    pub(super) fn next_token(&mut self) -> Result<Option<isize>, Abort> {
        self.skip_blank_lines()?;
        if self.at == self.bytes.len() || self.is_document_marker() {
            return Ok(None);
        }
        Ok(Some(self.column()))
    }

    /// Demands that nothing but a comment follows in the line.
    pub(super) fn end_of_line(&mut self, what: &'static str) -> Result<(), Abort> {
        self.skip_spaces();
        if self.is_end_of_line() {
            return Ok(());
        }
        let span = self.span_at(self.at);
        self.report(finding::follows(what, span));
        Err(Abort::Document)
    }
}

/// The place of the first byte from `at` on that is no space. Indentation is a good part of a text:
/// eight at a time.
#[inline]
fn after_spaces(bytes: &[u8], mut at: usize) -> usize {
    const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let others = u64::from_le_bytes(*eight) ^ SPACES;
        if others != 0 {
            return at + (others.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at) == Some(&b' ') {
        at += 1;
    }
    at
}

/// Whether a byte is a blank, a line's end or the text's end.
#[inline]
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r' | 0)
}

/// Whether a byte has a meaning of its own in a collection in brackets.
#[inline]
pub(super) fn is_flow_indicator(byte: u8) -> bool {
    matches!(byte, b',' | b'[' | b']' | b'{' | b'}')
}
