//! What is explored: configurations, each with the faults that it is about, and the mutations.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Instant;

use ompipe::controller::omjob::Limits;
use stateright::{Checker, Model};

use super::NO_LIMITS;
use super::cluster::{Ending, Propagation};
use super::mutation::Mutation;
use super::protocol::{Fault, Protocol};
use super::world::{Left, World};

/// One configuration. Everything else is left out of it, so that the rest can be explored whole.
#[derive(Clone)]
pub(crate) struct Configuration {
    pub(crate) name: &'static str,
    pub(crate) limits: Limits,
    pub(crate) controllers: usize,
    pub(crate) faults: Vec<Fault>,
    pub(crate) endings: Vec<Ending>,
    pub(crate) left: Left,
    pub(crate) mutation: Option<Mutation>,
    /// Begins with what the Java operator has made: a main pod without finalizer, and no record.
    pub(crate) taken_over: bool,
}

impl Configuration {
    /// An OMJob without limits, one controller, one end, no fault.
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            limits: NO_LIMITS,
            controllers: 1,
            faults: Vec::new(),
            endings: vec![Ending::Succeeded],
            left: Left { faults: 0, ticks: 0, second: 0 },
            mutation: None,
            taken_over: false,
        }
    }

    /// So many of these faults in one run.
    pub(crate) fn faults(mut self, most: u8, faults: &[Fault]) -> Self {
        self.left.faults = most;
        self.faults = faults.to_vec();
        self
    }

    /// So many ticks at moments when something else could happen.
    pub(crate) fn ticks(mut self, most: u8) -> Self {
        self.left.ticks = most;
        self
    }

    /// A second controller that does so many acts, whenever it likes.
    pub(crate) fn second_controller(mut self, most_acts: u8) -> Self {
        self.controllers = 2;
        self.left.second = most_acts;
        self
    }

    pub(crate) fn endings(mut self, endings: &[Ending]) -> Self {
        self.endings = endings.to_vec();
        self
    }

    pub(crate) fn limits(mut self, change: impl Fn(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    pub(crate) fn mutated(mut self, mutation: Mutation) -> Self {
        self.mutation = Some(mutation);
        self
    }

    pub(crate) fn taken_over(mut self) -> Self {
        self.taken_over = true;
        self
    }

    fn protocol(&self) -> Protocol {
        let mut from = World::new(self.limits, self.controllers, self.left);
        if self.taken_over {
            from.begin_in_the_middle();
        }
        Protocol {
            from: vec![from],
            faults: self.faults.clone(),
            endings: self.endings.clone(),
            mutation: self.mutation,
            good: Mutex::new(HashSet::new()),
        }
    }

    /// Explores all of it, or until a property is violated, and says what was found: the violated
    /// property and the steps that lead to it.
    #[expect(clippy::print_stdout, reason = "the figures are what `just model` is for")]
    pub(crate) fn explore(&self) -> Option<(&'static str, Vec<String>)> {
        let started = Instant::now();
        let checker = self.protocol().checker();
        let checker = checker.finish_when(stateright::HasDiscoveries::AnyFailures);
        let checker = checker.spawn_bfs().join();
        let violated = checker
            .discoveries()
            .into_iter()
            .filter(|(name, _)| checker.model().property(name).expectation.discovery_is_failure())
            .map(|(name, path)| {
                let steps = path.into_actions().iter().map(|step| format!("{step:?}")).collect();
                (name, steps)
            })
            .min_by_key(|(_, steps): &(_, Vec<String>)| steps.len());
        let verdict = match &violated {
            Some((property, steps)) => format!("VIOLATED in {} steps: {property}", steps.len()),
            None => "holds".to_owned(),
        };
        println!(
            "{:<58} {:>10} states, {:>9} unique, depth {:>3}, {:>6.1} s  {verdict}",
            match self.mutation {
                Some(mutation) => format!("{mutation:?} ({})", self.name),
                None => self.name.to_owned(),
            },
            checker.state_count(),
            checker.unique_state_count(),
            checker.max_depth(),
            started.elapsed().as_secs_f64(),
        );
        assert!(
            violated.is_some() || checker.discovery("the exit handler completes").is_some(),
            "{}: nothing was explored",
            self.name
        );
        violated
    }
}

/// So many, and one more where the whole is asked for.
pub(crate) fn more(most: u8) -> u8 {
    most + u8::from(std::env::var_os("OMPIPE_MODEL").is_some())
}

pub(crate) const ALL_ENDINGS: [Ending; 3] = [Ending::Succeeded, Ending::Failed, Ending::Evicted];
pub(crate) const DELETIONS: [Fault; 3] = [
    Fault::DeleteJob(Propagation::Background),
    Fault::DeleteJob(Propagation::Foreground),
    Fault::DeleteJob(Propagation::Orphan),
];
