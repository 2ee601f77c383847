//! The files of a project as an editor has them, and what they tell each other.
//!
//! In: files as they come, change and go, and the project's schemas. Out: a [`Project`] that the
//! questions of an editor are asked of: which services and Secrets there are, who uses them, and
//! what a pipeline's workflow is made of. It reads no file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use compact_str::CompactString;

use super::facts::{Definition, Facts, Named, Secret};
use super::outline;
use super::position::Text;
use super::schemas::Schemas;
use crate::definition::{Kind, PipelineType};
use crate::tree::{Node, SourceId, Span};
use crate::validate::merge::{Layers, ServiceLayer, effective_workflow};

/// A file with what it tells the others.
#[derive(Debug, Default)]
pub struct File {
    /// The text.
    pub text: Text,
    /// What it tells.
    pub facts: Facts,
}

impl File {
    /// Looks through a text.
    pub fn new(text: Text) -> Self {
        let facts = Facts::of(text.as_str());
        Self { text, facts }
    }
}

/// The files of a project.
#[derive(Debug)]
pub struct Project {
    files: BTreeMap<PathBuf, File>,
    /// What may stand in them.
    pub schemas: Schemas,
    /// The environment that they are seen in.
    pub environment: Option<String>,
}

/// A place in a file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Target {
    /// The file.
    pub path: PathBuf,
    /// The bytes.
    pub span: Span,
}

impl Project {
    /// No files, and these schemas.
    pub fn new(schemas: Schemas) -> Self {
        Self { files: BTreeMap::new(), schemas, environment: None }
    }

    /// Takes a file in, or its new text.
    pub fn put(&mut self, path: PathBuf, file: File) {
        self.files.insert(path, file);
    }

    /// Lets a file go.
    pub fn take_away(&mut self, path: &Path) {
        self.files.remove(path);
    }

    /// A file.
    pub fn file(&self, path: &Path) -> Option<&File> {
        self.files.get(path)
    }

    /// All definitions of a kind, with their files, in the order of the files.
    pub fn definitions(&self, kind: Kind) -> impl Iterator<Item = (&Path, &Definition)> {
        self.files
            .iter()
            .flat_map(|(path, file)| {
                file.facts.definitions.iter().map(move |one| (path.as_path(), one))
            })
            .filter(move |(_, one)| one.kind == kind)
    }

    /// The definition of a kind and name.
    pub fn find(&self, kind: Kind, name: &str) -> Option<(&Path, &Definition)> {
        self.definitions(kind).find(|(_, one)| one.name.name == name)
    }

    /// Everything that names a Secret.
    pub fn secrets(&self) -> impl Iterator<Item = (&Path, &Secret)> {
        self.files.iter().flat_map(|(path, file)| {
            file.facts.secrets.iter().map(move |one| (path.as_path(), one))
        })
    }

    /// The names of all Secrets.
    pub fn secret_names(&self) -> BTreeSet<&CompactString> {
        self.secrets().map(|(_, secret)| &secret.name.name).collect()
    }

    /// The keys of a Secret, as far as something names them.
    pub fn secret_keys(&self, name: &str) -> BTreeSet<&CompactString> {
        let of_name = self.secrets().filter(|(_, secret)| secret.name.name == name);
        of_name.filter_map(|(_, secret)| Some(&secret.key.as_ref()?.name)).collect()
    }

    /// The pipelines of a service, with the place where each names it.
    pub fn users(&self, service: &str) -> impl Iterator<Item = (&Path, &Named)> {
        self.definitions(Kind::IngestionPipeline)
            .filter_map(|(path, one)| Some((path, one.service.as_ref()?)))
            .filter(move |(_, named)| named.name == service)
    }

    /// The tree of a definition.
    pub fn tree(&self, path: &Path, definition: &Definition) -> Option<Node> {
        let text = self.file(path)?.text.as_str().get(definition.document.clone())?;
        Some(outline::read(text, SourceId(0), definition.document.start))
    }

    /// The workflow that a pipeline's layers make, as far as they can be read.
    pub fn workflow(&self, pipeline: &Node) -> Node {
        let project = self.tree_of_project();
        let service = self.tree_of_service(pipeline);
        let service = service.as_ref().and_then(|(_, service)| {
            Some(ServiceLayer {
                name: service.at_route(&["metadata", "name"])?,
                source_type: service.at_route(&["spec", "type"])?,
                connection: service.at_route(&["spec", "connection"]),
            })
        });
        effective_workflow(Layers {
            open_metadata: project
                .as_ref()
                .and_then(|(_, project)| project.at_route(&["spec", "openMetadata"])),
            service,
            // What the types differ in is not what is looked for here.
            pipeline_type: PipelineType::Metadata,
            workflow: pipeline.at_route(&["spec", "workflow"]),
        })
    }

    /// The tree of the IngestionProject, with its file.
    pub(super) fn tree_of_project(&self) -> Option<(PathBuf, Node)> {
        let (path, definition) = self.definitions(Kind::IngestionProject).next()?;
        Some((path.to_owned(), self.tree(path, definition)?))
    }

    /// The tree of the service that a pipeline names, with its file.
    pub(super) fn tree_of_service(&self, pipeline: &Node) -> Option<(PathBuf, Node)> {
        let name = pipeline.at_route(&["spec", "service"])?.as_str()?;
        let (path, definition) = self.find(Kind::ServiceConnection, name)?;
        Some((path.to_owned(), self.tree(path, definition)?))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::language::cursor::Cursor;

    pub(in crate::language) const PROJECT: &str = "kind: IngestionProject
metadata: {name: analytics}
spec:
  openMetadata:
    hostPort: http://om:8585/api
    securityConfig: {jwtToken: {secretKeyRef: {name: bot, key: token}}}
  kubernetes:
    backoffLimit: 2
";
    pub(in crate::language) const SERVICE: &str = "kind: ServiceConnection
metadata: {name: sf}
spec:
  type: snowflake
  connection:
    config:
      type: Snowflake
      warehouse: SMALL
      password: {secretKeyRef: {name: snow, key: pw}}
";
    pub(in crate::language) const PIPELINE: &str = "kind: IngestionPipeline
metadata: {name: nightly}
spec:
  service: sf
  type: metadata
  workflow:
    source:
      serviceConnection: {config: {warehouse: LARGE}}
  kubernetes:
    backoffLimit: 1
";

    pub(in crate::language) fn project(files: &[(&str, &str)]) -> Project {
        let mut project = Project::new(Schemas::new(None));
        for (path, text) in files {
            project.put(PathBuf::from(path), File::new(Text::new(*text)));
        }
        project
    }

    pub(in crate::language) fn three() -> Project {
        project(&[("ompipe.yaml", PROJECT), ("s.yaml", SERVICE), ("p.yaml", PIPELINE)])
    }

    #[test]
    fn the_workflow_of_a_pipeline_is_made_of_its_layers_even_half_typed() {
        let project = three();
        let broken = format!("{PIPELINE}  podTem\n  workflow2: {{[\n");
        let cursor = Cursor::at(&broken, broken.find("warehouse").unwrap()).unwrap();
        let workflow = project.workflow(&cursor.document);
        let config = workflow.at_route(&["source", "serviceConnection", "config"]).unwrap();
        assert_eq!(config.get("type").unwrap().as_str(), Some("Snowflake"));
        assert_eq!(config.get("warehouse").unwrap().as_str(), Some("LARGE"));
    }

    #[test]
    fn secrets_and_their_keys_are_known_from_every_file_and_gone_with_it() {
        let mut project = three();
        let names = |project: &Project| {
            project.secret_names().into_iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names(&project), ["bot", "snow"]);
        assert_eq!(project.secret_keys("snow").into_iter().collect::<Vec<_>>(), ["pw"]);
        project.take_away(Path::new("s.yaml"));
        assert_eq!(names(&project), ["bot"]);
    }
}
