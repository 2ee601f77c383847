//! The operator under test: the built binary as a process, for one namespace, to be killed, frozen
//! and started again.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::namespace::Namespace;
use crate::{cluster, crd};

/// Numbers the replicas.
static REPLICAS: AtomicUsize = AtomicUsize::new(0);

/// A process of `ompipe controller`. It is killed when it is dropped.
pub(crate) struct Operator {
    namespace: String,
    identity: String,
    log: PathBuf,
    child: Child,
}

impl Operator {
    /// Starts one. All of a namespace share a Lease, so that one of them leads.
    pub(crate) async fn start(namespace: &Namespace) -> Self {
        crd::installed(namespace).await;
        let identity = format!("operator-{}", REPLICAS.fetch_add(1, Ordering::Relaxed));
        let (namespace, log) = (namespace.name.clone(), log(&namespace.name));
        Self { child: spawn(&namespace, &identity, &log), namespace, identity, log }
    }

    /// `kill -9`: it gets no time to end anything.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to stop, as a kubelet does before it kills, and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
    }

    /// Kills it, if it runs, and starts it again at once, as a kubelet does with a container: it
    /// is the same replica.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.namespace, &self.identity, &self.log);
    }

    /// Stops it as it stands, amid whatever it is doing.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on as if no time had passed.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // It may have been killed before.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Where the operators of a namespace log to.
pub(crate) fn log(namespace: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{namespace}.log"))
}

fn spawn(namespace: &str, identity: &str, log: &PathBuf) -> Child {
    let mut log = File::options().create(true).append(true).open(log).unwrap();
    writeln!(log, "--- {identity}").unwrap();
    Command::new(env!("CARGO_BIN_EXE_ompipe"))
        .args(["controller", "--kubeconfig", &cluster::kubeconfig()])
        .args(["--namespace", namespace, "--operator-namespace", namespace])
        .args(["--identity", identity])
        .args(["--health-port", &free_port(), "--metrics-port", &free_port()])
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}
