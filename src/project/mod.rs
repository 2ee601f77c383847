//! A project's files in: found, read, and taken apart into definitions.
//!
//! In: paths, or a folder to look upwards from. Out: a [`Project`]: the texts, the definitions in
//! them, the project's own templates, and what was found wrong on the way. This is where files are
//! read; it decides nothing about what they say.

mod discover;
mod listing;
pub mod text;

use std::io::Read;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::definition::Definitions;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::source::{MAX_FILE_BYTES, Sources, name_of};
use crate::tree::{Node, SourceId, Span};
use crate::yaml::{self, Dialect};
use text::{Content, Parsed};

pub(crate) use discover::require_readable;
pub use discover::{PROJECT_FILE, is_definition, is_mark};
pub use listing::{Listed, Listing, list, root_of};

/// The folder, in the project's, whose files replace the built-in templates of the same name.
pub const TEMPLATES_FOLDER: &str = "templates";

/// Why a project cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No path was given, and no folder from here upwards is a project's.
    #[error("failed to find {PROJECT_FILE} in {} or a folder above it", from.display())]
    NoProject {
        /// The folder that the search began in.
        from: PathBuf,
    },
    /// A path that was named cannot be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
}

/// What to read.
#[derive(Debug)]
pub enum Input {
    /// A text that is there already, such as standard input, and the name to show for it. Beyond
    /// [`MAX_FILE_BYTES`] it is refused as a file would be.
    Text {
        /// The name to show.
        name: String,
        /// The text.
        bytes: Vec<u8>,
    },
    /// A file, or a folder with all definitions below it.
    Path(PathBuf),
}

/// A project's definitions with the texts that they stand in.
#[derive(Debug, Default)]
pub struct Project {
    /// The folder of `ompipe.yaml`, when one was read.
    pub root: Option<PathBuf>,
    /// The texts.
    pub sources: Sources,
    /// The definitions.
    pub definitions: Definitions,
    /// What is wrong with the files.
    pub found: Diagnostics,
    /// The files that were read as definitions.
    pub files: Vec<PathBuf>,
}

/// A text that was read, or why not.
struct Text {
    name: String,
    /// Whether it was named, rather than found in a folder.
    named: bool,
    content: Content,
}

impl Project {
    /// Reads the project that `folder` belongs to.
    pub fn of_folder(folder: &Path) -> Result<Self, Error> {
        Self::of_folder_beside(folder, None)
    }

    /// Reads the project that `folder` belongs to, and passes over a folder of templates that may
    /// lie in it.
    pub fn of_folder_beside(folder: &Path, templates: Option<&Path>) -> Result<Self, Error> {
        Self::read_beside(vec![Input::Path(root_of(folder)?)], templates)
    }

    /// Reads exactly these inputs.
    pub fn read(inputs: Vec<Input>) -> Result<Self, Error> {
        Self::read_beside(inputs, None)
    }

    /// Reads exactly these inputs, and passes over a folder of templates that may lie in one.
    pub fn read_beside(inputs: Vec<Input>, templates: Option<&Path>) -> Result<Self, Error> {
        let mut project = Self::default();
        let mut texts = Vec::new();
        let mut files = discover::Files::beside(templates);
        for input in inputs {
            match input {
                Input::Text { name, bytes } => {
                    texts.push(Text {
                        name,
                        named: true,
                        content: limited(bytes).map_err(unreadable),
                    });
                }
                Input::Path(path) => files.add(path)?,
            }
        }
        project.root = files.root().map(Path::to_owned);
        let (found, refused) = files.into_each_once();
        texts.par_extend(found.par_iter().map(|file| Text {
            name: shown(&file.path),
            named: file.named,
            content: read_file(&file.path),
        }));
        project.files = found.into_iter().map(|file| file.path).collect();
        for refused in refused {
            let name = shown(&refused.path);
            texts.push(Text { name, named: false, content: Err(refused.into_finding()) });
        }
        project.take(texts);
        Ok(project)
    }

    /// Reads one more file, YAML or JSON, whose one document is no definition; `None` when there is
    /// anything wrong with it, which is then among the findings.
    pub fn read_document(&mut self, input: Input) -> Option<Node> {
        let (name, content) = match input {
            Input::Text { name, bytes } => (name, limited(bytes).map_err(unreadable)),
            Input::Path(path) => (shown(&path), read_file(&path)),
        };
        let source = self.sources.add(name, "");
        let text = match content.and_then(|bytes| yaml::decode(source, bytes)) {
            Ok(text) => text,
            Err(mut finding) => {
                finding.span.source = source;
                self.found.push(*finding);
                return None;
            }
        };
        let mut found = Diagnostics::default();
        let documents = yaml::read_yaml_or_json(source, &text, Dialect::Definition, &mut found);
        self.sources.replace(source, text);
        if !found.has_errors() && documents.len() != 1 {
            let begin = documents.get(1).map_or(Span { source, start: 0, end: 0 }, |two| two.span);
            let message = format!("expected one document, found {}", documents.len());
            found.push(Diagnostic::error(&code::SPEC_TYPE, begin, message));
        }
        let sound = !found.has_errors();
        self.found.append(found);
        documents.into_iter().next().filter(|_| sound)
    }

    /// Parses the texts, each on any thread, and adds them in order.
    fn take(&mut self, texts: Vec<Text>) {
        let parsed = texts.into_par_iter().enumerate().map(|(index, text)| {
            let source = SourceId(u32::try_from(index).unwrap_or(u32::MAX));
            let Text { name, named, content } = text;
            (name, text::parse(source, named, content))
        });
        for (name, Parsed { text, definitions, found }) in parsed.collect::<Vec<_>>() {
            self.sources.add(name, text);
            self.definitions.append(definitions);
            self.found.append(found);
        }
    }
}

/// A template of the user's own: its file name, the name to show and its text.
pub type OwnTemplate = (String, String, String);

/// The templates in a folder, by name; none when the folder is not there and need not be.
pub fn templates(folder: &Path, required: bool) -> Result<Vec<OwnTemplate>, Error> {
    let failed = |source| Error::Read { path: folder.to_owned(), source };
    if !required && !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut templates = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if name.starts_with('.') || !name.ends_with(".yaml") {
            continue;
        }
        let text = discover::require_file(&path, folder)
            .and_then(|()| read_limited(&path))
            .and_then(utf8)
            .map_err(|source| Error::Read { path: path.clone(), source })?;
        templates.push((name.to_owned(), shown(&path), text));
    }
    templates.sort();
    Ok(templates)
}

fn utf8(bytes: Vec<u8>) -> std::io::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        std::io::Error::other(format!("the byte at offset {at} is not UTF-8"))
    })
}

/// The bytes of a file of definitions, or the finding that it cannot be one.
pub fn read_file(path: &Path) -> Content {
    read_limited(path).map_err(unreadable)
}

fn unreadable(error: std::io::Error) -> Box<Diagnostic> {
    let nowhere = Span { source: SourceId::NONE, start: 0, end: 0 };
    Box::new(Diagnostic::error(
        &code::PROJECT_FILE,
        nowhere,
        format!("the file cannot be read: {error}"),
    ))
}

/// The bytes of a file, refused beyond [`MAX_FILE_BYTES`]; a file without end, such as a device, is
/// not read to it.
fn read_limited(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let mut bytes = Vec::with_capacity(4096);
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    limited(bytes)
}

fn limited(mut bytes: Vec<u8>) -> std::io::Result<Vec<u8>> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!(
            "it is larger than {} MiB",
            MAX_FILE_BYTES >> 20
        )));
    }
    // They are kept as long as the run lasts, to show lines of them.
    bytes.shrink_to_fit();
    Ok(bytes)
}

/// A path as findings show it: with forward slashes, and without a leading `./`.
pub fn shown(path: &Path) -> String {
    let text = name_of(path);
    text.strip_prefix("./").map_or(text.clone(), str::to_owned)
}
