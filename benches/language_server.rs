//! How long an editor waits for the language server: the real binary over its standard input and
//! output, from a key to the findings, to completion and to hover, in projects of 1, 100 and 10,000
//! pipelines. Prints the rows of a table of `docs/performance.md`.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]

#[path = "../tests/language_server/client.rs"]
mod client;
mod projects;

use std::time::{Duration, Instant};

use client::{Client, uri};
use serde_json::json;
use tempfile::TempDir;

/// How many keys are pressed; the slowest hundredth of them is five.
const KEYS: usize = 500;

fn main() {
    println!("| pipelines | question | p50 ms | p99 ms | slowest ms |");
    println!("|--:|---|--:|--:|--:|");
    for count in [1, 100, 10_000] {
        measure(count);
    }
}

fn measure(count: usize) {
    let folder = TempDir::new().unwrap();
    projects::write(folder.path(), count).unwrap();
    let text = projects::pipeline(0);
    let file = folder.path().join("pipelines/p000000.yaml");
    let address = uri(&file);
    let began = Instant::now();
    let mut client = Client::of(env!("CARGO_BIN_EXE_ompipe"), folder.path(), json!({}));
    client.open(&address, 0, &text);
    client.diagnostics(&address, 0);
    let start = began.elapsed();

    let line = text.lines().position(|line| line.contains("description:")).unwrap();
    let column = text.lines().nth(line).unwrap().find("Ingest").unwrap();
    let at = |column: usize| json!({"line": line, "character": column});
    let kubernetes = text.lines().position(|line| line.ends_with("kubernetes:")).unwrap();
    let (mut keys, mut completions, mut hovers) = (Vec::new(), Vec::new(), Vec::new());
    for key in 0..KEYS {
        let version = i64::try_from(key + 1).unwrap();
        let change = json!([{"range": {"start": at(column), "end": at(column)}, "text": "x"}]);
        let began = Instant::now();
        client.change(&address, version, change);
        client.diagnostics(&address, version);
        keys.push(began.elapsed());
        let began = Instant::now();
        client.ask("textDocument/completion", &address, kubernetes + 1, 4);
        completions.push(began.elapsed());
        let began = Instant::now();
        client.ask("textDocument/hover", &address, kubernetes + 1, 6);
        hovers.push(began.elapsed());
    }
    row(count, "key → findings", keys);
    row(count, "completion", completions);
    row(count, "hover", hovers);

    // A key in what all pipelines build on.
    let shared = uri(&folder.path().join("ompipe.yaml"));
    client.open(&shared, 0, projects::PROJECT);
    client.diagnostics(&shared, 0);
    let mut keys = Vec::new();
    for version in 1..=20 {
        let text = format!("{}    backoffLimit: {version}\n", projects::PROJECT);
        let began = Instant::now();
        client.change(&shared, version, json!([{"text": text}]));
        client.diagnostics(&shared, version);
        keys.push(began.elapsed());
    }
    row(count, "key in `ompipe.yaml` → findings", keys);
    row(count, "start → findings", vec![start]);
    client.request("shutdown", serde_json::Value::Null);
    client.notify("exit", serde_json::Value::Null);
    assert!(client.wait().success());
}

fn row(count: usize, question: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    println!("| {count} | {question} | {:.2} | {:.2} | {:.2} |", at(50), at(99), at(100));
}
