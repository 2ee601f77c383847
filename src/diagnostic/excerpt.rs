//! Lines of a source as they may be shown: without secrets, and long ones cut to what surrounds the
//! place in question.
//!
//! In: the places of a finding in one source. Out: an [`Excerpt`], whose places are those of the
//! shown text.

use std::ops::Range;

use super::location::Locations;
use super::redact::{MARK, Redactions};
use crate::tree::SourceId;

/// The longest line that is shown whole, in characters.
const LONGEST_LINE: usize = 160;

/// How much of a longer line is shown before the place in question, in characters.
const BEFORE: usize = 60;

/// What stands for the part of a line that is cut off.
const CUT: char = '…';

/// Some lines of a source.
#[derive(PartialEq, Debug)]
pub(super) struct Excerpt {
    /// The lines as they are shown.
    pub(super) text: String,
    /// The number of the first, from 1.
    pub(super) first_line: usize,
    /// Where the asked-for places are in the text, in the order asked for.
    pub(super) places: Vec<Range<usize>>,
}

impl Excerpt {
    /// The lines from the first to the last that hold one of the places; of a place over several
    /// lines, its first.
    pub(super) fn new(
        locations: &Locations<'_>,
        redactions: &Redactions,
        (id, text): (SourceId, &str),
        places: &[(usize, Range<usize>)],
    ) -> Self {
        let first_line = places.iter().map(|(line, _)| *line).min().unwrap_or(1);
        let last_line = places.iter().map(|(line, _)| *line).max().unwrap_or(1);
        let mut shown = String::new();
        let mut shown_places = vec![0..0; places.len()];
        for number in first_line..=last_line {
            let bytes = locations.line(id, number);
            let mut line = Line::new(text, bytes.clone(), redactions);
            let here = |(at, (line, _)): &(usize, &(usize, Range<usize>))| {
                (*line == number).then_some(*at)
            };
            let here: Vec<usize> =
                places.iter().enumerate().filter_map(|place| here(&place)).collect();
            let mut marked: Vec<Range<usize>> =
                here.iter().map(|at| line.shown(&places[*at].1)).collect();
            let cut = line.cut(marked.first().map_or(0, |range| range.start));
            for (at, range) in here.into_iter().zip(&mut marked) {
                let moved = |offset: usize| {
                    shown.len()
                        + offset.clamp(cut.start, cut.end).saturating_sub(cut.start)
                        + cut.lead
                };
                shown_places[at] = moved(range.start)..moved(range.end);
            }
            shown.push_str(&line.text);
            if number < last_line {
                shown.push('\n');
            }
        }
        Self { text: shown, first_line, places: shown_places }
    }
}

/// One line as it is shown.
struct Line {
    text: String,
    /// Pairs of an offset in the source and the shown offset that it became, in order: the edges of
    /// hidden parts.
    edges: Vec<(usize, usize)>,
}

/// What was kept of a line: its bytes before cutting, and how many bytes now stand before them.
struct Kept {
    start: usize,
    end: usize,
    lead: usize,
}

impl Line {
    fn new(text: &str, bytes: Range<usize>, redactions: &Redactions) -> Self {
        let mut shown = String::new();
        let mut edges = vec![(bytes.start, 0)];
        let mut at = bytes.start;
        for hidden in redactions.within(bytes.clone()) {
            let indented = text.get(hidden.clone()).unwrap_or_default();
            let start = hidden.start + (indented.len() - indented.trim_start().len());
            if start >= hidden.end {
                continue;
            }
            shown.push_str(text.get(at..start).unwrap_or_default());
            edges.push((start, shown.len()));
            shown.push_str(MARK);
            edges.push((hidden.end, shown.len()));
            at = hidden.end;
        }
        shown.push_str(text.get(at..bytes.end).unwrap_or_default());
        edges.push((bytes.end, shown.len()));
        Self { text: shown, edges }
    }

    /// The shown bytes of a range of the source: the whole mark where it touches a hidden part.
    fn shown(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.offset(range.start, false);
        start..self.offset(range.end.max(range.start), true).max(start)
    }

    fn offset(&self, at: usize, end: bool) -> usize {
        let next = self.edges.partition_point(|(from, _)| *from <= at);
        let (from, to) = self.edges[next.saturating_sub(1)];
        let limit = self.edges.get(next).map_or(self.text.len(), |(_, to)| *to);
        let hidden = self.text.get(to..limit) == Some(MARK);
        match (hidden, end) {
            (true, true) if at > from => limit,
            (true, _) => to,
            (false, _) => (to + at.saturating_sub(from)).min(limit),
        }
    }

    /// Cuts a long line to what surrounds an offset.
    fn cut(&mut self, around: usize) -> Kept {
        let all = Kept { start: 0, end: self.text.len(), lead: 0 };
        if self.text.len() <= LONGEST_LINE || self.text.chars().count() <= LONGEST_LINE {
            return all;
        }
        let around = (0..=around).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        let before = self.text[..around].char_indices().rev().nth(BEFORE - 1);
        let start = before.map_or(0, |(at, _)| at);
        let after = self.text[start..].char_indices().nth(LONGEST_LINE);
        let end = after.map_or(self.text.len(), |(at, _)| start + at);
        let mut text = String::new();
        if start > 0 {
            text.push(CUT);
        }
        let lead = text.len();
        text.push_str(&self.text[start..end]);
        if end < self.text.len() {
            text.push(CUT);
        }
        self.text = text;
        Kept { start, end, lead }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    fn excerpt<const N: usize>(text: &str, places: [(usize, usize); N]) -> Excerpt {
        let mut sources = Sources::default();
        let id = sources.add("a.yaml", text);
        let lines = |at: usize| text[..at].matches('\n').count() + 1;
        let places: Vec<_> =
            places.iter().map(|(start, end)| (lines(*start), *start..*end)).collect();
        Excerpt::new(&Locations::new(&sources), &Redactions::of(text, []), (id, text), &places)
    }

    fn at(excerpt: &Excerpt, place: usize) -> &str {
        &excerpt.text[excerpt.places[place].clone()]
    }

    #[test]
    fn a_place_after_a_hidden_value_is_still_marked() {
        let text = "a: 1\nx: {password: hunter22, port: 99}\nb: 2\n";
        let port = text.find("99").unwrap();
        let excerpt = excerpt(text, [(port, port + 2)]);
        assert_eq!(excerpt.text, "x: {password: •••, port: 99}");
        assert_eq!((excerpt.first_line, at(&excerpt, 0)), (2, "99"));
    }

    #[test]
    fn a_place_on_a_hidden_value_marks_what_stands_for_it() {
        let text = "password: hunter22\n";
        assert_eq!(at(&excerpt(text, [(10, 18)]), 0), MARK);
        assert_eq!(at(&excerpt(text, [(12, 14)]), 0), MARK);
        assert_eq!(at(&excerpt(text, [(0, 8)]), 0), "password");
    }

    #[test]
    fn a_long_line_is_cut_around_its_place() {
        let text = format!("{}ö needle {}", "ä".repeat(50_000), "z".repeat(50_000));
        let start = text.find("needle").unwrap();
        let excerpt = excerpt(&text, [(start, start + 6)]);
        assert!(excerpt.text.chars().count() <= LONGEST_LINE + 2);
        assert_eq!(at(&excerpt, 0), "needle");
        assert!(excerpt.text.starts_with('…') && excerpt.text.ends_with('…'));
    }

    #[test]
    fn every_line_of_a_hidden_block_keeps_its_indent_and_loses_its_words() {
        let text = "a: 1\nprivateKey: |\n  one\n  two\nb: 2\n";
        let excerpt = excerpt(text, [(0, 1), (text.len() - 5, text.len() - 4)]);
        assert_eq!(excerpt.text, "a: 1\nprivateKey: •••\n  •••\n  •••\nb: 2");
    }
}
