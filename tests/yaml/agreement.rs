//! What our reader takes without a finding, PyYAML and Go take for the same value.

use ompipe::diagnostic::Diagnostics;
use ompipe::tree::{Node, SourceId};
use ompipe::yaml::{self, Dialect};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::readers::{self, Answer};
use crate::{saphyr, strategies};

/// How many texts are tried; about one in seven is YAML.
const TRIES: usize = 60_000;

/// Texts that hold one document and are read without findings, with that document.
fn accepted(dialect: Dialect, tries: usize) -> Vec<(String, Value)> {
    let mut runner = TestRunner::default();
    let strategy = prop_oneof![
        4 => strategies::lines(),
        2 => strategies::yamlish(),
        1 => strategies::mutation(),
    ];
    let mut texts = Vec::new();
    for _ in 0..tries {
        let text = strategy.new_tree(&mut runner).unwrap().current();
        let mut found = Diagnostics::default();
        let nodes = yaml::read(SourceId(0), &text, dialect, &mut found);
        // An empty document is null to others.
        let nodes: Vec<&Node> = nodes.iter().filter(|node| !node.is_null()).collect();
        if let [node] = nodes.as_slice()
            && found.is_empty()
        {
            let value = Value::from(*node);
            texts.push((text, value));
        }
    }
    assert!(texts.len() > tries / 50, "too few texts are YAML: {}", texts.len());
    texts
}

/// Of all texts that a reader takes for something else, the shortest.
fn assert_agrees(texts: Vec<(String, Value)>, reader: fn(&[String]) -> Option<Vec<Answer>>) {
    let (documents, values): (Vec<String>, Vec<Value>) = texts.into_iter().unzip();
    let Some(answers) = reader(&documents) else {
        return;
    };
    let all = documents.iter().zip(&values).zip(&answers);
    let mut wrong: Vec<_> = all
        .filter(|((_, value), answer)| !matches!(answer, Answer::Value(read) if readers::same(read, value)))
        .collect();
    wrong.sort_by_key(|((text, _), _)| text.len());
    let shown: Vec<String> = wrong
        .iter()
        .take(20)
        .map(|((text, value), answer)| {
            format!("{text:?}\n   read as {answer:?}\n   not     {value}")
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), values.len(), shown.join("\n"));
}

#[test]
fn pyyaml_agrees_with_what_is_accepted_as_a_definition() {
    assert_agrees(accepted(Dialect::Definition, TRIES), readers::pyyaml);
}

#[test]
fn go_agrees_with_what_is_accepted_as_a_definition() {
    let mut texts = accepted(Dialect::Definition, TRIES);
    // It reads the first document only; those who use it split the text beforehand.
    texts.retain(|(text, _)| !text.contains("---") && !text.contains("..."));
    assert_agrees(texts, readers::go);
}

#[test]
fn pyyaml_agrees_with_what_is_imported() {
    let dated = |value: &Value| value.to_string().contains("2024-");
    let mut texts = accepted(Dialect::PyYaml, TRIES);
    texts.retain(|(_, value)| !dated(value));
    assert_agrees(texts, readers::pyyaml);
}

#[test]
fn a_yaml_1_2_parser_agrees_with_what_is_accepted_as_a_definition() {
    let mut texts = accepted(Dialect::Definition, TRIES);
    // It adds a line end to a block of text that has none, which the specification does not.
    texts
        .retain(|(text, _)| text.ends_with('\n') && !text.contains("---") && !text.contains("..."));
    let (texts, values): (Vec<String>, Vec<Value>) = texts.into_iter().unzip();
    let mut wrong: Vec<(String, Value, Value)> = Vec::new();
    for (text, value) in texts.into_iter().zip(values) {
        if let Some(read) = saphyr::read(&text)
            && !readers::same(&read, &value)
        {
            wrong.push((text, read, value));
        }
    }
    wrong.sort_by_key(|(text, ..)| text.len());
    wrong.truncate(20);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Needs a folder of workflows (`OMPIPE_WORKFLOWS`, or `../shared/workflows`); without it the test
/// says that it skips.
#[test]
fn pyyaml_agrees_with_real_workflows() {
    let folder = std::env::var("OMPIPE_WORKFLOWS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/workflows").to_owned());
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: no workflows in {folder}");
        return;
    };
    let mut texts = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut found = Diagnostics::default();
            let nodes = yaml::read(SourceId(0), &text, Dialect::PyYaml, &mut found);
            assert!(found.is_empty(), "{}: {found:?}", path.display());
            texts.push((text, Value::from(&nodes[0])));
        }
    }
    assert!(texts.len() > 10, "{} workflows", texts.len());
    assert_agrees(texts, readers::pyyaml);
}
