//! A project on the disk, mirrored in a [`Workspace`].
//!
//! In: bursts of changes. Out: the workspace with what the disk holds now, compiled. A file that is
//! known, and changed, is read by itself. Whatever else changes (folders, links, what marks a folder
//! as another's), the project is listed and read again: what is the same is not compiled again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ompipe::compile::Options;
use ompipe::diagnostic::Diagnostics;
use ompipe::project::{self, Listed, Listing, OwnTemplate, PROJECT_FILE};
use ompipe::spec;
use ompipe::tree::Node;
use ompipe::workspace::Workspace;
use rayon::prelude::*;

use super::folders::Folders;
use super::settle::{Burst, Change};
use crate::cli::error::Error;
use crate::cli::input::{self, InputArgs};
use crate::cli::on_disk::on_disk;

/// What is watched, and what it comes to.
pub(super) struct Mirror<'a> {
    args: &'a InputArgs,
    /// The folder that ompipe was started in.
    start: PathBuf,
    /// What is listed; of a project that was not named, its folder.
    inputs: Vec<PathBuf>,
    /// The same by their names on the disk, wherever a link leads.
    places: Vec<PathBuf>,
    /// Other paths that may come and go: the folders of templates and of OpenMetadata's schema.
    others: Vec<PathBuf>,
    /// The folder that is written to: what happens in it is no change.
    output: Option<PathBuf>,
    pub(super) workspace: Workspace,
    root: Option<PathBuf>,
    /// The files, by the names that findings show.
    files: BTreeMap<String, PathBuf>,
    /// The folders in which something may change, by their names on the disk.
    folders: HashMap<PathBuf, Folder>,
    /// Whether a file by itself says what it is to the project: one folder is read, and no link.
    is_plain: bool,
    templates: Vec<OwnTemplate>,
    schema: Schema,
}

/// What a folder is to the project.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Folder {
    /// Its files are the project's; with the path by which it is listed.
    Listed(PathBuf),
    /// What is in it has to do with the project: templates, another's files that may become the
    /// project's, what links lead to.
    Related,
    /// One of the project's folders or files lies in it, among what is none of the project's.
    Outer,
}

/// OpenMetadata's schema in use: its version, where that is written, and what its file held.
#[derive(Clone, Debug, Default)]
struct Schema {
    version: Option<Node>,
    text: Option<String>,
}

/// Two are the same also when findings about them point at the same place.
impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        let place = |schema: &Self| schema.version.as_ref().map(|version| version.span);
        let versions = self.version == other.version && place(self) == place(other);
        versions && self.text == other.text
    }
}

/// What a change at a path means.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Meaning {
    Nothing,
    /// A file holds something else, or is new.
    File(PathBuf),
    /// A file is gone.
    Gone(String),
    /// What else a project is made of.
    Other,
}

impl<'a> Mirror<'a> {
    /// Nothing yet: the first [`Mirror::refresh`] reads everything.
    pub(super) fn new(
        args: &'a InputArgs,
        output: Option<&Path>,
        options: Options,
    ) -> Result<Self, Error> {
        let start = std::env::current_dir()
            .map_err(|error| Error::new("failed to find the current folder").because(error))?;
        let inputs = input::paths(args)?;
        Ok(Self {
            args,
            start,
            places: inputs.iter().map(|input| place(input)).collect(),
            inputs,
            others: Vec::new(),
            output: output.map(place),
            workspace: Workspace::new(options),
            root: None,
            files: BTreeMap::new(),
            folders: HashMap::new(),
            is_plain: false,
            templates: Vec::new(),
            schema: Schema::default(),
        })
    }

    /// The project's folder, when there is one.
    pub(super) fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// The folder that the project's own templates and schemas lie in.
    fn home(&self) -> &Path {
        self.root.as_deref().unwrap_or(Path::new("."))
    }

    /// The files that were read.
    pub(super) fn files(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.files.values().map(PathBuf::as_path)
    }

    /// Takes in what changed and compiles what that reaches: so many pipelines; `None` when nothing
    /// changed that matters.
    pub(super) fn refresh(
        &mut self,
        burst: &Burst,
        folders: &mut Folders,
    ) -> Result<Option<usize>, Error> {
        let mut is_changed = false;
        let mut is_other = burst.everything;
        for path in &burst.paths {
            match self.meaning(path) {
                Meaning::Nothing => continue,
                Meaning::Other => {
                    is_other = true;
                    continue;
                }
                Meaning::File(path) => {
                    let name = project::shown(&path);
                    self.workspace.put(&name, false, project::read_file(&path));
                    self.files.insert(name, path);
                }
                Meaning::Gone(name) => {
                    self.workspace.take_away(&name);
                    self.files.remove(&name);
                }
            }
            is_changed = true;
        }
        if is_other {
            is_changed |= self.read_again(&burst.placed, folders)?;
        }
        if !is_changed {
            return Ok(None);
        }
        let mut compiled = self.workspace.compile();
        if self.follow_schema()? {
            compiled = self.workspace.compile();
        }
        Ok(Some(compiled))
    }

    /// Whether a change has to do with the project. What else is written in its folders, such as a log
    /// that is never closed, is not waited for.
    pub(super) fn concerns(&self, change: &Change) -> bool {
        match change {
            Change::Everything => true,
            Change::Written(path) | Change::Closed(path) | Change::Placed(path) => {
                self.meaning(path) != Meaning::Nothing
            }
        }
    }

    /// Whether a path is a file of the project that is empty or gone now, and was not.
    pub(super) fn is_unfinished(&self, path: &Path) -> bool {
        let Some(path) = self.member(path) else { return false };
        let source = self.workspace.source(&project::shown(&path));
        let source = source.and_then(|id| self.workspace.sources().get(id));
        let had_text = source.is_some_and(|source| !source.text.is_empty());
        had_text && std::fs::metadata(&path).map_or(true, |now| now.len() == 0)
    }

    /// A path in a folder whose files are the project's, as the project names it.
    fn member(&self, path: &Path) -> Option<PathBuf> {
        match self.folders.get(path.parent()?)? {
            Folder::Listed(folder) if folder == Path::new(".") => Some(path.file_name()?.into()),
            Folder::Listed(folder) => Some(folder.join(path.file_name()?)),
            Folder::Related | Folder::Outer => None,
        }
    }

    fn meaning(&self, path: &Path) -> Meaning {
        if self.output.as_deref().is_some_and(|output| path.starts_with(output)) {
            return Meaning::Nothing;
        }
        let mut placed = self.places.iter().chain(&self.others);
        let is_related = |folder: &Folder| *folder != Folder::Outer;
        if placed.any(|place| place.starts_with(path))
            || self.folders.get(path).is_some_and(is_related)
        {
            return Meaning::Other;
        }
        let Some(member) = self.member(path).filter(|_| self.is_plain) else {
            let folder = path.parent().and_then(|parent| self.folders.get(parent));
            return match folder.is_some_and(is_related) {
                true => Meaning::Other,
                false => Meaning::Nothing,
            };
        };
        let name = project::shown(&member);
        let is_known = self.files.contains_key(&name);
        let file_name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if !is_known && project::is_mark(file_name) {
            return Meaning::Other;
        }
        match std::fs::symlink_metadata(path) {
            Ok(now) if now.is_dir() && file_name.starts_with('.') => Meaning::Nothing,
            Ok(now) if now.is_dir() => Meaning::Other,
            _ if !project::is_definition(file_name) => Meaning::Nothing,
            Ok(now) if now.is_file() => Meaning::File(member),
            Ok(_) => Meaning::Other,
            Err(_) if is_known => Meaning::Gone(name),
            Err(_) => Meaning::Nothing,
        }
    }

    /// Lists the project and reads all of it, and says whether anything is another one.
    fn read_again(
        &mut self,
        placed: &HashSet<PathBuf>,
        folders: &mut Folders,
    ) -> Result<bool, Error> {
        let listing = self.list(placed, folders)?;
        let Listing { root, files, targets, .. } = listing;
        self.root = root;
        let is_folder = self.places.first().is_some_and(|place| place.is_dir());
        self.is_plain = self.places.len() == 1 && is_folder && targets.is_empty();
        let read = |listed: Listed| {
            let (name, path, named) =
                (project::shown(&listed.path), listed.path.clone(), listed.named);
            (name, path, named, listed.read())
        };
        let read = files.into_par_iter().map(read).collect::<Vec<_>>();
        let mut former = std::mem::take(&mut self.files);
        let mut is_changed = false;
        for (name, path, named, content) in read {
            let known = former.remove(&name).and_then(|_| self.workspace.source(&name));
            let known = known.and_then(|id| self.workspace.sources().get(id));
            let is_same = known.is_some_and(|source| {
                content.as_ref().is_ok_and(|bytes| bytes == source.text.as_bytes())
            });
            if !is_same {
                self.workspace.put(&name, named, content);
                is_changed = true;
            }
            self.files.insert(name, path);
        }
        for name in former.into_keys() {
            self.workspace.take_away(&name);
            is_changed = true;
        }
        let templates = input::templates(self.args, self.home())?;
        if templates != self.templates {
            self.workspace.set_templates(templates.clone());
            self.templates = templates;
            is_changed = true;
        }
        Ok(is_changed || self.schema != self.current_schema())
    }

    /// Lists the project, with every folder watched before it was listed.
    fn list(&mut self, placed: &HashSet<PathBuf>, folders: &mut Folders) -> Result<Listing, Error> {
        let nothing = HashSet::new();
        let mut placed = placed;
        loop {
            // A folder that was made again is another one than the process is in.
            let gone = |error| {
                Error::new(format!("failed to enter {}", self.start.display())).because(error)
            };
            let listing = std::env::set_current_dir(&self.start).map_err(gone).and_then(|()| {
                project::list(&self.inputs, self.args.templates()).map_err(input::failed_to_read)
            });
            self.note_folders(listing.as_ref().ok());
            let watched = self.folders.keys().cloned().collect();
            let is_new = folders.watch(&watched, std::mem::replace(&mut placed, &nothing))?;
            if is_new {
                continue;
            }
            let listing = listing?;
            let is_project = |listed: &Listed| listed.path.ends_with(PROJECT_FILE);
            if self.args.is_of_current_folder() && !listing.files.iter().any(is_project) {
                let error = project::Error::NoProject { from: self.start.clone() };
                return Err(input::failed_to_read(error));
            }
            return Ok(listing);
        }
    }

    /// Finds the folders in which something may change.
    fn note_folders(&mut self, listing: Option<&Listing>) {
        let mut related = Vec::new();
        let mut folders = HashMap::new();
        if let Some(Listing { root, folders: listed, passed_over, targets, .. }) = listing {
            let root = root.as_deref().unwrap_or(Path::new("."));
            let schemas = root.join(spec::file_name(""));
            let templates = input::templates_folder(self.args, root);
            self.others = vec![place(&templates), place(schemas.parent().unwrap_or(root))];
            related.extend(self.others.iter().cloned());
            related.extend(targets.iter().filter_map(|target| target.parent().map(Path::to_owned)));
            related.extend(passed_over.iter().map(|folder| place(folder)));
            let listed = listed.iter();
            folders.extend(listed.map(|folder| (place(folder), Folder::Listed(folder.clone()))));
        }
        related.retain(|folder| self.output.as_ref() != Some(folder) && folder.is_dir());
        for folder in related {
            folders.entry(folder).or_insert(Folder::Related);
        }
        for place in self.places.iter().chain(&self.others) {
            let outer = place.ancestors().skip(1).find(|folder| folder.is_dir());
            if let Some(outer) = outer {
                folders.entry(outer.to_owned()).or_insert(Folder::Outer);
            }
        }
        self.folders = folders;
    }

    /// Has the workspace check against the schema of the version that the project names, as its file
    /// is now; says whether that is another one than before.
    fn follow_schema(&mut self) -> Result<bool, Error> {
        let schema = self.current_schema();
        if schema == self.schema {
            return Ok(false);
        }
        let mut found = Diagnostics::default();
        let bundle = input::bundle(schema.version.as_ref(), self.home(), &mut found)?;
        self.workspace.set_bundle(bundle, found);
        self.schema = schema;
        Ok(true)
    }

    fn current_schema(&self) -> Schema {
        let version = input::version(self.workspace.project(), self.args.environment.as_deref());
        let name = version.as_ref().and_then(Node::as_str);
        let path = name.filter(|version| spec::import::is_version(version));
        let path = path.map(|version| self.home().join(spec::file_name(version)));
        Schema { text: path.and_then(|path| input::read_bundle(&path).ok()), version }
    }
}

/// Where a path lies. That nobody can say so is told where it is read.
fn place(path: &Path) -> PathBuf {
    on_disk(path).unwrap_or_else(|_| path.to_owned())
}
