//! What differs between the objects that the same pipelines are rendered to in two environments.
//!
//! In: pipelines, and what compiles them on either side. Out: per object the fields that differ,
//! each with both values and the lines that set them; and objects that only one side has. A
//! ConfigMap's workflow is compared as the tree that it is, rather than as a text. No secret is in
//! it.

use std::collections::{BTreeSet, HashSet};

use rayon::prelude::*;

use crate::compile::{Compiler, Trees};
use crate::definition::IngestionPipeline;
use crate::diagnostic::{redact, route, value};
use crate::manifest::Manifest;
use crate::tree::{Node, Span, Value};

/// The two sides: what is first, and what it is compared with.
pub type Sides<T> = [T; 2];

/// An object that differs.
#[derive(Clone, PartialEq, Debug)]
pub struct ObjectDifference {
    /// `CronJob`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// How.
    pub how: How,
}

/// How an object differs.
#[derive(Clone, PartialEq, Debug)]
pub enum How {
    /// One side alone has it: 0 or 1.
    Only(usize),
    /// Both have it, with other fields.
    Fields(Vec<FieldDifference>),
}

/// A field that differs.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldDifference {
    /// Its route of keys; items of a list are told by their names where they have any.
    pub route: String,
    /// What it is on either side; `None` where it is not there.
    pub values: Sides<Option<Shown>>,
}

/// A value, as it may be shown.
#[derive(Clone, PartialEq, Debug)]
pub struct Shown {
    /// The value, on one line.
    pub value: String,
    /// Where it is set: in a definition, or in a template.
    pub span: Span,
}

/// Compares what pipelines are rendered to: first the objects of accounts, then those of each
/// pipeline in order of the names. What one side refuses is not there on that side.
pub fn compare(
    pipelines: &[IngestionPipeline],
    compilers: Sides<&Compiler<'_>>,
) -> Vec<ObjectDifference> {
    let mut pipelines = pipelines.iter().collect::<Vec<_>>();
    pipelines.sort_by(|one, other| one.name().cmp(other.name()));
    let compared = pipelines.into_par_iter().map(|pipeline| {
        let trees = compilers.map(|compiler| compiler.trees(pipeline));
        let differences = compare_pipeline(&trees);
        (trees.map(|trees| trees.map(|trees| trees.account)), differences)
    });
    let mut accounts: Sides<BTreeSet<_>> = Default::default();
    let mut of_pipelines = Vec::new();
    for (of, differences) in compared.collect::<Vec<_>>() {
        for (accounts, account) in accounts.iter_mut().zip(of) {
            accounts.extend(account);
        }
        of_pipelines.extend(differences);
    }
    let [one, other] = [0, 1].map(|side| {
        let accounts = accounts[side].iter();
        accounts.flat_map(|account| compilers[side].account_trees(account)).collect::<Vec<_>>()
    });
    let mut differences = compare_objects([&one, &other], [None, None]);
    differences.extend(of_pipelines);
    differences
}

fn compare_pipeline(trees: &Sides<Option<Trees>>) -> Vec<ObjectDifference> {
    let [one, other] = trees;
    let manifests =
        [one, other].map(|trees| trees.as_ref().map_or(&[][..], |trees| &trees.manifests));
    let workflows = [one, other].map(|trees| trees.as_ref().map(|trees| &trees.workflow));
    compare_objects(manifests, workflows)
}

/// Compares objects of the same kind and name; of several, in their order.
fn compare_objects(
    [one, other]: Sides<&[Manifest]>,
    workflows: Sides<Option<&Node>>,
) -> Vec<ObjectDifference> {
    let mut left = other.iter().collect::<Vec<_>>();
    let mut differences = Vec::new();
    let difference = |object: &Manifest, how| ObjectDifference {
        kind: object.kind().to_owned(),
        name: object.name().to_owned(),
        how,
    };
    for object in one {
        let same =
            |there: &&Manifest| (there.kind(), there.name()) == (object.kind(), object.name());
        let Some(at) = left.iter().position(same) else {
            differences.push(difference(object, How::Only(0)));
            continue;
        };
        let there = left.remove(at);
        if object.node() == there.node() {
            continue;
        }
        let mut walk = Walk {
            is_secret_object: object.kind() == "Secret",
            workflows: if object.kind() == "ConfigMap" { workflows } else { [None, None] },
            route: Vec::new(),
            fields: Vec::new(),
        };
        walk.nodes([Some(object.node()), Some(there.node())], false);
        differences.push(difference(object, How::Fields(walk.fields)));
    }
    differences.extend(left.into_iter().map(|object| difference(object, How::Only(1))));
    differences
}

struct Walk<'n> {
    /// Of a Secret no value is shown.
    is_secret_object: bool,
    /// What the text `data.config` of a ConfigMap was made from.
    workflows: Sides<Option<&'n Node>>,
    /// The keys; an item of a list in brackets.
    route: Vec<String>,
    fields: Vec<FieldDifference>,
}

impl<'n> Walk<'n> {
    fn nodes(&mut self, nodes: Sides<Option<&'n Node>>, is_secret: bool) {
        let [one, other] = nodes;
        if one == other {
            return;
        }
        if self.route == ["data", "config"]
            && let [Some(one), Some(other)] = std::mem::take(&mut self.workflows)
            && one != other
        {
            return self.nodes([Some(one), Some(other)], is_secret);
        }
        match nodes.map(|node| node.map(|node| &node.value)) {
            [Some(Value::Mapping(_)), Some(Value::Mapping(_))] => {
                self.children(nodes, is_secret, keys);
            }
            [Some(Value::Sequence(_)), Some(Value::Sequence(_))] => {
                let are_named = nodes.iter().flatten().all(|node| names(node).is_some());
                self.children(nodes, is_secret, if are_named { named } else { numbered });
            }
            _ => self.differ(nodes, is_secret),
        }
    }

    /// Goes into what both hold, by keys that mean the same on both sides.
    fn children(
        &mut self,
        nodes: Sides<Option<&'n Node>>,
        is_secret: bool,
        of: fn(&'n Node) -> Vec<(String, &'n Node)>,
    ) {
        let sides = nodes.map(|node| node.map(of).unwrap_or_default());
        if sides.iter().any(Vec::is_empty) {
            // That is the difference, not what the other side holds in it.
            return self.differ(nodes, is_secret);
        }
        let name = |node: &'n Node| node.get("name").and_then(Node::as_str).unwrap_or_default();
        let is_named_secret = nodes.iter().flatten().any(|node| redact::is_secret_key(name(node)));
        let [one, other] = &sides;
        let known = one.iter().map(|(key, _)| key).collect::<HashSet<_>>();
        let further = other.iter().map(|(key, _)| key).filter(|key| !known.contains(key));
        for key in one.iter().map(|(key, _)| key).chain(further) {
            let at = |side: &[(String, &'n Node)]| {
                side.iter().find(|(other, _)| other == key).map(|(_, node)| *node)
            };
            self.route.push(key.clone());
            self.nodes([at(one), at(other)], is_secret || (is_named_secret && key == "value"));
            self.route.pop();
        }
    }

    fn differ(&mut self, nodes: Sides<Option<&Node>>, is_secret: bool) {
        let is_data = self.route.first().is_some_and(|key| key == "data" || key == "stringData");
        let is_secret = is_secret || (self.is_secret_object && is_data);
        let mut keys = self.route.iter().map(String::as_str);
        // A name tells which item it is, and of a variable's value beside it whether it is secret.
        let mut of_secrets = keys.clone().filter(|key| !key.starts_with('[')).collect::<Vec<_>>();
        let values = nodes.map(|node| {
            node.map(|node| Shown {
                value: flow(node, &mut of_secrets, is_secret),
                span: first_place(node).unwrap_or(node.span),
            })
        });
        let mut route = String::new();
        for key in keys.by_ref() {
            match key.starts_with('[') {
                true => route.push_str(key),
                false => route::push_key(&mut route, key),
            }
        }
        self.fields.push(FieldDifference { route, values });
    }
}

/// A value on one line: of a list or mapping, what it holds.
fn flow<'k>(node: &'k Node, route: &mut Vec<&'k str>, is_secret: bool) -> String {
    match &node.value {
        Value::Mapping(mapping) if !mapping.is_empty() && !is_secret => {
            let name = node.get("name").and_then(Node::as_str).unwrap_or_default();
            let entries = mapping.iter().map(|entry| {
                let is_secret = redact::is_secret_key(name) && entry.key == "value";
                route.push(&entry.key);
                let value = flow(&entry.value, route, is_secret);
                route.pop();
                format!("{}: {value}", entry.key)
            });
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Sequence(items) if !items.is_empty() && !is_secret => {
            let items = items.iter().map(|item| flow(item, route, false)).collect::<Vec<_>>();
            format!("[{}]", items.join(", "))
        }
        _ => value::shown(node, route.iter().copied(), is_secret),
    }
}

/// Where a value is set: of a list or mapping that was put together, its first part.
fn first_place(node: &Node) -> Option<Span> {
    let parts = || match &node.value {
        Value::Mapping(mapping) => mapping.iter().find_map(|entry| first_place(&entry.value)),
        Value::Sequence(items) => items.iter().find_map(first_place),
        _ => None,
    };
    Some(node.span).filter(|span| span.is_some()).or_else(parts)
}

fn keys(node: &Node) -> Vec<(String, &Node)> {
    let entries = node.as_mapping().into_iter().flatten();
    entries.map(|entry| (entry.key.to_string(), &entry.value)).collect()
}

fn numbered(node: &Node) -> Vec<(String, &Node)> {
    let items = node.as_sequence().unwrap_or_default().iter().enumerate();
    items.map(|(at, item)| (format!("[{at}]"), item)).collect()
}

fn named(node: &Node) -> Vec<(String, &Node)> {
    let items = node.as_sequence().unwrap_or_default();
    let names = names(node).unwrap_or_default().into_iter();
    names.zip(items).map(|(name, item)| (format!("[{name}]"), item)).collect()
}

/// The names of a list's items, if each has one of its own.
fn names(list: &Node) -> Option<Vec<&str>> {
    let items = list.as_sequence()?.iter();
    let names = items.map(|item| item.get("name")?.as_str()).collect::<Option<Vec<_>>>()?;
    let distinct = names.iter().collect::<HashSet<_>>();
    (distinct.len() == names.len()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use serde_json::{Value as Json, json};

    fn object(kind: &str, rest: Json) -> Manifest {
        let mut node = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "n"}});
        node.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        Manifest::new(node.into(), &mut Diagnostics::default()).unwrap()
    }

    fn told(one: Manifest, other: Manifest) -> Vec<(String, Sides<Option<String>>)> {
        let differences = compare_objects([&[one], &[other]], [None, None]);
        let fields = differences.into_iter().flat_map(|difference| match difference.how {
            How::Fields(fields) => fields,
            How::Only(_) => Vec::new(),
        });
        let told = fields.map(|FieldDifference { route, values }| {
            (route, values.map(|value| value.map(|shown| shown.value)))
        });
        told.collect()
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn items_with_names_are_compared_by_them_and_others_by_position() {
        let spec = |names: &[&str], args: Json| {
            let items = names.iter().map(|name| json!({"name": name, "value": "1"}));
            json!({"spec": {"env": items.collect::<Vec<_>>(), "args": args}})
        };
        let one = object("Job", spec(&["A", "B"], json!(["x", "y"])));
        let other = object("Job", spec(&["B", "C"], json!(["x"])));
        assert_eq!(
            told(one, other),
            [
                ("spec.env[A]".to_owned(), [text("{name: A, value: 1}"), None]),
                ("spec.env[C]".to_owned(), [None, text("{name: C, value: 1}")]),
                ("spec.args[1]".to_owned(), [text("y"), None]),
            ]
        );
    }

    #[test]
    fn what_is_empty_on_one_side_is_one_difference() {
        let one = object("Job", json!({"spec": {"nodeSelector": {}}}));
        let other = object("Job", json!({"spec": {"nodeSelector": {"zone": "a", "b": "c"}}}));
        assert_eq!(
            told(one, other),
            [("spec.nodeSelector".to_owned(), [text("{}"), text("{zone: a, b: c}")])]
        );
    }

    #[test]
    fn no_secret_is_shown() {
        let env = |value| json!({"spec": {"env": [{"name": "API_TOKEN", "value": value}]}});
        let secret = |value| json!({"stringData": {"config": value}});
        for (one, other) in [
            (object("Job", env("hunter2")), object("Job", env("hunter3"))),
            (object("Secret", secret("hunter2")), object("Secret", secret("hunter3"))),
        ] {
            let told = told(one, other);
            assert_eq!(told.len(), 1);
            assert!(!format!("{told:?}").contains("hunter"), "{told:?}");
        }
        let alone = told(object("Job", json!({})), object("Job", env("hunter2")));
        assert_eq!(alone[0].1[1], text("{env: [{name: API_TOKEN, value: •••}]}"));
    }

    #[test]
    fn an_object_of_one_side_alone_is_told_as_one() {
        let (one, other) = (object("Job", json!({})), object("CronJob", json!({})));
        let differences = compare_objects([&[one], &[other]], [None, None]);
        let told = differences.iter().map(|one| (one.kind.as_str(), one.how.clone()));
        let told = told.collect::<Vec<_>>();
        assert_eq!(told, [("Job", How::Only(0)), ("CronJob", How::Only(1))]);
    }
}
