//! From a broken rule to a finding: where it is, what to say, and what to do about it.
//!
//! No value of a text is quoted, but for names that were likely mistyped and numbers out of range,
//! and none at a field that holds a secret.

use compact_str::CompactString;
use serde_json::Value as Json;

use super::Schema;
use super::check::Sink;
use super::types::{Discriminator, Kinds, MappingRules, TypeId};
use super::words::Words;
use crate::diagnostic::route::{push_index, push_key};
use crate::diagnostic::{
    Code, Diagnostic, Diagnostics, Severity, did_you_mean, nearest, suggestion,
};
use crate::tree::{Entry, Mapping, Node, Span, Value};

/// Up to so many names are listed in a help; more are no help.
const LISTED: usize = 14;

/// A rule that a node breaks.
pub(super) enum Finding<'a> {
    Kind {
        expected: Kinds,
        secret: bool,
        /// Whether the reader makes such a value of it.
        converted: bool,
    },
    Value {
        values: &'a [Json],
        secret: bool,
    },
    Number {
        relation: &'static str,
        bound: f64,
    },
    Short {
        least: u64,
        of: &'static str,
    },
    Long {
        most: u64,
        of: &'static str,
    },
    Pattern {
        code: &'static Code,
        pattern: &'a str,
    },
    Format {
        code: &'static Code,
        expected: &'static str,
        /// Whether it has the form all the same, if hardly in the sense that was meant.
        accepted: bool,
    },
    Twice,
    UnknownField {
        holder: TypeId,
        rules: &'a MappingRules,
    },
    Missing {
        rules: &'a MappingRules,
        mapping: &'a Mapping,
    },
    UnknownTag {
        by: &'a Discriminator,
    },
    NoTag {
        by: &'a Discriminator,
    },
}

impl Finding<'_> {
    /// Whether the node does not agree with the schema.
    pub(super) fn is_disagreement(&self) -> bool {
        !matches!(self, Self::Format { accepted: true, .. })
    }

    /// Whether the reader refuses the node.
    pub(super) fn is_refused(&self) -> bool {
        let converted = matches!(self, Self::Kind { converted: true, .. });
        self.is_disagreement() && !converted
    }
}

/// Where the walk is: a chain of steps up to the root, on the stack.
pub(super) struct Place<'a> {
    above: Option<&'a Place<'a>>,
    step: Step<'a>,
    /// The type of the mapping that holds the step.
    holder: Option<TypeId>,
    /// Where the key stands, or the value where there is no key; that of the place above for
    /// computed values.
    key_span: Span,
    /// Where the value stands.
    value_span: Span,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    pub(super) fn root(node: &Node) -> Self {
        let first = node.as_mapping().and_then(|mapping| mapping.iter().next());
        let key_span = first.map(|entry| entry.key_span).filter(|span| span.is_some());
        Self {
            above: None,
            step: Step::Root,
            holder: None,
            key_span: key_span.unwrap_or(node.span),
            value_span: node.span,
        }
    }

    pub(super) fn entry(&'a self, holder: TypeId, entry: &'a Entry) -> Self {
        let key_span = if entry.key_span.is_some() { entry.key_span } else { self.key_span };
        Self {
            above: Some(self),
            step: Step::Key(&entry.key),
            holder: Some(holder),
            key_span,
            value_span: if entry.value.span.is_some() { entry.value.span } else { key_span },
        }
    }

    pub(super) fn item(&'a self, index: usize, item: &Node) -> Self {
        let span = if item.span.is_some() { item.span } else { self.value_span };
        Self {
            above: Some(self),
            step: Step::Index(index),
            holder: None,
            key_span: span,
            value_span: span,
        }
    }

    /// Goes down a route of keys that exists, and calls a function with the place at its end.
    pub(super) fn follow(
        &self,
        node: &Node,
        route: &[CompactString],
        then: impl FnOnce(&Place<'_>, &Node),
    ) {
        let next = route
            .split_first()
            .and_then(|(name, rest)| node.as_mapping()?.entry(name).map(|entry| (entry, rest)));
        match next {
            Some((entry, rest)) => {
                let inner = Place { holder: self.holder, ..self.entry(TypeId(0), entry) };
                inner.follow(&entry.value, rest, then);
            }
            None => then(self, node),
        }
    }

    fn key(&self) -> &str {
        match self.step {
            Step::Key(key) => key,
            Step::Root | Step::Index(_) => "",
        }
    }

    /// `spec.extraEnvVars[0].name`.
    fn route(&self) -> String {
        let mut steps = Vec::new();
        let mut place = Some(self);
        while let Some(at) = place {
            steps.push(at.step);
            place = at.above;
        }
        let mut route = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root => {}
                Step::Key(key) => push_key(&mut route, key),
                Step::Index(index) => push_index(&mut route, index),
            }
        }
        route
    }
}

/// Makes diagnostics of findings.
pub(super) struct Report<'a> {
    pub(super) schema: &'a Schema,
    pub(super) words: &'a Words,
    pub(super) found: &'a mut Diagnostics,
}

impl Sink for Report<'_> {
    fn is_done(&self) -> bool {
        false
    }

    fn take(&mut self, place: &Place<'_>, node: &Node, finding: Finding<'_>) {
        let accepted = match finding {
            Finding::Kind { converted: true, .. } => Some("it is accepted, and converted"),
            Finding::Format { accepted: true, .. } => {
                Some("it is accepted, with what stands before the colon as its scheme")
            }
            _ => None,
        };
        let mut diagnostic = match finding {
            Finding::Kind { expected, secret, .. } => self.kind(place, node, expected, secret),
            Finding::Value { values, secret } => self.value(place, node, values, secret),
            Finding::Number { relation, bound } => self.number(place, node, relation, bound),
            Finding::Short { least: 1, .. } => self.at_value(
                self.words.out_of_range,
                place,
                format!("expected {}, found an empty one", node.value.type_name()),
            ),
            Finding::Short { least, of } => self.at_value(
                self.words.out_of_range,
                place,
                format!("expected at least {least} {of}"),
            ),
            Finding::Long { most, of } => {
                let message = format!("expected at most {most} {of}");
                self.at_value(self.words.out_of_range, place, message)
            }
            Finding::Pattern { code, pattern } => self
                .at_value(code, place, "the text is not in the expected form".into())
                .with_note(format!("it has to match `{pattern}`")),
            Finding::Format { code, expected, .. } => {
                self.at_value(code, place, format!("expected {expected}"))
            }
            Finding::Twice => self.at_value(
                self.words.out_of_range,
                place,
                "the same item stands twice".to_owned(),
            ),
            Finding::UnknownField { holder, rules } => self.unknown_field(place, holder, rules),
            Finding::Missing { rules, mapping } => self.missing(place, rules, mapping),
            Finding::UnknownTag { by } => {
                let known: Vec<&str> = by.values.iter().map(|(value, _)| value.as_str()).collect();
                self.one_of(place, node, &known, false)
            }
            Finding::NoTag { by } => self.no_tag(place, by),
        };
        diagnostic.route = place.route();
        if let Some(note) = accepted {
            diagnostic.severity = Severity::Warning;
            diagnostic = diagnostic.with_note(note);
        }
        if !self.words.schema_of.is_empty() {
            diagnostic = diagnostic.with_note(format!("by the schema of {}", self.words.schema_of));
        }
        self.found.push(diagnostic);
    }
}

impl Report<'_> {
    fn at_value(&self, code: &'static Code, place: &Place<'_>, message: String) -> Diagnostic {
        Diagnostic::error(code, place.value_span, message)
    }

    fn kind(&self, place: &Place<'_>, node: &Node, expected: Kinds, secret: bool) -> Diagnostic {
        let found = node.value.type_name();
        let expected_in_words = expected.describe();
        let message = format!("expected {expected_in_words}, found {found}");
        // Null has no text of its own to point at.
        let span = if node.is_null() { place.key_span } else { place.value_span };
        let diagnostic = Diagnostic::error(self.words.wrong_type, span, message);
        let help = match &node.value {
            Value::Null if self.is_required(place) => "give it a value".to_owned(),
            Value::Null if expected.meets(Kinds::MAPPING) => {
                "leave the key out, or write `{}` for an empty mapping".to_owned()
            }
            Value::Null => "leave the key out, or give it a value".to_owned(),
            Value::String(text) => {
                let plain = text.trim();
                let number = Kinds::NUMBER.meets(expected)
                    && plain.parse::<f64>().is_ok_and(f64::is_finite)
                    && (expected.meets(Kinds::FRACTION) || plain.parse::<i64>().is_ok());
                let truth = expected.meets(Kinds::BOOLEAN) && matches!(plain, "true" | "false");
                match (number || truth, secret) {
                    (true, false) => format!("write it without quotes: `{plain}`"),
                    (true, true) => "write it without quotes".to_owned(),
                    (false, _) if expected == Kinds::SEQUENCE => {
                        "write a list, each item on a line of its own after `- `".to_owned()
                    }
                    (false, _) if expected.meets(Kinds::BOOLEAN) => {
                        "write `true` or `false`".to_owned()
                    }
                    _ => return diagnostic,
                }
            }
            Value::Number(number) if expected.meets(Kinds::STRING) && !secret => {
                format!("write it in quotes: `\"{number}\"`")
            }
            Value::Bool(value) if expected.meets(Kinds::STRING) && !secret => {
                format!("write it in quotes: `\"{value}\"`")
            }
            Value::Number(_) | Value::Bool(_) if expected.meets(Kinds::STRING) => {
                "write it in quotes".to_owned()
            }
            Value::Number(_) if expected.meets(Kinds::BOOLEAN) => {
                "write `true` or `false`".to_owned()
            }
            _ => return diagnostic,
        };
        diagnostic.with_help(help)
    }

    fn is_required(&self, place: &Place<'_>) -> bool {
        place.holder.is_some_and(|holder| {
            let mut rules = self.schema.mapping_rules(holder);
            rules.any(|rules| rules.required.iter().any(|name| name == place.key()))
        })
    }

    fn value(&self, place: &Place<'_>, node: &Node, values: &[Json], secret: bool) -> Diagnostic {
        let texts: Vec<&str> = values.iter().filter_map(Json::as_str).collect();
        if texts.len() == values.len() {
            return self.one_of(place, node, &texts, secret);
        }
        let all: Vec<String> = values.iter().map(Json::to_string).collect();
        let known: Vec<&str> = all.iter().map(String::as_str).collect();
        self.one_of(place, node, &known, secret)
    }

    fn one_of(&self, place: &Place<'_>, node: &Node, known: &[&str], secret: bool) -> Diagnostic {
        let text = node.as_str().filter(|_| !secret);
        let near = text.and_then(|text| nearest(text, known.iter().copied()));
        let field =
            if place.key().is_empty() { String::new() } else { format!(" of `{}`", place.key()) };
        let message = match text {
            // A short word is a name that was meant to be one of them; anything else is not
            // repeated.
            Some(text) if near.is_some() || is_word(text) => {
                format!("unknown value `{text}`{field}")
            }
            _ => format!("unknown value{field}"),
        };
        let diagnostic = self.at_value(self.words.wrong_value, place, message);
        match (near, known) {
            (Some(near), _) => {
                let diagnostic = diagnostic.with_help(suggestion(near));
                if known.len() > 1 && known.len() <= LISTED {
                    return diagnostic.with_note(format!("known are {}", listed(known)));
                }
                diagnostic
            }
            (None, [only]) => diagnostic.with_help(format!("write `{only}`")),
            (None, _) if known.len() <= LISTED => {
                diagnostic.with_help(format!("known are {}", listed(known)))
            }
            (None, _) => {
                diagnostic.with_note(format!("none of the {} known ones is near it", known.len()))
            }
        }
    }

    fn number(
        &self,
        place: &Place<'_>,
        node: &Node,
        relation: &'static str,
        bound: f64,
    ) -> Diagnostic {
        let found = match &node.value {
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        let message = format!("expected {relation} {bound}, found {found}");
        self.at_value(self.words.out_of_range, place, message)
    }

    fn unknown_field(&self, place: &Place<'_>, holder: TypeId, rules: &MappingRules) -> Diagnostic {
        let key = place.key();
        let shown = if key.chars().count() <= 60 {
            format!("unknown field `{key}`")
        } else {
            "unknown field".to_owned()
        };
        let mut diagnostic = Diagnostic::error(self.words.unknown_field, place.key_span, shown);
        let above = place.above.map(Place::route).unwrap_or_default();
        diagnostic.label = match (self.words.names, self.schema.name(holder)) {
            (true, Some(name)) => format!("not a field of {name}"),
            _ if above.is_empty() => String::new(),
            _ => format!("not a field of `{above}`"),
        };
        if let Some(elsewhere) = self.elsewhere(place, holder) {
            return diagnostic.with_help(format!("`{key}` belongs in `{elsewhere}`"));
        }
        if let Some(help) = did_you_mean(key, rules.names()) {
            return diagnostic.with_help(help);
        }
        let names: Vec<&str> = rules.names().collect();
        if !names.is_empty() && names.len() <= LISTED {
            return diagnostic.with_help(format!("the fields are {}", listed(&names)));
        }
        diagnostic
    }

    /// The mapping near by that does take the key of a place: one level down, a level up, or beside
    /// those.
    fn elsewhere(&self, place: &Place<'_>, holder: TypeId) -> Option<String> {
        let key = place.key();
        let above = place.above?;
        if let Some(inner) = self.inside(holder, key) {
            let mut route = above.route();
            push_key(&mut route, &inner);
            return Some(route);
        }
        let mut at = above;
        while let (Some(upper), Some(holder)) = (at.above, at.holder) {
            let rules = self.schema.mapping_rules(holder);
            if rules.into_iter().any(|rules| rules.property(key).is_some()) {
                let route = upper.route();
                // The root has no name; a definition's own fields are found there.
                return Some(if route.is_empty() { "the top level".to_owned() } else { route });
            }
            if let Some(beside) = self.inside(holder, key).filter(|name| name != at.key()) {
                let mut route = upper.route();
                push_key(&mut route, &beside);
                return Some(route);
            }
            at = upper;
        }
        None
    }

    /// The property of a type whose own properties, or those of a class that it may be of, have the
    /// key.
    fn inside(&self, holder: TypeId, key: &str) -> Option<CompactString> {
        let rules = self.schema.mapping_rules(holder).next()?;
        rules.properties.iter().find(|(_, id)| self.takes(*id, key)).map(|(name, _)| name.clone())
    }

    fn takes(&self, id: TypeId, key: &str) -> bool {
        let parts = self.schema.parts(id);
        let unions = parts.iter().filter_map(|part| part.union.as_deref());
        let classes = unions.flat_map(|union| union.branches.iter().copied());
        std::iter::once(id).chain(classes).any(|class| {
            let mut rules = self.schema.mapping_rules(class);
            rules.any(|rules| rules.property(key).is_some())
        })
    }

    fn missing(&self, place: &Place<'_>, rules: &MappingRules, mapping: &Mapping) -> Diagnostic {
        let names: Vec<&str> = rules
            .required
            .iter()
            .map(CompactString::as_str)
            .filter(|name| mapping.get(name).is_none())
            .collect();
        let fields = if names.len() == 1 { "field" } else { "fields" };
        let message = format!("missing {fields} {}", listed(&names));
        Diagnostic::error(self.words.missing_field, place.key_span, message)
    }

    fn no_tag(&self, place: &Place<'_>, by: &Discriminator) -> Diagnostic {
        let mut route = String::new();
        by.route.iter().for_each(|name| push_key(&mut route, name));
        let message = format!("missing field `{route}`");
        let mut known: Vec<&str> = by.values.iter().map(|(value, _)| value.as_str()).collect();
        known.dedup();
        let diagnostic = Diagnostic::error(self.words.missing_field, place.key_span, message)
            .with_note("it says which fields the others are checked as");
        if known.len() <= LISTED {
            return diagnostic.with_help(format!("known are {}", listed(&known)));
        }
        diagnostic
    }
}

/// Whether a text looks like a name, and not like a key, token or sentence.
fn is_word(text: &str) -> bool {
    (1..=24).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '-' | '_' | '@'))
}

/// `a`, `b` and `c`.
fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
