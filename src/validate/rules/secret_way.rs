//! Rules about the parameter `secrets`: the way of the values, and where in a store they are.
//!
//! In: the merged parameter as written, which agrees with its schema. Out: a [`SecretWay`], or
//! findings.

use std::collections::BTreeMap;

use super::place;
use crate::definition::secrets::REFRESH_INTERVAL;
use crate::diagnostic::route::under;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::secret_reference::SecretReference;
use crate::model::{ExternalStore, Refusal, RemoteRef, SecretKey, SecretName, SecretWay};
use crate::tree::{Entry, Mapping, Node};

/// The way of the secrets.
pub fn secret_way(node: &Node, route: &str, found: &mut Diagnostics) -> Option<SecretWay> {
    let settings = node.as_mapping().and_then(|mapping| mapping.entry("externalSecret"));
    let Some(way) = node.get("way").filter(|way| !way.is_null()) else {
        if let Some(settings) = settings {
            let message = "`externalSecret` says where a store is, and no `way` says to use it";
            let finding = Diagnostic::error(&code::SECRET_WAY, settings.key_span, message)
                .with_route(under(route, "externalSecret"))
                .with_help(
                    "add `way: externalSecret`; or `way: env`, if only some environments use the store",
                );
            found.push(finding);
            return None;
        }
        return Some(SecretWay::Env);
    };
    match way.as_str()? {
        "externalSecret" => store(way, settings, route, found)
            .map(|store| SecretWay::ExternalSecret(Box::new(store))),
        "secret" => Some(SecretWay::Secret),
        _ => Some(SecretWay::Env),
    }
}

fn store(
    way: &Node,
    settings: Option<&Entry>,
    route: &str,
    found: &mut Diagnostics,
) -> Option<ExternalStore> {
    let route = under(route, "externalSecret");
    let settings = settings.map(|entry| &entry.value);
    let at = |key: &str| settings.and_then(|node| node.get(key)).filter(|node| !node.is_null());
    let Some(name) = at("storeRef").and_then(|node| node.get("name")) else {
        let finding = Diagnostic::error(&code::SECRET_WAY, way.span, "nothing says which store External Secrets is to read")
            .with_route(under(&route, "storeRef"))
            .with_help("add `externalSecret: {storeRef: {name: <store>, kind: ClusterSecretStore}}` beside `way`");
        found.push(finding);
        return None;
    };
    let store_route = under(&under(&route, "storeRef"), "name");
    let what = (&code::OBJECT_NAME, "name of a store");
    let store_name = place::parse(name, &store_route, what, SecretName::parse, found);
    let interval = at("refreshInterval").map(|node| {
        let route = under(&route, "refreshInterval");
        place::parse(node, &route, (&code::SECRET_WAY, "refreshInterval"), duration, found)
    });
    let remote_ref = match at("remoteRef") {
        Some(node) => remote_ref(node, &under(&route, "remoteRef"), template, found),
        None => Some(RemoteRef {
            property: Some("{key}".into()),
            ..written(&Node::new("{name}"), None, None, &Node::new(Mapping::new()))?
        }),
    };
    let remote_refs = remote_refs(at("remoteRefs"), &under(&route, "remoteRefs"), found);
    let kind = at("storeRef").and_then(|node| node.get("kind")).and_then(Node::as_str);
    Some(ExternalStore {
        name: store_name?.into(),
        kind: kind.unwrap_or("SecretStore").into(),
        refresh_interval: interval.unwrap_or(Some(REFRESH_INTERVAL.to_owned()))?.into(),
        remote_ref: remote_ref?,
        remote_refs: remote_refs?,
    })
}

/// `remoteRefs`: by the name of the Secret, then by its key.
fn remote_refs(
    written: Option<&Node>,
    route: &str,
    found: &mut Diagnostics,
) -> Option<BTreeMap<SecretReference, RemoteRef>> {
    let mut all = BTreeMap::new();
    let mut sound = true;
    let mut name_of = |entry: &Entry, what, check: fn(&str) -> Result<(), Refusal>, route: &str| {
        let name = Node::at(entry.key.clone(), entry.key_span);
        let checked = place::parse(&name, route, (&code::OBJECT_NAME, what), check, found);
        checked.is_some()
    };
    let mut single = Vec::new();
    for secret in written.and_then(Node::as_mapping).into_iter().flatten() {
        let route = under(route, &secret.key);
        sound &=
            name_of(secret, "name of a Secret", |text| SecretName::parse(text).map(drop), &route);
        for key in secret.value.as_mapping().into_iter().flatten() {
            let route = under(&route, &key.key);
            sound &=
                name_of(key, "key of a Secret", |text| SecretKey::parse(text).map(drop), &route);
            let reference = SecretReference { name: secret.key.clone(), key: key.key.clone() };
            single.push((reference, &key.value, route));
        }
    }
    for (reference, node, route) in single {
        match remote_ref(node, &route, |_| Ok(()), found) {
            Some(remote_ref) => drop(all.insert(reference, remote_ref)),
            None => sound = false,
        }
    }
    sound.then_some(all)
}

/// A value in a store; each of its texts is looked at by `check`.
fn remote_ref(
    node: &Node,
    route: &str,
    check: fn(&str) -> Result<(), Refusal>,
    found: &mut Diagnostics,
) -> Option<RemoteRef> {
    let mut sound = true;
    for field in ["key", "property", "version"] {
        if let Some(text) = node.get(field).filter(|text| !text.is_null()) {
            let what = (&code::SECRET_WAY, "place in a store");
            sound &= place::parse(text, &under(route, field), what, check, found).is_some();
        }
    }
    let remote_ref = written(node.get("key")?, node.get("property"), node.get("version"), node)?;
    sound.then_some(remote_ref)
}

fn written(
    key: &Node,
    property: Option<&Node>,
    version: Option<&Node>,
    strategies: &Node,
) -> Option<RemoteRef> {
    let text = |node: &Node| node.as_str().map(Into::into);
    let strategy = |field, default: &str| {
        strategies.get(field).and_then(Node::as_str).unwrap_or(default).into()
    };
    Some(RemoteRef {
        key: text(key)?,
        property: property.and_then(text),
        version: version.and_then(text),
        conversion_strategy: strategy("conversionStrategy", "Default"),
        decoding_strategy: strategy("decodingStrategy", "None"),
        metadata_policy: strategy("metadataPolicy", "None"),
    })
}

/// A text with `{name}` and `{key}` in it, and no other braces.
fn template(text: &str) -> Result<(), Refusal> {
    let mut rest = 0;
    while let Some(at) = text[rest..].find(['{', '}']).map(|at| rest + at) {
        match ["{name}", "{key}"].into_iter().find(|place| text[at..].starts_with(place)) {
            Some(place) => rest = at + place.len(),
            None => {
                let refusal = Refusal::new(
                    at..at + 1,
                    "of braces, `{name}` and `{key}` alone mean something",
                );
                return Err(refusal);
            }
        }
    }
    Ok(())
}

/// A duration as Go reads it, not negative: `1h0m0s`, `90s`, `1.5h`, `0`.
fn duration(text: &str) -> Result<String, Refusal> {
    const UNITS: [&str; 7] = ["ns", "us", "µs", "ms", "s", "m", "h"];
    let refused = || {
        Refusal::new(0..text.len(), "a duration is numbers with units, such as `1h0m0s` or `15m`")
    };
    if text == "0" {
        return Ok(text.to_owned());
    }
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(refused)?;
        let (number, after) = rest.split_at(end);
        number.parse::<f64>().map_err(|_| refused())?;
        let unit = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        if !UNITS.contains(&unit) {
            return Err(refused());
        }
        rest = after;
    }
    if text.is_empty() { Err(refused()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::place::written::Text;
    use super::*;

    fn marks(json: serde_json::Value) -> Vec<(&'static str, String)> {
        let text = Text::of(json);
        let found = text.diagnostics(|node, found| {
            assert!(secret_way(node, "spec.kubernetes.secrets", found).is_none());
        });
        found.iter().map(|found| (found.code.id, text.part(found.span).to_owned())).collect()
    }

    fn way(json: serde_json::Value) -> SecretWay {
        let mut found = Diagnostics::default();
        let way = secret_way(&Node::from(json), "", &mut found).unwrap();
        assert!(found.is_empty(), "{found:?}");
        way
    }

    fn place(settings: serde_json::Value, name: &str, key: &str) -> String {
        let way = way(json!({"way": "externalSecret", "externalSecret": settings}));
        let SecretWay::ExternalSecret(store) = way else { panic!("{way:?}") };
        let reference = SecretReference { name: name.into(), key: key.into() };
        let RemoteRef { key, property, .. } = store.remote_ref(&reference);
        format!("{key} {}", property.as_deref().unwrap_or("-"))
    }

    #[test]
    fn a_reference_is_a_property_of_its_secrets_name_unless_said_otherwise() {
        let store = json!({"name": "vault"});
        assert_eq!(place(json!({"storeRef": store}), "db", "password"), "db password");
        let one = json!({"storeRef": store, "remoteRef": {"key": "om-{name}-{key}"}});
        assert_eq!(place(one, "db", "password"), "om-db-password -");
        let single =
            json!({"storeRef": store, "remoteRefs": {"db": {"password": {"key": "{name}"}}}});
        assert_eq!(place(single.clone(), "db", "password"), "{name} -");
        assert_eq!(place(single, "db", "user"), "db user");
    }

    #[test]
    fn a_way_is_chosen_and_what_another_way_needs_may_stand_beside_it() {
        assert_eq!(way(json!({})), SecretWay::Env);
        assert_eq!(way(json!({"way": "secret"})), SecretWay::Secret);
        let beside = json!({"way": "env", "externalSecret": {"storeRef": {"name": "vault"}}});
        assert_eq!(way(beside), SecretWay::Env);
    }

    #[test]
    fn what_is_missing_or_cannot_be_read_is_found() {
        for (settings, expected) in [
            (json!({"way": "externalSecret"}), ("OMP0505", "externalSecret")),
            (json!({"externalSecret": {"storeRef": {"name": "v"}}}), ("OMP0505", "externalSecret")),
            (
                json!({"way": "externalSecret", "externalSecret": {"storeRef": {"name": "V"}}}),
                ("OMP0404", "V"),
            ),
            (
                json!({"way": "externalSecret", "externalSecret": {"storeRef": {"name": "v"}, "remoteRef": {"key": "{nam}"}}}),
                ("OMP0505", "{"),
            ),
            (
                json!({"way": "externalSecret", "externalSecret": {"storeRef": {"name": "v"}, "refreshInterval": "1 hour"}}),
                ("OMP0505", "1 hour"),
            ),
            (
                json!({"way": "externalSecret", "externalSecret": {"storeRef": {"name": "v"}, "remoteRefs": {"D_B": {"p": {"key": "k"}}}}}),
                ("OMP0404", "D"),
            ),
        ] {
            let (code, part) = expected;
            assert_eq!(marks(settings), [(code, part.to_owned())]);
        }
    }

    #[test]
    fn durations_are_those_of_go() {
        for good in ["1h0m0s", "0", "0s", "1.5h", "300ms", "2h45m"] {
            assert!(duration(good).is_ok(), "{good}");
        }
        for bad in ["", "1", "-1h", "1d", "h", "1h 2m", "1.2.3s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
