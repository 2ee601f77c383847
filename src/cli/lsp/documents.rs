//! What is open in the editor, and the projects that it belongs to, as far as questions need them.
//!
//! In: texts as they are typed, and those that the checker reads. Out: answers, by the pure functions
//! of `language`. The only I/O is the search for a file's project.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use ompipe::language::Client;
use ompipe::language::facts::Facts;
use ompipe::language::position::Text;
use ompipe::language::preview::Preview;
use ompipe::language::project::{File, Project, Target};
use ompipe::language::schemas::Schemas;
use ompipe::project::PROJECT_FILE;
use ompipe::tree::{SourceId, Span};
use tower_lsp_server::ls_types::{
    Diagnostic, Location, Position, TextDocumentContentChangeEvent, Uri,
};

/// The scheme of previews.
const PREVIEW_SCHEME: &str = "ompipe-preview";

/// What a file belongs to.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Root {
    /// The project in a folder.
    Project(PathBuf),
    /// No project: the file stands for itself.
    Alone(PathBuf),
}

impl Root {
    /// What a file belongs to, by the nearest project file from its folder upwards.
    pub(crate) fn of(file: &Path) -> Self {
        let folder = file.parent().map(|folder| folder.ancestors()).into_iter().flatten();
        match { folder }.find(|folder| folder.join(PROJECT_FILE).is_file()) {
            Some(folder) => Self::Project(folder.to_owned()),
            None => Self::Alone(file.to_owned()),
        }
    }

    /// The folder that the paths of answers are shown from.
    pub(crate) fn folder(&self) -> &Path {
        match self {
            Self::Project(folder) => folder,
            Self::Alone(file) => file.parent().unwrap_or(file),
        }
    }

    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(self.folder()).unwrap_or(path).to_owned()
    }
}

/// A text that is open.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) uri: Uri,
    pub(crate) version: i32,
    pub(crate) root: Root,
    pub(crate) text: Text,
}

/// What was last rendered for a preview.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) preview: Preview,
    /// The files that its places lie in.
    pub(crate) files: HashMap<SourceId, PathBuf>,
    /// Where the pipeline's name stands.
    pub(crate) name: Option<Span>,
    pub(crate) root: Root,
}

/// Everything that questions are asked of.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    /// What the client can do.
    pub(crate) client: Client,
    open: HashMap<PathBuf, Document>,
    projects: HashMap<Root, Project>,
    /// The diagnostics that were sent, with the version of their text.
    sent: HashMap<PathBuf, (Option<i32>, Vec<Diagnostic>)>,
    previews: HashMap<String, Shown>,
}

impl Documents {
    /// Takes in a text that was opened, and says what it belongs to.
    pub(crate) fn open(&mut self, uri: Uri, version: i32, text: String) -> (PathBuf, Root) {
        let path = path_of(&uri);
        let root = Root::of(&path);
        let document = Document { uri, version, root: root.clone(), text: Text::new(text) };
        self.open.insert(path.clone(), document);
        self.renew(&path);
        (path, root)
    }

    /// Changes a text that is open.
    pub(crate) fn edit(
        &mut self,
        uri: &Uri,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
    ) -> Option<(PathBuf, Root, String)> {
        let path = path_of(uri);
        let encoding = self.client.encoding;
        let document = self.open.get_mut(&path)?;
        document.version = version;
        for change in changes {
            document.text.edit(change, encoding);
        }
        let text = document.text.as_str().to_owned();
        let root = document.root.clone();
        self.renew(&path);
        Some((path, root, text))
    }

    /// Lets a text go that is no longer open.
    pub(crate) fn close(&mut self, uri: &Uri) -> Option<(PathBuf, Root)> {
        let path = path_of(uri);
        let document = self.open.remove(&path)?;
        if let Root::Alone(_) = document.root {
            self.projects.remove(&document.root);
        }
        Some((path, document.root))
    }

    /// Looks for the project of each open text anew; those that moved, with what they left.
    pub(crate) fn regroup(&mut self) -> Vec<(PathBuf, Root, Root)> {
        let mut moved = Vec::new();
        for (path, document) in &mut self.open {
            let root = Root::of(path);
            if root != document.root {
                let former = std::mem::replace(&mut document.root, root.clone());
                moved.push((path.clone(), former, root));
            }
        }
        for (path, former, _) in &moved {
            if let Root::Alone(_) = former {
                self.projects.remove(former);
            }
            self.renew(path);
        }
        moved
    }

    /// The text of an open file as its project's other files see it.
    fn renew(&mut self, path: &Path) {
        let Some(Document { root, text, .. }) = self.open.get(path) else { return };
        let relative = root.relative(path);
        let project = self.projects.entry(root.clone());
        let project = project.or_insert_with(|| Project::new(Schemas::new(None)));
        project.put(relative, File::new(text.clone()));
    }

    /// A text that is open.
    pub(crate) fn document(&self, path: &Path) -> Option<&Document> {
        self.open.get(path)
    }

    /// The texts that are open and belong to a project.
    pub(crate) fn open_in<'d>(
        &'d self,
        root: &'d Root,
    ) -> impl Iterator<Item = (&'d PathBuf, &'d Document)> {
        self.open.iter().filter(move |(_, document)| document.root == *root)
    }

    /// The roots of all that is open.
    pub(crate) fn roots(&self) -> BTreeSet<Root> {
        self.open.values().map(|document| document.root.clone()).collect()
    }

    /// Replaces what is known of a project by what was read; open texts stay as they are typed.
    pub(crate) fn load(
        &mut self,
        root: &Root,
        schemas: Schemas,
        environment: Option<&str>,
        files: Vec<(PathBuf, File)>,
    ) {
        let mut project = Project::new(schemas);
        project.environment = environment.map(str::to_owned);
        for (path, file) in files {
            project.put(root.relative(&path), file);
        }
        self.projects.insert(root.clone(), project);
        let open = self.open_in(root).map(|(path, _)| path.clone()).collect::<Vec<_>>();
        for path in open {
            self.renew(&path);
        }
    }

    /// Takes in what a file on the disk holds now, unless it is open.
    pub(crate) fn read(&mut self, root: &Root, path: &Path, text: Option<&str>) {
        if self.open.contains_key(path) {
            return;
        }
        let relative = root.relative(path);
        if let Some(project) = self.projects.get_mut(root) {
            match text {
                Some(text) => project.put(relative, File::new(Text::new(text))),
                None => project.take_away(&relative),
            }
        }
    }

    /// Replaces the schemas of a project.
    pub(crate) fn set_schemas(&mut self, root: &Root, schemas: Schemas) {
        if let Some(project) = self.projects.get_mut(root) {
            project.schemas = schemas;
        }
    }

    /// Lets a project go.
    pub(crate) fn forget(&mut self, root: &Root) {
        self.projects.remove(root);
    }

    /// Asks about a place in an open text.
    pub(crate) fn ask<T>(
        &self,
        uri: &Uri,
        position: Position,
        question: impl FnOnce(&Project, &Path, usize, Client) -> T,
    ) -> Option<T> {
        let document = self.open.get(&path_of(uri))?;
        let project = self.projects.get(&document.root)?;
        let offset = document.text.offset(position, self.client.encoding);
        let path = document.root.relative(&path_of(uri));
        Some(question(project, &path, offset, self.client))
    }

    /// The places of targets in the project of an open text.
    pub(crate) fn locations(&self, uri: &Uri, targets: Vec<Target>) -> Vec<Location> {
        let Some(document) = self.open.get(&path_of(uri)) else { return Vec::new() };
        let root = &document.root;
        let Some(project) = self.projects.get(root) else { return Vec::new() };
        let location = |target: Target| {
            let file = project.file(&target.path)?;
            let range = file.text.span(target.span, self.client.encoding);
            Some(Location { uri: self.uri_of(&root.folder().join(&target.path))?, range })
        };
        targets.into_iter().filter_map(location).collect()
    }

    /// Where a file is for the client.
    pub(crate) fn uri_of(&self, path: &Path) -> Option<Uri> {
        match self.open.get(path) {
            Some(document) => Some(document.uri.clone()),
            None => Uri::from_file_path(path),
        }
    }

    /// Notes what was sent for a file.
    pub(crate) fn note_sent(&mut self, path: &Path, version: Option<i32>, sent: Vec<Diagnostic>) {
        self.sent.insert(path.to_owned(), (version, sent));
    }

    /// The diagnostics of an open text, if they were made from the text as it is.
    pub(crate) fn current(&self, uri: &Uri) -> &[Diagnostic] {
        let path = path_of(uri);
        let version = self.open.get(&path).map(|document| document.version);
        match self.sent.get(&path) {
            Some((of, sent)) if *of == version => sent,
            _ => &[],
        }
    }

    /// Keeps what is shown under an address.
    pub(crate) fn show(&mut self, uri: String, shown: Shown) {
        self.previews.insert(uri, shown);
    }

    /// Where a place of a preview comes from: the pipeline itself, where no line of a file set it.
    pub(crate) fn origin(&self, uri: &Uri, position: Position) -> Option<Location> {
        let shown = self.previews.get(uri.as_str())?;
        let encoding = self.client.encoding;
        let offset = Text::new(&*shown.preview.text).offset(position, encoding);
        let project = self.projects.get(&shown.root)?;
        let place = |span: Span| {
            let path = shown.files.get(&span.source)?;
            let file = project.file(&shown.root.relative(path))?;
            Some(Location { uri: self.uri_of(path)?, range: file.text.span(span, encoding) })
        };
        shown.preview.origin(offset).and_then(place).or_else(|| place(shown.name?))
    }
}

/// The address of a pipeline's preview.
pub(crate) fn preview_uri(root: &Root, pipeline: &str) -> String {
    let file = Uri::from_file_path(root.folder().join(format!("{pipeline}.yaml")));
    let path = file.as_ref().map_or("/", |uri| uri.as_str().trim_start_matches("file:"));
    format!("{PREVIEW_SCHEME}:{path}")
}

/// The project's folder and the pipeline of a preview's address.
pub(crate) fn preview_of(uri: &Uri) -> Option<(PathBuf, String)> {
    let is_preview = uri.scheme().as_str() == PREVIEW_SCHEME;
    let path = is_preview.then(|| uri.to_file_path())??;
    let pipeline = path.file_name()?.to_str()?.strip_suffix(".yaml")?;
    Some((path.parent()?.to_owned(), pipeline.to_owned()))
}

/// The path of a file; the address itself of what is none, such as a text that was never saved.
pub(crate) fn path_of(uri: &Uri) -> PathBuf {
    match uri.scheme().as_str() {
        "file" => uri.to_file_path().map_or_else(PathBuf::new, std::borrow::Cow::into_owned),
        _ => PathBuf::from(uri.as_str()),
    }
}

/// Whether a text without a project is meant for ompipe: another system's file is none of its
/// business.
pub(crate) fn is_ours(text: &str) -> bool {
    text.contains(ompipe::definition::API_VERSION) || !Facts::of(text).definitions.is_empty()
}
