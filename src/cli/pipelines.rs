//! Which pipelines of a cluster a verb is about.
//!
//! In: names, and either a project or a namespace. Out: [`Pipelines`]. With a namespace no definition
//! is read, so that a verb works where there is no project at hand.

use std::cell::OnceCell;
use std::path::PathBuf;

use clap::Args;
use ompipe::cluster::runs::{self, Run, Scope};
use ompipe::cluster::{self, Cluster, Declared, Pipeline};
use ompipe::model::PipelineName;
use ompipe::project::Project;
use ompipe::render::Mode;
use ompipe::workspace;

use super::cluster::declared;
use super::error::Error;
use super::exit::Status;
use super::input::{self, InputArgs};
use super::session::{Findings, Session};

/// The pipelines.
#[derive(Args)]
pub(crate) struct PipelinesArgs {
    /// The pipelines, by name
    #[arg(value_name = "PIPELINE")]
    pub(crate) pipelines: Vec<String>,

    /// Look in this namespace of the cluster, and read no project
    #[arg(short, long, value_name = "NAMESPACE", conflicts_with_all = ["project", "environment"])]
    namespace: Option<String>,

    /// The project whose pipelines are meant [default: that of the current folder]
    #[arg(long, value_name = "PATH")]
    project: Vec<PathBuf>,

    /// The environment of the project [default: none, as it is written]
    #[arg(short, long, value_name = "NAME")]
    environment: Option<String>,

    /// What the project says of its cluster, once it is read.
    #[arg(skip)]
    declared: OnceCell<Declared>,
}

/// The pipelines that are meant.
pub(crate) enum Pipelines {
    /// These.
    These(Vec<Pipeline>),
    /// Whatever there is in a namespace.
    OfNamespace(String),
    /// The project is wrong; that has been said.
    Wrong(Status),
}

impl PipelinesArgs {
    /// The namespace to look in, if no project is to be read.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The pipelines that are named; `None` when the project is wrong, which has been said. A verb
    /// that changes something wants to be told what.
    pub(crate) fn named(&self, session: &mut Session) -> Result<Option<Vec<Pipeline>>, Error> {
        if self.pipelines.is_empty() {
            return Err(Error::new("no pipeline is named")
                .with_hint("Name one or more; `ompipe status` lists them."));
        }
        Ok(match self.resolve(session)? {
            Pipelines::These(these) => Some(these),
            Pipelines::OfNamespace(_) | Pipelines::Wrong(_) => None,
        })
    }

    /// The pipelines that are meant: those that are named, or all.
    pub(crate) fn resolve(&self, session: &mut Session) -> Result<Pipelines, Error> {
        let Some(namespace) = &self.namespace else { return self.of_project(session) };
        if self.pipelines.is_empty() {
            return Ok(Pipelines::OfNamespace(namespace.clone()));
        }
        let these = self.pipelines.iter().map(|name| pipeline(namespace, name));
        Ok(Pipelines::These(these.collect::<Result<_, _>>()?))
    }

    /// The runs of a pipeline, newest first. Where no project says what there is, an automation's or
    /// application's are called by their name in the same way.
    pub(crate) async fn runs(
        &self,
        cluster: &Cluster,
        pipeline: &Pipeline,
    ) -> Result<Vec<Run>, cluster::Error> {
        match self.namespace {
            Some(_) => runs::list_called(cluster, pipeline).await,
            None => runs::list(cluster, Scope::Pipeline(pipeline)).await,
        }
    }

    /// What the project says of its cluster, after [`PipelinesArgs::resolve`].
    pub(crate) fn declared(&self) -> Declared {
        self.declared.get().cloned().unwrap_or_default()
    }

    fn of_project(&self, session: &mut Session) -> Result<Pipelines, Error> {
        let args = InputArgs::of(self.project.clone(), self.environment.clone());
        let mut project = input::read(&args)?;
        let declared = declared(&project, self.environment.as_deref());
        let _once = self.declared.set(declared);
        let options = input::options(&mut project, &args, Mode::Scheduled, &self.pipelines, false)?;
        let Project { definitions, sources, found, .. } = &mut project;
        let seen = workspace::survey(definitions, options, sources, found);
        let mut found = std::mem::take(&mut project.found).into_sorted();
        // Warnings are what `validate` and `render` say of the same definitions.
        found.retain(|one| session.is_error(one));
        if !found.is_empty() {
            let status = session.report(found, &project.sources, Findings::AsMessages)?;
            return Ok(Pipelines::Wrong(status));
        }
        let is_meant =
            |name: &str| self.pipelines.is_empty() || self.pipelines.iter().any(|one| one == name);
        let meant = seen.iter().filter(|one| is_meant(&one.planned.name));
        let these = meant.map(|one| pipeline(&one.namespace, &one.planned.name));
        Ok(Pipelines::These(these.collect::<Result<_, _>>()?))
    }
}

fn pipeline(namespace: &str, name: &str) -> Result<Pipeline, Error> {
    let parsed = PipelineName::parse(name);
    let name = parsed.map_err(|_| Error::new(format!("{name:?} is no name of a pipeline")))?;
    Ok(Pipeline::new(namespace, name))
}
