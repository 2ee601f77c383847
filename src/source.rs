//! Texts in: the files of a project, standard input and the built-in templates, by number.
//!
//! In: paths. Out: [`Sources`], which everything that has a [`Span`] is resolved against, once,
//! when it is shown. Reading stops at [`MAX_FILE_BYTES`]; nothing here looks at what a text says.

use std::path::Path;

use crate::tree::{SourceId, Span};

/// The largest file that is read, in bytes. A definition is a few kilobytes and what it renders to
/// must fit into a ConfigMap of 1 MiB; a file beyond this is a mistake, and would cost seconds and
/// gigabytes to parse.
pub const MAX_FILE_BYTES: u64 = 16 << 20;

/// The name of a file's text: its path with forward slashes, which elsewhere than on Windows it has;
/// a backslash is a letter there.
pub fn name_of(path: &Path) -> String {
    let name = path.to_string_lossy();
    if cfg!(windows) { name.replace('\\', "/") } else { name.into_owned() }
}

/// A text with the name under which it is shown.
#[derive(Debug)]
pub struct Source {
    /// The path as the user would write it, with forward slashes; `-` for standard input.
    pub name: String,
    /// The text.
    pub text: String,
}

/// All texts of a run.
#[derive(Debug, Default)]
pub struct Sources {
    sources: Vec<Source>,
    /// Numbers that were given back.
    free: Vec<SourceId>,
}

/// A place as people count it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Sources {
    /// Adds a text and gives its number.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        let source = Source { name: name.into(), text: text.into() };
        if let Some(id) = self.free.pop() {
            self.sources[id.0 as usize] = source;
            return id;
        }
        let id = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        self.sources.push(source);
        id
    }

    /// Puts another text in the place of one that was added, under the same name and number. Spans
    /// into the former one no longer mean anything.
    pub fn replace(&mut self, id: SourceId, text: impl Into<String>) {
        if let Some(source) = self.sources.get_mut(id.0 as usize) {
            source.text = text.into();
        }
    }

    /// Lets go of a text that was added, and gives its number back for another one.
    pub fn remove(&mut self, id: SourceId) {
        if let Some(source) = self.sources.get_mut(id.0 as usize) {
            *source = Source { name: String::new(), text: String::new() };
            self.free.push(id);
        }
    }

    /// The text of a number; `None` for [`SourceId::NONE`].
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.0 as usize)
    }

    /// All texts with their numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Source)> {
        (0u32..).map(SourceId).zip(&self.sources)
    }

    /// The name of a span's text, and the line that the span begins on, from 1.
    pub fn line(&self, span: Span) -> Option<(&str, usize)> {
        Some((self.get(span.source)?.name.as_str(), self.position(span)?.line))
    }

    /// The line and column of a span's first byte.
    pub fn position(&self, span: Span) -> Option<Position> {
        let before = self.get(span.source)?.text.get(..span.start as usize)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Some(Position {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        })
    }
}
