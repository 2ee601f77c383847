//! Which run a verb is about.
//!
//! In: a pipeline's name, or what a run is called, and the cluster. Out: the run.

use clap::Args;
use ompipe::cluster::runs::{self, Run, Scope, Unchosen};
use ompipe::cluster::{Cluster, Pipeline};

use super::error::Error;
use super::pipelines::{Pipelines, PipelinesArgs};

/// The runs.
#[derive(Args)]
pub(crate) struct ChosenRunArgs {
    #[command(flatten)]
    pub(crate) pipelines: PipelinesArgs,

    /// The run, by its id, the name of its Job or OMJob, or how either begins [default: the newest]
    #[arg(long, value_name = "ID")]
    run: Option<String>,
}

/// What was found for one name.
pub(crate) enum Chosen {
    /// A run.
    Run(Box<Run>),
    /// The pipeline has no run, or none any more.
    None(Box<Pipeline>),
}

impl ChosenRunArgs {
    /// The runs that are meant: one for each pipeline. With a namespace, a run may be named in the
    /// place of a pipeline.
    pub(crate) async fn find(
        &self,
        cluster: &Cluster,
        pipelines: &Pipelines,
    ) -> Result<Vec<Chosen>, Error> {
        let called = self.run.as_deref();
        match pipelines {
            Pipelines::Wrong(_) => Ok(Vec::new()),
            Pipelines::These(these) => {
                let mut all = Vec::new();
                for pipeline in these {
                    all.push(self.of_pipeline(cluster, pipeline).await?);
                }
                Ok(all)
            }
            Pipelines::OfNamespace(namespace) => {
                let listed = runs::list(cluster, Scope::Namespace(namespace)).await?;
                if called.is_some() {
                    let run = runs::choose(&listed, called);
                    return Ok(vec![run_or_hint(run, called, namespace)?]);
                }
                // The newest of each pipeline, automation and application.
                let mut newest: Vec<Run> = Vec::new();
                for run in listed {
                    if !newest.iter().any(|known| known.subject() == run.subject()) {
                        newest.push(run);
                    }
                }
                Ok(newest.into_iter().map(|run| Chosen::Run(Box::new(run))).collect())
            }
        }
    }

    async fn of_pipeline(&self, cluster: &Cluster, pipeline: &Pipeline) -> Result<Chosen, Error> {
        let Pipeline { namespace, name, .. } = pipeline;
        let listed = runs::list(cluster, Scope::Pipeline(pipeline)).await?;
        match runs::choose(&listed, self.run.as_deref()) {
            Ok(run) => Ok(Chosen::Run(Box::new(run.clone()))),
            Err(Unchosen::NoRuns) if self.pipelines.namespace().is_some() => {
                // Automation and application runs are of no pipeline, and have a name all the same.
                let mut listed = runs::list(cluster, Scope::Namespace(namespace)).await?;
                let called = self.run.as_deref().unwrap_or(name.as_str());
                if self.run.is_some() {
                    listed.retain(|run| run.is_of_entity(name.as_str()));
                }
                match runs::choose(&listed, Some(called)) {
                    Err(Unchosen::NoRuns | Unchosen::Unknown) if self.run.is_none() => {
                        Ok(Chosen::None(Box::new(pipeline.clone())))
                    }
                    found => run_or_hint(found, Some(called), namespace),
                }
            }
            Err(Unchosen::NoRuns) if self.run.is_none() => {
                Ok(Chosen::None(Box::new(pipeline.clone())))
            }
            found => run_or_hint(found, self.run.as_deref(), namespace),
        }
    }
}

fn run_or_hint(
    found: Result<&Run, Unchosen>,
    called: Option<&str>,
    namespace: &str,
) -> Result<Chosen, Error> {
    let called = called.unwrap_or_default();
    match found {
        Ok(run) => Ok(Chosen::Run(Box::new(run.clone()))),
        Err(Unchosen::Ambiguous(ids)) => Err(ambiguous(called, &ids)),
        Err(Unchosen::NoRuns | Unchosen::Unknown) => {
            let message = format!("there is no run {called} in {namespace}, or none any more");
            Err(Error::new(message).with_hint(
                "`ompipe history` lists those that are there. A run goes with its Job or OMJob: by \
                 ttlSecondsAfterFinished, a history limit, or somebody's hand.",
            ))
        }
    }
}

fn ambiguous(called: &str, ids: &[String]) -> Error {
    Error::new(format!("{} runs are called {called}…", ids.len()))
        .with_hint(format!("Say more of the id: {}.", ids.join(", ")))
}
