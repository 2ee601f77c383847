//! A reader made of saphyr's parser, which follows the YAML 1.2 specification, and our account of
//! its core schema.

use ompipe::tree::Node;
use ompipe::yaml::{Dialect, scalar};
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// The document of a text; `None` when the parser refuses it, or when it holds what only a builder
/// can tell: aliases, tags and merge keys.
pub(crate) fn read(text: &str) -> Option<Value> {
    let mut events = Vec::new();
    for event in Parser::new_from_str(text) {
        match event.ok()?.0 {
            Event::Alias(_) => return None,
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                return None;
            }
            event => events.push(event),
        }
    }
    // The stream's start and the document's.
    let mut events = events.into_iter().skip(2);
    let first = events.next()?;
    build(first, &mut events)
}

fn build<'a>(event: Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Option<Value> {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, _, _) if text == "<<" => None,
        Event::Scalar(text, ScalarStyle::Plain, _, _) => {
            Some(Value::from(&Node::new(scalar::resolve(&text, Dialect::Definition))))
        }
        Event::Scalar(text, ..) => Some(Value::String(text.into_owned())),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match events.next()? {
                    Event::SequenceEnd => return Some(Value::Array(items)),
                    event => items.push(build(event, events)?),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut object = Map::new();
            loop {
                match events.next()? {
                    Event::MappingEnd => return Some(Value::Object(object)),
                    event => {
                        let Value::String(key) = build(event, events)? else {
                            return None;
                        };
                        let event = events.next()?;
                        object.insert(key, build(event, events)?);
                    }
                }
            }
        }
        _ => None,
    }
}
