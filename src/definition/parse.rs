//! Sorts documents into definitions by kind, and reads them.
//!
//! In: documents. Out: the definitions that agree with the schema of their kind, those that do not
//! by name alone (so that a reference to one is no second finding), and the documents of other
//! systems.

use serde::Deserialize;

use super::deserialize::from_node;
use super::encrypted::{EncryptedFile, is_sops};
use super::json_schema::compiled;
use super::kinds::{Definition, IngestionPipeline, IngestionProject, Metadata, ServiceConnection};
use super::{API_VERSION, Kind};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, code, did_you_mean, nearest};
use crate::schema::Words;
use crate::tree::{Node, Span, Value};

/// What the documents hold, kind by kind, in written order.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    /// The projects. A set of files should hold one; that it does is checked where the files are
    /// known.
    pub projects: Vec<IngestionProject>,
    /// The services.
    pub services: Vec<ServiceConnection>,
    /// The pipelines.
    pub pipelines: Vec<IngestionPipeline>,
    /// Definitions with findings of their own, which are in none of the lists above.
    pub broken: Vec<Broken>,
    /// Documents whose `apiVersion` and `kind` are both of another system.
    pub foreign: Vec<Node>,
    /// Files of encrypted objects, to be passed on as they are.
    pub encrypted: Vec<EncryptedFile>,
}

/// A definition that does not agree with the schema of its kind.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Its kind, where that is known.
    pub kind: Option<Kind>,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The document.
    pub node: Node,
}

impl Definitions {
    /// Adds those of another file.
    pub fn append(&mut self, other: Definitions) {
        let Definitions { projects, services, pipelines, broken, foreign, encrypted } = other;
        self.projects.extend(projects);
        self.services.extend(services);
        self.pipelines.extend(pipelines);
        self.broken.extend(broken);
        self.foreign.extend(foreign);
        self.encrypted.extend(encrypted);
    }

    /// The first project.
    pub fn project(&self) -> Option<&IngestionProject> {
        self.projects.first()
    }

    /// Whether a definition of that kind and name exists but has findings of its own.
    pub fn is_broken(&self, kind: Kind, name: &str) -> bool {
        self.broken.iter().any(|broken| broken.may_be(kind, name))
    }
}

impl Broken {
    /// Whether it may have been meant as the definition of that kind and name.
    pub fn may_be(&self, kind: Kind, name: &str) -> bool {
        self.may_be_a(kind) && self.name.as_deref().is_none_or(|other| other == name)
    }

    /// Whether it may be a definition of that kind.
    pub fn may_be_a(&self, kind: Kind) -> bool {
        self.kind.is_none_or(|other| other == kind)
    }
}

/// Reads documents as definitions.
pub fn parse(documents: Vec<Node>, found: &mut Diagnostics) -> Definitions {
    let mut definitions = Definitions::default();
    for document in documents {
        match kind_of(&document, found) {
            Found::Foreign => definitions.foreign.push(document),
            Found::Unknown => definitions.broken.push(broken(None, document)),
            Found::Kind(kind) => add(&mut definitions, kind, document, found),
        }
    }
    definitions
}

/// Whether a document is of another system, so that nothing of it is ompipe's to judge.
pub fn is_foreign(document: &Node) -> bool {
    matches!(kind_of(document, &mut Diagnostics::default()), Found::Foreign)
}

enum Found {
    Kind(Kind),
    Foreign,
    Unknown,
}

fn kind_of(document: &Node, found: &mut Diagnostics) -> Found {
    let Some(mapping) = document.as_mapping() else {
        found.push(
            Diagnostic::error(
                &code::DEFINITION_KIND,
                document.span,
                format!("expected a definition, found {}", document.value.type_name()),
            )
            .with_help("a definition is a mapping with `kind`, `metadata` and `spec`"),
        );
        return Found::Unknown;
    };
    let Some(kind) = mapping.entry("kind") else {
        if is_sops(document) {
            return Found::Foreign;
        }
        let at = mapping.iter().next().map_or(document.span, |entry| entry.key_span);
        found.push(
            Diagnostic::error(&code::DEFINITION_KIND, at, "the definition has no `kind`")
                .with_help(format!(
                    "add `kind: {}`, `{}` or `{}`",
                    names()[2],
                    names()[1],
                    names()[0]
                )),
        );
        return Found::Unknown;
    };
    let Some(name) = kind.value.as_str() else {
        found.push(
            Diagnostic::error(
                &code::DEFINITION_KIND,
                kind.value.span,
                format!("expected the name of a kind, found {}", kind.value.value.type_name()),
            )
            .with_route("kind"),
        );
        return Found::Unknown;
    };
    if let Some(kind) = Kind::find(name) {
        return Found::Kind(kind);
    }
    let close = did_you_mean(name, names());
    let api_version = mapping.get("apiVersion").and_then(Node::as_str);
    if close.is_none() && api_version.is_some_and(|version| version != API_VERSION) {
        return Found::Foreign;
    }
    let finding = Diagnostic::error(
        &code::DEFINITION_KIND,
        kind.value.span,
        format!("unknown kind `{name}`"),
    )
    .with_route("kind");
    let kinds = || format!("the kinds are `{}`", names().join("`, `"));
    found.push(finding.with_help(close.unwrap_or_else(kinds)));
    Found::Unknown
}

fn names() -> [&'static str; 3] {
    Kind::ALL.map(Kind::as_str)
}

fn add(definitions: &mut Definitions, kind: Kind, document: Node, found: &mut Diagnostics) {
    let read = match kind {
        Kind::IngestionProject => {
            read(kind, document, found).map(|definition| definitions.projects.push(definition))
        }
        Kind::ServiceConnection => {
            read(kind, document, found).map(|definition| definitions.services.push(definition))
        }
        Kind::IngestionPipeline => {
            read(kind, document, found).map(|definition| definitions.pipelines.push(definition))
        }
    };
    if let Err(document) = read {
        definitions.broken.push(broken(Some(kind), document));
    }
}

/// The definition that a document of a known kind is, or why it is none, which is then among the
/// findings.
pub fn parse_as<Spec: for<'de> Deserialize<'de>>(
    kind: Kind,
    document: Node,
    found: &mut Diagnostics,
) -> Result<Definition<Spec>, Broken> {
    read(kind, document, found).map_err(|document| broken(Some(kind), document))
}

/// The definition, or the document again when it is not one.
fn read<Spec: for<'de> Deserialize<'de>>(
    kind: Kind,
    node: Node,
    found: &mut Diagnostics,
) -> Result<Definition<Spec>, Node> {
    #[derive(Deserialize)]
    struct Typed<Spec> {
        metadata: Metadata,
        spec: Spec,
    }
    let mut own = Diagnostics::default();
    let schema = compiled(kind);
    schema.check(schema.root(), &node, &Words::definition(), &mut own);
    let rest = if own.has_errors() { without_faults(node, &own) } else { Ok(node) };
    found.append(own);
    let node = rest?;
    match from_node(&node) {
        Ok(Typed { metadata, spec }) => Ok(Definition { metadata, spec, node }),
        Err(error) => {
            let span = if error.span.is_some() { error.span } else { node.span };
            found.push(Diagnostic::error(&code::SCHEMA_TYPE, span, error.message));
            Err(node)
        }
    }
}

/// The definition without the entries that the schema refuses, so that the rules look at the rest
/// in the same run. Nothing is rendered from it: there are errors. The definition as it was, when
/// what is left would be misread: without its service or workflow, or with a field missing, the
/// rules would find what is no second mistake.
fn without_faults(mut node: Node, found: &Diagnostics) -> Result<Node, Node> {
    let faults = found.iter().filter(|finding| finding.severity == Severity::Error);
    let faults = faults.collect::<Vec<_>>();
    if !faults.iter().all(|fault| is_separable(fault)) {
        return Err(node);
    }
    let spans = faults.iter().map(|fault| fault.span).collect::<Vec<_>>();
    remove(&mut node, &spans);
    Ok(node)
}

/// Whether the rest of a definition means the same without the entry at fault.
fn is_separable(fault: &Diagnostic) -> bool {
    const ALONE: [&str; 4] = ["schedule", "timeZone", "enabled", "description"];
    const MEANING: [&str; 4] = ["service", "type", "workflow", "connection"];
    let Some(field) = fault.route.strip_prefix("spec.") else {
        return false;
    };
    if *fault.code == code::SCHEMA_MISSING_FIELD {
        return false;
    }
    let is_unknown = *fault.code == code::SCHEMA_UNKNOWN_FIELD && !field.contains('.');
    ALONE.contains(&field)
        || field.starts_with("kubernetes.")
        || field.starts_with("environments.")
        || (is_unknown && nearest(field, MEANING).is_none())
}

/// Takes out the entries whose key or value is at one of the places.
fn remove(node: &mut Node, places: &[Span]) {
    if let Value::Sequence(items) = &mut node.value {
        items.retain(|item| !places.contains(&item.span));
        items.iter_mut().for_each(|item| remove(item, places));
    } else if let Some(mapping) = node.as_mapping_mut() {
        mapping.retain(|entry| {
            !places.contains(&entry.key_span) && !places.contains(&entry.value.span)
        });
        mapping.iter_mut().for_each(|entry| remove(&mut entry.value, places));
    }
}

fn broken(kind: Option<Kind>, document: Node) -> Broken {
    let name = document.at_route(&["metadata", "name"]).and_then(Node::as_str).map(str::to_owned);
    Broken { kind, name, node: document }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::definition::PipelineType;
    use crate::definition::parameters::{ExitHandler, Parameters};
    use crate::definition::written::{EnvVarItem, EnvVars, Names, Pairs, Quantity};

    fn parsed(documents: Vec<serde_json::Value>) -> (Definitions, Vec<Diagnostic>) {
        let mut found = Diagnostics::default();
        let definitions = parse(documents.into_iter().map(Node::from).collect(), &mut found);
        (definitions, found.into_sorted())
    }

    #[test]
    fn definitions_are_sorted_by_kind_and_keep_their_nodes() {
        let (definitions, found) = parsed(vec![
            json!({
                "apiVersion": API_VERSION,
                "kind": "IngestionProject",
                "metadata": {"name": "analytics"},
                "spec": {"openMetadata": {"hostPort": "http://om:8585/api"}},
            }),
            json!({
                "kind": "ServiceConnection",
                "metadata": {"name": "snowflake-prod"},
                "spec": {"type": "snowflake", "connection": {"config": {"type": "Snowflake"}}},
            }),
            json!({
                "kind": "IngestionPipeline",
                "metadata": {"name": "snowflake-metadata", "labels": {"team": "data"}},
                "spec": {
                    "service": "snowflake-prod",
                    "type": "metadata",
                    "schedule": "0 3 * * *",
                    "workflow": {"source": {"sourceConfig": {"config": {"type": "DatabaseMetadata"}}}},
                },
            }),
        ]);
        assert_eq!(found, []);
        let project = definitions.project().unwrap();
        assert_eq!(
            project.open_metadata().unwrap().get("hostPort").unwrap().as_str(),
            Some("http://om:8585/api")
        );
        assert_eq!(definitions.services[0].spec.service_type, "snowflake");
        let pipeline = &definitions.pipelines[0];
        assert_eq!(pipeline.name(), "snowflake-metadata");
        assert_eq!(pipeline.spec.pipeline_type, PipelineType::Metadata);
        assert!(pipeline.enabled());
        assert!(pipeline.workflow().unwrap().at_route(&["source", "sourceConfig"]).is_some());
        assert!(pipeline.kubernetes().is_none());
    }

    #[test]
    fn a_mistyped_kind_is_a_finding_and_a_document_of_another_system_is_not() {
        let (definitions, found) = parsed(vec![
            json!({"kind": "IngestionPipelin", "metadata": {"name": "a"}}),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "b"}}),
            json!({"apiVersion": "v1", "kind": "ServiceConection", "metadata": {"name": "c"}}),
            json!({"metadata": {"name": "d"}}),
        ]);
        let messages: Vec<_> = found.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "the definition has no `kind`",
                "unknown kind `IngestionPipelin`",
                "unknown kind `ServiceConection`",
            ]
        );
        assert_eq!(found[1].help.as_deref(), Some("did you mean `IngestionPipeline`?"));
        assert_eq!(definitions.foreign.len(), 1);
        assert!(definitions.is_broken(Kind::IngestionPipeline, "a"));
        assert!(!definitions.is_broken(Kind::IngestionPipeline, "b"));
    }

    #[test]
    fn a_definition_with_findings_is_left_out_but_its_name_is_kept() {
        let (definitions, found) = parsed(vec![json!({
            "kind": "ServiceConnection",
            "metadata": {"name": "shop"},
            "spec": {"type": "mysql", "conection": {}},
        })]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].code.id, "OMP0202");
        assert_eq!(found[0].route, "spec.conection");
        assert!(definitions.services.is_empty());
        assert!(definitions.is_broken(Kind::ServiceConnection, "shop"));
        assert!(!definitions.is_broken(Kind::IngestionPipeline, "shop"));
    }

    #[test]
    fn a_fault_that_stands_alone_does_not_keep_the_rules_from_the_rest() {
        let text = "kind: IngestionPipeline\nmetadata: {name: a}\nspec:\n  type: metadata\n  service: s\n  schedule: daily\n  \
                    timezone: UTC\n  kubernetes: {backoffLimit: many, nodeSelector: zone}\n";
        let mut found = Diagnostics::default();
        let documents = crate::yaml::read(
            crate::tree::SourceId(0),
            text,
            crate::yaml::Dialect::Definition,
            &mut found,
        );
        let definitions = parse(documents, &mut found);
        assert_eq!(found.iter().count(), 2);
        let pipeline = &definitions.pipelines[0];
        assert_eq!(pipeline.spec.schedule.as_deref(), Some("daily"));
        let kubernetes = pipeline.kubernetes().unwrap();
        assert!(
            kubernetes.get("backoffLimit").is_none() && kubernetes.get("nodeSelector").is_some()
        );
    }

    #[test]
    fn what_has_a_syntax_of_its_own_is_left_to_what_parses_it() {
        let (definitions, found) = parsed(vec![json!({
            "kind": "IngestionPipeline",
            "metadata": {"name": "a"},
            "spec": {"type": "metadata", "schedule": "every day", "kubernetes": {"nodeSelector": "a"}},
        })]);
        assert_eq!(found, []);
        assert_eq!(definitions.pipelines[0].spec.schedule.as_deref(), Some("every day"));
    }

    #[test]
    fn a_document_that_is_no_mapping_is_a_finding() {
        let (definitions, found) = parsed(vec![json!(["a"])]);
        assert_eq!(found[0].message, "expected a definition, found a sequence");
        assert_eq!(definitions.broken.len(), 1);
    }

    #[test]
    fn parameters_are_read_in_both_forms_and_a_whole_float_is_an_integer() {
        let node = Node::from(json!({
            "backoffLimit": 1.0,
            "imagePullSecrets": "a,b",
            "nodeSelector": {"zone": "a"},
            "podAnnotations": "k=v",
            "useOMJobOperator": true,
            "exitHandler": "sidecar",
            "resources": {"limits": {"memory": "8Gi", "cpu": 4}},
            "extraEnvVars": ["A:b", {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        }));
        let parameters: Parameters = from_node(&node).unwrap();
        assert_eq!(parameters.backoff_limit, Some(1));
        assert_eq!(parameters.image_pull_secrets, Some(Names::Text("a,b".into())));
        assert_eq!(
            parameters.node_selector,
            Some(Pairs::Mapping(vec![("zone".into(), "a".into())]))
        );
        assert_eq!(parameters.exit_handler, Some(ExitHandler::Sidecar));
        let Some(EnvVars::List(variables)) = &parameters.extra_env_vars else { panic!() };
        assert!(matches!(&variables[1], EnvVarItem::Mapping(variable) if variable.name == "C"));

        let resolved = parameters.resolve();
        let limits = resolved.resources.limits.unwrap();
        assert_eq!(limits.get("cpu"), Some(&Quantity("4".into())));
        assert_eq!(limits.get("memory"), Some(&Quantity("8Gi".into())));
        assert_eq!(resolved.resources.requests.unwrap().get("cpu"), Some(&Quantity("500m".into())));
        assert_eq!(resolved.namespace, "openmetadata-pipelines");
        assert!(resolved.use_om_job_operator);
    }

    #[test]
    fn every_pipeline_type_is_read_by_its_own_name() {
        for pipeline_type in PipelineType::ALL {
            let node = Node::from(json!(pipeline_type.as_str()));
            assert_eq!(from_node::<PipelineType>(&node).unwrap(), pipeline_type);
        }
    }
}
