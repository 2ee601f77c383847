//! The objects of one pipeline as trees, to be looked at.
//!
//! In: a compiled workspace and the name of a pipeline. Out: its objects, each node with the place
//! that set it. Nothing is kept, and what is wrong is told where the workspace is compiled.

use super::Workspace;
#[cfg(feature = "cluster")]
use crate::compile::Compiler;
use crate::diagnostic::Diagnostics;
use crate::environment::Matches;
use crate::manifest::Manifest;
#[cfg(feature = "cluster")]
use crate::render;
#[cfg(feature = "cluster")]
use crate::tree::Span;

impl Workspace {
    /// The objects of a pipeline; none when something is wrong with it, `None` when there is no
    /// pipeline of that name.
    pub fn manifests(&self, pipeline: &str) -> Option<Vec<Manifest>> {
        let definition = self.definition(pipeline)?;
        let manifests = self.with_compiler(|compiler| {
            let (mut matches, mut found) = (Matches::default(), Diagnostics::default());
            let definition =
                compiler.environment.pipeline(&definition, &mut matches, &mut found)?;
            let mut pipeline = compiler.validator.pipeline(&definition, &mut found)?;
            let (renderer, mode) = (compiler.renderer?, compiler.mode);
            let environment = compiler.environment;
            Some(renderer.pipeline(&mut pipeline, mode, environment, &mut matches, &mut found))
        });
        Some(manifests.unwrap_or_default())
    }

    /// The pipeline whose name stands at a place.
    #[cfg(feature = "cluster")]
    pub fn pipeline_at(&self, place: Span) -> Option<&str> {
        let file = self.file(place.source)?;
        let pipeline = file.pipelines.iter().find(|one| one.place == place)?;
        Some(pipeline.name.as_str())
    }

    /// The objects of all accounts.
    #[cfg(feature = "cluster")]
    pub fn account_manifests(&self) -> Vec<Manifest> {
        let of = |compiler: &Compiler<'_>| {
            self.accounts.keys().flat_map(|account| compiler.account_trees(account)).collect()
        };
        self.with_compiler(of)
    }

    /// The namespace of the project, in the environment that is chosen; `None` without a project.
    #[cfg(feature = "cluster")]
    pub fn project_namespace(&self) -> Option<String> {
        self.project()?;
        self.with_compiler(|compiler| {
            let namespace = compiler.validator.project_namespace()?;
            Some(namespace.as_str().to_owned())
        })
    }

    /// Whether a place is in a file that the user wrote, a template of their own included.
    #[cfg(feature = "cluster")]
    pub fn is_theirs(&self, place: Span) -> bool {
        let source = self.sources.get(place.source);
        source.is_some_and(|source| !source.name.starts_with(render::BUILT_IN_FOLDER))
    }
}
