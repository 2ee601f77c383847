//! `ompipe status --watch`: a run as it goes, for people and for programs, of which only what has
//! changed is written; and its end by Ctrl-C.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, PostParams};
use kube::config::Kubeconfig;
use libtest_mimic::Trial;
use ompipe::cluster::rights::{self, Kinds, Verb};
use serde_json::{Value, json};

use crate::account::{Account, NAME};
use crate::cluster;
use crate::namespace::{Namespace, test};
use crate::project::Project;
use crate::site::signal;
use crate::workload::{IMAGE, security_context};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("status_that_is_watched_tells_a_run_from_its_begin_to_its_end", from_begin_to_end),
        test("status_that_is_watched_goes_by_the_token_that_is_in_its_file", new_token),
    ]
}

/// Longer than anything here takes.
const LATE: Duration = Duration::from_secs(90);
/// Longer than it takes for a change to be told, and than a terminal's ages are let be.
const QUIET: Duration = Duration::from_secs(7);

/// A watch, and what it writes.
struct Watch {
    child: Child,
    written: Receiver<String>,
}

impl Watch {
    /// One whose parts end so.
    fn start(project: &Project, kubeconfig: &str, words: &[&str], end: &'static str) -> Self {
        let command = project.command_by(kubeconfig, &[&["status", "--watch"], words].concat());
        // What a shell starts in the background ignores SIGINT, and the tests may be started so.
        let mut child = Command::new("env")
            .arg("--default-signal=INT")
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(command.get_current_dir().unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, written) = channel();
        std::thread::spawn(move || {
            let mut part = String::new();
            while stdout.read_line(&mut part).unwrap() > 0 {
                if part.ends_with(end) && send.send(std::mem::take(&mut part)).is_err() {
                    return;
                }
            }
            assert_eq!(part, "", "it ended in the middle");
        });
        Self { child, written }
    }

    #[track_caller]
    fn next(&self) -> String {
        self.written.recv_timeout(LATE).unwrap()
    }

    /// Nothing is written while nothing happens.
    #[track_caller]
    fn is_quiet(&self) {
        assert_eq!(self.written.recv_timeout(QUIET).ok(), None);
    }

    /// It ends well when it is asked to, and at once.
    #[track_caller]
    fn ends_by(mut self, name: &str) {
        signal(name, &self.child.id().to_string());
        let status = self.child.wait().unwrap();
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert!(status.success() && stderr.is_empty(), "{status}: {stderr}");
        assert_eq!(self.written.recv_timeout(LATE).ok(), None, "and said more");
    }
}

async fn project(namespace: &Namespace) -> Project {
    let bot = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "openmetadata-bot"},
        "stringData": {"token": "token"}});
    namespace.apply(bot).await;
    let kubernetes = format!(
        "    ingestionImage: {IMAGE}
    resources: {{requests: {{cpu: 10m, memory: 32Mi}}}}"
    );
    let project = Project::new(namespace, "watched", &kubernetes);
    // So that it waits for a while, and then runs for a while.
    let slow = json!({"spec": {"initContainers": [{
        "name": "slow", "image": IMAGE, "command": ["sleep", "2"],
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
        "resources": {"requests": {"cpu": "10m"}},
    }], "securityContext": security_context()}});
    let more = format!("    test: {{main: {{seconds: 4}}}}\n  podTemplate: {slow}");
    project.pipeline("orders", "0 3 29 2 *", &more);
    project.pipeline("idle", "0 3 29 2 *", "");
    project.run(&["apply"]).with_status(0);
    project
}

async fn from_begin_to_end(namespace: &Namespace) {
    let project = project(namespace).await;
    let kubeconfig = cluster::kubeconfig();
    let json = Watch::start(&project, &kubeconfig, &["--format", "json"], "\n");
    let text = Watch::start(&project, &kubeconfig, &[], "\n\n");

    let pipelines = |document: &Value| document["pipelines"].as_array().unwrap().clone();
    let read = || serde_json::from_str::<Value>(&json.next()).unwrap();
    let first = read();
    let names: Vec<Value> = pipelines(&first).iter().map(|one| one["pipeline"].clone()).collect();
    assert_eq!(names, ["idle", "orders"]);
    let table = text.next();
    assert!(table.contains("idle") && table.contains("orders"), "{table}");
    json.is_quiet();

    project.run(&["run", "orders"]).with_status(0);
    let mut states = vec![];
    let mut before = Value::Null;
    while states.last() != Some(&json!("SUCCESS")) {
        let document = read();
        assert_eq!((&document["version"], &document["gone"]), (&json!(1), &json!([])));
        let changed = pipelines(&document);
        assert_eq!(changed.len(), 1, "{document}");
        assert_eq!(changed[0]["pipeline"], "orders", "{document}");
        assert_ne!(changed[0], before, "nothing has changed");
        before = changed[0].clone();
        states.push(before["state"].clone());
    }
    states.dedup();
    assert_eq!(states, ["QUEUED", "RUNNING", "SUCCESS"]);
    let mut told = vec![];
    while told.last() != Some(&"SUCCESS") {
        let table = text.next();
        assert!(table.contains("orders") && !table.contains("idle"), "{table}");
        let state =
            ["QUEUED", "RUNNING", "SUCCESS"].into_iter().find(|state| table.contains(state));
        told.push(state.unwrap_or_else(|| panic!("{table}")));
    }
    told.dedup();
    assert_eq!(told, ["QUEUED", "RUNNING", "SUCCESS"]);

    // What goes is told, too.
    while json.written.recv_timeout(QUIET).is_ok() {}
    let namespaced = ["-n", &namespace.name, "--format", "json"];
    let elsewhere = Project::new(namespace, "elsewhere", "");
    let of_namespace = Watch::start(&elsewhere, &kubeconfig, &namespaced, "\n");
    assert_eq!(pipelines(&serde_json::from_str(&of_namespace.next()).unwrap()).len(), 2);
    project.run(&["delete", "orders", "--yes"]).with_status(0);
    let gone = json!([{"namespace": namespace.name, "pipeline": "orders"}]);
    while serde_json::from_str::<Value>(&of_namespace.next()).unwrap()["gone"] != gone {}

    while json.written.recv_timeout(QUIET).is_ok() {}
    while text.written.recv_timeout(QUIET).is_ok() {}
    json.ends_by("INT");
    text.ends_by("TERM");
    of_namespace.ends_by("INT");
}

/// A token that is bound to a Secret: with that it goes.
async fn token(namespace: &Namespace, secret: &str) -> String {
    let metadata = json!({"name": secret});
    let made =
        namespace.apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})).await;
    let bound = json!({"apiVersion": "v1", "kind": "Secret", "name": secret, "uid": made.uid()});
    let spec =
        json!({"spec": {"audiences": [], "expirationSeconds": 600, "boundObjectRef": bound}});
    let request: TokenRequest = serde_json::from_value(spec).unwrap();
    let accounts = namespace.api::<ServiceAccount>();
    let answer = accounts.create_token_request(NAME, &PostParams::default(), &request).await;
    answer.unwrap().status.unwrap().token.unwrap()
}

/// A kubelet writes a new token to a pod's file long before the old one ends. A verb that goes on for
/// longer than that reads it.
async fn new_token(namespace: &Namespace) {
    let project = project(namespace).await;
    let account = Account::new(namespace).await;
    account.may(namespace, &rights::of(Verb::Status, &Kinds::all())).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let mut kubeconfig = Kubeconfig::read_from(cluster::kubeconfig()).unwrap();
    for user in &mut kubeconfig.auth_infos {
        user.auth_info = serde_json::from_value(json!({"tokenFile": file})).unwrap();
    }
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, serde_json::to_string(&kubeconfig).unwrap()).unwrap();
    std::fs::write(&file, token(namespace, "old").await).unwrap();
    let watch = Watch::start(&project, path.to_str().unwrap(), &["--format", "json"], "\n");
    watch.next();
    std::fs::write(&file, token(namespace, "new").await).unwrap();
    // A client reads the file again within a minute; the API server forgets what it thinks of a
    // token within seconds.
    tokio::time::sleep(Duration::from_secs(50)).await;
    namespace.api::<Secret>().delete("old", &DeleteParams::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(15)).await;
    project.run(&["suspend", "orders"]).with_status(0);
    let changed: Value = serde_json::from_str(&watch.next()).unwrap();
    assert_eq!(changed["pipelines"][0]["suspended"], true, "{changed}");
    watch.ends_by("TERM");
}
