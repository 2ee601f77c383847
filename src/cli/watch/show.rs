//! What a watch says: to people, on one line that is redrawn, with findings above it; to programs, as
//! events.
//!
//! In: what each burst of changes came to. Out: text on stderr, or with `--format json` an object a
//! line on stdout, as `docs/watch.md` promises. It says nothing twice: findings that stay are not
//! shown again.

use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use ompipe::diagnostic::{self, Diagnostic, Severity, counted};
use ompipe::source::Sources;
use serde_json::{Map, Value, json};

use super::target::Applied;
use crate::cli::error::Error;
use crate::cli::session::{Findings, Session};

/// The version of the events. Fields are added to it; none is taken away or changes its meaning.
const VERSION: u32 = 1;

/// How many changed files are named to people.
const NAMED: usize = 20;

/// What was said so far.
pub(super) struct Show<'s> {
    session: &'s mut Session,
    /// Whether there is an output folder.
    writes: bool,
    found: Vec<Value>,
    has_failed: bool,
}

/// How much there is, and how long it took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// The pipelines of the project.
    pub(super) pipelines: usize,
    /// Those that were compiled again.
    pub(super) compiled: usize,
    /// What ompipe took.
    pub(super) took: Duration,
    /// The time since the first change was noticed.
    pub(super) since_change: Duration,
}

impl<'s> Show<'s> {
    pub(super) fn new(session: &'s mut Session, writes: bool) -> Self {
        Self { session, writes, found: Vec::new(), has_failed: false }
    }

    /// The folders are watched, and the project was read.
    pub(super) fn started(
        &mut self,
        root: Option<&Path>,
        output: Option<&Path>,
    ) -> Result<(), Error> {
        let path = |path: &Path| path.display().to_string();
        let root = root.map(|root| match root.as_os_str().is_empty() {
            true => ".".to_owned(),
            false => path(root),
        });
        self.event(
            "started",
            json!({
                "version": VERSION,
                "ompipe": env!("CARGO_PKG_VERSION"),
                "project": root,
                "output": output.map(path),
            }),
        )
    }

    /// What a burst came to: findings of the workspace, and with no error among them what was
    /// rendered.
    pub(super) fn compiled(
        &mut self,
        found: Vec<Diagnostic>,
        sources: &Sources,
        applied: Option<Applied>,
        extent: Extent,
    ) -> Result<(), Error> {
        let mut of_folder = Vec::new();
        let mut rendered = None;
        let mut lock = None;
        if let Some(mut applied) = applied {
            of_folder = std::mem::take(&mut applied.found).into_sorted();
            lock = applied.lock.take();
            // A warning is about a folder that was written, also where it counts as an error.
            let is_refused = of_folder.iter().any(|one| one.severity == Severity::Error);
            rendered = (!is_refused).then_some(applied);
        }
        let parts = [(found, sources), (of_folder, lock.as_ref().unwrap_or(sources))];
        let (errors, warnings) = self.findings(parts)?;
        if let Some(applied) = &rendered {
            self.rendered(applied, extent)?;
        }
        let what = match &rendered {
            Some(applied) => self.sentence(applied),
            None if self.writes => {
                format!("{}; the output stays as it was", counted(errors, "error"))
            }
            None => counted(errors, "error"),
        };
        let warnings = match warnings {
            0 => String::new(),
            warnings => format!(", {}", counted(warnings, "warning")),
        };
        let pipelines = counted(extent.pipelines, "pipeline");
        let time = Zoned::new(Timestamp::now(), TimeZone::system()).strftime("%H:%M:%S");
        let took = extent.took.as_millis();
        self.session.status(&format!("{time}  {pipelines}  {took} ms  {what}{warnings}"));
        Ok(())
    }

    /// Whether findings keep anything from being rendered.
    pub(super) fn fails_on(&self, found: &[Diagnostic]) -> bool {
        self.session.fails_on(found)
    }

    /// The watch is over.
    pub(super) fn ended(&mut self) {
        self.session.end_status();
    }

    /// Something failed, and the watch goes on.
    pub(super) fn failed(&mut self, error: &Error) -> Result<(), Error> {
        self.has_failed = true;
        let (message, causes, hint) = error.parts();
        self.event("error", json!({ "message": message, "causes": causes, "hint": hint }))?;
        if self.session.writes_text() {
            self.session.above_status(&error.to_string());
        }
        Ok(())
    }

    /// Shows findings when they are others than before, and gives how many errors and warnings
    /// there are.
    fn findings(
        &mut self,
        parts: [(Vec<Diagnostic>, &Sources); 2],
    ) -> Result<(usize, usize), Error> {
        let mut all = Vec::new();
        let mut errors = 0;
        for (found, sources) in &parts {
            errors += found.iter().filter(|one| self.session.is_error(one)).count();
            all.extend(as_json(found, sources, self.session.is_strict())?);
        }
        let warnings = all.len() - errors;
        if all.is_empty() && (!self.found.is_empty() || self.has_failed) {
            self.event("cleared", json!({}))?;
        } else if all != self.found {
            let counts = json!({ "errors": errors, "warnings": warnings, "findings": all });
            self.event("findings", counts)?;
            if self.session.writes_text() {
                self.session.clear_status();
                for (found, sources) in parts.into_iter().filter(|(found, _)| !found.is_empty()) {
                    self.session.report(found, sources, Findings::AsMessages)?;
                }
            }
        }
        self.found = all;
        self.has_failed = false;
        Ok((errors, warnings))
    }

    fn rendered(&mut self, applied: &Applied, extent: Extent) -> Result<(), Error> {
        let milliseconds = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        let Applied { changed, removed, is_whole, written, found: _, lock: _ } = applied;
        self.event(
            "rendered",
            json!({
                "pipelines": extent.pipelines,
                "compiled": extent.compiled,
                "all": is_whole,
                "changed": changed,
                "removed": removed,
                "filesWritten": written,
                "durationMs": milliseconds(extent.took),
                "sinceChangeMs": milliseconds(extent.since_change),
            }),
        )?;
        if !self.writes && self.session.writes_text() {
            let changed = changed.iter().map(|path| format!("  would write   {path}"));
            let removed = removed.iter().map(|path| format!("  would remove  {path}"));
            let lines = changed.chain(removed).collect::<Vec<_>>();
            for line in lines.iter().take(NAMED) {
                self.session.above_status(line);
            }
            if lines.len() > NAMED {
                self.session.above_status(&format!("  and {} more", lines.len() - NAMED));
            }
        }
        Ok(())
    }

    fn sentence(&self, applied: &Applied) -> String {
        let changes = applied.changed.len() + applied.removed.len();
        match (self.writes, applied.is_whole, changes) {
            (true, _, _) if applied.written == 0 => "no file changed".to_owned(),
            (true, _, _) => format!("{} written", counted(applied.written, "file")),
            (false, true, _) => "no error".to_owned(),
            (false, false, 0) => "no file would change".to_owned(),
            (false, false, _) => format!("{} would change", counted(changes, "file")),
        }
    }

    fn event(&mut self, name: &str, fields: Value) -> Result<(), Error> {
        if !self.session.writes_json() {
            return Ok(());
        }
        let mut event = Map::new();
        event.insert("event".to_owned(), name.into());
        event.insert("time".to_owned(), Timestamp::now().to_string().into());
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        self.session.line(&Value::from(event).to_string())
    }
}

/// Findings as `--format json` has them.
fn as_json(found: &[Diagnostic], sources: &Sources, strict: bool) -> Result<Vec<Value>, Error> {
    let mut found = found.to_vec();
    if strict {
        found.iter_mut().for_each(|one| one.severity = Severity::Error);
    }
    let failed = |error| Error::new("failed to write findings as JSON").because(error);
    let mut text = Vec::new();
    diagnostic::json::write(&found, sources, &mut text)?;
    let mut document: Value = serde_json::from_slice(&text).map_err(failed)?;
    match document["findings"].take() {
        Value::Array(found) => Ok(found),
        _ => Ok(Vec::new()),
    }
}
