//! `ompipe apply --prune`: what goes and what stays.

use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use libtest_mimic::Trial;
use serde_json::json;

use crate::apply::versions;
use crate::namespace::{Namespace, test};
use crate::project::Project;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("prune_deletes_what_is_no_longer_defined_and_asks_first", prunes),
        test("prune_takes_a_yes_at_a_terminal_for_one_and_nothing_else", asks),
        test("prune_leaves_what_is_not_the_projects_own", foreign),
        test("prune_of_one_project_leaves_the_others_pipelines_and_account", two_projects),
        test("prune_follows_a_pipeline_into_another_namespace_of_the_inventory", inventory),
    ]
}

/// The objects that have this in their names.
async fn there(namespace: &Namespace, part: &str) -> Vec<String> {
    versions(namespace).await.into_keys().filter(|name| name.contains(part)).collect()
}

async fn asks(namespace: &Namespace) {
    let project = Project::new(namespace, "analytics", "");
    project.pipeline("orders", "0 3 * * *", "");
    project.pipeline("sales", "0 4 * * *", "");
    let (status, shown) = project.at_terminal(&["apply"], "");
    assert_eq!(status, 0, "{shown}");
    let progress = "\r\u{1b}[KApplying: 7 of 7, cronjob/om-cronjob-";
    assert!(shown.contains(progress), "how far it is: {shown:?}");
    project.remove("sales.yaml");
    project.pipeline("orders", "0 5 * * *", "");
    let before = versions(namespace).await;
    for typed in ["n\n", "\n", "yesterday\n"] {
        let (status, shown) = project.at_terminal(&["apply", "--prune"], typed);
        assert_eq!(status, 2, "{typed:?}: {shown}");
        assert!(shown.contains("Delete 2 objects? [y/N]"), "{typed:?}: {shown}");
        assert!(shown.contains("nothing was applied"), "{typed:?}: {shown}");
        assert_eq!(versions(namespace).await, before, "{typed:?}");
    }
    let (status, shown) = project.at_terminal(&["apply", "--prune"], "y\n");
    assert_eq!(status, 0, "{shown}");
    assert!(there(namespace, "sales").await.is_empty());
    let (status, shown) = project.at_terminal(&["delete", "orders"], "n\n");
    assert_eq!(status, 2, "{shown}");
    assert_eq!(there(namespace, "orders").await.len(), 2, "{shown}");
    let (status, shown) = project.at_terminal(&["delete", "orders"], "y\n");
    assert_eq!(status, 0, "{shown}");
    assert!(there(namespace, "orders").await.is_empty(), "{shown}");
}

async fn prunes(namespace: &Namespace) {
    let project = Project::new(namespace, "analytics", "");
    project.pipeline("orders", "0 3 * * *", "");
    project.pipeline("sales", "0 4 * * *", "");
    project.run(&["apply"]).with_status(0);
    project.remove("sales.yaml");
    let both = ["configmap/om-config-sales", "cronjob/om-cronjob-sales"];

    project.run(&["apply"]).with_status(0);
    assert_eq!(there(namespace, "sales").await, both, "only --prune deletes");
    let said = project.run(&["apply", "--prune"]).with_status(2);
    assert!(said.stderr.contains("--yes"), "{}", said.stderr);
    for object in both {
        assert!(said.stderr.contains(object), "the plan is shown: {}", said.stderr);
    }
    assert_eq!(there(namespace, "sales").await, both, "nobody was there to be asked");
    let said = project.run(&["apply", "--prune", "--dry-run=server"]).with_status(0);
    assert!(said.stdout.contains("cronjob/om-cronjob-sales pruned"), "{}", said.stdout);
    assert_eq!(there(namespace, "sales").await, both, "it was on trial");
    let said = project.run(&["diff", "--prune"]).with_status(1);
    assert!(said.stdout.contains("+++ /dev/null"), "{}", said.stdout);

    let said = project.run(&["apply", "--prune", "--yes"]).with_status(0);
    let expected = both.map(|object| format!("{object} pruned in {}", namespace.name));
    assert_eq!(said.lines(), expected);
    assert!(there(namespace, "sales").await.is_empty());
    assert_eq!(there(namespace, "orders").await.len(), 2);
    let said = project.run(&["apply", "--prune", "--yes"]).with_status(0);
    assert_eq!(said.stdout, "");
    assert_eq!(project.run(&["diff", "--prune"]).with_status(0).stdout, "");

    // The last pipeline takes the account with it.
    project.remove("orders.yaml");
    project.run(&["apply", "--prune", "--yes"]).with_status(0);
    assert_eq!(there(namespace, "").await, ["configmap/ompipe.analytics"]);
}

async fn foreign(namespace: &Namespace) {
    let project = Project::new(namespace, "analytics", "");
    for name in ["orders", "sales", "stocks"] {
        project.pipeline(name, "0 3 * * *", "");
    }
    project.run(&["apply"]).with_status(0);
    // One that somebody has edited, one that only looks like ours, one without our label.
    let crons = namespace.api::<CronJob>();
    let who = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..Default::default() };
    let edit = Patch::Merge(json!({"spec": {"suspend": true}}));
    crons.patch("om-cronjob-sales", &who, &edit).await.unwrap();
    let configs = namespace.api::<ConfigMap>();
    let mut copy = configs.get("om-config-orders").await.unwrap();
    copy.metadata = kube::api::ObjectMeta {
        name: Some("om-config-by-hand".to_owned()),
        labels: copy.metadata.labels.map(|mut labels| {
            labels.remove("applyset.kubernetes.io/part-of");
            labels
        }),
        ..Default::default()
    };
    configs.create(&PostParams::default(), &copy).await.unwrap();

    for name in ["orders", "sales", "stocks"] {
        project.remove(&format!("{name}.yaml"));
    }
    project.pipeline("kept", "0 3 * * *", "");
    let said = project.run(&["apply", "--prune", "--yes"]).with_status(0);
    assert!(said.stdout.contains("om-cronjob-sales left"), "{}", said.stdout);
    assert!(said.stdout.contains("kubectl-edit"), "{}", said.stdout);
    // With the schedule stays what it reads.
    assert_eq!(
        there(namespace, "sales").await,
        ["configmap/om-config-sales", "cronjob/om-cronjob-sales"]
    );
    assert!(there(namespace, "orders").await.is_empty());
    assert_eq!(there(namespace, "by-hand").await.len(), 1);
    project.run(&["apply", "--prune", "--yes", "--force-conflicts"]).with_status(0);
    assert!(there(namespace, "sales").await.is_empty());
    assert_eq!(there(namespace, "by-hand").await.len(), 1);
}

async fn two_projects(namespace: &Namespace) {
    let one = Project::new(namespace, "one", "");
    let other = Project::new(namespace, "other", "");
    one.pipeline("orders", "0 3 * * *", "");
    one.pipeline("extra", "0 3 * * *", "");
    other.pipeline("sales", "0 4 * * *", "");
    one.run(&["apply"]).with_status(0);
    let said = other.run(&["apply", "--prune", "--yes"]).with_status(0);
    // The account is there already, and stays the first one's.
    assert!(said.stderr.contains("2 created, 3 unchanged."), "{}", said.stderr);
    assert_eq!(one.run(&["apply"]).with_status(0).stdout, "");
    one.remove("extra.yaml");
    let said = one.run(&["apply", "--prune", "--yes"]).with_status(0);
    assert_eq!(said.lines().len(), 2, "{}", said.stdout);
    assert_eq!(there(namespace, "sales").await.len(), 2);

    // The account stays as long as the other's pipelines may run as it.
    one.remove("orders.yaml");
    let said = one.run(&["apply", "--prune", "--yes"]).with_status(0);
    assert!(said.stdout.contains("role/openmetadata-ingestion left"), "{}", said.stdout);
    assert!(there(namespace, "orders").await.is_empty());
    assert_eq!(there(namespace, "openmetadata-ingestion").await.len(), 3);

    // Nobody takes the other's pipeline by its name.
    one.pipeline("sales", "0 5 * * *", "");
    let said = one.run(&["apply"]).with_status(1);
    assert!(said.stderr.contains("belongs to another project"), "{}", said.stderr);
    assert_eq!(other.run(&["apply"]).with_status(0).stdout, "");
}

async fn inventory(namespace: &Namespace) {
    let second = Namespace::second(namespace).await;
    let project = Project::new(namespace, "analytics", "");
    project.pipeline("orders", "0 3 * * *", "");
    project.pipeline("away", "0 3 * * *", &format!("  kubernetes: {{namespace: {}}}", second.name));
    project.run(&["apply"]).with_status(0);
    let parent = async || {
        let configs = namespace.api::<ConfigMap>();
        let parent = configs.get("ompipe.analytics").await.unwrap();
        let annotation = |name: &str| {
            let name = format!("applyset.kubernetes.io/{name}");
            parent.metadata.annotations.as_ref().unwrap()[&name].clone()
        };
        (annotation("contains-group-kinds"), annotation("additional-namespaces"), parent)
    };
    let (kinds, namespaces, first) = parent().await;
    let expected = "ConfigMap,CronJob.batch,Role.rbac.authorization.k8s.io,\
                    RoleBinding.rbac.authorization.k8s.io,ServiceAccount";
    assert_eq!((kinds.as_str(), namespaces.as_str()), (expected, second.name.as_str()));
    let id = first.metadata.labels.unwrap()["applyset.kubernetes.io/id"].clone();
    let members = ListParams::default().labels(&format!("applyset.kubernetes.io/part-of={id}"));
    let count = async |namespace: &Namespace| {
        namespace.api::<CronJob>().list(&members).await.unwrap().items.len()
    };
    assert_eq!((count(namespace).await, count(&second).await), (1, 1));

    // Home again: what is left there is found by what the inventory says.
    project.pipeline("away", "0 3 * * *", "");
    let said = project.run(&["apply", "--prune", "--yes"]).with_status(0);
    assert_eq!((count(namespace).await, count(&second).await), (2, 0), "{}", said.stdout);
    assert!(versions(&second).await.is_empty());
    assert_eq!(parent().await.1, "");
    second.delete().await;
}
