//! Which files a project consists of.
//!
//! In: paths. Out: files, each once, in an order that depends on nothing but their names. A folder
//! is walked to the bottom; left out are hidden entries, the project's own templates, and folders
//! that belong to something else: another project, a kustomization (so what ompipe rendered), a
//! Helm chart.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{Error, TEMPLATES_FOLDER};
use crate::diagnostic::{Diagnostic, code};
use crate::tree::{SourceId, Span};

/// The file that makes a folder a project.
pub const PROJECT_FILE: &str = "ompipe.yaml";

/// Files that say that a folder is not the project's to read.
const OTHERS: [&str; 7] = [
    PROJECT_FILE,
    "kustomization.yaml",
    "kustomization.yml",
    "Kustomization",
    "Chart.yaml",
    "ompipe.lock",
    // An output folder whose first write did not end.
    ".ompipe-pending",
];

/// The files to read, as paths are added.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) found: Vec<File>,
    pub(super) refused: Vec<Refused>,
    /// The folders that were looked into.
    pub(super) folders: Vec<PathBuf>,
    /// Those that belong to something else.
    pub(super) passed_over: Vec<PathBuf>,
    /// What links lead to.
    pub(super) targets: Vec<PathBuf>,
    inputs: usize,
    /// The folder that the command line names for templates, as the system knows it.
    templates: Option<PathBuf>,
}

#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) named: bool,
}

/// An entry of a folder that is not followed.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) path: PathBuf,
    pub(super) message: String,
    pub(super) help: String,
}

impl Refused {
    /// What is wrong; its place is the file as a whole.
    pub(super) fn into_finding(self) -> Box<Diagnostic> {
        let place = Span { source: SourceId::NONE, start: 0, end: 0 };
        let finding = Diagnostic::error(&code::PROJECT_FILE, place, self.message);
        Box::new(finding.with_help(self.help))
    }
}

/// The nearest folder from here upwards with a project file, as a path relative to here where that
/// is `.` or goes up.
pub(super) fn project_root(folder: &Path) -> Option<PathBuf> {
    let mut relative = PathBuf::from(".");
    let absolute = std::path::absolute(folder).ok()?;
    for candidate in absolute.ancestors() {
        if candidate.join(PROJECT_FILE).is_file() {
            return Some(folder.join(relative));
        }
        relative.push("..");
    }
    None
}

impl Files {
    /// None yet, and none from a folder of templates, wherever it lies.
    pub(super) fn beside(templates: Option<&Path>) -> Self {
        Self {
            templates: templates.and_then(|folder| std::fs::canonicalize(folder).ok()),
            ..Self::default()
        }
    }

    /// Adds a file, or all of a folder.
    pub(super) fn add(&mut self, path: PathBuf) -> Result<(), Error> {
        self.inputs += 1;
        let metadata = std::fs::metadata(&path)
            .map_err(|source| Error::Read { path: path.clone(), source })?;
        if metadata.is_dir() {
            let root = std::fs::canonicalize(&path)
                .map_err(|source| Error::Read { path: path.clone(), source })?;
            self.walk(&path, &root, 0)
        } else if is_readable(&metadata, &path) {
            self.found.push(File { path, named: true });
            Ok(())
        } else {
            let source = not_a_file();
            Err(Error::Read { path, source })
        }
    }

    /// The folder of the first project file.
    pub(super) fn root(&self) -> Option<&Path> {
        self.found
            .iter()
            .find(|file| file.path.file_name().is_some_and(|name| name == PROJECT_FILE))
            .and_then(|file| file.path.parent())
    }

    /// The files, each once. Only several inputs, or links, can name a file twice.
    pub(super) fn into_each_once(self) -> (Vec<File>, Vec<Refused>) {
        let Self { mut found, refused, inputs, targets, .. } = self;
        if inputs > 1 || !targets.is_empty() {
            let mut seen = HashSet::new();
            found.retain(|file| {
                seen.insert(std::fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone()))
            });
        }
        (found, refused)
    }

    fn walk(&mut self, folder: &Path, root: &Path, depth: usize) -> Result<(), Error> {
        let failed = |source| Error::Read { path: folder.to_owned(), source };
        let mut entries = std::fs::read_dir(folder)
            .map_err(failed)?
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed)?;
        entries.sort_by_cached_key(std::fs::DirEntry::file_name);
        self.folders.push(folder.to_owned());
        for entry in entries {
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                self.refuse_name(folder.join(&name));
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            let path =
                if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) };
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                let is_templates = match &self.templates {
                    _ if depth == 0 && name == TEMPLATES_FOLDER => true,
                    Some(templates) => {
                        std::fs::canonicalize(&path).is_ok_and(|path| path == *templates)
                    }
                    None => false,
                };
                if is_templates {
                    continue;
                }
                if belongs_to_something_else(&path) {
                    self.passed_over.push(path);
                } else {
                    self.walk(&path, root, depth + 1)?;
                }
            } else if is_definition(name) {
                if kind.is_symlink() {
                    self.add_link(path, root);
                } else if kind.is_file() {
                    self.found.push(File { path, named: false });
                }
            }
        }
        Ok(())
    }

    /// A name that is not UTF-8: a definition, or a folder that may hold some, must not vanish from
    /// the output without a word.
    fn refuse_name(&mut self, path: PathBuf) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with('.') && (is_definition(&name) || path.is_dir()) {
            self.refused.push(Refused {
                path,
                message: "the name is not UTF-8".to_owned(),
                help: "rename it".to_owned(),
            });
        }
    }

    fn add_link(&mut self, path: PathBuf, root: &Path) {
        match std::fs::canonicalize(&path) {
            Ok(target) if target.starts_with(root) && !target.is_file() => {
                self.refused.push(Refused {
                    path,
                    message: "a symbolic link leads to what is not a file".to_owned(),
                    help: "remove the link or mend its target".to_owned(),
                });
            }
            Ok(target) if target.starts_with(root) => {
                self.targets.push(target);
                self.found.push(File { path, named: false });
            }
            Ok(_) => self.refused.push(Refused {
                path,
                message: "a symbolic link leads out of the project".to_owned(),
                help: "copy the file into the project, or name it on the command line".to_owned(),
            }),
            Err(error) => self.refused.push(Refused {
                path,
                message: format!("a symbolic link leads nowhere: {error}"),
                help: "remove the link or mend its target".to_owned(),
            }),
        }
    }
}

/// Whether a template is a file in its folder: no pipe, which may never end, and no link to
/// elsewhere, whose text a finding would print.
pub(super) fn require_file(path: &Path, folder: &Path) -> std::io::Result<()> {
    if std::fs::symlink_metadata(path)?.is_file() {
        return Ok(());
    }
    let target = std::fs::canonicalize(path)?;
    if !target.starts_with(std::fs::canonicalize(folder)?) {
        return Err(std::io::Error::other("it is a symbolic link out of its folder"));
    }
    if target.is_file() { Ok(()) } else { Err(not_a_file()) }
}

/// Refuses what is not a file: a pipe without a writer would be waited for without end. What the
/// shell and the system name below `/dev` and `/proc` is meant: `<(…)`, `/dev/stdin`.
pub(crate) fn require_readable(path: &Path) -> std::io::Result<()> {
    if is_readable(&std::fs::metadata(path)?, path) { Ok(()) } else { Err(not_a_file()) }
}

fn is_readable(metadata: &std::fs::Metadata, path: &Path) -> bool {
    metadata.is_file() || path.starts_with("/dev") || path.starts_with("/proc")
}

fn not_a_file() -> std::io::Error {
    std::io::Error::other("it is not a file; `-` reads standard input")
}

fn belongs_to_something_else(folder: &Path) -> bool {
    OTHERS.iter().any(|name| folder.join(name).exists())
}

/// Whether a file of this name, in a folder of a project, is read.
pub fn is_definition(name: &str) -> bool {
    let is_yaml = |ending: &str| name.len() > ending.len() && name.ends_with(ending);
    !name.starts_with('.') && [".yaml", ".yml"].into_iter().any(is_yaml)
}

/// Whether a file of this name says that its folder belongs to something else.
pub fn is_mark(name: &str) -> bool {
    OTHERS.contains(&name)
}
