//! The change of one file: its text, and the unified diff that leads there.
//!
//! In: the bytes to replace, each within its line. Out: a [`Patch`], if the file then says the same
//! but for those schedules: it is read again to make sure.

use std::fmt::Write;
use std::ops::Range;

use compact_str::CompactString;

use super::written::Spot;
use crate::diagnostic::Diagnostics;
use crate::source::Sources;
use crate::tree::{Node, SourceId, Value};
use crate::yaml::{self, Dialect};

/// How many unchanged lines a diff shows around a change.
const CONTEXT: usize = 3;

/// The change of one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Patch {
    /// The file's name, as it is shown.
    pub file: String,
    /// Its text before.
    pub before: String,
    /// Its text after.
    pub after: String,
}

impl Patch {
    /// `None` when the file would say anything else than the new schedules.
    pub(super) fn new(
        edits: &[(&Spot, &CompactString, String)],
        sources: &Sources,
    ) -> Option<Self> {
        let source = edits.first().map(|(spot, _, _)| spot.source)?;
        let text = sources.get(source)?;
        let mut after = text.text.clone();
        let mut by_place = edits.iter().collect::<Vec<_>>();
        by_place.sort_by_key(|(spot, _, _)| std::cmp::Reverse(spot.range().start));
        for (spot, _, replacement) in by_place {
            let range: Range<usize> = spot.range();
            after.get(range.clone())?;
            after.replace_range(range, replacement);
        }
        let names = edits.iter().map(|(_, name, _)| name.as_str()).collect::<Vec<_>>();
        says_the_same(&text.text, &after, &names, source).then(|| Self {
            file: text.name.clone(),
            before: text.text.clone(),
            after,
        })
    }

    /// The unified diff, with a path to be stripped of its first part, as `git apply` and
    /// `patch -p1` do.
    pub fn diff(&self, path: &str) -> String {
        let before = self.before.split_inclusive('\n').collect::<Vec<_>>();
        let after = self.after.split_inclusive('\n').collect::<Vec<_>>();
        let lines = before.iter().zip(&after).enumerate();
        let changed = lines.filter(|(_, (before, after))| before != after).map(|(line, _)| line);
        let mut hunks: Vec<Range<usize>> = Vec::new();
        for line in changed {
            let (from, to) = (line.saturating_sub(CONTEXT), (line + CONTEXT + 1).min(before.len()));
            match hunks.last_mut() {
                Some(last) if from <= last.end => last.end = to,
                _ => hunks.push(from..to),
            }
        }
        // A tab ends a name with a blank in it, for both tools.
        let end = if path.contains(' ') { "\t" } else { "" };
        let mut out = format!("--- a/{path}{end}\n+++ b/{path}{end}\n");
        for hunk in hunks {
            let (start, length) = (hunk.start + 1, hunk.len());
            // Writing to a string cannot fail.
            let _infallible = writeln!(out, "@@ -{start},{length} +{start},{length} @@");
            let mut old = Vec::new();
            let mut new = Vec::new();
            for line in hunk {
                if before[line] == after[line] {
                    flush(&mut old, &mut new, &mut out);
                    put(' ', before[line], &mut out);
                } else {
                    old.push(before[line]);
                    new.push(after[line]);
                }
            }
            flush(&mut old, &mut new, &mut out);
        }
        out
    }
}

fn flush(old: &mut Vec<&str>, new: &mut Vec<&str>, out: &mut String) {
    old.drain(..).for_each(|line| put('-', line, out));
    new.drain(..).for_each(|line| put('+', line, out));
}

fn put(mark: char, line: &str, out: &mut String) {
    out.push(mark);
    out.push_str(line);
    if !line.ends_with('\n') {
        out.push_str("\n\\ No newline at end of file\n");
    }
}

/// Whether two texts hold the same documents, but for the schedules of these pipelines.
fn says_the_same(before: &str, after: &str, names: &[&str], source: SourceId) -> bool {
    let read = |text: &str| {
        let mut found = Diagnostics::default();
        let documents = yaml::read(source, text, Dialect::Definition, &mut found);
        (!found.has_errors()).then_some(documents)
    };
    let (Some(before), Some(after)) = (read(before), read(after)) else {
        return false;
    };
    let same = |(before, mut after): (&Node, Node)| {
        let name = before.at_route(&["metadata", "name"]).and_then(Node::as_str);
        if name.is_some_and(|name| names.contains(&name)) {
            let schedule = before.at_route(&["spec", "schedule"]).cloned();
            let changed = set_schedule(&mut after, schedule);
            return changed && *before == after;
        }
        *before == after
    };
    before.len() == after.len() && before.iter().zip(after).all(same)
}

/// Puts a schedule in the place of another one.
fn set_schedule(document: &mut Node, schedule: Option<Node>) -> bool {
    let spec = document.as_mapping_mut().and_then(|document| document.get_mut("spec"));
    let spec = spec.and_then(Node::as_mapping_mut);
    match (spec.and_then(|spec| spec.get_mut("schedule")), schedule) {
        (Some(place), Some(schedule)) if matches!(place.value, Value::String(_)) => {
            let differs = *place != schedule;
            *place = schedule;
            differs
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(before: &str, after: &str, path: &str) -> String {
        let patch =
            Patch { file: path.to_owned(), before: before.to_owned(), after: after.to_owned() };
        patch.diff(path)
    }

    #[test]
    fn changes_that_are_near_share_a_hunk_and_a_missing_line_end_is_told() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\na\nb\nc\nd";
        let after = before.replace('2', "two").replace('9', "nine").replace('d', "dee");
        assert_eq!(
            diff(before, &after, "a b.yaml"),
            "--- a/a b.yaml\t\n+++ b/a b.yaml\t\n@@ -1,13 +1,13 @@\n 1\n-2\n+two\n 3\n 4\n 5\n 6\n 7\n 8\n-9\n+nine\n a\n b\n c\n-d\n\\ No newline at end of file\n+dee\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn changes_far_apart_have_hunks_of_their_own() {
        let lines = (0..40).map(|line| format!("{line}\r\n")).collect::<String>();
        let after = lines.replace("5\r\n6", "x\r\n6").replace("35\r\n", "y\r\n");
        let diff = diff(&lines, &after, "a.yaml");
        assert!(diff.contains("@@ -3,7 +3,7 @@\n 2\r\n"), "{diff}");
        assert!(diff.contains("-35\r\n+y\r\n 36\r\n"), "{diff}");
    }

    #[test]
    fn a_text_that_says_something_else_is_no_patch() {
        let document = "metadata: {name: a}\nspec: {schedule: &s 0 3 * * *, other: *s}\n";
        let changed = document.replace("0 3", "7 3");
        assert!(!says_the_same(document, &changed, &["a"], SourceId(0)));
        let alone = document.replace("*s", "x");
        assert!(says_the_same(&alone, &alone.replace("0 3", "7 3"), &["a"], SourceId(0)));
        assert!(!says_the_same(&alone, &alone.replace("0 3", "7 3"), &["b"], SourceId(0)));
        assert!(!says_the_same(&alone, &alone, &["a"], SourceId(0)), "nothing changed");
    }
}
