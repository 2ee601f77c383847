//! The verbs in a pod of the cluster, in an image that has nothing but the binary: as the pod's own
//! service account, with the Role that `ompipe rbac` prints for them.

use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt as _;
use kube::api::{ListParams, LogParams};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::namespace::{Namespace, documents, test};
use crate::project::Project;
use crate::workload::IMAGE;
use crate::{cluster, deployed, rendered};

pub(crate) fn tests() -> Vec<Trial> {
    let trial = test("verbs_in_a_pod_go_by_its_service_account", in_a_pod);
    // Images are given to our own nodes alone.
    vec![trial.with_ignored_flag(!cluster::is_ours())]
}

/// The service account of the pods that run ompipe.
const ACCOUNT: &str = "deployer";

async fn in_a_pod(namespace: &Namespace) {
    deployed::load_image();
    deployed::admit_host_network(namespace).await;
    namespace.apply(rendered::secret("openmetadata-bot", "token", "token")).await;
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}});
    namespace.apply(account).await;

    // A project that says so itself; below, a flag does, and where neither does, the pod.
    let kubernetes = format!("    ingestionImage: {IMAGE}\n    inCluster: true");
    let project = Project::new(namespace, "inside", &kubernetes);
    project.pipeline("orders", "0 3 29 2 *", "    test: {main: {}}");
    let text = |file: &str| std::fs::read_to_string(project.path(file)).unwrap();
    let silent = text("ompipe.yaml").replace("    inCluster: true\n", "");
    namespace
        .apply(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "project"},
            "data": {"ompipe.yaml": text("ompipe.yaml"), "orders.yaml": text("orders.yaml")},
        }))
        .await;
    namespace
        .apply(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "silent"},
            "data": {"ompipe.yaml": silent, "orders.yaml": text("orders.yaml")},
        }))
        .await;

    // Before it has the Role.
    let (code, log) =
        ompipe(namespace, "too-early", "project", &["status", "--project", "/project"]).await;
    assert_eq!(code, 2, "{log}");
    assert!(log.contains("cannot list resource") && log.contains("`ompipe rbac`"), "{log}");

    let subject = format!("serviceaccount:{}/{ACCOUNT}", namespace.name);
    let mut rbac = std::process::Command::new(env!("CARGO_BIN_EXE_ompipe"));
    rbac.args(["rbac", "--verbs", "apply,run,status", "--subject", &subject]);
    let printed = rbac.arg(project.path("")).output().unwrap();
    for object in documents(&String::from_utf8(printed.stdout).unwrap()) {
        namespace.apply(object).await;
    }

    let (code, log) = ompipe(namespace, "apply", "project", &["apply", "/project"]).await;
    assert_eq!(code, 0, "{log}");
    namespace.api::<ConfigMap>().get("om-config-orders").await.unwrap();
    let cron = namespace.api::<CronJob>().get("om-cronjob-orders").await.unwrap();
    assert!(cron.managed_fields().iter().any(|one| one.manager.as_deref() == Some("ompipe")));

    let words = ["run", "orders", "/project", "--follow", "--in-cluster"];
    let (code, log) = ompipe(namespace, "run", "silent", &words).await;
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("SUCCESS after"), "{log}");
    assert_eq!(namespace.recorded("main", "ended").len(), 1);
    assert_eq!(namespace.api::<Job>().list(&ListParams::default()).await.unwrap().items.len(), 1);

    let words = ["status", "--project", "/project", "--format", "json"];
    let (code, log) = ompipe(namespace, "status", "silent", &words).await;
    assert_eq!(code, 0, "{log}");
    let status: Value = serde_json::from_str(&log).unwrap();
    assert_eq!(status["pipelines"][0]["state"], "SUCCESS", "{log}");
    assert!(!log.contains("eyJ"), "a token: {log}");
}

/// Runs a command line in a pod with the project of a ConfigMap: its exit status and all it says.
async fn ompipe(namespace: &Namespace, name: &str, project: &str, words: &[&str]) -> (i32, String) {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "serviceAccountName": ACCOUNT,
            "restartPolicy": "Never",
            "hostNetwork": true,
            "containers": [{
                "name": "ompipe",
                "image": deployed::IMAGE,
                "args": words,
                "env": deployed::api_server_variables(),
                "securityContext": {"readOnlyRootFilesystem": true, "runAsUser": 1000},
                "volumeMounts": [{"name": "project", "mountPath": "/project", "readOnly": true}],
            }],
            "volumes": [{"name": "project", "configMap": {"name": project}}],
        },
    });
    namespace.apply(pod).await;
    let pods = namespace.api::<Pod>();
    let code = namespace
        .until(&format!("the end of {words:?} in a pod"), async || {
            let status = pods.get(name).await.unwrap().status?;
            let state = status.container_statuses?.pop()?.state?;
            Some(state.terminated?.exit_code)
        })
        .await;
    (code, pods.logs(name, &LogParams::default()).await.unwrap())
}
