//! What the word under the pointer means.
//!
//! In: a project, a file of it and a byte. Out: Markdown: the field's description, what it takes and
//! what holds without it; of a name, what bears it. A value that a layer sets is shown only where it
//! can be no secret.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value as Json;
use tower_lsp_server::ls_types::{Hover, HoverContents, MarkupContent, MarkupKind};

use super::Client;
use super::cursor::{Cursor, Place, Step};
use super::layers::{Layer, layers};
use super::position::Encoding;
use super::project::Project;
use super::schemas::Told;
use crate::definition::Kind;
use crate::diagnostic::{counted, redact};
use crate::model::secret_reference::SECRET_KEY_REF;
use crate::tree::{Node, Value};

/// How many of a field's values are named.
const MOST_VALUES: usize = 12;

/// What stands at a byte of a file.
pub fn hover(project: &Project, path: &Path, offset: usize, client: Client) -> Option<Hover> {
    let file = project.file(path)?;
    let text = file.text.as_str();
    let cursor = Cursor::at(text, offset).filter(|cursor| !cursor.word.is_empty())?;
    let value = of_name(project, &cursor, text);
    let value = value.or_else(|| of_field(project, path, &cursor, text))?;
    Some(Hover {
        contents: HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value }),
        range: Some(file.text.lines(cursor.word, client.encoding)),
    })
}

/// A value that names something of the project.
fn of_name(project: &Project, cursor: &Cursor, text: &str) -> Option<String> {
    let (Place::Value, Some(Step::Key(key))) = (cursor.place, cursor.route.last()) else {
        return None;
    };
    let name = cursor.text(text);
    let above = cursor.route.len().checked_sub(2).and_then(|at| cursor.route.get(at));
    let is_below = |other: &str| matches!(above, Some(Step::Key(key)) if key == other);
    if key == "service" && is_below("spec") {
        let (path, service) = project.find(Kind::ServiceConnection, name)?;
        let connector = service.connector.as_deref().unwrap_or("unknown");
        let pipelines = counted(project.users(name).count(), "pipeline");
        return Some(format!(
            "**ServiceConnection** `{name}`: `{connector}`, in {}, for {pipelines}",
            path.display()
        ));
    }
    if is_below(SECRET_KEY_REF) {
        let secret = match key.as_str() {
            "name" => name,
            _ => super::cursor::node_at(&cursor.document, &cursor.route[..cursor.route.len() - 1])?
                .get("name")?
                .as_str()?,
        };
        let places = project.secrets().filter(|(_, one)| one.name.name == secret && !one.is_here);
        let places = counted(places.count(), "place");
        let keys = project.secret_keys(secret).into_iter();
        let keys = keys.map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        return Some(format!("**Secret** `{secret}`, named in {places}; keys: {keys}"));
    }
    None
}

fn of_field(project: &Project, path: &Path, cursor: &Cursor, text: &str) -> Option<String> {
    let route = cursor.field(text);
    let document = &cursor.document;
    let kind = document.get("kind").and_then(Node::as_str).and_then(Kind::find);
    let workflow = (kind == Some(Kind::IngestionPipeline)).then(|| project.workflow(document));
    // The branch is the one that is written, the word included.
    let told = project.schemas.at(document, workflow.as_ref(), &route);
    let name = route.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Item(_) => None,
    })?;
    let layers = layers(project, path, cursor, &route);
    if told.is_empty() && layers.is_empty() {
        return None;
    }
    let mut markdown = format!("**{name}**");
    let types = told.last().map(|best| best.shape.types().join(" or ")).unwrap_or_default();
    if !types.is_empty() {
        let _ = write!(markdown, " `{types}`");
    }
    if told.iter().any(|one| one.shape.is_secret()) {
        markdown.push_str(" (a secret)");
    }
    if let Some(description) = told.iter().find_map(|one| one.shape.description()) {
        let _ = write!(markdown, "\n\n{description}");
    }
    values(&mut markdown, &told, cursor, text);
    for one in told.iter().filter(|one| !one.of.is_empty()) {
        let _ = write!(markdown, "\n\n*{}*", one.of);
    }
    if layers.iter().any(|layer| layer.name != "pipeline") {
        markdown.push_str("\n\nSet by");
        for layer in layers {
            let _ = write!(markdown, "\n- {}", shown(project, &layer, &route));
        }
    }
    Some(markdown)
}

fn values(markdown: &mut String, told: &[Told<'_>], cursor: &Cursor, text: &str) {
    let listed = told.iter().map(|one| one.shape.values()).find(|values| !values.is_empty());
    let listed = listed.unwrap_or_default();
    let written = cursor.text(text);
    let meaning = listed.iter().find(|(value, _)| cursor.place == Place::Value && value == written);
    if let Some((value, Some(meaning))) = meaning {
        let _ = write!(markdown, "\n\n`{value}`: {meaning}");
    }
    let is_boolean = listed.iter().all(|(value, _)| ["true", "false"].contains(&value.as_str()));
    if !listed.is_empty() && !is_boolean {
        let names = listed.iter().take(MOST_VALUES).map(|(value, _)| format!("`{value}`"));
        let more = if listed.len() > MOST_VALUES { ", …" } else { "" };
        let _ = write!(markdown, "\n\nOne of {}{more}", names.collect::<Vec<_>>().join(", "));
    }
    if let Some(default) = told.iter().find_map(|one| one.shape.default()) {
        let _ = write!(markdown, "\n\nDefault: `{}`", plain(default));
    }
    let examples = told.iter().map(|one| one.shape.examples()).find(|all| !all.is_empty());
    if let Some(example) = examples.and_then(|all| all.first().copied()) {
        let _ = write!(markdown, "\n\nFor example `{}`", plain(example));
    }
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A layer with its place, and its value where that may be shown.
fn shown(project: &Project, layer: &Layer, route: &[Step]) -> String {
    let Layer { name, target, node } = layer;
    let line = project
        .file(&target.path)
        .map_or(0, |file| file.text.position(target.span.start as usize, Encoding::Utf8).line + 1);
    let keys = route.iter().filter_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Item(_) => None,
    });
    let keys = keys.collect::<Vec<_>>();
    let place = format!("{name}, {}:{line}", target.path.display());
    let text = match &node.value {
        Value::String(text) => text.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => return place,
    };
    format!("{place}: `{}`", redact::value(&keys, &text))
}

#[cfg(test)]
mod tests {
    use super::super::project::tests::{PIPELINE, SERVICE, project, three};
    use super::*;

    fn shown(text: &str, word: &str) -> Option<String> {
        let mut all = three();
        all.put(
            "x.yaml".into(),
            super::super::project::File::new(super::super::position::Text::new(text)),
        );
        let offset = text.find(word).unwrap();
        let hover = hover(&all, Path::new("x.yaml"), offset, Client::default())?;
        match hover.contents {
            HoverContents::Markup(markup) => Some(markup.value),
            _ => None,
        }
    }

    #[test]
    fn a_field_shows_what_it_is_for_its_default_and_its_layers() {
        let text = shown(PIPELINE, "backoffLimit").unwrap();
        assert!(text.starts_with("**backoffLimit** `integer`\n\n"), "{text}");
        assert!(text.contains("\n\nDefault: `"), "{text}");
        let layers = "Set by\n- pipeline, x.yaml:10: `1`\n- project, ompipe.yaml:8: `2`";
        assert!(text.ends_with(layers), "{text}");
    }

    #[test]
    fn a_listed_value_says_what_it_means() {
        let text = shown("kind: IngestionPipeline\nspec: {type: profiler}", "profiler").unwrap();
        assert!(text.contains("\n\n`profiler`: ") && text.contains("One of `metadata`"), "{text}");
    }

    #[test]
    fn names_say_what_bears_them() {
        assert_eq!(
            shown(PIPELINE, "sf").unwrap(),
            "**ServiceConnection** `sf`: `snowflake`, in s.yaml, for 2 pipelines"
        );
        assert_eq!(
            shown(SERVICE, "snow,").unwrap(),
            "**Secret** `snow`, named in 2 places; keys: `pw`"
        );
    }

    #[test]
    fn no_value_of_a_secret_is_shown() {
        let service = SERVICE.replace("{secretKeyRef: {name: snow, key: pw}}", "hunter2");
        let pipeline = PIPELINE.replace("warehouse: LARGE", "password: x");
        let all = project(&[("s.yaml", &service), ("p.yaml", &pipeline)]);
        let offset = pipeline.find("password").unwrap();
        let hover = hover(&all, Path::new("p.yaml"), offset, Client::default()).unwrap();
        let text = format!("{hover:?}");
        assert!(text.contains("s.yaml:9") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn nothing_is_said_of_empty_space() {
        assert_eq!(shown("kind: IngestionPipeline\n# words\n\n", "words"), None);
        assert_eq!(shown("spec:\n  \n  a: 1", "\n  a"), None);
    }
}
