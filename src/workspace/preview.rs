//! The objects of one pipeline as trees, to be looked at.
//!
//! In: a compiled workspace and the name of a pipeline. Out: its objects, each node with the place
//! that set it. Nothing is kept, and what is wrong is told where the workspace is compiled.

use super::Workspace;
use crate::diagnostic::Diagnostics;
use crate::environment::Matches;
use crate::manifest::Manifest;

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
}
