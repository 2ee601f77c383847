//! The folders that are watched, by what the system offers.
//!
//! In: the folders in which something may change. Out: [`Change`]s, sent as they come. Each folder is
//! watched by itself and never those below it: the system's room for watches is limited, and what
//! Git and others keep in a project's folder is none of ours.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, Flag, MetadataKind, ModifyKind};
use notify::{Config, ErrorKind, Event, EventKind, PollWatcher, RecursiveMode, Watcher};

use super::Signal;
use super::settle::Change;
use crate::cli::error::Error;

/// The folders that are watched.
pub(super) struct Folders {
    watcher: Box<dyn Watcher>,
    watched: HashSet<PathBuf>,
}

impl Folders {
    /// None yet. With `poll`, the folders are looked at that often, in place of being told.
    pub(super) fn new(poll: Option<Duration>, signals: Sender<Signal>) -> Result<Self, Error> {
        let tell = move |event: notify::Result<Event>| {
            let signal = |signal| {
                // Nobody listens any more when the watch has ended.
                let _ended = signals.send(signal);
            };
            match event {
                Ok(event) => changes(event).into_iter().map(Signal::Change).for_each(signal),
                Err(error) => signal(Signal::Failed(error)),
            }
        };
        let watcher: notify::Result<Box<dyn Watcher>> = match poll {
            None => notify::recommended_watcher(tell).map(|watcher| Box::new(watcher) as Box<_>),
            Some(interval) => {
                PollWatcher::new(tell, Config::default().with_poll_interval(interval))
                    .map(|watcher| Box::new(watcher) as Box<_>)
            }
        };
        Ok(Self { watcher: watcher.map_err(failed)?, watched: HashSet::new() })
    }

    /// Watches exactly these folders, and says whether one is new: what is in it may have changed
    /// before it was watched. Those in or below `placed` are watched anew, since a folder of the same
    /// name may be another one.
    pub(super) fn watch(
        &mut self,
        folders: &HashSet<PathBuf>,
        placed: &HashSet<PathBuf>,
    ) -> Result<bool, Error> {
        let is_placed =
            |folder: &Path| folder.ancestors().any(|ancestor| placed.contains(ancestor));
        let keep = |folder: &&PathBuf| folders.contains(*folder) && !is_placed(folder);
        let (kept, gone): (HashSet<_>, Vec<_>) = {
            let (kept, gone): (Vec<_>, Vec<_>) = self.watched.iter().partition(keep);
            (kept.into_iter().cloned().collect(), gone.into_iter().cloned().collect())
        };
        for folder in gone {
            // A folder that is gone is not watched any more already.
            let _gone = self.watcher.unwatch(&folder);
        }
        self.watched = kept;
        let new = folders.difference(&self.watched).cloned().collect::<Vec<_>>();
        let mut is_new = false;
        for folder in new {
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(folder);
                    is_new = true;
                }
                // It went in this moment, and whoever holds it tells so.
                Err(error) if is_absence(&error) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(is_new)
    }
}

fn is_absence(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Why changes cannot be told.
pub(super) fn failed(error: notify::Error) -> Error {
    let is_limit = matches!(error.kind, ErrorKind::MaxFilesWatch);
    let failed = Error::new("failed to watch the project").because(error);
    match is_limit {
        true => failed.with_hint(
            "Raise the system's limit (Linux: `sysctl fs.inotify.max_user_watches`), or look every \
             few seconds with `--poll 2`.",
        ),
        false => failed.with_hint("`--poll 2` looks every two seconds, on any file system."),
    }
}

/// What an event says. That a file was read, by us as by others, is no change.
fn changes(event: Event) -> Vec<Change> {
    if event.attrs.flag() == Some(Flag::Rescan) {
        return vec![Change::Everything];
    }
    let change: fn(PathBuf) -> Change = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Change::Closed,
        EventKind::Access(_) => return Vec::new(),
        EventKind::Modify(ModifyKind::Data(_)) if cfg!(target_os = "linux") => Change::Written,
        // Elsewhere nobody tells of the closing.
        EventKind::Modify(ModifyKind::Data(_)) => Change::Closed,
        EventKind::Modify(ModifyKind::Metadata(MetadataKind::WriteTime)) => Change::Closed,
        _ => Change::Placed,
    };
    event.paths.into_iter().map(change).collect()
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, DataChange, RenameMode};

    use super::*;

    #[test]
    fn reading_is_no_change_and_an_overflow_is_all_of_them() {
        let of = |kind| changes(Event::new(kind).add_path(PathBuf::from("a")));
        assert_eq!(of(EventKind::Access(AccessKind::Open(AccessMode::Any))), []);
        assert_eq!(of(EventKind::Access(AccessKind::Close(AccessMode::Read))), []);
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        assert_eq!(of(closed), [Change::Closed("a".into())]);
        for kind in [
            EventKind::Create(CreateKind::File),
            EventKind::Modify(ModifyKind::Name(RenameMode::To)),
            EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)),
        ] {
            assert_eq!(of(kind), [Change::Placed("a".into())]);
        }
        let data = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        assert_eq!(of(data).len(), 1);
        let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert_eq!(changes(lost), [Change::Everything]);
    }
}
