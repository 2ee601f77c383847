//! Findings for programs: one JSON document.
//!
//! In: findings and sources. Out: `{"findings": […], "errors": n, "warnings": n}`; lines and
//! columns count from 1, columns in characters; an end is the place after the last character; bytes
//! count from 0. It holds no text of a file.

use std::io;

use serde::Serialize;

use super::Diagnostic;
use super::view::{self, View};
use crate::source::Sources;
use crate::tree::Span;

#[derive(Serialize)]
struct Document<'a> {
    findings: Vec<Finding<'a>>,
    errors: usize,
    warnings: usize,
}

#[derive(Serialize)]
struct Finding<'a> {
    code: &'static str,
    title: &'static str,
    severity: &'static str,
    message: String,
    #[serde(flatten)]
    place: Option<Place<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    route: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    label: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<Related<'a>>,
}

#[derive(Serialize)]
struct Related<'a> {
    message: String,
    #[serde(flatten)]
    place: Option<Place<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    bytes: Bytes,
}

#[derive(Serialize)]
struct Bytes {
    start: usize,
    end: usize,
}

/// Writes findings as JSON; none make a document too.
pub fn write(found: &[Diagnostic], sources: &Sources, out: &mut impl io::Write) -> io::Result<()> {
    let view = View::new(found, sources);
    let (errors, warnings) = view::count(found);
    let findings = found.iter().map(|diagnostic| finding(&view, diagnostic)).collect();
    serde_json::to_writer_pretty(&mut *out, &Document { findings, errors, warnings })?;
    out.write_all(b"\n")
}

fn finding<'a>(view: &View<'a>, diagnostic: &'a Diagnostic) -> Finding<'a> {
    let words = |words: &str| view.words(words, diagnostic.span);
    Finding {
        code: diagnostic.code.id,
        title: diagnostic.code.title,
        severity: view::severity(diagnostic.severity),
        message: words(&diagnostic.message),
        place: place(view, diagnostic.span),
        route: &diagnostic.route,
        label: words(&diagnostic.label),
        notes: diagnostic.notes.iter().map(|note| words(note)).collect(),
        help: diagnostic.help.as_deref().map(words),
        related: diagnostic
            .related
            .iter()
            .map(|one| Related {
                message: view.words(&one.label, one.span),
                place: place(view, one.span),
            })
            .collect(),
    }
}

fn place<'a>(view: &View<'a>, span: Span) -> Option<Place<'a>> {
    let location = view.location(span)?;
    Some(Place {
        file: &location.source.name,
        line: location.start.line,
        column: location.start.column,
        end_line: location.end.line,
        end_column: location.end.column,
        bytes: Bytes { start: location.bytes.start, end: location.bytes.end },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::code;

    #[test]
    fn a_finding_has_its_place_in_lines_and_bytes_and_no_text_of_the_file() {
        let mut sources = Sources::default();
        let source = sources.add("a.yaml", "ü: {password: hunter2}\nb: 1\n");
        let at = |start, end| Span { source, start, end };
        let found = [
            Diagnostic::error(&code::YAML_SYNTAX, at(4, 15), "hunter2 is weak")
                .with_related(at(24, 25), "see here")
                .with_route("ü.password"),
            Diagnostic::warning(&code::YAML_SYNTAX, Span::NONE, "no project"),
        ];
        let mut out = Vec::new();
        write(&found, &sources, &mut out).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let finding = &document["findings"][0];
        assert_eq!(finding["message"], "••• is weak");
        assert_eq!((&finding["line"], &finding["column"]), (&1.into(), &4.into()));
        assert_eq!((&finding["endLine"], &finding["endColumn"]), (&1.into(), &15.into()));
        assert_eq!(finding["bytes"], serde_json::json!({"start": 4, "end": 15}));
        assert_eq!(finding["related"][0]["line"], 2);
        assert_eq!(document["findings"][1].get("file"), None);
        assert_eq!((&document["errors"], &document["warnings"]), (&1.into(), &1.into()));
        assert!(!String::from_utf8(out).unwrap().contains("hunter2"));
    }
}
