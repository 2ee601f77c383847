//! What hangs together in a small project.

use super::*;
use crate::compile::Options;
use crate::project::{Input, Project};
use crate::render::Mode;
use crate::workspace;

const TEXT: &str = "\
kind: IngestionProject
metadata: {name: p}
spec:
  openMetadata: {hostPort: 'http://om:8585/api', authProvider: openmetadata, securityConfig: {jwtToken: {secretKeyRef: {name: bot, key: token}}}}
  kubernetes: {imagePullSecrets: [registry], useOMJobOperator: true}
---
kind: ServiceConnection
metadata: {name: db}
spec: {type: postgres, connection: {config: {type: Postgres, authType: {password: {secretKeyRef: {name: db, key: password}}}}}}
---
kind: IngestionPipeline
metadata: {name: one}
spec: {service: db, type: metadata}
---
kind: IngestionPipeline
metadata: {name: two}
spec:
  service: db
  type: lineage
  workflow: {source: {sourceConfig: {config: {secret: {secretKeyRef: {name: own, key: x}}}}}}
";

fn graph() -> Graph {
    let input = Input::Text { name: "a.yaml".to_owned(), bytes: TEXT.as_bytes().to_vec() };
    let mut project = Project::read(vec![input]).unwrap();
    let outline = Outline::of(&project.definitions);
    let options = Options {
        mode: Mode::Scheduled,
        environment: None,
        only: Vec::new(),
        templates: Vec::new(),
        bundle: None,
        values: None,
        objects: false,
    };
    let Project { definitions, sources, found, .. } = &mut project;
    let seen = workspace::survey(definitions, options, sources, found);
    assert!(!found.has_errors(), "{found:?}");
    Graph::new(&outline, &seen, sources)
}

fn ids(graph: &Graph, id: &str, direction: Direction) -> Vec<String> {
    let next = graph.next(graph.find(id).unwrap(), direction).iter();
    next.map(|node| graph.nodes[*node].id.clone()).collect()
}

#[test]
fn a_reference_is_the_need_of_the_definition_that_it_stands_in() {
    let graph = graph();
    assert_eq!(
        ids(&graph, "ServiceConnection/db", Direction::Needs),
        ["File/a.yaml", "Secret/db:password"]
    );
    assert_eq!(
        ids(&graph, "IngestionProject/p", Direction::Needs),
        ["File/a.yaml", "Secret/bot:token"]
    );
    assert_eq!(
        ids(&graph, "IngestionPipeline/two", Direction::Needs),
        ["File/a.yaml", "IngestionProject/p", "Secret/own:x", "ServiceConnection/db"]
    );
    assert_eq!(
        ids(&graph, "IngestionPipeline/one", Direction::Needs),
        ["File/a.yaml", "IngestionProject/p", "ServiceConnection/db"]
    );
}

#[test]
fn an_object_needs_its_pipeline_and_what_its_pods_name() {
    let graph = graph();
    assert_eq!(
        ids(&graph, "CronOMJob/om-cronomjob-two", Direction::Needs),
        [
            "ConfigMap/om-config-two",
            "IngestionPipeline/two",
            "Secret/bot:token",
            "Secret/db:password",
            "Secret/own:x",
            "Secret/registry",
            "ServiceAccount/openmetadata-ingestion",
        ]
    );
    assert_eq!(
        ids(&graph, "Secret/registry", Direction::NeededBy),
        ["CronOMJob/om-cronomjob-one", "CronOMJob/om-cronomjob-two"]
    );
}

#[test]
fn of_a_secret_each_that_needs_it_stands_once_below_what_makes_it_need_it() {
    let graph = graph();
    let mut out = Vec::new();
    text::write_of(&graph, graph.find("Secret/own").unwrap(), true, &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "\
Secret/own is needed by
`- Secret/own:x
   `- IngestionPipeline/two  a.yaml:16
      `- ConfigMap/om-config-two
         `- CronOMJob/om-cronomjob-two

Secret/own needs nothing
"
    );
}

#[test]
fn a_part_holds_the_edges_between_its_nodes() {
    let graph = graph();
    let one = graph.find("IngestionPipeline/one").unwrap();
    let part = graph.only(&graph.reached([one], Direction::Needs));
    assert!(part.find("ServiceConnection/db").is_ok());
    assert!(part.find("IngestionPipeline/two").is_err());
    assert_eq!(part.edges().count(), 9);
}

#[test]
fn an_unknown_id_finds_the_one_that_was_meant() {
    assert_eq!(graph().find("Secret/dv"), Err(Some("Secret/db")));
}
