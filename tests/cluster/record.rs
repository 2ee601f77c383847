//! The record: what scripts in pods say that they did. It is kept by this process, beside the
//! cluster's API, so that it stays true whatever becomes of objects, nodes and servers. It listens
//! on an address of the host that pods reach by their bridge; a file on the node would need a
//! hostPath, which Pod Security "restricted" forbids.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, Once};

use serde::Deserialize;

/// One line, as `image/record.py` sends it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Line {
    /// Of this line alone: a script that got no answer sends its line again.
    id: String,
    /// `main` or `exit-handler`.
    pub(crate) script: String,
    /// `started` or `ended`.
    pub(crate) event: String,
    /// The Job or OMJob, by its variable `jobName`; a main pod may have none.
    pub(crate) job: Option<String>,
    pub(crate) namespace: Option<String>,
    /// `pipelineRunId`.
    pub(crate) run: Option<String>,
    pub(crate) pod: String,
    /// Of an exit handler: `pipelineStatus`.
    pub(crate) status: Option<String>,
    /// Of a main that started: `pipelineType`.
    #[serde(rename = "type")]
    pub(crate) pipeline_type: Option<String>,
    /// Of a main that started: `ingestionPipelineFQN` of the workflow that it was given.
    pub(crate) pipeline: Option<String>,
    /// Of a main that started: how many references to secrets nobody had put a value for.
    pub(crate) unfilled: Option<u32>,
    /// Of a main that started: SHA-256 of the connection's password, in hexadecimal digits.
    pub(crate) password: Option<String>,
}

/// All lines of this run, in the order in which they came.
static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());
static LISTENER: Once = Once::new();

/// The lines of one namespace.
pub(crate) fn of(namespace: &str) -> Vec<Line> {
    let lines = LINES.lock().unwrap();
    lines.iter().filter(|line| line.namespace.as_deref() == Some(namespace)).cloned().collect()
}

/// Listens from here on: scripts wait for it.
pub(crate) fn listen() {
    LISTENER.call_once(|| {
        let url = std::env::var("OMPIPE_RECORD").expect("OMPIPE_RECORD: run `just cluster-test`");
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        let listener =
            TcpListener::bind(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || receive(stream));
            }
        });
    });
}

/// Takes one request. The answer goes out only once the line is kept.
fn receive(mut stream: TcpStream) {
    let mut reader = BufReader::new(&stream);
    let mut length = 0;
    let mut header = String::new();
    while reader.read_line(&mut header).is_ok_and(|read| read > 2) {
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        header.clear();
    }
    let mut body = vec![0; length];
    // A script that was killed while it told something has told nothing.
    if length == 0 || reader.read_exact(&mut body).is_err() {
        return;
    }
    let line: Line = serde_json::from_slice(&body).unwrap();
    let mut lines = LINES.lock().unwrap();
    if lines.iter().rev().all(|kept| kept.id != line.id) {
        lines.push(line);
    }
    drop(lines);
    // A script that is gone by now has no use for the answer.
    drop(stream.write_all(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"));
}
