//! The cluster that the tests share, and what can be done to its nodes and servers where it is our
//! own.

use std::path::Path;
use std::process::Command;

use k8s_openapi::api::core::v1 as core;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::namespace::Namespace;

/// Held for reading by every test, for writing by one that takes a server away from all.
static SERVERS: RwLock<()> = RwLock::const_new(());
/// Held by the one test at a time that does something to the second node.
static NODE: Mutex<()> = Mutex::const_new(());

/// The path of the administrator's kubeconfig.
pub(crate) fn kubeconfig() -> String {
    std::env::var("OMPIPE_KUBECONFIG")
        .expect("OMPIPE_KUBECONFIG: these tests need a cluster, which `just cluster-test` starts")
}

/// A client of the calling test's own: it belongs to the runtime that it is made in.
pub(crate) async fn client() -> Client {
    let read = Kubeconfig::read_from(kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// Whether nodes and servers are ours to break. In a cluster of somebody else's they are not.
pub(crate) fn is_ours() -> bool {
    std::env::var_os("OMPIPE_CLUSTER").is_some()
}

/// Runs `kubernetes/cluster`.
fn script(arguments: &[&str]) {
    let script = std::env::var("OMPIPE_CLUSTER").expect("a cluster of our own");
    let output = Command::new(script).args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    // A second panic would end the process, and with it the report of the first.
    if !output.status.success() && !std::thread::panicking() {
        panic!("cluster {arguments:?}: {error}");
    }
}

/// Gives an image archive to every node.
pub(crate) fn load_image(archive: &Path) {
    script(&["image", archive.to_str().unwrap()]);
}

/// Holds the servers for a test: nobody breaks them.
pub(crate) async fn shared() -> RwLockReadGuard<'static, ()> {
    SERVERS.read().await
}

/// The servers of the control plane, for one test alone.
pub(crate) struct Servers {
    _alone: RwLockWriteGuard<'static, ()>,
}

impl Servers {
    pub(crate) async fn alone() -> Self {
        Self { _alone: SERVERS.write().await }
    }

    /// `kill -9`.
    pub(crate) fn kill(&self, server: &str) {
        script(&["kill", server]);
    }

    /// Starts it again, and waits until it serves.
    pub(crate) fn start(&self, server: &str) {
        script(&["start", server]);
    }
}

/// The second node, for one test alone. Pods come to it only if they select and tolerate it; it is
/// whole again once this is dropped.
pub(crate) struct Node {
    pub(crate) name: String,
    _alone: MutexGuard<'static, ()>,
}

impl Node {
    /// A label by which it is selected, and the key of its taint.
    const LABEL: &str = "ompipe.test/node";

    pub(crate) async fn alone() -> Self {
        let alone = NODE.lock().await;
        let number = std::env::var("CLUSTER").expect("a cluster of our own");
        Self { name: format!("127.77.{number}.2"), _alone: alone }
    }

    /// Has the pods of this spec run on it. Both a pod's spec and an OMJob's have these fields.
    pub(crate) fn attract(&self, spec: &mut Value) {
        spec["nodeSelector"] = json!({Self::LABEL: "2"});
        spec["tolerations"] = json!([{"key": Self::LABEL, "operator": "Exists"}]);
    }

    /// All that runs on it ends at once, its kubelet and its containers, as without power.
    pub(crate) fn crash(&self) {
        script(&["crash", &self.name]);
    }

    /// Deletes its Node, as whoever sees that a machine is gone for good.
    pub(crate) async fn remove(&self, namespace: &Namespace) {
        let nodes: Api<core::Node> = Api::all(namespace.client.clone());
        nodes.delete(&self.name, &DeleteParams::default()).await.unwrap();
    }

    /// Puts the taint on it that evicts all its pods, or takes it away.
    pub(crate) async fn taint(&self, namespace: &Namespace, evict: bool) {
        let own = json!({"key": Self::LABEL, "value": "2", "effect": "NoSchedule"});
        let evicting = json!({"key": "ompipe.test/evict", "effect": "NoExecute"});
        let taints = if evict { vec![own, evicting] } else { vec![own] };
        let patch = Patch::Merge(json!({"spec": {"taints": taints}}));
        let nodes: Api<core::Node> = Api::all(namespace.client.clone());
        nodes.patch(&self.name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// To the API server the node is lost; its containers run on.
    pub(crate) fn freeze(&self) {
        script(&["freeze", &self.name]);
    }

    /// Waits until the control plane has noticed.
    pub(crate) async fn until_lost(&self, namespace: &Namespace) {
        self.until_ready_is(namespace, "Unknown").await;
    }

    /// Waits until its condition Ready is so: True, False or Unknown.
    pub(crate) async fn until_ready_is(&self, namespace: &Namespace, status: &str) {
        let nodes: Api<core::Node> = Api::all(namespace.client.clone());
        namespace
            .until(&format!("Ready of {} to be {status}", self.name), async || {
                let conditions = nodes.get(&self.name).await.unwrap().status?.conditions?;
                let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready")?;
                (ready.status == status).then_some(())
            })
            .await;
    }

    /// The node comes back, as after a partition.
    pub(crate) fn thaw(&self) {
        script(&["thaw", &self.name]);
    }
}

impl Drop for Node {
    /// The next test finds it ready, whatever this one did, and registered anew if its Node was
    /// deleted.
    fn drop(&mut self) {
        script(&["restart", &self.name]);
    }
}
