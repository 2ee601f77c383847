//! When a burst of changes is over.
//!
//! In: changes with the time at which each was noticed. Out: the time at which to look at what they
//! came to. It reads no clock and no file.
//!
//! A save is several changes: a file is emptied and written, or written beside and renamed. To look
//! in between would show errors that nobody made. So a burst is over when nothing has happened for a
//! moment; when every file that was written to has been closed; and later when many files change, as
//! when Git switches a branch.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::time::Duration;

/// How long nothing is to happen. The steps of a save are within a millisecond of each other; a
/// person sees no difference up to some 50.
const QUIET: Duration = Duration::from_millis(8);

/// The same where many files change: whoever changes them may stop to read.
const QUIET_OF_MANY: Duration = Duration::from_millis(100);

/// From how many files on.
const MANY: usize = 16;

/// How long a file is waited for that was written to and not closed. Some keep a file open for good.
const OPEN: Duration = Duration::from_millis(300);

/// How long a file is waited for that is empty or gone: as a rule it is about to be written.
const EMPTY: Duration = Duration::from_millis(60);

/// The longest burst: something that writes without end is not to keep everything else waiting.
const LONGEST: Duration = Duration::from_secs(5);

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// A file was written to, and is open still.
    Written(PathBuf),
    /// A file that was written to was closed.
    Closed(PathBuf),
    /// A file or folder came, went, got another name or other properties.
    Placed(PathBuf),
    /// Changes were lost: anything may be another one.
    Everything,
}

/// What changed in a burst.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Burst {
    /// The paths, of files and folders.
    pub(super) paths: BTreeSet<PathBuf>,
    /// Those that came, went or got another name.
    pub(super) placed: HashSet<PathBuf>,
    /// Whether anything may be another one.
    pub(super) everything: bool,
    /// When it began.
    pub(super) began: Duration,
}

/// The burst that is going on, if one is.
#[derive(Debug, Default)]
pub(super) struct Settle {
    burst: Option<Burst>,
    last: Duration,
    open: HashSet<PathBuf>,
    /// Whether a file was found empty or gone since something happened last.
    is_unfinished: bool,
}

impl Settle {
    /// Something happened.
    pub(super) fn note(&mut self, change: Change, now: Duration) {
        self.last = now;
        self.is_unfinished = false;
        let burst = self.burst.get_or_insert_with(|| Burst { began: now, ..Burst::default() });
        match change {
            Change::Written(path) => {
                burst.paths.insert(path.clone());
                self.open.insert(path);
            }
            Change::Closed(path) => {
                self.open.remove(&path);
                burst.paths.insert(path);
            }
            Change::Placed(path) => {
                self.open.remove(&path);
                burst.placed.insert(path.clone());
                burst.paths.insert(path);
            }
            Change::Everything => burst.everything = true,
        }
    }

    /// When to look whether the burst is over; `None` while there is none.
    pub(super) fn due(&self) -> Option<Duration> {
        let burst = self.burst.as_ref()?;
        let quiet = match () {
            () if !self.open.is_empty() => OPEN,
            () if self.is_unfinished => EMPTY,
            () if burst.paths.len() >= MANY || burst.everything => QUIET_OF_MANY,
            () => QUIET,
        };
        Some((self.last + quiet).min(burst.began + LONGEST))
    }

    /// The burst that is due, if it is over; else it is due later. `is_unfinished` says whether a
    /// file is empty or gone.
    pub(super) fn take(
        &mut self,
        now: Duration,
        is_unfinished: impl Fn(&PathBuf) -> bool,
    ) -> Option<Burst> {
        let burst = self.burst.as_ref()?;
        let is_few = burst.paths.len() < MANY && now < self.last + EMPTY;
        if is_few && burst.paths.iter().any(is_unfinished) {
            self.is_unfinished = true;
            return None;
        }
        self.open.clear();
        self.is_unfinished = false;
        self.burst.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn settle(changes: &[(u64, Change)]) -> Settle {
        let mut settle = Settle::default();
        for (time, change) in changes {
            settle.note(change.clone(), at(*time));
        }
        settle
    }

    fn path(number: usize) -> PathBuf {
        PathBuf::from(format!("{number}.yaml"))
    }

    #[test]
    fn nothing_is_due_while_nothing_happens() {
        let mut settle = Settle::default();
        assert_eq!((settle.due(), settle.take(at(9), |_| false)), (None, None));
    }

    #[test]
    fn a_file_that_was_written_is_waited_for_until_it_is_closed() {
        let mut changes = vec![(0, Change::Written(path(1))), (3, Change::Written(path(1)))];
        assert_eq!(settle(&changes).due(), Some(at(3) + OPEN));
        changes.push((5, Change::Closed(path(1))));
        assert_eq!(settle(&changes).due(), Some(at(5) + QUIET));
        let burst = settle(&changes).take(at(20), |_| false).unwrap();
        assert_eq!((burst.began, burst.paths.len()), (at(0), 1));
    }

    #[test]
    fn a_file_that_is_empty_or_gone_is_given_time() {
        let mut one = settle(&[(1, Change::Closed(path(1)))]);
        assert_eq!(one.take(at(9), |_| true), None);
        assert_eq!(one.due(), Some(at(1) + EMPTY));
        assert!(one.take(at(1) + EMPTY, |_| true).is_some());
        assert_eq!(one.due(), None);
    }

    #[test]
    fn many_files_are_a_longer_burst_and_no_burst_is_without_end() {
        let many = (0..MANY).map(|n| (n as u64, Change::Closed(path(n)))).collect::<Vec<_>>();
        assert_eq!(settle(&many).due(), Some(at(MANY as u64 - 1) + QUIET_OF_MANY));
        let endless = (0..2000).map(|n| (n * 5, Change::Closed(path(1)))).collect::<Vec<_>>();
        assert_eq!(settle(&endless).due(), Some(LONGEST));
    }

    #[test]
    fn lost_changes_are_a_burst_of_everything() {
        let mut lost = settle(&[(7, Change::Everything)]);
        assert!(lost.take(at(200), |_| false).unwrap().everything);
    }
}
