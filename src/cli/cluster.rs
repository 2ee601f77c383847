//! Which cluster a verb talks to, and the runtime in which it does.

use std::future::Future;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kube::Client;
use ompipe::cluster::{self, Cluster, Connection, Credentials, Declared, Patience};
use ompipe::project::Project;

use super::error::Error;
use super::input;

/// Which cluster.
#[derive(Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The kubeconfig to use [default: the project's `kubeconfigPath`, $KUBECONFIG, ~/.kube/config,
    /// or the pod's own service account]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig [default: the project's `kubeContext`, or its current one]
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
    #[arg(hide_short_help = true)]
    kubeconfig_content: Option<String>,
}

impl ClusterArgs {
    /// Whether a cluster was named.
    pub(crate) fn is_some(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some() || self.in_cluster
    }

    /// The cluster that is asked for, of a verb that reads no project.
    pub(crate) async fn connect(&self) -> Result<Cluster, Error> {
        self.connect_as(&Declared::default()).await
    }

    /// The cluster that is asked for, or else the one that the project names.
    pub(crate) async fn connect_as(&self, declared: &Declared) -> Result<Cluster, Error> {
        Ok(self.connection(declared).connect().await?)
    }

    /// Flags win over the variable, that over the project, and the project over kubectl's rules.
    fn connection(&self, declared: &Declared) -> Connection {
        let content = self.kubeconfig_content.as_ref().filter(|text| !text.trim().is_empty());
        let context = self.context.clone();
        let (credentials, context) = match (&self.kubeconfig, content) {
            (Some(file), _) => (Credentials::File(file.clone()), context),
            _ if self.in_cluster => (Credentials::InCluster, None),
            (None, Some(text)) => (Credentials::Content(text.clone()), context),
            (None, None) => declared.chosen(context.as_deref()),
        };
        Connection {
            credentials,
            context,
            patience: Patience(Duration::from_secs(self.retry_for)),
            has_terminal: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        }
    }

    /// A client of the cluster that is asked for.
    pub(crate) async fn client(&self) -> Result<Client, Error> {
        Ok(self.connect().await?.client)
    }
}

/// What a project says of its cluster, in an environment. To be asked before the project is
/// compiled, which takes its definitions.
pub(crate) fn declared(project: &Project, environment: Option<&str>) -> Declared {
    let root = input::root(project);
    let home = std::env::home_dir();
    Declared::of(project.definitions.project(), environment, &root, home.as_deref())
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        cluster: ClusterArgs,
    }

    fn credentials(line: &str) -> String {
        let words = ["ompipe"].into_iter().chain(line.split_whitespace());
        let line = Line::try_parse_from(words).unwrap();
        let connection = line.cluster.connection(&Declared::default());
        format!("{:?} {:?}", connection.credentials, connection.context)
    }

    #[test]
    fn a_flag_wins_over_the_content_in_the_environment_and_the_content_over_what_is_inferred() {
        assert_eq!(credentials("--kubeconfig-content a: --kubeconfig f"), "File(\"f\") None");
        assert_eq!(credentials("--kubeconfig-content a: --in-cluster"), "InCluster None");
        let content = credentials("--kubeconfig-content a: --context c");
        assert_eq!(content, "Content(…) Some(\"c\")");
        assert_eq!(credentials(""), "Inferred None");
    }
}
