//! How the values of a pipeline are written: as lines of YAML with comments, or as JSON.
//!
//! In: leaves with their histories. Out: text. What is secret has been taken out before.

use std::io::{self, Write};

use ompipe::source::Sources;
use serde_json::{Map, Value as Json, json};

use super::history::{Event, Leaf};

/// The longest line that others are lined up with, in characters.
const WIDEST: usize = 60;

/// Writes leaves as YAML, each with its place as a comment, and below it what that replaced.
pub(super) fn write(leaves: &[&Leaf], sources: &Sources, out: &mut impl Write) -> io::Result<()> {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    let mut above: &[String] = &[];
    for leaf in leaves {
        let shared = above.iter().zip(&leaf.route).take_while(|(one, other)| one == other).count();
        let mut dash = None;
        for (depth, key) in leaf.route.iter().enumerate().skip(shared) {
            let is_last = depth + 1 == leaf.route.len();
            let is_item = key.starts_with('[');
            if is_item && !is_last {
                dash = Some(depth);
                continue;
            }
            let indent = "  ".repeat(dash.unwrap_or(depth));
            let dash = if dash.take().is_some() || is_item { "- " } else { "" };
            let line = match &leaf.value {
                // What was taken away is no value of the pipeline's.
                None if is_last => format!("{indent}# {key}"),
                Some(value) if is_last && is_item => format!("{indent}{dash}{value}"),
                Some(value) if is_last => format!("{indent}{dash}{key}: {value}"),
                _ => format!("{indent}{dash}{key}:"),
            };
            lines.push((line, if is_last { comments(leaf, sources) } else { Vec::new() }));
        }
        above = &leaf.route;
    }
    let commented = lines.iter().filter(|(_, comments)| !comments.is_empty());
    let lengths = commented.map(|(line, _)| line.chars().count());
    let width = lengths.filter(|length| *length <= WIDEST).max().unwrap_or(0);
    for (line, comments) in &lines {
        let mut comments = comments.iter();
        match comments.next() {
            Some(first) => writeln!(out, "{line:width$}  # {first}")?,
            None => writeln!(out, "{line}")?,
        }
        for further in comments {
            writeln!(out, "{:width$}  #   {further}", "")?;
        }
    }
    Ok(())
}

fn comments(leaf: &Leaf, sources: &Sources) -> Vec<String> {
    let mut events = leaf.events.iter();
    let first = events.next().map(|event| match event.value {
        Some(_) => place(event, sources),
        None => format!("removed: {}", place(event, sources)),
    });
    let further = events.map(|event| match &event.value {
        Some(value) => format!("was {value}: {}", place(event, sources)),
        None => format!("removed: {}", place(event, sources)),
    });
    first.into_iter().chain(further).collect()
}

fn place(event: &Event, sources: &Sources) -> String {
    match sources.line(event.span) {
        Some((file, line)) => format!("{file}:{line}, {}", event.layer),
        None => event.layer.clone(),
    }
}

/// Leaves for programs: of each its value, and what set it, the one that holds first.
pub(super) fn json(
    pipeline: &str,
    environment: Option<&str>,
    leaves: &[&Leaf],
    sources: &Sources,
) -> Json {
    let event = |event: &Event| {
        let mut object = Map::new();
        object.insert("layer".to_owned(), event.layer.as_str().into());
        if let Some((file, line)) = sources.line(event.span) {
            object.insert("file".to_owned(), file.into());
            object.insert("line".to_owned(), line.into());
        }
        match &event.value {
            Some(value) => object.insert("value".to_owned(), value.as_str().into()),
            None => object.insert("removed".to_owned(), true.into()),
        };
        Json::Object(object)
    };
    let fields = leaves.iter().map(|leaf| {
        let layers = leaf.events.iter().map(event).collect::<Vec<_>>();
        json!({"field": leaf.route(), "value": leaf.value, "layers": layers})
    });
    json!({
        "pipeline": pipeline,
        "environment": environment,
        "fields": fields.collect::<Vec<_>>(),
    })
}
