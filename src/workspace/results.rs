//! What a workspace came to when it was last compiled.
//!
//! In: a compiled workspace. Out: findings, objects, and the values of a pipeline with the places
//! that set them. Nothing is compiled here but the one pipeline that is explained.

use std::cmp::Ordering;

use super::file::Compiled;
use super::{OfAccount, Workspace};
use crate::compile::Object;
use crate::definition::{IngestionPipeline, IngestionProject, ServiceConnection};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::text;
use crate::source::Sources;
use crate::survey::Seen;
use crate::tree::{SourceId, Span};
use crate::validate::explain::{Layer, layers};

impl Workspace {
    /// All findings: each once, in the order of files, then of text. The file of one is the source
    /// of its span.
    pub fn findings(&self) -> Vec<Diagnostic> {
        self.found().into_sorted_by(|one, other| self.order(one, other))
    }

    fn found(&self) -> Diagnostics {
        let mut files = self
            .ids()
            .filter_map(|id| Some((id, self.file(id)?)))
            .filter(|(_, file)| {
                let mut pipelines = file.pipelines.iter();
                !file.found.is_empty()
                    || !file.checked.is_empty()
                    || pipelines.any(|one| !one.outcome.found.is_empty())
            })
            .collect::<Vec<_>>();
        files.sort_by(|(one, _), (other, _)| self.order(*one, *other));
        let mut found = Diagnostics::default();
        for (_, file) in files {
            found.append(file.found.clone());
            found.append(file.checked.clone());
            for one in &file.pipelines {
                found.append(one.outcome.found.clone());
            }
        }
        found.append(self.set_found.clone());
        found.append(self.templates.found.clone());
        found.append(self.bundle_found.clone());
        for OfAccount { found: of, .. } in self.accounts.values() {
            found.append(of.clone());
        }
        found
    }

    /// The texts that findings and spans point into.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The same, when nothing else is wanted any more.
    pub fn into_sources(self) -> Sources {
        self.sources
    }

    /// The number of a file's text: the same as long as the file is there.
    pub fn source(&self, file: &str) -> Option<SourceId> {
        self.by_name.get(file).copied()
    }

    /// The project.
    pub fn project(&self) -> Option<&IngestionProject> {
        let mut projects =
            self.defining.iter().filter_map(|id| self.file(*id)?.defines.projects.first());
        projects.next()
    }

    /// The services that pipelines may name.
    pub fn services(&self) -> impl Iterator<Item = &ServiceConnection> {
        let defining = self.defining.iter().filter_map(|id| self.file(*id));
        defining.flat_map(|file| &file.defines.services)
    }

    /// The pipelines by name, in no order, each with a place where its name stands.
    pub fn pipelines(&self) -> impl Iterator<Item = (&str, Span)> {
        let names = self.pipelines.names();
        names.filter_map(|name| Some((name.as_str(), *self.pipelines.places(name).first()?)))
    }

    /// The objects of a pipeline; none when something is wrong with it.
    pub fn objects_of(&self, pipeline: &str) -> &[Object] {
        let place = self.pipelines.places(pipeline).first();
        let compiled = place.and_then(|place| self.compiled(*place));
        compiled.map_or(&[], |compiled| &compiled.outcome.objects)
    }

    /// The layers of a pipeline's values, from the lowest; `None` when there is no pipeline of that
    /// name.
    pub fn explain(&self, pipeline: &str) -> Option<Vec<Layer>> {
        let definition = self.definition(pipeline)?;
        let environment = self.environment(&mut Diagnostics::default());
        Some(layers(&definition, self.project(), self.services(), &environment))
    }

    /// The definition of a pipeline, read again.
    pub(super) fn definition(&self, pipeline: &str) -> Option<IngestionPipeline> {
        let place = *self.pipelines.places(pipeline).first()?;
        let file = self.file(place.source)?;
        let text = &self.sources.get(place.source)?.text;
        let (definitions, _) = text::definitions(place.source, file.named, text);
        definitions.pipelines.into_iter().find(|one| one.name_span() == place)
    }

    /// What views of the whole project take of the pipelines, by name.
    pub(super) fn take_seen(&mut self) -> Vec<Seen> {
        let pipelines = self.files.iter_mut().flatten().flat_map(|file| &mut file.pipelines);
        let mut seen =
            pipelines.filter_map(|one| Some(*one.outcome.seen.take()?)).collect::<Vec<_>>();
        seen.sort_by(|one, other| one.planned.name.cmp(&other.planned.name));
        seen
    }

    /// All objects: those of accounts, then those of pipelines in the order of their names, then
    /// encrypted files.
    pub fn objects(&self) -> Vec<&Object> {
        let files = self.files.iter().flatten();
        let mut pipelines = files.flat_map(|file| &file.pipelines).collect::<Vec<_>>();
        pipelines.sort_by(|one, other| self.order_of_pipelines(one, other));
        let accounts = self.accounts.values().flat_map(|of| &of.objects);
        let pipelines = pipelines.into_iter().flat_map(|one| &one.outcome.objects);
        accounts.chain(pipelines).chain(&self.encrypted_objects).collect()
    }

    /// [`Workspace::objects`] taken out, and with them everything else that is of use when nothing
    /// is to be compiled any more.
    pub(super) fn into_parts(mut self) -> (Vec<Object>, Diagnostics, Sources) {
        let found = self.found();
        let pipelines = self.files.iter_mut().flatten();
        let mut pipelines =
            pipelines.flat_map(|file| std::mem::take(&mut file.pipelines)).collect::<Vec<_>>();
        pipelines.sort_by(|one, other| self.order_of_pipelines(one, other));
        let accounts = std::mem::take(&mut self.accounts).into_values();
        let mut objects = accounts.flat_map(|of| of.objects).collect::<Vec<_>>();
        objects.reserve(pipelines.len() * 2);
        for Compiled { outcome, .. } in pipelines {
            objects.extend(outcome.objects);
        }
        objects.append(&mut self.encrypted_objects);
        (objects, found, self.sources)
    }

    fn order_of_pipelines(&self, one: &Compiled, other: &Compiled) -> Ordering {
        let places = || self.order_of_places(one.place, other.place);
        one.name.cmp(&other.name).then_with(places)
    }
}
