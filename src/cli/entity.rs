//! `--automation` and `--application`: an entity of OpenMetadata's to run once, in the place of
//! pipelines.
//!
//! In: the flags, and a project. Out: the objects of the run.

use std::path::{Path, PathBuf};

use clap::Args;
use ompipe::compile::{Object, Options};
use ompipe::model::EntityKind;
use ompipe::project::Project;
use ompipe::render::{Mode, SecretValues};
use ompipe::workspace;

use super::error::Error;
use super::input::{self, InputArgs};

/// The entity.
#[derive(Args)]
pub(crate) struct EntityArgs {
    /// In the place of pipelines, an automation on the project's terms: a file with OpenMetadata's
    /// Workflow, as its API gives it, in YAML or JSON, with references for secrets; or -
    #[arg(long, value_name = "FILE", conflicts_with = "application")]
    automation: Option<PathBuf>,

    /// The same of an application: a file with OpenMetadata's App
    #[arg(long, value_name = "FILE")]
    application: Option<PathBuf>,
}

impl EntityArgs {
    /// The entity that is asked for, and its file.
    pub(crate) fn chosen(&self) -> Option<(EntityKind, &Path)> {
        let automation = self.automation.as_deref().map(|file| (EntityKind::Automation, file));
        let application = self.application.as_deref().map(|file| (EntityKind::Application, file));
        automation.or(application)
    }
}

/// Validates a project, and renders the run of an entity on its terms; what is wrong with either is
/// added to the project's findings. With an error among them the objects are not to be used.
pub(crate) fn compile(
    (kind, file): (EntityKind, &Path),
    project: &mut Project,
    args: &InputArgs,
    mode: Mode,
    values: Option<SecretValues>,
) -> Result<Vec<Object>, Error> {
    let entity = project.read_document(input::input(file)?);
    let options = Options { values, ..input::options(project, args, mode, &[], false)? };
    let Some(entity) = entity else {
        // Why not is among the findings, with what is wrong with the definitions.
        return input::compile(project, args, Mode::Scheduled, &[], false);
    };
    let Project { definitions, sources, found, .. } = project;
    Ok(workspace::compile_entity((kind, entity), definitions, options, sources, found))
}
