//! `ompipe run --wait`: how a run goes, until it has ended.
//!
//! In: a run that was started. Out: how it ended, told on the way whenever it is otherwise.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use ompipe::cluster::Cluster;
use ompipe::cluster::runs::{Plan, Run, Started, State, Waiting};
use tokio::time::sleep;

use crate::cli::error::Error;
use crate::cli::interrupt::asked_to_stop;
use crate::cli::session::Session;
use crate::cli::shown_run::{length, took};

/// Waits; `None`: the run was deleted before it ended.
pub(super) async fn wait(
    cluster: &Cluster,
    plan: &Plan,
    started: &Started,
    timeout: Option<Duration>,
    session: &mut Session,
) -> Result<Option<Run>, Error> {
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
        if run.state.has_ended() {
            say_ended(&run, session)?;
            return Ok(Some(run));
        }
        let now = (run.state, run.reason.clone());
        if told.as_ref() != Some(&now) {
            session.say(&how(&run));
            told = Some(now);
        }
        tokio::select! {
            () = &mut interrupted => return Err(goes_on("interrupted", plan)),
            () = &mut late => {
                let seconds = timeout.unwrap_or_default().as_secs();
                return Err(goes_on(&format!("the run has not ended within {seconds} s"), plan));
            }
            () = waiting.change() => {}
        }
    }
}

fn how(run: &Run) -> String {
    let because = run.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let message = run.message.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
    format!("{}{because}{message}", run.state)
}

fn say_ended(run: &Run, session: &mut Session) -> Result<(), Error> {
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
    writeln!(session.out(), "{text}")?;
    if run.state == State::Failed {
        session.finish()?;
        session.say(&format!("`ompipe diagnose {}` says more", run.pipeline));
    }
    Ok(())
}

/// That the waiting is over, and the run is not.
fn goes_on(why: &str, plan: &Plan) -> Error {
    Error::new(format!("{why}: {} goes on", plan.kind.named(&plan.name))).with_hint(format!(
        "`ompipe status {pipeline}` says how it is, `ompipe kill {pipeline} --run {id}` ends it.",
        pipeline = plan.pipeline,
        id = plan.id,
    ))
}
