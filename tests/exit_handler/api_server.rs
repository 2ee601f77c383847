//! A Kubernetes API server for one test, as far as an exit handler asks it: pods by labels, a pod, its
//! log and its events; no more than the rendered Role allows.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// What there is, and what goes wrong.
#[derive(Clone, Default)]
pub(crate) struct Cluster {
    pub(crate) pods: Vec<Value>,
    pub(crate) events: Vec<Value>,
    pub(crate) log: String,
    /// What is answered to everything, instead.
    pub(crate) refuses: Option<u16>,
    /// How long each answer takes.
    pub(crate) takes: Duration,
    /// How many pods by name are answered before the last of `pods` is what it is: it runs on until
    /// then.
    pub(crate) lags: usize,
}

/// The server, as long as the process lives.
pub(crate) struct ApiServer {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ApiServer {
    pub(crate) fn start(cluster: Cluster) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let paths = Arc::clone(&asked);
        let cluster = Arc::new(cluster);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (paths, cluster) = (Arc::clone(&paths), Arc::clone(&cluster));
                std::thread::spawn(move || serve(&stream, &cluster, &paths));
            }
        });
        Self { url, asked }
    }

    /// The paths that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// A kubeconfig for it.
    pub(crate) fn kubeconfig(&self) -> String {
        let url = &self.url;
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: '{url}'}}}}]\n\
             users: [{{name: u, user: {{}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
        )
    }
}

fn serve(stream: &TcpStream, cluster: &Cluster, paths: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    while let Some(request) = lines.next() {
        lines.by_ref().find(|line| line.is_empty());
        let path = request.split(' ').nth(1).unwrap().to_owned();
        let nth = {
            let mut paths = paths.lock().unwrap();
            paths.push(path.clone());
            paths.iter().filter(|one| **one == path).count()
        };
        std::thread::sleep(cluster.takes);
        let (status, body) = match cluster.refuses {
            Some(code) => (code, json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": code, "message": "pods is forbidden"}).to_string()),
            None => answer(cluster, &path, nth),
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        let mut stream = stream;
        if stream.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(cluster: &Cluster, path: &str, nth: usize) -> (u16, String) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query = query.replace("%3D", "=").replace("%2C", ",").replace("%2F", "/");
    let value = |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key));
    let list = |items: Vec<Value>| {
        (
            200,
            json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items}).to_string(),
        )
    };
    let path = path.strip_prefix("/api/v1/namespaces/ingestion/").unwrap();
    let named = |name: &str| cluster.pods.iter().find(|pod| pod["metadata"]["name"] == name);
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["pods"] => {
            let selector = value("labelSelector=").unwrap();
            let bears = |pod: &&Value| {
                selector.split(',').all(|pair| {
                    let (key, value) = pair.split_once('=').unwrap();
                    pod["metadata"]["labels"][key] == value
                })
            };
            let found = cluster.pods.iter().filter(bears).cloned();
            list(found.map(|pod| if cluster.lags > 0 { running(pod) } else { pod }).collect())
        }
        ["pods", name] => {
            let pod = named(name).unwrap().clone();
            (200, if nth < cluster.lags { running(pod) } else { pod }.to_string())
        }
        ["pods", name, "log"] => {
            assert!(named(name).is_some());
            assert_eq!((value("container="), value("tailLines=")), (Some("main"), Some("500")));
            (200, cluster.log.clone())
        }
        ["events"] => {
            assert!(value("fieldSelector=").unwrap().contains("involvedObject.name="), "{query}");
            list(cluster.events.clone())
        }
        other => panic!("nobody may ask for {other:?}"),
    }
}

/// A pod as it was before its main ended.
fn running(mut pod: Value) -> Value {
    for status in pod["status"]["containerStatuses"].as_array_mut().unwrap() {
        status["state"] = json!({"running": {"startedAt": "2026-11-29T06:00:00Z"}});
    }
    pod
}

/// A main pod of a Job that has ended so.
pub(crate) fn main_pod(name: &str, labels: Value, terminated: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "ingestion", "creationTimestamp": "2026-11-29T06:00:00Z", "labels": labels},
        "spec": {"nodeName": "node-7", "containers": [{"name": "main", "image": "i"}]},
        "status": {
            "phase": "Failed",
            "startTime": "2026-11-29T06:00:01Z",
            "containerStatuses": [{
                "name": "main", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": terminated},
            }],
        },
    })
}
