//! Rules about how a run is started and as whom it runs; and about parameters that the chosen
//! output cannot carry.
//!
//! In: the merged `kubernetes` mapping as written. Out: findings. Ranges of single numbers are the
//! schema's.

use super::names::Output;
use crate::diagnostic::route::under;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::tree::{Entry, Node};

/// The CronJob controller looks at each CronJob every ten seconds: with a shorter deadline it never
/// sees a run in time.
const SHORTEST_STARTING_DEADLINE: i64 = 10;
/// What `startingDeadlineSeconds: 0` is rendered as: long enough for the controller to see the run,
/// too short to catch up a missed one. OpenMetadata's own client has come to the same figure.
pub const NO_CATCH_UP_SECONDS: i64 = 60;

/// `startingDeadlineSeconds`: a warning that says how an explicit 0 is understood; an error for
/// what would never run.
pub fn starting_deadline(kubernetes: &Node, output: Output, route: &str, found: &mut Diagnostics) {
    const KEY: &str = "startingDeadlineSeconds";
    let Some((node, seconds)) = kubernetes.get(KEY).and_then(|node| Some((node, node.as_i64()?)))
    else {
        return;
    };
    let finding = match (seconds, output) {
        (0, _) => Diagnostic::warning(
            &code::STARTING_DEADLINE_ZERO,
            node.span,
            format!("0 is taken as \"no catch-up of missed runs\" and rendered as {NO_CATCH_UP_SECONDS}"),
        )
        .with_note("with a deadline of 0 Kubernetes' CronJob controller would never start a run")
        .with_help(format!("write `{KEY}: {NO_CATCH_UP_SECONDS}`, or leave it out")),
        (1..SHORTEST_STARTING_DEADLINE, Output::CronJob) => Diagnostic::error(
            &code::STARTING_DEADLINE,
            node.span,
            format!("with a deadline of {seconds} seconds a CronJob may never start a run"),
        )
        .with_note("the CronJob controller looks every 10 seconds, and a run that it sees later than the deadline counts as missed")
        .with_help(format!("write {SHORTEST_STARTING_DEADLINE} or more; 0 stands for no catch-up of missed runs")),
        _ => return,
    };
    found.push(finding.with_route(under(route, KEY)));
}

/// `runAsUser: 0` while `runAsNonRoot`, which is on by default, forbids it: the kubelet would
/// refuse to start the container.
pub fn run_as_root(
    kubernetes: &Node,
    run_as_user: i64,
    run_as_non_root: bool,
    route: &str,
    found: &mut Diagnostics,
) {
    if run_as_user != 0 || !run_as_non_root {
        return;
    }
    let Some(user) = kubernetes.get("runAsUser") else {
        return;
    };
    let finding = Diagnostic::error(&code::RUN_AS_ROOT, user.span, "user 0 is root, which `runAsNonRoot` forbids")
        .with_route(under(route, "runAsUser"))
        .with_note("the pod would be created and its container never started")
        .with_help("choose another user; or write `runAsNonRoot: false`, which Pod Security's level \"restricted\" refuses");
    found.push(match kubernetes.get("runAsNonRoot").filter(|node| !node.is_null()) {
        Some(node) => finding.with_related(node.span, "forbidden here"),
        None => finding.with_note("`runAsNonRoot` is true by default"),
    });
}

/// Parameters that say something about an output which is not the chosen one: nothing is dropped
/// silently.
pub fn not_carried(
    kubernetes: &Node,
    output: Output,
    sidecar: bool,
    route: &str,
    found: &mut Diagnostics,
) {
    let entry = |key: &str| {
        kubernetes
            .as_mapping()
            .and_then(|mapping| mapping.entry(key))
            .filter(|entry| !entry.value.is_null())
    };
    let mut refuse = |entry: &Entry, message: &str, help: &str| {
        let finding = Diagnostic::error(&code::NOT_CARRIED, entry.key_span, message)
            .with_route(under(route, &entry.key))
            .with_help(help);
        found.push(
            match kubernetes.as_mapping().and_then(|mapping| mapping.entry("useOMJobOperator")) {
                Some(operator) if output == Output::OmJob => {
                    finding.with_related(operator.key_span, "the operator is chosen here")
                }
                _ => finding,
            },
        );
    };
    match output {
        Output::OmJob => {
            if let Some(entry) = entry("exitHandler") {
                refuse(
                    entry,
                    "`exitHandler` says how the exit handler runs without the operator, and the operator is in use",
                    "take it out: the operator always runs the exit handler, in a pod of its own",
                );
            }
        }
        Output::CronJob => {
            if let Some(entry) = entry("exitHandlerImage").filter(|_| !sidecar) {
                refuse(
                    entry,
                    "`exitHandlerImage` needs an exit handler with a container of its own, and `preStop` runs in the ingestion image",
                    "write `exitHandler: sidecar`, or take it out",
                );
            }
            if let Some(entry) = entry("exitHandlerResources").filter(|_| !sidecar) {
                refuse(
                    entry,
                    "`exitHandlerResources` needs an exit handler with a container of its own, and `preStop` has none",
                    "write `exitHandler: sidecar`, or take it out",
                );
            }
        }
    }
}

/// Which cluster the verbs talk to: what a project or its environment says, of all its pipelines.
const OF_THE_PROJECT: [&str; 4] =
    ["inCluster", "kubeconfigPath", "kubeContext", "kubeConfigContent"];

/// Parameters of a pipeline that only its project may have.
pub fn of_the_project_alone(kubernetes: &Node, route: &str, found: &mut Diagnostics) {
    for entry in kubernetes.as_mapping().into_iter().flatten() {
        if OF_THE_PROJECT.contains(&entry.key.as_str()) && !entry.value.is_null() {
            let message = format!(
                "`{}` says which cluster is meant, and all pipelines of a project are in one",
                entry.key
            );
            found.push(
                Diagnostic::error(&code::OF_THE_PROJECT, entry.key_span, message)
                    .with_route(under(route, &entry.key))
                    .with_help(
                        "write it in the project's `spec.kubernetes`, or in that of an environment",
                    ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::place::written::Text;
    use super::*;
    use crate::diagnostic::Severity;

    fn deadline(json: serde_json::Value, output: Output) -> Vec<(&'static str, Severity)> {
        Text::of(json)
            .diagnostics(|node, found| starting_deadline(node, output, "spec.kubernetes", found))
            .iter()
            .map(|found| (found.code.id, found.severity))
            .collect()
    }

    #[test]
    fn an_explicit_zero_is_a_warning_and_the_default_is_none() {
        let zero = json!({"startingDeadlineSeconds": 0});
        assert_eq!(deadline(zero.clone(), Output::CronJob), [("OMP0418", Severity::Warning)]);
        assert_eq!(deadline(zero, Output::OmJob), [("OMP0418", Severity::Warning)]);
        assert_eq!(deadline(json!({}), Output::CronJob), []);
    }

    #[test]
    fn a_deadline_shorter_than_the_controllers_period_is_an_error_for_a_cronjob() {
        let nine = json!({"startingDeadlineSeconds": 9});
        assert_eq!(deadline(nine.clone(), Output::CronJob), [("OMP0417", Severity::Error)]);
        assert_eq!(deadline(nine, Output::OmJob), []);
        assert_eq!(deadline(json!({"startingDeadlineSeconds": 10}), Output::CronJob), []);
    }

    #[test]
    fn root_is_an_error_where_it_is_forbidden_be_it_by_default() {
        let check = |json: serde_json::Value, user, non_root| {
            let text = Text::of(json);
            text.diagnostics(|node, found| run_as_root(node, user, non_root, "", found)).len()
        };
        assert_eq!(check(json!({"runAsUser": 0}), 0, true), 1);
        assert_eq!(check(json!({"runAsUser": 0, "runAsNonRoot": true}), 0, true), 1);
        assert_eq!(check(json!({"runAsUser": 0, "runAsNonRoot": false}), 0, false), 0);
        assert_eq!(check(json!({"runAsUser": 1000}), 1000, true), 0);
    }

    #[test]
    fn what_the_chosen_output_cannot_carry_is_an_error() {
        let check = |json: serde_json::Value, output, sidecar| {
            let text = Text::of(json);
            let found = text.findings(|node, found| not_carried(node, output, sidecar, "", found));
            found.into_iter().map(|(_, part)| part.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            check(json!({"useOMJobOperator": true, "exitHandler": "sidecar"}), Output::OmJob, true),
            ["exitHandler"]
        );
        assert_eq!(
            check(json!({"useOMJobOperator": true, "exitHandler": null}), Output::OmJob, false),
            [""; 0]
        );
        assert_eq!(
            check(json!({"exitHandlerResources": {}}), Output::CronJob, false),
            ["exitHandlerResources"]
        );
        for (output, sidecar) in [(Output::CronJob, true), (Output::OmJob, false)] {
            assert_eq!(check(json!({"exitHandlerImage": "ompipe"}), output, sidecar), [""; 0]);
        }
        assert_eq!(
            check(json!({"exitHandlerImage": "ompipe"}), Output::CronJob, false),
            ["exitHandlerImage"]
        );
        assert_eq!(
            check(
                json!({"exitHandlerResources": {}, "exitHandler": "sidecar"}),
                Output::CronJob,
                true
            ),
            [""; 0]
        );
    }
}
