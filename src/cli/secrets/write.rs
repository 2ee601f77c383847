//! The Secrets that are needed, as a table for people and as JSON for programs.
//!
//! In: rows. Out: text. There is no value in either.

use std::collections::BTreeSet;
use std::io::{self, Write};

use ompipe::model::RemoteRef;
use ompipe::source::Sources;
use ompipe::survey::secrets::Maker;
use ompipe::tree::{SourceId, Span};
use serde_json::{Value, json};

use super::{Presence, Row};

/// The version of the JSON document's form: raised when a field changes its meaning or goes.
const VERSION: u32 = 1;

/// How many pipelines a row names.
const NAMED: usize = 2;

pub(super) fn table(rows: &[Row], sources: &Sources, out: &mut impl Write) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "No Secret is needed.");
    }
    let looked = rows.iter().any(|row| row.presence.is_some());
    let mut lines =
        vec![["NAMESPACE", "SECRET", "KEY", "IN CLUSTER", "FROM", "FOR"].map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        let secret = &row.secret;
        [
            secret.namespace.to_string(),
            secret.name.to_string(),
            secret.key.as_deref().unwrap_or("(any)").to_owned(),
            row.presence.map_or("", presence).to_owned(),
            maker(&secret.maker, sources),
            users(row),
        ]
    }));
    let widths: [usize; 6] = std::array::from_fn(|column| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
    });
    for line in lines {
        let mut text = String::new();
        for (column, cell) in line.iter().enumerate() {
            if column == 3 && !looked {
                continue;
            }
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', widths[column] - cell.chars().count() + 2));
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    in_stores(rows, out)?;
    local(rows, out)
}

/// What External Secrets reads, store by store.
fn in_stores(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    let stores = rows.iter().filter_map(|row| match &row.secret.maker {
        Maker::Store { kind, name, values } => {
            Some(values.iter().map(move |value| (kind, name, &row.secret.namespace, value)))
        }
        _ => None,
    });
    let mut last = None;
    for (kind, name, namespace, value) in stores.flatten().collect::<BTreeSet<_>>() {
        // A SecretStore is one of its namespace.
        let of = if kind == "SecretStore" { format!(" in {namespace}") } else { String::new() };
        let store = format!("{kind} {name}{of}");
        if last.as_ref() != Some(&store) {
            writeln!(out, "\nTo be in {store}:")?;
        }
        last = Some(store);
        let RemoteRef { key, property, .. } = value;
        match property {
            Some(property) => writeln!(out, "  {key}  property {property}")?,
            None => writeln!(out, "  {key}")?,
        }
    }
    Ok(())
}

/// What `--include-secrets` takes.
fn local(rows: &[Row], out: &mut impl Write) -> io::Result<()> {
    let references = rows.iter().filter_map(|row| match &row.secret.maker {
        Maker::Values(references) => Some(references),
        _ => None,
    });
    let references = references.flatten().collect::<BTreeSet<_>>();
    if !references.is_empty() {
        writeln!(out, "\nTo be given to `ompipe render --include-secrets`:")?;
    }
    for reference in references {
        writeln!(out, "  {}  key {}", reference.name, reference.key)?;
    }
    Ok(())
}

fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Present => "yes",
        Presence::NoKey => "no key",
        Presence::NoSecret => "no",
    }
}

fn maker(maker: &Maker, sources: &Sources) -> String {
    match maker {
        Maker::Unknown => "to be created".to_owned(),
        Maker::File(by, source) => format!("{} ({})", file(*source, sources), by.as_str()),
        Maker::Store { kind, name, .. } => format!("ExternalSecret ({kind} {name})"),
        Maker::Values(_) => "render --include-secrets".to_owned(),
    }
}

fn users(row: &Row) -> String {
    let kinds = |kind: &str| match kind {
        "IngestionProject" => "project",
        "ServiceConnection" => "service",
        _ => "pipeline",
    };
    let shared = row.definitions.iter().filter(|(kind, ..)| *kind != "IngestionPipeline");
    let mut parts =
        shared.map(|(kind, name, _)| format!("{} {name}", kinds(kind))).collect::<Vec<_>>();
    let pipelines = &row.secret.pipelines;
    parts.push(if pipelines.len() <= NAMED {
        let word = if pipelines.len() == 1 { "pipeline" } else { "pipelines" };
        format!("{word} {}", pipelines.join(", "))
    } else {
        format!("{} pipelines", pipelines.len())
    });
    parts.join("; ")
}

fn file(source: SourceId, sources: &Sources) -> &str {
    sources.get(source).map_or("", |source| source.name.as_str())
}

pub(super) fn json(rows: &[Row], sources: &Sources, out: &mut impl Write) -> io::Result<()> {
    let place = |span: Span| {
        let position = sources.position(span);
        (file(span.source, sources), position.map(|position| position.line))
    };
    let rows = rows.iter().map(|row| {
        let secret = &row.secret;
        let definitions = row.definitions.iter().map(|(kind, name, span)| {
            let (file, line) = place(*span);
            json!({"kind": kind, "name": name, "file": file, "line": line})
        });
        let mut object = json!({
            "namespace": secret.namespace.as_str(),
            "name": secret.name.as_str(),
            "key": secret.key.as_deref(),
            "pipelines": secret.pipelines.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
            "definitions": definitions.collect::<Vec<_>>(),
            "from": from(&secret.maker, sources),
        });
        if let Some(presence) = row.presence {
            object["inCluster"] = (presence == Presence::Present).into();
            object["secretInCluster"] = (presence != Presence::NoSecret).into();
        }
        object
    });
    let document = json!({"version": VERSION, "secrets": rows.collect::<Vec<_>>()});
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn from(maker: &Maker, sources: &Sources) -> Value {
    match maker {
        Maker::Unknown => Value::Null,
        Maker::File(by, source) => json!({"file": file(*source, sources), "by": by.as_str()}),
        Maker::Store { kind, name, values } => {
            let values = values.iter().map(|value| {
                let RemoteRef { key, property, version, .. } = value;
                json!({"key": key.as_str(), "property": property.as_deref(), "version": version.as_deref()})
            });
            let values = values.collect::<Vec<_>>();
            json!({"store": {"kind": kind.as_str(), "name": name.as_str()}, "values": values})
        }
        Maker::Values(references) => {
            let values = references.iter().map(
                |reference| json!({"name": reference.name.as_str(), "key": reference.key.as_str()}),
            );
            json!({"includeSecrets": values.collect::<Vec<_>>()})
        }
    }
}
