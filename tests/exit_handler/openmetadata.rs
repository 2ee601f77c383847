//! An OpenMetadata for one test, as far as an exit handler needs it: it keeps pipeline statuses as
//! the real one does, checks every request, and fails as it is told.
//!
//! What a test tells it of a fault holds for one request, in order. What it found wrong in a request
//! is in [`OpenMetadata::wrong`], and no test may leave anything there.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::schema;

/// The token of its bot.
pub(crate) const TOKEN: &str = "eyJ.bots-own.token";

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It answers with this status, further headers, and this body.
    Answer(u16, &'static str, &'static str),
    /// It answers as it should, so much later.
    Slow(Duration),
    /// It never answers.
    Silent,
    /// It closes the connection before it has read the request.
    CutBefore,
    /// It does what is asked and closes the connection in the middle of its answer.
    CutWithin,
    /// Somebody else stores this status first; then it answers 409.
    Conflict(Value),
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// By their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

#[derive(Default)]
struct State {
    /// Statuses by pipeline and run.
    statuses: BTreeMap<(String, String), Value>,
    faults: VecDeque<Fault>,
    /// When there is no other.
    lasting: Option<Fault>,
    requests: Vec<Request>,
    wrong: Vec<String>,
}

/// The server. It lives as long as the process.
#[derive(Clone)]
pub(crate) struct OpenMetadata {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

/// What a connection must be able to do: a socket, or TLS on one.
pub(crate) trait Connection: Read + Write {
    /// Closes it without a word.
    fn cut(&mut self);
}

impl Connection for TcpStream {
    fn cut(&mut self) {
        drop(self.shutdown(Shutdown::Both));
    }
}

impl OpenMetadata {
    /// One that listens on a free port of this address.
    pub(crate) fn start(host: &str) -> Self {
        Self::on(TcpListener::bind((host, 0)).unwrap())
    }

    /// One that listens here.
    pub(crate) fn on(listener: TcpListener) -> Self {
        let server = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let at_work = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let at_work = at_work.clone();
                std::thread::spawn(move || at_work.serve(stream));
            }
        });
        server
    }

    /// As a workflow names it.
    pub(crate) fn host_port(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// The faults of the next requests.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.0.lock().unwrap().faults.extend(faults);
    }

    /// The fault of every request.
    pub(crate) fn fail_always(&self, fault: Fault) {
        self.state.0.lock().unwrap().lasting = Some(fault);
    }

    /// What is stored of a run.
    pub(crate) fn status(&self, pipeline: &str, run: &str) -> Option<Value> {
        let state = self.state.0.lock().unwrap();
        state.statuses.get(&(pipeline.to_owned(), run.to_owned())).cloned()
    }

    /// Stores what a run itself would have reported.
    pub(crate) fn store(&self, pipeline: &str, status: Value) {
        let run = status["runId"].as_str().unwrap().to_owned();
        self.state.0.lock().unwrap().statuses.insert((pipeline.to_owned(), run), status);
    }

    /// All requests until now.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.0.lock().unwrap().requests.clone()
    }

    /// Waits until so many requests have come.
    pub(crate) fn await_requests(&self, count: usize) {
        let (state, changed) = &*self.state;
        let (state, timeout) = changed
            .wait_timeout_while(state.lock().unwrap(), Duration::from_secs(30), |state| {
                state.requests.len() < count
            })
            .unwrap();
        assert!(!timeout.timed_out(), "only {} requests came", state.requests.len());
    }

    /// What was wrong with requests, each a sentence.
    pub(crate) fn wrong(&self) -> Vec<String> {
        self.state.0.lock().unwrap().wrong.clone()
    }

    /// Takes one request and answers it, or does what the fault says.
    pub(crate) fn serve(&self, mut connection: impl Connection) {
        let fault = {
            let mut state = self.state.0.lock().unwrap();
            let lasting = state.lasting.clone();
            state.faults.pop_front().or(lasting).unwrap_or(Fault::None)
        };
        if matches!(fault, Fault::CutBefore) {
            let none = Request {
                method: String::new(),
                path: String::new(),
                headers: BTreeMap::new(),
                body: String::new(),
            };
            self.note(none);
            return connection.cut();
        }
        let Some(request) = read(&mut connection) else { return };
        self.note(request.clone());
        let (status, headers, body) = match &fault {
            Fault::Answer(status, headers, body) => (*status, *headers, (*body).to_owned()),
            Fault::Silent => {
                // Whoever asks gives up some time, and closes the connection.
                drop(connection.read(&mut [0]));
                return;
            }
            Fault::Conflict(status) => {
                let pipeline = decoded(request.path.split('/').nth(5).unwrap());
                self.store(&pipeline, status.clone());
                (409, "", r#"{"code":409,"message":"changed meanwhile"}"#.to_owned())
            }
            Fault::Slow(time) => {
                std::thread::sleep(*time);
                let (status, body) = self.answer(&request);
                (status, "", body)
            }
            Fault::None | Fault::CutBefore | Fault::CutWithin => {
                let (status, body) = self.answer(&request);
                (status, "", body)
            }
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} x\r\n{headers}content-type: application/json\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        let answer = answer.as_bytes();
        let sent = if matches!(fault, Fault::CutWithin) { answer.len() / 2 } else { answer.len() };
        // Whoever asked may be gone.
        drop(connection.write_all(&answer[..sent]).and_then(|()| connection.flush()));
        if sent < answer.len() {
            connection.cut();
        }
    }

    fn note(&self, request: Request) {
        self.state.0.lock().unwrap().requests.push(request);
        self.state.1.notify_all();
    }

    /// Status and body, as OpenMetadata's IngestionPipelineResource gives them.
    fn answer(&self, request: &Request) -> (u16, String) {
        let said = |code: u16, message: &str| {
            (code, json!({"code": code, "message": message}).to_string())
        };
        let authorization = request.headers.get("authorization").map(String::as_str);
        if authorization != Some(&format!("Bearer {TOKEN}")) {
            return said(401, "Not Authorized! Token not present");
        }
        let parts: Vec<&str> = request.path.split('/').collect();
        let [
            "",
            "api",
            "v1",
            "services",
            "ingestionPipelines",
            pipeline,
            "pipelineStatus",
            run @ ..,
        ] = parts.as_slice()
        else {
            self.is_wrong(format!("there is no {}", request.path));
            return said(404, "HTTP 404 Not Found");
        };
        let pipeline = decoded(pipeline);
        if pipeline.starts_with("unknown.") {
            return said(404, &format!("ingestionPipeline instance for {pipeline} not found"));
        }
        match (request.method.as_str(), run) {
            ("GET", [run]) if uuid::Uuid::try_parse(run).is_err() => {
                said(404, "HTTP 404 Not Found")
            }
            ("GET", [run]) => match self.status(&pipeline, run) {
                Some(status) => (200, status.to_string()),
                None => (204, String::new()),
            },
            ("PUT", []) => {
                let sent = request.headers.get("content-type").map(String::as_str);
                if sent != Some("application/json") {
                    self.is_wrong(format!("the content type is {sent:?}"));
                }
                let status: Value = serde_json::from_str(&request.body).unwrap();
                if let Some(errors) = schema::errors(&status) {
                    self.is_wrong(errors.clone());
                    return said(400, &errors);
                }
                self.store(&pipeline, status);
                (201, json!({"eventType": "entityFieldsChanged"}).to_string())
            }
            (method, _) => {
                self.is_wrong(format!("{method} {} is not allowed", request.path));
                said(405, "HTTP 405 Method Not Allowed")
            }
        }
    }

    fn is_wrong(&self, sentence: String) {
        self.state.0.lock().unwrap().wrong.push(sentence);
    }
}

/// Reads a request; `None` where nobody sends one.
fn read(connection: &mut impl Connection) -> Option<Request> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? <= 2 {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body: String::from_utf8(body).unwrap() })
}

/// A part of a path without its `%XX`.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}
