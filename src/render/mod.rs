//! Pipeline → manifests, by templates.
//!
//! In: validated [`Pipeline`]s and the templates, built in or the user's own. Out: [`Manifest`]s in
//! which every pod's secrets are references, checked against Kubernetes' types. The way of one
//! pipeline: `context` (what templates see) → `template` (trees with expressions) → the user's
//! `podTemplate`, merged strategically → the patches of the [`environment`](crate::environment) →
//! [`manifest`]'s checks. It does no I/O.

mod context;
mod environment;
mod exit_handler;
mod expression;
mod include;
mod run;
mod secret_values;
mod secrets;
mod template;

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::environment::{Environment, Matches};
use crate::manifest::{self, Manifest, Type};
use crate::model::{Namespace, Pipeline, SecretWay, ServiceAccountName, Work};
use crate::source::Sources;
use crate::tree::{Mapping, Node, SourceId, Span, Value};
use crate::validate::rules::{secrets as secrets_rules, size};
use crate::yaml::{self, Dialect};
use secrets::SecretVariables;
use template::TemplateSet;

pub use secret_values::{SecretValues, SecretValuesError};
pub use secrets::PREFIX as SECRET_VARIABLE_PREFIX;

/// What a pipeline is rendered to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Its CronJob or CronOMJob.
    Scheduled,
    /// One run: a Job or OMJob, with this id or one derived from what it runs.
    Run(Option<Uuid>),
}

/// A file of the folder `templates/` with its text.
macro_rules! built_in {
    ($name:literal) => {
        ($name, include_str!(concat!("../../templates/", $name)))
    };
}
/// The built-in templates, by file name.
const BUILT_IN: [(&str, &str); 20] = [
    built_in!("configmap.yaml"),
    built_in!("container-security-context.yaml"),
    built_in!("cronjob.yaml"),
    built_in!("cronomjob.yaml"),
    built_in!("exit-code-mount.yaml"),
    built_in!("exit-code-volume.yaml"),
    built_in!("exit-handler-pod.yaml"),
    built_in!("exit-handler-prestop.yaml"),
    built_in!("exit-handler-sidecar.yaml"),
    built_in!("externalsecret.yaml"),
    built_in!("job-spec.yaml"),
    built_in!("job.yaml"),
    built_in!("omjob-spec.yaml"),
    built_in!("omjob.yaml"),
    built_in!("pod-security-context.yaml"),
    built_in!("pod.yaml"),
    built_in!("role.yaml"),
    built_in!("rolebinding.yaml"),
    built_in!("secret.yaml"),
    built_in!("serviceaccount.yaml"),
];

/// What the names of built-in templates begin with, as findings show them.
pub const BUILT_IN_FOLDER: &str = "<built-in>/";

/// Adds the built-in templates to the sources, with `own` (file name, name to show, text) in place
/// of those of the same name and beside them.
pub fn templates(
    own: impl IntoIterator<Item = (String, String, String)>,
    sources: &mut Sources,
) -> BTreeMap<String, SourceId> {
    let mut files = BTreeMap::new();
    for (name, text) in BUILT_IN {
        files.insert(name.to_owned(), (format!("{BUILT_IN_FOLDER}{name}"), text.to_owned()));
    }
    for (name, shown, text) in own {
        files.insert(name, (shown, text));
    }
    let add = |(name, (shown, text))| (name, sources.add(shown, text));
    files.into_iter().map(add).collect()
}

/// Renders pipelines by one set of templates.
#[derive(Debug)]
pub struct Renderer {
    templates: TemplateSet,
    values: Option<SecretValues>,
}

impl Renderer {
    /// Compiles templates, each a file name and the source with its text. `None` when any is wrong,
    /// which is then among the findings.
    pub fn new(
        templates: &BTreeMap<String, SourceId>,
        sources: &Sources,
        found: &mut Diagnostics,
    ) -> Option<Self> {
        let mut sound = true;
        let mut trees = Vec::with_capacity(templates.len());
        for (name, source) in templates {
            let mut own = Diagnostics::default();
            let text = sources.get(*source).map_or("", |source| source.text.as_str());
            let mut documents =
                yaml::read(*source, text, Dialect::Definition, &mut own).into_iter();
            let tree = documents.next();
            let beyond = documents.next().map(|document| document.span);
            if !own.has_errors() && (tree.is_none() || beyond.is_some()) {
                own.push(not_one_tree(beyond, *source));
            }
            sound &= !own.has_errors();
            found.append(own);
            trees.extend(tree.map(|tree| (name.clone(), tree)));
        }
        let templates = TemplateSet::compile(trees, found)?;
        sound.then_some(Self { templates, values: None })
    }

    /// With values for the Secrets of the way `secret`, which are rendered only with them.
    #[must_use]
    pub fn with_values(self, values: Option<SecretValues>) -> Self {
        Self { values, ..self }
    }

    /// The objects of one pipeline, patched as the environment says; none when something in them is
    /// wrong. In its workflow, placeholders take the place of its secrets.
    pub fn pipeline(
        &self,
        pipeline: &mut Pipeline,
        mode: Mode,
        environment: &Environment,
        matches: &mut Matches,
        found: &mut Diagnostics,
    ) -> Vec<Manifest> {
        let mode = match mode {
            Mode::Run(None) => Mode::Run(Some(self.run_id(pipeline, environment))),
            mode => mode,
        };
        let secrets = SecretVariables::replace_in(&mut pipeline.workflow);
        if let (Work::Entity(_), Mode::Run(Some(id))) = (&pipeline.work, mode) {
            let run = context::run_name(pipeline, id);
            pipeline.names = pipeline.names.clone().of_run(&run);
        }
        let pipeline = &*pipeline;
        let context = context::of_pipeline(pipeline, &secrets, mode);
        check_sizes(&context, pipeline, found);
        let operator = pipeline.parameters.use_om_job_operator;
        let runs_by = match (mode, operator) {
            (Mode::Scheduled, false) => "cronjob.yaml",
            (Mode::Scheduled, true) => "cronomjob.yaml",
            (Mode::Run(_), false) => "job.yaml",
            (Mode::Run(_), true) => "omjob.yaml",
        };
        let of_secret = self.of_secret(pipeline, &secrets, &context, found);
        let secret = match &pipeline.parameters.secrets {
            SecretWay::ExternalSecret(_) if secrets.need_secret(pipeline) => {
                Some(("externalsecret.yaml", &context))
            }
            _ => of_secret.as_ref().map(|context| ("secret.yaml", context)),
        };
        let objects = [("configmap.yaml", &context), (runs_by, &context)];
        secret
            .into_iter()
            .chain(objects)
            .filter_map(|(template, context)| {
                let mut node = self.templates.render(template, context, found)?;
                if let (Some(patch), false) = (&pipeline.pod_template, operator) {
                    merge_pod_template(&mut node, patch, found);
                }
                environment.object(&mut node, matches, found).then(|| checked(node, found))?
            })
            .collect()
    }

    /// What the template of a pipeline's Secret sees, where there are values for it. No other
    /// template sees them.
    fn of_secret(
        &self,
        pipeline: &Pipeline,
        secrets: &SecretVariables,
        context: &Mapping,
        found: &mut Diagnostics,
    ) -> Option<Mapping> {
        let values = self.values.as_ref()?;
        if pipeline.parameters.secrets != SecretWay::Secret || secrets.is_empty() {
            return None;
        }
        let config = secrets.with_values(pipeline, values, found)?;
        size::env_string("config", &config, pipeline.span, "spec.workflow", found);
        Some(context::of_secret(context, &config))
    }

    /// The id of a run that nobody gave one: of its objects as they are with another. What is wrong
    /// with them is found with this one.
    fn run_id(&self, pipeline: &Pipeline, environment: &Environment) -> Uuid {
        let mode = Mode::Run(Some(Uuid::nil()));
        let (mut matches, mut found) = (Matches::default(), Diagnostics::default());
        let mut copy = pipeline.clone();
        let objects = self.pipeline(&mut copy, mode, environment, &mut matches, &mut found);
        run::derived_id(pipeline.name.as_str(), &objects)
    }

    /// A service account and its rights.
    pub fn account(
        &self,
        namespace: &Namespace,
        name: &ServiceAccountName,
        environment: &Environment,
        matches: &mut Matches,
        found: &mut Diagnostics,
    ) -> Vec<Manifest> {
        let context = context::of_account(namespace, name);
        ["serviceaccount.yaml", "role.yaml", "rolebinding.yaml"]
            .into_iter()
            .filter_map(|template| {
                let mut node = self.templates.render(template, &context, found)?;
                environment.object(&mut node, matches, found).then(|| checked(node, found))?
            })
            .collect()
    }
}

/// A template is one tree: what is empty, or goes on after it, would be left out of the output
/// without a word.
fn not_one_tree(beyond: Option<Span>, source: SourceId) -> Diagnostic {
    let start = Span { source, start: 0, end: 0 };
    match beyond {
        None => Diagnostic::error(&code::TEMPLATE_EXPRESSION, start, "the template is empty")
            .with_help("write the object, or remove the file to have the built-in template"),
        Some(span) => {
            Diagnostic::error(&code::TEMPLATE_EXPRESSION, span, "a template holds one document")
                .with_label("a second document begins here")
                .with_help("put it into a file of its own")
        }
    }
}

/// The workflow as the kernel and the API server take it: one environment string, and one
/// ConfigMap.
fn check_sizes(context: &Mapping, pipeline: &Pipeline, found: &mut Diagnostics) {
    let text = |key: &str| context.get(key).and_then(Node::as_str).unwrap_or_default();
    let config = context.get("config").and_then(|config| config.get("text")).and_then(Node::as_str);
    let config = config.unwrap_or_default();
    let span = pipeline.span;
    size::env_string("config", config, span, "spec.workflow", found);
    size::config_map([config, text("launcher")], span, "spec.workflow", found);
    let annotations = pipeline.annotations.iter();
    let annotations =
        annotations.map(|entry| (entry.key.as_str(), entry.value.as_str().unwrap_or_default()));
    size::annotations(annotations, span, "metadata.annotations", found);
}

/// Merges the user's pod template over the rendered one, where the object has one.
fn merge_pod_template(object: &mut Node, patch: &Node, found: &mut Diagnostics) {
    let route: &[&str] = match object.get("kind").and_then(Node::as_str) {
        Some("CronJob") => &["spec", "jobTemplate", "spec", "template"],
        Some("Job") => &["spec", "template"],
        _ => return,
    };
    if let Some(template) = at_route_mut(object, route) {
        manifest::strategic_merge(template, patch, Type::pod_template(), found);
    }
}

fn at_route_mut<'n>(node: &'n mut Node, route: &[&str]) -> Option<&'n mut Node> {
    route.iter().try_fold(node, |node, key| match &mut node.value {
        Value::Mapping(mapping) => mapping.get_mut(key),
        _ => None,
    })
}

fn checked(node: Node, found: &mut Diagnostics) -> Option<Manifest> {
    let manifest = Manifest::new(node, found)?;
    manifest::kubernetes::check(&manifest, found);
    manifest::pod_security::check(&manifest, found);
    secrets_rules::object(manifest.node(), found);
    Some(manifest)
}
