//! A calendar for programs.
//!
//! In: a calendar. Out: one JSON document, described in `docs/schedule.md`. Instants are RFC 3339,
//! in UTC unless the field says otherwise; amounts are whole numbers.

use std::io;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Calendar, Effect, Line, Peak};
use crate::survey::Requests;

/// The version of the document's form: raised when a field changes its meaning or goes.
const VERSION: u32 = 1;

/// Writes a calendar.
pub fn write(calendar: &Calendar, out: &mut impl io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(calendar))?;
    writeln!(out)
}

fn document(calendar: &Calendar) -> Value {
    let question = &calendar.question;
    let lines = calendar.lines.iter().map(|line| pipeline(calendar, line));
    let days = calendar.days.iter();
    let days = days.map(|day| json!({"date": day.date.to_string(), "starts": day.starts}));
    let overlaps = calendar.overlaps.iter().map(|overlap| {
        json!({
            "service": overlap.service.as_str(),
            "most": overlap.most,
            "at": overlap.at.to_string(),
            "secondsInAll": overlap.seconds,
            "pipelines": names(calendar, &overlap.lines),
        })
    });
    let hours = (0i64..).zip(&calendar.load.hours).map(|(hour, requests)| {
        let start = calendar.start.saturating_add(SignedDuration::from_hours(hour));
        json!({"start": start.unwrap_or(calendar.start).to_string(), "requests": amounts(*requests)})
    });
    let surprises = calendar.surprises.iter().map(|surprise| {
        let runs = surprise.runs.iter().map(|(line, times)| {
            let times = times.iter().map(ToString::to_string).collect::<Vec<_>>();
            json!({"pipeline": calendar.lines[*line].pipeline.name.as_str(), "times": times})
        });
        json!({
            "timeZone": surprise.zone.as_str(),
            "at": surprise.at.to_string(),
            "before": surprise.before.to_string(),
            "after": surprise.after.to_string(),
            "effect": effect(surprise.effect),
            "runs": runs.collect::<Vec<_>>(),
        })
    });
    json!({
        "version": VERSION,
        "from": question.from.to_string(),
        "start": calendar.start.to_string(),
        "end": calendar.end.to_string(),
        "timeZone": calendar.zone.as_str(),
        "clusterTimeZone": question.cluster_zone.as_str(),
        "durationSeconds": question.duration,
        "pipelines": lines.collect::<Vec<_>>(),
        "byHand": calendar.by_hand,
        "disabled": calendar.disabled,
        "startsByHour": days.collect::<Vec<_>>(),
        "overlaps": overlaps.collect::<Vec<_>>(),
        "load": {
            "peakOfCpu": calendar.load.cpu.as_ref().map(|peak| peak_of(calendar, peak)),
            "peakOfMemory": calendar.load.memory.as_ref().map(|peak| peak_of(calendar, peak)),
            "mostByHour": hours.collect::<Vec<_>>(),
        },
        "clockChanges": surprises.collect::<Vec<_>>(),
    })
}

fn pipeline(calendar: &Calendar, line: &Line) -> Value {
    let timetable = calendar.timetable(line);
    let rules = line.zone.rules();
    let local = |time: &Timestamp| {
        let offset = rules.to_offset(*time);
        time.display_with_offset(offset).to_string()
    };
    let next = timetable.next.iter();
    let next = next.map(|time| json!({"utc": time.to_string(), "local": local(time)}));
    json!({
        "name": line.pipeline.name.as_str(),
        "service": line.pipeline.service.as_str(),
        "type": line.pipeline.pipeline_type,
        "schedule": line.schedule.as_str(),
        "timeZone": line.zone.as_str(),
        "timeZoneIsAssumed": line.is_without_zone(),
        "countsFromCreation": line.is_counted(),
        "durationSeconds": line.duration,
        "requests": amounts(line.pipeline.requests),
        "next": next.collect::<Vec<_>>(),
        "runs": timetable.runs().len(),
    })
}

fn peak_of(calendar: &Calendar, peak: &Peak) -> Value {
    json!({
        "requests": amounts(peak.requests),
        "at": peak.at.to_string(),
        "until": peak.until.to_string(),
        "pipelines": names(calendar, &peak.lines),
    })
}

fn names<'c>(calendar: &'c Calendar, lines: &'c [usize]) -> Vec<&'c str> {
    calendar.names(lines).collect()
}

/// Rounded up, as a limit would have to be.
fn amounts(requests: Requests) -> Value {
    let milli = (requests.cpu + 999_999) / 1_000_000;
    let whole = |amount: i128| u64::try_from(amount).unwrap_or(u64::MAX);
    json!({"cpuMillis": whole(milli), "memoryBytes": whole(requests.memory)})
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Skipped => "skipped",
        Effect::Doubled => "doubled",
        Effect::PassedOver => "passedOver",
        Effect::Shifted => "shifted",
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{calendar, planned};
    use super::*;

    #[test]
    fn a_run_is_told_in_utc_and_on_its_zones_clock() {
        let line = planned("a", "s", "30 2 * * *", "Europe/Zurich");
        let document = document(&calendar(vec![line], "2026-11-23T00:00:00Z", 7));
        assert_eq!(
            document["pipelines"][0]["next"][0],
            json!({"utc": "2026-11-23T01:30:00Z", "local": "2026-11-23T02:30:00+01:00"})
        );
        assert_eq!(document["pipelines"][0]["runs"], 7);
        assert_eq!(document["clockChanges"][0]["effect"], "skipped");
        assert_eq!(document["clockChanges"][0]["runs"][0]["times"][0], "2027-03-28T02:30:00");
        assert_eq!(document["load"]["peakOfCpu"]["requests"]["cpuMillis"], 500);
    }
}
