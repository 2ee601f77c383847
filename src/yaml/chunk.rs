//! Where one document of a text ends and the next begins, without parsing: `---` at the start of a line is a document's
//! start wherever it stands. So a syntax error in one document leaves the others readable.

use std::ops::Range;

/// The byte ranges of a text that hold a document each, in order; together they are the whole text. A range may hold
/// several documents when they are separated by `...` alone.
pub(super) fn split(text: &str) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    let mut start = 0;
    let has_directives = text.starts_with('%') || text.contains("\n%");
    for (newline, _) in text.match_indices("\n---") {
        let mark = newline + 1;
        let follows = text.as_bytes().get(mark + 3);
        if !matches!(follows, None | Some(b' ' | b'\t' | b'\n' | b'\r')) {
            continue;
        }
        let end = if has_directives {
            prologue(text, start, mark)
        } else {
            mark
        };
        // Nothing but comments before a first `---` is no document.
        if end > start && !is_blank(&text[start..end]) {
            chunks.push(start..end);
            start = end;
        }
    }
    chunks.push(start..text.len());
    chunks
}

/// Where the directives that belong to the `---` at `mark` begin: `mark` itself when there are none.
fn prologue(text: &str, start: usize, mark: usize) -> usize {
    let mut begins = mark;
    let mut line_end = mark;
    while line_end > start {
        let line_start = text[start..line_end - 1]
            .rfind('\n')
            .map_or(start, |at| start + at + 1);
        let line = &text[line_start..line_end];
        if line.starts_with('%') {
            begins = line_start;
        } else if line.starts_with("...") {
            return begins;
        } else if !is_blank(line) {
            // Content before a `%` line: the line is content too.
            return mark;
        }
        line_end = line_start;
    }
    begins
}

/// Whether there are only empty lines and comments.
fn is_blank(text: &str) -> bool {
    text.lines().all(|line| {
        let line = line.trim_start_matches([' ', '\u{feff}']);
        line.is_empty() || line.starts_with('#')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        split(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn a_text_is_cut_before_each_document_start() {
        assert_eq!(
            parts("a: 1\n---\nb: 2\n--- c\n"),
            ["a: 1\n", "---\nb: 2\n", "--- c\n"]
        );
        assert_eq!(parts("---\na\n"), ["---\na\n"]);
        assert_eq!(parts("# note\n---\na\n"), ["# note\n---\na\n"]);
        assert_eq!(parts("a: |\n ---\n---a\n"), ["a: |\n ---\n---a\n"]);
        assert_eq!(parts(""), [""]);
        assert_eq!(parts("a\n---"), ["a\n", "---"]);
    }

    #[test]
    fn directives_stay_with_the_document_they_precede() {
        assert_eq!(parts("%YAML 1.2\n---\na\n"), ["%YAML 1.2\n---\na\n"]);
        assert_eq!(
            parts("a\n...\n%YAML 1.2\n---\nb\n"),
            ["a\n...\n", "%YAML 1.2\n---\nb\n"]
        );
    }
}
