//! Findings in the protocol's words, and the mends that they bring.
//!
//! In: findings made ready to be shown, and the texts that they stand in. Out: diagnostics per text,
//! and quick fixes. What is wrong was decided long before.

use std::collections::HashMap;

use serde_json::{Value as Json, json};
use tower_lsp_server::ls_types::{
    CodeAction, CodeActionKind, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity,
    DiagnosticTag, Location, NumberOrString, Range, TextEdit, Uri, WorkspaceEdit,
};

use super::position::{Encoding, Text};
use crate::diagnostic::editor::Shown;
use crate::diagnostic::{Severity, code};
use crate::source::Sources;
use crate::tree::SourceId;

/// The name of this server beside its findings.
const SOURCE: &str = "ompipe";

/// The key of a diagnostic's data under which its mend travels to the client and back.
const MEND: &str = "mend";

/// Findings of one text as diagnostics. `uri` says where a text is for the client.
pub fn diagnostics(
    found: &[Shown],
    sources: &Sources,
    encoding: Encoding,
    uri: impl Fn(SourceId) -> Option<Uri>,
) -> Vec<Diagnostic> {
    let mut texts: HashMap<SourceId, Text> = HashMap::new();
    let mut lines = |source: SourceId, bytes: std::ops::Range<usize>| {
        let text = || sources.get(source).map_or("", |source| &source.text);
        texts.entry(source).or_insert_with(|| Text::new(text())).lines(bytes, encoding)
    };
    let mut diagnostics = Vec::with_capacity(found.len());
    for one in found {
        let range = one.place.as_ref().map(|place| lines(place.source, place.bytes.clone()));
        let related = one.related.iter().filter_map(|(place, message)| {
            let uri = uri(place.source)?;
            let range = lines(place.source, place.bytes.clone());
            let message = if message.is_empty() { "here".to_owned() } else { message.clone() };
            Some(DiagnosticRelatedInformation { location: Location { uri, range }, message })
        });
        let related = related.collect::<Vec<_>>();
        diagnostics.push(Diagnostic {
            range: range.unwrap_or_default(),
            severity: Some(match one.severity {
                Severity::Error => DiagnosticSeverity::ERROR,
                Severity::Warning => DiagnosticSeverity::WARNING,
            }),
            code: Some(NumberOrString::String(one.code.id.to_owned())),
            code_description: None,
            source: Some(SOURCE.to_owned()),
            message: one.message.clone(),
            related_information: (!related.is_empty()).then_some(related),
            // It is there and says nothing about the chosen output.
            tags: (one.code == &code::NOT_CARRIED).then(|| vec![DiagnosticTag::UNNECESSARY]),
            data: one.mend.as_ref().map(|mend| json!({MEND: mend})),
        });
    }
    diagnostics
}

/// The quick fixes for diagnostics that were sent for a file, as far as they touch a range.
pub fn fixes(sent: &[Diagnostic], range: Range, uri: &Uri) -> Vec<CodeAction> {
    let touches = |one: &&Diagnostic| one.range.start <= range.end && range.start <= one.range.end;
    let fix = |one: &Diagnostic| {
        let mend = one.data.as_ref()?.get(MEND).and_then(Json::as_str)?;
        let edit = TextEdit { range: one.range, new_text: mend.to_owned() };
        Some(CodeAction {
            title: format!("Write `{mend}`"),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![one.clone()]),
            edit: Some(WorkspaceEdit::new(HashMap::from([(uri.clone(), vec![edit])]))),
            is_preferred: Some(true),
            ..CodeAction::default()
        })
    };
    sent.iter().filter(touches).filter_map(fix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::editor::show;
    use crate::diagnostic::{Diagnostic as Finding, did_you_mean};
    use crate::tree::Span;

    #[test]
    fn a_finding_behind_an_emoji_is_where_the_client_counts_and_its_fix_replaces_the_word() {
        let mut sources = Sources::default();
        let source = sources.add("a.yaml", "a: {🦀: 1, shedule: x}\n");
        let span = Span { source, start: 13, end: 20 };
        let found = [Finding::error(&code::SCHEMA_UNKNOWN_FIELD, span, "unknown field `shedule`")
            .with_related(Span { source, start: 0, end: 1 }, "in this")
            .with_optional_help(did_you_mean("shedule", ["schedule"]))];
        let shown = show(&found, &found, &sources);
        let uri: Uri = "file:///a.yaml".parse().unwrap();
        let sent = diagnostics(&shown, &sources, Encoding::Utf16, |_| Some(uri.clone()));
        let [one] = sent.as_slice() else { panic!("{sent:?}") };
        assert_eq!((one.range.start.character, one.range.end.character), (11, 18));
        assert_eq!(one.related_information.as_ref().unwrap()[0].message, "in this");
        assert_eq!(one.message, "unknown field `shedule`\nhelp: did you mean `schedule`?");
        let fixes = fixes(&sent, one.range, &uri);
        let edit = serde_json::to_value(&fixes[0].edit).unwrap();
        assert_eq!(edit["changes"]["file:///a.yaml"][0]["newText"], "schedule");
        let elsewhere = Range::new(
            tower_lsp_server::ls_types::Position::new(5, 0),
            tower_lsp_server::ls_types::Position::new(5, 0),
        );
        assert_eq!(super::fixes(&sent, elsewhere, &uri), []);
    }
}
