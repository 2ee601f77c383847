//! A graph for a terminal.
//!
//! In: a graph. Out: trees of lines. Of a project: it, each service and what is rendered of its
//! pipelines, with the Secrets that each needs. Of a node: what needs it, and what it needs; a node
//! that is reached in several ways stands where it is reached last, and once.

use std::collections::BTreeMap;
use std::io;

use super::{Direction, Graph, Kind};

/// The lines of a tree.
struct Marks {
    branch: &'static str,
    last: &'static str,
    through: &'static str,
}

const LINES: Marks = Marks { branch: "├─ ", last: "└─ ", through: "│  " };
const ASCII: Marks = Marks { branch: "|- ", last: "`- ", through: "|  " };
const BLANK: &str = "   ";

/// A line with those below it.
struct Branch {
    line: String,
    below: Vec<Branch>,
}

/// Writes the project as trees of its services.
pub fn write(graph: &Graph, ascii: bool, out: &mut impl io::Write) -> io::Result<()> {
    let of_kind = |kind: Kind| {
        let nodes = graph.nodes.iter().enumerate().filter(move |(_, node)| node.kind == kind);
        nodes.map(|(place, _)| place)
    };
    let mut trees = Vec::new();
    for project in of_kind(Kind::Project) {
        trees.push(Branch { line: line(graph, project), below: needs(graph, project, &[]) });
    }
    for service in of_kind(Kind::Service) {
        let mut below = needs(graph, service, &[]);
        let pipelines = graph.next(service, Direction::NeededBy).iter();
        let pipelines = pipelines.filter(|node| graph.nodes[**node].kind == Kind::Pipeline);
        below.extend(pipelines.map(|pipeline| of_pipeline(graph, *pipeline)));
        trees.push(Branch { line: line(graph, service), below });
    }
    let has_service = |pipeline: &usize| {
        let mut needs = graph.next(*pipeline, Direction::Needs).iter();
        needs.any(|node| graph.nodes[*node].kind == Kind::Service)
    };
    let alone = of_kind(Kind::Pipeline).filter(|pipeline| !has_service(pipeline));
    trees.extend(alone.map(|pipeline| of_pipeline(graph, pipeline)));
    let marks = if ascii { ASCII } else { LINES };
    for (number, tree) in trees.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        draw(tree, &marks, out)?;
    }
    Ok(())
}

/// Writes what needs a node, and what it needs.
pub fn write_of(
    graph: &Graph,
    node: usize,
    ascii: bool,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let marks = if ascii { ASCII } else { LINES };
    let name = &graph.nodes[node].id;
    for (direction, words) in [(Direction::NeededBy, "is needed by"), (Direction::Needs, "needs")] {
        let below = reached_once(graph, node, direction);
        if direction == Direction::Needs {
            writeln!(out)?;
        }
        let nothing = if below.is_empty() { " nothing" } else { "" };
        draw(&Branch { line: format!("{name} {words}{nothing}"), below }, &marks, out)?;
    }
    Ok(())
}

/// A pipeline with its objects, and what they need that none above them needs.
fn of_pipeline(graph: &Graph, pipeline: usize) -> Branch {
    let mut below = needs(graph, pipeline, &[]);
    let known = graph.reached([pipeline], Direction::Needs).into_iter().collect::<Vec<_>>();
    let objects = graph.next(pipeline, Direction::NeededBy);
    below.extend(objects.iter().map(|object| {
        let mut known = known.clone();
        known.extend(objects);
        Branch { line: line(graph, *object), below: needs(graph, *object, &known) }
    }));
    Branch { line: line(graph, pipeline), below }
}

/// The Secrets and keys that a node needs, without those that are known.
fn needs(graph: &Graph, node: usize, known: &[usize]) -> Vec<Branch> {
    let is_told = |other: &&usize| {
        let is_secret = matches!(graph.nodes[**other].kind, Kind::Secret | Kind::SecretKey);
        is_secret && !known.contains(other)
    };
    let told = graph.next(node, Direction::Needs).iter().filter(is_told);
    let branch = |other: &usize| Branch {
        line: format!("needs {}", graph.nodes[*other].id),
        below: Vec::new(),
    };
    told.map(branch).collect()
}

/// The tree of all that is reached from a node, each below the one from which it is reached last.
fn reached_once(graph: &Graph, root: usize, direction: Direction) -> Vec<Branch> {
    let reached = graph.reached([root], direction);
    // The longest way to each: nobody's is final before those of all it is reached from. What is in
    // a circle keeps the first one.
    let mut waiting: BTreeMap<usize, usize> = BTreeMap::new();
    for node in &reached {
        for next in graph.next(*node, direction) {
            *waiting.entry(*next).or_default() += 1;
        }
    }
    let mut parents: BTreeMap<usize, usize> = BTreeMap::new();
    let mut depths = BTreeMap::from([(root, 0usize)]);
    let mut left = vec![root];
    while let Some(node) = left.pop() {
        let depth = depths[&node] + 1;
        for next in graph.next(node, direction) {
            if depths.get(next).is_none_or(|known| *known < depth) {
                depths.insert(*next, depth);
                parents.insert(*next, node);
            }
            if let Some(count) = waiting.get_mut(next) {
                *count -= 1;
                if *count == 0 {
                    left.push(*next);
                }
            }
        }
    }
    let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (child, parent) in parents {
        children.entry(parent).or_default().push(child);
    }
    below(graph, root, &children)
}

fn below(graph: &Graph, node: usize, children: &BTreeMap<usize, Vec<usize>>) -> Vec<Branch> {
    let own = children.get(&node).map(Vec::as_slice).unwrap_or_default();
    let branch =
        |child: &usize| Branch { line: line(graph, *child), below: below(graph, *child, children) };
    own.iter().map(branch).collect()
}

fn line(graph: &Graph, node: usize) -> String {
    let node = &graph.nodes[node];
    let id = node.id.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c });
    let id = id.collect::<String>();
    match &node.place {
        Some((file, line)) => format!("{id}  {file}:{line}"),
        None => id,
    }
}

fn draw(tree: &Branch, marks: &Marks, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "{}", tree.line)?;
    draw_below(tree, "", marks, out)
}

fn draw_below(
    tree: &Branch,
    indent: &str,
    marks: &Marks,
    out: &mut impl io::Write,
) -> io::Result<()> {
    for (number, branch) in tree.below.iter().enumerate() {
        let is_last = number + 1 == tree.below.len();
        let (mark, through) =
            if is_last { (marks.last, BLANK) } else { (marks.branch, marks.through) };
        writeln!(out, "{indent}{mark}{}", branch.line)?;
        draw_below(branch, &format!("{indent}{through}"), marks, out)?;
    }
    Ok(())
}
