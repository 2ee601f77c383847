//! The objects of one pipeline as trees, to be looked at.
//!
//! In: a compiled workspace and the name of a pipeline. Out: its objects, each node with the place
//! that set it. Nothing is kept, and what is wrong is told where the workspace is compiled.

use super::Workspace;
use crate::diagnostic::Diagnostics;
use crate::environment::Matches;
use crate::manifest::Manifest;
use crate::validate::{Shared, Validator};

impl Workspace {
    /// The objects of a pipeline; none when something is wrong with it, `None` when there is no
    /// pipeline of that name.
    pub fn manifests(&self, pipeline: &str) -> Option<Vec<Manifest>> {
        let definition = self.definition(pipeline)?;
        let (mut found, mut matches) = (Diagnostics::default(), Matches::default());
        let environment = self.environment(&mut found);
        let patched = self.patched(&environment, &mut matches, &mut found);
        let defines = self.defines(&patched);
        let shared = Shared::by(self.options.bundle.as_ref());
        let shared = defines.iter().fold(shared, |shared, defines| shared.with(defines));
        let validator = Validator::new(shared, &mut found);
        let rendered = || {
            let definition = environment.pipeline(&definition, &mut matches, &mut found)?;
            let mut pipeline = validator.pipeline(&definition, &mut found)?;
            let (renderer, mode) = (self.templates.renderer.as_ref()?, self.options.mode);
            let matches = &mut matches;
            Some(renderer.pipeline(&mut pipeline, mode, &environment, matches, &mut found))
        };
        Some({ rendered }().unwrap_or_default())
    }
}
