//! A kubelet that pretends: its pods start at once and succeed after as many seconds as their
//! annotation says. The scheduler, the Job controller and the API server are the real ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::Failure;
use super::cluster::{Cluster, NAMESPACE};

const NODE: &str = "bench";
/// Well within what the node controller of the tests waits for a node.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// So many pods' states are written at a time.
const AT_ONCE: usize = 32;

/// When a pod was first seen, and when its end was in the API.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) seen: Instant,
    pub(super) ended: Option<Instant>,
}

/// What the kubelet has seen, by pod.
#[derive(Clone, Default)]
pub(super) struct Diary(Arc<Mutex<HashMap<String, Times>>>);

impl Diary {
    pub(super) fn of(&self, pod: &str) -> Option<Times> {
        self.pages().get(pod).copied()
    }

    fn see(&self, pod: &str) -> bool {
        let mut pages = self.pages();
        let new = !pages.contains_key(pod);
        pages.entry(pod.to_owned()).or_insert(Times { seen: Instant::now(), ended: None });
        new
    }

    fn end(&self, pod: &str) {
        if let Some(times) = self.pages().get_mut(pod) {
            times.ended = Some(Instant::now());
        }
    }

    fn forget(&self, pod: &str) {
        self.pages().remove(pod);
    }

    fn pages(&self) -> MutexGuard<'_, HashMap<String, Times>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running kubelet; it stops when this is dropped.
pub(super) struct Kubelet {
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Starts it: a node that holds as many pods as one likes.
pub(super) async fn start(cluster: &Cluster) -> Result<Kubelet, Failure> {
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let apply = PatchParams::apply("ompipe-bench").force();
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}});
    nodes.patch(NODE, &apply, &Patch::Apply(node)).await?;
    let plenty = json!({"cpu": "100000", "memory": "1000Ti", "pods": "1000000"});
    let status = json!({"status": {
        "capacity": plenty, "allocatable": plenty,
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
            "message": "", "lastHeartbeatTime": Timestamp::now(), "lastTransitionTime": Timestamp::now()}],
    }});
    nodes.patch_status(NODE, &PatchParams::default(), &Patch::Merge(status)).await?;
    let beating = tokio::spawn(beat(cluster.client.clone()));
    let running = tokio::spawn(run(cluster.client.clone(), diary()));
    Ok(Kubelet { tasks: vec![beating, running] })
}

/// What the kubelet of this process has seen.
pub(super) fn diary() -> Diary {
    static DIARY: std::sync::OnceLock<Diary> = std::sync::OnceLock::new();
    DIARY.get_or_init(Diary::default).clone()
}

async fn beat(client: Client) {
    let leases: Api<Lease> = Api::namespaced(client, "kube-node-lease");
    loop {
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": NODE},
            "spec": {"holderIdentity": NODE, "leaseDurationSeconds": 40,
                "renewTime": format!("{:.6}", Timestamp::now())},
        });
        let apply = PatchParams::apply("ompipe-bench").force();
        // A beat that is missed is made up by the next.
        let _ = leases.patch(NODE, &apply, &Patch::Apply(lease)).await;
        sleep(HEARTBEAT).await;
    }
}

async fn run(client: Client, diary: Diary) {
    let pods: Api<Pod> = Api::namespaced(client, NAMESPACE);
    let places = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let mut started = HashMap::new();
    let mut stream = Box::pin(watcher(pods.clone(), watcher::Config::default()));
    while let Some(event) = stream.next().await {
        let pod = match event {
            Ok(Event::Apply(pod) | Event::InitApply(pod)) => pod,
            Ok(Event::Delete(pod)) => {
                let name = pod.metadata.name.unwrap_or_default();
                started.remove(&name);
                diary.forget(&name);
                continue;
            }
            Ok(Event::Init | Event::InitDone) => continue,
            Err(_) => {
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let name = pod.metadata.name.clone().unwrap_or_default();
        diary.see(&name);
        let uid = pod.metadata.uid.clone();
        let bound = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
        let deleted = pod.metadata.deletion_timestamp.is_some();
        let task = (uid, deleted);
        if !bound || started.get(&name) == Some(&task) {
            continue;
        }
        started.insert(name.clone(), task);
        let (pods, diary, places) = (pods.clone(), diary.clone(), Arc::clone(&places));
        tokio::spawn(async move {
            match deleted {
                true => end(&pods, &name, &places).await,
                false => play(&pods, &pod, &name, &diary, &places).await,
            }
        });
    }
}

type Places = tokio::sync::Semaphore;

/// A pod's life: it runs, and it succeeds.
async fn play(pods: &Api<Pod>, pod: &Pod, name: &str, diary: &Diary, places: &Places) {
    let annotations = pod.metadata.annotations.as_ref();
    let seconds = annotations.and_then(|all| all.get("bench.ompipe/seconds"));
    let seconds: u64 = seconds.and_then(|text| text.parse().ok()).unwrap_or(0);
    write(pods, name, places, running()).await;
    sleep(Duration::from_secs(seconds)).await;
    write(pods, name, places, succeeded()).await;
    diary.end(name);
}

/// A pod that is deleted: its containers end, then the pod goes.
async fn end(pods: &Api<Pod>, name: &str, places: &Places) {
    write(pods, name, places, succeeded()).await;
    let _place = places.acquire().await;
    // It may be gone already.
    let _ = pods.delete(name, &DeleteParams::default().grace_period(0)).await;
}

async fn write(pods: &Api<Pod>, name: &str, places: &Places, status: Value) {
    let _place = places.acquire().await;
    // A pod that is gone needs no status.
    let _ = pods.patch_status(name, &PatchParams::default(), &Patch::Strategic(status)).await;
}

fn running() -> Value {
    json!({"status": {"phase": "Running", "startTime": Timestamp::now(), "containerStatuses": [{
        "name": "main", "image": "bench", "imageID": "", "ready": true, "restartCount": 0,
        "state": {"running": {"startedAt": Timestamp::now()}},
    }]}})
}

fn succeeded() -> Value {
    json!({"status": {"phase": "Succeeded", "containerStatuses": [{
        "name": "main", "image": "bench", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"running": null, "terminated": {"exitCode": 0, "reason": "Completed",
            "startedAt": Timestamp::now(), "finishedAt": Timestamp::now()}},
    }]}})
}
