//! Paths in, workflow files out.
//!
//! In: files and folders. Out: their texts as nodes. Folders are read to any depth in the order of their names, without
//! following symbolic links; in them only YAML and JSON files are looked at, and what is no workflow is left out with a
//! word. It writes nothing.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::report::Skipped;
use crate::diagnostic::Diagnostics;
use crate::source::{MAX_FILE_BYTES, Sources};
use crate::tree::Node;
use crate::yaml::{self, Dialect};

/// The deepest folder that is read; one beyond is a mistake, such as the root of a disk.
const MAX_DEPTH: usize = 32;

/// One workflow as written.
#[derive(Debug)]
pub struct Input {
    /// Its file as the user named it, with forward slashes; `file#2` for a second document.
    pub name: String,
    /// The workflow.
    pub workflow: Node,
}

/// What the paths hold.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The workflows, in the order of their names.
    pub workflows: Vec<Input>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
    /// Whether any of the files has a YAML comment.
    pub comments: bool,
}

/// Why a path could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refuses.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not a text.
    #[error("{} is not UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Larger than any workflow.
    #[error("{} is larger than {} MiB", path.display(), MAX_FILE_BYTES >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Folders in folders without end.
    #[error("{} lies more than {MAX_DEPTH} folders deep", path.display())]
    TooDeep {
        /// The folder.
        path: PathBuf,
    },
    /// A file was named that is no workflow.
    #[error("{} holds no OpenMetadata workflow: {reason}", path.display())]
    NotWorkflow {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
}

/// Reads files and folders.
pub fn read(
    paths: &[PathBuf],
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Inputs, ReadError> {
    let mut inputs = Inputs::default();
    for path in paths {
        if path.is_dir() {
            for file in files_under(path)? {
                read_file(&file, false, sources, &mut inputs, found)?;
            }
        } else {
            read_file(path, true, sources, &mut inputs, found)?;
        }
    }
    Ok(inputs)
}

/// The YAML and JSON files under a folder, in the order of their paths.
fn files_under(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let mut files = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        if depth > MAX_DEPTH {
            return Err(ReadError::TooDeep { path: folder });
        }
        let failed = |source| ReadError::Read {
            path: folder.clone(),
            source,
        };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let path = entry.path();
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if kind.is_dir() && !hidden {
                folders.push((path, depth + 1));
            } else if kind.is_file()
                && path
                    .extension()
                    .is_some_and(|e| e == "yaml" || e == "yml" || e == "json")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read_file(
    path: &Path,
    named: bool,
    sources: &mut Sources,
    inputs: &mut Inputs,
    found: &mut Diagnostics,
) -> Result<(), ReadError> {
    let text = read_text(path)?;
    let name = path.to_string_lossy().replace('\\', "/");
    inputs.comments |= text
        .lines()
        .any(|line| line.trim_start().starts_with('#') || line.contains(" #"));
    let source = sources.add(name.clone(), text);
    let text = sources
        .get(source)
        .map_or("", |source| source.text.as_str());
    let mut broken = Diagnostics::default();
    let documents = yaml::read(source, text, Dialect::PyYaml, &mut broken);
    if broken.has_errors() {
        found.append(broken);
        return Ok(());
    }
    found.append(broken);
    let mut reason = Some("it is empty");
    for (number, document) in documents.into_iter().enumerate() {
        match not_a_workflow(&document) {
            None => {
                let name = if number == 0 {
                    name.clone()
                } else {
                    format!("{name}#{}", number + 1)
                };
                inputs.workflows.push(Input {
                    name,
                    workflow: document,
                });
                reason = None;
            }
            Some(why) if number == 0 => reason = Some(why),
            Some(_) => {}
        }
    }
    match reason {
        Some(reason) if named => Err(ReadError::NotWorkflow {
            path: path.to_owned(),
            reason,
        }),
        Some(reason) => {
            inputs.skipped.push(Skipped { name, reason });
            Ok(())
        }
        None => Ok(()),
    }
}

fn read_text(path: &Path) -> Result<String, ReadError> {
    let failed = |source| ReadError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ReadError::TooLarge {
            path: path.to_owned(),
        });
    }
    String::from_utf8(bytes).map_err(|_| ReadError::NotText {
        path: path.to_owned(),
    })
}

/// Why a document is no workflow; `None` when it is one.
fn not_a_workflow(document: &Node) -> Option<&'static str> {
    if document.as_mapping().is_none() {
        return Some("it is not a mapping");
    }
    let source_type = document
        .at_route(&["source", "type"])
        .and_then(Node::as_str);
    if document
        .get("workflowConfig")
        .and_then(Node::as_mapping)
        .is_none()
    {
        return Some("it has no workflowConfig");
    }
    if source_type.is_none() && document.get("sourcePythonClass").is_none() {
        return Some("it has neither source.type nor sourcePythonClass");
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workflow_is_known_by_its_parts() {
        let reason = |document: serde_json::Value| not_a_workflow(&Node::from(document));
        assert_eq!(
            reason(json!({"source": {"type": "mysql"}, "workflowConfig": {}})),
            None
        );
        assert_eq!(
            reason(json!({"sourcePythonClass": "a.B", "workflowConfig": {}})),
            None
        );
        assert!(reason(json!({"source": {"type": "mysql"}})).is_some());
        assert!(reason(json!({"apiVersion": "v1", "kind": "ConfigMap"})).is_some());
        assert!(reason(json!([1])).is_some());
    }
}
