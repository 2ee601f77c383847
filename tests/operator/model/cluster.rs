//! What the API server, the scheduler, the kubelets and the garbage collector do.

use compact_str::CompactString;
use ompipe::controller::omjob::{PodEnd, Refusal, Stage};
use ompipe::crd::Phase;

use super::world::{NodeTrouble, OLD, PodObject, Violation, World, bit};

/// How a container ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Ending {
    Succeeded,
    Failed,
    /// With nothing said of its container.
    Evicted,
}

/// A propagation policy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

impl World {
    /// What follows at once: objects go whose last finalizer is gone.
    pub(crate) fn settle(&mut self) {
        let troubled = |nodes: &std::collections::BTreeMap<_, _>, pod: &PodObject| {
            pod.pod.node.as_ref().is_some_and(|node| nodes.contains_key(node))
        };
        let nodes = &self.nodes;
        self.pods.retain(|_, object| {
            let pod = &object.pod;
            let stopped = pod.node.is_none()
                || (pod.end.is_some() && !troubled(nodes, object))
                || pod
                    .node
                    .as_ref()
                    .is_some_and(|node| nodes.get(node) == Some(&NodeTrouble::Gone));
            pod.deleted.is_none() || pod.finalizer || !stopped
        });
        if let Some(object) = &mut self.job {
            let uid = &object.job.uid;
            if object.foreground
                && !self.pods.values().any(|pod| pod.pod.owned && pod.job_uid == *uid)
            {
                object.foreground = false;
            }
            let job = &object.job;
            if job.deleted && !job.finalizer && !object.foreground && !job.orphaning {
                self.job = None;
            }
        }
        self.note_verdict();
    }

    /// The end is never left, and the recorded results are what happened.
    fn note_verdict(&mut self) {
        let Some(object) = &self.job else { return };
        let status = object.job.status.clone();
        self.history.main_intended |= status.main.is_some();
        let verdict = match status.phase {
            Some(Phase::Succeeded) => Some(true),
            Some(Phase::Failed) => Some(false),
            _ => None,
        };
        if self.history.verdict.is_some() && verdict != self.history.verdict {
            self.violate(Violation::EndLeft);
        }
        if self.history.verdict.is_none() && verdict.is_some() {
            self.history.verdict = verdict;
            self.check_result(&status, verdict == Some(true));
        }
    }

    fn check_result(&mut self, status: &ompipe::crd::OMJobStatus, succeeded: bool) {
        use ompipe::crd::ExitHandlerResult;
        let history = self.history;
        let stopped = status.deadline_exceeded_time.is_some() || history.main_lost;
        let uid = status.main.as_ref().and_then(|main| main.pod_uid.as_deref());
        let recorded = history.succeeded & bit(uid.unwrap_or_default()) != 0;
        let main_told = match succeeded {
            true => recorded,
            false => !recorded || stopped,
        };
        let result = status.exit_handler.as_ref().and_then(|exit| exit.outcome);
        let exit_told = match result.map(|outcome| outcome.result) {
            None => status.exit_handler.is_none(),
            Some(ExitHandlerResult::Completed) => history.exit_succeeded,
            Some(ExitHandlerResult::Failed) => history.exits_started > 0 && !history.exit_succeeded,
            Some(ExitHandlerResult::NotRun) => {
                history.exits_started == 0 && (history.exit_excused || self.exit_overdue())
            }
            Some(ExitHandlerResult::Interrupted) => history.exit_excused || self.exit_overdue(),
        };
        if !(main_told && exit_told) {
            self.violate(Violation::WrongResult);
        }
    }

    /// Whether exitHandlerDeadlineSeconds is over.
    pub(crate) fn exit_overdue(&self) -> bool {
        self.job.as_ref().is_some_and(|object| {
            let seconds = object.job.limits.exit_handler_deadline_seconds;
            let exit = object.job.status.exit_handler.as_ref();
            exit.is_some_and(|exit| {
                super::world::NOW.duration_since(exit.time).as_secs() >= seconds
            })
        })
    }

    pub(crate) fn delete_pod(&mut self, name: &CompactString) {
        if let Some(object) = self.pods.get_mut(name) {
            object.pod.deleted = Some(OLD);
            // Not held: it may vanish before anybody has seen its end.
            self.history.main_lost |= object.stage == Stage::Main && !object.pod.finalizer;
        }
    }

    pub(crate) fn delete_job(&mut self, propagation: Propagation) {
        if let Some(object) = &mut self.job {
            object.job.deleted = true;
            // Nothing recorded yet: it may be gone before anybody has seen it.
            self.history.exit_excused |= object.job.status.main.is_none();
            object.foreground |= propagation == Propagation::Foreground;
            object.job.orphaning |= propagation == Propagation::Orphan;
        }
    }

    fn is_troubled(&self, object: &PodObject) -> bool {
        object.pod.node.as_ref().is_some_and(|node| self.nodes.contains_key(node))
    }

    /// The scheduler binds a pod that has no gate.
    pub(crate) fn bind(&mut self, name: &CompactString) {
        let Some(object) = self.pods.get_mut(name) else { return };
        let pod = &mut object.pod;
        if !pod.gated && pod.deleted.is_none() && pod.node.is_none() {
            pod.node = Some(compact_str::format_compact!("node-{}", pod.uid));
        }
    }

    /// The kubelet starts a pod, which may be deleted while it does not know it yet.
    pub(crate) fn start(&mut self, name: &CompactString) {
        let Some(object) = self.pods.get(name).cloned() else { return };
        let pod = &object.pod;
        if pod.node.is_none() || pod.running || pod.end.is_some() || self.is_troubled(&object) {
            return;
        }
        let other_main_runs = self.pods.values().any(|other| {
            other.stage == Stage::Main
                && other.job_uid == object.job_uid
                && other.pod.uid != pod.uid
                && other.pod.running
                && other.pod.end.is_none()
                && !self.is_troubled(other)
                && !other.belated
        });
        match object.stage {
            Stage::Main => {
                if object.belated {
                    // Known and said: nothing but a gate of its own could fence it.
                } else if self.history.exits_started > 0 {
                    self.violate(Violation::MainAfterExitHandler);
                } else if other_main_runs {
                    self.violate(Violation::TwoMains);
                }
                self.history.main_started = true;
            }
            Stage::ExitHandler => {
                if self.history.exits_started > 0 {
                    self.violate(Violation::TwoExitHandlers);
                }
                if other_main_runs {
                    self.violate(Violation::ExitHandlerBesideMain);
                }
                if self.history.verdict.is_some() {
                    self.violate(Violation::ExitHandlerAfterTheEnd);
                }
                self.history.exits_started = (self.history.exits_started + 1).min(2);
            }
        }
        if let Some(object) = self.pods.get_mut(name) {
            object.pod.running = true;
        }
    }

    /// A container ends; an eviction needs none.
    pub(crate) fn end(&mut self, name: &CompactString, ending: Ending) {
        let Some(object) = self.pods.get(name).cloned() else { return };
        let pod = &object.pod;
        if pod.node.is_none() || pod.end.is_some() || self.is_troubled(&object) {
            return;
        }
        let never_started = !pod.running;
        if never_started
            && (ending == Ending::Succeeded || pod.deleted.is_none() && ending != Ending::Evicted)
        {
            return;
        }
        let end = match ending {
            Ending::Succeeded => PodEnd { succeeded: true, exit_code: Some(0), reason: None },
            Ending::Failed if never_started => {
                PodEnd { succeeded: false, exit_code: None, reason: None }
            }
            Ending::Failed => PodEnd { succeeded: false, exit_code: Some(1), reason: None },
            Ending::Evicted => {
                PodEnd { succeeded: false, exit_code: None, reason: Some("Evicted".into()) }
            }
        };
        if end.succeeded {
            self.history.succeeded |= bit(&pod.uid);
        }
        if object.stage == Stage::ExitHandler {
            self.history.exit_succeeded |= end.succeeded;
            self.history.exit_excused |= ending == Ending::Evicted;
        }
        if let Some(object) = self.pods.get_mut(name) {
            object.pod.end = Some(end);
            object.pod.running = false;
        }
    }

    /// The garbage collector of pods ends and deletes what was on a node that is gone.
    pub(crate) fn collect_lost(&mut self, name: &CompactString) {
        let Some(object) = self.pods.get_mut(name) else { return };
        let node = object.pod.node.as_ref();
        if node.is_some_and(|node| self.nodes.get(node) == Some(&NodeTrouble::Gone)) {
            let end = PodEnd { succeeded: false, exit_code: None, reason: None };
            object.pod.end.get_or_insert(end);
            object.pod.deleted = Some(OLD);
        }
    }

    /// The garbage collector of owners.
    pub(crate) fn collect_owned(&mut self, name: &CompactString) {
        let Some(object) = self.pods.get_mut(name) else { return };
        let owner = self.job.as_ref().filter(|job| job.job.uid == object.job_uid);
        if object.pod.owned && owner.is_none_or(|job| job.job.deleted && job.foreground) {
            object.pod.deleted = Some(OLD);
        }
    }

    /// The garbage collector makes orphans.
    pub(crate) fn orphan(&mut self) {
        let Some(object) = &mut self.job else { return };
        if object.job.deleted && object.job.orphaning {
            object.job.orphaning = false;
            self.pods.values_mut().for_each(|pod| pod.pod.owned = false);
        }
    }

    /// Everything in the namespace is deleted, and nothing is created any more.
    pub(crate) fn delete_namespace(&mut self) {
        self.refusing = Some(Refusal::NamespaceTerminating);
        self.history.exit_excused = true;
        self.delete_job(Propagation::Background);
        for name in self.pods.keys().cloned().collect::<Vec<_>>() {
            self.delete_pod(&name);
        }
    }
}
