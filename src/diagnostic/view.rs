//! What the formats have in common: findings with their places found and their secrets taken out.
//!
//! In: findings and sources. Out: a [`View`], the only thing a format asks for text. A format never
//! reads a source.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;

use super::location::{Location, Locations};
use super::redact::{self, Redactions};
use super::{Diagnostic, Severity};
use crate::source::Sources;
use crate::tree::{SourceId, Span};

/// The findings of a run as they may be shown.
pub(super) struct View<'a> {
    /// Where they are.
    pub(super) locations: Locations<'a>,
    sources: &'a Sources,
    known: HashMap<SourceId, Vec<Range<usize>>>,
    redactions: Vec<OnceCell<Redactions>>,
}

impl<'a> View<'a> {
    pub(super) fn new(found: &'a [Diagnostic], sources: &'a Sources) -> Self {
        let mut known: HashMap<SourceId, Vec<Range<usize>>> = HashMap::new();
        for span in found.iter().flat_map(|diagnostic| &diagnostic.secrets) {
            known.entry(span.source).or_default().push(span.start as usize..span.end as usize);
        }
        let redactions = sources.iter().map(|_| OnceCell::new()).collect();
        Self { locations: Locations::new(sources), sources, known, redactions }
    }

    /// The hidden bytes of a source.
    pub(super) fn redactions(&self, id: SourceId) -> Option<&Redactions> {
        let text = &self.sources.get(id)?.text;
        let known = || self.known.get(&id).cloned().unwrap_or_default();
        Some(self.redactions.get(id.0 as usize)?.get_or_init(|| Redactions::of(text, known())))
    }

    /// The place of a span.
    pub(super) fn location(&self, span: Span) -> Option<Location<'a>> {
        self.locations.find(span)
    }

    /// A finding's words, or those of a place that belongs to it, without secrets.
    pub(super) fn words(&self, words: &str, span: Span) -> String {
        match (self.location(span), self.redactions(span.source)) {
            (Some(location), Some(redactions)) => {
                let line = self.locations.line(span.source, location.start.line);
                redactions.message(words, &location.source.text, line)
            }
            _ => redact::shape_of_secrets(words).into_owned(),
        }
    }

    /// A finding in a sentence or two, for formats without room for more: the message, the reason
    /// at the caret, the notes and the way out.
    pub(super) fn sentences(&self, diagnostic: &Diagnostic) -> String {
        let mut text = diagnostic.message.clone();
        if !diagnostic.label.is_empty() {
            text.push_str(": ");
            text.push_str(&diagnostic.label);
        }
        for note in &diagnostic.notes {
            text.push('\n');
            text.push_str(note);
        }
        if let Some(help) = &diagnostic.help {
            text.push_str("\nhelp: ");
            text.push_str(help);
        }
        self.words(&text, diagnostic.span)
    }
}

/// How many errors and warnings there are.
pub(super) fn count(found: &[Diagnostic]) -> (usize, usize) {
    let errors = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    (errors, found.len() - errors)
}

/// The severity's name.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// "1 error", "2 errors".
pub fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// "3 errors, 1 warning"; what there is none of is left out.
pub(super) fn summary(found: &[Diagnostic]) -> String {
    let (errors, warnings) = count(found);
    match (errors, warnings) {
        (_, 0) => counted(errors, "error"),
        (0, _) => counted(warnings, "warning"),
        _ => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    }
}
