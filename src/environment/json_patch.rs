//! JSON Patch (RFC 6902) over trees.
//!
//! In: operations as written, compiled once. Out: a tree, changed, in which every value that an
//! operation set stands where the operation is written; or the first [`Fault`]. No message holds a
//! value.

use super::fault::Fault;
use super::pointer::{Pointer, Step};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::tree::{Entry, Node, Span, Value};
use crate::yaml::{MAX_DEPTH, MAX_NODES};

/// An operation.
#[derive(Debug)]
pub(super) struct Operation {
    act: Act,
    path: Pointer,
}

#[derive(Debug)]
enum Act {
    Add(Node),
    Remove,
    Replace(Node),
    Move(Pointer),
    Copy(Pointer),
    Test(Node),
}

impl Operation {
    /// `None` for what the schema refuses, and for a path that is none, which is then among the
    /// findings.
    pub(super) fn of(node: &Node, route: &str, found: &mut Diagnostics) -> Option<Self> {
        let mut pointer = |key: &str| {
            let path = node.get(key)?;
            let parsed = Pointer::parse(path);
            if let Err(why) = parsed {
                found.push(
                    Diagnostic::error(&code::PATCH_PATH, path.span, "not a JSON Pointer")
                        .with_label(why)
                        .with_route(format!("{route}.{key}")),
                );
            }
            parsed.ok()
        };
        let value = || node.get("value").cloned();
        let path = pointer("path");
        let act = match node.get("op")?.as_str()? {
            "add" => Act::Add(value()?),
            "remove" => Act::Remove,
            "replace" => Act::Replace(value()?),
            "move" => Act::Move(pointer("from")?),
            "copy" => Act::Copy(pointer("from")?),
            "test" => Act::Test(value()?),
            _ => return None,
        };
        Some(Self { act, path: path? })
    }

    /// Carries it out.
    pub(super) fn apply(&self, root: &mut Node) -> Result<(), Fault> {
        let path = &self.path;
        match &self.act {
            Act::Add(value) => add(root, path, value.clone()),
            Act::Remove => match remove(root, path) {
                Ok(_) => Ok(()),
                Err(fault) => {
                    let help = fault.help.or(Some(fault.message));
                    Err(Fault::removes_nothing(path.span, path.last(), &fault.route, help))
                }
            },
            Act::Replace(value) => {
                require_room(root, path, value)?;
                path.get_mut(root)?.clone_from(value);
                set_key_span(root, path, path.span)
            }
            Act::Move(from) => {
                if from.is_above(path) {
                    let message = "nothing can be moved into itself".to_owned();
                    return Err(path.fault(message, None));
                }
                // Moved onto itself, it stays where it is.
                let value = if from.is_root() { root.clone() } else { remove(root, from)? };
                add(root, path, Node { span: from.span, ..value })
            }
            Act::Copy(from) => {
                let value = from.get(root)?;
                require_room(root, path, value)?;
                let value = value.clone();
                put(root, path, Node { span: from.span, ..value })
            }
            Act::Test(expected) => {
                if path.get(root)? == expected {
                    return Ok(());
                }
                Err(Fault {
                    code: &code::PATCH_TEST,
                    span: expected.span,
                    message: "the patch's test fails: another value is there".to_owned(),
                    route: path.route(),
                    help: None,
                })
            }
        }
    }
}

fn add(root: &mut Node, path: &Pointer, value: Node) -> Result<(), Fault> {
    require_room(root, path, &value)?;
    put(root, path, value)
}

fn put(root: &mut Node, path: &Pointer, value: Node) -> Result<(), Fault> {
    if path.is_root() {
        *root = value;
        return Ok(());
    }
    match path.parent_mut(root)? {
        (Node { value: Value::Mapping(mapping), .. }, Step::Key(key)) => {
            match mapping.get_mut(key) {
                Some(there) => *there = value,
                None => {
                    mapping.push(Entry { key: key.into(), key_span: path.span, value });
                    return Ok(());
                }
            }
        }
        (Node { value: Value::Sequence(items), .. }, Step::Index(at)) => items.insert(at, value),
        _ => return Err(path.fault("the path leads nowhere".to_owned(), None)),
    }
    set_key_span(root, path, path.span)
}

/// Refuses what no document may hold: copies double what they copy, and thirty of them a billion
/// times.
fn require_room(root: &Node, path: &Pointer, value: &Node) -> Result<(), Fault> {
    let (nodes, depth) = extent(value);
    if path.depth() + depth > MAX_DEPTH {
        return Err(path.fault(format!("the patch nests deeper than {MAX_DEPTH} levels"), None));
    }
    if extent(root).0 + nodes > MAX_NODES {
        return Err(path.fault(format!("the patch makes more than {MAX_NODES} values"), None));
    }
    Ok(())
}

/// How many values there are in a node, itself among them, and how deep they are nested.
fn extent(node: &Node) -> (usize, usize) {
    let (nodes, depth) = match &node.value {
        Value::Mapping(mapping) => below(mapping.iter().map(|entry| &entry.value)),
        Value::Sequence(items) => below(items.iter()),
        _ => (0, 0),
    };
    (nodes + 1, depth + 1)
}

fn below<'n>(nodes: impl Iterator<Item = &'n Node>) -> (usize, usize) {
    nodes.map(extent).fold((0, 0), |(nodes, depth), (more, other)| (nodes + more, depth.max(other)))
}

/// The key that leads to a value that was set stands where the value does.
fn set_key_span(root: &mut Node, path: &Pointer, span: Span) -> Result<(), Fault> {
    if !path.is_root()
        && let (Node { value: Value::Mapping(mapping), .. }, Step::Key(key)) =
            path.parent_mut(root)?
        && let Some(entry) = mapping.iter_mut().find(|entry| entry.key == key)
    {
        entry.key_span = span;
    }
    Ok(())
}

fn remove(root: &mut Node, path: &Pointer) -> Result<Node, Fault> {
    // An index just behind the last item is a place to add to, and holds nothing.
    path.get(root)?;
    let removed = match path.is_root() {
        true => None,
        false => match path.parent_mut(root)? {
            (Node { value: Value::Mapping(mapping), .. }, Step::Key(key)) => mapping.remove(key),
            (Node { value: Value::Sequence(items), .. }, Step::Index(at)) => {
                (at < items.len()).then(|| items.remove(at))
            }
            _ => None,
        },
    };
    removed.ok_or_else(|| path.fault("the whole cannot be taken out".to_owned(), None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::tests::any_json;
    use crate::tree::SourceId;
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    fn applied(base: &Json, operations: &[Json]) -> Result<Json, Fault> {
        let mut root = Node::from(base.clone());
        let mut found = Diagnostics::default();
        for operation in operations {
            let operation = Operation::of(&Node::from(operation.clone()), "json", &mut found);
            operation.unwrap().apply(&mut root)?;
        }
        assert!(found.is_empty());
        Ok((&root).into())
    }

    #[test]
    fn a_path_that_leads_nowhere_says_how_far_it_leads() {
        let base = json!({"spec": {"kubernetes": {"tolerations": [{}]}, "schedule": "x"}});
        for (path, message, help) in [
            (
                "/spec/kuberntes/x",
                "the path leads nowhere: `/spec` has no `kuberntes`",
                Some("did you mean `/spec/kubernetes`?"),
            ),
            (
                "/spec/kubernetes/tolerations/2",
                "the path leads nowhere: `/spec/kubernetes/tolerations` has 1 item, and no `2`",
                None,
            ),
            ("/spec/schedule/a", "the path leads nowhere: `/spec/schedule` is a string", None),
        ] {
            let fault = applied(&base, &[json!({"op": "add", "path": path, "value": 1})]);
            let fault = fault.unwrap_err();
            assert_eq!((fault.message.as_str(), fault.help.as_deref()), (message, help));
        }
    }

    #[test]
    fn copies_of_copies_end_before_they_fill_the_memory() {
        let copy = |to: usize| json!({"op": "copy", "from": "/a", "path": format!("/a/x{to}")});
        let wide = (0..30).map(copy).collect::<Vec<_>>();
        let fault = applied(&json!({"a": {"b": 1}}), &wide).unwrap_err();
        assert_eq!(fault.message, "the patch makes more than 1000000 values");
        let nested = (0..100).fold(json!({}), |inner, _| json!({"k": inner}));
        let into_itself = json!({"op": "copy", "from": "", "path": "/k".repeat(100) + "/x"});
        let fault = applied(&nested, &[into_itself]).unwrap_err();
        assert_eq!(fault.message, "the patch nests deeper than 128 levels");
    }

    #[test]
    fn a_test_that_fails_shows_neither_value() {
        let test = json!({"op": "test", "path": "/password", "value": "hunter2"});
        let fault = applied(&json!({"password": "hunter3"}), &[test]).unwrap_err();
        assert_eq!(fault.code.id, "OMP0715");
        assert!(!format!("{fault:?}").contains("hunter"));
    }

    #[test]
    fn a_removal_of_nothing_is_one_of_the_faults_that_may_be_allowed() {
        let fault = applied(&json!({"a": 1}), &[json!({"op": "remove", "path": "/b"})]);
        assert!(fault.unwrap_err().is_removal_of_nothing());
        let fault =
            applied(&json!({"a": 1}), &[json!({"op": "replace", "path": "/b", "value": 1})]);
        assert!(!fault.unwrap_err().is_removal_of_nothing());
    }

    #[test]
    fn what_an_operation_sets_stands_where_the_operation_is_written() {
        let place = |start| Span { source: SourceId(3), start, end: start + 1 };
        for (text, start) in [
            (json!({"op": "add", "path": "/a", "value": 1}), 20),
            (json!({"op": "replace", "path": "/a", "value": 1}), 20),
            (json!({"op": "copy", "path": "/a", "from": "/b"}), 20),
            (json!({"op": "move", "path": "/a", "from": "/b"}), 20),
        ] {
            let mut node = Node::from(text);
            for entry in node.as_mapping_mut().unwrap().iter_mut() {
                entry.value.span = place(if entry.key == "path" { 10 } else { start });
            }
            let operation = Operation::of(&node, "json", &mut Diagnostics::default()).unwrap();
            let mut root = Node::from(json!({"a": 5, "b": 6}));
            operation.apply(&mut root).unwrap();
            let entry = root.as_mapping().unwrap().entry("a").unwrap();
            assert_eq!((entry.key_span, entry.value.span), (place(10), place(start)));
        }
    }

    #[test]
    fn a_pointer_that_is_none_is_a_finding() {
        for path in ["spec", "/a~2b", "/a~"] {
            let node = Node::from(json!({"op": "remove", "path": path}));
            let mut found = Diagnostics::default();
            assert!(Operation::of(&node, "json", &mut found).is_none());
            assert_eq!(found.iter().count(), 1, "{path}");
        }
    }

    fn any_pointer() -> impl Strategy<Value = String> {
        let step = prop_oneof!["[a-c]", "[0-3]", Just("-".to_owned()), Just("~1".to_owned())];
        prop::collection::vec(step, 1..4)
            .prop_map(|steps| steps.iter().fold(String::new(), |path, step| path + "/" + step))
    }

    fn any_operation() -> impl Strategy<Value = Json> {
        let path = any_pointer;
        prop_oneof![
            (path(), any_json())
                .prop_map(|(path, value)| json!({"op": "add", "path": path, "value": value})),
            path().prop_map(|path| json!({"op": "remove", "path": path})),
            (path(), any_json())
                .prop_map(|(path, value)| json!({"op": "replace", "path": path, "value": value})),
            (path(), path())
                .prop_map(|(path, from)| json!({"op": "move", "path": path, "from": from})),
            (path(), path())
                .prop_map(|(path, from)| json!({"op": "copy", "path": path, "from": from})),
            (path(), any_json())
                .prop_map(|(path, value)| json!({"op": "test", "path": path, "value": value})),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]
        #[test]
        fn it_is_the_patch_of_the_rfc(
            base in any_json(), operations in prop::collection::vec(any_operation(), 1..4)
        ) {
            let patch: json_patch::Patch = serde_json::from_value(json!(operations)).unwrap();
            let mut expected = base.clone();
            // Not `patch`, which cannot take back what it added at the end of a list.
            let referee = json_patch::patch_unsafe(&mut expected, &patch).map(|()| expected);
            match (applied(&base, &operations), referee) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
                (Err(_), Err(_)) => {}
                (ours, theirs) => prop_assert!(false, "{ours:?} and {theirs:?}"),
            }
        }
    }
}
