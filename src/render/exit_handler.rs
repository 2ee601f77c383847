//! How the two scripts of the ingestion image are started: as upstream starts them, through the
//! launcher, or, for the exit handler as a sidecar, when main has ended; and how `ompipe
//! exit-handler` is, where it takes the place of the second.

use crate::definition::parameters::ExitHandler;
use crate::model::{EntityKind, Parameters, Pipeline, Work};
use crate::tree::Node;

/// Where main's launcher leaves its exit code. The volume is in `templates/exit-code-volume.yaml`.
pub(super) const EXIT_CODE_FILE: &str = "/run/ompipe/exit-code";

/// Runs the launcher from its environment variable: an OMJob's pods can mount nothing.
const LAUNCH: &str = "import os; exec(os.environ['OMPIPE_LAUNCHER'])";

/// What `ompipe exit-handler` leaves of the grace period, so that it can still say what became of
/// its report.
const LAST_WORDS: i64 = 5;

/// How long `ompipe exit-handler` tries in a pod of its own, in seconds: as long as it takes to
/// upgrade OpenMetadata. The operator gives an exit handler an hour.
const IN_POD_OF_ITS_OWN: i64 = 900;

/// Idles until the kubelet ends it, which it does when main has ended. No file means that main was
/// killed before it could write one, out of memory for example. The kubelet replaces no `$name` in
/// a command, only `$(name)`.
const SIDECAR: &str = r#"report() {
  kill $! 2>/dev/null
  code=
  [ -r "$OMPIPE_EXIT_CODE_FILE" ] && read -r code < "$OMPIPE_EXIT_CODE_FILE"
  if [ "$code" = 0 ]; then pipelineStatus=Succeeded; else pipelineStatus=Failed; fi
  export pipelineStatus
  exec python -c "import os; exec(os.environ['OMPIPE_LAUNCHER'])" exit_handler.py
}
trap report TERM
while :; do sleep 3600 & wait $!; done
"#;

/// How the exit handler of a pipeline runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// As a preStop hook of main's container.
    PreStop,
    /// As a sidecar beside it.
    Sidecar,
    /// In a pod of its own, by the operator.
    Pod,
}

/// The command of the container `main`.
pub(super) fn main_command(work: &Work, launched: bool) -> Node {
    match work {
        Work::Ingestion { .. } => script(&["main.py"], launched),
        Work::Entity(EntityKind::Automation) => script(&["run_automation.py"], launched),
        Work::Entity(EntityKind::Application) => {
            script(&["-m", "metadata.applications.runner"], launched)
        }
    }
}

/// How the exit handler of a pipeline runs; an entity that is run has none, since OpenMetadata keeps
/// no pipeline status of it.
pub(super) fn way(pipeline: &Pipeline) -> Option<Way> {
    let Parameters { use_om_job_operator, exit_handler, .. } = &pipeline.parameters;
    match (&pipeline.work, use_om_job_operator, exit_handler) {
        (Work::Entity(_), ..) => None,
        (_, true, _) => Some(Way::Pod),
        (_, false, ExitHandler::PreStop) => Some(Way::PreStop),
        (_, false, ExitHandler::Sidecar) => Some(Way::Sidecar),
    }
}

/// Whether the exit handler is ompipe's own. A preStop hook runs in main's container, whose image is
/// the ingestion's.
pub(super) fn is_own(pipeline: &Pipeline) -> bool {
    pipeline.parameters.exit_handler_image.is_some() && way(pipeline) != Some(Way::PreStop)
}

/// The command of the exit handler; nothing where there is none.
pub(super) fn command(pipeline: &Pipeline, launched: bool) -> Node {
    let Some(way) = way(pipeline) else { return Node::new(Vec::new()) };
    match way {
        way if is_own(pipeline) => {
            own_command(way, pipeline.parameters.termination_grace_period_seconds)
        }
        Way::Sidecar => Node::new(["sh", "-c", SIDECAR].map(Node::new).to_vec()),
        Way::PreStop | Way::Pod => script(&["exit_handler.py"], launched),
    }
}

/// The command of `ompipe exit-handler`. A sidecar has the pod's grace period, from main's end on;
/// nobody waits for the operator's pod.
fn own_command(way: Way, grace_period: i64) -> Node {
    let mut words = vec!["ompipe".to_owned(), "exit-handler".to_owned()];
    let deadline = match way {
        Way::Pod => IN_POD_OF_ITS_OWN,
        Way::Sidecar | Way::PreStop => {
            words.push("--sidecar".to_owned());
            (grace_period - LAST_WORDS).max(1)
        }
    };
    words.push(format!("--deadline={deadline}"));
    Node::new(words.into_iter().map(Node::new).collect::<Vec<_>>())
}

/// The command of Python with these arguments.
fn script(arguments: &[&'static str], launched: bool) -> Node {
    let launcher: &[&str] = if launched { &["-c", LAUNCH] } else { &[] };
    let words = ["python"].iter().chain(launcher).chain(arguments);
    Node::new(words.map(|word| Node::new(*word)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn own(way: Way, grace_period: i64) -> Value {
        Value::from(&own_command(way, grace_period))
    }

    #[test]
    fn a_sidecar_is_done_before_the_grace_period_is_over() {
        let sidecar = |grace_period| own(Way::Sidecar, grace_period);
        assert_eq!(sidecar(60), json!(["ompipe", "exit-handler", "--sidecar", "--deadline=55"]));
        assert_eq!(sidecar(0)[3], "--deadline=1");
    }

    #[test]
    fn a_pod_of_its_own_has_time_whatever_mains_grace_period() {
        assert_eq!(own(Way::Pod, 0), json!(["ompipe", "exit-handler", "--deadline=900"]));
    }
}
