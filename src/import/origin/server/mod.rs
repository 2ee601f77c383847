//! What OpenMetadata's server exports: ingestion pipelines, and services.
//!
//! In: answers of `GET /v1/services/ingestionPipelines` and of `GET /v1/services/databaseServices`
//! and its siblings, page by page, as bare lists or as single entities; and the files that
//! OpenMetadata's Airflow keeps of its pipelines, which hold the same entity. Out: a draft for each
//! pipeline, and a record of each service that one of them names.

mod entity;
mod workflow;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Number;

use super::Input;
use crate::diagnostic::{Diagnostics, counted};
use crate::import::draft::{Drafts, Form, Record, Routes};
use crate::import::report::Note;
use crate::tree::{Mapping, Node, Value};

/// What an export masks a secret with, for the lifter to put a reference in its place.
const MASKED: &str = "*********";

/// Where an export has what a workflow has.
const ROUTES: Routes = &[
    ("appConfig", "sourceConfig.config.appConfig"),
    ("appPrivateConfig", "sourceConfig.config.appPrivateConfig"),
    ("source.serviceConnection", "connection"),
    ("source.sourceConfig", "sourceConfig"),
    ("workflowConfig.openMetadataServerConfig", "openMetadataServerConnection"),
];

/// All that was exported.
#[derive(Debug, Default)]
pub(crate) struct Export {
    pipelines: Vec<Input>,
    services: Vec<Input>,
    /// How many pipelines the server has, as the pages say.
    total: Option<u64>,
}

impl Export {
    /// Whether a document is an export: a page of a list, a list, or one entity.
    pub(super) fn is_one(document: &Node) -> bool {
        let all = |items: &[Node]| items.iter().all(|item| is_pipeline(item) || is_service(item));
        match items(document) {
            Some(items) if document.get("paging").is_some() => all(items),
            Some(items) => !items.is_empty() && all(items),
            None => is_pipeline(document) || is_service(document),
        }
    }

    /// Files what a document exports.
    pub(super) fn take(&mut self, document: Input) {
        let total = document.node.at_route(&["paging", "total"]).and_then(Node::as_i64);
        let items = match items(&document.node) {
            Some(items) => items.to_vec(),
            None => vec![document.node],
        };
        if let (Some(total), Some(true)) = (total, items.first().map(is_pipeline)) {
            self.total = self.total.max(u64::try_from(total).ok());
        }
        for node in items {
            let name = document.name.clone();
            let pile = if is_pipeline(&node) { &mut self.pipelines } else { &mut self.services };
            pile.push(Input { name, node: without_nulls(node) });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pipelines.is_empty()
    }

    /// The drafts of the pipelines, in the order of their fully qualified names.
    pub(super) fn drafts(self, drafts: &mut Drafts, found: &mut Diagnostics) {
        let Self { mut pipelines, services, total } = self;
        pipelines.sort_by_cached_key(|input| (entity::label(&input.node), input.name.clone()));
        let mut records = records(services);
        let mut used = BTreeSet::new();
        let (mut distinct, mut server) = (BTreeSet::new(), None);
        for Input { name, node } in &pipelines {
            distinct.insert(entity::label(node));
            server = server.or_else(|| server_of(node));
            if let Some(draft) = entity::draft(name, node, &mut drafts.notes, found) {
                if let Form::Partial { service: Some(service) } = &draft.form {
                    used.insert(service.clone());
                }
                drafts.pipelines.push(draft);
            }
        }
        if let Some(total) = total.filter(|total| *total > distinct.len() as u64) {
            let text = format!(
                "the server has {}, and the export holds {}: get the other pages too (`?limit=1000`, then `&after=…`)",
                counted(usize::try_from(total).unwrap_or(usize::MAX), "pipeline"),
                distinct.len()
            );
            drafts.notes.push(Note { file: String::new(), text });
        }
        for name in used {
            let unknown = || Record {
                stands_in: String::new(),
                routes: ROUTES,
                name: name.clone(),
                service_type: String::new(),
                connection: None,
            };
            drafts.records.push(records.remove(&name).unwrap_or_else(unknown));
        }
        for record in records.into_values() {
            let text = "no pipeline ingests from it, so it is left out".to_owned();
            drafts.notes.push(Note { file: record.stands_in, text });
        }
        drafts.server = server;
    }
}

/// The entities of a page or a list.
fn items(document: &Node) -> Option<&[Node]> {
    document.as_sequence().or_else(|| document.get("data")?.as_sequence())
}

fn is_pipeline(node: &Node) -> bool {
    node.get("pipelineType").is_some()
        && (node.get("sourceConfig").is_some() || node.get("airflowConfig").is_some())
}

fn is_service(node: &Node) -> bool {
    let is_text = |key| node.get(key).and_then(Node::as_str).is_some();
    is_text("name") && is_text("serviceType") && node.get("pipelineType").is_none()
}

/// The services by their names. OpenMetadata's names are distinct within a kind of service; of two
/// kinds with one name, the first file's wins.
fn records(mut services: Vec<Input>) -> BTreeMap<String, Record> {
    services.sort_by(|one, other| one.name.cmp(&other.name));
    let mut records = BTreeMap::new();
    for Input { name: file, node } in services {
        let text = |key| node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
        let name = text("name");
        let connection = node.get("connection").filter(|node| node.as_mapping().is_some());
        records.entry(name.clone()).or_insert_with(|| Record {
            stands_in: format!("{file}: {name}"),
            routes: ROUTES,
            name,
            // As OpenMetadata itself makes a source's type of it.
            service_type: text("serviceType").to_lowercase(),
            connection: connection.cloned(),
        });
    }
    records
}

/// How the server is reached, as far as the address tells under which it gave the entity. The token
/// is never in an export.
fn server_of(entity: &Node) -> Option<Node> {
    let (host_port, _) = entity.get("href")?.as_str()?.split_once("/v1/")?;
    let security = Mapping::of([("jwtToken", Node::new(MASKED))]);
    Some(Node::new(Mapping::of([
        ("hostPort", Node::new(host_port)),
        ("authProvider", Node::new("openmetadata")),
        ("securityConfig", Node::new(security)),
    ])))
}

/// A null in an entity is a field that was not set.
fn without_nulls(mut node: Node) -> Node {
    match &mut node.value {
        Value::Mapping(entries) => {
            entries.retain(|entry| !entry.value.is_null());
            for entry in entries.iter_mut() {
                entry.value = without_nulls(std::mem::replace(&mut entry.value, Node::new(false)));
            }
        }
        Value::Sequence(items) => {
            for item in items.iter_mut() {
                *item = without_nulls(std::mem::replace(item, Node::new(false)));
            }
        }
        _ => {}
    }
    node
}

/// Whether a value says nothing: nothing chosen, or an empty list.
fn says_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Sequence(items) => items.is_empty(),
        Value::Mapping(entries) => entries.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn number(value: i64) -> Node {
    Node::new(Value::Number(Number::from(value)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pages_lists_and_single_entities_are_known_by_what_they_hold() {
        let pipeline = json!({"name": "a", "pipelineType": "metadata", "sourceConfig": {}, "airflowConfig": {}});
        let service = json!({"name": "s", "serviceType": "Mysql"});
        let is_one = |value: serde_json::Value| Export::is_one(&Node::from(value));
        assert!(is_one(pipeline.clone()) && is_one(service.clone()));
        assert!(is_one(json!([pipeline, service])));
        assert!(is_one(json!({"data": [pipeline], "paging": {"total": 1}})));
        assert!(is_one(json!({"data": [], "paging": {"total": 0}})), "a page may be empty");
        assert!(!is_one(json!([])) && !is_one(json!({"data": []})));
        assert!(!is_one(json!([pipeline, {"name": "other"}])));
        assert!(!is_one(json!({"source": {"type": "mysql"}, "workflowConfig": {}})));
    }

    #[test]
    fn the_address_of_an_entity_tells_that_of_the_server() {
        let entity = json!({"href": "http://om:8585/api/v1/services/ingestionPipelines/6f"});
        let server = server_of(&Node::from(entity)).unwrap();
        assert_eq!(server.get("hostPort").and_then(Node::as_str), Some("http://om:8585/api"));
        assert!(server_of(&Node::from(json!({"href": "x"}))).is_none());
    }
}
