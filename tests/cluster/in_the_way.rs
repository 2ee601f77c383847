//! What is wrong in the cluster, and no fault of a request: a namespace that is going, a Secret that
//! is missing, an object that is somebody else's. A verb says what to do, and leaves no half state.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1 as core;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use libtest_mimic::Trial;
use serde_json::json;

use crate::namespace::{Namespace, test};
use crate::project::Project;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_namespace_that_is_being_deleted_is_said_to_be", going),
        test("a_run_without_its_secret_is_not_started", no_secret),
        test("a_run_whose_name_is_taken_is_not_taken_for_it", taken),
    ]
}

async fn going(namespace: &Namespace) {
    let project = Project::new(namespace, "going", "");
    project.pipeline("orders", "0 3 31 12 *", "");
    project.run(&["apply"]).with_status(0);
    // It holds the namespace for as long as this test looks at it.
    let held = json!({"name": "held", "finalizers": ["ompipe.test/hold"]});
    let held = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": held});
    namespace.apply(held).await;
    namespace.delete().await;
    let namespaces: Api<core::Namespace> = Api::all(namespace.client.clone());
    let maps = namespace.api::<core::ConfigMap>();
    namespace
        .until("all but what is held to be gone", async || {
            let going = namespaces.get(&namespace.name).await.unwrap().status?.phase?;
            let left = maps.list(&ListParams::default()).await.unwrap().items;
            (going == "Terminating" && left.len() == 1).then_some(())
        })
        .await;
    for verb in [&["apply"][..], &["run", "orders"]] {
        let said = project.run(verb).with_status(2);
        assert!(said.stderr.contains("being deleted"), "{verb:?}: {}", said.stderr);
        assert!(said.stderr.contains("Hint: "), "{verb:?}: {}", said.stderr);
    }
    assert_eq!(maps.list(&ListParams::default()).await.unwrap().items.len(), 1);
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("held", &PatchParams::default(), &free).await.unwrap();
}

async fn no_secret(namespace: &Namespace) {
    let project = Project::new(namespace, "secretive", "    secrets: {way: secret}");
    project.pipeline("orders", "0 3 31 12 *", "");
    project.run(&["apply"]).with_status(0);
    let said = project.run(&["run", "orders"]).with_status(2);
    assert!(said.stderr.contains("om-secret-orders"), "{}", said.stderr);
    assert!(said.stderr.contains("Hint: "), "{}", said.stderr);
    let jobs = namespace.api::<Job>().list(&ListParams::default()).await.unwrap().items;
    assert_eq!(jobs.len(), 0);
}

/// Somebody else's Job has the name: it is not ours, however alike.
async fn taken(namespace: &Namespace) {
    let project =
        Project::new(namespace, "taken", "    nodeSelector: {ompipe.test/nowhere: 'true'}");
    project.pipeline("orders", "0 3 31 12 *", "");
    project.run(&["apply"]).with_status(0);
    let mut spec = crate::workload::pod_spec(&json!({}), "om-job-orders-00000000");
    spec["nodeSelector"] = json!({"ompipe.test/nowhere": "true"});
    let job = namespace
        .apply(json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "om-job-orders-00000000"},
            "spec": {"template": {"spec": spec}},
        }))
        .await;
    let id = "00000000-0000-4000-8000-000000000000";
    let said = project.run(&["run", "orders", "--run-id", id]).with_status(2);
    assert!(said.stderr.contains("om-job-orders-00000000"), "{}", said.stderr);
    let jobs = namespace.api::<Job>().list(&ListParams::default()).await.unwrap().items;
    assert_eq!(jobs.iter().map(ResourceExt::uid).collect::<Vec<_>>(), [job.metadata.uid]);
}
