//! One writer at a time: an advisory lock on the output folder itself, so that no file is left for
//! it.
//!
//! In: a folder that is there. Out: a [`Guard`] that holds it until it is dropped or the process
//! ends, however that ends. Where the system cannot lock a folder (Windows, some network file
//! systems) there is none, and two writers at once are not kept apart.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::Error;

/// How long another writer is waited for: several times as long as 10,000 pipelines take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether the other one has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// The right to write to a folder.
#[derive(Debug)]
pub(super) struct Guard {
    _held: Option<File>,
}

impl Guard {
    /// Waits for the folder to be free, for a while.
    pub(super) fn take(folder: &Path) -> Result<Self, Error> {
        Self::take_within(folder, PATIENCE)
    }

    fn take_within(folder: &Path, patience: Duration) -> Result<Self, Error> {
        if !cfg!(unix) {
            return Ok(Self { _held: None });
        }
        let file = File::open(folder).map_err(|source| Error::Io {
            action: "open the folder",
            path: folder.to_owned(),
            source,
        })?;
        let until = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _held: Some(file) }),
                Err(TryLockError::Error(_)) => return Ok(Self { _held: None }),
                Err(TryLockError::WouldBlock) if Instant::now() < until => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Busy { folder: folder.to_owned() });
                }
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn one_holds_the_folder_at_a_time_and_leaves_nothing_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = Guard::take(folder.path()).unwrap();
        let second = Guard::take_within(folder.path(), Duration::ZERO);
        assert!(matches!(second, Err(Error::Busy { .. })));
        drop(first);
        Guard::take_within(folder.path(), Duration::ZERO).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_second_waits_for_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = Guard::take(folder.path()).unwrap();
        let waiting = thread::scope(|scope| {
            let waiting = scope.spawn(|| Guard::take(folder.path()).map(|_| ()));
            thread::sleep(PAUSE);
            drop(first);
            waiting.join().unwrap()
        });
        waiting.unwrap();
    }
}
