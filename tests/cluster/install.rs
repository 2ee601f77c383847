//! What `deploy/` lets the operator do is what it does: it runs here by the service account of the
//! install, and is refused nothing.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::config::Kubeconfig;
use kube::{Api, ResourceExt as _};
use libtest_mimic::Trial;
use ompipe::diagnostic::Diagnostics;
use ompipe::tree::SourceId;
use ompipe::yaml::{self, Dialect};
use serde_json::{Value, json};

use crate::namespace::{Namespace, test};
use crate::{cluster, crd, workload};

/// What is allowed, and nothing of it without a use: each of these is to be seen in the metrics.
const DONE: [(&str, &str); 9] = [
    ("create", "events"),
    ("create", "omjobs"),
    ("create", "pods"),
    ("delete", "omjobs"),
    ("delete", "pods"),
    ("patch", "omjobs"),
    ("patch", "pods"),
    ("update_status", "cronomjobs"),
    ("update_status", "omjobs"),
];

pub(crate) fn tests() -> Vec<Trial> {
    vec![test("the_installed_roles_allow_what_the_operator_does", async |namespace| {
        crd::installed(namespace).await;
        allow(namespace).await;
        let operator = Operator::start(namespace).await;

        // One run to its end and beyond, one deleted in the middle, and one of a CronOMJob.
        let jobs = crd::api(namespace, "OMJob");
        namespace.apply(omjob("ended", json!({"ttlSecondsAfterFinished": 0}))).await;
        succeed(namespace, "ended-main").await;
        succeed(namespace, "ended-exit").await;
        gone(namespace, &jobs, "ended").await;

        namespace.apply(omjob("deleted", json!({}))).await;
        pod(namespace, "deleted-main").await;
        jobs.delete("deleted", &Default::default()).await.unwrap();
        succeed(namespace, "deleted-exit").await;
        gone(namespace, &jobs, "deleted").await;

        namespace.apply(cronomjob()).await;
        let run = namespace
            .until("a run of the CronOMJob", async || {
                jobs.list(&Default::default()).await.unwrap().items.pop()
            })
            .await;
        let run = run.name_any();
        succeed(namespace, &format!("{run}-main")).await;
        succeed(namespace, &format!("{run}-exit")).await;
        gone(namespace, &jobs, &run).await;

        namespace
            .until("every kind of request", async || {
                let metrics = operator.metrics();
                let done = |(verb, resource): &(&str, &str)| {
                    let labels = format!(r#"verb="{verb}",resource="{resource}",code="2xx""#);
                    metrics.contains(&labels)
                };
                DONE.iter().all(done).then_some(())
            })
            .await;
        assert!(!operator.metrics().contains(r#"code="403""#), "{}", operator.metrics());
        let log = std::fs::read_to_string(&operator.log).unwrap();
        assert!(!log.to_lowercase().contains("forbidden"), "{log}");
        disallow(namespace).await;
    })]
}

/// The objects of `deploy/` that say who the operator is and what it may do, for one namespace;
/// they are named after it, so that each run has its own.
fn roles(namespace: &Namespace) -> Vec<Value> {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let files = [
        "base/service-account.yaml",
        "base/cluster-role.yaml",
        "components/one-namespace/role-binding.yaml",
        "base/nodes-cluster-role.yaml",
        "base/nodes-cluster-role-binding.yaml",
        "base/lease-role.yaml",
        "base/lease-role-binding.yaml",
    ];
    let mut objects = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(deploy.join(file)).unwrap();
        let text = text
            .replace("openmetadata-pipelines", &namespace.name)
            .replace("ompipe-operator", &namespace.name);
        let mut found = Diagnostics::default();
        let nodes = yaml::read(SourceId(0), &text, Dialect::Definition, &mut found);
        assert!(found.is_empty(), "{file}: {found:?}");
        objects.extend(nodes.iter().map(Value::from));
    }
    objects
}

pub(crate) async fn allow(namespace: &Namespace) {
    let client = || namespace.client.clone();
    for object in roles(namespace) {
        let how = PostParams::default();
        match object["kind"].as_str().unwrap() {
            "ClusterRole" => {
                let role: ClusterRole = serde_json::from_value(object).unwrap();
                Api::all(client()).create(&how, &role).await.map(drop).unwrap();
            }
            "ClusterRoleBinding" => {
                let binding: ClusterRoleBinding = serde_json::from_value(object).unwrap();
                Api::all(client()).create(&how, &binding).await.map(drop).unwrap();
            }
            _ => drop(namespace.apply(object).await),
        }
    }
}

/// Takes away what does not go with the namespace.
pub(crate) async fn disallow(namespace: &Namespace) {
    for object in roles(namespace) {
        let name = object["metadata"]["name"].as_str().unwrap();
        let client = namespace.client.clone();
        match object["kind"].as_str().unwrap() {
            "ClusterRole" => {
                let api = Api::<ClusterRole>::all(client);
                api.delete(name, &Default::default()).await.map(drop).unwrap();
            }
            "ClusterRoleBinding" => {
                let api = Api::<ClusterRoleBinding>::all(client);
                api.delete(name, &Default::default()).await.map(drop).unwrap();
            }
            _ => {}
        }
    }
}

/// The operator as a process, by the service account's token.
struct Operator {
    child: Child,
    port: u16,
    log: std::path::PathBuf,
    _kubeconfig: tempfile::NamedTempFile,
}

impl Operator {
    async fn start(namespace: &Namespace) -> Self {
        let kubeconfig = kubeconfig(namespace).await;
        // Free a moment ago; nothing else of this process asks for one by number.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.log", namespace.name));
        let child = Command::new(env!("CARGO_BIN_EXE_ompipe"))
            .args(["controller", "--log-level", "debug", "--log-format", "json"])
            .args(["--namespace", &namespace.name, "--operator-namespace", &namespace.name])
            .args(["--lease-name", &namespace.name])
            .args(["--health-port", &port.to_string(), "--metrics-port", &port.to_string()])
            .arg("--kubeconfig")
            .arg(kubeconfig.path())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, port, log, _kubeconfig: kubeconfig }
    }

    fn metrics(&self) -> String {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return String::new();
        };
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn kubeconfig(namespace: &Namespace) -> tempfile::NamedTempFile {
    let accounts = namespace.api::<ServiceAccount>();
    let ask = TokenRequest {
        spec: Some(TokenRequestSpec { expiration_seconds: Some(3600), ..Default::default() }),
        ..Default::default()
    };
    let answer =
        accounts.create_token_request(&namespace.name, &PostParams::default(), &ask).await.unwrap();
    let mut kubeconfig =
        serde_json::to_value(Kubeconfig::read_from(cluster::kubeconfig()).unwrap()).unwrap();
    for user in kubeconfig["users"].as_array_mut().unwrap() {
        user["user"] = json!({"token": answer.status.as_ref().unwrap().token});
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(kubeconfig.to_string().as_bytes()).unwrap();
    file
}

/// A spec whose pods no node takes: the test says itself how they end.
fn spec() -> Value {
    let pod = json!({
        "image": workload::IMAGE,
        "nodeSelector": {"ompipe.test/node": "none"},
        "securityContext": workload::security_context(),
    });
    json!({"mainPodSpec": pod, "exitHandlerSpec": pod})
}

fn omjob(name: &str, further: Value) -> Value {
    let mut spec = spec();
    spec.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    json!({"apiVersion": "pipelines.openmetadata.org/v1", "kind": "OMJob",
        "metadata": {"name": name}, "spec": spec})
}

/// One that is started by hand, and of whose runs none is kept.
fn cronomjob() -> Value {
    json!({"apiVersion": "pipelines.openmetadata.org/v1", "kind": "CronOMJob",
        "metadata": {"name": "scheduled",
            "annotations": {"pipelines.openmetadata.org/trigger": "now"}},
        "spec": {"schedule": "0 0 1 1 *", "successfulJobsHistoryLimit": 0, "omJobSpec": spec()}})
}

async fn pod(namespace: &Namespace, name: &str) {
    let pods = namespace.api::<Pod>();
    let there = async || pods.get_opt(name).await.unwrap().map(drop);
    namespace.until(&format!("the pod {name}"), there).await;
}

/// Has a pod succeed once it may start, as its kubelet would.
async fn succeed(namespace: &Namespace, name: &str) {
    let pods = namespace.api::<Pod>();
    namespace
        .until(&format!("the pod {name}, free to start"), async || {
            let gates = pods.get_opt(name).await.unwrap()?.spec?.scheduling_gates;
            gates.unwrap_or_default().is_empty().then_some(())
        })
        .await;
    let status = json!({"status": {"phase": "Succeeded"}});
    pods.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
}

async fn gone(namespace: &Namespace, jobs: &Api<DynamicObject>, name: &str) {
    namespace
        .until(&format!("the end of {name}"), async || {
            jobs.get_opt(name).await.unwrap().is_none().then_some(())
        })
        .await;
}
