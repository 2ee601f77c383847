//! What goes wrong between a client and the server: by chance, as often as a seed asks, until calm comes.
//!
//! In: a seed's mood. Out: the fate of each request and each watch. Every fate is one that a real network or
//! a real API server has: an answer lost after the write was done, a write that is done long after its client
//! gave up, a cache that lags, a watch that ends, stalls or falls silent.

use std::time::Duration;

use tokio::time::Instant;

use super::random::Random;
use super::refusal::Refusal;
use super::request::{Operation, Version};
use super::resource::Resource;

/// Where nothing comes any more, a client's own read timeout is what ends it.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(90);

/// How often each fault comes, in thousandths of the requests or watches.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mood {
    pub(crate) lost_before: u64,
    pub(crate) lost_after: u64,
    /// Of the lost ones: those that never answer, instead of a broken connection.
    pub(crate) silent: u64,
    pub(crate) refused: u64,
    pub(crate) refused_after: u64,
    pub(crate) late: u64,
    pub(crate) stale_read: u64,
    pub(crate) watch_broken: u64,
    pub(crate) watch_silent: u64,
    pub(crate) watch_stalled: u64,
    pub(crate) watch_expired: u64,
    /// By how many milliseconds more the events of nodes are late.
    pub(crate) nodes_late: u64,
    /// The longest usual way of a request, in milliseconds.
    pub(crate) latency: u64,
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    Normal,
    /// Never arrives.
    LostBefore,
    /// Arrives and is done; its answer does not come back.
    LostAfter,
    /// Turned away.
    Refused(Refusal),
    /// Done, and answered as if it had not been.
    RefusedAfter(Refusal),
    /// Its client hears of a broken connection, and it is done so much later.
    Late(Duration),
}

/// What becomes of a watch.
#[derive(Clone, Debug)]
pub(crate) struct WatchFate {
    /// By how much each event is late.
    pub(crate) lag: Duration,
    /// Nothing is delivered between these.
    pub(crate) stall: Option<(Instant, Instant)>,
    pub(crate) end: Option<(Instant, WatchEnd)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatchEnd {
    /// The stream ends.
    Closed,
    /// The connection breaks.
    Broken,
    /// Nothing ever comes again.
    Silent,
    /// The server has forgotten where the watch is: an event that says 410.
    Expired,
}

pub(crate) struct Network {
    random: Random,
    mood: Mood,
    /// From here on nothing goes wrong.
    calm: Instant,
    /// When no pod can be created.
    quota: Option<(Instant, Instant)>,
    /// What happens next whatever the mood.
    next: Option<Fate>,
    next_watch: Option<WatchFate>,
}

impl Network {
    pub(crate) fn new(random: Random, mood: Mood, calm: Instant) -> Self {
        Self { random, mood, calm, quota: None, next: None, next_watch: None }
    }

    /// Nothing goes wrong, and nothing takes time.
    pub(crate) fn perfect() -> Self {
        Self::new(Random::of(0), Mood::default(), Instant::now())
    }

    pub(crate) fn exhaust_quota(&mut self, from: Instant, until: Instant) {
        self.quota = Some((from, until));
    }

    pub(crate) fn is_calm(&self) -> bool {
        Instant::now() >= self.calm
    }

    /// The fate of the next request, for a test that wants it so.
    pub(crate) fn next(&mut self, fate: Fate) {
        self.next = Some(fate);
    }

    pub(crate) fn next_watch(&mut self, fate: WatchFate) {
        self.next_watch = Some(fate);
    }

    fn chance(&mut self, thousandths: u64) -> bool {
        thousandths > 0 && !self.is_calm() && self.random.chance(thousandths)
    }

    /// One way of a request or an answer.
    pub(crate) fn leg(&mut self) -> Duration {
        let most = self.mood.latency;
        Duration::from_millis(if most == 0 { 0 } else { self.random.mostly_short(0, most) })
    }

    /// Whether what was lost is silence rather than a broken connection.
    pub(crate) fn is_silent(&mut self) -> bool {
        let silent = self.mood.silent;
        self.random.chance(silent)
    }

    pub(crate) fn fate(&mut self, operation: &Operation) -> Fate {
        if let Some(fate) = self.next.take() {
            return fate;
        }
        let creates_pod = matches!(operation, Operation::Create { resource: Resource::Pods, .. });
        let now = Instant::now();
        if let (true, Some((from, until)), Operation::Create { resource, namespace, object }) =
            (creates_pod, self.quota, operation)
            && (from..until).contains(&now)
        {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let key = super::resource::Key::new(*resource, namespace, name);
            return Fate::Refused(Refusal::exceeded_quota(&key));
        }
        if self.chance(self.mood.lost_before) {
            return Fate::LostBefore;
        }
        if self.chance(self.mood.lost_after) {
            return Fate::LostAfter;
        }
        if self.chance(self.mood.refused) {
            return Fate::Refused(self.refusal(creates_pod));
        }
        if self.chance(self.mood.refused_after) {
            let unclear = [Refusal::internal(), Refusal::timeout()];
            let index = self.random.below(2) as usize;
            return Fate::RefusedAfter(
                unclear.into_iter().nth(index).unwrap_or_else(Refusal::internal),
            );
        }
        if operation.is_write() && self.chance(self.mood.late) {
            let late = self.random.mostly_short(100, 60_000);
            return Fate::Late(Duration::from_millis(late));
        }
        Fate::Normal
    }

    fn refusal(&mut self, creates_pod: bool) -> Refusal {
        match self.random.below(5) {
            0 if creates_pod => Refusal::quota_conflict(),
            0 | 1 => Refusal::too_many_requests(),
            2 => Refusal::internal(),
            3 => Refusal::unavailable(),
            _ => Refusal::timeout(),
        }
    }

    /// By how many changes the cache behind a read lags.
    pub(crate) fn lag(&mut self, version: Version) -> u64 {
        if version == Version::Newest || !self.chance(self.mood.stale_read) {
            return 0;
        }
        self.random.mostly_short(1, 60)
    }

    pub(crate) fn watch(&mut self, resource: Resource) -> WatchFate {
        if let Some(fate) = self.next_watch.take() {
            return fate;
        }
        let now = Instant::now();
        let later = |random: &mut Random, most: u64| {
            now + Duration::from_millis(random.mostly_short(10, most))
        };
        let nodes = resource == Resource::Nodes && !self.is_calm();
        let more = Duration::from_millis(if nodes { self.mood.nodes_late } else { 0 });
        let lag = self.leg() + more;
        let stall = self.chance(self.mood.watch_stalled).then(|| {
            let from = later(&mut self.random, 60_000);
            (from, from + Duration::from_millis(self.random.mostly_short(100, 90_000)))
        });
        let end = if self.chance(self.mood.watch_broken) {
            let end = if self.random.chance(500) { WatchEnd::Closed } else { WatchEnd::Broken };
            Some((later(&mut self.random, 60_000), end))
        } else if self.chance(self.mood.watch_expired) {
            Some((later(&mut self.random, 60_000), WatchEnd::Expired))
        } else if self.chance(self.mood.watch_silent) {
            Some((later(&mut self.random, 60_000), WatchEnd::Silent))
        } else {
            None
        };
        WatchFate { lag, stall, end }
    }
}
