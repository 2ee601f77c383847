//! `ompipe diagnose`: runs that end badly or cannot begin, each for its own reason, and what is said.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{EvictParams, PostParams};
use libtest_mimic::Trial;
use ompipe::crd::Phase;
use serde_json::{Value, json};

use crate::binary::{job, run, run_json, until_phase};
use crate::namespace::{Namespace, test};
use crate::omjob::Run;
use crate::operator::Operator;
use crate::workload::omjob_spec;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test("a_run_that_failed_says_why_and_what_to_do", async |namespace| {
            let text = "connecting\npassword=hunter2hunter2\nthe last line";
            job(namespace, "good", json!({}), |_| ()).await;
            job(namespace, "bad", json!({"exit": 7, "log": {"text": text}}), |_| ()).await;
            job(namespace, "crash", json!({"crash": "segfault"}), |_| ()).await;
            job(namespace, "memory", json!({"memory": true}), |spec| {
                container(spec)["resources"] = json!({"limits": {"memory": "64Mi"}});
            })
            .await;
            job(namespace, "command", json!({}), |spec| {
                container(spec)["command"] = json!(["sh", "-c", "no-such-command"]);
            })
            .await;
            job(namespace, "slow", json!({"seconds": 3600, "onTerm": 0}), |spec| {
                spec["activeDeadlineSeconds"] = json!(3);
            })
            .await;

            let good = until(namespace, "good", "SUCCESS").await;
            assert_eq!(good["findings"], json!([]));
            let (status, text, _) = run(namespace, &["diagnose", "good"]).await;
            assert_eq!(status, 0);
            assert!(String::from_utf8(text).unwrap().contains("The run went well."));

            let bad = until(namespace, "bad", "FAILED").await;
            says(&bad, "Error", "exit code 7", "log");
            let (status, text, _) = run(namespace, &["diagnose", "bad"]).await;
            let text = String::from_utf8(text).unwrap();
            assert_eq!(status, 1);
            assert!(text.contains("  the last line\n") && !text.contains("hunter2"), "{text}");

            says(&until(namespace, "crash", "FAILED").await, "SIGSEGV", "exit code 139", "native");
            let memory = until(namespace, "memory", "FAILED").await;
            says(&memory, "OOMKilled", "its limit of 64Mi", "resources.limits.memory");
            let command = until(namespace, "command", "FAILED").await;
            says(&command, "Error", "no such command", "ingestionImage");
            let slow = until(namespace, "slow", "FAILED").await;
            says(&slow, "DeadlineExceeded", "its deadline of 3 s", "activeDeadlineSeconds");
        }),
        test("a_run_that_cannot_begin_says_what_is_in_the_way", async |namespace| {
            job(namespace, "imageless", json!({}), |spec| {
                container(spec)["image"] = json!("localhost:1/no/such:1");
            })
            .await;
            job(namespace, "secretless", json!({}), |spec| from_secret(spec, "absent", "key"))
                .await;
            let secret =
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "there"}});
            namespace.apply(secret).await;
            job(namespace, "keyless", json!({}), |spec| from_secret(spec, "there", "no-key")).await;
            job(namespace, "greedy", json!({}), |spec| {
                container(spec)["resources"] = json!({"requests": {"memory": "900Ti"}});
            })
            .await;
            job(namespace, "nowhere", json!({}), |spec| {
                spec["template"]["spec"]["nodeSelector"] = json!({"ompipe.test/nowhere": "true"});
            })
            .await;
            job(namespace, "refused", json!({}), |spec| {
                container(spec)["securityContext"] = json!({});
            })
            .await;
            for (name, reason, message, remedy) in [
                ("imageless", "ImagePull", "localhost:1/no/such:1", "registry"),
                ("secretless", "CreateContainerConfigError", "absent", "Create the Secret absent"),
                ("keyless", "CreateContainerConfigError", "no-key", "Add the key `no-key`"),
                ("greedy", "Unschedulable", "Insufficient memory", "main asks for 900Ti"),
                ("nowhere", "Unschedulable", "affinity/selector", "ompipe.test/nowhere=true"),
                ("refused", "FailedCreate", "violates PodSecurity", "podTemplate"),
            ] {
                let found = until_found(namespace, name).await;
                assert_eq!(found["state"], "QUEUED", "{found:#}");
                says(&found, reason, message, remedy);
            }
            // All of them at once.
            let (status, all) = run_json(namespace, &["diagnose"]).await;
            assert_eq!((status, all["diagnoses"].as_array().unwrap().len()), (1, 6));
        }),
        test("an_evicted_run_says_who_evicted_it", async |namespace| {
            let asked = json!({"seconds": 3600, "onTerm": 0, "termSeconds": 15});
            let name = job(namespace, "evicted", asked, |_| ()).await;
            let pod = until_phase(namespace, &name, "Running").await.name_any();
            namespace
                .until("main to begin", async || {
                    let lines = namespace.recorded("main", "started");
                    (!lines.is_empty()).then_some(())
                })
                .await;
            let how = EvictParams { post_options: PostParams::default(), delete_options: None };
            namespace.api::<Pod>().evict(&pod, &how).await.unwrap();
            let found = until_found(namespace, "evicted").await;
            says(&found, "EvictionByEvictionAPI", "evicted the pod", "again");
        }),
        test("an_omjob_is_diagnosed_like_a_job", async |namespace| {
            let _operator = Operator::start(namespace).await;
            let asked = json!({"main": {"exit": 3}, "exitHandler": {"exit": 5}});
            let omjob = json!({
                "apiVersion": "pipelines.openmetadata.org/v1",
                "kind": "OMJob",
                "metadata": {
                    "name": "om-job-orders-1",
                    "labels": {
                        "app.kubernetes.io/name": "openmetadata",
                        "app.kubernetes.io/pipeline": "orders",
                    },
                },
                "spec": omjob_spec(&asked),
            });
            let uid = namespace.apply(omjob).await.metadata.uid.unwrap();
            let omjob = Run { namespace, name: "om-job-orders-1".to_owned(), uid };
            omjob.ended(Phase::Failed).await;
            let (status, found) =
                run_json(namespace, &["diagnose", "--run", "om-job-orders-1"]).await;
            let found = &found["diagnoses"][0];
            assert_eq!((status, &found["object"]), (1, &json!("omjob/om-job-orders-1")));
            says(found, "Error", "exit code 3", "log");
            says(found, "ExitHandlerFailed", "OpenMetadata may not know", "--exit-handler");
            let words = ["logs", "--run", "om-job-orders-1", "--exit-handler"];
            let (status, log, error) = run(namespace, &words).await;
            assert_eq!(status, 0, "{error}");
            assert!(String::from_utf8(log).unwrap().contains(r#""exit": 5"#));
        }),
    ]
}

fn container(spec: &mut Value) -> &mut Value {
    &mut spec["template"]["spec"]["containers"][0]
}

fn from_secret(spec: &mut Value, name: &str, key: &str) {
    let variable = json!({
        "name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": name, "key": key}},
    });
    container(spec)["env"].as_array_mut().unwrap().push(variable);
}

/// The diagnosis of a pipeline's run.
async fn diagnosed(namespace: &Namespace, pipeline: &str) -> Value {
    let (_, mut found) = run_json(namespace, &["diagnose", pipeline]).await;
    found["diagnoses"][0].take()
}

/// The same, once its state is this one.
async fn until(namespace: &Namespace, pipeline: &str, state: &str) -> Value {
    namespace
        .until(&format!("{pipeline} to be {state}"), async || {
            let found = diagnosed(namespace, pipeline).await;
            (found["state"] == state).then_some(found)
        })
        .await
}

/// The same, once there is something to say.
async fn until_found(namespace: &Namespace, pipeline: &str) -> Value {
    namespace
        .until(&format!("a finding about {pipeline}"), async || {
            let found = diagnosed(namespace, pipeline).await;
            (!found["findings"].as_array().unwrap().is_empty()).then_some(found)
        })
        .await
}

/// A diagnosis has a finding whose reason, message and remedy have these parts.
fn says(diagnosis: &Value, reason: &str, message: &str, remedy: &str) {
    let has = |finding: &Value, key: &str, part: &str| {
        finding[key].as_str().is_some_and(|text| text.contains(part))
    };
    let findings = diagnosis["findings"].as_array().unwrap();
    let found = findings.iter().any(|finding| {
        has(finding, "reason", reason)
            && has(finding, "message", message)
            && has(finding, "remedy", remedy)
    });
    assert!(found, "no {reason} with {message:?} and {remedy:?}: {diagnosis:#}");
}
