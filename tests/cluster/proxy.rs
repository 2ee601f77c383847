//! A proxy in front of the API server that does to requests what networks, load balancers and busy
//! servers do: `ompipe` is given its address, and every request is passed on as the administrator's
//! unless the test's plan says otherwise.
//!
//! It speaks HTTP by itself, so that it can end a connection at any byte. It runs in a thread of its
//! own: a test waits for `ompipe` without an eye on it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::HttpBody as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use crate::cluster;

/// What an answer of the proxy's own says.
pub(crate) const PLANTED: &str = "planted by the proxy";

/// What becomes of a request.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Fate {
    /// It is passed on, and the answer comes back.
    Pass,
    /// It is passed on so much later.
    Late(Duration),
    /// The connection ends before the API server sees it.
    Refused,
    /// The API server does what it says, and the connection ends before the answer.
    AnswerLost,
    /// The connection ends after so many bytes of the answer's body.
    Cut(usize),
    /// The connection ends so long after the answer began: of a watch or a log.
    CutAfter(Duration),
    /// The connection stays, and nothing is ever said.
    Silence,
    /// A list is given in pages of one object.
    OneByOne,
    /// A watch begins, and says at once that its version is forgotten.
    Expired,
    /// The API server does not see it; this is the answer.
    Answered { code: u16, reason: &'static str, message: &'static str, retry_after: Option<u32> },
    /// It is passed on as that of a user who may do nothing: the API server's own refusal.
    AsNobody,
}

/// A request, as the plan sees it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `GET`, `PATCH`, …
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// How many requests came before it.
    pub(crate) number: usize,
    /// How many of the same method, path and body came before it, wherever a watch begins.
    pub(crate) repeated: usize,
}

impl Asked {
    /// Whether its answer has no end of its own: a watch, or a log that is followed.
    pub(crate) fn streams(&self) -> bool {
        self.watches() || self.path.contains("follow=")
    }

    /// Whether it is a watch.
    pub(crate) fn watches(&self) -> bool {
        self.path.contains("watch=")
    }

    /// Whether the API server is asked to do something.
    pub(crate) fn writes(&self) -> bool {
        self.method != "GET"
    }
}

type Plan = Box<dyn FnMut(&Asked) -> Fate + Send>;

struct State {
    plan: Plan,
    asked: Vec<Asked>,
    repeated: HashMap<(String, String, Vec<u8>), usize>,
}

/// The proxy. It ends with the test's process.
pub(crate) struct Proxy {
    state: Arc<Mutex<State>>,
    is_up: Arc<watch::Sender<bool>>,
    kubeconfig: PathBuf,
    _folder: tempfile::TempDir,
}

impl Proxy {
    /// One that passes everything on.
    pub(crate) fn start() -> Self {
        let state =
            State { plan: Box::new(|_| Fate::Pass), asked: Vec::new(), repeated: HashMap::new() };
        let state = Arc::new(Mutex::new(state));
        let is_up = Arc::new(watch::Sender::new(true));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (of_thread, up) = (state.clone(), is_up.subscribe());
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, up, of_thread));
        });
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        let text = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "nobody", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "nobody"}}],
        });
        std::fs::write(&kubeconfig, text.to_string()).unwrap();
        Self { state, is_up, kubeconfig, _folder: folder }
    }

    /// The kubeconfig by which `ompipe` finds it.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// What is to become of requests from here on; they are counted anew.
    pub(crate) fn plan(&self, plan: impl FnMut(&Asked) -> Fate + Send + 'static) {
        let mut state = self.state.lock().unwrap();
        state.plan = Box::new(plan);
        state.asked.clear();
        state.repeated.clear();
    }

    /// The requests since the last plan.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Nobody listens any more, and every connection ends.
    pub(crate) fn down(&self) {
        self.is_up.send_replace(false);
    }

    /// Somebody listens again, at the same address.
    pub(crate) fn up(&self) {
        self.is_up.send_replace(true);
    }
}

async fn serve(
    listener: std::net::TcpListener,
    up: watch::Receiver<bool>,
    state: Arc<Mutex<State>>,
) {
    let client = cluster::client().await;
    let address = listener.local_addr().unwrap();
    let mut first = Some(TcpListener::from_std(listener).unwrap());
    while becomes(up.clone(), true).await {
        let listener = match first.take() {
            Some(listener) => listener,
            None => TcpListener::bind(address).await.unwrap(),
        };
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => accepted,
                still = becomes(up.clone(), false) => match still {
                    true => break,
                    false => return,
                },
            };
            let Ok((stream, _)) = stream else { continue };
            let (client, state, up) = (client.clone(), state.clone(), up.clone());
            tokio::spawn(async move {
                tokio::select! {
                    // A client that goes away ends its connection, and needs no answer.
                    _ = connection(stream, &client, &state) => {}
                    _ = becomes(up, false) => {}
                }
            });
        }
    }
}

/// Waits until it is so; `false`: the test is over.
async fn becomes(mut up: watch::Receiver<bool>, wanted: bool) -> bool {
    up.wait_for(|up| *up == wanted).await.is_ok() && up.has_changed().is_ok()
}

/// One connection: its requests one after the other, until one of them, or the client, ends it.
async fn connection(stream: TcpStream, client: &Client, state: &Mutex<State>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some(request) = Request::read(&mut read).await? {
        let (fate, streams) = {
            let mut state = state.lock().unwrap();
            let parts = request.path.split('&');
            let path: Vec<&str> =
                parts.filter(|part| !part.starts_with("resourceVersion=")).collect();
            let key = (request.method.clone(), path.join("&"), request.body.clone());
            let repeated = state.repeated.entry(key).or_insert(0);
            let asked = Asked {
                method: request.method.clone(),
                path: request.path.clone(),
                repeated: std::mem::replace(repeated, *repeated + 1),
                number: state.asked.len(),
            };
            let fate = (state.plan)(&asked);
            let streams = asked.streams();
            state.asked.push(asked);
            (fate, streams)
        };
        match fate {
            Fate::Refused => return Ok(()),
            Fate::Silence => {
                // Until the other side has enough of it.
                read.fill_buf().await?;
                return Ok(());
            }
            Fate::Expired => {
                let event = json!({"type": "ERROR", "object": status(410, "Expired", PLANTED)});
                let body = format!("{event}\n");
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
                write.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
            }
            Fate::Answered { code, reason, message, retry_after } => {
                answer(&mut write, code, reason, message, retry_after).await?;
            }
            Fate::AnswerLost if streams => {
                drop(request.pass(client, false).await);
                return Ok(());
            }
            Fate::AnswerLost => {
                // The whole of it: whatever the API server does for this request is done.
                let mut answer = request.pass(client, false).await;
                while next(&mut answer).await.is_some() {}
                return Ok(());
            }
            fate => {
                if let Fate::Late(by) = fate {
                    sleep(by).await;
                }
                let mut request = request;
                if fate == Fate::OneByOne {
                    request.path = request.path.replace("limit=500", "limit=1");
                }
                let answer = request.pass(client, fate == Fate::AsNobody).await;
                if !stream_back(answer, &fate, &mut read, &mut write).await? {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Writes an answer as it comes, as far as its fate lets it; whether the connection goes on.
async fn stream_back(
    mut answer: http::Response<Body>,
    fate: &Fate,
    read: &mut BufReader<OwnedReadHalf>,
    write: &mut OwnedWriteHalf,
) -> io::Result<bool> {
    let type_ = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
    let head = format!(
        "HTTP/1.1 {}\r\ncontent-type: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        answer.status(),
        type_.unwrap_or("application/json")
    );
    write.write_all(head.as_bytes()).await?;
    let mut left = match fate {
        Fate::Cut(after) => *after,
        _ => usize::MAX,
    };
    let end = match fate {
        Fate::CutAfter(time) => Instant::now() + *time,
        _ => Instant::now() + Duration::from_secs(3600),
    };
    loop {
        let chunk = tokio::select! {
            chunk = timeout_at(end, next(&mut answer)) => chunk,
            // It sends nothing before it has its answer, so this is its end of the connection.
            _ = read.fill_buf() => return Ok(false),
        };
        let Ok(chunk) = chunk else { return Ok(false) };
        let Some(mut chunk) = chunk else { break };
        chunk.truncate(left);
        if !chunk.is_empty() {
            write.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
            write.write_all(&chunk).await?;
            write.write_all(b"\r\n").await?;
        }
        left -= chunk.len();
        if left == 0 {
            write.flush().await?;
            return Ok(false);
        }
    }
    write.write_all(b"0\r\n\r\n").await?;
    Ok(true)
}

/// The next bytes of an answer; none at its end, or when the API server has ended it.
async fn next(answer: &mut http::Response<Body>) -> Option<Vec<u8>> {
    let mut body = std::pin::Pin::new(answer.body_mut());
    loop {
        let frame = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await?;
        if let Ok(data) = frame.ok()?.into_data() {
            return Some(data.to_vec());
        }
    }
}

async fn answer(
    write: &mut OwnedWriteHalf,
    code: u16,
    reason: &str,
    message: &str,
    retry_after: Option<u32>,
) -> io::Result<()> {
    let mut status = status(code, reason, message);
    let mut header = String::new();
    if let Some(seconds) = retry_after {
        status["details"] = json!({"retryAfterSeconds": seconds});
        header = format!("retry-after: {seconds}\r\n");
    }
    let body = status.to_string();
    let answer = format!(
        "HTTP/1.1 {code} {reason}\r\ncontent-type: application/json\r\n{header}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    write.write_all(answer.as_bytes()).await
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": message,
    })
}

struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// The next one of a connection; none at its end.
    async fn read(from: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if from.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let mut words = line.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let mut headers = Vec::new();
        let mut length = 0;
        loop {
            line.clear();
            from.read_line(&mut line).await?;
            let Some((name, value)) = line.split_once(':') else { break };
            let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
            match name.as_str() {
                "content-length" => length = value.parse().unwrap(),
                "transfer-encoding" => panic!("a request of unknown length"),
                "host" | "connection" => {}
                _ => headers.push((name, value)),
            }
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body).await?;
        Ok(Some(Self { method, path, headers, body }))
    }

    /// Sends it to the API server. That it cannot be reached is a 503 here, as load balancers say.
    async fn pass(&self, client: &Client, as_nobody: bool) -> http::Response<Body> {
        let mut request = http::Request::builder().method(&*self.method).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if as_nobody {
            request = request.header("impersonate-user", "nobody");
        }
        let request = request.body(Body::from(self.body.clone())).unwrap();
        client.send(request).await.unwrap_or_else(|error| {
            let text = status(503, "ServiceUnavailable", &error.to_string());
            let body = Body::from(text.to_string().into_bytes());
            http::Response::builder().status(503).body(body).unwrap()
        })
    }
}
