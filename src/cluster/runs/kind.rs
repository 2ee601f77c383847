//! The kinds of objects that a pipeline has in a cluster.
//!
//! In: a kind and a namespace. Out: the API's path of its objects, and how people read its name.

use serde::Serialize;

use crate::crd::{GROUP, VERSION};

/// A kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub enum Kind {
    /// A pipeline on its schedule, without the operator.
    CronJob,
    /// The same, for the operator.
    #[serde(rename = "CronOMJob")]
    CronOMJob,
    /// A run, without the operator.
    Job,
    /// A run, for the operator.
    #[serde(rename = "OMJob")]
    OMJob,
    /// Of a run.
    Pod,
    /// A workflow.
    ConfigMap,
    /// What a Secret with a workflow is made from.
    ExternalSecret,
    /// A workflow with its secrets in place.
    Secret,
}

impl Kind {
    /// The kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CronJob => "CronJob",
            Self::CronOMJob => "CronOMJob",
            Self::Job => "Job",
            Self::OMJob => "OMJob",
            Self::Pod => "Pod",
            Self::ConfigMap => "ConfigMap",
            Self::ExternalSecret => "ExternalSecret",
            Self::Secret => "Secret",
        }
    }

    /// Group and version.
    pub fn api_version(self) -> String {
        match self {
            Self::CronJob | Self::Job => "batch/v1".to_owned(),
            Self::CronOMJob | Self::OMJob => format!("{GROUP}/{VERSION}"),
            Self::Pod | Self::ConfigMap | Self::Secret => "v1".to_owned(),
            Self::ExternalSecret => "external-secrets.io/v1".to_owned(),
        }
    }

    /// Whether a cluster may do without it.
    pub fn may_be_unknown(self) -> bool {
        matches!(self, Self::CronOMJob | Self::OMJob | Self::ExternalSecret)
    }

    /// The path of its objects in a namespace.
    pub(super) fn path(self, namespace: &str) -> String {
        let version = self.api_version();
        let root = if version.contains('/') { "apis" } else { "api" };
        let plural = self.as_str().to_lowercase();
        format!("/{root}/{version}/namespaces/{namespace}/{plural}s")
    }

    /// An object of it, as kubectl writes it.
    pub fn named(self, name: &str) -> String {
        format!("{}/{name}", self.as_str().to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kinds_objects_have_the_path_that_the_api_server_gives_them() {
        assert_eq!(Kind::ConfigMap.path("a"), "/api/v1/namespaces/a/configmaps");
        assert_eq!(Kind::Job.path("a"), "/apis/batch/v1/namespaces/a/jobs");
        let omjobs = "/apis/pipelines.openmetadata.org/v1/namespaces/a/cronomjobs";
        assert_eq!(Kind::CronOMJob.path("a"), omjobs);
        assert_eq!(Kind::CronJob.named("x"), "cronjob/x");
    }
}
