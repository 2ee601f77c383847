//! Findings as the results of a KRM function, which kustomize, kpt and what is built on them read.
//!
//! In: findings, sources, and of each finding the [`Place`] in its item: lines of a ResourceList
//! mean nothing to the person who wrote the file. Out: the nodes of `results`, and lines for
//! people, since kustomize shows nobody a function's results.

use std::io;

use super::Diagnostic;
use super::text::printable;
use super::view::{self, View};
use crate::source::Sources;
use crate::tree::{Mapping, Node};

/// Where a finding is, in the terms of a ResourceList.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// The file that the item was read from.
    pub file: Option<String>,
    /// Which of the file's documents it is, from 0.
    pub index: Option<i64>,
    /// The item's `apiVersion`, where it has one.
    pub api_version: Option<String>,
    /// The item's `kind`.
    pub kind: Option<String>,
    /// The item's name.
    pub name: Option<String>,
    /// The route of keys in the item; empty for the item as a whole.
    pub field: String,
}

/// The results of the findings, in their order. `place` is asked for findings in items; the others
/// are found in files and have lines.
pub fn results(
    found: &[Diagnostic],
    sources: &Sources,
    place: impl Fn(&Diagnostic) -> Option<Place>,
) -> Vec<Node> {
    let view = View::new(found, sources);
    found.iter().map(|diagnostic| result(&view, diagnostic, place(diagnostic))).collect()
}

fn result(view: &View<'_>, diagnostic: &Diagnostic, place: Option<Place>) -> Node {
    let mut tags = vec![("code", text(diagnostic.code.id))];
    let place = place.unwrap_or_else(|| {
        let location = view.location(diagnostic.span);
        if let Some(location) = &location {
            tags.push(("column", text(location.start.column.to_string())));
            tags.push(("line", text(location.start.line.to_string())));
        }
        Place {
            file: location.map(|location| location.source.name.clone()),
            field: diagnostic.route.clone(),
            ..Place::default()
        }
    });
    let Place { file, index, api_version, kind, name, field } = place;
    let resource = [("apiVersion", api_version), ("kind", kind), ("name", name)]
        .map(|(key, value)| (key, value.map(text)));
    let file = [("path", file.map(text)), ("index", index.map(Node::new))];
    let field = [("path", (!field.is_empty()).then(|| text(field)))];
    let entries = [
        ("message", Some(text(view.sentences(diagnostic)))),
        ("severity", Some(text(view::severity(diagnostic.severity)))),
        ("resourceRef", some_of(resource)),
        ("field", some_of(field)),
        ("file", some_of(file)),
        ("tags", some_of(tags.into_iter().map(|(key, value)| (key, Some(value))))),
    ];
    Node::new(present(entries))
}

/// Writes results for people: what is wrong, where, and what to do.
pub fn write(results: &[Node], out: &mut impl io::Write) -> io::Result<()> {
    let at = |result: &Node, route: &[&str]| {
        result.at_route(route).and_then(Node::as_str).map(printable)
    };
    for result in results {
        let (message, severity) = (at(result, &["message"]), at(result, &["severity"]));
        let code = at(result, &["tags", "code"]).unwrap_or_default();
        let message = message.unwrap_or_default();
        let mut lines = message.lines();
        let first = lines.next().unwrap_or_default();
        writeln!(out, "{}[{code}]: {first}", severity.unwrap_or_default())?;
        let mut places = Vec::new();
        if let Some(mut file) = at(result, &["file", "path"]) {
            for number in ["line", "column"].map(|tag| at(result, &["tags", tag])) {
                file.extend(number.map(|number| format!(":{number}")));
            }
            places.push(file);
        }
        let resource = ["kind", "name"].map(|key| at(result, &["resourceRef", key]));
        let resource = resource.into_iter().flatten().collect::<Vec<_>>().join(" ");
        places.extend(Some(resource).filter(|resource| !resource.is_empty()));
        places.extend(at(result, &["field", "path"]));
        if !places.is_empty() {
            writeln!(out, " --> {}", places.join(", "))?;
        }
        for line in lines {
            writeln!(out, "  = {line}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn text(value: impl Into<String>) -> Node {
    Node::new(value.into())
}

/// A mapping of the entries that there are; none without any.
fn some_of(entries: impl IntoIterator<Item = (&'static str, Option<Node>)>) -> Option<Node> {
    let mapping = present(entries);
    (!mapping.is_empty()).then(|| Node::new(mapping))
}

fn present(entries: impl IntoIterator<Item = (&'static str, Option<Node>)>) -> Mapping {
    entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::code;
    use crate::tree::Span;

    #[test]
    fn a_finding_in_an_item_names_its_file_resource_and_field_and_one_in_a_file_its_line() {
        let mut sources = Sources::default();
        let item = sources.add("item", "spec: {shedule: hunter2}\n");
        let file = sources.add("b.yaml", "a: 1\nb: 2\n");
        let at = |source, start, end| Span { source, start, end };
        let found = [
            Diagnostic::error(&code::SCHEMA_UNKNOWN_FIELD, at(item, 7, 14), "unknown field")
                .with_help("did you mean `schedule`?"),
            Diagnostic::warning(&code::PAIR, at(file, 8, 9), "odd").with_route("b"),
        ];
        let place = |diagnostic: &Diagnostic| {
            (diagnostic.span.source == item).then(|| Place {
                file: Some("a.yaml".to_owned()),
                index: Some(2),
                kind: Some("IngestionPipeline".to_owned()),
                name: Some("orders".to_owned()),
                field: "spec.shedule".to_owned(),
                ..Place::default()
            })
        };
        let results = results(&found, &sources, place);
        assert_eq!(
            serde_json::Value::from(&results[0]),
            serde_json::json!({
                "message": "unknown field\nhelp: did you mean `schedule`?",
                "severity": "error",
                "resourceRef": {"kind": "IngestionPipeline", "name": "orders"},
                "field": {"path": "spec.shedule"},
                "file": {"path": "a.yaml", "index": 2},
                "tags": {"code": "OMP0202"},
            })
        );
        let tags = serde_json::json!({"code": "OMP0405", "line": "2", "column": "4"});
        assert_eq!(serde_json::Value::from(results[1].get("tags").unwrap()), tags);

        let mut out = Vec::new();
        write(&results, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\
error[OMP0202]: unknown field
 --> a.yaml, IngestionPipeline orders, spec.shedule
  = help: did you mean `schedule`?

warning[OMP0405]: odd
 --> b.yaml:2:4, b

"
        );
    }
}
