//! Looks at a run's main pod in the cluster: its state, its last events, the end of its log.
//!
//! In: a cluster, whose pod, and the [`Deadline`] of the report. Out: what was [`Seen`] within a share
//! of the time, and a sentence for each thing that was not. Nothing here fails: a report without a
//! diagnosis is better than none.

use std::time::Duration;

use futures::{AsyncReadExt as _, pin_mut};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, ListParams, LogParams};
use serde_json::Value;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::deadline::Deadline;
use super::diagnosis::Seen;
use super::main_pod::{self, MAIN};
use crate::cluster::{Cluster, Error, is_passing};

/// As many lines as OpenMetadata's own exit handler takes.
const LOG_LINES: i64 = 500;
/// As much of them as is kept, from the end: lines may have any length.
const LOG_BYTES: usize = 256 * 1024;
/// More pods than a run has attempts.
const MOST_PODS: u32 = 100;
/// More events than the last ten, whose order is ours to find.
const MOST_EVENTS: u32 = 500;
/// How long the API may lag behind main's end, which the kubelet tells it after it has told us.
const LAG: Duration = Duration::from_secs(5);
/// The longest that the cluster is asked for the pod, and for the rest.
const LONGEST_LOOK: Duration = Duration::from_secs(15);
/// Before the kubelet kills the pod, to say what became of the report.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How often it is asked meanwhile.
const PERIOD: Duration = Duration::from_millis(250);

/// Whose pod to look at.
pub(super) struct Whose<'a> {
    /// The namespace.
    pub(super) namespace: &'a str,
    /// The Job or OMJob.
    pub(super) job: Option<&'a str>,
    /// The run's id.
    pub(super) run_id: Option<&'a str>,
    /// The pod that asks.
    pub(super) own: Option<&'a str>,
    /// Whether it asks from beside main, which has ended, though the API may not know it yet.
    pub(super) beside_main: bool,
    /// Main's exit code, where its launcher has left it.
    pub(super) exit_code: Option<i64>,
}

/// Looks for a share of the time until the deadline, and takes what there is by then. Of a pod that
/// is being deleted the kubelet leaves less, and the deadline is brought forward.
pub(super) async fn look(cluster: &Cluster, whose: &Whose<'_>, deadline: &Deadline) -> Seen {
    let mut seen = Seen { exit_code: whose.exit_code, ..Seen::default() };
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), whose.namespace);
    let mut time = share(deadline);
    let mut found = timeout(time, find(cluster, &pods, whose, &mut seen)).await;
    let pod = seen.pod.as_ref();
    if let Some(killed) = pod.and_then(main_pod::killed_at).filter(|_| whose.beside_main) {
        let left = Duration::try_from(killed.duration_since(Timestamp::now())).unwrap_or_default();
        deadline.at_most(left.saturating_sub(LAST_WORDS).max(LAST_WORDS));
    }
    if let Ok(Some(name)) = &found {
        info!(pod = name, "found the main pod");
        time = share(deadline);
        let looked = timeout(time, async {
            // The kubelet tells the end of no container of a pod that is being deleted.
            let is_told = !seen.pod.as_ref().is_some_and(main_pod::is_being_deleted);
            if whose.beside_main && whose.exit_code.is_none() && is_told {
                await_end(cluster, &pods, name, (time / 3).min(LAG), &mut seen).await;
            }
            look_into(cluster, &pods, name, whose.namespace, &mut seen).await;
        });
        found = looked.await.map(|()| None);
    }
    if found.is_err() {
        let what = match (&seen.pod, &seen.events) {
            (None, _) => "the pod",
            (_, None) => "the pod's events and log",
            _ => "the pod's log",
        };
        let seconds = time.as_secs_f32();
        miss(&mut seen, what, &format!("the API server took longer than {seconds:.1} s"));
    }
    seen
}

/// The time for the cluster: what is left then is OpenMetadata's.
fn share(deadline: &Deadline) -> Duration {
    (deadline.left() / 4).min(LONGEST_LOOK)
}

async fn look_into(
    cluster: &Cluster,
    pods: &Api<Pod>,
    name: &str,
    namespace: &str,
    seen: &mut Seen,
) {
    let events: Api<Event> = Api::namespaced(cluster.client.clone(), namespace);
    let about = ListParams::default()
        .fields(&format!("involvedObject.kind=Pod,involvedObject.name={name}"))
        .limit(MOST_EVENTS);
    match cluster.ask("list the pod's events", async || events.list(&about).await).await {
        Ok(events) => seen.events = Some(events.items.iter().map(as_value).collect()),
        Err(error) => miss(seen, "the pod's events", &told(&error)),
    }
    match tail(cluster, pods, name).await {
        Ok(log) => seen.log = Some(log),
        Err(error) => miss(seen, "the pod's log", &told(&error)),
    }
}

/// The main pod's name; it is among what was seen.
async fn find(
    cluster: &Cluster,
    pods: &Api<Pod>,
    whose: &Whose<'_>,
    seen: &mut Seen,
) -> Option<String> {
    let selectors = main_pod::selectors(whose.job, whose.run_id);
    if selectors.is_empty() {
        miss(seen, "the pod", "neither `jobName` nor `pipelineRunId` is set, by which it is found");
        return None;
    }
    for selector in &selectors {
        let with = ListParams::default().labels(selector).limit(MOST_PODS);
        let listed = match cluster.ask("list pods", async || pods.list(&with).await).await {
            Ok(listed) => listed.items.iter().map(as_value).collect::<Vec<_>>(),
            // What one selector cannot do the others cannot, either.
            Err(error) => {
                miss(seen, "the pod", &told(&error));
                return None;
            }
        };
        let Some(pod) = main_pod::choose(&listed, whose.own) else { continue };
        let name = main_pod::name(pod)?.to_owned();
        seen.pod = Some(pod.clone());
        return Some(name);
    }
    miss(seen, "the pod", &format!("there is none with the labels {}", selectors.join(" or ")));
    None
}

/// Waits until the API knows of main's end, which has come.
async fn await_end(
    cluster: &Cluster,
    pods: &Api<Pod>,
    name: &str,
    time: Duration,
    seen: &mut Seen,
) {
    let until_known = async {
        while seen.pod.as_ref().and_then(main_pod::exit_code).is_none() {
            sleep(PERIOD).await;
            match pods.get_opt(name).await {
                Ok(Some(pod)) => seen.pod = Some(as_value(&pod)),
                Err(error) if !is_passing(&error) => {
                    let why = cluster.failed("read the pod", &error);
                    return miss(seen, "main's end", &told(&why));
                }
                _ => {}
            }
        }
    };
    // Late news are no reason to report nothing.
    drop(timeout(time, until_known).await);
}

/// The end of main's log.
async fn tail(cluster: &Cluster, pods: &Api<Pod>, name: &str) -> Result<String, Error> {
    let asked = LogParams {
        container: Some(MAIN.to_owned()),
        tail_lines: Some(LOG_LINES),
        ..LogParams::default()
    };
    let doing = format!("read the log of {name}");
    let stream = cluster.ask(&doing, async || pods.log_stream(name, &asked).await).await?;
    pin_mut!(stream);
    let mut kept = Vec::with_capacity(64 * 1024);
    let mut left_out = false;
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let read = match stream.read(&mut chunk).await {
            Ok(0) => break,
            Ok(read) => read,
            // What came until then is better than nothing.
            Err(_) => {
                kept.extend_from_slice(b"\n(the API server broke off here)");
                break;
            }
        };
        kept.extend_from_slice(&chunk[..read]);
        if kept.len() > 2 * LOG_BYTES {
            kept.drain(..kept.len() - LOG_BYTES);
            left_out = true;
        }
    }
    Ok(last(&kept, LOG_BYTES, left_out))
}

/// The last bytes of a log, whole lines of it if possible.
fn last(log: &[u8], most: usize, left_out: bool) -> String {
    let start = log.len().saturating_sub(most);
    if start == 0 && !left_out {
        return String::from_utf8_lossy(log).into_owned();
    }
    let kept = &log[start..];
    let whole = kept.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let whole = if whole == kept.len() { 0 } else { whole };
    format!("(earlier lines are left out)\n{}", String::from_utf8_lossy(&kept[whole..]))
}

fn miss(seen: &mut Seen, what: &str, why: &str) {
    let sentence = format!("Not seen: {what}: {why}.");
    warn!("not seen: {what}: {why}");
    seen.missing.push(sentence);
}

/// An error with its causes, in a line.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn as_value(object: &impl serde::Serialize) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_cut_at_the_start_of_a_line() {
        assert_eq!(last(b"one\ntwo\n", 100, false), "one\ntwo\n");
        assert_eq!(last(b"one\ntwo\nthree\n", 8, false), "(earlier lines are left out)\nthree\n");
        assert_eq!(last("éé\n".as_bytes(), 2, false), "(earlier lines are left out)\n\u{fffd}\n");
    }
}
