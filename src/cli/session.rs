//! The terminal, files and threads of one run of the command.
//!
//! In: the global options. Out: results and findings on stdout, everything else on stderr. Results
//! are buffered and written out at the end, so that a closed pipe is noticed once.

#[cfg(any(feature = "cluster", feature = "watch"))]
use std::io::IsTerminal;
use std::io::{self, BufWriter, Write};

use anstream::{AutoStream, ColorChoice};
use ompipe::diagnostic::{self, Diagnostic, Severity};
use ompipe::source::Sources;
use ompipe::tree::Node;

use super::error::Error;
use super::exit::Status;
use super::{Color, Format, Global};

/// Back to the begin of the terminal's line, and everything on it away.
#[cfg(any(feature = "cluster", feature = "watch"))]
const REDRAW: &str = "\r\u{1b}[K";
/// The columns that every terminal has.
#[cfg(feature = "cluster")]
const NARROW: usize = 79;

/// Where findings go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Findings {
    /// They are what the verb is asked for: stdout.
    AsResult,
    /// They go beside the result: stderr.
    AsMessages,
}

/// One run of the command.
pub(crate) struct Session {
    global: Global,
    out: BufWriter<io::Stdout>,
    /// Whether the terminal's cursor stands behind a status line.
    #[cfg(any(feature = "cluster", feature = "watch"))]
    has_status: bool,
}

impl Session {
    pub(crate) fn new(global: Global) -> Self {
        Self {
            global,
            out: BufWriter::with_capacity(1 << 16, io::stdout()),
            #[cfg(any(feature = "cluster", feature = "watch"))]
            has_status: false,
        }
    }

    /// Makes the options hold that are not looked at later.
    pub(crate) fn start(&self) -> Result<(), Error> {
        if let Some(threads) = self.global.threads {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads.get())
                .build_global()
                .map_err(|error| Error::new("failed to start the threads").because(error))?;
        }
        Ok(())
    }

    /// Standard output, for results.
    pub(crate) fn out(&mut self) -> &mut impl Write {
        &mut self.out
    }

    /// A sentence on what was done, for people, unless they asked for quiet.
    pub(crate) fn say(&mut self, sentence: &str) {
        if !self.global.quiet {
            message(sentence);
        }
    }

    /// An error of the tool.
    pub(crate) fn error(&mut self, error: &Error) {
        // What was written before the error comes before it.
        let _closed = self.out.flush();
        message(&error.to_string());
    }

    /// Whether findings make the run fail.
    pub(crate) fn fails_on(&self, found: &[Diagnostic]) -> bool {
        found.iter().any(|one| self.is_error(one))
    }

    /// Whether a finding counts as an error.
    pub(crate) fn is_error(&self, found: &Diagnostic) -> bool {
        self.global.strict || found.severity == Severity::Error
    }

    /// Writes findings in the format that was asked for, and says what status they give.
    pub(crate) fn report(
        &mut self,
        mut found: Vec<Diagnostic>,
        sources: &Sources,
        to: Findings,
    ) -> Result<Status, Error> {
        if self.global.strict {
            for diagnostic in &mut found {
                diagnostic.severity = Severity::Error;
            }
        }
        let format = self.global.format;
        let has_errors = found.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        match to {
            Findings::AsResult => {
                let color = self.color(&io::stdout());
                write(format, &found, sources, color, &mut self.out)?;
            }
            Findings::AsMessages => {
                let stderr = io::stderr();
                let color = self.color(&stderr);
                let mut out = BufWriter::new(stderr.lock());
                write(format, &found, sources, color, &mut out)
                    .and_then(|()| out.flush())
                    .map_err(|error| {
                        Error::new("failed to write to standard error").because(error)
                    })?;
            }
        }
        Ok(if has_errors { Status::Findings } else { Status::Fine })
    }

    /// Writes a KRM function's results to stderr, for people.
    pub(crate) fn say_results(&mut self, results: &[Node]) -> Result<(), Error> {
        let mut text = Vec::new();
        diagnostic::krm::write(results, &mut text)
            .and_then(|()| io::stderr().lock().write_all(&text))
            .map_err(|error| Error::new("failed to write to standard error").because(error))
    }

    /// Whether findings are written for people.
    pub(crate) fn writes_text(&self) -> bool {
        self.global.format == Format::Text
    }

    /// Whether results are written for programs.
    pub(crate) fn writes_json(&self) -> bool {
        self.global.format == Format::Json
    }

    /// Whether results on stdout are written in colour.
    pub(crate) fn colors_results(&self) -> bool {
        self.color(&io::stdout())
    }

    /// Whether warnings count as errors.
    #[cfg(feature = "watch")]
    pub(crate) fn is_strict(&self) -> bool {
        self.global.strict
    }

    /// A line on standard output, at once.
    #[cfg(feature = "watch")]
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Error> {
        writeln!(self.out, "{text}")?;
        self.finish()
    }

    /// How things are, on one line of the terminal, in place of the last such line; a line of its own
    /// where there is no terminal. Not for those who asked for quiet.
    #[cfg(feature = "watch")]
    pub(crate) fn status(&mut self, text: &str) {
        if self.global.quiet || !self.writes_text() {
            return;
        }
        if io::stderr().is_terminal() {
            let _closed = write!(io::stderr(), "{REDRAW}{text}");
            self.has_status = true;
        } else {
            message(text);
        }
    }

    /// How far something has come, on one line of the terminal; nothing where there is none.
    #[cfg(feature = "cluster")]
    pub(crate) fn progress(&mut self, text: &str) {
        if !self.global.quiet && self.writes_text() && io::stderr().is_terminal() {
            // A line that the terminal breaks is two, of which one would stay.
            let text: String = text.chars().take(NARROW).collect();
            let _closed = write!(io::stderr(), "{REDRAW}{text}");
            self.has_status = true;
        }
    }

    /// Asks a question that is answered by y or n; `None` where there is nobody to ask.
    #[cfg(feature = "cluster")]
    pub(crate) fn confirms(&mut self, question: &str) -> Option<bool> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        self.clear_status();
        let _closed = write!(io::stderr(), "{question} [y/N] ");
        let mut answer = String::new();
        // An end of the input is no yes.
        let _ended = io::stdin().read_line(&mut answer);
        Some(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// Takes the status line away, to write something else in its place.
    #[cfg(any(feature = "cluster", feature = "watch"))]
    pub(crate) fn clear_status(&mut self) {
        if std::mem::take(&mut self.has_status) {
            let _closed = write!(io::stderr(), "{REDRAW}");
        }
    }

    /// Leaves the status line where it is.
    #[cfg(feature = "watch")]
    pub(crate) fn end_status(&mut self) {
        if std::mem::take(&mut self.has_status) {
            message("");
        }
    }

    /// A line that stays, in the place of the status line.
    #[cfg(feature = "watch")]
    pub(crate) fn above_status(&mut self, text: &str) {
        self.clear_status();
        message(text);
    }

    /// Writes out what is buffered.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        Ok(self.out.flush()?)
    }

    fn color(&self, stream: &impl anstream::stream::RawStream) -> bool {
        match self.global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => AutoStream::choice(stream) != ColorChoice::Never,
        }
    }
}

fn write(
    format: Format,
    found: &[Diagnostic],
    sources: &Sources,
    color: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    match format {
        Format::Text => diagnostic::text::write(found, sources, color, out),
        Format::Json => diagnostic::json::write(found, sources, out),
        Format::Sarif => diagnostic::sarif::write(found, sources, out),
        Format::Github => diagnostic::github::write(found, sources, out),
        Format::Junit => diagnostic::junit::write(found, sources, out),
    }
}

/// A line on stderr. When that is closed there is nobody to tell.
fn message(text: &str) {
    let _closed = writeln!(io::stderr(), "{text}");
}
