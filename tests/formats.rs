//! The machine formats against the rules of those who read them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use ompipe::compile::Options;
use ompipe::diagnostic::{Diagnostic, code, github, json, junit, sarif, text};
use ompipe::project::{Input, Project};
use ompipe::render::Mode;
use ompipe::source::Sources;
use ompipe::tree::Span;
use ompipe::workspace;
use proptest::prelude::*;

/// Findings of every shape, with text that means something to each format.
fn findings() -> (Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let a = sources.add("pipe lines/ü&<a>.yaml", "a: 1\nb: [\n  ö]\n");
    let at = |start, end| Span { source: a, start, end };
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
    // The published schema has a pattern that is no regular expression; it is of a field that is
    // not written.
    let text = text.replace("|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$", "");
    let schema = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let (found, sources) = findings();
    for found in [&found[..], &[]] {
        let mut out = Vec::new();
        sarif::write(found, &sources, &mut out).unwrap();
        let log = serde_json::from_slice(&out).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&log).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}

#[test]
fn junit_is_well_formed_xml() {
    let (found, sources) = findings();
    let mut out = Vec::new();
    junit::write(&found, &sources, &mut out).unwrap();
    let python = std::process::Command::new("python3")
        .args(["-c", "import sys, xml.dom.minidom as x; x.parse(sys.stdin.buffer)"])
        .stdin(std::process::Stdio::piped())
        .spawn();
    let Ok(mut python) = python else {
        println!("skipped: there is no python3");
        return;
    };
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), &out).unwrap();
    assert!(python.wait().unwrap().success());
}

/// A definition with a secret where people put them by mistake, to be broken.
const WITH_SECRETS: &str = r#"kind: ServiceConnection
metadata: {name: orders-db}
spec:
  type: postgres
  connection:
    config:
      type: Postgres
      hostPort: orders-db.shop:5432
      username: openmetadata
      authType:
        password: hunter2
      connectionOptions: {sslmode: require, sslPassword: 'hunter2', application: x}
      connectionArguments:
        options: "postgresql://me:hunter2@orders-db.shop/orders"
        privateKey: |
          -----BEGIN PRIVATE KEY-----
          hunter2
          -----END PRIVATE KEY-----
---
kind: IngestionPipeline
metadata: {name: orders-metadata}
spec:
  service: orders-db
  type: metadata
  schedule: "0 3 * *"
  kubernetes:
    extraEnvVars:
      - DB_PASSWORD:hunter2
      - "API_TOKEN:hunter2"
      - name: CLIENT_SECRET
        value: hunter2
  workflow:
    source:
      sourceConfig: {config: {type: DatabaseMetadata}}
"#;

/// A change that a slip of the hand makes: some bytes taken out, others put in their place.
fn slip() -> impl Strategy<Value = (prop::sample::Index, usize, String)> {
    (any::<prop::sample::Index>(), 0..4usize, "[ \t\n:\"'{}\\[\\],#&*|>-]{0,3}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_format_shows_a_secret_of_a_definition_whatever_is_wrong_with_it(
        slips in prop::collection::vec(slip(), 0..3),
    ) {
        let mut text = WITH_SECRETS.to_owned();
        for (at, length, put) in slips {
            let start = at.index(text.len());
            let end = (start + length).min(text.len());
            // The secret itself stays whole, and its key's name, by which it is known to be one.
            let touched = &text[text[..start].rfind('\n').map_or(0, |at| at + 1)..];
            let line = &touched[..touched.find('\n').unwrap_or(touched.len())];
            let known = ["hunter2", "name:", "KEY", "privateKey"];
            if !known.iter().any(|word| line.contains(word)) && !text[start..end].contains('\n') {
                text.replace_range(start..end, &put);
            }
        }
        let input = Input::Text { name: "-".to_owned(), bytes: text.clone().into_bytes() };
        let mut project = Project::read(vec![input]).unwrap();
        let options = Options { mode: Mode::Scheduled, environment: None, only: Vec::new(), templates: Vec::new(), bundle: None, values: None, objects: false };
        workspace::compile(&mut project.definitions, options, &mut project.sources, &mut project.found);
        let found = std::mem::take(&mut project.found).into_sorted();
        prop_assert!(!found.is_empty());
        for output in outputs(&found, &project.sources) {
            prop_assert!(!output.contains("hunter2"), "{text}\n\n{output}");
        }
    }
}

fn outputs(found: &[Diagnostic], sources: &Sources) -> Vec<String> {
    let mut outputs = vec![Vec::new(); 6];
    text::write(found, sources, false, &mut outputs[0]).unwrap();
    text::write(found, sources, true, &mut outputs[1]).unwrap();
    json::write(found, sources, &mut outputs[2]).unwrap();
    sarif::write(found, sources, &mut outputs[3]).unwrap();
    github::write(found, sources, &mut outputs[4]).unwrap();
    junit::write(found, sources, &mut outputs[5]).unwrap();
    outputs.into_iter().map(|output| String::from_utf8(output).unwrap()).collect()
}
