//! What concerns all files of a workspace at once.
//!
//! In: the indexes. Out: findings: a second project, names that are borne twice, literal secrets in
//! what nobody uses, pipelines that are asked for and not there.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::Workspace;
use super::file::Compiled;
use crate::definition::{Definitions, ServiceConnection};
use crate::diagnostic::{Diagnostic, Diagnostics, code, did_you_mean};
use crate::model::{ObjectNames, PipelineName};
use crate::tree::Span;
use crate::validate::{Validator, rules, set};

impl Workspace {
    /// Checks what concerns all files at once.
    /// `defines` is what pipelines build on, as the environment has it, and `patched` the services
    /// that patches made pipelines name.
    pub(super) fn check_set(
        &self,
        validator: &Validator<'_>,
        defines: &[&Definitions],
        patched: &BTreeSet<CompactString>,
        found: &mut Diagnostics,
    ) {
        self.check_selection(found);
        self.check_encrypted(found);
        set::one_project(defines.iter().flat_map(|defines| &defines.projects), found);

        let services = defines.iter().flat_map(|defines| &defines.services);
        let places = services.clone().map(|service| (service.name(), service.name_span()));
        rules::names::distinct("service", places, found);
        let is_used = |service: &ServiceConnection| {
            self.users.contains_key(service.name()) || patched.contains(service.name())
        };
        for service in services.filter(|service| !is_used(service)) {
            validator.check_unused_service(service, found);
        }
        if self.pipelines.names().next().is_none() {
            validator.check_unused_project(found);
        }

        let contested = self.pipelines.contested();
        let places = contested.flat_map(|name| {
            self.in_order(self.pipelines.places(name)).into_iter().map(|place| (&**name, place))
        });
        rules::names::distinct("pipeline", places.collect::<Vec<_>>(), found);
        self.check_objects(found);
    }

    fn check_objects(&self, found: &mut Diagnostics) {
        let places = self.objects.contested().flat_map(|object| self.objects.places(object));
        let named = places.filter_map(|place| {
            let name = PipelineName::parse(&self.compiled(*place)?.name).ok()?;
            let names = ObjectNames::of(&name);
            Some((name, names, *place))
        });
        let mut named = named.collect::<Vec<_>>();
        named.sort_by(|(one, _, place), (other, _, other_place)| {
            let places = || self.order_of_places(*place, *other_place);
            one.as_str().cmp(other.as_str()).then_with(places)
        });
        let objects = named.iter().map(|(name, names, place)| (name, names, *place));
        rules::names::distinct_objects(objects, found);
    }

    /// A pipeline that is asked for and not there is an error, not an empty answer.
    fn check_selection(&self, found: &mut Diagnostics) {
        for name in &self.options.only {
            if !self.pipelines.places(name).is_empty() {
                continue;
            }
            let known = self.pipelines.names().map(CompactString::as_str);
            let finding = Diagnostic::error(
                &code::UNKNOWN_PIPELINE,
                Span::NONE,
                format!("there is no pipeline `{name}`"),
            );
            found.push(finding.with_optional_help(did_you_mean(name, known)));
        }
    }

    /// The pipeline whose name stands at a place.
    pub(super) fn compiled(&self, place: Span) -> Option<&Compiled> {
        self.file(place.source)?.pipelines.iter().find(|one| one.place == place)
    }

    /// Places in the order of files, then of text.
    pub(super) fn in_order(&self, places: &[Span]) -> Vec<Span> {
        let mut places = places.to_vec();
        places.sort_by(|one, other| self.order_of_places(*one, *other));
        places
    }

    /// The order of files, then of text.
    pub(super) fn order_of_places(&self, one: Span, other: Span) -> std::cmp::Ordering {
        self.order(one.source, other.source).then(one.cmp(&other))
    }
}
