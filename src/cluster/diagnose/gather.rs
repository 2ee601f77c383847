//! Gathers what is known about a run.
//!
//! In: a run. Out: [`Evidence`]: its object, its pods, the events of all of them, the end of the
//! newest log. What may not be read, or cannot be for the moment, is said and left out: half of a
//! diagnosis is better than none.

use std::collections::VecDeque;

use futures::{AsyncBufRead, AsyncBufReadExt};
use k8s_openapi::api::core::v1 as core;
use kube::Api;
use kube::api::{ListParams, LogParams};

use super::Evidence;
use super::views::LogView;
use crate::cluster::list::List;
use crate::cluster::logs::{Readiness, readiness};
use crate::cluster::observed::{Event, Job, OMJob, Pod};
use crate::cluster::runs::{Run, RunKind, of_job, of_omjob, pods_of};
use crate::cluster::{Cluster, Error, observe};
use crate::crd::{GROUP, VERSION};

/// How many bytes of a log's end are looked at: 50 lines have far fewer, but for those that hold a
/// whole response or a query.
const LOG_BYTES: usize = 64 << 10;

/// Gathers what is known about a run, and so many lines of its log.
pub async fn gather(cluster: &Cluster, run: &Run, lines: u32) -> Result<Evidence, Error> {
    let Run { kind, namespace, name, .. } = run;
    let doing = format!("read {} {name}", kind.as_str());
    let (mut job, mut omjob) = (None::<Job>, None::<OMJob>);
    match kind {
        RunKind::Job => {
            let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
            job = observe::object(cluster, &doing, &path, name).await?;
        }
        RunKind::OMJob => {
            let path = format!("/apis/{GROUP}/{VERSION}/namespaces/{namespace}/omjobs");
            omjob = observe::object(cluster, &doing, &path, name).await?;
        }
    }
    let mut unread = Vec::new();
    let (exit_handlers, pods): (Vec<Pod>, Vec<Pod>) =
        pods_of(cluster, run).await?.into_iter().partition(Pod::is_exit_handler);
    let events = events(cluster, run).await.unwrap_or_else(|error| {
        unread.push(told("the events", &error));
        Vec::new()
    });
    let log = match pods.last() {
        Some(pod) if lines > 0 => log(cluster, pod, lines).await.unwrap_or_else(|error| {
            unread.push(told("the log", &error));
            None
        }),
        _ => None,
    };
    // How it is now, not how it was when it was listed.
    let of_job = job.as_ref().map(|job| of_job(job, pods.last()));
    let of_omjob = omjob.as_ref().map(|job| of_omjob(job, pods.last()));
    let run = of_job.or(of_omjob).unwrap_or_else(|| run.clone());
    Ok(Evidence { run, job, omjob, pods, exit_handlers, events, log, unread })
}

fn told(what: &str, error: &Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    format!("{what}: {}", cause.unwrap_or_else(|| error.to_string()))
}

/// The events of a run's object and of its pods, those that are gone too: a pod's name begins with
/// that of its Job or OMJob. Of all others nothing is kept.
async fn events(cluster: &Cluster, run: &Run) -> Result<Vec<Event>, Error> {
    let path = format!("/api/v1/namespaces/{}/events", run.namespace);
    let of_pods = format!("{}-", run.name);
    let list = List::new("list events", path, ListParams::default());
    let events = list.fold(cluster, |all: &mut Vec<Event>, event: Event| {
        let about = &event.involved_object;
        if about.uid == run.uid || about.kind == "Pod" && about.name.starts_with(&of_pods) {
            all.push(event);
        }
    });
    events.await
}

/// The end of a pod's log, if it has one.
async fn log(cluster: &Cluster, pod: &Pod, lines: u32) -> Result<Option<LogView>, Error> {
    let container = pod.main_container();
    if !matches!(readiness(pod, container), Readiness::Readable { .. }) {
        return Ok(None);
    }
    let (namespace, name) = (&pod.metadata.namespace, &pod.metadata.name);
    let pods: Api<core::Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let params = LogParams {
        container: Some(container.to_owned()),
        tail_lines: Some(i64::from(lines)),
        ..LogParams::default()
    };
    let doing = format!("read the log of pod {name}");
    let log = cluster.ask(doing, async || Ok(Box::pin(pods.log_stream(name, &params).await?)));
    let end = end_of(log.await?).await;
    Ok(Some(LogView::new(name, container, &end)))
}

/// The last bytes of a stream, from the begin of a line on.
async fn end_of(mut log: impl AsyncBufRead + Unpin) -> Vec<u8> {
    let mut end: VecDeque<u8> = VecDeque::new();
    let mut is_cut = false;
    // What came before a cut connection is better than nothing.
    while let Ok(bytes) = log.fill_buf().await {
        let length = bytes.len();
        if length == 0 {
            break;
        }
        end.extend(bytes);
        log.consume_unpin(length);
        let over = end.len().saturating_sub(LOG_BYTES);
        end.drain(..over);
        is_cut |= over > 0;
    }
    let mut end = Vec::from(end);
    if is_cut && let Some(line) = end.iter().position(|byte| *byte == b'\n') {
        end.drain(..=line);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_end_of_a_log_is_kept_and_begins_with_a_line() {
        let log: Vec<u8> = (0..20_000).flat_map(|line| format!("{line}\n").into_bytes()).collect();
        let end = end_of(log.as_slice()).await;
        assert!(end.len() <= LOG_BYTES && end.len() > LOG_BYTES - 10);
        assert!(log.ends_with(&end));
        assert_eq!(log[log.len() - end.len() - 1], b'\n');
        assert_eq!(end_of(b"a\nb".as_slice()).await, b"a\nb");
    }
}
