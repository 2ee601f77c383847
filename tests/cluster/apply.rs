//! `ompipe apply`: what it sends and what not, whose fields it takes, and what it leaves when it
//! does not come to its end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use libtest_mimic::Trial;
use serde_json::json;

use crate::namespace::{Namespace, test};
use crate::operator::Operator;
use crate::project::Project;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("apply_makes_what_is_missing_and_then_sends_nothing", creates),
        test("apply_sends_exactly_what_is_not_as_it_should_be", single_changes),
        test("apply_takes_what_others_have_set_only_by_force", conflicts),
        test("apply_on_trial_changes_nothing", dry_run),
        test("apply_shows_what_the_server_refuses_at_the_users_line", refused),
        test("apply_that_is_interrupted_is_healed_by_the_next", interrupted),
        test("apply_waits_until_an_operator_has_seen_the_schedules", waits),
        test("apply_says_once_that_a_namespace_is_missing", missing_namespace),
        test("apply_takes_one_pipeline_alone", one_pipeline),
    ]
}

/// All objects that an apply may have touched, with their versions.
pub(crate) async fn versions(namespace: &Namespace) -> BTreeMap<String, String> {
    async fn add<K>(namespace: &Namespace, kind: &str, versions: &mut BTreeMap<String, String>)
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + for<'de> serde::Deserialize<'de>,
        K::DynamicType: Default,
    {
        for object in namespace.api::<K>().list(&ListParams::default()).await.unwrap() {
            let name = object.name_any();
            if name != "kube-root-ca.crt" && name != "default" {
                versions.insert(format!("{kind}/{name}"), object.resource_version().unwrap());
            }
        }
    }
    let mut versions = BTreeMap::new();
    add::<ConfigMap>(namespace, "configmap", &mut versions).await;
    add::<CronJob>(namespace, "cronjob", &mut versions).await;
    add::<ServiceAccount>(namespace, "serviceaccount", &mut versions).await;
    add::<Role>(namespace, "role", &mut versions).await;
    add::<RoleBinding>(namespace, "rolebinding", &mut versions).await;
    versions
}

async fn creates(namespace: &Namespace) {
    let project = Project::new(namespace, "analytics", "");
    project.pipeline("orders", "0 3 * * *", "");
    project.pipeline("sales", "0 4 * * *", "");
    let said = project.run(&["apply"]).with_status(0);
    let name = &namespace.name;
    let expected = [
        "configmap/om-config-orders",
        "configmap/om-config-sales",
        "cronjob/om-cronjob-orders",
        "cronjob/om-cronjob-sales",
        "role/openmetadata-ingestion",
        "rolebinding/openmetadata-ingestion",
        "serviceaccount/openmetadata-ingestion",
    ];
    assert_eq!(said.lines(), expected.map(|one| format!("{one} created in {name}")));
    assert!(said.stderr.contains("7 created."), "{}", said.stderr);

    let before = versions(namespace).await;
    assert_eq!(before.len(), expected.len() + 1, "and the inventory: {before:?}");
    let again = project.run(&["apply"]).with_status(0);
    assert_eq!(again.stdout, "");
    assert!(again.stderr.contains("7 unchanged."), "{}", again.stderr);
    assert_eq!(versions(namespace).await, before);

    let json = project.run(&["apply", "--format", "json"]).with_status(0).json();
    assert_eq!(json["summary"]["unchanged"], 7);
    assert_eq!(json["inventory"]["name"], "ompipe.analytics");
    assert_eq!(json["objects"].as_array().unwrap().len(), 7);
}

async fn single_changes(namespace: &Namespace) {
    let project = Project::new(namespace, "analytics", "");
    project.pipeline("sales", "0 4 * * *", "");
    let schedule = "cronjob/om-cronjob-orders";
    let both = ["configmap/om-config-orders", schedule];
    let account = "serviceaccount/openmetadata-ingestion";
    let step = |spec: (&str, &str), expected: &[(&str, &str)]| {
        project.pipeline("orders", spec.0, spec.1);
        let said = project.run(&["apply"]).with_status(0);
        let line = |(object, word): &(&str, &str)| format!("{object} {word} in {}", namespace.name);
        assert_eq!(said.lines(), expected.iter().map(line).collect::<Vec<_>>(), "{spec:?}");
        let again = project.run(&["apply"]).with_status(0);
        assert_eq!(again.stdout, "", "{spec:?}");
    };
    project.pipeline("orders", "0 3 * * *", "");
    project.run(&["apply"]).with_status(0);
    // A field that is changed, added, taken away; in a list whose items have owners of their own.
    step(("0 5 * * *", ""), &[(schedule, "configured")]);
    step(("0 5 * * *", "  timeZone: Europe/Zurich"), &[(schedule, "configured")]);
    step(("0 5 * * *", ""), &[(schedule, "configured")]);
    let variables = |all: &str| format!("  kubernetes: {{backoffLimit: 2, extraEnvVars: [{all}]}}");
    step(("0 5 * * *", &variables("'A:1', 'B:2'")), &[(schedule, "configured")]);
    step(("0 5 * * *", &variables("'B:2', 'A:1'")), &[(schedule, "configured")]);
    step(("0 5 * * *", &variables("'B:2'")), &[(schedule, "configured")]);
    let pod = "  podTemplate: {spec: {nodeSelector: {a: b}, tolerations: [{key: a, operator: Exists}], \
               volumes: [{name: scratch, emptyDir: {sizeLimit: 1024Mi}}]}}";
    step(("0 5 * * *", pod), &[(schedule, "configured")]);
    step(
        (
            "0 5 * * *",
            "  kubernetes: {resources: {limits: {cpu: '1.0', memory: 1024Mi}, requests: {cpu: 0.5}}}",
        ),
        &[(schedule, "configured")],
    );
    // The workflow, and its hash in the pods.
    let text = std::fs::read_to_string(project.path("orders.yaml")).unwrap();
    project.write("orders.yaml", &text.replace("username: u", "username: other"));
    let said = project.run(&["apply"]).with_status(0);
    assert_eq!(said.lines(), both.map(|one| format!("{one} configured in {}", namespace.name)));
    assert_eq!(project.run(&["apply"]).with_status(0).stdout, "");

    // By others: a field that is ours, and objects that are gone.
    let crons = namespace.api::<CronJob>();
    let patch = Patch::Merge(json!({"spec": {"schedule": "1 1 * * *"}}));
    crons.patch("om-cronjob-orders", &PatchParams::apply("somebody"), &patch).await.unwrap();
    let said = project.run(&["apply", "--force-conflicts"]).with_status(0);
    assert_eq!(said.lines(), [format!("{schedule} configured in {}", namespace.name)]);
    // What others have beside us is theirs.
    let patch = Patch::Merge(json!({"metadata": {"annotations": {"theirs": "1"}}}));
    crons.patch("om-cronjob-orders", &PatchParams::apply("somebody"), &patch).await.unwrap();
    assert_eq!(project.run(&["apply"]).with_status(0).stdout, "");
    for object in both {
        let name = object.split('/').nth(1).unwrap();
        let how = DeleteParams::default();
        match object.starts_with("cronjob") {
            true => drop(crons.delete(name, &how).await.unwrap()),
            false => drop(namespace.api::<ConfigMap>().delete(name, &how).await.unwrap()),
        }
        let said = project.run(&["apply"]).with_status(0);
        assert_eq!(said.lines(), [format!("{object} created in {}", namespace.name)]);
    }
    let accounts = namespace.api::<ServiceAccount>();
    accounts.delete("openmetadata-ingestion", &DeleteParams::default()).await.unwrap();
    let said = project.run(&["apply"]).with_status(0);
    assert_eq!(said.lines(), [format!("{account} created in {}", namespace.name)]);
}

async fn conflicts(namespace: &Namespace) {
    let project = Project::new(namespace, "analytics", "");
    project.pipeline("orders", "0 3 * * *", "");
    project.pipeline("sales", "0 3 * * *", "");
    project.run(&["apply"]).with_status(0);
    let crons = namespace.api::<CronJob>();
    let patch = Patch::Merge(json!({"spec": {"schedule": "1 1 * * *", "suspend": true}}));
    let who = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..Default::default() };
    crons.patch("om-cronjob-orders", &who, &patch).await.unwrap();

    project.pipeline("sales", "0 6 * * *", "");
    let said = project.run(&["apply"]).with_status(1);
    assert!(said.stderr.contains("OMP0802"), "{}", said.stderr);
    for field in ["schedule", "suspend"] {
        let message = format!("`spec.{field}` is set otherwise by kubectl-edit");
        assert!(said.stderr.contains(&message), "{}", said.stderr);
    }
    // At the schedule's own line, and without a stop to the other pipeline.
    assert!(said.stderr.contains("--> orders.yaml:6:"), "{}", said.stderr);
    assert!(said.stdout.contains("cronjob/om-cronjob-sales configured"), "{}", said.stdout);
    let schedule = async || crons.get("om-cronjob-orders").await.unwrap().spec.schedule;
    assert_eq!(schedule().await, "1 1 * * *");
    project.run(&["apply", "--force-conflicts"]).with_status(0);
    assert_eq!(schedule().await, "0 3 * * *");
    assert_eq!(project.run(&["apply"]).with_status(0).stdout, "");
}

async fn dry_run(namespace: &Namespace) {
    let project = Project::new(namespace, "analytics", "");
    project.pipeline("orders", "0 3 * * *", "");
    let said = project.run(&["apply", "--dry-run=server"]).with_status(0);
    assert_eq!(said.lines().len(), 5);
    assert!(said.lines().iter().all(|line| line.ends_with("(dry run)")), "{}", said.stdout);
    assert!(versions(namespace).await.is_empty());
    project.run(&["apply"]).with_status(0);
    let before = versions(namespace).await;
    project.pipeline("orders", "0 4 * * *", "");
    project.pipeline("sales", "0 4 * * *", "");
    let said = project.run(&["apply", "--dry-run"]).with_status(0);
    let of = |word: &str| said.lines().iter().filter(|line| line.contains(word)).count();
    assert_eq!((of("created"), of("configured")), (2, 1), "{}", said.stdout);
    assert_eq!(versions(namespace).await, before);
}

async fn refused(namespace: &Namespace) {
    let project = Project::new(namespace, "analytics", "");
    project.pipeline("good", "0 3 * * *", "");
    // Only the API server knows that this is no address.
    project.pipeline(
        "bad",
        "0 3 * * *",
        "  podTemplate:\n    spec:\n      hostAliases: [{ip: nonsense}]",
    );
    let said = project.run(&["apply"]).with_status(1);
    assert!(said.stderr.contains("error[OMP0801]"), "{}", said.stderr);
    assert!(said.stderr.contains("--> bad.yaml:15:26"), "{}", said.stderr);
    assert!(said.stderr.contains("hostAliases: [{ip: nonsense}]"), "{}", said.stderr);
    // Nothing of the pipeline stays, all of the other is there.
    let left = versions(namespace).await;
    assert!(!left.keys().any(|name| name.contains("bad")), "{left:?}");
    assert!(left.contains_key("cronjob/om-cronjob-good"));
    assert!(said.stdout.contains("configmap/om-config-bad taken back"), "{}", said.stdout);

    // What is there is not half changed either.
    project.pipeline("bad", "0 3 * * *", "");
    project.run(&["apply"]).with_status(0);
    let before = versions(namespace).await;
    let config = async || {
        let config = namespace.api::<ConfigMap>().get("om-config-bad").await.unwrap();
        (config.data, config.metadata.labels)
    };
    let was = config().await;
    project.pipeline(
        "bad",
        "0 3 * * *",
        "  podTemplate:\n    spec:\n      hostAliases: [{ip: nonsense}]",
    );
    let text = std::fs::read_to_string(project.path("bad.yaml")).unwrap();
    project.write("bad.yaml", &text.replace("username: u", "username: other"));
    let said = project.run(&["apply"]).with_status(1);
    assert!(said.stdout.contains("configmap/om-config-bad taken back"), "{}", said.stdout);
    assert_eq!(config().await, was);
    let after = versions(namespace).await;
    assert_eq!(before["cronjob/om-cronjob-bad"], after["cronjob/om-cronjob-bad"]);
    // And what was taken back is ours as before.
    project.pipeline("bad", "0 3 * * *", "");
    assert_eq!(project.run(&["apply"]).with_status(0).stdout, "");
}

async fn interrupted(namespace: &Namespace) {
    let project = Project::new(namespace, "analytics", "");
    for number in 0..150 {
        project.pipeline(&format!("p{number:03}"), "0 3 * * *", "");
    }
    let child = project.command(&["apply"]).spawn().unwrap();
    let crons = namespace.api::<CronJob>();
    namespace
        .until("the first schedules", async || {
            let some = crons.list_metadata(&ListParams::default().limit(20)).await.unwrap();
            (some.items.len() > 5).then_some(())
        })
        .await;
    let pid = child.id().to_string();
    let kill = std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(kill.success());
    let asked = Instant::now();
    let said = Project::ended(child).with_status(2);
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert!(said.stderr.contains("interrupted"), "{}", said.stderr);
    assert!(said.stderr.contains("not sent"), "{}", said.stderr);
    let there = versions(namespace).await;
    let of = |prefix: &str| {
        let names = there.keys().filter_map(|name| name.strip_prefix(prefix));
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let schedules = of("cronjob/om-cronjob-");
    assert!(!schedules.is_empty() && schedules.len() < 150, "{}", schedules.len());
    // No pipeline is half there.
    assert_eq!(schedules, of("configmap/om-config-"));
    let done = said.stdout.lines().filter(|line| line.starts_with("cronjob/")).count();
    assert_eq!(done, schedules.len());

    let healed = project.run(&["apply"]).with_status(0);
    let missing = 2 * (150 - schedules.len());
    assert!(healed.stderr.contains(&format!("{missing} created")), "{}", healed.stderr);
    assert_eq!(project.run(&["apply"]).with_status(0).stdout, "");
}

async fn waits(namespace: &Namespace) {
    crate::crd::installed(namespace).await;
    let project = Project::new(namespace, "analytics", "    useOMJobOperator: true");
    project.pipeline("orders", "0 3 * * *", "");
    let said = project.run(&["apply", "--wait", "--timeout", "1s"]).with_status(2);
    for words in
        ["1 object is not ready", "cronomjob/om-cronomjob-orders", "no operator has seen it"]
    {
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
    let _operator = Operator::start(namespace).await;
    let said = project.run(&["apply", "--wait", "--timeout", "60s"]).with_status(0);
    assert_eq!(said.stdout, "");
    // What the operator notes is no change.
    assert_eq!(project.run(&["apply"]).with_status(0).stdout, "");
}

async fn missing_namespace(namespace: &Namespace) {
    let project = Project::new(namespace, "analytics", "");
    for number in 0..20 {
        project.pipeline(&format!("p{number}"), "0 3 * * *", "");
    }
    let text = std::fs::read_to_string(project.path("ompipe.yaml")).unwrap();
    project.write("ompipe.yaml", &text.replace(&namespace.name, "nowhere"));
    let said = project.run(&["apply"]).with_status(2);
    assert_eq!(said.stdout, "");
    assert!(said.stderr.contains("the namespace nowhere does not exist"), "{}", said.stderr);
    assert!(said.stderr.contains("kubectl create namespace nowhere"), "{}", said.stderr);
    assert!(said.stderr.lines().count() < 4, "{}", said.stderr);
}

async fn one_pipeline(namespace: &Namespace) {
    let project = Project::new(namespace, "analytics", "");
    project.pipeline("orders", "0 3 * * *", "");
    project.pipeline("sales", "0 4 * * *", "");
    let said = project.run(&["apply", "-l", "orders"]).with_status(0);
    assert_eq!(said.lines().len(), 5, "{}", said.stdout);
    assert!(!said.stdout.contains("sales"));
    let said = project.run(&["apply", "-l", "orders", "--prune"]).with_status(2);
    assert!(said.stderr.contains("--prune"), "{}", said.stderr);
    let wrong = project.run(&["apply", "-l", "none"]).with_status(1);
    assert!(wrong.stderr.contains("OMP0704"), "{}", wrong.stderr);
}
