//! Spans to places: the file, lines and columns of a finding, from line starts that are counted
//! once per source.
//!
//! In: sources and spans. Out: [`Location`]s. A span that lies outside its text, or within a
//! character, is moved to the nearest place that exists: showing a finding never fails.

use std::cell::OnceCell;
use std::ops::Range;

use crate::source::{Position, Source, Sources};
use crate::tree::{SourceId, Span};

/// The sources of a run with their line starts, each counted when it is first needed.
pub(super) struct Locations<'a> {
    sources: &'a Sources,
    lines: Vec<OnceCell<Vec<usize>>>,
}

/// A place in a source.
#[derive(Clone, Debug)]
pub(super) struct Location<'a> {
    /// The text.
    pub(super) source: &'a Source,
    /// Its bytes.
    pub(super) bytes: Range<usize>,
    /// Its first character.
    pub(super) start: Position,
    /// The character after its last.
    pub(super) end: Position,
}

impl<'a> Locations<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        let lines = sources.iter().map(|_| OnceCell::new()).collect();
        Self { sources, lines }
    }

    /// Where a span lies; `None` for one that stands in no text.
    pub(super) fn find(&self, span: Span) -> Option<Location<'a>> {
        let source = self.sources.get(span.source)?;
        let text = &source.text;
        let start = character_start(text, span.start as usize);
        let end = character_start(text, span.end as usize).max(start);
        Some(Location {
            source,
            bytes: start..end,
            start: self.position(span.source, start),
            end: self.position(span.source, end),
        })
    }

    /// The bytes of a line, counted from 1, without its line break.
    pub(super) fn line(&self, id: SourceId, line: usize) -> Range<usize> {
        let Some(source) = self.sources.get(id) else {
            return 0..0;
        };
        let starts = self.starts(id);
        let start = starts.get(line - 1).copied().unwrap_or(source.text.len());
        let end = starts.get(line).copied().unwrap_or(source.text.len());
        let text = source.text.get(start..end).unwrap_or_default();
        start..start + text.trim_end_matches(['\n', '\r']).len()
    }

    fn position(&self, id: SourceId, offset: usize) -> Position {
        let starts = self.starts(id);
        let line = starts.partition_point(|start| *start <= offset).max(1);
        let start = starts.get(line - 1).copied().unwrap_or(0);
        let before = self.sources.get(id).and_then(|source| source.text.get(start..offset));
        Position { line, column: before.unwrap_or_default().chars().count() + 1 }
    }

    fn starts(&self, id: SourceId) -> &[usize] {
        let (Some(cell), Some(source)) = (self.lines.get(id.0 as usize), self.sources.get(id))
        else {
            return &[];
        };
        cell.get_or_init(|| {
            let breaks = source.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect()
        })
    }
}

/// The start of the character that holds a byte; the end of the text for what lies beyond.
fn character_start(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, start: u32, end: u32) -> (Position, Position) {
        let mut sources = Sources::default();
        let source = sources.add("a.yaml", text);
        let locations = Locations::new(&sources);
        let found = locations.find(Span { source, start, end }).unwrap();
        (found.start, found.end)
    }

    #[test]
    fn columns_count_characters_and_lines_start_at_one() {
        assert_eq!(
            find("a: b\nü: ö\n", 9, 11),
            (Position { line: 2, column: 4 }, Position { line: 2, column: 5 })
        );
        assert_eq!(find("", 0, 0).0, Position { line: 1, column: 1 });
    }

    #[test]
    fn a_span_beyond_the_text_or_within_a_character_is_moved_to_what_is_there() {
        assert_eq!(find("ü", 1, 900).0, Position { line: 1, column: 1 });
        assert_eq!(find("a\n", 70, 90).0, Position { line: 2, column: 1 });
    }

    #[test]
    fn no_place_has_no_location() {
        assert!(Locations::new(&Sources::default()).find(Span::NONE).is_none());
    }
}
