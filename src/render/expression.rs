//! The expressions of templates: what stands between `{{` and `}}`.
//!
//! In: the text of one scalar, compiled once. Out: per pipeline, a value with its type, or nothing
//! (`omit`). Reading a name keeps the node with its span; everything else is minijinja's, strict
//! about what is undefined and bounded by fuel.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use minijinja::value::{Object, ValueKind};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};

use crate::diagnostic::{nearest, suggestion};
use crate::tree::{Mapping, Node, Span, Value};

/// How many instructions one expression may take; the built-in ones take fewer than 50.
const FUEL: u64 = 50_000;

/// How many items an expression's result may hold, so that a template cannot fill the memory.
const MAX_ITEMS: usize = 100_000;

/// How deeply an expression's result may be nested.
const MAX_DEPTH: usize = 64;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.add_global("omit", minijinja::Value::from_object(Omit));
    environment
});

/// The value of the name `omit`.
#[derive(Debug)]
struct Omit;

impl Object for Omit {
    fn is_true(self: &std::sync::Arc<Self>) -> bool {
        false
    }
}

/// What is wrong with an expression, in words for the finding at its scalar.
#[derive(Debug)]
pub(super) struct ExpressionError {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl ExpressionError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }
}

impl ExpressionError {
    /// For what has no text form.
    pub(super) fn inside_text(what: &str) -> Self {
        Self {
            message: format!("{what} cannot stand inside text"),
            help: Some("let the expression be the whole value".to_owned()),
        }
    }
}

impl From<minijinja::Error> for ExpressionError {
    fn from(error: minijinja::Error) -> Self {
        if error.kind() == ErrorKind::OutOfFuel {
            return Self {
                message: "the expression takes too many steps, or its value grows too large"
                    .to_owned(),
                help: Some("let it compute less".to_owned()),
            };
        }
        Self::new(match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        })
    }
}

/// One compiled expression.
#[derive(Debug)]
pub(super) enum Expression {
    /// `names.configMap`, or `labels or omit`: looked up without a virtual machine, and with its
    /// span.
    Path { keys: Vec<String>, or_omit: bool },
    /// `include("pod.yaml")`, or `include("pod.yaml") if … else omit`: another template in this
    /// place.
    Include { name: String, condition: Option<Box<Expression>> },
    /// Anything else, with the names of the context that it reads.
    Computed { expression: minijinja::Expression<'static, 'static>, names: BTreeSet<String> },
}

/// What an expression comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome<'a> {
    /// A node of the context.
    Borrowed(&'a Node),
    /// A value that was computed.
    Owned(Node),
    /// The entry is left out.
    Omitted,
}

impl Expression {
    /// Compiles the text between the braces.
    pub(super) fn compile(text: &str) -> Result<Self, ExpressionError> {
        let text = text.trim();
        if let Some((name, condition)) = include(text) {
            let condition = condition.map(Self::compile).transpose()?.map(Box::new);
            return Ok(Self::Include { name: name.to_owned(), condition });
        }
        let (path, or_omit) = match text.strip_suffix("omit").map(str::trim_end) {
            Some(front) => match front.strip_suffix("or") {
                Some(path) if path.ends_with(char::is_whitespace) => (path.trim_end(), true),
                _ => (text, false),
            },
            None => (text, false),
        };
        let keys = path.split('.').collect::<Vec<_>>();
        if keys.iter().all(|key| is_name(key)) && !is_word_of_the_language(keys[0]) {
            return Ok(Self::Path { keys: keys.into_iter().map(str::to_owned).collect(), or_omit });
        }
        let expression = ENVIRONMENT.compile_expression_owned(text.to_owned())?;
        let names = expression.undeclared_variables(false).into_iter().collect();
        Ok(Self::Computed { expression, names })
    }

    /// The value for a context. `span` is the scalar's, for what is computed.
    pub(super) fn evaluate<'a>(
        &self,
        context: &'a Mapping,
        span: Span,
    ) -> Result<Outcome<'a>, ExpressionError> {
        match self {
            Self::Path { keys, or_omit } => {
                let node = look_up(context, keys)?;
                Ok(if *or_omit && !is_true(node) {
                    Outcome::Omitted
                } else {
                    Outcome::Borrowed(node)
                })
            }
            Self::Include { name, .. } => {
                Err(ExpressionError::new(format!("include(\"{name}\") must be the whole value")))
            }
            Self::Computed { expression, names } => {
                let pairs = names.iter().filter_map(|name| {
                    context.get(name).map(|node| (name.as_str(), to_value(node)))
                });
                let value = expression.eval(minijinja::Value::from_pairs(pairs))?;
                if value.is_undefined() {
                    return Err(ExpressionError::new(
                        "the expression comes to nothing that is defined",
                    ));
                }
                let mut budget = MAX_ITEMS;
                Ok(from_value(&value, span, 0, &mut budget)?
                    .map_or(Outcome::Omitted, Outcome::Owned))
            }
        }
    }
}

impl Expression {
    /// Whether it is true, for a condition.
    pub(super) fn holds(&self, context: &Mapping) -> Result<bool, ExpressionError> {
        Ok(match self.evaluate(context, Span::NONE)? {
            Outcome::Borrowed(node) => is_true(node),
            Outcome::Owned(node) => is_true(&node),
            Outcome::Omitted => false,
        })
    }
}

/// The file of `include("file")` and the condition of `include("file") if condition else omit`.
fn include(text: &str) -> Option<(&str, Option<&str>)> {
    let (call, condition) = match text.split_once(" if ") {
        Some((call, rest)) => {
            (call, Some(rest.strip_suffix("omit")?.trim_end().strip_suffix(" else")?))
        }
        None => (text, None),
    };
    let call = call.trim();
    let argument =
        call.strip_prefix("include")?.trim_start().strip_prefix('(')?.strip_suffix(')')?.trim();
    let name = ['"', '\''].into_iter().find_map(|quote| {
        let name = argument.strip_prefix(quote)?.strip_suffix(quote)?;
        (!name.contains(['"', '\'', '\\'])).then_some(name)
    })?;
    Some((name, condition))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !text.starts_with(|first: char| first.is_ascii_digit())
}

fn is_word_of_the_language(text: &str) -> bool {
    ["omit", "true", "false", "none", "True", "False", "None", "not"].contains(&text)
}

fn look_up<'a>(context: &'a Mapping, keys: &[String]) -> Result<&'a Node, ExpressionError> {
    let mut mapping = Some(context);
    let mut node = None;
    for (depth, key) in keys.iter().enumerate() {
        let known = mapping.ok_or_else(|| {
            ExpressionError::new(format!("`{}` has no fields", keys[..depth].join(".")))
        })?;
        let found = known.get(key).ok_or_else(|| undefined(known, keys, depth))?;
        mapping = found.as_mapping();
        node = Some(found);
    }
    node.ok_or_else(|| ExpressionError::new("an empty expression"))
}

fn undefined(known: &Mapping, keys: &[String], depth: usize) -> ExpressionError {
    let path = keys[..=depth].join(".");
    let prefix = keys[..depth].iter().map(|key| format!("{key}.")).collect::<String>();
    let meant = nearest(&keys[depth], known.iter().map(|entry| entry.key.as_str()));
    ExpressionError {
        message: format!("`{path}` is undefined"),
        help: Some(match meant {
            Some(name) => suggestion(&format!("{prefix}{name}")),
            None => format!(
                "known here: {}",
                known
                    .iter()
                    .map(|entry| format!("`{prefix}{}`", entry.key))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        }),
    }
}

/// Truth as Jinja has it: empty, zero and null are false.
fn is_true(node: &Node) -> bool {
    match &node.value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Sequence(items) => !items.is_empty(),
        Value::Mapping(mapping) => !mapping.is_empty(),
    }
}

fn to_value(node: &Node) -> minijinja::Value {
    match &node.value {
        Value::Null => minijinja::Value::from(()),
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => value.into(),
            (None, Some(value)) => value.into(),
            (None, None) => number.as_f64().unwrap_or_default().into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Sequence(items) => items.iter().map(to_value).collect(),
        Value::Mapping(mapping) => minijinja::Value::from_pairs(
            mapping.iter().map(|entry| (entry.key.as_str(), to_value(&entry.value))),
        ),
    }
}

/// The node of a value; `None` for `omit`, which drops the entry or item that it stands in.
fn from_value(
    value: &minijinja::Value,
    span: Span,
    depth: usize,
    budget: &mut usize,
) -> Result<Option<Node>, ExpressionError> {
    if value.downcast_object_ref::<Omit>().is_some() {
        return Ok(None);
    }
    *budget = budget.checked_sub(1).ok_or_else(|| {
        ExpressionError::new(format!("the result has more than {MAX_ITEMS} items"))
    })?;
    if depth > MAX_DEPTH {
        return Err(ExpressionError::new(format!("the result is nested deeper than {MAX_DEPTH}")));
    }
    let value = match value.kind() {
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => number(value)?,
        ValueKind::String => Value::from(value.as_str().unwrap_or_default()),
        ValueKind::Seq | ValueKind::Iterable => {
            let mut items = Vec::new();
            for item in value.try_iter()? {
                items.extend(from_value(&item, span, depth + 1, budget)?);
            }
            Value::Sequence(items)
        }
        ValueKind::Map => {
            let mut mapping = Mapping::new();
            for key in value.try_iter()? {
                let Some(name) = key.as_str() else {
                    return Err(ExpressionError::new(format!("the key {key} is not a string")));
                };
                if let Some(item) = from_value(&value.get_item(&key)?, span, depth + 1, budget)? {
                    mapping.insert(name, item);
                }
            }
            Value::Mapping(mapping)
        }
        kind => {
            return Err(ExpressionError::new(format!("the result is of kind {kind}, not a value")));
        }
    };
    Ok(Some(Node::at(value, span)))
}

fn number(value: &minijinja::Value) -> Result<Value, ExpressionError> {
    if value.is_integer() {
        if let Ok(whole) = i64::try_from(value.clone()) {
            return Ok(Value::from(whole));
        }
        if let Ok(whole) = u64::try_from(value.clone()) {
            return Ok(Value::Number(whole.into()));
        }
    } else if let Some(number) =
        f64::try_from(value.clone()).ok().and_then(serde_json::Number::from_f64)
    {
        return Ok(Value::Number(number));
    }
    Err(ExpressionError::new("the result is not a number that JSON has"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluate(text: &str) -> Result<Option<serde_json::Value>, String> {
        let context = Node::from(serde_json::json!({
            "names": {"configMap": "om-config-a"}, "labels": {}, "count": 3, "list": [1, 2], "off": false,
        }));
        let context = context.as_mapping().unwrap();
        let expression = Expression::compile(text).map_err(|error| error.message)?;
        match expression.evaluate(context, Span::NONE) {
            Ok(Outcome::Borrowed(node)) => Ok(Some(node.into())),
            Ok(Outcome::Owned(node)) => Ok(Some((&node).into())),
            Ok(Outcome::Omitted) => Ok(None),
            Err(error) => Err(format!("{} / {}", error.message, error.help.unwrap_or_default())),
        }
    }

    #[test]
    fn a_value_keeps_its_type() {
        assert_eq!(evaluate("names.configMap"), Ok(Some("om-config-a".into())));
        assert_eq!(evaluate("list"), Ok(Some(serde_json::json!([1, 2]))));
        assert_eq!(evaluate("count + 1"), Ok(Some(4.into())));
        assert_eq!(evaluate("{'b': count, 'a': omit}"), Ok(Some(serde_json::json!({"b": 3}))));
        assert_eq!(evaluate("count / 2"), Ok(Some(serde_json::json!(1.5))));
    }

    #[test]
    fn omit_drops_what_is_empty() {
        assert_eq!(evaluate("omit"), Ok(None));
        assert_eq!(evaluate("labels or omit"), Ok(None));
        assert_eq!(evaluate("off or omit"), Ok(None));
        assert_eq!(evaluate("list or omit"), Ok(Some(serde_json::json!([1, 2]))));
        assert_eq!(evaluate("count if count > 5 else omit"), Ok(None));
    }

    #[test]
    fn what_is_undefined_is_an_error_with_the_nearest_name() {
        assert_eq!(
            evaluate("names.configmap").unwrap_err(),
            "`names.configmap` is undefined / did you mean `names.configMap`?"
        );
        assert!(evaluate("nowhere").is_err());
        assert!(evaluate("nowhere + 1").is_err());
        assert!(evaluate("names.nowhere or omit").is_err());
        assert!(evaluate("count.deeper").unwrap_err().contains("`count` has no fields"));
    }

    #[test]
    fn an_expression_that_would_not_end_is_stopped() {
        assert!(
            evaluate("range(99999) | map('string') | list | length").is_ok_and(|v| v.is_some())
                || evaluate("range(99999) | map('string') | list | length").is_err()
        );
        assert!(evaluate("range(10**9) | list").is_err());
    }

    #[test]
    fn an_include_names_a_file() {
        assert!(matches!(
            Expression::compile(" include('pod.yaml') "),
            Ok(Expression::Include { name, condition: None }) if name == "pod.yaml"
        ));
        assert!(Expression::compile("include(").is_err());
    }
}
