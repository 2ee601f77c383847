//! The texts of the definitions that an import writes.
//!
//! In: names and trees. Out: YAML in ompipe's canonical form, opened by the line from which editors
//! know the schema.

use crate::definition::{API_VERSION, Kind, PipelineType};
use crate::tree::{Mapping, Node};
use crate::yaml;

/// What a pipeline's file shows where a schedule goes.
const NO_SCHEDULE: &str =
    "  # schedule: \"0 3 * * *\"   # without one it is rendered suspended, to be started by hand\n";

/// `ompipe.yaml`.
pub(super) fn project(
    schema: Option<&str>,
    name: &str,
    open_metadata: Option<Node>,
    version: Option<&str>,
) -> String {
    let mut spec = Mapping::new();
    if let Some(version) = version {
        spec.insert("openMetadataVersion", Node::new(version));
    }
    if let Some(open_metadata) = open_metadata {
        spec.insert("openMetadata", open_metadata);
    }
    text(schema, Kind::IngestionProject, name, spec)
}

/// A file of `services/`.
pub(super) fn service(
    schema: Option<&str>,
    name: &str,
    service_type: &str,
    connection: Node,
) -> String {
    let spec = Mapping::from_iter([("type", Node::new(service_type)), ("connection", connection)]);
    text(schema, Kind::ServiceConnection, name, spec)
}

/// A file of `pipelines/`.
pub(super) fn pipeline(
    schema: Option<&str>,
    name: &str,
    service: Option<&str>,
    pipeline_type: PipelineType,
    workflow: Mapping,
) -> String {
    let mut spec = Mapping::new();
    if let Some(service) = service {
        spec.insert("service", Node::new(service));
    }
    spec.insert("type", Node::new(pipeline_type.as_str()));
    if !workflow.is_empty() {
        spec.insert("workflow", Node::new(workflow));
    }
    let text = text(schema, Kind::IngestionPipeline, name, spec);
    let line = format!("\n  type: {}\n", pipeline_type.as_str());
    text.replacen(&line, &format!("{line}{NO_SCHEDULE}"), 1)
}

fn text(schema: Option<&str>, kind: Kind, name: &str, spec: Mapping) -> String {
    let definition = Mapping::from_iter([
        ("apiVersion", Node::new(API_VERSION)),
        ("kind", Node::new(kind.as_str())),
        ("metadata", Node::new(Mapping::from_iter([("name", Node::new(name))]))),
        ("spec", Node::new(spec)),
    ]);
    let mut text = schema
        .map_or(String::new(), |schema| format!("# yaml-language-server: $schema={schema}\n"));
    yaml::write(&Node::new(definition), &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_shows_where_its_schedule_goes() {
        let text = pipeline(Some("x.json"), "a", Some("b"), PipelineType::Usage, Mapping::new());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "# yaml-language-server: $schema=x.json");
        let at = lines.iter().position(|line| *line == "  type: usage").unwrap();
        assert!(lines[at + 1].starts_with("  # schedule:"), "{text}");
    }
}
