//! Layers of a workflow → the effective workflow.
//!
//! In: what the project, the service and the pipeline say, and OpenMetadata's defaults for the
//! pipeline's type. Out: one tree in which every leaf keeps the span of the layer that set it.
//! Nothing is checked here.

use std::collections::{HashMap, HashSet};

use crate::definition::PipelineType;
use crate::tree::{Mapping, Node, Value};

/// The order of a workflow's parts, as OpenMetadata's own examples have it.
const PARTS: [&str; 7] =
    ["source", "processor", "stage", "bulkSink", "sink", "workflowConfig", "ingestionPipelineFQN"];

/// Lays `over` on `base`: a mapping on a mapping entry by entry, anything else in place of what was
/// there.
pub fn merge(base: &mut Node, over: &Node) {
    if let (Value::Mapping(base), Value::Mapping(over)) = (&mut base.value, &over.value) {
        merge_mapping(base, over);
    } else {
        base.clone_from(over);
    }
}

/// Up to how many keys are looked for one after the other; beyond, a mapping is indexed, so that
/// one of 100,000 keys costs no more per key than a small one.
const FEW: usize = 32;

fn merge_mapping(base: &mut Mapping, over: &Mapping) {
    if base.len() > FEW && over.len() > FEW {
        return merge_large(base, over);
    }
    for entry in over {
        match base.get_mut(&entry.key) {
            Some(below) => merge(below, &entry.value),
            None => base.push(entry.clone()),
        }
    }
}

fn merge_large(base: &mut Mapping, over: &Mapping) {
    let values: HashMap<&str, &Node> =
        over.iter().map(|entry| (entry.key.as_str(), &entry.value)).collect();
    let mut merged = HashSet::new();
    for entry in base.iter_mut() {
        if let Some((key, value)) = values.get_key_value(entry.key.as_str()) {
            merge(&mut entry.value, value);
            merged.insert(*key);
        }
    }
    for entry in over.iter().filter(|entry| !merged.contains(entry.key.as_str())) {
        base.push(entry.clone());
    }
}

/// What the layers below a pipeline's own `workflow` say.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// `spec.openMetadata` of the IngestionProject.
    pub open_metadata: Option<&'a Node>,
    /// The ServiceConnection that the pipeline names.
    pub service: Option<ServiceLayer<'a>>,
    /// The pipeline's `spec.type`.
    pub pipeline_type: PipelineType,
    /// `spec.workflow` of the pipeline.
    pub workflow: Option<&'a Node>,
}

/// What a ServiceConnection gives to the workflows of its pipelines.
#[derive(Clone, Copy, Debug)]
pub struct ServiceLayer<'a> {
    /// `metadata.name`.
    pub name: &'a Node,
    /// `spec.type`.
    pub source_type: &'a Node,
    /// `spec.connection`.
    pub connection: Option<&'a Node>,
}

/// The effective workflow, without `ingestionPipelineFQN` unless the pipeline sets it.
pub fn effective_workflow(layers: Layers<'_>) -> Node {
    let Layers { open_metadata, service, pipeline_type, workflow } = layers;
    let mut parts = Mapping::with_capacity(PARTS.len());
    if let Some(service) = service {
        parts.insert("source", Node::new(source(service, pipeline_type)));
    }
    for (part, default) in defaults(pipeline_type) {
        parts.insert(*part, component(default));
    }
    if let Some(open_metadata) = open_metadata {
        let config = Mapping::from_iter([("openMetadataServerConfig", open_metadata.clone())]);
        parts.insert("workflowConfig", Node::new(config));
    }
    let mut effective = Node::new(parts);
    if let Some(workflow) = workflow {
        merge(&mut effective, workflow);
    }
    if let Some(parts) = effective.as_mapping_mut() {
        parts.sort_by_key(|entry| {
            PARTS.iter().position(|part| entry.key == part).unwrap_or(PARTS.len() - 1)
        });
    }
    effective
}

/// The `source` of a service's pipeline. OpenMetadata marks usage and lineage by a suffix of the
/// source's type, and knows dbt and test suites by the type alone; dbt reads no connection.
fn source(service: ServiceLayer<'_>, pipeline_type: PipelineType) -> Mapping {
    let ServiceLayer { name, source_type, connection } = service;
    let written = source_type.as_str().unwrap_or_default();
    let type_name = match pipeline_type {
        PipelineType::Usage => format!("{written}-usage"),
        PipelineType::Lineage => format!("{written}-lineage"),
        PipelineType::Dbt => "dbt".to_owned(),
        PipelineType::TestSuite => "TestSuite".to_owned(),
        _ => written.to_owned(),
    };
    let mut source = Mapping::with_capacity(4);
    source.insert("type", Node::at(type_name, source_type.span));
    source.insert("serviceName", name.clone());
    if let (Some(connection), false) = (connection, pipeline_type == PipelineType::Dbt) {
        source.insert("serviceConnection", connection.clone());
    }
    source
}

/// The components that OpenMetadata's ingestion needs for a type and whose configuration has no
/// choice worth writing in each pipeline.
fn defaults(pipeline_type: PipelineType) -> &'static [(&'static str, &'static str)] {
    match pipeline_type {
        PipelineType::Metadata | PipelineType::Lineage | PipelineType::Dbt => {
            &[("sink", "metadata-rest")]
        }
        PipelineType::Profiler | PipelineType::AutoClassification => {
            &[("processor", "orm-profiler"), ("sink", "metadata-rest")]
        }
        PipelineType::TestSuite => &[("processor", "orm-test-runner"), ("sink", "metadata-rest")],
        // Usage passes files between its components, and the search index and applications name
        // hosts: theirs to write.
        PipelineType::Usage
        | PipelineType::DataInsight
        | PipelineType::ElasticSearchReindex
        | PipelineType::Application => &[],
    }
}

fn component(type_name: &str) -> Node {
    Node::new(Mapping::from_iter([
        ("type", Node::new(type_name)),
        ("config", Node::new(Mapping::new())),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Entry, Span};
    use proptest::prelude::*;
    use serde_json::json;

    fn effective(
        pipeline_type: PipelineType,
        connection: Option<serde_json::Value>,
        workflow: serde_json::Value,
    ) -> serde_json::Value {
        let open_metadata = Node::from(json!({"hostPort": "http://om:8585/api"}));
        let (name, source_type) = (Node::new("sf"), Node::new("snowflake"));
        let connection = connection.map(Node::from);
        let workflow = Node::from(workflow);
        let node = effective_workflow(Layers {
            open_metadata: Some(&open_metadata),
            service: Some(ServiceLayer {
                name: &name,
                source_type: &source_type,
                connection: connection.as_ref(),
            }),
            pipeline_type,
            workflow: Some(&workflow),
        });
        (&node).into()
    }

    #[test]
    fn large_mappings_merge_like_small_ones() {
        let layer = |from: usize, value: usize| {
            let keys = (from..from + 60_000).map(|n| (format!("key{n}"), Node::new(value as i64)));
            Node::new(keys.collect::<Vec<_>>().into_iter().fold(
                Mapping::new(),
                |mut all, (key, value)| {
                    all.push(Entry { key: key.into(), key_span: Span::NONE, value });
                    all
                },
            ))
        };
        let mut base = layer(0, 1);
        merge(&mut base, &layer(30_000, 2));
        let merged: Vec<(&str, Option<i64>)> = base
            .as_mapping()
            .unwrap()
            .iter()
            .map(|entry| (entry.key.as_str(), entry.value.as_i64()))
            .collect();
        assert_eq!(merged.len(), 90_000);
        assert_eq!(merged[0], ("key0", Some(1)));
        assert_eq!(merged[30_000], ("key30000", Some(2)));
        assert_eq!(merged[89_999], ("key89999", Some(2)));
    }

    #[test]
    fn the_pipeline_wins_over_the_service_and_the_project() {
        let workflow = json!({
            "source": {"serviceConnection": {"config": {"warehouse": "large"}}, "sourceConfig": {"config": {"type": "DatabaseMetadata"}}},
            "workflowConfig": {"loggerLevel": "DEBUG"},
        });
        let connection = json!({"config": {"type": "Snowflake", "warehouse": "small"}});
        assert_eq!(
            effective(PipelineType::Metadata, Some(connection), workflow),
            json!({
                "source": {
                    "type": "snowflake", "serviceName": "sf",
                    "serviceConnection": {"config": {"type": "Snowflake", "warehouse": "large"}},
                    "sourceConfig": {"config": {"type": "DatabaseMetadata"}},
                },
                "sink": {"type": "metadata-rest", "config": {}},
                "workflowConfig": {"openMetadataServerConfig": {"hostPort": "http://om:8585/api"}, "loggerLevel": "DEBUG"},
            })
        );
    }

    #[test]
    fn the_type_of_the_source_follows_the_type_of_the_pipeline() {
        for (pipeline_type, expected) in [
            (PipelineType::Metadata, "snowflake"),
            (PipelineType::Usage, "snowflake-usage"),
            (PipelineType::Lineage, "snowflake-lineage"),
            (PipelineType::Profiler, "snowflake"),
            (PipelineType::Dbt, "dbt"),
            (PipelineType::TestSuite, "TestSuite"),
        ] {
            assert_eq!(effective(pipeline_type, None, json!({}))["source"]["type"], expected);
        }
    }

    #[test]
    fn a_list_replaces_a_list_and_null_replaces_a_value() {
        let mut base = Node::from(json!({"a": [1, 2], "b": {"c": 1, "d": 2}}));
        merge(&mut base, &Node::from(json!({"a": [3], "b": {"c": null}})));
        assert_eq!(serde_json::Value::from(&base), json!({"a": [3], "b": {"c": null, "d": 2}}));
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|value| json!(value)),
            any::<i64>().prop_map(|value| json!(value)),
            "[a-c]{0,2}".prop_map(|value| json!(value)),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
                prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    fn merged(base: &serde_json::Value, over: &serde_json::Value) -> serde_json::Value {
        let mut node = Node::from(base.clone());
        merge(&mut node, &Node::from(over.clone()));
        (&node).into()
    }

    proptest! {
        #[test]
        fn merging_the_same_twice_changes_nothing_more(base in any_json(), over in any_json()) {
            let once = merged(&base, &over);
            prop_assert_eq!(merged(&once, &over), once);
        }

        #[test]
        fn merging_is_associative(a in any_json(), b in any_json(), c in any_json()) {
            // Only where mappings lie on mappings: what replaces a mapping by a scalar forgets what
            // lay below.
            let (a, b, c) = (json!({"k": {"x": a}}), json!({"k": {"y": b}}), json!({"k": {"z": c}}));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        }
    }
}
