//! Blocks of text behind `|` and `>`.

use super::property::Properties;
use super::{Abort, Head, Reader, finding, syntax};
use crate::tree::Node;

/// What becomes of the line ends at the end of the block.
#[derive(Clone, Copy, PartialEq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

impl<'t> Reader<'t, '_> {
    /// A block of text that belongs to a collection in column `parent`.
    pub(super) fn block_text(
        &mut self,
        parent: isize,
        properties: &Properties<'t>,
    ) -> Result<Node, Abort> {
        let header = self.at;
        let is_folded = self.byte() == b'>';
        self.at += 1;
        let (chomping, number) = self.block_header()?;
        self.skip_line_end();
        let least = (parent + 1).max(1) as usize;
        let indent = match number {
            Some(number) => parent.max(0) as usize + number,
            None => self.detect_indent(least)?,
        };
        if parent < 0 {
            self.check_root_block()?;
        }
        let mut text = String::new();
        let mut start = None;
        let mut end = self.at;
        // Line ends since the last line of text.
        let mut line_ends = 0;
        // Whether the last line can be joined with the next.
        let mut joins = false;
        loop {
            let blanks = self.skip_indent(indent);
            match self.byte() {
                b'\n' | b'\r' => {
                    self.skip_line_end();
                    line_ends += 1;
                    continue;
                }
                0 => break,
                b'\t' if blanks < indent => return Err(self.block_tab()),
                _ if blanks < indent => break,
                _ => {}
            }
            let starts_blank = matches!(self.byte(), b' ' | b'\t');
            if is_folded && joins && !starts_blank {
                super::plain::fold(&mut text, line_ends);
            } else {
                text.extend(std::iter::repeat_n('\n', line_ends));
            }
            let line = self.at;
            start = start.or(Some(line));
            self.skip_line();
            text.push_str(&self.text[line..self.at]);
            end = self.at;
            joins = !starts_blank;
            line_ends = 0;
            if self.at == self.bytes.len() {
                self.line = self.at;
                break;
            }
            self.skip_line_end();
            line_ends = 1;
        }
        match (chomping, start) {
            (Chomping::Strip, _) | (Chomping::Clip, None) => {}
            (Chomping::Clip, Some(_)) => text.extend((line_ends > 0).then_some('\n')),
            (Chomping::Keep, _) => text.extend(std::iter::repeat_n('\n', line_ends)),
        }
        // Those who follow look for the next line's first byte themselves.
        self.at = self.line;
        let span =
            self.span(start.unwrap_or(header), if start.is_some() { end } else { header + 1 });
        self.scalar(Head::Quoted(text.into()), span, properties)
    }

    /// The signs behind `|` or `>`, to the line's end.
    fn block_header(&mut self) -> Result<(Chomping, Option<usize>), Abort> {
        let mut chomping = None;
        let mut number = None;
        loop {
            match self.byte() {
                b'+' if chomping.is_none() => chomping = Some(Chomping::Keep),
                b'-' if chomping.is_none() => chomping = Some(Chomping::Strip),
                digit @ b'1'..=b'9' if number.is_none() => number = Some(usize::from(digit - b'0')),
                _ => break,
            }
            self.at += 1;
        }
        self.skip_spaces();
        if !self.is_end_of_line() {
            return Err(self.fail(&syntax::BLOCK_HEADER));
        }
        self.skip_line();
        Ok((chomping.unwrap_or(Chomping::Clip), number))
    }

    /// The indentation of the first line that is not empty, which is that of the block.
    fn detect_indent(&mut self, least: usize) -> Result<usize, Abort> {
        let mut at = self.at;
        let mut longest = 0;
        loop {
            let rest = &self.bytes[at..];
            let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
            match rest.get(blanks) {
                Some(b'\n' | b'\r') => {
                    longest = longest.max(blanks);
                    at += blanks + 1;
                }
                Some(b'\t') => {
                    self.at = at + blanks;
                    return Err(self.block_tab());
                }
                byte => {
                    if byte.is_some() && blanks >= least && longest > blanks {
                        self.at = at + blanks;
                        return Err(self.fail(&syntax::BLOCK_INDENT));
                    }
                    return Ok(blanks.max(least).max(longest));
                }
            }
        }
    }

    /// Refuses a document's text in the first column: YAML 1.2 takes it for the block's, PyYAML and
    /// Go do not.
    fn check_root_block(&mut self) -> Result<(), Abort> {
        let (at, line) = (self.at, self.line);
        while matches!(self.byte(), b'\n' | b'\r') {
            self.skip_line_end();
        }
        let is_content = self.at < self.bytes.len() && self.byte() != b' ';
        if is_content && !self.is_document_marker() {
            return Err(self.fail(&syntax::BLOCK_NOT_INDENTED));
        }
        (self.at, self.line) = (at, line);
        Ok(())
    }

    /// Passes up to `indent` blanks and says how many there were.
    fn skip_indent(&mut self, indent: usize) -> usize {
        let start = self.at;
        while self.at - start < indent && self.byte() == b' ' {
            self.at += 1;
        }
        self.at - start
    }

    #[cold]
    fn block_tab(&mut self) -> Abort {
        let span = self.span_at(self.at);
        self.report(finding::tab(span));
        Abort::Document
    }
}
