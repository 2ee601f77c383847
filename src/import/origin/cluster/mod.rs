//! What OpenMetadata's Kubernetes client keeps in a cluster: a ConfigMap with the workflow, and a
//! CronJob or CronOMJob that runs it.
//!
//! In: objects as `kubectl get -o yaml` or `-o json` prints them, in lists or one by one. Out: a
//! draft for each ConfigMap, with what its CronJob or CronOMJob says of when and how it runs.
//! Objects of other kinds and owners are counted and passed over. No value is looked at that is no
//! part of a workflow or a pod.

mod pod;
mod scheduled;

use std::collections::BTreeMap;

use super::workflow::{WORKFLOW_CONFIG, not_a_workflow, unknown_type};
use crate::definition::{API_VERSION, PipelineType};
use crate::diagnostic::{Diagnostic, Diagnostics, code, counted};
use crate::import::draft::{Draft, Drafts};
use crate::import::kind;
use crate::import::names::sanitize;
use crate::import::report::Skipped;
use crate::source::Sources;
use crate::tree::{Node, Span};
use crate::yaml::{self, Dialect};

const CONFIG_MAP_PREFIX: &str = "om-config-";

/// All objects that were found.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    config_maps: Vec<ConfigMap>,
    scheduled: Vec<Scheduled>,
    /// How many objects of which kind were passed over, by file.
    passed_over: BTreeMap<(String, String), usize>,
}

/// A ConfigMap with a workflow.
#[derive(Debug)]
struct ConfigMap {
    file: String,
    name: String,
    namespace: Option<String>,
    /// Where its name stands.
    span: Span,
    /// Where the workflow stands, which no finding is to show.
    text_span: Span,
    /// `app.kubernetes.io/pipeline-type`, in lower case.
    type_label: Option<String>,
    workflow: Node,
}

/// A CronJob or CronOMJob.
#[derive(Debug)]
struct Scheduled {
    file: String,
    kind: scheduled::Kind,
    name: String,
    namespace: Option<String>,
    span: Span,
    /// The ConfigMap that its pods read.
    config_map: String,
    object: Node,
}

impl Objects {
    /// Whether a document is an object or a list of objects, other than ompipe's own definitions.
    pub(super) fn is_one(document: &Node) -> bool {
        let text = |key| document.get(key).and_then(Node::as_str);
        match (text("apiVersion"), text("kind")) {
            (Some(version), Some(_)) => {
                version != API_VERSION
                    && (items(document).is_some() || document.get("metadata").is_some())
            }
            _ => false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.config_maps.is_empty() && self.scheduled.is_empty()
    }

    /// Files the objects of a document; whether any of them is one to import.
    pub(super) fn take(
        &mut self,
        name: &str,
        document: &Node,
        sources: &mut Sources,
        found: &mut Diagnostics,
    ) -> bool {
        // All documents of a file are counted together.
        let file = name.split('#').next().unwrap_or(name);
        let objects = items(document).unwrap_or(std::slice::from_ref(document));
        let mut taken = false;
        for object in objects {
            if self.object(file, object, sources, found) {
                taken = true;
            } else {
                let kind = object.get("kind").and_then(Node::as_str).unwrap_or("object");
                *self.passed_over.entry((file.to_owned(), kind.to_owned())).or_default() += 1;
            }
        }
        taken
    }

    fn object(
        &mut self,
        file: &str,
        object: &Node,
        sources: &mut Sources,
        found: &mut Diagnostics,
    ) -> bool {
        let Some(node) = object.at_route(&["metadata", "name"]) else { return false };
        let Some(name) = node.as_str() else { return false };
        let namespace = object.at_route(&["metadata", "namespace"]).and_then(Node::as_str);
        let namespace = namespace.map(str::to_owned);
        let kind = object.get("kind").and_then(Node::as_str).unwrap_or_default();
        if kind == "ConfigMap" {
            return self.config_map(file, (name, node.span), namespace, object, sources, found);
        }
        let Some(kind) = scheduled::Kind::of(kind, name) else { return false };
        if scheduled::is_rendered_by_ompipe(kind, object) {
            return false;
        }
        let config_map = scheduled::config_map(kind, object)
            .unwrap_or_else(|| format!("{CONFIG_MAP_PREFIX}{}", kind.stem(name)));
        self.scheduled.push(Scheduled {
            file: file.to_owned(),
            kind,
            name: name.to_owned(),
            namespace,
            span: node.span,
            config_map,
            object: object.clone(),
        });
        true
    }

    fn config_map(
        &mut self,
        file: &str,
        (name, span): (&str, Span),
        namespace: Option<String>,
        object: &Node,
        sources: &mut Sources,
        found: &mut Diagnostics,
    ) -> bool {
        let data = |key| object.at_route(&["data", key]);
        let text = data("config").or(data("workflow"));
        let Some((text, text_span)) = text.and_then(|node| Some((node.as_str()?, node.span)))
        else {
            return false;
        };
        // What ompipe rendered has placeholders in place of secrets; its source is its definitions.
        if !name.starts_with(CONFIG_MAP_PREFIX) || data("launcher.py").is_some() {
            return false;
        }
        let source = sources.add(format!("{file} (ConfigMap {name})"), text);
        let mut own = Diagnostics::default();
        let workflow = yaml::read(source, text, Dialect::PyYaml, &mut own).into_iter().next();
        let readable = !own.has_errors();
        found.append(own);
        let reason = workflow.as_ref().map_or(Some("it is empty"), not_a_workflow);
        match (workflow, reason) {
            _ if !readable => {}
            (Some(workflow), None) => {
                let label = ["metadata", "labels", "app.kubernetes.io/pipeline-type"];
                self.config_maps.push(ConfigMap {
                    file: file.to_owned(),
                    name: name.to_owned(),
                    namespace,
                    span,
                    text_span,
                    type_label: object.at_route(&label).and_then(Node::as_str).map(str::to_owned),
                    workflow,
                });
            }
            (_, reason) => {
                let reason = reason.unwrap_or_default();
                let message = format!("the ConfigMap `{name}` holds no workflow: {reason}");
                found.push(
                    Diagnostic::error(&code::IMPORT_NO_WORKFLOW, span, message)
                        .with_secret(text_span)
                        .with_help("leave it out, or deploy the pipeline anew and export it then"),
                );
            }
        }
        true
    }

    /// The drafts of the pipelines, in the order of their namespaces and names.
    pub(super) fn drafts(self, drafts: &mut Drafts, found: &mut Diagnostics) {
        let Self { mut config_maps, mut scheduled, passed_over } = self;
        config_maps.sort_by(|one, other| {
            (&one.namespace, &one.name, &one.file).cmp(&(
                &other.namespace,
                &other.name,
                &other.file,
            ))
        });
        scheduled.sort_by(|one, other| (&one.name, &one.file).cmp(&(&other.name, &other.file)));
        for scheduled in &scheduled {
            let reads = |map: &ConfigMap| scheduled.reads(map);
            if !config_maps.iter().any(reads) {
                found.push(without_config_map(scheduled));
            }
        }
        for config_map in config_maps {
            let own: Vec<&Scheduled> =
                scheduled.iter().filter(|scheduled| scheduled.reads(&config_map)).collect();
            if let [first, others @ ..] = own.as_slice()
                && let Some(other) = others.iter().find(|other| !other.says_the_same(first))
            {
                found.push(two_schedules(&config_map, first, other));
                continue;
            }
            drafts.pipelines.extend(draft(config_map, own.first().copied(), found));
        }
        let mut by_file: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for ((file, kind), number) in passed_over {
            by_file.entry(file).or_default().push(counted(number, &kind));
        }
        drafts.skipped.extend(by_file.into_iter().map(|(name, kinds)| Skipped {
            name,
            reason: format!("{}: not of a pipeline's definition, passed over", kinds.join(", ")),
        }));
    }
}

impl Scheduled {
    fn reads(&self, config_map: &ConfigMap) -> bool {
        self.config_map == config_map.name && self.namespace == config_map.namespace
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.object.get("spec") == other.object.get("spec")
    }
}

/// The objects of a list.
fn items(document: &Node) -> Option<&[Node]> {
    let kind = document.get("kind")?.as_str()?;
    document.get("items").filter(|_| kind.ends_with("List"))?.as_sequence()
}

fn draft(
    config_map: ConfigMap,
    scheduled: Option<&Scheduled>,
    found: &mut Diagnostics,
) -> Option<Draft> {
    let ConfigMap { file, name, namespace, span, type_label, mut workflow, .. } = config_map;
    let Some(pipeline_type) = pipeline_type(&workflow, type_label.as_deref(), scheduled) else {
        found.push(unknown_type(&workflow));
        return None;
    };
    let stem = name.strip_prefix(CONFIG_MAP_PREFIX).unwrap_or(&name);
    let fqn = workflow.as_mapping_mut().and_then(|parts| parts.remove("ingestionPipelineFQN"));
    leave_out_defaults(&mut workflow);
    let names = match &namespace {
        Some(namespace) => vec![sanitize(stem), sanitize(&format!("{namespace}-{stem}"))],
        None => vec![sanitize(stem)],
    };
    let label = match &namespace {
        Some(namespace) => format!("{namespace}/{stem}"),
        None => stem.to_owned(),
    };
    let mut draft = Draft::of_workflow(label, pipeline_type, workflow);
    draft.stands_in = format!("{file}: ConfigMap {name}");
    draft.span = span;
    draft.names = names;
    draft.fqn = fqn.as_ref().and_then(Node::as_str).map(str::to_owned);
    if let Some(namespace) = namespace {
        draft.parameters.insert("namespace", Node::new(namespace));
    }
    if let Some(scheduled) = scheduled {
        draft.pod_stands_in =
            format!("{}: {} {}", scheduled.file, scheduled.kind.as_str(), scheduled.name);
        scheduled::take(scheduled.kind, &scheduled.object, &mut draft, found);
    }
    Some(draft)
}

/// Takes out what OpenMetadata's client writes into every workflow with the value that it has by
/// itself.
fn leave_out_defaults(workflow: &mut Node) {
    let Some(parts) = workflow.as_mapping_mut() else { return };
    parts.retain(|entry| {
        entry.key != "enableStreamableLogs" || entry.value.as_bool() != Some(false)
    });
    if let Some(config) = parts.get_mut(WORKFLOW_CONFIG).and_then(Node::as_mapping_mut) {
        config.retain(|entry| match entry.key.as_str() {
            "loggerLevel" => entry.value.as_str() != Some("INFO"),
            "raiseOnError" => entry.value.as_bool() != Some(true),
            "successThreshold" => entry.value.as_i64() != Some(90),
            _ => true,
        });
    }
}

/// As the pods are told, else as the labels do, else as the workflow tells.
fn pipeline_type(
    workflow: &Node,
    label: Option<&str>,
    scheduled: Option<&Scheduled>,
) -> Option<PipelineType> {
    let told = scheduled.and_then(|scheduled| {
        scheduled::variable(scheduled.kind, &scheduled.object, "pipelineType")?
            .get("value")?
            .as_str()
    });
    let is = |text: &str| {
        PipelineType::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text))
    };
    told.and_then(is).or_else(|| label.and_then(is)).or_else(|| kind::pipeline_type(workflow))
}

fn without_config_map(scheduled: &Scheduled) -> Diagnostic {
    let Scheduled { kind, name, config_map, span, .. } = scheduled;
    let message = format!("{} `{name}` reads a workflow that is not here", kind.as_str());
    Diagnostic::error(&code::IMPORT_NO_CONFIG_MAP, *span, message)
        .with_note(format!("its pods read it from the ConfigMap `{config_map}`"))
        .with_help("export both: `kubectl get configmap,cronjob,cronomjob -o yaml`")
}

fn two_schedules(config_map: &ConfigMap, first: &Scheduled, other: &Scheduled) -> Diagnostic {
    let message = format!(
        "{} `{}` and {} `{}` run the same pipeline",
        first.kind.as_str(),
        first.name,
        other.kind.as_str(),
        other.name
    );
    Diagnostic::error(&code::IMPORT_TWO_SCHEDULES, other.span, message)
        .with_related(first.span, "the first")
        .with_secret(config_map.text_span)
        .with_note("OpenMetadata leaves the one behind when it is switched to the other")
        .with_help("leave the one out that is not to run any more, and delete it in the cluster")
}
