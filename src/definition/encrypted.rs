//! Encrypted Kubernetes objects beside the definitions: SOPS files and SealedSecrets, which pass
//! through as they are; and Secrets that are not encrypted, which must not lie there.
//!
//! In: the documents of a file that are no definitions. Out: [`EncryptedFile`], with the Secrets
//! that it brings, or findings. No value is ever shown, encrypted or not.

use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::tree::{Node, SourceId, Span, Value};

/// What SOPS' encrypted values begin with.
pub const CIPHER: &str = "ENC[";

/// What SOPS leaves as it is at the end of a key.
const UNENCRYPTED_SUFFIX: &str = "_unencrypted";

/// A file of encrypted objects, which goes to the output byte for byte.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncryptedFile {
    /// Its text.
    pub source: SourceId,
    /// Where its first object says what it is.
    pub span: Span,
    /// The Secrets that it becomes in the cluster.
    pub secrets: Vec<EncryptedSecret>,
}

/// A Secret in an encrypted file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncryptedSecret {
    /// How it is encrypted.
    pub by: Encryption,
    /// Its namespace, where it says one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its keys.
    pub keys: Vec<String>,
}

/// How a Secret is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Encryption {
    /// By SOPS, value by value.
    Sops,
    /// As a SealedSecret.
    SealedSecret,
}

impl Encryption {
    /// As people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sops => "SOPS",
            Self::SealedSecret => "SealedSecret",
        }
    }
}

/// Whether a document carries the mark of SOPS, whatever it is.
pub(super) fn is_sops(document: &Node) -> bool {
    document.at_route(&["sops", "mac"]).is_some()
}

/// How an object of another system is encrypted.
fn encryption(object: &Node) -> Option<Encryption> {
    let text = |key| object.get(key).and_then(Node::as_str).unwrap_or_default();
    if is_sops(object) {
        Some(Encryption::Sops)
    } else if text("kind") == "SealedSecret" && text("apiVersion").starts_with("bitnami.com/") {
        Some(Encryption::SealedSecret)
    } else {
        None
    }
}

/// Looks at the documents of a file that are no definitions; `alone` says that there are no others.
pub fn encrypted_file(
    source: SourceId,
    foreign: &[Node],
    alone: bool,
    found: &mut Diagnostics,
) -> Option<EncryptedFile> {
    let mut own = Diagnostics::default();
    foreign.iter().for_each(|object| plain_secrets(object, &mut own));
    let encrypted = foreign.iter().filter_map(|object| Some((object, encryption(object)?)));
    let encrypted = encrypted.collect::<Vec<_>>();
    let secrets = encrypted.iter().filter_map(|(object, by)| secret(object, *by, &mut own));
    let secrets = secrets.collect();
    if let Some((first, _)) = encrypted.first()
        && (!alone || encrypted.len() < foreign.len())
    {
        own.push(
            refused(first, "an encrypted object shares its file with what is not encrypted")
                .with_help("put it into a file of its own, which passes through as it is"),
        );
    }
    let file = encrypted.first().filter(|_| !own.has_errors());
    let file = file.map(|(first, _)| EncryptedFile { source, span: place(first), secrets });
    found.append(own);
    file
}

/// The Secret that an encrypted object becomes; none for another kind.
fn secret(object: &Node, by: Encryption, found: &mut Diagnostics) -> Option<EncryptedSecret> {
    let text = |route: &[&str]| object.at_route(route).and_then(Node::as_str);
    let clear = |text: &&str| !text.starts_with(CIPHER);
    let identity = [text(&["apiVersion"]), text(&["kind"]), text(&["metadata", "name"])];
    let [Some(_), Some(kind), Some(name)] = identity.map(|part| part.filter(clear)) else {
        found.push(
            refused(object, "what the encrypted object is stands not in the clear")
                .with_note("`apiVersion`, `kind` and `metadata.name` tell what is to be applied")
                .with_help("encrypt its values alone: `sops --encrypt --encrypted-regex '^(data|stringData)$'`; a file that is no Kubernetes object belongs outside of the project"),
        );
        return None;
    };
    let (name, fields): (_, &[&[&str]]) = match by {
        Encryption::SealedSecret => (
            text(&["spec", "template", "metadata", "name"]).unwrap_or(name),
            &[&["spec", "encryptedData"], &["spec", "template", "data"]],
        ),
        Encryption::Sops if kind == "Secret" => (name, &[&["data"], &["stringData"]]),
        Encryption::Sops => return None,
    };
    let keys = fields.iter().filter_map(|route| object.at_route(route)?.as_mapping());
    let mut keys: Vec<String> = keys.flatten().map(|entry| entry.key.to_string()).collect();
    keys.sort();
    keys.dedup();
    let namespace = text(&["metadata", "namespace"]).filter(clear).map(str::to_owned);
    Some(EncryptedSecret { by, namespace, name: name.to_owned(), keys })
}

/// Finds Secrets whose values anybody can read, in Lists too.
fn plain_secrets(object: &Node, found: &mut Diagnostics) {
    let text = |key| object.get(key).and_then(Node::as_str).unwrap_or_default();
    if let ("v1", "List" | "SecretList") = (text("apiVersion"), text("kind")) {
        let items = object.get("items").and_then(Node::as_sequence);
        items.into_iter().flatten().for_each(|item| plain_secrets(item, found));
    }
    if text("kind") != "Secret" || text("apiVersion") != "v1" {
        return;
    }
    let sops = is_sops(object);
    let fields = ["data", "stringData"].into_iter().filter_map(|field| object.get(field));
    let entries = fields.filter_map(Node::as_mapping).flatten();
    let readable = entries.filter(|entry| match &entry.value.value {
        Value::Null => false,
        Value::String(value) if sops => {
            !value.is_empty()
                && !value.starts_with(CIPHER)
                && !entry.key.ends_with(UNENCRYPTED_SUFFIX)
        }
        Value::String(value) => !value.is_empty(),
        _ => true,
    });
    let readable = readable.collect::<Vec<_>>();
    let [first, ..] = readable.as_slice() else { return };
    let name = object.at_route(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default();
    let finding = if sops {
        let message = format!("the key `{}` of the Secret `{name}` is not encrypted", first.key);
        Diagnostic::error(&code::PLAIN_SECRET, first.key_span, message)
            .with_note("SOPS encrypts what the file's `encrypted_regex` names, and this was added after it or not named")
            .with_help("replace the value, and encrypt it with `sops edit`")
    } else {
        let message = format!("the Secret `{name}` lies unencrypted among the definitions");
        Diagnostic::error(&code::PLAIN_SECRET, place(object), message)
            .with_label("anybody who can read the repository can read its values")
            .with_help("encrypt it with SOPS or as a SealedSecret, which pass through; or move it out of the project, and replace its values if they have been in Git")
    };
    found.push(
        readable.iter().fold(finding, |finding, entry| finding.with_secret(entry.value.span)),
    );
}

fn refused(object: &Node, message: &str) -> Diagnostic {
    Diagnostic::error(&code::ENCRYPTED_FILE, place(object), message)
}

/// Where an object says what it is.
fn place(object: &Node) -> Span {
    object.get("kind").map_or(object.span, |kind| kind.span)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn looked(documents: &[serde_json::Value]) -> (Option<EncryptedFile>, Vec<&'static str>) {
        let nodes: Vec<Node> = documents.iter().cloned().map(Node::from).collect();
        let mut found = Diagnostics::default();
        let file = encrypted_file(SourceId(0), &nodes, true, &mut found);
        (file, found.iter().map(|found| found.code.id).collect())
    }

    fn sops(value: &str) -> serde_json::Value {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "ns"},
            "stringData": {"password": value, "none": "", "note_unencrypted": "x"}, "sops": {"mac": "ENC[…]"}})
    }

    fn sealed() -> serde_json::Value {
        json!({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": {"name": "crm"},
            "spec": {"encryptedData": {"user": "Ag…", "password": "Ag…"}}})
    }

    #[test]
    fn encrypted_objects_tell_which_secrets_they_become() {
        let (file, found) = looked(&[sops("ENC[x]"), sealed()]);
        assert_eq!(found, [""; 0]);
        let secrets = file.unwrap().secrets;
        assert_eq!(secrets[0].namespace.as_deref(), Some("ns"));
        assert_eq!((secrets[1].by, &*secrets[1].name), (Encryption::SealedSecret, "crm"));
        assert_eq!(secrets[1].keys, ["password", "user"]);
    }

    #[test]
    fn what_anybody_can_read_is_found_and_never_shown() {
        let plain = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
            "data": {"password": "aHVudGVyMg=="}});
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [&plain]});
        for documents in [vec![plain], vec![list], vec![sops("hunter2")]] {
            let (file, found) = looked(&documents);
            assert_eq!((file, found), (None, vec!["OMP0506"]));
        }
        let empty = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}});
        assert_eq!(looked(&[empty]), (None, vec![]));
    }

    #[test]
    fn an_encrypted_file_holds_nothing_else() {
        let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}});
        assert_eq!(looked(&[sealed(), other.clone()]), (None, vec!["OMP0507"]));
        assert_eq!(looked(&[other]), (None, vec![]));
        let mut found = Diagnostics::default();
        assert_eq!(encrypted_file(SourceId(0), &[sealed().into()], false, &mut found), None);
        assert!(found.has_errors());
    }

    #[test]
    fn an_object_that_hides_what_it_is_cannot_pass() {
        let mut hidden = sops("ENC[x]");
        hidden["kind"] = "ENC[y]".into();
        assert_eq!(looked(&[hidden]), (None, vec!["OMP0507"]));
        let values = json!({"password": "ENC[x]", "sops": {"mac": "ENC[…]"}});
        assert_eq!(looked(&[values]), (None, vec!["OMP0507"]));
    }
}
