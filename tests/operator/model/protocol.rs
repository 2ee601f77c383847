//! The model itself: which steps are possible in a world, and what must hold in each.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Mutex;

use compact_str::CompactString;
use ompipe::controller::omjob::{Refusal, Stage};
use ompipe::crd::Phase;
use stateright::{Model, Property};

use super::cluster::{Ending, Propagation};
use super::controller::Delivery;
use super::mutation::Mutation;
use super::world::{NOW, NodeTrouble, Violation, World};

/// More steps than any world needs to come to rest.
const MOST_STEPS_TO_REST: usize = 400;

/// So many pods of one OMJob are more than its faults can bring about.
const MOST_PODS: u16 = 6;

/// A kind of fault that a configuration allows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Fault {
    /// An answer is lost; the request was served.
    LoseAnswer,
    /// A request is given up, and arrives later or never.
    Delay,
    /// A controller is killed, and starts anew.
    Crash,
    DeletePod,
    /// Deleted by force, its finalizer stripped by hand.
    ForcePod,
    /// Its phase is Failed first, with nothing said of its container.
    Evict,
    DeleteJob(Propagation),
    /// Our finalizer is stripped from the OMJob by hand.
    StripJob,
    LoseNode,
    RemoveNode,
    Quota,
    DeleteNamespace,
}

/// One step.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Step {
    SyncJob(usize),
    SyncPod(usize, CompactString),
    Act(usize, Delivery),
    ActOnOrphan(usize, CompactString),
    Arrive,
    GiveUp,
    Bind(CompactString),
    Start(CompactString),
    End(CompactString, Ending),
    CollectLost(CompactString),
    CollectOwned(CompactString),
    Orphan,
    LiftQuota,
    RecordByCron,
    Tick,
    Fault(Fault, Option<CompactString>),
}

/// What is explored.
pub(crate) struct Protocol {
    pub(crate) from: Vec<World>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) endings: Vec<Ending>,
    pub(crate) mutation: Option<Mutation>,
    /// Worlds that are known to come to a good end.
    pub(crate) good: Mutex<HashSet<u64>>,
}

impl Protocol {
    /// The steps that need no fault, those first by which a world comes to rest.
    fn progress(&self, world: &World, steps: &mut Vec<Step>) {
        if world.late.is_some() {
            steps.extend([Step::Arrive, Step::GiveUp]);
        }
        for index in 0..world.controllers.len() {
            self.progress_of(world, index, steps);
        }
        for (name, object) in &world.pods {
            let pod = &object.pod;
            if pod.node.is_none() {
                steps.push(Step::Bind(name.clone()));
            } else if pod.end.is_none() {
                let endings = self.endings.iter().map(|ending| Step::End(name.clone(), *ending));
                if pod.deleted.is_some() || pod.running {
                    steps.extend(endings);
                }
                steps.push(Step::Start(name.clone()));
            }
            if !world.nodes.is_empty() {
                steps.push(Step::CollectLost(name.clone()));
            }
            if pod.owned && pod.deleted.is_none() {
                steps.push(Step::CollectOwned(name.clone()));
            }
        }
        if world.job.as_ref().is_some_and(|job| job.job.orphaning) {
            steps.push(Step::Orphan);
        }
        if matches!(world.refusing, Some(Refusal::Other(_))) {
            steps.push(Step::LiftQuota);
        }
        if world.job.as_ref().is_some_and(|job| !job.job.recorded_by_cron) {
            steps.push(Step::RecordByCron);
        }
    }

    fn progress_of(&self, world: &World, index: usize, steps: &mut Vec<Step>) {
        let controller = &world.controllers[index];
        if index > 0 && world.left.second == 0 {
            return;
        }
        let basis = controller.based_on.as_ref().or(controller.job.as_ref());
        if basis != world.job.as_ref() {
            steps.push(Step::SyncJob(index));
        }
        for (name, object) in &world.pods {
            let seen = controller.pods.get(name).and_then(|seen| seen.object.as_ref());
            if seen != Some(object) {
                steps.push(Step::SyncPod(index, name.clone()));
            }
        }
        for (name, seen) in &controller.pods {
            if seen.object.is_some() && !world.pods.contains_key(name) {
                steps.push(Step::SyncPod(index, name.clone()));
            }
        }
        steps.push(Step::Act(index, Delivery::Answered));
        if world.job.is_none() {
            let orphans = controller.pods.keys().map(|name| Step::ActOnOrphan(index, name.clone()));
            steps.extend(orphans);
        }
    }

    fn faults(&self, world: &World, steps: &mut Vec<Step>) {
        for fault in &self.faults {
            match fault {
                Fault::LoseAnswer => steps.push(Step::Act(0, Delivery::AnswerLost)),
                Fault::Delay if world.late.is_none() => {
                    steps.push(Step::Act(0, Delivery::Delayed));
                }
                Fault::DeletePod | Fault::ForcePod | Fault::Evict => {
                    let pods =
                        world.pods.keys().map(|name| Step::Fault(*fault, Some(name.clone())));
                    steps.extend(pods);
                }
                Fault::LoseNode | Fault::RemoveNode => {
                    let nodes = world.pods.values().filter_map(|object| object.pod.node.clone());
                    steps.extend(nodes.map(|node| Step::Fault(*fault, Some(node))));
                }
                _ => steps.push(Step::Fault(*fault, None)),
            }
        }
    }

    fn fault(&self, world: &mut World, fault: Fault, name: Option<&CompactString>) -> Option<()> {
        let note_pod = |world: &mut World, name: &CompactString, lost: bool| -> Option<()> {
            let object = world.pods.get(name)?;
            match object.stage {
                Stage::Main => world.history.main_lost |= lost,
                // Before it has a node it is made again.
                Stage::ExitHandler => {
                    world.history.exit_excused |= lost || object.pod.node.is_some();
                }
            }
            Some(())
        };
        match fault {
            Fault::LoseAnswer | Fault::Delay => return None,
            Fault::Crash => world.restart(0),
            Fault::DeletePod => {
                let name = name?;
                (world.pods.get(name)?.pod.deleted.is_none()).then_some(())?;
                note_pod(world, name, false)?;
                world.delete_pod(name);
            }
            Fault::ForcePod => {
                note_pod(world, name?, true)?;
                world.pods.remove(name?);
            }
            Fault::Evict => {
                note_pod(world, name?, false)?;
                world.end(name?, Ending::Evicted);
            }
            Fault::DeleteJob(propagation) => world.delete_job(propagation),
            Fault::StripJob => {
                world.job.as_mut()?.job.finalizer = false;
                world.history.exit_excused = true;
            }
            Fault::LoseNode | Fault::RemoveNode => {
                let node = name?;
                let on_it =
                    |object: &&super::world::PodObject| object.pod.node.as_ref() == Some(node);
                let pod = world.pods.values().find(on_it)?.pod.name.clone();
                note_pod(world, &pod, true)?;
                let trouble = match fault {
                    Fault::LoseNode => NodeTrouble::UnreachableSince(NOW),
                    _ => NodeTrouble::Gone,
                };
                if world.nodes.get(node) == Some(&NodeTrouble::Gone) {
                    return None;
                }
                world.nodes.insert(node.clone(), trouble);
            }
            Fault::Quota => world.refusing = Some(Refusal::Other(String::new())),
            Fault::DeleteNamespace => world.delete_namespace(),
        }
        Some(())
    }

    fn do_step(&self, world: &mut World, step: &Step) -> Option<()> {
        match step {
            Step::SyncJob(index) => world.sync_job(*index, self.mutation),
            Step::SyncPod(index, name) => world.sync_pod(*index, name),
            Step::Act(index, delivery) => {
                let before = world.clone();
                world.act(*index, *delivery, self.mutation);
                if *world == before {
                    return None;
                }
                if *index > 0 {
                    world.left.second = world.left.second.checked_sub(1)?;
                }
                if *delivery != Delivery::Answered {
                    world.left.faults = world.left.faults.checked_sub(1)?;
                }
            }
            Step::ActOnOrphan(index, name) => world.act_on_orphan(*index, name, self.mutation),
            Step::Arrive => world.arrive(self.mutation),
            Step::GiveUp => world.late = None,
            Step::Bind(name) => world.bind(name),
            Step::Start(name) => world.start(name),
            Step::End(name, ending) => world.end(name, *ending),
            Step::CollectLost(name) => world.collect_lost(name),
            Step::CollectOwned(name) => world.collect_owned(name),
            Step::Orphan => world.orphan(),
            Step::LiftQuota => world.refusing = None,
            Step::RecordByCron => world.job.as_mut()?.job.recorded_by_cron = true,
            Step::Tick => world.age(),
            Step::Fault(fault, name) => {
                world.left.faults = world.left.faults.checked_sub(1)?;
                self.fault(world, *fault, name.as_ref())?;
            }
        }
        world.settle();
        Some(())
    }

    /// The world after a step; `None` if the step changes nothing.
    pub(crate) fn after(&self, world: &World, step: &Step) -> Option<World> {
        let mut next = world.clone();
        self.do_step(&mut next, step)?;
        // What a fault costs is not yet a change.
        let spent = next.left;
        next.left = world.left;
        let changed = next != *world;
        next.left = spent;
        changed.then_some(next)
    }

    /// The next step towards rest: what is due is done, and nothing goes wrong any more.
    fn towards_rest(&self, world: &World) -> Option<World> {
        let mut steps = Vec::new();
        self.progress(world, &mut steps);
        steps.push(Step::Tick);
        let second = |step: &Step| match step {
            Step::SyncJob(index) | Step::SyncPod(index, _) | Step::Act(index, _) => *index > 0,
            Step::ActOnOrphan(index, _) => *index > 0,
            _ => false,
        };
        steps.iter().filter(|step| !second(step)).find_map(|step| self.after(world, step))
    }

    /// Whether this world, left alone, comes to rest and is then as promised.
    pub(crate) fn comes_to_a_good_end(&self, world: &World) -> bool {
        let mut path = vec![fingerprint(world)];
        let mut at = world.clone();
        for _ in 0..MOST_STEPS_TO_REST {
            if self.is_known_good(path[path.len() - 1]) {
                return self.know_good(path);
            }
            match self.towards_rest(&at) {
                Some(next) => at = next,
                None => return is_good_rest(&at) && self.know_good(path),
            }
            path.push(fingerprint(&at));
        }
        false
    }

    fn is_known_good(&self, world: u64) -> bool {
        self.good.lock().unwrap().contains(&world)
    }

    fn know_good(&self, path: Vec<u64>) -> bool {
        self.good.lock().unwrap().extend(path);
        true
    }
}

fn fingerprint(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

/// Whether a world in which nothing happens any more is as promised.
pub(crate) fn is_good_rest(world: &World) -> bool {
    let history = &world.history;
    let held = world.pods.values().any(|object| object.pod.finalizer);
    let started = history.main_intended || history.main_started;
    let handled = history.exits_started == 1 || history.exit_excused || world.exit_overdue();
    let job = match &world.job {
        // It may have been deleted before anything was started.
        None => !started || handled || history.verdict.is_some(),
        Some(object) => {
            let job = &object.job;
            let has_node_trouble = !world.nodes.is_empty();
            job.status.phase.is_some_and(Phase::is_terminal)
                && !job.finalizer
                && (handled || !job.limits.exit_handler)
                && (!job.deleted || object.foreground && has_node_trouble)
        }
    };
    !held && job
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        self.from.clone()
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if world.history.violation.is_some() {
            return;
        }
        self.progress(world, steps);
        let at_rest = || steps.iter().all(|step| self.after(world, step).is_none());
        if world.left.ticks > 0 || at_rest() {
            steps.push(Step::Tick);
        }
        if world.left.faults > 0 {
            self.faults(world, steps);
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = self.after(world, &step)?;
        if step == Step::Tick {
            // At rest it is free.
            next.left.ticks = next.left.ticks.saturating_sub(1);
        }
        Some(next)
    }

    /// A controller that never hears that the OMJob is gone creates a pod as often as one is let go.
    fn within_boundary(&self, world: &World) -> bool {
        world.made <= MOST_PODS
    }

    fn properties(&self) -> Vec<Property<Self>> {
        fn never(violation: Violation, world: &World) -> bool {
            world.history.violation != Some(violation)
        }
        vec![
            Property::always("at most one exit handler starts", |_, world| {
                never(Violation::TwoExitHandlers, world)
            }),
            Property::always("no exit handler starts while a main pod runs", |_, world| {
                never(Violation::ExitHandlerBesideMain, world)
            }),
            Property::always("no exit handler starts after the end", |_, world| {
                never(Violation::ExitHandlerAfterTheEnd, world)
            }),
            Property::always("no main pod starts after the exit handler", |_, world| {
                never(Violation::MainAfterExitHandler, world)
            }),
            Property::always("no two main pods run at once", |_, world| {
                never(Violation::TwoMains, world)
            }),
            Property::always("the end is never left", |_, world| never(Violation::EndLeft, world)),
            Property::always("what is recorded is what happened", |_, world| {
                never(Violation::WrongResult, world)
            }),
            Property::always(
                "left alone, all ends, handled once and held by nobody",
                |model: &Self, world: &World| {
                    world.history.violation.is_some() || model.comes_to_a_good_end(world)
                },
            ),
            Property::sometimes("the exit handler completes", |_, world: &World| {
                world.history.exit_succeeded && world.history.verdict.is_some()
            }),
        ]
    }
}
