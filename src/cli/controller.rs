//! `ompipe controller`.

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, IsTerminal};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use clap::Args;
use ompipe::controller::{Operator, Settings, clock, http};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::cluster::ClusterArgs;
use super::error::Error;
use super::exit::Status;
use super::log::{LogArgs, LogFormat};
use super::session::Session;

/// Run the operator of OMJobs and CronOMJobs
///
/// Starts the main pod of every OMJob, and after every end of it, once, its exit handler. It
/// replaces OpenMetadata's own operator: same kinds, names, labels, metrics, endpoints and
/// settings. Of several replicas one acts and the others stand by. It runs until SIGTERM.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  ompipe controller                             In a cluster, as its install does
  ompipe controller --kubeconfig ~/.kube/config --namespace ingestion")]
pub(crate) struct ControllerArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// The namespace whose OMJobs it sees to [default: all]
    #[arg(short, long, env = "WATCH_NAMESPACES", value_name = "NAMESPACE")]
    namespace: Option<String>,

    /// The namespace of its Lease, where it runs itself
    #[arg(long, env = "OPERATOR_NAMESPACE", value_name = "NAMESPACE", default_value = "default")]
    operator_namespace: String,

    /// The name of its Lease
    #[arg(long, value_name = "NAME", default_value = "omjob-operator")]
    lease_name: String,

    /// Who this replica is, in the Lease and in events [default: its host's name and a random part]
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    identity: Option<String>,

    /// How many OMJobs it works on at a time
    #[arg(long, env = "RECONCILIATION_THREADS", value_name = "N", default_value_t = 32)]
    concurrency: usize,

    /// Port of /health, /health/live, /health/ready and /info
    #[arg(long, env = "HEALTH_CHECK_PORT", value_name = "PORT", default_value_t = 8080)]
    health_port: u16,

    /// Port of /metrics; the other endpoints are there too
    #[arg(long, env = "METRICS_PORT", value_name = "PORT", default_value_t = 8081)]
    metrics_port: u16,

    #[command(flatten)]
    log: LogArgs,
}

pub(crate) fn run(args: &ControllerArgs, _session: &mut Session) -> Result<Status, Error> {
    // What reads the log of an operator is a program, as a rule.
    args.log.start(if io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new("failed to start").because(error))?;
    runtime.block_on(operate(args))
}

async fn operate(args: &ControllerArgs) -> Result<Status, Error> {
    let client = args.cluster.client().await?;
    let random = RandomState::new().build_hasher().finish();
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "ompipe".to_owned());
    let identity = args.identity.clone().unwrap_or_else(|| format!("{host}_{random:016x}"));
    let settings = Settings {
        namespace: one_namespace(args.namespace.as_deref())?,
        lease_namespace: args.operator_namespace.clone(),
        lease_name: args.lease_name.clone(),
        identity,
        concurrency: args.concurrency,
        clock: clock::system(),
        seed: random,
    };
    info!(
        version = env!("CARGO_PKG_VERSION"),
        identity = settings.identity,
        namespace = settings.namespace.as_deref().unwrap_or("all"),
        "starting"
    );
    let operator = Arc::new(Operator::new(client, settings));
    let mut ports = vec![args.health_port, args.metrics_port];
    ports.dedup();
    for port in ports {
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Error::new(format!("failed to listen on port {port}")).because(error)
        })?;
        let router = http::router(Arc::clone(&operator));
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
    operator.run(terminated()?).await;
    Ok(Status::Fine)
}

/// The one namespace; none stands for all. Upstream's chart and its framework write all so.
fn one_namespace(asked: Option<&str>) -> Result<Option<String>, Error> {
    match asked {
        None | Some("" | "ALL" | "JOSDK_ALL_NAMESPACES") => Ok(None),
        Some(list) if list.contains(',') => Err(Error::new(format!("`{list}` is more than one namespace"))
            .with_hint("Name one namespace, or none for all of them; or run an operator for each, with a Lease of its own.")),
        Some(one) => Ok(Some(one.to_owned())),
    }
}

/// SIGTERM, or Ctrl-C.
fn terminated() -> Result<impl Future<Output = ()>, Error> {
    let of = |kind| signal(kind).map_err(|error| Error::new("failed to start").because(error));
    let (mut term, mut interrupt) = (of(SignalKind::terminate())?, of(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_namespaces_are_written_as_upstream_writes_them_and_a_list_is_refused() {
        for all in [None, Some(""), Some("ALL"), Some("JOSDK_ALL_NAMESPACES")] {
            assert_eq!(one_namespace(all).unwrap(), None);
        }
        assert_eq!(one_namespace(Some("a")).unwrap().as_deref(), Some("a"));
        assert!(one_namespace(Some("a,b")).is_err());
    }
}
