//! Any tree is read back as it was written, by all readers.

use ompipe::diagnostic::Diagnostics;
use ompipe::tree::{Node, SourceId};
use ompipe::yaml::{self, Dialect};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::readers::{self, Answer};
use crate::strategies;

fn written(value: &Value) -> String {
    let mut out = String::new();
    yaml::write(&Node::from(value.clone()), &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn our_reader_reads_back_what_was_written(value in strategies::value()) {
        let text = written(&value);
        for dialect in [Dialect::Definition, Dialect::PyYaml] {
            let mut found = Diagnostics::default();
            let nodes = yaml::read(SourceId(0), &text, dialect, &mut found);
            prop_assert!(found.is_empty(), "{text:?}: {found:?}");
            prop_assert_eq!(nodes.len(), 1, "{:?}", text);
            prop_assert_eq!(&Value::from(&nodes[0]), &value, "{}", text);
        }
    }

    #[test]
    fn a_stream_of_documents_is_read_back(values in proptest::collection::vec(strategies::value(), 0..5)) {
        let nodes: Vec<Node> = values.iter().cloned().map(Node::from).collect();
        let mut text = String::new();
        yaml::write_documents(&nodes, &mut text);
        let mut found = Diagnostics::default();
        let read = yaml::read(SourceId(0), &text, Dialect::Definition, &mut found);
        prop_assert!(found.is_empty(), "{text:?}: {found:?}");
        prop_assert_eq!(read, nodes, "{}", text);
    }
}

/// Many values and their texts. A long scalar on its own is no document that anything renders.
fn samples() -> Vec<(Value, String)> {
    let mut runner = TestRunner::default();
    let strategy = strategies::value();
    (0..4000)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .map(|value| (written(&value), value))
        .map(|(text, value)| (value, text))
        .collect()
}

fn assert_reads_back(reader: fn(&[String]) -> Option<Vec<Answer>>) {
    let (values, texts): (Vec<Value>, Vec<String>) = samples().into_iter().unzip();
    let Some(answers) = reader(&texts) else {
        return;
    };
    for ((value, text), answer) in values.iter().zip(&texts).zip(&answers) {
        let is_same = matches!(answer, Answer::Value(read) if readers::same(read, value));
        assert!(is_same, "{text}\n{text:?}\nread as {answer:?}\nnot     {value:?}");
    }
}

#[test]
fn pyyaml_reads_back_what_was_written() {
    assert_reads_back(readers::pyyaml);
}

#[test]
fn go_reads_back_what_was_written() {
    assert_reads_back(readers::go);
}
