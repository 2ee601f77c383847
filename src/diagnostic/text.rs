//! Findings for people: the message, the lines at fault with a caret, the reasons and the way out.
//!
//! In: findings and sources. Out: text for a terminal of any width, with or without colour. At most
//! [`SHOWN`] findings are written out; the machine formats hold them all.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::excerpt::Excerpt;
use super::location::Location;
use super::view::{self, View};
use super::{Diagnostic, Severity};
use crate::source::Sources;
use crate::tree::{SourceId, Span};

/// How many findings are written out: more are not read, and scroll the first ones away.
pub const SHOWN: usize = 100;

/// How many lines apart two places may be to be shown in one excerpt.
const TOGETHER: usize = 6;

/// Writes findings as text, with ANSI colours if `color`.
pub fn write(
    found: &[Diagnostic],
    sources: &Sources,
    color: bool,
    out: &mut impl io::Write,
) -> io::Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    let view = View::new(found, sources);
    // Lines are cut before they are rendered, so that the renderer has nothing to cut.
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }
        .decor_style(DecorStyle::Ascii)
        .term_width(1000);
    let shown = first_ones(found);
    for diagnostic in &shown {
        let report = render(&view, diagnostic, &renderer);
        for line in report.lines().filter(|line| !is_ellipsis(line)) {
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(out)?;
    }
    if shown.len() < found.len() {
        let more = found.len() - shown.len();
        writeln!(out, "{more} more are not shown; --format json lists all of them\n")?;
    }
    let files: BTreeSet<SourceId> =
        found.iter().filter(|one| one.span.is_some()).map(|one| one.span.source).collect();
    let place = match files.len() {
        0 => String::new(),
        files => format!(" in {}", view::counted(files, "file")),
    };
    let worst = shown.iter().min_by_key(|diagnostic| diagnostic.severity);
    let explained = worst.map_or("", |diagnostic| diagnostic.code.id);
    writeln!(out, "{}{place}; `ompipe explain {explained}` says more", view::summary(found))
}

/// The findings that are shown: all, or as many errors as there is room for, then warnings.
fn first_ones(found: &[Diagnostic]) -> Vec<&Diagnostic> {
    if found.len() <= SHOWN {
        return found.iter().collect();
    }
    let is_error = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
    let errors = found.iter().filter(is_error);
    errors.chain(found.iter().filter(|one| !is_error(one))).take(SHOWN).collect()
}

fn render(view: &View<'_>, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let words = |words: &str| printable(&view.words(words, diagnostic.span));
    let mut group =
        Group::with_title(level.primary_title(words(&diagnostic.message)).id(diagnostic.code.id));
    for places in together(view, diagnostic) {
        group = excerpt(view, &places, group);
    }
    if !diagnostic.span.is_some() && !diagnostic.route.is_empty() {
        group = group.element(Level::NOTE.message(format!("at {}", words(&diagnostic.route))));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(words(note)));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(words(help)));
    }
    renderer.render(&[group])
}

/// A place to mark, and what to say there.
struct Mark<'a> {
    span: Span,
    location: Location<'a>,
    label: String,
    kind: AnnotationKind,
}

/// The places of a finding by the excerpt that shows them: its own first, with those close to it.
fn together<'a>(view: &View<'a>, diagnostic: &Diagnostic) -> Vec<Vec<Mark<'a>>> {
    let own = (diagnostic.span, &diagnostic.label, AnnotationKind::Primary);
    let related =
        diagnostic.related.iter().map(|one| (one.span, &one.label, AnnotationKind::Context));
    let mut excerpts: Vec<Vec<Mark<'a>>> = Vec::new();
    for (span, label, kind) in std::iter::once(own).chain(related) {
        let Some(location) = view.location(span) else {
            continue;
        };
        let mark = Mark { span, label: printable(&view.words(label, span)), location, kind };
        let close = |other: &Mark<'_>| {
            other.span.source == span.source
                && other.location.start.line.abs_diff(mark.location.start.line) <= TOGETHER
        };
        match excerpts.iter_mut().find(|excerpt| excerpt.first().is_some_and(close)) {
            Some(excerpt) => excerpt.push(mark),
            None => excerpts.push(vec![mark]),
        }
    }
    excerpts
}

/// Adds an excerpt with its marks to what is shown.
fn excerpt<'a>(view: &View<'_>, marks: &[Mark<'_>], group: Group<'a>) -> Group<'a> {
    let Some(first) = marks.first() else {
        return group;
    };
    let Some(redactions) = view.redactions(first.span.source) else {
        return group;
    };
    let places: Vec<(usize, Range<usize>)> =
        marks.iter().map(|mark| (mark.location.start.line, mark.location.bytes.clone())).collect();
    let source = (first.span.source, first.location.source.text.as_str());
    let excerpt = Excerpt::new(&view.locations, redactions, source, &places);
    let annotations = marks.iter().zip(excerpt.places).map(|(mark, place)| {
        let label = (!mark.label.is_empty()).then(|| mark.label.clone());
        mark.kind.span(place).label(label)
    });
    let start = first.location.start;
    let origin = Origin::path(printable(&first.location.source.name));
    if first.location.source.text.is_empty() {
        // The file could not be read: there is no line to show.
        return group.element(origin);
    }
    group.element(origin.line(start.line).char_column(start.column)).element(
        Snippet::source(excerpt.text).line_start(excerpt.first_line).annotations(annotations),
    )
}

/// Whether a line is the mark that the renderer puts between a place and an excerpt without a name
/// of its own. The excerpts have none because the renderer would count columns in the shown line,
/// not in the user's.
fn is_ellipsis(line: &str) -> bool {
    line.trim_start().starts_with([':', '\u{1b}'])
        && anstream::adapter::strip_str(line).to_string().trim() == ":::"
}

/// A text without characters that a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{FFFD}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::code;

    fn text(found: &[Diagnostic], sources: &Sources) -> String {
        let mut out = Vec::new();
        write(found, sources, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn span(sources: &Sources, source: SourceId, words: &str) -> Span {
        let start = sources.get(source).unwrap().text.find(words).unwrap();
        Span { source, start: start as u32, end: (start + words.len()) as u32 }
    }

    #[test]
    fn a_finding_shows_its_line_its_caret_and_what_belongs_to_it() {
        let mut sources = Sources::default();
        let a = sources.add("pipelines/a.yaml", "kind: X\nspec:\n  schedule: 0 3 * *\n  port: 1\n");
        let b = sources.add("b.yaml", "a: 1\n");
        let found =
            Diagnostic::error(&code::YAML_SYNTAX, span(&sources, a, "0 3 * *"), "four fields")
                .with_label("needs five")
                .with_related(span(&sources, a, "port"), "see port")
                .with_related(span(&sources, b, "1"), "set here")
                .with_note("minute, hour, day, month, weekday")
                .with_help("add a weekday");
        let expected = "\
error[OMP0101]: four fields
 --> pipelines/a.yaml:3:13
  |
3 |   schedule: 0 3 * *
  |             ^^^^^^^ needs five
4 |   port: 1
  |   ---- see port
 ::: b.yaml:1:4
  |
1 | a: 1
  |    - set here
  |
  = note: minute, hour, day, month, weekday
  = help: add a weekday

1 error in 1 file; `ompipe explain OMP0101` says more
";
        assert_eq!(text(&[found], &sources), expected);
    }

    #[test]
    fn columns_are_those_of_the_file_though_a_secret_before_them_is_hidden() {
        let mut sources = Sources::default();
        let a = sources.add("a.yaml", "{password: hunter2hunter2, port: x}\n");
        let found = Diagnostic::error(&code::YAML_SYNTAX, span(&sources, a, "x"), "not a port");
        let text = text(&[found], &sources);
        assert!(text.contains(" --> a.yaml:1:34\n"), "{text}");
        assert!(text.contains("{password: •••, port: x}\n  |                       ^"), "{text}");
    }

    #[test]
    fn a_finding_without_a_place_names_its_route() {
        let found =
            Diagnostic::error(&code::YAML_SYNTAX, Span::NONE, "no project").with_route("spec.a");
        let text = text(&[found], &Sources::default());
        assert!(
            text.contains("= note: at spec.a\n") && text.contains("\n1 error; `ompipe"),
            "{text}"
        );
    }

    #[test]
    fn odd_places_are_shown_all_the_same() {
        for body in ["\n", "a", "a: 1\r\nb: 2\r\n", "\u{feff}a: 1\n", "ü\tö: \u{7}\n"] {
            for start in 0..8 {
                for end in 0..12 {
                    let mut sources = Sources::default();
                    let source = sources.add("a\u{1b}[2J.yaml", body);
                    let found = Diagnostic::error(
                        &code::YAML_SYNTAX,
                        Span { source, start, end },
                        "odd \u{1b}[31m",
                    )
                    .with_label("here");
                    let text = text(&[found], &sources);
                    assert!(text.contains("here") && !text.contains('\u{1b}'), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_file_that_could_not_be_read_is_named_without_a_line() {
        let mut sources = Sources::default();
        let source = sources.add("a.yaml", "");
        let at = Span { source, start: 0, end: 0 };
        let text = text(&[Diagnostic::error(&code::YAML_SYNTAX, at, "no UTF-8")], &sources);
        assert!(text.starts_with("error[OMP0101]: no UTF-8\n--> a.yaml\n\n"), "{text}");
    }

    #[test]
    fn a_line_of_100_kilobytes_is_cut() {
        let mut sources = Sources::default();
        let a =
            sources.add("a.yaml", format!("a: {}needle{}", "x".repeat(50_000), "y".repeat(50_000)));
        let found = Diagnostic::error(&code::YAML_SYNTAX, span(&sources, a, "needle"), "odd");
        assert!(text(&[found], &sources).len() < 1000);
    }

    #[test]
    fn errors_are_shown_before_warnings_when_there_are_too_many_for_all() {
        let warnings = (0..150).map(|n| {
            Diagnostic::warning(&code::YAML_SYNTAX, Span::NONE, format!("warning number {n}"))
        });
        let error = Diagnostic::error(&code::YAML_SYNTAX, Span::NONE, "the only error");
        let found: Vec<_> = warnings.chain([error]).collect();
        let text = text(&found, &Sources::default());
        assert!(text.starts_with("error[OMP0101]: the only error"), "{text}");
        assert!(text.contains("\n51 more are not shown"), "{text}");
        assert!(text.contains("\n1 error, 150 warnings; "), "{text}");
    }
}
