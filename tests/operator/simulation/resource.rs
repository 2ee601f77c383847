//! The resources that the server serves, and what tells them apart.

use std::fmt;

/// A resource of the API, by its plural.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resource {
    Namespaces,
    Nodes,
    Pods,
    CoreEvents,
    Events,
    Leases,
    OMJobs,
    CronOMJobs,
}

impl Resource {
    pub(crate) const ALL: [Self; 8] = [
        Self::Namespaces,
        Self::Nodes,
        Self::Pods,
        Self::CoreEvents,
        Self::Events,
        Self::Leases,
        Self::OMJobs,
        Self::CronOMJobs,
    ];

    pub(crate) fn of(group: &str, version: &str, plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| {
            (resource.group(), resource.version(), resource.plural()) == (group, version, plural)
        })
    }

    pub(crate) fn group(self) -> &'static str {
        match self {
            Self::Namespaces | Self::Nodes | Self::Pods | Self::CoreEvents => "",
            Self::Events => "events.k8s.io",
            Self::Leases => "coordination.k8s.io",
            Self::OMJobs | Self::CronOMJobs => "pipelines.openmetadata.org",
        }
    }

    pub(crate) fn version(self) -> &'static str {
        "v1"
    }

    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Namespaces => "Namespace",
            Self::Nodes => "Node",
            Self::Pods => "Pod",
            Self::CoreEvents | Self::Events => "Event",
            Self::Leases => "Lease",
            Self::OMJobs => "OMJob",
            Self::CronOMJobs => "CronOMJob",
        }
    }

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Nodes => "nodes",
            Self::Pods => "pods",
            Self::CoreEvents | Self::Events => "events",
            Self::Leases => "leases",
            Self::OMJobs => "omjobs",
            Self::CronOMJobs => "cronomjobs",
        }
    }

    pub(crate) fn api_version(self) -> String {
        match self.group() {
            "" => self.version().to_owned(),
            group => format!("{group}/{}", self.version()),
        }
    }

    pub(crate) fn is_namespaced(self) -> bool {
        !matches!(self, Self::Namespaces | Self::Nodes)
    }

    /// Defined by a CustomResourceDefinition: no update without a resourceVersion, a generation, and
    /// here a status subresource.
    pub(crate) fn is_custom(self) -> bool {
        matches!(self, Self::OMJobs | Self::CronOMJobs)
    }

    /// Whether status is written only through `/status`.
    pub(crate) fn has_status(self) -> bool {
        matches!(self, Self::OMJobs | Self::CronOMJobs | Self::Pods | Self::Nodes)
    }

    /// As messages name it: `omjobs.pipelines.openmetadata.org`.
    pub(crate) fn qualified(self) -> String {
        match self.group() {
            "" => self.plural().to_owned(),
            group => format!("{}.{group}", self.plural()),
        }
    }
}

/// Where an object is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) resource: Resource,
    /// Empty for what has no namespace.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(resource: Resource, namespace: &str, name: &str) -> Self {
        let namespace = if resource.is_namespaced() { namespace } else { "" };
        Self { resource, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The same place, another resource: the namespace of an object, the pod of an OMJob.
    pub(crate) fn beside(&self, resource: Resource, name: &str) -> Self {
        Self::new(resource, &self.namespace, name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, namespace, name } = self;
        match namespace.as_str() {
            "" => write!(formatter, "{}/{name}", resource.plural()),
            _ => write!(formatter, "{}/{namespace}/{name}", resource.plural()),
        }
    }
}
