//! What is to be in the cluster: rendered objects as the values that are sent.
//!
//! In: rendered objects. Out: [`Desired`] objects, and the files that cannot be sent, since only
//! who can decrypt them knows the objects. It does no I/O.

use serde_json::{Map, Value};

use super::inventory::{ApplySet, PART_OF};
use crate::cluster::error::Error;
use crate::compile::Object;
use crate::diagnostic::Diagnostics;
use crate::model::labels;
use crate::tree::{SourceId, Span};
use crate::yaml::{self, Dialect};

/// Which object, whatever version of its kind is asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Identity {
    /// The API group; empty for the core.
    pub group: String,
    /// `CronJob`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Identity {
    /// `cronjob/om-cronjob-orders`, as kubectl writes it.
    pub fn shown(&self) -> String {
        format!("{}/{}", self.kind.to_lowercase(), self.name)
    }
}

/// An object as it is to be.
#[derive(Clone, Debug)]
pub struct Desired {
    /// Which.
    pub identity: Identity,
    /// The version of its kind, without the group.
    pub version: String,
    /// Its place in the order of applying: lower first.
    pub order: usize,
    /// The pipeline that it belongs to, by its folder; none: all pipelines of the namespace.
    pub pipeline: Option<String>,
    /// Where the name of its definition stands.
    pub span: Span,
    /// All that is sent.
    pub value: Value,
}

impl Desired {
    /// `batch/v1`.
    pub fn api_version(&self) -> String {
        api_version(&self.identity.group, &self.version)
    }

    /// The names of its labels with their values.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.value.pointer("/metadata/labels")?.get(name)?.as_str()
    }

    /// Whether a list by the label of all rendered objects holds it.
    pub fn is_labelled(&self) -> bool {
        self.label(labels::MANAGED_BY) == Some(labels::OPENMETADATA)
    }

    /// Whether it holds values that nobody may see.
    pub fn is_secret(&self) -> bool {
        self.identity.kind == "Secret"
    }
}

/// A group and a version in one.
pub fn api_version(group: &str, version: &str) -> String {
    match group {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    }
}

/// All that is to be in the cluster.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The objects, in the order of [`Desired::order`] within each pipeline.
    pub objects: Vec<Desired>,
    /// The files that are encrypted by SOPS, which no cluster decrypts.
    pub encrypted: Vec<String>,
    /// What they are members of.
    pub set: Option<ApplySet>,
    /// Whether they are all that the project has, or the part that was asked for.
    pub is_whole: bool,
}

impl Wanted {
    /// Reads rendered objects. `namespace` is that of objects which name none.
    pub fn of(
        rendered: &[Object],
        namespace: &str,
        set: Option<ApplySet>,
        is_whole: bool,
    ) -> Result<Self, Error> {
        let mut wanted = Self { set, is_whole, ..Self::default() };
        for object in rendered {
            let mut found = Diagnostics::default();
            let documents =
                yaml::read(SourceId::NONE, &object.text, Dialect::Definition, &mut found);
            let unreadable = || Error::UnreadableObject { file: object.file.clone() };
            if found.has_errors() {
                return Err(unreadable());
            }
            for document in &documents {
                let value = Value::from(document);
                if value.get("sops").is_some() {
                    if !wanted.encrypted.contains(&object.file) {
                        wanted.encrypted.push(object.file.clone());
                    }
                    continue;
                }
                let mut desired = desired(value, object, namespace).ok_or_else(unreadable)?;
                if let Some(set) = &wanted.set {
                    set_label(&mut desired.value, PART_OF, &set.id);
                }
                wanted.objects.push(desired);
            }
        }
        Ok(wanted)
    }

    /// The namespaces of the objects, in order.
    pub fn namespaces(&self) -> Vec<&str> {
        let mut namespaces: Vec<&str> =
            self.objects.iter().map(|object| object.identity.namespace.as_str()).collect();
        namespaces.extend(self.set.as_ref().map(|set| set.namespace.as_str()));
        namespaces.sort_unstable();
        namespaces.dedup();
        namespaces
    }
}

fn desired(mut value: Value, object: &Object, namespace: &str) -> Option<Desired> {
    let text = |value: &Value, at: &str| {
        value.pointer(at).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let api_version = text(&value, "/apiVersion")?;
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    let name = text(&value, "/metadata/name")?;
    let kind = text(&value, "/kind")?;
    let namespace = match text(&value, "/metadata/namespace") {
        Some(namespace) => namespace,
        None => {
            let metadata = value.get_mut("metadata")?.as_object_mut()?;
            metadata.insert("namespace".to_owned(), namespace.into());
            namespace.to_owned()
        }
    };
    // Encrypted files lie in a folder too, and belong to no pipeline.
    let folder = object.file.split_once('/').map(|(folder, _)| folder.to_owned());
    let is_of_pipeline = value.pointer("/metadata/labels").is_some_and(|of| {
        of.get(labels::PIPELINE).is_some() || of.get(labels::MANAGED_BY).is_some()
    });
    Some(Desired {
        identity: Identity { group: group.to_owned(), kind, namespace, name },
        version: version.to_owned(),
        order: object.order,
        pipeline: folder.filter(|_| is_of_pipeline),
        span: object.span,
        value,
    })
}

/// Gives an object a label.
pub fn set_label(object: &mut Value, name: &str, value: &str) {
    let Some(object) = object.as_object_mut() else { return };
    let metadata = object.entry("metadata").or_insert_with(|| Map::new().into());
    let Some(metadata) = metadata.as_object_mut() else { return };
    let labels = metadata.entry("labels").or_insert_with(|| Map::new().into());
    if let Some(labels) = labels.as_object_mut() {
        labels.insert(name.to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(file: &str, text: &str) -> Object {
        Object { file: file.to_owned(), order: 5, span: Span::NONE, text: text.to_owned() }
    }

    const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: om-config-a\n  namespace: here\n  \
                              labels:\n    app.kubernetes.io/managed-by: openmetadata\n";

    #[test]
    fn an_object_knows_its_pipeline_and_becomes_a_member_of_the_set() {
        let set = ApplySet::of("analytics", None, "n");
        let wanted =
            Wanted::of(&[object("a/x.yaml", CONFIG_MAP)], "n", Some(set.clone()), true).unwrap();
        let [one] = &wanted.objects[..] else { panic!() };
        assert_eq!(one.pipeline.as_deref(), Some("a"));
        assert_eq!(one.label(PART_OF), Some(set.id.as_str()));
        assert!(one.is_labelled());
        assert_eq!(one.identity.shown(), "configmap/om-config-a");
    }

    #[test]
    fn what_sops_encrypted_is_not_sent_and_what_is_sealed_is() {
        let sops = object("encrypted/s.yaml", "kind: Secret\nsops:\n  mac: x\n");
        let sealed = object(
            "encrypted/t.yaml",
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: t\n",
        );
        let wanted = Wanted::of(&[sops, sealed], "there", None, true).unwrap();
        assert_eq!(wanted.encrypted, ["encrypted/s.yaml"]);
        let [one] = &wanted.objects[..] else { panic!() };
        assert_eq!((one.pipeline.as_ref(), one.identity.namespace.as_str()), (None, "there"));
        assert_eq!(one.value["metadata"]["namespace"], "there");
        assert_eq!(one.api_version(), "bitnami.com/v1alpha1");
    }

    #[test]
    fn a_text_that_is_no_object_is_an_error() {
        for text in ["a: 1\n", "a: [\n", "apiVersion: v1\nkind: Secret\nmetadata: {}\n"] {
            assert!(Wanted::of(&[object("a.yaml", text)], "n", None, true).is_err(), "{text}");
        }
    }
}
