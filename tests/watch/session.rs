//! A watch that runs, as an editor starts it: its events as they come, and a way to know that it has
//! seen everything that was done before.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// So long an event may keep us waiting on a machine that is busy: longer is never.
const PATIENCE: Duration = Duration::from_secs(60);

/// `ompipe watch` in a folder.
pub(crate) struct Watching {
    child: Child,
    events: Receiver<Value>,
    folder: PathBuf,
    marks: usize,
    schema: jsonschema::Validator,
}

/// The binary in a folder, with nothing of the environment.
pub(crate) fn ompipe(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ompipe"));
    command.args(arguments).current_dir(folder).env_clear();
    command
}

/// Renders a folder afresh.
pub(crate) fn render(folder: &Path, output: &Path) -> Output {
    let output = output.to_str().unwrap();
    ompipe(folder, &["render", "--quiet", "-o", output]).output().unwrap()
}

impl Watching {
    /// Starts it, and waits until it has begun.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = ompipe(folder, &["watch", "--format", "json"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, events) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines() {
                let event = serde_json::from_str(&line.unwrap()).unwrap();
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/watch-events.json");
        let schema = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
        let schema = jsonschema::validator_for(&schema).unwrap();
        let watching = Self { child, events, folder: folder.to_owned(), marks: 0, schema };
        assert_eq!(watching.next()["event"], "started");
        watching
    }

    /// The next event.
    pub(crate) fn next(&self) -> Value {
        let event = self.events.recv_timeout(PATIENCE).expect("an event, or the end, was to come");
        let errors = self.schema.iter_errors(&event).map(|error| error.to_string());
        assert_eq!(errors.collect::<Vec<_>>(), Vec::<String>::new(), "{event}");
        event
    }

    /// The events until one of a name, which is the last of them.
    pub(crate) fn until(&self, name: &str) -> Vec<Value> {
        let mut events = Vec::new();
        while events.last().is_none_or(|event: &Value| event["event"] != name) {
            events.push(self.next());
        }
        events
    }

    /// The events until everything was seen that was done before. For that a pipeline is written
    /// whose name is a warning, and another one each time; with an error of the tool it is not read.
    pub(crate) fn settle(&mut self) -> Vec<Value> {
        self.marks += 1;
        let name = format!("Mark_{}", self.marks);
        let text = format!(
            "kind: IngestionPipeline\nmetadata: {{name: {name}}}\nspec:\n  type: metadata\n  workflow: {{source: {{serviceName: s}}}}\n"
        );
        let path = self.folder.join("mark.yaml");
        fs::write(self.folder.join(".mark"), text).unwrap();
        fs::rename(self.folder.join(".mark"), path).unwrap();
        let mut events = Vec::new();
        loop {
            let event = self.next();
            let is_seen = event.to_string().contains(&format!("om-config-mark-{}-", self.marks));
            let is_error = event["event"] == "error";
            let is_findings = event["event"] == "findings";
            let has_errors = event["errors"] != 0;
            events.push(event);
            if is_error {
                return events;
            }
            if is_seen && is_findings {
                if !has_errors {
                    events.extend(self.until("rendered"));
                }
                return events;
            }
        }
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end by a signal, and gives its exit status.
    pub(crate) fn end(mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
