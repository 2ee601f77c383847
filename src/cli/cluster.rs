//! Which cluster a verb talks to, and the runtime in which it does.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kube::Client;
use ompipe::cluster::{self, Cluster, Connection, Credentials, Patience};

use super::error::Error;

/// Which cluster.
#[derive(Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The kubeconfig to use [default: that of $KUBECONFIG, or the pod's own service account]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// Use the pod's own service account, whatever kubeconfig there is
    #[arg(long, conflicts_with_all = ["kubeconfig", "context"])]
    in_cluster: bool,

    /// How long to try again while the API server is overloaded or does not answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, hide_short_help = true)]
    retry_for: u64,

    /// A kubeconfig's whole text, which no command line should hold
    #[arg(long, env = "KUBECONFIG_CONTENT", value_name = "YAML", hide_env_values = true)]
    #[arg(hide_short_help = true, conflicts_with_all = ["kubeconfig", "in_cluster"])]
    kubeconfig_content: Option<String>,
}

impl ClusterArgs {
    /// Whether a cluster was named.
    pub(crate) fn is_some(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some() || self.in_cluster
    }

    /// The cluster that is asked for.
    pub(crate) async fn connect(&self) -> Result<Cluster, Error> {
        let credentials = match (&self.kubeconfig, &self.kubeconfig_content) {
            (Some(file), _) => Credentials::File(file.clone()),
            (None, Some(text)) => Credentials::Content(text.clone()),
            (None, None) if self.in_cluster => Credentials::InCluster,
            (None, None) => Credentials::Inferred,
        };
        let patience = Patience(Duration::from_secs(self.retry_for));
        let connection = Connection { credentials, context: self.context.clone(), patience };
        Ok(connection.connect().await?)
    }

    /// A client of the cluster that is asked for.
    pub(crate) async fn client(&self) -> Result<Client, Error> {
        Ok(self.connect().await?.client)
    }
}

/// Runs what talks to a cluster to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new("failed to start").because(error))?;
    runtime.block_on(work)
}

impl From<cluster::Error> for Error {
    fn from(error: cluster::Error) -> Self {
        let remedy = error.remedy().map(|remedy| remedy.into_owned());
        let failed = Self::of(error);
        match remedy {
            Some(remedy) => failed.with_hint(remedy),
            None => failed,
        }
    }
}
