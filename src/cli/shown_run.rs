//! Runs as people and programs are shown them.
//!
//! In: runs, and the time. Out: words and JSON.

use jiff::{SignedDuration, Timestamp};
use ompipe::cluster::runs::{Run, State, Tick};
use serde_json::{Value, json};

/// The fewest characters of an id that are shown.
const SHORTEST: usize = 8;

/// A run, for programs.
pub(crate) fn to_json(run: &Run) -> Value {
    json!({
        "pipeline": run.pipeline,
        "pipelineType": run.pipeline_type,
        "component": run.component,
        "runId": run.id,
        "state": run.state,
        "reason": run.reason,
        "message": run.message,
        "startedBy": started_by(run),
        "created": run.created,
        "started": run.started,
        "ended": run.ended,
        "exitCode": run.exit_code,
        "kind": run.kind,
        "name": run.name,
        "namespace": run.namespace,
        "mainPod": run.main_pod,
        "exitHandlerPod": run.exit_pod,
    })
}

/// `schedule` or `hand`.
pub(crate) fn started_by(run: &Run) -> &'static str {
    match run.tick {
        Tick::Schedule(_) => "schedule",
        Tick::ByHand => "hand",
    }
}

/// How long a run took, or takes already.
pub(crate) fn took(run: &Run, now: Timestamp) -> Option<SignedDuration> {
    let until = if run.state.has_ended() { run.ended? } else { now };
    Some(until.duration_since(run.started?).max(SignedDuration::ZERO))
}

/// A length of time in at most two units: `4s`, `3m12s`, `5h4m`, `12d`.
pub(crate) fn length(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600, seconds / 60);
    let two = |first: i64, one: &str, second: i64, other: &str| match second {
        0 => format!("{first}{one}"),
        second => format!("{first}{one}{second}{other}"),
    };
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => two(minutes, "m", seconds % 60, "s"),
        3600..86_400 => two(hours, "h", minutes % 60, "m"),
        86_400..864_000 => two(days, "d", hours % 24, "h"),
        _ => format!("{days}d"),
    }
}

/// The length of the shortest beginnings by which ids can be told apart.
pub(crate) fn id_length<'run>(ids: impl Iterator<Item = &'run str>) -> usize {
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    let shared = |one: &str, other: &str| {
        one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count()
    };
    let longest = ids.windows(2).map(|pair| shared(pair[0], pair[1])).max();
    longest.map_or(SHORTEST, |longest| SHORTEST.max(longest + 1))
}

/// The beginning of an id.
pub(crate) fn short(id: &str, length: usize) -> String {
    id.chars().take(length).collect()
}

/// The colour of a state.
pub(crate) fn color(state: &str) -> &'static str {
    let is = |of: State| state == of.as_str();
    match () {
        () if is(State::Failed) => "\u{1b}[31m",
        () if is(State::Success) => "\u{1b}[32m",
        () if is(State::Running) => "\u{1b}[36m",
        () if is(State::Queued) => "\u{1b}[33m",
        () => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_two_units_at_most() {
        let shown = |seconds| length(SignedDuration::from_secs(seconds));
        assert_eq!(shown(4), "4s");
        assert_eq!(shown(60), "1m");
        assert_eq!(shown(3 * 60 + 12), "3m12s");
        assert_eq!(shown(5 * 3600 + 240), "5h4m");
        assert_eq!(shown(26 * 3600), "1d2h");
        assert_eq!(shown(12 * 86_400 + 3600), "12d");
    }

    #[test]
    fn ids_are_shown_as_far_as_they_are_told_apart() {
        assert_eq!(id_length(["aaaaaaaaaa", "bbbbbbbbbb"].into_iter()), 8);
        assert_eq!(id_length(["aaaaaaaaaa1", "aaaaaaaaaa2"].into_iter()), 11);
        assert_eq!(short("6f1c0000-1111", 8), "6f1c0000");
    }
}
