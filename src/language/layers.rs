//! What sets a field of a pipeline: of its layers, from the last patch down to the project.
//!
//! In: a project, a pipeline's definition as it stands in its file, and a route. Out: [`Layer`]s,
//! the strongest first. Where the definitions can be read they are those of `ompipe explain`; while
//! the text is half typed, what its indentation shows of project, environment and service.

use std::path::{Path, PathBuf};

use super::cursor::{Cursor, Step, node_at};
use super::project::{Project, Target};
use crate::definition::{self, Definitions, IngestionPipeline, Kind};
use crate::diagnostic::Diagnostics;
use crate::environment::Environment;
use crate::tree::{Node, SourceId, Span, Value};
use crate::validate::explain;
use crate::yaml::{self, Dialect};

/// A place that sets a field of a pipeline.
#[derive(Clone, PartialEq, Debug)]
pub struct Layer {
    /// What it is called: `project`, `environment prod`, `service`, `pipeline`, `patch 1 of prod`.
    pub name: String,
    /// Where it is set.
    pub target: Target,
    /// The value there.
    pub node: Node,
}

/// The layers that set the field of a pipeline at the cursor.
pub fn layers(project: &Project, path: &Path, cursor: &Cursor, route: &[Step]) -> Vec<Layer> {
    let kind = cursor.document.get("kind").and_then(Node::as_str).and_then(Kind::find);
    match (kind, route) {
        (Some(Kind::IngestionPipeline), [Step::Key(spec), rest @ ..]) if spec == "spec" => {
            explained(project, path, cursor, rest)
                .unwrap_or_else(|| below(project, &cursor.document, route))
        }
        _ => Vec::new(),
    }
}

/// Files that were read, each under the number of its place in the list.
struct Reading<'p> {
    project: &'p Project,
    files: Vec<PathBuf>,
    definitions: Definitions,
}

impl Reading<'_> {
    fn read(&mut self, path: &Path) -> Option<()> {
        if self.files.iter().any(|known| known == path) {
            return Some(());
        }
        let source = SourceId(u32::try_from(self.files.len()).ok()?);
        let text = self.project.file(path)?.text.as_str();
        // What is wrong is told elsewhere; here it is a definition less.
        let mut found = Diagnostics::default();
        let documents = yaml::read(source, text, Dialect::Definition, &mut found);
        self.definitions.append(definition::parse(documents, &mut found));
        self.files.push(path.to_owned());
        Some(())
    }
}

/// The layers of a single value by the definitions; `None` when they cannot be read, or when the
/// field holds others, which several layers may make together.
fn explained(
    project: &Project,
    path: &Path,
    cursor: &Cursor,
    route: &[Step],
) -> Option<Vec<Layer>> {
    let mut reading = Reading { project, files: Vec::new(), definitions: Definitions::default() };
    reading.read(path)?;
    let name = cursor.document.at_route(&["metadata", "name"])?.span;
    let is_it = |one: &&IngestionPipeline| one.name_span().start == name.start;
    let pipeline = reading.definitions.pipelines.iter().find(is_it)?.clone();
    if let Some(service) = pipeline.spec.service.as_deref()
        && let Some((path, _)) = project.find(Kind::ServiceConnection, service)
    {
        reading.read(path)?;
    }
    if let Some((path, _)) = project.definitions(Kind::IngestionProject).next() {
        reading.read(path)?;
    }
    let Reading { files, definitions, .. } = reading;
    let environment = Environment::choose(
        definitions.project(),
        project.environment.as_deref(),
        &mut Diagnostics::default(),
    )?;
    let services = &definitions.services;
    let all = explain::layers(&pipeline, definitions.project(), services, &environment);
    let mut layers: Vec<Layer> = Vec::new();
    let mut before: Option<(&Node, Span)> = None;
    for layer in &all {
        let node = node_at(&layer.effective, route);
        let now = node.map(|node| (node, node.span));
        if now != before
            && let Some((node, span)) = now
            && let Some(path) = files.get(span.source.0 as usize)
        {
            let target = Target { path: path.clone(), span };
            layers.push(Layer { name: layer.name.clone(), target, node: node.clone() });
        }
        before = now;
    }
    let is_single = |node: &Node| !matches!(node.value, Value::Mapping(_));
    layers.reverse();
    layers.first().is_none_or(|layer| is_single(&layer.node)).then_some(layers)
}

/// What the layers below a pipeline say of its field at a route, by indentation alone.
fn below(project: &Project, pipeline: &Node, route: &[Step]) -> Vec<Layer> {
    let mut layers = Vec::new();
    let steps = |keys: &[&str]| keys.iter().map(|key| Step::Key((*key).into())).collect();
    let mut add = |name: &str, tree: Option<(PathBuf, Node)>, part: Vec<Step>, rest: &[Step]| {
        let Some((path, tree)) = tree else { return };
        let route = [part.as_slice(), rest].concat();
        let key = match route.split_last() {
            Some((Step::Key(key), above)) => node_at(&tree, above)
                .and_then(Node::as_mapping)
                .and_then(|mapping| mapping.entry(key)),
            _ => None,
        };
        if let Some(node) = node_at(&tree, &route) {
            let span = key.map_or(node.span, |entry| entry.key_span);
            let target = Target { path, span };
            layers.push(Layer { name: name.to_owned(), target, node: node.clone() });
        }
    };
    let keys = route.iter().map_while(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Item(_) => None,
    });
    let keys = keys.collect::<Vec<_>>();
    let mut of_project = |part: &str, rest: &[Step]| {
        if let Some(name) = project.environment.as_deref() {
            let route = steps(&["spec", "environments", name, part]);
            add(&format!("environment {name}"), project.tree_of_project(), route, rest);
        }
        add("project", project.tree_of_project(), steps(&["spec", part]), rest);
    };
    match keys.as_slice() {
        ["spec", "kubernetes", ..] => of_project("kubernetes", &route[2..]),
        ["spec", "workflow", "workflowConfig", "openMetadataServerConfig", ..] => {
            of_project("openMetadata", &route[4..]);
        }
        ["spec", "workflow", "source", "serviceConnection", ..] => {
            let service = project.tree_of_service(pipeline);
            add("service", service, steps(&["spec", "connection"]), &route[4..]);
        }
        ["spec", "workflow", "source", "serviceName"] => {
            add("service", project.tree_of_service(pipeline), steps(&["metadata", "name"]), &[]);
        }
        ["spec", "workflow", "source", "type"] => {
            add("service", project.tree_of_service(pipeline), steps(&["spec", "type"]), &[]);
        }
        _ => {}
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::super::project::tests::{PIPELINE, PROJECT, SERVICE, project};
    use super::*;

    /// Name, file and text of each layer of the field at a word of a pipeline.
    fn told(project: &Project, word: &str) -> Vec<(String, String, String)> {
        let text = project.file(Path::new("p.yaml")).unwrap().text.as_str();
        let cursor = Cursor::at(text, text.find(word).unwrap()).unwrap();
        let layers = layers(project, Path::new("p.yaml"), &cursor, &cursor.field(text));
        let shown = |layer: Layer| {
            let text = project.file(&layer.target.path).unwrap().text.as_str();
            let span = layer.target.span;
            let word = text[span.start as usize..span.end as usize].to_owned();
            (layer.name, layer.target.path.display().to_string(), word)
        };
        layers.into_iter().map(shown).collect()
    }

    fn three(name: &str, file: &str, word: &str) -> (String, String, String) {
        (name.to_owned(), file.to_owned(), word.to_owned())
    }

    #[test]
    fn a_value_has_the_layers_of_explain_from_the_last_patch_down() {
        let environment = "  environments:
    prod:
      kubernetes: {backoffLimit: 9}
      patches:
        - target: {kind: IngestionPipeline}
          merge: {spec: {kubernetes: {backoffLimit: 7}}}
";
        let whole = format!("{PROJECT}{environment}");
        let files = [("ompipe.yaml", whole.as_str()), ("s.yaml", SERVICE), ("p.yaml", PIPELINE)];
        let mut project = project(&files);
        let pipeline = three("pipeline", "p.yaml", "1");
        let of_project = three("project", "ompipe.yaml", "2");
        assert_eq!(told(&project, "backoffLimit"), [pipeline.clone(), of_project.clone()]);
        project.environment = Some("prod".to_owned());
        let patch = three("patch 1 of prod", "ompipe.yaml", "7");
        let environment = three("environment prod", "ompipe.yaml", "9");
        assert_eq!(told(&project, "backoffLimit"), [patch, pipeline, environment, of_project]);
        let warehouse = [three("pipeline", "p.yaml", "LARGE"), three("service", "s.yaml", "SMALL")];
        assert_eq!(told(&project, "warehouse"), warehouse);
    }

    #[test]
    fn half_typed_it_has_the_layers_that_indentation_shows() {
        let broken = format!("{PIPELINE}  workflow2: {{[\n");
        let files = [("ompipe.yaml", PROJECT), ("s.yaml", SERVICE), ("p.yaml", broken.as_str())];
        let project = project(&files);
        let of_project = [three("project", "ompipe.yaml", "backoffLimit")];
        assert_eq!(told(&project, "backoffLimit"), of_project);
        assert_eq!(told(&project, "warehouse"), [three("service", "s.yaml", "warehouse")]);
    }

    #[test]
    fn a_service_and_a_project_have_no_layers() {
        let project = project(&[("p.yaml", SERVICE)]);
        assert_eq!(told(&project, "warehouse"), []);
    }
}
