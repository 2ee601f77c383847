//! Definitions and seen pipelines → the graph.
//!
//! In: an [`Outline`] of the definitions, taken before they are compiled, and the pipelines. Out:
//! the [`Graph`]. Whose a reference to a Secret is, its place in the text tells: merging moves a
//! value and keeps where it was written, so that a password which a service's definition refers to
//! is the service's need, though the pipelines' workflows hold it.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::{CompactString, format_compact};

use super::{Graph, Kind, Node};
use crate::definition::{Definition, Definitions};
use crate::model::secret_reference::SecretReference;
use crate::source::Sources;
use crate::survey::{Rendered, Seen, Use};
use crate::tree::{self, SourceId, Span};

/// The definitions of a project: what each is, and where it begins.
#[derive(Clone, Default, Debug)]
pub struct Outline {
    definitions: Vec<Outlined>,
}

#[derive(Clone, Debug)]
struct Outlined {
    kind: Kind,
    name: CompactString,
    /// Where its name stands.
    place: Span,
    /// Where its document begins.
    start: (SourceId, u32),
    /// The keys of Secrets that stand in it.
    secrets: Vec<SecretReference>,
}

impl Outline {
    /// The outline of definitions.
    pub fn of(definitions: &Definitions) -> Self {
        let projects = definitions.projects.iter().map(|one| outlined(Kind::Project, one));
        let services = definitions.services.iter().map(|one| outlined(Kind::Service, one));
        let pipelines = definitions.pipelines.iter().map(|one| outlined(Kind::Pipeline, one));
        let mut definitions = projects.chain(services).chain(pipelines).collect::<Vec<_>>();
        definitions.sort_by_key(|one| one.start);
        Self { definitions }
    }

    /// The definition that a place lies in.
    fn holding(&self, place: Span) -> Option<&Outlined> {
        let start = (place.source, place.start);
        let after = self.definitions.partition_point(|one| one.start <= start);
        let before = self.definitions.get(after.checked_sub(1)?)?;
        (before.start.0 == place.source).then_some(before)
    }
}

fn outlined<Spec>(kind: Kind, definition: &Definition<Spec>) -> Outlined {
    let span = definition.node.span;
    let mut secrets = Vec::new();
    // Pipelines' are found in what becomes of them.
    if kind != Kind::Pipeline {
        references(&definition.node, &mut secrets);
    }
    Outlined {
        name: definition.metadata.name.as_str().into(),
        place: definition.name_span(),
        start: (span.source, span.start),
        kind,
        secrets,
    }
}

fn references(node: &tree::Node, found: &mut Vec<SecretReference>) {
    found.extend(SecretReference::of(node));
    match &node.value {
        tree::Value::Sequence(items) => items.iter().for_each(|item| references(item, found)),
        tree::Value::Mapping(mapping) => {
            mapping.iter().for_each(|entry| references(&entry.value, found));
        }
        _ => {}
    }
}

impl Graph {
    /// The graph of a project.
    pub fn new(outline: &Outline, seen: &[Seen], sources: &Sources) -> Self {
        let mut draft = Draft { sources, nodes: BTreeMap::new(), edges: BTreeSet::new() };
        for one in &outline.definitions {
            let definition = draft.definition(one);
            for secret in &one.secrets {
                let key = draft.secret_key(&secret.name, &secret.key);
                draft.edge(&definition, &key);
            }
        }
        let project = outline.definitions.iter().find(|one| one.kind == Kind::Project);
        let project = project.map(|one| id(&one.kind, &one.name));
        for pipeline in seen {
            let own = id(&Kind::Pipeline, &pipeline.planned.name);
            if let Some(project) = &project {
                draft.edge(&own, project);
            }
            if let Some(service) = &pipeline.service {
                draft.edge(&own, &id(&Kind::Service, service));
            }
            for (secret, place) in &pipeline.secrets {
                let key = draft.secret_key(&secret.name, &secret.key);
                let holder = outline.holding(*place);
                let holder = holder.map_or_else(|| own.clone(), |one| id(&one.kind, &one.name));
                draft.edge(&holder, &key);
            }
            for object in &pipeline.objects {
                draft.object(&own, object);
            }
        }
        draft.finish()
    }
}

fn id(kind: &Kind, name: &str) -> String {
    format!("{}/{name}", kind.as_str())
}

struct Draft<'s> {
    sources: &'s Sources,
    nodes: BTreeMap<String, Node>,
    edges: BTreeSet<(String, String)>,
}

impl Draft<'_> {
    fn node(&mut self, kind: Kind, name: &str, place: Option<(String, usize)>) -> String {
        let id = id(&kind, name);
        let node = Node { id: id.clone(), kind, name: name.into(), place };
        self.nodes.entry(id.clone()).or_insert(node);
        id
    }

    fn edge(&mut self, from: &str, to: &str) {
        self.edges.insert((from.to_owned(), to.to_owned()));
    }

    fn definition(&mut self, one: &Outlined) -> String {
        let file = self.sources.get(one.place.source).map(|source| source.name.clone());
        let line = self.sources.position(one.place).map_or(1, |at| at.line);
        let place = file.as_ref().map(|file| (file.clone(), line));
        let definition = self.node(one.kind.clone(), &one.name, place);
        if let Some(file) = file {
            let file = self.node(Kind::File, &file, None);
            self.edge(&definition, &file);
        }
        definition
    }

    fn secret_key(&mut self, name: &str, key: &str) -> String {
        let secret = self.node(Kind::Secret, name, None);
        let key = self.node(Kind::SecretKey, &format_compact!("{name}:{key}"), None);
        self.edge(&key, &secret);
        key
    }

    fn object(&mut self, pipeline: &str, object: &Rendered) {
        let kind = match object.kind.as_str() {
            "Secret" => Kind::Secret,
            _ => Kind::Object(object.kind.clone()),
        };
        let own = self.node(kind, &object.name, None);
        self.edge(&own, pipeline);
        if object.kind == "ExternalSecret" {
            let made = self.node(Kind::Secret, &object.name, None);
            self.edge(&made, &own);
        }
        for used in &object.uses {
            let used = match used {
                Use::ConfigMap(name) => self.node(Kind::Object("ConfigMap".into()), name, None),
                Use::Secret(name) => self.node(Kind::Secret, name, None),
                Use::SecretKey(name, key) => self.secret_key(name, key),
                Use::ServiceAccount(name) => {
                    self.node(Kind::Object("ServiceAccount".into()), name, None)
                }
            };
            if used != own {
                self.edge(&own, &used);
            }
        }
    }

    fn finish(self) -> Graph {
        let nodes = self.nodes.into_values().collect::<Vec<_>>();
        let place = |id: &str| nodes.binary_search_by(|node| node.id.as_str().cmp(id)).ok();
        let edges = self.edges.iter();
        let edges = edges.filter_map(|(from, to)| Some((place(from)?, place(to)?)));
        let edges = edges.collect::<Vec<_>>();
        Graph::of(nodes, edges.into_iter())
    }
}
