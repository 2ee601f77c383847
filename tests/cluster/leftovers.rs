//! The whole life of a pipeline (deployed, changed, run, killed, suspended, resumed, deleted) beside
//! another's, by the verbs: what there is afterwards is what there should be, whatever the kind.

use std::collections::BTreeMap;

use kube::Api;
use kube::api::{DynamicObject, ListParams};
use kube::core::ApiResource;
use kube::discovery::Scope;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::inventory;
use crate::namespace::{Namespace, test};
use crate::operator::Operator;
use crate::project::Project;
use crate::workload::IMAGE;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_pipelines_life_leaves_nothing_behind", async |namespace| {
            let kinds = ["CronJob", "Job"];
            life(namespace, "    exitHandler: sidecar", kinds).await;
        }),
        test("a_pipelines_life_with_the_operator_leaves_nothing_behind", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let kinds = ["CronOMJob", "OMJob"];
            life(namespace, "    useOMJobOperator: true", kinds).await;
        }),
    ]
}

async fn life(namespace: &Namespace, parameters: &str, [scheduled, run]: [&str; 2]) {
    crate::crd::installed(namespace).await;
    // What is somebody else's, however near its names and labels come.
    let labels = json!({"app.kubernetes.io/pipeline": "orders-of-others"});
    for name in ["om-config-orders-of-others", "notes"] {
        let metadata = json!({"name": name, "labels": labels});
        namespace
            .apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}))
            .await;
    }
    let secret = json!({"name": "openmetadata-bot"});
    namespace
        .apply(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": secret, "stringData": {"token": "x"},
        }))
        .await;
    let cluster_before = of_cluster(namespace).await;
    let before = there(namespace).await;

    let project = |ends: &str| {
        let grace = "terminationGracePeriodSeconds: 5";
        let project = Project::new(
            namespace,
            "life",
            &format!(
                "{parameters}\n    ingestionImage: {IMAGE}\n    {grace}\n    resources: {{requests: {{cpu: 10m, memory: 32Mi}}}}\n    extraEnvVars: ['test:{{main: {ends}}}']"
            ),
        );
        project.pipeline("orders", "0 3 31 12 *", "");
        project.pipeline("users", "0 3 31 12 *", "");
        project
    };
    let quick = project("{}");
    quick.run(&["apply"]).with_status(0);
    let deployed = there(namespace).await;
    let shared = ["ServiceAccount", "Role", "RoleBinding"];
    let mut expected = vec![
        "ConfigMap/om-config-orders".to_owned(),
        "ConfigMap/om-config-users".to_owned(),
        format!("{scheduled}/om-{}-orders", scheduled.to_lowercase()),
        format!("{scheduled}/om-{}-users", scheduled.to_lowercase()),
    ];
    expected.extend(shared.map(|kind| format!("{kind}/openmetadata-ingestion")));
    let added = added(&before, &deployed);
    let inventories: Vec<&String> = added.iter().filter(|name| !expected.contains(name)).collect();
    assert_eq!(added.len(), expected.len() + 1, "{inventories:?}");
    assert!(inventories[0].starts_with("ConfigMap/"), "{inventories:?}");

    // Changed: the same objects.
    quick.pipeline("orders", "0 4 31 12 *", "");
    quick.run(&["apply"]).with_status(0);
    assert_eq!(names(&there(namespace).await), names(&deployed));

    // Run to its end, killed, toggled.
    quick.run(&["run", "orders", "--wait"]).with_status(0);
    let hanging = project("{seconds: 3600}");
    hanging.run(&["run", "orders"]).with_status(0);
    namespace
        .until("the second run", async || {
            (namespace.recorded("main", "started").len() == 2).then_some(())
        })
        .await;
    hanging.run(&["kill", "orders"]).with_status(0);
    let mains: Vec<_> = namespace.recorded("main", "ended");
    assert_eq!(mains.len(), 1, "the killed one runs no more, and has not ended by itself");
    let runs = there(namespace).await;
    let runs: Vec<_> = runs.keys().filter(|name| name.starts_with(&format!("{run}/"))).collect();
    assert!(runs.len() <= 2, "{runs:?}");
    quick.run(&["suspend", "orders"]).with_status(0);
    quick.run(&["resume", "orders"]).with_status(0);

    // One that runs is deleted with all that is its own.
    hanging.run(&["run", "orders"]).with_status(0);
    quick.run(&["delete", "orders", "--yes"]).with_status(0);
    let left = there(namespace).await;
    let of_orders: Vec<_> = names(&left)
        .into_iter()
        .filter(|name| name.contains("orders") && !name.contains("orders-of-others"))
        .collect();
    assert_eq!(of_orders, Vec::<String>::new());
    for (name, version) in &before {
        assert_eq!(left.get(name), Some(version), "{name} is not ours");
    }
    let gone = names(&deployed).into_iter().filter(|name| !name.contains("orders"));
    let stays = names(&left).into_iter().filter(|name| !name.contains("orders"));
    assert_eq!(stays.collect::<Vec<_>>(), gone.collect::<Vec<_>>(), "the other pipeline's");

    // The last one goes: what all pipelines share stays, as does the inventory.
    quick.run(&["delete", "users", "--yes"]).with_status(0);
    let mut stays: Vec<String> = shared.map(|kind| format!("{kind}/openmetadata-ingestion")).into();
    stays.extend(inventories.into_iter().cloned());
    stays.extend(names(&before));
    stays.sort();
    assert_eq!(names(&there(namespace).await), stays);
    assert_eq!(of_cluster(namespace).await, cluster_before, "of the cluster's own kinds");
}

/// Every object of the namespace but its Events and the operator's Lease, each with its UID and,
/// where nobody but its owner changes it, its version.
async fn there(namespace: &Namespace) -> BTreeMap<String, String> {
    let objects = inventory::of_namespace(namespace).await;
    let objects =
        objects.iter().filter(|object| object["kind"] != "Event" && object["kind"] != "Lease");
    objects.map(|object| (inventory::called(object), object["metadata"].to_string())).collect()
}

fn names(of: &BTreeMap<String, String>) -> Vec<String> {
    of.keys().cloned().collect()
}

fn added(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    after.keys().filter(|name| !before.contains_key(*name)).cloned().collect()
}

/// The cluster's own objects that name this namespace, or that a verb has written. Other tests have
/// theirs.
async fn of_cluster(namespace: &Namespace) -> Vec<String> {
    let mut found = Vec::new();
    for kind in inventory::kinds(namespace, Scope::Cluster).await {
        found.extend(of_kind(namespace, &kind).await);
    }
    found.sort();
    found
}

async fn of_kind(namespace: &Namespace, kind: &ApiResource) -> Vec<String> {
    let api: Api<DynamicObject> = Api::all_with(namespace.client.clone(), kind);
    let listed = match api.list(&ListParams::default()).await {
        Ok(listed) => listed,
        // Another test has taken a kind of its own away meanwhile.
        Err(kube::Error::Api(status)) if status.code == 404 => return Vec::new(),
        Err(error) => panic!("{}: {error}", kind.kind),
    };
    let objects = listed.items.into_iter().map(|object| serde_json::to_value(object).unwrap());
    let ours = objects.filter(|object| {
        let is_about_us = object["metadata"]["name"] != *namespace.name
            && object.to_string().contains(&namespace.name);
        let managers = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        let is_by_us = |entry: &Value| {
            entry["manager"].as_str().is_some_and(|manager| manager.starts_with("ompipe"))
        };
        is_about_us || managers.iter().any(is_by_us)
    });
    ours.map(|object| format!("{}/{}", kind.kind, object["metadata"]["name"])).collect()
}
