//! A graph for programs.
//!
//! In: a graph. Out: one JSON document, described in `docs/graph.md`: nodes by id, and edges from what needs to what is needed.

use std::io;

use serde_json::json;

use super::{Graph, Kind};

/// The version of the document's form: raised when a field changes its meaning or goes.
const VERSION: u32 = 1;

/// Writes a graph.
pub fn write(graph: &Graph, out: &mut impl io::Write) -> io::Result<()> {
    let nodes = graph.nodes.iter().map(|node| {
        let kind = match node.kind {
            Kind::SecretKey => "SecretKey",
            ref kind => kind.as_str(),
        };
        let mut shown = json!({"id": node.id, "kind": kind, "name": node.name.as_str()});
        if let (Some((file, line)), Some(fields)) = (&node.place, shown.as_object_mut()) {
            fields.insert("file".to_owned(), json!(file));
            fields.insert("line".to_owned(), json!(line));
        }
        shown
    });
    let id = |node: usize| graph.nodes[node].id.as_str();
    let edges = graph.edges().map(|(from, to)| json!({"from": id(from), "to": id(to)}));
    let document = json!({
        "version": VERSION,
        "nodes": nodes.collect::<Vec<_>>(),
        "edges": edges.collect::<Vec<_>>(),
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}
