//! From an HTTP request to what it asks for.
//!
//! In: method, path, query, body. Out: an operation, or the refusal of one that the server does not know.

use axum::body::Bytes;
use axum::http::Method;
use serde_json::Value;

use super::delete::DeleteOptions;
use super::patch::Patch;
use super::refusal::Refusal;
use super::resource::{Key, Resource};
use super::selector::Selector;
use super::write::Part;

/// What a client asks for.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Get { key: Key, version: Version },
    List(Range),
    Watch(Range),
    Create { resource: Resource, namespace: String, object: Value },
    Update { key: Key, part: Part, object: Value },
    Patch { key: Key, part: Part, patch: Patch },
    Delete { key: Key, options: DeleteOptions },
}

/// How new an answer has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// As new as there is.
    Newest,
    /// Whatever the server's cache holds.
    Any,
    /// This one or newer.
    NotOlderThan(u64),
    /// This one.
    Exact(u64),
}

/// What a list or a watch is about.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) resource: Resource,
    pub(crate) namespace: Option<String>,
    pub(crate) selector: Selector,
    pub(crate) version: Version,
    pub(crate) limit: Option<usize>,
    /// Where the page before ended: revision, namespace, name.
    pub(crate) after: Option<(u64, String, String)>,
    pub(crate) initial_events: bool,
    pub(crate) bookmarks: bool,
    pub(crate) timeout_seconds: u64,
}

impl Operation {
    pub(crate) fn of(
        method: &Method,
        path: &str,
        query: &str,
        content_type: &str,
        body: &Bytes,
    ) -> Result<Self, Refusal> {
        let target = Target::of(path)?;
        let query = Query::of(query);
        let json = || {
            let body: &[u8] = if body.is_empty() { b"{}" } else { body };
            serde_json::from_slice::<Value>(body)
                .map_err(|error| Refusal::bad_request(&error.to_string()))
        };
        let Target { resource, namespace, name, part } = target;
        let key = |name: &str| Key::new(resource, namespace.as_deref().unwrap_or_default(), name);
        match (method, name) {
            (&Method::GET, Some(name)) => {
                Ok(Self::Get { key: key(&name), version: query.version()? })
            }
            (&Method::GET, None) => {
                let range = query.range(resource, namespace.clone())?;
                let watch = matches!(query.get("watch"), "true" | "1");
                Ok(if watch { Self::Watch(range) } else { Self::List(range) })
            }
            (&Method::POST, None) => {
                let namespace = namespace.unwrap_or_default();
                Ok(Self::Create { resource, namespace, object: json()? })
            }
            (&Method::PUT, Some(name)) => {
                let object = json()?;
                if object["metadata"]["name"].as_str() != Some(&name) {
                    let message = "the name of the object does not match the name on the URL";
                    return Err(Refusal::bad_request(message));
                }
                Ok(Self::Update { key: key(&name), part, object })
            }
            (&Method::PATCH, Some(name)) => {
                let body = json()?;
                let patch = match (content_type.split(';').next().unwrap_or_default(), body) {
                    ("application/json-patch+json", Value::Array(list)) => Patch::Json(list),
                    ("application/merge-patch+json", body) => Patch::Merge(body),
                    _ => return Err(Refusal::bad_request("unsupported patch")),
                };
                Ok(Self::Patch { key: key(&name), part, patch })
            }
            (&Method::DELETE, Some(name)) => {
                Ok(Self::Delete { key: key(&name), options: DeleteOptions::of(&json()?) })
            }
            _ => Err(Refusal::method_not_allowed()),
        }
    }

    pub(crate) fn is_write(&self) -> bool {
        !matches!(self, Self::Get { .. } | Self::List(_) | Self::Watch(_))
    }

    pub(crate) fn resource(&self) -> Resource {
        match self {
            Self::Get { key, .. }
            | Self::Update { key, .. }
            | Self::Patch { key, .. }
            | Self::Delete { key, .. } => key.resource,
            Self::List(range) | Self::Watch(range) => range.resource,
            Self::Create { resource, .. } => *resource,
        }
    }

    /// For traces.
    pub(crate) fn describe(&self) -> String {
        // Their names are made by a clock that is not the cluster's.
        if matches!(self.resource(), Resource::Events | Resource::CoreEvents) {
            return "an event".to_owned();
        }
        let slash = |part: &Part| if *part == Part::Status { "/status" } else { "" };
        match self {
            Self::Get { key, .. } => format!("GET {key}"),
            Self::List(range) => format!("LIST {} {:?}", range.resource.plural(), range.version),
            Self::Watch(range) => format!("WATCH {} {:?}", range.resource.plural(), range.version),
            Self::Create { resource, namespace, object } => {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                format!("CREATE {}", Key::new(*resource, namespace, name))
            }
            Self::Update { key, part, object } => match part {
                Part::Status => format!("PUT {key}/status {}", object["status"]),
                Part::Whole => format!("PUT {key}"),
            },
            Self::Patch { key, part, patch } => {
                let patch = match patch {
                    Patch::Json(operations) => Value::Array(operations.clone()).to_string(),
                    Patch::Merge(patch) => patch.to_string(),
                };
                format!("PATCH {key}{} {patch}", slash(part))
            }
            Self::Delete { key, options } => format!("DELETE {key} {options:?}"),
        }
    }
}

struct Target {
    resource: Resource,
    namespace: Option<String>,
    name: Option<String>,
    part: Part,
}

impl Target {
    fn of(path: &str) -> Result<Self, Refusal> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Err(Refusal::no_such_path()),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !matches!(rest, [] | ["status"]) => {
                (Some((*namespace).to_owned()), rest)
            }
            rest => (None, rest),
        };
        let (plural, name, part) = match rest {
            [plural] => (*plural, None, Part::Whole),
            [plural, name] => (*plural, Some((*name).to_owned()), Part::Whole),
            [plural, name, "status"] => (*plural, Some((*name).to_owned()), Part::Status),
            _ => return Err(Refusal::no_such_path()),
        };
        let resource = Resource::of(group, version, plural).ok_or_else(Refusal::no_such_path)?;
        let known = match part {
            Part::Whole => true,
            Part::Status => resource.has_status(),
        };
        if !known || (name.is_some() && resource.is_namespaced() != namespace.is_some()) {
            return Err(Refusal::no_such_path());
        }
        Ok(Self { resource, namespace, name, part })
    }
}

struct Query(Vec<(String, String)>);

impl Query {
    fn of(query: &str) -> Self {
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), decoded(value))
        };
        Self(query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect())
    }

    fn get(&self, key: &str) -> &str {
        self.0.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
    }

    fn version(&self) -> Result<Version, Refusal> {
        let number = || {
            let text = self.get("resourceVersion");
            text.parse().map_err(|_| Refusal::bad_request("invalid resource version"))
        };
        Ok(match (self.get("resourceVersion"), self.get("resourceVersionMatch")) {
            ("", _) => Version::Newest,
            ("0", _) => Version::Any,
            (_, "Exact") => Version::Exact(number()?),
            (_, _) => Version::NotOlderThan(number()?),
        })
    }

    fn range(&self, resource: Resource, namespace: Option<String>) -> Result<Range, Refusal> {
        let after = match self.get("continue") {
            "" => None,
            token => {
                let mut parts = token.splitn(3, ':');
                let mut part = || parts.next().unwrap_or_default().to_owned();
                let revision = part().parse();
                let revision =
                    revision.map_err(|_| Refusal::bad_request("continue key is not valid"))?;
                Some((revision, part(), part()))
            }
        };
        Ok(Range {
            resource,
            namespace,
            selector: Selector::of(self.get("labelSelector"), self.get("fieldSelector"))?,
            version: self.version()?,
            limit: self.get("limit").parse().ok().filter(|limit| *limit > 0),
            after,
            initial_events: self.get("sendInitialEvents") == "true",
            bookmarks: self.get("allowWatchBookmarks") == "true",
            // Kubernetes draws from 30 to 60 minutes where a client asks for none.
            timeout_seconds: self.get("timeoutSeconds").parse().unwrap_or(2400),
        })
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit =
                    || char::from(rest.next().unwrap_or(b'0')).to_digit(16).unwrap_or(0);
                (digit() * 16 + digit()) as u8
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
