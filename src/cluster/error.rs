//! What fails between us and a cluster, told so that somebody can act on it.
//!
//! In: what the client and the API server say. Out: [`Error`]: what was to be done, why it failed,
//! and a remedy where one is known. A refusal's text is redacted: an API server quotes the values
//! that it refuses.

use std::borrow::Cow;
use std::error::Error as StdError;

use thiserror::Error;

use super::credentials;
use crate::diagnostic::redact;

/// What failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// No kubeconfig was named, there is none where it would be looked for, and this is no pod.
    #[error("failed to find a cluster: there is no kubeconfig, and this is no pod of a cluster")]
    NoCluster,
    /// A kubeconfig, or a pod's service account, cannot be used.
    #[error("failed to use {origin}")]
    Kubeconfig {
        /// Its file, or what else it is.
        origin: String,
        /// Why, without anything that stands in it.
        source: Why,
        /// What to do about it, a sentence.
        remedy: String,
    },
    /// There is a kubeconfig, and what it says of credentials came to nothing.
    #[error("failed to get credentials for the cluster")]
    Credentials {
        /// Why.
        source: Cause,
    },
    /// A rendered object is not one.
    #[error("failed to read {file}")]
    UnreadableObject {
        /// Its file.
        file: String,
    },
    /// A request was not answered, or refused.
    #[error("failed to {doing}")]
    Request {
        /// What it was for.
        doing: String,
        /// Why.
        source: Cause,
    },
    /// Something that is needed is not there, or not so.
    #[error("{message}")]
    Unmet {
        /// What, in lower case without a full stop.
        message: String,
        /// What to do about it, a sentence.
        remedy: String,
    },
}

/// Why a kubeconfig cannot be used.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Why(String);

/// Why a request came to nothing.
#[derive(Debug, Error)]
pub enum Cause {
    /// The API server does not answer, or what answers is none.
    #[error("the API server at {address} does not answer: {why}")]
    Unreachable {
        /// Its URL.
        address: String,
        /// What became of the connection.
        why: String,
    },
    /// It answers with a failure.
    #[error("{message}")]
    Answer {
        /// The HTTP status.
        code: u16,
        /// Kubernetes' word for it, such as `Forbidden`.
        reason: String,
        /// Its sentence, redacted.
        message: String,
    },
    /// No credentials could be had: a plugin failed, a file is missing.
    #[error("no credentials: {why}")]
    Credentials {
        /// Why.
        why: String,
        /// What to do about it, a sentence.
        remedy: String,
    },
    /// The answer is not what was asked for.
    #[error("the answer makes no sense: {why}")]
    Senseless {
        /// In what.
        why: String,
    },
}

impl Error {
    pub(super) fn kubeconfig(origin: &str, why: impl Into<String>, remedy: String) -> Self {
        Self::Kubeconfig { origin: origin.to_owned(), source: Why(why.into()), remedy }
    }

    /// A request that failed; `doing` is what for.
    pub fn request(doing: impl Into<String>, address: &str, error: &kube::Error) -> Self {
        Self::Request { doing: doing.into(), source: Cause::of(address, error) }
    }

    /// An answer that our credentials are none.
    pub(super) fn refused(doing: impl Into<String>) -> Self {
        let (code, reason, message) = (401, "Unauthorized".to_owned(), "Unauthorized".to_owned());
        Self::Request { doing: doing.into(), source: Cause::Answer { code, reason, message } }
    }

    /// Something that is needed and not there.
    pub fn unmet(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Unmet { message: message.into(), remedy: remedy.into() }
    }

    /// The HTTP status of a request that was answered with a failure.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Request { source: Cause::Answer { code, .. }, .. } => Some(*code),
            _ => None,
        }
    }

    /// Kubernetes' word for a failure that was answered, such as `AlreadyExists`.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Request { source: Cause::Answer { reason, .. }, .. } => Some(reason),
            _ => None,
        }
    }

    /// What to do about it, a sentence.
    pub fn remedy(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::NoCluster => {
                Some("Name one by --kubeconfig FILE and --context NAME, or set KUBECONFIG.".into())
            }
            Self::Kubeconfig { remedy, .. } => Some(remedy.into()),
            Self::Credentials { source } => source.remedy().map(Cow::Borrowed),
            Self::UnreadableObject { .. } => None,
            Self::Request { source, .. } => source.remedy().map(Cow::Borrowed),
            Self::Unmet { remedy, .. } => Some(remedy.into()),
        }
    }
}

impl Cause {
    fn of(address: &str, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Answer {
                code: status.code,
                reason: status.reason.clone(),
                message: told(&status.message),
            },
            error if let Some(why) = credentials::failure(error) => credentials::cause(why, None),
            kube::Error::HyperError(why) => unreachable(address, why),
            kube::Error::Service(why) => unreachable(address, why.as_ref()),
            kube::Error::ReadEvents(why) => unreachable(address, why),
            other => Self::Senseless { why: root(other) },
        }
    }

    pub(super) fn remedy(&self) -> Option<&str> {
        let Self::Answer { code, reason, message } = self else {
            return match self {
                Self::Unreachable { .. } => Some(
                    "Is the cluster up, and the address right? `ompipe doctor` looks at everything.",
                ),
                Self::Credentials { remedy, .. } => Some(remedy),
                _ => None,
            };
        };
        Some(match (*code, reason.as_str()) {
            (401, _) => "The credentials are wrong or have expired: log in again.",
            (403, _) if message.contains("is being terminated") => {
                "The namespace is being deleted: wait until it is gone, and create it anew."
            }
            (403, _) if message.contains("exceeded quota") => {
                "Raise the ResourceQuota of the namespace, or remove what it counts."
            }
            (403, _) => "`ompipe rbac` prints a Role with the rights that ompipe's verbs need.",
            (404, _) if is_unknown_kind(message) => {
                "The cluster does not know this kind: `ompipe crd --apply` installs those of the operator."
            }
            (404, _) if message.starts_with("namespaces ") => {
                "Create the namespace first: `kubectl create namespace NAME`."
            }
            (409, "Conflict") => "Somebody else changed it at the same time: run the same again.",
            (410, _) => "Run the same again.",
            (429, _) => "The API server is overloaded: run the same again later.",
            (500.., _) => {
                "The API server or one of its webhooks fails; run the same again when it is well."
            }
            _ => return None,
        })
    }
}

/// What an answer says. A page for people is of a proxy or a load balancer on the way. That of an
/// authorizer quotes names alone, which may look like anything.
fn told(message: &str) -> String {
    if message.contains(" is forbidden: User \"") && message.contains("\" cannot ") {
        return message.to_owned();
    }
    if message.trim_start().starts_with('<') {
        return "a page of HTML in place of an answer".to_owned();
    }
    redact::value(&[], message).into_owned()
}

/// An answer; `None` where we may not ask.
pub(super) fn allowed<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Err(error) if error.code() == Some(403) => Ok(None),
        answer => answer.map(Some),
    }
}

/// Whether an answer says that there is no such kind: by the client's words, or the server's.
fn is_unknown_kind(message: &str) -> bool {
    message.contains("the server could not find the requested resource")
        || message.contains("404 page not found")
}

fn unreachable(address: &str, error: &(dyn StdError + 'static)) -> Cause {
    Cause::Unreachable { address: address.to_owned(), why: root(error) }
}

/// What is at the bottom of an error: those above it repeat it, or say which layer it passed.
fn root(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_right_whatever_the_account_is_called() {
        let refusal = "secrets \"db\" is forbidden: User \"system:serviceaccount:our-secrets:ada\" \
                       cannot get resource \"secrets\" in API group \"\" in the namespace \"n\"";
        assert_eq!(told(refusal), refusal);
    }

    #[test]
    fn what_else_is_refused_is_told_without_its_values() {
        let webhook = "admission webhook denied the request: password: hunter2";
        assert!(!told(webhook).contains("hunter2"), "{}", told(webhook));
    }
}
