//! The texts of the definitions that an import writes.
//!
//! In: names and trees. Out: YAML in ompipe's canonical form, opened by the line from which editors
//! know the schema.

use super::draft::Timing;
use crate::definition::{API_VERSION, Kind, PipelineType};
use crate::tree::{Mapping, Node};
use crate::yaml;

/// What a pipeline's file shows where a schedule goes.
const NO_SCHEDULE: &str =
    "  # schedule: \"0 3 * * *\"   # without one it is rendered suspended, to be started by hand\n";

/// What a service's file shows where nothing told the connector.
const NO_TYPE: &str =
    "  # the connector, as in `source.type` of a workflow: mysql, snowflake, tableau\n";

/// `ompipe.yaml`.
pub(super) struct Project<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// How the server is reached.
    pub(super) open_metadata: Option<Node>,
    /// The version of OpenMetadata's schema.
    pub(super) version: Option<&'a str>,
    /// Parameters for all pipelines.
    pub(super) kubernetes: Mapping,
}

/// A file of `pipelines/`.
pub(super) struct Pipeline<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// The service that it names.
    pub(super) service: Option<&'a str>,
    /// What it does.
    pub(super) pipeline_type: PipelineType,
    /// When it runs.
    pub(super) timing: &'a Timing,
    /// What it is for.
    pub(super) description: Option<&'a str>,
    /// What the layers below leave to say.
    pub(super) workflow: Mapping,
    /// Parameters for it alone.
    pub(super) kubernetes: Mapping,
    /// Fields of its pods.
    pub(super) pod_template: Mapping,
}

/// The text of `ompipe.yaml`.
pub(super) fn project(schema: Option<&str>, project: Project<'_>) -> String {
    let Project { name, open_metadata, version, kubernetes } = project;
    let mut spec = Mapping::new();
    if let Some(version) = version {
        spec.insert("openMetadataVersion", Node::new(version));
    }
    if let Some(open_metadata) = open_metadata {
        spec.insert("openMetadata", open_metadata);
    }
    insert_unless_empty(&mut spec, "kubernetes", kubernetes);
    text(schema, Kind::IngestionProject, name, spec)
}

/// A file of `services/`; without a connection OpenMetadata's own record is used.
pub(super) fn service(
    schema: Option<&str>,
    name: &str,
    service_type: &str,
    connection: Option<Node>,
) -> String {
    let mut spec = Mapping::from_iter([("type", Node::new(service_type))]);
    if let Some(connection) = connection {
        spec.insert("connection", connection);
    }
    let text = text(schema, Kind::ServiceConnection, name, spec);
    if !service_type.is_empty() {
        return text;
    }
    text.replacen("\nspec:\n", &format!("\nspec:\n{NO_TYPE}"), 1)
}

/// A file of `pipelines/`.
pub(super) fn pipeline(schema: Option<&str>, pipeline: Pipeline<'_>) -> String {
    let Pipeline {
        name,
        service,
        pipeline_type,
        timing,
        description,
        workflow,
        kubernetes,
        pod_template,
    } = pipeline;
    let Timing { schedule, time_zone, enabled } = timing;
    let mut spec = Mapping::new();
    if let Some(service) = service {
        spec.insert("service", Node::new(service));
    }
    spec.insert("type", Node::new(pipeline_type.as_str()));
    if let Some(schedule) = schedule {
        spec.insert("schedule", Node::new(schedule.as_str()));
    }
    if let Some(time_zone) = time_zone {
        spec.insert("timeZone", Node::new(time_zone.as_str()));
    }
    if !enabled {
        spec.insert("enabled", Node::new(false));
    }
    if let Some(description) = description {
        spec.insert("description", Node::new(description));
    }
    insert_unless_empty(&mut spec, "workflow", workflow);
    insert_unless_empty(&mut spec, "kubernetes", kubernetes);
    insert_unless_empty(&mut spec, "podTemplate", pod_template);
    let text = text(schema, Kind::IngestionPipeline, name, spec);
    if schedule.is_some() {
        return text;
    }
    let line = format!("\n  type: {}\n", pipeline_type.as_str());
    text.replacen(&line, &format!("{line}{NO_SCHEDULE}"), 1)
}

fn insert_unless_empty(spec: &mut Mapping, key: &'static str, value: Mapping) {
    if !value.is_empty() {
        spec.insert(key, Node::new(value));
    }
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

    fn usage(timing: &Timing) -> String {
        let pipeline = Pipeline {
            name: "a",
            service: Some("b"),
            pipeline_type: PipelineType::Usage,
            timing,
            description: None,
            workflow: Mapping::new(),
            kubernetes: Mapping::new(),
            pod_template: Mapping::new(),
        };
        super::pipeline(Some("x.json"), pipeline)
    }

    #[test]
    fn a_pipeline_shows_where_its_schedule_goes() {
        let text = usage(&Timing::default());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "# yaml-language-server: $schema=x.json");
        let at = lines.iter().position(|line| *line == "  type: usage").unwrap();
        assert!(lines[at + 1].starts_with("  # schedule:"), "{text}");
        let timing = Timing { schedule: Some("@daily".to_owned()), ..Timing::default() };
        assert!(!usage(&timing).contains("# schedule"), "it has one");
    }

    #[test]
    fn a_service_of_unknown_type_says_what_goes_there() {
        let text = service(None, "orders", "", None);
        assert!(text.contains("spec:\n  # the connector"), "{text}");
    }
}
