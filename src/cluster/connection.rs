//! Which cluster, and as whom.
//!
//! In: what flags and parameters say. Out: a [`Cluster`], by which everything here sends its
//! requests. A kubeconfig is read only when somebody asks for a cluster, and never shown.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use kube::Client;
use kube::config::ExecConfig;

use super::credentials;
use super::error::Error;
use super::kubeconfig::{self, Found};
use super::retry::{Patience, answered, retried};

/// After so long without a word a connection counts as dead. The operator asks for its watches anew
/// within a minute, so that none is silent for longer.
const SILENCE: Duration = Duration::from_secs(90);

/// Which cluster is meant.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// Where its address and the credentials come from.
    pub credentials: Credentials,
    /// The context of the kubeconfig; none: its current one.
    pub context: Option<String>,
    /// How long to try again what a cluster cannot answer for the moment.
    pub patience: Patience,
    /// Whether somebody sits before a terminal, so that a kubeconfig's plugin may ask for a password
    /// there.
    pub has_terminal: bool,
}

/// Where a cluster's address and credentials come from.
#[derive(Clone, Default)]
pub enum Credentials {
    /// `$KUBECONFIG`, `~/.kube/config`, and where there is neither, the pod's own service account.
    #[default]
    Inferred,
    /// The pod's own service account: OpenMetadata's `inCluster`.
    InCluster,
    /// A kubeconfig's path: OpenMetadata's `kubeconfigPath`.
    File(PathBuf),
    /// A kubeconfig's text: OpenMetadata's `kubeConfigContent`.
    Content(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inferred => f.write_str("Inferred"),
            Self::InCluster => f.write_str("InCluster"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            // It holds tokens and keys.
            Self::Content(_) => f.write_str("Content(…)"),
        }
    }
}

impl Connection {
    /// A client of the cluster; no request has been sent yet.
    pub async fn connect(&self) -> Result<Cluster, Error> {
        let Found { mut config, origin, plugin } = kubeconfig::find(self).await?;
        config.read_timeout = Some(SILENCE);
        // What is tried again, and for how long, is decided by [`retried`] alone.
        config.default_retry = false;
        let address = address(&config.cluster_url.to_string());
        let namespace = config.default_namespace.clone();
        let client =
            Client::try_from(config).map_err(|error| match credentials::failure(&error) {
                Some(why) => {
                    Error::Credentials { source: credentials::cause(why, plugin.as_ref()) }
                }
                None => kubeconfig::no_client(&origin, &error),
            })?;
        Ok(Cluster { client, address, namespace, origin, plugin, patience: self.patience })
    }
}

/// A URL without its last slash, and without the password that it may have.
fn address(url: &str) -> String {
    let url = url.trim_end_matches('/');
    match url.split_once("://").zip(url.rsplit_once('@')) {
        Some(((scheme, _), (_, host))) => format!("{scheme}://{host}"),
        None => url.to_owned(),
    }
}

/// A cluster to send requests to.
#[derive(Clone)]
pub struct Cluster {
    /// Sends them, each once.
    pub client: Client,
    /// The API server's URL.
    pub address: String,
    /// The namespace of the kubeconfig's context.
    pub namespace: String,
    /// Where address and credentials come from: `context kind of /home/ada/.kube/config`.
    pub origin: String,
    plugin: Option<ExecConfig>,
    patience: Patience,
}

impl Cluster {
    /// Asks, again and again while a fault is one that passes; `doing` says what for, as in "failed
    /// to {doing}". A server that takes the question and says nothing is not waited for longer than
    /// one that is down.
    pub async fn ask<T>(
        &self,
        doing: impl Into<String>,
        mut ask: impl AsyncFnMut() -> Result<T, kube::Error>,
    ) -> Result<T, Error> {
        self.open(doing, async || answered(self.patience, ask()).await).await
    }

    /// The same for what may be silent for long and is well: the log of a container that has
    /// written nothing yet.
    pub async fn open<T>(
        &self,
        doing: impl Into<String>,
        ask: impl AsyncFnMut() -> Result<T, kube::Error>,
    ) -> Result<T, Error> {
        let answer = retried(self.patience, ask).await;
        answer.map_err(|error| self.failed(doing, &error))
    }

    /// A request that failed; `doing` is what for.
    pub fn failed(&self, doing: impl Into<String>, error: &kube::Error) -> Error {
        match credentials::failure(error) {
            Some(why) => {
                let source = credentials::cause(why, self.plugin.as_ref());
                Error::Request { doing: doing.into(), source }
            }
            None => Error::request(doing, &self.address, error),
        }
    }

    /// How long faults that pass are waited for.
    pub fn patience(&self) -> Patience {
        self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfigs_text_is_never_shown() {
        let connection = Connection {
            credentials: Credentials::Content("token: hunter2".to_owned()),
            ..Connection::default()
        };
        assert!(!format!("{connection:?}").contains("hunter2"));
    }

    #[test]
    fn an_address_is_told_without_the_password_in_it() {
        assert_eq!(address("https://ada:hunter2@host:6443/"), "https://host:6443");
        assert_eq!(address("https://host:6443/clusters/a/"), "https://host:6443/clusters/a");
    }
}
