//! `ompipe exit-handler` itself, against an OpenMetadata in this process that holds every request
//! against OpenMetadata's published schema, and an API server that has a run's pods. What belongs
//! here: what is reported of which end, and what becomes of a report under every fault. The same in
//! real pods is in `tests/cluster/exit_handler.rs`.
#![cfg(feature = "cluster")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod api_server;
mod certificates;
mod cluster_faults;
mod faults;
mod openmetadata;
mod reports;
mod schema;
mod sidecar;

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use api_server::ApiServer;
use openmetadata::{OpenMetadata, TOKEN};

const PIPELINE: &str = "shop db.orders/metadata";
const RUN: &str = "4a9c6f2e-0d6b-4a58-9a52-6a0f8f6b8a11";
/// Another secret of the workflow.
const PASSWORD: &str = "p\"a: s$s\n{}";

/// An exit handler, ready to be started.
pub(crate) struct Handler {
    command: Command,
    folder: TempDir,
}

impl Handler {
    /// The one of a failed run, with what a rendered pod has in its environment.
    pub(crate) fn of(openmetadata: &OpenMetadata) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
        command.arg("exit-handler").env_clear();
        command.envs([
            ("pipelineRunId", RUN),
            ("jobName", "om-job-orders-4a9c6f2e"),
            ("namespace", "ingestion"),
            ("pipelineStatus", "Failed"),
            ("OMPIPE_SECRET_BOT_TOKEN", TOKEN),
            ("OMPIPE_SECRET_DB_PASSWORD", PASSWORD),
        ]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let handler = Self { command, folder };
        handler.server(json!({
            "hostPort": openmetadata.host_port(),
            "authProvider": "openmetadata",
            "securityConfig": {"jwtToken": {"secretEnv": "OMPIPE_SECRET_BOT_TOKEN"}},
        }))
    }

    /// With this as openMetadataServerConfig of its workflow.
    pub(crate) fn server(self, config: Value) -> Self {
        let workflow = json!({
            "ingestionPipelineFQN": PIPELINE,
            "source": {"serviceConnection": {"config": {"password": {"secretEnv": "OMPIPE_SECRET_DB_PASSWORD"}}}},
            "workflowConfig": {"openMetadataServerConfig": config},
        });
        self.variable("config", &workflow.to_string())
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    /// With a file of its own, at the path that it gives.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// In this cluster.
    pub(crate) fn within(self, cluster: &ApiServer) -> Self {
        let kubeconfig = self.file("kubeconfig", &cluster.kubeconfig());
        self.variable("KUBECONFIG", kubeconfig.to_str().unwrap())
    }

    pub(crate) fn start(mut self) -> Running {
        Running {
            child: self.command.spawn().unwrap(),
            started: Instant::now(),
            _folder: self.folder,
        }
    }

    pub(crate) fn run(self) -> Ended {
        self.start().end()
    }
}

/// An exit handler at work.
pub(crate) struct Running {
    child: Child,
    started: Instant,
    _folder: TempDir,
}

impl Running {
    /// As the kubelet tells it to end.
    pub(crate) fn terminate(&self) {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn end(self) -> Ended {
        let output = self.child.wait_with_output().unwrap();
        Ended::new(output, self.started.elapsed())
    }
}

/// What became of one.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    /// Its log.
    pub(crate) log: String,
    pub(crate) took: Duration,
}

impl Ended {
    /// No secret is in what it said, whatever it was.
    fn new(output: Output, took: Duration) -> Self {
        let (out, log) = (text(output.stdout), text(output.stderr));
        for secret in [TOKEN, "p\"a: s$s"] {
            assert!(
                !out.contains(secret) && !log.contains(secret),
                "a secret is shown: {out}{log}"
            );
        }
        Self { code: output.status.code().unwrap(), out, log, took }
    }

    /// It says so in its log, and ended with this code.
    pub(crate) fn says(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{}", self.log);
        for part in parts {
            assert!(self.log.contains(part), "{part}: {}", self.log);
        }
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// What is stored of the run now; every request on the way agreed with the contract.
pub(crate) fn stored(openmetadata: &OpenMetadata) -> Value {
    assert_eq!(openmetadata.wrong(), [""; 0]);
    openmetadata.status(PIPELINE, RUN).unwrap_or_else(|| panic!("nothing is stored"))
}

/// Our step of a status.
pub(crate) fn diagnosis(status: &Value) -> Value {
    let steps = status["status"].as_array().unwrap();
    let ours: Vec<_> = steps.iter().filter(|step| step["name"] == "Pod Diagnostics").collect();
    assert_eq!(ours.len(), 1, "{status}");
    ours[0]["failures"][0].clone()
}
