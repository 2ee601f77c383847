//! Environments and patches on whole definitions.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::definition::parse;

/// Any JSON, small enough that patches meet what they name.
pub(super) fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        (0..3i64).prop_map(|value| json!(value)),
        "[a-c]{0,2}".prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

const PROJECT: &str = "
kind: IngestionProject
metadata: {name: analytics}
spec:
  openMetadata: {hostPort: 'http://om:8585/api', verifySSL: no-ssl}
  kubernetes: {backoffLimit: 2, nodeSelector: {zone: a}}
";
const REST: &str = "
---
kind: ServiceConnection
metadata: {name: warehouse, labels: {team: data}}
spec: {type: redshift, connection: {config: {type: Redshift, database: analytics}}}
---
kind: IngestionPipeline
metadata: {name: orders-metadata, labels: {team: finance}}
spec: {service: warehouse, type: metadata, schedule: '0 3 * * *', kubernetes: {backoffLimit: 1}}
---
kind: IngestionPipeline
metadata: {name: orders-usage}
spec: {service: warehouse, type: metadata}
";

/// A project with more in its spec, as YAML of a flow, and all definitions as they are in the
/// environment `prod`, or with none.
fn in_environment(name: Option<&str>, more: &str) -> (Definitions, Vec<Diagnostic>) {
    let text = format!("{}  {}\n{REST}", PROJECT, more.replace('\n', "\n  "));
    let mut found = Diagnostics::default();
    let definition = crate::yaml::Dialect::Definition;
    let documents = crate::yaml::read(crate::tree::SourceId(0), &text, definition, &mut found);
    let definitions = parse(documents, &mut found);
    let Some(environment) = Environment::choose(definitions.project(), name, &mut found) else {
        return (Definitions::default(), found.into_sorted());
    };
    let mut matches = Matches::default();
    let mut all = environment.shared(&definitions, &mut matches, &mut found);
    for pipeline in &definitions.pipelines {
        let pipeline = environment.pipeline(pipeline, &mut matches, &mut found);
        all.pipelines.extend(pipeline.map(Cow::into_owned));
    }
    let extent =
        Extent { broken: &[], is_read: true, is_complete: !found.has_errors(), is_run: false };
    environment.check(std::iter::once(&matches), extent, &mut found);
    (all, found.into_sorted())
}

fn codes(found: &[Diagnostic]) -> Vec<&str> {
    found.iter().map(|finding| finding.code.id).collect()
}

fn json_at(node: Option<&Node>) -> Json {
    node.map_or(Json::Null, Json::from)
}

#[test]
fn an_environment_is_laid_over_the_project_and_has_no_environments_itself() {
    let prod = "environments: {prod: {openMetadata: {hostPort: 'https://prod/api'}, \
                openMetadataVersion: '1.13', kubernetes: {nodeSelector: {disk: ssd}}}}";
    let (all, found) = in_environment(Some("prod"), prod);
    assert_eq!(found, []);
    let project = all.project().unwrap();
    assert_eq!(
        json_at(project.at(&["spec"])),
        json!({
            "openMetadata": {"hostPort": "https://prod/api", "verifySSL": "no-ssl"},
            "kubernetes": {"backoffLimit": 2, "nodeSelector": {"zone": "a", "disk": "ssd"}},
            "openMetadataVersion": "1.13",
        })
    );
    assert_eq!(project.spec.open_metadata_version.as_deref(), Some("1.13"));
    let (all, found) = in_environment(None, prod);
    assert_eq!(found, []);
    let port = all.project().unwrap().at(&["spec", "openMetadata", "hostPort"]);
    assert_eq!(port.unwrap().as_str(), Some("http://om:8585/api"));
}

#[test]
fn an_environment_that_is_not_there_is_an_error_and_the_one_that_was_meant_is_named() {
    let (_, found) = in_environment(Some("prd"), "environments: {prod: {}, staging: {}}");
    assert_eq!(codes(&found), ["OMP0710"]);
    assert_eq!(found[0].help.as_deref(), Some("did you mean `prod`?"));
}

#[test]
fn patches_are_carried_out_in_order_on_what_they_match_and_the_environments_come_last() {
    let (all, found) = in_environment(
        Some("prod"),
        "patches:
  - target: {kind: IngestionPipeline, name: orders-*}
    merge: {spec: {kubernetes: {backoffLimit: 5}}}
  - target: {kind: IngestionPipeline, labels: {team: finance}}
    json: [{op: test, path: /spec/kubernetes/backoffLimit, value: 5}, {op: remove, path: /spec/schedule}]
environments:
  prod:
    patches:
      - target: {kind: IngestionPipeline, name: orders-metadata}
        merge: {spec: {kubernetes: {backoffLimit: 6}}}
      - target: {kind: ServiceConnection}
        merge: {spec: {connection: {config: {database: null, host: h}}}}
      - target: {kind: IngestionPipeline, name: '*-usage'}
        strategic: {spec: {podTemplate: {spec: {containers: [{name: main, tty: true}]}}}}",
    );
    assert_eq!(found, []);
    let limit = |at: usize| json_at(all.pipelines[at].at(&["spec", "kubernetes", "backoffLimit"]));
    assert_eq!((limit(0), limit(1)), (json!(6), json!(5)));
    assert_eq!(all.pipelines[0].spec.schedule, None);
    assert_eq!(
        json_at(all.services[0].connection()),
        json!({"config": {"type": "Redshift", "host": "h"}})
    );
    let template = json!({"spec": {"containers": [{"name": "main", "tty": true}]}});
    assert_eq!(json_at(all.pipelines[1].pod_template()), template);
}

#[test]
fn a_patched_definition_is_held_against_its_schema_again() {
    let (_, found) = in_environment(
        None,
        "patches: [{target: {kind: IngestionPipeline, name: orders-usage}, merge: {spec: {kubernetes: {backofLimit: 1}}}}]",
    );
    assert_eq!(codes(&found), ["OMP0202"]);
    assert_eq!(found[0].help.as_deref(), Some("did you mean `backoffLimit`?"));
    assert!(found[0].span.is_some());
}

#[test]
fn what_matches_nothing_is_an_error_unless_it_may() {
    for (target, message) in [
        (
            "{kind: IngestionPipeline, name: ordrs-*}",
            "there is no IngestionPipeline with a name like `ordrs-*`",
        ),
        (
            "{kind: ServiceConnection, name: warehous}",
            "there is no ServiceConnection named `warehous`",
        ),
        (
            "{kind: IngestionPipeline, labels: {team: fin}}",
            "no IngestionPipeline of these names has such labels",
        ),
        ("{kind: CronJob}", "no CronJob is rendered"),
    ] {
        let patch = format!("patches: [{{target: {target}, merge: {{spec: {{}}}}}}]");
        let (_, found) = in_environment(None, &patch);
        assert_eq!(codes(&found), ["OMP0711"], "{target}");
        assert_eq!(found[0].message, format!("the patch matches nothing: {message}"));
        let allowed = patch.replace("merge:", "allowNoMatch: true, merge:");
        assert_eq!(in_environment(None, &allowed).1, []);
    }
    // Nothing is rendered here in any case, and a run is not what was asked for.
    let (_, found) = in_environment(None, "patches: [{target: {kind: OMJob}, merge: {}}]");
    assert_eq!(found, []);
}

#[test]
fn one_removal_of_nothing_on_many_definitions_is_one_finding() {
    let patch =
        "patches: [{target: {kind: IngestionPipeline}, merge: {spec: {podTemplate: null}}}]";
    let (_, found) = in_environment(None, patch);
    assert_eq!(codes(&found), ["OMP0629"]);
    assert_eq!(found[0].label, "in `orders-metadata` and 1 other");
    let allowed = patch.replace("merge:", "allowNoMatch: true, merge:");
    assert_eq!(in_environment(None, &allowed).1, []);
}

#[test]
fn a_patch_makes_nothing_else_of_a_definition() {
    for (kind, merge) in [
        ("IngestionPipeline", "{metadata: {name: other}}"),
        ("IngestionPipeline", "{kind: ServiceConnection}"),
        ("ServiceConnection", "{metadata: null}"),
        ("ServiceConnection", "{apiVersion: v1}"),
        ("IngestionProject", "{spec: {patches: []}}"),
        ("IngestionProject", "{spec: {environments: {a: {}}}}"),
    ] {
        let patch = format!("patches: [{{target: {{kind: {kind}}}, merge: {merge}}}]");
        assert_eq!(codes(&in_environment(None, &patch).1), ["OMP0716"], "{merge}");
    }
}

#[test]
fn a_patch_has_one_way_that_fits_its_target() {
    for patch in [
        "{target: {kind: IngestionPipeline}}",
        "{target: {kind: IngestionPipeline}, merge: {}, json: [{op: remove, path: /spec/x}]}",
        "{target: {kind: IngestionPipeline}, strategic: {spec: {schedule: x}}}",
        "{target: {kind: ServiceConnection}, strategic: {spec: {podTemplate: {}}}}",
    ] {
        assert_eq!(
            codes(&in_environment(None, &format!("patches: [{patch}]")).1),
            ["OMP0712"],
            "{patch}"
        );
    }
}

#[test]
fn what_no_patch_matches_is_not_copied() {
    let (all, _) = in_environment(None, "");
    let environment = Environment::default();
    let mut matches = Matches::default();
    let pipeline = &all.pipelines[0];
    let same = environment.pipeline(pipeline, &mut matches, &mut Diagnostics::default()).unwrap();
    assert!(matches!(same, Cow::Borrowed(_)));
    assert_eq!(matches.matched().count(), 0);
}

#[test]
fn each_patch_that_matches_is_a_step() {
    let (all, found) = in_environment(None, "");
    assert_eq!(found, []);
    let text =
        "{kind: IngestionProject, metadata: {name: p}, spec: {environments: {prod: {patches: [
        {target: {kind: ServiceConnection}, merge: {}},
        {target: {kind: IngestionPipeline}, merge: {spec: {enabled: false}}}]}}}}";
    let definition = crate::yaml::Dialect::Definition;
    let mut found = Diagnostics::default();
    let documents = crate::yaml::read(crate::tree::SourceId(0), text, definition, &mut found);
    let project = parse(documents, &mut found);
    let environment = Environment::choose(project.project(), Some("prod"), &mut found).unwrap();
    let steps = environment.steps(Kind::IngestionPipeline, &all.pipelines[0]);
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0].patch, "patch 2 of prod");
    assert_eq!(json_at(steps[0].node.at_route(&["spec", "enabled"])), json!(false));
}
