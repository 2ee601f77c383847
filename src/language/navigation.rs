//! Where things come from and where they are used.
//!
//! In: a project, a file of it and a byte. Out: places: of what a name stands for, of the layers
//! that set a field, of all that uses a service or a Secret, and of the definitions in a file.

use std::path::Path;

use tower_lsp_server::ls_types::{CodeLens, Command, DocumentSymbol, SymbolKind};

use super::Client;
use super::cursor::{Cursor, Place, Step, node_at};
use super::layers::layers;
use super::outline;
use super::project::{Project, Target};
use crate::definition::Kind;
use crate::model::secret_reference::SECRET_KEY_REF;
use crate::tree::{Node, SourceId, Span};

/// The command that shows what a pipeline is rendered to.
pub const PREVIEW: &str = "ompipe.preview";

/// What the word at a place stands for.
enum Word {
    /// A ServiceConnection, by its own name or by a pipeline's `service`.
    Service(String),
    /// A Secret, and the key in it that the word is.
    Secret(String, Option<String>),
    /// Anything else.
    Field,
}

/// Where the word at a byte comes from: the definition of a name, the anchor of an alias, or the
/// layers that set the same field, the stronger first.
pub fn definition(project: &Project, path: &Path, offset: usize) -> Vec<Target> {
    let Some(file) = project.file(path) else { return Vec::new() };
    let text = file.text.as_str();
    let Some(cursor) = Cursor::at(text, offset) else { return Vec::new() };
    let here = |span: Span| Target { path: path.to_owned(), span };
    if let Some(name) = cursor.text(text).strip_prefix('*') {
        return anchor(text, offset, name).map(here).into_iter().collect();
    }
    match word(&cursor, text) {
        Word::Service(name) => {
            let services = project.definitions(Kind::ServiceConnection);
            let named = services.filter(|(_, one)| one.name.name == name);
            named.map(|(path, one)| Target { path: path.to_owned(), span: one.name.span }).collect()
        }
        Word::Secret(name, key) => {
            let secrets = project.secrets().filter(|(_, one)| one.is_here);
            let of_name = secrets.filter(|(_, one)| one.name.name == name);
            let mut targets = of_name
                .filter_map(|(path, one)| {
                    let span = match &key {
                        None => one.name.span,
                        Some(key) => one.key.as_ref().filter(|other| other.name == *key)?.span,
                    };
                    Some(Target { path: path.to_owned(), span })
                })
                .collect::<Vec<_>>();
            targets.dedup();
            targets
        }
        Word::Field => {
            let layers = layers(project, path, &cursor, &cursor.field(text));
            // The pipeline's own is where one comes from.
            let others = layers.into_iter().filter(|layer| layer.name != "pipeline");
            let mut targets = others.map(|layer| layer.target).collect::<Vec<_>>();
            if targets.is_empty() {
                // An editor says more by going nowhere than by "not found".
                targets.push(here(span(&cursor)));
            }
            targets
        }
    }
}

/// All that uses the service or the Secret at a byte.
pub fn references(project: &Project, path: &Path, offset: usize, declaration: bool) -> Vec<Target> {
    let Some(file) = project.file(path) else { return Vec::new() };
    let text = file.text.as_str();
    let Some(cursor) = Cursor::at(text, offset) else { return Vec::new() };
    let target = |path: &Path, span| Target { path: path.to_owned(), span };
    let mut targets: Vec<Target> = match word(&cursor, text) {
        Word::Service(name) => {
            let users = project.users(&name).map(|(path, one)| target(path, one.span));
            let own = definition(project, path, offset).into_iter().filter(|_| declaration);
            users.chain(own).collect()
        }
        Word::Secret(name, key) => {
            let secrets = project.secrets().filter(|(_, one)| one.name.name == name);
            let wanted = secrets.filter(|(_, one)| declaration || !one.is_here);
            wanted
                .filter_map(|(path, one)| match &key {
                    None => Some(target(path, one.name.span)),
                    Some(key) => {
                        let own = one.key.as_ref().filter(|other| other.name == *key)?;
                        Some(target(path, own.span))
                    }
                })
                .collect()
        }
        Word::Field => Vec::new(),
    };
    targets.sort();
    targets.dedup();
    targets
}

fn span(cursor: &Cursor) -> Span {
    let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { source: SourceId(0), start: number(cursor.word.start), end: number(cursor.word.end) }
}

fn word(cursor: &Cursor, text: &str) -> Word {
    let kind = cursor.document.get("kind").and_then(Node::as_str).and_then(Kind::find);
    let keys = cursor.route.iter().map(|step| match step {
        Step::Key(key) => key.as_str(),
        Step::Item(_) => "",
    });
    let keys = keys.collect::<Vec<_>>();
    let name = cursor.text(text).to_owned();
    match (cursor.place, kind, keys.as_slice()) {
        (Place::Value, Some(Kind::IngestionPipeline), ["spec", "service"])
        | (Place::Value, Some(Kind::ServiceConnection), ["metadata", "name"]) => {
            Word::Service(name)
        }
        (Place::Value, _, [.., SECRET_KEY_REF, "name"]) => Word::Secret(name, None),
        (Place::Value, _, [.., SECRET_KEY_REF, "key"]) => {
            let above = node_at(&cursor.document, &cursor.route[..keys.len() - 1]);
            let secret = above.and_then(|one| one.get("name")).and_then(Node::as_str);
            Word::Secret(secret.unwrap_or_default().to_owned(), Some(name))
        }
        _ => Word::Field,
    }
}

/// Where the anchor of an alias stands: the last of its name before the alias, in its document.
fn anchor(text: &str, offset: usize, name: &str) -> Option<Span> {
    let document = outline::documents(text)
        .into_iter()
        .find(|document| document.start <= offset && offset <= document.end)?;
    let ends = |rest: &str| rest.chars().next().is_none_or(|next| " \t\r\n,]}".contains(next));
    let mark = format!("&{name}");
    let before = &text[document.start..offset];
    let found = before.match_indices(&mark).map(|(at, _)| document.start + at);
    let at = found.filter(|at| ends(&text[at + mark.len()..])).last()?;
    let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Some(Span { source: SourceId(0), start: number(at), end: number(at + mark.len()) })
}

/// The definitions of a file.
#[expect(deprecated, reason = "the struct still has the field that tags have replaced")]
pub fn symbols(project: &Project, path: &Path, client: Client) -> Vec<DocumentSymbol> {
    let Some(file) = project.file(path) else { return Vec::new() };
    let symbol = |one: &super::facts::Definition| {
        let selection = file.text.span(one.name.span, client.encoding);
        let whole = file.text.lines(one.document.clone(), client.encoding);
        DocumentSymbol {
            name: one.name.name.to_string(),
            detail: Some(one.kind.as_str().to_owned()),
            kind: match one.kind {
                Kind::IngestionProject => SymbolKind::PACKAGE,
                Kind::ServiceConnection => SymbolKind::INTERFACE,
                Kind::IngestionPipeline => SymbolKind::EVENT,
            },
            tags: None,
            deprecated: None,
            range: whole,
            selection_range: selection,
            children: None,
        }
    };
    file.facts.definitions.iter().map(symbol).collect()
}

/// What an editor shows above each pipeline of a file: the way to its rendered objects.
pub fn lenses(project: &Project, path: &Path, uri: &str, client: Client) -> Vec<CodeLens> {
    let Some(file) = project.file(path) else { return Vec::new() };
    let pipelines = file.facts.definitions.iter().filter(|one| one.kind == Kind::IngestionPipeline);
    let lens = |one: &super::facts::Definition| CodeLens {
        range: file.text.span(one.name.span, client.encoding),
        command: Some(Command {
            title: "Preview rendered objects".to_owned(),
            command: PREVIEW.to_owned(),
            arguments: Some(vec![uri.into(), one.name.name.as_str().into()]),
        }),
        data: None,
    };
    pipelines.map(lens).collect()
}

/// The pipeline whose document holds a byte.
pub fn pipeline_at<'p>(project: &'p Project, path: &Path, offset: usize) -> Option<&'p str> {
    let definitions = &project.file(path)?.facts.definitions;
    let holds = |one: &&super::facts::Definition| {
        one.kind == Kind::IngestionPipeline
            && one.document.start <= offset
            && offset <= one.document.end
    };
    Some(definitions.iter().find(holds)?.name.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::project::tests::{PIPELINE, PROJECT, SERVICE, project, three};
    use super::*;

    /// File and text of each place.
    fn told(project: &Project, targets: Vec<Target>) -> Vec<(String, String)> {
        let text = |target: Target| {
            let text = project.file(&target.path).unwrap().text.as_str();
            let word = text[target.span.start as usize..target.span.end as usize].to_owned();
            (target.path.display().to_string(), word)
        };
        targets.into_iter().map(text).collect()
    }

    fn pair(file: &str, word: &str) -> (String, String) {
        (file.to_owned(), word.to_owned())
    }

    #[test]
    fn a_service_leads_to_its_connection_and_back_to_its_pipelines() {
        let project = three();
        let from = PIPELINE.find("sf").unwrap();
        let targets = definition(&project, Path::new("p.yaml"), from);
        assert_eq!(told(&project, targets), [pair("s.yaml", "sf")]);
        let name = SERVICE.find("sf").unwrap();
        let users = references(&project, Path::new("s.yaml"), name, false);
        assert_eq!(told(&project, users), [pair("p.yaml", "sf")]);
        assert_eq!(references(&project, Path::new("s.yaml"), name, true).len(), 2);
    }

    #[test]
    fn a_value_leads_to_the_layer_that_it_wins_over() {
        let project = three();
        let at = PIPELINE.find("LARGE").unwrap();
        let targets = definition(&project, Path::new("p.yaml"), at);
        assert_eq!(told(&project, targets), [pair("s.yaml", "SMALL")]);
    }

    #[test]
    fn an_alias_leads_to_its_anchor() {
        let text = "a: &limits {cpu: 1}\nb: &limit 2\nc: *limits\n";
        let project = project(&[("x.yaml", text)]);
        let targets = definition(&project, Path::new("x.yaml"), text.find("*lim").unwrap() + 2);
        assert_eq!(told(&project, targets), [pair("x.yaml", "&limits")]);
    }

    #[test]
    fn a_secret_leads_to_the_file_that_brings_it_and_to_all_that_use_it() {
        let secret = "kind: Secret\nmetadata: {name: snow}\ndata: {pw: AAAA, x: BBBB}\n";
        let project = project(&[("o.yaml", PROJECT), ("s.yaml", SERVICE), ("secret.yaml", secret)]);
        let at = SERVICE.find("pw").unwrap();
        let targets = definition(&project, Path::new("s.yaml"), at);
        assert_eq!(told(&project, targets), [pair("secret.yaml", "pw")]);
        let users = references(&project, Path::new("s.yaml"), at, false);
        assert_eq!(told(&project, users), [pair("s.yaml", "pw")]);
    }

    #[test]
    fn the_pipeline_at_a_place_is_that_of_its_document() {
        let text = format!("{SERVICE}---\n{PIPELINE}");
        let project = project(&[("x.yaml", &text)]);
        let at = |word| pipeline_at(&project, Path::new("x.yaml"), text.find(word).unwrap());
        assert_eq!((at("LARGE"), at("SMALL")), (Some("nightly"), None));
        let names = symbols(&project, Path::new("x.yaml"), Client::default());
        assert_eq!(
            names.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
            ["sf", "nightly"]
        );
        assert_eq!(
            lenses(&project, Path::new("x.yaml"), "file:///x.yaml", Client::default()).len(),
            1
        );
    }
}
