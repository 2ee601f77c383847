//! A watch: the changes of one range, one JSON document a line, until it ends.
//!
//! In: a range and a fate. Out: a stream of lines. Objects that enter or leave the selection are told as
//! added or deleted; bookmarks tell how far the watch is.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use futures::Stream;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::network::{READ_TIMEOUT, WatchEnd, WatchFate};
use super::refusal::Refusal;
use super::request::{Range, Version};
use super::store::{Change, Object, Verb};
use super::world::{SharedWorld, World};

/// How often the API server sends a bookmark.
const BOOKMARKS: Duration = Duration::from_secs(60);

struct Watch {
    world: SharedWorld,
    changed: Arc<Notify>,
    range: Range,
    fate: WatchFate,
    /// The last revision that has been looked at.
    cursor: u64,
    /// What is on its way, and when it arrives.
    queue: VecDeque<(Instant, Bytes)>,
    bookmark: Instant,
    timeout: Instant,
    ended: bool,
}

/// Opens a watch; what it begins with is read at once.
pub(crate) fn open(
    world: &SharedWorld,
    range: Range,
    lag: u64,
    mut fate: WatchFate,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static, Refusal> {
    let guard = world.lock();
    let store = &guard.store;
    let now = Instant::now();
    let mut queue = VecDeque::new();
    let from_cache =
        matches!(range.version, Version::Newest | Version::Any) || range.initial_events;
    let cursor = if from_cache {
        let (revision, objects) = store.select(&range, store.serve_at(range.version, lag)?);
        queue.extend(objects.iter().map(|(_, object)| (now, line(Verb::Added, object.text()))));
        if range.initial_events {
            queue.push_back((now, bookmark(&range, revision, true)));
        }
        revision
    } else {
        let (Version::NotOlderThan(from) | Version::Exact(from)) = range.version else {
            return Err(Refusal::bad_request("a watch needs a version"));
        };
        if from < store.compacted() {
            // Not a refusal: a watch that begins, and says so in its first event.
            fate = WatchFate { end: Some((now, WatchEnd::Expired)), ..fate };
        }
        if from > store.revision() {
            return Err(Refusal::too_new(from, store.revision()));
        }
        from
    };
    let changed = store.follow();
    // The last one comes two seconds before the end.
    let range_timeout = range.timeout_seconds;
    let timeout = now + Duration::from_secs(range_timeout);
    drop(guard);
    let watch = Watch {
        world: world.clone(),
        changed,
        range,
        fate,
        cursor,
        queue,
        bookmark: now + BOOKMARKS.min(Duration::from_secs(range_timeout.saturating_sub(2))),
        timeout,
        ended: false,
    };
    Ok(futures::stream::unfold(watch, |mut watch| async move {
        let item = watch.next().await?;
        Some((item, watch))
    }))
}

impl Watch {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.ended {
            return None;
        }
        let changes = Arc::clone(&self.changed);
        loop {
            // Asked for before looking: a change in between is not missed.
            let mut changed = pin!(changes.notified());
            changed.as_mut().enable();
            self.gather();
            let now = Instant::now();
            if let Some((at, end)) = self.fate.end
                && at <= now
            {
                return self.end(end).await;
            }
            if let Some((due, _)) = self.queue.front()
                && *due <= now
            {
                return self.queue.pop_front().map(|(_, line)| Ok(line));
            }
            if self.timeout <= now {
                return None;
            }
            if self.bookmark <= now && self.queue.is_empty() {
                self.bookmark = now + BOOKMARKS;
                if self.range.bookmarks {
                    return Some(Ok(bookmark(&self.range, self.cursor, false)));
                }
            }
            let wake = [
                self.queue.front().map(|(due, _)| *due),
                self.fate.end.map(|(at, _)| at),
                Some(self.timeout),
                Some(self.bookmark.max(now + Duration::from_millis(1))),
            ];
            let wake = wake.into_iter().flatten().min().unwrap_or(self.timeout);
            tokio::select! {
                biased;
                () = changed => {}
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Takes up what has changed since the last look.
    fn gather(&mut self) {
        let world = self.world.lock();
        for change in world.store.since(self.cursor) {
            if let Some(line) = told(&self.range, change) {
                let mut due = change.time + self.fate.lag;
                if let Some((from, until)) = self.fate.stall
                    && (from..until).contains(&due)
                {
                    due = until;
                }
                self.queue.push_back((due, line));
            }
        }
        self.cursor = world.store.revision();
    }

    async fn end(&mut self, end: WatchEnd) -> Option<io::Result<Bytes>> {
        self.ended = true;
        self.world.lock().record.count(match end {
            WatchEnd::Closed => "watch closed",
            WatchEnd::Broken => "watch broken",
            WatchEnd::Silent => "watch silent",
            WatchEnd::Expired => "watch expired (410)",
        });
        match end {
            WatchEnd::Closed => None,
            WatchEnd::Broken => {
                Some(Err(io::Error::new(io::ErrorKind::ConnectionReset, "connection reset")))
            }
            WatchEnd::Silent => {
                sleep(READ_TIMEOUT).await;
                Some(Err(io::Error::new(io::ErrorKind::TimedOut, "read timed out")))
            }
            WatchEnd::Expired => {
                World::forget(&self.world);
                let status = Refusal::expired(self.cursor, self.cursor + 1).body();
                let event = json!({ "type": "ERROR", "object": status });
                Some(Ok(Bytes::from(format!("{event}\n"))))
            }
        }
    }
}

impl World {
    /// Old revisions are no longer watchable from here on.
    fn forget(world: &SharedWorld) {
        let mut world = world.lock();
        let newest = world.store.revision();
        world.store.compact(newest);
    }
}

/// The event of a change for those who watch a range; none where it does not concern them.
fn told(range: &Range, change: &Change) -> Option<Bytes> {
    let key = &change.key;
    if key.resource != range.resource
        || range.namespace.as_ref().is_some_and(|namespace| *namespace != key.namespace)
    {
        return None;
    }
    let selects = |object: &Object| range.selector.matches(&object.value);
    let before = change.previous.as_deref().filter(|object| selects(object));
    let now = change.verb != Verb::Deleted && selects(&change.object);
    let text = change.object.text();
    match (before, now) {
        (None, true) => Some(line(Verb::Added, text)),
        (Some(_), true) => Some(line(Verb::Modified, text)),
        (Some(_), false) if change.verb == Verb::Deleted => Some(line(Verb::Deleted, text)),
        (Some(before), false) => {
            let mut left = before.value.clone();
            let version = change.object.revision.to_string();
            left["metadata"]["resourceVersion"] = json!(version);
            Some(line(Verb::Deleted, &Bytes::from(left.to_string())))
        }
        (None, false) => None,
    }
}

fn line(verb: Verb, object: &Bytes) -> Bytes {
    let verb: &[u8] = match verb {
        Verb::Added => br#"{"type":"ADDED","object":"#,
        Verb::Modified => br#"{"type":"MODIFIED","object":"#,
        Verb::Deleted => br#"{"type":"DELETED","object":"#,
    };
    Bytes::from([verb, object, b"}\n"].concat())
}

fn bookmark(range: &Range, revision: u64, initial: bool) -> Bytes {
    let mut metadata =
        json!({ "resourceVersion": revision.to_string(), "creationTimestamp": null });
    if initial {
        metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
    }
    let resource = range.resource;
    let event = json!({ "type": "BOOKMARK", "object": {
        "kind": resource.kind(), "apiVersion": resource.api_version(), "metadata": metadata,
        "spec": {},
    }});
    Bytes::from(format!("{event}\n"))
}
