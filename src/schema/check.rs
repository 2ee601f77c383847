//! The walk over a node: each rule of its type, all findings at once.
//!
//! The same walk answers "is it valid" (it stops at the first finding and builds none) and "what is
//! wrong".

use std::collections::HashSet;

use serde_json::Value as Json;

use super::Schema;
use super::report::{Finding, Place, Report};
use super::types::{
    Additional, Format, Kinds, MappingRules, NumberRules, SequenceRules, TextRules, Type, TypeId,
};
use super::union::Choice;
use super::words::Words;
use crate::diagnostic::Diagnostics;
use crate::tree::{Mapping, Node, Value};

/// Adds what is wrong with a node.
pub(super) fn check(
    schema: &Schema,
    id: TypeId,
    node: &Node,
    words: &Words,
    found: &mut Diagnostics,
) {
    let report = Report { schema, words, found };
    Walk { schema, words, sink: report }.node(id, node, &Place::root(node));
}

/// Whether nothing is wrong with a node.
pub(super) fn is_valid(schema: &Schema, id: TypeId, node: &Node, words: &Words) -> bool {
    is_free_of(schema, id, node, words, |finding| finding.is_disagreement())
}

/// Whether nothing is wrong with a node but what its reader converts.
pub(super) fn is_accepted(schema: &Schema, id: TypeId, node: &Node, words: &Words) -> bool {
    is_free_of(schema, id, node, words, |finding| finding.is_refused())
}

fn is_free_of(
    schema: &Schema,
    id: TypeId,
    node: &Node,
    words: &Words,
    counts: fn(&Finding<'_>) -> bool,
) -> bool {
    let sink = First { found: false, counts };
    let mut walk = Walk { schema, words, sink };
    walk.node(id, node, &Place::root(node));
    !walk.sink.found
}

/// What becomes of findings.
pub(super) trait Sink {
    /// Takes a finding.
    fn take(&mut self, place: &Place<'_>, node: &Node, finding: Finding<'_>);
    /// Whether no further one is wanted.
    fn is_done(&self) -> bool;
}

/// Remembers only that there is one.
struct First {
    found: bool,
    counts: fn(&Finding<'_>) -> bool,
}

impl Sink for First {
    fn take(&mut self, _: &Place<'_>, _: &Node, finding: Finding<'_>) {
        self.found |= (self.counts)(&finding);
    }

    fn is_done(&self) -> bool {
        self.found
    }
}

struct Walk<'a, S> {
    schema: &'a Schema,
    words: &'a Words,
    sink: S,
}

impl<'a, S: Sink> Walk<'a, S> {
    fn node(&mut self, id: TypeId, node: &Node, place: &Place<'_>) {
        if self.sink.is_done() {
            return;
        }
        let compiled: &'a Type = self.schema.get(id);
        let kind = Kinds::of(node);
        if (self.words.stands_for_scalar)(node) && self.takes_scalars(id) {
            return;
        }
        if !compiled.kinds.meets(kind) {
            let expected = self.schema.kinds(id);
            let expected = if expected == Kinds::NONE { compiled.kinds } else { expected };
            let secret = compiled.secret;
            let converted = self.words.converts && converts(node, expected);
            self.sink.take(place, node, Finding::Kind { expected, secret, converted });
            return;
        }
        if let Some(values) = &compiled.values
            && !values.iter().any(|value| equals(node, value))
        {
            self.sink.take(place, node, Finding::Value { values, secret: compiled.secret });
            return;
        }
        match &node.value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                if let (Some(rules), Some(value)) = (&compiled.number, number.as_f64()) {
                    self.number(rules, value, node, place);
                }
            }
            Value::String(text) => {
                if let Some(rules) = &compiled.text {
                    self.text(rules, text, node, place);
                }
            }
            Value::Sequence(items) => {
                if let Some(rules) = &compiled.sequence {
                    self.sequence(rules, items, node, place);
                }
            }
            Value::Mapping(mapping) => {
                if let Some(rules) = &compiled.mapping {
                    self.mapping(id, rules, mapping, node, place);
                }
            }
        }
        for part in &compiled.all_of {
            self.node(*part, node, place);
        }
        if let Some(union) = compiled.union.as_deref() {
            match self.schema.choose(union, node, self.words) {
                Choice::Valid(_) => {}
                Choice::Meant(id) => self.node(id, node, place),
                Choice::OtherKind => {
                    let expected = self.schema.kinds(id);
                    self.sink.take(
                        place,
                        node,
                        Finding::Kind {
                            expected,
                            secret: false,
                            converted: self.words.converts && converts(node, expected),
                        },
                    );
                }
                Choice::UnknownTag { by, tag } => {
                    place.follow(node, &by.route, |place, _| {
                        self.sink.take(place, tag, Finding::UnknownTag { by });
                    });
                }
                Choice::NoTag { by } => {
                    self.sink.take(place, node, Finding::NoTag { by });
                }
            }
        }
    }

    fn takes_scalars(&self, id: TypeId) -> bool {
        let scalars = Kinds::STRING.or(Kinds::NUMBER).or(Kinds::BOOLEAN);
        self.schema.kinds(id).meets(scalars)
    }

    fn number(&mut self, rules: &NumberRules, value: f64, node: &Node, place: &Place<'_>) {
        let NumberRules { minimum, maximum, exclusive_minimum, exclusive_maximum } = rules;
        let broken = [
            ("at least", minimum.filter(|bound| value < *bound)),
            ("at most", maximum.filter(|bound| value > *bound)),
            ("more than", exclusive_minimum.filter(|bound| value <= *bound)),
            ("less than", exclusive_maximum.filter(|bound| value >= *bound)),
        ];
        for (relation, bound) in broken {
            if let Some(bound) = bound {
                self.sink.take(place, node, Finding::Number { relation, bound });
            }
        }
    }

    fn text(&mut self, rules: &TextRules, text: &str, node: &Node, place: &Place<'_>) {
        let TextRules { min_length, max_length, pattern, format } = rules;
        // Bytes are as many as characters or more, so that most texts need not be counted.
        let length = || text.chars().count() as u64;
        if *min_length > 0 && length() < *min_length {
            self.sink.take(place, node, Finding::Short { least: *min_length, of: "characters" });
        }
        if let Some(most) = *max_length
            && text.len() as u64 > most
            && length() > most
        {
            self.sink.take(place, node, Finding::Long { most, of: "characters" });
        }
        let Some(code) = self.words.wrong_form else {
            return;
        };
        if let Some(pattern) = pattern
            && !pattern.matches(text)
        {
            self.sink.take(place, node, Finding::Pattern { code, pattern: &pattern.text });
        }
        let (expected, accepted) = match format {
            Some(Format::Uri) if !is_uri(text) => (
                "an address with its scheme, such as http://host",
                self.words.converts && is_host_with_port(text),
            ),
            Some(Format::Uuid) if uuid::Uuid::try_parse(text).is_err() => ("a UUID", false),
            _ => return,
        };
        let finding = Finding::Format { code, expected, accepted };
        self.sink.take(place, node, finding);
    }

    fn sequence(&mut self, rules: &SequenceRules, items: &[Node], node: &Node, place: &Place<'_>) {
        let SequenceRules { items: of_items, min_items, max_items, unique } = rules;
        let length = items.len() as u64;
        if length < *min_items {
            self.sink.take(place, node, Finding::Short { least: *min_items, of: "items" });
        }
        if let Some(most) = *max_items
            && length > most
        {
            self.sink.take(place, node, Finding::Long { most, of: "items" });
        }
        if let Some(id) = of_items {
            for (index, item) in items.iter().enumerate() {
                self.node(*id, item, &place.item(index, item));
            }
        }
        if *unique {
            let mut seen = HashSet::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                if !seen.insert(canonical(item)) {
                    self.sink.take(&place.item(index, item), item, Finding::Twice);
                }
            }
        }
    }

    fn mapping(
        &mut self,
        id: TypeId,
        rules: &'a MappingRules,
        mapping: &Mapping,
        node: &Node,
        place: &Place<'_>,
    ) {
        let MappingRules { properties: _, required, additional, min_properties, max_properties } =
            rules;
        for entry in mapping {
            let inner = place.entry(id, entry);
            match (rules.property(&entry.key), additional) {
                (Some(property), _) => self.node(property, &entry.value, &inner),
                (None, Additional::Any) => {}
                (None, Additional::Of(other)) => self.node(*other, &entry.value, &inner),
                (None, Additional::Closed) => {
                    self.sink.take(
                        &inner,
                        &entry.value,
                        Finding::UnknownField { holder: id, rules },
                    );
                }
            }
            if self.sink.is_done() {
                return;
            }
        }
        if required.iter().any(|name| mapping.get(name).is_none()) {
            self.sink.take(place, node, Finding::Missing { rules, mapping });
        }
        let length = mapping.len() as u64;
        if length < *min_properties {
            self.sink.take(place, node, Finding::Short { least: *min_properties, of: "entries" });
        }
        if let Some(most) = *max_properties
            && length > most
        {
            self.sink.take(place, node, Finding::Long { most, of: "entries" });
        }
    }
}

/// Whether a text starts with a scheme, as RFC 3986 and pydantic's AnyUrl want it.
fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
            && !rest.is_empty()
            && !rest.chars().any(char::is_whitespace)
            // `localhost:8585` has a port, not a scheme.
            && (rest.starts_with('/') || !rest.starts_with(|next: char| next.is_ascii_digit()))
    })
}

/// `localhost:9200`, which any reader of URIs takes for one with the scheme `localhost`.
fn is_host_with_port(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, port)| {
        host.starts_with(|first: char| first.is_ascii_alphabetic())
            && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
            && port.starts_with(|first: char| first.is_ascii_digit())
            && !port.contains(char::is_whitespace)
    })
}

/// Whether pydantic makes a value of one of the kinds out of a node.
fn converts(node: &Node, expected: Kinds) -> bool {
    let to_number = |value: f64| {
        value.is_finite()
            && (expected.meets(Kinds::FRACTION)
                || expected.meets(Kinds::INTEGER) && value.fract() == 0.0)
    };
    match &node.value {
        Value::String(text) => {
            let truth = ["0", "1", "f", "false", "n", "no", "off", "on", "t", "true", "y", "yes"];
            expected.meets(Kinds::BOOLEAN) && truth.contains(&&*text.to_ascii_lowercase())
                || text.trim().parse().is_ok_and(to_number)
        }
        Value::Bool(_) => expected.meets(Kinds::NUMBER),
        Value::Number(number) => {
            let is_truth = |value| value == 0.0 || value == 1.0;
            expected.meets(Kinds::BOOLEAN) && number.as_f64().is_some_and(is_truth)
        }
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => false,
    }
}

/// Equal as JSON values: `1` is `1.0`.
fn equals(node: &Node, json: &Json) -> bool {
    match (&node.value, json) {
        (Value::Null, Json::Null) => true,
        (Value::Bool(one), Json::Bool(other)) => one == other,
        (Value::Number(one), Json::Number(other)) => {
            one == other || ((one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64())
        }
        (Value::String(one), Json::String(other)) => one == other,
        (Value::Sequence(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| equals(a, b))
        }
        (Value::Mapping(one), Json::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|e| other.get(e.key.as_str()).is_some_and(|v| equals(&e.value, v)))
        }
        _ => false,
    }
}

/// A text that is the same for equal values: keys in order, whole floats as integers.
fn canonical(node: &Node) -> String {
    match &node.value {
        Value::Number(number) => match number.as_f64() {
            Some(value) if number.is_f64() && value.fract() == 0.0 => format!("{value:.0}"),
            _ => number.to_string(),
        },
        Value::Sequence(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Mapping(mapping) => {
            let mut entries: Vec<_> = mapping
                .iter()
                .map(|entry| format!("{:?}:{}", entry.key, canonical(&entry.value)))
                .collect();
            entries.sort();
            format!("{{{}}}", entries.join(","))
        }
        Value::String(text) => format!("{text:?}"),
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
    }
}
