//! A graph in the languages of diagrams: Graphviz' DOT and Mermaid.
//!
//! In: a graph. Out: text for `dot`, or for a block of Markdown that a forge draws. Arrows lead from
//! what needs to what is needed. Names are texts in both and can be no syntax.

use std::io;

use super::{Graph, Kind, Node};

/// Writes a graph for Graphviz.
pub fn write_dot(graph: &Graph, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "digraph ompipe {{")?;
    writeln!(out, "  rankdir=LR;")?;
    writeln!(
        out,
        "  node [fontname=\"Helvetica\", fontsize=10, style=filled, color=\"#59636e\"];"
    )?;
    writeln!(out, "  edge [color=\"#59636e\", arrowsize=0.6];")?;
    for (number, node) in graph.nodes.iter().enumerate() {
        let (shape, fill) = look(&node.kind);
        let name = label(node).join("\n");
        writeln!(
            out,
            "  n{number} [shape={shape}, fillcolor=\"{fill}\", label={}];",
            quoted(&name)
        )?;
    }
    for (from, to) in graph.edges() {
        writeln!(out, "  n{from} -> n{to};")?;
    }
    writeln!(out, "}}")
}

fn look(kind: &Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::File => ("note", "#ffffff"),
        Kind::Project => ("house", "#dbeafe"),
        Kind::Service => ("cylinder", "#bfdbfe"),
        Kind::Pipeline => ("box", "#93c5fd"),
        Kind::SecretKey | Kind::Secret => ("hexagon", "#fde2c8"),
        Kind::Object(_) => ("component", "#f0f3f6"),
    }
}

/// The lines of a node: what it is, and its name.
fn label(node: &Node) -> [&str; 2] {
    [node.kind.as_str(), node.name.as_str()]
}

/// A text of DOT, in which a line end is written `\n`.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes a graph for Mermaid.
pub fn write_mermaid(graph: &Graph, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "flowchart LR")?;
    for (number, node) in graph.nodes.iter().enumerate() {
        let (open, close, class) = match node.kind {
            Kind::File => ("[", "]", "file"),
            Kind::Project => ("[[", "]]", "definition"),
            Kind::Service => ("[(", ")]", "definition"),
            Kind::Pipeline => ("(", ")", "definition"),
            Kind::SecretKey | Kind::Secret => ("{{", "}}", "secret"),
            Kind::Object(_) => ("[", "]", "object"),
        };
        let name = label(node).map(entities).join("<br>");
        writeln!(out, "  n{number}{open}\"{name}\"{close}:::{class}")?;
    }
    for (from, to) in graph.edges() {
        writeln!(out, "  n{from} --> n{to}")?;
    }
    // With an ink of their own: a dark page's is light, and these are light too.
    for (class, fill) in [
        ("file", "#ffffff"),
        ("definition", "#bfdbfe"),
        ("secret", "#fde2c8"),
        ("object", "#f0f3f6"),
    ] {
        writeln!(out, "  classDef {class} fill:{fill},stroke:#59636e,color:#1b1f24")?;
    }
    Ok(())
}

/// A text of Mermaid, which knows characters by their numbers: whatever could be markup, or end the
/// text, is one.
fn entities(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            c if c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/' | ':' | ',') => {
                out.push(c);
            }
            c if c.is_control() => out.push('\u{FFFD}'),
            c => out.push_str(&format!("#{};", u32::from(c))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(name: &str) -> Graph {
        let node = Node {
            id: format!("IngestionPipeline/{name}"),
            kind: Kind::Pipeline,
            name: name.into(),
            place: None,
        };
        Graph::of(vec![node], std::iter::empty())
    }

    fn written(name: &str, write: fn(&Graph, &mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&graph(name), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_name_is_no_syntax() {
        let name = "a\"]; x -> y \\ <b>#amp;\nz";
        let dot = written(name, write_dot);
        assert!(dot.contains(r#"label="IngestionPipeline\na\"]; x -> y \\ <b>#amp;\nz""#), "{dot}");
        let mermaid = written(name, write_mermaid);
        let line = mermaid.lines().nth(1).unwrap();
        assert_eq!(
            line,
            "  n0(\"IngestionPipeline<br>a#34;#93;#59; x -#62; y #92; #60;b#62;#35;amp#59;\u{FFFD}z\"):::definition"
        );
    }
}
