//! A small client of the language server, for tests and measurements: it drives the real binary over
//! its standard input and output.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value as Json, json};

/// A server that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server with its client.
pub(crate) struct Client {
    child: Child,
    /// The server's standard input; `None` when the client has died.
    pub(crate) stdin: Option<ChildStdin>,
    inbox: Receiver<Json>,
    next: i64,
    /// Everything that the server ever wrote.
    pub(crate) log: String,
    /// What was last published, by address: the version and the diagnostics.
    pub(crate) published: HashMap<String, (Option<i64>, Vec<Json>)>,
    /// What the server asked to be registered.
    pub(crate) registered: Vec<String>,
}

impl Client {
    /// Starts a server that was not greeted yet.
    pub(crate) fn start(binary: &str) -> Self {
        let mut child = Command::new(binary)
            .arg("lsp")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (outbox, inbox) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut stdout) {
                if outbox.send(message).is_err() {
                    return;
                }
            }
        });
        let stdin = child.stdin.take();
        let (log, published, registered) = Default::default();
        Self { child, stdin, inbox, next: 0, log, published, registered }
    }

    /// Starts a server for a folder, with capabilities on top of what every client has.
    pub(crate) fn of(binary: &str, folder: &Path, capabilities: Json) -> Self {
        let mut client = Self::start(binary);
        let folders = json!([{"uri": uri(folder), "name": "test"}]);
        let params = json!({
            "processId": null, "rootUri": null, "workspaceFolders": folders,
            "capabilities": capabilities,
        });
        client.request("initialize", params);
        client.notify("initialized", json!({}));
        client
    }

    /// Writes bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
    }

    fn send(&mut self, message: &Json) {
        let body = message.to_string();
        self.write(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    /// Tells the server something.
    pub(crate) fn notify(&mut self, method: &str, params: Json) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Asks the server something, and gives the whole answer.
    pub(crate) fn answer(&mut self, method: &str, params: Json) -> Json {
        self.next += 1;
        let id = self.next;
        let mut message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        if message["params"].is_null() {
            message.as_object_mut().unwrap().remove("params");
        }
        self.send(&message);
        self.until(|message| message.get("method").is_none() && message["id"] == id)
    }

    /// Asks the server something that it can do.
    pub(crate) fn request(&mut self, method: &str, params: Json) -> Json {
        let mut answer = self.answer(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Reads messages until the wanted one, minding the others.
    pub(crate) fn until(&mut self, is_wanted: impl Fn(&Json) -> bool) -> Json {
        loop {
            let message = self.inbox.recv_timeout(PATIENCE).unwrap();
            self.log.push_str(&message.to_string());
            self.log.push('\n');
            let params = &message["params"];
            match message["method"].as_str() {
                Some("textDocument/publishDiagnostics") => {
                    let uri = params["uri"].as_str().unwrap().to_owned();
                    let found = params["diagnostics"].as_array().unwrap().clone();
                    self.published.insert(uri, (params["version"].as_i64(), found));
                }
                Some("client/registerCapability") => {
                    for one in params["registrations"].as_array().unwrap() {
                        self.registered.push(one["method"].as_str().unwrap().to_owned());
                    }
                    let id = message["id"].clone();
                    self.send(&json!({"jsonrpc": "2.0", "id": id, "result": null}));
                }
                _ => {}
            }
            if is_wanted(&message) {
                return message;
            }
        }
    }

    /// The diagnostics of a version of a text.
    pub(crate) fn diagnostics(&mut self, uri: &str, version: i64) -> Vec<Json> {
        let is_there =
            |client: &Self| client.published.get(uri).is_some_and(|(of, _)| *of == Some(version));
        if !is_there(self) {
            self.until(|message| {
                let params = &message["params"];
                message["method"] == "textDocument/publishDiagnostics"
                    && params["uri"] == uri
                    && params["version"] == version
            });
        }
        self.published[uri].1.clone()
    }

    /// Opens a text.
    pub(crate) fn open(&mut self, uri: &str, version: i64, text: &str) {
        let document = json!({"uri": uri, "languageId": "yaml", "version": version, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": document}));
    }

    /// Changes a text that is open: the whole, or a part of a line.
    pub(crate) fn change(&mut self, uri: &str, version: i64, changes: Json) {
        let document = json!({"uri": uri, "version": version});
        let params = json!({"textDocument": document, "contentChanges": changes});
        self.notify("textDocument/didChange", params);
    }

    /// Asks about a place of a text.
    pub(crate) fn ask(&mut self, method: &str, uri: &str, line: usize, character: usize) -> Json {
        let position = json!({"line": line, "character": character});
        let mut params = json!({"textDocument": {"uri": uri}, "position": position});
        if method == "textDocument/references" {
            params["context"] = json!({"includeDeclaration": true});
        }
        self.request(method, params)
    }

    /// How the server ended.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

/// The address of a file.
pub(crate) fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn read(stdout: &mut impl BufRead) -> Option<Json> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stdout.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).unwrap())
}
