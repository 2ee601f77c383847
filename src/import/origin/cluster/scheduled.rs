//! A CronJob or CronOMJob → when a pipeline runs, and as what.
//!
//! In: the object. Out: a draft's timing, parameters and pod template. Fields are taken out of a
//! copy one by one: what is left in the end is noted, so that nothing is dropped silently. The API
//! server's own (status, managed fields) and kubectl's annotations are no part of what somebody
//! wrote.

use super::pod;
use crate::diagnostic::Diagnostics;
use crate::import::draft::Draft;
use crate::import::origin::timing;
use crate::manifest::omjob_pod_template;
use crate::tree::{Mapping, Node};

/// Parameters that the object calls alike.
const OF_SCHEDULE: [&str; 3] =
    ["concurrencyPolicy", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"];
const OF_JOB: [&str; 3] = ["backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"];

/// What both 0 and nothing are rendered as.
const NO_CATCH_UP: [i64; 2] = [0, crate::validate::rules::run::NO_CATCH_UP_SECONDS];

/// Which kind of object it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    CronJob,
    CronOmJob,
}

impl Kind {
    /// The kind of an object by its kind and name, if OpenMetadata's client made it.
    pub(super) fn of(kind: &str, name: &str) -> Option<Self> {
        [Self::CronJob, Self::CronOmJob]
            .into_iter()
            .find(|known| known.as_str() == kind && name.starts_with(known.prefix()))
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::CronJob => "CronJob",
            Self::CronOmJob => "CronOMJob",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::CronJob => "om-cronjob-",
            Self::CronOmJob => "om-cronomjob-",
        }
    }

    /// The pipeline's part of an object's name.
    pub(super) fn stem(self, name: &str) -> &str {
        name.strip_prefix(self.prefix()).unwrap_or(name)
    }

    fn variables(self, object: &Node) -> &[Node] {
        let variables = match self {
            Self::CronJob => object
                .at_route(&["spec", "jobTemplate", "spec", "template", "spec", "containers"])
                .and_then(Node::as_sequence)
                .and_then(|containers| containers.first()?.get("env")),
            Self::CronOmJob => object.at_route(&["spec", "omJobSpec", "mainPodSpec", "env"]),
        };
        variables.and_then(Node::as_sequence).unwrap_or_default()
    }
}

/// A variable of the ingestion container.
pub(super) fn variable<'a>(kind: Kind, object: &'a Node, name: &str) -> Option<&'a Node> {
    kind.variables(object)
        .iter()
        .find(|variable| variable.get("name").and_then(Node::as_str) == Some(name))
}

/// The ConfigMap that the pods read the workflow from.
pub(super) fn config_map(kind: Kind, object: &Node) -> Option<String> {
    let reference =
        variable(kind, object, "config")?.at_route(&["valueFrom", "configMapKeyRef"])?;
    reference.get("name")?.as_str().map(str::to_owned)
}

/// Whether ompipe made it, with a launcher that puts secrets in place: its source is definitions.
pub(super) fn is_rendered_by_ompipe(kind: Kind, object: &Node) -> bool {
    variable(kind, object, "OMPIPE_LAUNCHER").is_some()
}

/// Takes what an object says over into a draft.
pub(super) fn take(kind: Kind, object: &Node, draft: &mut Draft, found: &mut Diagnostics) {
    let mut spec = mapping(object.get("spec"));
    let (schedule, time_zone) = (spec.remove("schedule"), spec.remove("timeZone"));
    let suspended = spec.remove("suspend").and_then(|node| node.as_bool()).unwrap_or_default();
    let text = |node: &Option<Node>| node.as_ref().and_then(Node::as_str).map(str::to_owned);
    timing::set(draft, text(&schedule).as_deref(), text(&time_zone).as_deref(), !suspended);
    carry(&OF_SCHEDULE, &mut spec, draft);
    if let Some(seconds) = spec.remove("startingDeadlineSeconds")
        && !seconds.as_i64().is_some_and(|seconds| NO_CATCH_UP.contains(&seconds))
    {
        draft.parameters.insert("startingDeadlineSeconds", seconds);
    }
    match kind {
        Kind::CronJob => cron_job(&mut spec, draft),
        Kind::CronOmJob => cron_om_job(&mut spec, draft, found),
    }
    leave_behind("spec", &spec, draft);
    annotations(object, draft);
    pod::note_additions(draft, kind.as_str());
}

fn cron_job(spec: &mut Mapping, draft: &mut Draft) {
    let mut template = mapping(spec.remove("jobTemplate").as_ref());
    // Its labels are OpenMetadata's own, as the pods'.
    template.remove("metadata");
    let mut job = mapping(template.remove("spec").as_ref());
    carry(&OF_JOB, &mut job, draft);
    pod::take(mapping(job.remove("template").as_ref()), draft);
    job.retain(|entry| !is_default_of_job(&entry.key, &entry.value));
    leave_behind("spec.jobTemplate.spec", &job, draft);
    leave_behind("spec.jobTemplate", &template, draft);
}

fn cron_om_job(spec: &mut Mapping, draft: &mut Draft, found: &mut Diagnostics) {
    draft.parameters.insert("useOMJobOperator", Node::new(true));
    let mut job = mapping(spec.remove("omJobSpec").as_ref());
    carry(&OF_JOB, &mut job, draft);
    let main = job.remove("mainPodSpec").unwrap_or_else(|| Node::new(Mapping::new()));
    // As the operator makes a pod of it: from here on it is what a CronJob has.
    let template = omjob_pod_template(&main, found);
    pod::take(mapping(Some(&template)), draft);
    let mut exit_handler = mapping(job.remove("exitHandlerSpec").as_ref());
    if let Some(resources) = exit_handler.remove("resources") {
        draft.parameters.insert("exitHandlerResources", resources);
    }
    // ompipe renders the exit handler's pod like the main one.
    exit_handler.retain(|entry| {
        let own = matches!(entry.key.as_str(), "command" | "env");
        !own && main.get(&entry.key) != Some(&entry.value)
    });
    leave_behind("spec.omJobSpec.exitHandlerSpec", &exit_handler, draft);
    leave_behind("spec.omJobSpec", &job, draft);
}

/// Moves parameters that are called alike.
fn carry(names: &[&'static str], from: &mut Mapping, draft: &mut Draft) {
    for name in names {
        if let Some(value) = from.remove(name).filter(|value| !value.is_null()) {
            draft.parameters.insert(*name, value);
        }
    }
}

/// What the API server fills in.
fn is_default_of_job(key: &str, value: &Node) -> bool {
    match key {
        "parallelism" | "completions" => value.as_i64() == Some(1),
        "completionMode" => value.as_str() == Some("NonIndexed"),
        "podReplacementPolicy" => value.as_str() == Some("TerminatingOrFailed"),
        "suspend" | "manualSelector" => value.as_bool() == Some(false),
        _ => false,
    }
}

/// Annotations of the object that are neither kubectl's nor its pods'.
fn annotations(object: &Node, draft: &mut Draft) {
    let own = draft.parameters.get("podAnnotations").cloned();
    for entry in object.at_route(&["metadata", "annotations"]).into_iter().flat_map(mapping_of) {
        let of_pods = own.as_ref().is_some_and(|own| own.get(&entry.key) == Some(&entry.value));
        if !of_pods && !entry.key.starts_with("kubectl.kubernetes.io/") {
            draft.note(format!("its annotation `{}` is left out", entry.key));
        }
    }
}

fn leave_behind(route: &str, rest: &Mapping, draft: &mut Draft) {
    for entry in rest {
        draft.note(format!("{route}.{} is left out", entry.key));
    }
}

pub(super) fn mapping(node: Option<&Node>) -> Mapping {
    node.and_then(Node::as_mapping).cloned().unwrap_or_default()
}

fn mapping_of(node: &Node) -> impl Iterator<Item = &crate::tree::Entry> {
    node.as_mapping().into_iter().flatten()
}
