//! A difference as people read it: a unified diff of YAML.
//!
//! In: an object before and after. Out: text. Of a Secret it shows which keys there are and which
//! of them change, and no value. It does no I/O.

use serde_json::{Map, Value};

use super::Difference;
use crate::diagnostic::{Diagnostics, redact};
use crate::manifest::Manifest;
use crate::output::{unified_between, unified_of_masked};
use crate::tree::Node;
use crate::yaml;

/// What the two sides of a diff are called.
const SIDES: [&str; 2] = ["live", "merged"];
/// The fields of a Secret that hold values.
const VALUES: [&str; 2] = ["data", "stringData"];

/// The unified diff of an object.
pub fn unified(difference: &Difference) -> String {
    let Difference { identity, before, after, .. } = difference;
    let path = format!("{}/{}", identity.namespace, identity.shown());
    if identity.kind == "Secret" {
        let [before, after] = masked(before.as_ref(), after.as_ref()).map(|side| side.map(text));
        return unified_of_masked(SIDES, &path, before.as_deref(), after.as_deref());
    }
    let [before, after] = [before, after].map(|side| side.clone().map(text));
    unified_between(SIDES, &path, before.as_deref(), after.as_deref())
}

/// Canonical YAML.
fn text(object: Value) -> String {
    let node = Node::from(object);
    let manifest = Manifest::new(node.clone(), &mut Diagnostics::default());
    let mut text = String::new();
    yaml::write(manifest.as_ref().map_or(&node, Manifest::node), &mut text);
    text
}

/// Both sides of a Secret with marks in the place of values: the same mark where they are the same.
fn masked(before: Option<&Value>, after: Option<&Value>) -> [Option<Value>; 2] {
    let side = |own: Option<&Value>, other: Option<&Value>, name: &str| {
        let mut own = own?.clone();
        for field in VALUES {
            let Some(values) = own.get_mut(field) else { continue };
            let Some(all) = values.as_object_mut() else {
                *values = redact::MARK.into();
                continue;
            };
            let others = other.and_then(|other| other.get(field)).and_then(Value::as_object);
            let marked = all.iter().map(|(key, value)| {
                let is_other = others.and_then(|all| all.get(key)).is_some_and(|it| it != value);
                let mark = match is_other {
                    true => format!("{} ({name})", redact::MARK),
                    false => redact::MARK.to_owned(),
                };
                (key.clone(), mark.into())
            });
            *values = Value::Object(marked.collect::<Map<_, _>>());
        }
        Some(own)
    };
    [side(before, after, "before"), side(after, before, "after")]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::apply::Identity;
    use crate::cluster::diff::Change;

    fn difference(kind: &str, before: Option<Value>, after: Option<Value>) -> String {
        let whole = |data: Value| json!({"kind": kind, "apiVersion": "v1", "metadata": {"name": "a", "namespace": "n"}, "data": data});
        unified(&Difference {
            identity: Identity {
                group: String::new(),
                kind: kind.to_owned(),
                namespace: "n".to_owned(),
                name: "a".to_owned(),
            },
            api_version: "v1".to_owned(),
            change: Change::Configured,
            before: before.map(whole),
            after: after.map(whole),
        })
    }

    #[test]
    fn a_change_is_a_unified_diff_of_canonical_yaml() {
        let diff = difference(
            "ConfigMap",
            Some(json!({"a": "1", "b": "x"})),
            Some(json!({"b": "x", "a": "2"})),
        );
        assert!(diff.starts_with("--- live/n/configmap/a\n+++ merged/n/configmap/a\n"), "{diff}");
        let changed: Vec<&str> =
            diff.lines().skip(2).filter(|line| line.starts_with(['-', '+'])).collect();
        assert_eq!(changed, ["-  a: '1'", "+  a: '2'"]);
    }

    #[test]
    fn of_a_secret_the_keys_that_change_are_shown_and_no_value() {
        let before = json!({"password": "aHVudGVyMg==", "same": "c2FtZQ==", "gone": "Z29uZQ=="});
        let after = json!({"password": "aHVudGVyMw==", "same": "c2FtZQ==", "new": "bmV3"});
        let diff = difference("Secret", Some(before.clone()), Some(after));
        for line in [
            "-  gone: •••",
            "-  password: ••• (before)",
            "+  new: •••",
            "+  password: ••• (after)",
            "   same: •••",
        ] {
            assert!(diff.lines().any(|own| own == line), "{line}\n{diff}");
        }
        for diff in [
            diff,
            difference("Secret", None, Some(before.clone())),
            difference("Secret", Some(before), None),
        ] {
            for value in ["aHVudGVy", "c2FtZQ", "Z29uZQ", "bmV3"] {
                assert!(!diff.contains(value), "{diff}");
            }
        }
    }

    #[test]
    fn a_value_of_another_object_that_looks_like_a_secret_is_not_shown() {
        let with = |password: &str| Some(json!({"config": format!("  password: {password}\n")}));
        let diff = difference("ConfigMap", with("hunter2"), with("hunter3"));
        assert!(!diff.is_empty() && !diff.contains("hunter"), "{diff}");
    }
}
