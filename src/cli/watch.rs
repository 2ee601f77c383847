//! `ompipe watch`.
//!
//! The parts: `folders` tells what changes, `settle` when a burst of changes is over, `mirror` takes
//! it into a workspace, `target` writes what that changes, and `show` says so.

mod folders;
mod mirror;
mod settle;
mod show;
mod target;

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use clap::Args;
use ompipe::compile::Options;
use ompipe::render::Mode;

use super::error::Error;
use super::exit::Status;
use super::input::InputArgs;
use super::interrupt::asked_to_stop;
use super::session::Session;
use folders::Folders;
use mirror::Mirror;
use settle::{Burst, Change, Settle};
use show::{Extent, Show};
use target::Target;

/// Render again whenever something changes, until Ctrl-C
///
/// What a change reaches is rendered again, and nothing else: the folder always holds what `ompipe
/// render -o` would write. While something is wrong the folder stays as it was, and the findings are
/// shown until they are mended. Without --output, what would change is listed.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe watch -o rendered         The project of the current folder
  ompipe watch                     Only check it, and list what would change
  ompipe watch --format json -o rendered
                                   An event a line, for editors: docs/watch.md
  ompipe watch --poll 2            Where the file system tells nothing of changes

Exit status: 0 when it is ended by Ctrl-C or SIGTERM; a write that has begun
is ended before. 2 when it cannot begin or go on.")]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    input: InputArgs,

    /// The folder to write to [default: none, what would change is listed]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Look for changes every so many seconds, where the system does not tell of them: network file
    /// systems, some containers
    #[arg(long, value_name = "SECONDS")]
    poll: Option<NonZeroU64>,
}

/// What wakes a watch.
enum Signal {
    /// Something changed.
    Change(Change),
    /// Changes can no longer be told.
    Failed(notify::Error),
    /// Somebody ends it.
    Stop,
}

pub(crate) fn run(args: &WatchArgs, session: &mut Session) -> Result<Status, Error> {
    if !session.writes_text() && !session.writes_json() {
        return Err(Error::new("a watch does not end, and this format is one document")
            .with_hint("Use --format text or json."));
    }
    let (signals, inbox) = mpsc::channel();
    let poll = args.poll.map(|seconds| Duration::from_secs(seconds.get()));
    let mut folders = Folders::new(poll, signals.clone())?;
    stop_when_asked(signals)?;
    let options = Options {
        mode: Mode::Scheduled,
        environment: args.input.environment.clone(),
        only: Vec::new(),
        templates: Vec::new(),
        bundle: None,
        values: None,
        objects: true,
    };
    let output = args.output.as_deref();
    let mut watch = Watch {
        mirror: Mirror::new(&args.input, output, options)?,
        target: Target::new(output),
        show: Show::new(session, output.is_some()),
        clock: Instant::now(),
        is_outdated: false,
    };
    let everything = Burst { everything: true, ..Burst::default() };
    let compiled = watch.mirror.refresh(&everything, &mut folders)?;
    watch.show.started(watch.mirror.root(), output)?;
    watch.render(compiled.unwrap_or_default(), Duration::ZERO, Duration::ZERO)?;

    let mut settle = Settle::default();
    loop {
        let signal = match settle.due() {
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => inbox.recv_timeout(due.saturating_sub(watch.clock.elapsed())),
        };
        match signal {
            Ok(Signal::Change(change)) => {
                if watch.mirror.concerns(&change) {
                    settle.note(change, watch.clock.elapsed());
                }
            }
            Ok(Signal::Failed(error)) => return Err(folders::failed(error)),
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let is_unfinished = |path: &PathBuf| watch.mirror.is_unfinished(path);
                if let Some(burst) = settle.take(watch.clock.elapsed(), is_unfinished) {
                    watch.take(burst, &mut folders)?;
                }
            }
        }
    }
    watch.show.ended();
    Ok(Status::Fine)
}

/// A watch that is going on.
struct Watch<'a> {
    mirror: Mirror<'a>,
    target: Target,
    show: Show<'a>,
    /// Time is counted from here.
    clock: Instant,
    /// Whether the last burst could not be taken in.
    is_outdated: bool,
}

impl Watch<'_> {
    /// Takes in what changed.
    fn take(&mut self, mut burst: Burst, folders: &mut Folders) -> Result<(), Error> {
        let began = self.clock.elapsed();
        burst.everything |= self.is_outdated;
        let refreshed = self.mirror.refresh(&burst, folders);
        let was_outdated = std::mem::replace(&mut self.is_outdated, refreshed.is_err());
        let rendered = match refreshed {
            Ok(None) if !was_outdated => Ok(()),
            Ok(compiled) => self.render(compiled.unwrap_or_default(), began, burst.began),
            Err(error) => Err(error),
        };
        rendered.or_else(|error| self.show.failed(&error))
    }

    /// Renders what changed, and says so.
    fn render(&mut self, compiled: usize, began: Duration, noticed: Duration) -> Result<(), Error> {
        let found = self.mirror.workspace.findings();
        let applied = match self.show.fails_on(&found) {
            true => None,
            false => Some(self.target.apply(&mut self.mirror)?),
        };
        let now = self.clock.elapsed();
        let workspace = &self.mirror.workspace;
        let extent = Extent {
            pipelines: workspace.pipelines().count(),
            compiled,
            took: now - began,
            since_change: now - noticed,
        };
        self.show.compiled(found, workspace.sources(), applied, extent)
    }
}

/// Ends the watch at Ctrl-C and SIGTERM.
fn stop_when_asked(signals: Sender<Signal>) -> Result<(), Error> {
    let failed = |error| Error::new("failed to wait for signals").because(error);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    std::thread::spawn(move || {
        runtime.block_on(asked_to_stop());
        // Nobody listens when the watch has ended already.
        let _ended = signals.send(Signal::Stop);
    });
    Ok(())
}
