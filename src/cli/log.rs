//! The log of what runs for long in a pod.
//!
//! In: flags. Out: lines on stderr of what the library tells, from here on.

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// What is logged, and how.
#[derive(Args)]
pub(crate) struct LogArgs {
    /// What is logged: error, warn, info, debug or trace
    #[arg(long, env = "LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,

    /// How it is logged: text or json [default: text on a terminal, json elsewhere]
    #[arg(long, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    log_format: Option<LogFormat>,
}

/// How it is logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// For programs: one JSON object a line
    Json,
}

impl LogArgs {
    /// Starts the log; `default` is its format where none is asked for.
    pub(crate) fn start(&self, default: LogFormat) {
        // Libraries say only what is wrong.
        let levels = Targets::new()
            .with_target("ompipe", self.log_level)
            .with_default(self.log_level.min(LevelFilter::WARN));
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal());
        let registry = tracing_subscriber::registry().with(levels);
        match self.log_format.unwrap_or(default) {
            LogFormat::Json => registry.with(lines.json().flatten_event(true)).init(),
            LogFormat::Text => registry.with(lines.with_target(false)).init(),
        }
    }
}
