//! Findings as GitHub Actions' workflow commands, which GitHub shows beside the lines of a pull
//! request.
//!
//! In: findings and sources. Out: a line `::error file=…,line=…::message` each. GitHub shows ten
//! annotations of each severity per step; the log holds them all.

use std::io;

use super::view::{self, View};
use super::{Diagnostic, Severity};
use crate::source::Sources;

/// Writes findings as workflow commands.
pub fn write(found: &[Diagnostic], sources: &Sources, out: &mut impl io::Write) -> io::Result<()> {
    let view = View::new(found, sources);
    for diagnostic in found {
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(out, "::{command} ")?;
        if let Some(location) = view.location(diagnostic.span) {
            let (start, end) = (location.start, location.end);
            write!(out, "file={},line={}", property(&location.source.name), start.line)?;
            // GitHub refuses columns of a place over several lines. Its last column is the last
            // character's own.
            if end.line > start.line {
                write!(out, ",endLine={},", end.line)?;
            } else {
                let last = end.column.saturating_sub(1).max(start.column);
                write!(out, ",col={},endColumn={last},", start.column)?;
            }
        }
        let title = format!("{}: {}", diagnostic.code.id, diagnostic.code.title);
        writeln!(out, "title={}::{}", property(&title), data(&view.sentences(diagnostic)))?;
    }
    if !found.is_empty() {
        writeln!(out, "{}", view::summary(found))?;
    }
    Ok(())
}

/// The text of a command: what would end it is written as a percent code.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::code;
    use crate::tree::Span;

    fn written(found: &[Diagnostic], sources: &Sources) -> String {
        let mut out = Vec::new();
        write(found, sources, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_message_cannot_end_its_command_or_start_another() {
        let mut sources = Sources::default();
        let source = sources.add("a,b:c.yaml", "x: 100%\n");
        let found = Diagnostic::error(
            &code::YAML_SYNTAX,
            Span { source, start: 3, end: 7 },
            "50% of\n::error::it",
        );
        let text = written(&[found], &sources);
        assert!(
            text.starts_with(
                "::error file=a%2Cb%3Ac.yaml,line=1,col=4,endColumn=7,title=OMP0101%3A "
            )
        );
        assert!(text.lines().next().unwrap().ends_with("::50%25 of%0A::error::it"), "{text}");
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn a_place_over_several_lines_has_no_columns_and_none_has_no_file() {
        let mut sources = Sources::default();
        let source = sources.add("a.yaml", "x: [\n1]\n");
        let long =
            Diagnostic::warning(&code::YAML_SYNTAX, Span { source, start: 3, end: 7 }, "long");
        let placeless = Diagnostic::error(&code::YAML_SYNTAX, Span::NONE, "no project");
        let text = written(&[long, placeless], &sources);
        assert!(text.contains("::warning file=a.yaml,line=1,endLine=2,title="), "{text}");
        assert!(text.contains("\n::error title=OMP0101"), "{text}");
    }
}
