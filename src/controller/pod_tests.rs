//! Tests of the pods that are built: each a rule of its own, and all that the goldens' OMJobs ask.

use super::*;
use crate::diagnostic::Diagnostics;
use crate::manifest::pod_security;
use crate::tree::SourceId;
use crate::yaml;

const UID: &str = "7c1d7e0a-8d0a-4c3d-9a55-0f3f6f8a2f11";

fn job(spec: Value, purpose: Purpose) -> Result<Value, PodError> {
    let labels = BTreeMap::from([
        (labels::PIPELINE.to_owned(), "orders".to_owned()),
        ("team".to_owned(), "data".to_owned()),
    ]);
    labelled(spec, &labels, purpose)
}

fn labelled(
    spec: Value,
    labels: &BTreeMap<String, String>,
    purpose: Purpose,
) -> Result<Value, PodError> {
    let spec: OMJobSpec = serde_json::from_value(spec).unwrap();
    let job = JobForPods { name: "om-job-orders", namespace: "ns", uid: UID, labels, spec: &spec };
    build(&job, purpose, "om-job-orders-main")
}

/// The main pod of a main pod spec.
fn main_pod(spec: Value) -> Value {
    job(json!({"mainPodSpec": spec}), Purpose::Main).unwrap()
}

/// The exit handler's pod of an exit handler's spec.
fn exit_pod(spec: Value, main_succeeded: bool) -> Value {
    let spec = json!({"mainPodSpec": {"image": "i"}, "exitHandlerSpec": spec});
    job(spec, Purpose::ExitHandler { main_succeeded }).unwrap()
}

fn refused(podtemplate: Value) -> PodError {
    let spec = json!({"mainPodSpec": {"image": "i", "podTemplate": podtemplate}});
    job(spec, Purpose::Main).unwrap_err()
}

fn env(pod: &Value) -> Value {
    pod["spec"]["containers"][0]["env"].clone()
}

#[test]
fn the_least_spec_makes_a_pod_that_upstream_would_make() {
    assert_eq!(
        main_pod(json!({"image": "i"})),
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "om-job-orders-main", "namespace": "ns",
                "labels": {
                    "app.kubernetes.io/name": "openmetadata",
                    "app.kubernetes.io/component": "ingestion",
                    "app.kubernetes.io/managed-by": "omjob-operator",
                    "app.kubernetes.io/pipeline": "orders",
                    "omjob.pipelines.openmetadata.org/name": "om-job-orders",
                    "omjob.pipelines.openmetadata.org/uid": UID,
                    "omjob.pipelines.openmetadata.org/pod-type": "main"},
                "finalizers": ["pipelines.openmetadata.org/exit-handler"],
                "ownerReferences": [{"apiVersion": "pipelines.openmetadata.org/v1", "kind": "OMJob",
                    "name": "om-job-orders", "uid": UID, "controller": true, "blockOwnerDeletion": true}]},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "i",
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}})
    );
}

#[test]
fn every_field_of_a_pod_spec_reaches_the_pod() {
    let pod = main_pod(json!({
        "image": "i", "imagePullPolicy": "Always", "imagePullSecrets": [{"name": "registry"}],
        "serviceAccountName": "ingestion", "command": ["python", "main.py"],
        "env": [{"name": "A", "value": "1"}],
        "resources": {"limits": {"memory": "1Gi", "cpu": 2}}, "nodeSelector": {"zone": "x"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "securityContext": {"fsGroup": 1000}, "labels": {"team": "data"},
        "annotations": {"note": "n"}, "terminationGracePeriodSeconds": 60}));
    let main = &pod["spec"]["containers"][0];
    assert_eq!(main["imagePullPolicy"], "Always");
    assert_eq!(main["command"], json!(["python", "main.py"]));
    assert_eq!(main["env"], json!([{"name": "A", "value": "1"}]));
    assert_eq!(main["resources"], json!({"limits": {"memory": "1Gi", "cpu": 2}}));
    assert_eq!(pod["spec"]["imagePullSecrets"], json!([{"name": "registry"}]));
    assert_eq!(pod["spec"]["serviceAccountName"], "ingestion");
    assert_eq!(pod["spec"]["nodeSelector"], json!({"zone": "x"}));
    assert_eq!(pod["spec"]["tolerations"], json!([{"key": "dedicated", "operator": "Exists"}]));
    assert_eq!(pod["spec"]["securityContext"], json!({"fsGroup": 1000}));
    assert_eq!(pod["spec"]["terminationGracePeriodSeconds"], 60);
    assert_eq!(pod["metadata"]["labels"]["team"], "data");
    assert_eq!(pod["metadata"]["annotations"], json!({"note": "n"}));
}

#[test]
fn the_exit_handlers_pod_has_no_owner_and_may_not_start_yet() {
    let pod = exit_pod(json!({"image": "e"}), true);
    assert_eq!(pod["metadata"].get("ownerReferences"), None);
    assert_eq!(pod["metadata"]["finalizers"], json!([names::FINALIZER]));
    assert_eq!(pod["spec"]["schedulingGates"], json!([{"name": names::GATE}]));
    assert_eq!(pod["metadata"]["labels"][names::POD_TYPE_LABEL], "exit-handler");
    assert_eq!(pod["spec"]["containers"][0]["image"], "e");
}

#[test]
fn a_pod_that_names_its_node_has_no_gate() {
    let pod = exit_pod(json!({"image": "e", "podTemplate": {"spec": {"nodeName": "n1"}}}), true);
    assert_eq!(pod["spec"].get("schedulingGates"), None);
}

#[test]
fn gates_and_finalizers_of_the_pod_template_stay_beside_ours() {
    let template = json!({"metadata": {"finalizers": ["example.org/a"], "ownerReferences": [{"uid": "x"}]},
        "spec": {"schedulingGates": [{"name": "example.org/g"}]}});
    let pod = exit_pod(json!({"image": "e", "podTemplate": template}), true);
    assert_eq!(pod["metadata"]["finalizers"], json!(["example.org/a", names::FINALIZER]));
    assert_eq!(
        pod["spec"]["schedulingGates"],
        json!([{"name": "example.org/g"}, {"name": names::GATE}])
    );
    assert_eq!(pod["metadata"].get("ownerReferences"), None);
}

#[test]
fn the_exit_handler_is_told_once_how_the_main_pod_ended() {
    let given = json!({"image": "e", "env": [
        {"name": "pipelineStatus", "value": "Unknown"}, {"name": "A", "value": "1"}],
        "podTemplate": {"spec": {"containers": [{"name": "main", "env": [
            {"name": "pipelineStatus", "value": "Running"}]}]}}});
    for (succeeded, told) in [(true, "Succeeded"), (false, "Failed")] {
        assert_eq!(
            env(&exit_pod(given.clone(), succeeded)),
            json!([{"name": "A", "value": "1"}, {"name": "pipelineStatus", "value": told}])
        );
    }
}

#[test]
fn the_main_pods_own_pipeline_status_is_left_alone() {
    let given = json!([{"name": "pipelineStatus", "value": "x"}]);
    assert_eq!(env(&main_pod(json!({"image": "i", "env": given}))), given);
}

#[test]
fn the_runs_own_name_and_uid_are_filled_in_wherever_an_environment_asks() {
    let template = json!({"spec": {
        "initContainers": [{"name": "first", "image": "i", "env": [
            {"name": "RUN", "value": "{{ omjob.name }}"}]}],
        "containers": [{"name": "main", "env": [{"name": "B", "value": "b-{{ omjob.uid }}"}]}]}});
    let pod = main_pod(json!({"image": "i", "podTemplate": template, "env": [
        {"name": "pipelineRunId", "value": "{{ omjob.uid }}"},
        {"name": "config", "value": "id: {{ omjob.uid }}, job: {{ omjob.name }}, {{ other }}"}]}));
    assert_eq!(
        env(&pod),
        json!([{"name": "pipelineRunId", "value": UID},
            {"name": "config", "value": format!("id: {UID}, job: om-job-orders, {{{{ other }}}}")},
            {"name": "B", "value": format!("b-{UID}")}])
    );
    assert_eq!(pod["spec"]["initContainers"][0]["env"][0]["value"], "om-job-orders");
}

#[test]
fn the_run_id_label_is_the_omjobs_or_else_the_id_that_the_ingestion_is_given() {
    let spec = json!({"mainPodSpec": {"image": "i", "env": [
        {"name": "pipelineRunId", "value": "{{ omjob.uid }}"}]}});
    let pod = job(spec.clone(), Purpose::Main).unwrap();
    assert_eq!(pod["metadata"]["labels"][labels::RUN_ID], UID);
    let labels = BTreeMap::from([(labels::RUN_ID.to_owned(), "run-1".to_owned())]);
    let pod = labelled(spec, &labels, Purpose::Main).unwrap();
    assert_eq!(pod["metadata"]["labels"][labels::RUN_ID], "run-1");
    let pod =
        main_pod(json!({"image": "i", "env": [{"name": "pipelineRunId", "value": "no label!"}]}));
    assert_eq!(pod["metadata"]["labels"].get(labels::RUN_ID), None);
}

#[test]
fn no_label_of_the_spec_changes_whose_pod_it_is() {
    let theirs = json!({"app.kubernetes.io/managed-by": "openmetadata", names::OMJOB_NAME_LABEL: "x",
        names::OMJOB_UID_LABEL: "x", names::POD_TYPE_LABEL: "x", "run": "{{ omjob.uid }}"});
    for spec in [
        json!({"image": "i", "labels": theirs}),
        json!({"image": "i", "podTemplate": {"metadata": {"labels": theirs}}}),
    ] {
        let pod = main_pod(spec);
        let labels = &pod["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/managed-by"], "openmetadata");
        assert_eq!(labels[names::OMJOB_NAME_LABEL], "om-job-orders");
        assert_eq!(labels[names::OMJOB_UID_LABEL], UID);
        assert_eq!(labels[names::POD_TYPE_LABEL], "main");
        assert_eq!(labels["run"], UID);
    }
}

#[test]
fn nulls_and_sources_that_name_nothing_are_dropped() {
    let source = json!({"configMapKeyRef": null, "secretKeyRef": {"name": "s", "key": "k", "optional": null}});
    let pod = main_pod(json!({"image": "i", "command": null, "nodeSelector": null, "env": [
        {"name": "A", "value": "1", "valueFrom": null},
        {"name": "B", "value": "2", "valueFrom": {}},
        {"name": "C", "value": "3", "valueFrom": {"configMapKeyRef": null, "secretKeyRef": {}}},
        {"name": "D", "value": null, "valueFrom": source},
        {"name": "E"}],
        "tolerations": [{"key": "k", "value": null}]}));
    assert_eq!(
        env(&pod),
        json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"},
            {"name": "D", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, {"name": "E"}])
    );
    assert_eq!(pod["spec"]["tolerations"], json!([{"key": "k"}]));
    assert_eq!(pod["spec"]["containers"][0].get("command"), None);
}

#[test]
fn the_pod_template_is_merged_strategically() {
    let template = json!({"metadata": {"annotations": {"b": "2"}}, "spec": {
        "priorityClassName": "batch", "tolerations": null,
        "containers": [{"name": "main", "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
            {"name": "proxy", "image": "p"}],
        "volumes": [{"name": "v", "emptyDir": {}}]}});
    let pod =
        main_pod(json!({"image": "i", "annotations": {"a": "1"}, "tolerations": [{"key": "k"}],
        "podTemplate": template}));
    assert_eq!(pod["metadata"]["annotations"], json!({"a": "1", "b": "2"}));
    assert_eq!(pod["spec"]["priorityClassName"], "batch");
    assert!(pod["spec"].get("tolerations").is_none_or(Value::is_null));
    assert_eq!(pod["spec"]["containers"][0]["image"], "i");
    assert_eq!(pod["spec"]["containers"][1]["name"], "proxy");
}

#[test]
fn a_pod_template_that_takes_the_main_container_away_or_never_ends_is_refused() {
    let replaced =
        json!({"spec": {"containers": [{"$patch": "replace"}, {"name": "other", "image": "o"}]}});
    assert_eq!(refused(replaced), PodError::NoContainer);
    for policy in [json!("Always"), json!("OnFailure"), json!(null)] {
        assert_eq!(refused(json!({"spec": {"restartPolicy": policy}})), PodError::RestartPolicy);
    }
}

#[test]
fn a_pod_template_that_cannot_be_merged_is_refused_without_its_values() {
    let secret = "hunter2";
    let error = refused(json!({"spec": {"containers": [{"name": "main",
        "$deleteFromPrimitiveList/command": [secret]}]}}));
    assert!(matches!(error, PodError::PodTemplate { .. }), "{error}");
    assert!(
        !error.to_string().contains(secret) && !format!("{error:?}").contains(secret),
        "{error}"
    );
}

#[test]
fn an_omjob_without_an_exit_handler_has_no_pod_for_one() {
    let purpose = Purpose::ExitHandler { main_succeeded: true };
    assert_eq!(job(json!({"mainPodSpec": {"image": "i"}}), purpose), Err(PodError::NoExitHandler));
}

#[test]
fn a_long_name_is_cut_to_a_labels_length() {
    let spec: OMJobSpec = serde_json::from_value(json!({"mainPodSpec": {"image": "i"}})).unwrap();
    let name = "a".repeat(100);
    let job = JobForPods {
        name: &name,
        namespace: "ns",
        uid: UID,
        labels: &BTreeMap::new(),
        spec: &spec,
    };
    let pod = build(&job, Purpose::Main, "p").unwrap();
    let label = pod["metadata"]["labels"][names::OMJOB_NAME_LABEL].as_str().unwrap().to_owned();
    assert!(LabelValue::check(&label).is_ok(), "{label}");
    assert_eq!(pod["metadata"]["ownerReferences"][0]["name"], name);
}

/// The OMJobs of the goldens, those that a CronOMJob starts among them.
fn golden_jobs() -> Vec<(String, OMJobSpec)> {
    let texts = [
        include_str!("../../golden/operator/manifests.yaml"),
        include_str!("../../golden/operator/run.yaml"),
        include_str!("../../golden/names/manifests.yaml"),
    ];
    let mut jobs = Vec::new();
    for text in texts {
        for document in
            yaml::read(SourceId::NONE, text, yaml::Dialect::Definition, &mut Diagnostics::default())
        {
            let object = Value::from(&document);
            let spec = match object["kind"].as_str() {
                Some("OMJob") => &object["spec"],
                Some("CronOMJob") => &object["spec"]["omJobSpec"],
                _ => continue,
            };
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            jobs.push((name, serde_json::from_value(spec.clone()).unwrap()));
        }
    }
    jobs
}

#[test]
fn the_goldens_omjobs_make_both_pods_and_pass_pod_security() {
    let jobs = golden_jobs();
    assert!(jobs.len() >= 5, "{}", jobs.len());
    for (name, spec) in &jobs {
        let labels = BTreeMap::new();
        let job = JobForPods { name, namespace: "ns", uid: UID, labels: &labels, spec };
        for purpose in [Purpose::Main, Purpose::ExitHandler { main_succeeded: false }] {
            let pod = build(&job, purpose, "p").unwrap();
            assert!(!pod.to_string().contains("{{ omjob"), "{pod}");
            let mut found = Diagnostics::default();
            pod_security::check_template(&Node::from(pod.clone()), &mut found);
            assert!(found.is_empty(), "{name}: {found:?}");
            let asked = match purpose {
                Purpose::Main => &spec.main_pod_spec,
                Purpose::ExitHandler { .. } => spec.exit_handler_spec.as_ref().unwrap(),
            };
            let main = &pod["spec"]["containers"][0];
            assert_eq!(main["image"], asked.image);
            assert_eq!(main["command"], json!(asked.command));
            assert_eq!(pod["spec"]["tolerations"], json!(asked.tolerations));
            for variable in asked.env.as_ref().unwrap() {
                let name = &variable["name"];
                let there = main["env"].as_array().unwrap();
                assert!(there.iter().any(|there| there["name"] == *name), "{name}");
            }
        }
    }
}
