//! OpenMetadata's own examples against its own schemas.

use ompipe::diagnostic::Diagnostics;
use ompipe::tree::Node;
use serde_json::json;

use super::{bundle_of, examples, findings, pydantic_schema, small_workflow, spec_jar};

#[test]
fn openmetadatas_examples_agree_with_the_schema_of_their_version() {
    let Some(path) = pydantic_schema() else {
        return;
    };
    let (bundle, _) = bundle_of(&path, None);
    for (name, workflow) in examples() {
        let mut found = Diagnostics::default();
        bundle.check_workflow(&Node::from(workflow), &mut found);
        assert!(!found.has_errors(), "{name}: {found:?}");
    }
}

#[test]
fn against_an_older_version_exactly_what_is_newer_is_found() {
    let Some(path) = spec_jar() else { return };
    let (bundle, _) = bundle_of(&path, None);
    let config = "source.serviceConnection.config";
    let newer = [
        (
            "postgres",
            vec![("OMP0301", "databaseFilterPattern"), ("OMP0301", "schemaFilterPattern")],
        ),
        ("redshift_profiler", vec![("OMP0301", "authType")]),
        ("snowflake", vec![("OMP0301", "accountUsageSchema"), ("OMP0301", "includeStreams")]),
        // Required until a later version.
        ("tableau", vec![("OMP0301", "proxyURL"), ("OMP0303", "")]),
        ("kafka", vec![]),
        ("mysql_profiler", vec![]),
        ("snowflake_lineage", vec![]),
        ("trino", vec![]),
    ];
    for (name, workflow) in examples() {
        let mut found: Vec<_> = findings(&bundle, &workflow)
            .into_iter()
            .map(|(code, route, _)| (code, route))
            .collect();
        found.sort();
        let Some((_, expected)) = newer.iter().find(|(known, _)| *known == name) else {
            continue;
        };
        let expected: Vec<_> = expected
            .iter()
            .map(|(code, field)| {
                (*code, format!("{config}.{field}").trim_end_matches('.').to_owned())
            })
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn every_connector_is_checked_as_itself() {
    for path in [pydantic_schema(), spec_jar()].into_iter().flatten() {
        let (bundle, imported) = bundle_of(&path, None);
        for connector in &imported.connectors {
            let mut workflow = small_workflow();
            workflow["source"]["serviceConnection"]["config"] =
                json!({"type": connector, "noFieldOfAny": 1});
            let mut found = Diagnostics::default();
            bundle.check_workflow(&Node::from(workflow), &mut found);
            let labels: Vec<_> = found
                .iter()
                .filter(|d| d.route.ends_with("noFieldOfAny"))
                .map(|d| &d.label)
                .collect();
            // Custom connectors take any field.
            if connector.starts_with("Custom") && labels.is_empty() {
                continue;
            }
            let plain =
                |text: &str| text.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "");
            let label = labels.first().map_or(String::new(), |label| plain(label));
            assert!(label.contains(&plain(connector)), "{connector}: {labels:?}");
        }
    }
}
