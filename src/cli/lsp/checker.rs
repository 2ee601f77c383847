//! The thread that compiles projects and sends what is wrong with them.
//!
//! In: orders, in the order of the client's messages: texts as they are typed, files that changed on
//! the disk, previews. Out: diagnostics for every file that they change in, and none for those that
//! were mended. What has piled up is taken in at once, so that a burst of keys costs one compilation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ompipe::compile::Options;
use ompipe::diagnostic::{Diagnostic, Diagnostics, editor};
use ompipe::language::findings::diagnostics;
use ompipe::language::position::Text;
use ompipe::language::preview::Preview;
use ompipe::language::project::File;
use ompipe::language::schemas::Schemas;
use ompipe::project::{self, Input, PROJECT_FILE, Project, TEMPLATES_FOLDER};
use ompipe::render::Mode;
use ompipe::source::{Sources, name_of};
use ompipe::spec;
use ompipe::tree::{Node, SourceId};
use ompipe::workspace::Workspace;
use rayon::prelude::*;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tower_lsp_server::Client;
use tower_lsp_server::ls_types::MessageType;

use super::documents::{Documents, Root, Shown, is_ours, preview_uri};
use crate::cli::input;

/// Something to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// A folder of the editor's workspace is to be looked at, whether or not a file of it is open.
    Look(Root),
    /// A text was opened or changed.
    Text { root: Root, path: PathBuf, text: String, version: i32 },
    /// A text was closed: what counts is on the disk again.
    Close { root: Root, path: PathBuf },
    /// A file on the disk is another one, or, when `is_listed`, new or gone.
    Disk { path: PathBuf, is_listed: bool },
    /// Projects are to be seen as this environment has them.
    Environment(Option<String>),
    /// What a pipeline is rendered to is wanted.
    Preview(Wanted),
}

/// A preview that somebody waits for.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) root: Root,
    pub(crate) pipeline: String,
    /// Takes its address and its text.
    pub(crate) reply: oneshot::Sender<Option<(String, String)>>,
}

/// Compiles projects and tells the client.
pub(crate) struct Checker {
    documents: Arc<Mutex<Documents>>,
    client: Client,
    runtime: Handle,
    /// The environment that projects are seen in.
    environment: Option<String>,
    projects: BTreeMap<Root, Checked>,
    /// Why projects could not be read, as the client was told.
    failed: BTreeMap<Root, String>,
}

/// A project with what was last told of it.
struct Checked {
    workspace: Workspace,
    /// The version of OpenMetadata whose schema is in use.
    version: Option<Node>,
    is_bundle_missing: bool,
    /// The versions of the texts that are open.
    open: HashMap<PathBuf, i32>,
    /// The findings that were sent, by file.
    sent: BTreeMap<PathBuf, Vec<Diagnostic>>,
    /// Open files whose text is a new one since.
    fresh: BTreeSet<PathBuf>,
    is_dirty: bool,
}

impl Checker {
    pub(crate) fn new(documents: Arc<Mutex<Documents>>, client: Client, runtime: Handle) -> Self {
        let (projects, failed) = (BTreeMap::new(), BTreeMap::new());
        Self { documents, client, runtime, environment: None, projects, failed }
    }

    /// Works until nobody can give orders any more.
    pub(crate) fn run(mut self, inbox: &Receiver<Order>) {
        while let Ok(order) = inbox.recv() {
            let mut again = BTreeSet::new();
            let mut previews = Vec::new();
            for order in std::iter::once(order).chain(inbox.try_iter()) {
                self.take(order, &mut again, &mut previews);
            }
            for root in again {
                self.read(&root);
            }
            self.check();
            for Wanted { root, pipeline, reply } in previews {
                // A client that no longer waits is no matter.
                let _gone = reply.send(self.preview(&root, &pipeline));
            }
        }
    }

    fn documents(&self) -> MutexGuard<'_, Documents> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an order in; projects that are to be read from the start are left to the end.
    fn take(&mut self, order: Order, again: &mut BTreeSet<Root>, previews: &mut Vec<Wanted>) {
        match order {
            Order::Look(root) => {
                if !self.projects.contains_key(&root) {
                    again.insert(root);
                }
            }
            Order::Text { root, path, text, version } => match self.projects.get_mut(&root) {
                Some(checked) => checked.put(&root, path, text, version),
                None => {
                    again.insert(root);
                }
            },
            Order::Close { root, path } => self.close(&root, &path),
            Order::Disk { path, is_listed } => self.disk(&path, is_listed, again),
            Order::Environment(environment) => {
                if environment != self.environment {
                    self.environment = environment;
                    again.extend(self.projects.keys().cloned());
                }
            }
            Order::Preview(wanted) => {
                if !self.projects.contains_key(&wanted.root) {
                    again.insert(wanted.root.clone());
                }
                previews.push(wanted);
            }
        }
    }

    fn close(&mut self, root: &Root, path: &Path) {
        if let Root::Alone(_) = root {
            if let Some(mut checked) = self.projects.remove(root) {
                checked.workspace.take_away(&name_of(path));
                checked.workspace.compile();
                checked.open.clear();
                self.send(root, &mut checked);
            }
        } else if let Some(checked) = self.projects.get_mut(root) {
            checked.open.remove(path);
            // A rendered file or a template that was only looked at is not the project's.
            let is_member = checked.workspace.source(&name_of(path)).is_some();
            let text = if is_member { checked.put_from_disk(path) } else { None };
            self.documents().read(root, path, text.as_deref());
        }
    }

    fn disk(&mut self, path: &Path, is_listed: bool, again: &mut BTreeSet<Root>) {
        let is_within =
            |root: &&Root| matches!(root, Root::Project(folder) if path.starts_with(folder));
        // The nearest of projects within each other.
        let Some(root) = self.projects.keys().filter(is_within).max().cloned() else { return };
        let is_open = self.documents().document(path).is_some();
        let Some(checked) = self.projects.get_mut(&root) else { return };
        let is_project = path.file_name().is_some_and(|name| name == PROJECT_FILE);
        let is_known = checked.workspace.source(&name_of(path)).is_some();
        let beside = [TEMPLATES_FOLDER, spec::FOLDER].map(|name| root.folder().join(name));
        let is_beside = beside.iter().any(|folder| path.starts_with(folder));
        // An open text counts in place of its file; but that a file is new counts, and what a
        // template or a schema holds on the disk.
        if is_open && !is_beside && (is_known || !is_listed) {
            return;
        }
        if is_known && !is_project {
            let text = checked.put_from_disk(path);
            self.documents().read(&root, path, text.as_deref());
        } else if is_listed || is_project || is_beside {
            // What a new file, a template or a schema changes, reading everything tells.
            again.insert(root);
        }
    }

    /// Reads a project from the disk; texts that are open count instead of their files. One that is
    /// no longer there is let go.
    fn read(&mut self, root: &Root) {
        let former = self.projects.remove(root);
        if let Root::Project(folder) = root
            && !folder.join(PROJECT_FILE).is_file()
        {
            self.documents().forget(root);
            for path in former.into_iter().flat_map(|former| former.sent.into_keys()) {
                self.send_file(&path, None, &[], &[], &Sources::default());
            }
            return;
        }
        let read = match root {
            Root::Project(folder) => self.read_project(root, folder),
            Root::Alone(_) => Ok(Checked::of(Workspace::new(options(Vec::new(), None)), None)),
        };
        let mut checked = match read {
            Ok(checked) => checked,
            Err(error) => {
                // It is tried again at the next key, and told once.
                if self.failed.get(root) != Some(&error) {
                    let message = self.client.show_message(MessageType::ERROR, &error);
                    self.runtime.block_on(message);
                    self.failed.insert(root.clone(), error);
                }
                return;
            }
        };
        self.failed.remove(root);
        if let Some(Checked { sent, .. }) = former {
            checked.sent = sent;
        }
        let open = self.documents();
        for (path, document) in open.open_in(root) {
            let text = document.text.as_str().to_owned();
            checked.put(root, path.clone(), text, document.version);
        }
        drop(open);
        self.projects.insert(root.clone(), checked);
    }

    fn read_project(&self, root: &Root, folder: &Path) -> Result<Checked, String> {
        let failed = |error: &dyn std::error::Error| {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{error}{cause}")
        };
        let project =
            Project::read(vec![Input::Path(folder.to_owned())]).map_err(|error| failed(&error))?;
        let templates = project::templates(&folder.join(TEMPLATES_FOLDER), false)
            .map_err(|error| failed(&error))?;
        let environment = self.environment.as_deref();
        let version = input::version(project.definitions.project(), environment);
        let mut missing = Diagnostics::default();
        let bundle = input::bundle(version.as_ref(), folder, &mut missing)
            .map_err(|error| error.to_string())?;
        let Project { sources, definitions, found, .. } = project;
        let files = sources.iter().collect::<Vec<_>>().into_par_iter().map(|(_, source)| {
            (PathBuf::from(&source.name), File::new(Text::new(source.text.as_str())))
        });
        let files = files.collect();
        let schemas = Schemas::new(bundle_text(folder, version.as_ref()).as_deref());
        self.documents().load(root, schemas, environment, files);
        let options = options(templates, self.environment.clone());
        let mut workspace = Workspace::of(sources, definitions, found, options);
        let is_bundle_missing = !missing.is_empty();
        workspace.set_bundle(bundle, missing);
        Ok(Checked { is_bundle_missing, ..Checked::of(workspace, version) })
    }

    /// Compiles what changed and tells the client.
    fn check(&mut self) {
        let mut projects = std::mem::take(&mut self.projects);
        for (root, checked) in projects.iter_mut().filter(|(_, checked)| checked.is_dirty) {
            checked.is_dirty = false;
            checked.workspace.compile();
            if let Root::Project(folder) = root {
                self.follow_version(root, folder, checked);
            }
            self.send(root, checked);
        }
        self.projects = projects;
    }

    /// Takes up another version of OpenMetadata's schema when the project names one.
    fn follow_version(&self, root: &Root, folder: &Path, checked: &mut Checked) {
        let environment = self.environment.as_deref();
        let version = input::version(checked.workspace.project(), environment);
        let place = |version: &Option<Node>| version.as_ref().map(|node| node.span);
        let is_where_it_was = place(&version) == place(&checked.version);
        // What is wrong with it stands where it is named.
        if version == checked.version && (is_where_it_was || !checked.is_bundle_missing) {
            return;
        }
        let mut missing = Diagnostics::default();
        if let Ok(bundle) = input::bundle(version.as_ref(), folder, &mut missing) {
            checked.is_bundle_missing = !missing.is_empty();
            checked.workspace.set_bundle(bundle, missing);
            checked.workspace.compile();
        }
        let schemas = Schemas::new(bundle_text(folder, version.as_ref()).as_deref());
        self.documents().set_schemas(root, schemas);
        checked.version = version;
    }

    /// Sends the findings of files in which they are others than before, and those of open texts
    /// that are new, for the client to know that they were looked at.
    fn send(&self, root: &Root, checked: &mut Checked) {
        let all = checked.workspace.findings();
        let sources = checked.workspace.sources();
        let mut by_file: BTreeMap<PathBuf, Vec<Diagnostic>> = BTreeMap::new();
        for finding in &all {
            by_file.entry(file_of(root, sources, finding)).or_default().push(finding.clone());
        }
        let fresh = std::mem::take(&mut checked.fresh);
        let files = by_file.keys().chain(checked.sent.keys()).chain(&fresh).cloned();
        for path in files.collect::<BTreeSet<_>>() {
            let now = by_file.get(&path).map_or(&[][..], Vec::as_slice);
            let before = checked.sent.get(&path).map_or(&[][..], Vec::as_slice);
            if now != before || fresh.contains(&path) {
                let version = checked.open.get(&path).copied();
                self.send_file(&path, version, now, &all, sources);
            }
        }
        checked.sent = by_file;
    }

    fn send_file(
        &self,
        path: &Path,
        version: Option<i32>,
        found: &[Diagnostic],
        all: &[Diagnostic],
        sources: &Sources,
    ) {
        let mut documents = self.documents();
        let Some(uri) = documents.uri_of(path) else { return };
        let mut shown = editor::show(found, all, sources);
        for one in &mut shown {
            // What stands elsewhere is shown where the project begins, and says so.
            let source = one.place.as_ref().and_then(|place| sources.get(place.source));
            if let Some(source) = source.filter(|source| Path::new(&source.name) != path) {
                one.message = format!("{}: {}", source.name, one.message);
                one.place = None;
            }
        }
        let place = |id: SourceId| documents.uri_of(Path::new(&sources.get(id)?.name));
        let sent = diagnostics(&shown, sources, documents.client.encoding, place);
        documents.note_sent(path, version, sent.clone());
        drop(documents);
        self.runtime.block_on(self.client.publish_diagnostics(uri, sent, version));
    }

    /// The address and the text of a pipeline's rendered objects.
    fn preview(&self, root: &Root, pipeline: &str) -> Option<(String, String)> {
        let checked = self.projects.get(root)?;
        let manifests = checked.workspace.manifests(pipeline)?;
        let uri = preview_uri(root, pipeline);
        if manifests.is_empty() {
            let text = format!("# {pipeline} has errors: nothing is rendered from it.\n");
            return Some((uri, text));
        }
        let preview = Preview::of(&manifests);
        let text = preview.text.clone();
        let sources = checked.workspace.sources().iter();
        let files = sources.map(|(id, source)| (id, PathBuf::from(&source.name))).collect();
        let pipelines = checked.workspace.pipelines();
        let name = pipelines.filter(|(name, _)| *name == pipeline).map(|(_, span)| span).next();
        let shown = Shown { preview, files, name, root: root.clone() };
        self.documents().show(uri.clone(), shown);
        Some((uri, text))
    }
}

impl Checked {
    fn of(workspace: Workspace, version: Option<Node>) -> Self {
        Self {
            workspace,
            version,
            is_bundle_missing: false,
            open: HashMap::new(),
            sent: BTreeMap::new(),
            fresh: BTreeSet::new(),
            is_dirty: true,
        }
    }

    fn put(&mut self, root: &Root, path: PathBuf, text: String, version: i32) {
        let name = name_of(&path);
        let is_member = match root {
            Root::Alone(_) => is_ours(&text),
            // A rendered file, a chart, a hidden one: in the folder, and not the project's.
            Root::Project(_) => self.workspace.source(&name).is_some() || !path.exists(),
        };
        if is_member {
            self.workspace.put(&name, false, Ok(text.into_bytes()));
        } else {
            self.workspace.take_away(&name);
        }
        self.open.insert(path.clone(), version);
        self.fresh.insert(path);
        self.is_dirty = true;
    }

    /// Takes in what a file holds on the disk, and gives its text.
    fn put_from_disk(&mut self, path: &Path) -> Option<String> {
        self.is_dirty = true;
        let name = name_of(path);
        let content = project::read_file(path);
        if content.is_err() && !path.exists() {
            self.workspace.take_away(&name);
            return None;
        }
        let text = content.as_ref().ok().and_then(|bytes| String::from_utf8(bytes.clone()).ok());
        self.workspace.put(&name, false, content);
        text
    }
}

fn options(templates: Vec<project::OwnTemplate>, environment: Option<String>) -> Options {
    Options {
        mode: Mode::Scheduled,
        environment,
        only: Vec::new(),
        templates,
        bundle: None,
        values: None,
        objects: false,
    }
}

/// The text of OpenMetadata's schema, for what it offers; what is wrong with it is found elsewhere.
fn bundle_text(folder: &Path, version: Option<&Node>) -> Option<String> {
    let version = version?.as_str().filter(|version| spec::import::is_version(version))?;
    input::read_bundle(&folder.join(spec::file_name(version))).ok()
}

/// The file that a finding is shown at: its own, or the project's where it stands in none.
fn file_of(root: &Root, sources: &Sources, finding: &Diagnostic) -> PathBuf {
    let name = sources.get(finding.span.source).map(|source| Path::new(&source.name));
    match (name.filter(|name| name.is_absolute()), root) {
        (Some(path), _) => path.to_owned(),
        (None, Root::Alone(path)) => path.clone(),
        (None, Root::Project(folder)) => folder.join(PROJECT_FILE),
    }
}
