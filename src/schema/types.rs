//! The compiled form: types by number, each with the rules for the kinds of value that it lets
//! through.

use std::sync::OnceLock;

use compact_str::CompactString;
use regex_lite::Regex;

use super::fields::Fields;
use crate::tree::{Node, Value};

/// A type of a [`Schema`](super::Schema), by its number there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TypeId(pub(super) u32);

/// A set of JSON's kinds of value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const NONE: Kinds = Kinds(0);
    pub(super) const NULL: Kinds = Kinds(1);
    pub(super) const BOOLEAN: Kinds = Kinds(2);
    pub(super) const INTEGER: Kinds = Kinds(4);
    /// A number that is no integer.
    pub(super) const FRACTION: Kinds = Kinds(8);
    pub(super) const STRING: Kinds = Kinds(16);
    pub(super) const SEQUENCE: Kinds = Kinds(32);
    pub(super) const MAPPING: Kinds = Kinds(64);
    pub(super) const NUMBER: Kinds = Kinds(4 | 8);
    pub(super) const ALL: Kinds = Kinds(127);

    pub(super) fn of(node: &Node) -> Self {
        match &node.value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            // As JSON Schema has it, 3.0 is an integer.
            Value::Number(number) => match number.as_f64() {
                Some(value) if number.is_f64() && value.fract() != 0.0 => Self::FRACTION,
                _ => Self::INTEGER,
            },
            Value::String(_) => Self::STRING,
            Value::Sequence(_) => Self::SEQUENCE,
            Value::Mapping(_) => Self::MAPPING,
        }
    }

    pub(super) fn of_json(value: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match value {
            Json::Null => Self::NULL,
            Json::Bool(_) => Self::BOOLEAN,
            Json::Number(number) if number.is_f64() => Self::NUMBER,
            Json::Number(_) => Self::INTEGER,
            Json::String(_) => Self::STRING,
            Json::Array(_) => Self::SEQUENCE,
            Json::Object(_) => Self::MAPPING,
        }
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self::SEQUENCE,
            "object" => Self::MAPPING,
            _ => return None,
        })
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// In words: "an integer", "a string or a mapping". Null is left out where there is something
    /// else.
    pub(super) fn describe(self) -> String {
        let names: [(Kinds, &str); 6] = [
            (Self::MAPPING, "a mapping"),
            (Self::SEQUENCE, "a sequence"),
            (Self::STRING, "a string"),
            (Self::FRACTION, "a number"),
            (Self::INTEGER, "an integer"),
            (Self::BOOLEAN, "a boolean"),
        ];
        let named: Vec<_> = names
            .iter()
            .filter(|(kind, _)| self.meets(*kind))
            .filter(|(kind, _)| *kind != Self::INTEGER || !self.meets(Self::FRACTION))
            .map(|(_, name)| *name)
            .collect();
        match named.split_last() {
            None if self.meets(Self::NULL) => "null".to_owned(),
            None => "nothing".to_owned(),
            Some((last, [])) => (*last).to_owned(),
            Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        }
    }
}

/// What a value must be.
#[derive(Debug)]
pub(super) struct Type {
    /// The definition's name, without the module path that pydantic puts before it.
    pub(super) name: Option<CompactString>,
    pub(super) kinds: Kinds,
    /// `format: password`.
    pub(super) secret: bool,
    /// `enum` and `const`.
    pub(super) values: Option<Box<[serde_json::Value]>>,
    pub(super) number: Option<Box<NumberRules>>,
    pub(super) text: Option<Box<TextRules>>,
    pub(super) sequence: Option<Box<SequenceRules>>,
    pub(super) mapping: Option<Box<MappingRules>>,
    pub(super) union: Option<Box<Union>>,
    pub(super) all_of: Box<[TypeId]>,
}

impl Type {
    pub(super) fn of_kinds(kinds: Kinds) -> Self {
        Self {
            name: None,
            kinds,
            secret: false,
            values: None,
            number: None,
            text: None,
            sequence: None,
            mapping: None,
            union: None,
            all_of: Box::default(),
        }
    }

    /// Whether it is its kinds, secret or not, and nothing else.
    pub(super) fn is_plain(&self) -> bool {
        self.values.is_none()
            && self.number.is_none()
            && self.text.is_none()
            && self.sequence.is_none()
            && self.mapping.is_none()
            && self.union.is_none()
            && self.all_of.is_empty()
    }
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct NumberRules {
    pub(super) minimum: Option<f64>,
    pub(super) maximum: Option<f64>,
    pub(super) exclusive_minimum: Option<f64>,
    pub(super) exclusive_maximum: Option<f64>,
}

#[derive(Debug, Default)]
pub(super) struct TextRules {
    pub(super) min_length: u64,
    pub(super) max_length: Option<u64>,
    pub(super) pattern: Option<Pattern>,
    pub(super) format: Option<Format>,
}

/// The formats that are checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Uri,
    Uuid,
}

/// A regular expression, compiled when it is first needed.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) text: CompactString,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.into(), regex: OnceLock::new() }
    }

    /// Whether a text matches; true also for a pattern in a syntax that is not ours, which is not
    /// checked.
    pub(super) fn matches(&self, text: &str) -> bool {
        let regex = self.regex.get_or_init(|| Regex::new(&self.text).ok());
        regex.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

#[derive(Debug, Default)]
pub(super) struct SequenceRules {
    pub(super) items: Option<TypeId>,
    pub(super) min_items: u64,
    pub(super) max_items: Option<u64>,
    pub(super) unique: bool,
}

#[derive(Debug)]
pub(super) struct MappingRules {
    /// By name, in the order of their names.
    pub(super) properties: Fields<TypeId>,
    pub(super) required: Box<[CompactString]>,
    pub(super) additional: Additional,
    pub(super) min_properties: u64,
    pub(super) max_properties: Option<u64>,
}

/// What keys beside the properties hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Additional {
    Any,
    Closed,
    Of(TypeId),
}

impl MappingRules {
    pub(super) fn property(&self, name: &str) -> Option<TypeId> {
        self.properties.get(name).copied()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.properties.iter().map(|(name, _)| name.as_str())
    }
}

/// `anyOf` and `oneOf`.
#[derive(Debug)]
pub(super) struct Union {
    /// Without the one that is `null` alone.
    pub(super) branches: Box<[TypeId]>,
    /// What each branch lets through at most.
    pub(super) kinds: Box<[Kinds]>,
    /// Whether one of them is `null`.
    pub(super) null: bool,
    /// How its mappings are told apart, found when it is first needed.
    pub(super) discriminator: OnceLock<Option<Box<Discriminator>>>,
}

/// A field whose value says which branch was meant.
#[derive(Debug)]
pub(super) struct Discriminator {
    /// The keys that lead to it: `type`, or `config`, `type`.
    pub(super) route: Box<[CompactString]>,
    /// The values with the branch of each, in the order of the values.
    pub(super) values: Box<[(CompactString, TypeId)]>,
    /// Branches without such a field, which may fit as well.
    pub(super) untold: Box<[TypeId]>,
}
