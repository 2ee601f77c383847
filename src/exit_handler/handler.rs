//! One run reported: main's end found out, its pod looked at, its status read, merged and stored.
//!
//! In: [`Settings`], a cluster, and a [`Deadline`]. Out: what was [`Reported`]. The cluster gets a
//! share of the time and can fail the report in no way; what is left is OpenMetadata's, which is
//! asked again and again until it has stored the status.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::{info, warn};

use super::deadline::Deadline;
use super::diagnosis::{Diagnosis, Seen};
use super::error::{Cause, Error};
use super::main_pod;
use super::observe::{self, Whose};
use super::openmetadata::{OpenMetadata, Trouble};
use super::outcome::Outcome;
use super::settings::{Run, Settings};
use super::status::{self, Ended};
use super::verdict::Verdict;
use crate::cluster::{Cluster, jittered};

/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest: OpenMetadata takes a minute to start, and is to be found soon after.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The longest that one request may take, and the shortest that it is given.
const REQUEST: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// How often a refusal is doubted.
const DOUBTS: u32 = 2;

/// How the exit handler is run.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// Whether it runs beside main, which has ended: a sidecar.
    pub beside_main: bool,
    /// The name of the pod that it runs in.
    pub own_pod: Option<String>,
    /// Main's exit code, where main's launcher has left it.
    pub exit_code: Option<i64>,
}

/// What was reported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reported {
    /// The run.
    pub run: Run,
    /// The state that is stored, by OpenMetadata's name.
    pub state: String,
    /// Whether the main pod was looked at to say why it failed.
    pub is_diagnosed: bool,
}

/// Reports a run; `None` where there is nothing to report, since it is no pipeline of
/// OpenMetadata's. The cluster may be missing, with a sentence why.
pub async fn run(
    settings: &Settings,
    way: &Way,
    cluster: Result<Cluster, String>,
    deadline: &Deadline,
) -> Result<Option<Reported>, Error> {
    let Some(run) = &settings.run else {
        warn!(
            "nothing is reported: the workflow has no ingestionPipelineFQN, or `pipelineRunId` is not set"
        );
        return Ok(None);
    };
    let server = settings.server()?;
    info!(pipeline = run.pipeline, run = run.id, server = server.api, "reporting");
    let openmetadata = OpenMetadata::new(server, settings.secrets())?;

    let known = way.exit_code.map(Outcome::of_exit_code).or(settings.outcome);
    let seen = match known {
        Some(Outcome::Succeeded) => None,
        _ => Some(look(settings, run, way, cluster, deadline).await),
    };
    let pod = seen.as_ref().and_then(|seen| seen.pod.as_ref());
    let of_pod = || pod.and_then(main_pod::exit_code).map(Outcome::of_exit_code);
    // Whose end nobody knows has not been seen to end well.
    let outcome = known.or_else(of_pod).unwrap_or(Outcome::Failed);
    let diagnosis = seen
        .as_ref()
        .filter(|_| outcome == Outcome::Failed)
        .map(|seen| Diagnosis::of(seen, settings.secrets(), Timestamp::now()));
    let ended = Ended {
        run_id: &run.id,
        outcome,
        started: pod.and_then(main_pod::started).map(Timestamp::as_millisecond),
        now: Timestamp::now().as_millisecond(),
        diagnosis: diagnosis.as_ref(),
    };
    let stored = reported(&openmetadata, run, &ended, deadline).await?;
    let state = stored.get("pipelineState").and_then(Value::as_str).unwrap_or_default().to_owned();
    info!(pipeline = run.pipeline, run = run.id, state, "reported");
    let is_diagnosed = diagnosis.is_some_and(|diagnosis| diagnosis.is_seen);
    Ok(Some(Reported { run: run.clone(), state, is_diagnosed }))
}

/// What can be seen of the main pod.
async fn look(
    settings: &Settings,
    run: &Run,
    way: &Way,
    cluster: Result<Cluster, String>,
    deadline: &Deadline,
) -> Seen {
    let cluster = match cluster {
        Ok(cluster) => cluster,
        Err(why) => {
            warn!("not seen: the pod: {why}");
            let missing = vec![format!("Not seen: the pod: {why}.")];
            return Seen { missing, exit_code: way.exit_code, ..Seen::default() };
        }
    };
    let whose = Whose {
        namespace: settings.namespace.as_deref().unwrap_or(&cluster.namespace),
        job: settings.job.as_deref(),
        run_id: Some(&run.id),
        own: way.own_pod.as_deref(),
        beside_main: way.beside_main,
        exit_code: way.exit_code,
    };
    observe::look(&cluster, &whose, deadline).await
}

/// Stores the status, however often it must be tried, and gives what is stored then.
async fn reported(
    openmetadata: &OpenMetadata,
    run: &Run,
    ended: &Ended<'_>,
    deadline: &Deadline,
) -> Result<Map<String, Value>, Error> {
    let mut attempts = Attempts { count: 0, last: None };
    let result = tokio::select! {
        result = attempts.until_stored(openmetadata, run, ended, deadline) => result,
        () = deadline.passed() => Err(None),
    };
    result.map_err(|error| {
        error.unwrap_or_else(|| Error::Unanswered {
            seconds: deadline.taken().as_secs(),
            attempts: attempts.count,
            source: attempts.last.unwrap_or_else(|| Cause("it does not answer in time".to_owned())),
        })
    })
}

struct Attempts {
    count: u32,
    last: Option<Cause>,
}

impl Attempts {
    /// Tries until it is done; `Err(None)` when no time is left for another attempt.
    async fn until_stored(
        &mut self,
        openmetadata: &OpenMetadata,
        run: &Run,
        ended: &Ended<'_>,
        deadline: &Deadline,
    ) -> Result<Map<String, Value>, Option<Error>> {
        let mut pause = FIRST_PAUSE;
        let mut doubts = 0;
        loop {
            self.count += 1;
            let Trouble { cause, verdict } = match attempt(openmetadata, run, ended, deadline).await
            {
                Ok(status) => return Ok(status),
                Err(trouble) => trouble,
            };
            let asked = match verdict {
                Verdict::Refused { remedy } => {
                    return Err(Some(Error::Refused { source: cause, remedy }));
                }
                Verdict::Doubtful { remedy } if doubts == DOUBTS => {
                    return Err(Some(Error::Refused { source: cause, remedy }));
                }
                Verdict::Doubtful { .. } => {
                    doubts += 1;
                    Duration::ZERO
                }
                Verdict::Passing { wait } => wait,
                Verdict::Fine => Duration::ZERO,
            };
            let wait = jittered(pause).max(asked);
            let left = deadline.left();
            warn!(left_seconds = left.as_secs(), "OpenMetadata did not take the status: {cause}");
            self.last = Some(cause);
            // The last attempt is made as late as it can be.
            let latest = left.saturating_sub(REQUEST[0]);
            if latest < asked.max(FIRST_PAUSE) {
                return Err(None);
            }
            tokio::time::sleep(wait.min(latest)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Reads, merges and stores once. What another has stored meanwhile is read anew each time.
async fn attempt(
    openmetadata: &OpenMetadata,
    run: &Run,
    ended: &Ended<'_>,
    deadline: &Deadline,
) -> Result<Map<String, Value>, Trouble> {
    // Half of what is left, so that one request that hangs does not take all of it.
    let time = || (deadline.left() / 2).clamp(REQUEST[0], REQUEST[1]);
    let stored = openmetadata.stored(run, time()).await?;
    let status = status::merged(stored, ended);
    openmetadata.store(run, &status, time()).await?;
    Ok(status)
}
