//! Minutes for pipelines that all start at once: a patch to the definitions that staggers them.
//!
//! In: pipelines with their schedules and where those are written, and the texts. Out: a
//! [`Proposal`]: for each pipeline that is better started at another minute, the bytes to replace.
//! Hours and days stay, nothing starts earlier than it was written, and nothing but the minute
//! changes in the text. The steps: `written` (may it be changed in place?) → `place` (where to) →
//! `patch` (the text, and whether it still says the same).

mod patch;
mod place;
mod written;

use std::collections::BTreeMap;

use compact_str::CompactString;

pub use patch::Patch;
pub use written::Kept;

use crate::model::TimeZone;
use crate::source::Sources;
use crate::survey::Seen;
use crate::tree::SourceId;
use place::{Load, Starts};
use written::Spot;

/// The fewest and the most minutes that starts are spread over: an hour is kept.
pub const WINDOW: std::ops::RangeInclusive<u8> = 2..=60;

/// A pipeline that is to start at another minute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    /// Its name.
    pub name: CompactString,
    /// The file that its schedule stands in.
    pub source: SourceId,
    /// The schedule as it is written.
    pub from: CompactString,
    /// The schedule as it is to be.
    pub to: CompactString,
}

/// A pipeline that starts with others and stays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stay {
    /// Its name.
    pub name: CompactString,
    /// Why.
    pub why: Kept,
}

/// What is to be changed.
#[derive(Debug, Default)]
pub struct Proposal {
    /// The pipelines that move, by name.
    pub moves: Vec<Move>,
    /// Those that would better move and cannot, by name.
    pub stays: Vec<Stay>,
    /// The files to change, by name.
    pub patches: Vec<Patch>,
}

/// Proposes minutes. `may_move` says which pipelines may be moved; all count where they start.
pub fn spread(
    seen: &[Seen],
    cluster_zone: &TimeZone,
    window: u8,
    sources: &Sources,
    may_move: impl Fn(&str) -> bool,
) -> Proposal {
    let mut barred = BTreeMap::new();
    loop {
        let (proposal, refused) = attempt(seen, cluster_zone, window, sources, &may_move, &barred);
        if refused.is_empty() {
            return proposal;
        }
        // A file that would say something else is left as it is, and the others are placed anew.
        barred.extend(refused.into_iter().map(|name| (name, Kept::Entangled)));
    }
}

fn attempt(
    seen: &[Seen],
    cluster_zone: &TimeZone,
    window: u8,
    sources: &Sources,
    may_move: &impl Fn(&str) -> bool,
    barred: &BTreeMap<CompactString, Kept>,
) -> (Proposal, Vec<CompactString>) {
    let mut services: BTreeMap<&str, usize> = BTreeMap::new();
    let running = seen.iter().filter(|seen| seen.planned.enabled);
    let running = running.filter_map(|seen| {
        let schedule = seen.planned.schedule.as_ref()?;
        let zone = seen.planned.time_zone.as_ref().unwrap_or(cluster_zone);
        let number = services.len();
        let service = *services.entry(&seen.planned.service).or_insert(number);
        let starts = Starts::new(&seen.planned.name, service, schedule, zone)?;
        let spot = match barred.get(&seen.planned.name) {
            Some(why) => Err(*why),
            None if !may_move(&seen.planned.name) => Err(Kept::NotAsked),
            None => Spot::of(schedule, seen.schedule, seen.place, sources),
        };
        Some((seen, starts, spot))
    });
    let running = running.collect::<Vec<_>>();
    let mut load = Load::new(running.iter().map(|(_, starts, _)| starts));
    let movable = running.iter().map(|(_, starts, spot)| spot.is_ok().then_some(starts));
    let minutes = load.place(&movable.collect::<Vec<_>>(), window);

    let mut proposal = Proposal::default();
    let mut spots: BTreeMap<&str, Vec<(&Spot, &CompactString, String)>> = BTreeMap::new();
    for ((seen, starts, spot), minute) in running.iter().zip(minutes) {
        let name = &seen.planned.name;
        match (spot, minute) {
            (Ok(spot), Some(minute)) if minute != spot.minute => {
                let (from, to) = (spot.schedule.clone(), spot.at(minute));
                let source = spot.source;
                proposal.moves.push(Move { name: name.clone(), source, from, to: to.into() });
                let file = sources.get(source).map_or("", |source| source.name.as_str());
                spots.entry(file).or_default().push((spot, name, spot.replacement(minute)));
            }
            (Err(why), _) if *why != Kept::NotAsked && load.is_crowded(starts) => {
                proposal.stays.push(Stay { name: name.clone(), why: *why });
            }
            _ => {}
        }
    }
    let mut refused = Vec::new();
    for edits in spots.into_values() {
        match Patch::new(&edits, sources) {
            Some(patch) => proposal.patches.push(patch),
            None => refused.extend(edits.into_iter().map(|(_, name, _)| name.clone())),
        }
    }
    (proposal, refused)
}

#[cfg(test)]
mod tests;
