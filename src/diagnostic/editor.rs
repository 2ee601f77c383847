//! Findings for editors: each with its bytes, its words without secrets, and its mend where the help
//! names one.
//!
//! In: findings and sources. Out: [`Shown`], which a client's protocol is made from. It holds no
//! text of a file.

use std::ops::Range;

use super::view::View;
use super::{Code, Diagnostic, Severity, nearest};
use crate::source::Sources;
use crate::tree::SourceId;

/// A finding as an editor shows it.
#[derive(Clone, PartialEq, Debug)]
pub struct Shown {
    /// Where it is; `None` for what stands in no text.
    pub place: Option<Place>,
    /// How bad it is.
    pub severity: Severity,
    /// Its code.
    pub code: &'static Code,
    /// What is wrong, why, and the way out.
    pub message: String,
    /// Other places that belong to it, each with what is there.
    pub related: Vec<(Place, String)>,
    /// What to write in place of what is there.
    pub mend: Option<String>,
}

/// A part of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The text.
    pub source: SourceId,
    /// Its bytes, from character to character.
    pub bytes: Range<usize>,
}

/// Makes findings ready to be shown. `all` are those of the run, whose secrets none may show.
pub fn show(found: &[Diagnostic], all: &[Diagnostic], sources: &Sources) -> Vec<Shown> {
    let view = View::new(all, sources);
    let place = |span| {
        let location = view.location(span)?;
        Some(Place { source: span.source, bytes: location.bytes })
    };
    let shown = |one: &Diagnostic| Shown {
        place: place(one.span),
        severity: one.severity,
        code: one.code,
        message: view.sentences(one),
        related: one
            .related
            .iter()
            .filter_map(|other| Some((place(other.span)?, view.words(&other.label, other.span))))
            .collect(),
        mend: mend(one, sources),
    };
    found.iter().map(shown).collect()
}

/// The name that was meant, where the help suggests one for the very word at the finding.
fn mend(finding: &Diagnostic, sources: &Sources) -> Option<String> {
    let name = nearest::suggested(finding.help.as_deref()?)?;
    let text = &sources.get(finding.span.source)?.text;
    let word = text.get(finding.span.start as usize..finding.span.end as usize)?;
    let quote = word.chars().next().filter(|first| ['"', '\''].contains(first));
    let bare = word.trim_matches(['"', '\'']);
    (nearest(bare, [name]) == Some(name)).then(|| match quote {
        Some(quote) => format!("{quote}{name}{quote}"),
        None => name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{code, did_you_mean};
    use crate::tree::Span;

    #[test]
    fn a_finding_brings_its_mend_and_no_secret() {
        let mut sources = Sources::default();
        let source = sources.add("a.yaml", "\"shedule\": x\npassword: hunter2\n");
        let at = |start, end| Span { source, start, end };
        let found = [
            Diagnostic::error(&code::SCHEMA_UNKNOWN_FIELD, at(0, 9), "unknown field")
                .with_optional_help(did_you_mean("shedule", ["schedule"])),
            Diagnostic::error(&code::LITERAL_SECRET, at(23, 30), "hunter2 is written out")
                .with_related(at(13, 21), "hunter2")
                .with_help("did you mean `unlike`?"),
            Diagnostic::warning(&code::NO_SERVER, Span::NONE, "nowhere"),
        ];
        let shown = show(&found, &found, &sources);
        assert_eq!(shown[0].mend.as_deref(), Some("\"schedule\""));
        assert_eq!(shown[0].place, Some(Place { source, bytes: 0..9 }));
        assert_eq!((shown[1].mend.as_deref(), shown[2].place.as_ref()), (None, None));
        assert!(!format!("{shown:?}").contains("hunter2"), "{shown:?}");
    }
}
