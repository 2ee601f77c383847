//! Which file a rendered object comes from, as the lock names it.
//!
//! In: the texts of a run and the project's folder. Out: paths that are the same wherever the
//! project lies and from whichever folder ompipe is run. It looks at names, not at the disk.

use std::path::{Component, Path, PathBuf};

use crate::source::{Sources, name_of};
use crate::tree::{SourceId, Span};

/// The name that is shown for standard input, which is no file.
const STANDARD_INPUT: &str = "-";

/// Names files by their place in the project.
pub(super) struct Origins<'s> {
    sources: &'s Sources,
    project: Option<PathBuf>,
    /// Objects of one definition follow each other.
    last: Option<(SourceId, Option<String>)>,
}

impl<'s> Origins<'s> {
    pub(super) fn new(sources: &'s Sources, project: Option<&Path>) -> Self {
        Self { sources, project: project.map(plain), last: None }
    }

    /// The file of a span.
    pub(super) fn of(&mut self, span: Span) -> Option<String> {
        if let Some((source, name)) = &self.last
            && *source == span.source
        {
            return name.clone();
        }
        let name = self.sources.get(span.source).map(|source| self.name(&source.name));
        self.last = Some((span.source, name.clone()));
        name
    }

    fn name(&self, name: &str) -> String {
        let Some(project) = self.project.as_ref().filter(|_| name != STANDARD_INPUT) else {
            return name.to_owned();
        };
        let path = plain(Path::new(name));
        let inside = path.strip_prefix(project).ok().map(Path::to_owned);
        let path = inside.or_else(|| from(project, &path)).unwrap_or(path);
        name_of(&path)
    }
}

/// A path without `.`.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// A path as seen from a folder, by their names alone.
fn from(folder: &Path, path: &Path) -> Option<PathBuf> {
    let (folder, path) = (resolved(folder)?, resolved(path)?);
    let shared = folder.components().zip(path.components()).take_while(|(one, other)| one == other);
    let shared = shared.count();
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    Some(up.chain(path.components().skip(shared)).collect())
}

/// The absolute path without `..`.
fn resolved(path: &Path) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    // An empty path is the current folder.
    for part in std::path::absolute(Path::new(".").join(path)).ok()?.components() {
        match part {
            Component::ParentDir => {
                resolved.pop();
            }
            part => resolved.push(part),
        }
    }
    Some(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(project: Option<&str>, name: &str) -> Option<String> {
        let mut sources = Sources::default();
        let source = sources.add(name, "");
        let mut origins = Origins::new(&sources, project.map(Path::new));
        origins.of(Span { source, start: 0, end: 0 })
    }

    #[test]
    fn a_file_is_named_from_the_projects_folder_wherever_that_is_seen_from() {
        for (project, name, expected) in [
            (Some("."), "pipelines/a.yaml", "pipelines/a.yaml"),
            (Some(""), "pipelines/a.yaml", "pipelines/a.yaml"),
            (Some("./.."), "../pipelines/a.yaml", "pipelines/a.yaml"),
            (Some("/srv/project"), "/srv/project/a.yaml", "a.yaml"),
            (Some("project"), "shared/a.yaml", "../shared/a.yaml"),
            (Some("."), "../shared/a.yaml", "../shared/a.yaml"),
            (None, "a.yaml", "a.yaml"),
            (Some("project"), "-", "-"),
        ] {
            assert_eq!(origin(project, name).as_deref(), Some(expected), "{project:?} {name}");
        }
    }

    #[test]
    fn what_comes_from_no_text_has_no_origin() {
        let sources = Sources::default();
        assert_eq!(Origins::new(&sources, None).of(Span::NONE), None);
    }
}
