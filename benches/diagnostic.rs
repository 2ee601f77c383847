//! What a run with very many findings, or a text made to be slow to look through, costs: time is to
//! follow the length.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set itself up fails")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ompipe::diagnostic::redact;
use ompipe::diagnostic::{Diagnostic, code, json, sarif, text};
use ompipe::source::Sources;
use ompipe::tree::Span;

fn redaction(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("redact");
    for unit in [
        "token: true, ",
        "{password: \"",
        "name: token value: \"x ",
        "password: *a &a ",
        "a: b://c ",
    ] {
        for count in [2_000, 20_000] {
            let text = unit.repeat(count);
            group.throughput(Throughput::Bytes(text.len() as u64));
            group.bench_function(BenchmarkId::new(unit.trim(), count), |b| {
                b.iter(|| redact::value(&[], black_box(&text)).len());
            });
        }
    }
    group.finish();
}

fn formats(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("write findings");
    group.sample_size(10);
    let line = "password: hunter2 # a line of some length, as definitions have them\n";
    for count in [100, 10_000] {
        let mut sources = Sources::default();
        let source = sources.add("a.yaml", line.repeat(count));
        let found: Vec<_> = (0..count)
            .map(|n| {
                let start = (n * line.len()) as u32;
                Diagnostic::error(&code::YAML_SYNTAX, Span { source, start, end: start + 8 }, "odd")
            })
            .collect();
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("text", count), |b| {
            b.iter(|| text::write(&found, &sources, false, &mut Vec::new()).unwrap());
        });
        group.bench_function(BenchmarkId::new("json", count), |b| {
            b.iter(|| json::write(&found, &sources, &mut Vec::new()).unwrap());
        });
        group.bench_function(BenchmarkId::new("sarif", count), |b| {
            b.iter(|| sarif::write(&found, &sources, &mut Vec::new()).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, redaction, formats);
criterion_main!(benches);
