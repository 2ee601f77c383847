//! A namespace for one test: what is applied to it, waited for and recorded in it.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use k8s_openapi::api::core::v1::{Event, Pod, ServiceAccount};
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client, ResourceExt as _};
use libtest_mimic::{Failed, Trial};
use ompipe::crd::OMJob;
use ompipe::diagnostic::Diagnostics;
use ompipe::tree::SourceId;
use ompipe::yaml::{self, Dialect};
use serde_json::{Value, json};

use crate::cluster::{self, Servers};
use crate::operator;
use crate::record::{self, Line};

/// How long anything may take. Far longer than it does, since a test that fails for want of time
/// says nothing; what hangs is still found.
const DEADLINE: Duration = Duration::from_secs(180);

/// A namespace that admits only pods of Pod Security "restricted".
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) client: Client,
}

/// A test in a namespace of its own.
pub(crate) fn test(
    name: &'static str,
    body: impl AsyncFnOnce(&Namespace) + Send + 'static,
) -> Trial {
    Trial::test(name, move || {
        run(async || {
            let _servers = cluster::shared().await;
            within(name, body).await
        })
    })
}

/// A test that has the servers of the control plane for itself, while no other test runs.
pub(crate) fn test_alone(
    name: &'static str,
    body: impl AsyncFnOnce(&Namespace, &Servers) + Send + 'static,
) -> Trial {
    let trial = Trial::test(name, move || {
        run(async || {
            let servers = Servers::alone().await;
            within(name, async |namespace| body(namespace, &servers).await).await
        })
    });
    trial.with_ignored_flag(!cluster::is_ours())
}

fn run(body: impl AsyncFnOnce() -> Result<(), Failed>) -> Result<(), Failed> {
    record::listen();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(body())
}

/// Runs a test, and on failure says what stands in its namespace. Then the namespace goes.
async fn within(name: &str, body: impl AsyncFnOnce(&Namespace)) -> Result<(), Failed> {
    let namespace = Namespace::create(name).await;
    let ended = AssertUnwindSafe(body(&namespace)).catch_unwind().await;
    let result = match ended {
        Ok(()) => Ok(()),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default();
            Err(Failed::from(format!("{said}\n\n{}", namespace.describe().await)))
        }
    };
    namespace.let_go().await;
    namespace.delete().await;
    result
}

/// The documents of a YAML text.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let mut found = Diagnostics::default();
    let nodes = yaml::read(SourceId(0), text, Dialect::Definition, &mut found);
    assert!(found.is_empty(), "{found:?}");
    nodes.iter().map(Value::from).collect()
}

impl Namespace {
    async fn create(test: &str) -> Self {
        let client = cluster::client().await;
        let prefix: String = test.chars().take(40).collect();
        let namespace = json!({"metadata": {
            "generateName": format!("{}-", prefix.replace('_', "-")),
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
        }});
        let namespace: k8s_openapi::api::core::v1::Namespace =
            serde_json::from_value(namespace).unwrap();
        let namespace =
            Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        let namespace = Self { name: namespace.metadata.name.unwrap(), client };
        let accounts = namespace.api::<ServiceAccount>();
        namespace
            .until("the default service account", async || {
                accounts.get_opt("default").await.unwrap()
            })
            .await;
        namespace
    }

    /// A second one beside it, which its test deletes.
    pub(crate) async fn second(other: &Self) -> Self {
        let mut name = other.name.clone();
        name.truncate(40);
        Self::create(&name).await
    }

    /// Takes all holds from its objects: the operator that would is gone.
    async fn let_go(&self) {
        let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        let (how, all) = (PatchParams::default(), ListParams::default());
        let (pods, jobs) = (self.api::<Pod>(), self.api::<OMJob>());
        for pod in pods.list(&all).await.into_iter().flatten() {
            // One may go by itself meanwhile.
            drop(pods.patch(&pod.name_any(), &how, &free).await);
        }
        for job in jobs.list(&all).await.into_iter().flatten() {
            drop(jobs.patch(&job.name_any(), &how, &free).await);
        }
    }

    /// Asks for its deletion; a test may have done so before.
    pub(crate) async fn delete(&self) {
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(self.client.clone());
        if namespaces.get_opt(&self.name).await.unwrap().is_some() {
            namespaces.delete(&self.name, &Default::default()).await.unwrap();
        }
    }

    /// The objects of a kind in it.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Server-side apply, as `kubectl apply --server-side` does it, with every field checked.
    pub(crate) async fn apply(&self, mut object: Value) -> DynamicObject {
        object["metadata"]["namespace"] = json!(self.name);
        let (group, version) = match object["apiVersion"].as_str().unwrap().split_once('/') {
            Some((group, version)) => (group, version),
            None => ("", object["apiVersion"].as_str().unwrap()),
        };
        let kind = GroupVersionKind::gvk(group, version, object["kind"].as_str().unwrap());
        let (resource, _) = kube::discovery::pinned_kind(&self.client, &kind).await.unwrap();
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &self.name, &resource);
        let mut how = PatchParams::apply("test");
        how.field_validation = Some(kube::api::ValidationDirective::Strict);
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        api.patch(&name, &how, &Patch::Apply(&object)).await.unwrap_or_else(|error| {
            panic!("{} {name} was not applied: {error}", object["kind"]);
        })
    }

    /// Asks again and again until there is an answer.
    pub(crate) async fn until<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            assert!(Instant::now() < end, "in vain waited for: {what}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What its scripts have recorded.
    pub(crate) fn record(&self) -> Vec<Line> {
        record::of(&self.name)
    }

    /// The lines of one script and event.
    pub(crate) fn recorded(&self, script: &str, event: &str) -> Vec<Line> {
        let mut lines = self.record();
        lines.retain(|line| line.script == script && line.event == event);
        lines
    }

    /// What is there, for whoever reads of a failed test.
    async fn describe(&self) -> String {
        use std::fmt::Write as _;
        let mut text = format!("namespace {}\n", self.name);
        let all = ListParams::default();
        for pod in self.api::<Pod>().list(&all).await.into_iter().flatten() {
            let name = pod.metadata.name.unwrap_or_default();
            let deleted = pod.metadata.deletion_timestamp.is_some();
            let status = serde_json::to_string(&pod.status).unwrap();
            writeln!(text, "pod {name}, deleted: {deleted}: {status}").unwrap();
        }
        for job in self.api::<OMJob>().list(&all).await.into_iter().flatten() {
            let (metadata, status) = (&job.metadata, serde_json::to_string(&job.status).unwrap());
            writeln!(text, "omjob {metadata:?}: {status}").unwrap();
        }
        for event in self.api::<Event>().list(&all).await.into_iter().flatten() {
            let about = event.involved_object.name.unwrap_or_default();
            let (reason, message) =
                (event.reason.unwrap_or_default(), event.message.unwrap_or_default());
            writeln!(text, "event of {about}: {reason}: {message}").unwrap();
        }
        for line in self.record() {
            writeln!(text, "record: {line:?}").unwrap();
        }
        let log = std::fs::read_to_string(operator::log(&self.name)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        for line in lines.iter().skip(lines.len().saturating_sub(100)) {
            writeln!(text, "operator: {line}").unwrap();
        }
        text
    }
}
