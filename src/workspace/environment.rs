//! A workspace as one environment has it.
//!
//! In: the name of an environment, and definitions as they are written. Out: what pipelines share,
//! patched, and findings on patches, from what each pipeline met of them. A patch that matches
//! nothing is known only when all pipelines have been looked at; what each matched is kept with it,
//! so that a change of one does not ask for the others again.

use super::Workspace;
use crate::compile::Compiler;
use crate::definition::{Broken, Definitions, Kind};
use crate::diagnostic::Diagnostics;
use crate::environment::{Environment, Extent, Matches};
use crate::render::Mode;
use crate::validate::{Shared, Validator};

impl Workspace {
    /// Chooses another environment, or none: what is written.
    pub fn set_environment(&mut self, name: Option<String>) {
        self.options.environment = name;
        self.pending.everything = true;
    }

    /// The environment that is chosen. When there is none of that name, everything else is looked at
    /// as it is written.
    pub(super) fn environment(&self, found: &mut Diagnostics) -> Environment {
        let project = self.project();
        // What a project says that cannot be read is not known.
        let is_project = |broken: &Broken| broken.may_be_a(Kind::IngestionProject);
        let is_unknown = project.is_none() && self.broken().any(is_project);
        let name = self.options.environment.as_deref().filter(|_| !is_unknown);
        Environment::choose(project, name, found).unwrap_or_default()
    }

    /// What pipelines share as the environment has it, file by file; nothing when that is what is
    /// written.
    pub(super) fn patched(
        &self,
        environment: &Environment,
        matches: &mut Matches,
        found: &mut Diagnostics,
    ) -> Vec<Definitions> {
        if environment.is_plain() {
            return Vec::new();
        }
        let defining = self.defining.iter().filter_map(|id| self.file(*id));
        defining.map(|file| environment.shared(&file.defines, matches, found)).collect()
    }

    /// What pipelines share: as it was patched, or else as it is written.
    pub(super) fn defines<'d>(&'d self, patched: &'d [Definitions]) -> Vec<&'d Definitions> {
        if patched.is_empty() {
            let defining = self.defining.iter().filter_map(|id| self.file(*id));
            return defining.map(|file| &file.defines).collect();
        }
        patched.iter().collect()
    }

    /// Adds to the findings what is wrong with the patches, over all pipelines.
    pub(super) fn check_patches(&mut self, environment: &Environment, of_shared: &Matches) {
        if environment.is_plain() {
            return;
        }
        let mut found = Diagnostics::default();
        let files = self.files.iter().flatten();
        let outcomes = files.flat_map(|file| &file.pipelines).map(|one| &one.outcome);
        let matches = outcomes.clone().map(|outcome| &outcome.matches);
        let matches = matches.chain(self.accounts.values().map(|of| &of.matches));
        let broken = self.broken().collect::<Vec<_>>();
        let is_read = self.files.iter().flatten().all(|file| !file.found.is_unread());
        let extent = Extent {
            broken: &broken,
            is_read,
            is_complete: is_read
                && broken.is_empty()
                && self.templates.renderer.is_some()
                && outcomes.clone().all(|outcome| !outcome.found.has_errors()),
            is_run: matches!(self.options.mode, Mode::Run(_)),
        };
        environment.check(matches.chain([of_shared]), extent, &mut found);
        self.set_found.append(found);
    }

    /// Calls a function with what compiles this workspace's pipelines.
    pub fn with_compiler<T>(&self, ask: impl FnOnce(&Compiler<'_>) -> T) -> T {
        // What is wrong is among the findings of a compilation.
        let (mut matches, mut found) = (Matches::default(), Diagnostics::default());
        let environment = self.environment(&mut found);
        let patched = self.patched(&environment, &mut matches, &mut found);
        let shared = Shared::by(self.options.bundle.as_ref());
        let defines = self.defines(&patched).into_iter();
        let validator =
            Validator::new(defines.fold(shared, |shared, one| shared.with(one)), &mut found);
        let renderer = self.templates.renderer.as_ref();
        let mode = self.options.mode;
        let survey = false;
        ask(&Compiler { environment: &environment, validator, renderer, mode, survey })
    }

    fn broken(&self) -> impl Iterator<Item = &Broken> {
        self.files.iter().flatten().flat_map(|file| &file.defines.broken)
    }
}
