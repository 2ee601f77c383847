//! What came of the patches while definitions and objects went by.
//!
//! In: what each patch matched, and what it could not do there; pipeline by pipeline, on any
//! thread. Out: by all of these together, [`Environment::check`](super::Environment::check) tells
//! which patch matched nothing, and each fault once.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use compact_str::CompactString;

use super::Environment;
use super::fault::Fault;
use crate::definition::environments::TargetKind;
use crate::definition::{Broken, Kind};
use crate::diagnostic::{Diagnostic, Diagnostics, counted};

/// What patches matched, of one pipeline or of what pipelines share. It is small: of a pipeline that
/// no patch changes it has the names of the pipeline's objects at most.
#[derive(Clone, Default, Debug)]
pub struct Matches {
    /// The patches that matched something, by their positions.
    matched: BTreeSet<usize>,
    /// What there is of the kinds that patches name.
    names: Vec<(TargetKind, CompactString)>,
    /// What could not be done, and on what.
    faults: Vec<(CompactString, Fault)>,
}

impl Matches {
    /// The patches that matched something, by their positions.
    pub fn matched(&self) -> impl Iterator<Item = usize> {
        self.matched.iter().copied()
    }

    pub(super) fn see(&mut self, kind: TargetKind, name: &str) {
        self.names.push((kind, name.into()));
    }

    pub(super) fn note(&mut self, patch: usize) {
        self.matched.insert(patch);
    }

    pub(super) fn fail(&mut self, name: &str, faults: Vec<Fault>) {
        self.faults.extend(faults.into_iter().map(|fault| (name.into(), fault)));
    }
}

/// What was looked at when patches were carried out.
#[derive(Clone, Copy, Debug)]
pub struct Extent<'a> {
    /// The definitions that are not as their schema says.
    pub broken: &'a [&'a Broken],
    /// Whether all files could be read as YAML; else there may be any definition in them.
    pub is_read: bool,
    /// Whether all pipelines were rendered.
    pub is_complete: bool,
    /// Whether the objects of single runs were rendered, rather than those of schedules.
    pub is_run: bool,
}

impl Environment {
    /// Tells each fault once, and which patches matched nothing. Nothing is said about patches that
    /// may be meant for what could not be read or was not rendered.
    pub fn check<'m>(
        &self,
        matches: impl Iterator<Item = &'m Matches> + Clone,
        extent: Extent<'_>,
        found: &mut Diagnostics,
    ) {
        let mut faults: BTreeMap<_, (&Fault, Vec<&str>)> = BTreeMap::new();
        for (name, fault) in matches.clone().flat_map(|of| &of.faults) {
            let key = (fault.span, fault.code.id, &fault.message, &fault.help);
            faults.entry(key).or_insert((fault, Vec::new())).1.push(name);
        }
        for (fault, mut names) in faults.into_values() {
            names.sort_unstable();
            names.dedup();
            found.push(told(fault, &names));
        }
        let is_complete = extent.is_complete && !found.has_errors();
        let matched = matches.clone().flat_map(Matches::matched).collect::<HashSet<_>>();
        for (index, patch) in self.patches.iter().enumerate() {
            let kind = patch.target.kind;
            let may_match = match kind.definition() {
                Some(kind) => !extent.is_read || extent.has_broken(kind),
                None => !is_complete || !is_rendered(kind, extent.is_run),
            };
            if patch.allow_no_match || may_match || matched.contains(&index) {
                continue;
            }
            let names = matches.clone().flat_map(|of| &of.names).filter(|(of, _)| *of == kind);
            let names = names.map(|(_, name)| name.as_str()).collect::<HashSet<_>>();
            let mut names = names.into_iter().collect::<Vec<_>>();
            names.sort_unstable();
            let finding = patch.target.matches_nothing(&names);
            let otherwise = "correct it, or let it pass by `allowNoMatch: true`".to_owned();
            let help = finding.help.clone().unwrap_or(otherwise);
            found.push(finding.with_help(help));
        }
    }
}

fn told(fault: &Fault, names: &[&str]) -> Diagnostic {
    let Fault { code, span, message, route, help } = fault;
    let place = match names {
        [one] => format!("in `{one}`"),
        [one, others @ ..] => format!("in `{one}` and {}", counted(others.len(), "other")),
        [] => String::new(),
    };
    let help = help.clone().or_else(|| {
        let allowed = "take the line out, or let it pass by `allowNoMatch: true`";
        fault.is_removal_of_nothing().then(|| allowed.to_owned())
    });
    let finding = Diagnostic::error(code, *span, message.as_str())
        .with_label(place)
        .with_route(route.as_str())
        .with_optional_help(help);
    match fault.is_removal_of_nothing() && route.starts_with("spec.kubernetes.") {
        true => finding.with_note(
            "a patch changes a definition as it is written; what the project sets is removed from \
             the IngestionProject",
        ),
        false => finding,
    }
}

impl Extent<'_> {
    /// Whether a definition of the kind could not be read.
    fn has_broken(&self, kind: Kind) -> bool {
        self.broken.iter().any(|broken| broken.may_be_a(kind))
    }
}

/// Whether objects of a kind are among what was rendered. Secrets are only where they are asked
/// for.
fn is_rendered(kind: TargetKind, is_run: bool) -> bool {
    match kind {
        TargetKind::CronJob | TargetKind::CronOMJob => !is_run,
        TargetKind::Job | TargetKind::OMJob => is_run,
        TargetKind::Secret => false,
        _ => true,
    }
}
