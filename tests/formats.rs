//! The machine formats against the rules of those who read them.

use ompipe::diagnostic::{Diagnostic, code, junit, sarif};
use ompipe::source::Sources;
use ompipe::tree::Span;

/// Findings of every shape, with text that means something to each format.
fn findings() -> (Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let a = sources.add("pipe lines/ü&<a>.yaml", "a: 1\nb: [\n  ö]\n");
    let at = |start, end| Span {
        source: a,
        start,
        end,
    };
    let found = vec![
        Diagnostic::error(&code::YAML_SYNTAX, at(3, 4), "a < b && \"c\" ]]> \u{7}")
            .with_label("here")
            .with_related(at(5, 6), "and here")
            .with_note("a note")
            .with_help("mend it")
            .with_route("spec.a"),
        Diagnostic::warning(&code::YAML_SYNTAX, at(8, 14), "over lines"),
        Diagnostic::error(&code::YAML_SYNTAX, Span::NONE, "nowhere"),
        Diagnostic::error(&code::YAML_SYNTAX, at(500, 400), "beyond the end"),
    ];
    (found, sources)
}

#[test]
fn sarif_agrees_with_its_schema() {
    let Some(path) = std::env::var_os("OMPIPE_SARIF_SCHEMA") else {
        println!("skipped: OMPIPE_SARIF_SCHEMA does not name the schema of SARIF 2.1.0");
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    // The published schema has a pattern that is no regular expression; it is of a field that is not written.
    let text = text.replace("|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$", "");
    let schema = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let (found, sources) = findings();
    for found in [&found[..], &[]] {
        let mut out = Vec::new();
        sarif::write(found, &sources, &mut out).unwrap();
        let log = serde_json::from_slice(&out).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&log)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}

#[test]
fn junit_is_well_formed_xml() {
    let (found, sources) = findings();
    let mut out = Vec::new();
    junit::write(&found, &sources, &mut out).unwrap();
    let python = std::process::Command::new("python3")
        .args([
            "-c",
            "import sys, xml.dom.minidom as x; x.parse(sys.stdin.buffer)",
        ])
        .stdin(std::process::Stdio::piped())
        .spawn();
    let Ok(mut python) = python else {
        println!("skipped: there is no python3");
        return;
    };
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), &out).unwrap();
    assert!(python.wait().unwrap().success());
}
