//! What a function's configuration asks for.
//!
//! In: the `functionConfig`. Out: [`Config`], or findings: an option that is not known would be
//! without effect, and nobody would notice.

use super::Item;
use crate::definition::Kind;
use crate::diagnostic::{Diagnostic, Diagnostics, code, did_you_mean, route};
use crate::tree::{Node, Span, Value};

const OPTIONS: [&str; 3] = ["environment", "keepDefinitions", "path"];

/// The options of a function.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Config {
    /// The environment to render; none for an empty one.
    pub environment: Option<String>,
    /// A file or folder to read definitions from, beside those among the items.
    pub path: Option<String>,
    /// Whether definitions stay among the items.
    pub keep_definitions: bool,
}

impl Config {
    /// Reads the options. An IngestionProject is a definition and has none.
    pub fn read(config: Option<&Item>, found: &mut Diagnostics) -> Self {
        let mut options = Self::default();
        let Some(config) = config.filter(|config| !config.is(Kind::IngestionProject)) else {
            return options;
        };
        if config.kind() != Some("ConfigMap") {
            let kind = config.kind().unwrap_or("no kind");
            let message = format!("the function is configured by {kind}");
            found.push(refused("kind", message).with_help(
                "name a ConfigMap with options in `data`, or the IngestionProject itself",
            ));
            return options;
        }
        let data = config.node().and_then(|node| node.get("data")).and_then(Node::as_mapping);
        for entry in data.into_iter().flatten() {
            let at = route::under("data", &entry.key);
            let value = match &entry.value.value {
                Value::String(text) => text.to_string(),
                // `kustomize fn run` and kpt write options of their command lines without quotes.
                Value::Bool(value) => value.to_string(),
                Value::Number(value) => value.to_string(),
                other => {
                    let message = format!("`{}` is {}", entry.key, other.type_name());
                    found.push(refused(at, message).with_help("a ConfigMap holds strings"));
                    continue;
                }
            };
            match (entry.key.as_str(), value.as_str()) {
                ("environment", value) => {
                    options.environment = Some(value.to_owned()).filter(|name| !name.is_empty());
                }
                ("path", value) => options.path = Some(value.to_owned()),
                ("keepDefinitions", "true" | "false") => options.keep_definitions = value == "true",
                ("keepDefinitions", _) => found.push(
                    refused(at, "`keepDefinitions` is neither \"true\" nor \"false\"")
                        .with_help("\"true\" leaves the definitions among the items"),
                ),
                (key, _) => {
                    let options = || format!("the options are `{}`", OPTIONS.join("`, `"));
                    let help = did_you_mean(key, OPTIONS).unwrap_or_else(options);
                    let message = format!("there is no option `{key}`");
                    found.push(refused(at, message).with_help(help));
                }
            }
        }
        options
    }
}

fn refused(route: impl Into<String>, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(&code::FUNCTION_CONFIG, Span::NONE, message).with_route(route)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Config, Vec<String>) {
        let mut found = Diagnostics::default();
        let config = Config::read(Some(&Item::new(text.to_owned())), &mut found);
        (config, found.iter().map(|finding| finding.route.clone()).collect())
    }

    #[test]
    fn options_stand_in_the_data_of_a_configmap() {
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n\
                    data: {environment: prod, path: pipelines, keepDefinitions: 'true'}\n";
        let (config, found) = read(text);
        assert!(found.is_empty(), "{found:?}");
        let expected = Config {
            environment: Some("prod".to_owned()),
            path: Some("pipelines".to_owned()),
            keep_definitions: true,
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn an_option_without_quotes_is_the_same_option() {
        let text = "apiVersion: v1\nkind: ConfigMap\ndata: {keepDefinitions: true, path: 7}\n";
        let (config, found) = read(text);
        assert!(found.is_empty(), "{found:?}");
        assert_eq!((config.keep_definitions, config.path.as_deref()), (true, Some("7")));
    }

    #[test]
    fn an_option_that_is_not_known_a_value_that_is_no_string_and_another_kind_are_refused() {
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n\
                    data: {enviroment: prod, keepDefinitions: [true]}\n";
        assert_eq!(read(text).1, ["data.enviroment", "data.keepDefinitions"]);
        assert_eq!(read("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n").1, ["kind"]);
    }

    #[test]
    fn a_project_is_no_set_of_options() {
        let (config, found) = read("kind: IngestionProject\nmetadata: {name: a}\nspec: {}\n");
        assert_eq!((config, found), (Config::default(), Vec::new()));
    }
}
