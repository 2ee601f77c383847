//! What became of each object, as it happens and in the end.
//!
//! In: events of an apply. Out: a [`Journal`], which says at any moment what was done and what not,
//! also when the apply is let go in the middle. It does no I/O.

use std::cell::{Cell, Ref, RefCell};

use super::desired::{Identity, Wanted};
use super::inventory::Stays;
use super::plan::{Action, Plan};
use super::refusal::Refusal;

/// What became of an object.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Outcome {
    /// Nothing yet.
    #[default]
    NotSent,
    /// It is on its way.
    Sending,
    /// It was not there, and is.
    Created,
    /// It was there, and is changed.
    Configured,
    /// It is as it should be, and nobody may see whether it was before.
    Applied,
    /// It was as it should be.
    Unchanged,
    /// It was no longer wanted, and is gone.
    Pruned,
    /// It is no longer wanted, and stays.
    Left(Stays),
    /// It was made or changed and is again as it was, since another object of its pipeline was not
    /// taken.
    TakenBack,
    /// It was to be taken back, and could not.
    Stuck,
    /// The API server does not take it.
    Refused(Refusal),
    /// It could not be sent.
    Failed,
}

impl Outcome {
    /// A word for people and programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotSent => "not sent",
            Self::Sending => "unknown",
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Pruned => "pruned",
            Self::Left(_) => "left",
            Self::TakenBack => "taken back",
            Self::Stuck => "not taken back",
            Self::Refused(_) => "refused",
            Self::Failed => "failed",
        }
    }

    /// Whether it is as the definitions say.
    pub fn is_done(&self) -> bool {
        matches!(
            self,
            Self::Created
                | Self::Configured
                | Self::Applied
                | Self::Unchanged
                | Self::Pruned
                | Self::Left(_)
        )
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'p> {
    /// How many requests are over.
    pub done: usize,
    /// Of how many.
    pub all: usize,
    /// What the last of them was about.
    pub last: &'p Identity,
}

/// What was done so far.
pub struct Journal<'p> {
    wanted: &'p Wanted,
    plan: &'p Plan,
    objects: RefCell<Vec<Outcome>>,
    pruned: RefCell<Vec<Outcome>>,
    /// How many requests are over, of all.
    done: Cell<usize>,
    all: usize,
    stopped: Cell<bool>,
    progress: &'p dyn Fn(Progress<'_>),
}

impl<'p> Journal<'p> {
    /// That of a plan of which nothing is done. `progress` hears of each request that is over.
    pub fn new(wanted: &'p Wanted, plan: &'p Plan, progress: &'p dyn Fn(Progress<'_>)) -> Self {
        let outcome = |action: &Action| match action {
            Action::Keep => Outcome::Unchanged,
            Action::Refuse(refusal) => Outcome::Refused(refusal.clone()),
            Action::Create | Action::Change | Action::Send => Outcome::NotSent,
        };
        let objects: Vec<Outcome> = plan.actions.iter().map(outcome).collect();
        debug_assert_eq!(objects.len(), wanted.objects.len());
        let sent = objects.iter().filter(|outcome| **outcome == Outcome::NotSent).count();
        Self {
            wanted,
            plan,
            all: sent + plan.pruning.delete.len(),
            objects: RefCell::new(objects),
            pruned: RefCell::new(vec![Outcome::NotSent; plan.pruning.delete.len()]),
            done: Cell::new(0),
            stopped: Cell::new(false),
            progress,
        }
    }

    /// Asks to begin nothing new.
    pub fn stop(&self) {
        self.stopped.set(true);
    }

    /// Whether somebody asked.
    pub fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// What became of the wanted objects.
    pub fn objects(&self) -> Ref<'_, [Outcome]> {
        Ref::map(self.objects.borrow(), Vec::as_slice)
    }

    /// What became of those to be deleted.
    pub fn pruned(&self) -> Ref<'_, [Outcome]> {
        Ref::map(self.pruned.borrow(), Vec::as_slice)
    }

    /// Whether all that was to be sent was taken.
    pub fn is_all_applied(&self) -> bool {
        self.objects.borrow().iter().all(Outcome::is_done)
    }

    pub(super) fn object(&self, at: usize, outcome: Outcome) {
        self.count(&outcome, &self.wanted.objects[at].identity);
        self.objects.borrow_mut()[at] = outcome;
    }

    pub(super) fn deleted(&self, at: usize, outcome: Outcome) {
        self.count(&outcome, &self.plan.pruning.delete[at].identity);
        self.pruned.borrow_mut()[at] = outcome;
    }

    fn count(&self, outcome: &Outcome, last: &Identity) {
        let is_over = !matches!(outcome, Outcome::Sending | Outcome::TakenBack | Outcome::Stuck);
        if is_over {
            self.done.set(self.done.get() + 1);
            (self.progress)(Progress { done: self.done.get(), all: self.all, last });
        }
    }
}

/// How many objects came to what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// [`Outcome::Created`].
    pub created: usize,
    /// [`Outcome::Configured`].
    pub configured: usize,
    /// [`Outcome::Applied`].
    pub applied: usize,
    /// [`Outcome::Unchanged`].
    pub unchanged: usize,
    /// [`Outcome::Pruned`].
    pub pruned: usize,
    /// [`Outcome::Left`].
    pub left: usize,
    /// [`Outcome::Refused`] and [`Outcome::Failed`].
    pub failed: usize,
    /// [`Outcome::TakenBack`].
    pub taken_back: usize,
    /// [`Outcome::Stuck`] and [`Outcome::Sending`].
    pub unknown: usize,
    /// [`Outcome::NotSent`].
    pub not_sent: usize,
}

impl Summary {
    /// Counts outcomes.
    pub fn of<'o>(outcomes: impl IntoIterator<Item = &'o Outcome>) -> Self {
        let mut summary = Self::default();
        for outcome in outcomes {
            let number = match outcome {
                Outcome::Created => &mut summary.created,
                Outcome::Configured => &mut summary.configured,
                Outcome::Applied => &mut summary.applied,
                Outcome::Unchanged => &mut summary.unchanged,
                Outcome::Pruned => &mut summary.pruned,
                Outcome::Left(_) => &mut summary.left,
                Outcome::Refused(_) | Outcome::Failed => &mut summary.failed,
                Outcome::TakenBack => &mut summary.taken_back,
                Outcome::Stuck | Outcome::Sending => &mut summary.unknown,
                Outcome::NotSent => &mut summary.not_sent,
            };
            *number += 1;
        }
        summary
    }

    /// The words that programs read, with the numbers.
    pub fn numbers(&self) -> [(&'static str, usize); 10] {
        [
            ("created", self.created),
            ("configured", self.configured),
            ("applied", self.applied),
            ("unchanged", self.unchanged),
            ("pruned", self.pruned),
            ("left", self.left),
            ("failed", self.failed),
            ("takenBack", self.taken_back),
            ("unknown", self.unknown),
            ("notSent", self.not_sent),
        ]
    }

    /// `3 created, 1 configured, 2,996 unchanged`: what there is of it.
    pub fn sentence(&self) -> String {
        let words = [
            (self.created, "created"),
            (self.configured, "configured"),
            (self.applied, "applied"),
            (self.unchanged, "unchanged"),
            (self.pruned, "pruned"),
            (self.left, "left"),
            (self.failed, "not taken"),
            (self.taken_back, "taken back"),
            (self.unknown, "unknown"),
            (self.not_sent, "not sent"),
        ];
        let words: Vec<String> = words
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, word)| format!("{} {word}", grouped(*number)))
            .collect();
        if words.is_empty() { "nothing to apply".to_owned() } else { words.join(", ") }
    }
}

/// A number with a comma between groups of three digits.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_what_there_is() {
        let mut outcomes = vec![Outcome::Unchanged; 2996];
        outcomes.extend([Outcome::Created, Outcome::Created, Outcome::Pruned]);
        assert_eq!(Summary::of(&outcomes).sentence(), "2 created, 2,996 unchanged, 1 pruned");
        assert_eq!(Summary::of(&[]).sentence(), "nothing to apply");
    }

    #[test]
    fn large_numbers_are_easy_to_read() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn what_is_on_its_way_is_not_known() {
        let outcomes = [Outcome::Sending, Outcome::NotSent];
        assert_eq!(Summary::of(&outcomes).sentence(), "1 unknown, 1 not sent");
        assert!(outcomes.iter().all(|outcome| !outcome.is_done()));
    }
}
