//! A controller of the model: what it observes in its caches, the act that the real `decide` asks
//! for, and what the API server makes of it.

use compact_str::CompactString;
use ompipe::controller::omjob::{
    Act, Job, Node, Observed, Pod, Refusal, Sight, Stage, decide, decide_orphan,
};
use ompipe::crd::OMJobStatus;

use super::cluster::Propagation;
use super::mutation::Mutation;
use super::world::{Controller, JobObject, NOW, NodeTrouble, Seen, World, reduced};

/// What becomes of a request and of its answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Delivery {
    Answered,
    AnswerLost,
    /// The controller gives up waiting; the request arrives later, or never.
    Delayed,
}

/// What the API server answers.
enum Answer {
    Done,
    Refused(Refusal),
    /// Conflict, NotFound or Invalid: nothing was changed.
    Conflict,
}

impl World {
    /// A controller's cache takes over the OMJob as it is.
    pub(crate) fn sync_job(&mut self, index: usize, mutation: Option<Mutation>) {
        let controller = &mut self.controllers[index];
        controller.job.clone_from(&self.job);
        controller.based_on = None;
        controller.doubt(mutation);
    }

    /// A controller's cache takes over a pod as it is.
    pub(crate) fn sync_pod(&mut self, index: usize, name: &CompactString) {
        let pods = &mut self.controllers[index].pods;
        match self.pods.get(name) {
            Some(object) => {
                pods.insert(name.clone(), Seen { object: Some(object.clone()), live: false });
            }
            None => {
                pods.remove(name);
            }
        }
    }

    /// The API server is asked for a pod.
    fn look_for_pod(&mut self, index: usize, name: &CompactString) {
        let object = self.pods.get(name).cloned();
        self.controllers[index].pods.insert(name.clone(), Seen { object, live: true });
    }

    /// A controller starts anew: it knows nothing but what it lists.
    pub(crate) fn restart(&mut self, index: usize) {
        let mut controller = Controller { job: self.job.clone(), ..Controller::default() };
        for (name, object) in &self.pods {
            let seen = Seen { object: Some(object.clone()), live: false };
            controller.pods.insert(name.clone(), seen);
        }
        self.controllers[index] = controller;
    }

    /// What a controller sees.
    fn observe(&self, index: usize, job: &Job, mutation: Option<Mutation>) -> Observed {
        let controller = &self.controllers[index];
        let status = &job.status;
        let main = status.main.as_ref().map(|main| (&main.pod_name, main.pod_uid.as_ref()));
        let exit = status.exit_handler.as_ref().map(|exit| (&exit.pod_name, exit.pod_uid.as_ref()));
        let ours = |seen: &Seen| {
            let object = seen.object.as_ref()?;
            Some(Pod { ours: object.job_uid == job.uid, ..object.pod.clone() })
        };
        let sight = |recorded: Option<(&CompactString, Option<&CompactString>)>| {
            let missing = match mutation {
                Some(Mutation::MissIsAbsence) => Sight::Absent,
                _ => Sight::Unseen,
            };
            let Some((name, uid)) = recorded else { return Sight::Unseen };
            let Some(seen) = controller.pods.get(name) else { return missing };
            let Some(pod) = ours(seen) else { return Sight::Absent };
            let another = uid.is_some_and(|uid| !uid.is_empty() && *uid != pod.uid);
            match another && !seen.live && mutation != Some(Mutation::CachedUidTrusted) {
                true => missing,
                false => Sight::Present(pod),
            }
        };
        let (main, exit_handler) = (sight(main), sight(exit));
        let is_other = |pod: &Pod| {
            let seen = [&main, &exit_handler].into_iter().filter_map(Sight::present);
            pod.ours && !seen.into_iter().any(|seen| seen.name == pod.name)
        };
        let others = controller.pods.values().filter_map(ours).filter(is_other).collect();
        let node = |sight: &Sight<Pod>| {
            let node = sight.present().and_then(|pod| pod.node.as_ref());
            match node.and_then(|node| Some((node, self.nodes.get(node)?))) {
                Some((_, NodeTrouble::UnreachableSince(since))) => {
                    Sight::Present(Node { unreachable_since: Some(*since) })
                }
                Some((node, NodeTrouble::Gone)) => match controller.asked_nodes.contains(node) {
                    true => Sight::Absent,
                    false => Sight::Unseen,
                },
                None => Sight::Present(Node { unreachable_since: None }),
            }
        };
        Observed {
            job: job.clone(),
            main_node: node(&main),
            exit_handler_node: node(&exit_handler),
            main,
            exit_handler,
            others,
            refusal: controller.refusal.clone(),
        }
    }

    /// The act that a controller is about to do.
    pub(crate) fn planned(
        &self,
        index: usize,
        mutation: Option<Mutation>,
    ) -> Option<(Act, JobObject)> {
        let object = self.controllers[index].job.clone()?;
        let observed = self.observe(index, &object.job, mutation);
        let mut act = decide(&observed, NOW).act?;
        if let Act::Record(status) = &mut act {
            **status = reduced((**status).clone(), &object.job.limits);
        }
        if mutation == Some(Mutation::ReleaseBeforeRecord)
            && let Act::Record(status) = &act
            && let Some(pod) = ended_by(&observed, status)
        {
            act = Act::ReleasePod(pod);
        }
        Some((act, object))
    }

    /// A controller does what it has planned.
    pub(crate) fn act(&mut self, index: usize, delivery: Delivery, mutation: Option<Mutation>) {
        let Some((act, object)) = self.planned(index, mutation) else { return };
        match &act {
            Act::LookForPod(_, name) => return self.look_for_pod(index, name),
            Act::LookForNode(name) => {
                let asked = &mut self.controllers[index].asked_nodes;
                if !asked.contains(name) {
                    asked.push(name.clone());
                }
                return;
            }
            _ => {}
        }
        if mutation.is_some_and(|mutation| mutation.only_believes(&act, &object.job)) {
            return self.believe(index, act);
        }
        let basis = self.controllers[index].based_on.clone().unwrap_or(object);
        match delivery {
            Delivery::Answered => {
                let answer = self.serve(&act, &basis, mutation);
                self.note_answer(index, &act, answer, mutation);
            }
            Delivery::AnswerLost => drop(self.serve(&act, &basis, mutation)),
            Delivery::Delayed => self.late = Some((index, act, basis)),
        }
    }

    /// The delayed request arrives; nobody waits for its answer.
    pub(crate) fn arrive(&mut self, mutation: Option<Mutation>) {
        if let Some((_, act, basis)) = self.late.take() {
            self.serve(&act, &basis, mutation);
        }
    }

    /// A mutation: the act is done in the controller's memory alone.
    fn believe(&mut self, index: usize, act: Act) {
        let controller = &mut self.controllers[index];
        let Some(object) = &mut controller.job else { return };
        controller.based_on.get_or_insert_with(|| object.clone());
        match act {
            Act::Record(status) => object.job.status = *status,
            Act::HoldJob => object.job.finalizer = true,
            _ => {}
        }
    }

    /// The API server does what a request asks for.
    fn serve(&mut self, act: &Act, basis: &JobObject, mutation: Option<Mutation>) -> Answer {
        let same_job = self.job.as_mut().filter(|object| object.job.uid == basis.job.uid);
        match act {
            Act::HoldJob | Act::ReleaseJob => {
                let Some(object) = same_job else { return Answer::Conflict };
                if *act == Act::HoldJob && object.job.deleted {
                    return Answer::Conflict;
                }
                object.job.finalizer = *act == Act::HoldJob;
                Answer::Done
            }
            Act::Record(status) => {
                let Some(object) = same_job else { return Answer::Conflict };
                if object != basis && mutation != Some(Mutation::NoCompareAndSwap) {
                    return Answer::Conflict;
                }
                if status.main.as_ref().is_some_and(|main| {
                    main.outcome.as_ref().is_some_and(|outcome| outcome.reason == "Lost")
                }) && !self.history.main_lost
                    && self.main_is_there(status)
                {
                    // A pod that is there, on a good node, was not lost.
                    self.violate(super::world::Violation::WrongResult);
                }
                self.note_belated(status);
                if let Some(object) = &mut self.job {
                    object.job.status = (**status).clone();
                }
                Answer::Done
            }
            Act::DeleteJob => {
                if same_job.is_none() {
                    return Answer::Conflict;
                }
                self.delete_job(Propagation::Background);
                Answer::Done
            }
            Act::CreatePod(stage, name) => self.create(*stage, name, basis, mutation),
            Act::DeletePod(pod) => {
                let there = self.pods.get(&pod.name);
                let as_observed = there.is_some_and(|there| match mutation {
                    Some(Mutation::DeleteByName) => true,
                    Some(Mutation::DeleteAnyVersion) => there.pod.uid == pod.uid,
                    _ => Pod { ours: true, ..pod.clone() } == there.pod,
                });
                if !as_observed {
                    return Answer::Conflict;
                }
                self.delete_pod(&pod.name);
                Answer::Done
            }
            Act::UngatePod(pod) | Act::ReleasePod(pod) | Act::HandOverPod(pod) => {
                let Some(there) = self.pods.get_mut(&pod.name) else { return Answer::Conflict };
                if there.pod.uid != pod.uid && mutation != Some(Mutation::UngateByName) {
                    return Answer::Conflict;
                }
                match act {
                    Act::UngatePod(_) => there.pod.gated = false,
                    Act::ReleasePod(_) => there.pod.finalizer = false,
                    _ => {
                        there.pod.finalizer = false;
                        there.pod.owned = true;
                    }
                }
                Answer::Done
            }
            Act::LookForPod(..) | Act::LookForNode(_) => Answer::Done,
        }
    }

    /// A main pod other than the recorded one, which a delayed request has created before this
    /// record of the end.
    fn note_belated(&mut self, status: &OMJobStatus) {
        if let Some(main) = status.main.as_ref()
            && main.outcome.is_some()
            && let Some(object) = self.pods.get_mut(&main.pod_name)
            && main.pod_uid.as_ref() != Some(&object.pod.uid)
        {
            object.belated = true;
        }
    }

    fn main_is_there(&self, status: &OMJobStatus) -> bool {
        let Some(main) = &status.main else { return false };
        self.pods.get(&main.pod_name).is_some_and(|object| {
            !object.belated
                && object.pod.running
                && main.pod_uid.as_ref().is_some_and(|uid| *uid == object.pod.uid)
        })
    }

    fn create(
        &mut self,
        stage: Stage,
        name: &CompactString,
        basis: &JobObject,
        mutation: Option<Mutation>,
    ) -> Answer {
        if let Some(refusal) = &self.refusing {
            return Answer::Refused(refusal.clone());
        }
        if self.pods.contains_key(name) {
            return Answer::Conflict;
        }
        let mut made = self.make_pod(stage, name, &basis.job);
        match mutation {
            Some(Mutation::NoPodFinalizer) => made.pod.finalizer = false,
            Some(Mutation::NoGate) => made.pod.gated = false,
            Some(Mutation::OwnedExitHandler) => made.pod.owned = true,
            _ => {}
        }
        let record = self.job.as_ref().filter(|object| object.job.uid == basis.job.uid);
        let main = record.and_then(|object| object.job.status.main.as_ref());
        made.belated = stage == Stage::Main
            && main.is_none_or(|main| {
                main.pod_name != *name || main.outcome.is_some() || main.pod_uid.is_some()
            })
            && mutation != Some(Mutation::NoIntent);
        self.pods.insert(name.clone(), made);
        Answer::Done
    }

    /// The cache takes over what the API server has answered.
    fn note_answer(&mut self, index: usize, act: &Act, answer: Answer, mutation: Option<Mutation>) {
        match (act, answer) {
            (Act::CreatePod(_, name), Answer::Done | Answer::Conflict) => {
                self.controllers[index].refusal = None;
                self.look_for_pod(index, name);
            }
            (_, Answer::Refused(refusal)) => self.controllers[index].refusal = Some(refusal),
            (_, Answer::Conflict) => {}
            (Act::HoldJob | Act::ReleaseJob | Act::DeleteJob | Act::Record(_), Answer::Done) => {
                self.settle();
                self.sync_job(index, mutation);
            }
            (
                Act::DeletePod(pod)
                | Act::UngatePod(pod)
                | Act::ReleasePod(pod)
                | Act::HandOverPod(pod),
                Answer::Done,
            ) => {
                self.settle();
                self.sync_pod(index, &pod.name);
            }
            (Act::LookForPod(..) | Act::LookForNode(_), Answer::Done) => {}
        }
    }

    /// A pod whose OMJob is gone, as the API server itself has said.
    pub(crate) fn act_on_orphan(
        &mut self,
        index: usize,
        name: &CompactString,
        mutation: Option<Mutation>,
    ) {
        let seen = self.controllers[index].pods.get(name);
        let Some(object) = seen.and_then(|seen| seen.object.clone()) else { return };
        if self.job.as_ref().is_some_and(|job| job.job.uid == object.job_uid) {
            return;
        }
        let Some(act) = decide_orphan(&object.pod).act else { return };
        // No part of it depends on the OMJob.
        let mut basis = World::new(super::NO_LIMITS, 0, self.left).job;
        if let Some(basis) = basis.take() {
            let answer = self.serve(&act, &basis, mutation);
            self.note_answer(index, &act, answer, mutation);
        }
    }
}

impl Controller {
    /// The OMJob has changed: what the API server has said before is no longer certain.
    fn doubt(&mut self, mutation: Option<Mutation>) {
        if mutation == Some(Mutation::OldAbsence) {
            return;
        }
        self.pods.retain(|_, seen| seen.object.is_some());
        self.pods.values_mut().for_each(|seen| seen.live = false);
        self.asked_nodes.clear();
    }
}

/// The pod whose end a status records.
fn ended_by(observed: &Observed, status: &OMJobStatus) -> Option<Pod> {
    let before = &observed.job.status;
    let main_ends = before.main.as_ref().is_some_and(|main| main.outcome.is_none())
        && status.main.as_ref().is_some_and(|main| main.outcome.is_some());
    let exit_ends = before.exit_handler.as_ref().is_some_and(|exit| exit.outcome.is_none())
        && status.exit_handler.as_ref().is_some_and(|exit| exit.outcome.is_some());
    let pod = match (main_ends, exit_ends) {
        (true, _) => observed.main.present(),
        (_, true) => observed.exit_handler.present(),
        _ => None,
    };
    pod.filter(|pod| pod.finalizer).cloned()
}
