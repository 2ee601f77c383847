//! Which cluster a verb talks to.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};

use super::error::Error;

/// After so long without a word a connection counts as dead. The operator asks for its watches anew
/// within a minute, so that none is silent for longer.
const SILENCE: Duration = Duration::from_secs(90);

/// Which cluster.
#[derive(Args)]
pub(crate) struct ClusterArgs {
    /// The kubeconfig to use [default: the pod's own service account, or that of $KUBECONFIG]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl ClusterArgs {
    /// Whether a cluster was named.
    pub(crate) fn is_some(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some()
    }

    /// A client of the cluster that is asked for.
    pub(crate) async fn client(&self) -> Result<Client, Error> {
        let options = KubeConfigOptions { context: self.context.clone(), ..Default::default() };
        let mut config = match (&self.kubeconfig, &self.context) {
            (Some(file), _) => {
                let kubeconfig = Kubeconfig::read_from(file).map_err(unreachable)?;
                Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(unreachable)?
            }
            (None, Some(_)) => Config::from_kubeconfig(&options).await.map_err(unreachable)?,
            (None, None) => Config::infer().await.map_err(unreachable)?,
        };
        config.read_timeout = Some(SILENCE);
        Client::try_from(config).map_err(unreachable)
    }
}

fn unreachable(error: impl StdError + 'static) -> Error {
    Error::new("failed to find a cluster")
        .because(error)
        .with_hint("Name one by --kubeconfig FILE, or set KUBECONFIG.")
}
