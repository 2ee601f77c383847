//! Chromium, asked through the DevTools protocol: JSON with a zero byte behind each message, on a
//! pair of pipes, so that no port is opened.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// What the browser is called where it is installed.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

const FLAGS: [&str; 10] = [
    "--headless",
    // Containers have no room for it.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// A running browser.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    last: u64,
    /// What it told by itself.
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// Starts it; `None` where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let is_there = |name: &&str| {
            Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
        };
        let name = NAMES.iter().find(|name| is_there(name))?;
        let profile = tempfile::tempdir().unwrap();
        // It reads from descriptor 3 and writes to 4, which only a shell can hand over.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 >/dev/null 2>&1", "sh", name])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let from = BufReader::new(from);
        Some(Self { child, to, from, last: 0, events: Vec::new(), _profile: profile })
    }

    /// A new page.
    pub(crate) fn page(&mut self) -> Page<'_> {
        let target = self.ask(None, "Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.ask(None, "Target.attachToTarget", &attach)["sessionId"].clone();
        let session = session.as_str().unwrap().to_owned();
        self.events.clear();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.ask(Some(&session), &format!("{domain}.enable"), &json!({}));
        }
        Page { browser: self, session }
    }

    /// Ends it.
    pub(crate) fn close(mut self) {
        self.ask(None, "Browser.close", &json!({}));
        self.child.wait().unwrap();
    }

    fn ask(&mut self, session: Option<&str>, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        write!(self.to, "{message}\0").unwrap();
        self.to.flush().unwrap();
        loop {
            let answer = self.receive();
            if answer["id"] == json!(self.last) {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    fn receive(&mut self) -> Value {
        let mut message = Vec::new();
        self.from.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0), "the browser has ended");
        serde_json::from_slice(&message).unwrap()
    }

    /// Waits until the browser tells something.
    fn wait_for(&mut self, method: &str) {
        loop {
            if let Some(at) = self.events.iter().position(|event| event["method"] == method) {
                self.events.remove(at);
                return;
            }
            let event = self.receive();
            self.events.push(event);
        }
    }
}

/// A page of a browser.
pub(crate) struct Page<'b> {
    browser: &'b mut Browser,
    session: String,
}

impl Page<'_> {
    /// Shows a file, so wide, as a medium and in a colour scheme.
    pub(crate) fn show(&mut self, file: &Path, width: u32, media: &str, scheme: &str) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.ask("Emulation.setDeviceMetricsOverride", &size);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        let media = json!({"media": media, "features": features});
        self.ask("Emulation.setEmulatedMedia", &media);
        let url = format!("file://{}", file.display());
        self.ask("Page.navigate", &json!({"url": url}));
        self.browser.wait_for("Page.loadEventFired");
    }

    /// The value of an expression in the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true});
        let answer = self.ask("Runtime.evaluate", &parameters);
        assert!(answer["exceptionDetails"].is_null(), "{}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// What the browser complained about.
    pub(crate) fn complaints(&self) -> Vec<String> {
        const COMPLAINTS: [&str; 3] =
            ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"];
        let events = self.browser.events.iter();
        let events = events.filter(|event| COMPLAINTS.iter().any(|one| event["method"] == *one));
        events.map(|event| event["params"].to_string()).collect()
    }

    /// The addresses that were asked for.
    pub(crate) fn requests(&self) -> Vec<String> {
        let events = self.browser.events.iter();
        let events = events.filter(|event| event["method"] == "Network.requestWillBeSent");
        let url = |event: &Value| event["params"]["request"]["url"].as_str().unwrap().to_owned();
        events.map(url).collect()
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.browser.ask(Some(&self.session), method, parameters)
    }
}
