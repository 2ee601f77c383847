//! For each right of each verb a situation in which the verb cannot do without it: what there is,
//! the command line, and how the want of it shows.

use std::time::Duration;

use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::rbac::v1 as rbac;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
};
use ompipe::cluster::rights::Verb;
use ompipe::crd::{CronOMJob, OMJob};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::crd;
use crate::namespace::Namespace;
use crate::project::Project;
use crate::rendered::condition;
use crate::workload::{IMAGE, pod_spec};

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

/// How the want of a right shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Want {
    /// The verb fails.
    Fails,
    /// It does without, and says so.
    IsTold,
}
use Want::{Fails, IsTold};

/// A verb, what there is before, its command line, and the rights that it cannot do without then.
pub(crate) type Situation = (Verb, Before, &'static [&'static str], Want, &'static [&'static str]);

pub(crate) const SITUATIONS: &[Situation] = &[
    (Verb::Apply, Before::Nothing, &["apply"], Fails, WRITTEN),
    (Verb::Apply, Before::Nothing, &["apply"], Fails, BOUND),
    (Verb::Apply, Before::Nothing, &["apply"], Fails, GIVEN),
    (Verb::Apply, Before::Applied, &["apply"], IsTold, READ),
    (Verb::Apply, Before::Secrets, &["apply", VALUES, VALUES_FILE], Fails, WRITTEN_SECRETS),
    (Verb::Apply, Before::SecretsApplied, &["apply", VALUES, VALUES_FILE], IsTold, READ_SECRETS),
    (Verb::Prune, Before::Renamed, &["apply", "--prune", "--yes"], Fails, PRUNED),
    (
        Verb::Prune,
        Before::SecretsRenamed,
        &["apply", VALUES, VALUES_FILE, "--prune", "--yes"],
        Fails,
        &[
            "delete externalsecrets.external-secrets.io",
            "delete secrets",
            "list externalsecrets.external-secrets.io",
            "list secrets",
        ],
    ),
    (Verb::Diff, Before::Secrets, &["diff", VALUES, VALUES_FILE], Fails, WRITTEN_SECRETS),
    (Verb::Diff, Before::Secrets, &["diff", VALUES, VALUES_FILE], Fails, READ_SECRETS),
    (
        Verb::Run,
        Before::SecretsApplied,
        &["run", "orders"],
        Fails,
        &["get externalsecrets.external-secrets.io"],
    ),
    (
        Verb::Run,
        Before::Store,
        &["run", "--automation", AUTOMATION_FILE],
        Fails,
        &[
            "create externalsecrets.external-secrets.io",
            "delete externalsecrets.external-secrets.io",
            "patch externalsecrets.external-secrets.io",
        ],
    ),
    (
        Verb::Delete,
        Before::SecretsApplied,
        DELETE,
        Fails,
        &[
            "delete externalsecrets.external-secrets.io",
            "delete secrets",
            "get externalsecrets.external-secrets.io",
            "get secrets",
        ],
    ),
    (Verb::Diff, Before::Nothing, &["diff"], Fails, WRITTEN),
    (Verb::Diff, Before::Unbound, &["diff"], Fails, BOUND),
    (Verb::Diff, Before::Nothing, &["diff"], Fails, GIVEN),
    (Verb::Diff, Before::Nothing, &["diff"], Fails, READ),
    (
        Verb::Run,
        Before::Applied,
        &["run", "orders"],
        Fails,
        &["create jobs.batch", "get configmaps"],
    ),
    (
        Verb::Run,
        Before::Applied,
        &["run", "orders", "--set", "workflow.test={}"],
        Fails,
        &["create configmaps", "delete configmaps", "patch configmaps"],
    ),
    (
        Verb::Run,
        Before::Applied,
        &["run", "orders", "--follow"],
        Fails,
        &[
            "get jobs.batch",
            "list jobs.batch",
            "watch jobs.batch",
            "get pods",
            "list pods",
            "watch pods",
            "get pods/log",
        ],
    ),
    (
        Verb::Run,
        Before::Applied,
        // Without an operator it does not end.
        &["run", "sales", "--wait", "--timeout", "3"],
        Fails,
        &[
            "create omjobs.pipelines.openmetadata.org",
            "get omjobs.pipelines.openmetadata.org",
            "list omjobs.pipelines.openmetadata.org",
            "watch omjobs.pipelines.openmetadata.org",
        ],
    ),
    (Verb::Status, Before::Ran, &["status"], Fails, LISTED_RUNS),
    (Verb::Status, Before::Ran, &["status"], Fails, LISTED_SCHEDULES),
    (
        Verb::Status,
        Before::Ran,
        &["status", "--watch"],
        Fails,
        &[
            "watch cronjobs.batch",
            "watch cronomjobs.pipelines.openmetadata.org",
            "watch jobs.batch",
            "watch omjobs.pipelines.openmetadata.org",
            "watch pods",
        ],
    ),
    (Verb::History, Before::Ran, &["history"], Fails, LISTED_RUNS),
    (Verb::Logs, Before::Ran, &["logs", "orders"], Fails, LISTED_RUNS),
    (Verb::Logs, Before::Ran, &["logs", "orders"], Fails, &["get pods", "get pods/log"]),
    (Verb::Logs, Before::NoPods, &["logs", "orders"], Fails, &["get jobs.batch"]),
    (Verb::Logs, Before::NoPods, &["logs", "orders"], IsTold, &["list events"]),
    (
        Verb::Logs,
        Before::NoPods,
        &["logs", "sales"],
        Fails,
        &["get omjobs.pipelines.openmetadata.org"],
    ),
    (Verb::Diagnose, Before::Ran, &["diagnose", "orders"], Fails, LISTED_RUNS),
    (Verb::Diagnose, Before::Ran, &["diagnose", "orders"], Fails, &["get jobs.batch"]),
    (
        Verb::Diagnose,
        Before::Ran,
        &["diagnose", "orders"],
        IsTold,
        &["get pods/log", "list events"],
    ),
    (
        Verb::Diagnose,
        Before::Ran,
        &["diagnose", "sales"],
        Fails,
        &["get omjobs.pipelines.openmetadata.org"],
    ),
    (Verb::Kill, Before::Waiting, &["kill", "orders", "sales"], Fails, LISTED_RUNS),
    (Verb::Kill, Before::Waiting, &["kill", "orders", "sales"], Fails, ENDED_RUNS),
    (Verb::Suspend, Before::Applied, &["suspend", "orders", "sales"], Fails, LISTED_SCHEDULES),
    (Verb::Suspend, Before::Applied, &["suspend", "orders", "sales"], Fails, TOGGLED),
    (Verb::Resume, Before::Suspended, &["resume", "orders", "sales"], Fails, LISTED_SCHEDULES),
    (Verb::Resume, Before::Suspended, &["resume", "orders", "sales"], Fails, TOGGLED),
    (
        Verb::Resume,
        Before::Suspended,
        &["resume", "orders", "sales"],
        IsTold,
        &["patch cronjobs/status.batch", "patch cronomjobs/status.pipelines.openmetadata.org"],
    ),
    (Verb::Delete, Before::Orphan, DELETE, Fails, LISTED_RUNS),
    (Verb::Delete, Before::Orphan, DELETE, Fails, LISTED_SCHEDULES),
    (Verb::Delete, Before::Orphan, DELETE, Fails, ENDED_RUNS),
    (
        Verb::Delete,
        Before::Orphan,
        DELETE,
        Fails,
        &[
            "delete configmaps",
            "delete cronjobs.batch",
            "delete cronomjobs.pipelines.openmetadata.org",
            "delete pods",
            "get configmaps",
            "get pods",
            "list configmaps",
            "list externalsecrets.external-secrets.io",
            "list secrets",
        ],
    ),
    (Verb::Secrets, Before::Nothing, &["secrets", "list", "--cluster"], Fails, &["get secrets"]),
    (
        Verb::Doctor,
        Before::OtherConfig,
        &["doctor"],
        IsTold,
        &[
            "get configmaps",
            "get namespaces",
            "get secrets",
            "get serviceaccounts",
            "list configmaps",
            "list events",
            "list limitranges",
            "list pods",
            "list resourcequotas",
        ],
    ),
];

const AUTOMATION_FILE: &str = "test.json";
const VALUES: &str = "--include-secrets";
const VALUES_FILE: &str = ".values.yaml";
const WRITTEN_SECRETS: &[&str] = &[
    "create externalsecrets.external-secrets.io",
    "create secrets",
    "patch externalsecrets.external-secrets.io",
    "patch secrets",
];
const READ_SECRETS: &[&str] = &["get externalsecrets.external-secrets.io", "get secrets"];
const DELETE: &[&str] = &["delete", "orders", "sales", "--yes"];
const WRITTEN: &[&str] = &[
    "create configmaps",
    "create cronjobs.batch",
    "create cronomjobs.pipelines.openmetadata.org",
    "create roles.rbac.authorization.k8s.io",
    "create serviceaccounts",
    "patch configmaps",
    "patch cronjobs.batch",
    "patch cronomjobs.pipelines.openmetadata.org",
    "patch roles.rbac.authorization.k8s.io",
    "patch serviceaccounts",
];
const BOUND: &[&str] = &[
    "create rolebindings.rbac.authorization.k8s.io",
    "patch rolebindings.rbac.authorization.k8s.io",
];
/// What the pods' Role gives: nobody gives what he does not have.
const GIVEN: &[&str] = &["get pods", "get pods/log", "list events", "list pods"];
const READ: &[&str] = &[
    "get configmaps",
    "get cronjobs.batch",
    "get cronomjobs.pipelines.openmetadata.org",
    "get rolebindings.rbac.authorization.k8s.io",
    "get roles.rbac.authorization.k8s.io",
    "get serviceaccounts",
];
const PRUNED: &[&str] = &[
    "delete configmaps",
    "delete cronjobs.batch",
    "delete cronomjobs.pipelines.openmetadata.org",
    "delete rolebindings.rbac.authorization.k8s.io",
    "delete roles.rbac.authorization.k8s.io",
    "delete serviceaccounts",
    "list configmaps",
    "list cronjobs.batch",
    "list cronomjobs.pipelines.openmetadata.org",
    "list rolebindings.rbac.authorization.k8s.io",
    "list roles.rbac.authorization.k8s.io",
    "list serviceaccounts",
];
const LISTED_RUNS: &[&str] =
    &["list jobs.batch", "list omjobs.pipelines.openmetadata.org", "list pods"];
const LISTED_SCHEDULES: &[&str] =
    &["list cronjobs.batch", "list cronomjobs.pipelines.openmetadata.org"];
const ENDED_RUNS: &[&str] = &[
    "delete jobs.batch",
    "delete omjobs.pipelines.openmetadata.org",
    "get jobs.batch",
    "get omjobs.pipelines.openmetadata.org",
];
const TOGGLED: &[&str] = &["patch cronjobs.batch", "patch cronomjobs.pipelines.openmetadata.org"];

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
