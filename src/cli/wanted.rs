//! What the verbs `apply` and `diff` want of a cluster: a project, compiled as `render` does it, and
//! the set that its objects are members of.
//!
//! In: paths, an environment, pipelines. Out: a [`Compiled`], or nothing when something is wrong with
//! the definitions, which is then told. It also leads back: from what a cluster refuses to findings.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use ompipe::cluster::Declared;
use ompipe::cluster::apply::{ApplySet, Refusal, Rights, Wanted};
use ompipe::compile::{Object, Options};
use ompipe::diagnostic::{Diagnostic, Diagnostics};
use ompipe::manifest::Manifest;
use ompipe::project::Project;
use ompipe::render::Mode;
use ompipe::workspace::Workspace;

use super::cluster::declared;
use super::error::Error;
use super::include_secrets;
use super::input::{self, InputArgs};
use super::session::{Findings, Session};

/// What is applied or compared.
#[derive(Args)]
pub(crate) struct WantedArgs {
    #[command(flatten)]
    input: InputArgs,

    /// Only the pipeline of this name, and the account that it runs as; may be given several times.
    /// All are checked
    #[arg(short = 'l', long = "pipeline", value_name = "NAME")]
    pipelines: Vec<String>,

    /// Take the Secrets of the way `secret` too, with values from a file of Kubernetes Secrets, or,
    /// for `env`, from the variables OMPIPE_SECRET_…
    #[arg(long, value_name = "FILE|env")]
    include_secrets: Option<PathBuf>,

    /// Delete what the project had in the cluster and no longer defines
    #[arg(long, conflicts_with = "pipelines")]
    prune: bool,

    /// Take over fields that others have set, and objects of other projects
    #[arg(long)]
    force_conflicts: bool,
}

impl WantedArgs {
    /// How far the command may go.
    pub(crate) fn rights(&self) -> Rights {
        Rights {
            force: self.force_conflicts,
            prune: self.prune,
            with_values: self.include_secrets.is_some(),
        }
    }
}

/// A project that is ready to be sent.
pub(crate) struct Compiled {
    pub(crate) wanted: Wanted,
    /// Warnings about the definitions.
    pub(crate) found: Vec<Diagnostic>,
    pub(crate) workspace: Workspace,
    /// What the project says of its cluster.
    pub(crate) declared: Declared,
}

/// Compiles what is asked for; `None` when the definitions are wrong.
pub(crate) fn compiled(
    args: &WantedArgs,
    session: &mut Session,
) -> Result<Option<Compiled>, Error> {
    let WantedArgs { input, pipelines, include_secrets, prune, force_conflicts: _ } = args;
    let values = include_secrets.as_deref().map(include_secrets::values).transpose()?;
    let mut project = input::read(input)?;
    let root = project.root.clone();
    let declared = declared(&project, input.environment.as_deref());
    let is_whole = pipelines.is_empty() && input.is_whole(root.as_deref());
    let options = input::options(&mut project, input, Mode::Scheduled, pipelines, true)?;
    let options = Options { values, ..options };
    let Project { sources, definitions, found, .. } = project;
    let mut workspace = Workspace::of(sources, definitions, found, options);
    workspace.compile();
    let found = workspace.findings();
    if session.fails_on(&found) {
        session.report(found, workspace.sources(), Findings::AsMessages)?;
        return Ok(None);
    }
    let namespace = workspace.project_namespace();
    let environment = input.environment.as_deref();
    let set = workspace.project().zip(namespace.as_deref());
    let set = set.map(|(project, namespace)| ApplySet::of(project.name(), environment, namespace));
    if *prune && set.is_none() {
        return Err(Error::new("there is no IngestionProject, and so no inventory to prune by")
            .with_hint("Name the folder of a project, or leave out --prune."));
    }
    if *prune && !is_whole {
        return Err(Error::new("--prune is about a whole project, and a part of one was named")
            .with_hint("Name the project's folder, or leave out --prune."));
    }
    let objects: Vec<Object> = workspace.objects().into_iter().cloned().collect();
    let namespace = namespace.as_deref().unwrap_or("default");
    let wanted = Wanted::of(&objects, namespace, set, is_whole)?;
    for file in &wanted.encrypted {
        session.say(&format!(
            "{file} is encrypted by SOPS and left out: only who can decrypt it can apply it."
        ));
    }
    Ok(Some(Compiled { wanted, found, workspace, declared }))
}

impl Compiled {
    /// What a cluster refuses, at the lines that set it.
    pub(crate) fn findings<'r>(
        &self,
        refusals: impl IntoIterator<Item = (usize, &'r Refusal)>,
    ) -> Vec<Diagnostic> {
        let mut found = Diagnostics::default();
        let mut rendered: HashMap<&str, Vec<Manifest>> = HashMap::new();
        for (at, refusal) in refusals {
            let desired = &self.wanted.objects[at];
            let name = self.workspace.pipeline_at(desired.span).unwrap_or_default();
            let manifests = rendered.entry(name).or_insert_with(|| match name {
                "" => self.workspace.account_manifests(),
                name => self.workspace.manifests(name).unwrap_or_default(),
            });
            let identity = &desired.identity;
            let manifest = manifests
                .iter()
                .find(|one| one.kind() == identity.kind && one.name() == identity.name);
            let is_theirs = |place| self.workspace.is_theirs(place);
            found.extend(refusal.findings(desired, manifest.map(Manifest::node), is_theirs));
        }
        found.into_sorted()
    }
}

impl InputArgs {
    /// Whether all of a project is read: its folder was named, or nothing else.
    fn is_whole(&self, root: Option<&Path>) -> bool {
        let is_root = |path: &Path| match (path.canonicalize(), root.map(Path::canonicalize)) {
            (Ok(path), Some(Ok(root))) => path == root,
            _ => false,
        };
        self.paths().is_empty()
            || self.paths() == [PathBuf::from("-")]
            || self.paths().iter().any(|path| is_root(path))
    }
}
