//! Templates: YAML trees whose scalars may hold expressions.
//!
//! In: the text of each template, read once into a tree and compiled. Out: per pipeline, a new
//! tree. A value can never change the structure around it: it takes the place of its scalar, whole.
//! This does no I/O.

use std::collections::BTreeMap;

use compact_str::CompactString;

use super::expression::{Expression, ExpressionError, Outcome};
use super::include;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::tree::{Entry, Mapping, Node, Span, Value};

/// How large an object may become, in bytes of text and about as many for each node: far more than
/// the API server takes (1.5 MiB), and little enough for the memory, however templates include each
/// other.
const MAX_SIZE: usize = 16 << 20;

/// What a node counts for besides its text.
const NODE_SIZE: usize = 32;

/// The compiled templates, by file name.
#[derive(Debug)]
pub(super) struct TemplateSet {
    templates: BTreeMap<String, Part>,
}

/// A compiled tree.
#[derive(Debug)]
enum Part {
    /// No expression below: taken as it is. With its size.
    Static(Node, usize),
    /// A scalar that is one expression: replaced by its value.
    Expression(Expression, Span),
    /// A scalar with text around expressions: a string.
    Text(Vec<Piece>, Span),
    /// Another template in this place, if the condition holds.
    Include {
        name: String,
        condition: Option<Expression>,
        span: Span,
    },
    Sequence(Vec<Part>, Span),
    Mapping(Vec<Field>, Span),
}

#[derive(Debug)]
struct Field {
    key: CompactString,
    key_span: Span,
    part: Part,
}

#[derive(Debug)]
enum Piece {
    Literal(String),
    Expression(Expression),
}

impl TemplateSet {
    /// Compiles templates, each a file name and its tree; `None` when anything in any is wrong: all
    /// of it is found.
    pub(super) fn compile(
        files: impl IntoIterator<Item = (String, Node)>,
        found: &mut Diagnostics,
    ) -> Option<Self> {
        let mut own = Diagnostics::default();
        let templates =
            files.into_iter().map(|(name, node)| (name, compile(node, &mut own))).collect();
        let set = Self { templates };
        let includes = set.templates.iter().map(|(name, part)| {
            let mut includes = Vec::new();
            collect_includes(part, &mut includes);
            (name.as_str(), includes)
        });
        include::check(&includes.collect(), &mut own);
        let sound = own.is_empty();
        found.append(own);
        sound.then_some(set)
    }

    /// Evaluates a template; `None` when something in it failed, which is then among the findings.
    pub(super) fn render(
        &self,
        name: &str,
        context: &Mapping,
        found: &mut Diagnostics,
    ) -> Option<Node> {
        let part = self.templates.get(name)?;
        let mut evaluation =
            Evaluation { templates: self, context, failures: Vec::new(), room: Some(MAX_SIZE) };
        let node = evaluation.part(part);
        if evaluation.failures.is_empty() {
            return node;
        }
        for (span, error) in evaluation.failures {
            found.push(expression_finding(span, error));
        }
        None
    }
}

/// The includes that are written in a tree.
fn collect_includes<'a>(part: &'a Part, includes: &mut Vec<(&'a str, Span)>) {
    match part {
        Part::Include { name, span, .. } => includes.push((name, *span)),
        Part::Sequence(items, _) => {
            for item in items {
                collect_includes(item, includes);
            }
        }
        Part::Mapping(fields, _) => {
            for field in fields {
                collect_includes(&field.part, includes);
            }
        }
        Part::Static(..) | Part::Expression(..) | Part::Text(..) => {}
    }
}

fn compile(node: Node, found: &mut Diagnostics) -> Part {
    let span = node.span;
    match node.value {
        Value::String(text) if text.contains("{{") => compile_scalar(&text, span, found),
        Value::Sequence(items) => {
            let parts = items.into_iter().map(|item| compile(item, found)).collect::<Vec<_>>();
            if parts.iter().all(|part| matches!(part, Part::Static(..))) {
                Part::fixed(Node::at(
                    parts.into_iter().filter_map(Part::into_static).collect::<Vec<_>>(),
                    span,
                ))
            } else {
                Part::Sequence(parts, span)
            }
        }
        Value::Mapping(mapping) => {
            let mut fields = Vec::with_capacity(mapping.len());
            for Entry { key, key_span, value } in mapping {
                if key.contains("{{") {
                    found.push(
                        Diagnostic::error(
                            &code::TEMPLATE_EXPRESSION,
                            key_span,
                            "a key cannot be an expression",
                        )
                        .with_help("make the whole mapping one expression instead"),
                    );
                }
                fields.push(Field { key, key_span, part: compile(value, found) });
            }
            if fields.iter().all(|field| matches!(field.part, Part::Static(..))) {
                let mut mapping = Mapping::with_capacity(fields.len());
                for Field { key, key_span, part } in fields {
                    if let Some(value) = part.into_static() {
                        mapping.push(Entry { key, key_span, value });
                    }
                }
                Part::fixed(Node::at(mapping, span))
            } else {
                Part::Mapping(fields, span)
            }
        }
        value => Part::fixed(Node::at(value, span)),
    }
}

impl Part {
    fn fixed(node: Node) -> Self {
        let size = size(&node);
        Self::Static(node, size)
    }

    fn into_static(self) -> Option<Node> {
        match self {
            Part::Static(node, _) => Some(node),
            _ => None,
        }
    }
}

fn compile_scalar(text: &str, span: Span, found: &mut Diagnostics) -> Part {
    match pieces(text) {
        Err(error) => {
            found.push(expression_finding(span, error));
            Part::fixed(Node::at(Value::Null, span))
        }
        Ok(mut pieces) => match (pieces.len(), pieces.pop()) {
            (1, Some(Piece::Expression(Expression::Include { name, condition }))) => {
                Part::Include { name, condition: condition.map(|condition| *condition), span }
            }
            (1, Some(Piece::Expression(expression))) => Part::Expression(expression, span),
            (_, last) => {
                pieces.extend(last);
                Part::Text(pieces, span)
            }
        },
    }
}

/// Splits a scalar at its expressions. Braces inside quotes belong to the expression:
/// `{{ '{{ omjob.uid }}' }}`.
fn pieces(text: &str) -> Result<Vec<Piece>, ExpressionError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let end = closing_braces(&rest[start + 2..]).ok_or_else(|| ExpressionError {
            message: "`{{` has no closing `}}`".to_owned(),
            help: Some("a literal `{{` is written `{{ '{{' }}`".to_owned()),
        })?;
        let literal = &rest[..start];
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        pieces.push(Piece::Expression(Expression::compile(&rest[start + 2..start + 2 + end])?));
        rest = &rest[start + 2 + end + 2..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    Ok(pieces)
}

/// Where the expression's `}}` begins: outside of quotes and of a mapping's own braces.
fn closing_braces(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut open = 0usize;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            _ if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(opened), _) if opened == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'{') => open += 1,
            (None, b'}') if open > 0 => open -= 1,
            (None, b'}') if text[at..].starts_with("}}") => return Some(at),
            (None, _) => {}
        }
    }
    None
}

fn expression_finding(span: Span, error: ExpressionError) -> Diagnostic {
    let finding = Diagnostic::error(&code::TEMPLATE_EXPRESSION, span, error.message);
    finding.with_optional_help(error.help)
}

/// One evaluation of a template.
struct Evaluation<'a> {
    templates: &'a TemplateSet,
    context: &'a Mapping,
    failures: Vec<(Span, ExpressionError)>,
    /// How much larger the object may become; `None` when it became too large, which is then a
    /// failure.
    room: Option<usize>,
}

impl Evaluation<'_> {
    /// The node of a part; `None` when it is omitted or failed.
    fn part(&mut self, part: &Part) -> Option<Node> {
        match part {
            Part::Static(node, size) => self.take(*size, node.span).then(|| node.clone()),
            Part::Expression(expression, span) => match expression.evaluate(self.context, *span) {
                Ok(Outcome::Borrowed(node)) => self.take(size(node), *span).then(|| node.clone()),
                Ok(Outcome::Owned(node)) => self.take(size(&node), *span).then_some(node),
                Ok(Outcome::Omitted) => None,
                Err(error) => self.fail(*span, error),
            },
            Part::Text(pieces, span) => self.text(pieces, *span),
            Part::Include { name, condition, span } => {
                if !self.take(NODE_SIZE, *span) {
                    return None;
                }
                let holds = match condition {
                    None => true,
                    Some(condition) => match condition.holds(self.context) {
                        Ok(holds) => holds,
                        Err(error) => return self.fail(*span, error),
                    },
                };
                let included = if holds { self.templates.templates.get(name) } else { None };
                included.and_then(|part| self.part(part))
            }
            Part::Sequence(..) | Part::Mapping(..) if self.room.is_none() => None,
            Part::Sequence(parts, span) => {
                let items = parts.iter().filter_map(|part| self.part(part)).collect::<Vec<_>>();
                Some(Node::at(items, *span))
            }
            Part::Mapping(fields, span) => {
                let mut mapping = Mapping::with_capacity(fields.len());
                for Field { key, key_span, part } in fields {
                    if let Some(value) = self.part(part) {
                        mapping.push(Entry { key: key.clone(), key_span: *key_span, value });
                    }
                }
                Some(Node::at(mapping, *span))
            }
        }
    }

    fn text(&mut self, pieces: &[Piece], span: Span) -> Option<Node> {
        let mut text = String::new();
        let mut taken = 0;
        for piece in pieces {
            if !self.take(text.len() - taken, span) {
                return None;
            }
            taken = text.len();
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Expression(expression) => {
                    let appended = match expression.evaluate(self.context, span) {
                        Ok(Outcome::Borrowed(node)) => append(&mut text, node),
                        Ok(Outcome::Owned(node)) => append(&mut text, &node),
                        Ok(Outcome::Omitted) => Err(ExpressionError::inside_text("omit")),
                        Err(error) => Err(error),
                    };
                    if let Err(error) = appended {
                        return self.fail(span, error);
                    }
                }
            }
        }
        self.take(text.len() - taken + NODE_SIZE, span).then(|| Node::at(text, span))
    }

    /// Whether there is room for so much more; that there is none any more is one failure.
    fn take(&mut self, size: usize, span: Span) -> bool {
        let Some(room) = self.room else { return false };
        self.room = room.checked_sub(size);
        if self.room.is_none() {
            let message = format!("the object grows beyond {} MiB", MAX_SIZE >> 20);
            let help = Some("see what is included again and again".to_owned());
            self.fail(span, ExpressionError { message, help });
        }
        self.room.is_some()
    }

    fn fail(&mut self, span: Span, error: ExpressionError) -> Option<Node> {
        self.failures.push((span, error));
        None
    }
}

/// About how many bytes a node takes.
fn size(node: &Node) -> usize {
    NODE_SIZE
        + match &node.value {
            Value::String(text) => text.len(),
            Value::Sequence(items) => items.iter().map(size).sum(),
            Value::Mapping(mapping) => {
                mapping.iter().map(|entry| entry.key.len() + size(&entry.value)).sum()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

fn append(text: &mut String, node: &Node) -> Result<(), ExpressionError> {
    match &node.value {
        Value::String(value) => text.push_str(value),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&number.to_string()),
        value => return Err(ExpressionError::inside_text(value.type_name())),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(files: &[(&str, serde_json::Value)]) -> Result<serde_json::Value, Vec<String>> {
        let mut found = Diagnostics::default();
        let files = files.iter().map(|(name, json)| ((*name).to_owned(), Node::from(json.clone())));
        let set = TemplateSet::compile(files, &mut found);
        let context = Node::from(
            json!({"name": "a", "labels": {"x": "y"}, "count": 2, "none": null, "sidecar": true}),
        );
        let rendered =
            set.and_then(|set| set.render("main.yaml", context.as_mapping().unwrap(), &mut found));
        match (found.is_empty(), rendered) {
            (true, Some(node)) => Ok((&node).into()),
            (true, None) => Ok(json!("omitted")),
            (false, _) => Err(found.iter().map(|finding| finding.message.clone()).collect()),
        }
    }

    #[test]
    fn values_take_the_place_of_their_scalars_with_their_types() {
        let template = json!({
            "static": {"a": [1, "two"]},
            "name": "{{ name }}", "map": "{{ labels }}", "count": "{{ count }}",
            "text": "om-{{ name }}-{{ count }}",
            "list": ["{{ name }}", "{{ omit }}", 3],
            "gone": "{{ omit }}",
            "literal": "{{ '{{ omjob.uid }}' }}",
            "computed": "{{ {'k': {'n': count}} }}",
        });
        assert_eq!(
            render(&[("main.yaml", template)]),
            Ok(json!({
                "static": {"a": [1, "two"]},
                "name": "a", "map": {"x": "y"}, "count": 2,
                "text": "om-a-2",
                "list": ["a", 3],
                "literal": "{{ omjob.uid }}",
                "computed": {"k": {"n": 2}},
            }))
        );
    }

    #[test]
    fn a_template_is_included_in_place_and_on_condition() {
        let main = json!({
            "pod": "{{ include('pod.yaml') }}",
            "with": "{{ include('pod.yaml') if sidecar else omit }}",
            "without": "{{ include('pod.yaml') if not sidecar else omit }}",
        });
        let pod = json!({"n": "{{ name }}"});
        assert_eq!(
            render(&[("main.yaml", main), ("pod.yaml", pod)]),
            Ok(json!({"pod": {"n": "a"}, "with": {"n": "a"}}))
        );
    }

    #[test]
    fn a_circle_of_includes_and_a_missing_template_are_found_before_rendering() {
        let found = render(&[
            ("main.yaml", json!({"a": "{{ include('other.yaml') }}"})),
            ("other.yaml", json!(["{{ include('main.yaml') }}"])),
        ]);
        assert_eq!(
            found,
            Err(vec!["a template includes itself".into(), "a template includes itself".into()])
        );
        let found =
            render(&[("main.yaml", json!("{{ include('pot.yaml') }}")), ("pod.yaml", json!(1))]);
        assert_eq!(found, Err(vec!["there is no template `pot.yaml`".into()]));
    }

    #[test]
    fn every_failing_scalar_is_found_not_only_the_first() {
        let found = render(&[(
            "main.yaml",
            json!({"a": "{{ nowhere }}", "b": ["x{{ none }}", "x{{ labels }}"]}),
        )]);
        assert_eq!(found.unwrap_err().len(), 3);
        let found =
            render(&[("main.yaml", json!({"c": "{{ name", "{{ k }}": 1, "d": "{{ 1 + }}"}))]);
        assert_eq!(found.unwrap_err().len(), 3);
    }
}
