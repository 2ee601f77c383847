//! No text makes the reader panic or point outside the text.

use ompipe::diagnostic::Diagnostics;
use ompipe::tree::{Node, SourceId, Span};
use ompipe::yaml::{self, Dialect};
use proptest::prelude::*;

use crate::strategies;

fn check_span(text: &str, span: Span) {
    assert_eq!(span.source, SourceId(0));
    assert!(text.get(span.start as usize..span.end as usize).is_some(), "{span:?} in {text:?}");
}

fn check_spans(text: &str, node: &Node) {
    check_span(text, node.span);
    node.as_sequence().unwrap_or_default().iter().for_each(|item| check_spans(text, item));
    for entry in node.as_mapping().into_iter().flatten() {
        check_span(text, entry.key_span);
        check_spans(text, &entry.value);
    }
}

fn read(text: &str) {
    for dialect in [Dialect::Definition, Dialect::PyYaml] {
        let mut found = Diagnostics::default();
        let nodes = yaml::read(SourceId(0), text, dialect, &mut found);
        nodes.iter().for_each(|node| check_spans(text, node));
        for diagnostic in found.iter() {
            check_span(text, diagnostic.span);
            diagnostic.related.iter().for_each(|related| check_span(text, related.span));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_reported(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn any_text_of_yaml_syntax_is_read_or_reported(text in strategies::yamlish()) {
        read(&text);
    }

    #[test]
    fn any_text_of_yaml_lines_is_read_or_reported(text in strategies::lines()) {
        read(&text);
    }

    #[test]
    fn any_mutation_of_valid_yaml_is_read_or_reported(text in strategies::mutation()) {
        read(&text);
    }
}
