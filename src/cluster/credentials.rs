//! Why no credentials could be had, told without them.
//!
//! In: what the client says of a token's file, or of the plugin (`exec` in a kubeconfig) that was to
//! give a token. Out: a [`Cause`]. What a plugin writes to stdout is its token and never told; what
//! it writes to stderr is told redacted.

use std::error::Error as StdError;

use kube::client::AuthError;
use kube::config::ExecConfig;

use super::error::Cause;
use crate::diagnostic::redact;

/// As much of what a plugin says as is told: its last lines.
const MOST_LINES: usize = 8;

const LOG_IN: &str = "Log in again as the cluster's owner says, or name another kubeconfig.";

/// The failure to get credentials within an error, if it is one.
pub(super) fn failure<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e AuthError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<AuthError>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// Why it failed. The plugin is that of the kubeconfig, where it is known.
pub(super) fn cause(error: &AuthError, plugin: Option<&ExecConfig>) -> Cause {
    let command = plugin.and_then(|plugin| plugin.command.as_deref());
    let plugin_is = match command {
        Some(command) => format!("the kubeconfig's plugin {command}"),
        None => "the kubeconfig's plugin".to_owned(),
    };
    let hint = plugin.and_then(|plugin| plugin.install_hint.as_deref()).map(str::trim);
    let because = |why: String, remedy: String| Cause::Credentials { why, remedy };
    match error {
        AuthError::AuthExecStart(why) => because(
            format!("failed to start {plugin_is}: {why}"),
            hint.map_or_else(
                || "Install it, or mend `command` of the kubeconfig.".to_owned(),
                told,
            ),
        ),
        AuthError::AuthExecRun { out, .. } => {
            let said = told(&String::from_utf8_lossy(&out.stderr));
            let how = match out.status.code() {
                Some(code) => format!("{plugin_is} failed with status {code}"),
                None => format!("{plugin_is} was killed"),
            };
            because(if said.is_empty() { how } else { format!("{how}: {said}") }, LOG_IN.to_owned())
        }
        AuthError::ExecPluginFailed | AuthError::AuthExecParse(_) => because(
            format!("what {plugin_is} printed is no ExecCredential with a status"),
            "Run it by hand and see; kubectl expects the same of it.".to_owned(),
        ),
        AuthError::MalformedTokenExpirationDate(_) => because(
            format!("the expirationTimestamp that {plugin_is} printed is no time"),
            LOG_IN.to_owned(),
        ),
        AuthError::MissingCommand => because(
            "the kubeconfig's plugin has no `command`".to_owned(),
            "Mend the kubeconfig's `exec`.".to_owned(),
        ),
        AuthError::ReadTokenFile(why, path) => because(
            format!("failed to read the token's file {}: {why}", path.display()),
            LOG_IN.to_owned(),
        ),
        AuthError::InvalidBearerToken(_) | AuthError::InvalidBasicAuth(_) => because(
            "the token or password has characters that no header may have".to_owned(),
            "A line break at its end? Log in again, or write the kubeconfig anew.".to_owned(),
        ),
        // Whatever else it says may quote what a plugin printed.
        _ => because("the kubeconfig's way to log in failed".to_owned(), LOG_IN.to_owned()),
    }
}

/// The last lines of what a plugin said, without what looks like a secret.
fn told(said: &str) -> String {
    let redacted = redact::value(&[], said.trim());
    let lines: Vec<&str> = redacted.lines().map(str::trim_end).collect();
    lines[lines.len().saturating_sub(MOST_LINES)..].join("\n  ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn plugin() -> ExecConfig {
        ExecConfig {
            command: Some("acme-login".to_owned()),
            install_hint: Some("Install it with `brew install acme-login`.".to_owned()),
            ..serde_json::from_value(serde_json::json!({})).unwrap()
        }
    }

    fn told_of(error: &AuthError) -> String {
        let cause = cause(error, Some(&plugin()));
        let remedy = cause.remedy().unwrap_or_default().to_owned();
        format!("{cause} {remedy}")
    }

    #[test]
    fn a_plugin_that_is_not_there_is_named_with_how_to_install_it() {
        let missing = AuthError::AuthExecStart(io::Error::from(io::ErrorKind::NotFound));
        let told = told_of(&missing);
        assert!(told.contains("acme-login") && told.contains("brew install"), "{told}");
    }

    #[cfg(unix)]
    #[test]
    fn a_failing_plugins_stdout_is_never_told_and_its_stderr_redacted() {
        use std::os::unix::process::ExitStatusExt as _;
        let out = std::process::Output {
            status: std::process::ExitStatus::from_raw(256),
            stdout: b"{\"status\": {\"token\": \"hunter2-stdout\"}}".to_vec(),
            stderr: b"log in again\nsession over\ntoken: hunter2-stderr".to_vec(),
        };
        let told = told_of(&AuthError::AuthExecRun {
            cmd: "acme-login --password hunter2-argument".to_owned(),
            out: Box::new(out),
        });
        assert!(told.contains("status 1: log in again\n  session over"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_failure_is_found_below_what_the_client_wraps_it_in() {
        let wrapped = kube::Error::Service(Box::new(AuthError::MissingCommand));
        assert!(failure(&wrapped).is_some());
        assert!(failure(&kube::Error::Service("cut off".into())).is_none());
    }
}
