//! The services that pipelines ingest from.
//!
//! In: workflows and records one after the other. Out: each distinct connection once, under a name
//! of its own. Two connections are the same when all they hold is, their secrets included.

use std::collections::HashMap;

use super::draft::{Record, Routes};
use super::kind::service_type;
use super::names::{self, Names};
use crate::definition::PipelineType;
use crate::tree::Node;

/// A service.
pub(super) struct Service {
    /// The definition's name: as OpenMetadata knows the service, or another where services of one
    /// name differ.
    pub(super) name: String,
    /// The connector, as in `source.type`; empty where nothing tells it.
    pub(super) service_type: String,
    /// The export that its connection stands in; empty when a workflow says it.
    pub(super) stands_in: String,
    /// What that calls parts of a workflow.
    pub(super) routes: Routes,
    /// As written, with what it holds; `None` where OpenMetadata's own record is used.
    written: Option<Node>,
    /// With references in place of secrets, once these are lifted.
    pub(super) connection: Option<Node>,
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
    /// The number of the service that a whole workflow connects to; a new one is added.
    pub(super) fn of(&mut self, workflow: &Node, pipeline_type: PipelineType) -> Option<usize> {
        let source = workflow.get("source")?;
        let connection = source.get("serviceConnection")?;
        connection.as_mapping()?;
        let record = Record {
            stands_in: String::new(),
            routes: &[],
            name: source.get("serviceName")?.as_str()?.to_owned(),
            service_type: service_type(source.get("type")?.as_str()?, pipeline_type).to_owned(),
            connection: Some(connection.clone()),
        };
        Some(self.distinct(record))
    }

    /// The number of a service of OpenMetadata's record. One of which only the name is known is
    /// whichever there is of that name.
    pub(super) fn of_record(&mut self, record: Record) -> usize {
        if record.connection.is_none()
            && let Some(known) = self.named(&record.name)
            && (record.service_type.is_empty()
                || record.service_type == self.all[known].service_type)
        {
            return known;
        }
        self.distinct(record)
    }

    fn distinct(&mut self, record: Record) -> usize {
        let Record { stands_in, routes, name, service_type, connection } = record;
        let alike = self.alike.entry((name.clone(), service_type.clone())).or_default();
        let known = alike.iter().copied().find(|number| self.all[*number].written == connection);
        if let Some(known) = known {
            return known;
        }
        let number = self.all.len();
        alike.push(number);
        let name = self.names.take(&names::of_service(&name, &service_type));
        self.by_name.insert(name.clone(), number);
        let written = connection.clone();
        self.all.push(Service { name, service_type, stands_in, routes, written, connection });
        number
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

    #[test]
    fn a_record_without_a_connection_is_the_service_of_its_name() {
        let record = |service_type: &str| Record {
            stands_in: String::new(),
            routes: &[],
            name: "orders".to_owned(),
            service_type: service_type.to_owned(),
            connection: None,
        };
        let mut services = Services::default();
        let workflow = json!({"source": {
            "type": "mysql", "serviceName": "orders", "serviceConnection": {"config": {}},
        }});
        assert_eq!(services.of(&Node::from(workflow), PipelineType::Metadata), Some(0));
        assert_eq!(services.of_record(record("")), 0);
        assert_eq!(services.of_record(record("mysql")), 0);
        assert_eq!(services.of_record(record("postgres")), 1, "another connector, another service");
    }
}
