//! Environments and patches from definitions to rendered objects: what a patch takes out is nowhere,
//! what it gets wrong is told once and at its line, and nothing shows a secret.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const PROJECT: &str = "
kind: IngestionProject
metadata: {name: shop}
spec:
  openMetadata:
    hostPort: http://openmetadata.openmetadata:8585/api
    securityConfig: {jwtToken: {secretKeyRef: {name: openmetadata-bot, key: token}}}
  kubernetes:
    exitHandler: sidecar
    tolerations: gone-toleration=x:NoSchedule
    extraEnvVars: [GONE_VARIABLE:x]
    podAnnotations: {gone-annotation: x}
    nodeSelector: {gone-selector: x}
    resources: {limits: {memory: 4321Mi}, requests: {ephemeral-storage: 1234Mi}}
";
const REST: &str = "
kind: ServiceConnection
metadata: {name: orders-db}
spec:
  type: postgres
  connection:
    config:
      type: Postgres
      hostPort: orders-db:5432
      database: orders
      username: openmetadata
      authType: {password: {secretKeyRef: {name: orders-db, key: password}}}
---
kind: IngestionPipeline
metadata: {name: orders, annotations: {gone-of-pipeline: x}}
spec:
  service: orders-db
  type: metadata
  schedule: \"0 3 * * *\"
  workflow: {source: {sourceConfig: {config: {type: DatabaseMetadata, gone-of-workflow: true}}}}
  podTemplate: {spec: {priorityClassName: gone-class, containers: [{name: main, env: [{name: GONE_TOO, value: x}]}]}}
";

/// What the definitions above say that a patch is to take out.
const GONE: [&str; 10] = [
    "gone-toleration",
    "GONE_VARIABLE",
    "gone-annotation",
    "gone-selector",
    "4321Mi",
    "1234Mi",
    "gone-of-pipeline",
    "gone-of-workflow",
    "gone-class",
    "GONE_TOO",
];

struct Run {
    status: i32,
    stdout: String,
    stderr: String,
}

fn project(more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ompipe.yaml"), format!("{PROJECT}{more}")).unwrap();
    fs::write(folder.path().join("rest.yaml"), REST).unwrap();
    folder
}

fn ompipe(folder: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
    let output = command.args(arguments).current_dir(folder).env_clear().output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run {
        status: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

#[test]
fn what_a_patch_removes_is_in_nothing_that_is_rendered() {
    for operator in ["false", "true"] {
        // The operator's pods have no sidecar to wait for.
        let handler = if operator == "true" { ", exitHandler: null" } else { "" };
        let folder = project(&format!(
            "
  environments:
    with: {{kubernetes: {{useOMJobOperator: {operator}}}, patches: [{{target: {{kind: IngestionProject}}, allowNoMatch: true, merge: {{spec: {{kubernetes: {{terminationGracePeriodSeconds: 60{handler}}}}}}}}}]}}
    without:
      kubernetes: {{useOMJobOperator: {operator}}}
      patches:
        - target: {{kind: IngestionProject}}
          merge: {{spec: {{kubernetes: {{tolerations: null, extraEnvVars: null, podAnnotations: null, nodeSelector: null, resources: null{handler}}}}}}}
        - target: {{kind: IngestionPipeline}}
          merge: {{metadata: {{annotations: null}}, spec: {{workflow: {{source: {{sourceConfig: {{config: {{gone-of-workflow: null}}}}}}}}}}}}
        - target: {{kind: IngestionPipeline}}
          strategic: {{spec: {{podTemplate: {{spec: {{priorityClassName: null, containers: [{{name: main, env: [{{name: GONE_TOO, $patch: delete}}]}}]}}}}}}}}
"
        ));
        for arguments in [&["render"][..], &["render", "--run"]] {
            let with = ompipe(folder.path(), &[arguments, &["-e", "with"]].concat());
            let without = ompipe(folder.path(), &[arguments, &["-e", "without"]].concat());
            assert_eq!((with.status, without.status), (0, 0), "{}{}", with.stderr, without.stderr);
            for gone in GONE {
                assert!(with.stdout.contains(gone), "{gone} is not there to be removed");
                assert!(!without.stdout.contains(gone), "{gone} is still there");
            }
            // In the pod of the ingestion, and in that or the container of the exit handler.
            for both in ["gone-toleration", "GONE_VARIABLE"] {
                let expected = if operator == "true" || both == "GONE_VARIABLE" { 2 } else { 1 };
                assert_eq!(with.stdout.matches(both).count(), expected, "{both}");
            }
        }
    }
}

#[test]
fn what_is_rendered_itself_can_be_taken_out_of_the_object() {
    let folder = project(
        "
  patches:
    - target: {kind: CronJob}
      json: [{op: remove, path: /spec/jobTemplate/spec/template/spec/nodeSelector}]
    - target: {kind: CronJob}
      strategic: {spec: {jobTemplate: {spec: {template: {spec: {tolerations: null, containers: [{name: main, resources: null}]}}}}}}
    - target: {kind: Role}
      merge: {metadata: {labels: {kept: 'true'}}}
",
    );
    let run = ompipe(folder.path(), &["render"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    for gone in ["gone-selector", "gone-toleration", "4321Mi"] {
        assert!(!run.stdout.contains(gone), "{gone} is still there");
    }
    assert!(run.stdout.contains("kept: 'true'"));
}

#[test]
fn each_finding_is_told_once_and_says_in_which_environments_it_is() {
    let patch =
        "patches: [{target: {kind: IngestionPipeline}, merge: {spec: {schedule: 0 25 * * *}}}]";
    let folder = project(&format!(
        "  patches: [{{target: {{kind: ConfigMap, name: nowhere}}, merge: {{}}}}]\n  \
         environments:\n    staging: {{{patch}}}\n    prod: {{{patch}}}\n    test: &test {{{patch}}}\n    \
         further: *test\n"
    ));
    let run = ompipe(folder.path(), &["validate"]);
    assert_eq!(run.status, 1);
    // The project's own patch is as wrong in each environment, and is told once.
    assert_eq!(run.stdout.matches("[OMP0711]").count(), 1, "{}", run.stdout);
    assert_eq!(run.stdout.matches("[OMP0401]").count(), 3, "{}", run.stdout);
    assert!(run.stdout.contains("in the environment `prod`"));
    assert!(run.stdout.contains("in the environments `test`, `further`"), "{}", run.stdout);
    let prod = ompipe(folder.path(), &["validate", "-e", "prod"]);
    assert_eq!(prod.stdout.matches("[OMP0401]").count(), 1);
    assert!(!prod.stdout.contains("in the environment"), "{}", prod.stdout);
}

#[test]
fn a_literal_secret_that_a_patch_puts_into_a_rendered_object_is_found_at_the_patch() {
    let folder = project(
        "
  patches:
    - target: {kind: CronJob}
      strategic: {spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: main, env: [{name: DB_PASSWORD, value: hunter2-env}]}]}}}}}}
    - target: {kind: ConfigMap}
      merge: {data: {password: hunter2-data}}
",
    );
    let found = ompipe(folder.path(), &["validate"]);
    assert_eq!(
        (found.status, found.stdout.matches("[OMP0501]").count()),
        (1, 2),
        "{}",
        found.stdout
    );
    assert_eq!(found.stdout.matches("--> ompipe.yaml:").count(), 2, "{}", found.stdout);
    assert!(!found.stdout.contains("hunter2"), "{}", found.stdout);
}

#[test]
fn a_literal_secret_in_a_patch_is_found_and_shown_nowhere() {
    let folder = project(
        "
  environments:
    prod:
      openMetadata: {securityConfig: {jwtToken: hunter2-environment}}
      patches:
        - target: {kind: ServiceConnection}
          json: [{op: replace, path: /spec/connection/config/authType/password, value: hunter2-json}]
        - target: {kind: IngestionProject}
          merge: {spec: {kubernetes: {extraEnvVars: [DB_PASSWORD:hunter2-merge]}}}
",
    );
    let found = ompipe(folder.path(), &["validate"]);
    assert_eq!(
        (found.status, found.stdout.matches("[OMP0501]").count()),
        (1, 3),
        "{}",
        found.stdout
    );
    for arguments in [
        &["validate"][..],
        &["validate", "--format", "json"],
        &["render", "-e", "prod"],
        &["explain", "orders", "-e", "prod"],
        &["explain", "orders", "-e", "prod", "--format", "json"],
        &["diff-env", "-", "prod"],
        &["diff-env", "-", "prod", "--unified"],
    ] {
        let Run { stdout, stderr, .. } = ompipe(folder.path(), arguments);
        assert!(
            !format!("{stdout}{stderr}").contains("hunter2"),
            "{arguments:?}\n{stdout}{stderr}"
        );
    }
}

#[test]
fn environments_are_compared_with_the_exit_statuses_of_diff() {
    let folder =
        project("  environments: {one: {}, same: {}, other: {kubernetes: {backoffLimit: 0}}}\n");
    for (arguments, status, stdout) in [
        (&["diff-env", "one", "same"][..], 0, ""),
        (&["diff-env", "-", "one", "--unified"], 0, ""),
        (&["diff-env", "one", "other"], 1, "CronJob om-cronjob-orders\n"),
        (&["diff-env", "one", "other", "orders", "--unified"], 1, "+      backoffLimit: 0\n"),
        (&["diff-env", "one", "nowhere"], 2, ""),
        (&["diff-env", "one", "other", "ordrs"], 2, ""),
    ] {
        let run = ompipe(folder.path(), arguments);
        assert_eq!(run.status, status, "{arguments:?}\n{}{}", run.stdout, run.stderr);
        assert!(run.stdout.contains(stdout), "{arguments:?}\n{}", run.stdout);
    }
    let run = ompipe(folder.path(), &["diff-env", "one", "nowhere"]);
    assert!(run.stderr.contains("[OMP0710]"), "{}", run.stderr);
}

#[test]
fn an_environment_names_its_own_version_of_openmetadata() {
    let folder = project("  environments: {prod: {openMetadataVersion: '0.0.1'}}\n");
    assert_eq!(ompipe(folder.path(), &["render"]).status, 0);
    let run = ompipe(folder.path(), &["render", "-e", "prod"]);
    assert!(run.status == 1 && run.stderr.contains("[OMP0706]"), "{}", run.stderr);
    let run = ompipe(folder.path(), &["validate"]);
    assert!(run.stdout.contains("in the environment `prod`"), "{}", run.stdout);
}

#[test]
fn a_project_that_cannot_be_read_is_told_and_nothing_that_follows_from_it() {
    let folder = project("  patches: [{merge: {spec: {}}}]\n");
    for arguments in [&["validate"][..], &["validate", "-e", "prod"]] {
        let run = ompipe(folder.path(), arguments);
        assert!(run.stdout.contains("[OMP0204]"), "{}", run.stdout);
        assert_eq!(run.stdout.matches("[OMP").count(), 1, "{}", run.stdout);
    }
}
