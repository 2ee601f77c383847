//! Where pipelines come from, one file per origin: what it looks like, and what becomes of it.
//!
//! In: documents as they were read. Out: [`Found`], which holds each by what it is, and from that
//! the [`Drafts`] of all. Nothing here reads a file.

mod cluster;
mod dag;
mod server;
mod timing;
mod workflow;

pub(super) use dag::concerns_ingestion;
pub(super) use workflow::WORKFLOW_CONFIG;

use super::draft::Drafts;
use super::report::Skipped;
use crate::diagnostic::Diagnostics;
use crate::source::Sources;
use crate::tree::Node;

/// A document that was recognised.
#[derive(Debug)]
pub struct Input {
    /// Where it stands as the user named it, with forward slashes: `file`, `file#2` for a second
    /// document.
    pub name: String,
    /// What it says.
    pub node: Node,
}

/// Why a document holds nothing to import.
pub(super) enum NotTaken {
    /// In a few words.
    Because(&'static str),
    /// It holds objects of a cluster that are none of a pipeline's; they are counted.
    Objects,
}

impl NotTaken {
    /// In a few words.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Because(reason) => reason,
            Self::Objects => "no object in it is a ConfigMap, CronJob or CronOMJob of a pipeline's",
        }
    }
}

/// What was found, by what it is.
#[derive(Debug, Default)]
pub struct Found {
    /// Plain workflows.
    pub workflows: Vec<Input>,
    /// What OpenMetadata's server exports.
    pub(super) export: server::Export,
    /// What OpenMetadata made in a cluster.
    pub(super) objects: cluster::Objects,
    /// Workflows in the texts of DAG files.
    pub(super) embedded: Vec<dag::Embedded>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
    /// Whether any of the files has a YAML comment.
    pub comments: bool,
}

impl Found {
    /// Files a document by what it is; an error says why nothing in it can be imported.
    pub(super) fn take(
        &mut self,
        name: &str,
        document: Node,
        sources: &mut Sources,
        found: &mut Diagnostics,
    ) -> Result<(), NotTaken> {
        if cluster::Objects::is_one(&document) {
            let taken = self.objects.take(name, &document, sources, found);
            return taken.then_some(()).ok_or(NotTaken::Objects);
        }
        let input = Input { name: name.to_owned(), node: document };
        if server::Export::is_one(&input.node) {
            self.export.take(input);
            return Ok(());
        }
        match workflow::not_a_workflow(&input.node) {
            Some(reason) => return Err(NotTaken::Because(reason)),
            None => self.workflows.push(input),
        }
        Ok(())
    }

    /// Files the workflows that a Python file holds as texts.
    pub(super) fn take_python(
        &mut self,
        name: &str,
        text: &str,
        sources: &mut Sources,
        found: &mut Diagnostics,
    ) -> Result<(), NotTaken> {
        dag::take(name, text, self, sources, found)
    }

    /// Whether there is nothing to import.
    pub(super) fn is_empty(&self) -> bool {
        self.workflows.is_empty()
            && self.export.is_empty()
            && self.objects.is_empty()
            && self.embedded.is_empty()
    }

    /// The pipelines of all origins.
    pub(super) fn into_drafts(self, found: &mut Diagnostics) -> Drafts {
        let mut drafts = Drafts { skipped: self.skipped, ..Drafts::default() };
        workflow::drafts(self.workflows, &mut drafts, found);
        self.export.drafts(&mut drafts, found);
        self.objects.drafts(&mut drafts, found);
        dag::drafts(self.embedded, &mut drafts, found);
        drafts
    }
}
