//! `ompipe spec import`: OpenMetadata's schema from where its users have it → the text of a bundle.
//!
//! In: the path of an openmetadata-spec jar, of a checkout's `json/schema` folder, or of one JSON
//! Schema of the workflow. Out: an [`Imported`] bundle to write into the project. It reads files,
//! and only those under the path; how much of them is bounded, so that an archive made to fill the
//! memory ends in an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use super::assemble::{AssembleError, assemble};
use super::link::{LinkError, Origin, link};

/// The most text that is read. The jar of 1.4.0 holds 1.1 MB of schemas; that of 1.13's workflow
/// alone has 0.8 MB.
const MAX_BYTES: u64 = 64 << 20;

/// The most files of an archive or folder that are looked at. The jar of 1.4.0 has 1,629, a whole
/// checkout 20,000.
const MAX_FILES: usize = 50_000;

/// How many folders deep a checkout's schemas lie at most; today six.
const MAX_DEPTH: usize = 16;

/// Where the schema of the workflow starts in the linked files.
const WORKFLOW: (&str, &str) =
    ("metadataIngestion/workflow.json", "/properties/openMetadataWorkflowConfig");

/// A bundle to write.
#[derive(Debug)]
pub struct Imported {
    /// OpenMetadata's version, `1.13.6.3`.
    pub version: String,
    /// The bundle's text.
    pub text: String,
    /// The connectors that it knows, by their `type`.
    pub connectors: BTreeSet<String>,
}

/// Why a schema could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path cannot be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is an archive, but a broken one.
    #[error("failed to read the archive {}", path.display())]
    Archive {
        /// The path.
        path: PathBuf,
        /// What its reader says.
        source: zip::result::ZipError,
    },
    /// More than a schema of OpenMetadata's can be.
    #[error("{} holds more than {limit}; this is not OpenMetadata's schema", path.display())]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// The limit, with its unit.
        limit: String,
    },
    /// A schema file that is not text.
    #[error("{}: {name} is not UTF-8", path.display())]
    NotText {
        /// The path that was given.
        path: PathBuf,
        /// The file in it.
        name: String,
    },
    /// Neither jar nor folder holds the schema of the workflow.
    #[error("{} holds no json/schema/{}", path.display(), WORKFLOW.0)]
    NoWorkflow {
        /// The path.
        path: PathBuf,
    },
    /// Nothing says which version it is.
    #[error("{} does not say which version of OpenMetadata it is of; name it with --version", path.display())]
    NoVersion {
        /// The path.
        path: PathBuf,
    },
    /// A version that cannot be a part of a file name.
    #[error("{version:?} is not a version of OpenMetadata; one is 1.13.6.3")]
    BadVersion {
        /// What was given.
        version: String,
    },
    /// The references do not hold together.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The schema is of something else.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    /// The schema holds what the checks cannot use.
    #[error(transparent)]
    Bundle(#[from] super::BundleError),
}

/// Reads a schema; `version` where the user names it.
pub fn import(path: &Path, version: Option<&str>) -> Result<Imported, Error> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    let (files, (start, origin), stated) = if std::fs::metadata(path).map_err(read)?.is_dir() {
        (read_folder(path)?, (WORKFLOW, Origin::Files), None)
    } else {
        let mut file = File::open(path).map_err(read)?;
        let mut magic = Vec::new();
        (&mut file).take(4).read_to_end(&mut magic).map_err(read)?;
        file.rewind().map_err(read)?;
        if magic == *b"PK\x03\x04" {
            let (files, stated) = read_archive(path, file)?;
            (files, (WORKFLOW, Origin::Files), stated)
        } else {
            let text = read_text(path, "it", file, MAX_BYTES)?;
            (
                BTreeMap::from([("workflow".to_owned(), text)]),
                (("workflow", ""), Origin::Models),
                None,
            )
        }
    };
    if !files.contains_key(start.0) {
        return Err(Error::NoWorkflow { path: path.to_owned() });
    }
    let version = match version {
        Some(version) => version.to_owned(),
        None => {
            let named = path.file_name().and_then(|name| version_in(&name.to_string_lossy()));
            named.or(stated).ok_or_else(|| Error::NoVersion { path: path.to_owned() })?
        }
    };
    if !is_version(&version) {
        return Err(Error::BadVersion { version });
    }
    let (text, connectors) = assemble(&link(&files, start, origin)?, &version)?;
    super::Bundle::from_json(&text)?;
    Ok(Imported { version, text, connectors })
}

/// The version in a file's name: `openmetadata-spec-1.4.0.jar`, `workflow-1.13.6.3.schema.json`.
fn version_in(name: &str) -> Option<String> {
    let start = name.find(|c: char| c.is_ascii_digit())?;
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    let end = name[start..].find(|c| !digits(c)).map_or(name.len(), |end| start + end);
    let version = name[start..end].trim_end_matches('.');
    let rest = &name[start + version.len()..];
    let suffix = ["-SNAPSHOT", "-rc"].iter().find(|suffix| rest.starts_with(**suffix));
    let suffix = suffix.map_or("", |_| &rest[..rest.find('.').unwrap_or(rest.len())]);
    version.contains('.').then(|| format!("{version}{suffix}"))
}

/// Whether a version may stand in a file name: digits and dots, then letters, as in `1.5.0-rc1`.
pub fn is_version(version: &str) -> bool {
    version.len() <= 64
        && version.starts_with(|c: char| c.is_ascii_digit())
        && version.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-')
}

/// A text of at most `limit` bytes.
fn read_text(path: &Path, name: &str, from: impl Read, limit: u64) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let read = from.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|source| Error::Read { path: path.to_owned(), source })?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            limit: format!("{} MiB", MAX_BYTES >> 20),
        });
    }
    String::from_utf8(bytes)
        .map_err(|_| Error::NotText { path: path.to_owned(), name: name.to_owned() })
}

fn too_many(path: &Path) -> Error {
    Error::TooLarge { path: path.to_owned(), limit: format!("{MAX_FILES} files") }
}

/// The schema files of a jar by their path under `json/schema/`, and the version that its manifest
/// states.
fn read_archive(
    path: &Path,
    file: File,
) -> Result<(BTreeMap<String, String>, Option<String>), Error> {
    let broken = |source| Error::Archive { path: path.to_owned(), source };
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(broken)?;
    if archive.len() > MAX_FILES {
        return Err(too_many(path));
    }
    let mut files = BTreeMap::new();
    let mut version = None;
    let mut left = MAX_BYTES;
    for number in 0..archive.len() {
        let entry = archive.by_index(number).map_err(broken)?;
        let name = entry.name().map_err(broken)?.into_owned();
        if let Some(schema) =
            name.strip_prefix("json/schema/").filter(|name| name.ends_with(".json"))
        {
            let text = read_text(path, &name, entry, left)?;
            left -= text.len() as u64;
            files.insert(schema.to_owned(), text);
        } else if name == "META-INF/MANIFEST.MF" {
            let text = read_text(path, &name, entry, left)?;
            let stated = text.lines().find_map(|line| line.strip_prefix("Implementation-Version:"));
            version = stated.map(|version| version.trim().to_owned());
        }
    }
    Ok((files, version))
}

/// The schema files of a checkout by their path under `json/schema/`. Symbolic links are not
/// followed.
fn read_folder(root: &Path) -> Result<BTreeMap<String, String>, Error> {
    let schemas = ["json/schema", "openmetadata-spec/src/main/resources/json/schema"];
    let inner =
        schemas.iter().map(|inner| root.join(inner)).find(|inner| inner.join(WORKFLOW.0).is_file());
    let root = inner.as_deref().unwrap_or(root);
    let mut files = BTreeMap::new();
    let mut left = MAX_BYTES;
    let mut seen = 0;
    let mut folders = vec![(root.to_owned(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let read = |source| Error::Read { path: folder.clone(), source };
        for entry in std::fs::read_dir(&folder).map_err(read)? {
            let entry = entry.map_err(read)?;
            seen += 1;
            if seen > MAX_FILES {
                return Err(too_many(root));
            }
            let kind = entry.file_type().map_err(read)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((entry.path(), format!("{prefix}{name}/"), depth + 1));
            } else if kind.is_file() && name.ends_with(".json") {
                let file = File::open(entry.path()).map_err(read)?;
                let text = read_text(&entry.path(), &name, file, left)?;
                left -= text.len() as u64;
                files.insert(format!("{prefix}{name}"), text);
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_names_that_openmetadata_gives_its_files() {
        let version = |name| version_in(name).unwrap_or_default();
        assert_eq!(version("openmetadata-spec-1.4.0.jar"), "1.4.0");
        assert_eq!(version("workflow-1.13.6.3.schema.json"), "1.13.6.3");
        assert_eq!(version("openmetadata-spec-1.5.0-rc1.jar"), "1.5.0-rc1");
        assert_eq!(version("openmetadata-spec-1.9.0-SNAPSHOT.jar"), "1.9.0-SNAPSHOT");
        assert_eq!(version("schema.json"), "");
        assert_eq!(version("draft7.json"), "");
    }

    #[test]
    fn a_version_never_leaves_the_folder_that_it_names_a_file_in() {
        assert!(is_version("1.13.6.3") && is_version("1.5.0-rc1"));
        assert!(
            !is_version("../1") && !is_version("1/2") && !is_version("") && !is_version("latest")
        );
    }
}
