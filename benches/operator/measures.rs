//! What is measured, one function a figure.

#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::Api;
use kube::api::PostParams;
use kube::runtime::watcher::{self, Event, watcher};
use ompipe::crd::{CronOMJob, OMJob, Phase};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::Failure;
use super::cluster::{Cluster, omjob};
use super::kubelet::diary;
use super::process::Operator;
use super::samples::Samples;

/// The longest that any wait may take.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Start, memory and processor of an operator that has nothing to do.
pub(super) async fn idle(cluster: &Cluster) -> Result<(), Failure> {
    let operator = Operator::start(cluster)?;
    let ready = operator.ready().await?;
    println!("| ready after start, no OMJobs | {:.2} s |", ready.as_secs_f64());
    at_rest(&operator, "no OMJobs").await?;
    operator.terminate().await
}

async fn at_rest(operator: &Operator, with: &str) -> Result<(), Failure> {
    let seconds = 30;
    let (processor, requests) =
        (operator.processor()?, operator.metric("ompipe_api_requests_total").await?);
    sleep(Duration::from_secs(seconds)).await;
    let used = operator.processor()? - processor;
    let requests = operator.metric("ompipe_api_requests_total").await? - requests;
    println!("| resident memory, {with} | {:.1} MiB |", operator.memory()?);
    println!(
        "| at rest for {seconds} s, {with} | {used:.2} s of processor, {requests} requests but the Lease's |"
    );
    Ok(())
}

/// One OMJob after another: how long the exit handler and the end take.
pub(super) async fn lag(cluster: &Cluster) -> Result<(), Failure> {
    let operator = Operator::start(cluster)?;
    operator.ready().await?;
    let ends = Ends::watch(cluster);
    let before = operator.metric("ompipe_api_requests_total").await?;
    let count = 100;
    let mut ends = ends;
    for number in 0..count {
        cluster.create_omjobs(&format!("lag-{number}"), 1, 0).await?;
        sleep(Duration::from_millis(100)).await;
    }
    ends.wait_for(count).await?;
    let requests = operator.metric("ompipe_api_requests_total").await? - before;
    report("one at a time, ten a second", "lag", count, &ends);
    println!(
        "| API requests per OMJob, events and watches apart | {:.1} |",
        requests / count as f64
    );
    cluster.clear().await?;
    operator.terminate().await
}

/// Many OMJobs at once.
pub(super) async fn burst(cluster: &Cluster, count: usize) -> Result<(), Failure> {
    let operator = Operator::start(cluster)?;
    operator.ready().await?;
    let mut ends = Ends::watch(cluster);
    cluster.create_omjobs("burst", count, 1).await?;
    ends.wait_for(count).await?;
    report(&format!("{count} at once"), "burst", count, &ends);
    cluster.clear().await?;
    operator.terminate().await
}

fn report(how: &str, prefix: &str, count: usize, ends: &Ends) {
    let (mut lag, mut whole) = (Samples::default(), Samples::default());
    for number in 0..count {
        // One at a time, each was the first of its own prefix.
        let names = [format!("{prefix}-{number}-0"), format!("{prefix}-{number}")];
        for name in names {
            let Some(ended) = diary().of(&format!("{name}-main")).and_then(|main| main.ended)
            else {
                continue;
            };
            if let Some(exit) = diary().of(&format!("{name}-exit")) {
                lag.add(exit.seen.saturating_duration_since(ended));
            }
            if let Some(end) = ends.at.get(&name) {
                whole.add(end.saturating_duration_since(ended));
            }
        }
    }
    println!("| main's end to the exit pod seen created, {how} | {lag} |");
    println!("| main's end to the OMJob's end, {how} | {whole} |");
}

/// As many as it can, and native Jobs beside it.
pub(super) async fn throughput(cluster: &Cluster, count: usize) -> Result<(), Failure> {
    let operator = Operator::start(cluster)?;
    operator.ready().await?;
    let mut ends = Ends::watch(cluster);
    let started = Instant::now();
    cluster.create_omjobs("many", count, 0).await?;
    ends.wait_for(count).await?;
    let took = started.elapsed().as_secs_f64();
    println!(
        "| {count} OMJobs from first creation to last end | {took:.1} s, {:.0} a second |",
        count as f64 / took
    );
    println!("| resident memory, {count} OMJobs | {:.1} MiB |", operator.memory()?);
    cluster.clear().await?;
    operator.terminate().await?;

    let started = Instant::now();
    cluster.create_jobs("native", count).await?;
    let mut done = 0;
    let api: Api<Job> = cluster.api();
    let mut stream = Box::pin(watcher(api, watcher::Config::default()));
    let mut seen = std::collections::HashSet::new();
    while done < count {
        let event = timeout(PATIENCE, stream.next()).await?.ok_or("the watch ended")?;
        let Ok(Event::Apply(job) | Event::InitApply(job)) = event else { continue };
        let finished = job.status.as_ref().is_some_and(|status| status.completion_time.is_some());
        if finished && seen.insert(job.metadata.uid.clone()) {
            done += 1;
        }
    }
    let took = started.elapsed().as_secs_f64();
    println!(
        "| {count} native Jobs, one pod each, likewise | {took:.1} s, {:.0} a second |",
        count as f64 / took
    );
    cluster.clear().await
}

/// How long nobody acts when the leader dies, or is asked to stop.
pub(super) async fn failover(cluster: &Cluster) -> Result<(), Failure> {
    for (how, kill) in [("kill -9", true), ("SIGTERM", false)] {
        let leader = Operator::start(cluster)?;
        leader.ready().await?;
        let standby = Operator::start(cluster)?;
        sleep(Duration::from_secs(5)).await;
        let died = Instant::now();
        match kill {
            true => leader.kill().await?,
            false => leader.terminate().await?,
        }
        let name = format!("failover-{}", u8::from(kill));
        cluster.create_omjobs(&name, 1, 0).await?;
        let pod = format!("{name}-0-main");
        let deadline = died + Duration::from_secs(60);
        let seen = loop {
            if let Some(times) = diary().of(&pod) {
                break times.seen;
            }
            if Instant::now() > deadline {
                return Err("the other replica does not take over".into());
            }
            sleep(Duration::from_millis(5)).await;
        };
        let took = seen.saturating_duration_since(died).as_secs_f64();
        println!("| failover after {how} | {took:.1} s |");
        let mut ends = Ends::watch(cluster);
        ends.wait_for(1).await?;
        cluster.clear().await?;
        standby.terminate().await?;
    }
    Ok(())
}

/// How late scheduled OMJobs are, many at the same minute.
pub(super) async fn cron(cluster: &Cluster, count: usize) -> Result<(), Failure> {
    let operator = Operator::start(cluster)?;
    operator.ready().await?;
    let api: Api<CronOMJob> = cluster.api();
    for number in 0..count {
        let name = format!("cron-{number}");
        let cron = serde_json::from_value(json!({
            "apiVersion": "pipelines.openmetadata.org/v1", "kind": "CronOMJob",
            "metadata": {"name": name},
            "spec": {"schedule": "* * * * *", "omJobSpec": omjob(&name, 0)["spec"]},
        }))?;
        api.create(&PostParams::default(), &cron).await?;
    }
    let mut lag = Samples::default();
    let api: Api<OMJob> = cluster.api();
    let mut stream = Box::pin(watcher(api, watcher::Config::default()));
    let mut seen = std::collections::HashSet::new();
    while seen.len() < count {
        let event = timeout(PATIENCE, stream.next()).await?.ok_or("the watch ended")?;
        let Ok(Event::Apply(job) | Event::InitApply(job)) = event else { continue };
        let name = job.metadata.name.unwrap_or_default();
        // A run is named after the second that it stands for.
        let Some(Ok(second)) = name.rsplit('-').next().map(str::parse::<i64>) else { continue };
        if seen.insert(name.clone()) {
            let late = Timestamp::now().duration_since(Timestamp::from_second(second)?);
            lag.add(late.unsigned_abs());
        }
    }
    println!(
        "| {count} CronOMJobs at the same minute, time of the schedule to OMJob seen | {lag} |"
    );
    cluster.clear().await?;
    operator.terminate().await
}

/// Memory, start and rest with very many OMJobs: first all of them running, then all ended.
pub(super) async fn scale(cluster: &Cluster, count: usize) -> Result<(), Failure> {
    let operator = Operator::start(cluster)?;
    operator.ready().await?;
    let mut ends = Ends::watch(cluster);
    let started = Instant::now();
    cluster.create_omjobs("scale", count, 120).await?;
    println!("| {count} OMJobs created in | {:.0} s |", started.elapsed().as_secs_f64());
    ends.wait_for(count).await?;
    println!("| and ended after | {:.0} s |", started.elapsed().as_secs_f64());
    let with = format!("{count} OMJobs and {} pods", 2 * count);
    at_rest(&operator, &with).await?;
    operator.terminate().await?;
    let operator = Operator::start(cluster)?;
    let ready = operator.ready().await?;
    println!("| ready after start, {with} | {:.2} s |", ready.as_secs_f64());
    at_rest(&operator, &format!("{with}, after a restart")).await?;
    let started = Instant::now();
    cluster.clear().await?;
    println!("| {with} deleted in | {:.0} s |", started.elapsed().as_secs_f64());
    operator.terminate().await
}

/// When OMJobs ended, as a watch saw it.
struct Ends {
    at: HashMap<String, Instant>,
    seen: tokio::sync::mpsc::UnboundedReceiver<(String, Instant)>,
}

impl Ends {
    fn watch(cluster: &Cluster) -> Self {
        let (told, seen) = tokio::sync::mpsc::unbounded_channel();
        let api: Api<OMJob> = cluster.api();
        tokio::spawn(async move {
            let mut stream = Box::pin(watcher(api, watcher::Config::default()));
            while let Some(event) = stream.next().await {
                let Ok(Event::Apply(job) | Event::InitApply(job)) = event else { continue };
                let phase = job.status.and_then(|status| status.phase);
                let ended = phase.is_some_and(Phase::is_terminal);
                if ended
                    && told.send((job.metadata.name.unwrap_or_default(), Instant::now())).is_err()
                {
                    return;
                }
            }
        });
        Self { at: HashMap::new(), seen }
    }

    async fn wait_for(&mut self, count: usize) -> Result<(), Failure> {
        while self.at.len() < count {
            let seen = timeout(PATIENCE, self.seen.recv()).await?;
            let (name, at) = seen.ok_or("the watch ended")?;
            self.at.entry(name).or_insert(at);
        }
        Ok(())
    }
}
