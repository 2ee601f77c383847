//! Whose schema says what may stand at a field of a definition: ours, OpenMetadata's, Kubernetes'.
//!
//! In: a definition's tree, what its layers make of its workflow, and a route. Out: [`Told`], each a
//! [`Shape`] with whose it is. Ours comes first: it has the words.

use serde_json::Value as Json;

use super::cursor::Step;
use super::shape::Shape;
use crate::definition::{Kind, schema};
use crate::manifest::kubernetes;
use crate::tree::{Mapping, Node, Value};

/// The schemas of a project.
#[derive(Debug)]
pub struct Schemas {
    any: Json,
    kinds: [Json; 3],
    open_metadata: Option<(String, Json)>,
}

/// What one schema says of a field.
#[derive(Clone, Debug)]
pub struct Told<'s> {
    /// What may stand there.
    pub shape: Shape<'s>,
    /// Whose schema it is, for people; empty for ours.
    pub of: String,
}

/// The way to a part of a workflow.
type Way = [&'static str];

impl Schemas {
    /// Ours, Kubernetes', and OpenMetadata's if there is the text of its bundle.
    pub fn new(bundle: Option<&str>) -> Self {
        let bundle = bundle.and_then(|text| serde_json::from_str::<Json>(text).ok());
        let open_metadata = bundle.and_then(|bundle| {
            let version = bundle.get("openMetadataVersion")?.as_str()?.to_owned();
            Some((version, bundle))
        });
        let kinds = Kind::ALL.map(|kind| schema(Some(kind)));
        Self { any: schema(None), kinds, open_metadata }
    }

    /// The schema of a definition whose kind is not known yet.
    pub fn of_any_kind(&self) -> &Json {
        &self.any
    }

    /// What the schemas say of the field at a route. `workflow` is what is effective for a pipeline.
    pub fn at(&self, document: &Node, workflow: Option<&Node>, route: &[Step]) -> Vec<Told<'_>> {
        let kind = document.get("kind").and_then(Node::as_str).and_then(Kind::find);
        let ours = kind.map_or(&self.any, |kind| &self.kinds[kind as usize]);
        let shape = Shape::of(ours, ours, Some(document)).at(Some(document), route);
        let mut told = Vec::new();
        told.extend(shape.map(|shape| Told { shape, of: String::new() }));
        let part = |key: &str| match route {
            [Step::Key(spec), Step::Key(other), rest @ ..] if spec == "spec" && other == key => {
                Some(rest)
            }
            _ => None,
        };
        let node = |key| document.at_route(&["spec", key]);
        match kind {
            Some(Kind::IngestionPipeline) => {
                if let Some(route) = part("workflow") {
                    told.extend(self.open_metadata(&[], workflow.or(node("workflow")), route));
                }
                if let Some(route) = part("podTemplate") {
                    told.extend(pod_template(node("podTemplate"), route));
                }
            }
            Some(Kind::ServiceConnection) => {
                if let Some(route) = part("connection") {
                    let way = ["source", "serviceConnection"];
                    told.extend(self.open_metadata(&way, node("connection"), route));
                }
            }
            Some(Kind::IngestionProject) => {
                if let Some(route) = part("openMetadata") {
                    let way = ["workflowConfig", "openMetadataServerConfig"];
                    told.extend(self.open_metadata(&way, node("openMetadata"), route));
                }
            }
            None => {}
        }
        told
    }

    /// What OpenMetadata says of a part of a workflow, found by a way from its root.
    fn open_metadata(&self, way: &Way, node: Option<&Node>, route: &[Step]) -> Option<Told<'_>> {
        let (version, bundle) = self.open_metadata.as_ref()?;
        let node = node.cloned().unwrap_or_else(|| Node::new(Value::Null));
        let over = |inner, key: &&'static str| Node::new(Mapping::from_iter([(*key, inner)]));
        let workflow = way.iter().rev().fold(node, over);
        let steps = way.iter().map(|key| Step::Key((*key).into()));
        let route = steps.chain(route.iter().cloned()).collect::<Vec<_>>();
        let shape = Shape::of(bundle, bundle, Some(&workflow)).at(Some(&workflow), &route)?;
        Some(Told { shape, of: format!("OpenMetadata {version}") })
    }
}

fn pod_template(node: Option<&Node>, route: &[Step]) -> Option<Told<'static>> {
    let tables = kubernetes::tables();
    let schema = tables.get("$defs")?.get("core.v1.PodTemplateSpec")?;
    let shape = Shape::of(tables, schema, node).at(node, route)?;
    Some(Told { shape, of: kubernetes::VERSION.to_owned() })
}
