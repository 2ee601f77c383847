//! Workflows against a schema in small: what is found, under which code, and what is not.

use ompipe::diagnostic::{Diagnostics, Severity};
use ompipe::tree::Node;
use serde_json::{Value, json};

use super::{findings, small_bundle, small_workflow, with};

#[test]
fn a_workflow_with_references_for_its_secrets_agrees() {
    assert_eq!(findings(&small_bundle().0, &small_workflow()), []);
}

#[test]
fn each_kind_of_mistake_is_found_under_its_own_code() {
    let (bundle, _) = small_bundle();
    let config = "/source/serviceConnection/config";
    let found = |pointer: &str, value: Option<Value>| {
        let found = findings(&bundle, &with(&small_workflow(), pointer, value));
        assert_eq!(found.len(), 1, "{pointer}: {found:?}");
        (found[0].0, found[0].1.clone())
    };
    let password = format!("{config}/password");
    assert_eq!(found(&password, Some(json!("x"))).0, "OMP0301");
    assert_eq!(found(&password, Some(json!("x"))).1, "source.serviceConnection.config.password");
    assert_eq!(found("/source/sourceConfig/config/threads", Some(json!("two"))).0, "OMP0302");
    assert_eq!(found(&format!("{config}/hostPort"), None).0, "OMP0303");
    assert_eq!(found(&format!("{config}/type"), Some(json!("MySQL"))).0, "OMP0304");
    assert_eq!(found("/source/sourceConfig/config/threads", Some(json!(0))).0, "OMP0305");
    let server = "/workflowConfig/openMetadataServerConfig/hostPort";
    assert_eq!(found(server, Some(json!("openmetadata"))).0, "OMP0306");
    assert_eq!(found("/source/sourceConfig/config/type", None).0, "OMP0307");
}

#[test]
fn an_unknown_connector_comes_with_the_one_that_was_meant() {
    let mut found = Diagnostics::default();
    let workflow =
        with(&small_workflow(), "/source/serviceConnection/config/type", Some(json!("MySQL")));
    small_bundle().0.check_workflow(&Node::from(workflow), &mut found);
    let help: Vec<_> = found.iter().filter_map(|d| d.help.clone()).collect();
    assert!(help[0].contains("`Mysql`"), "{help:?}");
}

#[test]
fn a_secret_never_reaches_a_finding() {
    let (bundle, _) = small_bundle();
    let workflow = small_workflow();
    for (pointer, value) in [
        ("/workflowConfig/openMetadataServerConfig/securityConfig/jwtToken", json!(["hunter2"])),
        ("/source/serviceConnection/config/authType/password", json!({"hunter2": 1})),
        ("/source/serviceConnection/config/authType", json!("hunter2")),
    ] {
        let found = findings(&bundle, &with(&workflow, pointer, Some(value)));
        assert!(!found.is_empty(), "{pointer}");
        if pointer.ends_with("jwtToken") {
            assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
        }
    }
}

#[test]
fn secret_leaves_are_those_with_the_format_of_a_password() {
    let mut leaves = Vec::new();
    let workflow = Node::from(small_workflow());
    small_bundle().0.secrets(&workflow, &mut |leaf| leaves.push(Value::from(leaf)));
    leaves.sort_by_key(Value::is_string);
    assert_eq!(
        leaves,
        [
            json!({"secretKeyRef": {"name": "orders", "key": "password"}}),
            json!("secret:/openmetadata/token")
        ]
    );
}

#[test]
fn of_an_application_only_what_it_shares_with_workflows_is_checked() {
    let (bundle, _) = small_bundle();
    let application = json!({
        "sourcePythonClass": "a.b.App", "appConfig": {"anything": 1},
        "workflowConfig": small_workflow()["workflowConfig"],
    });
    assert_eq!(findings(&bundle, &application), []);
    let wrong = with(&application, "/workflowConfig/unheard", Some(json!(1)));
    assert_eq!(findings(&bundle, &wrong)[0].0, "OMP0301");
}

#[test]
fn what_openmetadata_converts_is_a_warning_with_the_better_spelling() {
    let (bundle, _) = small_bundle();
    let found = |pointer: &str, value: Value| {
        let workflow = with(&small_workflow(), pointer, Some(value));
        let mut found = Diagnostics::default();
        bundle.check_workflow(&Node::from(workflow), &mut found);
        let found: Vec<_> = found.iter().map(|d| (d.code.id, d.severity)).collect();
        assert_eq!(found.len(), 1, "{pointer}: {found:?}");
        found[0]
    };
    let threads = "/source/sourceConfig/config/threads";
    let flag = "/source/sourceConfig/config/markDeletedTables";
    let server = "/workflowConfig/openMetadataServerConfig/hostPort";
    for (pointer, value) in
        [(threads, json!("4")), (threads, json!(true)), (flag, json!("Yes")), (flag, json!(1))]
    {
        assert_eq!(found(pointer, value), ("OMP0302", Severity::Warning));
    }
    assert_eq!(found(server, json!("openmetadata:8585/api")), ("OMP0306", Severity::Warning));
    for (pointer, value) in [(threads, json!("4.5")), (flag, json!("perhaps")), (flag, json!(2))] {
        assert_eq!(found(pointer, value), ("OMP0302", Severity::Error));
    }
    let name = "/source/serviceName";
    assert_eq!(found(name, json!(4)), ("OMP0302", Severity::Error), "no number becomes a text");
}

#[test]
fn of_an_entity_the_parts_that_workflows_have_too_are_checked() {
    let (bundle, _) = small_bundle();
    let workflow = small_workflow();
    let server = workflow["workflowConfig"]["openMetadataServerConfig"].clone();
    let entity = json!({
        "name": "test",
        "response": {"anything": 1},
        "request": {"connection": workflow["source"]["serviceConnection"], "serviceType": "Database"},
        "openMetadataServerConnection": server,
    });
    assert_eq!(findings(&bundle, &entity), []);
    for (pointer, value, code) in [
        ("/request/connection/config/type", "MySQL", "OMP0304"),
        ("/openMetadataServerConnection/hostPort", "openmetadata", "OMP0306"),
    ] {
        let found = findings(&bundle, &with(&entity, pointer, Some(json!(value))));
        assert_eq!(found.iter().map(|one| one.0).collect::<Vec<_>>(), [code], "{pointer}");
    }
    let mut secrets = 0;
    bundle.secrets(&Node::from(entity), &mut |_| secrets += 1);
    assert!(secrets > 0);
}
