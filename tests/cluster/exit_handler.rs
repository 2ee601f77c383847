//! `ompipe exit-handler` in real pods: in an image that has nothing but the binary, beside main and as
//! the operator's exit pod. It reports to an OpenMetadata in this process, which holds each request
//! against the published schema; what it says of a pod is what a real kubelet has made of it.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::namespace::{Namespace, test};
use crate::openmetadata::{Fault, OpenMetadata, TOKEN};
use crate::operator::Operator;
use crate::{cluster, deployed, rendered};

const RUN: &str = "4a9c6f2e-0d6b-4a58-9a52-6a0f8f6b8a11";

pub(crate) fn tests() -> Vec<Trial> {
    let trials = vec![
        test("our_exit_handler_reports_under_restricted_though_no_cluster_answers", restricted),
        test("our_exit_handler_says_that_main_was_out_of_memory", async |namespace| {
            let parameters = "backoffLimit: 0, extraEnvVars: ['test:{main: {memory: true}}'], \
                              resources: {requests: {memory: 64Mi}, limits: {memory: 64Mi}}";
            let openmetadata = openmetadata();
            run_beside_main(namespace, &openmetadata, parameters, |_| ()).await;
            let failure = diagnosis(&reported(namespace, &openmetadata, "failed").await);
            assert!(failure["error"].as_str().unwrap().contains("memory"), "{failure}");
            let text = failure["stackTrace"].as_str().unwrap();
            for part in ["reason OOMKilled", "Events:\n  ", "The end of the log of main:\n{"] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }),
        test("our_exit_handler_knows_the_end_of_a_main_without_python", async |namespace| {
            for (code, state) in [(0, "success"), (3, "failed")] {
                let openmetadata = openmetadata();
                let parameters = format!("backoffLimit: 0, extraEnvVars: ['CODE:{code}']");
                let no_python = |pod: &mut Value| {
                    pod["containers"][0]["command"] = json!(["sh", "-c", "exit $CODE"]);
                };
                run_beside_main(namespace, &openmetadata, &parameters, no_python).await;
                reported(namespace, &openmetadata, state).await;
                delete_jobs(namespace).await;
            }
        }),
        test("our_exit_handler_reports_a_run_that_is_killed", async |namespace| {
            let openmetadata = openmetadata();
            let parameters = "backoffLimit: 0, extraEnvVars: ['test:{main: {seconds: 600}}']";
            run_beside_main(namespace, &openmetadata, parameters, |_| ()).await;
            namespace
                .until("main to run", async || namespace.recorded("main", "started").pop())
                .await;
            delete_jobs(namespace).await;
            let failure = diagnosis(&reported(namespace, &openmetadata, "failed").await);
            assert!(failure["error"].as_str().unwrap().contains("SIGTERM"), "{failure}");
        }),
        test("our_exit_handler_is_the_operators_exit_pod", operators),
        test("our_exit_handler_misses_each_right_of_its_role", misses_each_right),
    ];
    // Images are given to our own nodes alone.
    trials.into_iter().map(|trial| trial.with_ignored_flag(!cluster::is_ours())).collect()
}

/// Two runs, one good and one bad, under Pod Security "restricted". Their pods do not reach the API
/// server, and OpenMetadata fails at first.
async fn restricted(namespace: &Namespace) {
    let openmetadata = openmetadata();
    openmetadata.fail([Fault::Answer(503, "", ""), Fault::CutWithin]);
    deployed::load_image();
    for (state, asked) in [("success", "{}"), ("failed", "{exit: 3}")] {
        let parameters = format!("backoffLimit: 0, extraEnvVars: ['test:{{main: {asked}}}']");
        let objects = render(namespace, &openmetadata, &format!("{SIDECAR}, {parameters}"));
        for object in objects {
            namespace.apply(object).await;
        }
        let status = reported(namespace, &openmetadata, state).await;
        if state == "failed" {
            let text = diagnosis(&status)["stackTrace"].as_str().unwrap().to_owned();
            assert!(text.contains("Not seen: the pod: the API server took longer"), "{text}");
        }
        delete_jobs(namespace).await;
    }
    let requests = openmetadata.requests();
    let stored = requests.iter().filter(|one| one.method == "PUT").count();
    assert_eq!(stored, 2, "each once: {requests:?}");
}

/// An OMJob whose main fails; its exit pod is ours.
async fn operators(namespace: &Namespace) {
    let _operator = Operator::start(namespace).await;
    let openmetadata = openmetadata();
    deployed::load_image();
    deployed::admit_host_network(namespace).await;
    let parameters =
        "useOMJobOperator: true, backoffLimit: 0, extraEnvVars: ['test:{main: {exit: 3}}']";
    for mut object in render(namespace, &openmetadata, parameters) {
        if object["kind"] == "OMJob" {
            let spec = &mut object["spec"]["exitHandlerSpec"];
            spec["podTemplate"] = json!({"spec": {
                "hostNetwork": true,
                "containers": [{"name": "main", "env": deployed::api_server_variables()}],
            }});
        }
        namespace.apply(object).await;
    }
    let status = reported(namespace, &openmetadata, "failed").await;
    let failure = diagnosis(&status);
    assert!(failure["error"].as_str().unwrap().contains("exit code 3"), "{failure}");
    let jobs = namespace.api::<ompipe::crd::OMJob>();
    namespace
        .until("the OMJob to know that its exit handler has done its work", async || {
            let job = jobs.list(&ListParams::default()).await.unwrap().items.pop()?;
            let conditions = serde_json::to_value(job.status?).unwrap()["conditions"].clone();
            let completed = |one: &&Value| one["type"] == "ExitHandlerCompleted";
            let condition = conditions.as_array()?.iter().find(completed)?.clone();
            (condition["status"] == "True").then_some(())
        })
        .await;
}

/// The rendered Role suffices, and without each of its rights something is not seen, and that said.
async fn misses_each_right(namespace: &Namespace) {
    const NONE: (&str, &str, &str) = ("", "", "");
    let cases = [
        NONE,
        ("pods", "list", "the pod"),
        ("pods/log", "get", "the pod's log"),
        ("events", "list", "the pod's events"),
        ("pods", "get", "main's end"),
    ];
    let mut rights: Vec<(String, String)> = Vec::new();
    for case in cases {
        let (resource, action, unseen) = case;
        // It is asked for main's end only where the API lags behind the kubelet.
        let tries = if unseen == "main's end" { 10 } else { 1 };
        let told = async || {
            let openmetadata = openmetadata();
            let parameters = "backoffLimit: 0, extraEnvVars: ['CODE:3']";
            let change = |object: &mut Value| {
                if object["kind"] == "Role" {
                    rights = of_role(object);
                    take_away(object, resource, action);
                } else if object["kind"] == "Job" {
                    let pod = &mut object["spec"]["template"]["spec"];
                    // Its launcher would leave the exit code.
                    pod["containers"][0]["command"] = json!(["sh", "-c", "sleep 1; exit $CODE"]);
                }
            };
            run_changed(namespace, &openmetadata, parameters, change).await;
            let status = reported(namespace, &openmetadata, "failed").await;
            delete_jobs(namespace).await;
            diagnosis(&status)["stackTrace"].as_str().unwrap_or_default().to_owned()
        };
        let mut told = told;
        let mut text = told().await;
        for _ in 1..tries {
            if text.contains("Not seen") {
                break;
            }
            text = told().await;
        }
        if case == NONE {
            assert!(!text.contains("Not seen"), "{text}");
            continue;
        }
        assert!(
            text.contains(&format!("Not seen: {unseen}: ")),
            "without {action} {resource}: {text}"
        );
        let why = format!("cannot {action} resource \"{resource}\"");
        assert!(text.contains(&why), "without {action} {resource}: {text}");
    }
    let taken = cases.iter().skip(1).map(|(resource, action, _)| (*resource, *action));
    let mut taken: Vec<_> =
        taken.map(|(resource, action)| (resource.to_owned(), action.to_owned())).collect();
    taken.sort();
    assert_eq!(rights, taken, "each right of the Role has its case");
}

/// The rights of a Role, in order.
fn of_role(role: &Value) -> Vec<(String, String)> {
    let texts = |of: &Value| -> Vec<String> { serde_json::from_value(of.clone()).unwrap() };
    let rules = role["rules"].as_array().unwrap().iter();
    let rights = rules.flat_map(|rule| {
        let actions = texts(&rule["verbs"]);
        texts(&rule["resources"]).into_iter().flat_map(move |resource| {
            let with = actions.clone().into_iter();
            with.map(move |action| (resource.clone(), action)).collect::<Vec<_>>()
        })
    });
    let mut rights: Vec<_> = rights.collect();
    rights.sort();
    rights
}

fn take_away(role: &mut Value, resource: &str, action: &str) {
    for rule in role["rules"].as_array_mut().unwrap() {
        if rule["resources"] == json!([resource]) {
            rule["verbs"].as_array_mut().unwrap().retain(|verb| verb != action);
        }
    }
    role["rules"].as_array_mut().unwrap().retain(|rule| rule["verbs"] != json!([]));
}

const SIDECAR: &str = "exitHandler: sidecar, terminationGracePeriodSeconds: 15";

/// An OpenMetadata that pods reach.
fn openmetadata() -> OpenMetadata {
    let record = std::env::var("OMPIPE_RECORD").unwrap();
    OpenMetadata::start(record.trim_start_matches("http://").split(':').next().unwrap())
}

/// The Job of a pipeline with these parameters, in the network of its host, by which alone it reaches
/// the API server here; `change` makes its pod what it is to be.
async fn run_beside_main(
    namespace: &Namespace,
    openmetadata: &OpenMetadata,
    parameters: &str,
    change: impl Fn(&mut Value),
) {
    let change_pod = |object: &mut Value| {
        if object["kind"] == "Job" {
            change(&mut object["spec"]["template"]["spec"]);
        }
    };
    run_changed(namespace, openmetadata, parameters, change_pod).await;
}

/// The same, with a change of any of its objects.
async fn run_changed(
    namespace: &Namespace,
    openmetadata: &OpenMetadata,
    parameters: &str,
    mut change: impl FnMut(&mut Value),
) {
    deployed::load_image();
    deployed::admit_host_network(namespace).await;
    for mut object in render(namespace, openmetadata, &format!("{SIDECAR}, {parameters}")) {
        if object["kind"] == "Job" {
            let pod = &mut object["spec"]["template"]["spec"];
            pod["hostNetwork"] = json!(true);
            let variables = pod["initContainers"][0]["env"].as_array_mut().unwrap();
            variables.extend(deployed::api_server_variables());
        }
        change(&mut object);
        namespace.apply(object).await;
    }
}

/// What a project of one pipeline is rendered to, with its Secret, for one run.
fn render(namespace: &Namespace, openmetadata: &OpenMetadata, parameters: &str) -> Vec<Value> {
    let project = format!(
        "kind: IngestionProject\nmetadata: {{name: shop}}\nspec:\n  openMetadata:\n    hostPort: {}\n    \
         authProvider: openmetadata\n    securityConfig: {{jwtToken: {{secretKeyRef: {{name: bot, key: token}}}}}}\n  \
         kubernetes: {{namespace: {}, ingestionImage: {}, exitHandlerImage: {}, {parameters}}}\n---\n\
         kind: IngestionPipeline\nmetadata: {{name: orders}}\nspec:\n  type: metadata\n  schedule: \"0 3 * * *\"\n  \
         workflow:\n    source: {{type: mysql, serviceName: shop, sourceConfig: {{config: {{type: DatabaseMetadata}}}}}}\n",
        openmetadata.host_port(),
        namespace.name,
        crate::workload::IMAGE,
        deployed::IMAGE,
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ompipe.yaml"), project).unwrap();
    let mut objects = rendered::render(folder.path(), &["--run", "--run-id", RUN]);
    objects.insert(0, rendered::secret("bot", "token", TOKEN));
    objects
}

/// The status that is stored of the run once it has ended so.
async fn reported(namespace: &Namespace, openmetadata: &OpenMetadata, state: &str) -> Value {
    let status = namespace
        .until(&format!("{state} to be reported: {:?}", openmetadata.requests()), async || {
            let status = openmetadata.status("shop.orders", RUN)?;
            (status["pipelineState"] == state).then_some(status)
        })
        .await;
    assert_eq!(openmetadata.wrong(), [""; 0]);
    status
}

fn diagnosis(status: &Value) -> Value {
    let steps = status["status"].as_array().unwrap_or_else(|| panic!("no step: {status}"));
    assert_eq!(steps.len(), 1, "{status}");
    assert_eq!(steps[0]["name"], "Pod Diagnostics");
    steps[0]["failures"][0].clone()
}

/// Deletes the runs that there are, and waits until their pods are gone.
async fn delete_jobs(namespace: &Namespace) {
    let (jobs, pods) = (namespace.api::<Job>(), namespace.api::<Pod>());
    let all = ListParams::default();
    jobs.delete_collection(&DeleteParams::background(), &all).await.unwrap();
    namespace
        .until("the pods to be gone", async || {
            pods.list(&all).await.unwrap().items.is_empty().then_some(())
        })
        .await;
}
