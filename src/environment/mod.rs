//! Definitions as one environment has them: the project's layer of it, and patches.
//!
//! In: definitions as written, and the name of an environment or none. Out: the project with the
//! environment's layer and without environments; services and pipelines, patched where a patch
//! matches, and checked against their schemas again; rendered objects, patched. Every value that a
//! patch sets keeps the place of the patch's line. [`Matches`] is the account of what patches met,
//! definition by definition, from which [`Environment::check`] tells what matched nothing.
//!
//! What no patch matches is neither copied nor looked at twice.

mod fault;
mod json_patch;
mod matches;
mod merge_patch;
mod overrides;
mod patch;
mod pointer;
mod target;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;

pub use matches::{Extent, Matches};
pub use overrides::{OverrideError, add_overrides};

use crate::definition::environments::TargetKind;
use crate::definition::{
    Broken, Definition, Definitions, IngestionPipeline, IngestionProject, Kind, parse_as,
};
use crate::diagnostic::{Diagnostic, Diagnostics, code, did_you_mean};
use crate::manifest::Manifest;
use crate::tree::{Entry, Node, Span, merge};
use fault::Fault;
use patch::Patch;

/// The parts of an environment that are laid over the project's own.
const LAYERED: [&str; 3] = ["openMetadata", "openMetadataVersion", "kubernetes"];

/// The parts of a project that say what its environments are, which no environment changes.
const OF_ENVIRONMENTS: [&str; 2] = ["environments", "patches"];

/// What a definition or object is known by, which no patch changes.
const IDENTITY: [&[&str]; 4] =
    [&["apiVersion"], &["kind"], &["metadata", "name"], &["metadata", "namespace"]];

/// An environment, or what holds without one: the project's own patches.
#[derive(Debug, Default)]
pub struct Environment {
    /// The project's entry of it.
    layer: Option<Entry>,
    patches: Vec<Patch>,
}

/// A definition after one of the patches that match it.
#[derive(Debug)]
pub struct Step<'e> {
    /// What the patch is called: `patch 2 of prod`.
    pub patch: &'e str,
    /// Where it begins.
    pub span: Span,
    /// The definition, patched.
    pub node: Node,
}

impl Environment {
    /// The names of a project's environments, in written order.
    pub fn names(project: Option<&IngestionProject>) -> impl Iterator<Item = &str> {
        let environments = project.into_iter().flat_map(IngestionProject::environments);
        environments.map(|entry| entry.key.as_str())
    }

    /// The environment of a name; `None` when there is none, which is then among the findings.
    pub fn choose(
        project: Option<&IngestionProject>,
        name: Option<&str>,
        found: &mut Diagnostics,
    ) -> Option<Self> {
        let mut layer = None;
        if let Some(name) = name {
            let environments = project.into_iter().flat_map(IngestionProject::environments);
            layer = environments.into_iter().find(|entry| entry.key == name).cloned();
            if layer.is_none() {
                found.push(unknown(name, project));
                return None;
            }
        }
        let mut patches = Vec::new();
        let own = project.and_then(IngestionProject::patches);
        let own = own.map(|list| (list, String::new(), "spec.patches".to_owned()));
        let of_layer = layer.as_ref().and_then(|layer| layer.value.get("patches")).map(|list| {
            let name = name.unwrap_or_default();
            (list, format!(" of {name}"), format!("spec.environments.{name}.patches"))
        });
        for (list, of, route) in own.into_iter().chain(of_layer) {
            for (at, node) in list.as_sequence().unwrap_or_default().iter().enumerate() {
                let label = format!("patch {}{of}", at + 1);
                patches.extend(Patch::of(node, label, &format!("{route}[{at}]"), found));
            }
        }
        Some(Self { layer, patches })
    }

    /// The environment's name, and where it is written; `None` without one.
    pub fn name(&self) -> Option<(&str, Span)> {
        self.layer.as_ref().map(|layer| (layer.key.as_str(), layer.key_span))
    }

    /// Whether everything is as it is written.
    pub fn is_plain(&self) -> bool {
        self.layer.is_none() && self.patches.is_empty()
    }

    /// Whether a patch names a kind of rendered objects.
    pub fn patches_objects(&self) -> bool {
        self.patches.iter().any(|patch| patch.target.kind.definition().is_none())
    }

    /// What pipelines share, as the environment has it: project and services, and which definitions
    /// could not be read. Pipelines are left out: each is [`Environment::pipeline`]'s.
    pub fn shared(
        &self,
        definitions: &Definitions,
        matches: &mut Matches,
        found: &mut Diagnostics,
    ) -> Definitions {
        let mut shared = Definitions { broken: definitions.broken.clone(), ..Default::default() };
        let mut projects = definitions.projects.iter();
        if let Some(project) = projects.next() {
            match self.project(project, matches, found) {
                Ok(project) => shared.projects.push(project),
                Err(broken) => shared.broken.push(broken),
            }
        }
        shared.projects.extend(projects.cloned());
        for service in &definitions.services {
            match self.definition(Kind::ServiceConnection, service, matches, found) {
                Ok(service) => shared.services.push(service.into_owned()),
                Err(broken) => shared.broken.push(broken),
            }
        }
        shared
    }

    /// A pipeline as the environment has it; `None` when a patch does not fit it, which is then
    /// among the findings or the matches' faults.
    pub fn pipeline<'p>(
        &self,
        pipeline: &'p IngestionPipeline,
        matches: &mut Matches,
        found: &mut Diagnostics,
    ) -> Option<Cow<'p, IngestionPipeline>> {
        self.definition(Kind::IngestionPipeline, pipeline, matches, found).ok()
    }

    /// Patches a rendered object; whether it went well.
    pub fn object(
        &self,
        object: &mut Node,
        matches: &mut Matches,
        found: &mut Diagnostics,
    ) -> bool {
        let text = |route: &[&str]| object.at_route(route).and_then(Node::as_str);
        let kind = text(&["kind"]).and_then(TargetKind::find);
        let (Some(kind), Some(name)) = (kind, text(&["metadata", "name"])) else {
            return true;
        };
        if !self.patches.iter().any(|patch| patch.target.kind == kind) {
            return true;
        }
        let name = name.to_owned();
        let patched = self.patched(kind, &name, object, matches, found, &mut |_, _| {});
        match patched {
            Ok(Some(patched)) => {
                *object = patched;
                true
            }
            Ok(None) => true,
            Err(NotPatched) => false,
        }
    }

    /// A definition after each of the patches that match it, one after the other.
    pub fn steps<Spec>(&self, kind: Kind, definition: &Definition<Spec>) -> Vec<Step<'_>> {
        match kind {
            Kind::IngestionProject => {
                self.steps_of(kind.as_str(), definition.name(), &self.layered(&definition.node))
            }
            _ => self.steps_of(kind.as_str(), definition.name(), &definition.node),
        }
    }

    /// A rendered object after each of the patches that match it, one after the other.
    pub fn object_steps(&self, object: &Manifest) -> Vec<Step<'_>> {
        self.steps_of(object.kind(), object.name(), object.node())
    }

    fn steps_of(&self, kind: &str, name: &str, node: &Node) -> Vec<Step<'_>> {
        let mut steps = Vec::new();
        let Some(kind) = TargetKind::find(kind) else { return steps };
        // What is wrong with the patches is told where definitions are checked.
        let (mut matches, mut found) = (Matches::default(), Diagnostics::default());
        let mut step = |patch: usize, node: &Node| {
            if let Some(patch) = self.patches.get(patch) {
                steps.push(Step { patch: &patch.label, span: patch.span, node: node.clone() });
            }
        };
        let _told = self.patched(kind, name, node, &mut matches, &mut found, &mut step);
        steps
    }

    /// The version of OpenMetadata that a project names, as the environment has it.
    pub fn open_metadata_version(&self, project: &IngestionProject) -> Option<Node> {
        self.at(project, &["spec", "openMetadataVersion"])
    }

    /// What a project has at a route, as the environment has it.
    pub fn at(&self, project: &IngestionProject, route: &[&str]) -> Option<Node> {
        let patched = self.steps(Kind::IngestionProject, project).pop().map(|step| step.node);
        let project = patched.unwrap_or_else(|| self.layered(&project.node));
        project.at_route(route).cloned()
    }

    /// The project with the environment's layer over its own, and without its environments.
    pub fn layered(&self, project: &Node) -> Node {
        let mut project = project.clone();
        let spec = project.as_mapping_mut().and_then(|project| project.get_mut("spec"));
        if let Some(spec) = spec.and_then(Node::as_mapping_mut) {
            spec.retain(|entry| !OF_ENVIRONMENTS.contains(&entry.key.as_str()));
            let layer = self.layer.iter().filter_map(|layer| layer.value.as_mapping()).flatten();
            for Entry { key, key_span, value } in
                layer.filter(|entry| LAYERED.contains(&entry.key.as_str()))
            {
                match spec.get_mut(key) {
                    Some(there) => merge(there, value),
                    None => spec.push(Entry {
                        key: key.clone(),
                        key_span: *key_span,
                        value: value.clone(),
                    }),
                }
            }
        }
        project
    }

    fn project(
        &self,
        project: &IngestionProject,
        matches: &mut Matches,
        found: &mut Diagnostics,
    ) -> Result<IngestionProject, Broken> {
        let node = self.layered(&project.node);
        let layered =
            Definition { metadata: project.metadata.clone(), spec: project.spec.clone(), node };
        let patched = self.definition(Kind::IngestionProject, &layered, matches, found)?;
        match patched {
            Cow::Owned(patched) => Ok(patched),
            // The typed values are still those without the layer.
            Cow::Borrowed(_) => parse_as(Kind::IngestionProject, layered.node, found),
        }
    }

    fn definition<'d, Spec: Clone + for<'de> Deserialize<'de>>(
        &self,
        kind: Kind,
        definition: &'d Definition<Spec>,
        matches: &mut Matches,
        found: &mut Diagnostics,
    ) -> Result<Cow<'d, Definition<Spec>>, Broken> {
        let target = TargetKind::find(kind.as_str());
        let target = target.filter(|kind| self.patches.iter().any(|one| one.target.kind == *kind));
        let Some(target) = target else {
            return Ok(Cow::Borrowed(definition));
        };
        let (name, node) = (definition.name(), &definition.node);
        match self.patched(target, name, node, matches, found, &mut |_, _| {}) {
            Ok(None) => Ok(Cow::Borrowed(definition)),
            Ok(Some(node)) => parse_as(kind, node, found).map(Cow::Owned),
            Err(NotPatched) => {
                Err(Broken { kind: Some(kind), name: Some(name.to_owned()), node: node.clone() })
            }
        }
    }

    /// Carries out the patches that match; `None` when none does.
    fn patched(
        &self,
        kind: TargetKind,
        name: &str,
        node: &Node,
        matches: &mut Matches,
        found: &mut Diagnostics,
        step: &mut dyn FnMut(usize, &Node),
    ) -> Result<Option<Node>, NotPatched> {
        let mut changed: Option<Node> = None;
        matches.see(kind, name);
        let of_kind = self.patches.iter().enumerate();
        for (index, patch) in of_kind.filter(|(_, patch)| patch.target.kind == kind) {
            let now = changed.as_ref().unwrap_or(node);
            let labels = now.at_route(&["metadata", "labels"]).and_then(Node::as_mapping);
            if !patch.target.matches(name, labels) {
                continue;
            }
            matches.note(index);
            let now = changed.get_or_insert_with(|| node.clone());
            let (mut faults, before) = (Vec::new(), patch::errors(found));
            patch.apply(now, &mut faults, found);
            faults.extend(identity_fault(kind, node, now, patch));
            if !faults.is_empty() || patch::errors(found) > before {
                matches.fail(name, faults);
                return Err(NotPatched);
            }
            step(index, now);
        }
        Ok(changed)
    }
}

/// A patch could not be carried out; why is told elsewhere.
#[derive(Debug)]
struct NotPatched;

/// That a patch made something else of a definition or object.
fn identity_fault(kind: TargetKind, before: &Node, after: &Node, patch: &Patch) -> Option<Fault> {
    let of_environments = OF_ENVIRONMENTS.map(|key| ["spec", key]);
    let of_environments = of_environments.iter().map(|route| route.as_slice());
    let of_environments = of_environments.filter(|_| kind == TargetKind::IngestionProject);
    let mut routes = IDENTITY.into_iter().chain(of_environments);
    let route = routes.find(|route| before.at_route(route) != after.at_route(route))?;
    let span = after.at_route(route).map_or(Span::NONE, |node| node.span);
    let help = match (route.last(), kind.definition()) {
        (Some(&"namespace"), None) => Some("set `namespace` in the parameters, `spec.kubernetes`"),
        (Some(&"name"), None) => Some("objects are named after their pipeline"),
        (Some(&"name"), Some(_)) => Some("a definition has one name in every environment"),
        _ => None,
    };
    Some(Fault {
        code: &code::PATCH_IDENTITY,
        span: if span.is_some() { span } else { patch.span },
        message: format!("a patch does not change `{}`", route.join(".")),
        route: route.join("."),
        help: help.map(str::to_owned),
    })
}

fn unknown(name: &str, project: Option<&IngestionProject>) -> Diagnostic {
    let message = format!("there is no environment `{name}`");
    let known = || Environment::names(project);
    let help = did_you_mean(name, known()).unwrap_or_else(|| {
        let names = known().collect::<Vec<_>>();
        match names.as_slice() {
            [] => "`spec.environments` of the IngestionProject defines them".to_owned(),
            names => format!("the environments are `{}`", names.join("`, `")),
        }
    });
    Diagnostic::error(&code::UNKNOWN_ENVIRONMENT, Span::NONE, message).with_help(help)
}
