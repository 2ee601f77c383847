//! `ompipe run --set`: values for one run.
//!
//! In: the flags. Out: the project with one more patch, whose text is the flags', so that what is
//! wrong with a value is shown in them.

use ompipe::environment::add_overrides;
use ompipe::project::Project;
use ompipe::yaml::{self, Dialect};

use crate::cli::error::Error;

/// Adds the values of the flags to a project.
pub(super) fn add(
    flags: &[String],
    pipeline: &str,
    environment: Option<&str>,
    project: &mut Project,
) -> Result<(), Error> {
    if flags.is_empty() {
        return Ok(());
    }
    let mut text = String::new();
    for flag in flags {
        let (route, value) = flag.split_once('=').unwrap_or((flag, ""));
        if value.trim().is_empty() || flag.contains('\n') {
            return Err(Error::new(format!("--set {route} has no value on its line")).with_hint(
                "Write --set workflow.KEY=VALUE, the value as YAML; null removes the key.",
            ));
        }
        text.push_str(&format!("{route}: {value}\n"));
    }
    let source = project.sources.add("--set", text.as_str());
    let documents = yaml::read(source, &text, Dialect::Definition, &mut project.found);
    if project.found.has_errors() {
        // They are shown with all others.
        return Ok(());
    }
    let values = documents.into_iter().next().and_then(|node| node.as_mapping().cloned());
    let values = values.unwrap_or_default();
    let Some(definition) = project.definitions.projects.first_mut() else {
        return Err(Error::new("--set needs the definition of the project")
            .with_hint("Name the project's folder, which has an ompipe.yaml."));
    };
    add_overrides(definition, environment, pipeline, &values).map_err(|error| {
        Error::new("failed to set a value for the run").because(error).with_hint(
            "Write --set workflow.KEY.KEY=VALUE, each place once; `ompipe explain PIPELINE` shows \
             the workflow.",
        )
    })
}
