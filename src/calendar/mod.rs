//! When everything runs: the schedules of a project's pipelines, side by side over some days.
//!
//! In: [`Planned`] pipelines and a [`Question`], which says from when and for how long. Out: a
//! [`Calendar`]: next runs, starts by hour, overlaps within services, the peak of what pods
//! request, and what changes of the clock do to runs; as text, JSON or one page of HTML. Times are
//! those that Kubernetes finds ([`Schedule`]). It knows no clock: now is an argument.

mod daylight;
mod heat;
pub mod html;
pub mod json;
mod load;
mod overlap;
mod paint;
mod svg;
pub mod text;
mod timetable;
mod words;

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::{Timestamp, ToSpan};
use rayon::prelude::*;

pub use daylight::{Effect, Surprise};
pub use heat::Day;
pub use load::{Load, Peak};
pub use overlap::Overlap;
pub use timetable::Timetable;

use crate::model::{Schedule, TimeZone};
use crate::survey::Planned;

/// How many coming runs of a pipeline are told.
const NEXT_RUNS: usize = 3;

/// What is asked of a calendar.
#[derive(Clone, Debug)]
pub struct Question {
    /// The instant that next runs follow. The days begin with the one that it lies in.
    pub from: Timestamp,
    /// How many days are shown.
    pub days: u16,
    /// How long a run is taken to last, in seconds, unless its pipeline's deadline ends it before.
    pub duration: i64,
    /// The zone of schedules that name none.
    pub cluster_zone: TimeZone,
}

/// One pipeline that runs on a schedule.
#[derive(Debug)]
pub struct Line {
    /// The pipeline.
    pub pipeline: Planned,
    /// Its schedule.
    pub schedule: Schedule,
    /// The zone that the schedule is read in.
    pub zone: TimeZone,
    /// How long a run is taken to last, in seconds.
    pub duration: i64,
    /// The place of its times in [`Calendar::timetables`].
    pub timetable: usize,
}

/// When everything runs.
#[derive(Debug)]
pub struct Calendar {
    /// What was asked.
    pub question: Question,
    /// The zone whose days and hours are shown: the one that most schedules are read in.
    pub zone: TimeZone,
    /// The beginning of the first day.
    pub start: Timestamp,
    /// The end of the last day.
    pub end: Timestamp,
    /// The pipelines that run on a schedule, by name.
    pub lines: Vec<Line>,
    /// The names of pipelines without a schedule.
    pub by_hand: Vec<CompactString>,
    /// The names of pipelines whose schedule is not followed.
    pub disabled: Vec<CompactString>,
    /// The times of each schedule in each zone, which lines share.
    pub timetables: Vec<Timetable>,
    /// How many runs start in each hour of each day.
    pub days: Vec<Day>,
    /// The services of which several pipelines run at once, the fullest first.
    pub overlaps: Vec<Overlap>,
    /// What the pods of all runs request together.
    pub load: Load,
    /// What changes of the clock do in the year that follows.
    pub surprises: Vec<Surprise>,
}

impl Calendar {
    /// Lays out the runs of pipelines.
    pub fn new(mut planned: Vec<Planned>, question: Question) -> Self {
        planned.sort_by(|one, other| one.name.cmp(&other.name));
        let (mut lines, mut by_hand, mut disabled) = (Vec::new(), Vec::new(), Vec::new());
        let mut keys = BTreeMap::new();
        for pipeline in planned {
            let Some(schedule) = pipeline.schedule.clone() else {
                by_hand.push(pipeline.name);
                continue;
            };
            if !pipeline.enabled {
                disabled.push(pipeline.name);
                continue;
            }
            let zone = pipeline.time_zone.as_ref().unwrap_or(&question.cluster_zone).clone();
            let number = keys.len();
            let key = (CompactString::from(schedule.as_str()), zone.clone());
            let timetable = *keys.entry(key).or_insert(number);
            let duration = question.duration.min(pipeline.deadline);
            lines.push(Line { pipeline, schedule, zone, duration, timetable });
        }
        let zone = shown_zone(&lines);
        let (start, end) = whole_days(&question, &zone);
        let mut first_lines = vec![None; keys.len()];
        for line in lines.iter().rev() {
            first_lines[line.timetable] = Some(line);
        }
        let timetables = first_lines.into_par_iter().flatten();
        let timetables = timetables
            .map(|line| Timetable::new(&line.schedule, &line.zone, &question, start, end))
            .collect::<Vec<_>>();
        let days = heat::days(&lines, &timetables, &zone, start, end);
        let overlaps = overlap::overlaps(&lines, &timetables, start, end);
        let load = load::load(&lines, &timetables, start, end);
        let surprises = daylight::surprises(&lines, &timetables);
        Self {
            question,
            zone,
            start,
            end,
            lines,
            by_hand,
            disabled,
            timetables,
            days,
            overlaps,
            load,
            surprises,
        }
    }

    /// The times of a line's schedule.
    pub fn timetable(&self, line: &Line) -> &Timetable {
        &self.timetables[line.timetable]
    }

    /// The names of the lines at these places.
    fn names<'c>(&'c self, lines: &'c [usize]) -> impl ExactSizeIterator<Item = &'c str> {
        lines.iter().map(|line| self.lines[*line].pipeline.name.as_str())
    }

    /// How many services there are.
    fn services(&self) -> usize {
        let services = self.lines.iter().map(|line| &line.pipeline.service);
        services.collect::<std::collections::BTreeSet<_>>().len()
    }

    /// The names of the lines whose schedule names no zone.
    fn without_zone(&self) -> Vec<&str> {
        let lines = self.lines.iter().filter(|line| line.is_without_zone());
        lines.map(|line| line.pipeline.name.as_str()).collect()
    }

    /// The names of the lines that count from their object's creation.
    fn counted(&self) -> Vec<&str> {
        let lines = self.lines.iter().filter(|line| line.is_counted());
        lines.map(|line| line.pipeline.name.as_str()).collect()
    }
}

impl Line {
    /// Whether the schedule names no zone, and has a time that depends on one.
    fn is_without_zone(&self) -> bool {
        self.pipeline.time_zone.is_none() && !self.is_counted()
    }

    /// Whether it is `@every`: its runs count from the creation of its object, which no definition
    /// tells.
    fn is_counted(&self) -> bool {
        matches!(self.schedule.timing(), crate::model::schedule::Timing::Every(_))
    }
}

/// The zone that most schedules are read in; of two with as many, the first by name.
fn shown_zone(lines: &[Line]) -> TimeZone {
    let mut zones: BTreeMap<&TimeZone, usize> = BTreeMap::new();
    for line in lines.iter().filter(|line| !line.is_counted()) {
        *zones.entry(&line.zone).or_default() += 1;
    }
    let most = zones.into_iter().rev().max_by_key(|(_, lines)| *lines);
    most.map_or_else(TimeZone::utc, |(zone, _)| zone.clone())
}

/// The days of the question, as the zone's clock has them.
fn whole_days(question: &Question, zone: &TimeZone) -> (Timestamp, Timestamp) {
    let from = question.from.to_zoned(zone.rules());
    let bounds = from.start_of_day().and_then(|start| {
        let end = start.date().checked_add(i32::from(question.days).days())?;
        Ok((start.timestamp(), end.to_zoned(zone.rules())?.timestamp()))
    });
    // Only the last days of the year 9999 have no end.
    bounds.unwrap_or((question.from, question.from))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::survey::Requests;

    pub(crate) fn planned(name: &str, service: &str, schedule: &str, zone: &str) -> Planned {
        Planned {
            name: name.into(),
            service: service.into(),
            pipeline_type: "metadata",
            schedule: Some(Schedule::parse(schedule).unwrap()),
            time_zone: (!zone.is_empty()).then(|| TimeZone::parse(zone).unwrap()),
            enabled: true,
            overlaps_itself: false,
            deadline: 7200,
            requests: Requests { cpu: 500_000_000, memory: 1 << 30 },
        }
    }

    pub(crate) fn calendar(planned: Vec<Planned>, from: &str, days: u16) -> Calendar {
        let question = Question {
            from: from.parse().unwrap(),
            days,
            duration: 1800,
            cluster_zone: TimeZone::utc(),
        };
        Calendar::new(planned, question)
    }

    #[test]
    fn days_are_whole_days_of_the_zone_that_schedules_are_read_in() {
        let one = planned("a", "s", "0 3 * * *", "Europe/Zurich");
        let calendar = calendar(vec![one], "2026-11-23T12:00:00Z", 2);
        assert_eq!(calendar.zone.as_str(), "Europe/Zurich");
        assert_eq!(calendar.start.to_string(), "2026-11-22T23:00:00Z");
        assert_eq!(calendar.end.to_string(), "2026-11-24T23:00:00Z");
        let next = &calendar.timetables[0].next;
        assert_eq!(next[0].to_string(), "2026-11-24T02:00:00Z");
    }

    #[test]
    fn of_several_zones_the_one_of_most_schedules_is_shown_and_of_none_utc() {
        let zurich = |name: &str| planned(name, "s", "0 3 * * *", "Europe/Zurich");
        let shown = |lines: Vec<Planned>| calendar(lines, "2026-11-23T12:00:00Z", 1).zone;
        let utc = planned("u", "s", "@daily", "");
        assert_eq!(shown(vec![zurich("a"), utc.clone(), zurich("b")]).as_str(), "Europe/Zurich");
        assert_eq!(shown(vec![utc, zurich("a")]).as_str(), "Europe/Zurich");
        assert_eq!(shown(vec![planned("e", "s", "@every 1h", "Europe/Zurich")]).as_str(), "UTC");
    }

    #[test]
    fn pipelines_without_a_schedule_or_disabled_are_told_apart_from_those_that_run() {
        let by_hand = Planned { schedule: None, ..planned("hand", "s", "@daily", "") };
        let disabled = Planned { enabled: false, ..planned("off", "s", "@daily", "") };
        let runs = planned("on", "s", "@daily", "");
        let calendar = calendar(vec![by_hand, disabled, runs], "2026-11-23T12:00:00Z", 1);
        assert_eq!(
            (calendar.by_hand, calendar.disabled),
            (vec!["hand".into()], vec!["off".into()])
        );
        assert_eq!(calendar.lines.len(), 1);
    }
}
