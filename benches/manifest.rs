//! What every pipeline pays for its manifests: the merge of a podTemplate, canonical order, all
//! checks of a CronJob; the writing of a folder of 3,000 files, new and unchanged; and the change of
//! one file of 20,000, which is what watching does.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot set up its work is to end")]

use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ompipe::diagnostic::Diagnostics;
use ompipe::manifest::{Manifest, Type, kubernetes, pod_security, strategic_merge};
use ompipe::output::{Edits, FileSet, Folder, RenderedFolder, Update};
use ompipe::source::Sources;
use ompipe::tree::{Node, Span};
use serde_json::{Value, json};

/// A CronJob as it is rendered: main, an exit handler, env from references.
fn cron_job() -> Value {
    let env: Vec<Value> = (0..12)
        .map(|n| json!({"name": format!("SECRET_{n}"), "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}))
        .collect();
    let labels = json!({"app.kubernetes.io/component": "ingestion", "app.kubernetes.io/managed-by": "openmetadata",
        "app.kubernetes.io/name": "openmetadata", "app.kubernetes.io/pipeline": "snowflake-metadata",
        "app.kubernetes.io/pipeline-type": "metadata"});
    let context = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": true, "runAsUser": 1000, "runAsGroup": 1000});
    let container = |name: &str| {
        json!({"name": name, "image": "docker.getcollate.io/openmetadata/ingestion:1.13.0",
            "imagePullPolicy": "IfNotPresent", "command": ["python", "main.py"], "env": env,
            "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}},
            "securityContext": context, "volumeMounts": [{"name": "config", "mountPath": "/config", "readOnly": true}]})
    };
    json!({"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "om-cronjob-snowflake-metadata", "namespace": "openmetadata", "labels": labels},
        "spec": {"schedule": "0 3 * * *", "timeZone": "Europe/Zurich", "suspend": false, "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 60, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
            "jobTemplate": {"metadata": {"labels": labels}, "spec": {"backoffLimit": 3, "activeDeadlineSeconds": 7200,
                "ttlSecondsAfterFinished": 604_800, "template": {"metadata": {"labels": labels, "annotations": {"a": "b"}},
                    "spec": {"restartPolicy": "Never", "serviceAccountName": "openmetadata-ingestion",
                        "terminationGracePeriodSeconds": 60,
                        "securityContext": {"fsGroup": 1000, "runAsNonRoot": true,
                            "seccompProfile": {"type": "RuntimeDefault"}},
                        "initContainers": [container("exit-handler")], "containers": [container("main")],
                        "volumes": [{"name": "config", "configMap": {"name": "om-config-snowflake-metadata"}}]}}}}}})
}

fn checks(bench: &mut Criterion) {
    let mut found = Diagnostics::default();
    let node = Node::from(cron_job());
    bench.bench_function("order a CronJob", |b| {
        b.iter_batched(
            || node.clone(),
            |node| Manifest::new(node, &mut Diagnostics::default()),
            BatchSize::SmallInput,
        );
    });
    let manifest = Manifest::new(node, &mut found).unwrap();
    bench.bench_function("check a CronJob", |b| {
        b.iter(|| kubernetes::check(black_box(&manifest), &mut found));
    });
    bench.bench_function("hold a CronJob to Pod Security", |b| {
        b.iter(|| pod_security::check(black_box(&manifest), &mut found));
    });
    assert!(found.is_empty(), "{found:?}");

    let template =
        manifest.node().at_route(&["spec", "jobTemplate", "spec", "template"]).unwrap().clone();
    let patch = Node::from(
        json!({"metadata": {"annotations": {"x": "y"}}, "spec": {"priorityClassName": "batch",
        "tolerations": [{"key": "batch", "operator": "Exists"}], "nodeSelector": {"pool": "batch"},
        "containers": [{"name": "main", "env": [{"name": "TZ", "value": "UTC"}, {"name": "SECRET_3", "value": "x"}]}]}}),
    );
    bench.bench_function("merge a podTemplate", |b| {
        b.iter_batched(
            || template.clone(),
            |mut base| {
                strategic_merge(&mut base, &patch, Type::pod_template(), &mut found);
                base
            },
            BatchSize::SmallInput,
        );
    });
}

fn write(out: &Path, files: &FileSet) -> RenderedFolder {
    let mut found = Diagnostics::default();
    let edits = Edits::Refuse;
    let folder = Folder::open(out, &[], edits, &mut Sources::default(), &mut found).unwrap();
    folder.unwrap().write(files, edits, &mut found).unwrap().unwrap().0
}

/// A set of files of the size that objects have.
fn set(paths: impl Iterator<Item = String>, line: &str) -> FileSet {
    let objects = paths.map(|path| (path, 0, Span::NONE, line.repeat(170)));
    FileSet::new(objects, &Sources::default(), None, &mut Diagnostics::default())
}

fn change(bench: &mut Criterion) {
    let paths = (0..10_000).flat_map(|n| {
        ["configmap", "cronjob"].map(|kind| format!("pipeline-{n}/{kind}-pipeline-{n}.yaml"))
    });
    let out = tempfile::tempdir().unwrap();
    let mut folder = write(out.path(), &set(paths, "key: value\n"));
    let changed = || ["pipeline-5000/cronjob-pipeline-5000.yaml".to_owned()].into_iter();
    let sets = ["key: 1\n", "key: 2\n"].map(|line| set(changed(), line));
    let mut found = Diagnostics::default();
    bench.bench_function("change one file of 20,000", |b| {
        let mut sets = sets.iter().cycle();
        b.iter(|| {
            let update = folder.update(sets.next().unwrap(), &[], Edits::Refuse, &mut found);
            assert!(matches!(update, Ok(Update::Written(_))));
        });
    });
    let new = ["pipeline-new/cronjob-pipeline-new.yaml".to_owned()];
    let added = set(new.iter().cloned(), "key: 1\n");
    let nothing = set([].into_iter(), "");
    bench.bench_function("add a file to 20,000 and remove it", |b| {
        b.iter(|| {
            for (changed, removed) in [(&added, &[][..]), (&nothing, &new[..])] {
                let update = folder.update(changed, removed, Edits::Refuse, &mut found);
                assert!(matches!(update, Ok(Update::Written(_))));
            }
        });
    });
}

fn folder(bench: &mut Criterion) {
    let objects = (0..1000).flat_map(|n| {
        ["configmap", "cronjob", "secret"].map(|kind| {
            (format!("pipeline-{n}/{kind}-{n}.yaml"), 0, Span::NONE, "key: value\n".repeat(170))
        })
    });
    let files = FileSet::new(objects, &Sources::default(), None, &mut Diagnostics::default());
    let mut group = bench.benchmark_group("write 3,000 files");
    group.sample_size(10);
    group.bench_function("new", |b| {
        b.iter_batched(
            || tempfile::tempdir().unwrap(),
            |out| {
                write(out.path(), &files);
                out
            },
            BatchSize::PerIteration,
        );
    });
    let out = tempfile::tempdir().unwrap();
    write(out.path(), &files);
    group.bench_function("unchanged", |b| {
        b.iter(|| write(out.path(), &files));
    });
    group.finish();
}

criterion_group!(benches, checks, folder, change);
criterion_main!(benches);
