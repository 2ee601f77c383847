//! Which minute each pipeline is to start at.
//!
//! In: the hours at which pipelines start, and which of them may move. Out: their minutes. A start
//! is the worse, the more other pipelines of its service start with it, and then the more pipelines
//! at all do. Those that start better elsewhere are taken out and put back by name, each at the
//! best minute that follows the one its name's hash gives. Then single pipelines move as long as
//! one of them gets better by it. Each such step makes fewer pairs that start together, so this
//! ends; and where it ends nobody gains by moving, so that a second run changes nothing.
//!
//! It looks at a week in January and one in July, for zones move against each other, and at no
//! clock. A pipeline of some days of the month counts on each of their weekdays.

use std::collections::HashMap;

use compact_str::CompactString;
use jiff::civil::date;
use sha2::{Digest, Sha256};

use crate::model::schedule::Timing;
use crate::model::{Schedule, TimeZone};

const WEEK: usize = 7 * 24 * 60;
const SEASONS: usize = 2;

/// When a pipeline starts.
#[derive(Debug)]
pub(super) struct Starts {
    name: CompactString,
    /// The number of its service.
    service: usize,
    /// Minutes of an hour, bit by bit.
    minutes: u64,
    /// The beginnings of its hours, in minutes from the beginning of the first season's week.
    hours: Vec<usize>,
}

impl Starts {
    /// The starts of a pipeline; `None` when they depend on when it was created.
    pub(super) fn new(
        name: &str,
        service: usize,
        schedule: &Schedule,
        zone: &TimeZone,
    ) -> Option<Self> {
        let Timing::Fields(fields) = schedule.timing() else {
            return None;
        };
        let any_day = !is_every_day(fields.day_of_month);
        let weekdays = (0..7).filter(|day| any_day || fields.day_of_week >> day & 1 == 1);
        let hours = (0..24).filter(|hour| fields.hour >> hour & 1 == 1).collect::<Vec<usize>>();
        let rules = zone.rules();
        // Any year does: what counts is how zones stand to each other.
        let seasons = [date(2026, 1, 15), date(2026, 7, 15)].map(|day| {
            let noon = day.at(12, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC);
            noon.map_or(0, |noon| rules.to_offset(noon.timestamp()).seconds() / 60)
        });
        let mut begins = Vec::with_capacity(hours.len() * 7 * SEASONS);
        for day in weekdays {
            for (season, offset) in seasons.iter().enumerate() {
                let week = i32::try_from(WEEK).unwrap_or(i32::MAX);
                let of_hour = |hour: &usize| {
                    let local = i32::try_from((day * 24 + hour) * 60).unwrap_or(0);
                    let utc = (local - offset).rem_euclid(week);
                    season * WEEK + usize::try_from(utc).unwrap_or(0)
                };
                begins.extend(hours.iter().map(of_hour));
            }
        }
        Some(Self {
            name: name.into(),
            service,
            minutes: fields.minute & ((1 << 60) - 1),
            hours: begins,
        })
    }

    fn minute(&self) -> u8 {
        u8::try_from(self.minutes.trailing_zeros()).unwrap_or(0)
    }

    /// The starts at a minute of its hours.
    fn at(&self, minute: u8) -> impl Iterator<Item = usize> {
        let minute = usize::from(minute);
        self.hours.iter().map(move |begin| {
            let (season, begin) = (begin / WEEK, begin % WEEK);
            season * WEEK + (begin + minute) % WEEK
        })
    }

    fn of_all_minutes(&self) -> impl Iterator<Item = usize> {
        (0..60).filter(|minute| self.minutes >> minute & 1 == 1).flat_map(|minute| self.at(minute))
    }

    /// The minutes that it may start at, from the best-liked on: those of the part of the hour that
    /// the written one is in, and not before it.
    fn minutes_in(&self, window: u8) -> impl Iterator<Item = u8> {
        let written = self.minute();
        let begin = written / window * window;
        let length = window.min(60 - begin);
        let liked = u8::try_from(hash(&self.name) % u64::from(length)).unwrap_or(0);
        let minutes = (0..length).map(move |step| begin + (liked + step) % length);
        minutes.filter(move |minute| *minute >= written)
    }
}

fn is_every_day(days: u64) -> bool {
    (1..=31).all(|day| days >> day & 1 == 1)
}

fn hash(name: &str) -> u64 {
    let digest = Sha256::digest(name.as_bytes());
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

/// How many pipelines start at each minute, of each service and of all.
#[derive(Debug)]
pub(super) struct Load {
    services: HashMap<(usize, usize), u32>,
    all: Vec<u32>,
}

/// How many others start with a pipeline: of its service, and at all.
type Company = (u64, u64);

impl Load {
    pub(super) fn new<'s>(starts: impl Iterator<Item = &'s Starts>) -> Self {
        let mut load = Self { services: HashMap::new(), all: vec![0; SEASONS * WEEK] };
        for starts in starts {
            load.add(starts, starts.of_all_minutes(), true);
        }
        load
    }

    /// The minutes of the pipelines that may move, by the places of all.
    pub(super) fn place(&mut self, movable: &[Option<&Starts>], window: u8) -> Vec<Option<u8>> {
        let mut minutes = movable.iter().map(|one| one.map(Starts::minute)).collect::<Vec<_>>();
        let mut by_name = movable.iter().enumerate();
        let mut by_name = by_name.by_ref().filter_map(|(place, one)| Some((place, (*one)?)));
        let mut by_name = by_name.by_ref().collect::<Vec<_>>();
        by_name.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));

        let mut crowded = by_name.clone();
        crowded.retain(|(place, starts)| self.better(starts, minutes[*place], window).is_some());
        for (place, starts) in &crowded {
            self.lift(starts, minutes[*place]);
        }
        for (place, starts) in &crowded {
            let best = starts.minutes_in(window).min_by_key(|minute| self.company(starts, *minute));
            minutes[*place] = best.or(minutes[*place]);
            self.put(starts, minutes[*place]);
        }
        let mut moving = !crowded.is_empty();
        while moving {
            moving = false;
            for (place, starts) in &by_name {
                if let Some(minute) = self.better(starts, minutes[*place], window) {
                    self.lift(starts, minutes[*place]);
                    minutes[*place] = Some(minute);
                    self.put(starts, minutes[*place]);
                    moving = true;
                }
            }
        }
        minutes
    }

    /// Whether others start with a pipeline.
    pub(super) fn is_crowded(&self, starts: &Starts) -> bool {
        starts.of_all_minutes().any(|at| self.all[at] > 1)
    }

    /// A minute at which fewer others start with a pipeline than at its own.
    fn better(&mut self, starts: &Starts, minute: Option<u8>, window: u8) -> Option<u8> {
        let own = minute?;
        self.lift(starts, minute);
        let company = self.company(starts, own);
        let best = match company {
            (0, 0) => None,
            _ => starts.minutes_in(window).min_by_key(|minute| self.company(starts, *minute)),
        };
        let best = best.filter(|best| self.company(starts, *best) < company);
        self.put(starts, minute);
        best
    }

    fn company(&self, starts: &Starts, minute: u8) -> Company {
        let all = starts.at(minute).map(|at| u64::from(self.all[at])).sum();
        if all == 0 {
            return (0, 0);
        }
        let of_service = |at| self.services.get(&(starts.service, at)).copied().unwrap_or(0);
        (starts.at(minute).map(|at| u64::from(of_service(at))).sum(), all)
    }

    fn lift(&mut self, starts: &Starts, minute: Option<u8>) {
        if let Some(minute) = minute {
            self.add(starts, starts.at(minute), false);
        }
    }

    fn put(&mut self, starts: &Starts, minute: Option<u8>) {
        if let Some(minute) = minute {
            self.add(starts, starts.at(minute), true);
        }
    }

    fn add(&mut self, starts: &Starts, times: impl Iterator<Item = usize>, is_there: bool) {
        for at in times {
            let of_service = self.services.entry((starts.service, at)).or_default();
            if is_there {
                *of_service += 1;
                self.all[at] += 1;
            } else {
                *of_service -= 1;
                self.all[at] -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn starts(name: &str, service: usize, schedule: &str, zone: &str) -> Starts {
        let zone = TimeZone::parse(zone).unwrap();
        Starts::new(name, service, &Schedule::parse(schedule).unwrap(), &zone).unwrap()
    }

    /// The minutes of pipelines `(name, service, schedule)` in UTC that may all move.
    fn placed(pipelines: &[(String, usize, String)], window: u8) -> Vec<u8> {
        let all = pipelines
            .iter()
            .map(|(name, service, schedule)| starts(name, *service, schedule, "UTC"));
        let all = all.collect::<Vec<_>>();
        let mut load = Load::new(all.iter());
        let movable = all.iter().map(Some).collect::<Vec<_>>();
        load.place(&movable, window).into_iter().flatten().collect()
    }

    fn at_three(count: usize) -> Vec<(String, usize, String)> {
        (0..count).map(|n| (format!("p{n:03}"), n % 3, "0 3 * * *".to_owned())).collect()
    }

    #[test]
    fn pipelines_that_start_at_once_get_a_minute_each() {
        let mut minutes = placed(&at_three(40), 60);
        minutes.sort_unstable();
        minutes.dedup();
        assert_eq!(minutes.len(), 40);
    }

    #[test]
    fn where_there_are_more_pipelines_than_minutes_each_has_as_many() {
        let minutes = placed(&at_three(120), 30);
        for minute in 0..30 {
            assert_eq!(minutes.iter().filter(|other| **other == minute).count(), 4);
        }
    }

    #[test]
    fn a_pipeline_that_starts_alone_stays() {
        let alone = ["0 3 * * *", "0 4 * * *", "5 3 * * *"];
        let alone = alone.map(|schedule| (schedule.to_owned(), 0, schedule.to_owned()));
        assert_eq!(placed(&alone, 60), [0, 0, 5]);
        let days = ["0 3 * * MON", "0 3 * * TUE"].map(|one| (one.to_owned(), 0, one.to_owned()));
        assert_eq!(placed(&days, 60), [0, 0]);
    }

    #[test]
    fn zones_that_meet_in_one_season_meet() {
        let zurich = starts("a", 0, "0 3 * * *", "Europe/Zurich");
        let utc = starts("b", 0, "0 2 * * *", "UTC");
        let mut load = Load::new([&zurich, &utc].into_iter());
        assert!(load.is_crowded(&utc));
        let minutes = load.place(&[Some(&zurich), None], 60);
        assert_ne!(minutes[0], Some(0));
    }

    #[test]
    fn a_pipeline_that_is_added_moves_hardly_any_other() {
        let before = placed(&at_three(20), 60);
        let mut more = at_three(20);
        more.insert(7, ("between".to_owned(), 0, "0 3 * * *".to_owned()));
        let mut after = placed(&more, 60);
        after.remove(7);
        let moved = before.iter().zip(&after).filter(|(one, other)| one != other).count();
        assert!(moved <= 2, "{moved} others moved");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn nobody_starts_earlier_or_out_of_the_window_and_a_second_run_changes_nothing(
            pipelines in prop::collection::vec((0usize..4, 0u8..60, "[0-2]|\\*/6|\\*", "\\*|MON|1-5"), 1..60),
            window in 2u8..=60,
        ) {
            let schedule = |minute: u8, (_, _, hour, day): &(usize, u8, String, String)| {
                format!("{minute} {hour} * * {day}")
            };
            // Most on the hour, as they are in life.
            let minute = |minute: u8| if minute.is_multiple_of(3) { minute } else { 0 };
            let all = pipelines.iter().enumerate();
            let all = all.map(|(n, one)| (format!("p{n}"), one.0, schedule(minute(one.1), one)));
            let all = all.collect::<Vec<_>>();
            let minutes = placed(&all, window);
            for (one, new) in pipelines.iter().zip(&minutes) {
                let old = minute(one.1);
                prop_assert!(*new >= old && new / window == old / window && *new < 60);
            }
            let again = pipelines.iter().zip(&minutes).enumerate();
            let again = again.map(|(n, (one, new))| (format!("p{n}"), one.0, schedule(*new, one)));
            prop_assert_eq!(placed(&again.collect::<Vec<_>>(), window), minutes);
        }
    }
}
