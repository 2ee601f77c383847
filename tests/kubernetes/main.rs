//! What ompipe knows of Kubernetes, held against Kubernetes' own code (`go/main.go`): the strategic
//! merge, Pod Security "restricted" and the type tables, each over random objects; and ExternalSecrets
//! against External Secrets' definition and templates.
//!
//! Here belongs what only Go can tell. It is skipped, with a word, where Go is missing; with CI set
//! that is a failure.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "test code outside of test functions"
)]

mod dice;
mod external_secrets;
mod merge;
mod pod_security;
mod rendered;
mod types;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Puts questions to Kubernetes' code, all in one go; `None` without Go.
fn ask(questions: &[Value]) -> Option<Vec<Value>> {
    if Command::new("go").arg("version").stdout(Stdio::null()).status().is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI must have Go");
        eprintln!("skipped: Go is missing");
        return None;
    }
    let mut child = Command::new("go")
        .args(["run", "."])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kubernetes/go"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: String = questions.iter().map(|question| format!("{question}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), questions.len());
    Some(answers)
}
