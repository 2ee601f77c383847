//! The API server as a service that `kube::Client` takes: one connection for each client.
//!
//! In: HTTP requests. Out: HTTP answers, after the way there and back. What a client sent is done even where
//! nobody waits for the answer any more, as it is in a network.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, Response, header};
use kube::Client;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;
use tower::Service;

use super::answer::Answer;
use super::network::{Fate, READ_TIMEOUT};
use super::request::Operation;
use super::resource::Resource;
use super::world::{NAMESPACE, SharedWorld};
use super::{request, watch as watches};

/// What happens to a client at one of its writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// It dies, and the write is never sent.
    DiesBefore,
    /// It dies, and the write is done.
    DiesAfter,
    /// It stands still for so long, and the write is sent when it goes on.
    StandsStillBefore(Duration),
    /// It stands still for so long, and the write is done meanwhile.
    StandsStillAfter(Duration),
}

/// One client's way to the server.
#[derive(Clone)]
pub(crate) struct Connection {
    world: SharedWorld,
    name: &'static str,
    writes: Arc<AtomicU64>,
    mishap: Option<(u64, Mishap)>,
    struck: watch::Sender<Option<Mishap>>,
}

impl Connection {
    /// A client to which nothing happens.
    pub(crate) fn new(world: &SharedWorld, name: &'static str) -> Self {
        let struck = watch::Sender::new(None);
        let writes = Arc::new(AtomicU64::new(0));
        Self { world: world.clone(), name, writes, mishap: None, struck }
    }

    /// A client to which something happens at its n-th write, counted from 0, Leases and Events apart.
    pub(crate) fn with_mishap(mut self, write: u64, mishap: Mishap) -> Self {
        self.mishap = Some((write, mishap));
        self
    }

    /// Tells of the mishap when it comes.
    pub(crate) fn struck(&self) -> watch::Receiver<Option<Mishap>> {
        self.struck.subscribe()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.clone(), NAMESPACE)
    }

    /// The mishap of this request, if this is its turn.
    fn mishap(&self, operation: &Operation) -> Option<Mishap> {
        use Resource::{CoreEvents, Events, Leases};
        if !operation.is_write() || matches!(operation.resource(), CoreEvents | Events | Leases) {
            return None;
        }
        let write = self.writes.fetch_add(1, Ordering::Relaxed);
        let (_, mishap) = self.mishap.filter(|(at, _)| *at == write)?;
        self.world.lock().record.count(match mishap {
            Mishap::DiesBefore => "controller died before a write",
            Mishap::DiesAfter => "controller died after a write",
            Mishap::StandsStillBefore(_) => "controller stood still before a write",
            Mishap::StandsStillAfter(_) => "controller stood still after a write",
        });
        self.struck.send_replace(Some(mishap));
        Some(mishap)
    }

    async fn serve(self, request: Request<kube::client::Body>) -> io::Result<Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(Body::new(body), usize::MAX).await.map_err(io::Error::other)?;
        let content_type = parts.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let query = parts.uri.query().unwrap_or_default();
        let operation = Operation::of(&parts.method, parts.uri.path(), query, content_type, &body);
        match operation {
            Ok(Operation::Watch(range)) => self.serve_watch(range).await,
            Ok(operation) => self.serve_one(operation).await,
            Err(refusal) => {
                let uri = parts.uri;
                self.world.lock().record.trace(|| format!("refused {uri}: {}", refusal.message));
                response(refusal.into())
            }
        }
    }

    async fn serve_watch(self, range: request::Range) -> io::Result<Response<Body>> {
        let (fate, watch, leg, lag) = {
            let mut world = self.world.lock();
            let operation = Operation::Watch(range.clone());
            let fate = world.network.fate(&operation);
            let lag = world.network.lag(range.version);
            world.record.count("watches");
            world.record.trace(|| format!("{} {} {fate:?}", self.name, operation.describe()));
            (fate, world.network.watch(range.resource), world.network.leg(), lag)
        };
        sleep(leg).await;
        match fate {
            Fate::LostBefore | Fate::LostAfter | Fate::Late(_) => {
                self.world.lock().record.count("watch not opened");
                self.lost().await
            }
            Fate::Refused(refusal) | Fate::RefusedAfter(refusal) => {
                self.world.lock().record.count("watch refused");
                response(refusal.into())
            }
            Fate::Normal => match watches::open(&self.world, range, lag, watch) {
                Ok(stream) => {
                    let response =
                        Response::builder().header(header::CONTENT_TYPE, "application/json");
                    response.body(Body::from_stream(stream)).map_err(io::Error::other)
                }
                Err(refusal) => response(refusal.into()),
            },
        }
    }

    async fn serve_one(self, operation: Operation) -> io::Result<Response<Body>> {
        let mishap = self.mishap(&operation);
        let (fate, there, back) = {
            let mut world = self.world.lock();
            let fate = world.network.fate(&operation);
            (fate, world.network.leg(), world.network.leg())
        };
        let late = matches!(fate, Fate::Late(_));
        let (answered, answer) = oneshot::channel();
        let server = self.clone();
        // Of its own: it is done whether or not its client still is.
        tokio::spawn(async move {
            let answer = server.carry(operation, mishap, fate, there).await;
            sleep(back).await;
            let _nobody_waits = answered.send(answer);
        });
        if late {
            sleep(there).await;
            return self.lost().await;
        }
        match answer.await {
            Ok(Some(answer)) => response(answer),
            Ok(None) | Err(_) => self.lost().await,
        }
    }

    /// The operation's way to the server, and what comes back; `None` is no answer.
    async fn carry(
        &self,
        operation: Operation,
        mishap: Option<Mishap>,
        fate: Fate,
        there: Duration,
    ) -> Option<Answer> {
        let describe = {
            let mut world = self.world.lock();
            let mut text = String::new();
            // A lease that is renewed as always would fill every trace.
            let usual = operation.resource() == Resource::Leases && matches!(fate, Fate::Normal);
            if !usual {
                world.record.trace(|| {
                    text = operation.describe();
                    let told = match (&mishap, &fate) {
                        (None, Fate::Normal) => String::new(),
                        (mishap, fate) => format!(" [{mishap:?} {fate:?}]"),
                    };
                    format!("{} → {text}{told}", self.name)
                });
            }
            text
        };
        sleep(there).await;
        match mishap {
            Some(Mishap::DiesBefore) => return None,
            Some(Mishap::StandsStillBefore(time)) => sleep(time).await,
            Some(Mishap::DiesAfter | Mishap::StandsStillAfter(_)) | None => {}
        }
        let is_write = operation.is_write();
        let lag = match &operation {
            Operation::Get { version, .. } => self.world.lock().network.lag(*version),
            Operation::List(range) => self.world.lock().network.lag(range.version),
            _ => 0,
        };
        let (lost, kind) = match &fate {
            Fate::Normal => (None, None),
            Fate::LostBefore => (Some(None), Some("request lost")),
            Fate::Refused(refusal) => {
                (Some(Some(Answer::from(refusal.clone()))), Some(counted(refusal.code)))
            }
            Fate::LostAfter => (None, Some("answer lost")),
            Fate::RefusedAfter(_) => (None, Some("refused although done")),
            Fate::Late(_) => (None, Some("request late")),
        };
        if let Some(kind) = kind {
            self.world.lock().record.count(kind);
        }
        if let Some(answer) = lost {
            return answer;
        }
        if let Fate::Late(late) = fate {
            sleep(late).await;
        }
        let answer = self.world.step(|world| {
            world.record.count(if is_write { "writes" } else { "reads" });
            world.oracle.by_operator = true;
            let answer = world.store.answer(operation, lag);
            if !describe.is_empty() {
                let code = answer.code;
                world.record.trace(|| format!("{} = {code} {describe}", self.name));
            }
            answer
        });
        match fate {
            Fate::LostAfter | Fate::Late(_) => None,
            Fate::RefusedAfter(refusal) => Some(refusal.into()),
            _ => Some(answer),
        }
    }

    /// What a client hears where no answer comes: a broken connection, or nothing at all.
    async fn lost(&self) -> io::Result<Response<Body>> {
        if self.world.lock().network.is_silent() {
            sleep(READ_TIMEOUT).await;
        }
        Err(io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by peer"))
    }
}

fn counted(code: u16) -> &'static str {
    match code {
        403 => "403 quota",
        409 => "409",
        429 => "429",
        500 => "500",
        503 => "503",
        _ => "504",
    }
}

fn response(answer: Answer) -> io::Result<Response<Body>> {
    let Answer { code, body } = answer;
    let response =
        Response::builder().status(code).header(header::CONTENT_TYPE, "application/json");
    response.body(Body::from(Bytes::clone(&body))).map_err(io::Error::other)
}

impl Service<Request<kube::client::Body>> for Connection {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Response<Body>>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        Box::pin(self.clone().serve(request))
    }
}
