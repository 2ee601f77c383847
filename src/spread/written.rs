//! Where a schedule's minute is written, if it can be changed there.
//!
//! In: a schedule, and the spans of its key and its value. Out: a [`Spot`], the bytes that stand for
//! the minute; or why they are left alone. Only what is one plain or quoted text behind its own key
//! is changed: what an anchor, an alias or a patch shares is another's too.

use std::ops::Range;

use compact_str::CompactString;

use crate::model::Schedule;
use crate::model::schedule::Timing;
use crate::source::Sources;
use crate::tree::{SourceId, Span};

/// Why a pipeline keeps its minute.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kept {
    /// Nobody asked for it to be moved.
    NotAsked,
    /// Its schedule has several minutes.
    SeveralMinutes,
    /// Its schedule comes from a patch.
    Patched,
    /// Its schedule is an anchor or an alias, or has a tag.
    Shared,
    /// Its schedule is written in a form that is not changed in place.
    Form,
    /// It comes from standard input.
    NoFile,
    /// Something else in the file would change with it.
    Entangled,
}

impl Kept {
    /// What keeps it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotAsked => "not among those that may be moved",
            Self::SeveralMinutes => "several minutes of an hour",
            Self::Patched => "a schedule from an environment's patch",
            Self::Shared => "a schedule behind an anchor, an alias or a tag",
            Self::Form => "a schedule over several lines or with escapes",
            Self::NoFile => "standard input",
            Self::Entangled => "a schedule that something else in its file shares",
        }
    }
}

/// The bytes that stand for a minute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Spot {
    pub(super) source: SourceId,
    pub(super) minute: u8,
    /// The schedule as it is written.
    pub(super) schedule: CompactString,
    /// The part of it that is replaced.
    part: Range<usize>,
    /// Where the schedule begins in the source.
    start: usize,
    /// What follows the minute in the replacement: the other fields of a descriptor.
    rest: &'static str,
    /// Digits, where the minute is written with a leading zero.
    width: usize,
}

impl Spot {
    /// Where the minute of a schedule is written. `name` is where its pipeline's name stands.
    pub(super) fn of(
        schedule: &Schedule,
        place: Option<(Span, Span)>,
        name: Span,
        sources: &Sources,
    ) -> Result<Self, Kept> {
        let Timing::Fields(fields) = schedule.timing() else {
            return Err(Kept::SeveralMinutes);
        };
        let minutes = fields.minute & ((1 << 60) - 1);
        if minutes.count_ones() != 1 {
            return Err(Kept::SeveralMinutes);
        }
        let minute = u8::try_from(minutes.trailing_zeros()).unwrap_or(0);
        let (key, value) = place.ok_or(Kept::Patched)?;
        let source = sources.get(value.source).ok_or(Kept::Patched)?;
        let of_one = key.source == value.source && key.source == name.source;
        if !of_one || are_documents_apart(&source.text, key, name) {
            return Err(Kept::Patched);
        }
        if source.name == "-" {
            return Err(Kept::NoFile);
        }
        let text = source.text.as_str();
        let (from, to) = (value.start as usize, value.end as usize);
        if !is_own_value(text.get(key.end as usize..from).ok_or(Kept::Shared)?) {
            return Err(Kept::Shared);
        }
        let written = text.get(from..to).ok_or(Kept::Form)?;
        let inner = match written.as_bytes() {
            [b'"', .., b'"'] | [b'\'', .., b'\''] => &written[1..written.len() - 1],
            _ => written,
        };
        if inner != schedule.as_str() {
            return Err(Kept::Form);
        }
        let start = from + usize::from(inner.len() != written.len());
        let (part, rest, width) = part(inner).ok_or(Kept::SeveralMinutes)?;
        let schedule = inner.into();
        Ok(Self { source: value.source, minute, schedule, part, start, rest, width })
    }

    /// The bytes of the source that are replaced.
    pub(super) fn range(&self) -> Range<usize> {
        self.start + self.part.start..self.start + self.part.end
    }

    /// What they are replaced with.
    pub(super) fn replacement(&self, minute: u8) -> String {
        format!("{minute:0width$}{}", self.rest, width = self.width)
    }

    /// The schedule with another minute.
    pub(super) fn at(&self, minute: u8) -> String {
        let (before, after) = (&self.schedule[..self.part.start], &self.schedule[self.part.end..]);
        format!("{before}{}{after}", self.replacement(minute))
    }
}

/// Whether a line that parts documents stands between two places of a text.
fn are_documents_apart(text: &str, one: Span, other: Span) -> bool {
    let (from, to) = (one.start.min(other.start) as usize, one.start.max(other.start) as usize);
    let between = text.get(from..to).unwrap_or_default();
    // What precedes the first line end is the rest of a line.
    between.lines().skip(1).any(|line| line == "---" || line.starts_with("--- "))
}

/// Whether nothing but blanks and comments stands between a key and its value, the colon aside.
fn is_own_value(between: &str) -> bool {
    let Some(rest) = between.trim_start().strip_prefix(':') else {
        return false;
    };
    rest.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
}

/// The part of a schedule that says the minute, what stands for the rest of it, and its digits.
fn part(schedule: &str) -> Option<(Range<usize>, &'static str, usize)> {
    let descriptor = match schedule {
        "@yearly" | "@annually" => " 0 1 1 *",
        "@monthly" => " 0 1 * *",
        "@weekly" => " 0 * * 0",
        "@daily" | "@midnight" => " 0 * * *",
        "@hourly" => " * * * *",
        _ => "",
    };
    if !descriptor.is_empty() {
        return Some((0..schedule.len(), descriptor, 1));
    }
    let start = schedule.len() - schedule.trim_start().len();
    let field = schedule[start..].split_whitespace().next()?;
    let is_number = field.bytes().all(|byte| byte.is_ascii_digit());
    let width = if field.starts_with('0') { field.len() } else { 1 };
    is_number.then_some((start..start + field.len(), "", width))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a document's schedule at minute 17.
    fn moved(line: &str, schedule: &str) -> Result<String, Kept> {
        let text = format!("name: x\n{line}\n");
        let mut sources = Sources::default();
        let source = sources.add("a.yaml", text.as_str());
        let span = |from: usize, to: usize| Span {
            source,
            start: u32::try_from(from).unwrap(),
            end: u32::try_from(to).unwrap(),
        };
        let at = text.find("schedule").unwrap();
        let key = span(at, at + 8);
        let from = text.find(schedule).unwrap();
        let quoted = usize::from(matches!(text.as_bytes()[from - 1], b'"' | b'\''));
        let value = span(from - quoted, from + schedule.len() + quoted);
        let name = span(0, 4);
        let schedule = Schedule::parse(schedule).unwrap();
        let spot = Spot::of(&schedule, Some((key, value)), name, &sources)?;
        let mut text = text;
        text.replace_range(spot.range(), &spot.replacement(17));
        Ok(text.trim_start_matches("name: x\n").trim_end().to_owned())
    }

    #[test]
    fn only_the_minute_changes_in_the_text() {
        for (line, schedule, expected) in [
            ("schedule: \"0 3 * * *\"  # why", "0 3 * * *", "schedule: \"17 3 * * *\"  # why"),
            ("schedule: '0  3 * * MON'", "0  3 * * MON", "schedule: '17  3 * * MON'"),
            ("schedule: 0 3 * * *", "0 3 * * *", "schedule: 17 3 * * *"),
            ("{schedule: 00 03 * * *, a: b}", "00 03 * * *", "{schedule: 17 03 * * *, a: b}"),
            (
                "schedule:\n  # here\n  '5 3 * * *'",
                "5 3 * * *",
                "schedule:\n  # here\n  '17 3 * * *'",
            ),
            ("schedule: \"@daily\"", "@daily", "schedule: \"17 0 * * *\""),
            ("schedule: \"@hourly\"", "@hourly", "schedule: \"17 * * * *\""),
        ] {
            assert_eq!(moved(line, schedule).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_descriptor_written_out_runs_when_it_did() {
        for descriptor in ["@yearly", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"] {
            let (_, rest, _) = part(descriptor).unwrap();
            let written_out = Schedule::parse(&format!("0{rest}")).unwrap();
            assert_eq!(written_out.timing(), Schedule::parse(descriptor).unwrap().timing());
        }
    }

    #[test]
    fn what_is_shared_or_has_several_minutes_is_left_alone() {
        for (line, schedule, why) in [
            ("schedule: &nightly 0 3 * * *", "0 3 * * *", Kept::Shared),
            ("schedule: !!str 0 3 * * *", "0 3 * * *", Kept::Shared),
            ("schedule: \"*/30 3 * * *\"", "*/30 3 * * *", Kept::SeveralMinutes),
            ("schedule: \"0,30 3 * * *\"", "0,30 3 * * *", Kept::SeveralMinutes),
            ("schedule: \"@every 1h\"", "@every 1h", Kept::SeveralMinutes),
            ("---\nschedule: 0 3 * * *", "0 3 * * *", Kept::Patched),
        ] {
            assert_eq!(moved(line, schedule), Err(why), "{line}");
        }
    }
}
