//! Definitions in memory → checked objects as text, through the one way that every verb goes; the
//! reading of the files before it, and the schema check in it, alone.
//!
//! 1 pipeline shows what a run costs before the first; 1,000 show what each costs.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set itself up fails")]

mod projects;

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ompipe::compile::Options;
use ompipe::definition::{self, Definitions, Kind};
use ompipe::diagnostic::Diagnostics;
use ompipe::project::Project;
use ompipe::render::Mode;
use ompipe::schema::{Schema, Words};
use ompipe::source::Sources;
use ompipe::tree::merge;
use ompipe::tree::{Entry, Mapping, Node, Span};
use ompipe::workspace::compile;
use ompipe::yaml::{self, Dialect};

fn texts(count: usize) -> Vec<String> {
    std::iter::once(projects::PROJECT.to_owned())
        .chain((0..count).map(projects::pipeline))
        .collect()
}

fn trees(texts: &[String]) -> (Sources, Vec<Node>) {
    let mut sources = Sources::default();
    let mut found = Diagnostics::default();
    let mut trees = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let source = sources.add(format!("{number}.yaml"), text.as_str());
        trees.append(&mut yaml::read(source, text, Dialect::Definition, &mut found));
    }
    assert!(found.is_empty(), "{found:?}");
    (sources, trees)
}

fn definitions(trees: Vec<Node>) -> Definitions {
    let mut found = Diagnostics::default();
    let definitions = definition::parse(trees, &mut found);
    assert!(found.is_empty(), "{found:?}");
    definitions
}

/// Validates all and renders what is asked for.
fn run(mut sources: Sources, mut definitions: Definitions, objects: bool) -> usize {
    let options = Options {
        mode: Mode::Scheduled,
        environment: None,
        only: Vec::new(),
        templates: Vec::new(),
        bundle: None,
        values: None,
        objects,
    };
    let mut found = Diagnostics::default();
    let made = compile(&mut definitions, options, &mut sources, &mut found);
    assert!(!found.has_errors(), "{found:?}");
    made.len()
}

fn pipelines(bench: &mut Criterion) {
    for (name, objects) in [("validate", false), ("validate and render", true)] {
        let mut group = bench.benchmark_group(name);
        for count in [1, 1000] {
            let texts = texts(count);
            group.throughput(Throughput::Elements(count as u64));
            group.bench_function(BenchmarkId::from_parameter(count), |b| {
                b.iter_batched(
                    || trees(&texts),
                    |(sources, trees)| run(sources, definitions(trees), objects),
                    BatchSize::LargeInput,
                );
            });
        }
        group.finish();
    }
}

/// Finding, reading and parsing the files, which comes before all this.
fn files(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("read a project");
    for count in [1, 1000] {
        let folder = tempfile::tempdir().unwrap();
        projects::write(folder.path(), count).unwrap();
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter(|| Project::of_folder(folder.path()).unwrap().definitions.pipelines.len());
        });
    }
    group.finish();
}

fn schema(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("schema");
    let json = definition::schema(Some(Kind::IngestionPipeline));
    group.bench_function("compile", |b| b.iter(|| Schema::from_json(black_box(&json)).unwrap()));
    let schema = Schema::from_json(&json).unwrap();
    let (_, trees) = trees(&[projects::pipeline(0)]);
    let (words, mut found) = (Words::definition(), Diagnostics::default());
    group.bench_function("check a definition", |b| {
        b.iter(|| schema.check(schema.root(), black_box(&trees[0]), &words, &mut found));
    });
    assert!(found.is_empty(), "{found:?}");
    group.finish();
}

/// Time per key is to be the same for many keys as for few.
fn large_mappings(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("merge mappings of keys");
    for count in [1_000, 60_000] {
        let layer = |from: usize| {
            let mut mapping = Mapping::with_capacity(count);
            for n in from..from + count {
                let key = format!("key{n}").into();
                mapping.push(Entry { key, key_span: Span::NONE, value: Node::new("value") });
            }
            Node::new(mapping)
        };
        let (base, over) = (layer(0), layer(count / 2));
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(count), |b| {
            b.iter_batched(
                || base.clone(),
                |mut base| merge(&mut base, &over),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, files, pipelines, schema, large_mappings);
criterion_main!(benches);
