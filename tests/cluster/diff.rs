//! `ompipe diff`: what would change, and nothing else.

use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use libtest_mimic::Trial;
use serde_json::json;

use crate::apply::versions;
use crate::namespace::{Namespace, test};
use crate::project::Project;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("diff_says_by_its_status_whether_something_would_change", statuses),
        test("diff_shows_the_fields_that_would_change_and_no_noise", noise_free),
        test("diff_and_apply_show_no_value_of_a_secret", secrets),
    ]
}

async fn statuses(namespace: &Namespace) {
    let project = Project::new(namespace, "analytics", "");
    project.pipeline("orders", "0 3 * * *", "");
    let said = project.run(&["diff"]).with_status(1);
    assert!(said.stdout.contains("--- /dev/null\n+++ merged/"), "{}", said.stdout);
    assert!(versions(namespace).await.is_empty(), "it was on trial");
    project.run(&["apply"]).with_status(0);
    let said = project.run(&["diff"]).with_status(0);
    assert_eq!(said.stdout, "");
    let json = project.run(&["diff", "--format", "json"]).with_status(0).json();
    assert_eq!(json, json!({"differences": []}));
    project.pipeline("orders", "0 25 * * *", "");
    project.run(&["diff"]).with_status(2);
    project.pipeline("orders", "0 3 * * *", "");
    let mut command = project.command(&["diff", "--retry-for", "0", "--context", "none"]);
    assert_eq!(command.output().unwrap().status.code(), Some(2));
}

async fn noise_free(namespace: &Namespace) {
    let project = Project::new(namespace, "analytics", "");
    project.pipeline("orders", "0 3 * * *", "  timeZone: Europe/Zurich");
    project.run(&["apply"]).with_status(0);
    let crons = namespace.api::<CronJob>();
    // Others set what is not ours, and what is.
    let who = PatchParams { field_manager: Some("somebody".to_owned()), ..Default::default() };
    let theirs =
        json!({"metadata": {"annotations": {"theirs": "1"}}, "status": {"lastScheduleTime": null}});
    crons.patch("om-cronjob-orders", &who, &Patch::Merge(theirs)).await.unwrap();
    assert_eq!(project.run(&["diff"]).with_status(0).stdout, "");
    let ours = json!({"spec": {"suspend": true}});
    crons.patch("om-cronjob-orders", &who, &Patch::Merge(ours)).await.unwrap();
    project.pipeline("orders", "0 4 * * *", "");
    let said = project.run(&["diff"]).with_status(1);
    let changed: Vec<&str> = said
        .stdout
        .lines()
        .filter(|line| {
            line.starts_with(['-', '+']) && !line.starts_with("---") && !line.starts_with("+++")
        })
        .collect();
    assert_eq!(
        changed,
        [
            "-  schedule: 0 3 * * *",
            "-  timeZone: Europe/Zurich",
            "+  schedule: 0 4 * * *",
            "-  suspend: true",
            "+  suspend: false",
        ],
        "{}",
        said.stdout
    );
    for noise in
        ["managedFields", "resourceVersion", "generation", "uid", "status", "theirs", "dnsPolicy"]
    {
        assert!(!said.stdout.contains(noise), "{noise}: {}", said.stdout);
    }
    assert!(said.stderr.contains("OMP0802"), "apply would not take it: {}", said.stderr);
    let said = project.run(&["diff", "--force-conflicts"]).with_status(1);
    assert!(!said.stderr.contains("OMP0802"), "{}", said.stderr);
}

async fn secrets(namespace: &Namespace) {
    let project = Project::new(namespace, "analytics", "    secrets: {way: secret}");
    project.pipeline("orders", "0 3 * * *", "");
    let values = |token: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: openmetadata-bot, namespace: {}}}\nstringData: {{token: {token}}}\n",
            namespace.name
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values.yaml");
    let file_name = file.to_str().unwrap();
    std::fs::write(&file, values("Pl4nted-one")).unwrap();
    let run = |verb: &str| project.run(&[verb, "--include-secrets", file_name]);
    let mut said = vec![run("diff").with_status(1), run("apply").with_status(0)];
    assert_eq!(run("diff").with_status(0).stdout, "");
    let secret = namespace.api::<Secret>().get("om-secret-orders").await.unwrap();
    let config = String::from_utf8(secret.data.unwrap()["config"].0.clone()).unwrap();
    assert!(config.contains("Pl4nted-one"));

    std::fs::write(&file, values("Pl4nted-two")).unwrap();
    let diff = run("diff").with_status(1);
    assert!(diff.stdout.contains("-  config: ••• (before)"), "{}", diff.stdout);
    assert!(diff.stdout.contains("+  config: ••• (after)"), "{}", diff.stdout);
    said.push(diff);
    said.push(project.run(&["diff", "--include-secrets", file_name, "--format", "json"]));
    said.push(run("apply").with_status(0));
    // Without the values nobody knows whether it is still defined: it stays.
    let pruned = project.run(&["apply", "--prune", "--yes"]).with_status(0);
    assert!(pruned.stdout.contains("om-secret-orders left"), "{}", pruned.stdout);
    said.push(pruned);
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(&config);
    for one in &said {
        for text in [&one.stdout, &one.stderr] {
            assert!(!text.contains("Pl4nted") && !text.contains(&encoded[..24]), "{text}");
        }
    }
}
