//! Our account of what PyYAML and Go take plain scalars for, against what they do.

use ompipe::yaml::Dialect;
use ompipe::yaml::scalar::{Reading, needs_quotes, reading, readings};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::readers::{self, Answer};
use crate::strategies::AMBIGUOUS;

/// All short texts of the characters that numbers and dates are made of, many longer ones, and
/// words.
fn texts() -> Vec<String> {
    let alphabet = ['0', '1', '7', '8', '.', '_', ':', '-', '+', 'e', 'x', 'o', 'b'];
    let mut texts: Vec<String> = AMBIGUOUS.iter().map(|text| (*text).to_owned()).collect();
    let mut layer = vec![String::new()];
    for _ in 0..4 {
        layer = layer
            .iter()
            .flat_map(|prefix| alphabet.iter().map(move |c| format!("{prefix}{c}")))
            .collect();
        texts.extend(layer.iter().cloned());
    }
    let mut runner = TestRunner::default();
    let longer = prop_oneof![
        "[0-9._:+\\-eExXoObB]{5,12}",
        "[+-]?0[xXoObB][0-9a-fA-F_]{1,24}",
        "[+-]?[0-9_]{1,25}(\\.[0-9_]{0,5})?([eE][+-]?[0-9]{1,3})?",
        "[+-]?[0-9]{1,3}(:[0-9]{1,2}){1,4}(\\.[0-9_]{0,3})?",
        "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}",
        "20[0-9]{2}-[01][0-9]-[0-2][0-9]([Tt]| {1,2})[0-2]?[0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{0,3})?( ?Z| ?[+-][0-9]{1,2}(:[0-9]{2})?)?",
        "[yYnNtTfFoO~=<][a-zA-Z<]{0,4}",
    ];
    texts.extend((0..20_000).map(|_| longer.new_tree(&mut runner).unwrap().current()));
    // Those are no plain scalars after a colon.
    texts.retain(|text| {
        !text.ends_with(':') && text != "-" && !text.starts_with("...") && !text.starts_with("---")
    });
    texts
}

fn matches(expected: &Reading, text: &str, answer: &Answer) -> bool {
    let value = match answer {
        Answer::Value(value) => value.get("v"),
        Answer::Special(_) | Answer::Error(_) => None,
    };
    match expected {
        Reading::Text => value == Some(&json!(text)),
        Reading::Null => value == Some(&Value::Null),
        Reading::Bool(expected) => value == Some(&json!(expected)),
        Reading::Number(expected) => {
            value.is_some_and(|value| readers::same(value, &Value::Number(expected.clone())))
        }
        Reading::HugeInteger => value.is_some_and(Value::is_number),
        Reading::Date | Reading::NotFinite | Reading::Refused => value.is_none(),
    }
}

#[test]
fn pyyaml_takes_every_scalar_as_we_say() {
    let texts = texts();
    let documents: Vec<String> = texts.iter().map(|text| format!("v: {text}\n")).collect();
    let Some(answers) = readers::pyyaml(&documents) else {
        return;
    };
    for (text, answer) in texts.iter().zip(&answers) {
        let expected = reading(text, Dialect::PyYaml);
        assert!(matches(&expected, text, answer), "{text}: {answer:?}, not {expected:?}");
    }
}

#[test]
fn go_takes_every_scalar_as_we_say() {
    let texts = texts();
    let documents: Vec<String> = texts.iter().map(|text| format!("v: {text}\n")).collect();
    let Some(answers) = readers::go(&documents) else {
        return;
    };
    for (text, answer) in texts.iter().zip(&answers) {
        let expected = match readings(text) {
            Some(all) => all.go,
            None => reading(text, Dialect::Definition),
        };
        // What Go makes of an integer beyond 64 bits is not said where the others agree on it.
        if expected == Reading::HugeInteger && matches(&Reading::Text, text, answer) {
            continue;
        }
        assert!(matches(&expected, text, answer), "{text}: {answer:?}, not {expected:?}");
    }
}

#[test]
fn what_needs_no_quotes_is_text_to_all_as_value_and_as_key() {
    let mut runner = TestRunner::default();
    let strategy = crate::strategies::text();
    let generated = (0..20_000).map(|_| strategy.new_tree(&mut runner).unwrap().current());
    let texts: Vec<String> = texts()
        .into_iter()
        .chain(generated)
        .filter(|text| !needs_quotes(text) && text.len() < 1000)
        .collect();
    let documents: Vec<String> =
        texts.iter().map(|text| format!("{text}: {text}\nlist:\n- {text}\n")).collect();
    let check = |answers: Option<Vec<Answer>>| {
        for (text, answer) in texts.iter().zip(answers.unwrap_or_default()) {
            let expected = if text == "list" {
                json!({"list": ["list"]})
            } else {
                json!({text: text, "list": [text]})
            };
            assert_eq!(answer, Answer::Value(expected), "{text}");
        }
    };
    check(readers::pyyaml(&documents));
    check(readers::go(&documents));
}
