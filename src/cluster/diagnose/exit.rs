//! Exit codes, in words.
//!
//! In: how a container ended. Out: what that means, and what to do about it.

use super::finding::Finding;
use crate::cluster::observed::{Container, Terminated};

/// The signals that end a process, by number: the name, and who sends it or why.
const SIGNALS: &[(i32, &str, &str)] = &[
    (1, "SIGHUP", "its terminal went away"),
    (2, "SIGINT", "somebody interrupted it"),
    (4, "SIGILL", "it ran an instruction that the processor does not know"),
    (6, "SIGABRT", "it gave up by itself: an assertion in a native library, most often"),
    (7, "SIGBUS", "it touched memory that is not there, such as a file that was cut short"),
    (8, "SIGFPE", "it divided by zero in native code"),
    (9, "SIGKILL", "it was killed"),
    (11, "SIGSEGV", "it touched memory that is not its own: a fault of a native library"),
    (13, "SIGPIPE", "what it wrote to went away"),
    (15, "SIGTERM", "it was asked to end"),
];

/// What an exit code means, as the end of "it ended with exit code N: …".
pub fn meaning(code: i32) -> String {
    match code {
        0 => "all went well".to_owned(),
        1 => "the program itself failed: an exception of Python, or an ingestion with errors"
            .to_owned(),
        2 => {
            "Python could not begin: there is no such script, or its arguments are wrong".to_owned()
        }
        126 => "the command is there and cannot be executed".to_owned(),
        127 => "there is no such command in the image".to_owned(),
        128 => "the container runtime could not start it".to_owned(),
        255 => "the program ended with -1, or the runtime lost sight of it".to_owned(),
        129..=159 => {
            let number = code - 128;
            match SIGNALS.iter().find(|signal| signal.0 == number) {
                Some((_, name, why)) => format!("{name}: {why}"),
                None => format!("signal {number}"),
            }
        }
        _ => "a code of the program's own".to_owned(),
    }
}

/// What a container's bad end says.
pub(super) fn explain(pod: &str, container: &Container, end: &Terminated) -> Finding {
    let code = end.exit_code;
    let reason = end.reason.as_deref().unwrap_or("Error");
    let name = &container.name;
    let object = format!("pod/{pod}");
    if reason == "OOMKilled" {
        return out_of_memory(object, container, end);
    }
    let mut message = format!("container {name} ended with exit code {code}: {}", meaning(code));
    let said = end.message.as_deref().map(str::trim).filter(|said| !said.is_empty());
    if let Some(said) = said {
        message.push_str(&format!(". {said}"));
    }
    let finding = Finding::new(reason_word(reason, code), object, message);
    match code {
        1 => finding.remedy("Read the end of the log: the last exception says what failed."),
        2 => finding.remedy(
            "Does the image have main.py in its working directory? Look at `kubernetes.ingestionImage`.",
        ),
        126 => finding.remedy(
            "Is the image made for the node's processor, and may the user of `kubernetes.runAsUser` execute it?",
        ),
        127 => finding.remedy(
            "`kubernetes.ingestionImage` must be an ingestion image of OpenMetadata, with Python.",
        ),
        128 => finding.remedy("Look at the command, the mounts and the user of the pod."),
        132 => finding.remedy("Take an image, or a node, for the same processor."),
        134 | 135 | 136 | 139 => finding.remedy(
            "A native library crashed, such as a database driver: try another version of the image, and report it there.",
        ),
        137 => finding.remedy(
            "Nothing says that it was for want of memory. Somebody deleted the pod and its grace period ran out, or the \
             node itself had no memory left: look at the events, and at `kubernetes.resources.requests.memory`.",
        ),
        143 => finding.remedy(
            "Somebody or something deleted the pod: `ompipe kill`, a drained node, a deadline. The events say which.",
        ),
        255 if reason == "Unknown" => {
            finding.remedy("The node was restarted or lost: run the pipeline again.")
        }
        _ => finding.remedy("Read the end of the log."),
    }
}

/// The word for an end: the kubelet's, where it says more than that it failed.
fn reason_word(reason: &str, code: i32) -> String {
    let signal = SIGNALS.iter().find(|signal| signal.0 == code - 128);
    match (reason, signal) {
        ("Error", Some((_, name, _))) => (*name).to_owned(),
        _ => reason.to_owned(),
    }
}

fn out_of_memory(object: String, container: &Container, end: &Terminated) -> Finding {
    let (name, code) = (&container.name, end.exit_code);
    match container.resources.limits.get("memory") {
        Some(limit) => {
            let message = format!(
                "container {name} was killed for want of memory: it reached its limit of {limit} (exit code {code})"
            );
            let field = "resources.limits.memory";
            let remedy = match name.as_str() {
                "main" => format!(
                    "Raise `kubernetes.{field}` of the pipeline beyond {limit}, and `kubernetes.resources.requests.memory` \
                     with it; or have the ingestion take less at once, by its filters and its number of threads."
                ),
                _ => format!(
                    "Raise `{field}` of container {name} in the pipeline's `podTemplate` beyond {limit}."
                ),
            };
            Finding::new("OOMKilled", object, message).remedy(remedy)
        }
        None => {
            let message = format!(
                "container {name} was killed because its node had no memory left; it has no limit of its own (exit code {code})"
            );
            Finding::new("OOMKilled", object, message).remedy(
                "Set `kubernetes.resources.requests.memory` to what the ingestion needs, so that it comes to a node that \
                 has it, and `kubernetes.resources.limits.memory`, so that others are not killed for it.",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn explained(container: serde_json::Value, end: serde_json::Value) -> Finding {
        let container = serde_json::from_value(container).unwrap();
        explain("p", &container, &serde_json::from_value(end).unwrap())
    }

    #[test]
    fn codes_are_told_in_words() {
        for (code, word) in [
            (0, "well"),
            (1, "exception"),
            (2, "no such script"),
            (126, "cannot be executed"),
            (127, "no such command"),
            (137, "SIGKILL"),
            (139, "SIGSEGV"),
            (143, "SIGTERM"),
            (159, "signal 31"),
            (7, "own"),
            (255, "-1"),
        ] {
            assert!(meaning(code).contains(word), "{code}: {}", meaning(code));
        }
    }

    #[test]
    fn memory_names_the_limit_and_the_field_that_raises_it() {
        let main = json!({"name": "main", "resources": {"limits": {"memory": "64Mi"}}});
        let end = json!({"exitCode": 137, "reason": "OOMKilled"});
        let finding = explained(main, end.clone());
        assert_eq!(finding.reason, "OOMKilled");
        assert!(finding.message.contains("its limit of 64Mi"), "{}", finding.message);
        assert!(finding.remedy.unwrap().contains("`kubernetes.resources.limits.memory`"));
        let finding = explained(json!({"name": "main"}), end);
        assert!(finding.message.contains("its node had no memory left"), "{}", finding.message);
    }

    #[test]
    fn a_kill_is_not_taken_for_want_of_memory() {
        let finding =
            explained(json!({"name": "main"}), json!({"exitCode": 137, "reason": "Error"}));
        assert_eq!(finding.reason, "SIGKILL");
        assert!(finding.remedy.unwrap().starts_with("Nothing says that it was for want of memory"));
    }

    #[test]
    fn what_the_runtime_says_is_told() {
        let end = json!({"exitCode": 128, "reason": "StartError", "message": "exec: \"python\": not found"});
        let finding = explained(json!({"name": "main"}), end);
        assert_eq!(finding.reason, "StartError");
        assert!(finding.message.ends_with("exec: \"python\": not found"), "{}", finding.message);
    }
}
