//! Measures the operator against a real control plane, with a kubelet that only pretends.
//!
//! `just bench-operator` starts etcd, API server, controller manager and scheduler for it. What is
//! measured is the operator's own binary, as a process of its own; API server, scheduler and this
//! program share the machine with it. One run measures everything, native Jobs beside OMJobs.

#![expect(clippy::print_stdout, reason = "the figures are the result")]

mod cluster;
mod kubelet;
mod measures;
mod process;
mod samples;

use std::error::Error;

use cluster::Cluster;

/// Anything that goes wrong ends the benchmark.
type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let Ok(kubeconfig) = std::env::var("OMPIPE_KUBECONFIG") else {
        println!("operator: needs a control plane; `just bench-operator` starts one");
        return Ok(());
    };
    let cluster = Cluster::connect(&kubeconfig).await?;
    cluster.install().await?;
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word));
    let _kubelet = kubelet::start(&cluster).await?;
    println!("| figure | measured |\n|---|---|");
    if is_wanted("idle") {
        measures::idle(&cluster).await?;
    }
    if is_wanted("lag") {
        measures::lag(&cluster).await?;
    }
    if is_wanted("burst") {
        measures::burst(&cluster, 200).await?;
    }
    if is_wanted("throughput") {
        measures::throughput(&cluster, 1000).await?;
    }
    if is_wanted("failover") {
        measures::failover(&cluster).await?;
    }
    if is_wanted("cron") {
        measures::cron(&cluster, 200).await?;
    }
    if is_wanted("scale") {
        measures::scale(&cluster, 10_000).await?;
    }
    Ok(())
}
