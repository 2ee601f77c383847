//! What the pods of all runs request together.
//!
//! In: lines and their times, each run with the time that it is taken to last. Out: a [`Load`]: the
//! most of each hour, and the peaks with the pipelines that run then. A pipeline whose policy lets
//! no two of its runs go on at once counts once.

use jiff::Timestamp;

use super::{Line, Timetable};
use crate::survey::Requests;

const HOUR: i64 = 3600;

/// What is requested over the days.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// The most that is requested at once, by hours from the start of the days.
    pub hours: Vec<Requests>,
    /// When most CPU is requested; none where nothing is.
    pub cpu: Option<Peak>,
    /// When most memory is requested.
    pub memory: Option<Peak>,
}

/// The time at which most is requested.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peak {
    /// What is requested then.
    pub requests: Requests,
    /// Since when, for the first time.
    pub at: Timestamp,
    /// Until when it is that much.
    pub until: Timestamp,
    /// The places of the lines that run then.
    pub lines: Vec<usize>,
}

/// The runs of a line as the seconds between which each goes on. Unless `each`, those that meet are
/// one: with the policy `Forbid` the later does not start, with `Replace` the earlier ends.
pub(super) fn intervals(line: &Line, timetable: &Timetable, each: bool) -> Vec<(i64, i64)> {
    let mut intervals: Vec<(i64, i64)> = Vec::new();
    for start in timetable.runs_with_earlier() {
        let end = start + line.duration;
        match intervals.last_mut().filter(|last| !each && *start <= last.1) {
            Some(last) => last.1 = end,
            None => intervals.push((*start, end)),
        }
    }
    intervals
}

/// Which lines of these run at a second.
pub(super) fn active(
    places: impl Iterator<Item = usize>,
    lines: &[Line],
    timetables: &[Timetable],
    second: i64,
) -> Vec<usize> {
    let runs = |place: &usize| {
        let line = &lines[*place];
        let runs = timetables[line.timetable].runs_with_earlier();
        let started = runs.partition_point(|start| *start <= second);
        runs[..started].last().is_some_and(|start| second < start + line.duration)
    };
    places.filter(runs).collect()
}

pub(super) fn load(
    lines: &[Line],
    timetables: &[Timetable],
    start: Timestamp,
    end: Timestamp,
) -> Load {
    let (first, last) = (start.as_second(), end.as_second());
    // Of one second, ends come before starts: a pod that is over has given back what it held.
    let mut events = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let timetable = &timetables[line.timetable];
        for (from, to) in intervals(line, timetable, line.pipeline.overlaps_itself) {
            let (from, to) = (from.max(first), to.min(last));
            if from < to {
                events.extend([(to, false, place), (from, true, place)]);
            }
        }
    }
    events.sort_unstable();
    let hours = usize::try_from((last - first + HOUR - 1) / HOUR).unwrap_or(0);
    let mut hours = vec![Requests::default(); hours];
    let mut now = Requests::default();
    let mut cpu = Highest::default();
    let mut memory = Highest::default();
    let mut events = events.into_iter().peekable();
    while let Some((second, starts, place)) = events.next() {
        let own = lines[place].pipeline.requests;
        now = if starts { now.plus(own) } else { now.minus(own) };
        let Some(next) = events.peek().map(|event| event.0).filter(|next| *next > second) else {
            continue;
        };
        for hour in (second - first) / HOUR..=(next - 1 - first) / HOUR {
            if let Some(most) = usize::try_from(hour).ok().and_then(|hour| hours.get_mut(hour)) {
                *most = most.max(now);
            }
        }
        cpu.look(now.cpu, second, next, now);
        memory.look(now.memory, second, next, now);
    }
    let peak = |highest: Highest| {
        let time = |second| Timestamp::from_second(second).unwrap_or(start);
        (highest.most > 0).then(|| Peak {
            requests: highest.requests,
            at: time(highest.at),
            until: time(highest.until),
            lines: active(0..lines.len(), lines, timetables, highest.at),
        })
    };
    Load { hours, cpu: peak(cpu), memory: peak(memory) }
}

/// The highest so far, and the stretch that it holds for.
#[derive(Default)]
struct Highest {
    most: i128,
    at: i64,
    until: i64,
    requests: Requests,
}

impl Highest {
    fn look(&mut self, amount: i128, from: i64, until: i64, requests: Requests) {
        if amount > self.most {
            *self = Self { most: amount, at: from, until, requests };
        } else if amount == self.most && from == self.until {
            self.until = until;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{calendar, planned};
    use crate::survey::Planned;

    #[test]
    fn the_peak_is_where_most_pods_run_at_once_and_lasts_while_they_do() {
        let lines = vec![
            planned("a", "s", "0 3 * * *", "UTC"),
            planned("b", "t", "10 3 * * *", "UTC"),
            planned("c", "u", "0 9 * * *", "UTC"),
        ];
        let load = calendar(lines, "2026-11-23T00:00:00Z", 1).load;
        let peak = load.cpu.unwrap();
        assert_eq!(peak.requests.cpu, 1_000_000_000);
        assert_eq!(peak.at.to_string(), "2026-11-23T03:10:00Z");
        assert_eq!(peak.until.to_string(), "2026-11-23T03:30:00Z");
        assert_eq!(peak.lines, [0, 1]);
        assert_eq!(load.hours[3].memory, 2 << 30);
        assert_eq!(load.hours[9].memory, 1 << 30);
        assert_eq!(load.hours[4].memory, 0);
    }

    #[test]
    fn runs_of_one_pipeline_count_once_unless_its_policy_lets_them_overlap() {
        let cpu = |line: Planned| {
            let load = calendar(vec![line], "2026-11-23T00:00:00Z", 1).load;
            load.cpu.unwrap().requests.cpu / 1_000_000
        };
        let often = planned("a", "s", "*/10 * * * *", "UTC");
        assert_eq!(cpu(often.clone()), 500);
        assert_eq!(cpu(Planned { overlaps_itself: true, ..often }), 1500);
    }

    #[test]
    fn a_deadline_ends_a_run_before_the_assumed_duration() {
        let short = Planned { deadline: 300, ..planned("a", "s", "0 3 * * *", "UTC") };
        let peak = calendar(vec![short], "2026-11-23T00:00:00Z", 1).load.cpu.unwrap();
        assert_eq!(peak.until.to_string(), "2026-11-23T03:05:00Z");
    }
}
