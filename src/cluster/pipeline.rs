//! A pipeline as a cluster knows it: by its namespace, and by the label that its objects bear.

use crate::model::{ObjectNames, PipelineName, labels};

/// A pipeline whose objects are somewhere in a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pipeline {
    /// The namespace of its objects.
    pub namespace: String,
    /// Its name, as OpenMetadata knows it.
    pub name: PipelineName,
    /// The names of its objects.
    pub names: ObjectNames,
}

impl Pipeline {
    /// The pipeline of this name in a namespace.
    pub fn new(namespace: impl Into<String>, name: PipelineName) -> Self {
        let names = ObjectNames::of(&name);
        Self { namespace: namespace.into(), name, names }
    }

    /// The label selector of all its objects.
    pub fn selector(&self) -> String {
        format!("{}={}", labels::PIPELINE, self.names.label.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipelines_objects_are_found_by_its_label_whatever_its_name() {
        let pipeline = |name| Pipeline::new("ingestion", PipelineName::parse(name).unwrap());
        assert_eq!(pipeline("orders").selector(), "app.kubernetes.io/pipeline=orders");
        assert_ne!(pipeline("a b").selector(), pipeline("a-b").selector());
    }
}
