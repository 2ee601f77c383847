//! `ompipe run --wait` and `--follow`: how a run goes, until it has ended.
//!
//! In: a run that was started. Out: how it ended, told on the way whenever it is otherwise, and with
//! --follow the log of each of its tries.

use std::collections::HashSet;
use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use ompipe::cluster::Cluster;
use ompipe::cluster::logs::{Of, Source, Wanted, source, stream};
use ompipe::cluster::runs::{self, Plan, Run, Started, State, Waiting};
use tokio::time::sleep;

use crate::cli::error::Error;
use crate::cli::interrupt::asked_to_stop;
use crate::cli::logs::{Text, failed};
use crate::cli::session::Session;
use crate::cli::shown_run::{length, took};

/// For how long, and what is shown meanwhile.
#[derive(Clone, Copy)]
pub(super) struct Until {
    /// So long at most.
    pub(super) timeout: Option<Duration>,
    /// Whether the log is shown.
    pub(super) follow: bool,
}

/// Waits; `None`: the run was deleted before it ended.
pub(super) async fn wait(
    cluster: &Cluster,
    plan: &Plan,
    started: &Started,
    until: Until,
    session: &mut Session,
) -> Result<Option<Run>, Error> {
    let Until { timeout, follow } = until;
    let too_late = || {
        let seconds = timeout.unwrap_or_default().as_secs();
        goes_on(&format!("the run has not ended within {seconds} s"), plan)
    };
    let mut shown = HashSet::new();
    let Plan { kind, namespace, name, id, .. } = plan;
    let mut waiting = Waiting::new(cluster, *kind, namespace, name, &started.uid, id);
    let mut interrupted = Box::pin(asked_to_stop());
    let mut late = Box::pin(sleep(timeout.unwrap_or(Duration::MAX)));
    let mut told = None;
    loop {
        let Some(run) = waiting.look().await? else {
            session.say("the run is gone: somebody deleted it before its end was seen");
            return Ok(None);
        };
        if follow
            && run.state != State::Queued
            && let Some(log) = new_log(cluster, &run, &mut shown).await?
        {
            let mut out = Text { session: &mut *session };
            tokio::select! {
                () = &mut interrupted => return Err(goes_on("interrupted", plan)),
                () = &mut late => return Err(too_late()),
                end = stream(cluster, &log, &mut out) => drop(end.map_err(failed)?),
            }
            session.finish()?;
            continue;
        }
        if run.state.has_ended() {
            say_ended(&run, follow, session)?;
            return Ok(Some(run));
        }
        let now = (run.state, run.reason.clone());
        if told.as_ref() != Some(&now) {
            session.say(&how(&run));
            told = Some(now);
        }
        tokio::select! {
            () = &mut interrupted => return Err(goes_on("interrupted", plan)),
            () = &mut late => return Err(too_late()),
            change = waiting.change() => change?,
        }
    }
}

/// The log of a try of the run that was not shown yet.
async fn new_log(
    cluster: &Cluster,
    run: &Run,
    shown: &mut HashSet<String>,
) -> Result<Option<Wanted>, Error> {
    let pods = runs::pods_of(cluster, run).await?;
    let Source::In { pod, uid, container } = source(&pods, &Of::Main, None) else {
        return Ok(None);
    };
    let is_new = shown.insert(uid.clone());
    Ok(is_new.then(|| Wanted {
        namespace: run.namespace.clone(),
        pod,
        uid: Some(uid),
        container,
        follow: true,
        timestamps: false,
        tail: None,
    }))
}

fn how(run: &Run) -> String {
    let because = run.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let message = run.message.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
    format!("{}{because}{message}", run.state)
}

fn say_ended(run: &Run, follow: bool, session: &mut Session) -> Result<(), Error> {
    if !session.writes_text() {
        return Ok(());
    }
    let took = took(run, Timestamp::now()).map(|took| format!(" after {}", length(took)));
    let took = took.unwrap_or_default();
    let text = match run.state {
        State::Success => format!("SUCCESS{took}"),
        _ => {
            let why = how(run);
            why.replacen("FAILED", &format!("FAILED{took}"), 1)
        }
    };
    if follow {
        session.say(&text);
    } else {
        writeln!(session.out(), "{text}")?;
    }
    if run.state == State::Failed {
        session.finish()?;
        let of = match run.pipeline.as_str() {
            "" => format!("-n {} {}", run.namespace, run.name),
            pipeline => pipeline.to_owned(),
        };
        session.say(&format!("`ompipe diagnose {of}` says more"));
    }
    Ok(())
}

/// That the waiting is over, and the run is not.
pub(super) fn goes_on(why: &str, plan: &Plan) -> Error {
    let Plan { kind, namespace, name, id, pipeline, .. } = plan;
    let hint = match pipeline.as_str() {
        "" => format!(
            "`ompipe status -n {namespace}` says how it is, `ompipe kill -n {namespace} {name}` \
             ends it."
        ),
        _ => format!(
            "`ompipe status {pipeline}` says how it is, `ompipe kill {pipeline} --run {id}` ends it."
        ),
    };
    Error::new(format!("{why}: {} goes on", kind.named(name))).with_hint(hint)
}
