//! What the files of a project tell each other: which definitions there are, which services and
//! Secrets are named where.
//!
//! In: the text of a file, sound or not. Out: [`Facts`], names and places alone: no value of a
//! secret is looked at. It finds nothing wrong.

use std::ops::Range;

use compact_str::CompactString;

use super::outline;
use crate::definition::Kind;
use crate::model::secret_reference::SECRET_KEY_REF;
use crate::tree::{Mapping, Node, SourceId, Span, Value};

/// A name and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// The name.
    pub name: CompactString,
    /// Where it stands in its file.
    pub span: Span,
}

/// A definition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Definition {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Named,
    /// The bytes of its document.
    pub document: Range<usize>,
    /// Of a pipeline, the service that it names.
    pub service: Option<Named>,
    /// Of a service, its connector.
    pub connector: Option<CompactString>,
}

/// A Secret, as something refers to it or brings it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Secret {
    /// Its name.
    pub name: Named,
    /// A key in it.
    pub key: Option<Named>,
    /// Whether the file brings the Secret, encrypted, and does not merely refer to it.
    pub is_here: bool,
}

/// What a file tells the others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Its definitions.
    pub definitions: Vec<Definition>,
    /// The Secrets in it.
    pub secrets: Vec<Secret>,
}

impl Facts {
    /// Looks through a text.
    pub fn of(text: &str) -> Self {
        let mut facts = Self::default();
        for document in outline::documents(text) {
            let tree = outline::read(&text[document.clone()], SourceId(0), document.start);
            facts.secrets_below(&tree);
            let kind = tree.get("kind").and_then(Node::as_str).unwrap_or_default();
            if ["Secret", "SealedSecret"].contains(&kind) {
                facts.provided(&tree);
            }
            if let Some(kind) = Kind::find(kind) {
                let name = named(tree.at_route(&["metadata", "name"]));
                let service = named(tree.at_route(&["spec", "service"]))
                    .filter(|_| kind == Kind::IngestionPipeline);
                let connector = named(tree.at_route(&["spec", "type"]))
                    .filter(|_| kind == Kind::ServiceConnection);
                facts.definitions.extend(name.map(|name| Definition {
                    kind,
                    name,
                    document,
                    service,
                    connector: connector.map(|connector| connector.name),
                }));
            }
        }
        facts
    }

    /// The references to Secrets in a tree.
    fn secrets_below(&mut self, node: &Node) {
        match &node.value {
            Value::Sequence(items) => items.iter().for_each(|item| self.secrets_below(item)),
            Value::Mapping(mapping) => {
                for entry in mapping {
                    let reference = &entry.value;
                    let name = named(reference.get("name"));
                    match name.filter(|_| entry.key == SECRET_KEY_REF) {
                        Some(name) => {
                            let key = named(reference.get("key"));
                            self.secrets.push(Secret { name, key, is_here: false });
                        }
                        None => self.secrets_below(reference),
                    }
                }
            }
            _ => {}
        }
    }

    /// The keys of a Secret that an encrypted file brings.
    fn provided(&mut self, tree: &Node) {
        let Some(name) = named(tree.at_route(&["metadata", "name"])) else { return };
        let routes: [&[&str]; 3] = [&["data"], &["stringData"], &["spec", "encryptedData"]];
        let keys = routes.iter().filter_map(|route| tree.at_route(route)?.as_mapping());
        for entry in keys.flat_map(Mapping::iter) {
            let key = Named { name: entry.key.clone(), span: entry.key_span };
            self.secrets.push(Secret { name: name.clone(), key: Some(key), is_here: true });
        }
    }
}

fn named(node: Option<&Node>) -> Option<Named> {
    let node = node?;
    let name = node.as_str().filter(|name| !name.is_empty())?;
    Some(Named { name: name.into(), span: node.span })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_services_and_secrets_are_found_beside_what_is_broken() {
        let text = "
kind: ServiceConnection
metadata: {name: sf}
spec:
  type: snowflake
  connection: {config: {password: {secretKeyRef: {name: snow, key: pw}}, open: [
---
kind: IngestionPipeline
metadata:
  name: nightly
spec:
  service: sf
  sche
---
kind: Deployment
metadata: {name: other}
---
kind: Secret
metadata: {name: bot}
data: {token: AAAA, sops: x}
";
        let facts = Facts::of(text);
        let definitions = facts.definitions.iter().map(|one| {
            let service = one.service.as_ref().map(|service| service.name.as_str());
            (one.kind, one.name.name.as_str(), service, one.connector.as_deref())
        });
        assert_eq!(
            definitions.collect::<Vec<_>>(),
            [
                (Kind::ServiceConnection, "sf", None, Some("snowflake")),
                (Kind::IngestionPipeline, "nightly", Some("sf"), None),
            ]
        );
        let secrets = facts.secrets.iter().map(|one| {
            (one.name.name.as_str(), one.key.as_ref().map(|key| key.name.as_str()), one.is_here)
        });
        assert_eq!(
            secrets.collect::<Vec<_>>(),
            [
                ("snow", Some("pw"), false),
                ("bot", Some("token"), true),
                ("bot", Some("sops"), true)
            ]
        );
        let service = facts.definitions[1].service.as_ref().unwrap().span;
        assert_eq!(&text[service.start as usize..service.end as usize], "sf");
    }
}
