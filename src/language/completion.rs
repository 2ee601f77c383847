//! What may be written at the cursor: keys and values from the schemas, names from the project.
//!
//! In: a project, a file of it and a byte. Out: the protocol's items, each with the edit that puts
//! it there. It offers names of Secrets and keys in them, never what they hold.

use std::collections::BTreeSet;
use std::path::Path;

use compact_str::CompactString;
use jiff::tz::TimeZoneDatabase;
use serde_json::Value as Json;
use tower_lsp_server::ls_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, Documentation, InsertTextFormat,
    InsertTextMode, MarkupContent, MarkupKind, TextEdit,
};

use super::Client;
use super::cursor::{Cursor, Place, Step};
use super::project::Project;
use super::schemas::Told;
use crate::definition::{API_VERSION, Kind};
use crate::model::secret_reference::SECRET_KEY_REF;
use crate::tree::Node;
use crate::yaml::scalar::needs_quotes;

/// What may be written at a byte of a file.
pub fn complete(
    project: &Project,
    path: &Path,
    offset: usize,
    client: Client,
) -> Vec<CompletionItem> {
    let Some(file) = project.file(path) else { return Vec::new() };
    let text = file.text.as_str();
    let Some(cursor) = Cursor::at(text, offset) else { return Vec::new() };
    let document = cursor.without_word();
    let is_pipeline = document.get("kind").and_then(Node::as_str).and_then(Kind::find)
        == Some(Kind::IngestionPipeline);
    let workflow = is_pipeline.then(|| project.workflow(&document));
    let told = project.schemas.at(&document, workflow.as_ref(), &cursor.route);
    let line_start = text[..cursor.word.start].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line_start..cursor.word.start];
    let mut items = Items {
        client,
        range: file.text.lines(cursor.word.clone(), client.encoding),
        quote: text[cursor.word.clone()].chars().next().filter(|first| ['"', '\''].contains(first)),
        indent: before.chars().count(),
        is_line: before.chars().all(|character| character == ' ' || character == '-'),
        found: Vec::new(),
    };
    match cursor.place {
        Place::Key { colon } => {
            let present = cursor.node().and_then(Node::as_mapping);
            let own = u32::try_from(cursor.word.start).unwrap_or(u32::MAX);
            let others = present.into_iter().flatten().filter(|entry| entry.key_span.start != own);
            let others = others.map(|entry| entry.key.as_str()).collect::<Vec<_>>();
            items.keys(&cursor.route, &told, &others, colon);
        }
        Place::Value => {
            items.values(project, &document, &cursor.route, &told, &cursor.typed);
            if items.is_line {
                items.keys(&cursor.route, &told, &[], false);
                if cursor.route.is_empty() && client.snippets {
                    items.definitions(project.schemas.of_any_kind());
                }
            }
        }
    }
    items.found
}

struct Items {
    client: Client,
    range: tower_lsp_server::ls_types::Range,
    /// The quote that the word begins with.
    quote: Option<char>,
    /// How many characters stand before the word.
    indent: usize,
    /// Whether nothing else stands before the word on its line, so that lines may follow.
    is_line: bool,
    found: Vec<CompletionItem>,
}

impl Items {
    fn keys(&mut self, route: &[Step], told: &[Told<'_>], present: &[&str], colon: bool) {
        let is_reference = matches!(route.last(), Some(Step::Key(key)) if key == SECRET_KEY_REF);
        if is_reference {
            for (name, help) in [("name", "The Secret."), ("key", "The key in it.")] {
                if !present.contains(&name) {
                    let text = if colon { name.to_owned() } else { format!("{name}: ") };
                    self.push(name, CompletionItemKind::FIELD, &text, None, Some(help.to_owned()));
                }
            }
            return;
        }
        let mut seen = present.to_vec();
        for one in told {
            for field in one.shape.fields() {
                // What ours leaves open, OpenMetadata's and Kubernetes' know better.
                let better = told.iter().filter(|other| other.of != one.of).find_map(|other| {
                    other.shape.fields().into_iter().find(|other| other.name == field.name)
                });
                if seen.contains(&field.name) {
                    continue;
                }
                seen.push(field.name);
                let best = better.as_ref().unwrap_or(&field);
                let text = self.entry(field.name, &best.shape, colon);
                let types = best.shape.types().join(" or ");
                let required = field.required || best.required;
                let detail = match (types.is_empty(), required) {
                    (true, false) => None,
                    (true, true) => Some("required".to_owned()),
                    (false, false) => Some(types),
                    (false, true) => Some(format!("{types}, required")),
                };
                let help = field.shape.description().or_else(|| best.shape.description());
                let item = self.push(
                    field.name,
                    CompletionItemKind::FIELD,
                    &text,
                    detail,
                    help.map(str::to_owned),
                );
                item.sort_text = Some(format!("{}{}", u8::from(!required), field.name));
            }
        }
    }

    /// What is written for a key: with its colon, and with the way to go on.
    fn entry(&self, name: &str, shape: &super::shape::Shape<'_>, colon: bool) -> String {
        let lines = |inner: &str| format!("{name}:\n{}{inner}", " ".repeat(self.indent + 2));
        if colon {
            name.to_owned()
        } else if shape.is_secret() && self.client.snippets {
            format!("{name}: {{{SECRET_KEY_REF}: {{name: ${{1:name}}, key: ${{2:key}}}}}}")
        } else if self.is_line && shape.is_sequence() && shape.types() == ["array"] {
            lines("- ")
        } else if self.is_line && shape.is_mapping() && !shape.types().contains(&"string") {
            lines("")
        } else {
            format!("{name}: ")
        }
    }

    fn values(
        &mut self,
        project: &Project,
        document: &Node,
        route: &[Step],
        told: &[Told<'_>],
        typed: &str,
    ) {
        let kind = document.get("kind").and_then(Node::as_str).and_then(Kind::find);
        let keys = route.iter().map_while(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Item(_) => None,
        });
        match (kind, keys.collect::<Vec<_>>().as_slice()) {
            (_, ["kind"]) => {
                for kind in Kind::ALL {
                    let schema = project.schemas.at(
                        &Node::from(serde_json::json!({"kind": kind.as_str()})),
                        None,
                        &[],
                    );
                    let help = schema.first().and_then(|told| told.shape.description());
                    self.value(kind.as_str(), CompletionItemKind::CLASS, None, help);
                }
            }
            (_, ["apiVersion"]) => {
                self.value(API_VERSION, CompletionItemKind::CONSTANT, None, None);
            }
            (Some(Kind::IngestionPipeline), ["spec", "service"]) => {
                for (path, service) in project.definitions(Kind::ServiceConnection) {
                    let connector = service.connector.as_deref().unwrap_or_default();
                    let detail = format!("{connector}, {}", path.display());
                    let name = &service.name.name;
                    self.value(name, CompletionItemKind::REFERENCE, Some(detail), None);
                }
            }
            (Some(Kind::IngestionPipeline), ["spec", "timeZone"]) => {
                let typed = typed.to_lowercase();
                for zone in TimeZoneDatabase::bundled().available() {
                    if zone.as_str().to_lowercase().contains(&typed) {
                        self.value(zone.as_str(), CompletionItemKind::CONSTANT, None, None);
                    }
                }
            }
            (Some(Kind::ServiceConnection), ["spec", "type"]) => {
                let services = project.definitions(Kind::ServiceConnection);
                let used = services.filter_map(|(_, one)| one.connector.clone());
                for connector in used.collect::<BTreeSet<CompactString>>() {
                    self.value(&connector, CompletionItemKind::VALUE, None, None);
                }
                self.listed(told);
            }
            (_, [.., SECRET_KEY_REF, "name"]) => {
                for name in project.secret_names() {
                    self.value(name, CompletionItemKind::REFERENCE, Some("Secret".into()), None);
                }
            }
            (_, [.., SECRET_KEY_REF, "key"]) => {
                let above = &route[..route.len() - 1];
                let name = super::cursor::node_at(document, above).and_then(|one| one.get("name"));
                let name = name.and_then(Node::as_str).unwrap_or_default();
                for key in project.secret_keys(name) {
                    let detail = format!("key of the Secret {name}");
                    self.value(key, CompletionItemKind::REFERENCE, Some(detail), None);
                }
            }
            _ => self.listed(told),
        }
        let is_secret = told.iter().any(|one| one.shape.is_secret());
        if is_secret && typed.is_empty() && self.quote.is_none() {
            let text = match self.client.snippets {
                true => format!("{{{SECRET_KEY_REF}: {{name: ${{1:name}}, key: ${{2:key}}}}}}"),
                false => format!("{{{SECRET_KEY_REF}: {{name: , key: }}}}"),
            };
            let help = "The key of a Kubernetes Secret that holds the value.".to_owned();
            let kind = CompletionItemKind::SNIPPET;
            self.push(SECRET_KEY_REF, kind, &text, None, Some(help));
        }
    }

    /// What the schemas list: values, or examples where they list none.
    fn listed(&mut self, told: &[Told<'_>]) {
        let seen = |items: &Self, label: &str| items.found.iter().any(|item| item.label == label);
        for (value, meaning) in told.iter().flat_map(|one| one.shape.values()) {
            if !seen(self, &value) {
                self.value(&value, CompletionItemKind::ENUM_MEMBER, None, meaning);
            }
        }
        if told.iter().all(|one| one.shape.values().is_empty()) {
            let defaults = told.iter().filter_map(|one| one.shape.default());
            let examples = told.iter().flat_map(|one| one.shape.examples());
            for (value, detail) in defaults
                .map(|value| (value, "default"))
                .chain(examples.map(|value| (value, "example")))
            {
                let text = match value {
                    Json::String(text) => text.clone(),
                    Json::Number(_) | Json::Bool(_) => value.to_string(),
                    _ => continue,
                };
                if !text.is_empty() && !seen(self, &text) {
                    let kind = CompletionItemKind::VALUE;
                    if value.is_string() {
                        self.value(&text, kind, Some(detail.to_owned()), None);
                    } else {
                        self.push(&text, kind, &text, Some(detail.to_owned()), None);
                    }
                }
            }
        }
    }

    /// A text as a value, in quotes where it needs them.
    fn value(
        &mut self,
        text: &str,
        kind: CompletionItemKind,
        detail: Option<String>,
        help: Option<&str>,
    ) {
        let written = match self.quote {
            Some(quote) => format!("{quote}{text}{quote}"),
            // Listed values may be booleans and numbers; those are written as they are.
            None if needs_quotes(text) && kind != CompletionItemKind::ENUM_MEMBER => {
                format!("\"{text}\"")
            }
            None => text.to_owned(),
        };
        let is_quoted = self.quote.is_some();
        let item = self.push(text, kind, &written, detail, help.map(str::to_owned));
        if is_quoted {
            item.filter_text = Some(written);
        }
    }

    /// Whole definitions, for a document that has nothing yet.
    fn definitions(&mut self, schema: &Json) {
        let snippets = schema.get("defaultSnippets").and_then(Json::as_array);
        for snippet in snippets.into_iter().flatten() {
            let text = |key: &str| snippet.get(key).and_then(Json::as_str).unwrap_or_default();
            let mut body = String::new();
            if let Some(json) = snippet.get("body") {
                write_block(json, 0, &mut body);
            }
            let help = text("description").to_owned();
            let kind = CompletionItemKind::SNIPPET;
            self.push(text("label"), kind, body.trim_start(), None, Some(help));
        }
    }

    fn push(
        &mut self,
        label: &str,
        kind: CompletionItemKind,
        text: &str,
        detail: Option<String>,
        help: Option<String>,
    ) -> &mut CompletionItem {
        let is_snippet = text.contains("${");
        let edit = TextEdit { range: self.range, new_text: text.to_owned() };
        let markdown = |value| MarkupContent { kind: MarkupKind::Markdown, value };
        self.found.push(CompletionItem {
            label: label.to_owned(),
            kind: Some(kind),
            detail,
            documentation: help.map(|help| Documentation::MarkupContent(markdown(help))),
            insert_text_format: is_snippet.then_some(InsertTextFormat::SNIPPET),
            // Lines that follow are indented already.
            insert_text_mode: text.contains('\n').then_some(InsertTextMode::AS_IS),
            text_edit: Some(CompletionTextEdit::Edit(edit)),
            ..CompletionItem::default()
        });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }
}

/// JSON as block YAML, its texts as they are: those of our snippets need no quotes.
fn write_block(json: &Json, indent: usize, out: &mut String) {
    match json {
        Json::Object(entries) => {
            for (key, value) in entries {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                out.push_str(key);
                out.push(':');
                write_block(value, indent + 2, out);
            }
        }
        Json::String(text) => {
            out.push(' ');
            out.push_str(text);
        }
        other => {
            out.push(' ');
            out.push_str(&other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::position::Text;
    use super::super::project::File;
    use super::super::project::tests::{PIPELINE, PROJECT, SERVICE, project};
    use super::super::schemas::Schemas;
    use super::*;

    /// `|` stands for the cursor. Label and what is written.
    fn offered(text: &str, snippets: bool) -> Vec<(String, String)> {
        let offset = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        let others = [("o.yaml", PROJECT), ("s.yaml", SERVICE), ("x.yaml", text.as_str())];
        let client = Client { snippets, ..Client::default() };
        let items = complete(&project(&others), Path::new("x.yaml"), offset, client);
        let written = |item: CompletionItem| match item.text_edit {
            Some(CompletionTextEdit::Edit(edit)) => (item.label, edit.new_text),
            _ => (item.label, String::new()),
        };
        items.into_iter().map(written).collect()
    }

    fn labels(text: &str) -> Vec<String> {
        offered(text, false).into_iter().map(|(label, _)| label).collect()
    }

    fn pipeline(spec: &str) -> String {
        format!("kind: IngestionPipeline\nmetadata: {{name: p}}\nspec:\n{spec}\n")
    }

    #[test]
    fn keys_are_those_of_the_kind_without_those_that_are_there() {
        let labels = labels(&pipeline("  service: sf\n  |"));
        assert!(labels.contains(&"schedule".to_owned()), "{labels:?}");
        assert!(labels.contains(&"type".to_owned()) && !labels.contains(&"service".to_owned()));
        assert!(!labels.contains(&"openMetadata".to_owned()));
    }

    #[test]
    fn a_key_of_a_mapping_goes_on_in_the_next_line_and_a_scalar_on_its_own() {
        let offered = offered(&pipeline("  type: metadata\n  |"), false);
        let of = |label: &str| offered.iter().find(|(one, _)| one == label).unwrap().1.as_str();
        assert_eq!(of("kubernetes"), "kubernetes:\n    ");
        assert_eq!(of("schedule"), "schedule: ");
        let colon = super::tests::offered(&pipeline("  sched|: x"), false);
        assert!(colon.contains(&("schedule".to_owned(), "schedule".to_owned())));
    }

    #[test]
    fn values_are_listed_by_the_schema_or_known_to_the_project() {
        assert!(labels(&pipeline("  type: |")).contains(&"profiler".to_owned()));
        assert_eq!(labels(&pipeline("  service: |")), ["sf"]);
        assert_eq!(offered(&pipeline("  service: \"|\""), false)[0].1, "\"sf\"");
        assert_eq!(labels(&pipeline("  timeZone: zuri|")), ["Europe/Zurich"]);
        assert_eq!(labels("kind: |").len(), 3);
        let switched = labels(&pipeline("  kubernetes:\n    useOMJobOperator: |"));
        assert_eq!(switched, ["true", "false"]);
    }

    #[test]
    fn a_secret_and_its_keys_are_offered_by_name_and_never_by_value() {
        let spec = "  workflow: {source: {x: {secretKeyRef: {name: |, key: }}}}";
        assert_eq!(labels(&pipeline(spec)), ["bot", "snow"]);
        let spec = "  workflow:\n    x:\n      secretKeyRef:\n        name: snow\n        key: |";
        assert_eq!(labels(&pipeline(spec)), ["pw"]);
        assert_eq!(labels(&pipeline("  workflow: {x: {secretKeyRef: {|")), ["name", "key"]);
    }

    #[test]
    fn a_pod_template_is_completed_from_the_types_of_kubernetes() {
        let spec = "  podTemplate:\n    spec:\n      tolerations:\n        - key: x\n          |";
        assert!(labels(&pipeline(spec)).contains(&"tolerationSeconds".to_owned()));
        let spec = "  podTemplate:\n    spec:\n      restartPolicy: |";
        assert!(labels(&pipeline(spec)).contains(&"Never".to_owned()));
    }

    /// OpenMetadata's schema with two connectors, as an import leaves it.
    const BUNDLE: &str = r##"{
        "openMetadataVersion": "1.2.3",
        "properties": {"source": {"properties": {"serviceConnection": {"anyOf": [
            {"properties": {"config": {"anyOf": [{"$ref": "#/definitions/Snow"}, {"$ref": "#/definitions/My"}]}}},
            {"type": "null"}
        ]}}}},
        "definitions": {
            "Snow": {"type": "object", "properties": {"type": {"enum": ["Snowflake"]}, "warehouse": {"type": "string"},
                "role": {"enum": ["READER", "WRITER"]}, "password": {"type": "string", "format": "password"}}},
            "My": {"type": "object", "properties": {"type": {"enum": ["Mysql"]}, "hostPort": {"type": "string"}}}
        }
    }"##;

    fn offered_by_connector(text: &str) -> Vec<(String, String)> {
        let offset = text.find('|').unwrap();
        let mut project = project(&[("s.yaml", SERVICE)]);
        project.schemas = Schemas::new(Some(BUNDLE));
        project.put("x.yaml".into(), File::new(Text::new(text.replacen('|', "", 1))));
        let client = Client { snippets: true, ..Client::default() };
        let items = complete(&project, Path::new("x.yaml"), offset, client);
        let written = |item: CompletionItem| match item.text_edit {
            Some(CompletionTextEdit::Edit(edit)) => (item.label, edit.new_text),
            _ => (item.label, String::new()),
        };
        items.into_iter().map(written).collect()
    }

    fn labels_by_connector(text: &str) -> Vec<String> {
        offered_by_connector(text).into_iter().map(|(label, _)| label).collect()
    }

    #[test]
    fn the_fields_of_a_connection_are_those_of_its_connector() {
        let service = |config: &str| {
            format!("kind: ServiceConnection\nspec:\n  connection:\n    config:\n{config}\n")
        };
        let types = labels_by_connector(&service("      type: |"));
        assert_eq!(types, ["Snowflake", "Mysql"]);
        let fields = offered_by_connector(&service("      type: Snowflake\n      |"));
        let of = |label: &str| fields.iter().find(|(one, _)| one == label).map(|(_, text)| &**text);
        assert_eq!(of("warehouse"), Some("warehouse: "));
        assert_eq!(of("hostPort"), None);
        let secret = "password: {secretKeyRef: {name: ${1:name}, key: ${2:key}}}";
        assert_eq!(of("password"), Some(secret));
        let roles = labels_by_connector(&service("      type: Snowflake\n      role: |"));
        assert_eq!(roles, ["READER", "WRITER"]);
        let secrets = labels_by_connector(&service("      type: Snowflake\n      password: |"));
        assert_eq!(secrets, ["secretKeyRef"]);
    }

    #[test]
    fn a_pipeline_that_changes_its_connection_gets_the_fields_of_its_services_connector() {
        let spec = "  service: sf\n  workflow:\n    source:\n      serviceConnection:\n        config:\n          |";
        let labels = labels_by_connector(&pipeline(spec));
        assert!(labels.contains(&"warehouse".to_owned()), "{labels:?}");
        assert!(!labels.contains(&"hostPort".to_owned()), "{labels:?}");
    }

    #[test]
    fn snippets_are_for_clients_that_know_them() {
        let whole = offered("|", true);
        let of = |label: &str| whole.iter().find(|(one, _)| one == label).cloned();
        let (_, text) = of("ServiceConnection").unwrap();
        assert!(text.starts_with("kind: ServiceConnection\nmetadata:\n  name: ${1:"), "{text}");
        assert!(offered("|", false).iter().all(|(_, text)| !text.contains("${")));
    }

    #[test]
    fn every_place_of_every_prefix_of_a_definition_has_an_answer() {
        let mut project = project(&[("o.yaml", SERVICE)]);
        for text in [PROJECT, SERVICE, PIPELINE] {
            for (at, _) in text.char_indices() {
                project.put("x.yaml".into(), File::new(Text::new(&text[..at])));
                complete(&project, Path::new("x.yaml"), at, Client::default());
            }
        }
    }
}
