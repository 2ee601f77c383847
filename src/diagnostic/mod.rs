//! What is wrong with what the user wrote: findings with a stable code, a place, a reason and the
//! way out.
//!
//! In: the stages' findings, as routes of keys and spans of bytes. Out: one output format per file
//! beside this one. A finding is never an error of the tool (those are `Error` types), and never
//! holds a secret value.

pub mod code;
#[cfg(feature = "lsp")]
pub mod editor;
mod excerpt;
pub mod github;
pub mod json;
pub mod junit;
pub mod krm;
mod location;
mod nearest;
pub mod redact;
pub mod route;
pub mod sarif;
pub mod text;
pub mod value;
mod view;

pub use code::Code;
pub use nearest::{did_you_mean, nearest, suggestion};
pub use view::counted;

use std::cmp::Ordering;

use crate::tree::{SourceId, Span};

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Nothing is rendered.
    Error,
    /// Rendered all the same; an error under `--strict`.
    Warning,
}

/// One finding.
#[derive(Clone, PartialEq, Debug)]
pub struct Diagnostic {
    /// The stable code, with a page of its own (`ompipe explain OMP0101`).
    pub code: &'static Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop; lower case.
    pub message: String,
    /// Where: the value or key at fault.
    pub span: Span,
    /// What to say at the caret: the reason, in a few words; may be empty.
    pub label: String,
    /// Other places that belong to it, such as the first of two duplicates.
    pub related: Vec<Related>,
    /// The route of keys to the value, `spec.kubernetes.backoffLimit`; empty when there is none.
    pub route: String,
    /// Further reasons, a sentence each.
    pub notes: Vec<String>,
    /// The way out, where it is known.
    pub help: Option<String>,
    /// Text that is a secret though its key does not look like one's: no format shows it, with this
    /// or another finding.
    pub secrets: Vec<Span>,
}

/// A second place of a finding.
#[derive(Clone, PartialEq, Debug)]
pub struct Related {
    /// Where.
    pub span: Span,
    /// What is there.
    pub label: String,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &'static Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            span,
            label: String::new(),
            related: Vec::new(),
            route: String::new(),
            notes: Vec::new(),
            help: None,
            secrets: Vec::new(),
        }
    }

    /// A warning at a place.
    pub fn warning(code: &'static Code, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// What to say at the caret.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Another place that belongs to it.
    #[must_use]
    pub fn with_related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push(Related { span, label: label.into() });
        self
    }

    /// The route of keys.
    #[must_use]
    pub fn with_route(mut self, route: impl Into<String>) -> Self {
        self.route = route.into();
        self
    }

    /// A further reason.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The way out.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The way out, if one is known.
    #[must_use]
    pub fn with_optional_help(mut self, help: Option<impl Into<String>>) -> Self {
        self.help = help.map(Into::into);
        self
    }

    /// A place whose text must not be shown.
    #[must_use]
    pub fn with_secret(mut self, span: Span) -> Self {
        self.secrets.push(span);
        self
    }
}

/// The findings of a run, in the order in which they were made until [`Diagnostics::into_sorted`].
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Adds several.
    pub fn extend(&mut self, found: impl IntoIterator<Item = Diagnostic>) {
        self.found.extend(found);
    }

    /// Adds all of another stage's.
    pub fn append(&mut self, mut other: Diagnostics) {
        self.found.append(&mut other.found);
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether there is an error among them.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The findings.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.found.iter()
    }

    /// Each finding once, ordered by place, then code, then message: the same on any number of
    /// threads.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        self.into_sorted_by(|one, other| one.cmp(&other))
    }

    /// Whether a text could not be read to its end, so that nobody knows all that it defines.
    pub fn is_unread(&self) -> bool {
        let of_reading = |code: &Code| code.id.starts_with("OMP01") || *code == code::PROJECT_FILE;
        let mut found = self.found.iter();
        found.any(|one| one.severity == Severity::Error && of_reading(one.code))
    }

    /// The same, where the numbers of sources say nothing about their order.
    pub fn into_sorted_by(self, order: impl Fn(SourceId, SourceId) -> Ordering) -> Vec<Diagnostic> {
        let key = |one: &Diagnostic| (one.span.start, one.span.end, one.code.id);
        let mut found = self.found;
        found.sort_by(|one, other| {
            order(one.span.source, other.span.source)
                .then_with(|| key(one).cmp(&key(other)))
                .then_with(|| one.message.cmp(&other.message))
        });
        found.dedup();
        // A scalar that readers take differently is one mistake: what it is not is mended with it.
        let mut ambiguous = None;
        found.retain(|finding| {
            if finding.code == &code::YAML_AMBIGUOUS {
                ambiguous = Some(finding.span);
            }
            let is_of_type = [&code::SCHEMA_TYPE, &code::SPEC_TYPE].contains(&finding.code);
            !is_of_type || ambiguous != Some(finding.span)
        });
        found
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(found: I) -> Self {
        Self { found: found.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_that_readers_take_differently_is_not_also_of_the_wrong_type() {
        let at = |start| Span { source: SourceId(0), start, end: start + 3 };
        let mut found = Diagnostics::default();
        found.push(Diagnostic::error(&code::SCHEMA_TYPE, at(0), "expected a boolean"));
        found.push(Diagnostic::error(&code::SCHEMA_TYPE, at(9), "expected a boolean"));
        found.push(Diagnostic::error(&code::YAML_AMBIGUOUS, at(0), "`yes` is read differently"));
        let found = found.into_sorted();
        let found = found.iter().map(|one| (one.code.id, one.span.start)).collect::<Vec<_>>();
        assert_eq!(found, [("OMP0104", 0), ("OMP0203", 9)]);
    }
}
