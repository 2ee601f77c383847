//! What a scalar's text means.

use serde_json::Number;

use super::property::{Properties, Tag};
use super::{Abort, Head, Reader, finding};
use crate::tree::{Node, Span, Value};
use crate::yaml::Dialect;
use crate::yaml::scalar::{self, Reading};

impl<'t> Reader<'t, '_> {
    /// A scalar's value, by its tag, its style and its text.
    #[inline]
    pub(super) fn scalar(
        &mut self,
        head: Head<'t>,
        span: Span,
        properties: &Properties<'t>,
    ) -> Result<Node, Abort> {
        self.count(1, span)?;
        let value = match (head, properties.tag) {
            (Head::Plain(text), None) => self.plain_value(&text, span),
            (Head::Quoted(text), None) => Value::String(text.into()),
            (Head::Plain(text) | Head::Quoted(text), Some(tag)) => {
                self.tagged_value(&text, tag, span)
            }
            (Head::Node(node), _) => node.value,
        };
        let node = Node { value, span };
        if !properties.is_empty() {
            self.anchor(properties, &node, self.nodes - 1)?;
        }
        Ok(node)
    }

    /// The value of a plain scalar without anchor and tag.
    #[inline]
    pub(super) fn plain_scalar(&mut self, text: &str, span: Span) -> Result<Node, Abort> {
        self.count(1, span)?;
        Ok(Node { value: self.plain_value(text, span), span })
    }

    #[inline]
    fn plain_value(&mut self, text: &str, span: Span) -> Value {
        if !scalar::may_be_ambiguous(text) {
            return Value::from(text);
        }
        let reading = scalar::reading(text, self.dialect);
        self.check_plain_value(text, &reading, span);
        reading.into_value(text)
    }

    /// Reports what JSON does not have and, in definitions, what readers take differently.
    fn check_plain_value(&mut self, text: &str, reading: &Reading, span: Span) {
        match reading {
            Reading::HugeInteger | Reading::NotFinite => {
                self.report_here(finding::number(reading, span));
            }
            Reading::Refused => self.report_here(finding::refused(span)),
            _ if self.dialect == Dialect::Definition => {
                if let Some(readings) = scalar::readings(text) {
                    let is_secret = finding::may_be_secret(self.last_key());
                    self.report_here(finding::ambiguous(text, &readings, is_secret, span));
                }
            }
            _ => {}
        }
    }

    /// The value of a scalar with one of YAML's own tags. Only texts that all readers take for that
    /// type are let through.
    fn tagged_value(&mut self, text: &str, tag: Tag<'t>, span: Span) -> Value {
        let kind = tag.core().unwrap_or_default();
        if kind == "str" {
            return Value::from(text);
        }
        let value = match scalar::readings(text) {
            Some(_) => Value::from(text),
            None => scalar::resolve(text, self.dialect),
        };
        let value = match (kind, value) {
            ("null", Value::Null) => return Value::Null,
            ("bool", value @ Value::Bool(_)) => return value,
            ("int", Value::Number(number)) if !number.is_f64() => return Value::Number(number),
            ("float", Value::Number(number)) => {
                let float = number.as_f64().and_then(Number::from_f64);
                return Value::Number(float.unwrap_or(number));
            }
            (_, value) => value,
        };
        let is_known = matches!(kind, "null" | "bool" | "int" | "float");
        self.report_here(match is_known {
            true => finding::tag_value(kind, span),
            false => finding::tag(tag.text, tag.span),
        });
        value
    }
}
