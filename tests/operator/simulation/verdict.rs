//! The oracle's verdict when all is at rest: whether the promise was kept for every OMJob.
//!
//! In: what was seen. Out: violations.

use serde_json::Value;
use tokio::time::Instant;

use super::oracle::{Harm, Job, Oracle, Pod};

impl Oracle {
    pub(crate) fn judge(&mut self) {
        let mut violations = Vec::new();
        for (uid, job) in &self.jobs {
            let pods: Vec<&Pod> =
                self.pods.values().filter(|pod| pod.job == *uid && !pod.is_late).collect();
            let judged = Judged { job, pods, namespace_goes: self.namespace_goes };
            violations
                .extend(judged.violations().into_iter().map(|why| format!("{}: {why}", job.key)));
        }
        for violation in violations {
            self.violated(violation);
        }
    }
}

struct Judged<'a> {
    job: &'a Job,
    pods: Vec<&'a Pod>,
    namespace_goes: bool,
}

impl Judged<'_> {
    fn violations(&self) -> Vec<String> {
        let mut violations = Vec::new();
        let phase = self.job.status["phase"].as_str().unwrap_or_default();
        let result = self.job.status["exitHandler"]["outcome"]["result"].as_str();
        let result = result.unwrap_or_default();
        let has_exit_handler = !self.job.spec["exitHandlerSpec"].is_null();
        let started = self.exit_handlers().filter(|pod| pod.started.is_some()).count();

        if !self.job.intended {
            if self.pods.iter().any(|pod| pod.started.is_some()) {
                violations.push("a pod ran that was never intended".to_owned());
            }
            return violations;
        }
        if has_exit_handler && started == 0 && !self.may_not_have_run() {
            violations.push(format!("the exit handler never ran; its record says {result:?}"));
        }
        if !has_exit_handler && started > 0 {
            violations.push("an exit handler ran that nobody asked for".to_owned());
        }
        if self.namespace_goes {
            return violations;
        }
        let said = match result {
            "Completed" => self.exit_handlers().any(|pod| pod.succeeded()),
            "Failed" => self.exit_handlers().any(|pod| pod.started.is_some() && !pod.succeeded()),
            "Interrupted" => self.exit_handlers().any(|pod| !pod.harms.is_empty()),
            "NotRun" => started == 0,
            "" => !has_exit_handler,
            _ => false,
        };
        if !said {
            violations.push(format!("the exit handler's record says {result:?}, which is not so"));
        }
        violations.extend(self.wrong_result(phase));
        violations
    }

    fn exit_handlers(&self) -> impl Iterator<Item = &&Pod> {
        self.pods.iter().filter(|pod| pod.is_exit_handler)
    }

    /// Whether something was done that excuses an exit handler which did not start.
    fn may_not_have_run(&self) -> bool {
        let harmed = |pod: &&Pod| {
            let harms = pod.harms.iter();
            harms.clone().any(|harm| *harm != Harm::DeletedByOperator)
        };
        let result = &self.job.status["exitHandler"]["outcome"]["result"];
        let seconds = self.job.spec["exitHandlerDeadlineSeconds"].as_u64().unwrap_or(3600);
        let overdue = self
            .job
            .exit_intended
            .is_some_and(|at| Instant::now().duration_since(at).as_secs() >= seconds);
        self.namespace_goes
            || (result == "Interrupted" && self.exit_handlers().any(harmed))
            || ((result == "Interrupted" || result == "NotRun") && overdue)
    }

    fn wrong_result(&self, phase: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let main = |pod: &&&Pod| !pod.is_exit_handler;
        let succeeded = self.pods.iter().filter(main).any(|pod| pod.succeeded());
        let uncertain = self.pods.iter().filter(main).any(|pod| !pod.harms.is_empty())
            || !self.job.status["deadlineExceededTime"].is_null();
        let strict = self.job.spec["exitHandlerPolicy"] == "Fail";
        let told =
            |what: &str| self.exit_handlers().any(|pod| pod.started.is_some() && pod.told == what);
        match (phase, succeeded) {
            ("Succeeded", true) | ("Failed", false) => {}
            ("Failed", true) if uncertain || strict => {}
            _ => wrong.push(format!("phase is {phase:?}, and its main pod succeeded: {succeeded}")),
        }
        if told("Succeeded") && !succeeded {
            wrong.push("the exit handler was told of a success that was none".to_owned());
        }
        if told("Failed") && succeeded && !uncertain {
            wrong.push("the exit handler was told of a failure that was none".to_owned());
        }
        let recorded = &self.job.status["main"]["outcome"]["succeeded"];
        for pod in self.exit_handlers().filter(|pod| pod.started.is_some()) {
            if Value::Bool(pod.told == "Succeeded") != *recorded {
                wrong.push(format!(
                    "the exit handler was told {}, recorded is {recorded}",
                    pod.told
                ));
            }
        }
        wrong
    }
}

impl Pod {
    fn succeeded(&self) -> bool {
        self.started.is_some() && self.ended.is_some_and(|(_, ending)| ending.is_success())
    }
}
