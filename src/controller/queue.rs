//! What is to be reconciled: each key once, now or at a time, and never twice at once.
//!
//! In: keys, from watches and from reconciles that want another look. Out: the next key that is
//! due. A key that fails waits longer each time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::random::Random;

/// The wait after a first failure, doubled up to the longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// A queue of keys of one kind.
pub(super) struct Queue<K> {
    state: Mutex<State<K>>,
    changed: Notify,
}

struct State<K> {
    ready: VecDeque<K>,
    /// The keys in `ready`.
    queued: BTreeSet<K>,
    /// The keys that somebody works on; `true`: wanted again as soon as that is done.
    running: BTreeMap<K, bool>,
    later: BTreeSet<(Instant, K)>,
    /// When each key in `later` is due.
    due: BTreeMap<K, Instant>,
    failures: BTreeMap<K, u32>,
    random: Random,
}

impl<K: Ord + Clone> Queue<K> {
    pub(super) fn new(random: Random) -> Self {
        Self {
            state: Mutex::new(State {
                ready: VecDeque::new(),
                queued: BTreeSet::new(),
                running: BTreeMap::new(),
                later: BTreeSet::new(),
                due: BTreeMap::new(),
                failures: BTreeMap::new(),
                random,
            }),
            changed: Notify::new(),
        }
    }

    /// Wants a key looked at now.
    pub(super) fn add(&self, key: K) {
        self.state().add(key);
        self.changed.notify_one();
    }

    /// Wants a key looked at, at a time at the latest.
    pub(super) fn add_at(&self, key: K, at: Instant) {
        self.state().add_at(key, at);
        self.changed.notify_one();
    }

    /// The next key that is due. It has to be given back by [`done`](Self::done) or
    /// [`failed`](Self::failed).
    pub(super) async fn next(&self) -> K {
        loop {
            let (key, timer) = self.state().take(Instant::now());
            if let Some(key) = key {
                return key;
            }
            match timer {
                Some(at) => tokio::select! {
                    biased;
                    () = self.changed.notified() => {}
                    () = sleep_until(at) => {}
                },
                None => self.changed.notified().await,
            }
        }
    }

    /// Gives back a key that was looked at without trouble.
    pub(super) fn done(&self, key: &K) {
        let mut state = self.state();
        state.failures.remove(key);
        state.give_back(key);
        drop(state);
        self.changed.notify_one();
    }

    /// Gives back a key that has to be looked at again after a while: at least so long.
    pub(super) fn failed(&self, key: &K, at_least: Duration) {
        let mut state = self.state();
        let failures = state.failures.entry(key.clone()).or_default();
        let doubled = FIRST_BACKOFF.saturating_mul(1 << (*failures).min(16)).min(LONGEST_BACKOFF);
        *failures += 1;
        // Half of it is drawn, so that what failed together does not come back together.
        let wait = doubled.mul_f64(0.5 + state.random.unit() / 2.0).max(at_least);
        state.add_at(key.clone(), Instant::now() + wait);
        state.give_back(key);
        drop(state);
        self.changed.notify_one();
    }

    /// Forgets everything that waits: another replica sees to it now.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.ready.clear();
        state.queued.clear();
        state.running.clear();
        state.later.clear();
        state.due.clear();
        state.failures.clear();
    }

    /// How many keys are due, and how many are being worked on.
    pub(super) fn depth(&self) -> (usize, usize) {
        let state = self.state();
        (state.ready.len(), state.running.len())
    }

    fn state(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Clone> State<K> {
    fn add(&mut self, key: K) {
        if let Some(again) = self.running.get_mut(&key) {
            *again = true;
        } else if self.queued.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    fn add_at(&mut self, key: K, at: Instant) {
        if let Some(due) = self.due.get(&key).copied() {
            if due <= at {
                return;
            }
            self.later.remove(&(due, key.clone()));
        }
        self.due.insert(key.clone(), at);
        self.later.insert((at, key));
    }

    fn take(&mut self, now: Instant) -> (Option<K>, Option<Instant>) {
        while let Some((at, _)) = self.later.first()
            && *at <= now
        {
            let Some((_, key)) = self.later.pop_first() else { break };
            self.due.remove(&key);
            self.add(key);
        }
        let key = self.ready.pop_front();
        if let Some(key) = &key {
            self.queued.remove(key);
            self.running.insert(key.clone(), false);
        }
        (key, self.later.first().map(|(at, _)| *at))
    }

    fn give_back(&mut self, key: &K) {
        if self.running.remove(key) == Some(true) {
            self.add(key.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue<u8> {
        Queue::new(Random::new(1))
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_waits_once_however_often_it_is_wanted() {
        let queue = queue();
        queue.add(1);
        queue.add(1);
        queue.add(2);
        assert_eq!((queue.next().await, queue.next().await), (1, 2));
        assert_eq!(queue.depth(), (0, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_wanted_while_it_is_worked_on_comes_again_after_that() {
        let queue = queue();
        queue.add(1);
        let key = queue.next().await;
        queue.add(1);
        assert_eq!(queue.depth(), (0, 1));
        queue.done(&key);
        assert_eq!(queue.next().await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_time_counts() {
        let queue = queue();
        let start = Instant::now();
        queue.add_at(1, start + Duration::from_secs(10));
        queue.add_at(1, start + Duration::from_secs(5));
        queue.add_at(1, start + Duration::from_secs(20));
        assert_eq!(queue.next().await, 1);
        // The clock of the runtime counts whole milliseconds.
        assert_eq!((Instant::now() - start).as_secs(), 5);
        assert!(queue.state().later.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_fails_again_and_again_waits_longer_but_comes_back() {
        let queue = queue();
        queue.add(1);
        let mut waits = Vec::new();
        for _ in 0..14 {
            let key = queue.next().await;
            let before = Instant::now();
            queue.failed(&key, Duration::ZERO);
            let key = queue.next().await;
            waits.push(Instant::now() - before);
            queue.failed(&key, Duration::ZERO);
        }
        assert!(waits.last() > waits.first(), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= LONGEST_BACKOFF + Duration::from_millis(1)));
    }
}
