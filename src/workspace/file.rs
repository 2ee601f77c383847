//! What a workspace keeps of a file between two compilations.
//!
//! In: the definitions of a file. Out: those that other files' pipelines build on, as they are; of
//! its own pipelines what they came to, and by what others find them. Their trees are not kept: a
//! pipeline that is compiled again is read again, which takes less time than its memory is worth.

use compact_str::CompactString;

use crate::compile::Outcome;
use crate::definition::{Definitions, IngestionPipeline};
use crate::diagnostic::Diagnostics;
use crate::model::{ObjectNames, PipelineName};
use crate::tree::Span;

/// A file of definitions.
#[derive(Debug, Default)]
pub(super) struct File {
    /// Whether it was named, rather than found in a folder.
    pub(super) named: bool,
    /// What its text came to.
    pub(super) found: Diagnostics,
    /// What is wrong with its definitions, the pipelines apart.
    pub(super) checked: Diagnostics,
    /// What it defines, the pipelines apart.
    pub(super) defines: Definitions,
    /// Its pipelines, in written order.
    pub(super) pipelines: Vec<Compiled>,
}

/// A pipeline that was compiled.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) name: CompactString,
    /// Where its name stands.
    pub(super) place: Span,
    pub(super) service: Option<CompactString>,
    /// Names of its objects by which it may clash with another pipeline: of those that cannot carry
    /// the pipeline's own.
    pub(super) object_names: Option<[CompactString; 2]>,
    pub(super) outcome: Outcome,
}

impl Compiled {
    /// A pipeline that is yet to be compiled.
    pub(super) fn of(pipeline: &IngestionPipeline) -> Self {
        let objects = PipelineName::parse(pipeline.name()).map(|name| ObjectNames::of(&name));
        // Those that are carried as written differ as the pipelines' names do.
        let changed = objects.ok().filter(|names| names.changed);
        Self {
            name: pipeline.name().into(),
            place: pipeline.name_span(),
            service: pipeline.spec.service.as_deref().map(CompactString::from),
            object_names: changed.map(|names| [names.config_map, names.cron_om_job]),
            outcome: Outcome::default(),
        }
    }
}

impl File {
    /// Whether other files may build on it.
    pub(super) fn is_defining(&self) -> bool {
        is_defining(&self.defines)
    }
}

/// Whether other files may build on definitions.
pub(super) fn is_defining(definitions: &Definitions) -> bool {
    let Definitions { projects, services, pipelines: _, broken, foreign: _, encrypted: _ } =
        definitions;
    !(projects.is_empty() && services.is_empty() && broken.is_empty())
}
