//! The CRDs on a real API server: they take what upstream's CRDs take, and refuse what nobody can
//! mean.

use std::process::Command;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Error};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::cluster;
use crate::namespace::{Namespace, test, test_alone};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("crds_take_what_upstreams_crds_take", async |namespace| {
            installed(namespace).await;
            let mut refused = Vec::new();
            for spec in omjobs_of_upstream() {
                if let Err(error) = create(namespace, "OMJob", spec.clone()).await {
                    refused.push(format!("{spec}: {error}"));
                }
            }
            for spec in cronomjobs_of_upstream() {
                if let Err(error) = create(namespace, "CronOMJob", spec.clone()).await {
                    refused.push(format!("{spec}: {error}"));
                }
            }
            assert!(refused.is_empty(), "{}", refused.join("\n"));
        }),
        test("crds_refuse_nonsense_with_a_reason", async |namespace| {
            installed(namespace).await;
            let mut wrong = Vec::new();
            for (kind, spec, reason) in nonsense() {
                match create(namespace, kind, spec.clone()).await {
                    Err(Error::Api(status)) if status.message.contains(reason) => {}
                    Err(error) => wrong.push(format!("{spec}: not {reason:?} but {error}")),
                    Ok(_) => wrong.push(format!("{spec} was taken")),
                }
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }),
        test("crds_keep_what_pods_are_made_of_and_set_defaults", async |namespace| {
            installed(namespace).await;
            kept(namespace).await;
        }),
        test_alone("crds_applied_over_upstreams_keep_the_objects", async |namespace, _| {
            over_upstreams(namespace).await;
        }),
    ]
}

/// The CRDs are the cluster's, so they are applied once.
pub(crate) async fn installed(namespace: &Namespace) {
    static CRDS: OnceCell<()> = OnceCell::const_new();
    CRDS.get_or_init(|| install(namespace)).await;
}

async fn install(namespace: &Namespace) {
    let output = Command::new(env!("CARGO_BIN_EXE_ompipe"))
        .args(["crd", "--apply", "--kubeconfig", &cluster::kubeconfig()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for plural in ["omjobs", "cronomjobs"] {
        let name = format!("{plural}.pipelines.openmetadata.org");
        established(namespace, &name).await;
    }
}

fn definitions(namespace: &Namespace) -> Api<CustomResourceDefinition> {
    Api::all(namespace.client.clone())
}

pub(crate) async fn established(namespace: &Namespace, name: &str) {
    let api = definitions(namespace);
    namespace
        .until("the CRD is served", async || {
            let conditions = api.get_opt(name).await.unwrap()?.status?.conditions?;
            let is_true =
                |kind: &str| conditions.iter().any(|one| one.type_ == kind && one.status == "True");
            is_true("Established").then_some(())
        })
        .await;
}

pub(crate) fn api(namespace: &Namespace, kind: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("pipelines.openmetadata.org", "v1", kind);
    let plural = format!("{}s", kind.kind.to_lowercase());
    let resource = ApiResource::from_gvk_with_plural(&kind, &plural);
    Api::namespaced_with(namespace.client.clone(), &namespace.name, &resource)
}

/// Creates an object as clients do that know nothing of the CRD.
async fn create(namespace: &Namespace, kind: &str, spec: Value) -> Result<DynamicObject, Error> {
    let mut object = json!({
        "apiVersion": "pipelines.openmetadata.org/v1", "kind": kind,
        "metadata": {"generateName": "a-"},
    });
    if !spec.is_null() {
        object["spec"] = spec;
    }
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    let mut tries = 0;
    loop {
        match api(namespace, kind).create(&PostParams::default(), &object).await {
            // A CRD that was only just changed is served a moment later.
            Err(Error::Api(status)) if status.code == 404 && tries < 100 => {
                tries += 1;
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            answer => return answer,
        }
    }
}

/// A main pod spec with this beside its image.
fn with(fields: &Value) -> Value {
    let mut spec = json!({"image": "i"});
    for (key, value) in fields.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

/// Pod specs that exercise each field as upstream's CRDs describe it, or as its server, by way of
/// fabric8, writes it.
fn pod_specs() -> Vec<Value> {
    let one = json!({"configMapKeyRef": {"name": "c", "key": "k", "optional": true}});
    let env = |variable: Value| json!({"env": [variable]});
    let fields = [
        json!({}),
        json!({"imagePullPolicy": "Always"}),
        json!({"imagePullPolicy": "Sometimes"}),
        json!({"imagePullSecrets": []}),
        json!({"imagePullSecrets": [{"name": "a"}, {"name": "a"}, {}]}),
        json!({"serviceAccountName": ""}),
        json!({"command": []}),
        json!({"command": ["python", "main.py"]}),
        env(json!({"name": "A", "value": "1"})),
        env(json!({"name": "A"})),
        env(json!({"value": "without a name"})),
        env(json!({"name": "A", "value": "", "valueFrom": {}})),
        env(json!({"name": "A", "value": "1", "valueFrom": null})),
        env(json!({"name": "A", "value": null, "valueFrom": one})),
        env(json!({"name": "A", "valueFrom": {"configMapKeyRef": null, "secretKeyRef": null,
            "fieldRef": null, "resourceFieldRef": null}})),
        env(
            json!({"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": null}}}),
        ),
        env(json!({"name": "A", "valueFrom": {"secretKeyRef": {"name": "s"}}})),
        env(
            json!({"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}),
        ),
        env(json!({"name": "A", "valueFrom": {"resourceFieldRef": {"containerName": "main",
            "resource": "limits.memory", "divisor": "1Mi"}}})),
        env(json!({"name": "A", "value": "{{ omjob.uid }}", "more": {"of": "this"}})),
        json!({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}),
        json!({"resources": {}}),
        json!({"resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": "2", "example.com/gpu": "1"}}}),
        json!({"resources": {"limits": {"cpu": "not a quantity"}, "other": 1}}),
        json!({"nodeSelector": {"zone": "x"}}),
        json!({"nodeSelector": null}),
        json!({"tolerations": [{}, {"key": "a", "operator": "Exists"}, {"key": "a", "operator": "Exists"}]}),
        json!({"tolerations": [{"key": "a", "operator": "Equal", "value": "b", "effect": "NoExecute",
            "tolerationSeconds": -1}, {"effect": "PreferNoSchedule", "value": null}]}),
        json!({"securityContext": {"runAsUser": 1000, "anything": {"goes": [1, null]}}}),
        json!({"labels": {"any": "not a label's value!"}}),
        json!({"annotations": {"any": "any\nthing"}}),
        json!({"unknown": {"to": "both"}}),
    ];
    let mut all = json!({});
    for field in &fields {
        for (key, value) in field.as_object().unwrap() {
            all[key] = value.clone();
        }
    }
    // A null is a field that is not set, whichever it is.
    let nothing = all.as_object().unwrap().keys().map(|key| (key.clone(), Value::Null)).collect();
    let more = [all, Value::Object(nothing)];
    fields.iter().chain(&more).map(with).collect()
}

fn omjobs_of_upstream() -> Vec<Value> {
    let mut all = vec![
        // Neither a spec nor an exit handler's image is required there.
        Value::Null,
        json!({"mainPodSpec": {"image": ""}}),
        json!({"mainPodSpec": {"image": "i"}, "exitHandlerSpec": {}}),
        json!({"mainPodSpec": {"image": "i"}, "exitHandlerSpec": null}),
        json!({"mainPodSpec": {"image": "i"}, "ttlSecondsAfterFinished": 3600}),
        json!({"mainPodSpec": {"image": "i"}, "ttlSecondsAfterFinished": 0}),
        json!({"mainPodSpec": {"image": "i"}, "ttlSecondsAfterFinished": -1}),
        json!({"mainPodSpec": {"image": "i"}, "ttlSecondsAfterFinished": null}),
    ];
    for spec in pod_specs() {
        all.push(json!({"mainPodSpec": spec}));
        all.push(json!({"mainPodSpec": {"image": "i"}, "exitHandlerSpec": spec}));
    }
    all
}

fn cronomjobs_of_upstream() -> Vec<Value> {
    let fields = [
        json!({}),
        json!({"schedule": "@daily"}),
        json!({"schedule": "not a schedule"}),
        json!({"timeZone": "Europe/Berlin"}),
        json!({"timeZone": "Not/AZone"}),
        json!({"timeZone": null, "suspend": null, "startingDeadlineSeconds": null,
            "successfulJobsHistoryLimit": null, "failedJobsHistoryLimit": null}),
        json!({"suspend": true}),
        json!({"startingDeadlineSeconds": 0}),
        json!({"startingDeadlineSeconds": -1}),
        json!({"successfulJobsHistoryLimit": 0, "failedJobsHistoryLimit": 100}),
        json!({"successfulJobsHistoryLimit": -1, "failedJobsHistoryLimit": -1}),
        json!({"more": 1}),
    ];
    let mut all = vec![Value::Null];
    for field in fields {
        let mut spec =
            json!({"schedule": "*/5 * * * *", "omJobSpec": {"mainPodSpec": {"image": "i"}}});
        for (key, value) in field.as_object().unwrap() {
            spec[key] = value.clone();
        }
        all.push(spec);
    }
    for spec in pod_specs() {
        all.push(json!({"schedule": "@hourly", "omJobSpec": {"mainPodSpec": spec, "exitHandlerSpec": spec}}));
    }
    all
}

/// Specs that are refused, and what is said of them.
fn nonsense() -> Vec<(&'static str, Value, &'static str)> {
    let pod = |fields: Value| json!({"mainPodSpec": with(&fields)});
    let job = |fields: Value| {
        let mut spec = json!({"mainPodSpec": {"image": "i"}, "exitHandlerSpec": {"image": "i"}});
        for (key, value) in fields.as_object().unwrap() {
            spec[key] = value.clone();
        }
        spec
    };
    let cron = |fields: Value| {
        let mut spec = json!({"schedule": "@daily", "omJobSpec": {"mainPodSpec": {"image": "i"}}});
        for (key, value) in fields.as_object().unwrap() {
            spec[key] = value.clone();
        }
        spec
    };
    let restarts = |policy: &str| json!({"podTemplate": {"spec": {"restartPolicy": policy}}});
    vec![
        ("OMJob", json!({}), "mainPodSpec"),
        ("OMJob", json!({"mainPodSpec": {}}), "image"),
        (
            "OMJob",
            json!({"mainPodSpec": {"image": "i"}, "exitHandlerDeadlineSeconds": 60}),
            "there is none",
        ),
        (
            "OMJob",
            json!({"mainPodSpec": {"image": "i"}, "exitHandlerPolicy": "Fail"}),
            "there is none",
        ),
        ("OMJob", job(json!({"exitHandlerPolicy": "Retry"})), "Unsupported value"),
        ("OMJob", job(json!({"exitHandlerDeadlineSeconds": 0})), "greater than or equal to 1"),
        ("OMJob", job(json!({"activeDeadlineSeconds": 0})), "greater than or equal to 1"),
        ("OMJob", job(json!({"backoffLimit": -1})), "greater than or equal to 0"),
        ("OMJob", job(json!({"nodeLostTimeoutSeconds": -1})), "greater than or equal to 0"),
        ("OMJob", pod(json!({"terminationGracePeriodSeconds": -1})), "greater than or equal to 0"),
        ("OMJob", pod(restarts("Always")), "restartPolicy stays Never"),
        ("OMJob", pod(restarts("OnFailure")), "restartPolicy stays Never"),
        ("OMJob", pod(json!({"env": [{"name": "A", "value": 1}]})), "must be of type string"),
        ("OMJob", pod(json!({"env": {"A": "1"}})), "must be of type array"),
        ("OMJob", pod(json!({"tolerations": [{"operator": "Is"}]})), "Unsupported value"),
        ("OMJob", pod(json!({"tolerations": [{"effect": "Never"}]})), "Unsupported value"),
        ("OMJob", pod(json!({"imagePullSecrets": ["a"]})), "must be of type object"),
        ("CronOMJob", json!({"omJobSpec": {"mainPodSpec": {"image": "i"}}}), "schedule"),
        ("CronOMJob", json!({"schedule": "@daily"}), "omJobSpec"),
        ("CronOMJob", cron(json!({"schedule": ""})), "five fields"),
        ("CronOMJob", cron(json!({"schedule": "  "})), "five fields"),
        ("CronOMJob", cron(json!({"schedule": "TZ=UTC * * * * *"})), "stands in timeZone"),
        ("CronOMJob", cron(json!({"schedule": "CRON_TZ=UTC @daily"})), "stands in timeZone"),
        ("CronOMJob", cron(json!({"timeZone": "Local"})), "IANA"),
        ("CronOMJob", cron(json!({"timeZone": "local"})), "IANA"),
        ("CronOMJob", cron(json!({"timeZone": ""})), "IANA"),
        ("CronOMJob", cron(json!({"concurrencyPolicy": "Queue"})), "Unsupported value"),
        (
            "CronOMJob",
            cron(json!({"omJobSpec": {"mainPodSpec": {"image": "i"}, "backoffLimit": -1}})),
            "greater than",
        ),
    ]
}

/// What is stored is what was meant: nothing that a pod is made of is dropped, what is not set has
/// Kubernetes' defaults, and what the CRD does not know is gone.
async fn kept(namespace: &Namespace) {
    let template = json!({
        "metadata": {"labels": {"a": "b", "c": null}, "finalizers": ["example.org/f"]},
        "spec": {"tolerations": null, "priorityClassName": "batch", "containers": [
            {"name": "main", "$patch": "replace", "env": [{"name": "A", "value": null}]},
            {"name": "proxy", "restartPolicy": "Always", "image": "p"}]},
    });
    let spec = json!({
        "image": "i", "podTemplate": template, "terminationGracePeriodSeconds": 60,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}, "fsGroup": null},
        "resources": {"limits": {"cpu": 2, "memory": "1Gi"}, "claims": [{"name": "gpu"}]},
        "env": [{"name": "A", "value": null, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"},
            "fieldRef": null}}],
        "labels": null, "unknown": true,
    });
    let object = create(namespace, "OMJob", json!({"mainPodSpec": spec})).await.unwrap();
    let mut expected = spec;
    for gone in ["labels", "unknown"] {
        expected.as_object_mut().unwrap().remove(gone);
    }
    let variable = json!({"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}});
    expected["env"] = json!([variable]);
    assert_eq!(
        object.data["spec"],
        json!({"mainPodSpec": expected, "backoffLimit": 0, "nodeLostTimeoutSeconds": 300})
    );
    let spec = json!({"schedule": "@daily", "suspend": null, "omJobSpec": {"mainPodSpec": {"image": "i"}}});
    let object = create(namespace, "CronOMJob", spec).await.unwrap();
    assert_eq!(
        object.data["spec"],
        json!({"schedule": "@daily", "suspend": false, "concurrencyPolicy": "Allow",
            "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1, "omJobSpec": {
                "mainPodSpec": {"image": "i"}, "backoffLimit": 0, "nodeLostTimeoutSeconds": 300}})
    );
}

/// A CRD as upstream's operator brings it: without the status subresource, and knowing less.
async fn over_upstreams(namespace: &Namespace) {
    let definitions = definitions(namespace);
    let name = "omjobs.pipelines.openmetadata.org";
    if definitions.get_opt(name).await.unwrap().is_some() {
        definitions.delete(name, &Default::default()).await.unwrap();
    }
    namespace
        .until("the CRD is gone", async || {
            definitions.get_opt(name).await.unwrap().is_none().then_some(())
        })
        .await;
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let old: CustomResourceDefinition = serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "group": "pipelines.openmetadata.org", "scope": "Namespaced",
            "names": {"plural": "omjobs", "singular": "omjob", "kind": "OMJob", "shortNames": ["omj"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                {"type": "object", "properties": {"spec": open, "status": open}}}}],
        },
    }))
    .unwrap();
    definitions.create(&PostParams::default(), &old).await.unwrap();
    established(namespace, name).await;

    // Without a spec, and with what the new CRD would not take in a new object.
    let spec = json!({"mainPodSpec": {"image": "i"}, "exitHandlerSpec": {"command": ["a"]}});
    let nameless = create(namespace, "OMJob", Value::Null).await.unwrap();
    let object = create(namespace, "OMJob", spec).await.unwrap();
    let jobs = api(namespace, "OMJob");
    let name_of = |object: &DynamicObject| object.metadata.name.clone().unwrap();
    let status = json!({"status": {"phase": "Running", "mainPodName": "a-main"}});
    let how = PatchParams::default();
    jobs.patch(&name_of(&object), &how, &Patch::Merge(&status)).await.unwrap();

    install(namespace).await;
    let after = namespace
        .until("the status subresource", async || {
            let status = json!({"status": {"message": "seen"}});
            jobs.patch_status(&name_of(&object), &how, &Patch::Merge(&status)).await.ok()
        })
        .await;
    assert_eq!(after.data["status"]["phase"], "Running");
    assert_eq!(after.data["status"]["message"], "seen");
    assert_eq!(after.data["spec"]["exitHandlerSpec"], json!({"command": ["a"]}));
    let status = json!({"status": {"phase": "Failed"}});
    jobs.patch_status(&name_of(&nameless), &how, &Patch::Merge(&status)).await.unwrap();
}
