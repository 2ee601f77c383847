//! Asks a cluster for runs and their pods.
//!
//! In: a namespace, and which pipeline. Out: [`Run`]s, newest first. Of each object only the fields
//! that are looked at are kept, page by page; of pods, only those are asked for that did not end
//! well.

use std::cmp::Reverse;
use std::collections::HashMap;

use kube::api::ListParams;

use super::run::{Run, RunKind, of_job, of_omjob};
use super::schedule::{Cron, CronObject};
use super::state::State;
use crate::cluster::list::List;
use crate::cluster::observed::{Job, OMJob, Pod};
use crate::cluster::{Cluster, Error, Pipeline};
use crate::crd::{GROUP, VERSION};
use crate::model::labels;

/// Which runs.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// Those of a pipeline.
    Pipeline(&'a Pipeline),
    /// All of a namespace.
    Namespace(&'a str),
}

impl Scope<'_> {
    /// The namespace.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Pipeline(pipeline) => &pipeline.namespace,
            Self::Namespace(namespace) => namespace,
        }
    }

    /// The label selector of its objects and pods.
    pub fn selector(&self) -> String {
        // The Java operator's pods bear it, too.
        let own = format!("{}={}", labels::NAME, labels::OPENMETADATA);
        match self {
            Self::Pipeline(pipeline) => format!("{own},{}", pipeline.selector()),
            Self::Namespace(_) => own,
        }
    }
}

/// The runs of a scope, newest first. A cluster without the operator's kinds has no OMJobs.
pub async fn list(cluster: &Cluster, scope: Scope<'_>) -> Result<Vec<Run>, Error> {
    let namespace = scope.namespace();
    let selector = ListParams::default().labels(&scope.selector());
    let jobs_path = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
    let omjobs_path = format!("/apis/{GROUP}/{VERSION}/namespaces/{namespace}/omjobs");
    let (jobs, omjobs) = futures::join!(
        List::new("list Jobs", jobs_path, selector.clone()).all::<Job>(cluster),
        List::new("list OMJobs", omjobs_path, selector).all::<OMJob>(cluster),
    );
    let jobs = jobs?;
    // After the Jobs: a pod that one of them counts and that is not found has ended well.
    let pods = newest_pods(cluster, scope).await?;
    let omjobs = match omjobs {
        Err(error) if error.code() == Some(404) => Vec::new(),
        omjobs => omjobs?,
    };
    let jobs = jobs.iter().map(|job| {
        let pod = pods.get(&job.metadata.uid);
        let run = of_job(job, pod);
        let has_had_a_pod = pod.is_none() && job.status.active > 0;
        match run.state {
            State::Queued if has_had_a_pod => Run { state: State::Running, ..run },
            _ => run,
        }
    });
    let omjobs = omjobs.iter().map(|job| of_omjob(job, pods.get(&job.metadata.uid)));
    let mut runs: Vec<Run> = jobs.chain(omjobs).collect();
    runs.sort_by(|one, other| {
        let key = |run: &Run| (Reverse(run.created), run.name.clone());
        key(one).cmp(&key(other))
    });
    Ok(runs)
}

/// The runs of a pipeline, newest first; or, where there are none, those that are called by its name
/// in its namespace: the runs of an automation or application, or a single one.
pub async fn list_called(cluster: &Cluster, pipeline: &Pipeline) -> Result<Vec<Run>, Error> {
    let runs = list(cluster, Scope::Pipeline(pipeline)).await?;
    if !runs.is_empty() {
        return Ok(runs);
    }
    let name = pipeline.name.as_str();
    let mut all = list(cluster, Scope::Namespace(&pipeline.namespace)).await?;
    all.retain(|run| run.is_of_entity(name) || run.name == name || run.id == name);
    Ok(all)
}

/// The schedules of a scope, by name.
pub async fn schedules(cluster: &Cluster, scope: Scope<'_>) -> Result<Vec<Cron>, Error> {
    let selector = ListParams::default().labels(&scope.selector());
    let mut all = Vec::new();
    for kind in super::suspend::kinds() {
        let path = kind.path(scope.namespace());
        let doing = format!("list {}s", kind.as_str());
        match List::new(doing, path, selector.clone()).all::<CronObject>(cluster).await {
            Err(error) if error.code() == Some(404) && kind.may_be_unknown() => {}
            found => all.extend(found?.into_iter().map(|object| Cron::of(kind, object))),
        }
    }
    all.sort_by(|one, other| (&one.pipeline, &one.name).cmp(&(&other.pipeline, &other.name)));
    Ok(all)
}

/// The newest pod of each run of a scope that has one which did not end well, by the UID of the Job
/// or OMJob; an exit handler's pod is none of these.
pub async fn newest_pods(
    cluster: &Cluster,
    scope: Scope<'_>,
) -> Result<HashMap<String, Pod>, Error> {
    let path = format!("/api/v1/namespaces/{}/pods", scope.namespace());
    let which = ListParams::default().labels(&scope.selector()).fields("status.phase!=Succeeded");
    let mut newest: HashMap<String, Pod> = HashMap::new();
    for pod in List::new("list pods", path, which).all::<Pod>(cluster).await? {
        let Some(owner) = pod.metadata.controller().map(|owner| owner.uid.clone()) else {
            continue;
        };
        if pod.is_exit_handler() {
            continue;
        }
        let known = newest.get(&owner).and_then(|known| known.metadata.creation_timestamp);
        if known.is_none_or(|known| Some(known) <= pod.metadata.creation_timestamp) {
            newest.insert(owner, pod);
        }
    }
    Ok(newest)
}

/// All pods of a run that are there, oldest first, main pods and exit handlers': found by their
/// owner, since the labels of the Java operator's pods are others.
pub async fn pods_of(cluster: &Cluster, run: &Run) -> Result<Vec<Pod>, Error> {
    let path = format!("/api/v1/namespaces/{}/pods", run.namespace);
    let label = match run.kind {
        RunKind::Job => format!("batch.kubernetes.io/controller-uid={}", run.uid),
        RunKind::OMJob => format!("{}={}", crate::controller::names::OMJOB_NAME_LABEL, run.name),
    };
    let which = ListParams::default().labels(&label);
    let doing = format!("list the pods of {} {}", run.kind.as_str(), run.name);
    let mut pods = List::new(doing, path, which).all::<Pod>(cluster).await?;
    pods.retain(|pod| pod.metadata.controller().is_some_and(|owner| owner.uid == run.uid));
    pods.sort_by_key(|pod| pod.metadata.creation_timestamp);
    Ok(pods)
}
