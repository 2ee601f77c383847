//! The services that plain workflows connect to.
//!
//! In: workflows one after the other. Out: each distinct connection once, under a name of its own.
//! Two connections are the same when all they hold is, their secrets included.

use std::collections::HashMap;

use super::kind::service_type;
use super::names::{self, Names};
use crate::definition::PipelineType;
use crate::tree::Node;

/// A service.
pub(super) struct Service {
    /// The definition's name: as OpenMetadata knows the service, or another where services of one
    /// name differ.
    pub(super) name: String,
    /// The connector, as in `source.type`.
    pub(super) service_type: String,
    /// As written, with what it holds.
    written: Node,
    /// With references in place of secrets, once these are lifted.
    pub(super) connection: Node,
}

/// All services, by their numbers.
#[derive(Default)]
pub(super) struct Services {
    pub(super) all: Vec<Service>,
    names: Names,
    /// By the name that OpenMetadata knows, and the connector.
    alike: HashMap<(String, String), Vec<usize>>,
    by_name: HashMap<String, usize>,
}

impl Services {
    /// The number of the service that a workflow connects to; a new one is added.
    pub(super) fn of(&mut self, workflow: &Node, pipeline_type: PipelineType) -> Option<usize> {
        let source = workflow.get("source")?;
        let connection = source.get("serviceConnection")?;
        connection.as_mapping()?;
        let service_name = source.get("serviceName")?.as_str()?;
        let service_type = service_type(source.get("type")?.as_str()?, pipeline_type);
        let alike = self.alike.entry((service_name.to_owned(), service_type.to_owned()));
        let alike = alike.or_default();
        let known = alike.iter().copied().find(|number| self.all[*number].written == *connection);
        if known.is_some() {
            return known;
        }
        let number = self.all.len();
        alike.push(number);
        let name = self.names.take(&names::of_service(service_name, service_type));
        self.by_name.insert(name.clone(), number);
        self.all.push(Service {
            name,
            service_type: service_type.to_owned(),
            written: connection.clone(),
            connection: connection.clone(),
        });
        Some(number)
    }

    /// The number of the service of a name.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_service_is_one_for_all_that_connect_to_it_alike() {
        let workflow = |kind: &str, host: &str| {
            Node::from(json!({"source": {
                "type": kind, "serviceName": "orders", "serviceConnection": {"config": {"hostPort": host}},
            }}))
        };
        let mut services = Services::default();
        assert_eq!(services.of(&workflow("mysql", "a"), PipelineType::Metadata), Some(0));
        assert_eq!(services.of(&workflow("mysql-usage", "a"), PipelineType::Usage), Some(0));
        assert_eq!(services.of(&workflow("mysql", "b"), PipelineType::Metadata), Some(1));
        let names: Vec<_> = services.all.iter().map(|service| service.name.as_str()).collect();
        assert_eq!(names, ["orders", "orders-mysql"]);
        assert_eq!(services.named("orders"), Some(0));
    }
}
