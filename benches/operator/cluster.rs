//! The control plane: a client, the operator's kinds, and what is created in it.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, CustomResourceExt};
use ompipe::crd::{CronOMJob, OMJob};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::Failure;

/// Where everything is created.
pub(super) const NAMESPACE: &str = "ompipe-bench";
/// So many requests of this program are under way at once.
const AT_ONCE: usize = 16;

/// The control plane.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) client: Client,
    pub(super) kubeconfig: String,
}

impl Cluster {
    pub(super) async fn connect(kubeconfig: &str) -> Result<Self, Failure> {
        let file = Kubeconfig::read_from(kubeconfig)?;
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
        Ok(Self { client: Client::try_from(config)?, kubeconfig: kubeconfig.to_owned() })
    }

    /// The namespace and the operator's kinds.
    pub(super) async fn install(&self) -> Result<(), Failure> {
        let apply = PatchParams::apply("ompipe-bench").force();
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
        namespaces.patch(NAMESPACE, &apply, &Patch::Apply(namespace)).await?;
        let crds: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        for crd in [OMJob::crd(), CronOMJob::crd()] {
            let name = crd.metadata.name.clone().unwrap_or_default();
            crds.patch(&name, &apply, &Patch::Apply(crd)).await?;
        }
        let omjobs: Api<OMJob> = self.api();
        let deadline = Instant::now() + Duration::from_secs(30);
        while omjobs.list(&ListParams::default().limit(1)).await.is_err() {
            if Instant::now() > deadline {
                return Err("the OMJob CRD is not served".into());
            }
            sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    pub(super) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// Creates OMJobs `{prefix}-0` to `{prefix}-{count - 1}`, their mains so long.
    pub(super) async fn create_omjobs(
        &self,
        prefix: &str,
        count: usize,
        seconds: u32,
    ) -> Result<(), Failure> {
        let api: Api<OMJob> = self.api();
        self.create_all(count, |number| {
            let (api, name) = (api.clone(), format!("{prefix}-{number}"));
            async move {
                let omjob = serde_json::from_value(omjob(&name, seconds))?;
                api.create(&PostParams::default(), &omjob).await?;
                Ok(())
            }
        })
        .await
    }

    /// Creates Jobs of the same size.
    pub(super) async fn create_jobs(&self, prefix: &str, count: usize) -> Result<(), Failure> {
        let api: Api<Job> = self.api();
        self.create_all(count, |number| {
            let (api, name) = (api.clone(), format!("{prefix}-{number}"));
            async move {
                let job = serde_json::from_value(json!({
                    "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
                    "spec": {"template": {"spec": {
                        "restartPolicy": "Never",
                        "containers": [{"name": "main", "image": "bench", "env": environment()}],
                    }}},
                }))?;
                api.create(&PostParams::default(), &job).await?;
                Ok(())
            }
        })
        .await
    }

    async fn create_all<F, Fut>(&self, count: usize, create: F) -> Result<(), Failure>
    where
        F: Fn(usize) -> Fut,
        Fut: Future<Output = Result<(), Failure>>,
    {
        let all = stream::iter(0..count).map(|number| Ok::<_, Failure>(create(number)));
        all.try_buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Removes everything that was created.
    pub(super) async fn clear(&self) -> Result<(), Failure> {
        let background = DeleteParams::background();
        let all = ListParams::default();
        self.api::<CronOMJob>().delete_collection(&background, &all).await?;
        self.api::<OMJob>().delete_collection(&background, &all).await?;
        self.api::<Job>().delete_collection(&background, &all).await?;
        let deadline = Instant::now() + Duration::from_secs(600);
        loop {
            let omjobs = self.api::<OMJob>().list_metadata(&all.clone().limit(1)).await?;
            let pods = self.api::<Pod>().list_metadata(&all.clone().limit(1)).await?;
            if omjobs.items.is_empty() && pods.items.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err("what was created cannot be removed".into());
            }
            sleep(Duration::from_millis(500)).await;
        }
    }
}

/// An OMJob of about the size that `ompipe render --run` gives.
pub(super) fn omjob(name: &str, seconds: u32) -> serde_json::Value {
    let pod = json!({
        "image": "docker.io/openmetadata/ingestion-base:1.9.0",
        "imagePullPolicy": "IfNotPresent",
        "serviceAccountName": "default",
        "command": ["python", "-c", "import os; exec(os.environ['OMPIPE_LAUNCHER'])", "main.py"],
        "env": environment(),
        "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"memory": "1Gi"}},
        "labels": {"app.kubernetes.io/pipeline": "bench"},
        "annotations": {"bench.ompipe/seconds": seconds.to_string()},
    });
    json!({
        "apiVersion": "pipelines.openmetadata.org/v1",
        "kind": "OMJob",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/pipeline": "bench"}},
        "spec": {"mainPodSpec": pod, "exitHandlerSpec": exit_handler(pod)},
    })
}

fn exit_handler(mut pod: serde_json::Value) -> serde_json::Value {
    pod["annotations"]["bench.ompipe/seconds"] = json!("0");
    pod
}

fn environment() -> serde_json::Value {
    json!([
        {"name": "config", "valueFrom": {"configMapKeyRef": {"name": "om-config-bench", "key": "config"}}},
        {"name": "pipelineType", "value": "metadata"},
        {"name": "pipelineRunId", "value": "{{ omjob.uid }}"},
        {"name": "jobName", "value": "{{ omjob.name }}"},
        {"name": "namespace", "value": NAMESPACE},
        {"name": "OMPIPE_SECRET_0", "valueFrom": {"secretKeyRef": {"name": "snowflake", "key": "password"}}},
    ])
}
