//! All inputs of a project in memory, compiled again as far as changes reach.
//!
//! In: files as they come, change and go ([`Workspace::put`], [`Workspace::take_away`]), templates
//! and OpenMetadata's schema. Out, after [`Workspace::compile`]: objects and findings, which are
//! those of a fresh compilation of the same inputs, and which output files changed on the way
//! ([`Workspace::changes`]). Who reads the files, and when, is not known here: `render` asks once,
//! `watch` at each save, an editor with texts that are not saved.
//!
//! What a change reaches:
//!
//! | change | compiled again |
//! |---|---|
//! | a file | its own pipelines |
//! | an encrypted file | none: it is an output file as it is |
//! | a file with services | the pipelines, too, that name one of them |
//! | services that come, go or cannot be read | the pipelines, too, that name one that is not there |
//! | a file with the project, templates, OpenMetadata's schema | all pipelines |
//!
//! What concerns all files at once (distinct names, services that nobody uses) is held in indexes.

mod bearers;
mod changes;
mod encrypted;
mod entity;
mod environment;
mod file;
mod once;
#[cfg(any(feature = "cluster", feature = "lsp"))]
mod preview;
mod reach;
mod results;
mod set;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use compact_str::CompactString;
use rayon::prelude::*;

use crate::compile::{Account, Compiler, Object, Options};
use crate::definition::{Definitions, IngestionPipeline};
use crate::diagnostic::Diagnostics;
use crate::environment::Matches;
use crate::project::text::{self, Content};
use crate::render::{self, Renderer};
use crate::source::Sources;
use crate::spec::Bundle;
use crate::tree::SourceId;
use crate::validate::{Shared, Validator};
use bearers::Bearers;
use changes::{Before, Touched};
use file::{Compiled, File};
use reach::Reach;

pub use changes::Changes;
pub use entity::compile_entity;
pub use once::{compile, survey};

/// A project in memory.
#[derive(Debug)]
pub struct Workspace {
    options: Options,
    sources: Sources,
    /// The files by the number of their source.
    files: Vec<Option<File>>,
    by_name: HashMap<String, SourceId>,
    /// The files on which others build, in the order of their names.
    defining: Vec<SourceId>,
    templates: Templates,
    /// What is wrong with OpenMetadata's schema.
    bundle_found: Diagnostics,
    /// Pipelines by name.
    pipelines: Bearers,
    /// Pipelines by the names of their objects, of those that cannot carry the pipeline's own.
    objects: Bearers,
    /// The files with pipelines that name a service.
    users: HashMap<CompactString, BTreeSet<SourceId>>,
    accounts: BTreeMap<Account, OfAccount>,
    /// The files of encrypted objects.
    encrypted: BTreeSet<SourceId>,
    encrypted_objects: Vec<Object>,
    /// What concerns all files at once.
    set_found: Diagnostics,
    pending: Pending,
    touched: Touched,
    /// Whether views of the whole project look at the pipelines.
    survey: bool,
}

#[derive(Debug, Default)]
struct Templates {
    sources: BTreeMap<String, SourceId>,
    renderer: Option<Renderer>,
    found: Diagnostics,
}

/// The objects of an account, and how many pipelines run as it.
#[derive(Debug, Default)]
struct OfAccount {
    pipelines: usize,
    objects: Vec<Object>,
    matches: Matches,
    found: Diagnostics,
}

/// What changed since the last compilation.
#[derive(Debug, Default)]
struct Pending {
    files: BTreeMap<SourceId, Next>,
    everything: bool,
}

/// What a file is to hold.
#[derive(Debug)]
enum Next {
    Content(Content),
    Parsed(Definitions, Diagnostics),
    Nothing,
}

/// A file that was taken apart.
struct Read {
    id: SourceId,
    /// Its text, if that is another one.
    text: Option<String>,
    defines: Definitions,
    pipelines: Vec<IngestionPipeline>,
    compiled: Vec<Compiled>,
    found: Diagnostics,
}

/// The pipelines to compile, by file.
type Work = BTreeMap<SourceId, Vec<IngestionPipeline>>;

impl Workspace {
    /// A workspace without files.
    pub fn new(options: Options) -> Self {
        Self::of(Sources::default(), Definitions::default(), Diagnostics::default(), options)
    }

    /// A workspace of files that are taken apart already: each source is one, and each definition
    /// and finding stands in one.
    pub fn of(
        sources: Sources,
        definitions: Definitions,
        found: Diagnostics,
        mut options: Options,
    ) -> Self {
        let own = std::mem::take(&mut options.templates);
        let files = sources.iter().map(|_| Some(File::default())).collect::<Vec<_>>();
        let (pending, nowhere) = by_file(files.len(), definitions, found);
        let mut workspace = Self {
            options,
            files,
            by_name: sources.iter().map(|(id, source)| (source.name.clone(), id)).collect(),
            sources,
            defining: Vec::new(),
            templates: Templates::default(),
            bundle_found: nowhere,
            pipelines: Bearers::default(),
            objects: Bearers::default(),
            users: HashMap::new(),
            accounts: BTreeMap::new(),
            encrypted: BTreeSet::new(),
            encrypted_objects: Vec::new(),
            set_found: Diagnostics::default(),
            pending: Pending { files: pending, everything: true },
            touched: Touched::default(),
            survey: false,
        };
        workspace.set_templates(own);
        workspace
    }

    /// Puts a file in, or other bytes in the place of those that were there. `name` is its path as
    /// findings show it, and files come in the order of their paths; `named` says whether it was
    /// named itself, rather than found in a folder.
    pub fn put(&mut self, name: &str, named: bool, content: Content) {
        let id = match self.by_name.get(name) {
            Some(id) => *id,
            None => {
                let id = self.sources.add(name, "");
                self.by_name.insert(name.to_owned(), id);
                id
            }
        };
        let at = id.0 as usize;
        if self.files.len() <= at {
            self.files.resize_with(at + 1, || None);
        }
        self.files[at].get_or_insert_default().named = named;
        self.pending.files.insert(id, Next::Content(content));
    }

    /// Takes a file away; one that is not there is no matter.
    pub fn take_away(&mut self, name: &str) {
        if let Some(id) = self.by_name.get(name) {
            self.pending.files.insert(*id, Next::Nothing);
        }
    }

    /// Replaces the user's own templates: file name, name to show, text.
    pub fn set_templates(&mut self, own: Vec<(String, String, String)>) {
        for source in self.templates.sources.values() {
            self.sources.remove(*source);
        }
        let sources = render::templates(own, &mut self.sources);
        let mut found = Diagnostics::default();
        let renderer = Renderer::new(&sources, &self.sources, &mut found);
        let renderer = renderer.map(|renderer| renderer.with_values(self.options.values.clone()));
        self.templates = Templates { sources, renderer, found };
        self.pending.everything = true;
    }

    /// Replaces OpenMetadata's schema; `found` says what is wrong with it, or that it is missing.
    pub fn set_bundle(&mut self, bundle: Option<Bundle>, found: Diagnostics) {
        self.options.bundle = bundle;
        self.bundle_found = found;
        self.pending.everything = true;
    }

    /// Compiles what the changes since the last time reach, and says how many pipelines that were.
    pub fn compile(&mut self) -> usize {
        let Pending { files, everything } = std::mem::take(&mut self.pending);
        let gone = files.iter().filter(|(_, next)| matches!(next, Next::Nothing));
        let gone = gone.map(|(id, _)| *id).collect::<Vec<_>>();
        let files = files.into_iter().collect::<Vec<_>>().into_par_iter();
        let mut read = files.map(|(id, next)| self.read(id, next)).collect::<Vec<_>>();

        let mut reach = Reach::default();
        let has_project = |read: &Read| {
            let before = self.file(read.id).is_some_and(|file| !file.defines.projects.is_empty());
            before || !read.defines.projects.is_empty()
        };
        let everything = everything || read.iter().any(has_project);
        if everything {
            self.accounts.clear();
            let known = read.iter().map(|read| read.id).collect::<BTreeSet<_>>();
            let others = self.ids().filter(|id| !known.contains(id)).collect();
            read.append(&mut self.read_again(others));
        }
        let mut before = Before::new();
        let mut work = Work::new();
        for read in read {
            work.insert(read.id, self.take_in(read, &mut reach, &mut before));
        }
        let reached = reach.files(self).filter(|id| !work.contains_key(id)).collect();
        for read in self.read_again(reached) {
            work.insert(read.id, self.take_in(read, &mut Reach::default(), &mut before));
        }
        if reach.defining {
            self.order_defining();
        }
        self.encrypted_objects = self.pass_encrypted_on();
        let count = work.values().map(Vec::len).sum();
        self.compile_pipelines(work, before);
        for id in gone {
            self.let_go(id);
        }
        count
    }

    /// Takes apart what a file is to hold.
    fn read(&self, id: SourceId, next: Next) -> Read {
        let (text, mut defines, found) = match next {
            Next::Content(content) => {
                let named = self.file(id).is_some_and(|file| file.named);
                let text::Parsed { text, definitions, found } = text::parse(id, named, content);
                (Some(text), definitions, found)
            }
            Next::Parsed(definitions, found) => (None, definitions, found),
            Next::Nothing => (Some(String::new()), Definitions::default(), Diagnostics::default()),
        };
        let pipelines = std::mem::take(&mut defines.pipelines);
        let compiled = pipelines.iter().map(Compiled::of).collect();
        Read { id, text, defines, pipelines, compiled, found }
    }

    /// Takes files apart whose text is the one that is known. One that could not be read has none,
    /// and stays as it is.
    fn read_again(&self, ids: Vec<SourceId>) -> Vec<Read> {
        let again = |id| {
            let file = self.file(id)?;
            let text = &self.sources.get(id)?.text;
            if text.is_empty() {
                return None;
            }
            let (definitions, found) = text::definitions(id, file.named, text);
            Some(self.read(id, Next::Parsed(definitions, found)))
        };
        ids.into_par_iter().filter_map(again).collect()
    }

    /// Keeps what a file holds now, with the indexes, and gives its pipelines to be compiled.
    fn take_in(
        &mut self,
        read: Read,
        reach: &mut Reach,
        before: &mut Before,
    ) -> Vec<IngestionPipeline> {
        let Read { id, text, defines, pipelines, compiled, found } = read;
        if let Some(text) = text {
            self.sources.replace(id, text);
        }
        let Some(file) = self.files.get_mut(id.0 as usize).and_then(Option::as_mut) else {
            return Vec::new();
        };
        reach.add(&file.defines, &defines);
        match defines.encrypted.is_empty() {
            true => self.encrypted.remove(&id),
            false => self.encrypted.insert(id),
        };
        file.defines = defines;
        file.found = found;
        let former = std::mem::take(&mut file.pipelines);
        let source = self.sources.get(id).map_or("", |source| source.name.as_str());
        for one in former {
            self.pipelines.remove(&one.name, one.place);
            for object in one.object_names.iter().flatten() {
                self.objects.remove(object, one.place);
            }
            for service in one.service.iter().chain(&one.outcome.service) {
                if let Some(users) = self.users.get_mut(service) {
                    users.remove(&id);
                    if users.is_empty() {
                        self.users.remove(service);
                    }
                }
            }
            let account = one.outcome.account.as_ref();
            if let Some(account) = account.and_then(|of| self.accounts.get_mut(of)) {
                account.pipelines -= 1;
            }
            self.touched.keep(one, source, before);
        }
        for one in &compiled {
            self.pipelines.add(&one.name, one.place);
            for object in one.object_names.iter().flatten() {
                self.objects.add(object, one.place);
            }
            if let Some(service) = &one.service {
                self.users.entry(service.clone()).or_default().insert(id);
            }
        }
        if let Some(file) = self.files.get_mut(id.0 as usize).and_then(Option::as_mut) {
            file.pipelines = compiled;
        }
        pipelines
    }

    /// Compiles pipelines, each on any thread, and what concerns all files at once.
    fn compile_pipelines(&mut self, work: Work, before: Before) {
        let mut set_found = Diagnostics::default();
        let environment = self.environment(&mut set_found);
        let mut of_shared = Matches::default();
        let patched = self.patched(&environment, &mut of_shared, &mut set_found);
        let defines = self.defines(&patched);
        let shared = Shared::by(self.options.bundle.as_ref());
        let shared = defines.iter().fold(shared, |shared, defines| shared.with(defines));
        let validator = Validator::new(shared, &mut set_found);
        let renderer = self.templates.renderer.as_ref();
        let compiler = Compiler {
            environment: &environment,
            validator,
            renderer,
            mode: self.options.mode,
            survey: self.survey,
        };

        let of_file = |(id, pipelines): (SourceId, Vec<IngestionPipeline>)| {
            let mut checked = Diagnostics::default();
            if let Some(file) = self.file(id) {
                compiler.validator.check_file(&file.defines, &mut checked);
            }
            let outcomes = pipelines.into_par_iter().map(|definition| {
                let wanted = self.is_wanted(definition.name());
                let mut outcome = compiler.pipeline(&definition, wanted);
                // Where no objects are asked for, those of accounts are checked all the same.
                outcome.account.take_if(|_| self.options.objects && !wanted);
                outcome
            });
            (id, checked, outcomes.collect::<Vec<_>>())
        };
        let work = work.into_iter().collect::<Vec<_>>().into_par_iter();
        let outcomes = work.map(of_file).collect::<Vec<_>>();

        let services = outcomes.iter().flat_map(|(_, _, outcomes)| outcomes);
        let services = services.filter_map(|outcome| outcome.service.clone()).collect();
        self.check_set(&compiler.validator, &defines, &services, &mut set_found);
        let mut accounts: BTreeMap<Account, OfAccount> = BTreeMap::new();
        let all = outcomes.iter().flat_map(|(_, _, outcomes)| outcomes);
        for account in all.filter_map(|outcome| outcome.account.as_ref()) {
            if let Some(known) = accounts.get_mut(account) {
                known.pipelines += 1;
                continue;
            }
            let mut of = OfAccount { pipelines: 1, ..OfAccount::default() };
            if !self.accounts.contains_key(account) {
                of.objects = compiler.account(account, &mut of.matches, &mut of.found);
            }
            accounts.insert(account.clone(), of);
        }
        self.set_found = set_found;
        self.keep_accounts(accounts);
        self.keep_outcomes(outcomes, before);
        self.check_patches(&environment, &of_shared);
    }

    fn keep_accounts(&mut self, accounts: BTreeMap<Account, OfAccount>) {
        for (account, of) in accounts {
            match self.accounts.get_mut(&account) {
                Some(known) => known.pipelines += of.pipelines,
                None => {
                    self.accounts.insert(account, of);
                }
            }
        }
        self.accounts.retain(|_, of| of.pipelines > 0);
    }

    fn let_go(&mut self, id: SourceId) {
        let name = self.sources.get(id).map(|source| source.name.clone());
        self.by_name.remove(&name.unwrap_or_default());
        self.files[id.0 as usize] = None;
        self.sources.remove(id);
    }

    fn is_wanted(&self, pipeline: &str) -> bool {
        let Options { only, objects, .. } = &self.options;
        *objects && (only.is_empty() || only.iter().any(|name| name == pipeline))
    }

    fn order_defining(&mut self) {
        let defining = self.ids().filter(|id| self.file(*id).is_some_and(File::is_defining));
        let mut defining = defining.collect::<Vec<_>>();
        defining.sort_by(|one, other| self.order(*one, *other));
        self.defining = defining;
    }

    fn file(&self, id: SourceId) -> Option<&File> {
        self.files.get(id.0 as usize)?.as_ref()
    }

    fn ids(&self) -> impl Iterator<Item = SourceId> {
        let files = (0u32..).map(SourceId).zip(&self.files);
        files.filter(|(_, file)| file.is_some()).map(|(id, _)| id)
    }

    /// The order of sources: files by their paths, then templates, then what stands in none.
    fn order(&self, one: SourceId, other: SourceId) -> Ordering {
        let place = |id: SourceId| {
            let path = self.sources.get(id).map(|source| Path::new(&source.name));
            (path.is_none(), self.file(id).is_none(), path)
        };
        if one == other { Ordering::Equal } else { place(one).cmp(&place(other)) }
    }
}

/// The definitions and findings of each file; findings that stand in none apart.
fn by_file(
    count: usize,
    definitions: Definitions,
    found: Diagnostics,
) -> (BTreeMap<SourceId, Next>, Diagnostics) {
    let mut files = vec![(Definitions::default(), Diagnostics::default()); count];
    let mut nowhere = Diagnostics::default();
    let Definitions { projects, services, pipelines, broken, foreign: _, encrypted } = definitions;
    let at = |id: SourceId| id.0 as usize;
    for project in projects {
        files[at(project.node.span.source)].0.projects.push(project);
    }
    for service in services {
        files[at(service.node.span.source)].0.services.push(service);
    }
    for pipeline in pipelines {
        files[at(pipeline.node.span.source)].0.pipelines.push(pipeline);
    }
    for broken in broken {
        files[at(broken.node.span.source)].0.broken.push(broken);
    }
    for encrypted in encrypted {
        files[at(encrypted.source)].0.encrypted.push(encrypted);
    }
    for finding in found.into_sorted() {
        match files.get_mut(at(finding.span.source)) {
            Some((_, found)) => found.push(finding),
            None => nowhere.push(finding),
        }
    }
    let next = |(definitions, found)| Next::Parsed(definitions, found);
    ((0u32..).map(SourceId).zip(files.into_iter().map(next)).collect(), nowhere)
}
