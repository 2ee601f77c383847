//! What the verbs on definitions read: a project, its own templates, and OpenMetadata's schema.
//!
//! In: paths from the command line. Out: everything that compiling takes. It decides nothing about
//! what the texts say.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use ompipe::compile::{Object, Options};
use ompipe::definition::IngestionProject;
use ompipe::diagnostic::{Diagnostic, Diagnostics, code, counted};
use ompipe::environment::Environment;
use ompipe::project::{self, Input, OwnTemplate, Project, TEMPLATES_FOLDER};
use ompipe::render::{Mode, SecretValues};
use ompipe::source::MAX_FILE_BYTES;
use ompipe::spec::{self, Bundle};
use ompipe::tree::Node;
use ompipe::workspace;

use super::error::Error;

/// The largest bundle that is read, in bytes: what an import takes makes less than this.
const MAX_BUNDLE_BYTES: u64 = 64 << 20;

/// The definitions to read.
#[derive(Args, Clone)]
pub(crate) struct InputArgs {
    /// Files, folders, or - for standard input [default: the project of the current folder]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// The environment of the project to see the definitions in [default: none, as they are
    /// written]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) environment: Option<String>,

    /// A folder of templates that replace the built-in ones of the same name [default: templates,
    /// in the project's folder]
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
}

impl InputArgs {
    /// Those of a verb whose own arguments are something else.
    #[cfg(feature = "cluster")]
    pub(crate) fn of(paths: Vec<PathBuf>, environment: Option<String>) -> Self {
        Self { paths, environment, templates: None }
    }

    /// Those of a verb that is not told by its command line what to read.
    pub(crate) fn for_environment(environment: Option<String>) -> Self {
        Self { paths: Vec::new(), environment, templates: None }
    }
}

#[cfg(feature = "cluster")]
impl InputArgs {
    /// With one more path, before the others.
    pub(crate) fn and_first(&self, path: Option<&str>) -> Self {
        let paths = path.into_iter().map(PathBuf::from).chain(self.paths.iter().cloned());
        Self { paths: paths.collect(), ..self.clone() }
    }

    /// What was named.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }
}

#[cfg(feature = "watch")]
impl InputArgs {
    /// Whether no path was named, which is the project of the current folder.
    pub(crate) fn is_of_current_folder(&self) -> bool {
        self.paths.is_empty()
    }

    /// The folder of templates, if one was named.
    pub(crate) fn templates(&self) -> Option<&Path> {
        self.templates.as_deref()
    }
}

/// Reads the definitions of the command line.
pub(crate) fn read(args: &InputArgs) -> Result<Project, Error> {
    let project = if args.paths.is_empty() {
        Project::of_folder_beside(Path::new("."), args.templates.as_deref())
    } else {
        let inputs: Result<Vec<Input>, Error> = args.paths.iter().map(|path| input(path)).collect();
        Project::read_beside(inputs?, args.templates.as_deref())
    };
    project.map_err(failed_to_read)
}

/// Why definitions could not be read.
pub(crate) fn failed_to_read(error: project::Error) -> Error {
    let failed = Error::new("failed to read the definitions");
    match error {
        project::Error::NoProject { .. } => failed
            .because(error)
            .with_hint("Name files or folders, or start a project with `ompipe init`."),
        error => failed.because(error),
    }
}

/// The files and folders that are read, for those who read them again and again.
#[cfg(feature = "watch")]
pub(crate) fn paths(args: &InputArgs) -> Result<Vec<PathBuf>, Error> {
    if args.is_of_current_folder() {
        let root = project::root_of(Path::new(".")).map_err(failed_to_read)?;
        return Ok(vec![root]);
    }
    if args.paths.iter().any(|path| path == Path::new("-")) {
        return Err(
            Error::new("standard input cannot be watched").with_hint("Name files or folders.")
        );
    }
    Ok(args.paths.clone())
}

/// A file or folder to be read, or standard input.
pub(crate) fn input(path: &Path) -> Result<Input, Error> {
    if path != Path::new("-") {
        return Ok(Input::Path(path.to_owned()));
    }
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::new("failed to read standard input").because(error))?;
    Ok(Input::Text { name: "-".to_owned(), bytes })
}

/// Validates a project and renders its pipelines; what is wrong is added to the project's findings.
/// With an error among them the objects are not to be used.
pub(crate) fn compile(
    project: &mut Project,
    args: &InputArgs,
    mode: Mode,
    only: &[String],
    objects: bool,
) -> Result<Vec<Object>, Error> {
    compile_with(project, args, mode, only, objects, None)
}

/// The same, with values for the Secrets of the way `secret`.
pub(crate) fn compile_with(
    project: &mut Project,
    args: &InputArgs,
    mode: Mode,
    only: &[String],
    objects: bool,
    values: Option<SecretValues>,
) -> Result<Vec<Object>, Error> {
    let options = Options { values, ..options(project, args, mode, only, objects)? };
    Ok(workspace::compile(
        &mut project.definitions,
        options,
        &mut project.sources,
        &mut project.found,
    ))
}

/// All that compiling a project takes beside its definitions.
pub(crate) fn options(
    project: &mut Project,
    args: &InputArgs,
    mode: Mode,
    only: &[String],
    objects: bool,
) -> Result<Options, Error> {
    let root = root(project);
    let templates = templates(args, &root)?;
    let environment = args.environment.clone();
    let version = version(project.definitions.project(), environment.as_deref());
    let bundle = bundle(version.as_ref(), &root, &mut project.found)?;
    Ok(Options { mode, environment, only: only.to_vec(), templates, bundle, values: None, objects })
}

/// The templates of a project whose folder is `root`.
pub(crate) fn templates(args: &InputArgs, root: &Path) -> Result<Vec<OwnTemplate>, Error> {
    project::templates(&templates_folder(args, root), args.templates.is_some())
        .map_err(|error| Error::new("failed to read the templates").because(error))
}

/// Where they lie.
pub(crate) fn templates_folder(args: &InputArgs, root: &Path) -> PathBuf {
    args.templates.clone().unwrap_or_else(|| root.join(TEMPLATES_FOLDER))
}

/// The folder that templates and OpenMetadata's schemas lie in.
pub(crate) fn root(project: &Project) -> PathBuf {
    project.root.clone().unwrap_or_else(|| PathBuf::from("."))
}

/// The version of OpenMetadata that a project names in an environment.
pub(crate) fn version(
    project: Option<&IngestionProject>,
    environment: Option<&str>,
) -> Option<Node> {
    // That there is no such environment is told where it is compiled for.
    let environment = Environment::choose(project, environment, &mut Diagnostics::default());
    environment?.open_metadata_version(project?)
}

/// OpenMetadata's schema of a version.
pub(crate) fn bundle(
    version: Option<&Node>,
    root: &Path,
    found: &mut Diagnostics,
) -> Result<Option<Bundle>, Error> {
    let Some((version, span)) = version.and_then(|node| Some((node.as_str()?, node.span))) else {
        return Ok(None);
    };
    let missing = |found: &mut Diagnostics, label: String| {
        let message = "OpenMetadata's schema of this version is not imported";
        found.push(
            Diagnostic::error(&code::NO_BUNDLE, span, message)
                .with_label(label)
                .with_route("spec.openMetadataVersion")
                .with_help(
                    "`ompipe spec import` imports it; `ompipe spec list` lists what there is",
                ),
        );
        Ok(None)
    };
    if !spec::import::is_version(version) {
        return missing(found, "not a version".to_owned());
    }
    let name = spec::file_name(version);
    let path = root.join(&name);
    let text = match read_bundle(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return missing(found, format!("there is no {name}"));
        }
        text => text.map_err(|error| {
            Error::new(format!("failed to read {}", path.display())).because(error)
        })?,
    };
    let bundle = Bundle::from_json(&text).map_err(|error| {
        Error::new(format!("failed to read {}", path.display()))
            .because(error)
            .with_hint("Import it again with `ompipe spec import`.")
    })?;
    Ok(Some(bundle))
}

/// The text of a bundle: of a file, since a device or a pipe has no end, and of one of a size that
/// an import writes.
pub(crate) fn read_bundle(path: &Path) -> io::Result<String> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    if metadata.len() > MAX_BUNDLE_BYTES {
        let limit = MAX_BUNDLE_BYTES >> 20;
        return Err(io::Error::other(format!("it is larger than {limit} MiB")));
    }
    std::fs::read_to_string(path)
}

/// What must not be written over: the project's folder, and the files that were read.
pub(crate) fn inputs(project: &Project) -> Vec<&Path> {
    project.root.iter().chain(&project.files).map(PathBuf::as_path).collect()
}

/// "3 pipelines in 5 files".
pub(crate) fn extent(project: &Project) -> String {
    let pipelines = counted(project.definitions.pipelines.len(), "pipeline");
    match project.files.len() {
        0 => format!("{pipelines} in standard input"),
        files => format!("{pipelines} in {}", counted(files, "file")),
    }
}
