//! What there is in a namespace before a verb is run.

use std::time::Duration;

use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::rbac::v1 as rbac;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
};
use ompipe::crd::{CronOMJob, OMJob};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::crd;
use crate::namespace::Namespace;
use crate::project::Project;
use crate::rendered::condition;
use crate::workload::{IMAGE, pod_spec};

/// The flag that takes local values along, and the file that holds them.
pub(crate) const VALUES: &str = "--include-secrets";
pub(crate) const VALUES_FILE: &str = ".values.yaml";
/// An automation to be run.
pub(crate) const AUTOMATION_FILE: &str = "test.json";

/// What there is before a verb is run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Before {
    /// Definitions alone.
    Nothing,
    /// What they render to.
    Applied,
    /// The same but for the RoleBinding, which without its Role nobody can try to make.
    Unbound,
    /// The same, with schedules that are suspended and have a time that has just been.
    Suspended,
    /// What they rendered to before pipelines and account had other names.
    Renamed,
    /// A run of either kind, and that of the CronJob has ended.
    Ran,
    /// A run of either kind whose pod waits for a node.
    Waiting,
    /// A run of either kind that has no pod.
    NoPods,
    /// A run of either kind, and a pod whose run is gone.
    Orphan,
    /// The definitions name a ConfigMap of somebody else's.
    OtherConfig,
    /// Definitions alone, by which workflows lie in Secrets: of a store, and of local values.
    Secrets,
    /// What those render to.
    SecretsApplied,
    /// What those rendered to before the pipelines had other names.
    SecretsRenamed,
    /// Definitions alone, of a project whose workflows all come from a store, and an automation.
    Store,
}

/// A project with a pipeline of either kind, of which there is just this in the cluster.
pub(crate) async fn prepare(namespace: &Namespace, before: Before) -> Project {
    installed(namespace).await;
    clear(namespace).await;
    let nowhere = match before {
        Before::Waiting | Before::Orphan => "    nodeSelector: {ompipe.test/nowhere: 'true'}",
        Before::Store => OF_A_STORE,
        _ => "",
    };
    let kubernetes = format!(
        "    serviceAccountName: ingest
    ingestionImage: {IMAGE}
    resources: {{requests: {{cpu: 10m, memory: 32Mi}}}}
{nowhere}"
    );
    let project = Project::new(namespace, "analytics", &kubernetes);
    let (schedule, more) = match before {
        Before::Suspended => ("@every 1s", "  enabled: false"),
        Before::OtherConfig => (SELDOM, OTHER_CONFIG),
        _ => (SELDOM, ""),
    };
    let operated = format!("{more}\n  kubernetes: {{useOMJobOperator: true}}");
    let of_two = |suffix: &str| match before.has_secrets() {
        true => {
            let store = format!("  kubernetes:\n{OF_A_STORE}");
            project.pipeline(&format!("orders{suffix}"), schedule, &store);
            let local = "  kubernetes: {useOMJobOperator: true, secrets: {way: secret}}";
            project.pipeline(&format!("sales{suffix}"), schedule, local);
        }
        false => {
            project.pipeline(&format!("orders{suffix}"), schedule, more);
            project.pipeline(&format!("sales{suffix}"), schedule, &operated);
        }
    };
    of_two("");
    let entity =
        json!({"id": "1", "name": "test", "workflowType": "TEST_CONNECTION", "request": {}});
    project.write(AUTOMATION_FILE, &entity.to_string());
    let token = json!({"token": "x"});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "openmetadata-bot"}, "stringData": token});
    project.write(VALUES_FILE, &secret.to_string());
    namespace.apply(secret).await;
    match before {
        Before::Nothing | Before::OtherConfig | Before::Secrets | Before::Store => {}
        Before::SecretsApplied | Before::SecretsRenamed => {
            drop(project.run(&["apply", VALUES, VALUES_FILE]).with_status(0));
        }
        _ => drop(project.run(&["apply"]).with_status(0)),
    }
    match before {
        Before::Nothing
        | Before::Applied
        | Before::OtherConfig
        | Before::Secrets
        | Before::SecretsApplied
        | Before::Store => {}
        Before::SecretsRenamed => {
            for name in ["orders", "sales"] {
                project.remove(&format!("{name}.yaml"));
            }
            of_two("2");
        }
        Before::Unbound => {
            let bindings = namespace.api::<rbac::RoleBinding>();
            bindings.delete("ingest", &DeleteParams::default()).await.unwrap();
        }
        Before::Suspended => tokio::time::sleep(Duration::from_secs(2)).await,
        Before::Renamed => {
            let text = std::fs::read_to_string(project.path("ompipe.yaml")).unwrap();
            project.write("ompipe.yaml", &text.replace("Name: ingest", "Name: ingest2"));
            for name in ["orders", "sales"] {
                project.remove(&format!("{name}.yaml"));
            }
            of_two("2");
        }
        Before::Ran => {
            run_both(&project);
            let jobs = namespace.api::<Job>();
            namespace
                .until("the end of a run", async || {
                    let jobs = jobs.list(&ListParams::default()).await.unwrap().items;
                    jobs.iter().any(|job| condition(job, "Complete").is_some()).then_some(())
                })
                .await;
        }
        Before::Waiting => run_both(&project),
        Before::NoPods => {
            let accounts = namespace.api::<core::ServiceAccount>();
            accounts.delete("ingest", &DeleteParams::default()).await.unwrap();
            run_both(&project);
        }
        Before::Orphan => {
            run_both(&project);
            let labels = json!({
                "app.kubernetes.io/name": "openmetadata",
                "app.kubernetes.io/pipeline": "orders",
            });
            let mut spec = pod_spec(&json!({"main": {"seconds": 600}}), "gone");
            spec["nodeSelector"] = json!({"ompipe.test/nowhere": "true"});
            let metadata = json!({"name": "om-job-orders-gone", "labels": labels});
            namespace
                .apply(
                    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}),
                )
                .await;
        }
    }
    project
}

impl Before {
    /// Whether workflows lie in Secrets.
    pub(crate) fn has_secrets(self) -> bool {
        matches!(self, Self::Secrets | Self::SecretsApplied | Self::SecretsRenamed | Self::Store)
    }
}

/// External Secrets' kind, as far as this needs it. Nobody makes a Secret of it here.
const EXTERNAL_SECRETS: &str = "externalsecrets.external-secrets.io";
const OF_A_STORE: &str = "    secrets:
      way: externalSecret
      externalSecret: {storeRef: {name: vault}, remoteRef: {key: '{name}', property: '{key}'}}";

async fn installed(namespace: &Namespace) {
    static KIND: OnceCell<()> = OnceCell::const_new();
    crd::installed(namespace).await;
    KIND.get_or_init(async || {
        let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": EXTERNAL_SECRETS},
            "spec": {
                "group": "external-secrets.io",
                "scope": "Namespaced",
                "names": {"plural": "externalsecrets", "singular": "externalsecret", "kind": "ExternalSecret"},
                "versions": [{
                    "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": any},
                }],
            },
        });
        let definitions: Api<CustomResourceDefinition> = Api::all(namespace.client.clone());
        let how = PatchParams::apply("test");
        definitions.patch(EXTERNAL_SECRETS, &how, &Patch::Apply(definition)).await.unwrap();
        crd::established(namespace, EXTERNAL_SECRETS).await;
    })
    .await;
}

fn external_secrets(namespace: &Namespace) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("external-secrets.io", "v1", "ExternalSecret");
    let resource = ApiResource::from_gvk(&kind);
    Api::namespaced_with(namespace.client.clone(), &namespace.name, &resource)
}

/// A time that does not come while a test runs.
const SELDOM: &str = "0 3 29 2 *";
const OTHER_CONFIG: &str = "  podTemplate:
    spec:
      containers: [{name: main, envFrom: [{configMapRef: {name: others}}]}]";

fn run_both(project: &Project) {
    for pipeline in ["orders", "sales"] {
        project.run(&["run", pipeline]).with_status(0);
    }
}

/// Takes away what an earlier situation has left.
async fn clear(namespace: &Namespace) {
    let how = DeleteParams::background();
    let all = ListParams::default();
    drop(namespace.api::<CronJob>().delete_collection(&how, &all).await.unwrap());
    drop(namespace.api::<CronOMJob>().delete_collection(&how, &all).await.unwrap());
    drop(namespace.api::<Job>().delete_collection(&how, &all).await.unwrap());
    drop(namespace.api::<OMJob>().delete_collection(&how, &all).await.unwrap());
    let now = DeleteParams { grace_period_seconds: Some(0), ..how.clone() };
    drop(namespace.api::<core::Pod>().delete_collection(&now, &all).await.unwrap());
    let ours = all.labels("app.kubernetes.io/managed-by in (openmetadata, ompipe)");
    drop(external_secrets(namespace).delete_collection(&how, &ours).await.unwrap());
    drop(namespace.api::<core::Secret>().delete_collection(&how, &ours).await.unwrap());
    drop(namespace.api::<core::ConfigMap>().delete_collection(&how, &ours).await.unwrap());
    drop(namespace.api::<core::ServiceAccount>().delete_collection(&how, &ours).await.unwrap());
    drop(namespace.api::<rbac::Role>().delete_collection(&how, &ours).await.unwrap());
    drop(namespace.api::<rbac::RoleBinding>().delete_collection(&how, &ours).await.unwrap());
}
