//! JSON Schema in, types out.

use std::collections::HashMap;
use std::sync::OnceLock;

use compact_str::CompactString;
use serde_json::Value;

use super::fields::Fields;
use super::keywords::{Keywords, count, is_true, text};
use super::types::{
    Additional, Format, Kinds, MappingRules, NumberRules, Pattern, SequenceRules, TextRules, Type,
    TypeId, Union,
};
use super::{Options, Schema};

/// Why a schema cannot be compiled.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A `$ref` whose target is not in the document.
    #[error("the schema refers to `{reference}`, which it does not hold")]
    UnknownReference {
        /// The reference.
        reference: String,
    },
    /// A chain of `$ref`, `allOf` and `anyOf` that ends where it began.
    #[error("the schema's `{name}` is defined by itself")]
    Circular {
        /// The name of a type of the chain.
        name: String,
    },
    /// A schema that is neither a mapping nor a boolean.
    #[error("the schema has {found} where a schema is expected")]
    NotASchema {
        /// What stands there.
        found: &'static str,
    },
}

/// Where named definitions stand: draft 7, 2020-12, OpenAPI.
const HOLDERS: [&str; 3] = ["/definitions", "/$defs", "/components/schemas"];

pub(super) fn compile(schema: &Value, options: Options) -> Result<Schema, Error> {
    let mut compiler = Compiler {
        document: schema,
        options,
        types: Vec::new(),
        by_reference: HashMap::new(),
        plain: HashMap::new(),
    };
    let root = compiler.reference("#")?;
    let mut definitions = Vec::new();
    for holder in HOLDERS {
        let Some(Value::Object(named)) = schema.pointer(holder) else {
            continue;
        };
        for name in named.keys() {
            let escaped = name.replace('~', "~0").replace('/', "~1");
            let id = compiler.reference(&format!("#{holder}/{escaped}"))?;
            definitions.push((CompactString::from(name.as_str()), id));
        }
    }
    definitions.sort();
    let mut schema =
        Schema { types: compiler.types, root, definitions: definitions.into_boxed_slice() };
    refuse_circles(&schema)?;
    set_branch_kinds(&mut schema);
    Ok(schema)
}

struct Compiler<'a> {
    document: &'a Value,
    options: Options,
    types: Vec<Type>,
    by_reference: HashMap<String, TypeId>,
    /// Types that are their kinds alone, which most fields are.
    plain: HashMap<(Kinds, bool), TypeId>,
}

impl<'a> Compiler<'a> {
    fn add(&mut self, compiled: Type) -> TypeId {
        if compiled.is_plain() && compiled.name.is_none() {
            let key = (compiled.kinds, compiled.secret);
            if let Some(id) = self.plain.get(&key) {
                return *id;
            }
            let id = self.push(compiled);
            self.plain.insert(key, id);
            return id;
        }
        self.push(compiled)
    }

    fn push(&mut self, compiled: Type) -> TypeId {
        // A schema of four thousand million types does not fit into memory.
        let id = TypeId(u32::try_from(self.types.len()).unwrap_or(u32::MAX));
        self.types.push(compiled);
        id
    }

    fn reference(&mut self, reference: &str) -> Result<TypeId, Error> {
        if let Some(id) = self.by_reference.get(reference) {
            return Ok(*id);
        }
        let unknown = || Error::UnknownReference { reference: reference.to_owned() };
        let pointer = reference.strip_prefix('#').ok_or_else(unknown)?;
        let target = self.document.pointer(pointer).ok_or_else(unknown)?;
        // The place is taken first, so that a type may hold itself.
        let id = self.push(Type::of_kinds(Kinds::ALL));
        self.by_reference.insert(reference.to_owned(), id);
        let mut compiled = match self.compile(target, false)? {
            Compiled::New(compiled) => *compiled,
            Compiled::Same(same) => alias(same),
        };
        compiled.name = pointer.rsplit('/').next().filter(|name| !name.is_empty()).map(short_name);
        self.types[id.0 as usize] = compiled;
        Ok(id)
    }

    fn id(&mut self, schema: &'a Value, in_all_of: bool) -> Result<TypeId, Error> {
        Ok(match self.compile(schema, in_all_of)? {
            Compiled::New(compiled) => self.add(*compiled),
            Compiled::Same(id) => id,
        })
    }

    fn compile(&mut self, schema: &'a Value, in_all_of: bool) -> Result<Compiled, Error> {
        let object = match schema {
            Value::Object(object) => object,
            Value::Bool(true) => return Ok(Compiled::of(Type::of_kinds(Kinds::ALL))),
            Value::Bool(false) => return Ok(Compiled::of(Type::of_kinds(Kinds::NONE))),
            Value::Null => return Err(Error::NotASchema { found: "null" }),
            Value::Number(_) => return Err(Error::NotASchema { found: "a number" }),
            Value::String(_) => return Err(Error::NotASchema { found: "a string" }),
            Value::Array(_) => {
                return Err(Error::NotASchema { found: "a sequence" });
            }
        };
        let object = &Keywords::of(object);
        let mut all_of = Vec::new();
        if let Some(Value::String(reference)) = object.reference {
            all_of.push(self.reference(reference)?);
        }
        let mut parts = Vec::new();
        if let Some(Value::Array(schemas)) = object.all_of {
            parts.extend(schemas);
        }
        let alone = parts.len() == 1;
        for part in parts {
            all_of.push(self.id(part, !alone)?);
        }
        let mut compiled = Type::of_kinds(kinds(object));
        for keyword in [object.any_of, object.one_of] {
            let Some(Value::Array(schemas)) = keyword else {
                continue;
            };
            match self.union(schemas)? {
                Compiled::Same(id) => all_of.push(id),
                Compiled::New(part) if part.is_plain() => {
                    compiled.kinds = compiled.kinds.and(part.kinds);
                    compiled.secret |= part.secret;
                }
                Compiled::New(part) if compiled.union.is_none() && part.union.is_some() => {
                    compiled.union = part.union;
                }
                Compiled::New(part) => all_of.push(self.add(*part)),
            }
        }
        compiled.values = values(object);
        compiled.number = number(object);
        compiled.text = text_rules(object);
        compiled.secret |= text(object.format) == Some("password");
        compiled.sequence = self.sequence(object)?;
        compiled.mapping = self.mapping(object, in_all_of || !all_of.is_empty())?;
        let says_nothing = compiled.is_plain() && compiled.kinds == Kinds::ALL && !compiled.secret;
        if let ([only], true) = (all_of.as_slice(), says_nothing) {
            return Ok(Compiled::Same(*only));
        }
        compiled.all_of = all_of.into_boxed_slice();
        Ok(Compiled::of(compiled))
    }

    fn union(&mut self, schemas: &'a [Value]) -> Result<Compiled, Error> {
        let mut branches = Vec::with_capacity(schemas.len());
        let mut null = false;
        for schema in schemas {
            if schema.get("type").is_some_and(|name| name == "null") {
                null = true;
                continue;
            }
            branches.push(self.id(schema, false)?);
        }
        let nullable = if null { Kinds::NULL } else { Kinds::NONE };
        if let ([only], false) = (branches.as_slice(), null) {
            return Ok(Compiled::Same(*only));
        }
        // Only what is compiled to the end can be looked at; a named type may still be under way.
        let plain = |id: &TypeId| {
            let branch = &self.types[id.0 as usize];
            (branch.is_plain() && branch.name.is_none() && self.plain.values().any(|p| p == id))
                .then_some((branch.kinds, branch.secret))
        };
        if let Some(all) = branches.iter().map(plain).collect::<Option<Vec<_>>>() {
            let kinds = all.iter().fold(nullable, |kinds, (other, _)| kinds.or(*other));
            let mut compiled = Type::of_kinds(kinds);
            compiled.secret = all.iter().any(|(_, secret)| *secret);
            return Ok(Compiled::of(compiled));
        }
        let mut compiled = Type::of_kinds(Kinds::ALL);
        compiled.union = Some(Box::new(Union {
            branches: branches.into_boxed_slice(),
            kinds: Box::default(),
            null,
            discriminator: OnceLock::new(),
        }));
        Ok(Compiled::of(compiled))
    }

    fn sequence(&mut self, object: &Keywords<'a>) -> Result<Option<Box<SequenceRules>>, Error> {
        let items = match object.items {
            Some(schema @ (Value::Object(_) | Value::Bool(_))) => Some(self.id(schema, false)?),
            _ => None,
        };
        let rules = SequenceRules {
            items,
            min_items: count(object.min_items).unwrap_or_default(),
            max_items: count(object.max_items),
            unique: is_true(object.unique_items),
        };
        let any = rules.items.is_none()
            && rules.min_items == 0
            && rules.max_items.is_none()
            && !rules.unique;
        Ok((!any).then(|| Box::new(rules)))
    }

    fn mapping(
        &mut self,
        object: &Keywords<'a>,
        one_of_several: bool,
    ) -> Result<Option<Box<MappingRules>>, Error> {
        let mut properties = Vec::new();
        if let Some(Value::Object(named)) = object.properties {
            properties.reserve(named.len());
            for (name, schema) in named {
                properties.push((CompactString::from(name.as_str()), self.id(schema, false)?));
            }
        }
        let open = object.pattern_properties.is_some() || is_true(object.preserve_unknown_fields);
        let additional = match object.additional_properties {
            _ if open => Additional::Any,
            Some(Value::Bool(false)) => Additional::Closed,
            Some(schema @ Value::Object(keywords)) if !keywords.is_empty() => {
                Additional::Of(self.id(schema, false)?)
            }
            None if self.options.closed && !properties.is_empty() && !one_of_several => {
                Additional::Closed
            }
            _ => Additional::Any,
        };
        let required: Vec<_> = match object.required {
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).map(CompactString::from).collect()
            }
            _ => Vec::new(),
        };
        let rules = MappingRules {
            properties: Fields::new(properties),
            required: required.into_boxed_slice(),
            additional,
            min_properties: count(object.min_properties).unwrap_or_default(),
            max_properties: count(object.max_properties),
        };
        let any = rules.properties.is_empty()
            && rules.required.is_empty()
            && rules.additional == Additional::Any
            && rules.min_properties == 0
            && rules.max_properties.is_none();
        Ok((!any).then(|| Box::new(rules)))
    }
}

/// A type that is not in the graph yet, or one that is.
enum Compiled {
    New(Box<Type>),
    Same(TypeId),
}

impl Compiled {
    fn of(compiled: Type) -> Self {
        Self::New(Box::new(compiled))
    }
}

fn alias(id: TypeId) -> Type {
    Type { all_of: Box::new([id]), ..Type::of_kinds(Kinds::ALL) }
}

/// `metadata__generated__schema__…__SslConfig` is `SslConfig`, and `io.k8s.api.core.v1.Pod` is
/// `Pod`.
fn short_name(name: &str) -> CompactString {
    let name = name.rsplit("__").next().unwrap_or(name);
    name.rsplit('.').next().unwrap_or(name).into()
}

fn kinds(object: &Keywords<'_>) -> Kinds {
    let named = match object.of_type {
        Some(Value::String(name)) => Kinds::of_name(name),
        Some(Value::Array(names)) => names
            .iter()
            .map(|name| name.as_str().and_then(Kinds::of_name))
            .try_fold(Kinds::NONE, |kinds, kind| Some(kinds.or(kind?))),
        _ => None,
    };
    if is_true(object.int_or_string) || text(object.format) == Some("int-or-string") {
        return Kinds::INTEGER.or(Kinds::STRING);
    }
    match named {
        // OpenAPI's way to add null.
        Some(kinds) if is_true(object.nullable) => kinds.or(Kinds::NULL),
        Some(kinds) => kinds,
        None => Kinds::ALL,
    }
}

fn values(object: &Keywords<'_>) -> Option<Box<[Value]>> {
    match (object.of_values, object.constant) {
        (_, Some(only)) => Some(Box::new([only.clone()])),
        (Some(Value::Array(values)), None) => Some(values.clone().into_boxed_slice()),
        _ => None,
    }
}

fn number(object: &Keywords<'_>) -> Option<Box<NumberRules>> {
    let bound = |keyword: Option<&Value>| keyword.and_then(Value::as_f64);
    let rules = NumberRules {
        minimum: bound(object.minimum),
        maximum: bound(object.maximum),
        exclusive_minimum: bound(object.exclusive_minimum),
        exclusive_maximum: bound(object.exclusive_maximum),
    };
    (rules != NumberRules::default()).then(|| Box::new(rules))
}

fn text_rules(object: &Keywords<'_>) -> Option<Box<TextRules>> {
    let format = match text(object.format) {
        Some("uri") => Some(Format::Uri),
        Some("uuid") => Some(Format::Uuid),
        _ => None,
    };
    let rules = TextRules {
        min_length: count(object.min_length).unwrap_or_default(),
        max_length: count(object.max_length),
        pattern: text(object.pattern).map(Pattern::new),
        format,
    };
    let any = rules.min_length == 0
        && rules.max_length.is_none()
        && rules.pattern.is_none()
        && rules.format.is_none();
    (!any).then(|| Box::new(rules))
}

/// Refuses types that lead back to themselves without a value in between: checking them would not
/// end.
fn refuse_circles(schema: &Schema) -> Result<(), Error> {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        Not,
        UnderWay,
        Done,
    }
    let mut seen = vec![Seen::Not; schema.types.len()];
    // Each entry is a type and whether what it leads to has been looked at. Not recursive: the
    // chain may be long.
    let mut stack = Vec::new();
    for start in (0u32..).map(TypeId).take(schema.types.len()) {
        stack.push((start, false));
        while let Some((id, left)) = stack.pop() {
            let state = &mut seen[id.0 as usize];
            if left {
                *state = Seen::Done;
                continue;
            }
            match *state {
                Seen::Done => continue,
                Seen::UnderWay => {
                    let name = schema.get(id).name.as_deref().unwrap_or("type");
                    return Err(Error::Circular { name: name.to_owned() });
                }
                Seen::Not => *state = Seen::UnderWay,
            }
            stack.push((id, true));
            let compiled = schema.get(id);
            let branches = compiled.union.iter().flat_map(|union| union.branches.iter());
            for next in compiled.all_of.iter().chain(branches) {
                if seen[next.0 as usize] != Seen::Done {
                    stack.push((*next, false));
                }
            }
        }
    }
    Ok(())
}

fn set_branch_kinds(schema: &mut Schema) {
    let unions: Vec<usize> =
        (0..schema.types.len()).filter(|at| schema.types[*at].union.is_some()).collect();
    for at in unions {
        let kinds: Option<Box<[Kinds]>> = schema.types[at]
            .union
            .as_ref()
            .map(|union| union.branches.iter().map(|id| schema.kinds(*id)).collect());
        if let (Some(union), Some(kinds)) = (&mut schema.types[at].union, kinds) {
            union.kinds = kinds;
        }
    }
}
