//! Where a byte of a text stands as an editor counts it, and back.
//!
//! In: a text, and positions in the units that client and server agreed on. Out: bytes, positions,
//! and the text after an edit. A position beyond its line or text is moved to the nearest that
//! exists, as the protocol asks for; nothing here fails.

use std::ops::Range;

use tower_lsp_server::ls_types::{
    Position, PositionEncodingKind, Range as Lines, TextDocumentContentChangeEvent,
};

use crate::tree::Span;

/// What a column counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// Units of two bytes; a character beyond the basic plane, such as an emoji, is two.
    #[default]
    Utf16,
    /// Characters.
    Utf32,
}

impl Encoding {
    /// The cheapest of those that a client offers; one that offers none counts in UTF-16.
    pub fn negotiate(offered: Option<&[PositionEncodingKind]>) -> Self {
        let offers = |kind| offered.is_some_and(|all| all.contains(&kind));
        if offers(PositionEncodingKind::UTF8) {
            Self::Utf8
        } else if offers(PositionEncodingKind::UTF32) {
            Self::Utf32
        } else {
            Self::Utf16
        }
    }

    /// The protocol's name for it.
    pub fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
            Self::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    fn units(self, character: char) -> usize {
        match self {
            Self::Utf8 => character.len_utf8(),
            Self::Utf16 => character.len_utf16(),
            Self::Utf32 => 1,
        }
    }
}

/// A text with the starts of its lines.
#[derive(Clone, Debug, Default)]
pub struct Text {
    text: String,
    /// The first byte of each line; the first line starts at 0.
    starts: Vec<usize>,
}

impl Text {
    /// Takes a text.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The byte at a position.
    pub fn offset(&self, position: Position, encoding: Encoding) -> usize {
        let Some(start) = self.starts.get(position.line as usize) else {
            return self.text.len();
        };
        let line = self.line(position.line as usize);
        let mut left = position.character as usize;
        for (at, character) in line.char_indices() {
            let units = encoding.units(character);
            // Within a character is before it.
            if left < units {
                return start + at;
            }
            left -= units;
        }
        start + line.len()
    }

    /// The position of a byte.
    pub fn position(&self, offset: usize, encoding: Encoding) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or_default();
        let before = &self.text[start..offset];
        let column: usize = match encoding {
            Encoding::Utf8 => before.len(),
            _ => before.chars().map(|character| encoding.units(character)).sum(),
        };
        Position { line: number(line), character: number(column) }
    }

    /// The lines and columns of a range of bytes.
    pub fn lines(&self, bytes: Range<usize>, encoding: Encoding) -> Lines {
        let start = self.position(bytes.start, encoding);
        Lines { start, end: self.position(bytes.end.max(bytes.start), encoding) }
    }

    /// The lines and columns of a span.
    pub fn span(&self, span: Span, encoding: Encoding) -> Lines {
        self.lines(span.start as usize..span.end as usize, encoding)
    }

    /// The text after an edit: of a part, or of the whole.
    pub fn edit(&mut self, change: TextDocumentContentChangeEvent, encoding: Encoding) {
        let Some(lines) = change.range else {
            *self = Self::new(change.text);
            return;
        };
        let start = self.offset(lines.start, encoding);
        let end = self.offset(lines.end, encoding).max(start);
        let mut text = std::mem::take(&mut self.text);
        text.replace_range(start..end, &change.text);
        *self = Self::new(text);
    }

    /// A line without its break.
    fn line(&self, line: usize) -> &str {
        let start = self.starts.get(line).copied().unwrap_or(self.text.len());
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(from: (u32, u32), to: (u32, u32), text: &str) -> TextDocumentContentChangeEvent {
        let range = Lines::new(Position::new(from.0, from.1), Position::new(to.0, to.1));
        TextDocumentContentChangeEvent {
            range: Some(range),
            range_length: None,
            text: text.to_owned(),
        }
    }

    #[test]
    fn an_emoji_is_four_bytes_two_utf_16_units_or_one_character() {
        let text = Text::new("a: b\nü🦀: x\n");
        for (encoding, column) in [(Encoding::Utf8, 6), (Encoding::Utf16, 3), (Encoding::Utf32, 2)]
        {
            let position = Position::new(1, column);
            assert_eq!(text.offset(position, encoding), 11);
            assert_eq!(text.position(11, encoding), position);
        }
    }

    #[test]
    fn every_byte_of_a_character_is_at_its_start_and_every_position_comes_back() {
        let text = Text::new("ü🦀\r\n\nend");
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            assert_eq!(text.position(4, encoding), text.position(2, encoding));
            for (at, _) in text.as_str().char_indices().filter(|(_, c)| !['\r', '\n'].contains(c)) {
                assert_eq!(text.offset(text.position(at, encoding), encoding), at);
            }
        }
        // Between the two units of the emoji.
        assert_eq!(text.offset(Position::new(0, 2), Encoding::Utf16), 2);
    }

    #[test]
    fn a_position_beyond_its_line_or_the_text_is_its_end() {
        let text = Text::new("ab\r\ncd");
        assert_eq!(text.offset(Position::new(0, 99), Encoding::Utf16), 2);
        assert_eq!(text.offset(Position::new(9, 9), Encoding::Utf16), 6);
        assert_eq!(text.position(99, Encoding::Utf16), Position::new(1, 2));
    }

    #[test]
    fn edits_follow_each_other_in_the_text_that_the_one_before_left() {
        let mut text = Text::new("a: 🦀x\nb: 2\n");
        text.edit(change((0, 5), (0, 6), "yz"), Encoding::Utf16);
        assert_eq!(text.as_str(), "a: 🦀yz\nb: 2\n");
        text.edit(change((0, 0), (1, 0), ""), Encoding::Utf16);
        assert_eq!(text.as_str(), "b: 2\n");
        let whole = TextDocumentContentChangeEvent {
            range: None,
            range_length: None,
            text: "c: 3".to_owned(),
        };
        text.edit(whole, Encoding::Utf16);
        assert_eq!(text.position(4, Encoding::Utf16), Position::new(0, 4));
    }

    #[test]
    fn a_client_that_offers_nothing_counts_in_utf_16() {
        assert_eq!(Encoding::negotiate(None), Encoding::Utf16);
        let offered = [PositionEncodingKind::UTF16, PositionEncodingKind::UTF8];
        assert_eq!(Encoding::negotiate(Some(&offered)), Encoding::Utf8);
        assert_eq!(Encoding::negotiate(Some(&[PositionEncodingKind::UTF32])), Encoding::Utf32);
    }
}
