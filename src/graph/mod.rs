//! What hangs together: files, the project, services, pipelines, Secrets with their keys, and rendered
//! objects, and which of them needs which.
//!
//! In: the definitions of a project and its pipelines as they were seen. Out: a [`Graph`]: nodes in
//! the order of their ids, and edges from what needs to what is needed; as a tree for people, JSON,
//! Graphviz' DOT or Mermaid. Objects are told by kind and name; a Secret of one name in two
//! namespaces is one node.

mod build;
pub mod diagram;
pub mod json;
pub mod text;

use std::collections::BTreeSet;

use compact_str::CompactString;

pub use build::Outline;

use crate::diagnostic::nearest;

/// What a node is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A file of definitions.
    File,
    /// The IngestionProject.
    Project,
    /// A ServiceConnection.
    Service,
    /// An IngestionPipeline.
    Pipeline,
    /// A key of a Secret.
    SecretKey,
    /// A Secret.
    Secret,
    /// Any other object, by its kind.
    Object(CompactString),
}

impl Kind {
    /// What ids of the kind begin with.
    pub fn as_str(&self) -> &str {
        match self {
            Self::File => "File",
            Self::Project => "IngestionProject",
            Self::Service => "ServiceConnection",
            Self::Pipeline => "IngestionPipeline",
            Self::SecretKey | Self::Secret => "Secret",
            Self::Object(kind) => kind,
        }
    }
}

/// Something in a graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// `Secret/snowflake`, and of a key `Secret/snowflake:password`.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: CompactString,
    /// The file and line of a definition.
    pub place: Option<(String, usize)>,
}

/// What hangs together.
#[derive(Clone, Default, Debug)]
pub struct Graph {
    /// In the order of their ids.
    pub nodes: Vec<Node>,
    /// For each node, those that it needs.
    needs: Vec<Vec<usize>>,
    /// For each node, those that need it.
    needed_by: Vec<Vec<usize>>,
}

/// A way to go through a graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To what is needed.
    Needs,
    /// To what needs it.
    NeededBy,
}

impl Graph {
    /// The place of a node; or the id that was meant.
    pub fn find(&self, id: &str) -> Result<usize, Option<&str>> {
        let place = self.nodes.binary_search_by(|node| node.id.as_str().cmp(id));
        place.map_err(|_| nearest(id, self.nodes.iter().map(|node| node.id.as_str())))
    }

    /// The edges, from what needs to what is needed.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize)> {
        let of_each = self.needs.iter().enumerate();
        of_each.flat_map(|(from, needs)| needs.iter().map(move |to| (from, *to)))
    }

    /// The neighbours of a node in a direction.
    pub fn next(&self, node: usize, direction: Direction) -> &[usize] {
        match direction {
            Direction::Needs => &self.needs[node],
            Direction::NeededBy => &self.needed_by[node],
        }
    }

    /// All that is reached from nodes in a direction, they themselves included.
    pub fn reached(
        &self,
        from: impl IntoIterator<Item = usize>,
        direction: Direction,
    ) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut left = from.into_iter().collect::<Vec<_>>();
        while let Some(node) = left.pop() {
            if reached.insert(node) {
                left.extend(self.next(node, direction));
            }
        }
        reached
    }

    /// The part of the graph with these nodes.
    #[must_use]
    pub fn only(&self, nodes: &BTreeSet<usize>) -> Self {
        let places = nodes.iter().enumerate().map(|(new, old)| (*old, new));
        let places = places.collect::<std::collections::BTreeMap<_, _>>();
        let edges = self.edges();
        let edges = edges.filter_map(|(from, to)| Some((*places.get(&from)?, *places.get(&to)?)));
        let kept = nodes.iter().map(|node| self.nodes[*node].clone()).collect();
        Self::of(kept, edges)
    }

    /// Nodes in the order of their ids, and edges between their places.
    fn of(nodes: Vec<Node>, edges: impl Iterator<Item = (usize, usize)>) -> Self {
        let mut needs = vec![Vec::new(); nodes.len()];
        let mut needed_by = vec![Vec::new(); nodes.len()];
        for (from, to) in edges.collect::<BTreeSet<_>>() {
            needs[from].push(to);
            needed_by[to].push(from);
        }
        Self { nodes, needs, needed_by }
    }
}

#[cfg(test)]
mod tests;
