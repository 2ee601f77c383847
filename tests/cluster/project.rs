//! A project on disk for one test, and the real binary, run on it.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::cluster;
use crate::namespace::Namespace;

/// A project whose objects go to the namespace of a test.
pub(crate) struct Project {
    folder: TempDir,
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The same, with this exit status.
    #[track_caller]
    pub(crate) fn with_status(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// The lines of standard output, in order.
    pub(crate) fn lines(&self) -> Vec<&str> {
        let mut lines: Vec<&str> = self.stdout.lines().collect();
        lines.sort_unstable();
        lines
    }

    /// The document of `--format json`.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

impl Project {
    /// A project of this name without pipelines; `kubernetes` are further parameters, as YAML on
    /// lines of four spaces.
    pub(crate) fn new(namespace: &Namespace, name: &str, kubernetes: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        project.write(
            "ompipe.yaml",
            &format!(
                "apiVersion: pipelines.openmetadata.org/v1alpha1
kind: IngestionProject
metadata: {{name: {name}}}
spec:
  openMetadata:
    hostPort: http://openmetadata:8585/api
    authProvider: openmetadata
    securityConfig: {{jwtToken: {{secretKeyRef: {{name: openmetadata-bot, key: token}}}}}}
  kubernetes:
    namespace: {}
{kubernetes}
",
                namespace.name
            ),
        );
        project
    }

    /// Writes a file of it.
    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).unwrap();
    }

    /// Where a file of it lies.
    pub(crate) fn path(&self, file: &str) -> std::path::PathBuf {
        self.folder.path().join(file)
    }

    /// Removes a file of it.
    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.folder.path().join(file)).unwrap();
    }

    /// Writes a pipeline; `more` are further lines of its `spec`.
    pub(crate) fn pipeline(&self, name: &str, schedule: &str, more: &str) {
        self.write(
            &format!("{name}.yaml"),
            &format!(
                "apiVersion: pipelines.openmetadata.org/v1alpha1
kind: IngestionPipeline
metadata: {{name: {name}}}
spec:
  type: metadata
  schedule: \"{schedule}\"
  workflow:
    source:
      type: mysql
      serviceName: {name}
      serviceConnection: {{config: {{type: Mysql, username: u, hostPort: 'h:1'}}}}
      sourceConfig: {{config: {{type: DatabaseMetadata}}}}
{more}
"
            ),
        );
    }

    /// A command on it and on the cluster of the tests.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_by(&cluster::kubeconfig(), arguments)
    }

    /// The same, by another kubeconfig.
    pub(crate) fn command_by(&self, kubeconfig: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
        command
            .args(arguments)
            .args(["--kubeconfig", kubeconfig, "--color", "never"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn said(mut command: Command) -> Said {
        Said::of(command.output().unwrap())
    }

    /// Runs it to its end. What else the test does waits meanwhile.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).output().unwrap())
    }

    /// Runs it at a terminal, where somebody types this: what the terminal shows, and the status.
    pub(crate) fn at_terminal(&self, arguments: &[&str], typed: &str) -> (i32, String) {
        let command = self.command(arguments);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<String> =
            words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
        let mut terminal = Command::new("script")
            .args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"])
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script, of util-linux, is on every Debian");
        terminal.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let shown = terminal.wait_with_output().unwrap();
        (shown.status.code().unwrap(), String::from_utf8(shown.stdout).unwrap())
    }

    /// What a process that was started says in the end.
    pub(crate) fn ended(child: std::process::Child) -> Said {
        Said::of(child.wait_with_output().unwrap())
    }
}
