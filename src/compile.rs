//! One pipeline → checked objects as canonical YAML: the one way that every verb goes.
//!
//! In: a definition, and the [`Compiler`] with what all pipelines share. Out: its [`Object`]s, or
//! findings. Pipelines are independent of each other, so each can be compiled by itself, again, and
//! on any thread; its trees are let go with it, and what is kept of it is its text. It knows no set
//! of pipelines: that is [`workspace`](crate::workspace)'s.

use compact_str::CompactString;

use crate::definition::IngestionPipeline;
use crate::diagnostic::Diagnostics;
use crate::environment::{Environment, Matches};
use crate::manifest::{Manifest, gitops};
use crate::model::{EntityKind, Namespace, Parameters, ServiceAccountName};
use crate::render::{Mode, Renderer, SecretValues};
use crate::spec::Bundle;
use crate::survey::Seen;
use crate::tree::{Mapping, Node, Span};
use crate::validate::Validator;
use crate::validate::explain::Layer;
use crate::yaml;

/// What a verb asks for.
#[derive(Debug)]
pub struct Options {
    /// What each pipeline is rendered to.
    pub mode: Mode,
    /// The environment to render for; none: what is written.
    pub environment: Option<String>,
    /// The pipelines to render, by name; none: all. All are validated.
    pub only: Vec<String>,
    /// The user's own templates: file name, name to show, text.
    pub templates: Vec<(String, String, String)>,
    /// OpenMetadata's own schema, to check workflows against.
    pub bundle: Option<Bundle>,
    /// Values for the Secrets of the way `secret`, which are rendered only with them.
    pub values: Option<SecretValues>,
    /// Whether the objects are wanted; else they are checked and let go.
    pub objects: bool,
}

/// One rendered object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Object {
    /// Its file below an output folder.
    pub file: String,
    /// Its place in the order of applying: lower first.
    pub order: usize,
    /// The definition that it comes from: where its name stands.
    pub span: Span,
    /// Canonical YAML.
    pub text: String,
}

/// What one pipeline comes to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Its objects, if they are wanted.
    pub objects: Vec<Object>,
    /// Whom its pods run as.
    pub account: Option<Account>,
    /// What views of the whole project take of it, if that is wanted.
    pub seen: Option<Box<Seen>>,
    /// The service that a patch has it name in place of its own.
    pub service: Option<CompactString>,
    /// What the patches of the environment met on it.
    pub matches: Matches,
    /// What is wrong with it.
    pub found: Diagnostics,
}

/// What one pipeline is rendered to, as trees in which each value knows where it was set.
#[derive(Debug)]
pub struct Trees {
    /// Its workflow, with references in the place of secrets.
    pub workflow: Node,
    /// Its objects.
    pub manifests: Vec<Manifest>,
    /// Whom its pods run as.
    pub account: Account,
}

/// Whom pods run as, and where: its objects are there once for all pipelines that say the same.
pub type Account = (Namespace, ServiceAccountName);

/// What all pipelines share, made ready once.
#[derive(Debug)]
pub struct Compiler<'a> {
    /// What patches them.
    pub environment: &'a Environment,
    /// What validates them.
    pub validator: Validator<'a>,
    /// What renders them; `None` when the templates are wrong.
    pub renderer: Option<&'a Renderer>,
    /// What each is rendered to.
    pub mode: Mode,
    /// Whether views of the whole project look at them.
    pub survey: bool,
}

impl Compiler<'_> {
    /// Validates a pipeline and renders it; `wanted` says whether its objects are kept.
    pub fn pipeline(&self, definition: &IngestionPipeline, wanted: bool) -> Outcome {
        let mut outcome = Outcome::default();
        let (matches, found) = (&mut outcome.matches, &mut outcome.found);
        let written = definition.spec.service.as_deref();
        let Some(definition) = self.environment.pipeline(definition, matches, found) else {
            return outcome;
        };
        let service = definition.spec.service.as_deref().filter(|name| Some(*name) != written);
        outcome.service = service.map(CompactString::from);
        let pipeline = self.validator.pipeline(&definition, found);
        let (Some(mut pipeline), Some(renderer)) = (pipeline, self.renderer) else {
            return outcome;
        };
        let mut seen = self.survey.then(|| Box::new(Seen::before(&definition, &pipeline)));
        let mut manifests =
            renderer.pipeline(&mut pipeline, self.mode, self.environment, matches, found);
        self.annotate(&mut manifests);
        if let Some(seen) = &mut seen {
            seen.add(&manifests);
        }
        outcome.seen = seen;
        if wanted {
            let folder = Some(pipeline.names.folder.as_str());
            let span = definition.name_span();
            let mut room = String::with_capacity(8192);
            let objects =
                manifests.iter().map(|manifest| object(manifest, folder, span, &mut room));
            outcome.objects = objects.collect();
        }
        let Parameters { namespace, service_account_name, .. } = pipeline.parameters;
        outcome.account = Some((namespace, service_account_name));
        outcome
    }

    /// Validates an entity that is run once and renders it, with the account of its pods.
    pub fn entity(&self, kind: EntityKind, entity: Node) -> Outcome {
        let mut outcome = Outcome::default();
        let (matches, found) = (&mut outcome.matches, &mut outcome.found);
        let pipeline = self.validator.entity(kind, entity, found);
        let (Some(mut pipeline), Some(renderer)) = (pipeline, self.renderer) else {
            return outcome;
        };
        let mut manifests =
            renderer.pipeline(&mut pipeline, self.mode, self.environment, matches, found);
        self.annotate(&mut manifests);
        let Parameters { namespace, service_account_name, .. } = pipeline.parameters;
        let account = (namespace, service_account_name);
        outcome.objects = self.account(&account, matches, found);
        let folder = Some(pipeline.names.folder.as_str());
        let mut room = String::new();
        let objects =
            manifests.iter().map(|manifest| object(manifest, folder, pipeline.span, &mut room));
        outcome.objects.extend(objects);
        outcome.account = Some(account);
        outcome
    }

    /// Renders a pipeline to trees; `None` when anything in it is wrong.
    pub fn trees(&self, definition: &IngestionPipeline) -> Option<Trees> {
        self.trees_patched_by(definition, self.environment)
    }

    /// The layers of each of a pipeline's objects that patches of rendered objects change: what is
    /// rendered, and these patches; all under the object's kind.
    pub fn object_layers(&self, definition: &IngestionPipeline) -> Vec<Vec<Layer>> {
        let rendered = self.trees_patched_by(definition, &Environment::default());
        let objects = rendered.map(|trees| trees.manifests).unwrap_or_default();
        let layers = objects.iter().map(|object| {
            let under = |name: &str, span, node: &Node| {
                let effective = Mapping::from_iter([(object.kind(), node.clone())]);
                Layer { name: name.to_owned(), span, effective: Node::new(effective) }
            };
            let steps = self.environment.object_steps(object);
            let patched = steps.iter().map(|step| under(step.patch, step.span, &step.node));
            let rendered =
                (!steps.is_empty()).then(|| under("rendered", Span::NONE, object.node()));
            rendered.into_iter().chain(patched).collect::<Vec<_>>()
        });
        layers.filter(|layers| !layers.is_empty()).collect()
    }

    fn trees_patched_by(
        &self,
        definition: &IngestionPipeline,
        environment: &Environment,
    ) -> Option<Trees> {
        // What is wrong is told where pipelines are checked.
        let (mut matches, mut found) = (Matches::default(), Diagnostics::default());
        let definition = self.environment.pipeline(definition, &mut matches, &mut found)?;
        let mut pipeline = self.validator.pipeline(&definition, &mut found)?;
        let workflow = pipeline.workflow.clone();
        let renderer = self.renderer?;
        let manifests =
            renderer.pipeline(&mut pipeline, self.mode, environment, &mut matches, &mut found);
        let Parameters { namespace, service_account_name, .. } = pipeline.parameters;
        Some(Trees { workflow, manifests, account: (namespace, service_account_name) })
    }

    /// The objects of an account, as trees.
    pub fn account_trees(&self, (namespace, name): &Account) -> Vec<Manifest> {
        let (mut matches, mut found) = (Matches::default(), Diagnostics::default());
        let render = |renderer: &Renderer| {
            renderer.account(namespace, name, self.environment, &mut matches, &mut found)
        };
        self.renderer.map(render).unwrap_or_default()
    }

    /// The objects of an account.
    pub fn account(
        &self,
        (namespace, name): &Account,
        matches: &mut Matches,
        found: &mut Diagnostics,
    ) -> Vec<Object> {
        let Some(renderer) = self.renderer else {
            return Vec::new();
        };
        let mut manifests = renderer.account(namespace, name, self.environment, matches, found);
        self.annotate(&mut manifests);
        let mut room = String::new();
        manifests.iter().map(|manifest| object(manifest, None, Span::NONE, &mut room)).collect()
    }

    /// Tells the tools that apply the objects how they are to be taken.
    fn annotate(&self, manifests: &mut [Manifest]) {
        for manifest in manifests {
            gitops::keep_from_substitution(manifest);
            if self.validator.sync_waves() {
                gitops::add_sync_wave(manifest);
            }
        }
    }
}

/// `room` is where the text is made, to be kept in no more memory than it needs.
fn object(manifest: &Manifest, folder: Option<&str>, span: Span, room: &mut String) -> Object {
    room.clear();
    yaml::write(manifest.node(), room);
    Object {
        file: manifest.file_name(folder),
        order: manifest.apply_order(),
        span,
        text: room.as_str().to_owned(),
    }
}
