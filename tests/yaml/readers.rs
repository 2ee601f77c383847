//! The real readers, each run once for many documents.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What a reader made of a document.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Answer {
    Value(Value),
    /// Something that JSON does not have, such as a date.
    Special(String),
    Error(String),
}

/// PyYAML's `safe_load` of each document; `None`, with a word on standard error, when it is not
/// there.
pub(crate) fn pyyaml(documents: &[String]) -> Option<Vec<Answer>> {
    let probe = Command::new("python3").args(["-c", "import yaml"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        return skip("python3 with PyYAML");
    }
    let mut command = Command::new("python3");
    command.arg(folder().join("pyyaml_reader.py"));
    Some(ask(command, documents))
}

/// sigs.k8s.io/yaml's `YAMLToJSON` of each document; `None`, with a word on standard error, when Go
/// is not there.
pub(crate) fn go(documents: &[String]) -> Option<Vec<Answer>> {
    let binary =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("go-reader-{}", std::process::id()));
    let build = Command::new("go")
        .arg("build")
        .arg("-o")
        .arg(&binary)
        .arg(".")
        .current_dir(folder())
        .output();
    match build {
        Ok(output) if output.status.success() => {}
        _ => return skip("Go with sigs.k8s.io/yaml"),
    }
    Some(ask(Command::new(&binary), documents))
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readers"))
}

fn skip<T>(what: &str) -> Option<T> {
    assert!(std::env::var_os("CI").is_none(), "{what} is needed in CI");
    eprintln!("skipped: {what} is not here");
    None
}

fn ask(mut command: Command, documents: &[String]) -> Vec<Answer> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = documents.join("\0");
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let answers: Vec<Answer> =
        String::from_utf8(output.stdout).unwrap().lines().map(parse).collect();
    assert_eq!(answers.len(), documents.len());
    answers
}

fn parse(line: &str) -> Answer {
    let mut answer: Value = serde_json::from_str(line).unwrap();
    if let Some(error) = answer.get("error") {
        return Answer::Error(error.to_string());
    }
    if let Some(special) = answer.get("special") {
        return Answer::Special(special.to_string());
    }
    Answer::Value(answer.get_mut("value").map(Value::take).unwrap_or_default())
}

/// Whether two JSON values are the same, where a whole number may be written as a floating-point
/// one.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64() && (one.is_f64() || other.is_f64())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|o| same(value, o)))
        }
        _ => one == other,
    }
}
