//! Overviews as a table for people and as JSON for programs.
//!
//! In: overviews, and the time. Out: text.

use std::borrow::Borrow;
use std::io::{self, Write};

use jiff::Timestamp;
use ompipe::cluster::runs::{Overview, Run};
use serde_json::{Value, json};

use crate::cli::shown_run::{color, length, to_json, took};
use crate::cli::table;

/// The version of the JSON document's form: raised when a field changes its meaning or goes.
const VERSION: u32 = 1;
/// The longest message that stands below the table; `diagnose` has all of it.
const MESSAGE: usize = 160;

pub(super) fn json(all: &[Overview], out: &mut impl Write) -> io::Result<()> {
    let document =
        json!({"version": VERSION, "pipelines": all.iter().map(one).collect::<Vec<_>>()});
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

/// What has changed, on a line of its own.
pub(super) fn line(
    changed: &[&Overview],
    gone: &[&Overview],
    out: &mut impl Write,
) -> io::Result<()> {
    let gone = gone
        .iter()
        .map(|one| json!({"namespace": one.namespace, "pipeline": one.pipeline}))
        .collect::<Vec<_>>();
    let changed = changed.iter().map(|changed| one(changed)).collect::<Vec<_>>();
    let document = json!({"version": VERSION, "pipelines": changed, "gone": gone});
    serde_json::to_writer(&mut *out, &document)?;
    writeln!(out)
}

fn one(one: &Overview) -> Value {
    let schedules = one.crons.iter().map(|cron| {
        json!({
            "kind": cron.kind,
            "name": cron.name,
            "schedule": cron.schedule,
            "timeZone": cron.time_zone,
            "suspended": cron.is_suspended,
            "lastScheduleTime": cron.last,
        })
    });
    json!({
        "namespace": one.namespace,
        "pipeline": one.pipeline,
        "schedules": schedules.collect::<Vec<_>>(),
        "suspended": one.is_suspended(),
        "state": one.last.as_ref().map(|run| run.state),
        "next": one.next,
        "lastRun": one.last.as_ref().map(to_json),
        "activeRuns": one.active.iter().map(to_json).collect::<Vec<_>>(),
        "runs": one.runs,
    })
}

pub(super) fn table<O: Borrow<Overview>>(
    all: &[O],
    now: Timestamp,
    in_color: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    if all.is_empty() {
        return writeln!(out, "There are no pipelines.");
    }
    let all: Vec<&Overview> = all.iter().map(Borrow::borrow).collect();
    let several = all.iter().any(|one| one.namespace != all[0].namespace);
    let head =
        ["NAMESPACE", "PIPELINE", "STATE", "REASON", "AGO", "TOOK", "ACTIVE", "NEXT", "SCHEDULE"];
    let rows: Vec<_> = all.iter().map(|one| row(one, several, now)).collect();
    let style = |column, cell: &str| if in_color && column == 2 { color(cell) } else { "" };
    table::write(head, &rows, style, out)?;
    let mut told = all.iter().copied().filter_map(message).peekable();
    if told.peek().is_some() {
        writeln!(out)?;
    }
    told.try_for_each(|text| writeln!(out, "{text}"))
}

fn row(one: &Overview, several: bool, now: Timestamp) -> [String; 9] {
    let last = one.last.as_ref();
    let begun = last.and_then(|run| run.started.or(run.created));
    let active = one.active.len();
    let next = match one.next {
        Some(next) => format!("in {}", length(next.duration_since(now))),
        None if one.is_suspended() => "suspended".to_owned(),
        None if one.is_by_hand() => "by hand".to_owned(),
        None => String::new(),
    };
    let schedules = one.crons.iter().filter(|cron| cron.ever_fires()).map(|cron| {
        let zone = cron.time_zone.as_deref().map(|zone| format!(" {zone}"));
        format!("{}{}", cron.schedule, zone.unwrap_or_default())
    });
    let is_entity = last.is_some_and(|run| run.pipeline.is_empty());
    let schedule = match one.crons.is_empty() {
        true if is_entity => String::new(),
        true => "not applied".to_owned(),
        false => schedules.collect::<Vec<_>>().join(", "),
    };
    [
        if several { one.namespace.clone() } else { String::new() },
        one.pipeline.clone(),
        last.map_or("-".to_owned(), |run| run.state.to_string()),
        last.and_then(|run| run.reason.clone()).unwrap_or_default(),
        begun.map(|begun| length(now.duration_since(begun))).unwrap_or_default(),
        last.and_then(|run| took(run, now)).map(length).unwrap_or_default(),
        if active > 0 { active.to_string() } else { String::new() },
        next,
        schedule,
    ]
}

/// What there is to say of a run that is not well.
fn message(one: &Overview) -> Option<String> {
    let Run { message, reason, .. } = one.last.as_ref()?;
    let text = message.as_deref()?.split_whitespace().collect::<Vec<_>>().join(" ");
    reason.as_ref()?;
    let cut: String = text.chars().take(MESSAGE).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    Some(format!("{}: {cut}{more}", one.pipeline))
}
