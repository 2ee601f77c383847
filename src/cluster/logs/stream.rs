//! A container's log as a stream that survives what happens to connections.
//!
//! In: a pod and a container of it. Out: the bytes of its log, as they come, each once, in constant
//! memory. A connection that is cut, an API server or a kubelet that restarts, a log that is silent
//! for longer than a connection lives: the log goes on where it was ([`Place`]). A connection that
//! ends well proves nothing, since an API server ends it so when the kubelet is cut off; that all of
//! the log has come is known by its last line.

use std::io;
use std::time::{Duration, Instant};

use futures::{AsyncBufReadExt, AsyncReadExt};
use k8s_openapi::api::core::v1 as core;
use kube::Api;
use kube::api::LogParams;
use thiserror::Error as ThisError;

use super::place::{Found, Pass, Place};
use super::readiness::{Readiness, readiness};
use crate::cluster::error::{Cause, Error};
use crate::cluster::observed::Pod;
use crate::cluster::{Cluster, observe};

/// How often is looked whether a container has started.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The first pause before a log is asked for again, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// A connection that lived so long was a good one, though nothing was written meanwhile.
const GOOD: Duration = Duration::from_secs(5);
/// How long a kubelet may take to begin with a log that is there.
const ANSWER: Duration = Duration::from_secs(20);
/// How often a place is looked for before it counts as gone. Once may be a connection's fault.
const LOOKS: u32 = 2;
/// The longest last line that is asked for to see whether it has come. A longer one is found out by
/// another pass.
const LONGEST_LAST_LINE: u64 = 64 << 10;

/// Which log.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's UID: another pod of that name has another log.
    pub uid: Option<String>,
    /// The container.
    pub container: String,
    /// Whether to wait for it to start, and for what it will write.
    pub follow: bool,
    /// Whether each line begins with the time at which it was written.
    pub timestamps: bool,
    /// How many of the last lines; none: all.
    pub tail: Option<u64>,
}

/// How a stream ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// With the log's end: all of it came.
    Complete,
    /// The container runs on, and this is its log so far.
    SoFar,
    /// The container has no log, for this reason; it may get one.
    NotYet(String),
    /// The container has no log and never will, for this reason.
    Never(String),
    /// The pod is gone, and what came is all that can be had of its log.
    Gone,
    /// The node does not give the log, for this reason.
    Unreadable(String),
}

/// What happens on the way, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    /// There is nothing to read yet, for this reason.
    Waiting(String),
    /// The connection is gone, for this reason, and the log is asked for again.
    Again(String),
    /// The node rotated the log meanwhile: lines may be missing here.
    Gap,
    /// The container was started again: this is the begin of another log.
    Restarted,
}

/// Where a log goes.
pub trait Output {
    /// Takes the next bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Is told that nothing more is there for the moment: what is held back should be shown.
    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Is told what happens on the way.
    fn note(&mut self, note: Note);
}

/// What ends a stream before its time.
#[derive(Debug, ThisError)]
pub enum Failure {
    /// The log cannot be passed on.
    #[error(transparent)]
    Output(#[from] io::Error),
    /// The log cannot be had.
    #[error(transparent)]
    Cluster(#[from] Error),
}

/// Passes a log on.
pub async fn stream(
    cluster: &Cluster,
    wanted: &Wanted,
    out: &mut impl Output,
) -> Result<End, Failure> {
    let mut place = Place::default();
    let mut container = None;
    let mut waits_for = None;
    let mut faults = Faults::new(cluster.patience().0);
    let mut is_first = true;
    loop {
        let pod = observe::pod(cluster, &wanted.namespace, &wanted.pod).await?;
        let same = |pod: &Pod| wanted.uid.as_ref().is_none_or(|uid| pod.metadata.uid == *uid);
        let Some(pod) = pod.filter(same) else { return Ok(End::Gone) };
        let ended = match readiness(&pod, &wanted.container) {
            Readiness::Never(why) => return Ok(End::Never(why)),
            Readiness::NotYet(why) if !wanted.follow => return Ok(End::NotYet(why)),
            Readiness::NotYet(why) => {
                if waits_for.as_ref() != Some(&why) {
                    out.note(Note::Waiting(why.clone()));
                    waits_for = Some(why);
                }
                tokio::time::sleep(LOOK_AGAIN).await;
                continue;
            }
            Readiness::Readable { id, ended } => {
                if container.as_ref().is_some_and(|known| *known != id) {
                    out.note(Note::Restarted);
                    place = Place::default();
                }
                container = Some(id);
                ended
            }
        };
        let before = place.bytes;
        let began = Instant::now();
        let follow = wanted.follow && !ended;
        let gap = faults.lost > LOOKS;
        let log = Log { cluster, wanted };
        let result = log.pass(follow, gap, &mut place, out).await?;
        if place.bytes > before || began.elapsed() > GOOD {
            faults = Faults::new(cluster.patience().0);
        }
        let why = match result {
            Passed::Whole if ended => {
                let nothing_more = !is_first && place.bytes == before;
                if nothing_more || log.is_whole(&place).await? {
                    return Ok(End::Complete);
                }
                None
            }
            Passed::Whole if !follow => return Ok(End::SoFar),
            // The container has ended, and its pod will say so in a moment.
            Passed::Whole => None,
            Passed::Found(Found::Lost) => {
                faults.lost += 1;
                if faults.lost > LOOKS {
                    out.note(Note::Gap);
                }
                None
            }
            Passed::Found(Found::Remark(why)) | Passed::Cut(why) => Some(why),
            // Nothing was written for longer than a connection lives without a word.
            Passed::Silence => None,
            Passed::Unreachable(why) => return Ok(End::Unreadable(why)),
        };
        is_first = false;
        if let Some(why) = why {
            if faults.are_too_many() {
                return Ok(End::Unreadable(why));
            }
            if faults.are_first() {
                out.note(Note::Again(why));
            }
        }
        faults.pause().await;
    }
}

/// What went wrong since something last went well.
struct Faults {
    since: Instant,
    patience: Duration,
    count: u32,
    pause: Duration,
    /// How often the place was not found.
    lost: u32,
}

impl Faults {
    fn new(patience: Duration) -> Self {
        Self { since: Instant::now(), patience, count: 0, pause: PAUSES.0, lost: 0 }
    }

    fn are_first(&self) -> bool {
        self.count == 0
    }

    fn are_too_many(&self) -> bool {
        self.since.elapsed() > self.patience
    }

    async fn pause(&mut self) {
        self.count += 1;
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSES.1);
    }
}

/// How one connection went.
enum Passed {
    /// It ended, as one does at the end of a log.
    Whole,
    /// It was cut, for this reason.
    Cut(String),
    /// It found something out.
    Found(Found),
    /// Nothing came for so long that it was given up.
    Silence,
    /// The node does not answer.
    Unreachable(String),
}

struct Log<'a> {
    cluster: &'a Cluster,
    wanted: &'a Wanted,
}

impl Log<'_> {
    /// Asks for the log from a place on, and passes on what is new.
    async fn pass(
        &self,
        follow: bool,
        after_a_gap: bool,
        place: &mut Place,
        out: &mut impl Output,
    ) -> Result<Passed, Failure> {
        let since = place.since();
        let mut params = self.params(follow);
        params.since_time = since;
        params.tail_lines = match since {
            None => self.wanted.tail.map(|lines| i64::try_from(lines).unwrap_or(i64::MAX)),
            Some(_) => None,
        };
        let opened = self.open(&params, !follow).await;
        let log = match opened {
            Ok(Some(log)) => log,
            Ok(None) => return Ok(Passed::Unreachable(self.silent())),
            Err(error) => return self.refused(error),
        };
        let keeps_stamps = self.wanted.timestamps;
        let mut pass = match since {
            Some(_) if after_a_gap => Pass::after_a_gap(keeps_stamps),
            _ => Pass::from(place, keeps_stamps),
        };
        let mut log = std::pin::pin!(log);
        loop {
            let bytes = match log.fill_buf().await {
                Ok(bytes) => bytes,
                Err(error) => {
                    let end = pass.end(place, &mut |bytes| out.write(bytes))?;
                    let found = end.filter(|found| *found != Found::Lost);
                    return Ok(found.map_or_else(|| cut(&error), Passed::Found));
                }
            };
            if bytes.is_empty() {
                let end = pass.end(place, &mut |bytes| out.write(bytes))?;
                return Ok(end.map_or(Passed::Whole, Passed::Found));
            }
            let found = pass.take(bytes, place, &mut |bytes| out.write(bytes))?;
            if follow {
                out.pause()?;
            }
            let length = bytes.len();
            log.consume_unpin(length);
            if let Some(found) = found {
                return Ok(Passed::Found(found));
            }
        }
    }

    /// Opens a stream; `None`: the kubelet says nothing. One that follows may have nothing to say.
    async fn open(
        &self,
        params: &LogParams,
        hurries: bool,
    ) -> Result<Option<impl futures::AsyncBufRead + Unpin + use<>>, Error> {
        let pods: Api<core::Pod> =
            Api::namespaced(self.cluster.client.clone(), &self.wanted.namespace);
        let doing = format!("read the log of pod {}", self.wanted.pod);
        let opening = self.cluster.open(doing, async || {
            let log = pods.log_stream(&self.wanted.pod, params).await?;
            Ok(Box::pin(log))
        });
        if !hurries {
            return opening.await.map(Some);
        }
        let patience = self.cluster.patience().0.max(ANSWER);
        match tokio::time::timeout(patience, opening).await {
            Ok(opened) => opened.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Whether the last line of a log that has ended is the last that came.
    async fn is_whole(&self, place: &Place) -> Result<bool, Failure> {
        if place.is_without_stamps() {
            return Ok(true);
        }
        let mut params = self.params(false);
        params.tail_lines = Some(1);
        let Ok(Some(last)) = self.open(&params, true).await else { return Ok(false) };
        let mut line = Vec::new();
        let read = last.take(LONGEST_LAST_LINE).read_to_end(&mut line).await;
        Ok(read.is_ok() && place.is_behind(&line))
    }

    fn params(&self, follow: bool) -> LogParams {
        LogParams {
            container: Some(self.wanted.container.clone()),
            follow,
            timestamps: true,
            ..LogParams::default()
        }
    }

    /// What an answer other than a log means.
    fn refused(&self, error: Error) -> Result<Passed, Failure> {
        match &error {
            Error::Request { source: Cause::Answer { code, message, .. }, .. } => match code {
                // The container has not started, or the pod is gone: the pod says more, if it can.
                400 | 404 => Ok(Passed::Cut(message.clone())),
                500.. if message.contains("/containerLogs/") => {
                    Ok(Passed::Unreachable(format!("{}: {}", self.silent(), root(message))))
                }
                _ => Err(error.into()),
            },
            _ => Err(error.into()),
        }
    }

    fn silent(&self) -> String {
        format!("the node of pod {} does not answer", self.wanted.pod)
    }
}

/// The end of a chain of reasons, without the request that it was for.
fn root(message: &str) -> &str {
    message.rsplit_once("\": ").map_or(message, |(_, why)| why)
}

/// What a failure to read means.
fn cut(error: &io::Error) -> Passed {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    match cause.downcast_ref::<io::Error>() {
        Some(error) if error.kind() == io::ErrorKind::TimedOut => Passed::Silence,
        _ => Passed::Cut(cause.to_string()),
    }
}
