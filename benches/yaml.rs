//! Reading and writing YAML, in bytes a second, on definitions as people write them.
//!
//! `OMPIPE_BENCH_DEFINITIONS` may name a folder of YAML files to read instead of the generated one.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set itself up fails")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ompipe::diagnostic::Diagnostics;
use ompipe::tree::{Node, SourceId};
use ompipe::yaml::{self, Dialect};

/// A definition of 2 kB with all that definitions have: quotes, numbers, lists, comments, a block
/// of text.
fn generated(number: usize) -> String {
    format!(
        r#"# yaml-language-server: $schema=../schemas/IngestionPipeline.json
apiVersion: pipelines.openmetadata.org/v1alpha1
kind: IngestionPipeline
metadata:
  name: postgres-metadata-{number:05}
  labels: {{team: "team-{number}", tier: silver}}
spec:
  description: "Ingest: metadata of \"postgres-{number}\" (definition #{number})"
  service: postgres-{number}
  type: metadata
  schedule: "{minute} 4 * * 1-5"   # working days
  timeZone: Europe/Zurich
  kubernetes:
    ingestionImage: docker.getcollate.io/openmetadata/ingestion-base:1.9.4
    backoffLimit: 3
    resources:
      requests:
        cpu: 300m
        memory: 256Mi
      limits:
        cpu: "2"
        memory: 1Gi
    nodeSelector:
      kubernetes.io/os: linux
      pool: ingest-0
    extraEnvVars:
    - LOG_LEVEL:DEBUG
    - FEATURE_FLAG:no
  workflow:
    source:
      type: postgres
      serviceName: postgres-{number}
      serviceConnection:
        config:
          type: Postgres
          username: om_reader_{number}
          authType:
            password:
              secretKeyRef: {{name: postgres-{number}, key: password}}
          hostPort: postgres-{number}.db.internal:5432
          database: warehouse
          ingestAllDatabases: true
          sslMode: verify-full
      sourceConfig:
        config:
          type: DatabaseMetadata
          markDeletedTables: true
          includeTables: true
          includeViews: true
          includeTags: false
          threads: 5
          databaseFilterPattern:
            includes:
            - "^db_{number}$"
          schemaFilterPattern:
            includes:
            - "^prod_.*"
            - ^mart_{number}$
            excludes:
            - "^tmp_\\d+$"
            - information_schema
          tableFilterPattern:
            excludes: ['.*_bak$', '.*\.old$', "^#sql.*"]
    sink:
      type: metadata-rest
      config: {{}}
    workflowConfig:
      loggerLevel: DEBUG
      raiseOnError: true
      successThreshold: 90
  podTemplate:
    metadata:
      annotations:
        note: |
          Runs before the reports of the morning.
          Ask team-{number} before moving it.
"#,
        minute = number % 60,
    )
}

fn definitions() -> Vec<String> {
    let Some(folder) = std::env::var_os("OMPIPE_BENCH_DEFINITIONS") else {
        return (0..500).map(generated).collect();
    };
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

fn read_all(texts: &[String], dialect: Dialect) -> Vec<Node> {
    let mut found = Diagnostics::default();
    let nodes: Vec<Node> =
        texts.iter().flat_map(|text| yaml::read(SourceId(0), text, dialect, &mut found)).collect();
    assert!(found.is_empty(), "{:?}", found.iter().next());
    nodes
}

fn yaml(criterion: &mut Criterion) {
    let texts = definitions();
    let bytes: usize = texts.iter().map(String::len).sum();
    let mut group = criterion.benchmark_group("yaml");
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let mut found = Diagnostics::default();
            for text in &texts {
                std::hint::black_box(yaml::read(
                    SourceId(0),
                    text,
                    Dialect::Definition,
                    &mut found,
                ));
            }
        });
    });
    let nodes = read_all(&texts, Dialect::Definition);
    let mut out = String::new();
    nodes.iter().for_each(|node| yaml::write(node, &mut out));
    group.throughput(Throughput::Bytes(out.len() as u64));
    group.bench_function("write", |bencher| {
        bencher.iter(|| {
            out.clear();
            nodes.iter().for_each(|node| yaml::write(node, &mut out));
            out.len()
        });
    });
    group.finish();
}

criterion_group!(benches, yaml);
criterion_main!(benches);
