//! The values of a pipeline, each with the layers that set it.
//!
//! In: a pipeline's layers. Out: [`Leaf`]s in the order of the tree, each with what happened to it,
//! the newest first; also those that a layer took away. It shows no secret.

use ompipe::diagnostic::route::push_key;
use ompipe::diagnostic::{redact, value};
use ompipe::tree::{Node, Span, Value};
use ompipe::validate::explain::Layer;

/// A value that holds no others, or that was there and is no more.
pub(super) struct Leaf {
    /// The keys that lead to it; an item of a list as `[0]`.
    pub(super) route: Vec<String>,
    /// What it is; `None` when it was taken away.
    pub(super) value: Option<String>,
    /// What set it, or took it away, the one that holds first.
    pub(super) events: Vec<Event>,
}

/// What a layer did to a value.
pub(super) struct Event {
    /// The name of the layer.
    pub(super) layer: String,
    /// What it set; `None` when it took the value away.
    pub(super) value: Option<String>,
    pub(super) span: Span,
}

impl Leaf {
    /// Its keys, without the places in lists.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.route.iter().map(String::as_str).filter(|key| !key.starts_with('['))
    }

    /// The route as it is written: `workflow.source.type`, `tolerations[0].key`.
    pub(super) fn route(&self) -> String {
        let mut route = String::new();
        for key in &self.route {
            match key.starts_with('[') {
                true => route.push_str(key),
                false => push_key(&mut route, key),
            }
        }
        route
    }
}

/// All values of the last layer, and between them those that a layer took away.
pub(super) fn values(layers: &[Layer]) -> Vec<Leaf> {
    let Some((last, below)) = layers.split_last() else { return Vec::new() };
    let mut routes = Vec::new();
    collect(&last.effective, &mut Vec::new(), &mut routes);
    for layer in below.iter().rev() {
        let mut of_layer = Vec::new();
        collect(&layer.effective, &mut Vec::new(), &mut of_layer);
        for mut route in of_layer {
            let Some(end) = gone_from(&route, &last.effective) else { continue };
            route.truncate(end);
            if !routes.contains(&route) {
                let shared = |other: &Vec<String>| {
                    other.iter().zip(&route).take_while(|(one, other)| one == other).count()
                };
                // Behind the last of its nearest relatives.
                let at = (1..=routes.len()).max_by_key(|end| shared(&routes[end - 1]));
                routes.insert(at.unwrap_or(0), route);
            }
        }
    }
    routes.into_iter().map(|route| leaf(route, layers)).collect()
}

/// The values of rendered objects that patches changed, and no others.
pub(super) fn patched_values(objects: &[Vec<Layer>]) -> Vec<Leaf> {
    let changed = |layers: &Vec<Layer>| {
        let rendered = layers.first().map_or("", |layer| layer.name.as_str());
        let is_patched = |leaf: &Leaf| leaf.events.iter().any(|event| event.layer != rendered);
        values(layers).into_iter().filter(is_patched).collect::<Vec<_>>()
    };
    objects.iter().flat_map(changed).collect()
}

/// How much of a route leads to the outermost value that is gone; `None` when none is, or when a
/// value above it is left that holds no others any more: that one's own history tells.
fn gone_from(route: &[String], effective: &Node) -> Option<usize> {
    let gone = (1..=route.len()).find(|end| at(effective, &route[..*end]).is_none())?;
    let (above, _) = at(effective, &route[..gone - 1])?;
    (!is_leaf(above)).then_some(gone)
}

fn is_leaf(node: &Node) -> bool {
    match &node.value {
        Value::Mapping(mapping) => mapping.is_empty(),
        Value::Sequence(items) => items.is_empty(),
        _ => true,
    }
}

fn collect(node: &Node, route: &mut Vec<String>, routes: &mut Vec<Vec<String>>) {
    if is_leaf(node) {
        routes.push(route.clone());
        return;
    }
    for (key, child) in children(node) {
        route.push(key);
        collect(child, route, routes);
        route.pop();
    }
}

fn children(node: &Node) -> Vec<(String, &Node)> {
    match &node.value {
        Value::Mapping(mapping) => {
            mapping.iter().map(|entry| (entry.key.to_string(), &entry.value)).collect()
        }
        Value::Sequence(items) => {
            items.iter().enumerate().map(|(at, item)| (format!("[{at}]"), item)).collect()
        }
        _ => Vec::new(),
    }
}

/// The value at a route, and whether what stands beside it says that it is a secret, as in
/// `{name: DB_PASSWORD, value: …}`.
fn at<'n>(root: &'n Node, route: &[String]) -> Option<(&'n Node, bool)> {
    let (mut node, mut is_secret) = (root, false);
    for key in route {
        let name = node.get("name").and_then(Node::as_str).unwrap_or_default();
        is_secret |= key == "value" && redact::is_secret_key(name);
        node = match &node.value {
            Value::Mapping(mapping) => mapping.get(key)?,
            Value::Sequence(items) => {
                let at = key.strip_prefix('[')?.strip_suffix(']')?;
                items.get(at.parse::<usize>().ok()?)?
            }
            _ => return None,
        };
    }
    Some((node, is_secret))
}

fn leaf(route: Vec<String>, layers: &[Layer]) -> Leaf {
    let mut events: Vec<Event> = Vec::new();
    // The values that were set, with the event of each.
    let mut set: Vec<(&Node, usize)> = Vec::new();
    let mut now: Option<&Node> = None;
    let same = |one: &Node, other: &Node| one.span == other.span && one == other;
    for layer in layers {
        let found = at(&layer.effective, &route);
        let unchanged = match (found, now) {
            (Some((node, _)), Some(before)) => same(node, before),
            (found, now) => found.is_none() && now.is_none(),
        };
        now = found.map(|(node, _)| node);
        if unchanged {
            continue;
        }
        // What a lower layer had set shows again when a higher one's is taken away.
        let set_here = found.filter(|(node, _)| !set.iter().any(|(known, _)| same(known, node)));
        let event = match set_here {
            Some((node, is_secret)) => {
                set.push((node, events.len()));
                // A mapping that holds what several layers say stands nowhere itself.
                let span = written_at(node).filter(|_| layer.span.is_some());
                let span = span.unwrap_or(layer.span);
                let keys = route.iter().map(String::as_str);
                (Some(value::shown(node, keys, is_secret)), span)
            }
            None => (None, layer.span),
        };
        events.push(Event { layer: layer.name.clone(), value: event.0, span: event.1 });
    }
    let holds = now.and_then(|now| set.iter().find(|(node, _)| same(node, now)));
    let holds = holds.map(|(_, event)| *event);
    let value = holds.and_then(|at| events[at].value.clone());
    let first = holds.map(|at| events.remove(at));
    events.reverse();
    Leaf { route, value, events: first.into_iter().chain(events).collect() }
}

/// Where a value is written: of one that several layers make up, its first part.
fn written_at(node: &Node) -> Option<Span> {
    let own = Some(node.span).filter(|span| span.is_some());
    own.or_else(|| children(node).iter().find_map(|(_, child)| written_at(child)))
}

/// The leaves below a route, which may begin with `spec` as those of findings do, or at a key of that
/// name anywhere; all without a field.
pub(super) fn select<'l>(leaves: &'l [Leaf], field: Option<&str>) -> Vec<&'l Leaf> {
    let Some(field) = field else {
        return leaves.iter().collect();
    };
    let field = field.strip_prefix("spec.").unwrap_or(field);
    let is_below = |leaf: &&Leaf| {
        let route = leaf.route();
        let rest = route.strip_prefix(field);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let below: Vec<&Leaf> = leaves.iter().filter(is_below).collect();
    if below.is_empty() {
        leaves.iter().filter(|leaf| leaf.keys().any(|key| key == field)).collect()
    } else {
        below
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ompipe::tree::SourceId;

    /// Layers of which each one's values stand at a place of its own, but for those that are the
    /// same in the layer below.
    pub(super) fn layers(trees: &[serde_json::Value]) -> Vec<Layer> {
        let mut layers: Vec<Layer> = Vec::new();
        for (number, tree) in (0u32..).zip(trees) {
            let span = Span { source: SourceId(0), start: number, end: number + 1 };
            let mut effective = Node::from(tree.clone());
            place(&mut effective, layers.last().map(|layer| &layer.effective), span);
            layers.push(Layer { name: format!("layer {number}"), span, effective });
        }
        layers
    }

    fn place(node: &mut Node, below: Option<&Node>, span: Span) {
        node.span = below.filter(|below| *below == node).map_or(span, |below| below.span);
        if let Some(mapping) = node.as_mapping_mut() {
            for entry in mapping.iter_mut() {
                place(&mut entry.value, below.and_then(|below| below.get(&entry.key)), span);
            }
        }
    }

    fn told(leaf: &Leaf) -> Vec<String> {
        let event = |event: &Event| {
            format!("{}: {}", event.layer, event.value.as_deref().unwrap_or("removed"))
        };
        leaf.events.iter().map(event).collect()
    }

    #[test]
    fn each_layer_that_touched_a_value_is_there_and_the_one_that_holds_comes_first() {
        let layers = layers(&[
            serde_json::json!({"a": 1, "b": 5}),
            serde_json::json!({"a": 2, "b": 5}),
            serde_json::json!({"a": 3, "b": 5}),
        ]);
        let values = values(&layers);
        assert_eq!(told(&values[0]), ["layer 2: 3", "layer 1: 2", "layer 0: 1"]);
        assert_eq!(told(&values[1]), ["layer 0: 5"]);
    }

    #[test]
    fn what_was_taken_away_is_shown_beside_what_is_left() {
        let layers = layers(&[
            serde_json::json!({"a": {"x": 1, "y": 2}, "b": 1}),
            serde_json::json!({"a": {"x": 1}, "b": 1}),
        ]);
        let values = values(&layers);
        let routes = values.iter().map(Leaf::route).collect::<Vec<_>>();
        assert_eq!(routes, ["a.x", "a.y", "b"]);
        assert_eq!(values[1].value, None);
        assert_eq!(told(&values[1]), ["layer 1: removed", "layer 0: 2"]);
    }

    #[test]
    fn a_removal_that_lets_a_lower_value_show_again_says_so() {
        let mut layers = layers(&[
            serde_json::json!({"a": 1}),
            serde_json::json!({"a": 2}),
            serde_json::json!({"a": 2}),
        ]);
        layers[2].effective = layers[0].effective.clone();
        let values = values(&layers);
        assert_eq!(values[0].value.as_deref(), Some("1"));
        assert_eq!(told(&values[0]), ["layer 0: 1", "layer 2: removed", "layer 1: 2"]);
    }

    #[test]
    fn no_secret_is_shown_in_any_layer() {
        let layers = layers(&[
            serde_json::json!({"password": "hunter2", "url": "postgres://me:hunter2@host/db"}),
            serde_json::json!({"password": "hunter3", "env": [{"name": "TOKEN", "value": "hunter2"}]}),
        ]);
        for leaf in values(&layers) {
            assert!(!told(&leaf).join(" ").contains("hunter"), "{:?}", told(&leaf));
        }
    }
}
