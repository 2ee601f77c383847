//! Findings as JUnit XML, which most CI systems show as test results.
//!
//! In: findings and sources. Out: one test case per file, failed where it holds an error, all its
//! findings in one `failure`, because most readers show only the first. Warnings go to the case's
//! `system-out`. A built-in text, whose name starts with `<`, is a case only when something is
//! found in it.

use std::collections::BTreeMap;
use std::io;

use super::view::{self, View};
use super::{Diagnostic, Severity};
use crate::source::Sources;
use crate::tree::SourceId;

/// Writes findings as JUnit XML; a file without any is a passed case.
pub fn write(found: &[Diagnostic], sources: &Sources, out: &mut impl io::Write) -> io::Result<()> {
    let view = View::new(found, sources);
    let mut cases: BTreeMap<SourceId, Vec<&Diagnostic>> = sources
        .iter()
        .filter(|(_, source)| !source.name.starts_with('<'))
        .map(|(id, _)| (id, Vec::new()))
        .collect();
    for diagnostic in found {
        cases.entry(diagnostic.span.source).or_default().push(diagnostic);
    }
    let has_error =
        |found: &Vec<&Diagnostic>| found.iter().any(|one| one.severity == Severity::Error);
    let counts = format!(
        "tests=\"{}\" failures=\"{}\"",
        cases.len(),
        cases.values().filter(|one| has_error(one)).count()
    );
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"ompipe\" {counts}>")?;
    writeln!(out, "  <testsuite name=\"ompipe\" {counts} errors=\"0\">")?;
    for (id, found) in &cases {
        let name = sources.get(*id).map_or("project", |source| &source.name);
        write!(out, "    <testcase classname=\"ompipe\" name=\"{}\"", escaped(name))?;
        if found.is_empty() {
            writeln!(out, "/>")?;
            continue;
        }
        writeln!(out, ">")?;
        let of =
            |severity: Severity| found.iter().copied().filter(move |one| one.severity == severity);
        let (errors, warnings) = (of(Severity::Error).count(), of(Severity::Warning).count());
        if let Some(first) = of(Severity::Error).next() {
            let message = match errors {
                1 => view.words(&first.message, first.span),
                more => view::counted(more, "error"),
            };
            let (message, code) = (escaped(&message), first.code.id);
            write!(out, "      <failure message=\"{message}\" type=\"{code}\">")?;
            entries(&view, of(Severity::Error), out)?;
            writeln!(out, "</failure>")?;
        }
        if warnings > 0 {
            write!(out, "      <system-out>")?;
            entries(&view, of(Severity::Warning), out)?;
            writeln!(out, "</system-out>")?;
        }
        writeln!(out, "    </testcase>")?;
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

fn entries<'a>(
    view: &View<'_>,
    found: impl Iterator<Item = &'a Diagnostic>,
    out: &mut impl io::Write,
) -> io::Result<()> {
    for (at, diagnostic) in found.enumerate() {
        let separator = if at == 0 { "" } else { "\n" };
        let place = view.location(diagnostic.span).map_or_else(String::new, |at| {
            format!("{}:{}:{}: ", at.source.name, at.start.line, at.start.column)
        });
        let severity = view::severity(diagnostic.severity);
        let text = view.sentences(diagnostic);
        let entry = format!("{separator}{place}{severity}[{}]: {text}\n", diagnostic.code.id);
        write!(out, "{}", escaped(&entry))?;
    }
    Ok(())
}

/// Text that stands in XML as itself: markup escaped, and without the characters that XML 1.0
/// cannot hold at all.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\t' | '\n' => shown.push(c),
            '\u{0}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => {}
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::code;
    use crate::tree::Span;

    #[test]
    fn a_file_is_a_case_and_what_has_no_file_is_one_too() {
        let mut sources = Sources::default();
        let bad = sources.add("bad.yaml", "x: 1\n");
        sources.add("good.yaml", "x: 1\n");
        let at = Span { source: bad, start: 3, end: 4 };
        let found = [
            Diagnostic::error(&code::YAML_SYNTAX, at, "a < b & \"c\" \u{1b}[31m\u{0}"),
            Diagnostic::warning(&code::YAML_SYNTAX, at, "odd"),
            Diagnostic::error(&code::YAML_SYNTAX, Span::NONE, "no project"),
        ];
        let mut out = Vec::new();
        write(&found, &sources, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("<testsuite name=\"ompipe\" tests=\"3\" failures=\"2\""), "{text}");
        assert!(text.contains("name=\"good.yaml\"/>"), "{text}");
        assert!(
            text.contains("bad.yaml:1:4: error[OMP0101]: a &lt; b &amp; &quot;c&quot; [31m\n"),
            "{text}"
        );
        assert!(text.contains("<system-out>bad.yaml:1:4: warning[OMP0101]: odd"), "{text}");
        assert!(text.contains("name=\"project\">"), "{text}");
    }
}
