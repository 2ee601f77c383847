//! The text of a ResourceList, taken apart and put together.
//!
//! In: `kind: ResourceList` as kustomize and kpt write it, in block style, or as any YAML. Out: its
//! [`Item`]s with their own text; and the text of the list that answers it. In block style an item
//! is cut out of the text by its dash and indentation, so that one of another system keeps its
//! comments, its quotes and whatever else of YAML ompipe's own reader does not take.

use std::collections::HashSet;

use super::Item;
use super::item::Identity;
use crate::compile::Object;
use crate::definition::Kind;
use crate::diagnostic::Diagnostics;
use crate::tree::{Mapping, Node, SourceId};
use crate::yaml::{self, Dialect};

const KIND: &str = "ResourceList";
const API_VERSION: &str = "config.kubernetes.io/v1";
/// What the specification was called before it was finished; what is said in it is the same.
const EARLIER_API_VERSIONS: [&str; 2] =
    ["config.kubernetes.io/v1beta1", "config.kubernetes.io/v1alpha1"];

/// Why a text is no ResourceList.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is another kind of object.
    #[error("expected a {KIND} of {API_VERSION}, found {found}")]
    Kind {
        /// What it says it is.
        found: String,
    },
    /// It is not YAML, or not a list of items.
    #[error("failed to read the {KIND} at line {line}")]
    Form {
        /// The line that does not fit, from 1.
        line: usize,
    },
}

/// What a function is given.
#[derive(Clone, Debug, Default)]
pub struct ResourceList {
    /// The items, in order.
    pub items: Vec<Item>,
    /// The configuration of the function.
    pub function_config: Option<Item>,
}

impl ResourceList {
    /// Takes a text apart.
    pub fn read(text: &str) -> Result<Self, Error> {
        let entries = entries(text)?;
        let entry = |key: &str| entries.iter().find(|entry| entry.key == key);
        let scalar = |key: &str| entry(key).map_or("", |entry| unquoted(entry.value));
        let version = scalar("apiVersion");
        let is_known = version == API_VERSION || EARLIER_API_VERSIONS.contains(&version);
        if scalar("kind") != KIND || !is_known {
            let found = match (version, scalar("kind")) {
                ("", "") => "neither apiVersion nor kind".to_owned(),
                (version, kind) => format!("{kind} of {version}"),
            };
            return Err(Error::Kind { found });
        }
        let items = match entry("items") {
            Some(entry) => entry.items()?,
            None => Vec::new(),
        };
        let function_config = match entry("functionConfig") {
            Some(entry) if entry.value.is_empty() => Some(Item::new(entry.lines.concat())),
            Some(entry) => Some(flow(entry)?.map_or_else(|| Item::new(String::new()), as_item)),
            None => None,
        };
        let function_config = function_config.filter(|config| config.node().is_some());
        Ok(Self { items, function_config })
    }

    /// The definitions: those among the items, and an IngestionProject as configuration. kustomize
    /// hands a generator its configuration twice, the other time as the only item.
    pub fn definitions(&self) -> Vec<&Item> {
        let mut definitions: Vec<&Item> =
            self.items.iter().filter(|item| item.is_definition()).collect();
        let project = self.function_config.iter().find(|item| item.is(Kind::IngestionProject));
        if let Some(project) = project
            && !definitions.iter().any(|item| item.identity() == project.identity())
        {
            definitions.push(project);
        }
        definitions
    }

    /// The list that answers: rendered objects in the place of definitions, each with the file that
    /// it is to be written to, and what was found. An object that an earlier run rendered is
    /// replaced by the one of this run.
    pub fn rendered(&self, objects: &[Object], keep_definitions: bool, results: &[Node]) -> String {
        let rendered = placed(objects);
        let nodes = rendered.iter().filter_map(|object| match object {
            Rendered::Node(node) => Some(node),
            Rendered::Text(_) => None,
        });
        let identities: HashSet<Identity> = nodes.filter_map(Identity::of).collect();
        let stays = |item: &&Item| match item.is_definition() {
            true => keep_definitions,
            false => {
                !(item.is_made_by_us()
                    && item.identity().is_some_and(|identity| identities.contains(&identity)))
            }
        };
        write(self.items.iter().filter(stays), &rendered, results)
    }

    /// The list that answers when something is wrong: the items as they were, and what was found.
    pub fn refused(&self, results: &[Node]) -> String {
        write(self.items.iter(), &[], results)
    }
}

/// What an object is in the list.
enum Rendered<'o> {
    /// An object with the annotations that say which file it belongs into.
    Node(Node),
    /// Documents of an encrypted file, as they are.
    Text(&'o str),
}

/// The objects in apply order.
fn placed(objects: &[Object]) -> Vec<Rendered<'_>> {
    let mut objects: Vec<&Object> = objects.iter().collect();
    objects.sort_by(|one, other| (one.order, &one.file).cmp(&(other.order, &other.file)));
    let mut rendered = Vec::with_capacity(objects.len());
    let mut last = ("", 0i64);
    for object in objects {
        let index = if last.0 == object.file { last.1 + 1 } else { 0 };
        last = (&object.file, index);
        match yaml::read_canonical(&object.text) {
            Some(nodes) => rendered.extend(
                nodes.into_iter().map(|node| Rendered::Node(annotated(node, &object.file, index))),
            ),
            None => rendered.extend(documents(&object.text).map(Rendered::Text)),
        }
    }
    rendered
}

/// The documents of a text.
fn documents(text: &str) -> impl Iterator<Item = &str> {
    let documents = text
        .split("\n---")
        .map(|document| document.trim_start_matches("---").trim_start_matches('\n'));
    let says_something = |document: &&str| {
        let mut lines = document.lines().map(str::trim);
        lines.any(|line| !line.is_empty() && !line.starts_with('#'))
    };
    documents.filter(says_something)
}

fn annotated(mut node: Node, file: &str, index: i64) -> Node {
    let metadata = node.as_mapping_mut().and_then(|object| object.get_mut("metadata"));
    if let Some(metadata) = metadata.and_then(Node::as_mapping_mut) {
        if metadata.get("annotations").is_none() {
            metadata.insert("annotations", Node::new(Mapping::new()));
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Node::as_mapping_mut) {
            let index = Node::new(index.to_string());
            annotations.insert("internal.config.kubernetes.io/index", index);
            annotations.insert("internal.config.kubernetes.io/path", Node::new(file));
        }
    }
    node
}

fn write<'i>(
    items: impl Iterator<Item = &'i Item>,
    rendered: &[Rendered<'_>],
    results: &[Node],
) -> String {
    let mut out = format!("apiVersion: {API_VERSION}\nkind: {KIND}\nitems:");
    let head = out.len();
    out.push('\n');
    for item in items {
        write_item(item.text(), &mut out);
    }
    for object in rendered {
        match object {
            Rendered::Node(node) => write_sequence(std::slice::from_ref(node), &mut out),
            Rendered::Text(text) => {
                let indented = |line: &str| match line.trim().is_empty() {
                    true => "\n".to_owned(),
                    false => format!("  {line}\n"),
                };
                write_item(&text.lines().map(indented).collect::<String>(), &mut out);
            }
        }
    }
    if out.len() == head + 1 {
        out.insert_str(head, " []");
    }
    if !results.is_empty() {
        out.push_str("results:\n");
        write_sequence(results, &mut out);
    }
    out
}

/// Adds an item of its own text, in which every line is indented: a dash takes the place of the
/// blank before its first key.
fn write_item(text: &str, out: &mut String) {
    let is_key = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let before: usize =
        text.split_inclusive('\n').take_while(|line| !is_key(line)).map(str::len).sum();
    let first = before + text[before..].find(|c| c != ' ').unwrap_or(0);
    // An item of comments alone has its dash before the first of them.
    let dash = out.len() + if before < text.len() { first.saturating_sub(2) } else { 0 };
    out.push_str(text);
    out.replace_range(dash..=dash, "-");
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

fn write_sequence(nodes: &[Node], out: &mut String) {
    if !nodes.is_empty() {
        yaml::write(&Node::new(nodes.to_vec()), out);
    }
}

/// An entry of the list itself.
struct Entry<'t> {
    key: &'t str,
    /// What stands on the line of its key, without a comment that is all there is.
    value: &'t str,
    /// The lines below, with their line ends.
    lines: Vec<&'t str>,
    /// The line of its key, from 1.
    line: usize,
}

/// The entries of the outermost mapping.
fn entries(text: &str) -> Result<Vec<Entry<'_>>, Error> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let bare = line.trim_end();
        let is_inner = bare.is_empty() || bare.starts_with([' ', '#', '-']);
        if bare.starts_with("---") {
            match entries.is_empty() {
                true => continue,
                false => return Err(Error::Form { line: number + 1 }),
            }
        }
        match entries.last_mut() {
            Some(entry) if is_inner => entry.lines.push(line),
            None if bare.is_empty() || bare.starts_with('#') => {}
            _ if is_inner => return Err(Error::Form { line: number + 1 }),
            _ => {
                let at = bare.find(':').ok_or(Error::Form { line: number + 1 })?;
                let (key, value) = (unquoted(&bare[..at]), bare[at + 1..].trim());
                let value = if value.starts_with('#') { "" } else { value };
                entries.push(Entry { key, value, lines: Vec::new(), line: number + 1 });
            }
        }
    }
    Ok(entries)
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '\''])
}

impl Entry<'_> {
    /// The items of a sequence in block style, each with its dash blanked out.
    fn items(&self) -> Result<Vec<Item>, Error> {
        if !self.value.is_empty() {
            let items = flow(self)?.map(|node| match node.value {
                crate::tree::Value::Sequence(items) => items,
                _ => Vec::new(),
            });
            return Ok(items.unwrap_or_default().into_iter().map(as_item).collect());
        }
        let is_text = |line: &&&str| !line.trim().is_empty() && !line.trim().starts_with('#');
        let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let Some(column) = self.lines.iter().find(is_text).map(|line| indent(line)) else {
            return Ok(Vec::new());
        };
        let mut texts: Vec<String> = Vec::new();
        for (number, line) in self.lines.iter().enumerate() {
            // All items of the answer stand in the first column.
            let line = line.get(indent(line).min(column)..).unwrap_or_default();
            if line.trim_end() == "-" || line.starts_with("- ") {
                texts.push(format!(" {}", &line[1..]));
            } else if let Some(text) = texts.last_mut() {
                text.push_str(line);
            } else if !(line.trim().is_empty() || line.trim().starts_with('#')) {
                return Err(Error::Form { line: self.line + number + 1 });
            }
        }
        Ok(texts.into_iter().map(Item::new).collect())
    }
}

/// The value of an entry that is written in flow style, JSON for example.
fn flow(entry: &Entry<'_>) -> Result<Option<Node>, Error> {
    let text = format!("{}\n{}", entry.value, entry.lines.concat());
    let mut found = Diagnostics::default();
    let documents = yaml::read(SourceId::NONE, &text, Dialect::Definition, &mut found);
    match found.has_errors() {
        true => Err(Error::Form { line: entry.line }),
        false => Ok(documents.into_iter().next()),
    }
}

/// An item of its own, from a tree: in the block style of all others.
fn as_item(node: Node) -> Item {
    let mut text = String::new();
    yaml::write(&Node::new(vec![node]), &mut text);
    Item::new(format!(" {}", text.get(1..).unwrap_or_default()))
}

#[cfg(test)]
#[path = "resource_list_tests.rs"]
mod tests;
