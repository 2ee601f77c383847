//! `ompipe exit-handler`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ompipe::exit_handler::{self, Deadline, Reported, Settings, Way, exit_code_in_file};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

use super::cluster::{ClusterArgs, block_on};
use super::error::Error;
use super::exit::Status;
use super::log::{LogArgs, LogFormat};
use super::session::Session;

/// What is left of Kubernetes' default grace period of 30 s when it tells an exit handler at work to
/// end, but for the last words.
const AFTER_SIGTERM: Duration = Duration::from_secs(25);

/// Report to OpenMetadata how a run has ended, from within its pods
///
/// It does what exit_handler.py of the ingestion image does, without Python: of a failed run it
/// looks at the main pod's state, events and log, then reads the run's status from OpenMetadata,
/// adds the end to what the run itself has reported, and stores it. It is tried again until the
/// deadline; a cluster that does not answer costs the diagnosis only. `exitHandlerImage` has
/// rendered pods use it. What it reads is in the environment: config, pipelineRunId, jobName,
/// namespace and pipelineStatus.
///
/// Exit status: 0 it is stored, or there is nothing to report; 1 OpenMetadata refuses it, or the
/// workflow does not say how to reach it; 2 OpenMetadata did not take it in time, or wrong usage.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe exit-handler                   As the operator's exit handler pod
  ompipe exit-handler --sidecar         Beside main: waits until the kubelet ends it
  ompipe exit-handler --deadline 20     As a preStop hook of an image that has ompipe")]
pub(crate) struct ExitHandlerArgs {
    /// Wait for SIGTERM, which a sidecar gets when main has ended, and report then
    #[arg(long)]
    sidecar: bool,

    /// How long it may take, in seconds; of a sidecar, from SIGTERM on
    #[arg(long, value_name = "SECONDS", default_value_t = 50)]
    deadline: u64,

    /// The file in which main's launcher leaves its exit code
    #[arg(long, env = "OMPIPE_EXIT_CODE_FILE", value_name = "FILE")]
    exit_code_file: Option<PathBuf>,

    /// The name of the pod that it runs in [default: its host's name]
    #[arg(long, env = "POD_NAME", value_name = "NAME", hide_env_values = true)]
    pod_name: Option<String>,

    #[command(flatten)]
    cluster: ClusterArgs,

    #[command(flatten)]
    log: LogArgs,
}

pub(crate) fn run(args: &ExitHandlerArgs, session: &mut Session) -> Result<Status, Error> {
    args.log.start(LogFormat::Text);
    // What is wrong with them is said at once and again at the end, for whoever looks then.
    let settings = Settings::read(|name| {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    });
    if let Err(error) = settings.as_ref()
        && args.sidecar
    {
        session.error(&Error::from(error));
    }
    match block_on(report(args, settings))? {
        Ok(reported) => {
            say(reported.as_ref(), session)?;
            Ok(Status::Fine)
        }
        Err(error) if error.is_lasting() => {
            session.error(&Error::from(&error));
            Ok(Status::Findings)
        }
        Err(error) => Err(Error::from(&error)),
    }
}

async fn report(
    args: &ExitHandlerArgs,
    settings: Result<Settings, exit_handler::Error>,
) -> Result<Result<Option<Reported>, exit_handler::Error>, Error> {
    let mut terminated = signal(SignalKind::terminate())
        .map_err(|error| Error::new("failed to start").because(error))?;
    if args.sidecar {
        info!("waiting until main has ended");
        terminated.recv().await;
    }
    let deadline = Deadline::within(Duration::from_secs(args.deadline));
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => return Ok(Err(error)),
    };
    let cluster = args.cluster.connect().await.map_err(|error| error.to_string());
    let cluster = cluster.map_err(|text| one_line(&text));
    let way = Way {
        beside_main: args.sidecar,
        exit_code: args.exit_code(),
        own_pod: args.pod_name.clone().or_else(|| std::env::var("HOSTNAME").ok()),
    };
    let work = exit_handler::run(&settings, &way, cluster, &deadline);
    Ok(tokio::select! {
        reported = work => reported,
        never = hurry(terminated, &deadline) => match never {},
    })
}

/// Brings the deadline forward when somebody asks for the end of an exit handler at work.
async fn hurry(mut terminated: Signal, deadline: &Deadline) -> std::convert::Infallible {
    loop {
        terminated.recv().await;
        info!("told to end: {} s are left at most", AFTER_SIGTERM.as_secs());
        deadline.at_most(AFTER_SIGTERM);
    }
}

impl ExitHandlerArgs {
    /// What main's launcher left in its file, if it did.
    fn exit_code(&self) -> Option<i64> {
        let text = std::fs::read_to_string(self.exit_code_file.as_ref()?).ok()?;
        exit_code_in_file(&text)
    }
}

fn say(reported: Option<&Reported>, session: &mut Session) -> Result<(), Error> {
    if session.writes_json() {
        let document = match reported {
            Some(Reported { run, state, is_diagnosed }) => json!({
                "reported": true,
                "pipeline": run.pipeline,
                "runId": run.id,
                "pipelineState": state,
                "diagnosed": is_diagnosed,
            }),
            None => json!({"reported": false}),
        };
        writeln!(session.out(), "{document}")?;
    } else if let Some(Reported { run, state, .. }) = reported {
        writeln!(session.out(), "{}: {state} reported, run id {}", run.pipeline, run.id)?;
    }
    Ok(())
}

/// An error of several lines in one.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim_start_matches("Error: "));
    lines.filter(|line| !line.starts_with("Hint: ")).collect::<Vec<_>>().join(": ")
}

impl From<&exit_handler::Error> for Error {
    fn from(error: &exit_handler::Error) -> Self {
        let mut failed = Self::new(error.to_string());
        if let exit_handler::Error::Refused { source, .. }
        | exit_handler::Error::Unanswered { source, .. } = error
        {
            failed = failed.because(source.clone());
        }
        match error.remedy() {
            Some(remedy) => failed.with_hint(remedy),
            None => failed,
        }
    }
}
