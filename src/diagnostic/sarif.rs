//! Findings as SARIF 2.1.0, which code hosts show as code scanning alerts.
//!
//! In: findings and sources. Out: one SARIF log with one run: the rules are the codes that occur,
//! each with its page. Paths are relative, as the user wrote them; columns count Unicode code
//! points.

use std::io;

use serde_json::{Value, json};

use super::view::View;
use super::{Code, Diagnostic, Severity};
use crate::source::Sources;
use crate::tree::Span;

/// Writes findings as a SARIF log; none make a log without results.
pub fn write(found: &[Diagnostic], sources: &Sources, out: &mut impl io::Write) -> io::Result<()> {
    let view = View::new(found, sources);
    let mut codes: Vec<&'static Code> = found.iter().map(|diagnostic| diagnostic.code).collect();
    codes.sort_by_key(|code| code.id);
    codes.dedup();
    let results: Vec<Value> =
        found.iter().map(|diagnostic| result(&view, &codes, diagnostic)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "ompipe",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(|code| rule(code)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    out.write_all(b"\n")
}

fn rule(code: &Code) -> Value {
    // The page's first line is its heading, which the title says again.
    let body = code.page.split_once('\n').map_or(code.page, |(_, body)| body).trim();
    json!({
        "id": code.id,
        "name": pascal_case(code.title),
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": body.split("\n\n").next().unwrap_or(body)},
        "help": {"text": body, "markdown": code.page.trim_end()},
    })
}

fn result(view: &View<'_>, codes: &[&'static Code], diagnostic: &Diagnostic) -> Value {
    let index = codes.binary_search_by_key(&diagnostic.code.id, |code| code.id).unwrap_or_default();
    let mut result = json!({
        "ruleId": diagnostic.code.id,
        "ruleIndex": index,
        "level": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "message": {"text": view.sentences(diagnostic)},
    });
    let mut location = json!({});
    if let Some(place) = physical_location(view, diagnostic.span) {
        location["physicalLocation"] = place;
    }
    if !diagnostic.route.is_empty() {
        location["logicalLocations"] = json!([{"fullyQualifiedName": diagnostic.route}]);
    }
    result["locations"] = json!([location]);
    let related: Vec<Value> = diagnostic
        .related
        .iter()
        .enumerate()
        .filter_map(|(id, related)| {
            let place = physical_location(view, related.span)?;
            let text = view.words(&related.label, related.span);
            Some(json!({"id": id, "message": {"text": text}, "physicalLocation": place}))
        })
        .collect();
    if !related.is_empty() {
        result["relatedLocations"] = related.into();
    }
    result
}

fn physical_location(view: &View<'_>, span: Span) -> Option<Value> {
    let location = view.location(span)?;
    Some(json!({
        "artifactLocation": {"uri": uri(&location.source.name)},
        "region": {
            "startLine": location.start.line,
            "startColumn": location.start.column,
            "endLine": location.end.line,
            "endColumn": location.end.column,
        },
    }))
}

/// A path as a URI reference.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.trim_start_matches("./").bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) => {
                uri.push(char::from(byte));
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

/// "duplicate key" to `DuplicateKey`, as SARIF wants rules named.
fn pascal_case(title: &str) -> String {
    title
        .split(|c: char| !c.is_alphanumeric())
        .filter_map(|word| {
            let mut letters = word.chars();
            Some(letters.next()?.to_uppercase().chain(letters).collect::<String>())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::code;

    #[test]
    fn a_result_points_at_its_rule_and_its_region() {
        let mut sources = Sources::default();
        let source = sources.add("./pipe lines/ü.yaml", "a: ö1\n");
        let at = Span { source, start: 5, end: 6 };
        let found = [
            Diagnostic::error(&code::YAML_SYNTAX, at, "odd")
                .with_related(at, "here too")
                .with_route("a"),
            Diagnostic::warning(&code::YAML_SYNTAX, Span::NONE, "no project"),
        ];
        let mut out = Vec::new();
        write(&found, &sources, &mut out).unwrap();
        let log: Value = serde_json::from_slice(&out).unwrap();
        let result = &log["runs"][0]["results"][0];
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][0]["name"], "NotWellFormedYAML");
        assert_eq!(result["ruleIndex"], 0);
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "pipe%20lines/%C3%BC.yaml");
        assert_eq!(place["region"]["startColumn"], 5);
        assert_eq!(result["relatedLocations"][0]["message"]["text"], "here too");
        assert_eq!(log["runs"][0]["results"][1]["level"], "warning");
    }
}
