//! How the two scripts of the ingestion image are started: as upstream starts them, through the
//! launcher, or, for the exit handler as a sidecar, when main has ended.

use crate::definition::parameters::ExitHandler;
use crate::tree::Node;

/// Where main's launcher leaves its exit code. The volume is in `templates/exit-code-volume.yaml`.
pub(super) const EXIT_CODE_FILE: &str = "/run/ompipe/exit-code";

/// Runs the launcher from its environment variable: an OMJob's pods can mount nothing.
const LAUNCH: &str = "import os; exec(os.environ['OMPIPE_LAUNCHER'])";

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

/// The command of the container `main`.
pub(super) fn main_command(launched: bool) -> Node {
    script("main.py", launched)
}

/// The command of the exit handler: `None` is the operator's, whose exit handler is a pod of its
/// own.
pub(super) fn command(exit_handler: Option<ExitHandler>, launched: bool) -> Node {
    match exit_handler {
        Some(ExitHandler::Sidecar) => Node::new(["sh", "-c", SIDECAR].map(Node::new).to_vec()),
        Some(ExitHandler::PreStop) | None => script("exit_handler.py", launched),
    }
}

fn script(name: &'static str, launched: bool) -> Node {
    Node::new(match launched {
        true => ["python", "-c", LAUNCH, name].map(Node::new).to_vec(),
        false => ["python", name].map(Node::new).to_vec(),
    })
}
